//! What a flow and its host tell of metadata, conntrack and routes.
//! Not here: bytes of the packet ([`super::packet`]).

use super::Environment;
use super::registers::{LOOPBACK, Registers};
use crate::expr::{CtDirection, CtKey, FibFlags, FibResult, MetaKey};
use crate::flow::{CtState, Direction};
use crate::{Flow, Reg};
use std::net::IpAddr;

/// An interface index that no rule names.
const NO_INDEX: u32 = u32::MAX;
/// An interface name that no rule names: Linux allows no slash in one.
const NO_NAME: &str = "/";

/// What was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loaded {
    /// The value, or what is known of it.
    Yes,
    /// Nothing: the rule ends here without a match.
    No,
}

/// A value for a register: known, or only its length.
enum Content {
    Known([u8; 16], usize),
    Unknown(usize),
    /// The number of an interface that is not loopback.
    OtherInterface,
}

impl Content {
    fn byte(value: u8) -> Content {
        Content::of(&[value])
    }

    fn host(value: u32) -> Content {
        Content::of(&value.to_ne_bytes())
    }

    fn of(bytes: &[u8]) -> Content {
        let mut all = [0; 16];
        let len = bytes.len().min(16);
        all[..len].copy_from_slice(&bytes[..len]);
        Content::Known(all, len)
    }

    fn name(name: &str) -> Content {
        let Content::Known(all, _) = Content::of(name.as_bytes()) else { return Content::Unknown(16) };
        Content::Known(all, 16)
    }

    fn option(value: Option<u32>) -> Content {
        value.map_or(Content::Unknown(4), Content::host)
    }

    fn store(self, registers: &mut Registers, reg: Reg) -> Loaded {
        match self {
            Content::Known(bytes, len) => registers.set(reg, &bytes[..len]),
            Content::Unknown(len) => registers.forget(reg, len),
            Content::OtherInterface => registers.set_other_interface(reg),
        }
        Loaded::Yes
    }
}

/// `meta`. The mark is what the rules so far made of it; ASSUMPTION: a packet comes without one.
pub(super) fn meta(
    (flow, environment): (&Flow, &Environment),
    mark: Option<u32>,
    len: usize,
    key: MetaKey,
    (registers, dreg): (&mut Registers, Reg),
) {
    let content = match key {
        MetaKey::Len => Content::host(u32::try_from(len).unwrap_or(u32::MAX)),
        MetaKey::Protocol => Content::of(if flow.src.is_ipv4() { &[0x08, 0x00] } else { &[0x86, 0xdd] }),
        MetaKey::NfProto => Content::byte(if flow.src.is_ipv4() { 2 } else { 10 }),
        MetaKey::L4Proto => Content::byte(flow.l4.number()),
        MetaKey::Mark => Content::option(mark),
        MetaKey::IifName => Content::name(device(flow, Side::In)),
        MetaKey::OifName => Content::name(device(flow, Side::Out)),
        MetaKey::Iif => interface(environment, device(flow, Side::In)),
        MetaKey::Oif => interface(environment, device(flow, Side::Out)),
        MetaKey::PktType => packet_type(flow, environment),
        MetaKey::IifType | MetaKey::OifType => Content::Unknown(2),
        MetaKey::NfTrace => Content::Unknown(1),
        _ => Content::Unknown(4),
    };
    content.store(registers, dreg);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    In,
    Out,
}

/// The name of the interface on a side; empty where a packet has none at this hook.
fn device(flow: &Flow, side: Side) -> &str {
    match (side, flow.direction) {
        (Side::In, Direction::Out) | (Side::Out, Direction::In) => "",
        (Side::In, _) => flow.iif.as_deref().unwrap_or(NO_NAME),
        (Side::Out, _) => flow.oif.as_deref().unwrap_or(NO_NAME),
    }
}

fn interface(environment: &Environment, device: &str) -> Content {
    index(environment, device).map_or(Content::OtherInterface, Content::host)
}

/// Its number; of loopback it is 1 in every network namespace.
fn index(environment: &Environment, device: &str) -> Option<u32> {
    match device {
        "" => Some(0),
        NO_NAME => Some(NO_INDEX),
        "lo" => Some(LOOPBACK),
        name => environment.interfaces.get(name).copied(),
    }
}

