//! A flow as the bytes of a packet: what a payload load reads.
//! Not here: metadata and conntrack ([`super::load`]).
//!
//! The packet has no IP options or extension headers, is no fragment, and ends where the flow's payload does.
//! What a flow does not tell (identification, checksums, TCP's sequence and window) is not known.

use crate::Flow;
use crate::expr::PayloadBase;
use crate::flow::L4;
use std::net::IpAddr;

/// Bytes of an IPv4 header without options, and of an IPv6 header (RFC 791, RFC 8200).
const IP_LEN: usize = 20;
const IP6_LEN: usize = 40;

/// A packet's headers.
#[derive(Debug)]
pub(super) struct Packet<'f> {
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

    /// Bytes of the whole packet, from the network header on.
    pub(super) fn len(&self) -> usize {
        self.network_len + self.transport_len + self.payload.len()
    }

    /// Read bytes, and say which of them are known. None if the packet ends before them.
    pub(super) fn read(&self, base: PayloadBase, offset: usize, into: &mut [u8]) -> Option<u64> {
        let start = match base {
            PayloadBase::Link => return Some(0),
            PayloadBase::Network => offset,
            PayloadBase::Transport => self.network_len + offset,
            PayloadBase::Inner => self.network_len + self.transport_len + offset,
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
