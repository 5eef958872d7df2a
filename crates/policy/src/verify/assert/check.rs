//! Whether assertions hold, at every node that they are about.
//! Not here: what they mean in words ([`super`]).

use super::{Assertion, Claim, Ports};
use crate::verify::Fault;
use crate::verify::ends::{End, FAMILIES, single, to_ports};
use crate::verify::fleet::{Class, Fleet, Member};
use crate::verify::intent::values;
use crate::{Network, PortRange};
use rolewall_ruleset::flow::{CtState, Direction};
use rolewall_ruleset::judge::Environment;
use rolewall_ruleset::space::{
    CT_STATES, Field, Kind, Question, Ranges, Region, Source, Space, Study, TooLarge, study,
};
use rolewall_ruleset::{Family, Flow, Ruleset};
use std::collections::BTreeMap;
use std::ops::Range;

/// One way in which an assertion does not hold, with a flow that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which assertion, by its place among them.
    pub assertion: usize,
    /// Open or closed, surely or perhaps.
    pub fault: Fault,
    /// At which node.
    pub node: Member,
    /// The flow, as that node sees it.
    pub witness: Flow,
}

/// Checks all assertions. Each violation is told with the ruleset that it is of, which lives no longer: at most
/// one an assertion, class of nodes and direction. What is returned are the assertions about no flow at all: a
/// role without nodes, a zone without addresses.
pub fn check(
    assertions: &[Assertion],
    fleet: &Fleet<'_>,
    mut told: impl FnMut(Broken, &Ruleset, &Environment),
) -> Result<Vec<usize>, TooLarge> {
    let mut asked = vec![false; assertions.len()];
    let classes = fleet.classes();
    let ready: Vec<Ready<'_>> = assertions.iter().map(|one| Ready::new(one, fleet, &classes)).collect();
    for class in &classes {
        let asking = Asking::of(&ready, fleet, class);
        asking.questions.iter().for_each(|question| asked[question.assertion] = true);
        if asking.questions.is_empty() {
            continue;
        }
        if class.is_this {
            let this = fleet.this;
            asking.answer(&ready, this.ruleset, this.environment, &mut told)?;
        } else {
            let ruleset = fleet.lowered(&fleet.plan(class));
            asking.answer(&ready, &ruleset, &Environment::default(), &mut told)?;
        }
    }
    Ok((0..assertions.len()).filter(|at| !asked[*at]).collect())
}

/// An assertion with what is the same at every node.
struct Ready<'a> {
    assertion: &'a Assertion,
    /// Addresses of `from`, by family.
    from: [Ranges; 2],
    /// What is asked of those who begin.
    to: Vec<Remote>,
    interfaces: Ranges,
}

/// The other end of what goes out: addresses by family, and ports there.
struct Remote {
    addresses: [Ranges; 2],
    ports: Option<Vec<PortRange>>,
}

