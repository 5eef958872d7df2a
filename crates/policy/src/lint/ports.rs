//! Permits that nothing listens for, and listeners that nobody is let in to.
//! Not here: where a service's files and the role disagree ([`crate::observed`]).

use super::{Finding, Kind};
use crate::observed::Observation;
use crate::plan::Permit;
use crate::verify::intent::values;
use crate::{Observed, Plan, PortRange, Proto};
use rolewall_ruleset::flow::Direction;
use rolewall_ruleset::judge::Environment;
use rolewall_ruleset::space::{
    self, Field, Question, Ranges, Region, Source, TooLarge, interface_values, study,
};
use rolewall_ruleset::{Family, Ruleset};
use std::collections::BTreeSet;

/// A wider range is media's, whose sockets come with calls.
const PORTS_MAX: u16 = 64;

/// Permits for ports on which nothing listens, services one by one.
pub(super) fn without_listener(plan: &Plan, observed: &Observed) -> Vec<Finding> {
    let listening: Vec<PortRange> = listeners(observed).map(|one| PortRange::of(&one.endpoint)).collect();
    let is_idle = |permit: &&Permit| {
        let narrow = permit.ports.iter().all(|range| range.last - range.first < PORTS_MAX);
        narrow && !permit.ports.iter().any(|range| listening.iter().any(|own| own.overlaps(*range)))
    };
    let idle: BTreeSet<(String, String)> = plan.inbound.iter().filter(is_idle).map(named).collect();
    let finding = |(place, ports): (String, String)| Finding {
        kind: Kind::NoListener,
        place,
        what: format!("{ports} is open to its clients, and nothing listens there"),
        help: "start the service, or take the role away from this node".to_owned(),
    };
    idle.into_iter().map(finding).collect()
}

fn named(permit: &Permit) -> (String, String) {
    let ports: Vec<String> = permit.ports.iter().map(ToString::to_string).collect();
    (format!("{} {}", permit.why.role, permit.why.service), ports.join(", "))
}

fn listeners(observed: &Observed) -> impl Iterator<Item = &Observation> {
    observed.endpoints.iter().filter(|one| one.is_listening == Some(true))
}

/// Listeners that can be reached from beyond this host but for the rules, which let no new flow in to them but from
/// trusted networks.
pub(super) fn without_permit(
    plan: &Plan,
    observed: &Observed,
    ruleset: &Ruleset,
    environment: &Environment,
) -> Result<Vec<Finding>, TooLarge> {
    let reachable = listeners(observed).filter(|one| one.is_reachable() && !one.is_published());
    let ports: BTreeSet<PortRange> =
        reachable.map(|one| PortRange::of(&one.endpoint)).filter(|range| range.first == range.last).collect();
    let ports: Vec<PortRange> = ports.into_iter().collect();
    let regions: Vec<Region> = ports.iter().flat_map(|range| new_flows_to(range, plan)).collect();
    let mut is_open = vec![false; ports.len()];
    let sources = [Source::Ruleset(ruleset)];
    let question =
        Question { sources: &sources, regions: &regions, environment, directions: &[Direction::In] };
    study(question, |mut study| {
        let accepted = study.fates[0].accept;
        for (at, region) in study.regions.clone().into_iter().enumerate() {
            is_open[at / FAMILIES.len()] |= !study.and(region, accepted).is_empty();
        }
    })?;
    let closed = ports.iter().zip(is_open).filter(|(_, is_open)| !is_open);
    let finding = |(range, _): (&PortRange, bool)| Finding {
        kind: Kind::NoPermit,
        place: range.to_string(),
        what: "a program listens there for other hosts, and no rule lets anybody in".to_owned(),
        help: "bind it to loopback if it serves this host alone; give this node its role if it serves others"
            .to_owned(),
    };
    Ok(closed.map(finding).collect())
}

/// Both families.
const FAMILIES: [Family; 2] = [Family::Ip, Family::Ip6];

/// New flows to a port, by other hosts that are not trusted: a region for each family.
fn new_flows_to(range: &PortRange, plan: &Plan) -> [Region; 2] {
    let kind = match range.proto {
        Proto::Tcp => space::Kind::Tcp,
        Proto::Udp => space::Kind::Udp,
        Proto::Sctp => space::Kind::Sctp,
    };
    let ports = Ranges::span(range.first.into(), range.last.into());
    let others = interface_values(&["lo"]).complement(u128::MAX);
    let new = Region::of(Direction::In).kind(kind).with(Field::Ct, Ranges::one(0));
    let to_port = new.with(Field::Dport, ports).with(Field::Iif, others);
    FAMILIES.map(|family| {
        let strangers = values(family, &plan.trusted).complement(u128::MAX);
        to_port.clone().family(family).with(Field::Src, strangers)
    })
}
