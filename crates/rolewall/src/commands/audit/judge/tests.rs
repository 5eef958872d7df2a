//! Each answer against each promise of the project's own catalogue.

use super::super::answer::{Session, Sip};
use super::*;
use rolewall_policy::Catalogue;

const NOW_S: u64 = 1_800_000_000;

/// A target of a service of the catalogue.
fn target(service: &str, port: u16) -> Target {
    let catalogue = Catalogue::built_in();
    let (role, found) = catalogue.services().find(|(_, s)| s.name == service).unwrap();
    Target {
        role: role.name.clone(),
        service: service.into(),
        node: "node".into(),
        port,
        addresses: Vec::new(),
        promise: found.promise.clone().unwrap(),
    }
}

fn judged(service: &str, port: u16, tls: Tls, said: Said) -> Verdict {
    let reached = Reached::At(([192, 0, 2, 1], port).into());
    judge(&target(service, port), &Answer { asked: Vec::new(), reached, tls, said }, NOW_S)
}

fn session(certificate: Certificate) -> Tls {
    Tls::Session(Box::new(Session { version: "TLS 1.3", suite: "x".into(), certificate: Some(certificate) }))
}

fn good() -> Tls {
    session(Certificate { not_after_s: Some(NOW_S + 1), ..Certificate::default() })
}

fn http(status: u16, location: Option<&str>) -> Said {
    Said::Http(Http { status, location: location.map(str::to_owned), server: None })
}

fn xmpp(starttls: StartTls, mechanisms: &[&str]) -> Said {
    let mechanisms = mechanisms.iter().map(|m| (*m).to_owned()).collect();
    Said::Xmpp(Xmpp { from: None, error: None, starttls, mechanisms })
}

#[track_caller]
fn assert_finds(verdict: &Verdict, severity: Severity, words: &str) {
    let found = verdict.findings.iter().any(|f| f.severity == severity && f.what.contains(words));
    assert!(found, "{words}: {verdict:?}");
    let speaks = |f: &Finding| !f.why.is_empty() && !f.help.is_empty();
    assert!(verdict.findings.iter().all(speaks), "each says why and what to do: {verdict:?}");
}

#[track_caller]
fn assert_finds_nothing(verdict: &Verdict) {
    assert_eq!(verdict.findings, [], "{verdict:?}");
}

#[test]
fn who_is_not_reached_is_no_finding() {
    let target = target("web", 443);
    let reached = Reached::Nowhere(Vec::new());
    let answer = Answer { asked: Vec::new(), reached, tls: Tls::NotAsked, said: Said::NotAsked };
    assert_eq!(judge(&target, &answer, NOW_S), Verdict::default());
}

#[test]
fn clear_text_where_tls_is_promised_is_a_broken_promise() {
    for (service, port) in [("web", 443), ("controller", 443), ("sip-tls", 5061)] {
        let clear = Tls::Clear("SIP/2.0 400".into());
        let verdict = judged(service, port, clear, Said::Nothing("it closed the connection".into()));
        assert_finds(&verdict, Severity::Broken, "clear text");
        assert!(verdict.findings[0].why.contains("Network+Security"), "{verdict:?}");
    }
    let answered = Said::Sip(Sip { status: 200, reason: "OK".into() });
    let verdict = judged("sip-tls", 5061, Tls::Nothing("it closed the connection".into()), answered);
    assert_finds(&verdict, Severity::Broken, "clear text");
}

#[test]
fn tls_keeps_the_promise() {
    assert_finds_nothing(&judged("web", 443, good(), Said::NotAsked));
    let verdict = judged("sip-tls", 5061, good(), Said::Nothing("nothing came in time".into()));
    assert_finds_nothing(&verdict);
}

#[test]
fn poor_tls_is_weak() {
    let of = |certificate| judged("web", 443, session(certificate), Said::NotAsked);
    let base = || Certificate { not_after_s: Some(NOW_S), ..Certificate::default() };
    let expired = Certificate { not_after_s: Some(NOW_S - 1), ..Certificate::default() };
    assert_finds(&of(expired), Severity::Weak, "expired");
    let early = Certificate { not_before_s: Some(NOW_S + 1), ..base() };
    assert_finds(&of(early), Severity::Weak, "not valid yet");
    let own = of(Certificate { is_self_signed: true, ..base() });
    assert_finds_nothing(&own);
    assert!(own.notes[0].contains("signed by itself"));
    let other = of(Certificate { misses: Some("web.example.net".into()), ..base() });
    assert_finds_nothing(&other);
    assert_eq!(other.notes, ["its certificate is not for web.example.net"]);
    assert_finds(&judged("web", 443, Tls::Old, Said::NotAsked), Severity::Weak, "before 1.2");
    let refused = Tls::Refused("it sent the alert HandshakeFailure".into());
    assert_finds(&judged("web", 443, refused, Said::NotAsked), Severity::Weak, "no session");
    let silent = Tls::Nothing("nothing came in time".into());
    assert_finds(&judged("web", 443, silent, Said::NotAsked), Severity::Weak, "spoke no TLS");
}

