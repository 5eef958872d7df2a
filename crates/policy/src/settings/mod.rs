//! This node's settings: `rolewall.toml`, and the vendor's `local.conf` and `nodeid`.
//! Not here: what holds for the cluster ([`crate::inventory`]).

pub mod local_conf;
pub mod nodeid;
mod parse;
pub mod sql;
pub mod window;

pub use parse::{asks_sql, parse};
pub use sql::Sql;

use crate::problem::Note;
use crate::{Limit, NodeName, Place, RoleName};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::time::Duration;

/// Whether what the plan does not permit is dropped, or only counted and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Mode {
    Enforce,
    Observe,
}

/// What is done with packets that this host only passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// No chain of ours on that hook.
    Untouched,
    /// Trusted and established only; the rest as the mode says.
    Filtered(Mode),
}

/// Where the inventory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum InventorySource {
    File,
    Sql,
}

/// A network with the place that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PlacedNet {
    pub net: IpNet,
    pub place: Place,
}

/// This node's settings, with every default filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which node of the inventory this host is, where someone said so.
    pub node: Option<NodeName>,
    /// Interfaces of the private network; empty: told by addresses alone.
    pub private_interfaces: Vec<String>,
    /// Interfaces of the public network; empty: told by addresses alone.
    pub public_interfaces: Vec<String>,
    /// Never filtered, in or out: `trusted.networks` and TRUSTED_NET together, none inside another.
    pub trusted: Vec<PlacedNet>,
    /// Never admitted, before anything but trusted networks: `deny.networks`.
    pub deny: Vec<PlacedNet>,
    /// What comes in. Default: enforce.
    pub mode_in: Mode,
    /// What goes out. Default: observe.
    pub mode_out: Mode,
    /// What passes through. Default: untouched.
    pub forward: Forward,
    /// A role's own mode for what comes in, over `mode_in`.
    pub mode_roles: BTreeMap<RoleName, Mode>,
    /// How long test mode lasts unless the command says. Default: 10 minutes; at least 10 seconds, at
    /// most a day.
    pub test_window: Duration,
    /// By role or service name: replaces the catalogue's limit on new flows.
    pub limits: BTreeMap<String, Limit>,
    /// NFLOG group of dropped packets. Default: 86.
    pub log_group: u16,
    /// Dropped packets logged a second at the most. Default: 10.
    pub log_per_second: u32,
    /// Where the inventory is. Default: file.
    pub inventory: InventorySource,
    /// Where the database is, for an inventory from one.
    pub sql: Sql,
    /// What was taken otherwise than it is written, or is most likely not meant.
    pub notes: Vec<Note>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            node: None,
            private_interfaces: Vec::new(),
            public_interfaces: Vec::new(),
            trusted: Vec::new(),
            deny: Vec::new(),
            mode_in: Mode::Enforce,
            mode_out: Mode::Observe,
            forward: Forward::Untouched,
            mode_roles: BTreeMap::new(),
            test_window: window::DEFAULT,
            limits: BTreeMap::new(),
            log_group: LOG_GROUP,
            log_per_second: LOG_PER_SECOND,
            inventory: InventorySource::File,
            sql: Sql::default(),
            notes: Vec::new(),
        }
    }
}

/// The NFLOG group by default: one that no program known to us takes for itself.
const LOG_GROUP: u16 = 86;
/// Enough to see who is dropped, too little to fill a disk: under a megabyte an hour for each packet a second.
const LOG_PER_SECOND: u32 = 10;

/// How the list of trusted networks is called in a note.
const TRUSTED: &str = "trusted networks";
