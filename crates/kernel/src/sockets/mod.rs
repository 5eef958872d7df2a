//! Sockets of this host: who listens, who is bound, who is connected (`sock_diag`).
//! Not here: which process holds one (that is `/proc/PID/fd`, by [`Socket::inode`]).

mod close;

pub use close::{Closed, Closing};

use crate::links::ip;
use crate::netlink::{self, Dump, DumpError, Fields, Message, Subject, Writer};
use std::net::{IpAddr, SocketAddr};

pub use crate::netlink::DumpError as SocketsError;

/// The transport protocol of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

/// What a socket is doing; the states of TCP, of which UDP uses two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// TCP: waits for connections.
    Listening,
    /// TCP: connected. UDP: has a fixed peer.
    Established,
    /// UDP: bound, takes datagrams from anybody.
    Unconnected,
    /// Any other state of TCP, by Linux's number.
    Other(u8),
}

/// One open socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket {
    /// Its protocol.
    pub protocol: Protocol,
    /// What it is doing.
    pub state: State,
    /// Bound to.
    pub local: SocketAddr,
    /// The peer; unspecified address and port 0 where there is none.
    pub remote: SocketAddr,
    /// Its number among files, as in `/proc/PID/fd`'s `socket:[...]`.
    pub inode: u32,
    /// Who made it.
    pub uid: u32,
    /// An IPv6 socket that takes no IPv4. None for IPv4, and where Linux does not say.
    pub v6only: Option<bool>,
    /// Number of the interface that it is bound to.
    pub interface: Option<u32>,
    /// Linux's own number of it, which no other socket gets; none where Linux does not say.
    pub cookie: Option<u64>,
}

/// `linux/sock_diag.h`, `linux/inet_diag.h`, `net/tcp_states.h`.
mod wire {
    pub(super) const SOCK_DIAG_BY_FAMILY: u16 = 20;
    pub(super) const REQUEST_LEN: usize = 56;
    pub(super) const TCPDIAG_GETSOCK: u16 = 18;
    pub(super) const TCP_REQUEST_LEN: usize = 60;
    pub(super) const TCP_REQUEST_STATES: usize = 52;
    pub(super) const MESSAGE_LEN: usize = 72;
    pub(super) const COOKIE: usize = 44;
    pub(super) const SOCK_DESTROY: u16 = 21;
    /// Where a request names one socket: ports, addresses, interface, cookie.
    pub(super) const REQUEST_ID: usize = 8;
    pub(super) const SKV6ONLY: u16 = 11;
    pub(super) const AF_INET: u8 = 2;
    pub(super) const AF_INET6: u8 = 10;
    pub(super) const TCP: u8 = 6;
    pub(super) const UDP: u8 = 17;
    pub(super) const SCTP: u8 = 132;
    pub(super) const ESTABLISHED: u8 = 1;
    /// Also SYN_SENT, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT.
    pub(super) const CONNECTED: [u8; 5] = [ESTABLISHED, 2, 4, 5, 8];
    pub(super) const CLOSE: u8 = 7;
    pub(super) const LISTEN: u8 = 10;
}

/// Everything that answers to strangers: TCP that listens, UDP that is bound and has no fixed peer.
pub fn listening() -> Result<Vec<Socket>, DumpError> {
    let mut sockets = listening_tcp()?;
    sockets.extend(bound_udp()?.into_iter().filter(|s| s.state == State::Unconnected));
    Ok(sockets)
}

/// TCP sockets that listen, of both families.
pub fn listening_tcp() -> Result<Vec<Socket>, DumpError> {
    tcp("listing the listening TCP sockets", &[wire::LISTEN])
}

/// UDP sockets that are bound to a port, with a fixed peer or not, of both families.
pub fn bound_udp() -> Result<Vec<Socket>, DumpError> {
    let states = [wire::CLOSE, wire::ESTABLISHED];
    let doing = "listing the bound UDP sockets";
    let mut socket = open(doing)?;
    let mut sockets = Vec::new();
    for family in [wire::AF_INET, wire::AF_INET6] {
        let request = request(family, Protocol::Udp, &states);
        sockets.extend(list(&mut socket, doing, Protocol::Udp, wire::SOCK_DIAG_BY_FAMILY, &request)?);
    }
    sockets.retain(|s| s.local.port() != 0);
    Ok(sockets)
}

/// TCP connections, of both families.
pub fn established() -> Result<Vec<Socket>, DumpError> {
    tcp("listing the TCP connections", &[wire::ESTABLISHED])
}

/// TCP sockets that have a peer, established or on the way there or back, of both families.
pub fn connected() -> Result<Vec<Socket>, DumpError> {
    tcp("listing the TCP sockets with a peer", &wire::CONNECTED)
}

/// How often a list is read again because it changed meanwhile.
const ATTEMPTS: u32 = 10;

