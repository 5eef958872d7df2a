//! What the targets of iptables do.
//! Not here: accept, drop, return and jumps, which nf_tables has itself ([`crate::Verdict`]).

use super::Address;

/// What a target does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `REJECT`: an answer, and the packet is dropped. Linux's number of the answer, of the table's family.
    Reject {
        /// `enum ipt_reject_with` or `enum ip6t_reject_with`.
        with: u32,
    },
    /// `LOG`, `NFLOG`, `TRACE`, `TCPMSS`, `CHECKSUM`, `CLASSIFY` and others: the packet goes on, with
    /// addresses, ports, flags and mark as they were.
    Aside,
    /// `MARK`.
    Mark {
        /// Bits that are changed first to zero.
        mask: u32,
        /// Exclusive or.
        xor: u32,
    },
    /// `CONNMARK`.
    ConnMark(MarkChange),
    /// `CT --notrack`, `NOTRACK`: a packet that has no connection yet gets none.
    Notrack,
    /// `CT` with a zone, helper or timeout.
    Template {
        /// A zone is given: the connection may be another than without.
        zone: bool,
    },
    /// `TOS`, `DSCP`, `ECN`: the byte is changed.
    Tos {
        /// Bits that are changed first to zero.
        mask: u8,
        /// Exclusive or.
        xor: u8,
    },
    /// `TTL`, `HL`.
    HopLimit(HopChange),
    /// `DNAT`, `SNAT`, `MASQUERADE`, `REDIRECT`, `NETMAP`: the packet is accepted by this chain.
    Translate(Translation),
    /// `SET`: elements of ipsets are added or deleted.
    ChangeSets {
        /// Linux's numbers of the sets.
        indices: Vec<u16>,
    },
    /// `TPROXY`, `NFQUEUE`, `SYNPROXY`, or one that is not known: anything may become of the packet.
    Unknown,
}

/// What `CONNMARK` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkChange {
    /// Which mark is written.
    pub mode: MarkMode,
    /// Of the connection, or exclusive or of `Set`.
    pub ct_mark: u32,
    /// Bits of the connection's mark.
    pub ct_mask: u32,
    /// Bits of the packet's mark.
    pub packet_mask: u32,
    /// Bits to shift to the left, or, negative, to the right.
    pub shift: i8,
}

/// Which mark is written, from what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkMode {
    /// The connection's, from a constant.
    Set,
    /// The connection's, from the packet's.
    Save,
    /// The packet's, from the connection's.
    Restore,
}

/// What becomes of TTL or hop limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum HopChange {
    Set(u8),
    Raise(u8),
    Lower(u8),
}

/// Which end is translated, and to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TranslationKind {
    /// `SNAT`.
    Source,
    /// `DNAT`.
    Destination,
    /// `MASQUERADE`: the source, to the address of the interface that it leaves by.
    Masquerade,
    /// `REDIRECT`: the destination, to this host.
    Redirect,
    /// `NETMAP`: the network part of the destination before routing, of the source after it.
    Netmap,
}

/// A translation of addresses and ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Translation {
    /// Which.
    pub kind: TranslationKind,
    /// First and last address; none: as it was.
    pub addresses: Option<(Address, Address)>,
    /// First and last port; none: as it was, if it can be.
    pub ports: Option<(u16, u16)>,
    /// Ports are chosen at random, or count from a base.
    pub scattered: bool,
}
