//! What keeps the operator's way in where nothing else does: the lesser rulesets of a revision, and what
//! closes the host now.
//! Not here: loading either.
//!
//! Each file has a checksum of its own, so that damage to the confirmed revision is not damage to these. That
//! `panic.rules` is there says that the host is to be closed, at boot too.

use super::artefact::{Artefact, Stage, header, read, remove, revision_of};
use super::{Store, write_atomically};
use crate::failure::{Failure, file_failure};
use rolewall_control::{Change, Revision, frame};
use rolewall_kernel::nft::batch;
use rolewall_policy::lower::{closed, table_id};
use rolewall_policy::{Plan, lower};
use rolewall_ruleset::{Generation, Transaction};
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
    fn encode(&self) -> Result<Vec<u8>, Failure> {
        let id = table_id();
        encode(self.revision, &Change::load(&id, None, &self.fallback).closing(None, &self.panic).visible())
    }
}

fn encode(revision: Revision, transaction: &Transaction<'_>) -> Result<Vec<u8>, Failure> {
    let batch = batch::encode(transaction).map_err(Failure::from)?;
    Ok([header(revision, &batch).into_bytes(), batch].concat())
}

impl Store {
    fn closed_path(&self, stage: Stage) -> PathBuf {
        self.path(match stage {
            Stage::Candidate => "candidate.closed",
            Stage::Confirmed => "confirmed.closed",
        })
    }

    /// Beside the revision's own file.
    pub(crate) fn write_closed(&self, stage: Stage, closed: &Closed) -> Result<(), Failure> {
        write_atomically(&self.closed_path(stage), &[&closed.encode()?])
    }

    /// The same where the file says something else.
    pub(crate) fn keep_closed(&self, closed: &Closed) -> Result<(), Failure> {
        let path = self.closed_path(Stage::Confirmed);
        let bytes = closed.encode()?;
        if fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        write_atomically(&path, &[&bytes])
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
        let bytes = encode(revision, &Change::panic(&table_id(), None, panic).visible())?;
        write_atomically(&self.panic_path(), &[&bytes])
    }

    pub(crate) fn forget_panic(&self) -> Result<(), Failure> {
        remove(&self.panic_path())
    }
}
