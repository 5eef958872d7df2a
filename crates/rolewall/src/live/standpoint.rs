//! What of this host tells which way a flow goes: its addresses, their interfaces, the ports it listens on.
//! Not here: the flows ([`super::Live`]).

use super::flow::{LiveFlow, TCP};
use crate::failure::Failure;
use rolewall_kernel::conntrack::{TrackedFlow, Tuple};
use rolewall_kernel::sockets::Socket;
use rolewall_kernel::{links, sockets};
use rolewall_ruleset::Flow;
use rolewall_ruleset::flow::Direction;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// This host, as far as flows depend on it.
#[derive(Debug, Default)]
pub(crate) struct Standpoint {
    /// Its addresses, each with its interface.
    interfaces: HashMap<IpAddr, String>,
    /// Broadcast addresses of its networks: what goes there from elsewhere comes in.
    broadcasts: HashSet<Ipv4Addr>,
    /// Every interface by which other hosts are reached.
    names: Vec<String>,
    /// Ports of TCP that it listens on.
    served: BTreeSet<u16>,
}

const LOOPBACK: &str = "lo";

impl Standpoint {
    pub(crate) fn read() -> Result<Standpoint, Failure> {
        let links = links::interfaces().map_err(Failure::host)?;
        let addresses = links::addresses().map_err(Failure::host)?;
        let listening = sockets::listening_tcp().map_err(Failure::host)?;
        let names: HashMap<u32, String> = links.iter().map(|l| (l.index, l.name.clone())).collect();
        let named = |a: &links::Address| Some((a.address, names.get(&a.index)?.clone()));
        Ok(Standpoint {
            interfaces: addresses.iter().filter_map(named).collect(),
            broadcasts: addresses.iter().filter_map(broadcast).chain([Ipv4Addr::BROADCAST]).collect(),
            names: links.into_iter().filter(|l| !l.loopback).map(|l| l.name).collect(),
            served: listening.iter().map(|s| s.local.port()).collect(),
        })
    }

    /// The flow of a socket. A connection to a port that is listened on came in; any other went out.
    pub(super) fn flow_of_socket(&self, socket: &Socket) -> LiveFlow {
        let plain = crate::host::session::plain;
        let (local, remote) = (plain(socket.local), plain(socket.remote));
        if self.served.contains(&local.port()) {
            LiveFlow::tcp(Direction::In, remote, local)
        } else {
            LiveFlow::tcp(Direction::Out, local, remote)
        }
    }

    /// The flow of an entry of conntrack's. Its first packet is not always the connection's: TCP that Linux
    /// began to track later begins with whoever spoke next, so one from a port that is listened on came in.
    pub(crate) fn flow_of_entry(&self, entry: &TrackedFlow) -> LiveFlow {
        let (first, answer) = (&entry.original, &entry.reply);
        self.flow_from(first, SocketAddr::new(answer.src, answer.src_port))
    }

    /// The flow of an entry of which only the first packet is known.
    pub(crate) fn flow_of_tuple(&self, first: &Tuple) -> LiveFlow {
        self.flow_from(first, SocketAddr::new(first.dst, first.dst_port))
    }

    fn flow_from(&self, first: &Tuple, dst: SocketAddr) -> LiveFlow {
        let src = SocketAddr::new(first.src, first.src_port);
        let icmp = first.icmp.map(|(kind, code, _)| (kind, code));
        let direction = self.direction(src.ip(), dst.ip());
        let flow = LiveFlow { direction, proto: first.protocol, src, dst, icmp };
        match direction {
            Direction::Out if flow.proto == TCP && self.served.contains(&src.port()) => {
                LiveFlow::tcp(Direction::In, dst, src)
            }
            _ => flow,
        }
    }

    fn direction(&self, src: IpAddr, dst: IpAddr) -> Direction {
        match (self.is_local(src), self.is_local(dst)) {
            (_, true) => Direction::In,
            (true, false) => Direction::Out,
            (false, false) if self.is_for_all(dst) => Direction::In,
            (false, false) => Direction::Forward,
        }
    }

    fn is_local(&self, address: IpAddr) -> bool {
        self.interfaces.contains_key(&address) || address.is_loopback()
    }

    /// Whether what goes there goes to everybody around.
    pub(super) fn is_for_all(&self, address: IpAddr) -> bool {
        address.is_multicast() || matches!(address, IpAddr::V4(a) if self.broadcasts.contains(&a))
    }

    /// From this host to this host: by loopback, whatever the addresses are.
    pub(crate) fn is_within(&self, flow: &LiveFlow) -> bool {
        self.is_local(flow.src.ip()) && self.is_local(flow.dst.ip())
    }

    /// The flow as a new one: what it would be if it had to begin again.
    pub(crate) fn as_new(&self, live: &LiveFlow) -> Flow {
        let mut flow = Flow::first(live.direction, live.src.ip(), live.dst.ip(), live.l4());
        if self.is_within(live) {
            (flow.iif, flow.oif) = (Some(LOOPBACK.to_owned()), Some(LOOPBACK.to_owned()));
            return flow;
        }
        flow.iif = self.interfaces.get(&live.dst.ip()).cloned();
        flow.oif = self.interfaces.get(&live.src.ip()).cloned();
        flow
    }

    /// The same by each other interface that its packets may come in or leave by: routes need not be as
    /// addresses suggest.
    pub(crate) fn by_other_interfaces(&self, flow: &Flow) -> impl Iterator<Item = Flow> {
        let is_one_sided = flow.direction != Direction::Forward;
        let used = flow.iif.as_ref().or(flow.oif.as_ref());
        let others = self.names.iter().filter(move |name| is_one_sided && Some(*name) != used);
        others.map(|name| flow.clone().by(Some(name.clone())))
    }
}

fn broadcast(address: &links::Address) -> Option<Ipv4Addr> {
    /// The last prefix that has a broadcast address (RFC 3021).
    const PREFIX_MAX: u8 = 30;
    let IpAddr::V4(own) = address.address else { return None };
    let host_bits = u32::MAX.checked_shr(u32::from(address.prefix_len)).unwrap_or(0);
    (address.prefix_len <= PREFIX_MAX).then(|| Ipv4Addr::from(u32::from(own) | host_bits))
}
