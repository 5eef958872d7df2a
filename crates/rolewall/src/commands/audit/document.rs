//! What an audit prints: for people, and as one JSON document.
//! Not here: judging.

use super::answer::{
    Amqp, Answer, Certificate, Demand, Http, Login, Memcache, Mysql, Postgresql, Reached, Redis, Said,
    Session, Sip, StartTls, Tls, Xmpp,
};
use super::date::day;
use super::judge::{Verdict, judge};
use super::targets::Target;
use rolewall_policy::{Encrypted, Promise};
use serde::Serialize;
use std::fmt::Write;

/// The document of `audit --json`.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    endpoints: Vec<EndpointDocument>,
    findings: usize,
    /// Endpoints that were not asked: there are too many, or time ran out.
    not_asked: usize,
    cut_off: bool,
}

#[derive(Debug, Serialize)]
struct EndpointDocument {
    role: String,
    service: String,
    node: String,
    address: String,
    port: u16,
    proto: &'static str,
    promise: PromiseDocument,
    asked: Vec<&'static str>,
    answer: AnswerDocument,
    findings: Vec<FindingDocument>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PromiseDocument {
    speaks: &'static str,
    encrypted: &'static str,
    authenticated: bool,
    except: Option<String>,
    plain: bool,
    source: String,
}

#[derive(Debug, Serialize)]
struct AnswerDocument {
    state: &'static str,
    tls: Option<TlsDocument>,
    said: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TlsDocument {
    version: &'static str,
    suite: String,
    certificate: Option<CertificateDocument>,
}

#[derive(Debug, Serialize)]
struct CertificateDocument {
    subject: Option<String>,
    names: Vec<String>,
    /// Where a name was given with --domain.
    for_another_name: bool,
    self_signed: bool,
    not_before: Option<String>,
    not_after: Option<String>,
}

#[derive(Debug, Serialize)]
struct FindingDocument {
    severity: &'static str,
    what: String,
    why: String,
    r#do: String,
}

impl Document {
    /// `left` endpoints were not even tried.
    pub(super) fn of(targets: &[Target], answers: &[Option<Answer>], left: usize, now_s: u64) -> Document {
        let pairs = targets.iter().zip(answers);
        let endpoints: Vec<EndpointDocument> =
            pairs.filter_map(|(target, answer)| Some(endpoint(target, answer.as_ref()?, now_s))).collect();
        let not_asked = targets.len() - endpoints.len() + left;
        let findings = endpoints.iter().map(|e| e.findings.len()).sum();
        Document { endpoints, findings, not_asked, cut_off: not_asked > 0 }
    }

    pub(super) fn exit_code(&self) -> u8 {
        u8::from(self.findings > 0)
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        for endpoint in &self.endpoints {
            endpoint.write(&mut out);
        }
        let unreachable = self.endpoints.iter().filter(|e| e.answer.state == UNREACHABLE).count();
        let _ = writeln!(
            out,
            "{} asked, {unreachable} unreachable, {}",
            counted(self.endpoints.len(), "endpoint"),
            counted(self.findings, "finding"),
        );
        if self.cut_off {
            let _ = writeln!(
                out,
                "cut off: {} not asked; --only and --this-host ask fewer",
                counted(self.not_asked, "endpoint")
            );
        }
        out
    }
}

const UNREACHABLE: &str = "unreachable";

impl EndpointDocument {
    fn write(&self, out: &mut String) {
        let EndpointDocument { role, service, node, address, port, .. } = self;
        let _ = writeln!(out, "{role} {service}: tcp {address} {port} ({node})");
        let _ = writeln!(out, "  promised: {}", self.promise.words());
        let _ = writeln!(out, "  asked:    {}", self.asked.join("; "));
        let _ = writeln!(out, "  answered: {}", self.answer.words());
        for note in &self.notes {
            let _ = writeln!(out, "  note:     {note}");
        }
        for FindingDocument { severity, what, why, r#do } in &self.findings {
            let _ = writeln!(out, "  finding:  {what} ({severity})\n    why: {why}\n    do:  {}", r#do);
        }
        out.push('\n');
    }
}

impl PromiseDocument {
    fn of(promise: &Promise, plain: bool) -> PromiseDocument {
        PromiseDocument {
            speaks: promise.speaks.word(),
            encrypted: promise.encrypted.word(),
            authenticated: promise.authenticated,
            except: promise.except.clone(),
            plain,
            source: promise.source.clone(),
        }
    }

