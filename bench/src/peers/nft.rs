//! A ruleset for `nft -f` as a person would write it for this cluster, as lean as it gets.
//! Not here: Rolewall's own, which also counts, logs, explains itself and admits no ping flood.

use super::Loaded;
use crate::cluster::{Cluster, Node, PRIVATE4, PRIVATE6, TRUSTED4, TRUSTED6};
use crate::policy::{From, NEEDS, Ports, SERVICES, Service, client_bits, server_bit};
use std::fmt::Write as _;

/// How addresses are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// One map from address to role bits.
    Rolemap,
    /// One set for each service.
    Sets,
}

/// The table's name.
pub(crate) const TABLE: &str = "lean";

pub(super) fn load(cluster: &Cluster, style: Style) -> Loaded {
    let mut writing = Writing { cluster, style, elements: 0, objects: String::new(), chains: String::new() };
    let inbound = writing.inbound();
    let outbound = writing.outbound();
    let Writing { elements, objects, chains, .. } = writing;
    // The usual way to replace a table whether or not it is there.
    let text = format!(
        "table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n{objects}{chains}{inbound}{outbound}  \
         chain forward {{ type filter hook forward priority filter; policy drop; }}\n}}\n"
    );
    let command = ["nft", "-f", "%/lean.nft"].map(str::to_owned).to_vec();
    Loaded::new(vec![("/lean.nft".to_owned(), text)], command, elements)
}

struct Writing<'c> {
    cluster: &'c Cluster,
    style: Style,
    elements: usize,
    /// Maps and sets.
    objects: String,
    /// Regular chains.
    chains: String,
}

impl Writing<'_> {
    fn inbound(&mut self) -> String {
        if self.style == Style::Rolemap {
            self.role_maps();
        }
        self.chain("outsiders", &format!("{}accept", insiders_dropped()));
        let mut entries = Vec::new();
        for service in &SERVICES {
            let verdict = match (service.from, service.limit) {
                (From::Public, None) => "goto outsiders".to_owned(),
                (From::Public, Some(limit)) => self.limited(service, limit),
                (From::Roles(_) | From::EveryNode, _) => {
                    self.nodes_only(service, client_bits(service.from).unwrap_or(0), Side::Source)
                }
            };
            entries.extend(service.ports.iter().map(|ports| entry(ports, &verdict)));
        }
        self.services("to_me", &entries);
        self.hook("input", "iif lo", Side::Source, "to_me")
    }

    fn outbound(&mut self) -> String {
        let mut entries: Vec<String> =
            NEEDS.iter().flat_map(|need| need.ports.iter().map(|ports| entry(ports, "accept"))).collect();
        for service in SERVICES.iter().filter(|s| s.from != From::Public) {
            let verdict = self.nodes_only(service, server_bit(service), Side::Destination);
            entries.extend(service.ports.iter().map(|ports| entry(ports, &verdict)));
        }
        self.services("from_me", &entries);
        self.hook("output", "oif lo", Side::Destination, "from_me")
    }

    fn role_maps(&mut self) {
        let four: Vec<_> =
            self.cluster.others.iter().map(|n| format!("{} : {:#x}", n.ipv4, n.bits())).collect();
        let six: Vec<_> =
            self.cluster.others.iter().map(|n| format!("{} : {:#x}", n.ipv6, n.bits())).collect();
        self.object("map roles4", "ipv4_addr : mark", "", &four);
        self.object("map roles6", "ipv6_addr : mark", "", &six);
    }

    /// A chain in which the nodes with one of these roles are accepted.
    fn nodes_only(&mut self, service: &Service, bits: u32, side: Side) -> String {
        let name = format!("{}_{}", side.word(), service.name.replace('-', "_"));
        let body = match self.style {
            Style::Rolemap => format!("meta mark & {bits:#x} != 0 accept"),
            Style::Sets => {
                let nodes: Vec<&Node> = self.cluster.others.iter().filter(|n| n.bits() & bits != 0).collect();
                let four: Vec<_> = nodes.iter().map(|n| n.ipv4.to_string()).collect();
                let six: Vec<_> = nodes.iter().map(|n| n.ipv6.to_string()).collect();
                self.object(&format!("set {name}4"), "ipv4_addr", "", &four);
                self.object(&format!("set {name}6"), "ipv6_addr", "", &six);
                let address = side.word();
                format!("ip {address} @{name}4 accept\n    ip6 {address} @{name}6 accept")
            }
        };
        self.chain(&name, &body);
        format!("goto {name}")
    }

    fn limited(&mut self, service: &Service, (rate, burst): (u32, u32)) -> String {
        let name = service.name;
        let limit = format!("limit rate {rate}/second burst {burst} packets");
        for family in [4, 6] {
            let options = "size 65536; flags dynamic,timeout; timeout 1m; ";
            self.object(&format!("set {name}{family}"), &format!("ipv{family}_addr"), options, &[]);
        }
        let body = format!(
            "{}update @{name}4 {{ ip saddr {limit} }} accept\n    \
             update @{name}6 {{ ip6 saddr & ffff:ffff:ffff:ffff:: {limit} }} accept",
            insiders_dropped()
        );
        self.chain(&format!("in_{name}"), &body);
        format!("goto in_{name}")
    }

    fn object(&mut self, head: &str, kind: &str, options: &str, elements: &[String]) {
        self.elements += elements.len();
        let _ = write!(self.objects, "  {head} {{ type {kind}; {options}");
        if !elements.is_empty() {
            let _ = write!(self.objects, "elements = {{\n    {}\n  }} ", elements.join(",\n    "));
        }
        self.objects.push_str("}\n");
    }

    fn services(&mut self, name: &str, entries: &[String]) {
        let _ = writeln!(
            self.chains,
            "  map {name} {{ type inet_proto . inet_service : verdict; flags interval; elements = {{\n    {}\n  }} }}",
            entries.join(",\n    ")
        );
    }

    fn chain(&mut self, name: &str, body: &str) {
        let _ = writeln!(self.chains, "  chain {name} {{\n    {body}\n  }}");
    }

    fn hook(&self, hook: &str, loopback: &str, side: Side, services: &str) -> String {
        let address = side.word();
        let marks = match self.style {
            Style::Rolemap => format!(
                "    meta mark set ip {address} map @roles4\n    meta mark set ip6 {address} map @roles6\n"
            ),
            Style::Sets => String::new(),
        };
        format!(
            "  chain {hook} {{\n    type filter hook {hook} priority filter; policy drop;\n    \
             ct state vmap {{ established : accept, related : accept, invalid : drop }}\n    {loopback} accept\n    \
             ip {address} {TRUSTED4} accept\n    ip6 {address} {TRUSTED6} accept\n    \
             meta l4proto {{ icmp, ipv6-icmp }} accept\n{marks}    \
             meta l4proto . th dport vmap @{services}\n  }}\n"
        )
    }
}

/// Which address of the packet is the other host's.
#[derive(Debug, Clone, Copy)]
enum Side {
    Source,
    Destination,
}

impl Side {
    fn word(self) -> &'static str {
        match self {
            Side::Source => "saddr",
            Side::Destination => "daddr",
        }
    }
}

/// What is public is not meant for the private network.
fn insiders_dropped() -> String {
    format!("ip saddr {PRIVATE4} drop\n    ip6 saddr {PRIVATE6} drop\n    ")
}

fn entry((proto, first, last): &Ports, verdict: &str) -> String {
    let proto = proto.word();
    let ports = if first == last { first.to_string() } else { format!("{first}-{last}") };
    format!("{proto} . {ports} : {verdict}")
}
