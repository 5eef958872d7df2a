//! A wire for each ruleset: the node at one end with the ruleset loaded, the injector at the other.
//! Not here: rounds.

use super::frames::{FAR_MAC, Frame, NODE_MAC, sender};
use super::inject::Injector;
use super::tracked;
use crate::Outcome;
use crate::cli::{Cli, Place};
use crate::cluster::{Cluster, Family, me};
use crate::peers::Peer;
use crate::side::{Side, Who};
use rolewall_lab::{Host, HostSpec, Lab};
use rustix::net::sockopt;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

/// What is loaded into the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ruleset {
    /// No table at all, so no connection is tracked.
    None,
    /// Two rules that make Linux track connections.
    Conntrack,
    Rolewall,
    /// The same once more, in namespaces of its own.
    Again,
    NftRolemap,
}

impl Ruleset {
    pub(super) const ALL: [Ruleset; 5] =
        [Ruleset::None, Ruleset::Conntrack, Ruleset::Rolewall, Ruleset::Again, Ruleset::NftRolemap];

    pub(super) fn word(self) -> &'static str {
        match self {
            Ruleset::None => "none",
            Ruleset::Conntrack => "conntrack alone",
            Ruleset::Rolewall => "rolewall",
            Ruleset::Again => "rolewall again",
            Ruleset::NftRolemap => "nft-rolemap",
        }
    }

    fn far(self) -> String {
        format!("far from {}", self.word())
    }
}

const CONNTRACK_ALONE: &str = "table inet tracking {
  chain input { type filter hook input priority filter; policy accept; ct state established,related accept; }
  chain output { type filter hook output priority filter; policy accept; ct state established,related accept; }
}
";

/// Where packets of all kinds end if they are let through. The first is what established flows go to; it has
/// its address, so that its answers come from there.
fn sinks(family: Family) -> [(IpAddr, u16); 3] {
    [(family.public(), 5060), (family.unspecified(), 5050), (family.unspecified(), 7777)]
}

/// All wires at once.
pub(super) struct Wires<'l> {
    pub(super) all: Vec<Wire<'l>>,
}

/// One of them.
pub(super) struct Wire<'l> {
    pub(super) ruleset: Ruleset,
    pub(super) node: &'l Host,
    pub(super) injector: Injector,
    /// Nobody reads them: once they are full, a packet ends there.
    sinks: Vec<UdpSocket>,
    _side: Option<Side<'l>>,
}

impl<'l> Wires<'l> {
    /// Hosts without interfaces.
    pub(super) fn lab() -> Outcome<Lab> {
        let hosts = Ruleset::ALL.iter().flat_map(|r| [HostSpec::new(r.word()), HostSpec::new(r.far())]);
        Ok(hosts.fold(Lab::builder(), |builder, host| builder.host(host)).up()?)
    }

    pub(super) fn load(cli: &Cli, lab: &'l Lab, cluster: &Cluster) -> Outcome<Wires<'l>> {
        let all = Ruleset::ALL.iter().map(|ruleset| Wire::load(cli, lab, cluster, *ruleset));
        Ok(Wires { all: all.collect::<Outcome<_>>()? })
    }
}

impl<'l> Wire<'l> {
    fn load(cli: &Cli, lab: &'l Lab, cluster: &Cluster, ruleset: Ruleset) -> Outcome<Wire<'l>> {
        let (node, far) = (lab.host(ruleset.word())?, lab.host(&ruleset.far())?);
        connect(node, far)?;
        let side = |who| -> Outcome<Side<'l>> {
            let side = Side::set_up(cli, who, node, cluster, Place::Tmpfs)?;
            side.load()?;
            Ok(side)
        };
        let side = match ruleset {
            Ruleset::None => None,
            Ruleset::Conntrack => {
                node.command("nft").args(["-f", "-"]).stdin(CONNTRACK_ALONE).run()?.ok()?;
                None
            }
            Ruleset::Rolewall | Ruleset::Again => Some(side(Who::Rolewall)?),
            Ruleset::NftRolemap => Some(side(Who::Peer(Peer::NftRolemap))?),
        };
        let all = Family::ALL.map(sinks).concat();
        let sinks = node.in_namespace(|| all.into_iter().map(sink).collect::<Outcome<_>>())??;
        let injector = far.in_namespace(Injector::open)??;
        Ok(Wire { ruleset, node, injector, sinks, _side: side })
    }

