//! What is promised of packets whatever the role: limits, trust, denial, observation.
//! Not here: who is a client of which role (`packets_roles`), and ICMP (`packets_floor`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Conversation, Host, HostSpec, Lab, Listen, Outcome, Packet, Probe};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use support::program::Program;
use support::scene::{
    CLOSED, OPEN, Who, cluster, hosts, node_for, scene, scene_with, settings, tcp, tcp_open, udp, udp_open,
};
use support::{can_run, ip, nft, ruleset};

const SOON: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_millis(20);

/// The scene with the node confirmed in these roles.
fn confirmed(roles: &[&str], more_of_node: &str, more_settings: &str) -> Lab {
    let lab = scene();
    become_roles(&lab, roles, more_of_node, more_settings);
    lab
}

fn become_roles(lab: &Lab, roles: &[&str], more_of_node: &str, more_settings: &str) {
    let node = hosts(lab).0;
    node.configure(&cluster(roles, more_of_node), &settings(more_settings));
    node.expect(0, &["apply", "--final"]);
}

#[test]
fn the_media_range_leaves_signalling_closed_on_a_node_that_serves_none() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["pbx"], "ports = { pbx = [\"udp/5555\"] }", "");
    let node = hosts(&lab).0;
    let ports = [4000, 5050, 5058, 5060, 5061, 5554, 5555, 5556, 10000, 20000];
    let _served = node.serve(Listen::new().udp(ports)).unwrap();
    // A carrier is no exception.
    for who in [Who::Stranger, Who::Trunk] {
        assert_eq!(udp_open(&lab, who, &ports), [4000, 5058, 5554, 5556, 10000, 20000], "{who:?}");
    }
    assert_eq!(udp_open(&lab, Who::Node("sip"), &ports), [5555], "the port of its own, not the usual one");
}

#[test]
fn storage_roles_are_closed_on_the_public_network_to_everybody() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["queue", "sql", "dd", "es", "s3", "worker"], "", "");
    let ports = [80, 443, 3306, 4369, 5672, 6379, 9200, 9300, 11211, 15672, 25672];
    let _served = hosts(&lab).0.serve(Listen::new().tcp(ports)).unwrap();
    for who in [Who::Stranger, Who::Admin, Who::Trunk] {
        assert_eq!(tcp_open(&lab, who, &ports), Vec::<u16>::new(), "{who:?}");
    }
    assert_eq!(tcp(&lab, Who::Node("web"), 3306), OPEN);
}

#[test]
fn the_controller_is_public_only_where_it_asks_for_it_and_only_to_admins() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["ic"], "", "");
    let _served = hosts(&lab).0.serve(Listen::new().tcp([443])).unwrap();
    let by_public = || [Who::Stranger, Who::Trunk, Who::Admin].map(|who| tcp(&lab, who, 443));
    let by_private = || [Who::Unknown, Who::AdminInside, Who::Node("es")].map(|who| tcp(&lab, who, 443));
    assert_eq!(by_public(), [CLOSED, CLOSED, CLOSED]);
    assert_eq!(by_private(), [CLOSED, OPEN, OPEN]);
    become_roles(&lab, &["ic"], "admin_public = [\"ic\"]", "");
    assert_eq!(by_public(), [CLOSED, CLOSED, OPEN]);
    assert_eq!(by_private(), [CLOSED, OPEN, OPEN]);
}

#[test]
fn a_node_s_address_that_comes_in_by_the_public_network_is_not_believed() {
    if !can_run() {
        return;
    }
    let interfaces = "[interfaces]\nprivate = [\"eth0\"]\npublic = [\"eth1\"]";
    let lab = scene();
    let (node, _, outside) = hosts(&lab);
    let served = node.serve(Listen::new().udp([5050])).unwrap();
    let sip = Who::Node("sip").addresses();
    let forged = || -> Vec<Packet> {
        let to = |from: IpAddr| SocketAddr::new(node_for(Who::Stranger, from), 5050);
        sip.map(|from| Packet::udp(SocketAddr::new(from, 4444), to(from), b"forged").unwrap()).into()
    };
    let arrive = |expected: u64| {
        let before = served.udp_received(5050);
        outside.send_packets(&forged()).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(served.udp_received(5050) - before, expected);
    };
    arrive(2);
    become_roles(&lab, &["pbx"], "", interfaces);
    // What conntrack remembers of the packets before is not a flow of the plan.
    node.command("conntrack").arg("-F").run().unwrap().ok().unwrap();
    arrive(0);
    assert_eq!(udp(&lab, Who::Node("sip"), 5050), OPEN);
}

/// How many of so many handshakes at once are made.
fn burst(from: &Host, source: &str, to: IpAddr, count: usize) -> usize {
    let probes = vec![Probe::tcp(to, 5222).from(ip(source)); count];
    from.probe_all(&probes).unwrap().into_iter().filter(|o| *o == Outcome::Open).count()
}

