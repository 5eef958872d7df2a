//! A part of a table that comes and goes as one, so that the next can stand beside it before it leaves.
//! Not here: who decides which generation packets are led to.

use crate::table::Hook;
use crate::{Chain, Set};

/// Sets and regular chains that belong together, and where a packet enters them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Generation {
    /// Named sets and maps.
    pub sets: Vec<Set>,
    /// Regular chains, each after those that it leads to.
    pub chains: Vec<Chain>,
    /// For each hook, the chain that a packet enters by.
    pub entries: Vec<(Hook, String)>,
}
