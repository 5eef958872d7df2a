//! Random packets around the edges of a ruleset: in, out and through, of both families, in every state of conntrack.
//! Not here: their bytes ([`crate::packet`]).

use crate::edges::Edges;
use crate::packet::{self, Packet};
use crate::palette::Palette;
use crate::random::Random;
use crate::world::{self, LINKS};
use rolewall_ruleset::Flow;
use rolewall_ruleset::flow::{CtState, Direction, L4};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Draws packets.
pub(crate) struct Traffic<'a> {
    pub(crate) palette: &'a Palette,
    pub(crate) edges: &'a Edges,
    pub(crate) random: &'a mut Random,
    /// To everybody too, and not to one host alone.
    pub(crate) to_groups: bool,
    /// Neighbour discovery and MLD, of which conntrack says nothing.
    pub(crate) discovers: bool,
}

/// Flags that open, go on with, and end a connection, and some that none has.
const FLAGS: [u8; 10] = [0x02, 0x02, 0x02, 0x10, 0x12, 0x18, 0x11, 0x04, 0x00, 0x3f];
/// Longest payload but for a length that a rule asks for.
const PAYLOAD_BYTES_MAX: usize = 40;
/// Longest packet.
const PACKET_BYTES_MAX: u16 = 1400;

impl Traffic<'_> {
    pub(crate) fn packets(&mut self, number: usize) -> Vec<Packet> {
        (0..number).map(|_| self.packet()).collect()
    }

    fn packet(&mut self) -> Packet {
        let packet = loop {
            let flow = self.flow();
            let is_one = is_host(flow.dst);
            let discovers = matches!(flow.l4, L4::Icmpv6 { kind: 130..=137 | 143 | 151..=153, .. });
            if is_sendable(&flow) && (is_one || self.to_groups) && (!discovers || self.discovers) {
                break Packet::of(flow);
            }
        };
        match self.random.below(10) {
            0 | 1 => self.established(packet),
            2 => self.related(packet),
            _ => packet,
        }
    }

    fn flow(&mut self) -> Flow {
        let v4 = self.random.percent(55);
        let (src, dst) = if v4 { self.addresses4() } else { self.addresses6() };
        let l4 = self.l4(v4);
        let mut flow = self.on_its_way(src, dst, l4);
        flow.hop_limit = self.hop_limit();
        flow.payload = self.payload(&flow);
        flow
    }

    fn on_its_way(&mut self, src: IpAddr, dst: IpAddr, l4: L4) -> Flow {
        let direction = if self.random.percent(28) { Direction::Out } else { world::direction(dst) };
        let mut flow = Flow::first(direction, src, dst, l4);
        flow.ct = CtState::New;
        if direction != Direction::Out {
            let link = self.random.below(LINKS.len());
            // What is for the subnet's all comes by that subnet.
            let link = if dst.is_ipv4() && is_broadcast(dst) { world::route(dst) } else { link };
            flow.iif = Some(LINKS[link].to_owned());
        }
        if direction != Direction::In {
            flow.oif = Some(outgoing(dst).to_owned());
        }
        flow
    }

    fn addresses4(&mut self) -> (IpAddr, IpAddr) {
        let (palette, edges) = (self.palette, self.edges);
        let src = *self.either(&edges.src4, &palette.v4);
        let dst = match self.random.below(20) {
            0..=8 => world::own4(self.random.below(LINKS.len())),
            9 => Ipv4Addr::BROADCAST,
            10 => Ipv4Addr::new(224, 0, 0, 1),
            11 => Ipv4Addr::from(u32::from(world::own4(self.random.below(LINKS.len()))) | 0xff),
            _ => *self.either(&edges.dst4, &palette.v4),
        };
        (src.into(), dst.into())
    }

    fn addresses6(&mut self) -> (IpAddr, IpAddr) {
        let (palette, edges) = (self.palette, self.edges);
        let src = *self.either(&edges.src6, &palette.v6);
        let dst = match self.random.below(20) {
            0..=8 => world::own6(self.random.below(LINKS.len())),
            9 => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
            _ => *self.either(&edges.dst6, &palette.v6),
        };
        (src.into(), dst.into())
    }

    /// Mostly a value that a rule asks for or one beside it, if there is any.
    fn either<'v, T>(&mut self, edges: &'v [T], palette: &'v [T]) -> &'v T {
        let from = if !edges.is_empty() && self.random.percent(75) { edges } else { palette };
        self.random.pick(from)
    }

    fn port(&mut self) -> u16 {
        let (palette, edges) = (self.palette, self.edges);
        *self.either(&edges.ports, &palette.ports)
    }

    fn l4(&mut self, v4: bool) -> L4 {
        let protocol = match self.random.below(10) {
            0..=2 => 6,
            3..=5 => 17,
            6 => 1,
            _ => *self.either(&self.edges.protocols, &self.palette.protocols),
        };
        let (sport, dport) = (self.port(), self.port());
        match protocol {
            6 => L4::Tcp { sport, dport, flags: self.flags() },
            17 => L4::Udp { sport, dport },
            132 => L4::Sctp { sport, dport },
            1 if v4 => L4::Icmp { kind: self.icmp(8), code: self.icmp(0) },
            1 | 58 if !v4 => L4::Icmpv6 { kind: self.icmp(128), code: self.icmp(0) },
            other => L4::Other(other),
        }
    }

    fn flags(&mut self) -> u8 {
        let edges = &self.edges.flags;
        if !edges.is_empty() && self.random.percent(40) {
            return *self.random.pick(edges);
        }
        *self.random.pick(&FLAGS)
    }

    fn icmp(&mut self, usual: u8) -> u8 {
        match self.random.below(4) {
            0 if !self.edges.icmp.is_empty() => *self.random.pick(&self.edges.icmp),
            1 => *self.random.pick(&[0, 3, 8, 11, 1, 2, 128, 129, 135, 136]),
            _ => usual,
        }
    }

    fn hop_limit(&mut self) -> u8 {
        let usual = [64, 64, 255, 2, 128];
        *self.either(&self.edges.hops, &usual)
    }

    /// Four bytes at least, which may hold a packet's number.
    fn payload(&mut self, flow: &Flow) -> Vec<u8> {
        let mut payload = match self.random.below(4) {
            0 => Vec::new(),
            1 => self.random.pick(&self.palette.words).to_vec(),
            _ => {
                let len = self.random.below(PAYLOAD_BYTES_MAX);
                self.random.bytes(len)
            }
        };
        let bare = Flow { payload: Vec::new(), ..flow.clone() };
        let headers = packet::segment(&bare, 0).len();
        if !self.edges.payload.is_empty() && self.random.percent(60) {
            let (offset, bytes) = self.random.pick(&self.edges.payload).clone();
            if let Some(at) = (offset as usize).checked_sub(headers).filter(|at| *at < 64) {
                payload.resize(payload.len().max(at + bytes.len()), 0);
                payload[at..at + bytes.len()].copy_from_slice(&bytes);
            }
        }
        if !self.edges.lengths.is_empty() && self.random.percent(25) {
            let wanted = (*self.random.pick(&self.edges.lengths)).min(PACKET_BYTES_MAX);
            let headers = headers + if flow.src.is_ipv4() { 20 } else { 40 };
            payload.resize(usize::from(wanted).saturating_sub(headers), 7);
        }
        if matches!(flow.l4, L4::Other(_)) && payload.len() < 4 {
            payload.resize(4, 0);
        }
        payload
    }

    /// Of a flow of which packets have gone both ways, in one of its two directions.
    fn established(&mut self, packet: Packet) -> Packet {
        let mut first = packet.flow.clone();
        if let L4::Tcp { flags, .. } = &mut first.l4 {
            *flags = 0x02;
        }
        let is_both_ways = matches!(first.l4, L4::Tcp { .. } | L4::Udp { .. });
        let Some(mut second) = answer(&first, self.random).filter(|a| is_both_ways && is_sendable(a)) else {
            return packet;
        };
        if let L4::Tcp { flags, .. } = &mut second.l4 {
            *flags = 0x12;
        }
        let mut flow = if self.random.percent(50) { first.clone() } else { second.clone() };
        if let L4::Tcp { flags, .. } = &mut flow.l4 {
            *flags = 0x10;
        }
        flow.payload = self.payload(&flow);
        Packet { flow, before: vec![first, second] }
    }

    /// An error about a packet that went before.
    fn related(&mut self, packet: Packet) -> Packet {
        let mut first = packet.flow.clone();
        if let L4::Tcp { flags, .. } = &mut first.l4 {
            *flags = 0x02;
        }
        let is_known = matches!(first.l4, L4::Tcp { .. } | L4::Udp { .. });
        let Some(mut flow) = answer(&first, self.random).filter(|a| is_known && is_sendable(a)) else {
            return packet;
        };
        let v4 = flow.src.is_ipv4();
        let code = self.random.below(4) as u8;
        flow.l4 = if v4 { L4::Icmp { kind: 3, code } } else { L4::Icmpv6 { kind: 1, code } };
        let inside = packet::segment(&first, 0);
        flow.payload = [packet::network(&first, inside.len()), inside].concat();
        Packet { flow, before: vec![first] }
    }
}

