//! Probes: one question of a host to an address, asked with real packets, and what came of it.
//! Not here: how many are asked at once ([`mod@engine`]).

mod engine;
mod icmp;
mod question;

use crate::host::Host;
use rolewall_kernel::NetNsError;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub use engine::Pace;

/// How long an answer is waited for where nothing else is said. Within a lab one takes well under a
/// millisecond; the first repetition of a SYN comes after 1 s (RFC 6298).
const TIMEOUT: Duration = Duration::from_millis(300);

/// A question: does something answer at that address, asked from here?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    kind: Kind,
    to: IpAddr,
    from: Option<IpAddr>,
    source_port: Option<u16>,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A TCP handshake with that port, then a reset.
    Tcp(u16),
    /// A datagram to that port, which is expected back.
    Udp(u16),
    /// An echo request of ICMP or ICMPv6, with the source port as its identifier.
    Ping,
}

/// What came of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The handshake was completed, or the echo came back.
    Open,
    /// A reset, or an ICMP port unreachable.
    Refused,
    /// Another ICMP unreachable, or no route.
    Unreachable(Unreachable),
    /// Nothing within the timeout. A packet that the sender's own firewall drops is this too.
    Silent,
}

/// Why an address was unreachable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unreachable {
    /// Administratively prohibited: ICMP type 3 code 9, 10 or 13, ICMPv6 type 1 code 1, 5 or 6.
    Prohibited,
    /// Another code of ICMP type 3, or of ICMPv6 type 1.
    Icmp(u8),
    /// No route or no neighbour, said by this host's own kernel.
    NoRoute,
}

/// An outcome with its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shot {
    /// What came of it.
    pub outcome: Outcome,
    /// When the probe was sent, counted from the start of the batch.
    pub at: Duration,
    /// How long the answer took; the timeout where there was none.
    pub took: Duration,
}

/// Why a probe could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The host's namespace could not be entered.
    #[error("host {host}: {source}")]
    NetNs {
        /// The host.
        host: String,
        /// Why.
        source: NetNsError,
    },
    /// A source address of the other family than the destination's.
    #[error("host {host}: {probe}: source and destination are of different families")]
    Families {
        /// The host.
        host: String,
        /// The probe.
        probe: Probe,
    },
    /// The system's no: a source address that the host does not have, a source port in use.
    #[error("host {host}: {probe}: {doing}: {source}")]
    Send {
        /// The host.
        host: String,
        /// The probe.
        probe: Probe,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The loop that waits for answers failed.
    #[error("host {host}: waiting for the answers to probes: {source}")]
    Wait {
        /// The host.
        host: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Probe {
    /// A TCP handshake with a port; when it is done, the connection is reset.
    pub fn tcp(to: IpAddr, port: u16) -> Probe {
        Probe::new(Kind::Tcp(port), to)
    }

    /// A datagram to a port that is served by [`Host::serve`].
    pub fn udp(to: IpAddr, port: u16) -> Probe {
        Probe::new(Kind::Udp(port), to)
    }

    /// An echo request.
    pub fn ping(to: IpAddr) -> Probe {
        Probe::new(Kind::Ping, to)
    }

    /// Sends it from this address, which must be the host's.
    #[must_use]
    pub fn from(mut self, source: IpAddr) -> Probe {
        self.from = Some(source);
        self
    }

    /// Sends it from this port; for a ping this is the identifier.
    #[must_use]
    pub fn source_port(mut self, port: u16) -> Probe {
        self.source_port = Some(port);
        self
    }

    fn new(kind: Kind, to: IpAddr) -> Probe {
        Probe { kind, to, from: None, source_port: None }
    }

    /// Where it goes; port 0 for a ping, which has none.
    fn destination(&self) -> SocketAddr {
        let (Kind::Tcp(port) | Kind::Udp(port)) = self.kind else { return SocketAddr::new(self.to, 0) };
        SocketAddr::new(self.to, port)
    }
}

impl Host {
    /// Sends one probe, and waits for what comes of it: 300 ms at most.
    pub fn probe(&self, probe: &Probe) -> Result<Outcome, ProbeError> {
        self.probe_within(probe, TIMEOUT)
    }

    /// Sends one probe, and waits for at most `timeout`.
    pub fn probe_within(&self, probe: &Probe, timeout: Duration) -> Result<Outcome, ProbeError> {
        let shots = self.probe_paced(std::slice::from_ref(probe), Pace::AtOnce, timeout)?;
        Ok(shots[0].outcome)
    }

    /// Sends all probes at once, and gives their outcomes in order: thousands of silent ones take little
    /// more than one timeout of 300 ms.
    pub fn probe_all(&self, probes: &[Probe]) -> Result<Vec<Outcome>, ProbeError> {
        self.probe_all_within(probes, TIMEOUT)
    }

    /// Sends all probes at once, and waits for each at most `timeout`.
    pub fn probe_all_within(&self, probes: &[Probe], timeout: Duration) -> Result<Vec<Outcome>, ProbeError> {
        let shots = self.probe_paced(probes, Pace::AtOnce, timeout)?;
        Ok(shots.into_iter().map(|shot| shot.outcome).collect())
    }

    /// Sends probes at a pace, and gives their outcomes with their times, in order.
    pub fn probe_paced(
        &self,
        probes: &[Probe],
        pace: Pace,
        timeout: Duration,
    ) -> Result<Vec<Shot>, ProbeError> {
        let host = self.name();
        let shots = self.in_namespace(|| engine::run(host, probes, pace, timeout));
        shots.map_err(|source| ProbeError::NetNs { host: host.to_owned(), source })?
    }

    /// A TCP handshake with a port: [`Probe::tcp`].
    pub fn tcp_connect(&self, to: IpAddr, port: u16) -> Result<Outcome, ProbeError> {
        self.probe(&Probe::tcp(to, port))
    }

    /// A datagram that is expected back: [`Probe::udp`].
    pub fn udp_echo(&self, to: IpAddr, port: u16) -> Result<Outcome, ProbeError> {
        self.probe(&Probe::udp(to, port))
    }

    /// An echo request: [`Probe::ping`].
    pub fn ping(&self, to: IpAddr) -> Result<Outcome, ProbeError> {
        self.probe(&Probe::ping(to))
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Tcp(_) => write!(f, "tcp to {}", self.destination())?,
            Kind::Udp(_) => write!(f, "udp to {}", self.destination())?,
            Kind::Ping => write!(f, "ping to {}", self.to)?,
        }
        self.from.map_or(Ok(()), |from| write!(f, " from {from}"))?;
        self.source_port.map_or(Ok(()), |port| write!(f, " from port {port}"))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Open => f.write_str("open"),
            Outcome::Refused => f.write_str("refused"),
            Outcome::Unreachable(Unreachable::Prohibited) => f.write_str("administratively prohibited"),
            Outcome::Unreachable(Unreachable::Icmp(code)) => write!(f, "unreachable (ICMP code {code})"),
            Outcome::Unreachable(Unreachable::NoRoute) => f.write_str("no route"),
            Outcome::Silent => f.write_str("silent"),
        }
    }
}
