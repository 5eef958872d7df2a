//! From permits to a verdict map on protocol and port, and a chain for each service.
//! Not here: the floor before it and the refusal after it.

use super::Lowering;
use super::ports::pieces;
use super::refuse::Way;
use super::rule::{FAMILIES, Parts, Side, because, when};
use super::zones::{ADMIN, PRIVATE, TRUNKS};
use crate::plan::{NamedLimit, Permit, Zone};
use crate::{Mode, Network, PortRange, Proto};
use rolewall_ruleset::set::MapData;
use rolewall_ruleset::{DataType, Element, Rule, Set, Value, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A range of more ports than this is matched by a rule after the map; up to it, each port is in the map.
const PORTS_IN_MAP_MAX: u16 = 16;

/// How long a silent source is remembered by a limit.
const METER_MS: u64 = 60_000;
/// Sources that a limit remembers at once. A full meter admits no new source: it fails closed.
const METER_SOURCES_MAX: u32 = 65_536;

impl Lowering<'_> {
    /// The rules that dispatch to this direction's services.
    pub(super) fn services(&mut self, way: Way) -> Vec<Rule> {
        let permits = match way {
            Way::In => self.plan.inbound.clone(),
            Way::Out | Way::Forward => self.plan.outbound.clone(),
        };
        let mut map = Set::new(
            self.name(format_args!("services-{}", way.word())),
            &[DataType::InetProto, DataType::InetService],
        );
        map.data = Some(vec![DataType::Verdict]);
        let mut wide = Vec::new();
        for (verdict, Target { why, ranges, .. }) in self.targets(way, &permits) {
            for proto in [Proto::Tcp, Proto::Udp, Proto::Sctp] {
                let here = ranges.iter().filter(|r| r.proto == proto);
                let (broad, narrow): (Vec<PortRange>, Vec<PortRange>) =
                    here.partition(|r| r.last - r.first >= PORTS_IN_MAP_MAX);
                let ports = narrow.iter().flat_map(|r| r.first..=r.last);
                map.elements.extend(ports.map(|port| entry(proto, port, &verdict)));
                if !broad.is_empty() {
                    wide.push(wide_rule(proto, &broad, &verdict, &why));
                }
            }
        }
        let mut rules = self.dhcp(way, &permits, &mut map);
        map.elements.sort_by(|a, b| a.key.cmp(&b.key));
        rules.push(when().port_vmap(&map.name));
        rules.extend(wide);
        self.sets.push(map);
        rules
    }

    /// Ports by where packets to them go, adjacent ones joined.
    fn targets(&mut self, way: Way, permits: &[Permit]) -> BTreeMap<Verdict, Target> {
        let mut names = BTreeSet::new();
        let mut targets: BTreeMap<Verdict, Target> = BTreeMap::new();
        for (covering, ranges) in pieces(permits) {
            let covering: Vec<&Permit> = covering.iter().map(|&i| &permits[i]).collect();
            let verdict = self.destination(way, &covering, &mut names);
            let target = targets.entry(verdict).or_default();
            let width = ranges.iter().map(|r| r.last - r.first).max().unwrap_or(0);
            if target.why.is_empty() || width > target.width {
                // Anyone comes first in the order of zones: where it is among them, it decides.
                target.why = covering.iter().min_by_key(|p| &p.zone).map(|p| reason(p)).unwrap_or_default();
                target.width = width;
            }
            target.ranges.extend(ranges);
        }
        for target in targets.values_mut() {
            join(&mut target.ranges);
        }
        targets
    }

    /// DHCP's ports lead to chains of their own by the map; where a service has the port too, a rule before
    /// the map admits DHCP.
    fn dhcp(&mut self, way: Way, permits: &[Permit], map: &mut Set) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (port, rule) in super::floor::dhcp(way) {
            let has_port = |r: &PortRange| r.proto == Proto::Udp && r.first <= port && port <= r.last;
            if permits.iter().any(|p| p.ports.iter().any(has_port)) {
                rules.push(rule);
                continue;
            }
            let name = self.name(format_args!("dhcp-{port}-{}", way.word()));
            let default = if way == Way::In { self.plan.mode_in } else { self.plan.mode_out };
            let refuse = when().goto(&self.refuse(way, default));
            self.push(&name, vec![rule, refuse]);
            map.elements.push(entry(Proto::Udp, port, &Verdict::Goto(name)));
        }
        rules
    }

    /// Where packets to ports with these permits go.
    fn destination(&mut self, way: Way, permits: &[&Permit], names: &mut BTreeSet<String>) -> Verdict {
        let is_open = permits.iter().any(|p| p.zone == Zone::Anyone && p.limit.is_none());
        if is_open && (way != Way::In || !self.is_guarded()) {
            return Verdict::Accept;
        }
        let name = self.service_chain_name(way, permits, names);
        let refuse = self.refuse(way, self.mode(way, permits));
        let rules = match way {
            Way::In => self.serving_chain(&name, permits, &refuse),
            Way::Out | Way::Forward => {
                let mut rules = self.closed_rules(permits, Side::Destination);
                rules.push(when().goto(&refuse));
                rules
            }
        };
        self.push(&name, rules);
        Verdict::Goto(name)
    }

    fn service_chain_name(&self, way: Way, permits: &[&Permit], names: &mut BTreeSet<String>) -> String {
        /// Linux takes 255 bytes; people take fewer.
        const NAME_BYTES_MAX: usize = 60;
        let services: BTreeSet<&str> = permits.iter().map(|p| p.why.service.as_str()).collect();
        let mut joined = services.into_iter().collect::<Vec<_>>().join(".");
        joined.truncate(NAME_BYTES_MAX);
        let plain = self.name(format_args!("{}-{joined}", way.word()));
        let numbered = (2..).map(|n| format!("{plain}.{n}"));
        let name = std::iter::once(plain.clone()).chain(numbered).find(|n| !names.contains(n));
        let name = name.unwrap_or(plain);
        names.insert(name.clone());
        name
    }

    /// A role's own mode, where all services of this chain agree on it.
    fn mode(&self, way: Way, permits: &[&Permit]) -> Mode {
        let default = if way == Way::In { self.plan.mode_in } else { self.plan.mode_out };
        if way != Way::In {
            return default;
        }
        let of = |p: &&Permit| self.plan.mode_roles.get(&p.why.role).copied().unwrap_or(default);
        let modes: BTreeSet<bool> = permits.iter().map(|p| of(p) == Mode::Observe).collect();
        match modes.into_iter().collect::<Vec<_>>().as_slice() {
            [true] => Mode::Observe,
            [false] => Mode::Enforce,
            _ => default,
        }
    }

    /// Whether customers' ports must look at where a packet comes from: nobody on the private network is a
    /// customer.
    fn is_guarded(&self) -> bool {
        let plan = self.plan;
        !plan.private.is_empty() || !plan.private_interfaces.is_empty() || !plan.public_interfaces.is_empty()
    }

    fn serving_chain(&mut self, name: &str, permits: &[&Permit], refuse: &str) -> Vec<Rule> {
        let Some(public) = permits.iter().find(|p| p.zone == Zone::Anyone) else {
            let mut rules = self.closed_chain(name, permits, refuse);
            rules.push(when().goto(refuse));
            return rules;
        };
        // Who is an admin on the public network is known by address alone, as for ssh: by a third interface too.
        let is_admin = |p: &&&Permit| p.zone == Zone::Admin && p.network == Network::Public;
        let admins: Vec<&Permit> = permits.iter().filter(is_admin).copied().collect();
        let mut rules = if self.is_guarded() { self.closed_rules(&admins, Side::Source) } else { Vec::new() };
        rules.extend(self.guard(name, permits, refuse));
        let unlimited = permits.iter().find(|p| p.zone == Zone::Anyone && p.limit.is_none());
        match (unlimited, &public.limit) {
            (None, Some(limit)) => {
                // Where no guard has sent the private network's clients off, they come by here.
                let comes_by = |p: &&&Permit| p.network == Network::Public || !self.is_guarded();
                let known: Vec<&Permit> = permits.iter().filter(comes_by).copied().collect();
                rules.extend(self.closed_rules(&known, Side::Source));
                rules.extend(self.metered(limit, public));
                rules.push(when().goto(refuse));
            }
            _ => rules.push(because(when().accept(), &reason(public))),
        }
        rules
    }

    /// The zones of a service that has no customers. Where admin addresses may come by the private network
    /// alone, being one of them is not enough.
    fn closed_chain(&mut self, name: &str, permits: &[&Permit], refuse: &str) -> Vec<Rule> {
        let admin_by = |network| permits.iter().any(|p| p.zone == Zone::Admin && p.network == network);
        if !admin_by(Network::Private) || admin_by(Network::Public) || !self.is_guarded() {
            // Carriers come by the public network, as customers do: after all others, behind a guard.
            let is_carrier = |p: &&Permit| self.is_guarded() && p.zone == Zone::Trunks;
            let (carriers, others): (Vec<&Permit>, Vec<&Permit>) =
                permits.iter().copied().partition(is_carrier);
            let mut rules = self.closed_rules(&others, Side::Source);
            if !carriers.is_empty() {
                rules.extend(self.guard(name, &[], refuse));
                rules.extend(self.closed_rules(&carriers, Side::Source));
            }
            return rules;
        }
        let mut rules = self.guard(name, permits, refuse);
        let is_outer = |p: &&&Permit| p.network == Network::Public || self.has_strays(p);
        let outer: Vec<&Permit> = permits.iter().filter(is_outer).copied().collect();
        rules.extend(self.closed_rules(&outer, Side::Source));
        rules
    }

    /// Whether some nodes of a permit have addresses outside the private network's prefixes, where these alone tell
    /// the networks apart: the inventory says that they are nodes.
    fn has_strays(&self, permit: &Permit) -> bool {
        let plan = self.plan;
        let Zone::Nodes(label) = &permit.zone else { return false };
        let is_stray = |address: &IpAddr| !plan.private.iter().any(|net| net.contains(address));
        let by_address = plan.private_interfaces.is_empty() && plan.public_interfaces.is_empty();
        by_address && plan.nodes.get(label).is_some_and(|nodes| nodes.iter().any(is_stray))
    }

    /// Sends whoever is on the private network to a chain where only its own clients are admitted, and
    /// refuses what comes in by neither network's interface.
    fn guard(&mut self, name: &str, permits: &[&Permit], refuse: &str) -> Vec<Rule> {
        if !self.is_guarded() {
            return Vec::new();
        }
        let inner: Vec<&Permit> = permits.iter().filter(|p| p.network == Network::Private).copied().collect();
        let closed = self.closed_rules(&inner, Side::Source);
        let inside = if closed.is_empty() {
            refuse.to_owned()
        } else {
            let inside = format!("{name}.private");
            let rules = closed.into_iter().chain([when().goto(refuse)]).collect();
            self.push(&inside, rules);
            inside
        };
        let plan = self.plan;
        let goto = |parts: Parts| because(parts.goto(&inside), "private network: the cluster's nodes only");
        let mut rules = self.in_nets(PRIVATE, &plan.private, Side::Source, goto);
        rules.extend(link_local(&inside));
        if !plan.private_interfaces.is_empty() {
            rules.push(goto(when().iifname(&plan.private_interfaces, false)));
        }
        if !plan.public_interfaces.is_empty() {
            // With no private interface named, every other one may be the private network's.
            let beyond = if plan.private_interfaces.is_empty() { &inside } else { refuse };
            let elsewhere = when().iifname(&plan.public_interfaces, true).goto(beyond);
            rules.push(because(elsewhere, "customers come in by the public network only"));
        }
        rules
    }

    /// One rule a zone and family, each zone once; once a network where interfaces tell the networks apart.
    fn closed_rules(&self, permits: &[&Permit], side: Side) -> Vec<Rule> {
        let has_interfaces =
            !self.plan.private_interfaces.is_empty() || !self.plan.public_interfaces.is_empty();
        let mut seen = BTreeSet::new();
        let mut rules = Vec::new();
        for permit in permits.iter().filter(|p| p.zone != Zone::Anyone) {
            if seen.insert((&permit.zone, has_interfaces.then_some(permit.network))) {
                rules.extend(self.zone_rules(permit, side));
            }
        }
        rules
    }

    fn zone_rules(&self, permit: &Permit, side: Side) -> Vec<Rule> {
        let why = reason(permit);
        let accept = |parts: Parts| because(parts.accept(), &why);
        match &permit.zone {
            Zone::Anyone => Vec::new(),
            Zone::Admin => self.in_nets(ADMIN, &self.plan.admin, side, accept),
            Zone::Trunks => self.in_nets(TRUNKS, &self.plan.trunks, side, accept),
            Zone::Nodes(label) => {
                let in_set = |label: &str, ip| {
                    let parts = self.by_interface(permit.network, side);
                    accept(parts.address_in_set(ip, side, &self.zone_name(label, ip)))
                };
                let labels = self.labels(label);
                labels.into_iter().flat_map(|label| FAMILIES.map(|ip| in_set(label, ip))).collect()
            }
        }
    }

    /// A node's source address is believed only where nodes are: by the private interfaces; where those are
    /// not known, by none of the public ones.
    fn by_interface(&self, network: Network, side: Side) -> Parts {
        let (private, public) = (&self.plan.private_interfaces, &self.plan.public_interfaces);
        if side == Side::Destination {
            when()
        } else if !private.is_empty() {
            when().iifname(private, false)
        } else if !public.is_empty() && network == Network::Private {
            when().iifname(public, true)
        } else {
            when()
        }
    }

    /// Within the limit: accepted. Beyond it, or with the meter full: not, and the next rule refuses.
    fn metered(&mut self, named: &NamedLimit, permit: &Permit) -> Vec<Rule> {
        let mut rules = Vec::new();
        for ip in FAMILIES {
            let name = self.name(format_args!("meter-{}{}", named.name, ip.suffix()));
            if !self.sets.iter().any(|s| s.name == name) {
                let mut meter = Set::new(name.clone(), &[ip.data_type()]);
                meter.flags.dynamic = true;
                meter.flags.timeout = true;
                meter.timeout_ms = Some(METER_MS);
                meter.size = Some(METER_SOURCES_MAX);
                self.sets.push(meter);
            }
            let within = when().metered(ip, &name, named.limit.new_per_second, named.limit.burst);
            rules.push(because(within.accept(), &reason(permit)));
        }
        rules
    }
}

