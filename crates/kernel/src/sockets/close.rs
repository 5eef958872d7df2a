//! Closing one TCP connection for whoever holds it (`SOCK_DESTROY`): both ends see a reset.
//! Not here: which ones.

use super::{Socket, open, wire};
use crate::netlink::{self, DumpError, Subject, Writer};
use rustix::io::Errno;
use std::net::{IpAddr, SocketAddr};

/// What became of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It was open, and is no more.
    Now,
    /// It was closed before, or another socket has its addresses and ports now, which stays.
    GoneBefore,
}

const DOING: &str = "closing a TCP connection";
/// What a kernel lacks that cannot.
const OPTION: &str = "CONFIG_INET_DIAG_DESTROY";

/// A conversation in which connections are closed.
#[derive(Debug)]
pub struct Closing {
    socket: netlink::Socket,
}

impl Closing {
    /// Opens a socket. Needs no right yet; each request then needs CAP_NET_ADMIN.
    pub fn open() -> Result<Closing, DumpError> {
        Ok(Closing { socket: open(DOING)? })
    }

    /// Closes a TCP connection that was listed. A kernel that was built without this is
    /// [`DumpError::Absent`], which names what it lacks.
    pub fn close(&mut self, socket: &Socket) -> Result<Closed, DumpError> {
        let request = request(socket);
        let asked = self.socket.ask(wire::SOCK_DESTROY, |w: &mut Writer| w.fixed(&request), |_| ());
        match asked {
            Ok(()) => Ok(Closed::Now),
            Err(e) if e.errno().map(Errno::from_raw_os_error) == Some(Errno::NOENT) => Ok(Closed::GoneBefore),
            Err(e) => Err(DumpError::new(Subject { doing: DOING, missing: OPTION }, e)),
        }
    }
}

/// `struct inet_diag_req_v2` that names one socket: its family as the socket has it, also where that is IPv6
/// and the addresses are IPv4's.
fn request(socket: &Socket) -> [u8; wire::REQUEST_LEN] {
    let family = if socket.local.is_ipv4() { wire::AF_INET } else { wire::AF_INET6 };
    let mut request = super::request(family, socket.protocol, &[]);
    let id = &mut request[wire::REQUEST_ID..];
    id[..2].copy_from_slice(&socket.local.port().to_be_bytes());
    id[2..4].copy_from_slice(&socket.remote.port().to_be_bytes());
    write_address(&mut id[4..20], socket.local);
    write_address(&mut id[20..36], socket.remote);
    id[36..40].copy_from_slice(&socket.interface.unwrap_or(0).to_ne_bytes());
    // No cookie is all ones (INET_DIAG_NOCOOKIE): any socket of these ends.
    id[40..48].copy_from_slice(&socket.cookie.unwrap_or(u64::MAX).to_ne_bytes());
    request
}

fn write_address(into: &mut [u8], end: SocketAddr) {
    match end.ip() {
        IpAddr::V4(a) => into[..4].copy_from_slice(&a.octets()),
        IpAddr::V6(a) => into.copy_from_slice(&a.octets()),
    }
}