impl<'a> Ready<'a> {
    fn new(assertion: &'a Assertion, fleet: &Fleet<'_>, classes: &[Class]) -> Ready<'a> {
        let Assertion { claim, from, to, network, .. } = assertion;
        let is_allow = *claim == Claim::Allow;
        let outer = |end: &End| matches!(end, End::Public | End::Admin | End::Trunks | End::Trusted);
        let usual = if from.iter().chain(to).any(outer) { Network::Public } else { Network::Private };
        let by = network.or_else(|| is_allow.then_some(usual));
        let of_nodes = network.or_else(|| is_allow.then_some(Network::Private));
        let mut addresses = FAMILIES.map(|family| fleet.addresses(from, family, of_nodes));
        if is_allow && from.contains(&End::Public) {
            for (family, from) in FAMILIES.into_iter().zip(&mut addresses) {
                let denied = values(family, &fleet.this.plan.deny);
                *from = from.and(&denied.complement(u128::MAX));
            }
        }
        let interfaces = fleet.interfaces(by);
        let mut ready = Ready { assertion, from: addresses, to: Vec::new(), interfaces };
        ready.to = ready.remotes(fleet, classes, of_nodes);
        ready
    }

    /// Addresses that are no nodes'; for an `allow` nodes too, by the ports that they serve on.
    fn remotes(&self, fleet: &Fleet<'_>, classes: &[Class], network: Option<Network>) -> Vec<Remote> {
        let Assertion { claim, to, .. } = self.assertion;
        let zones: Vec<End> = to.iter().filter(|end| !end.is_node()).cloned().collect();
        let zones = FAMILIES.map(|family| fleet.addresses(&zones, family, network));
        let mut remotes = vec![Remote { addresses: zones, ports: self.ports(fleet, None) }];
        if *claim == Claim::Allow {
            remotes.extend(classes.iter().map(|class| {
                let members = || class.members.iter().filter(|member| is_one_of(to, class, member));
                let addresses = || members().flat_map(|member| member.addresses(network));
                let addresses = FAMILIES.map(|family| single(family, addresses()));
                Remote { addresses, ports: self.ports(fleet, Some(class)) }
            }));
        }
        remotes.retain(|remote| remote.addresses.iter().any(|addresses| !addresses.is_empty()));
        remotes
    }

    /// What comes in that is meant at a node.
    fn inward(&self, fleet: &Fleet<'_>, class: &Class, member: &Member) -> Vec<Region> {
        let ports = self.ports(fleet, Some(class));
        self.flows((Direction::In, Field::Src, Field::Iif), member, &self.from, ports.as_deref())
    }

    /// What goes out that is meant at a node.
    fn outward(&self, member: &Member) -> Vec<Region> {
        let of = |remote: &Remote| {
            let Remote { addresses, ports } = remote;
            self.flows((Direction::Out, Field::Dst, Field::Oif), member, addresses, ports.as_deref())
        };
        self.to.iter().flat_map(of).collect()
    }

    /// Without the node's own addresses.
    fn flows(
        &self,
        (direction, remote, interface): (Direction, Field, Field),
        member: &Member,
        addresses: &[Ranges; 2],
        ports: Option<&[PortRange]>,
    ) -> Vec<Region> {
        let new = CT_STATES.iter().position(|state| *state == CtState::New).unwrap_or_default();
        let base = Region::of(direction)
            .with(Field::Ct, Ranges::one(new as u128))
            .with(interface, self.interfaces.clone());
        let of_family = |(family, addresses): (Family, &Ranges)| {
            let others = without(addresses, &single(family, member.addresses(None)));
            if others.is_empty() {
                return Vec::new();
            }
            to_ports(&base.clone().family(family).with(remote, others), family, ports)
        };
        let flows = FAMILIES.into_iter().zip(addresses).flat_map(of_family);
        flows.map(|region| self.as_it_begins(region)).collect()
    }

    fn as_it_begins(&self, region: Region) -> Region {
        const SYN: u128 = 0x02;
        if self.assertion.claim == Claim::Allow && region.kind == Some(Kind::Tcp) {
            return region.with(Field::TcpFlags, Ranges::one(SYN));
        }
        region
    }

    /// Its ports at a class of nodes; those of roles where it is none that serves.
    fn ports(&self, fleet: &Fleet<'_>, class: Option<&Class>) -> Option<Vec<PortRange>> {
        let of = |ports: &Ports| match ports {
            Ports::Range(range) => vec![*range],
            Ports::Service(role, name) => {
                let role = fleet.basis.catalogue.roles.get(role);
                let found = role.and_then(|role| {
                    let position = role.services.iter().position(|service| service.name == *name)?;
                    let service = &role.services[position];
                    Some(match class {
                        Some(class) => class.me.ports_of(role, position, service),
                        None => service.ports.clone(),
                    })
                });
                found.unwrap_or_default()
            }
        };
        Some(self.assertion.ports.as_ref()?.iter().flat_map(of).collect())
    }
}

/// Whether a node is among some ends.
fn is_one_of(ends: &[End], class: &Class, member: &Member) -> bool {
    let Class { me, is_this, .. } = class;
    ends.iter().any(|end| end.has(&member.name, *is_this, |role| me.roles.contains(role)))
}

fn without(all: &Ranges, own: &Ranges) -> Ranges {
    if own.and(all).is_empty() { all.clone() } else { all.and(&own.complement(u128::MAX)) }
}

/// What is asked of one class of nodes.
struct Asking<'c> {
    class: &'c Class,
    questions: Vec<Asked>,
    regions: Vec<Region>,
}

struct Asked {
    assertion: usize,
    member: usize,
    direction: Direction,
    /// The flows that are meant, by their places among the regions; and those of the node's own addresses, which
    /// make the better witness.
    flows: Range<usize>,
    own: Range<usize>,
}

