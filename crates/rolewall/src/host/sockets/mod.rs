//! This host's listening sockets with the processes that hold them.
//! Not here: what they are evidence of.

mod sctp;
mod unix;

pub(crate) use unix::UnixListening;

use super::process::{self, Process};
use crate::failure::Failure;
use rolewall_evidence::{Address, Holder, Listening, Transport};
use rolewall_kernel::sockets::{self, Socket};
use std::collections::HashMap;

/// Everything that listens: TCP and SCTP in LISTEN, UDP bound and not connected, unix sockets with a path.
pub(crate) fn listening() -> Result<(Vec<Listening>, Vec<UnixListening>), Failure> {
    let mut found = sockets::listening().map_err(Failure::host)?;
    found.extend(sctp::listening());
    let processes = process::by_socket();
    let unix = unix::listening(&processes);
    Ok((with_holders(&found, &processes), unix))
}

/// TCP in LISTEN.
pub(crate) fn listening_tcp() -> Result<Vec<Listening>, Failure> {
    let found = sockets::listening_tcp().map_err(Failure::host)?;
    // Looking into every process is the dearest part: not done where nothing listens.
    let processes = if found.is_empty() { HashMap::new() } else { process::by_socket() };
    Ok(with_holders(&found, &processes))
}

fn with_holders(found: &[Socket], processes: &HashMap<u64, Process>) -> Vec<Listening> {
    let mut units: HashMap<u32, Option<String>> = HashMap::new();
    let mut holder = |process: &Process| {
        let unit = units.entry(process.id).or_insert_with(|| process::unit_of(process.id)).clone();
        Holder { name: process.name.clone(), id: process.id, unit }
    };
    let mut with_holder = |socket: &Socket| Listening {
        transport: transport(socket),
        address: address(socket),
        port: socket.local.port(),
        holder: processes.get(&socket.inode.into()).map(&mut holder),
    };
    found.iter().map(&mut with_holder).collect()
}

fn transport(socket: &Socket) -> Transport {
    match socket.protocol {
        sockets::Protocol::Tcp => Transport::Tcp,
        sockets::Protocol::Udp => Transport::Udp,
        sockets::Protocol::Sctp => Transport::Sctp,
    }
}

/// `::` answers for both families unless the socket is IPv6 only.
fn address(socket: &Socket) -> Address {
    let address = socket.local.ip();
    let is_every = address.is_ipv6() && address.is_unspecified() && socket.v6only != Some(true);
    if is_every { Address::Every } else { Address::One(address) }
}
