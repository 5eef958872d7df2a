//! `rolewall audit` of what customers and operators meet, against real servers; and its bounds.
//! Not here: stores (`commands_audit_stores`), each answer against each promise (the tests of `judge`), and any
//! bytes from a peer (`ask::any`).
#![allow(clippy::unwrap_used, missing_docs)]

mod audit_support;
mod support;

use audit_support::servers::{
    certificate, ejabberd, expired_certificate, installed, nginx, prosody, stand_in, start,
};
use audit_support::{
    assert_found, assert_kept, audit, cluster, configure, endpoint, endpoints, findings, pair,
};
use serde_json::json;
use std::time::{Duration, Instant};
use support::program::{PATIENCE, Program, Said, said};
use support::{can_run, eventually};

#[test]
fn a_web_server_with_tls_and_a_redirect_keeps_its_promise() {
    if !can_run() || !installed(&["nginx", "openssl"]) {
        return;
    }
    let lab = pair();
    let (node, _) = configure(&lab, &["web", "ic"], &["worker"]);
    let (key, certificate) = certificate(node, "web.example.net");
    let servers = format!(
        "server {{ listen 80; return 301 https://web.example.net/; }}\n\
         server {{ listen 443 ssl; ssl_certificate {certificate}; ssl_certificate_key {key};\n\
           ssl_protocols TLSv1.2 TLSv1.3; return 200; }}"
    );
    let _nginx = nginx(node, &servers, "127.0.0.1:443");
    let document = audit(node, &["--this-host"]);
    let web = endpoint(&document, "web", 443);
    assert_kept(web);
    // As clients see it, not over loopback.
    assert_eq!(web["address"], "10.20.0.1");
    assert_eq!(web["promise"]["encrypted"], "always");
    let tls = &web["answer"]["tls"];
    assert_eq!(tls["version"], "TLS 1.3");
    assert_eq!(tls["certificate"]["subject"], "web.example.net");
    assert_eq!(tls["certificate"]["names"], json!(["web.example.net"]));
    assert_eq!(tls["certificate"]["self_signed"], true);
    assert!(tls["certificate"]["not_after"].is_string(), "{web:#}");
    assert_kept(endpoint(&document, "web", 80));
    assert_eq!(endpoint(&document, "web", 80)["notes"], json!(["leads to https"]));
    // The controller's port, which no socket shows: the inventory gives the role.
    assert_kept(endpoint(&document, "controller", 443));
}

#[test]
fn clear_text_on_443_is_found_and_told_with_why_and_what_to_do() {
    if !can_run() || !installed(&["nginx"]) {
        return;
    }
    let lab = pair();
    let (node, _) = configure(&lab, &["web"], &["worker"]);
    let servers = "server { listen 80; return 200; } server { listen 443; return 200; }";
    let _nginx = nginx(node, servers, "127.0.0.1:443");
    let document = audit(node, &[]);
    assert_found(endpoint(&document, "web", 443), "broken: clear text is spoken where TLS is promised");
    assert_found(endpoint(&document, "web", 80), "broken: pages are served in clear text");
    node.expect(1, &["audit"]).mentions(&[
        "web web: tcp 10.20.0.1 443 (node)",
        "promised: https, encrypted, with credentials",
        "asked:    a TLS handshake; HEAD /",
        "finding:  clear text is spoken where TLS is promised (broken)",
        "why: https://wiki.4psa.com/display/VNDOCS30/Network+Security",
        "do:  turn TLS on for this port",
        "2 endpoints asked, 0 unreachable, 2 findings",
    ]);
}

