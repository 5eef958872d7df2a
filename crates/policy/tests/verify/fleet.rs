//! Assertions and the matrix, held to single flows at the nodes themselves: each by its own plan, not its class's.
//! Not here: rulesets that are wrong.

use super::random::{CATALOGUE, Random, World};
use super::{Passes, each_world, in_force, lowered, passes};
use rolewall_policy::verify::Fault;
use rolewall_policy::verify::assert::{self, Assertion, Broken, Claim, Ports};
use rolewall_policy::verify::both::{Closed, both_ends};
use rolewall_policy::verify::ends::End;
use rolewall_policy::verify::fleet::{Basis, Fleet, This};
use rolewall_policy::verify::matrix::{Reach, matrix};
use rolewall_policy::{Network, Node, NodeName, Observed, PortRange, Proto, Source};
use rolewall_ruleset::flow::{Direction, L4};
use rolewall_ruleset::judge::{Environment, Judge};
use rolewall_ruleset::{Flow, Ruleset};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;

/// Each node's own ruleset.
#[derive(Default)]
struct Own(HashMap<String, Ruleset>);

impl Own {
    fn passes(&mut self, world: &World, node: &NodeName, flow: &Flow) -> Passes {
        let node = world.inventory.nodes.iter().find(|n| n.name == *node).unwrap();
        let ruleset = self.0.entry(node.name.0.clone()).or_insert_with(|| lowered(&world.plan_of(node)));
        passes(&Judge::new(ruleset), flow)
    }
}

fn with_fleet<T>(world: &World, ask: impl FnOnce(&Fleet<'_>) -> T) -> T {
    let (ruleset, environment, told) = (lowered(&world.plan), Environment::default(), Observed::default());
    let basis =
        Basis { catalogue: &CATALOGUE, inventory: &world.inventory, settings: &world.settings, told: &told };
    let this = This { plan: &world.plan, ruleset: &ruleset, environment: &environment };
    ask(&Fleet { basis, this, in_force: &in_force })
}

/// Assertions between nodes, as text.
fn assertions(world: &World, random: &mut Random) -> Vec<Assertion> {
    let mut text = String::new();
    for _ in 0..8 {
        let node = random.of(&world.inventory.nodes);
        let role = node.roles.first().map_or_else(|| "nodes".to_owned(), |role| role.0.clone());
        let end = |random: &mut Random| {
            random
                .of(&[role.clone(), node.name.0.clone(), "nodes".into(), "this".into(), "sql".into()])
                .clone()
        };
        let (from, to) = (end(random), end(random));
        let claim = random.of(&["deny", "deny", "allow"]);
        let _ = writeln!(text, "[[{claim}]]\nfrom = {from:?}\nto = {to:?}");
        let ports = random.of(&["", "mysql", "tcp/443", "udp/4000-5999", "tcp/22", "amqp", "controller"]);
        if !ports.is_empty() {
            let _ = writeln!(text, "ports = [{ports:?}]");
        }
        if random.one_in(3) {
            let network = random.of(&["private", "public"]);
            let _ = writeln!(text, "network = {network:?}");
        }
    }
    assert::parse(&Source::new("assertions.toml", text), &CATALOGUE, &world.inventory).unwrap()
}

fn nodes<'w>(world: &'w World, ends: &[End]) -> Vec<&'w Node> {
    let me = &world.plan.me.name;
    let is_one = |node: &&Node| {
        ends.iter().any(|end| end.has(&node.name, node.name == *me, |role| node.roles.contains(role)))
    };
    world.inventory.nodes.iter().filter(is_one).collect()
}

/// A flow that an assertion is about, at the node that is asked, and that node.
fn flow(world: &World, assertion: &Assertion, random: &mut Random) -> Option<(Flow, NodeName)> {
    let (from, to) = (nodes(world, &assertion.from), nodes(world, &assertion.to));
    if from.is_empty() || to.is_empty() {
        return None;
    }
    let (from, to) = (*random.of(&from), *random.of(&to));
    let is_allow = assertion.claim == Claim::Allow;
    let sources: Vec<IpAddr> = match assertion.network {
        Some(Network::Public) => from.public.clone(),
        None if !is_allow => from.private.iter().chain(&from.public).copied().collect(),
        _ => from.private.clone(),
    };
    let src = *sources.get(random.below(sources.len()))?;
    let all = || to.private.iter().chain(&to.public);
    let dst = *all().find(|address| address.is_ipv4() == src.is_ipv4())?;
    let port = port(world, assertion, to, random)?;
    let l4 = L4::client(port.proto.number(), port.first).unwrap();
    let flow = Flow::first(Direction::In, src, dst, l4);
    let by = assertion.network.or(is_allow.then_some(Network::Private));
    (from.name != to.name).then(|| (flow.by(interface(world, by, random)), to.name.clone()))
}

fn port(world: &World, assertion: &Assertion, to: &Node, random: &mut Random) -> Option<PortRange> {
    let Some(ports) = &assertion.ports else {
        return Some(PortRange { proto: Proto::Tcp, first: *random.of(&[22, 443, 3306, 9, 5222]), last: 0 });
    };
    match random.of(ports) {
        Ports::Range(range) => {
            let width = usize::from(range.last - range.first) + 1;
            Some(PortRange { first: range.first + random.below(width) as u16, ..*range })
        }
        Ports::Service(role, name) => {
            let role = CATALOGUE.roles.get(role)?;
            let position = role.services.iter().position(|service| service.name == *name)?;
            let ports = world.plan_of(to).me.ports_of(role, position, &role.services[position]);
            ports.get(random.below(ports.len())).copied()
        }
    }
}

