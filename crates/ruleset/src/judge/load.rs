//! What a flow and its host tell of metadata, conntrack and routes.
//! Not here: bytes of the packet ([`super::packet`]).

use super::Environment;
use super::packet::End;
use super::registers::{LOOPBACK, Registers, Truth};
use super::route::{CONNTRACK, is_about_destination};
use super::way::{Device, State};
use crate::expr::{CtDirection, CtKey, FibFlags, FibResult, MetaKey};
use crate::flow::{CtState, Direction};
use crate::{Flow, Hook, Reg};
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

/// What is asked: a packet at a hook of a host.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) flow: &'a Flow,
    pub(super) environment: &'a Environment,
    pub(super) state: &'a State<'a>,
    pub(super) hook: Hook,
    /// The priority of the base chain.
    pub(super) priority: i32,
}

/// What conntrack says of a packet at a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CtView {
    /// Nothing: the state is this, and there is no connection.
    None(CtState),
    /// A connection in this state.
    Connection(CtState),
}

impl Asked<'_> {
    /// Before conntrack has seen it, a packet is as if it were invalid, unless a rule said not to track it: also
    /// those that conntrack itself will leave untracked, as neighbour discovery.
    pub(super) fn ct_view(&self) -> CtView {
        let is_before = is_about_destination(self.hook) && self.priority < CONNTRACK && !self.state.tracked;
        match self.state.ct {
            _ if is_before && !self.state.notrack => CtView::None(CtState::Invalid),
            CtState::Untracked => CtView::None(CtState::Untracked),
            CtState::Invalid => CtView::None(CtState::Invalid),
            state => CtView::Connection(state),
        }
    }

    /// The address of an end, if it is known.
    pub(super) fn address(&self, end: End) -> Option<IpAddr> {
        self.state.packet.address(end)
    }

    /// `RTN_*` of `rtnetlink.h`. A packet for IPv6 that comes in is for this host or for a group; one for IPv4
    /// may be for a subnet's broadcast address, which only the host can tell.
    pub(super) fn address_type(&self, end: End) -> Option<u32> {
        const UNICAST: u32 = 1;
        const LOCAL: u32 = 2;
        const BROADCAST: u32 = 3;
        const MULTICAST: u32 = 5;
        let Asked { flow, environment, state, .. } = *self;
        let is_dst = end == End::Destination;
        if is_dst && state.to_host == Some(true) {
            return Some(LOCAL);
        }
        let asked = self.address(end)?;
        let mine = environment.local.as_ref().map(|local| local.contains(&asked));
        let is_untouched = is_dst && asked == flow.dst;
        match asked {
            address if address.is_multicast() => Some(MULTICAST),
            IpAddr::V4(v4) if v4.is_broadcast() => Some(BROADCAST),
            address if address.is_loopback() || mine == Some(true) => Some(LOCAL),
            IpAddr::V4(v4) if environment.is_broadcast(v4) => Some(BROADCAST),
            IpAddr::V6(_) if flow.direction == Direction::In && is_untouched => Some(LOCAL),
            IpAddr::V6(_) if mine == Some(false) => Some(UNICAST),
            IpAddr::V4(v4) if mine == Some(false) && !is_dst && !v4.is_unspecified() => Some(UNICAST),
            IpAddr::V4(_) if mine == Some(false) && !environment.networks.is_empty() => Some(UNICAST),
            _ => None,
        }
    }

    /// `PACKET_HOST` and so on of `if_packet.h`, as far as the destination tells it.
    pub(super) fn packet_type(&self) -> Option<u8> {
        let Asked { flow, environment, state, .. } = *self;
        let mine = environment.local.as_ref().is_some_and(|local| local.contains(&flow.dst));
        match flow.dst {
            _ if state.type_changed || flow.direction != Direction::In => None,
            IpAddr::V4(v4) if v4.is_broadcast() => Some(1),
            dst if dst.is_multicast() => Some(2),
            IpAddr::V4(v4) if !mine && !v4.is_loopback() => None,
            _ => Some(0),
        }
    }

    /// The low byte of `ct status` of a connection's first packet (`IPS_*` of `nf_conntrack_common.h`): it is
    /// neither expected, answered, assured nor confirmed, and its source is bound after it would be asked for.
    pub(super) fn status(&self) -> Option<u8> {
        const SRC_NAT: u8 = 1 << 4;
        const DST_NAT: u8 = 1 << 5;
        let bit = |truth: Truth, bit: u8| match truth {
            Truth::Yes => Some(bit),
            Truth::No => Some(0),
            Truth::Unknown => None,
        };
        let is_first = self.state.ct == CtState::New && !self.state.bound.1;
        let bits = bit(self.state.snat, SRC_NAT)? | bit(self.state.dnat, DST_NAT)?;
        is_first.then_some(bits)
    }
}

