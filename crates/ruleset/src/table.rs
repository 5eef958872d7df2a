//! Tables, base chains, regular chains and rules.
//! Not here: what a rule is made of ([`crate::expr`]) and where addresses live ([`crate::set`]).

use crate::{Expr, Set};
use std::fmt;

/// The family of a table, as in `nft list tables`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Family {
    Inet,
    Ip,
    Ip6,
    Arp,
    Bridge,
    Netdev,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::Inet => "inet",
            Family::Ip => "ip",
            Family::Ip6 => "ip6",
            Family::Arp => "arp",
            Family::Bridge => "bridge",
            Family::Netdev => "netdev",
        })
    }
}

/// What names a table: its family and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId {
    /// The family.
    pub family: Family,
    /// The name, at most 255 bytes.
    pub name: String,
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family, self.name)
    }
}

/// Table flags of nf_tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableFlags {
    /// The table's base chains are not hooked: it sleeps.
    pub dormant: bool,
    /// The table belongs to the process that made it; others may not change it.
    pub owner: bool,
    /// An owned table that outlives its owner.
    pub persist: bool,
}

/// A table with everything in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Family and name.
    pub id: TableId,
    /// Flags.
    pub flags: TableFlags,
    /// Named sets and maps, in the order in which they are declared. Anonymous sets live in their rule.
    pub sets: Vec<Set>,
    /// Base and regular chains, in the order in which they are declared.
    pub chains: Vec<Chain>,
}

impl Table {
    /// An empty table without flags.
    pub fn new(family: Family, name: &str) -> Table {
        Table {
            id: TableId { family, name: name.to_owned() },
            flags: TableFlags::default(),
            sets: Vec::new(),
            chains: Vec::new(),
        }
    }

    /// The chain of that name.
    pub fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|c| c.name == name)
    }

    /// The named set or map of that name.
    pub fn set(&self, name: &str) -> Option<&Set> {
        self.sets.iter().find(|s| s.name == name)
    }
}

/// All tables of one network namespace, or those that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// The tables.
    pub tables: Vec<Table>,
}

impl Ruleset {
    /// The table of that family and name.
    pub fn table(&self, id: &TableId) -> Option<&Table> {
        self.tables.iter().find(|t| t.id == *id)
    }
}

/// A chain: base if it hangs on a hook, else regular.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// Where it hangs; none for a regular chain.
    pub base: Option<BaseChain>,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

impl Chain {
    /// An empty regular chain.
    pub fn regular(name: impl Into<String>) -> Chain {
        Chain { name: name.into(), base: None, rules: Vec::new() }
    }
}

/// What makes a chain a base chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseChain {
    /// `filter`, `nat` or `route`.
    pub kind: ChainKind,
    /// The hook.
    pub hook: Hook,
    /// Lower runs earlier. `filter` is 0 in every family but bridge.
    pub priority: i32,
    /// The verdict of a packet that falls out of the end.
    pub policy: ChainPolicy,
    /// Devices, for netdev (and inet ingress) chains.
    pub devices: Vec<String>,
}

/// Chain type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ChainKind {
    Filter,
    Nat,
    Route,
}

/// A hook of Netfilter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Hook {
    Prerouting,
    Input,
    Forward,
    Output,
    Postrouting,
    Ingress,
    Egress,
}

/// A base chain's default verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ChainPolicy {
    Accept,
    Drop,
}

/// One rule: a program, and the comment that says why it is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Linux's number for it, unique in its table; none before it is loaded. Not part of its meaning:
    /// see [`crate::delta`] for comparison without it.
    pub handle: Option<u64>,
    /// The program.
    pub exprs: Vec<Expr>,
    /// At most 127 bytes, as nft allows.
    pub comment: Option<String>,
}
