//! A part of a table that comes and goes as one, so that the next can stand beside it before it leaves.
//! Not here: who decides which generation packets are led to.

use crate::table::Hook;
use crate::{Table, TableId};

/// Sets and regular chains that belong together, and where a packet enters them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The generation's own sets and chains, each chain after those that it leads to, as a table of the
    /// name that they will be in. No base chains: those lead to a generation and are not of it.
    pub parts: Table,
    /// For each hook, the chain that a packet enters by.
    pub entries: Vec<(Hook, String)>,
}

impl Generation {
    /// A generation with nothing in it.
    pub fn empty(id: &TableId) -> Generation {
        Generation { parts: Table::new(id.family, &id.name), entries: Vec::new() }
    }
}
