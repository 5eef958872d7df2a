//! The host whose kernel is asked: a namespace with three links, and beyond each a silent peer that sends what it is told.
//! Not here: rules, and what is sent.
//!
//! Nothing but the packets under test moves: the host's links resolve no neighbours (`arp off`), so what
//! leaves carries a link address that its peer does not listen to; the peers know the host's link address
//! for good. Checksums are not looked at by conntrack, and are wrong, so that nothing ever answers.

use crate::packet::{Packet, Way};
use rolewall_kernel::NetNs;
use rolewall_ruleset::flow::Direction;
use rolewall_ruleset::judge::Network;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sendto, sockopt};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Command, Stdio};

/// The host's links, in order: two of them begin with the name of another.
pub(crate) const LINKS: [&str; 3] = ["eth0", "eth1", "eth10"];
/// The first three bytes of the networks of the links; the host is `.1`.
const NETWORKS: [&str; 3] = ["192.0.2", "198.51.100", "203.0.113"];

/// The namespace in which this thread is, made into that host, with its peers.
pub(crate) struct World {
    senders: Vec<Sender>,
    own: Sender,
    indices: BTreeMap<String, u32>,
    _peers: Vec<NetNs>,
}

/// Raw sockets of both families, of one namespace.
struct Sender {
    ipv4: OwnedFd,
    ipv6: OwnedFd,
    /// The interface by which what has a scope leaves.
    scope: u32,
}

impl World {
    /// For a thread in a fresh namespace.
    pub(crate) fn build() -> World {
        quiet(&HOST_SETTINGS);
        let peers: Vec<NetNs> = LINKS.iter().map(|_| NetNs::create().unwrap()).collect();
        ip(&host_commands(&peers));
        quiet(&HOST_LINK_SETTINGS);
        let mut senders = Vec::new();
        for (place, peer) in peers.iter().enumerate() {
            let sender = peer.run(|| {
                quiet(&PEER_SETTINGS);
                ip(&peer_commands(place));
                Sender::open(Some("out"))
            });
            senders.push(sender.unwrap());
        }
        let own = Sender::open(Some(LINKS[0]));
        let index = |name: &str| rustix::net::netdevice::name_to_index(&own.ipv4, name).unwrap();
        let indices = LINKS.iter().map(|name| ((*name).to_owned(), index(name))).collect();
        World { senders, own, indices, _peers: peers }
    }

    /// Numbers of the host's links.
    pub(crate) fn indices(&self) -> &BTreeMap<String, u32> {
        &self.indices
    }

    /// Gives a packet to the kernel: from a peer, or from the host itself. False where it would not take it.
    pub(crate) fn send(&self, packet: &Packet, id: u16) -> bool {
        let sender = match packet.way() {
            Way::From(link) => &self.senders[link],
            Way::Out => &self.own,
        };
        sender.send(packet.flow.dst, &packet.bytes(id))
    }
}

impl Sender {
    fn open(interface: Option<&str>) -> Sender {
        let raw = |family| {
            rustix::net::socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, Some(ipproto::RAW))
                .unwrap()
        };
        let (ipv4, ipv6) = (raw(AddressFamily::INET), raw(AddressFamily::INET6));
        sockopt::set_socket_broadcast(&ipv4, true).unwrap();
        let index = |name: &str| rustix::net::netdevice::name_to_index(&ipv4, name).unwrap();
        let scope = interface.map_or(0, index);
        Sender { ipv4, ipv6, scope }
    }

    /// A packet that a rule of the host drops on its way out is refused with EPERM: it was taken.
    fn send(&self, to: IpAddr, bytes: &[u8]) -> bool {
        let (socket, to): (_, SocketAddr) = match to {
            IpAddr::V4(ip) => (&self.ipv4, (ip, 0).into()),
            IpAddr::V6(ip) if ip.is_multicast() => {
                (&self.ipv6, SocketAddrV6::new(ip, 0, 0, self.scope).into())
            }
            IpAddr::V6(ip) => (&self.ipv6, (ip, 0).into()),
        };
        match sendto(socket.as_fd(), bytes, SendFlags::empty(), &to) {
            Ok(_) | Err(rustix::io::Errno::PERM) => true,
            Err(_) => false,
        }
    }
}

/// The host's own addresses.
pub(crate) fn local() -> BTreeSet<IpAddr> {
    let mut all: BTreeSet<IpAddr> =
        (0..LINKS.len()).flat_map(|link| [own4(link).into(), own6(link).into()]).collect();
    all.extend([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    all
}

/// The networks of the links.
pub(crate) fn networks() -> Vec<Network> {
    let on = |link: usize| {
        let network =
            |address, prefix_len| Network { address, prefix_len, interface: LINKS[link].to_owned() };
        [network(own4(link).into(), 24), network(own6(link).into(), 64)]
    };
    (0..LINKS.len()).flat_map(on).collect()
}

/// The host's address on a link.
pub(crate) fn own4(link: usize) -> Ipv4Addr {
    format!("{}.1", NETWORKS[link]).parse().unwrap()
}

/// The host's IPv6 address on a link.
pub(crate) fn own6(link: usize) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, link as u16, 0, 0, 0, 1)
}