/// A value for a register: known, or only its length.
enum Content {
    Known([u8; 16], usize),
    /// Only these of its bytes are known.
    Partly([u8; 16], usize, u64),
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

    fn address(address: Option<IpAddr>) -> Content {
        match address {
            Some(IpAddr::V4(v4)) => Content::of(&v4.octets()),
            Some(IpAddr::V6(v6)) => Content::of(&v6.octets()),
            None => Content::Unknown(16),
        }
    }

    fn store(self, registers: &mut Registers, reg: Reg) -> Loaded {
        match self {
            Content::Known(bytes, len) => registers.set(reg, &bytes[..len]),
            Content::Partly(bytes, len, known) => registers.write(reg, &bytes[..len], known),
            Content::Unknown(len) => registers.forget(reg, len),
            Content::OtherInterface => registers.set_other_interface(reg),
        }
        Loaded::Yes
    }
}

/// `meta`. The mark is what the rules so far made of it; ASSUMPTION: a packet comes without one.
pub(super) fn meta(asked: Asked<'_>, key: MetaKey, (registers, dreg): (&mut Registers, Reg)) {
    let packet = &asked.state.packet;
    let content = match key {
        MetaKey::Len => Content::host(u32::try_from(packet.len()).unwrap_or(u32::MAX)),
        MetaKey::Protocol => Content::of(if packet.is_v4() { &[0x08, 0x00] } else { &[0x86, 0xdd] }),
        MetaKey::NfProto => Content::byte(if packet.is_v4() { 2 } else { 10 }),
        MetaKey::L4Proto => Content::byte(packet.l4().number()),
        MetaKey::Mark => Content::option(asked.state.mark),
        MetaKey::IifName => device_name(&asked.state.iif),
        MetaKey::OifName => device_name(&asked.state.oif),
        MetaKey::Iif => interface(asked.environment, &asked.state.iif),
        MetaKey::Oif => interface(asked.environment, &asked.state.oif),
        MetaKey::PktType => asked.packet_type().map_or(Content::Unknown(1), Content::byte),
        MetaKey::IifType | MetaKey::OifType => Content::Unknown(2),
        MetaKey::NfTrace => Content::Unknown(1),
        _ => Content::Unknown(4),
    };
    content.store(registers, dreg);
}

fn device_name(device: &Device) -> Content {
    match device {
        Device::Absent => Content::name(""),
        Device::Named(name) => Content::name(name),
        Device::Other => Content::name(NO_NAME),
        Device::Unknown => Content::Unknown(16),
    }
}

fn interface(environment: &Environment, device: &Device) -> Content {
    match device {
        Device::Unknown => Content::Unknown(4),
        device => index(environment, device).map_or(Content::OtherInterface, Content::host),
    }
}

/// Its number; of loopback it is 1 in every network namespace.
fn index(environment: &Environment, device: &Device) -> Option<u32> {
    match device {
        Device::Absent => Some(0),
        Device::Other => Some(NO_INDEX),
        Device::Named(name) if name == "lo" => Some(LOOPBACK),
        Device::Named(name) => environment.interfaces.get(name).copied(),
        Device::Unknown => None,
    }
}

