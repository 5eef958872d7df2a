//! Endpoints of configuration files and the sockets that confirm them, in pairs.
//! Not here: what either is evidence of for a node.

use super::{Key, Observation};
use crate::plan::is_ssh;
use crate::{Catalogue, PortRange, Proto, Role, Service};
use rolewall_evidence::{Address, Endpoint, Evidence, Kind, programs};
use std::net::IpAddr;

/// A range wider than this is one of media: its sockets come and go with calls.
const OWN_PORTS_MAX: u16 = 64;

/// Every configured endpoint with its sockets, then the sockets that none of them covers.
pub(super) fn pair(
    catalogue: &Catalogue,
    configured: &[Endpoint],
    listening: Option<&[Endpoint]>,
) -> Vec<Observation> {
    let mut observations: Vec<Observation> =
        configured.iter().map(|endpoint| from_file(catalogue, endpoint, listening)).collect();
    for socket in listening.unwrap_or_default() {
        if !configured.iter().any(|file| covers(file, socket)) {
            observations.push(from_socket(catalogue, socket));
        }
    }
    observations
}

fn from_file(catalogue: &Catalogue, file: &Endpoint, listening: Option<&[Endpoint]>) -> Observation {
    let mut endpoint = file.clone();
    let mine = || listening.unwrap_or_default().iter().filter(|socket| meets(file, socket));
    let is_listening = if is_wide(file) {
        endpoint.evidence.extend(counted(mine().count()));
        None
    } else {
        endpoint.evidence.extend(mine().flat_map(|socket| socket.evidence.iter().cloned()));
        listening.map(|_| mine().next().is_some())
    };
    let serves = by_word(catalogue, file);
    Observation { endpoint, is_configured: true, is_listening, serves }
}

fn from_socket(catalogue: &Catalogue, socket: &Endpoint) -> Observation {
    let serves = by_process(catalogue, socket).into_iter().collect();
    Observation { endpoint: socket.clone(), is_configured: false, is_listening: Some(true), serves }
}

fn counted(sockets: usize) -> Option<Evidence> {
    let text = || format!("{sockets} sockets are bound in this range now");
    (sockets > 0).then(|| Evidence { kind: Kind::Socket, source: "sockets".into(), text: text() })
}

/// The services whose words name this program and protocol.
fn by_word(catalogue: &Catalogue, file: &Endpoint) -> Vec<Key> {
    let names = |service: &Service| {
        let mut words = service.evidence.iter();
        words.any(|word| word.program == file.service && Some(word.purpose.as_str()) == file.purpose)
    };
    let found = catalogue.services().filter(|(_, service)| names(service));
    found.map(|(role, service)| (role.name.clone(), service.name.clone())).collect()
}

/// The role and service whose process and port these are. Where several have the process (Erlang's
/// `beam.smp` is both queue and jabber), the port decides. A port alone is no evidence, and a process alone
/// is not either: a web server on a port that no role knows serves something else.
fn by_process(catalogue: &Catalogue, socket: &Endpoint) -> Option<Key> {
    let port = PortRange::of(socket);
    // A port of its own, not one of its media: those come and go with calls.
    let has_port = |s: &Service| !s.media && s.knows(port);
    let is_at_home = |role: &Role, s: &Service| has_port(s) || is_ssh(role, s) && port.proto == Proto::Tcp;
    let serves = |role: &Role, s: &Service| s.processes.contains(&socket.service) && is_at_home(role, s);
    let mut services = catalogue.services();
    services
        .find(|(role, service)| serves(role, service))
        .map(|(role, service)| (role.name.clone(), service.name.clone()))
}

/// Whether an endpoint, of a file or of a socket, is this process's.
pub(super) fn is_of(endpoint: &Endpoint, process: &str) -> bool {
    match endpoint.purpose {
        None => endpoint.service == process,
        Some(_) => is_program(&endpoint.service, process),
    }
}

/// Whether a process is that program.
pub(super) fn is_program(program: &str, process: &str) -> bool {
    programs::find(program).is_some_and(|program| program.processes.contains(&process))
}

pub(super) fn is_wide(endpoint: &Endpoint) -> bool {
    endpoint.ports.1 - endpoint.ports.0 > OWN_PORTS_MAX
}

/// Whether this socket is one that the file speaks of, by program, port and address. A process that may not
/// be seen is believed to be it.
fn meets(file: &Endpoint, socket: &Endpoint) -> bool {
    // The ports come first: of a host with thousands of sockets, they leave a few to look at.
    has_ports(file, socket)
        && overlaps(file.address, socket.address)
        && (socket.service.is_empty() || is_program(&file.service, &socket.service))
}

/// Whether nothing of the socket is outside of what the file says.
fn covers(file: &Endpoint, socket: &Endpoint) -> bool {
    meets(file, socket) && holds(file.address, socket.address)
}

fn has_ports(file: &Endpoint, socket: &Endpoint) -> bool {
    file.transport == socket.transport && file.ports.0 <= socket.ports.0 && socket.ports.1 <= file.ports.1
}

/// Whether some packet can reach both.
pub(super) fn overlaps(one: Address, other: Address) -> bool {
    holds(one, other) || holds(other, one)
}

/// Whether every packet to the second can reach the first.
fn holds(outer: Address, inner: Address) -> bool {
    match (outer, inner) {
        (Address::Every, _) => true,
        (_, Address::Every) => false,
        (Address::One(outer), Address::One(inner)) => {
            outer == inner || outer.is_unspecified() && is_same_family(outer, inner)
        }
    }
}

fn is_same_family(one: IpAddr, other: IpAddr) -> bool {
    one.is_ipv4() == other.is_ipv4()
}
