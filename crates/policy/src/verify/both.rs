//! Both ends of each flow between nodes, held against each other: what one may open, the other admits.
//! Not here: flows to and from others than nodes.
//!
//! By classes of nodes, and by what the rulesets do. What a plan opens outward to nodes, whatever its mode, is that
//! of a ruleset with these permits alone, which enforces; what a plan admits from nodes likewise. Held against them
//! is the other end's whole ruleset. Networks that a node reaches for other reasons (names, time, mail) are not
//! what it opens to nodes, and a port that customers may use is not what it admits from nodes.

use super::ends::{FAMILIES, single, to_ports};
use super::fleet::{Class, Fleet, Member};
use super::matrix::{port_ranges, proto};
use crate::plan::{Plan, Zone};
use crate::{Mode, Network, PortRange};
use rolewall_ruleset::flow::{CtState, Direction, L4};
use rolewall_ruleset::judge::Environment;
use rolewall_ruleset::space::{
    CT_STATES, Field, Kind, Question, Ranges, Region, Source, Space, Study, TooLarge, study,
};
use rolewall_ruleset::{Family, Flow, Ruleset};
use std::collections::BTreeMap;

/// Ports on which two nodes do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Which end is closed.
    pub closed: Closed,
    /// Who begins, and the place of its class.
    pub from: (usize, Member),
    /// Who is asked, and the place of its class.
    pub to: (usize, Member),
    /// IPv4 or IPv6.
    pub family: Family,
    /// On these ports.
    pub ports: Vec<PortRange>,
}

/// The end that stops what the other one lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closed {
    /// The one that is asked does not admit what the other opens.
    Admission,
    /// The one that begins does not open what the other admits, and enforces that.
    Opening,
}

/// Holds every two of all classes of nodes against each other.
pub fn both_ends(fleet: &Fleet<'_>, classes: &[Class]) -> Result<Vec<Mismatch>, TooLarge> {
    let mut ends = Vec::new();
    for class in classes {
        ends.push(Ends::of(fleet, classes, class)?);
    }
    let mut mismatches = Vec::new();
    let is_enforced = fleet.basis.settings.mode_out == Mode::Enforce;
    for (a, opening) in ends.iter().enumerate() {
        for (b, admitting) in ends.iter().enumerate() {
            let Some((from, to)) = pair(&classes[a], &classes[b], a == b) else { continue };
            let mut hold = |closed, through: &Ports, stopped: &Ports| {
                mismatches.extend(disagreement(through, stopped).into_iter().map(|(family, ports)| {
                    Mismatch { closed, from: (a, from.clone()), to: (b, to.clone()), family, ports }
                }));
            };
            hold(Closed::Admission, &opening.outward[b].through, &admitting.inward[a].stopped);
            if is_enforced {
                hold(Closed::Opening, &admitting.inward[a].through, &opening.outward[b].stopped);
            }
        }
    }
    Ok(mismatches)
}

/// Two nodes that stand for their classes.
fn pair<'c>(a: &'c Class, b: &'c Class, same: bool) -> Option<(&'c Member, &'c Member)> {
    Some((a.members.first()?, b.members.get(usize::from(same))?))
}

/// Ports by family and layer 4; the same for most classes, and then the same value.
type Ports = BTreeMap<(Family, Kind), Ranges>;

fn disagreement(through: &Ports, stopped: &Ports) -> BTreeMap<Family, Vec<PortRange>> {
    let mut ports: BTreeMap<Family, Vec<PortRange>> = BTreeMap::new();
    for ((family, kind), values) in through {
        let Some(both) = stopped.get(&(*family, *kind)).map(|stopped| values.and(stopped)) else { continue };
        if let (Some(proto), false) = (proto(*kind), both.is_empty()) {
            ports.entry(*family).or_default().extend(port_ranges(proto, &both));
        }
    }
    ports
}

/// One class's side towards one other class.
#[derive(Debug, Clone, Default)]
struct Side {
    /// Where some flow passes by what is said of nodes.
    through: Ports,
    /// Of the ports that matter: where some flow does not surely pass by all that is said.
    stopped: Ports,
}

/// One class's side towards every class.
struct Ends {
    outward: Vec<Side>,
    inward: Vec<Side>,
}

impl Mismatch {
    /// A flow that shows it, by an interface of the private network where one is known; and the place of the class
    /// at which it is stopped.
    pub fn witness(&self, interface: Option<&String>) -> Option<(Flow, usize)> {
        let Mismatch { closed, from, to, family, ports } = self;
        let address = |member: &Member| {
            member.private.iter().find(|own| own.is_ipv4() == (*family == Family::Ip)).copied()
        };
        let (src, dst) = (address(&from.1)?, address(&to.1)?);
        let port = ports.first()?;
        let l4 = L4::client(port.proto.number(), port.first)?;
        let (direction, at) = match closed {
            Closed::Admission => (Direction::In, to.0),
            Closed::Opening => (Direction::Out, from.0),
        };
        Some((Flow::first(direction, src, dst, l4).by(interface.cloned()), at))
    }
}