    fn words(&self) -> String {
        let encrypted = match self.encrypted {
            _ if self.plain => "clear text that leads to TLS",
            word if word == Encrypted::Always.word() => "encrypted",
            word if word == Encrypted::Optional.word() => "encrypted for who wants it",
            _ => "clear text",
        };
        let credentials = if self.authenticated { "with credentials" } else { "nothing of credentials" };
        let except = self.except.as_ref().map(|except| format!(" ({except})")).unwrap_or_default();
        format!("{}, {encrypted}, {credentials}{except}", self.speaks)
    }
}

impl AnswerDocument {
    fn words(&self) -> String {
        let tls = self.tls.as_ref().map(|tls| {
            let of = tls.certificate.as_ref().map(CertificateDocument::words).unwrap_or_default();
            format!("{} {}{of}", tls.version, tls.suite)
        });
        let words: Vec<String> = tls.into_iter().chain(self.said.iter().cloned()).collect();
        if words.is_empty() { self.state.to_owned() } else { words.join("; ") }
    }
}

impl CertificateDocument {
    fn words(&self) -> String {
        let name = self.subject.as_ref().or(self.names.first());
        let until = self.not_after.as_ref().map(|day| format!(", valid until {day}")).unwrap_or_default();
        name.map(|name| format!(", certificate of {name}{until}")).unwrap_or(until)
    }
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn endpoint(target: &Target, answer: &Answer, now_s: u64) -> EndpointDocument {
    let Target { role, service, node, port, addresses, promise } = target;
    let Verdict { findings, notes } = judge(target, answer, now_s);
    let address = match &answer.reached {
        Reached::At(address) => Some(*address),
        Reached::Nowhere(_) => addresses.first().copied(),
    };
    EndpointDocument {
        role: role.to_string(),
        service: service.clone(),
        node: node.clone(),
        address: address.map(|a| a.ip().to_string()).unwrap_or_default(),
        port: *port,
        proto: "tcp",
        promise: PromiseDocument::of(promise, target.is_plain()),
        asked: answer.asked.clone(),
        answer: answer_document(answer),
        findings: findings
            .into_iter()
            .map(|f| FindingDocument { severity: f.severity.word(), what: f.what, why: f.why, r#do: f.help })
            .collect(),
        notes,
    }
}

fn answer_document(answer: &Answer) -> AnswerDocument {
    let state = match (&answer.reached, &answer.said, &answer.tls) {
        (Reached::Nowhere(_), _, _) => UNREACHABLE,
        (_, Said::Nothing(_), _) | (_, Said::NotAsked, Tls::Nothing(_)) => "silent",
        _ => "answered",
    };
    let tls = match &answer.tls {
        Tls::Session(session) => Some(tls_document(session)),
        _ => None,
    };
    let mut lines = match &answer.reached {
        Reached::Nowhere(refusals) => {
            refusals.iter().map(|(address, why)| format!("{}: {why}", address.ip())).collect()
        }
        Reached::At(_) => handshake(&answer.tls),
    };
    lines.extend(said(&answer.said));
    AnswerDocument { state, tls, said: lines }
}

fn tls_document(session: &Session) -> TlsDocument {
    let Session { version, suite, certificate } = session;
    let certificate = certificate.as_ref().map(|certificate| {
        let Certificate { subject, names, misses, is_self_signed, not_before_s, not_after_s } = certificate;
        CertificateDocument {
            subject: subject.clone(),
            names: names.clone(),
            for_another_name: misses.is_some(),
            self_signed: *is_self_signed,
            not_before: not_before_s.map(day),
            not_after: not_after_s.map(day),
        }
    });
    TlsDocument { version, suite: suite.clone(), certificate }
}

fn handshake(tls: &Tls) -> Vec<String> {
    let words = match tls {
        Tls::NotAsked | Tls::Session(_) => return Vec::new(),
        Tls::Clear(bytes) => format!("no TLS: it begins with {bytes}"),
        Tls::Old => "TLS before 1.2".into(),
        Tls::Refused(why) => format!("no TLS session: {why}"),
        Tls::Nothing(why) => format!("no TLS: {why}"),
    };
    vec![words]
}

fn said(said: &Said) -> Option<String> {
    Some(match said {
        Said::NotAsked => return None,
        Said::Nothing(why) => why.clone(),
        Said::Foreign(bytes) => format!("it begins with {bytes}"),
        Said::Http(Http { status, location, server }) => {
            let to = location.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
            let by = server.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
            format!("status {status}{to}{by}")
        }
        Said::Sip(Sip { status, reason }) => format!("SIP {status} {reason}"),
        Said::Xmpp(xmpp) => in_xmpp(xmpp),
        Said::Mysql(Mysql { version, offers_tls, anonymous }) => {
            let version = version.as_ref().map(|v| format!("{v}, {}; ", tls_words(*offers_tls)));
            format!("{}login {}", version.unwrap_or_default(), login(anonymous))
        }
        Said::Postgresql(Postgresql { offers_tls, demands }) => {
            let demands = match demands {
                Demand::Nothing => "login accepted".to_owned(),
                Demand::Cleartext => "it wants a password in clear text".to_owned(),
                Demand::Proof(method) => format!("it wants a proof ({method})"),
                Demand::Refused(why) => format!("login refused: {why}"),
            };
            format!("{}; {demands}", tls_words(*offers_tls))
        }
        Said::Amqp(amqp) => in_amqp(amqp),
        Said::Redis(Redis { ping, info, version }) => {
            let version = version.as_ref().map(|v| format!(" ({v})")).unwrap_or_default();
            format!("PING {}; INFO {}{version}", outcome(ping), outcome(info))
        }
        Said::Memcache(Memcache { version, stats }) => {
            let version = version.as_ref().map_or("version refused".into(), |v| format!("version {v}"));
            format!("{version}; stats {}", outcome(stats))
        }
    })
}

fn in_xmpp(Xmpp { from, error, starttls, mechanisms }: &Xmpp) -> String {
    let from = from.as_ref().map(|from| format!("stream from {from}, ")).unwrap_or_default();
    if let Some(error) = error {
        return format!("{from}ended: {error}");
    }
    let starttls = match starttls {
        StartTls::Absent => "no STARTTLS",
        StartTls::Optional => "STARTTLS optional",
        StartTls::Required => "STARTTLS required",
    };
    let before = if mechanisms.is_empty() { "none".into() } else { mechanisms.join(" ") };
    format!("{from}{starttls}; mechanisms before TLS: {before}")
}

fn in_amqp(Amqp { product, mechanisms, anonymous, guest }: &Amqp) -> String {
    let product = product.as_ref().map(|product| format!("{product}; ")).unwrap_or_default();
    let mut words = format!("{product}mechanisms {}", mechanisms.join(" "));
    for (who, outcome) in [("without credentials", anonymous), ("as guest", guest)] {
        if let Some(outcome) = outcome {
            words += &format!("; login {who} {}", login(outcome));
        }
    }
    words
}

fn tls_words(offers_tls: bool) -> &'static str {
    if offers_tls { "TLS on offer" } else { "no TLS on offer" }
}

fn login(login: &Login) -> String {
    match login {
        Login::Accepted => "accepted".into(),
        Login::Refused(why) => format!("refused: {why}"),
    }
}

fn outcome(outcome: &Result<(), String>) -> String {
    match outcome {
        Ok(()) => "answered".into(),
        Err(why) => format!("refused: {why}"),
    }
}
