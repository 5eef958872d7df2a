//! Who is asked: this host's endpoints, and those of other nodes that the plan lets this one reach.
//! Not here: the connections. No address is asked that is neither this host's nor the inventory's.

use rolewall_evidence::{Address, Transport};
use rolewall_policy::observed::{Key, Observation};
use rolewall_policy::plan::{Me, Zone};
use rolewall_policy::{
    Catalogue, Encrypted, Inventory, Network, Node, Observed, Plan, PortRange, Promise, Proto, PublicReach,
    Role, RoleName, Service, Speaks, Who,
};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// One endpoint to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) role: RoleName,
    pub(crate) service: String,
    /// The node that serves it.
    pub(crate) node: String,
    pub(crate) port: u16,
    /// Where it may be reached; the first that takes a connection is asked.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) promise: Promise,
}

impl Target {
    /// Whether clear text is expected here all the same.
    pub(crate) fn is_plain(&self) -> bool {
        covers(&self.promise.plain, self.port)
    }

    /// Whether the protocol turns to TLS inside a connection that begins in clear text.
    pub(crate) fn begins_clear(&self) -> bool {
        use Speaks::*;
        matches!(self.promise.speaks, Xmpp | XmppServer | Mysql | Postgresql)
    }

    /// Whether nothing but TLS may be spoken here.
    pub(crate) fn expects_tls(&self) -> bool {
        self.promise.encrypted == Encrypted::Always && !self.is_plain()
    }
}

/// What targets follow from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) inventory: &'a Inventory,
    pub(crate) me: &'a Me,
    pub(crate) plan: &'a Plan,
    pub(crate) observed: &'a Observed,
    /// Of this host's interfaces, loopback's left out.
    pub(crate) addresses: &'a [IpAddr],
}

/// At most this many endpoints of one service on one node: a range of thousands is no list of endpoints.
const PORTS_MAX: usize = 16;

