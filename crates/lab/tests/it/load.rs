use crate::world::{can_run, nft, three_hosts};
use rolewall_lab::{FloodSpec, Flows, Listen, Outcome, StormSpec};
use std::net::SocketAddr;
use std::time::Duration;

#[test]
fn a_flood_counts_what_is_lost() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (sip, db) = (lab.host("sip").unwrap(), lab.host("db").unwrap());
    let (to, from) =
        (SocketAddr::new(db.ipv4("private").unwrap().into(), 4000), sip.ipv4("private").unwrap().into());
    for flows in [Flows::One, Flows::Fresh] {
        let spec = FloodSpec { to, from, rate_pps: 10_000, duration: Duration::from_millis(500), flows };
        let whole = sip.flood(db, &spec).unwrap().wait();
        assert_eq!((whole.sent, whole.received, whole.missing.len()), (5000, 5000, 0), "{flows:?} {whole:?}");
        let flood = sip.flood(db, &spec).unwrap();
        std::thread::sleep(Duration::from_millis(150));
        nft(db, "table inet t { chain i { type filter hook input priority 0; udp dport 4000 drop\n}\n}")
            .ok()
            .unwrap();
        std::thread::sleep(Duration::from_millis(100));
        nft(db, "delete table inet t").ok().unwrap();
        let cut = flood.wait();
        assert_eq!((cut.missing.len(), cut.overflowed, cut.refused), (1, 0, 0), "{flows:?} {cut:?}");
        assert!((500..4000).contains(&cut.lost()), "{flows:?} {cut:?}");
        assert_eq!(cut.received + cut.lost(), cut.sent);
    }
}

#[test]
fn a_flood_over_ipv6_can_be_stopped() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (sip, db) = (lab.host("sip").unwrap(), lab.host("db").unwrap());
    let (to, from) =
        (SocketAddr::new(db.ipv6("private").unwrap().into(), 4000), sip.ipv6("private").unwrap().into());
    for flows in [Flows::One, Flows::Fresh] {
        let spec = FloodSpec { to, from, rate_pps: 2_000, duration: Duration::from_secs(60), flows };
        let flood = sip.flood(db, &spec).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let report = flood.stop();
        assert!(report.received > 0 && report.lost() == 0, "{report:?}");
    }
}

#[test]
fn a_storm_says_which_connections_failed() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (sip, db) = (lab.host("sip").unwrap(), lab.host("db").unwrap());
    let server = db.serve(Listen::new().tcp([80])).unwrap();
    let to = SocketAddr::new(db.ipv4("private").unwrap().into(), 80);
    let (timeout, duration) = (Duration::from_millis(300), Duration::from_millis(500));
    let spec = StormSpec { to, from: None, rate_per_s: 2000, duration, timeout };
    let report = sip.tcp_storm(&spec).unwrap();
    eprintln!("storm: {} of {} opened, slowest {:?}", report.opened, report.attempted, report.slowest);
    assert_eq!((report.attempted, report.opened), (1000, 1000), "{:?}", report.failed.first());
    drop(server);
    let report = sip.tcp_storm(&spec).unwrap();
    assert_eq!((report.opened, report.failed.len()), (0, 1000));
    assert!(report.failed.iter().all(|shot| shot.outcome == Outcome::Refused));
}
