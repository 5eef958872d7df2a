//! What is taken away from a host one by one: tracked connections by their id, and TCP connections.
//! Not here: which of them should go.
#![allow(clippy::unwrap_used)]

mod support;

use rolewall_kernel::Nft;
use rolewall_kernel::conntrack::{self, Deleted, TrackedFlow};
use rolewall_kernel::sockets::{self, Closed, Closing, State};
use rustix::net::{AddressFamily, Protocol, SendFlags, SocketType, ipproto};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use support::{in_namespace, nft_load};

/// A namespace whose loopback is up and whose packets are tracked, those to port 7 in a zone of their own.
fn tracked(test: impl FnOnce(&mut Nft) + Send) {
    in_namespace(|| {
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
        assert!(up.unwrap().success());
        nft_load(
            "table inet t {
                chain raw { type filter hook prerouting priority raw; udp dport 7 ct zone set 9; }
                chain out { type filter hook output priority raw; udp dport 7 ct zone set 9; }
                chain input { type filter hook input priority 0; ct state new accept; }
            }",
        );
        test(&mut Nft::open().unwrap());
    });
}

const HOSTS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// A datagram from one port to another of this host.
fn send(host: IpAddr, from: u16, to: u16) {
    UdpSocket::bind((host, from)).unwrap().send_to(b"x", (host, to)).unwrap();
}

/// RFC 3692: a number for experiments, which Linux knows nothing of.
fn experimental() -> Protocol {
    Protocol::from_raw(253.try_into().unwrap())
}

/// Bytes over a protocol from this host to itself.
fn send_bytes(host: IpAddr, kind: SocketType, protocol: Protocol, bytes: &[u8]) {
    let family = if host.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket(family, kind, Some(protocol)).unwrap();
    rustix::net::sendto(&socket, bytes, SendFlags::empty(), &SocketAddr::new(host, 0)).unwrap();
}

fn ids(flows: &[TrackedFlow]) -> Vec<u32> {
    flows.iter().map(|f| f.id).collect()
}

/// The one from this port to that.
fn between(host: IpAddr, from: u16, to: u16) -> TrackedFlow {
    let flows = conntrack::flows().unwrap();
    let is_it =
        |f: &&TrackedFlow| (f.original.src, f.original.src_port, f.original.dst_port) == (host, from, to);
    *flows.iter().find(is_it).unwrap_or_else(|| panic!("{from} to {to} is not in {flows:#?}"))
}

#[test]
fn one_entry_goes_and_every_other_stays_the_one_that_it_was() {
    tracked(|nft| {
        for host in HOSTS {
            let _sinks = [5060, 5061].map(|port| UdpSocket::bind((host, port)).unwrap());
            for from in 4000..4010 {
                send(host, from, 5060);
                send(host, from, 5061);
            }
        }
        let before = conntrack::flows().unwrap();
        assert_eq!(before.len(), 40);
        for host in HOSTS {
            let one = between(host, 4003, 5060);
            assert_eq!(conntrack::delete_over(nft, &one).unwrap(), Deleted::Now);
            assert_eq!(conntrack::delete_over(nft, &one).unwrap(), Deleted::GoneBefore);
        }
        let mut expected = ids(&before);
        expected.retain(|id| {
            before.iter().any(|f| f.id == *id && (f.original.src_port, f.original.dst_port) != (4003, 5060))
        });
        let mut after = ids(&conntrack::flows().unwrap());
        expected.sort_unstable();
        after.sort_unstable();
        assert_eq!(after, expected);
    });
}

#[test]
fn an_entry_of_the_same_ports_that_came_since_is_not_taken_for_the_one_that_was_read() {
    tracked(|nft| {
        for host in HOSTS {
            let _sink = UdpSocket::bind((host, 5060)).unwrap();
            send(host, 4000, 5060);
            let first = between(host, 4000, 5060);
            assert_eq!(conntrack::delete_over(nft, &first).unwrap(), Deleted::Now);
            send(host, 4000, 5060);
            let second = between(host, 4000, 5060);
            let stale = TrackedFlow { id: first.id ^ 1, ..second };
            assert_eq!(conntrack::delete_over(nft, &stale).unwrap(), Deleted::GoneBefore);
            assert_eq!(between(host, 4000, 5060).id, second.id);
        }
    });
}

