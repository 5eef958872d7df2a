//! The scene of most tests: one node with the program, and around it everybody who may knock.
//! Not here: who of them is admitted.
//!
//! `inside` is a host on the private network that has the address of one other node for each role, and those
//! of an admin and of somebody unknown. `outside` is a host on the public network that has the addresses of
//! a stranger, an admin, a carrier, and somebody trusted. So each of them is a source address, in both
//! families, and one batch of probes asks for all.

use super::ip;
use rolewall_lab::{Host, HostSpec, Lab, Outcome, Probe};
use std::net::IpAddr;

/// Every role of the catalogue that a node may be given.
pub(crate) const ROLES: [&str; 11] =
    ["web", "sip", "pbx", "jabber", "ic", "worker", "queue", "sql", "dd", "es", "s3"];

/// Somebody who knocks, or is knocked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// Another node, on the private network.
    Node(&'static str),
    /// An admin address on the private network.
    AdminInside,
    /// On the private network, in no inventory.
    Unknown,
    /// On the public network, in no list.
    Stranger,
    /// An admin address on the public network.
    Admin,
    /// A carrier.
    Trunk,
    /// In a trusted network, on the public network.
    Trusted,
}

/// Everybody.
pub(crate) fn everybody() -> Vec<Who> {
    use Who::*;
    let nodes = ROLES.into_iter().map(Node);
    nodes.chain([AdminInside, Unknown, Stranger, Admin, Trunk, Trusted]).collect()
}

impl Who {
    /// Whether they are on the private network.
    pub(crate) fn is_inside(self) -> bool {
        matches!(self, Who::Node(_) | Who::AdminInside | Who::Unknown)
    }

    /// Their addresses, IPv4 and IPv6.
    pub(crate) fn addresses(self) -> [IpAddr; 2] {
        let both = |v4: &str, v6: &str| [ip(v4), ip(v6)];
        match self {
            Who::Node(role) => {
                let place = 10 + ROLES.iter().position(|r| *r == role).unwrap();
                both(&format!("10.20.1.{place}"), &format!("fd20::1:{place}"))
            }
            Who::AdminInside => both("10.20.8.8", "fd20::8:8"),
            Who::Unknown => both("10.20.9.9", "fd20::9:9"),
            Who::Stranger => both("192.0.2.99", "2001:db8::99"),
            Who::Admin => both("198.51.100.5", "2001:db8:a::5"),
            Who::Trunk => both("203.0.113.7", "2001:db8:7::7"),
            Who::Trusted => both("198.18.0.9", "2001:db8:8::9"),
        }
    }
}

/// The node's addresses on the private network.
pub(crate) const PRIVATE: [&str; 2] = ["10.20.0.1", "fd20::1"];
/// The node's addresses on the public network.
pub(crate) const PUBLIC: [&str; 2] = ["192.0.2.1", "2001:db8::1"];

/// Where somebody finds the node, in the family of `family`.
pub(crate) fn node_for(who: Who, family: IpAddr) -> IpAddr {
    let [v4, v6] = if who.is_inside() { PRIVATE } else { PUBLIC };
    ip(if family.is_ipv4() { v4 } else { v6 })
}

/// The lab.
pub(crate) fn scene() -> Lab {
    scene_with(&[], Vec::new())
}

/// The lab with more hosts, and more networks than `private` and `public`.
pub(crate) fn scene_with(networks: &[&str], more: Vec<HostSpec>) -> Lab {
    let node = HostSpec::new("node")
        .plug("private", "eth0", &["10.20.0.1/16", "fd20::1/48"])
        .and_then(|node| node.plug("public", "eth1", &["192.0.2.1/24", "2001:db8::1/64"]));
    let crowd = |inside: bool| -> Vec<String> {
        let with_bits = |a: IpAddr| match (inside, a.is_ipv4()) {
            (true, true) => format!("{a}/16"),
            (true, false) => format!("{a}/48"),
            (false, true) => format!("{a}/32"),
            (false, false) => format!("{a}/128"),
        };
        let there = everybody().into_iter().filter(|w| w.is_inside() == inside);
        there.flat_map(Who::addresses).map(with_bits).collect()
    };
    let plugged = |name: &str, network: &str, addresses: &[String]| {
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        HostSpec::new(name).plug(network, "eth0", &addresses).unwrap()
    };
    let builder = Lab::builder()
        .network("private")
        .network("public")
        .host(node.unwrap())
        .host(plugged("inside", "private", &crowd(true)))
        .host(plugged("outside", "public", &crowd(false)));
    let builder = networks.iter().fold(builder, |builder, network| builder.network(network));
    let lab = more.into_iter().fold(builder, |builder, host| builder.host(host)).up().unwrap();
    lab.host("node").unwrap().ip("route add default dev eth1\nroute add ::/0 dev eth1\n").unwrap();
    lab.host("outside").unwrap().ip("route add default dev eth0\nroute add ::/0 dev eth0\n").unwrap();
    lab
}

