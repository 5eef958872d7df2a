//! What people read after a change: the result on standard output, everything else beside it.
//! Not here: the JSON documents, which each command has for itself.

use super::apply::{Applied, How};
use crate::cut::EndedDocument;
use serde::Serialize;

/// Warnings, and what was or would be cut; on standard error.
pub(crate) fn applied_notes(applied: &Applied) {
    /// Flows that are named; the rest is counted.
    const NAMED_MAX: usize = 10;
    let mut notes = String::new();
    for warning in &applied.warnings {
        notes += &format!("warning: {}\n  {}\n", warning.what, warning.help);
    }
    for (session, by) in &applied.cut.sessions {
        notes += &format!("warning: your own session {session} is cut, by {by}\n");
    }
    let flows = &applied.cut.flows;
    if !flows.is_empty() {
        let noun = if flows.len() == 1 { "flow" } else { "flows" };
        notes += &format!("warning: {} live {noun} could not begin again under this ruleset:\n", flows.len());
        for flow in flows.iter().take(NAMED_MAX) {
            notes += &format!("  {flow}\n");
        }
        if flows.len() > NAMED_MAX {
            notes += &format!("  and {} more\n", flows.len() - NAMED_MAX);
        }
    }
    notes += &applied.ended.text();
    // One write: what other processes print does not come in between.
    eprint!("{notes}");
}

/// The result of `apply`, for people.
pub(crate) fn applied(applied: &Applied) -> String {
    let revision = applied.revision;
    let saved = applied
        .saved
        .as_ref()
        .map(|path| format!("what was in force before is saved in {}\n", path.display()));
    let saved = saved.unwrap_or_default();
    match applied.how {
        How::Unchanged => format!("nothing to change: revision {revision} is confirmed and is the plan\n"),
        How::Final => format!("confirmed: revision {revision} is in force\n{saved}"),
        How::Elements { added, deleted } => {
            let amended = amended(added, deleted);
            format!("confirmed: revision {revision} amended, {amended}\n")
        }
        How::Test(window) => format!(
            "test: revision {revision} is in force for {} s; then the kernel itself returns to what was before\n{saved}\
             keep it, from a new connection:  rolewall confirm\ngo back now:                     rolewall revert\n",
            window.as_secs()
        ),
    }
}

/// How many elements came and went.
fn amended(added: usize, deleted: usize) -> String {
    let noun = |count| if count == 1 { "element" } else { "elements" };
    match (added, deleted) {
        (_, 0) => format!("{added} {} added", noun(added)),
        (0, _) => format!("{deleted} {} deleted", noun(deleted)),
        _ => format!("{added} {} added and {deleted} deleted", noun(added)),
    }
}

/// The document of `apply --json`.
#[derive(Debug, Serialize)]
pub(crate) struct AppliedDocument {
    state: &'static str,
    revision: u32,
    changed: bool,
    deadline_s: Option<u64>,
    saved: Option<String>,
    cut: Vec<String>,
    ended: EndedDocument,
    warnings: Vec<String>,
}

impl AppliedDocument {
    pub(crate) fn of(applied: &Applied) -> AppliedDocument {
        let deadline_s = match applied.how {
            How::Test(window) => Some(window.as_secs()),
            _ => None,
        };
        let sessions = applied.cut.sessions.iter().map(|(s, _)| format!("own session {s}"));
        AppliedDocument {
            state: if deadline_s.is_some() { "test" } else { "confirmed" },
            revision: applied.revision.0,
            changed: applied.how != How::Unchanged,
            deadline_s,
            saved: applied.saved.as_ref().map(|p| p.display().to_string()),
            cut: sessions.chain(applied.cut.flows.iter().map(ToString::to_string)).collect(),
            ended: EndedDocument::of(&applied.ended),
            warnings: applied.warnings.iter().map(|w| w.what.clone()).collect(),
        }
    }
}
