//! Who holds the sockets of flows: a process, and the unit that it is in.
//! Not here: forwarded flows, which no process of this host holds.

use super::flow::{LiveFlow, TCP, UDP};
use crate::host::process::{self, Process};
use crate::host::session::plain;
use rolewall_evidence::Holder;
use rolewall_kernel::sockets;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Sockets by what a flow tells of them, and processes by socket.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    /// Inodes of connections by their two ends, ours first.
    connections: HashMap<(SocketAddr, SocketAddr), u32>,
    /// Inodes of UDP sockets by where they are bound.
    bound: HashMap<SocketAddr, u32>,
    processes: HashMap<u64, Process>,
    units: HashMap<u32, Option<String>>,
}

impl Holders {
    /// Looks at sockets and into every process, which takes some milliseconds: only where somebody is to be
    /// named. What cannot be read is not named.
    pub(crate) fn read() -> Holders {
        let connected = sockets::connected().unwrap_or_default();
        let bound = sockets::bound_udp().unwrap_or_default();
        let peered = bound.iter().filter(|s| s.remote.port() != 0);
        let ends = |s: &sockets::Socket| ((plain(s.local), plain(s.remote)), s.inode);
        Holders {
            connections: connected.iter().chain(peered).map(ends).collect(),
            bound: bound.iter().filter(|s| s.remote.port() == 0).map(|s| (plain(s.local), s.inode)).collect(),
            processes: process::by_socket(),
            units: HashMap::new(),
        }
    }

    /// The process at this host's end of a flow.
    pub(crate) fn of(&mut self, flow: &LiveFlow) -> Option<Holder> {
        let inode = self.inode(flow)?;
        let Process { id, name } = self.processes.get(&inode.into())?.clone();
        let unit = self.units.entry(id).or_insert_with(|| process::unit_of(id)).clone();
        Some(Holder { name, id, unit })
    }

    fn inode(&self, flow: &LiveFlow) -> Option<u32> {
        let local = flow.local()?;
        let connection = || self.connections.get(&(local, flow.peer()));
        match flow.proto {
            TCP => connection().copied(),
            UDP => connection().or_else(|| self.bound_at(local)).copied(),
            _ => None,
        }
    }

    /// On the address itself, on every address of its family, or on every address.
    fn bound_at(&self, local: SocketAddr) -> Option<&u32> {
        let every = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        let own = every.into_iter().filter(|any| any.is_ipv6() || local.is_ipv4());
        let places = std::iter::once(local.ip()).chain(own);
        places.map(|ip| SocketAddr::new(ip, local.port())).find_map(|place| self.bound.get(&place))
    }
}

/// As it stands behind a flow: `(mariadbd, process 412, mariadb.service)`.
pub(crate) fn in_words(holder: &Holder) -> String {
    let Holder { name, id, unit } = holder;
    let unit = unit.as_ref().map(|unit| format!(", {unit}")).unwrap_or_default();
    format!("({name}, process {id}{unit})")
}