#[test]
fn a_certificate_that_is_out_of_date_is_weak() {
    if !can_run() || !installed(&["nginx", "openssl"]) {
        return;
    }
    let lab = pair();
    let (node, _) = configure(&lab, &["web"], &["worker"]);
    let (key, certificate) = expired_certificate(node, "web.example.net");
    let server = format!(
        "server {{ listen 443 ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; return 200; }}"
    );
    let _nginx = nginx(node, &server, "127.0.0.1:443");
    let document = audit(node, &["--only", "web", "--domain", "other.example.net"]);
    let web = endpoint(&document, "web", 443);
    assert_found(web, "weak: its certificate has expired");
    assert_eq!(web["answer"]["tls"]["certificate"]["not_after"], "2020-02-01");
    assert_eq!(web["notes"][0], "its certificate is not for other.example.net");
}

#[test]
fn tls_of_old_versions_is_weak() {
    if !can_run() || !installed(&["openssl"]) {
        return;
    }
    let lab = pair();
    let (node, _) = configure(&lab, &["sip"], &["worker"]);
    let (key, certificate) = certificate(node, "sip.example.net");
    let server = ["openssl", "s_server", "-quiet", "-accept", "10.20.0.1:5061", "-key", &key, "-cert"];
    let old = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
    let _server = start(node, &[&server[..], &[&certificate], &old].concat(), &[], "10.20.0.1:5061");
    let document = audit(node, &["--only", "sip-tls"]);
    assert_found(endpoint(&document, "sip-tls", 5061), "weak: TLS of versions before 1.2 alone");
}

