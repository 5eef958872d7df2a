//! A conversation that ticks: a number is sent every so often, and comes back if packets get through.
//! Not here: over what it runs ([`crate::Host::stream`], [`crate::Login::converse`]).

use crate::running::{Running, wait_readable};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often somebody who waits looks whether a tick was answered.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A conversation that goes on in a thread of its own; closed when dropped.
#[derive(Debug)]
pub struct Conversation {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// The client of it, where it is a process.
    _process: Option<Running>,
}

/// One number that was sent. Times count from the start of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// When it was sent.
    pub sent: Duration,
    /// When it came back; nothing if it has not (yet). TCP repeats what was lost, so after a cut the ticks of
    /// the cut come back late, all at once.
    pub answered: Option<Duration>,
}

/// What a conversation has been so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ticks {
    /// Every tick, in order.
    pub ticks: Vec<Tick>,
    /// When the conversation was over before it was stopped: closed, reset or timed out; and why.
    pub ended: Option<(Duration, String)>,
    /// How long it has been going on.
    pub elapsed: Duration,
}

/// A time in which no tick came back. Times count from the start of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The last answer before it.
    pub from: Duration,
    /// The first answer after it; nothing if none came.
    pub until: Option<Duration>,
}

impl Ticks {
    /// How many ticks came back.
    pub fn answered(&self) -> usize {
        self.ticks.iter().filter(|tick| tick.answered.is_some()).count()
    }

    /// The longest time that a tick took to come back; nothing if none did.
    pub fn slowest(&self) -> Option<Duration> {
        self.ticks.iter().filter_map(|tick| Some(tick.answered? - tick.sent)).max()
    }

    /// The times longer than `at_least` in which no tick came back: when a session was cut, and when it
    /// came back. TCP notices the end of a cut at its next repetition, so `until` is late by up to one
    /// repetition interval: 1 s at most where Linux has `tcp_rto_max_ms`, else as long as the cut was.
    pub fn gaps(&self, at_least: Duration) -> Vec<Gap> {
        let mut answers: Vec<Duration> = self.ticks.iter().filter_map(|tick| tick.answered).collect();
        answers.sort_unstable();
        let from = std::iter::once(Duration::ZERO).chain(answers.iter().copied());
        let until = answers.iter().copied().map(Some).chain(std::iter::once(None));
        let long = |gap: &Gap| gap.until.unwrap_or(self.elapsed).saturating_sub(gap.from) >= at_least;
        from.zip(until).map(|(from, until)| Gap { from, until }).filter(long).collect()
    }
}

impl Conversation {
    /// Starts to tick over `writer`, whose far end sends each line back to `reader`.
    pub(crate) fn start(
        reader: OwnedFd,
        writer: OwnedFd,
        every: Duration,
        process: Option<Running>,
    ) -> io::Result<Conversation> {
        rustix::io::ioctl_fionbio(&writer, true)?;
        rustix::io::ioctl_fionbio(&reader, true)?;
        let shared = Arc::new(Shared::new());
        let talk = Talk {
            shared: Arc::clone(&shared),
            reader: reader.into(),
            writer: writer.into(),
            every,
            line: Vec::new(),
        };
        let thread = std::thread::Builder::new().name("lab-ticks".to_owned()).spawn(move || talk.run())?;
        Ok(Conversation { shared, thread: Some(thread), _process: process })
    }

    /// What it has been so far.
    pub fn ticks(&self) -> Ticks {
        self.shared.snapshot()
    }

    /// Whether a tick that is sent from now on comes back within `timeout`.
    pub fn answers_within(&self, timeout: Duration) -> bool {
        let asked = self.shared.started.elapsed();
        let deadline = Instant::now() + timeout;
        loop {
            let ticks = self.shared.lock();
            if ticks
                .ticks
                .iter()
                .rev()
                .take_while(|tick| tick.sent >= asked)
                .any(|tick| tick.answered.is_some())
            {
                return true;
            }
            if ticks.ended.is_some() || Instant::now() >= deadline {
                return false;
            }
            drop(ticks);
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Ends it, and gives what it was.
    pub fn stop(mut self) -> Ticks {
        self.close();
        self.shared.snapshot()
    }

    fn close(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.close();
    }
}

#[derive(Debug)]
struct Shared {
    started: Instant,
    stop: AtomicBool,
    ticks: Mutex<Ticks>,
}

impl Shared {
    fn new() -> Shared {
        Shared { started: Instant::now(), stop: AtomicBool::new(false), ticks: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Ticks> {
        self.ticks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot(&self) -> Ticks {
        let mut ticks = self.lock().clone();
        ticks.elapsed = self.started.elapsed();
        ticks
    }
}

/// The thread of a conversation.
struct Talk {
    shared: Arc<Shared>,
    reader: File,
    writer: File,
    every: Duration,
    /// A line that has not come whole yet.
    line: Vec<u8>,
}

impl Talk {
    fn run(mut self) {
        let mut next = Instant::now();
        while !self.shared.stop.load(Ordering::Relaxed) {
            if Instant::now() >= next {
                next += self.every;
                self.send();
            }
            // Short enough to hear of a stop soon.
            let left = next.saturating_duration_since(Instant::now()).min(Duration::from_millis(20));
            if let Err(error) = wait_readable(&self.reader, left).and_then(|_| self.receive()) {
                let at = self.shared.started.elapsed();
                self.shared.lock().ended = Some((at, error.to_string()));
                return;
            }
        }
    }

    /// Sends the next number. If there is no room for it, because nothing was acknowledged for long, it
    /// is a tick without an answer all the same.
    fn send(&mut self) {
        let mut ticks = self.shared.lock();
        let number = ticks.ticks.len();
        ticks.ticks.push(Tick { sent: self.shared.started.elapsed(), answered: None });
        drop(ticks);
        // An error here is heard of by reading, too.
        let _ = self.writer.write(format!("{number}\n").as_bytes());
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.reader.read(&mut buffer) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed by the far end")),
                Ok(count) => buffer[..count].iter().for_each(|byte| self.take(*byte)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn take(&mut self, byte: u8) {
        if byte != b'\n' {
            self.line.push(byte);
            return;
        }
        let number = std::str::from_utf8(&self.line).ok().and_then(|line| line.trim().parse::<usize>().ok());
        self.line.clear();
        let at = self.shared.started.elapsed();
        let mut ticks = self.shared.lock();
        if let Some(tick) = number.and_then(|number| ticks.ticks.get_mut(number)) {
            tick.answered.get_or_insert(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn ticks(answers: &[Option<u64>]) -> Ticks {
        let tick = |(i, answered): (u64, &Option<u64>)| Tick { sent: MS(i * 10), answered: answered.map(MS) };
        Ticks { ticks: (0..).zip(answers).map(tick).collect(), ended: None, elapsed: MS(1000) }
    }

    #[test]
    fn a_cut_is_a_gap_with_its_end() {
        let cut = ticks(&[Some(1), Some(11), Some(900), Some(901), Some(902)]);
        assert_eq!(cut.gaps(MS(500)), [Gap { from: MS(11), until: Some(MS(900)) }]);
        assert_eq!(cut.slowest(), Some(MS(880)));
    }

    #[test]
    fn a_cut_that_lasts_has_no_end() {
        let cut = ticks(&[Some(1), None, None]);
        assert_eq!(cut.gaps(MS(500)), [Gap { from: MS(1), until: None }]);
        assert_eq!(ticks(&[]).gaps(MS(500)), [Gap { from: Duration::ZERO, until: None }]);
    }
}
