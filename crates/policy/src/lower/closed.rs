//! Two lesser rulesets of a plan: what boot loads where the whole cannot be, and what closes the host.
//! Not here: when either is in force (crate `control`).
//!
//! Both keep to admin addresses what the plan lets them reach, and trusted networks everything. The first is a plan of its own with next to nothing in it. The second
//! has no rule for established flows: what was open a moment ago is closed, but for admin and trusted
//! networks, in both directions.

use super::floor::dhcp;
use super::refuse::Way;
use super::rule::{FAMILIES, Ip, Parts, Side, because, ct, when};
use super::zones::{ADMIN, TRUSTED_WHY};
use super::{Lowering, lowering};
use crate::plan::{Permit, Zone};
use crate::settings::Forward;
use crate::{Mode, Plan};
use rolewall_ruleset::table::Hook;
use rolewall_ruleset::{Chain, Element, Generation, Rule, Set};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What a revision's prefix is followed by, after a dash, in the names of its fallback.
pub const FALLBACK: &str = "fallback";
/// Addresses that the operator comes from and that no admin or trusted network holds.
const OPERATOR: &str = "operator";
const OPERATORS_MAX: u32 = 64;
const TCP: u8 = 6;
const ADMINS: &str = "admins";
const ADMIN_WHY: &str = "panic: admin addresses, as in the plan";

/// What boot loads where the whole revision cannot be loaded: the floor, trusted networks, what is for admin
/// addresses, and ssh as the plan has it. Whether the rest is refused or observed is as it is in the plan, and
/// so is what goes out, but for the cluster's nodes: a login may need a directory server.
pub fn fallback(plan: &Plan, prefix: &str) -> Generation {
    let is_way_in = |p: &&Permit| p.zone == Zone::Admin || p.is_ssh();
    let lesser = Plan {
        inbound: plan.inbound.iter().filter(is_way_in).cloned().collect(),
        outbound: plan.outbound.iter().filter(|p| !matches!(p.zone, Zone::Nodes(_))).cloned().collect(),
        mode_in: plan.mode_in,
        ..closed(plan)
    };
    super::lower(&lesser.with_nodes_of(plan), &format!("{prefix}-{FALLBACK}"))
}

/// What closes the host to all but admin and trusted networks. Its two sets of operators' addresses are
/// empty ([`admit`]).
pub fn panic(plan: &Plan, prefix: &str) -> Generation {
    let lesser = Plan {
        inbound: for_admin(plan).collect(),
        outbound: Vec::new(),
        mode_out: Mode::Enforce,
        forward: Forward::Filtered(Mode::Enforce),
        trunks: Vec::new(),
        ..closed(plan)
    };
    let ssh = plan.inbound.iter().filter(|p| p.is_ssh()).flat_map(Permit::tcp_ports).collect::<BTreeSet<_>>();
    let ssh: Vec<u16> = ssh.into_iter().collect();
    let mut lowering = lowering(&lesser, prefix);
    lowering.zone_sets();
    lowering.operator_sets();
    lowering.refusals();
    let mut entries = vec![
        (Hook::Input, lowering.panic_in(&ssh)),
        (Hook::Output, lowering.panic_out()),
        (Hook::Forward, lowering.panic_forward()),
    ];
    entries.sort();
    lowering.done(entries)
}

/// What admin addresses may reach, as such or as anybody. None where there are none.
fn for_admin(plan: &Plan) -> impl Iterator<Item = Permit> {
    let is_theirs = |p: &&Permit| !plan.admin.is_empty() && matches!(p.zone, Zone::Admin | Zone::Anyone);
    plan.inbound.iter().filter(is_theirs).cloned()
}

/// The plan without permits and nodes, and with everything else refused that comes in.
fn closed(plan: &Plan) -> Plan {
    Plan {
        me: plan.me.clone(),
        inbound: Vec::new(),
        outbound: Vec::new(),
        nodes: BTreeMap::new(),
        trusted: plan.trusted.clone(),
        deny: plan.deny.clone(),
        admin: plan.admin.clone(),
        trunks: plan.trunks.clone(),
        private: plan.private.clone(),
        private_interfaces: plan.private_interfaces.clone(),
        public_interfaces: plan.public_interfaces.clone(),
        mode_in: Mode::Enforce,
        mode_out: plan.mode_out,
        forward: plan.forward,
        mode_roles: BTreeMap::new(),
        log: plan.log,
        warnings: Vec::new(),
    }
}

impl Plan {
    /// The nodes that its permits name, as another plan knows them.
    fn with_nodes_of(mut self, plan: &Plan) -> Plan {
        for permit in &self.inbound {
            let Zone::Nodes(label) = &permit.zone else { continue };
            let addresses = plan.nodes.get(label).cloned().unwrap_or_default();
            self.nodes.insert(label.clone(), addresses);
        }
        self
    }
}

impl Permit {
    fn tcp_ports(&self) -> impl Iterator<Item = u16> {
        let tcp = self.ports.iter().filter(|range| range.proto == crate::Proto::Tcp);
        tcp.flat_map(|range| range.first..=range.last)
    }
}

