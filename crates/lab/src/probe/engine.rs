//! Many probes of one host at once: one thread, one epoll, an answer or a deadline for each.
//! Not here: what a probe sends and what its answer means.

use super::icmp::Errors;
use super::question::{Asked, Question, SendFailure, ask};
use super::{Outcome, Probe, ProbeError, Shot};
use crate::descriptors::room_for;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// The token of the sockets on which ICMP errors come.
const ERRORS: u64 = u64::MAX;

/// How fast probes are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// All at once, as far as the limit of open descriptors allows.
    AtOnce,
    /// So many a second.
    PerSecond(u32),
}

/// Sends all probes, for a thread inside the namespace, and gives what came of each, in order.
pub(super) fn run(
    host: &str,
    probes: &[Probe],
    pace: Pace,
    timeout: Duration,
) -> Result<Vec<Shot>, ProbeError> {
    let wait_error = |source| ProbeError::Wait { host: host.to_owned(), source };
    let mut batch = Batch::new(host, probes, pace, timeout).map_err(wait_error)?;
    loop {
        batch.launch_due()?;
        if batch.is_done() {
            return Ok(batch.shots.into_iter().flatten().collect());
        }
        let tokens = batch.wait().map_err(wait_error)?;
        tokens.into_iter().try_for_each(|token| batch.settle(token))?;
        batch.expire();
    }
}

/// A batch on its way.
struct Batch<'p> {
    host: &'p str,
    probes: &'p [Probe],
    pace: Pace,
    timeout: Duration,
    started: Instant,
    epoll: OwnedFd,
    errors: Errors,
    /// What tells the echoes of this batch from those of another.
    salt: u64,
    next: usize,
    in_flight_max: usize,
    in_flight: usize,
    questions: Vec<Option<Question>>,
    shots: Vec<Option<Shot>>,
    /// In the order of their deadlines, since all have one timeout.
    sent: VecDeque<(usize, Instant)>,
    sent_at: Vec<Duration>,
}

impl<'p> Batch<'p> {
    fn new(host: &'p str, probes: &'p [Probe], pace: Pace, timeout: Duration) -> io::Result<Batch<'p>> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let errors = Errors::listen()?;
        errors.sockets().try_for_each(|socket| watch(&epoll, socket, ERRORS, epoll::EventFlags::IN))?;
        Ok(Batch {
            host,
            probes,
            pace,
            timeout,
            started: Instant::now(),
            epoll,
            errors,
            salt: RandomState::new().hash_one(0),
            next: 0,
            in_flight_max: room_for(probes.len().min(in_flight_at_most(pace, timeout))),
            in_flight: 0,
            questions: probes.iter().map(|_| None).collect(),
            shots: vec![None; probes.len()],
            sent: VecDeque::new(),
            sent_at: vec![Duration::ZERO; probes.len()],
        })
    }

    fn is_done(&self) -> bool {
        self.next == self.probes.len() && self.in_flight == 0
    }

    /// When the next probe is due; nothing if there is none, or no room for it.
    fn next_due(&self) -> Option<Instant> {
        if self.next == self.probes.len() || self.in_flight >= self.in_flight_max {
            return None;
        }
        Some(match self.pace {
            Pace::AtOnce => self.started,
            Pace::PerSecond(rate) => {
                self.started + Duration::from_secs(1).mul_f64(self.next as f64 / f64::from(rate.max(1)))
            }
        })
    }

    fn launch_due(&mut self) -> Result<(), ProbeError> {
        while self.next_due().is_some_and(|due| due <= Instant::now()) {
            let index = self.next;
            self.next += 1;
            self.launch(index)?;
        }
        Ok(())
    }

    fn launch(&mut self, index: usize) -> Result<(), ProbeError> {
        let probe = &self.probes[index];
        if probe.from.is_some_and(|from| from.is_ipv4() != probe.to.is_ipv4()) {
            return Err(ProbeError::Families { host: self.host.to_owned(), probe: probe.clone() });
        }
        self.sent_at[index] = self.started.elapsed();
        let asked = ask(probe, self.salt.wrapping_add(index as u64), &mut self.errors);
        match asked.map_err(|failure| self.failure(index, failure))? {
            Asked::Known(outcome) => self.record(index, outcome),
            Asked::Open(question) => {
                watch(&self.epoll, &question.socket, index as u64, question.event())
                    .map_err(|source| self.failure(index, ("watching its socket", source)))?;
                self.questions[index] = Some(question);
                self.in_flight += 1;
                self.sent.push_back((index, Instant::now() + self.timeout));
            }
        }
        Ok(())
    }

    /// Waits for an answer, the next deadline or the next probe that is due; gives the answered ones.
    fn wait(&mut self) -> io::Result<Vec<u64>> {
        let deadline = self.sent.front().map(|(_, deadline)| *deadline);
        let wake = [deadline, self.next_due()].into_iter().flatten().min();
        let left = wake.map(|at| at.saturating_duration_since(Instant::now()));
        let left = left.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
        let mut events = Vec::with_capacity(512);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), left.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(events.iter().map(|event| event.data.u64()).collect()),
            Err(error) => Err(error.into()),
        }
    }

    fn settle(&mut self, token: u64) -> Result<(), ProbeError> {
        if token == ERRORS {
            self.errors.collect();
            return Ok(());
        }
        let index = usize::try_from(token).unwrap_or(usize::MAX);
        let Some(question) = self.questions.get(index).and_then(Option::as_ref) else { return Ok(()) };
        let outcome = question.outcome(&mut self.errors);
        if let Some(outcome) = outcome.map_err(|failure| self.failure(index, failure))? {
            self.close(index, outcome);
        }
        Ok(())
    }

    /// Those whose time is over have got no answer.
    fn expire(&mut self) {
        let now = Instant::now();
        while let Some((index, _)) = self.sent.front().filter(|(_, deadline)| *deadline <= now).copied() {
            self.sent.pop_front();
            if let Some(question) = &self.questions[index] {
                let outcome = question.silence(&mut self.errors);
                self.close(index, outcome);
            }
        }
    }

    fn close(&mut self, index: usize, outcome: Outcome) {
        self.questions[index] = None;
        self.in_flight -= 1;
        self.record(index, outcome);
    }

    fn record(&mut self, index: usize, outcome: Outcome) {
        let at = self.sent_at[index];
        let took =
            if outcome == Outcome::Silent { self.timeout } else { self.started.elapsed().saturating_sub(at) };
        self.shots[index] = Some(Shot { outcome, at, took });
    }

    fn failure(&self, index: usize, (doing, source): SendFailure) -> ProbeError {
        ProbeError::Send { host: self.host.to_owned(), probe: self.probes[index].clone(), doing, source }
    }
}

/// How many can be on their way at most: those of one timeout.
fn in_flight_at_most(pace: Pace, timeout: Duration) -> usize {
    match pace {
        Pace::AtOnce => usize::MAX,
        Pace::PerSecond(rate) => (timeout.as_secs_f64() * f64::from(rate)).ceil() as usize + 1,
    }
}

fn watch(epoll: &OwnedFd, socket: impl AsFd, token: u64, events: epoll::EventFlags) -> io::Result<()> {
    Ok(epoll::add(epoll, socket, epoll::EventData::new_u64(token), events)?)
}
