//! What an instruction loads, for all flows of a shape at once.
//! Not here: what rules make of it ([`super::compile`]).

use super::field::{Byte, CT_STATES, Field, NO_NAME, Shape, name, number};
use super::formula::{Clause, Condition};
use super::ranges::Ranges;
use super::registers::{Function, Functions, Held, Origin};
use crate::Family;
use crate::expr::{CtKey, FibFlags, FibResult, MetaKey, PayloadBase};
use crate::flow::{CtState, Direction};
use crate::judge::Environment;
use std::net::{IpAddr, Ipv4Addr};

/// Bytes for a register, and what must hold for the rule to go on.
pub(super) struct Loaded {
    pub(super) held: Vec<Held>,
    pub(super) only: Condition,
}

impl Loaded {
    fn of(held: Vec<Held>) -> Loaded {
        Loaded { held, only: Condition::always() }
    }

    fn constant(bytes: &[u8]) -> Loaded {
        Loaded::of(bytes.iter().map(|byte| Held::Is(*byte)).collect())
    }

    fn unknown(len: usize) -> Loaded {
        Loaded::of(vec![Held::Unknown; len])
    }
}

/// Loads for one shape.
pub(super) struct Loads<'a> {
    pub(super) shape: Shape,
    pub(super) environment: &'a Environment,
    pub(super) functions: &'a mut Functions,
}

/// `RTN_*` of `rtnetlink.h`.
const UNICAST: u128 = 1;
const LOCAL: u128 = 2;
const BROADCAST: u128 = 3;
const MULTICAST: u128 = 5;
/// Loopback's number in every network namespace.
const LOOPBACK: u128 = 1;

