//! The ICMP errors that reach a host while it probes: IPv4 gives one errno for several codes.
//! Not here: ICMPv6, whose errnos tell enough.

use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, ipproto, recv, socket_with,
};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

/// Destination unreachable (RFC 792).
const UNREACHABLE: u8 = 3;

/// A sent packet as an ICMP error quotes it: protocol, source port (of ICMP the identifier), destination
/// and its port (of ICMP 0).
type Quoted = (u8, u16, Ipv4Addr, u16);

/// The unreachables that have come so far, by the packet that they are about.
pub(super) struct Errors {
    socket: Option<OwnedFd>,
    codes: HashMap<Quoted, u8>,
}

impl Errors {
    /// Listens from now on if `wanted`, for a thread inside the namespace.
    pub(super) fn listen(wanted: bool) -> io::Result<Errors> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let open = || socket_with(AddressFamily::INET, SocketType::RAW, flags, Some(ipproto::ICMP));
        let socket = wanted.then(open).transpose()?;
        Ok(Errors { socket, codes: HashMap::new() })
    }

    /// What to wait on besides the probes; [`Errors::collect`] is due when it is readable.
    pub(super) fn socket(&self) -> Option<&OwnedFd> {
        self.socket.as_ref()
    }

    /// The code of the unreachable that came back for such a packet.
    pub(super) fn code_for(&mut self, protocol: Protocol, source_port: u16, to: SocketAddr) -> Option<u8> {
        self.collect();
        let IpAddr::V4(destination) = to.ip() else { return None };
        let protocol = u8::try_from(protocol.as_raw().get()).ok()?;
        self.codes.get(&(protocol, source_port, destination, to.port())).copied()
    }

    /// Takes in what has come. Linux gives a message to raw sockets before the socket that it is about
    /// hears of it, so what an errno came from is here.
    pub(super) fn collect(&mut self) {
        let Some(socket) = &self.socket else { return };
        let mut buffer = [0; 256];
        while let Ok((count, _)) = recv(socket, &mut buffer, RecvFlags::DONTWAIT) {
            if let Some((quoted, code)) = parse(&buffer[..count.min(256)]) {
                self.codes.insert(quoted, code);
            }
        }
    }
}

/// Reads an IPv4 packet with an ICMP unreachable in it.
fn parse(packet: &[u8]) -> Option<(Quoted, u8)> {
    let icmp = packet.get(header_bytes(packet)?..)?;
    let (kind, code) = (*icmp.first()?, *icmp.get(1)?);
    if kind != UNREACHABLE {
        return None;
    }
    let quoted = icmp.get(8..)?;
    let protocol = *quoted.get(9)?;
    let destination = Ipv4Addr::from(<[u8; 4]>::try_from(quoted.get(16..20)?).ok()?);
    let transport = quoted.get(header_bytes(quoted)?..)?;
    let word = |at| transport.get(at..at + 2).map(|bytes: &[u8]| u16::from_be_bytes([bytes[0], bytes[1]]));
    let (source, port) = if protocol == 1 { (word(4)?, 0) } else { (word(0)?, word(2)?) };
    Some(((protocol, source, destination, port), code))
}

fn header_bytes(packet: &[u8]) -> Option<usize> {
    packet.first().map(|byte| usize::from(byte & 0x0f) * 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_is_told_by_the_packet_that_it_quotes() {
        let mut packet = vec![0u8; 20 + 8 + 20 + 8];
        packet[0] = 0x45;
        (packet[20], packet[21]) = (UNREACHABLE, 13);
        packet[28] = 0x45;
        packet[28 + 9] = 6;
        packet[28 + 16..28 + 20].copy_from_slice(&[10, 0, 0, 2]);
        packet[48..52].copy_from_slice(&[0x9c, 0x40, 0x00, 0x50]);
        assert_eq!(parse(&packet), Some(((6, 40000, Ipv4Addr::new(10, 0, 0, 2), 80), 13)));
        packet[20] = 11;
        assert_eq!(parse(&packet), None);
    }

    #[test]
    fn a_short_packet_is_no_panic() {
        let packet = [0x45; 60];
        (0..packet.len()).for_each(|length| drop(parse(&packet[..length])));
    }
}
