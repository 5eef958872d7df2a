//! The ports of a service as files say them.
//! Not here: which of several sources counts on a node (the rules stand in the module above).

use super::pair::is_wide;
use super::{Key, Observation};
use crate::{Catalogue, PortRange, Service};
use rolewall_evidence::{Evidence, Peer};
use std::collections::{BTreeMap, BTreeSet};

/// Ports of a service, and the lines that say so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configured {
    /// The ports, in the order of the files.
    pub ports: Vec<PortRange>,
    /// Further ports of the same programs, which the role does not know, beside some that it does.
    pub besides: Vec<PortRange>,
    /// Who says so.
    pub evidence: Vec<Evidence>,
}

/// What the configuration of its programs says of each service.
pub(super) fn configured(
    catalogue: &Catalogue,
    endpoints: &[Observation],
    half_read: &BTreeSet<&'static str>,
) -> BTreeMap<Key, Configured> {
    let mut found: BTreeMap<Key, Vec<&Observation>> = BTreeMap::new();
    for observation in endpoints.iter().filter(|o| o.is_configured && o.is_reachable()) {
        for key in &observation.serves {
            found.entry(key.clone()).or_default().push(observation);
        }
    }
    let mut ports = BTreeMap::new();
    for (key, observations) in found {
        if let Some(service) = super::service(catalogue, &key) {
            let mut chosen = chosen(service, &observations);
            // What was not understood may be one of its ports: better open than cut off a role's own.
            if observations.iter().any(|o| half_read.contains(o.endpoint.service.as_str())) {
                service.ports.iter().for_each(|range| add(&mut chosen.ports, *range));
            }
            ports.insert(key, chosen);
        }
    }
    ports
}

fn chosen(service: &Service, observations: &[&Observation]) -> Configured {
    let is_known = |o: &&Observation| service.media || service.knows(PortRange::of(&o.endpoint));
    let (known, unknown): (Vec<&Observation>, Vec<&Observation>) =
        observations.iter().partition(|observation| is_known(observation));
    let (counting, besides) = if known.is_empty() { (unknown, known) } else { (known, unknown) };
    let mut result = Configured::default();
    for observation in counting {
        add(&mut result.ports, PortRange::of(&observation.endpoint));
        result.evidence.extend(observation.endpoint.evidence.iter().cloned());
    }
    besides.iter().for_each(|observation| add(&mut result.besides, PortRange::of(&observation.endpoint)));
    result
}

/// Sockets of a role's processes on ports that the role names, beside what files say of the service.
pub(super) fn add_heard(configured: &mut BTreeMap<Key, Configured>, endpoints: &[Observation]) {
    for observation in endpoints.iter().filter(|o| !o.is_configured && o.is_reachable()) {
        for key in &observation.serves {
            if let Some(configured) = configured.get_mut(key) {
                add(&mut configured.ports, PortRange::of(&observation.endpoint));
                configured.evidence.extend(observation.endpoint.evidence.iter().cloned());
            }
        }
    }
}

fn add(ports: &mut Vec<PortRange>, range: PortRange) {
    if !ports.contains(&range) {
        ports.push(range);
    }
}

/// What files that name servers of the cluster say of their ports. A line for a service that is elsewhere
/// says nothing of this host, but of the port that all of them have.
pub(super) fn told(catalogue: &Catalogue, peers: &[Peer]) -> BTreeMap<Key, Configured> {
    let mut found: BTreeMap<Key, Configured> = BTreeMap::new();
    for peer in peers {
        let port = PortRange { proto: super::proto(peer.transport), first: peer.port, last: peer.port };
        for (role, service) in catalogue.services().filter(|(_, service)| is_named(service, peer)) {
            let key = (role.name.clone(), service.name.clone());
            let told = found.entry(key).or_default();
            add(&mut told.ports, port);
            told.evidence.extend(peer.evidence.iter().cloned());
        }
    }
    found
}

fn is_named(service: &Service, peer: &Peer) -> bool {
    let mut words = service.evidence.iter();
    words.any(|word| word.program == peer.service && word.purpose == peer.purpose)
}

/// The ports of an endpoint that stand for themselves, so that media must keep off them.
pub(super) fn own(observation: &Observation) -> Option<PortRange> {
    (!is_wide(&observation.endpoint)).then_some(PortRange::of(&observation.endpoint))
}
