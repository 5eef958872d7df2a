//! foomuuri: macros of addresses, and a section for each way between the zones.
//! Not here: other firewalls.

use super::super::{Loaded, shell};
use super::{COPY, range};
use crate::cluster::{Cluster, Family, PRIVATE4, PRIVATE6, TRUSTED4, TRUSTED6};
use crate::policy::{Permit, Way, permits};
use std::fmt::Write as _;

/// Its configuration, and its start, which loads it anew.
pub(in crate::peers) fn foomuuri(cluster: &Cluster) -> Loaded {
    let set_up = format!(
        "{COPY}copy /etc/foomuuri && mkdir -p /run/foomuuri /run/foomuuri.state &&
         mount --bind /run/foomuuri.state /var/lib/foomuuri"
    );
    let mut text = "zone {\n  localhost\n  public eth0\n}\nmacro {\n".to_owned();
    let mut elements = 0;
    let name = |permit: &Permit| format!("{}-{}", permit.name, permit.way.word());
    for permit in permits() {
        let Some(bits) = permit.nodes else { continue };
        let both = Family::ALL.into_iter().flat_map(|family| cluster.addresses(family, bits));
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
