//! The ICMP and ICMPv6 errors that reach a host while it probes: Linux tells a socket of few of them, and
//! gives one errno for several codes.
//! Not here: what a code means for a probe.

use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, ipproto, recv, socket_with};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;

/// Destination unreachable of ICMP (RFC 792) and of ICMPv6 (RFC 4443).
const UNREACHABLE: u8 = 3;
const UNREACHABLE_V6: u8 = 1;

/// Protocol numbers whose quoted header has an identifier in place of ports.
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// A packet that was sent, as an error quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Quoted {
    pub(super) protocol: u8,
    /// Of a ping its identifier.
    pub(super) source_port: u16,
    pub(super) destination: IpAddr,
    /// Of a ping 0.
    pub(super) port: u16,
}

/// The unreachables that have come so far, by the packet that they are about.
pub(super) struct Errors {
    sockets: Vec<(OwnedFd, Parse)>,
    codes: HashMap<Quoted, u8>,
}

type Parse = fn(&[u8]) -> Option<(Quoted, u8)>;

impl Errors {
    /// Listens from now on, for a thread inside the namespace.
    pub(super) fn listen() -> io::Result<Errors> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let open = |family, protocol| socket_with(family, SocketType::RAW, flags, Some(protocol));
        let mut sockets: Vec<(OwnedFd, Parse)> = vec![(open(AddressFamily::INET, ipproto::ICMP)?, parse_v4)];
        // A kernel without IPv6 has no errors of it either.
        sockets.extend(
            open(AddressFamily::INET6, ipproto::ICMPV6).ok().map(|socket| (socket, parse_v6 as Parse)),
        );
        Ok(Errors { sockets, codes: HashMap::new() })
    }

    /// What to wait on besides the probes; [`Errors::collect`] is due when one is readable.
    pub(super) fn sockets(&self) -> impl Iterator<Item = &OwnedFd> {
        self.sockets.iter().map(|(socket, _)| socket)
    }

    /// The code of the unreachable that came back for such a packet.
    pub(super) fn code_for(&mut self, sent: &Quoted) -> Option<u8> {
        self.collect();
        self.codes.get(sent).copied()
    }

    /// Takes in what has come. Linux gives a message to raw sockets before the socket that it is about
    /// hears of it, so what an errno came from is here.
    pub(super) fn collect(&mut self) {
        let mut buffer = [0; 256];
        for (socket, parse) in &self.sockets {
            while let Ok((count, _)) = recv(socket, &mut buffer, RecvFlags::DONTWAIT) {
                self.codes.extend(parse(&buffer[..count.min(256)]));
            }
        }
    }
}

/// Reads what a raw ICMP socket gives: the IPv4 header, then the message.
fn parse_v4(packet: &[u8]) -> Option<(Quoted, u8)> {
    let icmp = packet.get(header_bytes(packet)?..)?;
    let code = code_of(icmp, UNREACHABLE)?;
    let quoted = icmp.get(8..)?;
    let destination = Ipv4Addr::from(*quoted.get(16..)?.first_chunk::<4>()?);
    let transport = quoted.get(header_bytes(quoted)?..)?;
    Some((read(*quoted.get(9)?, destination.into(), transport)?, code))
}

/// Reads what a raw ICMPv6 socket gives: the message alone. A lab sends no extension headers.
fn parse_v6(icmp: &[u8]) -> Option<(Quoted, u8)> {
    let code = code_of(icmp, UNREACHABLE_V6)?;
    let quoted = icmp.get(8..)?;
    let destination = Ipv6Addr::from(*quoted.get(24..)?.first_chunk::<16>()?);
    Some((read(*quoted.get(6)?, destination.into(), quoted.get(40..)?)?, code))
}

/// The code of a message, if it is of that type.
fn code_of(icmp: &[u8], kind: u8) -> Option<u8> {
    icmp.first_chunk::<2>().filter(|[k, _]| *k == kind).map(|[_, code]| *code)
}

fn read(protocol: u8, destination: IpAddr, transport: &[u8]) -> Option<Quoted> {
    let word = |at: usize| transport.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
    let (source_port, port) = match protocol {
        ICMP | ICMPV6 => (word(4)?, 0),
        _ => (word(0)?, word(2)?),
    };
    Some(Quoted { protocol, source_port, destination, port })
}

fn header_bytes(packet: &[u8]) -> Option<usize> {
    packet.first().map(|byte| usize::from(byte & 0x0f) * 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ports 40000 and 80, as TCP and UDP headers begin.
    const PORTS: [u8; 4] = [0x9c, 0x40, 0x00, 0x50];

    fn quoted(protocol: u8, destination: IpAddr) -> Quoted {
        Quoted { protocol, source_port: 40000, destination, port: 80 }
    }

    #[test]
    fn an_unreachable_is_told_by_the_packet_that_it_quotes() {
        let mut packet = vec![0u8; 20 + 8 + 20 + 4];
        packet[0] = 0x45;
        (packet[20], packet[21]) = (UNREACHABLE, 13);
        (packet[28], packet[28 + 9]) = (0x45, 6);
        packet[28 + 16..28 + 20].copy_from_slice(&[10, 0, 0, 2]);
        packet[48..52].copy_from_slice(&PORTS);
        assert_eq!(parse_v4(&packet), Some((quoted(6, Ipv4Addr::new(10, 0, 0, 2).into()), 13)));
        packet[20] = 11;
        assert_eq!(parse_v4(&packet), None);
    }

    #[test]
    fn an_unreachable_of_icmpv6_is_too() {
        let mut message = vec![0u8; 8 + 40 + 4];
        (message[0], message[1], message[8 + 6]) = (UNREACHABLE_V6, 3, 17);
        message[8 + 39] = 1;
        message[48..52].copy_from_slice(&PORTS);
        assert_eq!(parse_v6(&message), Some((quoted(17, Ipv6Addr::LOCALHOST.into()), 3)));
    }

    #[test]
    fn a_short_packet_is_no_panic() {
        let packet = [0x45; 60];
        assert!((0..packet.len()).all(|length| parse_v4(&packet[..length]).is_none()));
        let message = [UNREACHABLE_V6; 51];
        assert!((0..message.len()).all(|length| parse_v6(&message[..length]).is_none()));
    }
}
