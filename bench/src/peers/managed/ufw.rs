//! ufw: rules by address, as it keeps them in its own files.
//! Not here: other firewalls.

use super::super::{Loaded, shell};
use super::COPY;
use crate::cluster::{Cluster, Family};
use crate::policy::{Way, permits};
use std::fmt::Write as _;

/// What ufw itself writes for such rules, and its reload.
pub(in crate::peers) fn ufw(cluster: &Cluster) -> Loaded {
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
    let files = Family::ALL.map(|family| {
        let rules = rules(cluster, family);
        elements += rules.len();
        let suffix = if family == Family::V4 { "" } else { "6" };
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

/// All rules of a family. Its one limit, six new flows in half a minute, is not the policy's: ports that have a limit
/// there are open here.
fn rules(cluster: &Cluster, family: Family) -> Vec<String> {
    let trusted = Some(family.trusted());
    let mut rules: Vec<String> =
        [Way::In, Way::Out].map(|way| rule(family, way, "allow", ("any", "any"), trusted)).into();
    for permit in permits() {
        for (proto, first, last) in permit.ports {
            let range = if first == last { first.to_string() } else { format!("{first}:{last}") };
            let of = |way, action, other: Option<&str>| {
                rule(family, way, action, (proto.word(), range.as_str()), other)
            };
            if let Some(bits) = permit.nodes {
                let nodes = cluster.addresses(family, bits);
                rules.extend(nodes.map(|ip| of(permit.way, "allow", Some(&ip.to_string()))));
                continue;
            }
            if permit.way == Way::In {
                rules.push(of(Way::In, "deny", Some(family.private())));
            }
            rules.push(of(permit.way, "allow", None));
        }
    }
    rules
}

/// A rule, below the comment by which ufw knows it again.
fn rule(family: Family, way: Way, action: &str, (proto, ports): (&str, &str), other: Option<&str>) -> String {
    let (user, everybody) = match family {
        Family::V4 => ("ufw-user", "0.0.0.0/0"),
        Family::V6 => ("ufw6-user", "::/0"),
    };
    let matches = match ports {
        "any" => String::new(),
        range if range.contains(':') => format!(" -p {proto} -m multiport --dports {range}"),
        port => format!(" -p {proto} --dport {port}"),
    };
    let named = other.unwrap_or(everybody);
    let (chain, side, to, from) = match way {
        Way::In => ("input", "-s", everybody, named),
        Way::Out => ("output", "-d", named, everybody),
    };
    let other = other.map_or(String::new(), |other| format!(" {side} {other}"));
    let target = if action == "deny" { "DROP" } else { "ACCEPT" };
    format!(
        "### tuple ### {action} {proto} {ports} {to} any {from} {}\n-A {user}-{chain}{matches}{other} -j {target}\n",
        way.word()
    )
}
