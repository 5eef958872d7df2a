//! This host's listening sockets with the processes that hold them.
//! Not here: what they are evidence of.

use super::process;
use crate::failure::Failure;
use rolewall_evidence::{Address, Listening, Transport};
use rolewall_kernel::sockets::{self, Socket};
use std::collections::HashMap;

/// Everything that listens: TCP in LISTEN, UDP bound and not connected.
pub(crate) fn listening() -> Result<Vec<Listening>, Failure> {
    with_processes(sockets::listening().map_err(Failure::host)?)
}

/// TCP in LISTEN.
pub(crate) fn listening_tcp() -> Result<Vec<Listening>, Failure> {
    with_processes(sockets::listening_tcp().map_err(Failure::host)?)
}

fn with_processes(found: Vec<Socket>) -> Result<Vec<Listening>, Failure> {
    // Looking into every process is the dearest part: not done where nothing listens.
    let processes = if found.is_empty() { HashMap::new() } else { process::by_socket() };
    let with_process = |socket: &Socket| {
        let process = processes.get(&socket.inode.into()).map(|p| (p.name.clone(), p.id));
        Listening {
            transport: transport(socket),
            address: address(socket),
            port: socket.local.port(),
            process,
        }
    };
    Ok(found.iter().map(with_process).collect())
}

fn transport(socket: &Socket) -> Transport {
    match socket.protocol {
        sockets::Protocol::Tcp => Transport::Tcp,
        sockets::Protocol::Udp => Transport::Udp,
    }
}

/// `::` answers for both families unless the socket is IPv6 only.
fn address(socket: &Socket) -> Address {
    let address = socket.local.ip();
    let is_every = address.is_ipv6() && address.is_unspecified() && socket.v6only != Some(true);
    if is_every { Address::Every } else { Address::One(address) }
}
