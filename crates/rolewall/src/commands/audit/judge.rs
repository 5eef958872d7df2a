//! What an answer means against a promise: findings, each with why and what to do, and notes beside them.
//! Not here: asking. Nothing is read here, not even the clock.

use super::answer::{
    Amqp, Answer, Certificate, Demand, Http, Login, Memcache, Mysql, Postgresql, Reached, Redis, Said,
    StartTls, Tls, Xmpp,
};
use super::targets::Target;
use rolewall_policy::{Encrypted, Speaks};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// What is promised is not so.
    Broken,
    /// It is so, and poorly.
    Weak,
}

impl Severity {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Severity::Broken => "broken",
            Severity::Weak => "weak",
        }
    }
}

/// Something that an operator should change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) help: String,
}

/// All that is to be said of one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) findings: Vec<Finding>,
    /// What is worth knowing and is no finding.
    pub(crate) notes: Vec<String>,
}

/// Holds an answer against the promise; `now_s` is seconds since 1970.
pub(crate) fn judge(target: &Target, answer: &Answer, now_s: u64) -> Verdict {
    let mut judging = Judging { target, verdict: Verdict::default() };
    if let Reached::At(_) = answer.reached {
        judging.encryption(answer, now_s);
        judging.authentication(answer);
        judging.protocol(&answer.said);
    }
    judging.verdict
}

struct Judging<'a> {
    target: &'a Target,
    verdict: Verdict,
}

