//! From catalogue, inventory and settings to permits: one declaration, both ends.
//! Not here: how a permit becomes rules.

use super::media::Protected;
use super::{DropLog, EVERY_NODE, Me, NODE, NamedLimit, Permit, Plan, Warning, Why, Zone, is_ssh};
use crate::catalogue::{Origin, PublicReach};
use crate::observed::{self, Key};
use crate::{
    Catalogue, Client, Inventory, Limit, Network, Node, PortRange, Role, RoleName, Service, Settings, Who,
};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Everything that a plan follows from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// What roles serve and need.
    pub catalogue: &'a Catalogue,
    /// Who is in the cluster.
    pub inventory: &'a Inventory,
    /// This node's settings.
    pub settings: &'a Settings,
    /// This node.
    pub me: &'a Me,
}

/// The plan of one node.
pub fn derive(inputs: Inputs<'_>) -> Plan {
    let mut deriving = Deriving::new(inputs);
    deriving.services();
    deriving.servers();
    deriving.needs();
    deriving.warn_of_no_role();
    deriving.into_plan()
}

struct Deriving<'a> {
    inputs: Inputs<'a>,
    others: Others<'a>,
    protected: Protected,
    inbound: Vec<Permit>,
    outbound: Vec<Permit>,
    nodes: BTreeMap<String, Vec<IpAddr>>,
    warnings: Vec<Warning>,
}