/// The three hosts of the scene.
pub(crate) fn hosts(lab: &Lab) -> (&Host, &Host, &Host) {
    (lab.host("node").unwrap(), lab.host("inside").unwrap(), lab.host("outside").unwrap())
}

/// The inventory of the scene: the node with these roles (and lines of its own), and a node for each role.
pub(crate) fn cluster(roles: &[&str], more_of_node: &str) -> String {
    let mut text = "[cluster]\nname = \"voice\"\nprivate = [\"10.20.0.0/16\", \"fd20::/48\"]\n\
         admin = [\"198.51.100.0/28\", \"2001:db8:a::/64\", \"10.20.8.8/32\", \"fd20::8:8/128\"]\n\
         trunks = [\"203.0.113.0/24\", \"2001:db8:7::/64\"]\n\n"
        .to_owned();
    text += &format!(
        "[[node]]\nname = \"node\"\nprivate = [\"10.20.0.1\", \"fd20::1\"]\n\
         public = [\"192.0.2.1\", \"2001:db8::1\"]\nroles = {roles:?}\n{more_of_node}\n\n"
    );
    for role in ROLES {
        let [v4, v6] = Who::Node(role).addresses();
        text += &format!(
            "[[node]]\nname = \"other-{role}\"\nprivate = [\"{v4}\", \"{v6}\"]\nroles = [\"{role}\"]\n\n"
        );
    }
    text
}

/// Settings of the node: its name and who is trusted, then these.
pub(crate) fn settings(more: &str) -> String {
    format!(
        "[node]\nname = \"node\"\n[trusted]\nnetworks = [\"198.18.0.8/29\", \"2001:db8:8::/64\"]\n{more}\n"
    )
}

/// What comes of it when somebody asks for a TCP port of the node, in both families.
pub(crate) fn tcp(lab: &Lab, who: Who, port: u16) -> [Outcome; 2] {
    asked(lab, who, |to| Probe::tcp(to, port))
}

/// What comes of it when somebody sends a datagram to a port of the node, in both families.
pub(crate) fn udp(lab: &Lab, who: Who, port: u16) -> [Outcome; 2] {
    asked(lab, who, |to| Probe::udp(to, port))
}

/// What comes of it when somebody pings the node, in both families.
pub(crate) fn ping(lab: &Lab, who: Who) -> [Outcome; 2] {
    asked(lab, who, Probe::ping)
}

fn asked(lab: &Lab, who: Who, probe: impl Fn(IpAddr) -> Probe) -> [Outcome; 2] {
    let (_, inside, outside) = hosts(lab);
    let host = if who.is_inside() { inside } else { outside };
    let probes = who.addresses().map(|from| probe(node_for(who, from)).from(from));
    host.probe_all(&probes).unwrap().try_into().unwrap()
}

/// Those of the TCP ports at which the node answers somebody, by both families alike.
pub(crate) fn tcp_open(lab: &Lab, who: Who, ports: &[u16]) -> Vec<u16> {
    open_among(lab, who, ports, Probe::tcp)
}

/// The same of UDP.
pub(crate) fn udp_open(lab: &Lab, who: Who, ports: &[u16]) -> Vec<u16> {
    open_among(lab, who, ports, Probe::udp)
}

fn open_among(lab: &Lab, who: Who, ports: &[u16], probe: fn(IpAddr, u16) -> Probe) -> Vec<u16> {
    let (_, inside, outside) = hosts(lab);
    let host = if who.is_inside() { inside } else { outside };
    let [v4, v6] = who.addresses().map(|from| {
        let probes: Vec<_> = ports.iter().map(|port| probe(node_for(who, from), *port).from(from)).collect();
        let answers = host.probe_all(&probes).unwrap();
        let open = ports.iter().zip(answers).filter(|(_, outcome)| *outcome == Outcome::Open);
        open.map(|(port, _)| *port).collect::<Vec<u16>>()
    });
    assert_eq!(v4, v6, "the families differ for {who:?}");
    v4
}

/// Both families get through.
pub(crate) const OPEN: [Outcome; 2] = [Outcome::Open; 2];
/// Neither gets through, and neither is told.
pub(crate) const CLOSED: [Outcome; 2] = [Outcome::Silent; 2];