/// A link-local source is a neighbour on the wire, never a customer: customers come by a router.
fn link_local(inside: &str) -> impl Iterator<Item = Rule> {
    const NETS: [&str; 2] = ["169.254.0.0/16", "fe80::/10"];
    let nets = NETS.into_iter().filter_map(|net| net.parse().ok());
    nets.map(move |net| {
        because(when().address_in_net(net, Side::Source).goto(inside), "link-local: no customer")
    })
}

/// Ports with the same destination.
#[derive(Default)]
struct Target {
    /// The reason of the widest range.
    why: String,
    width: u16,
    ranges: Vec<PortRange>,
}

/// Joins ranges that touch.
fn join(ranges: &mut Vec<PortRange>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let touches = next.proto == last.proto && last.last.checked_add(1) == Some(next.first);
        if touches {
            last.last = next.last;
        }
        touches
    });
}

fn entry(proto: Proto, port: u16, verdict: &Verdict) -> Element {
    let mut key = Vec::with_capacity(8);
    Value::push_padded(&mut key, &[proto.number()]);
    Value::push_padded(&mut key, &port.to_be_bytes());
    Element::key(&key).to(MapData::Verdict(verdict.clone()))
}

fn wide_rule(proto: Proto, ranges: &[PortRange], verdict: &Verdict, why: &str) -> Rule {
    let ranges: Vec<(u16, u16)> = ranges.iter().map(|r| (r.first, r.last)).collect();
    let parts = when().dport_in(proto.number(), &ranges);
    let rule = match verdict {
        Verdict::Goto(chain) => parts.goto(chain),
        _ => parts.accept(),
    };
    because(rule, why)
}

/// The why that a rule carries into the kernel: role, service and who.
fn reason(permit: &Permit) -> String {
    format!("{} {}: {}", permit.why.role, permit.why.service, permit.zone)
}
