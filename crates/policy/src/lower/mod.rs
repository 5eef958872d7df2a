//! Lowering: from a plan to the chains and sets of one generation of the ruleset.
//! Not here: base chains and how one generation replaces another (crate `control`).
//!
//! What a packet meets, whatever the number of nodes:
//!
//! ```text
//! PREFIX-in   deny → established → related errors → lo → trusted → ICMP floor → invalid
//!             → one verdict map on protocol and port → the service's chain → its clients' sets
//!             → media ranges → refuse (counted, logged at a bounded rate, dropped)
//! ```
//!
//! A map from address to role bits would hold fewer elements, but nft can neither test such a value
//! without overwriting the packet's mark nor jump on it without Linux walking the whole map at each
//! commit. One hash set for each role's addresses costs a lookup for each role that is a client, on new
//! flows alone, and a joining node costs one element a role and family.

pub mod closed;
mod floor;
mod ports;
mod refuse;
mod rule;
mod services;
mod zones;

use crate::Plan;
use crate::settings::Forward;
use rolewall_ruleset::table::Hook;
use rolewall_ruleset::{Chain, Family, Generation, Set, TableId};

/// Our table's name.
pub const TABLE: &str = "rolewall";

/// Our table: `inet rolewall`.
pub fn table_id() -> TableId {
    TableId { family: Family::Inet, name: TABLE.to_owned() }
}

/// Lowers a plan. Every name in the result begins with the prefix and a dash.
pub fn lower(plan: &Plan, prefix: &str) -> Generation {
    let mut lowering = lowering(plan, prefix);
    lowering.zone_sets();
    lowering.refusals();
    let mut entries = vec![(Hook::Input, lowering.inbound()), (Hook::Output, lowering.outbound())];
    if let Forward::Filtered(mode) = plan.forward {
        entries.push((Hook::Forward, lowering.forward(mode)));
    }
    entries.sort();
    lowering.done(entries)
}

fn lowering<'a>(plan: &'a Plan, prefix: &'a str) -> Lowering<'a> {
    Lowering { plan, prefix, every_node: zones::every_node(plan), sets: Vec::new(), chains: Vec::new() }
}

/// Whether a generation refuses somebody even what is established.
pub fn denies(generation: &Generation) -> bool {
    generation
        .parts
        .chains
        .iter()
        .any(|chain| chain.name.split_once('-').is_some_and(|(_, name)| name == refuse::DENIED))
}

/// A generation in the making.
struct Lowering<'a> {
    plan: &'a Plan,
    prefix: &'a str,
    /// The sets that together hold every node.
    every_node: Vec<&'a str>,
    sets: Vec<Set>,
    chains: Vec<Chain>,
}

impl Lowering<'_> {
    fn done(self, entries: Vec<(Hook, String)>) -> Generation {
        let mut generation = Generation { entries, ..Generation::empty(&table_id()) };
        generation.parts.sets = self.sets;
        generation.parts.chains = self.chains;
        generation
    }

    /// A name of this generation.
    fn name(&self, rest: impl std::fmt::Display) -> String {
        format!("{}-{rest}", self.prefix)
    }

    fn push(&mut self, name: &str, rules: Vec<rolewall_ruleset::Rule>) {
        self.chains.push(Chain { name: name.to_owned(), base: None, rules });
    }
}
