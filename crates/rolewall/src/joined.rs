//! Nodes that joined or left since the last revision, as a journal beside its artefact.
//! Not here: the commands that write it.
//!
//! One line an event, so that a join costs the same whatever the size of the cluster. A line that was cut
//! off by a crash is not believed, and the kernel did not hear of it either: the line comes first.

use crate::failure::{Failure, Kind, file_failure};
use crate::state::Store;
use crate::state::artefact::{Artefact, checksum};
use rolewall_control::Revision;
use rolewall_ruleset::{Element, Set};
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

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

/// Appends one event, synced.
pub(crate) fn append(store: &Store, revision: Revision, event: &Event) -> Result<(), Failure> {
    let path = path(store, revision);
    let text = serde_json::to_string(event).map_err(|e| Failure::new(Kind::Bug, e))?;
    let line = format!("{} {text}\n", checksum(text.as_bytes()));
    let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    let written = opened.and_then(|mut file| file.write_all(line.as_bytes()).and_then(|()| file.sync_data()));
    written.map_err(|e| file_failure("write", &path, &e))
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

/// The events since a revision was confirmed.
pub(crate) fn events(store: &Store, revision: Revision) -> Result<Vec<Event>, Failure> {
    let path = path(store, revision);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(file_failure("read", &path, &e)),
    };
    Ok(text.lines().filter_map(event).collect())
}

fn event(line: &str) -> Option<Event> {
    let (sum, text) = line.split_once(' ')?;
    if checksum(text.as_bytes()) != sum {
        return None;
    }
    serde_json::from_str(text).ok()
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