impl Loads<'_> {
    pub(super) fn payload(&self, base: PayloadBase, offset: u32, len: u32) -> Loaded {
        let bytes: Vec<Byte> =
            (offset..offset.saturating_add(len)).map(|at| self.shape.byte(base, at)).collect();
        // Whether the packet is so long is not told, and nothing of what is there.
        let only = if bytes.contains(&Byte::Beyond) { Condition::doubt() } else { Condition::always() };
        Loaded { held: bytes.into_iter().map(Held::of_packet).collect(), only }
    }

    pub(super) fn meta(&mut self, key: MetaKey) -> Loaded {
        let is_v4 = self.shape.family == Family::Ip;
        match key {
            MetaKey::Protocol => Loaded::constant(if is_v4 { &[0x08, 0x00] } else { &[0x86, 0xdd] }),
            MetaKey::NfProto => Loaded::constant(if is_v4 { &[2] } else { &[10] }),
            MetaKey::L4Proto => match self.shape.kind.number(self.shape.family) {
                Some(number) => Loaded::constant(&[number]),
                None => Loaded::of(Held::whole(Origin::Field(Field::Proto), 1)),
            },
            MetaKey::Mark => Loaded::of(Held::host(Origin::Mark, 4)),
            MetaKey::IifName => self.interface_name(Field::Iif),
            MetaKey::OifName => self.interface_name(Field::Oif),
            MetaKey::Iif => self.interface_number(Field::Iif),
            MetaKey::Oif => self.interface_number(Field::Oif),
            MetaKey::PktType => self.packet_type(),
            MetaKey::IifType | MetaKey::OifType => Loaded::unknown(2),
            MetaKey::NfTrace => Loaded::unknown(1),
            _ => Loaded::unknown(4),
        }
    }

    fn has(&self, field: Field) -> bool {
        self.shape.fields().contains(&field)
    }

    fn interface_name(&self, field: Field) -> Loaded {
        if self.has(field) {
            Loaded::of(Held::whole(Origin::Field(field), 16))
        } else {
            Loaded::constant(&[0; 16])
        }
    }

    fn interface_number(&mut self, field: Field) -> Loaded {
        if !self.has(field) {
            return Loaded::constant(&[0; 4]);
        }
        let pieces = self.interface_numbers();
        let function = Function { field, bytes: 4, pieces, never: Some(LOOPBACK) };
        Loaded::of(Held::host(self.functions.add(function), 4))
    }

    /// Numbers by name: loopback's is one everywhere, others are the host's. An interface that is not known
    /// has a number that is not loopback's: asked for that alone, it is surely another.
    fn interface_numbers(&self) -> Vec<(Ranges, Option<u128>)> {
        let known =
            self.environment.interfaces.iter().map(|(name_of, index)| (name(name_of), u128::from(*index)));
        let mut pieces: Vec<(u128, u128)> = known
            .filter(|(of, _)| *of != name("lo"))
            .chain([(name("lo"), LOOPBACK), (NO_NAME, u32::MAX.into())])
            .collect();
        pieces.sort_unstable();
        let named = Ranges::of(pieces.iter().map(|(of, _)| (*of, *of)).collect());
        let rest = (named.complement(u128::MAX), None);
        pieces.into_iter().map(|(of, index)| (Ranges::one(of), Some(index))).chain([rest]).collect()
    }

    /// `PACKET_HOST` and so on of `if_packet.h`, as far as the destination tells it.
    fn packet_type(&mut self) -> Loaded {
        if self.shape.direction != Direction::In {
            return Loaded::unknown(1);
        }
        let (broadcast, multicast) = (self.broadcast(), self.multicast());
        let special = broadcast.or(&multicast);
        let host = match self.shape.family {
            Family::Ip => self.mine().unwrap_or_default().or(&self.loopback()),
            _ => Ranges::span(0, u128::MAX),
        };
        let host = host.and(&special.complement(u128::MAX));
        let rest = special.or(&host).complement(self.shape.largest(Field::Dst));
        let pieces = vec![(broadcast, Some(1)), (multicast, Some(2)), (host, Some(0)), (rest, None)];
        Loaded::of(self.function(Field::Dst, 1, pieces))
    }

    /// `ct`. A packet that conntrack does not know ends the rule, unless it asks for the state.
    pub(super) fn ct(&mut self, key: CtKey) -> Loaded {
        if key == CtKey::State {
            let bits =
                CT_STATES.iter().enumerate().map(|(at, state)| (Ranges::one(at as u128), Some(bit(*state))));
            let pieces = bits.collect();
            return Loaded::of(self.function(Field::Ct, 4, pieces));
        }
        let held = match key {
            CtKey::L3Protocol => {
                return self.tracked(Loaded::constant(if self.shape.family == Family::Ip {
                    &[2]
                } else {
                    &[10]
                }));
            }
            CtKey::Protocol => return self.tracked_proto(),
            CtKey::Direction => self.function(
                Field::Ct,
                1,
                vec![
                    (states(&[CtState::New]), Some(0)),
                    (states(&[CtState::New]).complement(u128::MAX), None),
                ],
            ),
            CtKey::ProtoSrc | CtKey::ProtoDst | CtKey::Zone => vec![Held::Unknown; 2],
            CtKey::Src | CtKey::Dst | CtKey::SrcIp6 | CtKey::DstIp6 | CtKey::Helper | CtKey::Labels => {
                vec![Held::Unknown; 16]
            }
            _ => vec![Held::Unknown; 4],
        };
        self.tracked(Loaded::of(held))
    }

    fn tracked_proto(&mut self) -> Loaded {
        let loaded = self.meta(MetaKey::L4Proto);
        self.tracked(loaded)
    }

    fn tracked(&self, loaded: Loaded) -> Loaded {
        let known = states(&[CtState::New, CtState::Established, CtState::Related]);
        Loaded { only: Condition(vec![Clause::field(Field::Ct, known)]), ..loaded }
    }

    pub(super) fn fib(&mut self, result: FibResult, flags: FibFlags) -> Loaded {
        let asked = if flags.saddr { Field::Src } else { Field::Dst };
        match result {
            FibResult::AddrType => {
                let pieces = self.address_types(asked);
                let held = self.function(asked, 4, pieces);
                Loaded::of(held)
            }
            FibResult::OifName => Loaded::unknown(16),
            FibResult::Oif if !flags.saddr => Loaded::unknown(4),
            FibResult::Oif => match (self.environment.sources_routed, flags.present) {
                (Some(routed), true) => Loaded::constant(&u32::from(routed).to_ne_bytes()),
                (Some(false), false) => Loaded::constant(&[0; 4]),
                (Some(true), false) => self.interface_number(Field::Iif),
                (None, _) => Loaded::unknown(4),
            },
        }
    }

    /// An IPv6 destination of what comes in is this host's or a group; one of IPv4 may be a subnet's broadcast
    /// address, which only the host can tell.
    fn address_types(&self, asked: Field) -> Vec<(Ranges, Option<u128>)> {
        let mut pieces: Vec<(Ranges, Option<u128>)> = Vec::new();
        let mut rest = self.shape.domain(asked);
        let mut take = |values: Ranges, kind| {
            pieces.push((rest.and(&values), kind));
            rest = rest.and(&values.complement(u128::MAX));
        };
        take(self.multicast(), Some(MULTICAST));
        take(self.broadcast(), Some(BROADCAST));
        take(self.loopback(), Some(LOCAL));
        let mine = self.mine();
        take(mine.clone().unwrap_or_default(), Some(LOCAL));
        let all = Ranges::span(0, u128::MAX);
        match self.shape.family {
            Family::Ip if asked == Field::Src && mine.is_some() => {
                take(Ranges::one(0), None);
                take(all, Some(UNICAST));
            }
            Family::Ip => take(all, None),
            _ if self.shape.direction == Direction::In && asked == Field::Dst => take(all, Some(LOCAL)),
            _ => take(all, mine.map(|_| UNICAST)),
        }
        pieces
    }

    fn function(&mut self, field: Field, bytes: u8, pieces: Vec<(Ranges, Option<u128>)>) -> Vec<Held> {
        let origin = self.functions.add(Function { field, bytes, pieces, never: None });
        Held::host(origin, bytes)
    }

    /// This host's addresses of the family, where they are known.
    fn mine(&self) -> Option<Ranges> {
        let of_family = |address: &&IpAddr| address.is_ipv4() == (self.shape.family == Family::Ip);
        let local = self.environment.local.as_ref()?;
        Some(Ranges::of(local.iter().filter(of_family).map(|a| (number(*a), number(*a))).collect()))
    }

    fn multicast(&self) -> Ranges {
        match self.shape.family {
            Family::Ip => Ranges::span(0xe000_0000, 0xefff_ffff),
            _ => Ranges::span(0xff << 120, u128::MAX),
        }
    }

    fn broadcast(&self) -> Ranges {
        match self.shape.family {
            Family::Ip => Ranges::one(u32::from(Ipv4Addr::BROADCAST).into()),
            _ => Ranges::NONE,
        }
    }

    fn loopback(&self) -> Ranges {
        match self.shape.family {
            Family::Ip => Ranges::span(0x7f00_0000, 0x7fff_ffff),
            _ => Ranges::one(1),
        }
    }
}

/// The numbers of states in [`Field::Ct`].
pub(super) fn states(states: &[CtState]) -> Ranges {
    let places = CT_STATES.iter().enumerate().filter(|(_, state)| states.contains(state));
    Ranges::of(places.map(|(at, _)| (at as u128, at as u128)).collect())
}

/// `NF_CT_STATE_*` as `ct state` has it: one bit for each (`nf_conntrack_common.h`).
fn bit(state: CtState) -> u128 {
    match state {
        CtState::Invalid => 1,
        CtState::Established => 2,
        CtState::Related => 4,
        CtState::New => 8,
        CtState::Untracked => 64,
    }
}
