//! Any bytes as answers of Linux, for the targets in the folder `fuzz`: there with the feature `fuzz` only.
//! Not here: what must hold of what they tell.

use crate::conntrack::{self, TrackedFlow};
use crate::ipset;
use crate::links::{self, Address, Interface};
use crate::netlink::Messages;
use crate::nft::fuzz as nft;
use crate::sockets::{self, Protocol, Socket};
use rolewall_ruleset::Element;
use rolewall_ruleset::xt::IpSet;

/// All that this crate would make of one datagram, whatever it had asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Messages that end a dump or refuse a request.
    pub ends: usize,
    /// Sockets.
    pub sockets: Vec<Socket>,
    /// Tracked connections.
    pub tracked: Vec<TrackedFlow>,
    /// Interfaces.
    pub interfaces: Vec<Interface>,
    /// Addresses.
    pub addresses: Vec<Address>,
    /// The ipset that its messages list together.
    pub ipset: Option<IpSet>,
    /// How many tables, chains, rules, sets and elements of nf_tables.
    pub nft: usize,
}

/// Reads a datagram.
pub fn told(datagram: &[u8]) -> Told {
    let mut told = Told::default();
    for m in Messages::new(datagram) {
        told.ends += usize::from(m.outcome().is_some());
        let protocol = if m.flags & 1 == 0 { Protocol::Tcp } else { Protocol::Udp };
        told.sockets.extend(sockets::decoded(protocol, &m));
        told.tracked.extend(conntrack::flow(&m));
        told.interfaces.extend(links::interface(&m));
        told.addresses.extend(links::address(&m));
        ipset::add_message(&mut told.ipset, "s", &m);
        told.nft += nft::message(&m);
    }
    told
}

/// The elements of a hash set, out of a list of them.
pub fn elements(list: &[u8]) -> Vec<Element> {
    nft::elements(list)
}

/// Whether a list holds exactly these elements, as a readback tells without keeping them; none where it keeps them.
pub fn holds_exactly(wanted: &[Element], list: &[u8]) -> Option<bool> {
    nft::holds_exactly(wanted, list)
}
