//! Which flows a cut may end at all: those of denied networks, of nodes that left, or every one.
//! Not here: whether the ruleset denies them.

use crate::cli::CutArgs;
use crate::live::LiveFlow;
use crate::live::verdicts::{Verdicts, is_denied};
use rolewall_kernel::conntrack::TrackedFlow;
use rolewall_policy::{Addresses, Inventory, lower};
use rolewall_ruleset::{DataType, Generation, Set};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What a cut may end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    /// The ruleset bans somebody: what it refuses even of established flows.
    banned: bool,
    /// Addresses of nodes that left.
    left: BTreeSet<IpAddr>,
    /// Whatever the ruleset denies.
    everything: bool,
}

impl Reach {
    /// After a generation became what is confirmed, and these addresses' nodes left with it.
    pub(crate) fn of(generation: &Generation, left: &[IpAddr], arguments: &CutArgs) -> Reach {
        let banned = lower::denies(generation);
        Reach { banned, ..Reach::of_nodes(left.iter().copied(), arguments) }
    }

    /// After nodes of these addresses left.
    pub(crate) fn of_nodes(left: impl IntoIterator<Item = IpAddr>, arguments: &CutArgs) -> Reach {
        Reach { banned: false, left: left.into_iter().collect(), everything: arguments.cut }
    }

    /// Nothing was revoked: there is nothing to look for.
    pub(crate) fn is_nothing(&self) -> bool {
        !self.banned && !self.everything && self.left.is_empty()
    }

    /// Whether the entry can be within reach, by what it says itself.
    pub(super) fn may_hold(&self, entry: &TrackedFlow) -> bool {
        self.banned || self.everything || self.is_of_one_that_left(entry)
    }

    /// Whether it is.
    pub(super) fn holds(&self, entry: &TrackedFlow, flow: &LiveFlow, verdicts: &mut Verdicts<'_>) -> bool {
        let is_banned = |verdicts: &mut Verdicts<'_>| is_denied(verdicts.as_established(flow));
        self.everything || self.is_of_one_that_left(entry) || (self.banned && is_banned(verdicts))
    }

    /// By the ends that are really there, whatever addresses they were called by.
    fn is_of_one_that_left(&self, entry: &TrackedFlow) -> bool {
        [entry.original.src, entry.reply.src].iter().any(|address| self.left.contains(address))
    }
}

/// The addresses that the nodes' sets of a confirmed generation hold, and that no node of the inventory has
/// any longer.
pub(crate) fn left(confirmed: &Generation, inventory: &Inventory) -> Vec<IpAddr> {
    let nodes = Addresses::from_iter(inventory.nodes.iter().flat_map(|node| node.addresses()));
    let held = confirmed.parts.sets.iter().filter(|set| is_of_nodes(set)).flat_map(addresses);
    let left: BTreeSet<IpAddr> = held.filter(|address| !nodes.contains(*address)).collect();
    left.into_iter().collect()
}

/// Networks are ranges, and meters come and go by packets.
fn is_of_nodes(set: &Set) -> bool {
    let is_plain = !set.flags.interval && !set.flags.dynamic && set.data.is_none();
    is_plain && matches!(set.key.as_slice(), [DataType::Ipv4Addr | DataType::Ipv6Addr])
}

fn addresses(set: &Set) -> impl Iterator<Item = IpAddr> {
    let address = |bytes: &[u8]| match bytes.len() {
        4 => Some(IpAddr::from(*bytes.first_chunk::<4>()?)),
        16 => Some(IpAddr::from(*bytes.first_chunk::<16>()?)),
        _ => None,
    };
    set.elements.iter().filter_map(move |element| address(element.key.bytes()))
}
