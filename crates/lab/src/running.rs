//! A command that runs in a host: what it has printed so far, its end, its death.
//! Not here: how it was started ([`crate::HostCommand`]).

use crate::command::{CommandError, Finished, io_error};
use crate::init::Init;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::io::{self, Read};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long output may still come after a command has ended. Only a process that it left behind and that
/// holds its output, or a machine so busy that what was printed is not yet read, makes this time matter.
const OUTPUT_GRACE: Duration = Duration::from_secs(1);

/// A command that runs; killed when dropped, with the processes of its group.
#[derive(Debug)]
pub struct Running {
    command: String,
    child: Child,
    started: Instant,
    stdout: Capture,
    stderr: Capture,
    /// Process 1 of the host cannot be waited for before this child is.
    _init: Arc<Init>,
}

impl Running {
    /// `stdout` is empty where the caller reads it.
    pub(crate) fn new(command: String, mut child: Child, stdout: Capture, init: Arc<Init>) -> Running {
        let stderr = Capture::of(child.stderr.take());
        Running { command, child, started: Instant::now(), stdout, stderr, _init: init }
    }

    /// Its process id, as this process sees it; inside the host it has another.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends it, and the processes of its group, a signal.
    pub fn signal(&mut self, signal: Signal) -> io::Result<()> {
        // A child that was waited for may have passed its number on.
        if !self.is_alive() {
            return Ok(());
        }
        kill_process_group(Pid::from_child(&self.child), signal).map_err(io::Error::from)
    }

    /// What it has printed so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it has printed so far as errors.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until it has printed `text`, on stdout or stderr.
    pub fn wait_for(&mut self, text: &str, timeout: Duration) -> Result<(), CommandError> {
        let deadline = Instant::now() + timeout;
        loop {
            let ended = !self.is_alive();
            if self.stdout().contains(text) || self.stderr().contains(text) {
                return Ok(());
            }
            if ended {
                return Err(self.ended_early());
            }
            if Instant::now() >= deadline {
                return Err(self.timed_out(timeout));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for its end; kills it if that does not come within `timeout`.
    pub fn wait(mut self, timeout: Duration) -> Result<Finished, CommandError> {
        let ended = await_exit(&mut self.child, timeout);
        let Some(status) = ended.map_err(|source| io_error(&self.command, "waiting for it", source))? else {
            return Err(self.timed_out(timeout));
        };
        let took = self.started.elapsed();
        let grace = Instant::now() + OUTPUT_GRACE;
        let (stdout, stderr) = (self.stdout.finish(grace), self.stderr.finish(grace));
        Ok(Finished { command: std::mem::take(&mut self.command), status, stdout, stderr, took })
    }

    fn ended_early(&mut self) -> CommandError {
        let command = self.command.clone();
        let status = match self.child.wait() {
            Ok(status) => status,
            Err(source) => return CommandError::Io { command, doing: "waiting for it", source },
        };
        let grace = Instant::now() + OUTPUT_GRACE;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (stdout, stderr) = (text(self.stdout.finish(grace)), text(self.stderr.finish(grace)));
        CommandError::Failed { command, status, stdout, stderr }
    }

    fn timed_out(&self, timeout: Duration) -> CommandError {
        let (stdout, stderr) = (self.stdout(), self.stderr());
        CommandError::Timeout { command: self.command.clone(), timeout, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}

/// What a pipe has brought so far, read by a thread of its own that ends with the pipe.
#[derive(Debug, Clone, Default)]
pub(crate) struct Capture(Arc<Mutex<Captured>>);

#[derive(Debug, Default)]
struct Captured {
    bytes: Vec<u8>,
    ended: bool,
}

impl Capture {
    pub(crate) fn of(pipe: Option<impl Read + Send + 'static>) -> Capture {
        let capture = Capture::default();
        let Some(pipe) = pipe else { return capture };
        let filled = capture.clone();
        std::thread::spawn(move || filled.fill(pipe));
        capture
    }

    fn fill(&self, mut pipe: impl Read) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            self.lock().bytes.extend_from_slice(&buffer[..count]);
        }
        self.lock().ended = true;
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).into_owned()
    }

    /// All that comes until the pipe ends, or until `deadline`.
    fn finish(&self, deadline: Instant) -> Vec<u8> {
        while !self.lock().ended && Instant::now() < deadline {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::mem::take(&mut self.lock().bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Captured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The exit status, or nothing if `timeout` passes first.
fn await_exit(child: &mut Child, timeout: Duration) -> io::Result<Option<ExitStatus>> {
    // A child that was waited for may have passed its number on.
    if let Some(status) = child.try_wait()? {
        return Ok(Some(status));
    }
    let exit = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        wait_readable(&exit, left)?;
    }
}

/// Waits until there is something to read, or until `timeout` has passed.
pub(crate) fn wait_readable(fd: &impl std::os::fd::AsFd, timeout: Duration) -> io::Result<bool> {
    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
    match poll(&mut fds, Some(&timeout)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