/// What comes back.
fn answer(flow: &Flow, random: &mut Random) -> Option<Flow> {
    let l4 = match flow.l4 {
        L4::Tcp { sport, dport, flags } => L4::Tcp { sport: dport, dport: sport, flags },
        L4::Udp { sport, dport } => L4::Udp { sport: dport, dport: sport },
        _ => return None,
    };
    let direction = match flow.direction {
        Direction::In => Direction::Out,
        _ => world::direction(flow.src),
    };
    let mut back = Flow::first(direction, flow.dst, flow.src, l4);
    back.hop_limit = 64;
    if direction != Direction::Out {
        back.iif = Some((*random.pick(&LINKS)).to_owned());
    }
    if direction != Direction::In {
        back.oif = Some(outgoing(back.dst).to_owned());
    }
    // What is for this host itself would leave by loopback.
    let expected = match flow.direction {
        Direction::In => Direction::Out,
        Direction::Out => Direction::In,
        Direction::Forward => Direction::Forward,
    };
    (direction == expected).then_some(back)
}

/// The interface by which a packet to there leaves.
fn outgoing(dst: IpAddr) -> &'static str {
    if world::local().contains(&dst) { "lo" } else { LINKS[world::route(dst)] }
}

fn is_broadcast(dst: IpAddr) -> bool {
    matches!(dst, IpAddr::V4(ip) if ip.is_broadcast() || world::is_subnet_broadcast(ip))
}

