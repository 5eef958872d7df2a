//! The role catalogue: what each role serves, to whom, over which network, and what it needs outwards.
//! Not here: which node has which role ([`crate::inventory`]), and what is allowed in the end (the plan).
//!
//! A role is one file. Those of the project are compiled in; an operator's own stand in `roles.d` and add a
//! role, or replace one whole. The format:
//!
//! ```toml
//! [role]
//! name    = "jabber"              # a letter, then letters, digits and dashes, all lower case; at most 32
//! title   = "Jabber"              # as people call it
//! aliases = ["xmpp"]              # other names that mean this role
//! public  = "customers"           # or "admin-on-request", or "never": who at most on the public network
//!
//! [[service]]                     # the first one is the service whose ports an inventory may replace
//! name      = "xmpp-client"       # unique in the whole catalogue, and no role's name but its own role's
//! ports     = ["tcp/5222"]
//! also      = []                  # where detection recognises it too
//! processes = ["beam.smp"]        # who serves it, by the names of processes
//! evidence  = ["ejabberd/xmpp-client"]  # whose configuration says on which ports: program and protocol
//! media     = false               # true: a wide range, of which other services' ports are taken away
//! purpose   = "what it is for"
//! status    = "documented"        # or "assumed"
//! source    = "the page that says so, or the reason to assume it"
//! limit     = { new_per_second = 20, burst = 40, reason = "why these figures" }    # optional
//!
//!   [service.promise]             # optional: what audit holds its answers against
//!   speaks        = "https"       # amqp, elasticsearch, http, https, memcache, mysql, postgresql, redis, sip,
//!                                 # sips, xmpp or xmpp-server
//!   encrypted     = "always"      # or "optional": TLS is on offer; or "no": nothing is promised
//!   authenticated = true          # nothing is done for who has no credentials
//!   except        = "…"           # what the source says works without them all the same; optional
//!   plain         = ["tcp/80"]    # ports of clear text all the same, to lead to HTTPS; optional
//!   status        = "documented"
//!   source        = "…"
//!
//!   [[service.client]]            # none: nobody may use it
//!   who     = "public"            # or "admin", "trunks", "every-node", "peers", "role:NAME"
//!   network = "public"            # or "private"
//!   purpose = "…"                 # purpose, status and source: the service's, where left out together
//!   status  = "documented"
//!   source  = "…"
//!
//! [[need]]                        # what it opens outwards to others than nodes of the cluster
//! name    = "dns"                 # unique in its role
//! ports   = ["udp/53", "tcp/53"]
//! to      = "public"              # any address; or "trunks", "admin", "every-node", "peers", "role:NAME"
//! purpose = "…"
//! status  = "documented"
//! source  = "…"
//! ```
//!
//! Two services of one role may not share a port, since no packet could tell them apart; services of two
//! roles may (the web interface and the controller both have tcp/443), and a node that has both roles admits
//! the clients of both. A client `public` stands for customers, so it is refused on the private network;
//! nodes reach each other over the private network alone, so they are refused on the public one.

mod built_in;
mod check;
mod entries;
mod merge;
mod parse;
mod promise;

pub use promise::{Encrypted, Promise, Speaks};

use crate::PortRange;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;

/// A role's name: lower-case letters, digits and dashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(pub String);

impl Borrow<str> for RoleName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The role that every node has without being given it.
pub const NODE: &str = "node";

/// All known roles. The role `node` is every node's: what each host needs whatever it does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// By name.
    pub roles: BTreeMap<RoleName, Role>,
}

impl Catalogue {
    /// The role of that name, or with that alias.
    pub fn resolve(&self, name: &str) -> Option<&Role> {
        let by_alias = || self.roles.values().find(|role| role.aliases.iter().any(|alias| alias == name));
        self.roles.get(name).or_else(by_alias)
    }

    /// Every name and alias, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let aliases = self.roles.values().flat_map(|role| role.aliases.iter().map(String::as_str));
        self.roles.keys().map(|name| name.0.as_str()).chain(aliases)
    }

    /// The name of a role or service that a mistyped one is nearest to.
    pub fn nearest(&self, word: &str) -> Option<&str> {
        let services = self.services().map(|(_, service)| service.name.as_str());
        crate::read::nearest(word, self.names().chain(services))
    }

    /// Every service with its role, by the role's name.
    pub fn services(&self) -> impl Iterator<Item = (&Role, &Service)> {
        self.roles.values().flat_map(|role| role.services.iter().map(move |service| (role, service)))
    }
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
    /// Its name, unique in the catalogue: limits and their counters go by it.
    pub name: String,
    /// Default ports. Those of a role's first service are what an inventory may replace.
    pub ports: Vec<PortRange>,
    /// Ports on which the same service is also known to listen: detection recognises it there.
    pub also: Vec<PortRange>,
    /// Names of processes that serve it.
    pub processes: Vec<String>,
    /// Which endpoints of which programs' configuration are this service.
    pub evidence: Vec<Word>,
    /// A range of which every service's own port is taken away: media.
    pub media: bool,
    /// Who may use it.
    pub clients: Vec<Client>,
    /// Limit on new flows by source address.
    pub limit: Option<Limit>,
    /// What it promises whoever asks; none where nothing can be said.
    pub promise: Option<Promise>,
    /// What it is for, and who says so.
    pub origin: Origin,
}

impl Service {
    /// Whether a port is one of those that the role itself names for it.
    pub fn knows(&self, port: PortRange) -> bool {
        let mut known = self.ports.iter().chain(&self.also);
        known.any(|r| r.proto == port.proto && r.first <= port.first && port.last <= r.last)
    }
}

/// A program, and a protocol that its configuration tells it to serve: `kamailio/sip`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The program, as evidence calls it.
    pub program: String,
    /// The protocol.
    pub purpose: String,
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