impl Lowering<'_> {
    fn operator_sets(&mut self) {
        for ip in FAMILIES {
            let mut set = Set::new(self.zone_name(OPERATOR, ip), &[ip.data_type()]);
            set.size = Some(OPERATORS_MAX);
            self.sets.push(set);
        }
    }

    fn panic_in(&mut self, ssh: &[u16]) -> String {
        let icmp = self.icmp_in();
        let refuse = self.refuse(Way::In, Mode::Enforce);
        let mut rules = self.denied();
        rules.push(because(when().loopback_in().accept(), "floor: loopback"));
        rules.extend(self.trusted(Side::Source));
        rules.push(when().icmp_of_either_family().goto(&icmp));
        let invalid = when().ct_state(ct::INVALID).goto(&refuse);
        rules.push(because(invalid, "conntrack: no valid packet of a flow"));
        if !ssh.is_empty() {
            rules.extend(self.operators(Side::Source, |parts| parts.dport_among(TCP, ssh)));
        }
        rules.extend(dhcp(Way::In).into_iter().map(|(_, rule)| rule));
        rules.extend(self.admins());
        rules.push(when().goto(&refuse));
        self.entry("in", rules)
    }

    /// Admin addresses, and nobody else, come to the services, which are as they are in the plan.
    fn admins(&mut self) -> Vec<Rule> {
        if self.plan.inbound.is_empty() {
            return Vec::new();
        }
        let mut rules = self.services(Way::In);
        rules.push(when().goto(&self.refuse(Way::In, Mode::Enforce)));
        let chain = self.entry(ADMINS, rules);
        let goto = |parts: Parts| because(parts.goto(&chain), ADMIN_WHY);
        self.in_nets(ADMIN, &self.plan.admin, Side::Source, goto)
    }

    /// Answers to the operators, and nothing that begins here but to trusted networks.
    fn panic_out(&mut self) -> String {
        let mut rules = vec![because(when().loopback_out().accept(), "floor: loopback")];
        rules.extend(self.trusted(Side::Destination));
        rules.push(because(when().icmp_of_either_family().accept(), "floor: this host's own ICMP"));
        let answer =
            |parts: Parts| because(parts.ct_state(ct::ESTABLISHED).accept(), "panic: answers to admin");
        rules.extend(self.in_nets(ADMIN, &self.plan.admin, Side::Destination, answer));
        rules.extend(self.operators(Side::Destination, |parts| parts.ct_state(ct::ESTABLISHED)));
        rules.extend(self.services(Way::Out));
        rules.push(when().goto(&self.refuse(Way::Out, Mode::Enforce)));
        self.entry("out", rules)
    }

    fn panic_forward(&mut self) -> String {
        let mut rules = self.denied();
        rules.extend(self.trusted(Side::Source));
        rules.extend(self.trusted(Side::Destination));
        rules.push(when().goto(&self.refuse(Way::Forward, Mode::Enforce)));
        self.entry("forward", rules)
    }

    fn operators(&self, side: Side, further: impl Fn(Parts) -> Parts) -> Vec<Rule> {
        let rule = |ip: Ip| {
            let parts = when().address_in_set(ip, side, &self.zone_name(OPERATOR, ip));
            because(further(parts).accept(), "panic: where the operator comes from")
        };
        FAMILIES.map(rule).into()
    }

    fn entry(&mut self, rest: &str, rules: Vec<Rule>) -> String {
        let name = self.name(rest);
        self.chains.push(Chain { name: name.clone(), base: None, rules });
        name
    }
}

/// Lets these addresses reach ssh while the host is closed. No more than the sets have room for.
pub fn admit(panic: &mut Generation, addresses: &[IpAddr]) {
    for set in panic.parts.sets.iter_mut().filter(|set| is_of_operators(set)) {
        let is_its = |a: &&IpAddr| set.key == [if a.is_ipv4() { Ip::V4 } else { Ip::V6 }.data_type()];
        for address in addresses.iter().filter(is_its) {
            let element = Element::key(super::rule::octets(*address).bytes());
            if !set.elements.contains(&element) {
                set.elements.push(element);
            }
        }
        set.elements.truncate(OPERATORS_MAX as usize);
    }
}

/// The addresses that were let in besides.
pub fn admitted(panic: &Generation) -> Vec<IpAddr> {
    let sets = panic.parts.sets.iter().filter(|set| is_of_operators(set));
    let addresses = sets.flat_map(|set| set.elements.iter());
    addresses.filter_map(|element| address(element.key.bytes())).collect()
}

/// Whether anybody at all may come in: as an admin, trusted, or let in besides.
pub fn admits_anybody(panic: &Generation) -> bool {
    let rules = || panic.parts.chains.iter().flat_map(|chain| &chain.rules);
    let says = |why: &str| rules().any(|rule| rule.comment.as_deref() == Some(why));
    says(TRUSTED_WHY) || says(ADMIN_WHY) || !admitted(panic).is_empty()
}

fn is_of_operators(set: &Set) -> bool {
    let rest = set.name.rsplit('-').next();
    rest.is_some_and(|rest| [Ip::V4, Ip::V6].iter().any(|ip| rest == format!("{OPERATOR}{}", ip.suffix())))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}
