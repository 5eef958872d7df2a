use crate::world::{both, can_run, nft, three_hosts};
use rolewall_lab::{Listen, Outcome, Packet, Probe, ProbeError, Unreachable};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

const PROHIBITED: Outcome = Outcome::Unreachable(Unreachable::Prohibited);

#[test]
fn a_dropped_port_is_silent_and_a_rejected_one_says_how() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (sip, db) = (lab.host("sip").unwrap(), lab.host("db").unwrap());
    let _serves = db.serve(Listen::new().tcp(1..=6).udp(1..=6)).unwrap();
    let rules = "table inet t { chain i { type filter hook input priority 0;
        tcp dport 1 drop; udp dport 1 drop
        tcp dport 2 reject with tcp reset; udp dport 2 reject
        meta l4proto { tcp, udp } th dport 3 reject with icmpx admin-prohibited
        meta l4proto { tcp, udp } th dport 4 reject with icmpx host-unreachable
        meta l4proto { tcp, udp } th dport 5 reject with icmpx port-unreachable\n}\n}";
    nft(db, rules).ok().unwrap();
    for ip in both(db, "private") {
        let host_unreachable = Unreachable::Icmp(if ip.is_ipv4() { 1 } else { 3 });
        let expected =
            [Outcome::Silent, Outcome::Refused, PROHIBITED, Outcome::Unreachable(host_unreachable)];
        let expected = expected.into_iter().chain([Outcome::Refused, Outcome::Open]);
        for (port, expected) in (1..).zip(expected) {
            assert_eq!(sip.tcp_connect(ip, port).unwrap(), expected, "tcp {ip} {port}");
            assert_eq!(sip.udp_echo(ip, port).unwrap(), expected, "udp {ip} {port}");
        }
    }
}

#[test]
fn what_the_own_output_drops_is_silent_too() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (sip, db) = (lab.host("sip").unwrap(), lab.host("db").unwrap());
    let _serves = db.serve(Listen::new().tcp([80]).udp([80])).unwrap();
    nft(sip, "table inet t { chain o { type filter hook output priority 0; meta l4proto { tcp, udp } th dport 80 drop; icmp type echo-request drop\n}\n}").ok().unwrap();
    let ip = db.ipv4("private").unwrap().into();
    let outcomes = sip.probe_all(&[Probe::tcp(ip, 80), Probe::udp(ip, 80), Probe::ping(ip)]).unwrap();
    assert_eq!(outcomes, [Outcome::Silent; 3]);
}

#[test]
fn the_source_is_what_was_asked_for() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (sip, db) = (lab.host("sip").unwrap(), lab.host("db").unwrap());
    sip.ip("address add 10.20.0.12/16 dev eth0").unwrap();
    let _serves = db.serve(Listen::new().tcp([80]).udp([80])).unwrap();
    let only = "table inet t { chain i { type filter hook input priority 0; policy drop;
        ip saddr 10.20.0.12 meta l4proto { tcp, udp } th sport 4444 accept
        ip saddr 10.20.0.12 icmp type echo-request accept\n}\n}";
    nft(db, only).ok().unwrap();
    let (second, to): (IpAddr, IpAddr) = ("10.20.0.12".parse().unwrap(), db.ipv4("private").unwrap().into());
    let (tcp, udp) = (Probe::tcp(to, 80), Probe::udp(to, 80));
    let right = [tcp.clone(), udp.clone(), Probe::ping(to)].map(|p| p.from(second).source_port(4444));
    assert_eq!(sip.probe_all(&right).unwrap(), [Outcome::Open; 3]);
    let wrong = [tcp.clone().from(second), udp.source_port(4444), Probe::ping(to)];
    assert_eq!(sip.probe_all(&wrong).unwrap(), [Outcome::Silent; 3]);
    let foreign = sip.probe(&tcp.from("10.20.0.77".parse().unwrap())).unwrap_err();
    assert!(matches!(foreign, ProbeError::Send { doing: "binding its source", .. }), "{foreign}");
}

