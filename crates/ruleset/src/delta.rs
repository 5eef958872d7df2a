//! Comparison of two tables: what is held, and what is wanted.
//! Not here: the operations that lead from one to the other's bytes ([`crate::transaction`]).

use crate::{Element, Table};
use std::fmt;

/// One thing that differs, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where: `chain input`, `set nodes`, `table`.
    pub place: String,
    /// Missing, extra or changed.
    pub kind: DifferenceKind,
    /// What it is, in nft's words where it has them.
    pub what: String,
}

/// How a thing differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// Wanted, not held.
    Missing,
    /// Held, not wanted.
    Extra,
    /// Held otherwise than wanted.
    Changed,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DifferenceKind::Missing => "missing",
            DifferenceKind::Extra => "extra",
            DifferenceKind::Changed => "changed",
        };
        write!(f, "{}: {kind}: {}", self.place, self.what)
    }
}

/// What to add to and delete from one named set or map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetDelta {
    /// The set's name.
    pub set: String,
    /// In `want`, not in `have`.
    pub add: Vec<Element>,
    /// In `have`, not in `want`. An element that changes its data is in both lists: delete first.
    pub delete: Vec<Element>,
}

/// Whether `have` means what `want` means, whatever its handles, counters and remaining lifetimes.
pub fn same(have: &Table, want: &Table) -> bool {
    differences(have, want).is_empty()
}

/// What differs, in words.
pub fn differences(_have: &Table, _want: &Table) -> Vec<Difference> {
    Vec::new()
}

/// The changes of elements that lead from `have` to `want`, if nothing else differs.
pub fn elements_only(_have: &Table, _want: &Table) -> Option<Vec<SetDelta>> {
    None
}
