//! Which flows pass, for every role and everybody around, by real packets in both families.
//! Not here: the program's own plan; what is expected stands in the table below, from what is known of the
//! product (Network Security page, Simple Access Rules, software roles), row by row.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, Lab, Listen, Outcome, Probe, Unreachable};
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

/// Ports of a protocol that a role needs and no node serves, wherever they are.
type Needs = (&'static str, Proto, &'static [(u16, u16)]);

const NEEDS: &[Needs] = &[
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

/// Probes of a round. Source ports are of the round alone: conntrack may remember the flows of those before.
struct Round {
    source_port: u16,
    refused: &'static [Outcome],
    probes: Vec<Asked>,
}

/// A probe, what it is about, and which outcomes are as expected.
struct Asked {
    probe: Probe,
    about: String,
    expected: &'static [Outcome],
}

/// A stranger learns nothing of what is refused.
const SILENT: &[Outcome] = &[Outcome::Silent];
/// The node's own programs may be told in whatever way; the lab does not hear of each of thousands.
const NOT_OPEN: &[Outcome] = &[
    Outcome::Silent,
    Outcome::Refused,
    Outcome::Unreachable(Unreachable::Prohibited),
    Outcome::Unreachable(Unreachable::NoRoute),
];

impl Round {
    /// More than everybody's ports together; counted from above every port that is served.
    const SOURCE_PORTS: u16 = 1100;

    fn new(number: usize, refused: &'static [Outcome]) -> Round {
        let number = u16::try_from(number).unwrap();
        Round { source_port: 26_000 + number * Round::SOURCE_PORTS, refused, probes: Vec::new() }
    }

    fn add(&mut self, from: IpAddr, to: IpAddr, about: &str, passes: impl Fn(Proto, u16) -> bool) {
        for (proto, port) in ports() {
            let probe = match proto {
                Tcp => Probe::tcp(to, port),
                Udp => Probe::udp(to, port),
            };
            let probe = probe.from(from).source_port(self.source_port);
            self.source_port += 1;
            let expected = if passes(proto, port) { &[Outcome::Open] } else { self.refused };
            self.probes.push(Asked { probe, about: about.to_owned(), expected });
        }
    }

    /// What came out other than expected.
    fn ask(&self, host: &Host) -> Vec<String> {
        let probes: Vec<Probe> = self.probes.iter().map(|asked| asked.probe.clone()).collect();
        let outcomes = host.probe_all(&probes).unwrap();
        let found = self.probes.iter().zip(outcomes).filter(|(asked, o)| !asked.expected.contains(o));
        found.map(|(asked, outcome)| format!("{}: {}: {outcome}", asked.about, asked.probe)).collect()
    }
}

/// Everybody knocks at every port of the node.
fn knock(roles: &[&str], number: usize, lab: &Lab) -> Vec<String> {
    let (_, inside, outside) = hosts(lab);
    let asked_by = |inside: bool| {
        // Families and people have addresses of their own, so they may share source ports.
        let mut round = Round::new(number, SILENT);
        for who in everybody().into_iter().filter(|who| who.is_inside() == inside) {
            let first = round.source_port;
            for address in who.addresses() {
                round.source_port = first;
                let about = format!("{roles:?} is asked by {who:?}");
                let passes = |proto, port| who == Who::Trusted || serves(roles, proto, port, who);
                round.add(address, node_for(who, address), &about, passes);
            }
        }
        round
    };
    [asked_by(true).ask(inside), asked_by(false).ask(outside)].concat()
}

/// The node knocks at every port of everybody.
fn reach(roles: &[&str], number: usize, lab: &Lab) -> Vec<String> {
    let (node, ..) = hosts(lab);
    let mut round = Round::new(number, NOT_OPEN);
    for who in everybody() {
        let first = round.source_port;
        for address in who.addresses() {
            round.source_port = first;
            let about = format!("{roles:?} asks {who:?}");
            let passes = |proto, port| who == Who::Trusted || reaches(roles, proto, port, who);
            round.add(node_for(who, address), address, &about, passes);
        }
    }
    round.ask(node)
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
    let (node, ..) = hosts(&lab);
    let _served = node.serve(everything()).unwrap();
    let mut wrong = Vec::new();
    for (number, roles) in role_sets().iter().enumerate() {
        node.configure(&cluster(roles, ""), &settings(""));
        node.expect(0, &["apply", "--final"]);
        wrong.extend(knock(roles, number, &lab));
    }
    assert_none(&wrong);
}

#[test]
fn with_both_directions_enforced_each_role_reaches_its_servers_and_nobody_else() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let (node, inside, outside) = hosts(&lab);
    let _served = [node, inside, outside].map(|host| host.serve(everything()).unwrap());
    let enforced = settings(
        "[interfaces]\nprivate = [\"eth0\"]\npublic = [\"eth1\"]\n[mode]\nin = \"enforce\"\nout = \"enforce\"",
    );
    let mut wrong = Vec::new();
    for (number, roles) in role_sets().iter().enumerate() {
        node.configure(&cluster(roles, ""), &enforced);
        node.expect(0, &["apply", "--final"]);
        wrong.extend(knock(roles, number, &lab));
        wrong.extend(reach(roles, number, &lab));
    }
    assert_none(&wrong);
}