/// `ct`. A packet that conntrack does not know ends the rule, unless it asks for the state.
pub(super) fn ct(
    asked: Asked<'_>,
    key: CtKey,
    dir: Option<CtDirection>,
    (registers, dreg): (&mut Registers, Reg),
) -> Loaded {
    let packet = &asked.state.packet;
    let new = asked.state.ct == CtState::New;
    let content = match (key, asked.ct_view()) {
        (CtKey::State, CtView::None(state) | CtView::Connection(state)) => Content::host(state_bit(state)),
        (_, CtView::None(_)) => return Loaded::No,
        (CtKey::Direction, _) if new => Content::byte(0),
        (CtKey::L3Protocol, _) => Content::byte(if packet.is_v4() { 2 } else { 10 }),
        (CtKey::Protocol, _) => Content::byte(packet.l4().number()),
        (CtKey::Mark, _) => Content::option(asked.state.ct_mark),
        (CtKey::Status, _) => status(asked),
        (key, _) if new && dir.is_some() => tuple(asked, key, dir == Some(CtDirection::Reply)),
        (CtKey::Direction, _) => Content::Unknown(1),
        (key, _) => Content::Unknown(ct_len(key)),
    };
    content.store(registers, dreg)
}

fn status(asked: Asked<'_>) -> Content {
    let Some(low) = asked.status() else { return Content::Unknown(4) };
    let mut all = [0; 16];
    all[..4].copy_from_slice(&u32::from(low).to_ne_bytes());
    // The second byte tells whether nat has looked at it, which depends on who asked for nat at all.
    Content::Partly(all, 4, if cfg!(target_endian = "big") { 0b1011 } else { 0b1101 })
}

/// An end of a connection that this packet opens: the first packet's as it came, the answers' as it is now.
fn tuple(asked: Asked<'_>, key: CtKey, reply: bool) -> Content {
    let flow = asked.flow;
    let port = |end: End| match reply {
        true => asked.state.packet.port(end),
        false => super::packet::Packet::of(flow).port(end),
    };
    let (source, destination) = match reply {
        true => (End::Destination, End::Source),
        false => (End::Source, End::Destination),
    };
    let address = |end: End| match (reply, end) {
        (true, end) => asked.address(end),
        (false, End::Source) => Some(flow.src),
        (false, End::Destination) => Some(flow.dst),
    };
    match key {
        CtKey::SrcIp | CtKey::SrcIp6 | CtKey::Src => Content::address(address(source)),
        CtKey::DstIp | CtKey::DstIp6 | CtKey::Dst => Content::address(address(destination)),
        CtKey::ProtoSrc => port(source).map_or(Content::Unknown(2), |p| Content::of(&p.to_be_bytes())),
        CtKey::ProtoDst => port(destination).map_or(Content::Unknown(2), |p| Content::of(&p.to_be_bytes())),
        key => Content::Unknown(ct_len(key)),
    }
}

fn ct_len(key: CtKey) -> usize {
    match key {
        CtKey::ProtoSrc | CtKey::ProtoDst | CtKey::Zone => 2,
        CtKey::Src | CtKey::Dst | CtKey::SrcIp6 | CtKey::DstIp6 | CtKey::Helper | CtKey::Labels => 16,
        CtKey::Other(_) => 8,
        _ => 4,
    }
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

/// `fib`.
pub(super) fn fib(
    asked: Asked<'_>,
    (result, flags): (FibResult, FibFlags),
    (registers, dreg): (&mut Registers, Reg),
) {
    let end = if flags.saddr { End::Source } else { End::Destination };
    let content = match result {
        FibResult::AddrType => Content::option(asked.address_type(end)),
        FibResult::OifName => Content::Unknown(16),
        FibResult::Oif if !flags.saddr => Content::Unknown(4),
        FibResult::Oif => match (asked.environment.sources_routed, flags.present) {
            (Some(routed), true) => Content::host(u32::from(routed)),
            (Some(false), false) => Content::host(0),
            (Some(true), false) => Content::option(index(asked.environment, &asked.state.iif)),
            (None, _) => Content::Unknown(4),
        },
    };
    content.store(registers, dreg);
}