impl Judging<'_> {
    fn broken(&mut self, what: impl Into<String>, help: impl Into<String>) {
        self.found(Severity::Broken, what.into(), help.into());
    }

    fn weak(&mut self, what: impl Into<String>, help: impl Into<String>) {
        self.found(Severity::Weak, what.into(), help.into());
    }

    fn found(&mut self, severity: Severity, what: String, help: String) {
        let promise = &self.target.promise;
        let why = match &promise.except {
            Some(except) if self.target.promise.authenticated => {
                format!("{}; it says itself: {except}", promise.source)
            }
            _ => promise.source.clone(),
        };
        self.verdict.findings.push(Finding { severity, what, why, help });
    }

    fn note(&mut self, note: impl Into<String>) {
        self.verdict.notes.push(note.into());
    }

    fn encryption(&mut self, answer: &Answer, now_s: u64) {
        if let Tls::Session(session) = &answer.tls
            && let Some(certificate) = &session.certificate
        {
            self.certificate(certificate, now_s);
        }
        match self.target.promise.encrypted {
            Encrypted::No => {}
            Encrypted::Optional => self.tls_on_offer(answer),
            Encrypted::Always if self.target.is_plain() => self.leads_to_tls(&answer.said),
            Encrypted::Always => self.tls_always(answer),
        }
    }

    fn certificate(&mut self, certificate: &Certificate, now_s: u64) {
        let renew = "put a certificate in place that is valid now";
        if certificate.not_after_s.is_some_and(|end| end < now_s) {
            self.weak("its certificate has expired", renew);
        }
        if certificate.not_before_s.is_some_and(|start| start > now_s) {
            self.weak("its certificate is not valid yet", format!("{renew}, and look at this host's clock"));
        }
        if certificate.not_after_s.is_none() {
            self.note("when its certificate ends cannot be read");
        }
        // One name serves all that is asked, so it need not be this endpoint's.
        if let Some(name) = &certificate.misses {
            self.note(format!("its certificate is not for {name}"));
        }
        if certificate.is_self_signed {
            self.note("its certificate is signed by itself: who connects cannot tell it from another's");
        }
    }

    fn tls_always(&mut self, answer: &Answer) {
        const TURN_ON: &str = "turn TLS on for this port, or close it; rolewall plan shows who may reach it";
        match (&answer.tls, &answer.said) {
            (Tls::Session(_), _) => {}
            (_, said) if answers(said) && !self.target.begins_clear() => {
                self.broken("clear text is spoken where TLS is promised", TURN_ON);
            }
            (Tls::Clear(_), _) => self.broken("clear text is spoken where TLS is promised", TURN_ON),
            (Tls::Old, _) => {
                self.weak(
                    "TLS of versions before 1.2 alone",
                    "allow TLS 1.2 and 1.3 in the server's settings",
                );
            }
            (Tls::Refused(why), _) => self.weak(
                format!("TLS, but no session came about: {why}"),
                "look at the server's suites and certificate; where it serves by name, give --domain NAME",
            ),
            (Tls::Nothing(why), _) => {
                self.weak(format!("it took the connection, and spoke no TLS: {why}"), TURN_ON);
            }
            (Tls::NotAsked, _) => self.tls_on_offer(answer),
        }
        if let Said::Xmpp(Xmpp { starttls: StartTls::Optional, .. }) = &answer.said {
            self.broken("STARTTLS is not required", "require it in the server's settings");
        }
    }

    fn tls_on_offer(&mut self, answer: &Answer) {
        const OFFER: &str = "give the server a certificate and turn TLS on";
        let offers = match &answer.said {
            Said::Xmpp(Xmpp { error: Some(error), .. }) => {
                let name = "give --domain NAME with the domain that it serves";
                return self.note(format!("it ended the stream ({error}): {name}"));
            }
            Said::Xmpp(xmpp) => xmpp.starttls != StartTls::Absent,
            Said::Mysql(mysql) if mysql.version.is_some() => mysql.offers_tls,
            Said::Postgresql(postgresql) => postgresql.offers_tls,
            _ => return,
        };
        match &answer.tls {
            Tls::Session(_) => {}
            _ if !offers => {
                self.broken("no TLS is on offer, so whoever connects sends all in clear text", OFFER);
            }
            // Offered, and not tried.
            Tls::NotAsked => {}
            Tls::Nothing(why) => self.weak(
                format!("TLS is on offer, and did not come about: {why}"),
                "look at the server's log; if it is slow, ask again with a longer --timeout",
            ),
            Tls::Clear(why) | Tls::Refused(why) => {
                self.broken(format!("TLS is on offer, and does not come about: {why}"), OFFER);
            }
            Tls::Old => self.weak("TLS of versions before 1.2 alone", "allow TLS 1.2 and 1.3"),
        }
    }

    /// A port of clear text beside TLS is there to lead to it.
    fn leads_to_tls(&mut self, said: &Said) {
        let Said::Http(Http { status, location, .. }) = said else { return };
        let is_https = location.as_ref().is_some_and(|to| to.to_ascii_lowercase().starts_with("https://"));
        match status {
            300..=399 if is_https => self.note("leads to https"),
            200..=299 | 401 => self.broken(
                format!("pages are served in clear text (status {status}) instead of leading to https"),
                "answer port 80 with a redirect to https, or close it",
            ),
            _ => self.note(format!("answers {status} in clear text, without leading to https")),
        }
    }

    fn authentication(&mut self, answer: &Answer) {
        if !self.target.promise.authenticated {
            return;
        }
        match &answer.said {
            Said::Xmpp(xmpp) => self.xmpp(xmpp),
            Said::Mysql(mysql) => self.mysql(mysql),
            Said::Postgresql(postgresql) => self.postgresql(postgresql, answer),
            Said::Amqp(amqp) => self.amqp(amqp),
            Said::Redis(redis) => self.redis(redis),
            Said::Memcache(memcache) => self.memcache(memcache),
            Said::Http(http) if self.target.promise.speaks == Speaks::Elasticsearch => self.search(http),
            Said::Http(_) | Said::Sip(_) | Said::NotAsked | Said::Nothing(_) | Said::Foreign(_) => {}
        }
    }

    fn xmpp(&mut self, xmpp: &Xmpp) {
        let offers = |name: &str| xmpp.mechanisms.iter().any(|m| m == name);
        if offers("ANONYMOUS") {
            self.broken("anybody may log in without credentials (SASL ANONYMOUS)", "turn ANONYMOUS off");
        }
        if offers("PLAIN") {
            self.broken(
                "passwords are taken in clear text: SASL PLAIN is on offer before TLS",
                "require STARTTLS before authentication (prosody: c2s_require_encryption = true; \
                 ejabberd: starttls_required: true)",
            );
        }
    }

    fn mysql(&mut self, mysql: &Mysql) {
        if mysql.anonymous == Login::Accepted {
            self.broken(
                "the anonymous user may log in without a password",
                "DROP USER for each row of: SELECT user, host FROM mysql.user WHERE user = ''",
            );
        }
    }

    fn postgresql(&mut self, postgresql: &Postgresql, answer: &Answer) {
        let hba = "set scram-sha-256 for these clients in pg_hba.conf, and reload";
        match &postgresql.demands {
            Demand::Nothing => self.broken("anybody may log in as postgres without a password (trust)", hba),
            Demand::Cleartext if !matches!(answer.tls, Tls::Session(_)) => {
                self.weak("passwords are asked for in clear text", hba);
            }
            Demand::Cleartext | Demand::Proof(_) | Demand::Refused(_) => {}
        }
    }

    fn amqp(&mut self, amqp: &Amqp) {
        if amqp.anonymous == Some(Login::Accepted) {
            self.broken(
                "anybody may log in without credentials (SASL ANONYMOUS)",
                "leave ANONYMOUS out of auth_mechanisms, or set anonymous_login_user = none",
            );
        }
        if amqp.guest == Some(Login::Accepted) {
            self.broken(
                "the user guest has the password that it is shipped with",
                "rabbitmqctl delete_user guest, or give it another password",
            );
        }
    }

    fn redis(&mut self, redis: &Redis) {
        let help = "set a password (requirepass), and keep the port closed to all but the cluster: \
                    rolewall plan shows who may reach it";
        match (&redis.ping, &redis.info) {
            (_, Ok(())) => self.broken("INFO is answered without credentials", help),
            (Ok(()), Err(_)) if self.target.promise.except.is_some() => {
                self.note("PING is answered without credentials, as the page allows; INFO is not");
            }
            (Ok(()), Err(_)) => self.weak("PING is answered without credentials", help),
            (Err(_), Err(_)) => {}
        }
    }

    fn memcache(&mut self, memcache: &Memcache) {
        let help = "bind it to the private network or loopback, and keep the port closed to all but the \
                    cluster; memcached knows passwords only where it is built and set for them (-Y, -S)";
        match (&memcache.stats, &memcache.version) {
            (Ok(()), _) => self.broken("stats is answered without credentials", help),
            (Err(_), Some(_)) => self.note("version is answered without credentials; stats is not"),
            (Err(_), None) => {}
        }
    }

    fn search(&mut self, http: &Http) {
        match http.status {
            200..=299 => self.broken(
                format!("requests are answered without credentials (status {})", http.status),
                "turn authentication on (xpack.security.enabled: true, or the proxy that stands before it)",
            ),
            401 | 403 => {}
            status => self.note(format!("answers {status}, which tells nothing of authentication")),
        }
    }

    /// Where the answer is of no protocol that was expected, nothing can be held against the promise.
    fn protocol(&mut self, said: &Said) {
        let speaks = self.target.promise.speaks;
        match said {
            Said::Foreign(bytes) => {
                self.note(format!("it does not speak {}: it begins with {bytes}", speaks.word()));
            }
            Said::Nothing(why) => self.note(format!("no answer: {why}")),
            Said::Memcache(_) if speaks == Speaks::Redis => self.note("it speaks memcache's protocol"),
            _ => {}
        }
    }
}

/// Whether something was said in the protocol itself.
fn answers(said: &Said) -> bool {
    !matches!(said, Said::NotAsked | Said::Nothing(_) | Said::Foreign(_))
}

#[cfg(test)]
mod tests;
