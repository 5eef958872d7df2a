//! Which roles a host's endpoints are evidence of: by process name and port together.
//! Not here: seeing the endpoints (crate `evidence`).
//!
//! A port alone is no evidence: nothing is opened only because something happens to listen there. A
//! process alone is not either: a web server on a port that no role knows serves something else. The ssh
//! server is the exception: sites move it, and a firewall that shuts it locks its operator out.

use crate::plan::{NODE, SSH};
use crate::{Catalogue, PortRange, Proto, Role, RoleName, Service};
use rolewall_evidence::{Endpoint, Reach, Transport};
use std::collections::BTreeMap;

/// What a host serves, as its endpoints tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recognised {
    /// For each endpoint, by position: its role and service; none if no role knows it.
    pub endpoints: Vec<Option<(RoleName, String)>>,
    /// Services that are reachable from outside, with the ports on which they are.
    pub served: BTreeMap<(RoleName, String), Vec<PortRange>>,
    /// Ports on which an ssh server listens.
    pub ssh: Vec<PortRange>,
}

/// Matches endpoints with the catalogue.
pub fn recognise(catalogue: &Catalogue, endpoints: &[Endpoint]) -> Recognised {
    let mut result = Recognised::default();
    for endpoint in endpoints {
        let found = find(catalogue, endpoint).map(|(role, s)| (role.name.clone(), s.name.clone()));
        if let Some(service) = found.as_ref().filter(|_| endpoint.address.reach() != Reach::Loopback) {
            let ports = if service.0.0 == NODE && service.1 == SSH {
                &mut result.ssh
            } else {
                result.served.entry(service.clone()).or_default()
            };
            if !ports.contains(&range(endpoint)) {
                ports.push(range(endpoint));
            }
        }
        result.endpoints.push(found);
    }
    result
}

/// The role and service whose process and port these are. Where several have the process (Erlang's
/// `beam.smp` is both queue and jabber), the port decides.
fn find<'a>(catalogue: &'a Catalogue, endpoint: &Endpoint) -> Option<(&'a Role, &'a Service)> {
    let port = range(endpoint);
    let is_at_home =
        |role: &Role, s: &Service| has_port(s, port) || is_ssh(role, s) && port.proto == Proto::Tcp;
    let serves = |role: &Role, s: &Service| is_process(s, &endpoint.service) && is_at_home(role, s);
    let in_role =
        |role: &'a Role| role.services.iter().find(|s| serves(role, s)).map(|service| (role, service));
    catalogue.roles.values().find_map(in_role)
}

/// An ssh server is one wherever it listens: many sites move it, and it is the way in.
fn is_ssh(role: &Role, service: &Service) -> bool {
    role.name.0 == NODE && service.name == SSH
}

fn is_process(service: &Service, name: &str) -> bool {
    service.processes.iter().any(|p| p == name)
}

/// A port of its own, not one of its media: those come and go with calls.
fn has_port(service: &Service, port: PortRange) -> bool {
    let known = service.ports.iter().chain(&service.also);
    !service.media
        && known.into_iter().any(|r| r.proto == port.proto && r.first <= port.first && port.last <= r.last)
}

fn range(endpoint: &Endpoint) -> PortRange {
    let proto = match endpoint.transport {
        Transport::Tcp => Proto::Tcp,
        Transport::Udp => Proto::Udp,
        Transport::Sctp => Proto::Sctp,
    };
    PortRange { proto, first: endpoint.ports.0, last: endpoint.ports.1 }
}
