//! The role catalogue: what each role serves, to whom, over which network, and what it needs outwards.
//! Not here: which node has which role ([`crate::inventory`]), and what is allowed in the end (the plan).

use crate::PortRange;
use std::collections::BTreeMap;
use std::fmt;

/// A role's name: lower-case letters, digits and dashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(pub String);

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// All known roles. The role `node` is every node's: what each host needs whatever it does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// By name.
    pub roles: BTreeMap<RoleName, Role>,
}

/// One role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: RoleName,
    /// As people call it.
    pub title: String,
    /// Other names that mean this role (`http`, `que`, `wk`).
    pub aliases: Vec<String>,
    /// Whether it may ever be reached over the public network.
    pub public: PublicReach,
    /// What it serves. Empty for a role that listens to nothing.
    pub services: Vec<Service>,
    /// What it needs that no node of the cluster serves.
    pub needs: Vec<Need>,
    /// Where its file is, for a why.
    pub file: String,
}

/// How far a role may be reached on the public network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicReach {
    /// Customers use it.
    Customers,
    /// Only admin addresses, and only on a node where it is asked for.
    AdminOnRequest,
    /// Never.
    Never,
}

/// A listening protocol with its ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name, unique in its role.
    pub name: String,
    /// Default ports.
    pub ports: Vec<PortRange>,
    /// Ports on which the same service is also known to listen: detection recognises it there.
    pub also: Vec<PortRange>,
    /// Names of processes that serve it.
    pub processes: Vec<String>,
    /// A range of which every service's own port is taken away: media.
    pub media: bool,
    /// Who may use it.
    pub clients: Vec<Client>,
    /// Limit on new flows by source address.
    pub limit: Option<Limit>,
    /// What it is for, and who says so.
    pub origin: Origin,
}

/// Who may use a service, and over which network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Who.
    pub who: Who,
    /// Over which network.
    pub network: Network,
    /// What for, and who says so.
    pub origin: Origin,
}

/// A zone, as the catalogue names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Anybody: `public`.
    Public,
    /// The cluster's admin addresses: `admin`.
    Admin,
    /// The carriers: `trunks`.
    Trunks,
    /// Every node of the cluster: `every-node`.
    EveryNode,
    /// Nodes of the same role: `peers`.
    Peers,
    /// Nodes of that role: `role:NAME`.
    Role(RoleName),
}

/// A network of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Network {
    Private,
    Public,
}

/// A bound on new flows from one source address (IPv6: one /64).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// New flows a second.
    pub new_per_second: u32,
    /// New flows at once.
    pub burst: u32,
    /// Why these figures.
    pub reason: String,
}

/// Something needed outwards that no node of the cluster serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Its name, unique in its role.
    pub name: String,
    /// Destination ports.
    pub ports: Vec<PortRange>,
    /// Where to: `Public` is any address, `Trunks` the carriers, `Admin` the admin addresses.
    pub to: Who,
    /// What for, and who says so.
    pub origin: Origin,
}

/// What a line of the catalogue rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// What it is for.
    pub purpose: String,
    /// Whether the source says it or we infer it.
    pub status: Status,
    /// The page, or the reason where it is assumed.
    pub source: String,
}

/// How well a line of the catalogue is founded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The source says so.
    Documented,
    /// Inferred; the source line says from what.
    Assumed,
}