impl<'a> Deriving<'a> {
    fn new(inputs: Inputs<'a>) -> Deriving<'a> {
        let me = inputs.me;
        let is_media = |key: &Key| observed::service(inputs.catalogue, key).is_some_and(|s| s.media);
        let configured = me.configured.iter().filter(|(key, _)| !is_media(key)).map(|(_, ports)| ports);
        let own = me.ports.values().chain(configured).flatten().chain(&me.ssh);
        let protected = Protected::of(inputs.catalogue, own);
        Deriving {
            inputs,
            others: Others::of(inputs.inventory, inputs.me),
            protected,
            inbound: Vec::new(),
            outbound: Vec::new(),
            nodes: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// This node's roles, and the one that every node has.
    fn roles(&self) -> impl Iterator<Item = &'a Role> + use<'a> {
        let Inputs { catalogue, me, .. } = self.inputs;
        catalogue.roles.values().filter(|r| r.name.0 == NODE || me.roles.contains(&r.name))
    }

    /// What this node serves.
    fn services(&mut self) {
        for role in self.roles() {
            for (position, service) in role.services.iter().enumerate() {
                let ports = self.inputs.me.ports_of(role, position, service);
                let ports = if service.media { self.without_protected(service, ports) } else { ports };
                if ports.is_empty() {
                    continue;
                }
                for client in &service.clients {
                    self.serve(role, service, client, &ports);
                }
            }
        }
    }

    fn without_protected(&mut self, service: &Service, ports: Vec<PortRange>) -> Vec<PortRange> {
        let mut kept = Vec::new();
        for range in ports {
            let (pieces, taken) = self.protected.subtract_from(range);
            kept.extend(pieces);
            if !taken.is_empty() {
                self.warnings.push(media_warning(service, range, &taken));
            }
        }
        kept
    }

    fn serve(&mut self, role: &Role, service: &Service, client: &Client, ports: &[PortRange]) {
        let Some(zone) = self.client_zone(role, service, client) else { return };
        let limit = match zone {
            Zone::Anyone => self.limit(role, service),
            Zone::Admin | Zone::Trunks | Zone::Nodes(_) => None,
        };
        self.inbound.push(Permit {
            ports: ports.to_vec(),
            zone,
            network: client.network,
            limit,
            why: self.why(role, &service.name, &client.origin),
        });
    }

    /// Who the client is on this node; none where it is nobody here.
    fn client_zone(&mut self, role: &Role, service: &Service, client: &Client) -> Option<Zone> {
        let on_public = client.network == Network::Public;
        match &client.who {
            Who::Public => (role.public == PublicReach::Customers).then_some(Zone::Anyone),
            Who::Trunks => (!self.inputs.inventory.cluster.trunks.is_empty()).then_some(Zone::Trunks),
            Who::Admin if self.inputs.inventory.cluster.admin.is_empty() => {
                (is_ssh(role, service) && on_public).then(|| self.ssh_for_anyone())
            }
            Who::Admin if on_public && role.public == PublicReach::AdminOnRequest => {
                self.inputs.me.admin_public.contains(&role.name).then_some(Zone::Admin)
            }
            Who::Admin => {
                if role.public == PublicReach::AdminOnRequest {
                    self.warn_of_admins_outside(role);
                }
                Some(Zone::Admin)
            }
            Who::EveryNode => Some(self.every_node()),
            Who::Peers => Some(self.role_zone(&role.name)),
            Who::Role(name) => Some(self.role_zone(name)),
        }
    }

    /// A default must not lock anyone out: with no admin network named, ssh stays reachable.
    fn ssh_for_anyone(&mut self) -> Zone {
        self.warnings.push(Warning {
            what: "no admin network is set: ssh is open to every address (with a limit by source)".into(),
            help: "set admin = [\"198.51.100.0/28\"] under [cluster] in cluster.toml, with your own networks"
                .into(),
        });
        Zone::Anyone
    }

    /// The controller is private unless asked: an admin who is not on the private network is told so.
    fn warn_of_admins_outside(&mut self, role: &Role) {
        let Inputs { inventory, settings, me, .. } = self.inputs;
        let cluster = &inventory.cluster;
        let is_inside = |admin: &IpNet| cluster.private.iter().any(|net| net.contains(admin));
        let is_asked = me.admin_public.contains(&role.name);
        if is_asked || !settings.private_interfaces.is_empty() || cluster.admin.iter().any(is_inside) {
            return;
        }
        let warning = Warning {
            what: format!(
                "{}: no admin network is on the private network, so nobody reaches it as admin",
                role.title
            ),
            help: format!(
                "set admin_public = [\"{}\"] on this node to admit admin networks over the public network",
                role.name
            ),
        };
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// A host that nobody gave a role loses all that it serves: better said before than found out.
    fn warn_of_no_role(&mut self) {
        if self.inputs.me.roles.is_empty() && self.inbound.iter().all(Permit::is_ssh) {
            self.warnings.push(Warning {
                what: "this host has no role: everything that comes in but ssh is refused".into(),
                help: "give it roles in /etc/rolewall/cluster.toml; rolewall diff shows what closes".into(),
            });
        }
    }

    fn limit(&self, role: &Role, service: &Service) -> Option<NamedLimit> {
        let limits = &self.inputs.settings.limits;
        let set = limits.get(&service.name).or_else(|| limits.get(&role.name.0));
        let limit: Option<&Limit> = set.or(service.limit.as_ref());
        limit.map(|limit| NamedLimit { name: service.name.clone(), limit: limit.clone() })
    }

    fn every_node(&mut self) -> Zone {
        self.node_zone(EVERY_NODE.into(), |others| others.all.clone())
    }

    fn role_zone(&mut self, role: &RoleName) -> Zone {
        self.node_zone(role.0.clone(), |others| others.with(role).collect())
    }

    /// The zone of the nodes that are chosen; its addresses are collected once.
    fn node_zone(&mut self, label: String, chosen: impl Fn(&Others<'a>) -> Vec<&'a Node>) -> Zone {
        if !self.nodes.contains_key(&label) {
            let nodes = chosen(&self.others);
            let addresses = || nodes.iter().flat_map(|node| &node.private).copied();
            // Nodes are mostly written in order, so that the families one by one are sorted as they are.
            let (v4, v6) = (addresses().filter(IpAddr::is_ipv4), addresses().filter(IpAddr::is_ipv6));
            let mut addresses: Vec<IpAddr> = v4.chain(v6).collect();
            addresses.sort_unstable();
            self.nodes.insert(label.clone(), addresses);
        }
        Zone::Nodes(label)
    }

    /// What the cluster's nodes serve to this node: the other end of their permits.
    fn servers(&mut self) {
        for role in self.inputs.catalogue.roles.values() {
            for (position, service) in role.services.iter().enumerate() {
                let mine = service.clients.iter().filter(|c| c.network == Network::Private);
                let Some(client) = mine.clone().find(|c| self.is_client(role, &c.who)) else { continue };
                for (zone, ports) in self.server_zones(role, position, service) {
                    self.outbound.push(Permit {
                        ports,
                        zone,
                        network: Network::Private,
                        limit: None,
                        why: self.why(role, &service.name, &client.origin),
                    });
                }
            }
        }
    }

    fn is_client(&self, server: &Role, who: &Who) -> bool {
        let me = self.inputs.me;
        match who {
            Who::EveryNode => true,
            Who::Peers => me.roles.contains(&server.name),
            Who::Role(name) => me.roles.contains(name),
            Who::Public | Who::Admin | Who::Trunks => false,
        }
    }

    /// The servers of a role, those on ports of their own apart.
    fn server_zones(
        &mut self,
        role: &Role,
        position: usize,
        service: &Service,
    ) -> Vec<(Zone, Vec<PortRange>)> {
        let elsewhere = self.port_overrides(role, position);
        let told = self.inputs.me.told.get(&(role.name.clone(), service.name.clone()));
        let usual_ports = told.unwrap_or(&service.ports);
        let mut zones = Vec::new();
        if elsewhere.is_empty() {
            zones.push((self.role_zone(&role.name), usual_ports.clone()));
        } else {
            let usual = |n: &&Node| !n.ports.contains_key(&role.name);
            let zone = self
                .node_zone(format!("{}.usual", role.name), |o| o.with(&role.name).filter(usual).collect());
            zones.push((zone, usual_ports.clone()));
        }
        for (position, ports) in elsewhere.into_iter().enumerate() {
            let label = own_ports_label(&role.name, &ports, position + 1);
            let there = |n: &&Node| n.ports.get(&role.name) == Some(&ports);
            let zone = self.node_zone(label, |o| o.on_own_ports.iter().copied().filter(there).collect());
            zones.push((zone, ports));
        }
        zones
    }

    fn port_overrides(&self, role: &Role, position: usize) -> Vec<Vec<PortRange>> {
        if position > 0 {
            return Vec::new();
        }
        let others = self.others.on_own_ports.iter();
        let mut ports: Vec<Vec<PortRange>> =
            others.filter_map(|n| n.ports.get(&role.name)).cloned().collect();
        ports.sort();
        ports.dedup();
        ports
    }

    /// What this node needs that no node serves.
    fn needs(&mut self) {
        for role in self.roles() {
            for need in &role.needs {
                let zone = match &need.to {
                    Who::Trunks if self.inputs.inventory.cluster.trunks.is_empty() => Zone::Anyone,
                    Who::Trunks => Zone::Trunks,
                    Who::Admin if self.inputs.inventory.cluster.admin.is_empty() => continue,
                    Who::Admin => Zone::Admin,
                    Who::Public => Zone::Anyone,
                    Who::EveryNode => self.every_node(),
                    Who::Peers => self.role_zone(&role.name),
                    Who::Role(name) => self.role_zone(name),
                };
                self.outbound.push(Permit {
                    ports: need.ports.clone(),
                    zone,
                    network: Network::Public,
                    limit: None,
                    why: self.why(role, &need.name, &need.origin),
                });
            }
        }
    }

    fn why(&self, role: &Role, service: &str, origin: &Origin) -> Why {
        Why {
            role: role.name.clone(),
            service: service.to_owned(),
            purpose: origin.purpose.clone(),
            source: origin.source.clone(),
            place: self.inputs.me.place.clone(),
        }
    }

    fn into_plan(self) -> Plan {
        let Inputs { inventory, settings, me, .. } = self.inputs;
        let cluster = &inventory.cluster;
        Plan {
            me: me.clone(),
            inbound: self.inbound,
            outbound: self.outbound,
            nodes: self.nodes,
            trusted: settings.trusted.iter().map(|t| t.net).collect(),
            deny: settings.deny.iter().map(|t| t.net).collect(),
            admin: cluster.admin.clone(),
            trunks: cluster.trunks.clone(),
            private: cluster.private.clone(),
            private_interfaces: settings.private_interfaces.clone(),
            public_interfaces: settings.public_interfaces.clone(),
            mode_in: settings.mode_in,
            mode_out: settings.mode_out,
            forward: settings.forward,
            mode_roles: settings.mode_roles.clone(),
            log: DropLog { group: settings.log_group, per_second: settings.log_per_second },
            warnings: self.warnings,
        }
    }
}

/// The cluster's other nodes, gone through once for all zones.
struct Others<'a> {
    all: Vec<&'a Node>,
    by_role: BTreeMap<&'a RoleName, Vec<&'a Node>>,
    /// Those with ports of their own.
    on_own_ports: Vec<&'a Node>,
}

impl<'a> Others<'a> {
    fn of(inventory: &'a Inventory, me: &Me) -> Others<'a> {
        let all: Vec<&Node> = inventory.nodes.iter().filter(|node| node.name != me.name).collect();
        let mut by_role: BTreeMap<&RoleName, Vec<&Node>> = BTreeMap::new();
        for node in &all {
            for role in node.roles.iter() {
                by_role.entry(role).or_default().push(node);
            }
        }
        let on_own_ports = all.iter().filter(|node| !node.ports.is_empty()).copied().collect();
        Others { all, by_role, on_own_ports }
    }

    fn with(&self, role: &RoleName) -> impl Iterator<Item = &'a Node> {
        self.by_role.get(role).into_iter().flatten().copied()
    }
}

/// `sql.tcp3307.ip`; where that is long, by its number: Linux takes 255 bytes for a set's name.
fn own_ports_label(role: &RoleName, ports: &[PortRange], number: usize) -> String {
    const LABEL_BYTES_MAX: usize = 60;
    let words: Vec<String> = ports.iter().map(|p| p.to_string().replace('/', "")).collect();
    let label = format!("{role}.{}.ip", words.join("."));
    if label.len() <= LABEL_BYTES_MAX { label } else { format!("{role}.own{number}.ip") }
}

fn media_warning(service: &Service, range: PortRange, taken: &[u16]) -> Warning {
    let ports: Vec<String> = taken.iter().map(u16::to_string).collect();
    Warning {
        what: format!(
            "{}: {range} contains ports of other services; {} stay closed to media",
            service.name,
            ports.join(", ")
        ),
        help: format!(
            "keep the media server off them, or give {} a range that does not contain them",
            service.name
        ),
    }
}
