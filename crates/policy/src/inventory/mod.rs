//! The inventory: the cluster's networks and nodes, as people wrote them down.
//! Not here: what this host is (facts), and what follows from either (the plan).

#[cfg(test)]
mod alike;
mod beside;
mod distinct;
mod nodes;
mod parse;
mod plain;
pub mod rows;
mod seen;
mod words;

pub use parse::{parse, parse_beside};
pub use rows::Rows;

use crate::problem::Note;
use crate::{Place, PortRange, RoleName};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// A node's name: 1 to 63 lower-case letters, digits, dots, dashes and underscores.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(pub String);

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl NodeName {
    /// Bytes, as a DNS label's.
    pub const BYTES_MAX: usize = 63;

    /// The name, if it is one.
    pub fn new(name: &str) -> Option<NodeName> {
        let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b);
        let is_name = !name.is_empty() && name.len() <= NodeName::BYTES_MAX && name.bytes().all(is_letter);
        is_name.then(|| NodeName(name.to_owned()))
    }
}

/// The cluster and its nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// What holds for all nodes.
    pub cluster: Cluster,
    /// In the order of the file. No two share a name, an id or an address.
    pub nodes: Vec<Node>,
    /// What was taken otherwise than it is written, or is most likely not meant.
    pub notes: Vec<Note>,
}

/// What holds for all nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// The isolated network's prefixes.
    pub private: Vec<IpNet>,
    /// Who may reach ssh and the controller's interface. Empty permits nobody by address.
    pub admin: Vec<IpNet>,
    /// Carriers.
    pub trunks: Vec<IpNet>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// The vendor's node id: 1 to 64 characters, none of them a blank.
    pub id: Option<String>,
    /// Addresses on the private network. Informative: they need not be bound on the host.
    pub private: Vec<IpAddr>,
    /// Addresses on the public network.
    pub public: Vec<IpAddr>,
    /// What it does, by the catalogue's own names (aliases resolved). Of ten thousand nodes most have the same.
    pub roles: Arc<BTreeSet<RoleName>>,
    /// Ports that replace a role's defaults.
    pub ports: BTreeMap<RoleName, Vec<PortRange>>,
    /// Roles whose public interface for admin addresses is asked for (the controller's).
    pub admin_public: BTreeSet<RoleName>,
    /// The line that says so.
    pub place: Place,
}

impl Node {
    /// Its addresses on either network.
    pub fn addresses(&self) -> impl Iterator<Item = &IpAddr> {
        self.private.iter().chain(&self.public)
    }
}
