//! Ordered operations that Linux takes all or none of.
//! Not here: their bytes (crate `kernel`), nor which are needed ([`crate::delta`]).

use crate::{Chain, Element, Rule, Set, Table, TableFlags, TableId};

/// One operation. Borrowed, because a ruleset of a million elements is sent from where it lies.
#[derive(Debug, Clone)]
pub enum Op<'a> {
    /// Create a table, or nothing if it is there. Contents are not sent.
    AddTable(&'a Table),
    /// Delete a table with all that is in it.
    DeleteTable(&'a TableId),
    /// Set a table's flags: put to sleep, wake.
    SetTableFlags(&'a TableId, TableFlags),
    /// Create a chain. Its rules are not sent.
    AddChain(&'a TableId, &'a Chain),
    /// Delete a chain, which must be empty and unreferenced by then.
    DeleteChain(&'a TableId, &'a str),
    /// Append a rule, with the anonymous sets that it holds.
    AddRule(&'a TableId, &'a str, &'a Rule),
    /// Delete a rule by its handle.
    DeleteRule(&'a TableId, &'a str, u64),
    /// Delete all rules of a chain.
    FlushChain(&'a TableId, &'a str),
    /// Create a set or map. Its elements are not sent.
    AddSet(&'a TableId, &'a Set),
    /// Delete a set.
    DeleteSet(&'a TableId, &'a str),
    /// Delete all elements of a set.
    FlushSet(&'a TableId, &'a str),
    /// Add elements. `Create` refuses one that is there.
    AddElements(&'a TableId, &'a Set, &'a [Element], IfThere),
    /// Delete elements; one that is not there, or has expired, refuses the batch.
    DeleteElements(&'a TableId, &'a Set, &'a [Element]),
}

/// What to do about an element that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum IfThere {
    Keep,
    Refuse,
}

/// A batch: all of it takes effect, or nothing.
#[derive(Debug, Clone, Default)]
pub struct Transaction<'a> {
    /// Refused unless the kernel's generation is still this one.
    pub generation: Option<u32>,
    /// In order.
    pub ops: Vec<Op<'a>>,
}

impl std::fmt::Display for Op<'_> {
    /// What the operation would do, in the words in which a refusal names it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Op::AddTable(t) => write!(f, "add table {}", t.id),
            Op::DeleteTable(t) => write!(f, "delete table {t}"),
            Op::SetTableFlags(t, flags) if flags.dormant => write!(f, "put table {t} to sleep"),
            Op::SetTableFlags(t, _) => write!(f, "wake table {t}"),
            Op::AddChain(t, c) => write!(f, "add chain {t} {}", c.name),
            Op::DeleteChain(t, c) => write!(f, "delete chain {t} {c}"),
            Op::AddRule(t, c, r) => match &r.comment {
                Some(why) => write!(f, "add rule {t} {c} (\"{why}\")"),
                None => write!(f, "add rule {t} {c}"),
            },
            Op::DeleteRule(t, c, handle) => write!(f, "delete rule {t} {c} handle {handle}"),
            Op::FlushChain(t, c) => write!(f, "flush chain {t} {c}"),
            Op::AddSet(t, s) => {
                write!(f, "add {} {t} {}", if s.data.is_some() { "map" } else { "set" }, s.name)
            }
            Op::DeleteSet(t, s) => write!(f, "delete set {t} {s}"),
            Op::FlushSet(t, s) => write!(f, "flush set {t} {s}"),
            Op::AddElements(t, s, e, _) => write!(f, "add {} elements to {t} {}", e.len(), s.name),
            Op::DeleteElements(t, s, e) => write!(f, "delete {} elements of {t} {}", e.len(), s.name),
        }
    }
}
