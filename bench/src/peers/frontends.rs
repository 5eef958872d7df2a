//! The policy as files of other managed firewalls: ufw, firewalld, foomuuri. Each loads it in its own way, from its
//! own files, with its own program.
//! Not here: rules that a person hands to the kernel's own tools.
//!
//! Their scripts run in a host whose mounts are its own: what they write of `/etc` is a copy, bound there first.

use super::Loaded;
use crate::cluster::{Cluster, PRIVATE4, PRIVATE6, TRUSTED4, TRUSTED6};
use crate::policy::{Permit, Ports, Way, permits};
use std::fmt::Write as _;
use std::net::IpAddr;

/// Of both families: the number, the private network, the trusted one, and everybody.
const FAMILIES: [(u8, &str, &str, &str); 2] =
    [(4, PRIVATE4, TRUSTED4, "0.0.0.0/0"), (6, PRIVATE6, TRUSTED6, "::/0")];

/// Makes a tree of the machine's files the host's own.
const COPY: &str =
    "copy() { mkdir -p /run/copies$1; cp -a $1/. /run/copies$1/; mount --bind /run/copies$1 $1; }\n";

/// What ufw itself writes for such rules, and its reload.
pub(super) fn ufw(cluster: &Cluster) -> Loaded {
    let set_up = format!(
        "{COPY}copy /etc/ufw && cp -a /etc/default/ufw /run/default &&
         sed -i 's/^IPT_MODULES=.*/IPT_MODULES=\"\"/; s/^DEFAULT_OUTPUT_POLICY=.*/DEFAULT_OUTPUT_POLICY=\"DROP\"/' \
             /run/default && mount --bind /run/default /etc/default/ufw &&
         sed -i 's/^LOGLEVEL=.*/LOGLEVEL=off/' /etc/ufw/ufw.conf &&
         sed -i '/^# End required lines/a -A ufw-before-input -p icmp -j ACCEPT\\n-A ufw-before-output -p icmp -j ACCEPT' \
             /etc/ufw/before.rules &&
         sed -i '/^# End required lines/a -A ufw6-before-output -p icmpv6 -j ACCEPT' /etc/ufw/before6.rules &&
         ufw --force enable"
    );
    let mut elements = 0;
    let files = FAMILIES.map(|family| {
        let (number, _, _, _) = family;
        let rules = ufw_rules(cluster, family);
        elements += rules.len();
        let suffix = if number == 4 { "" } else { "6" };
        let chains = ["input", "output", "forward", "limit", "limit-accept"];
        let mut text = "*filter\n".to_owned();
        chains.iter().for_each(|chain| {
            let _ = writeln!(text, ":ufw{suffix}-user-{chain} - [0:0]");
        });
        let _ = write!(
            text,
            "### RULES ###\n\n{}\n### END RULES ###\n\n### LOGGING ###\n### END LOGGING ###\n\n\
             ### RATE LIMITING ###\n-A ufw{suffix}-user-limit -j REJECT\n-A ufw{suffix}-user-limit-accept -j ACCEPT\n\
             ### END RATE LIMITING ###\nCOMMIT\n",
            rules.join("\n")
        );
        (format!("/user{suffix}.rules"), text)
    });
    let load = "cp %/user.rules %/user6.rules /etc/ufw/ && ufw reload";
    Loaded { set_up: Some(set_up), ..Loaded::new(files.to_vec(), shell(load), elements) }
}

