//! Operators' assertions: flows that must never pass (`[[deny]]`), and flows that must (`[[allow]]`).
//! Not here: the plan, which an assertion neither changes nor replaces.
//!
//! ```toml
//! [[deny]]
//! name = "no customer reaches a database"  # optional
//! from = "public"                          # a role, a node, a zone, a prefix or an address; or a list of them
//! to   = ["sql", "dd"]
//!
//! [[allow]]
//! name    = "web servers reach the databases"
//! from    = "web"
//! to      = "sql"
//! ports   = ["mysql"]                      # tcp/3306, udp/10000-20000, or a service by its name
//! network = "private"                      # optional: private or public
//! ```
//!
//! Zones are `public` (strangers: every address that is not of the private network, link-local, a node's, admin,
//! a trunk or trusted), `private` (the private network's addresses), `admin`, `trunks`, `trusted`, `nodes` (every
//! node) and `this` (this node). At least one end is nodes, since nothing else has a ruleset.
//!
//! What is meant, precisely:
//!
//! - New flows (conntrack's `new`) by any interface but loopback; TCP of an `allow` begins with SYN.
//! - `deny` holds if none of them may pass. A flow of which it cannot be known (a rule asks what no flow tells)
//!   breaks it, and is told as *may*. `allow` holds if all of them surely pass, within the rates that limit them,
//!   but for denied networks among the strangers.
//! - Where `to` is nodes, it is asked of what comes in at each of them, from the addresses of `from`, to whatever
//!   address, as there may be translation in front; and for `allow` from nodes, of what goes out at each of those.
//!   Where `to` is addresses, it is asked of what goes out at each node of `from`.
//! - Nodes' addresses are those of both networks, for `allow` those on the private one. With `network` they are
//!   those on it, and flows come (and go) by its interfaces, as far as the settings name them. For `allow` without
//!   `network` they come by the public network's from `public`, `admin`, `trunks` and `trusted`, by the private one's
//!   otherwise.
//! - Without `ports`: every port of TCP, UDP and SCTP; DHCP, which the floor lets pass, is then not meant. ICMP is
//!   never meant. A service stands for its ports on the node that serves it; for those of its role where `to` is
//!   addresses.
//! - A node does not reach itself through its own firewall: such flows are not meant.

mod check;
mod parse;

pub use check::{Broken, check};
pub use parse::parse;

use super::ends::End;
use crate::{Network, Place, PortRange, RoleName};
use std::fmt;

/// What an operator says of some flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Whether they pass.
    pub claim: Claim,
    /// As the operator calls it.
    pub name: Option<String>,
    /// Who begins. Never empty.
    pub from: Vec<End>,
    /// Whom they ask. Never empty.
    pub to: Vec<End>,
    /// To which ports; none: to all.
    pub ports: Option<Vec<Ports>>,
    /// Over which network, where it is said.
    pub network: Option<Network>,
    /// Where it stands.
    pub place: Place,
}

/// What is said of flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// None of them may pass.
    Deny,
    /// All of them pass.
    Allow,
}

/// Ports by number, or by what is served there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ports {
    /// These.
    Range(PortRange),
    /// Those of a role's service.
    Service(RoleName, String),
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ports::Range(range) => write!(f, "{range}"),
            Ports::Service(_, name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            return f.write_str(name);
        }
        let word = if self.claim == Claim::Deny { "deny" } else { "allow" };
        let ends = |ends: &[End]| ends.iter().map(End::to_string).collect::<Vec<_>>().join(", ");
        write!(f, "{word} from {} to {}", ends(&self.from), ends(&self.to))?;
        for (at, ports) in self.ports.iter().flatten().enumerate() {
            write!(f, "{}{ports}", if at == 0 { " on " } else { ", " })?;
        }
        Ok(())
    }
}