impl<'c> Asking<'c> {
    fn of(ready: &[Ready<'_>], fleet: &Fleet<'_>, class: &'c Class) -> Asking<'c> {
        let mut asking = Asking { class, questions: Vec::new(), regions: Vec::new() };
        for (number, ready) in ready.iter().enumerate() {
            let Assertion { from, to, .. } = ready.assertion;
            asking.ask(number, Direction::In, to, |member| ready.inward(fleet, class, member));
            asking.ask(number, Direction::Out, from, |member| ready.outward(member));
        }
        asking
    }

    /// Of two members, as what is left out for each is its own: together they answer for all.
    fn ask(
        &mut self,
        assertion: usize,
        direction: Direction,
        here: &[End],
        flows: impl Fn(&Member) -> Vec<Region>,
    ) {
        let class = self.class;
        let members = class.members.iter().enumerate();
        for (number, member) in members.filter(|(_, member)| is_one_of(here, class, member)).take(2) {
            let flows = flows(member);
            if flows.is_empty() {
                continue;
            }
            let from = self.regions.len();
            self.regions.extend(flows);
            let to = self.regions.len();
            self.regions.extend(own_ends(direction, member));
            let (flows, own) = (from..to, to..self.regions.len());
            self.questions.push(Asked { assertion, member: number, direction, flows, own });
        }
    }

    fn answer(
        &self,
        ready: &[Ready<'_>],
        ruleset: &Ruleset,
        environment: &Environment,
        told: &mut impl FnMut(Broken, &Ruleset, &Environment),
    ) -> Result<(), TooLarge> {
        let mut broken: BTreeMap<(usize, Direction), Broken> = BTreeMap::new();
        let directions: Vec<Direction> = [Direction::In, Direction::Out]
            .into_iter()
            .filter(|direction| self.questions.iter().any(|asked| asked.direction == *direction))
            .collect();
        let sources = [Source::Ruleset(ruleset)];
        let question =
            Question { sources: &sources, regions: &self.regions, environment, directions: &directions };
        study(question, |mut study| {
            let direction = study.shape.direction;
            for asked in self.questions.iter().filter(|asked| asked.direction == direction) {
                let claim = ready[asked.assertion].assertion.claim;
                let Some((fault, witness)) = wrong(&mut study, claim, asked) else { continue };
                let key = (asked.assertion, asked.direction);
                // What is sure is told rather than what may be.
                if broken.get(&key).is_none_or(|known| fault < known.fault) {
                    let node = self.class.members[asked.member].clone();
                    broken.insert(key, Broken { assertion: asked.assertion, fault, node, witness });
                }
            }
        })?;
        broken.into_values().for_each(|broken| told(broken, ruleset, environment));
        Ok(())
    }
}

fn own_ends(direction: Direction, member: &Member) -> [Region; 2] {
    let field = if direction == Direction::In { Field::Dst } else { Field::Src };
    let own = |family| single(family, member.addresses(None));
    FAMILIES.map(|family| Region::of(direction).family(family).with(field, own(family)))
}

/// A flow that is not as claimed.
fn wrong(study: &mut Study, claim: Claim, asked: &Asked) -> Option<(Fault, Flow)> {
    let any = |study: &mut Study, range: &Range<usize>| {
        range.clone().fold(Space::NONE, |all, at| study.or(all, study.regions[at]))
    };
    let (meant, own) = (any(study, &asked.flows), any(study, &asked.own));
    let (may_pass, surely) = (study.fates[0].accept, study.surely(0));
    let (all, sure, faults) = match claim {
        Claim::Deny => {
            let (all, sure) = (study.and(meant, may_pass), study.and(meant, surely));
            (all, sure, [Fault::Open, Fault::MayOpen])
        }
        Claim::Allow => {
            let (all, sure) = (study.without(meant, surely), study.without(meant, may_pass));
            (all, sure, [Fault::Closed, Fault::MayClose])
        }
    };
    let (fault, space) = if sure.is_empty() { (faults[1], all) } else { (faults[0], sure) };
    let to_own = study.and(space, own);
    let witness = study.witness(to_own).or_else(|| study.witness(space))?;
    Some((fault, witness))
}
