//! The floor: what no inventory removes. Ping, path MTU discovery, neighbour discovery, loopback, DHCP.
//! Not here: services.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, HostSpec, Lab, Listen, Outcome, Packet, Probe};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;
use support::program::{PATIENCE, Program};
use support::scene::{OPEN, Who, cluster, hosts, ping, scene, scene_with, settings, tcp};
use support::{can_run, ip, nft};

/// The scene with the node confirmed in these roles, and nothing let out that is not permitted either.
fn confirmed(lab: Lab, roles: &[&str]) -> Lab {
    let node = hosts(&lab).0;
    node.configure(&cluster(roles, ""), &settings("[mode]\nin = \"enforce\"\nout = \"enforce\""));
    node.expect(0, &["apply", "--final"]);
    lab
}

#[test]
fn ping_is_answered_to_everybody_within_a_rate() {
    if !can_run() {
        return;
    }
    let lab = confirmed(scene(), &["sql"]);
    for who in [Who::Stranger, Who::Unknown, Who::Node("web"), Who::Trusted] {
        assert_eq!(ping(&lab, who), OPEN, "{who:?}");
    }
    let flood = vec![Probe::ping(ip("192.0.2.1")).from(ip("192.0.2.99")); 1000];
    let answered = hosts(&lab).2.probe_all(&flood).unwrap();
    let answered = answered.into_iter().filter(|o| *o == Outcome::Open).count();
    assert!((50..700).contains(&answered), "{answered} of 1000");
}

#[test]
fn neighbours_are_found_again_after_their_tables_were_flushed() {
    if !can_run() {
        return;
    }
    let lab = confirmed(scene(), &["web", "sql"]);
    let (node, inside, outside) = hosts(&lab);
    let _served = [node, inside, outside].map(|host| host.serve(Listen::new().tcp([443, 3306])).unwrap());
    let flush = || {
        for host in [node, inside, outside] {
            let devices: &[&str] = if host.name() == "node" { &["eth0", "eth1"] } else { &["eth0"] };
            for device in devices {
                host.command("ip").args(["neigh", "flush", "dev", device]).run().unwrap().ok().unwrap();
            }
        }
    };
    flush();
    assert_eq!(tcp(&lab, Who::Node("web"), 3306), OPEN);
    assert_eq!(tcp(&lab, Who::Stranger, 443), OPEN);
    flush();
    let out = node.probe_all(&Who::Node("sql").addresses().map(|to| Probe::tcp(to, 3306))).unwrap();
    assert_eq!(out, OPEN);
    let out = node.probe_all(&Who::Stranger.addresses().map(|to| Probe::tcp(to, 443))).unwrap();
    assert_eq!(out, OPEN);
}

/// Bytes that take many whole packets.
const MUCH: usize = 300_000;

/// A client behind a router whose link to it takes no packet of 1500 bytes. The router says so by ICMP, and
/// the node must hear it, or what it sends is lost for good.
#[test]
fn path_mtu_discovery_works_in_both_families() {
    if !can_run() {
        return;
    }
    let router = HostSpec::new("router")
        .plug("public", "eth0", &["192.0.2.200/24", "2001:db8::200/64"])
        .and_then(|router| router.plug("far", "eth1", &["203.0.113.129/25", "2001:db8:f::1/64"]));
    let far = HostSpec::new("far").plug("far", "eth0", &["203.0.113.200/25", "2001:db8:f::2/64"]).unwrap();
    let far = far.gateway(ip("203.0.113.129")).gateway(ip("2001:db8:f::1"));
    let lab = confirmed(scene_with(&["far"], vec![router.unwrap(), far]), &["web"]);
    let node = hosts(&lab).0;
    let (router, far) = (lab.host("router").unwrap(), lab.host("far").unwrap());
    router.set_sysctl("net.ipv4.ip_forward", "1").unwrap();
    router.set_sysctl("net.ipv6.conf.all.forwarding", "1").unwrap();
    router.ip("link set eth1 mtu 1300\n").unwrap();
    node.ip("route add 203.0.113.128/25 via 192.0.2.200\nroute add 2001:db8:f::/64 via 2001:db8::200\n")
        .unwrap();
    for (to, from) in [("192.0.2.1", "203.0.113.200"), ("2001:db8::1", "2001:db8:f::2")] {
        let listener = node.in_namespace(|| TcpListener::bind((ip(to), 443))).unwrap().unwrap();
        let sender =
            std::thread::spawn(move || listener.accept().unwrap().0.write_all(&vec![7; MUCH]).unwrap());
        let received = far.in_namespace(|| receive(SocketAddr::new(ip(to), 443))).unwrap();
        assert_eq!(received, MUCH, "to {from}");
        sender.join().unwrap();
        let route = node.command("ip").args(["route", "get", from]).run().unwrap().ok().unwrap();
        assert!(route.contains("mtu 1300"), "the node was told by ICMP, or this shows nothing: {route}");
    }
}