#[test]
fn a_source_beyond_the_limit_of_jabber_is_refused_and_another_still_gets_in() {
    if !can_run() {
        return;
    }
    let more = HostSpec::new("phones").plug(
        "public",
        "eth0",
        &[
            "192.0.2.50/24",
            "192.0.2.51/24",
            "2001:db8::50/64",
            "2001:db8:50::1/64",
            "2001:db8:50::2/64",
            "2001:db8:51::1/64",
        ],
    );
    let lab = scene_with(&[], vec![more.unwrap()]);
    let limit = "[limits]\nxmpp-client = { new_per_second = 1, burst = 30 }";
    become_roles(&lab, &["jabber"], "", limit);
    let (node, phones) = (hosts(&lab).0, lab.host("phones").unwrap());
    phones.ip("route add ::/0 dev eth0\n").unwrap();
    let _served = node.serve(Listen::new().tcp([5222])).unwrap();
    let (v4, v6) = (ip("192.0.2.1"), ip("2001:db8::1"));
    // Thirty at once, and one a second while they are sent.
    let few = 30..=45;
    let admitted = burst(phones, "192.0.2.50", v4, 200);
    assert!(few.contains(&admitted), "{admitted} of one source");
    let admitted = burst(phones, "192.0.2.51", v4, 30);
    assert_eq!(admitted, 30, "another source is not concerned");
    let admitted = burst(phones, "2001:db8:50::1", v6, 200);
    assert!(few.contains(&admitted), "{admitted} of one /64");
    let admitted = burst(phones, "2001:db8:50::2", v6, 40);
    assert!(admitted <= 15, "{admitted} more of the same /64");
    let admitted = burst(phones, "2001:db8:51::1", v6, 30);
    assert_eq!(admitted, 30, "another /64 is not concerned");
}

/// Linux remembers so many sources of a limit and no more: whoever floods the meter keeps new customers of that service
/// out, not the operator, and not those who are known.
#[test]
fn a_full_meter_admits_no_new_source_and_keeps_nobody_out_who_was_in() {
    const SOURCES_MAX: u32 = 65_536;
    if !can_run() {
        return;
    }
    let more = HostSpec::new("phones").plug("public", "eth0", &["192.0.2.50/24", "192.0.2.51/24"]).unwrap();
    let lab = scene_with(&[], vec![more]);
    become_roles(&lab, &["jabber"], "", "");
    let (node, phones) = (hosts(&lab).0, lab.host("phones").unwrap());
    let _served = node.serve(Listen::new().tcp([22, 5222])).unwrap();
    let to = ip("192.0.2.1");
    assert_eq!(burst(phones, "192.0.2.50", to, 1), 1);
    let listing = ruleset(node);
    let meters = listing.lines().filter_map(|line| line.trim().strip_prefix("set ")?.strip_suffix(" {"));
    let meter =
        meters.into_iter().find(|name| name.contains("xmpp-client") && name.ends_with('4')).expect("a meter");
    let strangers: Vec<String> =
        (0..SOURCES_MAX).map(|n| Ipv4Addr::from(0x6440_0000 + n).to_string()).collect();
    // One by one at the end: a command of which one address finds no room adds none.
    let (many, last) = strangers.split_at(strangers.len() - 64);
    for some in many.chunks(512).chain(last.chunks(1)) {
        let add = format!("add element inet rolewall {meter} {{ {} }}", some.join(", "));
        node.command("nft").arg(&add).run().unwrap();
    }
    assert_eq!(burst(phones, "192.0.2.51", to, 1), 0, "a new source");
    assert_eq!(burst(phones, "192.0.2.50", to, 1), 1, "a known one");
    assert_eq!(tcp(&lab, Who::Admin, 22), OPEN);
}

#[test]
fn jabber_has_a_limit_by_default() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["jabber"], "", "");
    let (node, _, outside) = hosts(&lab);
    let _served = node.serve(Listen::new().tcp([5222])).unwrap();
    let admitted = burst(outside, "192.0.2.99", ip("192.0.2.1"), 400);
    assert!((40..200).contains(&admitted), "{admitted}");
}

#[test]
fn trusted_networks_are_filtered_neither_in_nor_out() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let (node, _, outside) = hosts(&lab);
    // As documented, host bits set, and several on a line.
    node.write(
        "/etc/voipnow/local.conf",
        "# TRUSTED_NET 10.0.0.0/8\nTRUSTED_NET 198.18.0.9/29 2001:db8:8::9/64\n",
    )
    .unwrap();
    let enforced = "[node]\nname = \"node\"\n[mode]\nin = \"enforce\"\nout = \"enforce\"\n";
    node.configure(&cluster(&["worker"], ""), enforced);
    node.expect(0, &["apply", "--final"]);
    let ports = [1, 22, 3306, 8080, 31337];
    let _served = [node, outside].map(|host| host.serve(Listen::new().tcp(ports).udp(ports)).unwrap());
    assert_eq!(
        (tcp_open(&lab, Who::Trusted, &ports), udp_open(&lab, Who::Trusted, &ports)),
        (ports.to_vec(), ports.to_vec())
    );
    for port in ports {
        let asked = |to: IpAddr| [Probe::tcp(to, port), Probe::udp(to, port)];
        let out = node.probe_all(&Who::Trusted.addresses().map(asked).concat()).unwrap();
        assert_eq!(out, [Outcome::Open; 4], "out {port}");
    }
    assert_eq!((tcp(&lab, Who::Stranger, 8080), udp(&lab, Who::Stranger, 8080)), (CLOSED, CLOSED));
    let stranger = Who::Stranger.addresses();
    let out = node.probe_all(&stranger.map(|to| Probe::tcp(to, 8080))).unwrap();
    assert!(!out.contains(&Outcome::Open), "{out:?}");
}

