//! A command in a host: its network, processes, mounts and files; with a timeout, its output captured.
//! Not here: which commands; and no shell is put between.

use crate::host::Host;
use crate::init::{Init, InitError};
use crate::ip::tool_path;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a command may take where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long output may still come after a command has ended. Only a process that it left behind and that
/// holds its output makes this time matter.
const OUTPUT_GRACE: Duration = Duration::from_millis(200);

/// Variables that tell of the session in which this process runs, which is no session of the host.
const SESSION_VARIABLES: [&str; 4] = ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "SSH_AUTH_SOCK"];

/// A command to be run in a host.
///
/// It gets our environment without the variables of an ssh session, `/` as its directory, and nothing on
/// stdin. `PATH` ends with the directories of system tools.
#[derive(Debug)]
pub struct HostCommand<'h> {
    host: &'h Host,
    command: Command,
    stdin: Option<Vec<u8>>,
    timeout: Duration,
}

/// A command that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The host and the command line, for messages.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it printed as errors.
    pub stderr: Vec<u8>,
    /// From start to end.
    pub took: Duration,
}

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

/// Why a command did not run, or not as wanted.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The host could not be entered.
    #[error("{command}: {source}")]
    Init {
        /// The host and the command line.
        command: String,
        /// Why.
        source: InitError,
    },
    /// It could not be started, fed or waited for.
    #[error("{command}: {doing}: {source}")]
    Io {
        /// The host and the command line.
        command: String,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It took too long, and was killed.
    #[error("{command}: not done after {timeout:?}; stdout: {stdout:?}; stderr: {stderr:?}")]
    Timeout {
        /// The host and the command line.
        command: String,
        /// How long it was given.
        timeout: Duration,
        /// What it had printed.
        stdout: String,
        /// What it had printed as errors.
        stderr: String,
    },
    /// It ended with something other than success ([`Finished::ok`]).
    #[error("{command}: {status}; stdout: {stdout:?}; stderr: {stderr:?}")]
    Failed {
        /// The host and the command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it printed.
        stdout: String,
        /// What it printed as errors.
        stderr: String,
    },
}

impl<'h> HostCommand<'h> {
    pub(crate) fn new(host: &'h Host, program: &OsStr) -> HostCommand<'h> {
        let mut command = Command::new(program);
        command.env("PATH", tool_path()).current_dir("/").process_group(0);
        for variable in SESSION_VARIABLES {
            command.env_remove(variable);
        }
        HostCommand { host, command, stdin: None, timeout: TIMEOUT }
    }

    /// An argument more.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Arguments more.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// The name by which the program is called (argv\[0\]).
    #[must_use]
    pub fn called(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.arg0(name);
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// What it reads on stdin.
    #[must_use]
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(input.into());
        self
    }

    /// How long it may take; 10 s where nothing is said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs it to its end, whatever its exit status.
    pub fn run(self) -> Result<Finished, CommandError> {
        let timeout = self.timeout;
        self.spawn()?.wait(timeout)
    }

    /// Starts it.
    pub fn spawn(mut self) -> Result<Running, CommandError> {
        let line = self.line();
        let stdin = self.stdin.take().map_or(Ok(Stdio::null()), prepared_input);
        let stdin = stdin.map_err(|source| io_error(&line, "preparing its input", source))?;
        let (mut child, init) = self.start(stdin)?;
        let (stdout, stderr) = (Capture::of(child.stdout.take()), Capture::of(child.stderr.take()));
        Ok(Running { command: line, child, started: Instant::now(), stdout, stderr, _init: init })
    }

    /// Starts it, and leaves its stdin and stdout to the caller.
    pub(crate) fn spawn_piped(mut self) -> Result<(Running, ChildStdin, ChildStdout), CommandError> {
        let command = self.line();
        let (mut child, init) = self.start(Stdio::piped())?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let stderr = Capture::of(child.stderr.take());
        let started = Instant::now();
        let running = Running { command, child, started, stdout: Capture::default(), stderr, _init: init };
        match (stdin, stdout) {
            (Some(stdin), Some(stdout)) => Ok((running, stdin, stdout)),
            _ => unreachable!("both were asked to be pipes"),
        }
    }

    fn start(&mut self, stdin: Stdio) -> Result<(Child, Arc<Init>), CommandError> {
        let line = self.line();
        let refuse = |source| CommandError::Init { command: line.clone(), source };
        let init = self.host.init().map_err(refuse)?;
        let command = self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let spawned = self.host.in_namespace(|| init.enter().map(|()| command.spawn()));
        let spawned = spawned.map_err(InitError::NetNs).and_then(|entered| entered).map_err(refuse)?;
        Ok((spawned.map_err(|source| io_error(&line, "starting it", source))?, init))
    }

    fn line(&self) -> String {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
        format!("host {}: `{}`", self.host.name(), words.join(" "))
    }
}

impl Finished {
    /// What it printed, if it ended with success.
    pub fn ok(self) -> Result<String, CommandError> {
        if self.status.success() {
            return Ok(self.stdout());
        }
        let (stdout, stderr) = (self.stdout(), self.stderr());
        Err(CommandError::Failed { command: self.command, status: self.status, stdout, stderr })
    }

    /// Its exit code; none if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// What it printed, as text.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// What it printed as errors, as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl Running {
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
            if ended || Instant::now() >= deadline {
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
struct Capture(Arc<Mutex<Captured>>);

#[derive(Debug, Default)]
struct Captured {
    bytes: Vec<u8>,
    ended: bool,
}

impl Capture {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Capture {
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

    fn lock(&self) -> std::sync::MutexGuard<'_, Captured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Input in memory: no thread is needed that writes it to a pipe while the command may print.
fn prepared_input(input: Vec<u8>) -> io::Result<Stdio> {
    let mut file = File::from(memfd_create("stdin", MemfdFlags::CLOEXEC)?);
    file.write_all(&input)?;
    file.rewind()?;
    Ok(Stdio::from(OwnedFd::from(file)))
}

/// The exit status, or nothing if `timeout` passes first.
fn await_exit(child: &mut Child, timeout: Duration) -> io::Result<Option<ExitStatus>> {
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

fn io_error(command: &str, doing: &'static str, source: io::Error) -> CommandError {
    CommandError::Io { command: command.to_owned(), doing, source }
}

