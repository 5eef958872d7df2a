//! A flow as the bytes of a packet: what a payload load reads, and what a translation changes.
//! Not here: metadata and conntrack ([`super::load`]).
//!
//! The packet has no IP options or extension headers, is no fragment, has a TOS of zero, and ends where the
//! flow's payload does. What a flow does not tell (identification, checksums, TCP's sequence, window and
//! options) is not known.

use crate::Flow;
use crate::expr::PayloadBase;
use crate::flow::L4;
use std::net::IpAddr;

/// Bytes of an IPv4 header without options, and of an IPv6 header (RFC 791, RFC 8200).
const IP_LEN: usize = 20;
const IP6_LEN: usize = 40;

/// Which end of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum End {
    Source,
    Destination,
}

/// A packet's headers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Packet<'f> {
    l4: L4,
    network: [u8; IP6_LEN],
    network_len: usize,
    transport: [u8; 20],
    transport_len: usize,
    /// Bit for each byte of the header that no flow tells.
    unknown_network: u64,
    unknown_transport: u64,
    payload: &'f [u8],
}

impl<'f> Packet<'f> {
    /// The packet of a flow.
    pub(super) fn of(flow: &'f Flow) -> Packet<'f> {
        let (transport, transport_len, unknown_transport) = transport(flow);
        let mut packet = Packet {
            l4: flow.l4,
            network: [0; IP6_LEN],
            network_len: IP_LEN,
            transport,
            transport_len,
            unknown_network: 0,
            unknown_transport,
            payload: &flow.payload,
        };
        packet.write_network(flow);
        packet
    }

    fn write_network(&mut self, flow: &Flow) {
        let beyond = self.transport_len + self.payload.len();
        match (flow.src, flow.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                self.network[0] = 0x45;
                self.network[2..4].copy_from_slice(&length(IP_LEN + beyond));
                self.network[8] = flow.hop_limit;
                self.network[9] = flow.l4.number();
                self.network[12..16].copy_from_slice(&src.octets());
                self.network[16..20].copy_from_slice(&dst.octets());
                self.unknown_network = bits(4, 6) | bits(10, 12);
            }
            (src, dst) => {
                self.network_len = IP6_LEN;
                self.network[0] = 0x60;
                self.network[4..6].copy_from_slice(&length(beyond));
                self.network[6] = flow.l4.number();
                self.network[7] = flow.hop_limit;
                self.network[8..24].copy_from_slice(&octets(src));
                self.network[24..40].copy_from_slice(&octets(dst));
            }
        }
    }

    /// Whether it is of IPv4, and not of IPv6.
    pub(super) fn is_v4(&self) -> bool {
        self.network_len == IP_LEN
    }

    /// Its protocol, with ports as they were at first.
    pub(super) fn l4(&self) -> L4 {
        self.l4
    }

    fn address_place(&self, end: End) -> (usize, usize) {
        match (self.is_v4(), end) {
            (true, End::Source) => (12, 16),
            (true, End::Destination) => (16, 20),
            (false, End::Source) => (8, 24),
            (false, End::Destination) => (24, 40),
        }
    }

