//! For each service of a node, its ports, who decided them, and what each source says.
//! Not here: the rules (they stand in the module above), and printing.

use super::{Configured, Key, Observed};
use crate::plan::{Me, NODE};
use crate::{Catalogue, PortRange, Role, Service};
use rolewall_evidence::Evidence;

/// Who decided the ports of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum By {
    Inventory,
    Configuration,
    VendorFiles,
    Sockets,
    Default,
}

impl By {
    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            By::Inventory => "inventory",
            By::Configuration => "configuration",
            By::VendorFiles => "vendor files",
            By::Sockets => "sockets",
            By::Default => "default",
        }
    }
}

/// What the sources say of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Says {
    /// Role and service.
    pub key: Key,
    /// The ports that count.
    pub ports: Vec<PortRange>,
    /// Who decided them.
    pub by: By,
    /// What the inventory writes for the role's first service.
    pub inventory: Option<Vec<PortRange>>,
    /// What files say, this host's own or the vendor's for the whole cluster.
    pub configuration: Configured,
    /// Where it listens now; none where the sockets were not looked at.
    pub sockets: Option<Vec<Evidence>>,
    /// The role's default.
    pub default: Vec<PortRange>,
}

/// Every service of this node, in the order of the catalogue.
pub fn says(catalogue: &Catalogue, me: &Me, observed: &Observed) -> Vec<Says> {
    let mine = catalogue.roles.values().filter(|r| r.name.0 == NODE || me.roles.contains(&r.name));
    let services = mine.flat_map(|role| role.services.iter().enumerate().map(move |(at, s)| (role, at, s)));
    services.map(|(role, position, service)| of(me, observed, role, position, service)).collect()
}

fn of(me: &Me, observed: &Observed, role: &Role, position: usize, service: &Service) -> Says {
    let key = (role.name.clone(), service.name.clone());
    let inventory = me.ports.get(&role.name).filter(|_| position == 0).cloned();
    let ports = me.ports_of(role, position, service);
    let files = observed.configured.get(&key).or_else(|| observed.told.get(&key));
    let (has_own, has_told) = (observed.configured.contains_key(&key), observed.told.contains_key(&key));
    let by = match me.seen.is_some() && !service.media && role.name.0 != NODE {
        true => By::Sockets,
        false if inventory.is_some() => By::Inventory,
        false if has_own => By::Configuration,
        false if has_told => By::VendorFiles,
        false if role.name.0 == NODE && !observed.ssh.is_empty() => By::Sockets,
        false => By::Default,
    };
    let heard = || observed.endpoints.iter().filter(|o| o.is_listening == Some(true));
    let is_its = |ports: &[PortRange], range: PortRange| ports.iter().any(|port| port.overlaps(range));
    let sockets = observed.is_live.then(|| {
        let mine = heard().filter(|o| o.serves.contains(&key) && is_its(&ports, PortRange::of(&o.endpoint)));
        mine.flat_map(|o| o.endpoint.evidence.iter().filter(|e| e.kind == rolewall_evidence::Kind::Socket))
            .cloned()
            .collect()
    });
    let configuration = files.cloned().unwrap_or_default();
    Says { key, ports, by, inventory, configuration, sockets, default: service.ports.clone() }
}
