//! A command for a host: its network, processes, mounts and files; with a timeout, its output captured.
//! Not here: which commands; and no shell is put between.

use crate::host::Host;
use crate::init::{Init, InitError};
use crate::ip::tool_path;
use crate::running::{Capture, Running};
use rustix::fs::{MemfdFlags, memfd_create};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// How long a command may take where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(10);

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
    /// It ended with something other than success ([`Finished::ok`]), or too early ([`Running::wait_for`]).
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
        let stdout = Capture::of(child.stdout.take());
        Ok(Running::new(line, child, stdout, init))
    }

    /// Starts it, and leaves its stdin and stdout to the caller.
    pub(crate) fn spawn_piped(mut self) -> Result<(Running, ChildStdin, ChildStdout), CommandError> {
        let command = self.line();
        let (mut child, init) = self.start(Stdio::piped())?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let running = Running::new(command, child, Capture::default(), init);
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

/// Input in memory: no thread is needed that writes it to a pipe while the command may print.
fn prepared_input(input: Vec<u8>) -> io::Result<Stdio> {
    let mut file = File::from(memfd_create("stdin", MemfdFlags::CLOEXEC)?);
    file.write_all(&input)?;
    file.rewind()?;
    Ok(Stdio::from(OwnedFd::from(file)))
}

pub(crate) fn io_error(command: &str, doing: &'static str, source: io::Error) -> CommandError {
    CommandError::Io { command: command.to_owned(), doing, source }
}