/// Whether routing lets a packet come to the hooks: no martian, no extension header without one, no packet
/// that is too old to be sent on.
fn is_sendable(flow: &Flow) -> bool {
    let extension = [0, 43, 44, 50, 51, 60, 135, 139, 140, crate::witness::SENTINEL, 255];
    let l4_fits = match flow.l4 {
        L4::Other(number) => !extension.contains(&number) && ![1, 58, 2].contains(&number),
        _ => true,
    };
    let forwarded = flow.direction == Direction::Forward;
    let is_for_all = flow.dst.is_multicast() || is_broadcast(flow.dst);
    let lives = if forwarded { flow.hop_limit > 1 } else { flow.hop_limit > 0 };
    l4_fits
        && lives
        && is_host(flow.src)
        && (is_host(flow.dst) || is_group(flow.dst))
        && !(is_for_all && flow.direction != Direction::In)
        // A broadcast to TCP, and an answer from everybody, are no packets that anyone sends.
        && !(is_for_all && matches!(flow.l4, L4::Tcp { .. }))
}

fn is_group(ip: IpAddr) -> bool {
    ip == IpAddr::V4(Ipv4Addr::new(224, 0, 0, 1))
        || ip == IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1))
        || is_broadcast(ip)
}

/// An address that one host may have, and that is routed.
fn is_host(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let first = v4.octets()[0];
            first != 0
                && first != 127
                && first < 224
                && !is_broadcast(ip)
                && !v4.is_link_local()
                && !(v4.octets()[3] == 0 && world::is_subnet_broadcast(Ipv4Addr::from(u32::from(v4) | 0xff)))
        }
        // The first address of a network is every router's of it (RFC 4291, section 2.6.1).
        IpAddr::V6(v6) => v6.segments()[0] & 0xe000 == 0x2000 && v6.segments()[4..] != [0; 4],
    }
}
