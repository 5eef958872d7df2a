//! firewalld: a zone for what comes in, a policy for what goes out, an ipset for each service, way and family.
//! Not here: other firewalls.

use super::super::{Loaded, shell};
use super::{COPY, range};
use crate::cluster::{Cluster, Family};
use crate::ours::File;
use crate::policy::{Permit, Ports, Way, permits};

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

/// Its files, and its reload. The daemon has a D-Bus of its own.
pub(in crate::peers) fn firewalld(cluster: &Cluster) -> Loaded {
    let set_up = format!(
        "{COPY}copy /etc/firewalld && mkdir -p /run/dbus /run/firewalld && cp -r %/etc/. /etc/firewalld/ &&
         sed -i 's/^DefaultZone=.*/DefaultZone=bench/; s/^LogDenied=.*/LogDenied=off/' /etc/firewalld/firewalld.conf &&
         dbus-daemon --system --fork --nopidfile && (setsid firewalld --nofork --nopid >/run/said 2>&1 &)
         for i in $(seq 600); do firewall-cmd --state >/dev/null 2>&1 && exit 0; sleep 0.1; done; exit 1"
    );
    let (mut files, mut elements) = (Vec::new(), 0);
    for (permit, bits) in permits().filter_map(|permit| Some((permit, permit.nodes?))) {
        for family in Family::ALL {
            elements += cluster.addresses(family, bits).count();
            files.push(ipset(cluster, &permit, family, bits));
        }
    }
    let (inward, outward) = (rules(Way::In), rules(Way::Out));
    files.push(("/etc/zones/bench.xml".to_owned(), format!("{HEAD}<zone target=\"DROP\">{inward}</zone>\n")));
    let zones = "<ingress-zone name=\"HOST\"/><egress-zone name=\"ANY\"/>";
    let policy = format!("{HEAD}<policy target=\"DROP\">{zones}{outward}</policy>\n");
    files.push(("/etc/policies/benchout.xml".to_owned(), policy));
    let load = "cp -r %/etc/. /etc/firewalld/ && firewall-cmd --quiet --reload";
    Loaded { set_up: Some(set_up), ..Loaded::new(files, shell(load), elements) }
}

fn ipset(cluster: &Cluster, permit: &Permit, family: Family, bits: u32) -> File {
    let entry = |ip| format!("<entry>{ip}</entry>");
    let entries: String = cluster.addresses(family, bits).map(entry).collect();
    let inet6 = if family == Family::V6 { "<option name=\"family\" value=\"inet6\"/>" } else { "" };
    let size = "<option name=\"maxelem\" value=\"65536\"/>";
    let text = format!("{HEAD}<ipset type=\"hash:ip\">{inet6}{size}{entries}</ipset>\n");
    (format!("/etc/ipsets/{}.xml", set_name(permit, family)), text)
}

fn set_name(permit: &Permit, family: Family) -> String {
    format!("{}-{}{}", permit.name, permit.way.word(), family.number())
}

/// Rich rules of one way: trusted networks, ICMP, and what the policy permits.
fn rules(way: Way) -> String {
    let mut rules = String::new();
    let end = if way == Way::In { "source" } else { "destination" };
    for family in Family::ALL {
        rules.push_str(&rule(family, &format!("<{end} address=\"{}\"/><accept/>", family.trusted())));
    }
    for protocol in ["icmp", "ipv6-icmp"] {
        rules.push_str(&format!("<rule><protocol value=\"{protocol}\"/><accept/></rule>"));
    }
    for permit in permits().filter(|permit| permit.way == way) {
        for ports in permit.ports {
            rules.extend(Family::ALL.map(|family| rule(family, &permitted(&permit, family, ports))));
        }
    }
    rules
}

fn rule(family: Family, what: &str) -> String {
    format!("<rule family=\"ipv{}\">{what}</rule>", family.number())
}

/// Rich rules know no limit by source: the one that they have is for all sources together.
fn permitted(permit: &Permit, family: Family, ports: &Ports) -> String {
    let other = match (permit.nodes, permit.way) {
        (Some(_), Way::In) => format!("<source ipset=\"{}\"/>", set_name(permit, family)),
        (Some(_), Way::Out) => format!("<destination ipset=\"{}\"/>", set_name(permit, family)),
        (None, Way::In) => format!("<source address=\"{}\" invert=\"True\"/>", family.private()),
        (None, Way::Out) => String::new(),
    };
    let limit = permit.limit.map_or(String::new(), |(rate, _)| format!("<limit value=\"{rate}/s\"/>"));
    let (proto, ports) = (ports.0.word(), range(ports));
    format!("{other}<port port=\"{ports}\" protocol=\"{proto}\"/><accept>{limit}</accept>")
}