/// TCP of both families at once, in the form of `ss`: Linux walks the whole table of all namespaces for a list,
/// two milliseconds on a machine with 24 GiB, however few sockets there are; so not once for each family.
fn tcp(doing: &'static str, states: &[u8]) -> Result<Vec<Socket>, DumpError> {
    let request = tcp_request(states);
    list(&mut open(doing)?, doing, Protocol::Tcp, wire::TCPDIAG_GETSOCK, &request)
}

fn open(doing: &'static str) -> Result<netlink::Socket, DumpError> {
    let opened = netlink::Socket::open(Some(rustix::net::netlink::SOCK_DIAG));
    opened.map_err(|e| failed(doing, e))
}

fn failed(doing: &'static str, e: netlink::NetlinkError) -> DumpError {
    DumpError::new(Subject { doing, missing: "inet_diag" }, e)
}

fn list(
    socket: &mut netlink::Socket,
    doing: &'static str,
    protocol: Protocol,
    kind: u16,
    request: &[u8],
) -> Result<Vec<Socket>, DumpError> {
    for _ in 0..ATTEMPTS {
        let mut sockets = Vec::new();
        let fill = |w: &mut Writer| w.fixed(request);
        let dump = socket.dump(kind, fill, |m| sockets.extend(decoded(protocol, m)));
        if dump.map_err(|e| failed(doing, e))? == Dump::Consistent {
            return Ok(sockets);
        }
    }
    Err(DumpError::Unstable { doing, attempts: ATTEMPTS })
}

/// `struct inet_diag_req`: no family, any address, states as bits.
fn tcp_request(states: &[u8]) -> [u8; wire::TCP_REQUEST_LEN] {
    let mut request = [0; wire::TCP_REQUEST_LEN];
    request[wire::TCP_REQUEST_STATES..][..4].copy_from_slice(&bits(states).to_ne_bytes());
    request
}

fn bits(states: &[u8]) -> u32 {
    states.iter().map(|s| 1 << s).sum()
}

/// `struct inet_diag_req_v2`: family, protocol, extensions, padding, states as bits, any address.
fn request(family: u8, protocol: Protocol, states: &[u8]) -> [u8; wire::REQUEST_LEN] {
    let number = match protocol {
        Protocol::Tcp => wire::TCP,
        Protocol::Udp => wire::UDP,
        Protocol::Sctp => wire::SCTP,
    };
    let mut request = [0; wire::REQUEST_LEN];
    request[0] = family;
    request[1] = number;
    request[4..8].copy_from_slice(&bits(states).to_ne_bytes());
    request
}

/// `struct inet_diag_msg`: 4 bytes of state, the addresses, 5 numbers.
pub(crate) fn decoded(protocol: Protocol, m: &Message<'_>) -> Option<Socket> {
    let b = m.payload.first_chunk::<{ wire::MESSAGE_LEN }>()?;
    let number = |at: usize| Some(u32::from_ne_bytes(*b.get(at..)?.first_chunk()?));
    let port = |at: usize| Some(u16::from_be_bytes(*b.get(at..)?.first_chunk()?));
    let address = |at: usize| ip(b.get(at..at + if b[0] == wire::AF_INET { 4 } else { 16 })?);
    let v6only = Fields::<12>::known(m.after(wire::MESSAGE_LEN)).u8(wire::SKV6ONLY);
    Some(Socket {
        protocol,
        state: state(protocol, b[1]),
        local: SocketAddr::new(address(8)?, port(4)?),
        remote: SocketAddr::new(address(24)?, port(6)?),
        interface: number(40).filter(|index| *index != 0),
        cookie: Some(u64::from_ne_bytes(*b.get(wire::COOKIE..)?.first_chunk()?)),
        uid: number(64)?,
        inode: number(68)?,
        v6only: v6only.filter(|_| b[0] == wire::AF_INET6).map(|only| only != 0),
    })
}

fn state(protocol: Protocol, code: u8) -> State {
    match (protocol, code) {
        (_, wire::ESTABLISHED) => State::Established,
        (Protocol::Tcp | Protocol::Sctp, wire::LISTEN) => State::Listening,
        (Protocol::Udp, wire::CLOSE) => State::Unconnected,
        (_, other) => State::Other(other),
    }
}

impl Socket {
    /// Whether it takes IPv4: it is an IPv4 socket, or an IPv6 one on all addresses that is not `v6only`.
    pub fn takes_ipv4(&self) -> bool {
        match self.local.ip() {
            IpAddr::V4(_) => true,
            IpAddr::V6(ip) if ip.is_unspecified() => self.v6only == Some(false),
            IpAddr::V6(ip) => ip.to_ipv4_mapped().is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decoded(Protocol::Tcp, &Message { kind: wire::SOCK_DIAG_BY_FAMILY, flags: 0, seq: 0, payload: &payload });
        }
    }
}
