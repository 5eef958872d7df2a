//! The plan: every flow space that this node allows, each with its why.
//! Not here: chains and sets (that is [`crate::lower`]), and what the kernel holds.

mod derive;
mod identity;
mod media;

pub use derive::{Inputs, derive};
pub use identity::{HostNames, IdentityError, Me, identify};

use crate::settings::Forward;
use crate::{Limit, Mode, Network, Place, PortRange, Role, RoleName, Service};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// All permits of one node, with what else its ruleset is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The node.
    pub me: Me,
    /// What may come in, in the order in which roles and services are declared.
    pub inbound: Vec<Permit>,
    /// What may go out.
    pub outbound: Vec<Permit>,
    /// The addresses behind [`Zone::Nodes`], by label; sorted, without this node's own.
    pub nodes: BTreeMap<String, Vec<IpAddr>>,
    /// Never filtered.
    pub trusted: Vec<IpNet>,
    /// Never admitted.
    pub deny: Vec<IpNet>,
    /// The admin addresses.
    pub admin: Vec<IpNet>,
    /// The carriers.
    pub trunks: Vec<IpNet>,
    /// The isolated network's prefixes: nobody there is a customer.
    pub private: Vec<IpNet>,
    /// Its interfaces, where they are known.
    pub private_interfaces: Vec<String>,
    /// The public network's interfaces, where they are known.
    pub public_interfaces: Vec<String>,
    /// What becomes of the rest that comes in.
    pub mode_in: Mode,
    /// What becomes of the rest that goes out.
    pub mode_out: Mode,
    /// What becomes of what passes through.
    pub forward: Forward,
    /// A role's own mode, over `mode_in`.
    pub mode_roles: BTreeMap<RoleName, Mode>,
    /// Bound and destination of the drop log.
    pub log: DropLog,
    /// What the operator should know before this is loaded.
    pub warnings: Vec<Warning>,
}

/// Where dropped packets are reported, and how many at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropLog {
    /// NFLOG group.
    pub group: u16,
    /// Packets a second.
    pub per_second: u32,
}

/// One allowed flow space with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    /// Destination ports. Never empty.
    pub ports: Vec<PortRange>,
    /// The other end: sources of what comes in, destinations of what goes out.
    pub zone: Zone,
    /// Over which network.
    pub network: Network,
    /// Bound on new flows of one source.
    pub limit: Option<NamedLimit>,
    /// Why.
    pub why: Why,
}

/// A limit with the name under which it keeps its counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedLimit {
    /// Service name: one meter for all its ports.
    pub name: String,
    /// The bound.
    pub limit: Limit,
}

/// The reason of a permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// The role that serves or needs it.
    pub role: RoleName,
    /// The service or need.
    pub service: String,
    /// What for.
    pub purpose: String,
    /// Who says so: the catalogue's source.
    pub source: String,
    /// The inventory or settings line, where one decides it.
    pub place: Option<Place>,
}

/// The other end of a permit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Zone {
    /// Any address.
    Anyone,
    /// The admin addresses.
    Admin,
    /// The carriers.
    Trunks,
    /// Nodes of the cluster, by the label of [`Plan::nodes`]: a role, a role on ports of its own, or
    /// [`EVERY_NODE`].
    Nodes(String),
}

/// The name of the role that every node has.
pub(crate) const NODE: &str = "node";
/// The service of that role by which the operator gets in.
pub(crate) const SSH: &str = "ssh";

/// Whether a service of a role is the operator's way in.
pub(crate) fn is_ssh(role: &Role, service: &Service) -> bool {
    role.name.0 == NODE && service.name == SSH
}

impl Permit {
    /// Whether it is the operator's way in.
    pub(crate) fn is_ssh(&self) -> bool {
        self.why.role.0 == NODE && self.why.service == SSH
    }
}

/// The label of the zone of all nodes.
pub const EVERY_NODE: &str = "nodes";

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Zone::Anyone => f.write_str("anyone"),
            Zone::Admin => f.write_str("admin"),
            Zone::Trunks => f.write_str("trunks"),
            Zone::Nodes(label) if label == EVERY_NODE => f.write_str("every node"),
            Zone::Nodes(label) => match label.split_once('.') {
                None => write!(f, "{label} nodes"),
                Some((role, on)) => write!(f, "{role} nodes on {}", ports_in_words(on)),
            },
        }
    }
}

/// From the rest of a label, after its role: `usual`, `tcp3307.udp3307.ip` or `own2.ip`.
fn ports_in_words(label: &str) -> String {
    if label == "usual" {
        return "the usual ports".to_owned();
    }
    let ports = label.strip_suffix(".ip").unwrap_or(label);
    if let Some(number) = ports.strip_prefix("own") {
        return format!("ports of their own ({number})");
    }
    let word = |port: &str| {
        let (proto, number) = port.split_at(port.find(|c: char| c.is_ascii_digit()).unwrap_or(port.len()));
        format!("{proto}/{number}")
    };
    ports.split('.').map(word).collect::<Vec<_>>().join(" ")
}

/// Something that the operator should know, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What.
    pub what: String,
    /// What to do.
    pub help: String,
}
