//! What an instruction loads, for all flows of a shape at once.
//! Not here: what rules make of it ([`super::compile`]).

use super::field::{Byte, CT_STATES, Field, Kind, NO_NAME, Shape, name, number};
use super::formula::{Clause, Condition, View};
use super::ranges::Ranges;
use super::registers::{Function, Functions, Held, Origin};
use crate::Family;
use crate::expr::{CtDirection, CtKey, FibFlags, FibResult, MetaKey, PayloadBase};
use crate::flow::{CtState, Direction};
use crate::judge::{Environment, Network};
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
            MetaKey::IifName => Loaded::of(Held::whole(Origin::Field(Field::Iif), 16)),
            MetaKey::OifName => Loaded::of(Held::whole(Origin::Field(Field::Oif), 16)),
            MetaKey::Iif => self.interface_number(Field::Iif),
            MetaKey::Oif => self.interface_number(Field::Oif),
            MetaKey::PktType => self.packet_type(),
            MetaKey::IifType | MetaKey::OifType => Loaded::unknown(2),
            MetaKey::NfTrace => Loaded::unknown(1),
            _ => Loaded::unknown(4),
        }
    }

    fn interface_number(&mut self, field: Field) -> Loaded {
        let pieces = self.interface_numbers();
        let function = Function { field, view: View::Now, bytes: 4, pieces, never: Some(LOOPBACK) };
        Loaded::of(Held::host(self.functions.add(function), 4))
    }

    /// Numbers by name: none has zero, loopback's is one everywhere, others are the host's. An interface that is not known
    /// has a number that is not loopback's: asked for that alone, it is surely another.
    fn interface_numbers(&self) -> Vec<(Ranges, Option<u128>)> {
        let known =
            self.environment.interfaces.iter().map(|(name_of, index)| (name(name_of), u128::from(*index)));
        let mut pieces: Vec<(u128, u128)> = known
            .filter(|(of, _)| *of != name("lo"))
            .chain([(0, 0), (name("lo"), LOOPBACK), (NO_NAME, u32::MAX.into())])
            .collect();
        pieces.sort_unstable();
        let named = Ranges::of(pieces.iter().map(|(of, _)| (*of, *of)).collect());
        let rest = (named.complement(u128::MAX), None);
        pieces.into_iter().map(|(of, index)| (Ranges::one(of), Some(index))).chain([rest]).collect()
    }

    /// `PACKET_HOST` and so on of `if_packet.h`, as far as the destination tells it.
    fn packet_type(&mut self) -> Loaded {
        let pieces = self.packet_types();
        let function = Function { field: Field::Dst, view: View::First, bytes: 1, pieces, never: None };
        Loaded::of(Held::host(self.functions.add(function), 1))
    }

    /// Packet types by the destination that a flow came with.
    pub(super) fn packet_types(&self) -> Vec<(Ranges, Option<u128>)> {
        if self.shape.direction != Direction::In {
            return vec![(Ranges::span(0, self.shape.largest(Field::Dst)), None)];
        }
        let (broadcast, multicast) = (self.all_ones(), self.multicast());
        let special = broadcast.or(&multicast);
        let host = match self.shape.family {
            Family::Ip => self.mine().unwrap_or_default().or(&self.loopback()),
            _ => Ranges::span(0, u128::MAX),
        };
        let host = host.and(&special.complement(u128::MAX));
        let rest = special.or(&host).complement(self.shape.largest(Field::Dst));
        vec![(broadcast, Some(1)), (multicast, Some(2)), (host, Some(0)), (rest, None)]
    }

    /// `ct`. A packet that conntrack does not know ends the rule, unless it asks for the state.
    pub(super) fn ct(&mut self, key: CtKey, dir: Option<CtDirection>) -> Loaded {
        let new = states(&[CtState::New]);
        let held = match key {
            CtKey::State => return self.state(),
            CtKey::L3Protocol => Loaded::constant(if self.shape.family == Family::Ip { &[2] } else { &[10] }),
            CtKey::Protocol => self.meta(MetaKey::L4Proto),
            CtKey::Direction => {
                let pieces = vec![(new.clone(), Some(0)), (new.complement(u128::MAX), None)];
                Loaded::of(self.function(Field::Ct, 1, pieces))
            }
            CtKey::Mark => Loaded::of(Held::host(Origin::CtMark, 4)),
            CtKey::Status => Loaded::of(Held::host(Origin::CtStatus, 4)),
            key => match self.tuple(key, dir) {
                Some(origin) => Loaded::of(Held::whole(origin, self.origin_bytes(origin))),
                None => Loaded::unknown(ct_len(key)),
            },
        };
        let known = states(&[CtState::New, CtState::Established, CtState::Related]);
        Loaded { only: Condition(vec![Clause::field(Field::Ct, known)]), ..held }
    }

    fn state(&mut self) -> Loaded {
        let place = |at: usize| Ranges::one(at as u128);
        let pieces = CT_STATES.iter().enumerate().map(|(at, state)| (place(at), Some(bit(*state))));
        let pieces = pieces.collect();
        Loaded::of(self.function(Field::Ct, 4, pieces))
    }

    /// An end of a connection that a packet opens: the first packet's as it came, the answers' as it is now. Of
    /// other connections it is not known: [`super::compile`] tells them apart.
    pub(super) fn tuple(&self, key: CtKey, dir: Option<CtDirection>) -> Option<Origin> {
        let is_reply = dir? == CtDirection::Reply;
        let has_ports = matches!(self.shape.kind, Kind::Tcp | Kind::Udp | Kind::Sctp);
        let field = match key {
            CtKey::SrcIp | CtKey::SrcIp6 | CtKey::Src => [Field::Src, Field::Dst],
            CtKey::DstIp | CtKey::DstIp6 | CtKey::Dst => [Field::Dst, Field::Src],
            CtKey::ProtoSrc if has_ports => [Field::Sport, Field::Dport],
            CtKey::ProtoDst if has_ports => [Field::Dport, Field::Sport],
            _ => return None,
        };
        Some(if is_reply { Origin::Field(field[1]) } else { Origin::First(field[0]) })
    }

    fn origin_bytes(&self, origin: Origin) -> u8 {
        match origin {
            Origin::Field(field) | Origin::First(field) => self.shape.bytes(field),
            _ => 4,
        }
    }

    pub(super) fn fib(&mut self, result: FibResult, flags: FibFlags) -> Loaded {
        let asked = if flags.saddr { Field::Src } else { Field::Dst };
        match result {
            FibResult::AddrType => {
                let pieces = self.address_types(asked);
                let function =
                    Function { field: asked, view: View::Untouched, bytes: 4, pieces, never: None };
                Loaded::of(Held::host(self.functions.add(function), 4))
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
    pub(super) fn address_types(&self, asked: Field) -> Vec<(Ranges, Option<u128>)> {
        let mut pieces: Vec<(Ranges, Option<u128>)> = Vec::new();
        let mut rest = self.shape.domain(asked);
        let mut take = |values: Ranges, kind| {
            pieces.push((rest.and(&values), kind));
            rest = rest.and(&values.complement(u128::MAX));
        };
        take(self.multicast(), Some(MULTICAST));
        take(self.all_ones(), Some(BROADCAST));
        take(self.loopback(), Some(LOCAL));
        let mine = self.mine();
        take(mine.clone().unwrap_or_default(), Some(LOCAL));
        take(self.broadcasts(), Some(BROADCAST));
        let all = Ranges::span(0, u128::MAX);
        match self.shape.family {
            Family::Ip if asked == Field::Src && mine.is_some() => {
                take(Ranges::one(0), None);
                take(all, Some(UNICAST));
            }
            Family::Ip if mine.is_some() && !self.environment.networks.is_empty() => take(all, Some(UNICAST)),
            Family::Ip => take(all, None),
            _ if self.shape.direction == Direction::In && asked == Field::Dst => take(all, Some(LOCAL)),
            _ => take(all, mine.map(|_| UNICAST)),
        }
        pieces
    }

    fn function(&mut self, field: Field, bytes: u8, pieces: Vec<(Ranges, Option<u128>)>) -> Vec<Held> {
        let origin = self.functions.add(Function { field, view: View::Now, bytes, pieces, never: None });
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

    /// The last addresses of this host's networks, of those with more than two addresses (RFC 3021).
    fn broadcasts(&self) -> Ranges {
        if self.shape.family != Family::Ip {
            return Ranges::NONE;
        }
        let last = |network: &Network| {
            let host = u32::MAX.checked_shr(network.prefix_len.into()).unwrap_or(0);
            number(network.address) | u128::from(host)
        };
        let wide = self.environment.networks.iter().filter(|n| n.address.is_ipv4() && n.prefix_len < 31);
        Ranges::of(wide.map(|network| (last(network), last(network))).collect())
    }

    fn all_ones(&self) -> Ranges {
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

/// Bytes of a value that is not known.
pub(super) fn ct_len(key: CtKey) -> usize {
    match key {
        CtKey::ProtoSrc | CtKey::ProtoDst | CtKey::Zone => 2,
        CtKey::Src | CtKey::Dst | CtKey::SrcIp6 | CtKey::DstIp6 | CtKey::Helper | CtKey::Labels => 16,
        CtKey::Direction => 1,
        CtKey::Other(_) => 8,
        _ => 4,
    }
}
