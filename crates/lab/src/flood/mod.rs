//! A steady flood of numbered datagrams between two hosts, and which of them did not arrive.
//! Not here: why; whatever is between the hosts is measured with it.

mod ends;

use crate::host::Host;
use ends::{Incoming, Outgoing, Progress, Received, Sent};
use rolewall_kernel::NetNsError;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloodSpec {
    /// An address of the receiving host, and a port that nothing else there has.
    pub to: SocketAddr,
    /// An address of the sending host.
    pub from: IpAddr,
    /// Datagrams a second.
    pub rate_pps: u32,
    /// For how long.
    pub duration: Duration,
    /// Of one flow, or each of its own.
    pub flows: Flows,
}

/// Whether connection tracking sees one flow, or new ones all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flows {
    /// All from one source port.
    One,
    /// Each from another source port, through a raw socket.
    Fresh,
}

/// A flood on its way; stopped when dropped.
#[derive(Debug)]
pub struct Flood {
    progress: Arc<Progress>,
    sender: Option<JoinHandle<Sent>>,
    receiver: Option<JoinHandle<Received>>,
}

/// What came of a flood. Datagram `n` was sent about `n / rate_pps` seconds after the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FloodReport {
    /// Datagrams that were numbered.
    pub sent: u64,
    /// Those of them that the sender's own kernel refused to send, as a drop in its output hook does.
    pub refused: u64,
    /// Those that arrived, each counted once.
    pub received: u64,
    /// Those that arrived again.
    pub repeated: u64,
    /// The numbers that did not arrive, in runs.
    pub missing: Vec<RangeInclusive<u64>>,
    /// Those that arrived and for which the receiving socket had no room: the lab's own fault.
    pub overflowed: u64,
    /// From the first to the last that was sent.
    pub took: Duration,
}

/// Why a flood could not be started.
#[derive(Debug, thiserror::Error)]
pub enum FloodError {
    /// A host's namespace could not be entered.
    #[error("host {host}: {source}")]
    NetNs {
        /// The host.
        host: String,
        /// Why.
        source: NetNsError,
    },
    /// A socket or thread was refused.
    #[error("host {host}: {doing} for a flood to {to}: {source}")]
    Open {
        /// The host.
        host: String,
        /// What was being done.
        doing: &'static str,
        /// Where it should go.
        to: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl Host {
    /// Starts a flood from this host to `receiver`.
    pub fn flood(&self, receiver: &Host, spec: &FloodSpec) -> Result<Flood, FloodError> {
        let spec = *spec;
        let incoming = opened(receiver, &spec, "opening the receiving socket", || Incoming::open(spec.to))?;
        let outgoing = opened(self, &spec, "opening the sending socket", || Outgoing::open(&spec))?;
        Flood::start(incoming, outgoing, spec).map_err(|source| FloodError::Open {
            host: self.name().to_owned(),
            doing: "starting threads",
            to: spec.to,
            source,
        })
    }
}

impl Flood {
    fn start(incoming: Incoming, outgoing: Outgoing, spec: FloodSpec) -> io::Result<Flood> {
        let progress = Arc::new(Progress::default());
        let (for_sender, for_receiver) = (Arc::clone(&progress), Arc::clone(&progress));
        let receiver = thread("lab-flood-in", move || incoming.run(&spec, &for_receiver))?;
        let mut flood = Flood { progress, sender: None, receiver: Some(receiver) };
        flood.sender = Some(thread("lab-flood-out", move || outgoing.run(&spec, &for_sender))?);
        Ok(flood)
    }

    /// Waits for its end, and gives what came of it.
    pub fn wait(mut self) -> FloodReport {
        let sent = joined(self.sender.take());
        let received = joined(self.receiver.take());
        FloodReport::of(&sent, &received)
    }

    /// Ends it now, and gives what came of it.
    pub fn stop(self) -> FloodReport {
        self.progress.stop.store(true, Ordering::Relaxed);
        self.wait()
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.progress.stop.store(true, Ordering::Relaxed);
        // The receiver waits for this, which a sender that never started does not say.
        if self.sender.is_none() {
            self.progress.sent_all.store(true, Ordering::Relaxed);
        }
        let _ = self.sender.take().map(JoinHandle::join);
        let _ = self.receiver.take().map(JoinHandle::join);
    }
}

impl FloodReport {
    /// How many did not arrive.
    pub fn lost(&self) -> u64 {
        self.sent - self.received
    }

    fn of(sent: &Sent, received: &Received) -> FloodReport {
        let seen = |number: u64| usize::try_from(number).is_ok_and(|n| received.seen.get(n) == Some(&true));
        let mut missing: Vec<RangeInclusive<u64>> = Vec::new();
        for number in (0..sent.count).filter(|number| !seen(*number)) {
            match missing.last_mut() {
                Some(run) if *run.end() + 1 == number => *run = *run.start()..=number,
                _ => missing.push(number..=number),
            }
        }
        let lost: u64 = missing.iter().map(|run| run.end() - run.start() + 1).sum();
        FloodReport {
            sent: sent.count,
            refused: sent.refused,
            received: sent.count - lost,
            repeated: received.repeated,
            missing,
            overflowed: received.overflowed,
            took: sent.took,
        }
    }
}

fn opened<T: Send>(
    host: &Host,
    spec: &FloodSpec,
    doing: &'static str,
    open: impl FnOnce() -> io::Result<T> + Send,
) -> Result<T, FloodError> {
    let name = || host.name().to_owned();
    let opened = host.in_namespace(open).map_err(|source| FloodError::NetNs { host: name(), source })?;
    opened.map_err(|source| FloodError::Open { host: name(), doing, to: spec.to, source })
}

fn thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

/// What a thread gave; a panic in it goes on here.
fn joined<T: Default>(thread: Option<JoinHandle<T>>) -> T {
    let join = |thread: JoinHandle<T>| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    thread.map(join).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_numbers_are_given_in_runs() {
        let sent = Sent { count: 8, ..Sent::default() };
        let seen = vec![true, false, false, true, true, false, true, false, true];
        let report = FloodReport::of(&sent, &Received { seen, ..Received::default() });
        assert_eq!(report.missing, [1..=2, 5..=5, 7..=7]);
        assert_eq!((report.received, report.lost()), (4, 4));
    }
}
