//! This very program, run as a process of a node, on the node's own files.
//! Not here: what is asked of it.

use super::ended::Ended;
use super::story::Story;
use crate::failure::{Failure, file_failure};
use rolewall_lab::{Finished, Host, HostCommand};
use serde_json::Value;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a command may take. The slowest here takes a few hundred milliseconds where nothing is optimised.
const DONE_WITHIN: Duration = Duration::from_secs(20);

/// The file of this program, held open: it is run even where it has been replaced meanwhile, and where a node's
/// mounts hide its path.
#[derive(Debug)]
pub(super) struct Itself(File);

impl Itself {
    pub(super) fn open() -> Result<Itself, Failure> {
        let path = Path::new("/proc/self/exe");
        File::open(path).map(Itself).map_err(|e| file_failure("read", path, &e))
    }

    /// As a process that is started by this one sees it; it inherits our descriptors until it becomes another.
    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}

/// The program in one node.
#[derive(Debug)]
pub(super) struct Program<'l> {
    host: &'l Host,
    path: PathBuf,
}

impl<'l> Program<'l> {
    pub(super) fn of(host: &'l Host, itself: &Itself) -> Program<'l> {
        Program { host, path: itself.path() }
    }

    /// A command line, on the node's files; outside of any session.
    pub(super) fn command(&self, words: &[&str]) -> HostCommand<'l> {
        let command = self.host.command(&self.path).called("rolewall").timeout(DONE_WITHIN);
        command.arg("--files").arg(self.host.files()).args(words)
    }

    /// A command line as the operator types it: in the session of this connection, the value of SSH_CONNECTION.
    pub(super) fn in_session(&self, words: &[&str], connection: &str) -> HostCommand<'l> {
        self.command(words).env("SSH_CONNECTION", connection)
    }

    /// Runs what must work.
    pub(super) fn done(&self, command: HostCommand<'l>) -> Result<Finished, Ended> {
        let finished = command.run()?;
        if finished.code() == Some(0) {
            return Ok(finished);
        }
        Err(unexpected(&finished))
    }

    /// `rolewall status --json`, from a process of its own.
    pub(super) fn status(&self) -> Result<Value, Ended> {
        let finished = self.command(&["status", "--json"]).run()?;
        serde_json::from_slice(&finished.stdout).map_err(|_| unexpected(&finished))
    }

    /// Where the node stands, as `state` and `revision` of its status.
    pub(super) fn stand(&self) -> Result<(String, Option<u64>), Ended> {
        let status = self.status()?;
        Ok((status["state"].as_str().unwrap_or_default().to_owned(), status["revision"].as_u64()))
    }
}

/// A command that did something else than the story has it do.
pub(super) fn unexpected(finished: &Finished) -> Ended {
    let said = [finished.stdout(), finished.stderr()].concat();
    Ended::NotAsPlanned(format!("{}: {}:\n{}", finished.command, finished.status, said.trim_end()))
}

/// Shows a command line, and what it printed on both streams.
pub(super) fn show(story: &Story, node: &str, words: &[&str], finished: &Finished) {
    story.say(&format!("  {node}# rolewall {}", words.join(" ")));
    story.quote(&finished.stdout());
    story.quote(&finished.stderr());
}
