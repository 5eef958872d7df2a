//! Power that fails: what was not synced is lost, and the kernel forgets every table.
//! Not here: a killed process, whose writes Linux keeps ([`super::matrix`]).
//!
//! What a file system may lose is found from the calls that the program made: the content of a file that was written
//! and not synced since, and what became of names in a directory that was not synced since.

use super::calls::Call;
use super::judge::{OUTCOMES, Outcome, hold};
use super::stage::Stage;
use super::steps::{Known, STEPS};
use super::support::can_run;
use super::support::program::{Program, described};
use super::tracer::{Fault, trace};
use super::view::View;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Files that may come back, or be lost: whoever reads them knows that they are of the past, and a candidate's test
/// ends with the power.
const PASSING: [&str; 3] = ["candidate.", "joined.", "inventory.sql"];

/// What the disk has not been made to keep.
#[derive(Debug, Default)]
struct Unsynced {
    content: BTreeSet<PathBuf>,
    names: BTreeSet<PathBuf>,
    /// Names that were given to content that was not synced.
    early: Vec<PathBuf>,
}

impl Unsynced {
    /// After these calls.
    fn after(calls: &[Call], root: &Path) -> Unsynced {
        let mut unsynced = Unsynced::default();
        let done = calls.iter().filter(|call| call.result >= 0);
        done.for_each(|call| unsynced.take(call, root));
        unsynced
    }

    fn take(&mut self, call: &Call, root: &Path) {
        let paths: Vec<PathBuf> = call.paths.iter().map(PathBuf::from).collect();
        let Some(path) = paths.first().filter(|path| path.starts_with(root)) else { return };
        let is_state = !path.starts_with(root.join("tmp"));
        match call.name {
            "openat" if call.creates && is_state => drop(self.names.insert(path.clone())),
            "mkdir" => drop(self.names.insert(path.clone())),
            "write" | "ftruncate" if is_state => drop(self.content.insert(path.clone())),
            "fsync" | "fdatasync" => {
                self.content.remove(path);
                self.names.retain(|name| name.parent() != Some(path));
            }
            "rename" => {
                // What was there is gone, and what was written is under another name.
                self.content.remove(&paths[1]);
                if self.content.remove(path) {
                    self.early.push(paths[1].clone());
                    self.content.insert(paths[1].clone());
                }
                self.names.remove(path);
                self.names.insert(paths[1].clone());
            }
            "unlink" if !self.names.remove(path) => drop(self.names.insert(path.clone())),
            _ => {}
        }
    }
}

fn is_passing(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name == "lock" || PASSING.iter().any(|passing| name.starts_with(passing))
}

#[test]
fn a_command_that_says_done_has_left_nothing_that_a_power_failure_could_take() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let root = stage.node().files();
    for step in STEPS {
        let known = step.learn(&stage);
        let Unsynced { content, names, early } = Unsynced::after(&known.calls, root);
        let lost: Vec<&PathBuf> =
            content.iter().chain(&names).chain(&early).filter(|p| !is_passing(p)).collect();
        assert!(lost.is_empty(), "{}: {lost:?}", step.name);
    }
}

/// The state directory and the inventory, by path.
fn image(stage: &Stage) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in ["etc", "var"] {
        super::stage::collect(&stage.directory().join(folder), &mut found);
    }
    found
}

/// Takes from the disk what was not synced; what was deleted is there again.
fn lose(stage: &Stage, unsynced: &Unsynced, before: &BTreeMap<PathBuf, Vec<u8>>) {
    let seen = |path: &Path| stage.directory().join(path.strip_prefix(stage.node().files()).unwrap());
    for path in &unsynced.content {
        let _ = fs::OpenOptions::new().write(true).open(seen(path)).and_then(|file| file.set_len(0));
    }
    for path in unsynced.names.iter().map(|path| seen(path)) {
        match before.get(&path) {
            Some(content) => fs::write(&path, content).unwrap(),
            None if path.is_dir() => fs::remove_dir_all(&path).unwrap(),
            None => drop(fs::remove_file(&path)),
        }
    }
}

/// Calls after which a disk may hold something else than before.
fn changes(call: &Call) -> bool {
    call.creates
        || matches!(call.name, "write" | "fsync" | "fdatasync" | "rename" | "unlink" | "mkdir" | "ftruncate")
}

/// How many calls of a step change what is on disk.
pub(crate) fn moments(known: &Known) -> usize {
    known.calls.iter().filter(|call| changes(call)).count()
}

/// Power fails after the n-th of them: what was confirmed before or after comes up, and nothing else.
pub(crate) fn fails_after(stage: &Stage, known: &Known, moment: usize) -> Result<Option<Outcome>, String> {
    let Some((at, call)) = known.calls.iter().enumerate().filter(|(_, call)| changes(call)).nth(moment)
    else {
        return Ok(None);
    };
    known.step.begin(stage);
    let before = image(stage);
    let traced = trace(stage.node(), known.step.arguments, Fault::Kill(at + 1));
    let calls = &traced.calls[..traced.calls.len().min(at + 1)];
    lose(stage, &Unsynced::after(calls, stage.node().files()), &before);
    stage.forget();
    let booted = stage.node().run(&["boot"]);
    let words = || {
        format!("{}: after {} {}: {}", known.step.name, call.name, call.paths.join(" "), described(&booted))
    };
    hold(booted.code() == Some(0), words)?;
    let view = View::of(&stage.held());
    let position = known.places.iter().position(|place| place.view.without_test().ours() == view);
    let position = position.ok_or_else(words)?;
    let status = stage.node().run(&["status"]);
    hold(status.code() == Some(0), || format!("{}{}", words(), described(&status)))?;
    Ok(Some(OUTCOMES[position]))
}
