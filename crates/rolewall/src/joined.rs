//! Nodes that joined or left since the last revision, as a journal beside its artefact.
//! Not here: the commands that write it.
//!
//! One line an event, so that a join costs the same whatever the size of the cluster. A line that was cut
//! off by a crash is not believed, and the kernel did not hear of it either: the line comes first. Each
//! line names the artefact that it amends: `apply` may write another one of the same revision, and be killed
//! before it has taken the journal away.

use crate::failure::{Failure, Kind, file_failure};
use crate::state::artefact::{Artefact, Stage, checksum};
use crate::state::{Store, sync_directory};
use rolewall_control::Revision;
use rolewall_ruleset::{Element, Set};
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// So much of a checksum tells two artefacts of one revision apart.
const DIGITS: usize = 16;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) node: String,
    pub(crate) way: Way,
    /// Sets by name, with the address.
    pub(crate) elements: Vec<(String, IpAddr)>,
}

/// Which way a node went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    Joined,
    Left,
}

fn path(store: &Store, revision: Revision) -> PathBuf {
    store.path(&format!("joined.{revision}"))
}

/// The artefact that a journal amends, by the first digits of its checksum. Killed while it confirmed, a
/// command left the revision in force in the candidate's file, which keeps its content when it is promoted.
fn amended(store: &Store, revision: Revision) -> Option<String> {
    let mut stages = [Stage::Confirmed, Stage::Candidate].into_iter();
    let stage = stages.find(|stage| store.artefact_revision(*stage) == Some(revision))?;
    store.artefact_checksum(stage)?.get(..DIGITS).map(str::to_owned)
}

/// Appends one event, synced.
pub(crate) fn append(store: &Store, revision: Revision, event: &Event) -> Result<(), Failure> {
    let amended = amended(store, revision).ok_or_else(|| {
        Failure::host(format_args!("no file in {} holds revision {revision}", store.path("").display()))
            .help("rolewall apply --final --rebuild")
    })?;
    let event = serde_json::to_string(event).map_err(|e| Failure::new(Kind::Bug, e))?;
    let text = format!("{amended} {event}");
    let line = format!("{} {text}\n", checksum(text.as_bytes()));
    let path = path(store, revision);
    append_line(&path, &line).map_err(|e| file_failure("write", &path, &e))
}

/// After a line that was cut off begins a new one.
fn append_line(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let mut last = [b'\n'];
    let is_new = file.metadata()?.len() == 0;
    if !is_new {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let separator = if last == *b"\n" { "" } else { "\n" };
    file.write_all(format!("{separator}{line}").as_bytes())?;
    file.sync_data()?;
    if is_new { sync_directory(path) } else { Ok(()) }
}

/// How long the journal is, in bytes.
pub(crate) fn length(store: &Store, revision: Revision) -> u64 {
    fs::metadata(path(store, revision)).map_or(0, |meta| meta.len())
}

/// Takes back what was appended since the journal was so long: the kernel refused it. The opposite event
/// would not do, for it would also take away what was there before.
pub(crate) fn cut_back(store: &Store, revision: Revision, length: u64) -> Result<(), Failure> {
    let path = path(store, revision);
    let opened = OpenOptions::new().write(true).open(&path);
    let cut = match opened {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened.and_then(|file| file.set_len(length).and_then(|()| file.sync_data())),
    };
    cut.map_err(|e| file_failure("write", &path, &e))
}

/// The events since a revision was confirmed, or its artefact was last written.
pub(crate) fn events(store: &Store, revision: Revision) -> Result<Vec<Event>, Failure> {
    let path = path(store, revision);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(file_failure("read", &path, &e)),
    };
    let Some(amended) = amended(store, revision) else { return Ok(Vec::new()) };
    Ok(String::from_utf8_lossy(&bytes).lines().filter_map(|line| event(line, &amended)).collect())
}

fn event(line: &str, amended: &str) -> Option<Event> {
    let (sum, text) = line.split_once(' ')?;
    if checksum(text.as_bytes()) != sum {
        return None;
    }
    let (of, event) = text.split_once(' ')?;
    if of == amended { serde_json::from_str(event).ok() } else { None }
}

/// The artefact as it is after all events.
pub(crate) fn replay(store: &Store, mut artefact: Artefact) -> Result<Artefact, Failure> {
    for event in events(store, artefact.revision)? {
        for (name, address) in &event.elements {
            if let Some(set) = artefact.table.sets.iter_mut().find(|s| s.name == *name) {
                take(set, event.way, *address);
            }
        }
    }
    Ok(artefact)
}

fn take(set: &mut Set, way: Way, address: IpAddr) {
    let element = element(address);
    set.elements.retain(|e| e.key != element.key);
    if way == Way::Joined {
        set.elements.push(element);
    }
}

/// An address as a set of addresses holds it.
pub(crate) fn element(address: IpAddr) -> Element {
    match address {
        IpAddr::V4(a) => Element::key(&a.octets()),
        IpAddr::V6(a) => Element::key(&a.octets()),
    }
}

/// Takes the journals away, but that of one revision.
pub(crate) fn forget_all_but(store: &Store, kept: Option<Revision>) {
    let Ok(entries) = fs::read_dir(store.path("")) else { return };
    let kept = kept.map(|revision| path(store, revision));
    for path in entries.filter_map(|e| Some(e.ok()?.path())) {
        let is_journal = path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with("joined."));
        if is_journal && Some(&path) != kept.as_ref() {
            let _ = fs::remove_file(path);
        }
    }
}
