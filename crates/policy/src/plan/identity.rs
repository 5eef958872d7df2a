//! Which node of the inventory this host is; or, with no inventory, what it is by itself.
//! Not here: reading host names, addresses and sockets.

use crate::inventory::{Inventory, Node, NodeName};
use crate::observed::{Configured, Key, Observed};
use crate::plan::{NODE, is_ssh};
use crate::{PortRange, Role, RoleName, Service, Settings};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// This host as the plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// Its name in the inventory, else its host name.
    pub name: NodeName,
    /// What it does.
    pub roles: BTreeSet<RoleName>,
    /// Ports that replace a role's defaults.
    pub ports: BTreeMap<RoleName, Vec<PortRange>>,
    /// Ports that this host's configuration says, by role and service.
    pub configured: BTreeMap<Key, Vec<PortRange>>,
    /// Ports that the vendor's files say of the whole cluster's services.
    pub told: BTreeMap<Key, Vec<PortRange>>,
    /// With no inventory: the services that this host's sockets are evidence of, and nothing else, with
    /// the ports on which they listen.
    pub seen: Option<BTreeMap<Key, Vec<PortRange>>>,
    /// Roles whose public interface for admin addresses is asked for.
    pub admin_public: BTreeSet<RoleName>,
    /// Its addresses by the inventory, both networks.
    pub addresses: Vec<IpAddr>,
    /// Ports of sshd, by its sockets; the catalogue's default where that is not known.
    pub ssh: Vec<PortRange>,
    /// The line of the inventory that says so.
    pub place: Option<crate::Place>,
}

impl Me {
    /// What the inventory says of this host, with the ports that its own files say.
    pub fn from_node(node: &Node, observed: &Observed) -> Me {
        Me {
            roles: BTreeSet::clone(&node.roles),
            ports: node.ports.clone(),
            admin_public: node.admin_public.clone(),
            addresses: node.addresses().copied().collect(),
            place: Some(node.place.clone()),
            ..Me::observed(&node.name.0, observed)
        }
    }

    /// What a host without an inventory shows of itself.
    pub fn from_evidence(name: &str, observed: &Observed) -> Me {
        Me {
            roles: observed.served.keys().map(|(role, _)| role.clone()).collect(),
            seen: Some(observed.served.clone()),
            ..Me::observed(name, observed)
        }
    }

    fn observed(name: &str, observed: &Observed) -> Me {
        let ports = |(key, configured): (&Key, &Configured)| (key.clone(), configured.ports.clone());
        Me {
            name: NodeName(name.to_owned()),
            roles: BTreeSet::new(),
            ports: BTreeMap::new(),
            configured: observed.configured.iter().map(ports).collect(),
            told: observed.told.iter().map(ports).collect(),
            seen: None,
            admin_public: BTreeSet::new(),
            addresses: Vec::new(),
            ssh: observed.ssh.clone(),
            place: None,
        }
    }

    /// The ports on which this node serves a service of its role; which source counts is written down in
    /// [`crate::observed`]. The inventory's replace those of the role's first service, the one that the role
    /// is named for.
    pub fn ports_of(&self, role: &Role, position: usize, service: &Service) -> Vec<PortRange> {
        if is_ssh(role, service) && !self.ssh.is_empty() {
            return self.ssh.clone();
        }
        let key = (role.name.clone(), service.name.clone());
        if let Some(seen) = self.seen.as_ref().filter(|_| !service.media && role.name.0 != NODE) {
            return seen.get(&key).cloned().unwrap_or_default();
        }
        let written = self.ports.get(&role.name).filter(|_| position == 0);
        let said = written.or_else(|| self.configured.get(&key)).or_else(|| self.told.get(&key));
        said.unwrap_or(&service.ports).clone()
    }
}

/// What a host knows of itself that may tell which node it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostNames {
    /// The vendor's `/etc/voipnownode/nodeid`.
    pub node_id: Option<String>,
    /// The host name, with or without its domain.
    pub hostname: Option<String>,
    /// Addresses of its interfaces.
    pub addresses: Vec<IpAddr>,
}

/// Why no node of the inventory is this host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The settings name a node that is not there.
    #[error("the settings say that this host is node \"{0}\", and the inventory has no node of that name")]
    NoSuchNode(NodeName),
    /// Nothing told.
    #[error(
        "this host is not in the inventory: no node has its id ({id}), its host name ({hostname}) or one of its addresses"
    )]
    Unknown {
        /// The id, or "none".
        id: String,
        /// The host name, or "none".
        hostname: String,
    },
    /// Two nodes' addresses are this host's.
    #[error("this host has addresses of several nodes of the inventory: {}", .0.join(", "))]
    Ambiguous(Vec<String>),
}

/// Finds this host: by the settings' word, else by node id, else by host name, else by address.
pub fn identify<'a>(
    inventory: &'a Inventory,
    settings: &Settings,
    names: &HostNames,
) -> Result<&'a Node, IdentityError> {
    if let Some(name) = &settings.node {
        return inventory
            .nodes
            .iter()
            .find(|n| n.name == *name)
            .ok_or_else(|| IdentityError::NoSuchNode(name.clone()));
    }
    by_id(inventory, names)
        .or_else(|| by_hostname(inventory, names))
        .map_or_else(|| by_address(inventory, names), Ok)
}

fn by_id<'a>(inventory: &'a Inventory, names: &HostNames) -> Option<&'a Node> {
    let id = names.node_id.as_deref()?;
    inventory.nodes.iter().find(|n| n.id.as_deref() == Some(id))
}

fn by_hostname<'a>(inventory: &'a Inventory, names: &HostNames) -> Option<&'a Node> {
    let full = names.hostname.as_deref()?;
    let short = full.split('.').next().unwrap_or(full);
    inventory
        .nodes
        .iter()
        .find(|n| n.name.0 == full)
        .or_else(|| inventory.nodes.iter().find(|n| n.name.0 == short))
}

fn by_address<'a>(inventory: &'a Inventory, names: &HostNames) -> Result<&'a Node, IdentityError> {
    let mine: BTreeSet<IpAddr> = names.addresses.iter().copied().collect();
    let found: Vec<&Node> =
        inventory.nodes.iter().filter(|n| n.addresses().any(|a| mine.contains(a))).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(IdentityError::Unknown {
            id: names.node_id.clone().unwrap_or_else(|| "none".into()),
            hostname: names.hostname.clone().unwrap_or_else(|| "none".into()),
        }),
        several => Err(IdentityError::Ambiguous(several.iter().map(|n| n.name.to_string()).collect())),
    }
}