/// One of a network's, as far as they are known.
fn interface(world: &World, by: Option<Network>, random: &mut Random) -> Option<String> {
    let (private, public) = (&world.plan.private_interfaces, &world.plan.public_interfaces);
    let own = match by {
        Some(Network::Private) => private,
        Some(Network::Public) => public,
        None => return random.of(&[None, Some("eth0".to_owned()), Some("eth1".to_owned())]).clone(),
    };
    own.get(random.below(own.len())).cloned()
}

#[test]
fn assertions_hold_by_classes_where_they_hold_node_by_node() {
    let (mut broken, mut held) = (0, 0);
    each_world(40, |world, random| {
        let (assertions, mut own) = (assertions(world, random), Own::default());
        let mut found: Vec<Broken> = Vec::new();
        with_fleet(world, |fleet| assert::check(&assertions, fleet, |one, _, _| found.push(one))).unwrap();
        for Broken { assertion, fault, node, witness } in &found {
            let judged = own.passes(world, &node.name, witness);
            let wanted = if *fault == Fault::Open { Passes::Yes } else { Passes::No };
            let remote = if witness.direction == Direction::In { witness.src } else { witness.dst };
            assert_eq!(
                judged, wanted,
                "{}\n{witness:?} at {}\n{}",
                assertions[*assertion], node.name, world.text
            );
            assert!(node.addresses(None).all(|address| address != remote), "{witness:?}");
            broken += 1;
        }
        for (number, assertion) in assertions.iter().enumerate() {
            if found.iter().any(|one| one.assertion == number) {
                continue;
            }
            let wanted = if assertion.claim == Claim::Deny { Passes::No } else { Passes::Yes };
            for (flow, node) in (0..40).filter_map(|_| flow(world, assertion, random)) {
                let judged = own.passes(world, &node, &flow);
                assert_eq!(judged, wanted, "{assertion}\n{flow:?} at {node}\n{}", world.text);
                held += 1;
            }
        }
    });
    assert!(broken > 60 && held > 200, "{broken} were broken, {held} flows as held");
}

#[test]
fn the_matrix_is_what_the_nodes_own_rulesets_do() {
    let (mut all, mut none) = (0, 0);
    each_world(25, |world, random| {
        let mut own = Own::default();
        let found = with_fleet(world, matrix).unwrap();
        for (row, cells) in found.rows.iter().zip(&found.cells) {
            let sources: Vec<&Node> =
                world.inventory.nodes.iter().filter(|n| n.roles.contains(row.name.as_str())).collect();
            for (column, cell) in found.columns.iter().zip(cells) {
                let serves = |node: &&Node| column.role.0 == "node" || node.roles.contains(&column.role);
                let servers: Vec<&Node> = world.inventory.nodes.iter().filter(serves).collect();
                if sources.is_empty() || servers.is_empty() || cell.asked.is_empty() {
                    continue;
                }
                let (from, to) = (*random.of(&sources), *random.of(&servers));
                let src = *random.of(&from.private);
                let same = to.private.iter().find(|address| address.is_ipv4() == src.is_ipv4());
                let Some(dst) = same.filter(|_| from.name != to.name) else { continue };
                let plan = world.plan_of(to);
                let permit = plan.inbound.iter().find(|p| p.why.service == column.service);
                let Some(port) = permit.and_then(|p| p.ports.first()) else { continue };
                let l4 = L4::client(port.proto.number(), port.first).unwrap();
                let flow = Flow::first(Direction::In, src, *dst, l4).by(interface(
                    world,
                    Some(Network::Private),
                    random,
                ));
                let judged = own.passes(world, &to.name, &flow);
                let says =
                    format!("{} to {column:?}: {:?}\n{flow:?}\n{}", row.name, cell.reach(), world.text);
                match cell.reach() {
                    Reach::All => assert_eq!(judged, Passes::Yes, "{says}"),
                    Reach::None => assert_eq!(judged, Passes::No, "{says}"),
                    Reach::Nobody => panic!("{says}"),
                    Reach::Some | Reach::May => {}
                }
                all += usize::from(cell.reach() == Reach::All);
                none += usize::from(cell.reach() == Reach::None);
            }
        }
    });
    assert!(all > 100 && none > 100, "{all} cells pass, {none} do not");
}

#[test]
fn ends_disagree_only_where_nodes_are_denied_and_as_the_nodes_own_rulesets_do() {
    let mut found = 0;
    each_world(60, |world, _| {
        let mismatches = with_fleet(world, |fleet| both_ends(fleet, &fleet.classes())).unwrap();
        let interface = world.plan.private_interfaces.first();
        for mismatch in &mismatches {
            let says = format!("{mismatch:?}\n{}", world.text);
            assert!(!world.plan.deny.is_empty(), "{says}");
            let Some((flow, _)) = mismatch.witness(interface) else { continue };
            let (from, to) = (&mismatch.from.1.name, &mismatch.to.1.name);
            assert_eq!(mismatch.closed, Closed::Admission, "{says}");
            let mut own = Own::default();
            let out = Flow { direction: Direction::Out, oif: flow.iif.clone(), iif: None, ..flow.clone() };
            assert_eq!(own.passes(world, from, &out), Passes::Yes, "{says}");
            // One of the class is denied, which need not be its first.
            let denied = |address: &IpAddr| world.plan.deny.iter().any(|net| net.contains(address));
            if denied(&flow.src) {
                assert_eq!(own.passes(world, to, &flow), Passes::No, "{says}");
                found += 1;
            }
        }
    });
    assert!(found > 0, "no node was denied");
}