#[test]
fn sip_over_tls_is_asked_within_tls_and_clear_sip_there_is_found() {
    if !can_run() || !installed(&["openssl"]) {
        return;
    }
    let lab = pair();
    let (node, _) = configure(&lab, &["sip"], &["worker"]);
    let (key, certificate) = certificate(node, "sip.example.net");
    // It sends each line back, reversed: so what was asked within TLS is seen.
    let server = ["openssl", "s_server", "-rev", "-accept", "10.20.0.1:5061", "-key", &key, "-cert"];
    let mut tls = start(node, &[&server[..], &[&certificate]].concat(), &[], "10.20.0.1:5061");
    let document = audit(node, &["--only", "sip", "--timeout", "1"]);
    let secure = endpoint(&document, "sip-tls", 5061);
    assert!(secure["answer"]["tls"].is_object() && findings(secure).is_empty(), "{secure:#}");
    assert!(
        secure["answer"]["said"][0].as_str().unwrap().contains("1605:1.0.02.01:pis SNOITPO"),
        "{secure:#}"
    );
    // Nothing listens here.
    assert_eq!(endpoint(&document, "sip", 5060)["answer"]["state"], "unreachable");
    tls.signal(rustix::process::Signal::KILL).unwrap();
    tls.wait(Duration::from_secs(10)).unwrap();
    // What any proxy says to noise.
    stand_in(node, "10.20.0.1:5061", b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let document = audit(node, &["--only", "sip-tls"]);
    assert_found(endpoint(&document, "sip-tls", 5061), "broken: clear text");
}

#[test]
fn an_xmpp_server_offers_starttls_or_is_found() {
    if !can_run() || !installed(&["prosody", "openssl"]) {
        return;
    }
    let lab = pair();
    let (node, _) = configure(&lab, &["jabber"], &["worker"]);
    let (key, certificate) = certificate(node, "im.example.net");
    let ssl = format!("ssl = {{ key = \"{key}\", certificate = \"{certificate}\" }}\n");
    let ask = ["--only", "xmpp-client", "--domain", "im.example.net"];
    let server = prosody(node, &format!("{ssl}c2s_require_encryption = true\n"));
    let document = audit(node, &ask);
    let secure = endpoint(&document, "xmpp-client", 5222);
    assert_kept(secure);
    assert_eq!(secure["answer"]["tls"]["certificate"]["subject"], "im.example.net", "{secure:#}");
    // Without its name it serves nobody, and says so.
    let document = audit(node, &ask[..2]);
    let unnamed = endpoint(&document, "xmpp-client", 5222);
    assert!(unnamed["notes"][0].as_str().unwrap().contains("--domain"), "{unnamed:#}");
    drop(server);

    let lax = "c2s_require_encryption = false\nallow_unencrypted_plain_auth = true\nmodules_disabled = { \"tls\" }\n";
    let _server = prosody(node, lax);
    let document = audit(node, &ask);
    let open = endpoint(&document, "xmpp-client", 5222);
    assert_found(open, "broken: no TLS is on offer");
    assert_found(open, "broken: passwords are taken in clear text");
}

#[test]
fn a_silent_peer_costs_no_more_than_its_time_and_many_are_asked_at_once() {
    if !can_run() {
        return;
    }
    let lab = pair();
    let (node, _) = configure(&lab, &["web"], &["worker"]);
    // It takes connections and never says a word.
    let _server = node.serve(rolewall_lab::Listen::new().tcp([443])).unwrap();
    let began = Instant::now();
    let document = audit(node, &["--only", "web", "--timeout", "1"]);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let found = findings(endpoint(&document, "web", 443));
    assert_eq!(found.len(), 1, "{document:#}");
}

#[test]
fn more_endpoints_than_the_bound_are_cut_off_and_said() {
    if !can_run() {
        return;
    }
    let lab = pair();
    let (node, _) = configure(&lab, &["sip"], &["worker"]);
    let mut text = cluster(&["sip"], &["worker"]);
    for number in 0..600 {
        let address = format!("10.20.{}.{}", 128 + number / 200, 1 + number % 200);
        text += &format!("[[node]]\nname = \"db{number}\"\nprivate = [\"{address}\"]\nroles = [\"sql\"]\n");
    }
    node.configure(&text, "[node]\nname = \"node\"\n");
    // All of them are this host: each refuses at once.
    node.ip("route add local 10.20.128.0/17 dev lo\n").unwrap();
    let document = audit(node, &["--only", "sql"]);
    assert_eq!(endpoints(&document).len(), 512);
    assert_eq!((&document["cut_off"], &document["not_asked"]), (&json!(true), &json!(88)));
    assert!(endpoints(&document).iter().all(|e| e["answer"]["state"] == "unreachable"));
    node.expect(0, &["audit", "--only", "sql"]).mentions(&["cut off: 88 endpoints not asked"]);
}

#[test]
fn an_audit_needs_the_live_host_and_a_name_that_is_known() {
    if !can_run() {
        return;
    }
    let lab = pair();
    let (node, _) = configure(&lab, &["sip"], &["worker"]);
    let files = node.files().to_str().unwrap();
    let rooted = node.command(support::program::ROLEWALL).args(["audit", "--root", files]).timeout(PATIENCE);
    let told: Said = said(2, &rooted.run().unwrap());
    told.mentions(&["--root reads nothing of the live host"]);
    node.expect(2, &["audit", "--only", "sqll"]).mentions(&["no role and no service", "did you mean `sql`?"]);
    node.expect(2, &["audit", "--only", "zzzzzz"]).mentions(&["services that can be asked: ", "hubring"]);
    node.expect(2, &["audit", "--domain", "a b"]).mentions(&["expected letters, digits, dots and dashes"]);
}

#[test]
fn ejabberd_requires_starttls_of_clients_and_of_servers() {
    if !can_run() || !installed(&["ejabberdctl", "openssl"]) {
        return;
    }
    let lab = pair();
    let (node, _) = configure(&lab, &["jabber"], &["worker"]);
    let (key, certificate) = certificate(node, "im.example.net");
    let _server = ejabberd(node, &key, &certificate);
    // It takes connections before it answers them, and its first handshake is slow.
    let ask = ["--only", "jabber", "--domain", "im.example.net", "--timeout", "20"];
    eventually(Duration::from_secs(120), "both ports shake hands", || {
        let document = audit(node, &ask);
        let both = [("xmpp-client", 5222), ("xmpp-server", 5269)];
        both.iter().all(|(service, port)| endpoint(&document, service, *port)["answer"]["tls"].is_object())
    });
    let document = audit(node, &ask);
    assert_kept(endpoint(&document, "xmpp-client", 5222));
    assert_kept(endpoint(&document, "xmpp-server", 5269));
}
