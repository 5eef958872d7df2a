//! Packets made byte by byte, sent from a host with any source address, spoofed ones too.
//! Not here: answers; what arrives is counted by [`crate::Server`], or seen by whoever listens.

use crate::host::Host;
use rolewall_kernel::NetNsError;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sendto, socket_with};
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::OwnedFd;

/// Protocol numbers of IANA's registry.
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// The hop limit where nothing else is said, as Linux has it.
const HOP_LIMIT: u8 = 64;

/// A packet from `source` to `destination`, checksums right, no options, not fragmented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    source: IpAddr,
    destination: IpAddr,
    hop_limit: u8,
    protocol: u8,
    /// The header of the protocol and what follows, checksum filled in.
    segment: Vec<u8>,
}

/// Why a packet could not be made or sent.
#[derive(Debug, thiserror::Error)]
pub enum PacketError {
    /// Addresses of two families.
    #[error("a packet from {source_ip} to {destination}: they are of different families")]
    Families {
        /// The source.
        source_ip: IpAddr,
        /// The destination.
        destination: IpAddr,
    },
    /// More than 1500 bytes, Ethernet's MTU.
    #[error("a packet of {bytes} bytes; at most 1500 fit into one")]
    Long {
        /// How long it would be.
        bytes: usize,
    },
    /// The host's namespace could not be entered.
    #[error("host {host}: {source}")]
    NetNs {
        /// The host.
        host: String,
        /// Why.
        source: NetNsError,
    },
    /// The system's no.
    #[error("host {host}: sending a packet from {source_ip} to {destination}: {source}")]
    Send {
        /// The host.
        host: String,
        /// The packet's source.
        source_ip: IpAddr,
        /// Its destination.
        destination: IpAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl Packet {
    /// A datagram.
    pub fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Result<Packet, PacketError> {
        let bytes =
            u16::try_from(8 + payload.len()).map_err(|_| PacketError::Long { bytes: payload.len() })?;
        let mut segment = ports(from, to);
        segment.extend(bytes.to_be_bytes());
        segment.extend([0, 0]);
        segment.extend(payload);
        Packet::new(from.ip(), to.ip(), UDP, segment, Some(6))
    }

    /// A TCP segment without payload; `flags` as in the header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16.
    pub fn tcp(from: SocketAddr, to: SocketAddr, flags: u8) -> Result<Packet, PacketError> {
        let mut segment = ports(from, to);
        // Sequence number 1, acknowledgement 0, a header of 5 words, a window of 64240 bytes.
        segment.extend([0, 0, 0, 1, 0, 0, 0, 0, 5 << 4, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
        Packet::new(from.ip(), to.ip(), TCP, segment, Some(16))
    }

    /// A message of ICMP, or of ICMPv6 between IPv6 addresses: type, code and what follows the checksum.
    pub fn icmp(from: IpAddr, to: IpAddr, kind: u8, code: u8, body: &[u8]) -> Result<Packet, PacketError> {
        let mut segment = vec![kind, code, 0, 0];
        segment.extend(body);
        Packet::new(from, to, if from.is_ipv4() { ICMP } else { ICMPV6 }, segment, Some(2))
    }

    /// A packet of any protocol; `segment` is sent as it is.
    pub fn other(from: IpAddr, to: IpAddr, protocol: u8, segment: &[u8]) -> Result<Packet, PacketError> {
        Packet::new(from, to, protocol, segment.to_vec(), None)
    }

    /// Another hop limit (TTL) than 64: neighbour discovery needs 255 (RFC 4861).
    #[must_use]
    pub fn hop_limit(mut self, hop_limit: u8) -> Packet {
        self.hop_limit = hop_limit;
        self
    }

    fn new(
        source: IpAddr,
        destination: IpAddr,
        protocol: u8,
        segment: Vec<u8>,
        checksum_at: Option<usize>,
    ) -> Result<Packet, PacketError> {
        if source.is_ipv4() != destination.is_ipv4() {
            return Err(PacketError::Families { source_ip: source, destination });
        }
        let mut packet = Packet { source, destination, hop_limit: HOP_LIMIT, protocol, segment };
        checksum_at.into_iter().for_each(|at| packet.fill_checksum(at));
        match packet.bytes().len() {
            bytes @ 1501.. => Err(PacketError::Long { bytes }),
            _ => Ok(packet),
        }
    }

    /// The whole packet. Linux fills in the identification and header checksum of IPv4 (raw(7)).
    pub fn bytes(&self) -> Vec<u8> {
        let length = self.segment.len() as u16;
        let mut bytes = match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let mut header = vec![0x45, 0];
                header.extend((20 + length).to_be_bytes());
                header.extend([0, 0, 0x40, 0, self.hop_limit, self.protocol, 0, 0]);
                header.extend(source.octets());
                header.extend(destination.octets());
                header
            }
            _ => {
                let mut header = vec![0x60, 0, 0, 0];
                header.extend(length.to_be_bytes());
                header.extend([self.protocol, self.hop_limit]);
                header.extend(octets(self.source));
                header.extend(octets(self.destination));
                header
            }
        };
        bytes.extend(&self.segment);
        bytes
    }

    fn fill_checksum(&mut self, at: usize) {
        let mut summed = Vec::new();
        // ICMP alone has no pseudo-header (RFC 792); for IPv6 all have one (RFC 8200 section 8.1), and its
        // 32-bit length and protocol add up to the same as the 16-bit ones of IPv4.
        if self.protocol != ICMP {
            summed.extend(octets(self.source));
            summed.extend(octets(self.destination));
            summed.extend((self.segment.len() as u16).to_be_bytes());
            summed.extend([0, self.protocol]);
        }
        summed.extend(&self.segment);
        let sum = match internet_checksum(&summed) {
            // A UDP checksum of zero would mean that there is none (RFC 768).
            0 if self.protocol == UDP => 0xffff,
            sum => sum,
        };
        self.segment[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    }
}

impl Host {
    /// Sends packets as they are; the host routes them by their destination. To a link-local or multicast
    /// IPv6 address they leave through the first plug.
    pub fn send_packets(&self, packets: &[Packet]) -> Result<(), PacketError> {
        let sent = self.in_namespace(|| {
            let mut sender = RawSender::open(self.interfaces().next()).map_err(|source| {
                (std::net::Ipv4Addr::UNSPECIFIED.into(), std::net::Ipv4Addr::UNSPECIFIED.into(), source)
            })?;
            packets.iter().try_for_each(|packet| {
                sender.send(packet).map_err(|e| (packet.source, packet.destination, e))
            })
        });
        let host = || self.name().to_owned();
        let sent = sent.map_err(|source| PacketError::NetNs { host: host(), source })?;
        sent.map_err(|(source_ip, destination, source)| PacketError::Send {
            host: host(),
            source_ip,
            destination,
            source,
        })
    }
}

/// Raw sockets of a host. They belong to the namespace in which they were opened.
#[derive(Debug)]
pub(crate) struct RawSender {
    ipv4: OwnedFd,
    ipv6: OwnedFd,
    scope: u32,
}

impl RawSender {
    /// For a thread inside the namespace; `interface` is for destinations that need one.
    pub(crate) fn open(interface: Option<&str>) -> io::Result<RawSender> {
        let raw = |family| socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, Some(ipproto::RAW));
        let (ipv4, ipv6) = (raw(AddressFamily::INET)?, raw(AddressFamily::INET6)?);
        let scope = interface.map_or(Ok(0), |name| rustix::net::netdevice::name_to_index(&ipv4, name))?;
        Ok(RawSender { ipv4, ipv6, scope })
    }

    pub(crate) fn send(&mut self, packet: &Packet) -> io::Result<()> {
        let (socket, to) = match packet.destination {
            IpAddr::V4(_) => (&self.ipv4, SocketAddr::new(packet.destination, 0)),
            IpAddr::V6(ip) if ip.is_unicast_link_local() || ip.is_multicast() => {
                (&self.ipv6, SocketAddrV6::new(ip, 0, 0, self.scope).into())
            }
            IpAddr::V6(_) => (&self.ipv6, SocketAddr::new(packet.destination, 0)),
        };
        sendto(socket, &packet.bytes(), SendFlags::empty(), &to)?;
        Ok(())
    }
}

fn ports(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    [from.port().to_be_bytes(), to.port().to_be_bytes()].concat()
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// The one's complement of the one's complement sum (RFC 1071).
fn internet_checksum(bytes: &[u8]) -> u16 {
    let words =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_that_of_rfc_1071() {
        // The example of RFC 1071 section 3: the sum is ddf2.
        assert_eq!(internet_checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(internet_checksum(&[0xff]), !0xff00);
    }

    #[test]
    fn a_packet_has_one_family_and_fits_a_frame() {
        let (v4, v6) = (SocketAddr::from(([10, 0, 0, 1], 1)), SocketAddr::from(([0u16; 8], 1)));
        assert!(matches!(Packet::udp(v4, v6, &[]), Err(PacketError::Families { .. })));
        assert!(matches!(Packet::udp(v4, v4, &[0; 1473]), Err(PacketError::Long { bytes: 1501 })));
        assert_eq!(Packet::udp(v4, v4, &[0; 1472]).map(|p| p.bytes().len()).ok(), Some(1500));
    }
}
