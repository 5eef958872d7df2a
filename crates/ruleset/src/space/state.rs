//! What rules and hooks made of packets, beside what their flows tell.
//! Not here: which flows they are ([`super::diagram`]).

use super::field::{CT_STATES, Field, Shape};
use super::formula::{Asked, Beside};
use crate::expr::NatKind;
use crate::flow::{CtState, Direction};
use std::collections::{BTreeMap, BTreeSet};

/// What a field is instead of the flow's own value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    One(u128),
    /// Something that is not known.
    Any,
}

/// Whether something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    Unknown,
}

impl Truth {
    pub(super) fn of(holds: bool) -> Truth {
        if holds { Truth::Yes } else { Truth::No }
    }

    pub(super) fn or(self, other: Truth) -> Truth {
        match (self, other) {
            (Truth::Yes, _) | (_, Truth::Yes) => Truth::Yes,
            (Truth::No, Truth::No) => Truth::No,
            _ => Truth::Unknown,
        }
    }
}

/// What conntrack says of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tracking {
    /// The flow's own state.
    Seen,
    /// Nothing yet: as if they were invalid.
    NotYet,
    Untracked,
}

/// What packets are told apart by beside their flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    /// Fields that are no longer the flow's.
    pub(super) instead: BTreeMap<Field, Instead>,
    pub(super) tracking: Tracking,
    /// Conntrack has seen them.
    pub(super) tracked: bool,
    /// None: not known.
    pub(super) mark: Option<u32>,
    /// Of connections that they open.
    pub(super) ct_mark: Option<u32>,
    pub(super) dnat: Truth,
    pub(super) snat: Truth,
    /// Chains of nat have made up their minds about the destination, about the source.
    pub(super) bound: (bool, bool),
    /// A rule made this host their destination.
    pub(super) to_host: bool,
    /// Sets to which elements were added, of which elements were deleted.
    pub(super) added: BTreeSet<usize>,
    pub(super) deleted: BTreeSet<usize>,
}

impl State {
    /// As packets come in or go out. An interface that they do not have has an empty name.
    pub(super) fn new(shape: Shape, is_whole: bool) -> State {
        let own = shape.fields();
        let mut instead: BTreeMap<Field, Instead> = BTreeMap::new();
        for field in [Field::Iif, Field::Oif] {
            if !own.contains(&field) {
                instead.insert(field, Instead::One(0));
            }
        }
        if is_whole && shape.direction == Direction::Forward {
            instead.insert(Field::Oif, Instead::One(0));
        }
        State {
            instead,
            tracking: Tracking::Seen,
            tracked: !is_whole && shape.direction != Direction::Out,
            mark: Some(0),
            ct_mark: Some(0),
            dnat: Truth::No,
            snat: Truth::No,
            bound: (false, false),
            to_host: false,
            added: BTreeSet::new(),
            deleted: BTreeSet::new(),
        }
    }

    /// What a field is instead of the flow's own value.
    pub(super) fn instead(&self, field: Field) -> Option<Instead> {
        let is = |state: CtState| {
            CT_STATES.iter().position(|own| *own == state).map(|place| Instead::One(place as u128))
        };
        match (field, self.tracking) {
            (Field::Ct, Tracking::NotYet) => is(CtState::Invalid),
            (Field::Ct, Tracking::Untracked) => is(CtState::Untracked),
            _ => self.instead.get(&field).copied(),
        }
    }

    /// What is asked beside the header.
    pub(super) fn answer(&self, asked: Beside) -> Truth {
        let number = |held: Option<u32>, asked: Asked| {
            held.map_or(Truth::Unknown, |held| Truth::of(asked.holds(held.into())))
        };
        match asked {
            Beside::Mark(asked) => number(self.mark, asked),
            Beside::CtMark(asked) => number(self.ct_mark, asked),
            Beside::CtStatus(asked) => self.status(asked),
            Beside::Translated(NatKind::Destination) => self.dnat,
            Beside::Translated(NatKind::Source) => self.snat,
        }
    }

    /// The low byte of `ct status` of a connection's first packet (`IPS_*` of `nf_conntrack_common.h`); the
    /// second tells whether nat has looked at it, which depends on who asked for nat at all.
    fn status(&self, asked: Asked) -> Truth {
        const SRC_NAT: u128 = 1 << 4;
        const DST_NAT: u128 = 1 << 5;
        const LOW: u128 = 0xff;
        let bit = |truth: Truth, bit: u128| match truth {
            Truth::Yes => Some(bit),
            Truth::No => Some(0),
            Truth::Unknown => None,
        };
        let low = bit(self.snat, SRC_NAT).zip(bit(self.dnat, DST_NAT)).filter(|_| !self.bound.1);
        let Some((snat, dnat)) = low else { return Truth::Unknown };
        let held = snat | dnat;
        match asked {
            Asked::Bits { mask, value } if held & mask & LOW != value & LOW => Truth::No,
            Asked::OtherBits { mask, value } if held & mask & LOW != value & LOW => Truth::Yes,
            Asked::Bits { mask, .. } if mask & !LOW == 0 => Truth::Yes,
            Asked::OtherBits { mask, .. } if mask & !LOW == 0 => Truth::No,
            _ => Truth::Unknown,
        }
    }
}