#[test]
fn udp_answers_from_the_address_that_was_asked() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (sip, db) = (lab.host("sip").unwrap(), lab.host("db").unwrap());
    let _serves = sip.serve(Listen::new().udp([5060])).unwrap();
    db.ip("route add 192.0.2.0/24 via 10.20.0.11\nroute add 2001:db8::/64 via fd20::11").unwrap();
    for ip in both(sip, "public") {
        assert_eq!(db.udp_echo(ip, 5060).unwrap(), Outcome::Open, "{ip}");
    }
}

#[test]
fn two_thousand_silent_probes_take_one_timeout_and_little_more() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (sip, db) = (lab.host("sip").unwrap(), lab.host("db").unwrap());
    let _serves = db.serve(Listen::new().tcp([80])).unwrap();
    nft(db, "table inet t { chain i { type filter hook input priority 0; tcp dport != 80 drop; udp dport 1-65535 drop\n}\n}")
        .ok()
        .unwrap();
    let [v4, v6] = both(db, "private");
    let mut probes: Vec<_> = (1000..1500)
        .flat_map(|p| [v4, v6].map(|ip| [Probe::tcp(ip, p), Probe::udp(ip, p)]))
        .flatten()
        .collect();
    probes.insert(1234, Probe::tcp(v6, 80));
    let started = Instant::now();
    let outcomes = sip.probe_all(&probes).unwrap();
    eprintln!("{} probes: {:?}", probes.len(), started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    let open: Vec<_> = (0..outcomes.len()).filter(|i| outcomes[*i] != Outcome::Silent).collect();
    assert_eq!((open, outcomes[1234]), (vec![1234], Outcome::Open));
}

#[test]
fn a_burst_of_refusals_is_heard_whole() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (sip, db) = (lab.host("sip").unwrap(), lab.host("db").unwrap());
    let probes: Vec<_> = (1000..1300)
        .flat_map(|p| both(db, "private").map(|ip| [Probe::tcp(ip, p), Probe::udp(ip, p)]))
        .flatten()
        .collect();
    let outcomes = sip.probe_all(&probes).unwrap();
    let odd: Vec<_> =
        probes.iter().zip(outcomes).filter(|(_, outcome)| *outcome != Outcome::Refused).collect();
    assert!(odd.is_empty(), "{} of {}: {:?}", odd.len(), probes.len(), odd.first());
}

#[test]
fn a_spoofed_datagram_arrives_at_the_server() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (sip, db) = (lab.host("sip").unwrap(), lab.host("db").unwrap());
    let server = db.serve(Listen::new().udp([53])).unwrap();
    nft(db, "table inet t { chain i { type filter hook input priority 0; ip saddr 10.20.9.9 counter; ip6 saddr fd20::99 counter; icmpv6 type 135 ip6 hoplimit 254 counter\n}\n}").ok().unwrap();
    let spoofed = ["10.20.9.9:1111", "[fd20::99]:1111"].map(|from| from.parse::<SocketAddr>().unwrap());
    let mut packets: Vec<_> = spoofed
        .iter()
        .zip(both(db, "private"))
        .map(|(from, to)| Packet::udp(*from, SocketAddr::new(to, 53), b"who?").unwrap())
        .collect();
    let solicitation = [0, 0, 0, 0]
        .into_iter()
        .chain("fd20::21".parse::<std::net::Ipv6Addr>().unwrap().octets())
        .collect::<Vec<u8>>();
    let ndp =
        Packet::icmp("fd20::11".parse().unwrap(), "ff02::1".parse().unwrap(), 135, 0, &solicitation).unwrap();
    packets.push(ndp.hop_limit(254));
    sip.send_packets(&packets).unwrap();
    let deadline = Instant::now() + Duration::from_secs(2);
    while server.udp_received(53) < 2 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(server.udp_received(53), 2);
    let counted = db.command("nft").args(["list", "table", "inet", "t"]).run().unwrap().ok().unwrap();
    assert_eq!(counted.matches("counter packets 1 ").count(), 3, "{counted}");
}
