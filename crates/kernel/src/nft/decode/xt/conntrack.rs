//! `conntrack` in its three layouts, and `state`.
//! Not here: other matches ([`super::matches`]).

use super::Blob;
use rolewall_ruleset::xt::{AddressMask, Choice, Condition, Conntrack, CtStates, Span};

/// `XT_CONNTRACK_*` of `xt_conntrack.h`.
mod asks {
    pub(super) const STATE: u16 = 1 << 0;
    pub(super) const PROTO: u16 = 1 << 1;
    pub(super) const ORIGSRC: u16 = 1 << 2;
    pub(super) const ORIGDST: u16 = 1 << 3;
    pub(super) const REPLSRC: u16 = 1 << 4;
    pub(super) const REPLDST: u16 = 1 << 5;
    pub(super) const STATUS: u16 = 1 << 6;
    pub(super) const EXPIRES: u16 = 1 << 7;
    pub(super) const ORIGSRC_PORT: u16 = 1 << 8;
    pub(super) const ORIGDST_PORT: u16 = 1 << 9;
    pub(super) const REPLSRC_PORT: u16 = 1 << 10;
    pub(super) const REPLDST_PORT: u16 = 1 << 11;
    pub(super) const DIRECTION: u16 = 1 << 12;
    /// It was written as `-m state`, which changes nothing.
    pub(super) const STATE_ALIAS: u16 = 1 << 13;
}

/// `struct xt_conntrack_mtinfo1` to `3`: alike up to the ports, which are one number in network order
/// before 3, and first and last in the machine's order in 3.
pub(super) fn conntrack(revision: u32, blob: Blob<'_>) -> Option<Condition> {
    let (asked, invert) = (blob.u16(146)?, blob.u16(148)?);
    let known = (asks::STATE_ALIAS << 1) - 1;
    (asked & !known == 0).then_some(())?;
    let (states, status) = match revision {
        1 => (blob.u8(150)?.into(), blob.u8(151)?.into()),
        2 | 3 => (blob.u16(150)?, blob.u16(152)?),
        _ => return None,
    };
    let of = |bit: u16| (asked & bit != 0).then_some(invert & bit != 0);
    let masked = |bit: u16, at: usize| match of(bit) {
        None => Some(None),
        Some(invert) => {
            let of = AddressMask { address: blob.address(at)?, mask: blob.address(at + 16)? };
            Some(Some(Choice { of, invert }))
        }
    };
    let ports = |bit: u16, place: usize| match of(bit) {
        None => Some(None),
        Some(invert) => {
            let (first, last) = match revision {
                3 => (blob.u16(138 + 2 * place)?, blob.u16(154 + 2 * place)?),
                _ => (blob.be16(138 + 2 * place)?, blob.be16(138 + 2 * place)?),
            };
            Some(Some(Span { first, last, invert }))
        }
    };
    let (first, last) = (blob.u32(128)?, blob.u32(132)?);
    Some(Condition::Conntrack(Box::new(Conntrack {
        states: of(asks::STATE).map(|invert| Choice { of: ct_states(states), invert }),
        protocol: match of(asks::PROTO) {
            None => None,
            Some(invert) => Some(Choice { of: blob.u16(136)?, invert }),
        },
        orig_src: masked(asks::ORIGSRC, 0)?,
        orig_dst: masked(asks::ORIGDST, 32)?,
        reply_src: masked(asks::REPLSRC, 64)?,
        reply_dst: masked(asks::REPLDST, 96)?,
        orig_sport: ports(asks::ORIGSRC_PORT, 0)?,
        orig_dport: ports(asks::ORIGDST_PORT, 1)?,
        reply_sport: ports(asks::REPLSRC_PORT, 2)?,
        reply_dport: ports(asks::REPLDST_PORT, 3)?,
        status: of(asks::STATUS).map(|invert| Choice { of: status, invert }),
        expires_s: of(asks::EXPIRES).map(|invert| Span { first, last, invert }),
        original: of(asks::DIRECTION).map(|invert| Choice { of: (), invert }),
    })))
}

/// `struct xt_state_info`, whose bit for untracked is where `conntrack` has that of translated sources.
pub(super) fn state(blob: Blob<'_>) -> Option<Condition> {
    const UNTRACKED: u32 = 1 << 6;
    let mask = blob.u32(0)?;
    let of = CtStates { untracked: mask & UNTRACKED != 0, snat: false, ..ct_states((mask & 0x1f) as u16) };
    let states = Some(Choice { of, invert: false });
    Some(Condition::Conntrack(Box::new(Conntrack { states, ..Conntrack::default() })))
}

/// `XT_CONNTRACK_STATE_*`.
fn ct_states(mask: u16) -> CtStates {
    let has = |bit: u16| mask >> bit & 1 == 1;
    CtStates {
        invalid: has(0),
        established: has(1),
        related: has(2),
        new: has(3),
        snat: has(6),
        dnat: has(7),
        untracked: has(8),
    }
}
