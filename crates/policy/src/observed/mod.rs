//! What a host's configuration files and sockets say that it serves, side by side, by role and service.
//! Not here: reading them (crate `evidence`), and what the inventory says ([`crate::plan::Me`]).
//!
//! Who says what is simple, and the same everywhere:
//!
//! - The inventory says which roles a node has. Without an inventory, what listens does: a known process on
//!   a port that its role or its own configuration names. (With no host to look at, its files alone.)
//! - The ports of a service are those that the inventory writes; else those that the configuration of its
//!   programs says; else those of the vendor's files for the whole cluster; else the role's defaults.
//! - Of several configured ports those count that the role knows, so that a further site of a web server is
//!   not opened because it is there; where the role knows none of them, the service has moved, and all count.
//! - Where a program's files were understood in part only, its role's defaults count beside what they say.
//! - Sockets add no port that the role does not know. They confirm, or contradict; and where one of a role's
//!   processes listens on a port that the role itself names, that counts beside what files say, since not
//!   every program's files are read. The ssh server is the exception: sites move it, and a
//!   firewall that shuts it locks its operator out, so that its ports are those of its file and its sockets.

mod conflicts;
mod pair;
mod ports;
mod says;

pub use conflicts::{Conflict, Facts, conflicts};
pub use ports::Configured;
pub use says::{By, Says, says};

use crate::plan::{NODE, SSH};
use crate::{Catalogue, PortRange, Proto, RoleName, Service};
use rolewall_evidence::{Endpoint, Found, Listening, Reach, Transport, sockets};
use std::collections::{BTreeMap, BTreeSet};

/// A role and one of its services.
pub type Key = (RoleName, String);

/// Everything that is served, as far as it was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Endpoints of configuration files, with the sockets that confirm them; then the other sockets.
    pub endpoints: Vec<Observation>,
    /// What the configuration says of each service's ports.
    pub configured: BTreeMap<Key, Configured>,
    /// What the vendor's files say of the ports of the whole cluster's services.
    pub told: BTreeMap<Key, Configured>,
    /// Services that are reachable from outside on this host, by what listens, with their ports.
    pub served: BTreeMap<Key, Vec<PortRange>>,
    /// Ports of the ssh server.
    pub ssh: Vec<PortRange>,
    /// Whether the live host's sockets were looked at.
    pub is_live: bool,
}

/// One endpoint and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The endpoint, with the evidence of files and of sockets.
    pub endpoint: Endpoint,
    /// Whether a configuration file says so.
    pub is_configured: bool,
    /// Whether a socket says so; none where the sockets were not looked at, or come and go (media).
    pub is_listening: Option<bool>,
    /// The services that it is: none if no role knows it, several where roles share a program.
    pub serves: Vec<Key>,
}

impl Observation {
    /// Whether others than this host can reach it, by its address alone.
    pub fn is_reachable(&self) -> bool {
        self.endpoint.address.reach() != Reach::Loopback
    }

    /// Whether it is a port that a container publishes: packets to it are forwarded before any socket of this
    /// host, or rule for it, sees them.
    pub fn is_published(&self) -> bool {
        self.endpoint.purpose == Some("published") || sockets::is_publisher(&self.endpoint.service)
    }

    /// The service that it is to a node with these roles; to any node the first one.
    pub fn service_of(&self, has_role: impl Fn(&RoleName) -> bool) -> Option<&Key> {
        let mine = self.serves.iter().find(|(role, _)| role.0 == NODE || has_role(role));
        mine.or_else(|| self.serves.first())
    }
}

/// Holds files and sockets against each other; `sockets` is none where the live host was not looked at.
pub fn observe(catalogue: &Catalogue, found: &Found, sockets: Option<&[Listening]>) -> Observed {
    let listening = sockets.map(sockets::endpoints);
    let endpoints = pair::pair(catalogue, &found.endpoints, listening.as_deref());
    let mut observed = Observed { is_live: sockets.is_some(), ..Observed::default() };
    observed.configured = ports::configured(catalogue, &endpoints, &half_read(found));
    ports::add_heard(&mut observed.configured, &endpoints);
    observed.told = ports::told(catalogue, &found.peers);
    for observation in endpoints.iter().filter(|o| o.is_reachable()) {
        observed.take_ssh(observation);
        observed.take_served(catalogue, observation);
    }
    observed.endpoints = endpoints;
    observed
}

/// Programs whose files hold more than was understood.
fn half_read(found: &Found) -> BTreeSet<&'static str> {
    let unresolved = found.unresolved.iter().filter(|u| !u.is_random).map(|unresolved| unresolved.service);
    unresolved.chain(found.troubles.iter().map(|trouble| trouble.service)).collect()
}

impl Observed {
    fn take_ssh(&mut self, observation: &Observation) {
        let range = PortRange::of(&observation.endpoint);
        let is_ssh = observation.serves.iter().any(|(role, service)| role.0 == NODE && service == SSH);
        if is_ssh && !self.ssh.contains(&range) {
            self.ssh.push(range);
        }
    }

    /// What is open to others: what listens, or with no host to look at, what is configured to.
    fn take_served(&mut self, catalogue: &Catalogue, observation: &Observation) {
        let is_there = observation.is_listening.unwrap_or(!self.is_live && observation.is_configured);
        for key in observation.serves.iter().filter(|(role, _)| is_there && role.0 != NODE) {
            let Some(service) = service(catalogue, key) else { continue };
            let by_process = || service.processes.iter().any(|p| pair::is_of(&observation.endpoint, p));
            let counts = self.configured.get(key).is_none_or(|c| {
                !observation.is_configured || c.ports.contains(&PortRange::of(&observation.endpoint))
            });
            if !service.media && by_process() && counts {
                let ports = self.served.entry(key.clone()).or_default();
                if !ports.contains(&PortRange::of(&observation.endpoint)) {
                    ports.push(PortRange::of(&observation.endpoint));
                }
            }
        }
    }
}

pub(crate) fn service<'a>(catalogue: &'a Catalogue, (role, service): &Key) -> Option<&'a Service> {
    catalogue.roles.get(role)?.services.iter().find(|s| s.name == *service)
}

impl PortRange {
    /// The ports of an endpoint.
    pub fn of(endpoint: &Endpoint) -> PortRange {
        let (first, last) = endpoint.ports;
        PortRange { proto: proto(endpoint.transport), first, last }
    }
}

fn proto(transport: Transport) -> Proto {
    match transport {
        Transport::Tcp => Proto::Tcp,
        Transport::Udp => Proto::Udp,
        Transport::Sctp => Proto::Sctp,
    }
}