/// `PACKET_HOST` and so on of `if_packet.h`, as far as the destination tells it.
fn packet_type(flow: &Flow, environment: &Environment) -> Content {
    let mine = environment.local.as_ref().is_some_and(|local| local.contains(&flow.dst));
    match flow.dst {
        _ if flow.direction != Direction::In => Content::Unknown(1),
        IpAddr::V4(v4) if v4.is_broadcast() => Content::byte(1),
        dst if dst.is_multicast() => Content::byte(2),
        IpAddr::V4(v4) if !mine && !v4.is_loopback() => Content::Unknown(1),
        _ => Content::byte(0),
    }
}

/// `ct`. A packet that conntrack does not know ends the rule, unless it asks for the state.
pub(super) fn ct(
    flow: &Flow,
    key: CtKey,
    dir: Option<CtDirection>,
    (registers, dreg): (&mut Registers, Reg),
) -> Loaded {
    let unknown_to_ct = matches!(flow.ct, CtState::Invalid | CtState::Untracked);
    let new = flow.ct == CtState::New;
    let content = match key {
        CtKey::State => Content::host(state_bit(flow.ct)),
        _ if unknown_to_ct => return Loaded::No,
        CtKey::Direction if new => Content::byte(0),
        CtKey::L3Protocol => Content::byte(if flow.src.is_ipv4() { 2 } else { 10 }),
        CtKey::Protocol => Content::byte(flow.l4.number()),
        CtKey::SrcIp | CtKey::SrcIp6 if new && dir == Some(CtDirection::Original) => address(flow.src),
        CtKey::DstIp | CtKey::DstIp6 if new && dir == Some(CtDirection::Original) => address(flow.dst),
        CtKey::Direction => Content::Unknown(1),
        CtKey::ProtoSrc | CtKey::ProtoDst | CtKey::Zone => Content::Unknown(2),
        CtKey::Src | CtKey::Dst | CtKey::SrcIp6 | CtKey::DstIp6 | CtKey::Helper | CtKey::Labels => {
            Content::Unknown(16)
        }
        _ => Content::Unknown(4),
    };
    content.store(registers, dreg)
}

/// `NF_CT_STATE_*` as `ct state` has it: one bit for each (`nf_conntrack_common.h`).
fn state_bit(state: CtState) -> u32 {
    match state {
        CtState::Invalid => 1,
        CtState::Established => 2,
        CtState::Related => 4,
        CtState::New => 8,
        CtState::Untracked => 64,
    }
}

fn address(address: IpAddr) -> Content {
    match address {
        IpAddr::V4(v4) => Content::of(&v4.octets()),
        IpAddr::V6(v6) => Content::of(&v6.octets()),
    }
}

/// `fib`.
pub(super) fn fib(
    (flow, environment): (&Flow, &Environment),
    (result, flags): (FibResult, FibFlags),
    (registers, dreg): (&mut Registers, Reg),
) {
    let asked = if flags.saddr { flow.src } else { flow.dst };
    let content = match result {
        FibResult::AddrType => Content::option(address_type(flow, environment, asked)),
        FibResult::OifName => Content::Unknown(16),
        FibResult::Oif if !flags.saddr => Content::Unknown(4),
        FibResult::Oif => match (environment.sources_routed, flags.present) {
            (Some(routed), true) => Content::host(u32::from(routed)),
            (Some(false), false) => Content::host(0),
            (Some(true), false) => Content::option(index(environment, device(flow, Side::In))),
            (None, _) => Content::Unknown(4),
        },
    };
    content.store(registers, dreg);
}

/// `RTN_*` of `rtnetlink.h`. A packet for IPv6 that comes in is for this host or for a group; one for IPv4
/// may be for a subnet's broadcast address, which only the host can tell.
fn address_type(flow: &Flow, environment: &Environment, asked: IpAddr) -> Option<u32> {
    const UNICAST: u32 = 1;
    const LOCAL: u32 = 2;
    const BROADCAST: u32 = 3;
    const MULTICAST: u32 = 5;
    let mine = |address: &IpAddr| environment.local.as_ref().map(|local| local.contains(address));
    match asked {
        address if address.is_multicast() => Some(MULTICAST),
        IpAddr::V4(v4) if v4.is_broadcast() => Some(BROADCAST),
        address if address.is_loopback() => Some(LOCAL),
        address if mine(&address) == Some(true) => Some(LOCAL),
        IpAddr::V6(_) if flow.direction == Direction::In && asked == flow.dst => Some(LOCAL),
        IpAddr::V6(_) if mine(&asked) == Some(false) => Some(UNICAST),
        IpAddr::V4(v4) if mine(&asked) == Some(false) && asked == flow.src && !v4.is_unspecified() => {
            Some(UNICAST)
        }
        _ => None,
    }
}