#[test]
fn port_80_may_only_lead_to_https() {
    let leads = judged("web", 80, Tls::NotAsked, http(301, Some("https://web.example.net/")));
    assert_finds_nothing(&leads);
    assert_eq!(leads.notes, ["leads to https"]);
    assert_finds(&judged("web", 80, Tls::NotAsked, http(200, None)), Severity::Broken, "clear text");
    assert_finds_nothing(&judged("web", 80, Tls::NotAsked, http(404, None)));
}

#[test]
fn xmpp_has_to_offer_tls_and_to_keep_passwords_for_it() {
    assert_finds_nothing(&judged("xmpp-client", 5222, good(), xmpp(StartTls::Required, &[])));
    let none = judged("xmpp-client", 5222, Tls::NotAsked, xmpp(StartTls::Absent, &["SCRAM-SHA-1"]));
    assert_finds(&none, Severity::Broken, "no TLS is on offer");
    let plain = judged("xmpp-client", 5222, good(), xmpp(StartTls::Optional, &["PLAIN"]));
    assert_finds(&plain, Severity::Broken, "PLAIN");
    let failing = Tls::Refused("x".into());
    let verdict = judged("xmpp-client", 5222, failing, xmpp(StartTls::Required, &[]));
    assert_finds(&verdict, Severity::Broken, "does not come about");
    let slow = Tls::Nothing("no handshake came about in time".into());
    let verdict = judged("xmpp-client", 5222, slow, xmpp(StartTls::Required, &[]));
    assert_finds(&verdict, Severity::Weak, "did not come about");
    let unknown = Xmpp {
        from: None,
        error: Some("host-unknown".into()),
        starttls: StartTls::Absent,
        mechanisms: Vec::new(),
    };
    let verdict = judged("xmpp-client", 5222, Tls::NotAsked, Said::Xmpp(unknown));
    assert_finds_nothing(&verdict);
    assert!(verdict.notes[0].contains("--domain"));
}

#[test]
fn stores_that_answer_without_credentials_break_their_promise() {
    let refused = || Login::Refused("x".into());
    let mysql = |anonymous| {
        let said = Mysql { version: Some("11.4".into()), offers_tls: false, anonymous };
        judged("mysql", 3306, Tls::NotAsked, Said::Mysql(said))
    };
    assert_finds(&mysql(Login::Accepted), Severity::Broken, "anonymous");
    assert_finds_nothing(&mysql(refused()));

    let amqp = |anonymous, guest| {
        let said = Amqp { product: None, mechanisms: Vec::new(), anonymous, guest };
        judged("amqp", 5672, Tls::NotAsked, Said::Amqp(said))
    };
    assert_finds(&amqp(Some(Login::Accepted), None), Severity::Broken, "without credentials");
    assert_finds(&amqp(None, Some(Login::Accepted)), Severity::Broken, "guest");
    assert_finds_nothing(&amqp(Some(refused()), Some(refused())));

    assert_finds(&judged("search", 9200, Tls::NotAsked, http(200, None)), Severity::Broken, "200");
    assert_finds_nothing(&judged("search", 9200, Tls::NotAsked, http(401, None)));
}

#[test]
fn the_distributed_store_s_own_exception_is_told() {
    let redis = |ping, info| {
        let said = Redis { ping, info, version: None };
        judged("hubring", 11211, Tls::NotAsked, Said::Redis(said))
    };
    let no = || Err("NOAUTH".to_owned());
    let open = redis(Ok(()), Ok(()));
    assert_finds(&open, Severity::Broken, "INFO");
    assert!(open.findings[0].why.contains("some basic operations are possible without credentials"));
    let basic = redis(Ok(()), no());
    assert_finds_nothing(&basic);
    assert!(basic.notes[0].contains("as the page allows"));
    assert_finds_nothing(&redis(no(), no()));

    let cache = Memcache { version: Some("1.6".into()), stats: Ok(()) };
    let verdict = judged("hubring", 11211, Tls::NotAsked, Said::Memcache(cache));
    assert_finds(&verdict, Severity::Broken, "stats");
    assert_eq!(verdict.notes, ["it speaks memcache's protocol"]);
}

#[test]
fn postgresql_of_an_own_role_is_judged_by_what_it_wants() {
    let mut target = target("mysql", 5432);
    target.promise.speaks = Speaks::Postgresql;
    let judged = |demands| {
        let said = Said::Postgresql(Postgresql { offers_tls: false, demands });
        let reached = Reached::At(([192, 0, 2, 1], 5432).into());
        judge(&target, &Answer { asked: Vec::new(), reached, tls: Tls::NotAsked, said }, NOW_S)
    };
    assert_finds(&judged(Demand::Nothing), Severity::Broken, "trust");
    assert_finds(&judged(Demand::Cleartext), Severity::Weak, "clear text");
    assert_finds_nothing(&judged(Demand::Proof("SCRAM")));
    assert_finds_nothing(&judged(Demand::Refused("no entry".into())));
}

#[test]
fn another_protocol_is_told_and_no_finding() {
    let verdict = judged("amqp", 5672, Tls::NotAsked, Said::Foreign("SSH-2.0".into()));
    assert_finds_nothing(&verdict);
    assert_eq!(verdict.notes, ["it does not speak amqp: it begins with SSH-2.0"]);
}