    /// An address, if it is known.
    pub(super) fn address(&self, end: End) -> Option<IpAddr> {
        let (from, to) = self.address_place(end);
        let is_known = self.unknown_network & bits(from as u32, to as u32) == 0;
        let bytes = &self.network[from..to];
        let v4 = || <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
        let v6 = || <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from);
        is_known.then(|| if self.is_v4() { v4() } else { v6() }).flatten()
    }

    /// Another address; none: one that is not known.
    pub(super) fn set_address(&mut self, end: End, address: Option<IpAddr>) {
        let (from, to) = self.address_place(end);
        match address {
            Some(IpAddr::V4(v4)) => self.write_at(from, &v4.octets(), u64::MAX),
            Some(IpAddr::V6(v6)) => self.write_at(from, &v6.octets(), u64::MAX),
            None => self.write_at(from, &[0; 16][..to - from], 0),
        }
    }

    /// Whether its protocol has ports that the flow tells.
    pub(super) fn has_ports(&self) -> bool {
        matches!(self.l4, L4::Tcp { .. } | L4::Udp { .. } | L4::Sctp { .. })
    }

    /// A port, if it is known. None too where there are none.
    pub(super) fn port(&self, end: End) -> Option<u16> {
        let from = if end == End::Source { 0 } else { 2 };
        let is_known = self.has_ports() && self.unknown_transport & bits(from, from + 2) == 0;
        let at = from as usize;
        is_known.then(|| u16::from_be_bytes([self.transport[at], self.transport[at + 1]]))
    }

    /// Another port; none: one that is not known.
    pub(super) fn set_port(&mut self, end: End, port: Option<u16>) {
        let at = self.network_len + if end == End::Source { 0 } else { 2 };
        if self.has_ports() {
            let known = if port.is_some() { u64::MAX } else { 0 };
            self.write_at(at, &port.unwrap_or(0).to_be_bytes(), known);
        }
    }

    fn hop_limit_place(&self) -> usize {
        if self.is_v4() { 8 } else { 7 }
    }

    /// TTL or hop limit, if it is known.
    pub(super) fn hop_limit(&self) -> Option<u8> {
        let (value, told) = self.byte(self.hop_limit_place());
        told.then_some(value)
    }

    pub(super) fn set_hop_limit(&mut self, value: Option<u8>) {
        let known = if value.is_some() { 1 } else { 0 };
        self.write_at(self.hop_limit_place(), &[value.unwrap_or(0)], known);
    }

    /// The byte of TOS or traffic class, if it is known.
    pub(super) fn tos(&self) -> Option<u8> {
        if self.is_v4() {
            let (value, told) = self.byte(1);
            return told.then_some(value);
        }
        let ((first, a), (second, b)) = (self.byte(0), self.byte(1));
        (a && b).then_some(first << 4 | second >> 4)
    }

    pub(super) fn set_tos(&mut self, tos: u8) {
        if self.is_v4() {
            return self.write_at(1, &[tos], 1);
        }
        let (label, known) = self.byte(1);
        self.write_at(0, &[0x60 | tos >> 4], 1);
        self.write_at(1, &[tos << 4 | label & 0xf], u64::from(known));
    }

    /// Write bytes, known as the mask tells. Nothing where the packet ends before them.
    pub(super) fn write(&mut self, base: PayloadBase, offset: usize, bytes: &[u8], known: u64) {
        let start = match base {
            PayloadBase::Link => return,
            PayloadBase::Network => offset,
            PayloadBase::Transport => self.network_len + offset,
            PayloadBase::Inner => match self.inner() {
                Some(inner) => inner + offset,
                None => return,
            },
        };
        self.write_at(start, bytes, known);
    }

    fn write_at(&mut self, start: usize, bytes: &[u8], known: u64) {
        for (place, byte) in bytes.iter().enumerate() {
            let is_unknown = known >> place.min(63) & 1 == 0;
            let at = start + place;
            let (header, unknown, at) = match at.checked_sub(self.network_len) {
                None => (&mut self.network[..], &mut self.unknown_network, at),
                Some(at) if at < self.transport_len => {
                    (&mut self.transport[..], &mut self.unknown_transport, at)
                }
                // What a rule writes behind the headers, no rule here reads back: the payload is borrowed.
                Some(_) => return,
            };
            header[at] = *byte;
            *unknown = *unknown & !(1 << at) | u64::from(is_unknown) << at;
        }
    }

    /// Bytes of the whole packet, from the network header on.
    pub(super) fn len(&self) -> usize {
        self.network_len + self.transport_len + self.payload.len()
    }

    /// Where `@ih` counts from. Linux tells it of TCP, UDP, IP in IP, and of GRE's version 0 without a route
    /// (RFC 2784, RFC 2890), whose bits say which four bytes each are behind the first: checksum, key, number.
    fn inner(&self) -> Option<usize> {
        const IPIP: u8 = 4;
        const GRE: u8 = 47;
        let behind = self.network_len + self.transport_len;
        match self.l4() {
            L4::Tcp { .. } | L4::Udp { .. } | L4::Other(IPIP) => Some(behind),
            L4::Other(GRE) => match self.payload {
                [flags, version, ..] if flags & 0x40 == 0 && version & 0x7 == 0 => {
                    Some(behind + 4 + 4 * (flags & 0xb0).count_ones() as usize)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Read bytes, and say which of them are known. None if the packet ends before them.
    pub(super) fn read(&self, base: PayloadBase, offset: usize, into: &mut [u8]) -> Option<u64> {
        let start = match base {
            PayloadBase::Link => return Some(0),
            PayloadBase::Network => offset,
            PayloadBase::Transport => self.network_len + offset,
            PayloadBase::Inner => self.inner()? + offset,
        };
        if start.checked_add(into.len())? > self.len() {
            return None;
        }
        let mut known = 0;
        for (place, byte) in into.iter_mut().enumerate() {
            let (value, told) = self.byte(start + place);
            *byte = value;
            known |= u64::from(told) << place;
        }
        Some(known)
    }

    /// One byte of the packet, and whether the flow tells it.
    fn byte(&self, at: usize) -> (u8, bool) {
        if at < self.network_len {
            return (self.network[at], self.unknown_network & 1 << at == 0);
        }
        let at = at - self.network_len;
        match at.checked_sub(self.transport_len) {
            None => (self.transport[at], self.unknown_transport & 1 << at == 0),
            Some(at) => (self.payload[at], true),
        }
    }
}

/// A transport header, its length, and which of its bytes are not known.
fn transport(flow: &Flow) -> ([u8; 20], usize, u64) {
    let mut header = [0; 20];
    let mut ports = |sport: u16, dport: u16| {
        header[..2].copy_from_slice(&sport.to_be_bytes());
        header[2..4].copy_from_slice(&dport.to_be_bytes());
    };
    let (len, unknown) = match flow.l4 {
        L4::Tcp { sport, dport, flags } => {
            ports(sport, dport);
            (header[12], header[13]) = (0x50, flags);
            (20, bits(4, 12) | bits(14, 20))
        }
        L4::Udp { sport, dport } => {
            ports(sport, dport);
            header[4..6].copy_from_slice(&length(8 + flow.payload.len()));
            (8, bits(6, 8))
        }
        L4::Sctp { sport, dport } => {
            ports(sport, dport);
            (12, bits(4, 12))
        }
        L4::Icmp { kind, code } | L4::Icmpv6 { kind, code } => {
            (header[0], header[1]) = (kind, code);
            (8, bits(2, 8))
        }
        L4::Other(_) => (0, 0),
    };
    (header, len, unknown)
}

/// One bit for each byte from the first to before the last.
fn bits(from: u32, to: u32) -> u64 {
    (1 << to) - (1 << from)
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes()
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}
