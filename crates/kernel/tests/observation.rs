//! What is read of a host: sockets, tracked flows, interfaces; and namespaces themselves.
//! Not here: nf_tables (`transactions`, `round_trip`).
#![allow(clippy::unwrap_used)]

mod support;

use rolewall_kernel::sockets::{Protocol, Socket, State};
use rolewall_kernel::{NetNs, Nft, conntrack, links, sockets};
use rolewall_ruleset::expr::{CtKey, Expr};
use rolewall_ruleset::table::{ChainKind, Hook};
use rolewall_ruleset::{BaseChain, Chain, ChainPolicy, Family, Reg, Rule, Table};
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use support::{creation, in_namespace};

fn ip(args: &str) {
    let status = std::process::Command::new("ip").args(args.split(' ')).status().unwrap();
    assert!(status.success(), "ip {args}");
}

fn at(found: &[Socket], local: SocketAddr) -> Socket {
    *found.iter().find(|s| s.local == local).unwrap_or_else(|| panic!("{local} is not in {found:?}"))
}

fn inode(socket: &impl AsFd) -> u32 {
    let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_fd().as_raw_fd())).unwrap();
    link.to_str().unwrap().trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

#[test]
fn sockets_are_told_by_what_they_do() {
    in_namespace(|| {
        ip("link set lo up");
        let tcp4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 8080)).unwrap();
        let tcp6 = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 8081)).unwrap();
        let udp = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 5060)).unwrap();
        let peered = UdpSocket::bind((Ipv4Addr::LOCALHOST, 5061)).unwrap();
        peered.connect((Ipv4Addr::LOCALHOST, 5060)).unwrap();
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, 8080)).unwrap();

        let listening = sockets::listening_tcp().unwrap();
        assert_eq!(listening.len(), 2);
        let one = at(&listening, tcp4.local_addr().unwrap());
        assert_eq!((one.protocol, one.state, one.v6only), (Protocol::Tcp, State::Listening, None));
        assert_eq!((one.inode, one.uid, one.interface), (inode(&tcp4), 0, None));
        assert!(one.takes_ipv4());
        let both = at(&listening, tcp6.local_addr().unwrap());
        assert_eq!(both.v6only, Some(false));
        assert!(both.takes_ipv4());

        let bound = sockets::bound_udp().unwrap();
        assert_eq!(bound.len(), 2);
        assert_eq!(at(&bound, udp.local_addr().unwrap()).state, State::Unconnected);
        assert_eq!(at(&bound, peered.local_addr().unwrap()).state, State::Established);
        assert_eq!(sockets::listening().unwrap().len(), 3);

        let connections = sockets::established().unwrap();
        let one = at(&connections, stream.local_addr().unwrap());
        assert_eq!((one.remote, one.inode), (stream.peer_addr().unwrap(), inode(&stream)));
        assert_eq!(connections.len(), 2);
        let stream = TcpStream::connect((Ipv6Addr::LOCALHOST, 8081)).unwrap();
        let connections = sockets::established().unwrap();
        assert_eq!(at(&connections, stream.local_addr().unwrap()).remote, stream.peer_addr().unwrap());
        assert_eq!(connections.len(), 4, "both families");
    });
}

/// A table whose rule makes Linux track connections.
fn tracking() -> Table {
    let mut table = Table::new(Family::Inet, "tracking");
    let base = BaseChain {
        kind: ChainKind::Filter,
        hook: Hook::Input,
        priority: 0,
        policy: ChainPolicy::Accept,
        devices: Vec::new(),
    };
    let rule =
        Rule { exprs: vec![Expr::Ct { key: CtKey::State, dir: None, dreg: Reg(0) }], ..Rule::default() };
    table.chains.push(Chain { name: "input".into(), base: Some(base), rules: vec![rule] });
    table
}

#[test]
fn tracked_flows_are_read_with_both_directions() {
    in_namespace(|| {
        ip("link set lo up");
        Nft::open().unwrap().commit(&creation(&tracking())).unwrap();
        assert_eq!(conntrack::flows().unwrap(), []);
        for host in [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))] {
            let listener = TcpListener::bind(host).unwrap();
            let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            stream.write_all(b"x").unwrap();
            let (from, to) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
            let flows = conntrack::flows().unwrap();
            let flow = flows.iter().find(|f| f.original.src_port == from.port()).unwrap();
            assert_eq!(
                (flow.original.src, flow.original.dst, flow.original.dst_port),
                (from.ip(), to.ip(), to.port())
            );
            assert_eq!(
                (flow.reply.src, flow.reply.src_port, flow.reply.dst_port),
                (to.ip(), to.port(), from.port())
            );
            assert_eq!((flow.original.protocol, flow.tcp_state), (6, Some(3)));
            assert!(flow.status.seen_reply() && flow.status.assured() && flow.status.confirmed());
            assert!(!flow.status.translated() && flow.timeout_s.unwrap() > 60);
        }
    });
}

#[test]
fn interfaces_and_addresses_are_read() {
    in_namespace(|| {
        ip("link add v0 type veth peer name v1");
        ip("addr add 192.0.2.1/24 dev v0");
        ip("addr add 2001:db8::1/64 dev v0 nodad");
        ip("link set v0 up");
        let interfaces = links::interfaces().unwrap();
        let named = |name: &str| interfaces.iter().find(|i| i.name == name).unwrap();
        assert_eq!(interfaces.len(), 3);
        assert_eq!((named("lo").index, named("lo").loopback, named("lo").up), (1, true, false));
        assert_eq!((named("v0").up, named("v0").kind.as_deref()), (true, Some("veth")));
        assert!(!named("v1").up);
        let addresses = links::addresses().unwrap();
        let ours: Vec<_> =
            addresses.iter().filter(|a| a.index == named("v0").index && a.scope == 0).collect();
        assert_eq!(ours.len(), 2, "{addresses:?}");
        assert_eq!((ours[0].address, ours[0].prefix_len), (Ipv4Addr::new(192, 0, 2, 1).into(), 24));
        assert_eq!((ours[1].address.to_string().as_str(), ours[1].prefix_len), ("2001:db8::1", 64));
    });
}

#[test]
fn work_in_a_namespace_stays_there() {
    in_namespace(|| {
        let other = NetNs::create().unwrap();
        other.run(|| ip("link add there-0 type veth peer name there-1")).unwrap();
        let names = || links::interfaces().unwrap().into_iter().map(|i| i.name).collect::<Vec<_>>();
        assert_eq!(other.run(names).unwrap(), ["lo", "there-1", "there-0"]);
        assert_eq!(names(), ["lo"]);
        let again = NetNs::open(format!("/proc/self/fd/{}", other.as_fd().as_raw_fd())).unwrap();
        assert_eq!(again.run(names).unwrap().len(), 3);
        assert_eq!(NetNs::current().unwrap().run(names).unwrap(), ["lo"]);
        let mut elsewhere = other.run(|| Nft::open().unwrap()).unwrap();
        elsewhere.commit(&creation(&tracking())).unwrap();
        assert!(Nft::open().unwrap().table_ids().unwrap().is_empty());
        let missing = NetNs::open("/nowhere").unwrap_err().to_string();
        assert!(missing.starts_with("opening the network namespace /nowhere: "), "{missing}");
    });
}

#[test]
fn a_panic_in_a_namespace_comes_through() {
    in_namespace(|| {
        let caught = std::panic::catch_unwind(|| NetNs::current().unwrap().run(|| panic!("on purpose")));
        let words = *caught.unwrap_err().downcast::<&str>().unwrap();
        assert_eq!(words, "on purpose");
    });
}
