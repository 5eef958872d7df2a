//! Extensions of iptables inside nf_tables: what `iptables-nft` puts into rules as matches and targets.
//! Not here: their layouts in memory (crate `kernel`), and what they do to a flow ([`crate::judge`]).
//!
//! Each keeps the bytes that Linux holds beside what they mean: a value is sent as it came, whether it is
//! understood or not. An address is sixteen bytes, of which IPv4 has the first four: extensions do not say
//! which family they are for, the table does.

mod action;
mod condition;
mod ipset;
mod words;

pub use action::{Action, HopChange, MarkChange, MarkMode, Translation, TranslationKind};
pub use condition::{
    AddrType, AddressMask, AddressRange, Compare, Condition, Conntrack, CtStates, HopLimit, Icmp, IpRange,
    Multiport, Owner, PhysDev, Rate, Recent, Sctp, SetLookup, Side, Tcp, Udp,
};
pub use ipset::{IpNet, IpSet, IpSetEntry, IpSetKey};

/// An extension that asks something of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Its name: `conntrack`.
    pub name: String,
    /// Which of its layouts.
    pub revision: u32,
    /// The bytes that Linux holds.
    pub info: Box<[u8]>,
    /// What they mean.
    pub condition: Condition,
}

/// An extension that does something with a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name: `DNAT`.
    pub name: String,
    /// Which of its layouts.
    pub revision: u32,
    /// The bytes that Linux holds.
    pub info: Box<[u8]>,
    /// What they mean.
    pub action: Action,
}

/// From first to last, both included; inverted, everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Span<T> {
    pub first: T,
    pub last: T,
    pub invert: bool,
}

impl<T: PartialOrd + Copy> Span<T> {
    /// Whether a value is in it.
    pub fn holds(&self, value: T) -> bool {
        (self.first <= value && value <= self.last) != self.invert
    }
}

/// What is left of a value under the mask is this; inverted, is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Bits<T> {
    pub value: T,
    pub mask: T,
    pub invert: bool,
}

/// This; inverted, not this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Choice<T> {
    pub of: T,
    pub invert: bool,
}

/// An address of either family: IPv4 in the first four bytes.
pub type Address = [u8; 16];