#[test]
fn entries_of_icmp_of_other_zones_and_of_protocols_without_ports_go_one_by_one_too() {
    tracked(|nft| {
        std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
        for (host, echo) in HOSTS.into_iter().zip([(ipproto::ICMP, 8), (ipproto::ICMPV6, 128)]) {
            let (protocol, kind) = echo;
            send_bytes(host, SocketType::DGRAM, protocol, &[kind, 0, 0, 0, 0, 0, 0, 1]);
            send_bytes(host, SocketType::RAW, experimental(), b"without ports");
        }
        let flows = conntrack::flows().unwrap();
        let count = |is_it: fn(&&TrackedFlow) -> bool| flows.iter().filter(is_it).count();
        assert_eq!((count(|f| f.original.icmp.is_some()), count(|f| f.original.protocol == 253)), (2, 2));
        for host in HOSTS {
            let _sink = UdpSocket::bind((host, 7)).unwrap();
            send(host, 4000, 7);
            assert_eq!(between(host, 4000, 7).zone, 9);
        }
        for flow in conntrack::flows().unwrap() {
            assert_eq!(conntrack::delete_over(nft, &flow).unwrap(), Deleted::Now, "{flow:?}");
        }
        assert_eq!(conntrack::flows().unwrap(), []);
    });
}

#[test]
fn a_translated_entry_goes_by_its_first_packet() {
    tracked(|nft| {
        nft_load(
            "table inet nat {
                chain out { type nat hook output priority -100; tcp dport 8000 redirect to :9000; }
            }",
        );
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 9000)).unwrap();
        let _client = TcpStream::connect((Ipv4Addr::LOCALHOST, 8000)).unwrap();
        let _served = listener.accept().unwrap();
        let flows = conntrack::flows().unwrap();
        let flow = flows.iter().find(|f| f.original.dst_port == 8000).unwrap();
        assert!(flow.status.translated());
        assert_eq!((flow.reply.src_port, flow.master), (9000, None));
        assert_eq!(conntrack::delete_over(nft, flow).unwrap(), Deleted::Now);
        assert_eq!(conntrack::flows().unwrap(), []);
    });
}

/// A connection within the namespace, to a server that listens there: the client's end and the server's.
fn connection(listener: &TcpListener, to: SocketAddr) -> [TcpStream; 2] {
    let client = TcpStream::connect(to).unwrap();
    [client, listener.accept().unwrap().0]
}

fn is_reset(stream: &mut TcpStream) -> bool {
    let error = stream.read(&mut [0; 8]).map(|_| ());
    matches!(error, Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted))
}

#[test]
fn one_connection_is_closed_and_both_ends_see_it_while_another_to_the_same_port_goes_on() {
    tracked(|_| {
        // One server for both families: its connections of IPv4 are sockets of IPv6.
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 8080)).unwrap();
        let mut closing = Closing::open().unwrap();
        for host in HOSTS {
            let to = SocketAddr::new(host, 8080);
            let [mut client, mut served] = connection(&listener, to);
            let [mut other_client, mut other_served] = connection(&listener, to);
            let all = sockets::established().unwrap();
            let end = served.local_addr().unwrap();
            let peer = served.peer_addr().unwrap();
            let socket = *all.iter().find(|s| s.local == end && s.remote == peer).unwrap();
            assert_eq!(closing.close(&socket).unwrap(), Closed::Now);
            assert_eq!(closing.close(&socket).unwrap(), Closed::GoneBefore);
            assert!(is_reset(&mut served) && is_reset(&mut client), "{host}");
            other_client.write_all(b"still").unwrap();
            let mut heard = [0; 5];
            other_served.read_exact(&mut heard).unwrap();
            assert_eq!(&heard, b"still");
        }
    });
}

#[test]
fn a_socket_that_has_the_same_ends_but_another_cookie_is_not_closed() {
    tracked(|_| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 8080)).unwrap();
        let [mut client, mut served] = connection(&listener, listener.local_addr().unwrap());
        let all = sockets::established().unwrap();
        let mut socket = *all.iter().find(|s| s.local == served.local_addr().unwrap()).unwrap();
        assert_eq!(socket.state, State::Established);
        socket.cookie = socket.cookie.map(|cookie| cookie + 1);
        assert_eq!(Closing::open().unwrap().close(&socket).unwrap(), Closed::GoneBefore);
        client.write_all(b"x").unwrap();
        served.read_exact(&mut [0; 1]).unwrap();
    });
}