/// Each rule below the comment by which ufw knows it again.
fn ufw_rules(cluster: &Cluster, family: (u8, &str, &str, &str)) -> Vec<String> {
    let (number, private, trusted, everybody) = family;
    let user = if number == 4 { "ufw-user" } else { "ufw6-user" };
    let rule = |way: Way, action: &str, (proto, ports): (&str, &str), from: Option<&str>, matches: &str| {
        let (chain, side, direction) = match way {
            Way::In => ("input", "-s", "in"),
            Way::Out => ("output", "-d", "out"),
        };
        let other = from.map_or(String::new(), |from| format!(" {side} {from}"));
        let named = from.unwrap_or(everybody);
        let (to, from) = if way == Way::In { (everybody, named) } else { (named, everybody) };
        let target = if action == "deny" { "DROP" } else { "ACCEPT" };
        format!(
            "### tuple ### {action} {proto} {ports} {to} any {from} {direction}\n-A {user}-{chain}{matches}{other} -j {target}\n"
        )
    };
    let mut rules: Vec<String> =
        [Way::In, Way::Out].map(|way| rule(way, "allow", ("any", "any"), Some(trusted), "")).into();
    for permit in permits() {
        for (proto, first, last) in permit.ports {
            let proto = proto.word();
            let range = if first == last { first.to_string() } else { format!("{first}:{last}") };
            let matches = match first == last {
                true => format!(" -p {proto} --dport {range}"),
                false => format!(" -p {proto} -m multiport --dports {range}"),
            };
            let ports = (proto, range.as_str());
            let allow = |from: Option<&str>| rule(permit.way, "allow", ports, from, &matches);
            match permit.nodes {
                Some(bits) => {
                    rules.extend(addresses(cluster, number, bits).map(|ip| allow(Some(&ip.to_string()))))
                }
                None => {
                    if permit.way == Way::In {
                        rules.push(rule(Way::In, "deny", ports, Some(private), &matches));
                    }
                    rules.push(allow(None));
                }
            }
        }
    }
    rules
}

/// A zone for what comes in, a policy for what goes out, and an ipset for each service, way and family. Rich rules
/// know no limit by source: the one that they have is for all sources together.
pub(super) fn firewalld(cluster: &Cluster) -> Loaded {
    let set_up = format!(
        "{COPY}copy /etc/firewalld && mkdir -p /run/dbus /run/firewalld && cp -r %/etc/. /etc/firewalld/ &&
         sed -i 's/^DefaultZone=.*/DefaultZone=bench/; s/^LogDenied=.*/LogDenied=off/' /etc/firewalld/firewalld.conf &&
         dbus-daemon --system --fork --nopidfile && (setsid firewalld --nofork --nopid >/run/said 2>&1 &)
         for i in $(seq 600); do firewall-cmd --state >/dev/null 2>&1 && exit 0; sleep 0.1; done; exit 1"
    );
    let head = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";
    let (mut files, mut elements) = (Vec::new(), 0);
    let (mut inward, mut outward) = (String::new(), String::new());
    for (number, _, trusted, _) in FAMILIES {
        let end =
            |side| format!("<rule family=\"ipv{number}\"><{side} address=\"{trusted}\"/><accept/></rule>");
        inward.push_str(&end("source"));
        outward.push_str(&end("destination"));
    }
    for rules in [&mut inward, &mut outward] {
        rules.push_str("<rule><protocol value=\"icmp\"/><accept/></rule>");
        rules.push_str("<rule><protocol value=\"ipv6-icmp\"/><accept/></rule>");
    }
    for permit in permits() {
        let set = |number: u8| format!("{}-{}{number}", permit.name, permit.way.word());
        if let Some(bits) = permit.nodes {
            for (number, ..) in FAMILIES {
                let entries: String = addresses(cluster, number, bits)
                    .inspect(|_| elements += 1)
                    .map(|ip| format!("<entry>{ip}</entry>"))
                    .collect();
                let family = if number == 6 { "<option name=\"family\" value=\"inet6\"/>" } else { "" };
                let text = format!(
                    "{head}<ipset type=\"hash:ip\">{family}<option name=\"maxelem\" value=\"65536\"/>{entries}</ipset>\n"
                );
                files.push((format!("/etc/ipsets/{}.xml", set(number)), text));
            }
        }
        let (rules, side) = match permit.way {
            Way::In => (&mut inward, "source"),
            Way::Out => (&mut outward, "destination"),
        };
        for ports in permit.ports {
            for (number, private, _, _) in FAMILIES {
                let other = match (permit.nodes, permit.way) {
                    (Some(_), _) => format!("<{side} ipset=\"{}\"/>", set(number)),
                    (None, Way::In) => format!("<source address=\"{private}\" invert=\"True\"/>"),
                    (None, Way::Out) => String::new(),
                };
                let limit =
                    permit.limit.map_or(String::new(), |(rate, _)| format!("<limit value=\"{rate}/s\"/>"));
                let _ = write!(
                    rules,
                    "<rule family=\"ipv{number}\">{other}<port port=\"{}\" protocol=\"{}\"/><accept>{limit}</accept></rule>",
                    range(ports),
                    ports.0.word()
                );
            }
        }
    }
    files.push(("/etc/zones/bench.xml".to_owned(), format!("{head}<zone target=\"DROP\">{inward}</zone>\n")));
    files.push((
        "/etc/policies/benchout.xml".to_owned(),
        format!(
            "{head}<policy target=\"DROP\"><ingress-zone name=\"HOST\"/><egress-zone name=\"ANY\"/>{outward}</policy>\n"
        ),
    ));
    let load = "cp -r %/etc/. /etc/firewalld/ && firewall-cmd --quiet --reload";
    Loaded { set_up: Some(set_up), ..Loaded::new(files, shell(load), elements) }
}