impl Ends {
    fn of(fleet: &Fleet<'_>, classes: &[Class], class: &Class) -> Result<Ends, TooLarge> {
        let plan = fleet.plan(class);
        let whole = fleet.lowered(&plan);
        let among_nodes = fleet.lowered(&among_nodes(plan));
        Ends::studied(fleet, classes, class, [&among_nodes, &whole])
    }

    fn studied(
        fleet: &Fleet<'_>,
        classes: &[Class],
        class: &Class,
        rulesets: [&Ruleset; 2],
    ) -> Result<Ends, TooLarge> {
        let regions = regions(fleet, classes, class);
        let sources = rulesets.map(Source::Ruleset);
        let directions = [Direction::In, Direction::Out];
        let environment = Environment::default();
        let question = Question {
            sources: &sources,
            regions: &regions,
            environment: &environment,
            directions: &directions,
        };
        let sides = || vec![Side::default(); classes.len()];
        let mut ends = Ends { outward: sides(), inward: sides() };
        study(question, |mut study| {
            let sides = match study.shape.direction {
                Direction::In => &mut ends.inward,
                Direction::Out | Direction::Forward => &mut ends.outward,
            };
            if proto(study.shape.kind).is_some() {
                add(&mut study, sides);
            }
        })?;
        Ok(ends)
    }
}

/// What a plan says of nodes alone, enforced.
fn among_nodes(mut plan: Plan) -> Plan {
    let is_node = |zone: &Zone| matches!(zone, Zone::Nodes(_));
    plan.inbound.retain(|permit| is_node(&permit.zone));
    plan.outbound.retain(|permit| is_node(&permit.zone));
    plan.trusted.clear();
    plan.mode_roles.clear();
    Plan { mode_in: Mode::Enforce, mode_out: Mode::Enforce, ..plan }
}

/// For each direction: the flows that count, so many regions; then each class's addresses, by family.
fn regions(fleet: &Fleet<'_>, classes: &[Class], class: &Class) -> Vec<Region> {
    let mut regions = Vec::new();
    let new = CT_STATES.iter().position(|state| *state == CtState::New).unwrap_or_default();
    let ways = [(Direction::In, Field::Iif, Field::Src), (Direction::Out, Field::Oif, Field::Dst)];
    for (direction, interface, _) in ways {
        let base = Region::of(direction)
            .with(Field::Ct, Ranges::one(new as u128))
            .with(interface, fleet.interfaces(Some(Network::Private)));
        regions.extend(
            FAMILIES.iter().flat_map(|family| to_ports(&base.clone().family(*family), *family, None)),
        );
    }
    debug_assert_eq!(regions.len(), BASES);
    for other in classes {
        let alone = std::ptr::eq(other, class) && class.members.len() == 1;
        let members = || other.members.iter().filter(|_| !alone);
        for (family, (direction, _, remote)) in
            FAMILIES.into_iter().flat_map(|family| ways.map(|way| (family, way)))
        {
            let addresses = single(family, members().flat_map(|member| member.private.iter().copied()));
            regions.push(Region::of(direction).family(family).with(remote, addresses));
        }
    }
    regions
}

/// Regions of the flows that count, and of each class's addresses.
const BASES: usize = 16;
const OF_CLASS: usize = 4;

fn add(study: &mut Study, sides: &mut [Side]) {
    let remote = if study.shape.direction == Direction::In { Field::Src } else { Field::Dst };
    let meant = (0..BASES).fold(Space::NONE, |all, at| study.or(all, study.regions[at]));
    let through = study.and(meant, study.fates[0].accept);
    let surely = study.surely(1);
    let stopped = study.without(meant, surely);
    let (through, stopped) = [through, stopped].map(|space| by_ports(study, space, remote)).into();
    let key = (study.shape.family, study.shape.kind);
    for (number, side) in sides.iter_mut().enumerate() {
        let first = BASES + OF_CLASS * number;
        let class = (first..first + OF_CLASS).fold(Space::NONE, |all, at| study.or(all, study.regions[at]));
        for (parts, into) in [(&through, &mut side.through), (&stopped, &mut side.stopped)] {
            let ports = ports(study, parts, class);
            if !ports.is_empty() {
                into.insert(key, ports);
            }
        }
    }
}

/// Ports that are alike, with the other ends' addresses there.
fn by_ports(study: &mut Study, space: Space, remote: Field) -> Vec<(Ranges, Space)> {
    let projected = study.project(space, &[Field::Dport, remote]);
    study.split(projected, Field::Dport)
}

/// The ports at which a class's addresses are.
fn ports(study: &mut Study, parts: &[(Ranges, Space)], class: Space) -> Ranges {
    parts.iter().fold(
        Ranges::NONE,
        |all, (ports, addresses)| {
            if study.and(*addresses, class).is_empty() { all } else { all.or(ports) }
        },
    )
}