impl Known<'_> {
    /// What this host's sockets and files show to be a service of a role, and what its roles serve by the
    /// inventory.
    pub(crate) fn here(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for observation in &self.observed.endpoints {
            let endpoint = &observation.endpoint;
            let ports = (endpoint.ports.0..=endpoint.ports.1).take(PORTS_MAX);
            if endpoint.transport != Transport::Tcp {
                continue;
            }
            let addresses = self.answering(endpoint.address);
            for (role, position, service) in self.services_of(observation) {
                for port in ports.clone().filter(|port| self.is_at_home(role, position, service, *port)) {
                    targets.extend(target(role, service, &self.me.name.0, port, &addresses));
                }
            }
        }
        self.declared(&mut targets);
        targets
    }

    /// Roles may share a program: those that this host has, else the first.
    fn services_of(&self, observation: &Observation) -> Vec<(&Role, usize, &Service)> {
        let mine = observation.serves.iter().filter(|(role, _)| self.me.roles.contains(role));
        let mut keys: Vec<&Key> = mine.collect();
        if keys.is_empty() {
            keys.extend(observation.serves.first());
        }
        keys.into_iter().filter_map(|key| self.service(key)).collect()
    }

    /// A program may serve something else beside, such as a further site of a web server, which no role knows
    /// and nobody promised anything of.
    fn is_at_home(&self, role: &Role, position: usize, service: &Service, port: u16) -> bool {
        let own = self.me.ports_of(role, position, service);
        covers(&own, port) || covers(&service.ports, port) || covers(&service.also, port)
    }

    /// By the inventory, where no socket showed it.
    fn declared(&self, targets: &mut Vec<Target>) {
        if self.me.place.is_none() {
            return;
        }
        let addresses = self.answering(Address::Every);
        for role in self.catalogue.roles.values().filter(|r| self.me.roles.contains(&r.name)) {
            for (position, service) in role.services.iter().enumerate() {
                for port in tcp_ports(&self.me.ports_of(role, position, service)) {
                    let is_seen =
                        |t: &Target| t.role == role.name && t.service == service.name && t.port == port;
                    if !targets.iter().any(is_seen) {
                        targets.extend(target(role, service, &self.me.name.0, port, &addresses));
                    }
                }
            }
        }
    }

    /// Addresses at which a socket answers: as clients see it first, over loopback where that fails.
    fn answering(&self, address: Address) -> Vec<IpAddr> {
        let of_family = |ip: &IpAddr| match address {
            Address::Every => true,
            Address::One(any) => any.is_ipv4() == ip.is_ipv4(),
        };
        match address {
            Address::One(one) if !one.is_unspecified() => vec![one],
            _ => {
                let own = self.own_addresses();
                let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
                own.into_iter().chain(loopback).filter(of_family).collect()
            }
        }
    }

    /// Those of the inventory that are bound here; where it knows none of them, one of each family.
    fn own_addresses(&self) -> Vec<IpAddr> {
        let bound = |ip: &&IpAddr| self.addresses.contains(ip);
        let known: Vec<IpAddr> = self.me.addresses.iter().filter(bound).copied().collect();
        if !known.is_empty() {
            return known;
        }
        let first = |is_v4: bool| self.addresses.iter().find(|ip| ip.is_ipv4() == is_v4);
        [first(true), first(false)].into_iter().flatten().copied().collect()
    }

    /// Services of other nodes: over the private network those of which this node is a client, over the
    /// public one those to which the plan lets it out.
    pub(crate) fn elsewhere(&self) -> Vec<Target> {
        let private = self.over_private();
        let mut targets = Vec::new();
        for node in self.inventory.nodes.iter().filter(|node| node.name != self.me.name) {
            let mine = private.iter().filter(|t| t.node == node.name.0).cloned();
            targets.extend(mine);
            targets.extend(self.over_public(node));
        }
        targets
    }

    fn over_private(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for permit in self.plan.outbound.iter().filter(|p| p.network == Network::Private) {
            let Zone::Nodes(label) = &permit.zone else { continue };
            let named = (permit.why.role.clone(), permit.why.service.clone());
            let Some((role, _, service)) = self.service(&named) else { continue };
            let zone: BTreeSet<&IpAddr> = self.plan.nodes.get(label).into_iter().flatten().collect();
            for node in self.inventory.nodes.iter().filter(|n| n.roles.contains(&role.name)) {
                let addresses: Vec<IpAddr> =
                    node.private.iter().filter(|ip| zone.contains(ip)).copied().collect();
                for port in tcp_ports(&permit.ports) {
                    targets.extend(target(role, service, &node.name.0, port, &addresses));
                }
            }
        }
        targets
    }

    fn over_public(&self, node: &Node) -> Vec<Target> {
        let mut targets = Vec::new();
        for role in self.catalogue.roles.values().filter(|role| node.roles.contains(&role.name)) {
            for (position, service) in role.services.iter().enumerate() {
                if !service
                    .clients
                    .iter()
                    .any(|c| c.network == Network::Public && is_public(role, node, &c.who))
                {
                    continue;
                }
                let ports = tcp_ports(ports_of(&node.ports, role, position, service));
                for port in ports.filter(|port| self.may_reach_anyone(*port)) {
                    targets.extend(target(role, service, &node.name.0, port, &node.public));
                }
            }
        }
        targets
    }

    fn may_reach_anyone(&self, port: u16) -> bool {
        let mut permits = self.plan.outbound.iter().filter(|permit| permit.zone == Zone::Anyone);
        permits.any(|permit| covers(&permit.ports, port))
    }

    /// With its place among the role's.
    fn service(&self, (role, service): &Key) -> Option<(&Role, usize, &Service)> {
        let role = self.catalogue.roles.get(role)?;
        let position = role.services.iter().position(|s| s.name == *service)?;
        Some((role, position, &role.services[position]))
    }
}

/// Customers of the node are a client here; admins are not this host.
fn is_public(role: &Role, node: &Node, who: &Who) -> bool {
    match who {
        Who::Public => role.public == PublicReach::Customers,
        Who::Admin => node.admin_public.contains(&role.name),
        Who::Trunks | Who::EveryNode | Who::Peers | Who::Role(_) => false,
    }
}

/// None where the service promises nothing, or there is no address to ask.
fn target(role: &Role, service: &Service, node: &str, port: u16, addresses: &[IpAddr]) -> Option<Target> {
    let promise = service.promise.clone()?;
    let addresses: Vec<SocketAddr> = addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
    (!addresses.is_empty()).then(|| Target {
        role: role.name.clone(),
        service: service.name.clone(),
        node: node.to_owned(),
        port,
        addresses,
        promise,
    })
}

/// An override replaces the ports of the role's first service.
fn ports_of<'a>(
    overrides: &'a std::collections::BTreeMap<RoleName, Vec<PortRange>>,
    role: &Role,
    position: usize,
    service: &'a Service,
) -> &'a [PortRange] {
    overrides.get(&role.name).filter(|_| position == 0).unwrap_or(&service.ports)
}

fn tcp_ports(ranges: &[PortRange]) -> impl Iterator<Item = u16> {
    ranges.iter().filter(|r| r.proto == Proto::Tcp).flat_map(|r| r.first..=r.last).take(PORTS_MAX)
}

fn covers(ranges: &[PortRange], port: u16) -> bool {
    ranges.iter().any(|r| r.proto == Proto::Tcp && (r.first..=r.last).contains(&port))
}

#[cfg(test)]
mod tests;
