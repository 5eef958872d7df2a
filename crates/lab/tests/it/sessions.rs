use crate::world::{both, can_run, nft, three_hosts};
use rolewall_lab::Listen;
use std::net::SocketAddr;
use std::time::Duration;

const EVERY: Duration = Duration::from_millis(20);
const SOON: Duration = Duration::from_secs(5);
const CUT: &str =
    "table inet cut { chain i { type filter hook input priority 0; tcp dport { 22, 80 } drop\n}\n}";

#[test]
fn a_cut_stream_shows_when_it_was_cut_and_when_it_came_back() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (sip, db) = (lab.host("sip").unwrap(), lab.host("db").unwrap());
    let server = db.serve(Listen::new().tcp([80])).unwrap();
    for ip in both(db, "private") {
        let stream = sip.stream(SocketAddr::new(ip, 80), EVERY).unwrap();
        assert!(stream.answers_within(SOON));
        nft(db, CUT).ok().unwrap();
        let cut_at = stream.ticks().elapsed;
        assert!(!stream.answers_within(Duration::from_millis(500)));
        nft(db, "delete table inet cut").ok().unwrap();
        let healed_at = stream.ticks().elapsed;
        assert!(stream.answers_within(SOON));
        let ticks = stream.stop();
        let gaps = ticks.gaps(Duration::from_millis(450));
        assert_eq!((gaps.len(), ticks.ended), (1, None), "{gaps:?}");
        let until = gaps[0].until.unwrap();
        // An answer may still have been on its way.
        assert!(
            gaps[0].from <= cut_at + EVERY && until >= healed_at,
            "{gaps:?}, cut {cut_at:?} to {healed_at:?}"
        );
    }
    assert_eq!(server.tcp_accepted(80), 2);
}

#[test]
fn a_stream_that_is_reset_says_that_it_ended() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (sip, db) = (lab.host("sip").unwrap(), lab.host("db").unwrap());
    let server = db.serve(Listen::new().tcp([80])).unwrap();
    let to = SocketAddr::new(db.ipv4("private").unwrap().into(), 80);
    let stream = sip.stream_from(sip.ipv4("private").unwrap().into(), to, EVERY).unwrap();
    assert!(stream.answers_within(SOON));
    drop(server);
    assert!(!stream.answers_within(SOON));
    assert!(stream.stop().ended.is_some());
    assert!(sip.stream(to, EVERY).unwrap_err().to_string().contains("refused"));
}

#[test]
fn an_ssh_session_ticks_is_cut_and_comes_back() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (sip, db) = (lab.host("sip").unwrap(), lab.host("db").unwrap());
    let sshd = db.sshd(22).unwrap();
    let login = sshd.login(sip, db.ipv6("private").unwrap().into()).unwrap();
    let said = login.run("echo $SSH_CONNECTION; id -un").unwrap().ok().unwrap();
    assert!(said.starts_with("fd20::11 ") && said.ends_with(" fd20::21 22\nroot\n"), "{said}");
    let session = login.converse(EVERY).unwrap();
    assert!(session.answers_within(SOON), "{}", sshd.log());
    nft(db, CUT).ok().unwrap();
    assert!(!session.answers_within(Duration::from_millis(300)));
    let late = login.clone().connect_timeout_s(1).run("true").unwrap();
    assert_eq!(late.code(), Some(255), "{}", late.stderr());
    nft(db, "delete table inet cut").ok().unwrap();
    assert!(session.answers_within(SOON));
    assert_eq!(session.stop().ended, None);
}

#[test]
fn sshd_takes_both_families_and_says_who_came_from_where() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (sip, out) = (lab.host("sip").unwrap(), lab.host("out").unwrap());
    out.ip("address add 192.0.2.98/24 dev eth0").unwrap();
    let sshd = sip.sshd(2222).unwrap();
    let login = sshd.login(out, sip.ipv4("public").unwrap().into()).unwrap();
    let from = login.source("192.0.2.98".parse().unwrap()).run("echo ${SSH_CONNECTION%% *}").unwrap();
    assert_eq!(from.ok().unwrap(), "192.0.2.98\n");
    assert!(sshd.log().contains("Accepted publickey for root from 192.0.2.98"), "{}", sshd.log());
    let taken = sip.sshd(2222).unwrap_err().to_string();
    assert!(taken.contains("exit status: 255") && taken.contains("Address already in use"), "{taken}");
    drop(sshd);
    let again = sip.sshd(2222).unwrap();
    let login = again.login(out, sip.ipv6("public").unwrap().into()).unwrap();
    assert_eq!(login.run("echo again").unwrap().ok().unwrap(), "again\n");
}
