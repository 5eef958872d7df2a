//! Which flows pass, for every role and everybody around, by real packets in both families.
//! Not here: the program's own plan; what is expected stands in the table below, from what is known of the
//! product (Network Security page, Simple Access Rules, software roles), row by row.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, Listen, Outcome, Probe, Unreachable};
use std::net::IpAddr;
use support::can_run;
use support::program::Program;
use support::scene::{ROLES, Who, cluster, everybody, hosts, node_for, scene, settings};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proto {
    Tcp,
    Udp,
}
use Proto::{Tcp, Udp};

/// To whom a role serves.
#[derive(Debug, Clone, Copy)]
enum To {
    /// Whoever is not on the private network.
    Customers,
    Role(&'static str),
    EveryNode,
    /// Admin addresses on the private network.
    AdminInside,
    /// Admin addresses on either network.
    Admin,
}
use To::{Admin, AdminInside, Customers, EveryNode, Role};

/// Ports of a protocol that a role serves, first and last of each range, and to whom.
type Serves = (&'static str, Proto, &'static [(u16, u16)], &'static [To]);

/// The six roles that hold state or put tasks into the queue.
const SIX: &[To] = &[Role("web"), Role("sip"), Role("pbx"), Role("jabber"), Role("ic"), Role("worker")];

/// 5050, 5060 and 5061 are signalling, and lie in the range of T.38.
const T38: &[(u16, u16)] = &[(4000, 5049), (5051, 5059), (5062, 5999)];

const SERVES: &[Serves] = &[
    ("every", Tcp, &[(22, 22)], &[Admin]),
    ("web", Tcp, &[(80, 80), (443, 443)], &[Customers, AdminInside]),
    ("web", Tcp, &[(25, 25)], &[Customers]),
    ("web", Udp, &[(69, 69)], &[Customers]),
    ("sip", Tcp, &[(5060, 5060)], &[Customers, Role("pbx")]),
    ("sip", Udp, &[(5060, 5060)], &[Customers, Role("pbx")]),
    ("sip", Tcp, &[(5061, 5061)], &[Customers]),
    ("sip", Udp, &[(5061, 5061)], &[Customers]),
    ("pbx", Tcp, &[(5050, 5050)], &[Role("sip")]),
    ("pbx", Udp, &[(5050, 5050)], &[Role("sip")]),
    ("pbx", Udp, &[(10000, 20000)], &[Customers, Role("pbx")]),
    ("pbx", Udp, T38, &[Customers]),
    ("jabber", Tcp, &[(5222, 5222), (5269, 5269), (5280, 5280)], &[Customers]),
    ("jabber", Tcp, &[(4369, 4369)], &[Role("jabber")]),
    ("ic", Tcp, &[(443, 443)], &[EveryNode, AdminInside]),
    ("queue", Tcp, &[(5672, 5672)], SIX),
    ("queue", Tcp, &[(4369, 4369), (25672, 25672)], &[Role("queue")]),
    ("sql", Tcp, &[(3306, 3306)], &[EveryNode]),
    ("dd", Tcp, &[(11211, 11211)], SIX),
    ("dd", Tcp, &[(11211, 11211)], &[Role("dd")]),
    ("es", Tcp, &[(9200, 9200)], &[Role("web"), Role("worker"), Role("ic"), Role("pbx")]),
    ("es", Tcp, &[(9300, 9300)], &[Role("es")]),
];

/// What a role needs that no node serves, wherever it is.
const NEEDS: &[(&str, Proto, &[(u16, u16)])] = &[
    ("every", Udp, &[(53, 53), (123, 123)]),
    ("every", Tcp, &[(21, 22), (53, 53), (80, 80), (443, 443), (2003, 2003)]),
    ("web", Tcp, &[(25, 25), (465, 465), (587, 587), (2049, 2049)]),
    ("sip", Tcp, &[(1024, 65535)]),
    ("sip", Udp, &[(1024, 65535)]),
    ("pbx", Udp, &[(1024, 65535)]),
    ("pbx", Tcp, &[(2049, 2049)]),
    ("jabber", Tcp, &[(5269, 5269)]),
    ("worker", Tcp, &[(25, 25), (465, 465), (587, 587), (2049, 2049), (2197, 2197)]),
];

/// Every port of the table, its neighbours, and some that nobody has.
const TCP_PORTS: &[u16] = &[
    1, 21, 22, 25, 53, 69, 80, 443, 465, 587, 1023, 1024, 2003, 2049, 2197, 3306, 3307, 4369, 5050, 5060,
    5061, 5222, 5269, 5280, 5671, 5672, 6379, 8080, 9200, 9300, 10000, 11211, 15672, 25672, 65535,
];
const UDP_PORTS: &[u16] = &[
    1, 53, 69, 123, 443, 1023, 1024, 3306, 3999, 4000, 4369, 5049, 5050, 5051, 5058, 5059, 5060, 5061, 5062,
    5999, 6000, 9999, 10000, 15000, 20000, 20001, 65535,
];

fn ports() -> impl Iterator<Item = (Proto, u16)> {
    let udp = UDP_PORTS.iter().map(|port| (Udp, *port));
    TCP_PORTS.iter().map(|port| (Tcp, *port)).chain(udp)
}

fn has(ranges: &[(u16, u16)], port: u16) -> bool {
    ranges.iter().any(|(first, last)| (*first..=*last).contains(&port))
}

/// Whether a node of these roles serves a port to somebody.
fn serves(roles: &[&str], proto: Proto, port: u16, who: Who) -> bool {
    let is_served_to = |to: &To| match (to, who) {
        (Customers, who) => !who.is_inside(),
        (Role(role), Who::Node(other)) => *role == other,
        (EveryNode, Who::Node(_)) => true,
        (AdminInside | Admin, Who::AdminInside) | (Admin, Who::Admin) => true,
        _ => false,
    };
    let is_here = |role: &str| role == "every" || roles.contains(&role);
    SERVES.iter().any(|(role, of, ranges, to)| {
        is_here(role) && *of == proto && has(ranges, port) && to.iter().any(is_served_to)
    })
}

/// Whether a node of these roles may open a flow to somebody.
fn reaches(roles: &[&str], proto: Proto, port: u16, who: Who) -> bool {
    let is_here = |role: &str| role == "every" || roles.contains(&role);
    let needs = NEEDS.iter().any(|(role, of, ranges)| is_here(role) && *of == proto && has(ranges, port));
    let Who::Node(server) = who else { return needs };
    let as_client = |to: &To| match to {
        Role(role) => roles.contains(role),
        EveryNode => true,
        Customers | AdminInside | Admin => false,
    };
    let served = SERVES.iter().any(|(role, of, ranges, to)| {
        *role == server && *of == proto && has(ranges, port) && to.iter().any(as_client)
    });
    needs || served
}

/// Probes of a round, each with who asks or is asked, and whether it must pass. Source ports are of the
/// round alone: conntrack may remember the flows of those before.
struct Round {
    first_source_port: u16,
    probes: Vec<(Probe, String, bool)>,
}

impl Round {
    fn new(number: usize) -> Round {
        Round { first_source_port: 20100 + u16::try_from(number).unwrap() * 100, probes: Vec::new() }
    }

    fn add(&mut self, from: IpAddr, to: IpAddr, about: &str, passes: impl Fn(Proto, u16) -> bool) {
        for (number, (proto, port)) in (0..).zip(ports()) {
            let probe = match proto {
                Tcp => Probe::tcp(to, port),
                Udp => Probe::udp(to, port),
            };
            let probe = probe.from(from).source_port(self.first_source_port + number);
            self.probes.push((probe, about.to_owned(), passes(proto, port)));
        }
    }

    /// What came out other than expected.
    fn ask(&self, host: &Host, refused: &[Outcome]) -> Vec<String> {
        let probes: Vec<Probe> = self.probes.iter().map(|(probe, ..)| probe.clone()).collect();
        let outcomes = host.probe_all(&probes).unwrap();
        let wrong = |outcome: Outcome, passes: bool| {
            if passes { outcome != Outcome::Open } else { !refused.contains(&outcome) }
        };
        let found = self.probes.iter().zip(outcomes).filter(|((_, _, passes), o)| wrong(*o, *passes));
        found.map(|((probe, about, _), outcome)| format!("{about}: {probe}: {outcome}")).collect()
    }
}

/// Everybody knocks at every port of the node.
fn knock(roles: &[&str], number: usize, inside: &Host, outside: &Host) -> Vec<String> {
    let (mut from_inside, mut from_outside) = (Round::new(number), Round::new(number));
    for who in everybody() {
        let round = if who.is_inside() { &mut from_inside } else { &mut from_outside };
        for address in who.addresses() {
            let about = format!("{roles:?} is asked by {who:?}");
            let passes = |proto, port| who == Who::Trusted || serves(roles, proto, port, who);
            round.add(address, node_for(who, address), &about, passes);
        }
    }
    let silent = [Outcome::Silent];
    [from_inside.ask(inside, &silent), from_outside.ask(outside, &silent)].concat()
}

/// The node knocks at every port of everybody.
fn reach(roles: &[&str], number: usize, node: &Host, is_enforced: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    // One source address and port cannot ask two at once, so each is a batch of its own.
    let mut rounds: Vec<Round> = Vec::new();
    for (place, who) in everybody().into_iter().enumerate() {
        let mut round = Round::new(number * everybody().len() + place);
        for address in who.addresses() {
            let about = format!("{roles:?} asks {who:?}");
            let passes =
                |proto, port| !is_enforced || who == Who::Trusted || reaches(roles, proto, port, who);
            round.add(node_for(who, address), address, &about, passes);
        }
        rounds.push(round);
    }
    let prohibited = [Outcome::Unreachable(Unreachable::Prohibited), Outcome::Refused];
    for round in rounds {
        wrong.extend(round.ask(node, &prohibited));
    }
    wrong
}

fn everything() -> Listen {
    Listen::new().tcp(TCP_PORTS.iter().copied()).udp(UDP_PORTS.iter().copied())
}

fn assert_none(wrong: &[String]) {
    let shown = wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} flows are not as they should be:\n{shown}", wrong.len());
}

/// Each role alone, none, and roles that share ports or ranges.
fn role_sets() -> Vec<Vec<&'static str>> {
    let mut sets: Vec<Vec<&str>> = ROLES.iter().map(|role| vec![*role]).collect();
    sets.extend([
        vec![],
        vec!["sip", "pbx"],
        vec!["web", "ic"],
        vec!["queue", "jabber"],
        vec!["sql", "dd", "es"],
    ]);
    sets
}

#[test]
fn each_role_admits_its_clients_and_nobody_else() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let (node, inside, outside) = hosts(&lab);
    let _served = node.serve(everything()).unwrap();
    let mut wrong = Vec::new();
    for (number, roles) in role_sets().iter().enumerate() {
        node.configure(&cluster(roles, ""), &settings(""));
        node.expect(0, &["apply", "--final"]);
        wrong.extend(knock(roles, number, inside, outside));
    }
    assert_none(&wrong);
}
