//! The state directory: what was confirmed, what is under test, and who is at work.
//! Not here: what is in force; that is read from the kernel, always.
//!
//! Every file is written whole to a temporary name, synced and renamed; a candidate's is synced before it is promoted,
//! for a power failure would end its test too. The order of a change is: stage the candidate's artefact, change the
//! kernel, promote the artefact. Killed anywhere in between, the kernel says which of the two files is true.

pub(crate) mod artefact;
pub(crate) mod closed;
mod file;
pub(crate) mod lock;
pub(crate) mod saved;

pub(crate) use file::{make_directory, remove_durably, sync_directory, write_atomically};
use file::{make_stay, write_for_now, write_together};

use crate::failure::{Failure, Kind, file_failure};
use crate::host::{Host, STATE};
use rolewall_control::Revision;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::PathBuf;

/// The layout of the directory. A larger number was written by a newer program.
const FORMAT: u32 = 1;

/// What the kernel cannot tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notes {
    format: u32,
    /// The highest number given out.
    pub(crate) last_revision: u32,
    /// The operator took our table away, and it stays away.
    #[serde(default)]
    pub(crate) disabled: bool,
    /// The connection that the running test was started over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<String>,
    /// Where the firewall before the test was saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) saved: Option<PathBuf>,
    /// Tables of others that sleep while what is confirmed is in force, as `family name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) asleep: Vec<String>,
    /// Those that the running test put to sleep besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) asleep_by_test: Vec<String>,
    /// Nodes that the confirmed inventory had.
    #[serde(default)]
    pub(crate) nodes: usize,
    /// Nodes that the inventory under test has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nodes_under_test: Option<usize>,
    /// Addresses of nodes that the confirmed revision knows and the inventory under test has no longer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) left_by_test: Vec<IpAddr>,
    /// What stood in for the inventory's database when the last `apply` found it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stand_in: Option<String>,
}

impl Notes {
    /// The test has become what is confirmed.
    pub(crate) fn confirm(&mut self, nodes: usize) {
        self.forget_test();
        self.nodes = nodes;
        self.disabled = false;
        self.asleep.append(&mut self.asleep_by_test);
    }

    /// No test is running. Tables that it put to sleep are another matter: they may sleep on.
    pub(crate) fn forget_test(&mut self) {
        self.session = None;
        self.nodes_under_test = None;
        self.left_by_test.clear();
    }

    fn text(&self) -> Result<Vec<u8>, Failure> {
        let notes = Notes { format: FORMAT, ..self.clone() };
        serde_json::to_vec_pretty(&notes).map_err(|e| Failure::new(Kind::Bug, e))
    }

    /// The number of the next candidate, above any that the kernel holds.
    pub(crate) fn next_revision(&self, held: impl Iterator<Item = Revision>) -> Revision {
        held.chain([Revision(self.last_revision)]).max().unwrap_or(Revision(0)).next()
    }
}

/// The state directory of a host.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    directory: PathBuf,
}

impl Store {
    pub(crate) fn of(host: &Host) -> Store {
        Store { directory: host.path(STATE) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Makes the directory where it is missing, for its owner alone.
    pub(crate) fn create(&self) -> Result<(), Failure> {
        make_directory(&self.directory, 0o700).map_err(|e| file_failure("make", &self.directory, &e))
    }

    /// The notes; the default where there are none yet.
    pub(crate) fn notes(&self) -> Result<Notes, Failure> {
        let path = self.notes_path();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Notes::default()),
            Err(e) => return Err(file_failure("read", &path, &e)),
        };
        let notes: Notes = serde_json::from_slice(&text).map_err(|e| {
            Failure::host(format_args!("{} is damaged: {e}", path.display())).help(format_args!(
                "move it away: mv {0} {0}.bad\n      what is in force stays; lost is whether it was disabled, and which tables of others we put to sleep",
                path.display()
            ))
        })?;
        if notes.format > FORMAT {
            let what =
                format!("{} was written by a newer rolewall (format {})", path.display(), notes.format);
            return Err(Failure::new(Kind::Host, what).help("use that version, or newer"));
        }
        Ok(notes)
    }

    /// For good, and with them every name that was given in this directory before.
    pub(crate) fn write_notes(&self, notes: &Notes) -> Result<(), Failure> {
        write_atomically(&self.notes_path(), &[&notes.text()?])
    }

    fn notes_path(&self) -> PathBuf {
        self.path("notes.json")
    }
}