/// Macros of addresses, and a section for each way between the zones.
pub(super) fn foomuuri(cluster: &Cluster) -> Loaded {
    let set_up = format!(
        "{COPY}copy /etc/foomuuri && mkdir -p /run/foomuuri /run/foomuuri.state &&
         mount --bind /run/foomuuri.state /var/lib/foomuuri"
    );
    let mut text = "zone {\n  localhost\n  public eth0\n}\nmacro {\n".to_owned();
    let mut elements = 0;
    let name = |permit: &Permit| format!("{}-{}", permit.name, permit.way.word());
    for permit in permits() {
        let Some(bits) = permit.nodes else { continue };
        let both = FAMILIES.iter().flat_map(|(number, ..)| addresses(cluster, *number, bits));
        let addresses: Vec<String> = both.map(|ip| ip.to_string()).collect();
        elements += addresses.len();
        let _ = writeln!(text, "  {} {}", name(&permit), addresses.join(" "));
    }
    text.push_str("}\n");
    for (way, section, side) in
        [(Way::In, "public-localhost", "saddr"), (Way::Out, "localhost-public", "daddr")]
    {
        let _ = writeln!(
            text,
            "{section} {{\n  {side} {TRUSTED4} accept\n  {side} {TRUSTED6} accept\n  icmp accept\n  icmpv6 accept"
        );
        for permit in permits().filter(|permit| permit.way == way) {
            for ports in permit.ports {
                let of = format!("{} {}", ports.0.word(), range(ports));
                let limit = permit.limit.map_or(String::new(), |(rate, burst)| {
                    format!(" saddr_rate \"{rate}/second burst {burst}\"")
                });
                let _ = match (permit.nodes, way) {
                    (Some(_), _) => writeln!(text, "  {of} {side} {} accept", name(&permit)),
                    (None, Way::In) => {
                        writeln!(text, "  {of} saddr {PRIVATE4} {PRIVATE6} drop\n  {of}{limit} accept")
                    }
                    (None, Way::Out) => writeln!(text, "  {of} accept"),
                };
            }
        }
        text.push_str("  drop\n}\n");
    }
    let files = vec![("/foomuuri.conf".to_owned(), text)];
    let load = "cp %/foomuuri.conf /etc/foomuuri/ && foomuuri start";
    Loaded { set_up: Some(set_up), ..Loaded::new(files, shell(load), elements) }
}

fn shell(script: &str) -> Vec<String> {
    vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()]
}

fn range((_, first, last): &Ports) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

fn addresses(cluster: &Cluster, family: u8, bits: u32) -> impl Iterator<Item = IpAddr> {
    let nodes = cluster.others.iter().filter(move |node| node.bits() & bits != 0);
    nodes.map(move |node| if family == 4 { node.ipv4.into() } else { node.ipv6.into() })
}
