//! What keeps the operator's way in where nothing else does: the lesser rulesets of a revision, and what
//! closes the host now.
//! Not here: loading either.
//!
//! Each file has a checksum of its own, so that damage to the confirmed revision is not damage to these. That
//! `panic.rules` is there says that the host is to be closed, at boot too.

use super::artefact::{Artefact, Encoded, Stage, read, remove, revision_of};
use super::{Store, make_stay, write_atomically, write_for_now};
use crate::failure::{Failure, file_failure};
use rolewall_control::{Change, Revision, frame};
use rolewall_policy::lower::{closed, table_id};
use rolewall_policy::{Plan, lower};
use rolewall_ruleset::Generation;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

/// The two lesser rulesets of a plan.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) revision: Revision,
    /// Loaded at boot where the revision cannot be.
    pub(crate) fallback: Generation,
    /// Loaded before everything else while the operator has closed the host.
    pub(crate) panic: Generation,
}

impl Closed {
    pub(crate) fn of(plan: &Plan, revision: Revision) -> Closed {
        let fallback = lower::closed::fallback(plan, &revision.prefix());
        Closed { revision, fallback, panic: closed::panic(plan, frame::PANIC) }
    }

    fn read(artefact: &Artefact) -> Option<Closed> {
        let panic = artefact.panic()?;
        Some(Closed { revision: artefact.revision, fallback: artefact.generation(), panic })
    }

    /// As a host that stands on both: the fallback, and closed.
    pub(crate) fn encode(&self) -> Result<Encoded, Failure> {
        let id = table_id();
        let change = Change::load(&id, None, &self.fallback).closing(None, &self.panic);
        Encoded::of(self.revision, &change.visible())
    }
}

impl Store {
    fn closed_path(&self, stage: Stage) -> PathBuf {
        self.path(match stage {
            Stage::Candidate => "candidate.closed",
            Stage::Confirmed => "confirmed.closed",
        })
    }

    /// Beside the candidate's own file.
    pub(crate) fn stage_closed(&self, closed: &Encoded) -> Result<(), Failure> {
        write_for_now(&self.closed_path(Stage::Candidate), &closed.parts())
    }

    pub(super) fn make_closed_stay(&self) -> Result<(), Failure> {
        let path = self.closed_path(Stage::Candidate);
        if path.exists() { make_stay(&path) } else { Ok(()) }
    }

    /// The same where the file says something else.
    pub(crate) fn keep_closed(&self, closed: &Closed) -> Result<(), Failure> {
        let path = self.closed_path(Stage::Confirmed);
        let file = closed.encode()?;
        if fs::read(&path).is_ok_and(|there| there == file.parts().concat()) {
            return Ok(());
        }
        write_atomically(&path, &file.parts())
    }

    /// Whether a revision was confirmed once.
    pub(crate) fn has_closed(&self) -> bool {
        fs::symlink_metadata(self.closed_path(Stage::Confirmed)).is_ok()
    }

    /// None if there is no such file.
    pub(crate) fn closed(&self, stage: Stage) -> Result<Option<Closed>, Failure> {
        let path = self.closed_path(stage);
        let Some(artefact) = read(&path)? else { return Ok(None) };
        let closed = Closed::read(&artefact);
        closed.map(Some).ok_or_else(|| {
            Failure::host(format_args!("{} is damaged: it does not close the host", path.display()))
                .help("rolewall apply makes a new one from settings and inventory")
        })
    }

    /// The candidate's becomes the confirmed one's. Another candidate may have been staged over it: then what
    /// was confirmed before stays until the next apply.
    pub(super) fn promote_closed(&self) -> Result<(), Failure> {
        let (from, to) = (self.closed_path(Stage::Candidate), self.closed_path(Stage::Confirmed));
        if revision_of(&from) != self.artefact_revision(Stage::Candidate) {
            return Ok(());
        }
        match fs::rename(&from, &to) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(file_failure("rename", &from, &e)),
            _ => Ok(()),
        }
    }

    pub(super) fn discard_closed(&self) -> Result<(), Failure> {
        remove(&self.closed_path(Stage::Candidate))
    }

    fn panic_path(&self) -> PathBuf {
        self.path("panic.rules")
    }

    /// Whether the host is to be closed, whatever the file is worth.
    pub(crate) fn has_panic(&self) -> bool {
        fs::symlink_metadata(self.panic_path()).is_ok()
    }

    /// What closes the host; none where it is not to be closed.
    pub(crate) fn panic(&self) -> Result<Option<Generation>, Failure> {
        let path = self.panic_path();
        let Some(artefact) = read(&path)? else { return Ok(None) };
        artefact.panic().map(Some).ok_or_else(|| {
            Failure::host(format_args!("{} is damaged: it does not close the host", path.display()))
                .help("rolewall panic writes it again")
        })
    }

    pub(crate) fn write_panic(&self, revision: Revision, panic: &Generation) -> Result<(), Failure> {
        let file = Encoded::of(revision, &Change::panic(&table_id(), None, panic).visible())?;
        write_atomically(&self.panic_path(), &file.parts())
    }

    pub(crate) fn forget_panic(&self) -> Result<(), Failure> {
        remove(&self.panic_path())
    }
}
