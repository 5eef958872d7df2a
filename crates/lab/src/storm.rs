//! A storm of TCP connections at a steady rate: how many are made, how fast, and which are not.
//! Not here: how a connection is tried ([`crate::Probe`]).

use crate::host::Host;
use crate::probe::{Outcome, Pace, Probe, ProbeError, Shot};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What storm to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StormSpec {
    /// The served port to connect to.
    pub to: SocketAddr,
    /// The address to connect from; the host's choice where it is not said.
    pub from: Option<IpAddr>,
    /// Connections a second.
    pub rate_per_s: u32,
    /// For how long.
    pub duration: Duration,
    /// How long a handshake may take.
    pub timeout: Duration,
}

/// What came of a storm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StormReport {
    /// Connections that were tried.
    pub attempted: usize,
    /// Those that were made.
    pub opened: usize,
    /// The longest handshake of those.
    pub slowest: Duration,
    /// Those that were not made, with when and why.
    pub failed: Vec<Shot>,
}

impl Host {
    /// Makes a storm, and gives what came of it when it is over; meanwhile other threads may do what is
    /// to be measured.
    pub fn tcp_storm(&self, spec: &StormSpec) -> Result<StormReport, ProbeError> {
        let StormSpec { to, from, rate_per_s, duration, timeout } = *spec;
        let probe = Probe::tcp(to.ip(), to.port());
        let probe = from.map_or(probe.clone(), |from| probe.from(from));
        let count = (duration.as_secs_f64() * f64::from(rate_per_s)).round() as usize;
        let shots = self.probe_paced(&vec![probe; count], Pace::PerSecond(rate_per_s), timeout)?;
        Ok(StormReport::of(shots))
    }
}

impl StormReport {
    fn of(shots: Vec<Shot>) -> StormReport {
        let attempted = shots.len();
        let (opened, failed): (Vec<_>, Vec<_>) =
            shots.into_iter().partition(|shot| shot.outcome == Outcome::Open);
        let slowest = opened.iter().map(|shot| shot.took).max().unwrap_or_default();
        StormReport { attempted, opened: opened.len(), slowest, failed }
    }
}