/// How many bytes come.
fn receive(from: SocketAddr) -> usize {
    let mut stream = TcpStream::connect_timeout(&from, PATIENCE).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes.len()
}

#[test]
fn loopback_is_never_filtered() {
    if !can_run() {
        return;
    }
    let lab = confirmed(scene(), &["worker"]);
    let node = hosts(&lab).0;
    let _served = node.serve(Listen::new().tcp([3306, 8080]).udp([5060])).unwrap();
    let mut probes = Vec::new();
    // Its own addresses too: such packets go over lo.
    for to in ["127.0.0.1", "::1", "10.20.0.1", "fd20::1", "192.0.2.1", "2001:db8::1"].map(ip) {
        probes.extend([Probe::tcp(to, 3306), Probe::tcp(to, 8080), Probe::udp(to, 5060), Probe::ping(to)]);
    }
    let outcomes = node.probe_all(&probes).unwrap();
    assert!(outcomes.iter().all(|o| *o == Outcome::Open), "{outcomes:?}");
}

#[test]
fn dhcp_answers_come_in_and_nothing_else_to_its_ports() {
    if !can_run() {
        return;
    }
    let lab = confirmed(scene(), &["sql"]);
    let (node, _, outside) = hosts(&lab);
    let served = node.serve(Listen::new().udp([68, 546])).unwrap();
    let send = |from: &str, sport: u16, to: &str, dport: u16| {
        let packet =
            Packet::udp(SocketAddr::new(ip(from), sport), SocketAddr::new(ip(to), dport), b"dhcp").unwrap();
        outside.send_packets(&[packet]).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        (served.udp_received(68), served.udp_received(546))
    };
    let (v4, v6) = (("192.0.2.99", "192.0.2.1"), ("2001:db8::99", "2001:db8::1"));
    assert_eq!(send(v4.0, 4000, v4.1, 68), (0, 0));
    assert_eq!(send(v4.0, 67, v4.1, 68), (1, 0));
    assert_eq!(send(v6.0, 4000, v6.1, 546), (1, 0));
    assert_eq!(send(v6.0, 547, v6.1, 546), (1, 1));
    assert_eq!(send(v4.0, 547, v4.1, 546), (1, 1), "DHCPv6 is of IPv6");
}

/// Packets that the node has refused so far.
fn refused(node: &Host) -> u64 {
    let chain = nft(node, &["list", "chain", "inet", "rolewall", "r1-refuse-in"]);
    let last = chain.rsplit("counter packets ").next().unwrap();
    last.split(' ').next().unwrap().parse().unwrap()
}

/// Conntrack forgets flows, by a flush or a full table, and path MTU discovery has to work all the same.
#[test]
fn errors_about_flows_that_conntrack_does_not_know_come_in_and_redirects_do_not() {
    if !can_run() {
        return;
    }
    let lab = confirmed(scene(), &["sql"]);
    let (node, _, outside) = hosts(&lab);
    let [v4, v6] = Who::Stranger.addresses();
    let (to_v4, to_v6) = (ip("192.0.2.1"), ip("2001:db8::1"));
    // Of a datagram that the node never sent.
    let about = |from: IpAddr, to: IpAddr| -> Vec<u8> {
        let (from, to) = (SocketAddr::new(from, 40000), SocketAddr::new(to, 9));
        [&[0, 0, 5, 20][..], &Packet::udp(from, to, b"lost").unwrap().bytes()].concat()
    };
    let send = |to: IpAddr, from: IpAddr, kind: u8, code: u8| -> u64 {
        let before = refused(node);
        let error = Packet::icmp(from, to, kind, code, &about(to, from)).unwrap();
        outside.send_packets(&[error]).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        refused(node) - before
    };
    for (kind, code) in [(3, 4), (3, 1), (11, 0), (12, 0)] {
        assert_eq!(send(to_v4, v4, kind, code), 0, "ICMP {kind}/{code}");
    }
    for (kind, code) in [(1, 0), (2, 0), (3, 0), (4, 0)] {
        assert_eq!(send(to_v6, v6, kind, code), 0, "ICMPv6 {kind}/{code}");
    }
    assert_eq!((send(to_v4, v4, 5, 1), send(to_v6, v6, 137, 0)), (1, 1), "redirects");
    assert_eq!(
        (send(to_v4, v4, 13, 0), send(to_v6, v6, 133, 0)),
        (1, 1),
        "timestamps and router solicitations"
    );
}