    /// Makes the flows of these frames established: the first packet of each, and an answer.
    pub(super) fn establish(&self, family: Family, frames: &[Frame]) -> Outcome<()> {
        self.injector.send(frames)?;
        let is_ours = |sink: &&UdpSocket| sink.local_addr().is_ok_and(|at| at.ip() == family.public());
        let sink = self.sinks.iter().find(is_ours).ok_or("there is no socket for established flows")?;
        let mut senders: Vec<SocketAddr> = frames.iter().filter_map(sender).collect();
        senders.sort_unstable();
        senders.dedup();
        senders.iter().try_for_each(|to| sink.send_to(b"!", to).map(drop))?;
        tracked::all_established(self, senders.len())
    }

    /// Packets that reached a socket, and found it full.
    pub(super) fn delivered(&self, family: Family) -> Outcome<u64> {
        let read = |file: &str| self.node.in_namespace(|| std::fs::read_to_string(file));
        let value = match family {
            Family::V4 => of_udp(&read("/proc/thread-self/net/snmp")??),
            Family::V6 => of_udp6(&read("/proc/thread-self/net/snmp6")??),
        };
        let nothing = || format!("/proc/net has no RcvbufErrors of UDP over {}", family.word());
        Ok(value.ok_or_else(nothing)?)
    }
}

/// Datagrams for which a receive buffer had no room: a line of names, and one of values.
fn of_udp(snmp: &str) -> Option<u64> {
    let mut lines = snmp.lines().filter(|line| line.starts_with("Udp:"));
    let (names, values) = lines.next().zip(lines.next())?;
    let at = names.split_whitespace().position(|name| name == "RcvbufErrors")?;
    values.split_whitespace().nth(at)?.parse().ok()
}

/// The same of IPv6: a line for each value.
fn of_udp6(snmp6: &str) -> Option<u64> {
    snmp6.lines().find_map(|line| line.strip_prefix("Udp6RcvbufErrors")?.trim().parse().ok())
}

/// A pair of veths without ARP: the frames name both ends.
fn connect(node: &Host, far: &Host) -> Outcome<()> {
    let mac = |mac: [u8; 6]| mac.map(|byte| format!("{byte:02x}")).join(":");
    let fd = far.namespace().as_fd().as_raw_fd();
    // Linux delays the carrier of a pair whose ends have the same index.
    node.ip(&format!(
        "link add eth0 address {} type veth peer name far0 index 1001 address {} netns /proc/{}/fd/{fd}\n",
        mac(NODE_MAC),
        mac(FAR_MAC),
        std::process::id()
    ))?;
    // A socket of either family has its port to itself.
    node.set_sysctl("net.ipv6.bindv6only", "1")?;
    node.ip(&format!(
        "address add {}/16 dev eth0\naddress add {}/24 dev eth0\n\
         address add {}/64 dev eth0 nodad\naddress add {}/64 dev eth0 nodad\n\
         link set eth0 arp off\nlink set eth0 up\nroute add 0.0.0.0/0 dev eth0\nroute add ::/0 dev eth0\n",
        me::IPV4,
        me::PUBLIC4,
        me::IPV6,
        me::PUBLIC6
    ))?;
    far.ip("address add 198.19.255.1/15 dev far0\nlink set far0 up\n")?;
    // Sources are on the other side of the default route, whichever network they are of.
    node.set_sysctl("net.ipv4.conf.all.rp_filter", "0")?;
    Ok(node.set_sysctl("net.ipv4.conf.eth0.rp_filter", "0")?)
}

fn sink(to: (IpAddr, u16)) -> Outcome<UdpSocket> {
    let socket = UdpSocket::bind(to)?;
    // The kernel makes it its smallest, 2304 bytes: a packet or two.
    sockopt::set_socket_recv_buffer_size(&socket, 1)?;
    Ok(socket)
}
