//! Cells that open or close, merged to lines that people read.
//! Not here: which cells do.

use super::cells::Remote;
use crate::Inventory;
use rolewall_ruleset::flow::Direction;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// Whether flows begin or cease to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Way {
    Opens,
    Closes,
}

/// Flows that open or close, of one direction and protocol, with the same remote ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Which.
    pub way: Way,
    /// In or out.
    pub direction: Direction,
    /// IANA's number.
    pub proto: u8,
    /// First and last port, merged.
    pub ports: Vec<(u16, u16)>,
    /// Remote ends in words: nodes by name, else addresses.
    pub remotes: Vec<String>,
}

type Key = (Way, Direction, u8, Ports);

/// First and last port, merged.
type Ports = Vec<(u16, u16)>;

/// Which way, direction, protocol, and the remote end: its first address, which sorts it, and its name.
type RemoteKey = (Way, Direction, u8, IpAddr, String);

/// Cells as they come.
pub(super) struct Merge<'a> {
    inventory: &'a Inventory,
    /// Interfaces that cells are told apart by, "some other" among them.
    interfaces: usize,
    /// For each remote: its ports by interface.
    cells: BTreeMap<RemoteKey, BTreeMap<Option<String>, Ports>>,
}

impl<'a> Merge<'a> {
    pub(super) fn new(inventory: &'a Inventory, interfaces: usize) -> Merge<'a> {
        Merge { inventory, interfaces, cells: BTreeMap::new() }
    }

    pub(super) fn add(
        &mut self,
        way: Way,
        direction: Direction,
        remote: &Remote,
        proto: u8,
        port: (u16, u16),
    ) {
        for (address, name) in self.names(remote) {
            let by_interface = self.cells.entry((way, direction, proto, address, name)).or_default();
            let ports = by_interface.entry(remote.interface.clone()).or_default();
            match ports.last_mut() {
                Some(last) if last.1.checked_add(1) == Some(port.0) => last.1 = port.1,
                _ => ports.push(port),
            }
        }
    }

    fn names(&self, remote: &Remote) -> Vec<(IpAddr, String)> {
        match remote.stretch {
            Some((first, last)) => vec![(first, stretch(first, last))],
            None => remote.members.iter().map(|a| (*a, self.node(*a))).collect(),
        }
    }

    fn node(&self, address: IpAddr) -> String {
        let node = self.inventory.nodes.iter().find(|n| n.private.contains(&address));
        node.map_or_else(|| address.to_string(), |n| format!("{} ({address})", n.name))
    }

    /// Remotes with the same ports on one line; interfaces are named only where they matter.
    pub(super) fn finish(self) -> Vec<Opening> {
        let mut lines: BTreeMap<Key, Vec<String>> = BTreeMap::new();
        for ((way, direction, proto, _, name), by_interface) in self.cells {
            let first = by_interface.values().next().cloned().unwrap_or_default();
            if by_interface.len() == self.interfaces && by_interface.values().all(|ports| *ports == first) {
                lines.entry((way, direction, proto, first)).or_default().push(name);
                continue;
            }
            for (interface, ports) in by_interface {
                let by = interface.map_or("another interface".to_owned(), |i| i);
                lines.entry((way, direction, proto, ports)).or_default().push(format!("{name} by {by}"));
            }
        }
        let opening =
            |((way, direction, proto, ports), remotes)| Opening { way, direction, proto, ports, remotes };
        lines.into_iter().map(opening).collect()
    }
}

fn stretch(first: IpAddr, last: IpAddr) -> String {
    if first == last {
        return first.to_string();
    }
    let nets = match (first, last) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            ipnet::Ipv4Subnets::new(a, b, 0).map(|n| n.to_string()).collect::<Vec<_>>()
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => ipnet::Ipv6Subnets::new(a, b, 0).map(|n| n.to_string()).collect(),
        _ => Vec::new(),
    };
    match nets.as_slice() {
        [one] => one.clone(),
        _ => format!("{first}-{last}"),
    }
}

impl fmt::Display for Opening {
    /// `opens in tcp 3306 from sip1 (10.20.0.11)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Remote ends that are named; the rest is counted.
        const NAMED_MAX: usize = 8;
        let way = if self.way == Way::Opens { "opens" } else { "closes" };
        let (direction, preposition) =
            if self.direction == Direction::In { ("in", "from") } else { ("out", "to") };
        let proto = match self.proto {
            6 => "tcp",
            17 => "udp",
            132 => "sctp",
            _ => "other",
        };
        let range = |(a, b): &(u16, u16)| if a == b { a.to_string() } else { format!("{a}-{b}") };
        let ports: Vec<String> = self.ports.iter().map(range).collect();
        let named: Vec<&str> = self.remotes.iter().take(NAMED_MAX).map(String::as_str).collect();
        write!(f, "{way} {direction} {proto} {} {preposition} {}", ports.join(","), named.join(", "))?;
        match self.remotes.len().checked_sub(NAMED_MAX) {
            Some(more) if more > 0 => write!(f, " and {more} more"),
            _ => Ok(()),
        }
    }
}