#[test]
fn a_program_of_the_node_learns_at_once_that_it_was_refused() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["sql"], "", "[mode]\nout = \"enforce\"");
    let (node, _, outside) = hosts(&lab);
    let _served = outside.serve(Listen::new().tcp([8080])).unwrap();
    for to in Who::Stranger.addresses() {
        let started = Instant::now();
        let connect =
            || TcpStream::connect_timeout(&SocketAddr::new(to, 8080), Duration::from_secs(20)).is_err();
        assert!(node.in_namespace(connect).unwrap());
        assert!(started.elapsed() < Duration::from_secs(5), "{to}: {:?}", started.elapsed());
    }
}

fn conversation(lab: &Lab, who: Who, v6: bool, port: u16) -> Conversation {
    let from = who.addresses()[usize::from(v6)];
    let to = SocketAddr::new(node_for(who, from), port);
    hosts(lab).2.stream_from(from, to, EVERY).unwrap()
}

#[test]
fn a_denied_network_is_cut_even_from_established_flows_but_a_trusted_one_never() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["web"], "", "");
    let _served = hosts(&lab).0.serve(Listen::new().tcp([443])).unwrap();
    let strangers = [false, true].map(|v6| conversation(&lab, Who::Stranger, v6, 443));
    let trusted = [false, true].map(|v6| conversation(&lab, Who::Trusted, v6, 443));
    let others = [false, true].map(|v6| conversation(&lab, Who::Trunk, v6, 443));
    assert!(strangers.iter().chain(&trusted).chain(&others).all(|c| c.answers_within(SOON)));
    // Both are denied, the trusted ones within a wider network too.
    let deny = "[deny]\nnetworks = [\"192.0.2.64/26\", \"2001:db8::99/128\", \"198.18.0.0/15\", \"2001:db8:8::/48\"]";
    become_roles(&lab, &["web"], "", deny);
    assert!(strangers.iter().all(|c| !c.answers_within(Duration::from_secs(1))));
    assert!(trusted.iter().chain(&others).all(|c| c.answers_within(SOON)));
    assert_eq!(tcp(&lab, Who::Stranger, 443), CLOSED);
    assert_eq!((tcp(&lab, Who::Trusted, 443), tcp(&lab, Who::Trunk, 443)), (OPEN, OPEN));
    become_roles(&lab, &["web"], "", "");
    assert!(strangers.iter().all(|c| c.answers_within(SOON)), "and the way back");
}

#[test]
fn established_flows_of_clients_survive_a_change_of_roles() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["web"], "", "");
    let _served = hosts(&lab).0.serve(Listen::new().tcp([443, 5060])).unwrap();
    let flows = [false, true].map(|v6| conversation(&lab, Who::Stranger, v6, 443));
    assert!(flows.iter().all(|c| c.answers_within(SOON)));
    become_roles(&lab, &["sip"], "", "");
    assert_eq!((tcp(&lab, Who::Stranger, 443), tcp(&lab, Who::Stranger, 5060)), (CLOSED, OPEN));
    assert!(flows.iter().all(|c| c.answers_within(SOON)));
    assert!(flows.into_iter().all(|c| c.stop().ended.is_none()));
}

#[test]
fn observe_mode_counts_and_passes_what_it_would_refuse() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["sql", "jabber"], "", "[mode]\nin = \"observe\"");
    let (node, _, outside) = hosts(&lab);
    let _served = [node, outside].map(|host| host.serve(Listen::new().tcp([3306, 8080])).unwrap());
    let counted = |chain: &str| -> u64 {
        let listing = nft(node, &["list", "chain", "inet", "rolewall", chain]);
        let packets = listing.split("counter packets ").nth(1).unwrap().split(' ').next().unwrap();
        packets.parse().unwrap()
    };
    assert_eq!(counted("r1-observe-in"), 0);
    assert_eq!((tcp(&lab, Who::Stranger, 3306), tcp(&lab, Who::Unknown, 8080)), (OPEN, OPEN));
    assert_eq!(counted("r1-observe-in"), 4);
    let before = counted("r1-observe-out");
    assert_eq!(node.probe_all(&Who::Stranger.addresses().map(|to| Probe::tcp(to, 8080))).unwrap(), OPEN);
    assert_eq!(counted("r1-observe-out") - before, 2);
}

#[test]
fn observing_one_role_enforces_the_others() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["sql", "es"], "", "[mode]\nroles = { es = \"observe\" }");
    let _served = hosts(&lab).0.serve(Listen::new().tcp([3306, 9200])).unwrap();
    assert_eq!((tcp(&lab, Who::Stranger, 3306), tcp(&lab, Who::Stranger, 9200)), (CLOSED, OPEN));
}
