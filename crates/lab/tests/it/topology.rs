use crate::world::{both, can_run, three_hosts};
use rolewall_lab::{HostSpec, Lab, LabError, Listen, Outcome, Probe};
use std::time::{Duration, Instant};

#[test]
fn hosts_of_one_network_reach_each_other_in_both_families() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (sip, db, out) = (lab.host("sip").unwrap(), lab.host("db").unwrap(), lab.host("out").unwrap());
    let _db_serves = db.serve(Listen::new().tcp([3306]).udp([5060])).unwrap();
    let _out_serves = out.serve(Listen::new().tcp([3306]).udp([5060])).unwrap();
    for (peer, network) in [(db, "private"), (out, "public")] {
        for ip in both(peer, network) {
            assert_eq!(sip.ping(ip).unwrap(), Outcome::Open, "ping {ip}");
            assert_eq!(sip.tcp_connect(ip, 3306).unwrap(), Outcome::Open, "tcp {ip}");
            assert_eq!(sip.udp_echo(ip, 5060).unwrap(), Outcome::Open, "udp {ip}");
            assert_eq!(sip.tcp_connect(ip, 3307).unwrap(), Outcome::Refused, "tcp {ip}");
            assert_eq!(sip.udp_echo(ip, 5061).unwrap(), Outcome::Refused, "udp {ip}");
        }
    }
}

#[test]
fn networks_are_apart_and_the_machine_is_no_host_of_them() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (db, out) = (lab.host("db").unwrap(), lab.host("out").unwrap());
    for ip in both(out, "public") {
        assert!(matches!(db.ping(ip).unwrap(), Outcome::Unreachable(_)), "{ip}");
    }
    let interfaces = db.command("ip").args(["-brief", "link"]).run().unwrap().ok().unwrap();
    let names: Vec<_> = interfaces.lines().filter_map(|line| line.split(['@', ' ']).next()).collect();
    assert_eq!(names, ["lo", "eth0"]);
    let outside = std::fs::read_to_string("/proc/net/dev").unwrap();
    assert!(!outside.contains("p1001"), "{outside}");
}

#[test]
fn a_gateway_leads_to_the_other_network() {
    if !can_run() {
        return;
    }
    let router = HostSpec::new("router").plug("a", "eth0", &["10.1.0.1/24", "fd01::1/64"]).unwrap();
    let router = router.plug("b", "eth1", &["10.2.0.1/24", "fd02::1/64"]).unwrap();
    let via =
        |spec: HostSpec, v4: &str, v6: &str| spec.gateway(v4.parse().unwrap()).gateway(v6.parse().unwrap());
    let one = HostSpec::new("one").plug("a", "eth0", &["10.1.0.2/24", "fd01::2/64"]).unwrap();
    let two = HostSpec::new("two").plug("b", "eth0", &["10.2.0.2/24", "fd02::2/64"]).unwrap();
    let (one, two) = (via(one, "10.1.0.1", "fd01::1"), via(two, "10.2.0.1", "fd02::1"));
    let lab = Lab::builder().network("a").network("b").host(router).host(one).host(two).up().unwrap();
    let router = lab.host("router").unwrap();
    for key in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] {
        router.set_sysctl(key, "1").unwrap();
    }
    for ip in both(lab.host("two").unwrap(), "b") {
        assert_eq!(lab.host("one").unwrap().ping(ip).unwrap(), Outcome::Open, "{ip}");
    }
    assert!(router.set_sysctl("kernel.hostname", "x").is_err());
}

#[test]
fn a_host_joins_and_leaves_while_the_others_run() {
    if !can_run() {
        return;
    }
    let mut lab = three_hosts();
    let joins = HostSpec::new("db2").plug("private", "eth0", &["10.20.0.22/16"]).unwrap();
    lab.add_hosts(vec![joins]).unwrap();
    let db2 = "10.20.0.22".parse().unwrap();
    assert_eq!(lab.host("sip").unwrap().ping(db2).unwrap(), Outcome::Open);
    lab.remove_host("db2").unwrap();
    assert_eq!(lab.host("sip").unwrap().ping(db2).unwrap(), Outcome::Silent);
    assert!(matches!(lab.host("db2"), Err(LabError::UnknownHost { .. })));
}

#[test]
fn an_unplugged_host_is_silent() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (sip, db) = (lab.host("sip").unwrap(), lab.host("db").unwrap());
    db.ip("link set eth0 down").unwrap();
    assert_eq!(sip.ping(db.ipv4("private").unwrap().into()).unwrap(), Outcome::Silent);
    let refused = db.ip("link set eth7 down\n").unwrap_err().to_string();
    assert!(refused.starts_with("host db: `ip link set eth7 down` failed: Cannot find device"), "{refused}");
}

#[test]
fn eight_hosts_on_two_networks_are_up_in_well_under_a_second() {
    if !can_run() {
        return;
    }
    let started = Instant::now();
    let mut builder = Lab::builder().network("private").network("public");
    for n in 1..=8 {
        let private = [format!("10.20.0.{n}/16"), format!("fd20::{n}/64")];
        let public = [format!("192.0.2.{n}/24"), format!("2001:db8::{n}/64")];
        let spec = HostSpec::new(format!("n{n}"))
            .plug("private", "eth0", &private.each_ref().map(|a| &**a))
            .unwrap();
        builder = builder.host(spec.plug("public", "eth1", &public.each_ref().map(|a| &**a)).unwrap());
    }
    let lab = builder.up().unwrap();
    let up = started.elapsed();
    let probes: Vec<_> = lab.hosts().iter().flat_map(|h| h.addresses()).map(Probe::ping).collect();
    for host in lab.hosts() {
        let outcomes = host.probe_all(&probes).unwrap();
        let odd: Vec<_> =
            probes.iter().zip(outcomes).filter(|(_, outcome)| *outcome != Outcome::Open).collect();
        assert!(odd.is_empty(), "{} after {:?}: {odd:?}", host.name(), started.elapsed());
    }
    let reached = started.elapsed();
    drop(lab);
    eprintln!(
        "8 hosts, 2 networks: up {up:?}, all {} pairs pinged {reached:?}, gone {:?}",
        8 * 32,
        started.elapsed()
    );
    // Far above what it takes (some 100 ms), for a machine that others use too.
    assert!(up < Duration::from_secs(3), "{up:?}");
}