/// The link by which the host routes to an address: that of its network, else the first.
pub(crate) fn route(to: IpAddr) -> usize {
    let is_on = |link: &usize| match to {
        IpAddr::V4(ip) => ip.octets()[..3] == own4(*link).octets()[..3],
        IpAddr::V6(ip) => ip.segments()[..4] == own6(*link).segments()[..4],
    };
    (0..LINKS.len()).find(is_on).unwrap_or(0)
}

/// Which way a packet from a peer goes: to the host, or on.
pub(crate) fn direction(to: IpAddr) -> Direction {
    let broadcast = |ip: Ipv4Addr| ip.is_broadcast() || is_subnet_broadcast(ip);
    let is_for_all = to.is_multicast() || matches!(to, IpAddr::V4(ip) if broadcast(ip));
    if is_for_all || local().contains(&to) { Direction::In } else { Direction::Forward }
}

/// The last address of a network of the host's.
pub(crate) fn is_subnet_broadcast(ip: Ipv4Addr) -> bool {
    (0..LINKS.len()).any(|link| own4(link).octets()[..3] == ip.octets()[..3]) && ip.octets()[3] == 255
}

fn hardware(link: usize) -> String {
    format!("02:00:00:00:01:{link:02x}")
}

fn host_commands(peers: &[NetNs]) -> String {
    let mut lines = vec!["link set lo up".to_owned()];
    for (link, (name, peer)) in LINKS.iter().zip(peers).enumerate() {
        let there = format!("/proc/{}/fd/{}", std::process::id(), peer.as_fd().as_raw_fd());
        lines.extend([
            format!(
                "link add {name} address {} type veth peer name out address 02:00:00:00:02:{link:02x} netns {there}",
                hardware(link)
            ),
            format!("link set {name} arp off up"),
            format!("addr add {}/24 brd + dev {name}", own4(link)),
            format!("addr add {}/64 dev {name} nodad", own6(link)),
        ]);
    }
    lines.extend(["route add default dev eth0".to_owned(), "route add ::/0 dev eth0".to_owned()]);
    lines.join("\n")
}

fn peer_commands(link: usize) -> String {
    let to = hardware(link);
    let mut lines = vec![
        "link set lo up".to_owned(),
        "link set out up".to_owned(),
        format!("addr add 100.64.0.{}/32 dev out", link + 1),
        format!("addr add 2001:db8:ffff::{}/128 dev out nodad", link + 1),
        format!("neigh add 100.64.0.254 lladdr {to} nud permanent dev out"),
        format!("neigh add fe80::1 lladdr {to} nud permanent dev out"),
        "route add default via 100.64.0.254 dev out onlink".to_owned(),
        "route add ::/0 via fe80::1 dev out onlink".to_owned(),
    ];
    lines.extend(NETWORKS.iter().map(|n| format!("route add broadcast {n}.255 dev out table local")));
    lines.join("\n")
}

type Settings = [(&'static str, &'static str)];

const HOST_SETTINGS: [(&str, &str); 13] = [
    ("ipv4/conf/all/accept_redirects", "0"),
    ("ipv4/conf/default/accept_redirects", "0"),
    ("ipv4/ip_forward", "1"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv4/conf/all/accept_local", "1"),
    ("ipv4/conf/all/send_redirects", "0"),
    ("ipv4/conf/default/send_redirects", "0"),
    ("ipv6/conf/all/forwarding", "1"),
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/default/accept_redirects", "0"),
    ("ipv6/conf/default/addr_gen_mode", "1"),
    ("ipv6/conf/all/accept_dad", "0"),
];
const HOST_LINK_SETTINGS: [(&str, &str); 2] =
    [("netfilter/nf_conntrack_checksum", "0"), ("netfilter/nf_conntrack_tcp_be_liberal", "1")];
const PEER_SETTINGS: [(&str, &str); 4] = [
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/all/router_solicitations", "0"),
    ("ipv6/conf/default/router_solicitations", "0"),
    ("ipv6/conf/default/addr_gen_mode", "1"),
];

/// Settings of the namespace of this thread.
fn quiet(settings: &Settings) {
    for (key, value) in settings {
        std::fs::write(format!("/proc/sys/net/{key}"), value).unwrap_or_else(|e| panic!("{key}: {e}"));
    }
}

/// Commands of `ip`, in the namespace of this thread.
fn ip(lines: &str) {
    let mut command = Command::new("ip");
    let mut child =
        command.args(["-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{lines}", String::from_utf8_lossy(&output.stderr));
}
