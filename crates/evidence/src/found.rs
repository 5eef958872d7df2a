//! What was found in files: endpoints, unix sockets, peers, and what could not be told.
//! Not here: finding it.

use crate::text::Place;
use crate::{Address, Endpoint, Evidence, Kind, Transport};
use std::fmt;
use std::net::IpAddr;

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// What the services would open: one entry a program, protocol, address and port range.
    pub endpoints: Vec<Endpoint>,
    /// Sockets in the file system: no network reaches them.
    pub unix: Vec<UnixSocket>,
    /// Whom this host's services are clients of.
    pub peers: Vec<Peer>,
    /// What a file says in words that only another machine, or a running process, can resolve.
    pub unresolved: Vec<Unresolved>,
    /// What could not be read or understood; the rest was.
    pub troubles: Vec<Trouble>,
}

/// A socket in the file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixSocket {
    /// The program that opens it.
    pub service: &'static str,
    /// Where.
    pub path: String,
    /// Who says so.
    pub evidence: Vec<Evidence>,
}

/// A server that a service of this host is told to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The program whose file it is.
    pub service: &'static str,
    /// What it is used for, in the words of [`Endpoint::purpose`].
    pub purpose: &'static str,
    /// As it is written.
    pub host: String,
    /// The addresses that the host stands for, as far as this host's own files tell.
    pub addresses: Vec<IpAddr>,
    /// Its protocol.
    pub transport: Transport,
    /// Its port.
    pub port: u16,
    /// Who says so.
    pub evidence: Vec<Evidence>,
}

/// A value that is not known here, and is not guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved {
    /// The program whose file it is.
    pub service: &'static str,
    /// What is not known.
    pub what: String,
    /// Linux picks it anew at each start, so that no file could tell it: it is none of a role's own ports.
    pub is_random: bool,
    /// Where it stands.
    pub evidence: Vec<Evidence>,
}

/// Something that was not read or not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The program whose file it is.
    pub service: &'static str,
    /// `/path:line`, or the file.
    pub source: String,
    /// What is wrong, and what was expected.
    pub what: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trouble { service, source, what } = self;
        write!(f, "{source}: {service}: {what}")
    }
}

/// A socket that a service would open, on its way to become an [`Endpoint`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    transport: Transport,
    address: Address,
    ports: (u16, u16),
    purpose: &'static str,
    tls: Option<bool>,
    evidence: Vec<Evidence>,
}

impl Listener {
    /// TCP at one port. The purpose is the protocol spoken, in one word (`sip`, `http`, `amqp`): the role
    /// catalogue refers to it.
    pub fn tcp(address: impl Into<Address>, port: u16, purpose: &'static str) -> Listener {
        Listener::at(Transport::Tcp, address, (port, port), purpose)
    }

    /// UDP at one port.
    pub fn udp(address: impl Into<Address>, port: u16, purpose: &'static str) -> Listener {
        Listener::at(Transport::Udp, address, (port, port), purpose)
    }

    /// Any protocol, at first and last port.
    pub fn at(
        transport: Transport,
        address: impl Into<Address>,
        ports: (u16, u16),
        purpose: &'static str,
    ) -> Listener {
        let address = address.into();
        Listener { transport, address, ports, purpose, tls: None, evidence: Vec::new() }
    }

    /// Whether the first byte on it is TLS's. Left unsaid where that is not a question (UDP, media) or where
    /// a plain connection may turn into TLS (STARTTLS).
    #[must_use]
    pub fn tls(mut self, is_tls: bool) -> Listener {
        self.tls = Some(is_tls);
        self
    }

    /// A line that says so. Several lines may say it together.
    #[must_use]
    pub fn said(mut self, place: &Place) -> Listener {
        let evidence = place.evidence(Kind::Config);
        if !self.evidence.contains(&evidence) {
            self.evidence.push(evidence);
        }
        self
    }

    /// The service's own default, because the file says nothing else: which one, in words.
    #[must_use]
    pub fn by_default(mut self, place: &Place, text: impl Into<String>) -> Listener {
        self.evidence.push(place.clone().saying(text).evidence(Kind::Default));
        self
    }
}

/// What makes two listeners of one program the same socket.
pub(crate) type Socket = (Transport, Address, (u16, u16));

/// Lines that are kept of one endpoint: a person reads a few.
const EVIDENCE_MAX: usize = 32;

impl Listener {
    pub(crate) fn socket(&self) -> Socket {
        (self.transport, self.address, self.ports)
    }

    /// As the first one of its socket.
    pub(crate) fn into_endpoint(self, service: &str) -> Endpoint {
        let Listener { transport, address, ports, purpose, tls, mut evidence } = self;
        evidence.truncate(EVIDENCE_MAX);
        let (service, purpose) = (service.to_owned(), Some(purpose));
        Endpoint { service, purpose, transport, address, ports, tls, evidence }
    }

    /// As one more that says so.
    pub(crate) fn join(self, known: &mut Endpoint) {
        // One that speaks TLS makes the socket a TLS socket.
        known.tls = known.tls.max(self.tls);
        for one in self.evidence {
            if known.evidence.len() < EVIDENCE_MAX && !known.evidence.contains(&one) {
                known.evidence.push(one);
            }
        }
    }
}

impl Found {
    /// Takes in what another program's files said.
    pub(crate) fn extend(&mut self, other: Found) {
        let Found { endpoints, unix, peers, unresolved, troubles } = other;
        self.endpoints.extend(endpoints);
        self.unix.extend(unix);
        self.peers.extend(peers);
        self.unresolved.extend(unresolved);
        self.troubles.extend(troubles);
    }
}
