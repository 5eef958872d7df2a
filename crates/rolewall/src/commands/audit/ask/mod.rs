//! Asking one endpoint: which connections are made, and what is asked over them in which order.
//! Not here: who is asked (`targets`), and what an answer means (`judge`).
//!
//! Every question is read-only. Logins are tried with no credentials at all: a server that refuses one
//! writes a line to its log.

pub(crate) mod amqp;
#[cfg(test)]
mod any;
pub(crate) mod certificate;
pub(crate) mod channel;
pub(crate) mod http;
pub(crate) mod memcache;
pub(crate) mod mysql;
pub(crate) mod postgresql;
pub(crate) mod redis;
pub(crate) mod sip;
pub(crate) mod tls;
pub(crate) mod xmpp;

use super::answer::{Answer, Reached, Said, StartTls, Tls, Xmpp};
use super::targets::Target;
use channel::{Channel, Stop};
use http::Method;
use rolewall_policy::Speaks;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use xmpp::Side;

/// How endpoints are asked.
#[derive(Debug, Clone)]
pub(crate) struct How {
    /// For each connection, from connecting to the last answer.
    pub(crate) timeout: Duration,
    /// No connection lasts longer than this.
    pub(crate) until: Instant,
    /// The name that clients call the cluster by.
    pub(crate) domain: Option<String>,
    /// Log in with credentials that products ship with.
    pub(crate) try_defaults: bool,
}

/// Asks an endpoint all that its promise is about.
pub(crate) fn ask(target: &Target, how: &How) -> Answer {
    let mut refusals = Vec::new();
    for address in &target.addresses {
        match Channel::open(*address, deadline(how)) {
            Ok(channel) => return Visit::new(target, how, *address, channel).converse(),
            Err(error) => refusals.push((*address, crate::failure::in_words(&error))),
        }
    }
    let reached = Reached::Nowhere(refusals);
    Answer { asked: vec!["a TCP connection"], reached, tls: Tls::NotAsked, said: Said::NotAsked }
}

fn deadline(how: &How) -> Instant {
    how.until.min(Instant::now() + how.timeout)
}

/// One endpoint that took a connection.
struct Visit<'a> {
    target: &'a Target,
    how: &'a How,
    address: SocketAddr,
    /// The connection by which it was found.
    ready: Option<Channel>,
    asked: Vec<&'static str>,
    tls: Tls,
}

impl<'a> Visit<'a> {
    fn new(target: &'a Target, how: &'a How, address: SocketAddr, channel: Channel) -> Visit<'a> {
        Visit { target, how, address, ready: Some(channel), asked: Vec::new(), tls: Tls::NotAsked }
    }

    /// TLS first where it is promised; else the protocol first, and TLS where that brings no answer.
    fn converse(mut self) -> Answer {
        let within =
            if self.target.expects_tls() && !self.target.begins_clear() { self.within_tls() } else { None };
        let said = match within {
            Some(said) => said,
            None => self.in_clear(),
        };
        Answer { asked: self.asked, reached: Reached::At(self.address), tls: self.tls, said }
    }

    /// What is said within TLS; none where no session comes about.
    fn within_tls(&mut self) -> Option<Said> {
        self.asked.push("a TLS handshake");
        let mut channel = self.open().ok()?;
        self.tls = channel.secure(self.domain());
        if !channel.is_tls() {
            return None;
        }
        // A page behind a certificate is not read.
        if self.target.promise.speaks == Speaks::Https {
            return Some(Said::NotAsked);
        }
        Some(self.talk(&mut channel).unwrap_or_else(|stop| unsaid(&stop)))
    }

    fn in_clear(&mut self) -> Said {
        let spoken = self.open().and_then(|mut channel| self.talk(&mut channel));
        let stop = match spoken {
            Ok(said) => return said,
            Err(stop) => stop,
        };
        let may_be_tls = match &stop {
            Stop::Foreign(bytes) => tls::is_record(bytes),
            Stop::Silent | Stop::Closed => true,
            Stop::TooLong | Stop::Failed(_) => false,
        };
        let untried = matches!(self.tls, Tls::NotAsked);
        let within = if may_be_tls && untried { self.within_tls() } else { None };
        within.unwrap_or_else(|| unsaid(&stop))
    }

    fn talk(&mut self, channel: &mut Channel) -> Result<Said, Stop> {
        match self.target.promise.speaks {
            Speaks::Http | Speaks::Https => {
                self.asked.push("HEAD /");
                http::ask(channel, Method::Head, self.domain()).map(Said::Http)
            }
            Speaks::Elasticsearch => {
                self.asked.push("GET / without credentials");
                http::ask(channel, Method::Get, self.domain()).map(Said::Http)
            }
            Speaks::Sip | Speaks::Sips => {
                self.asked.push("OPTIONS");
                sip::ask(channel).map(Said::Sip)
            }
            Speaks::Xmpp => self.talk_xmpp(channel, Side::Client),
            Speaks::XmppServer => self.talk_xmpp(channel, Side::Server),
            Speaks::Mysql => {
                self.asked.push("the greeting, and a login as '' without a password");
                mysql::ask(channel).map(Said::Mysql)
            }
            Speaks::Postgresql => {
                self.asked.push("SSLRequest, and a login as postgres without a password");
                let (said, tls) = postgresql::ask(channel, self.how.domain.as_deref())?;
                self.note_tls(tls);
                Ok(Said::Postgresql(said))
            }
            Speaks::Amqp => self.talk_amqp(channel),
            Speaks::Redis => self.talk_redis(channel),
            Speaks::Memcache => self.talk_memcache(channel),
        }
    }

    fn talk_amqp(&mut self, channel: &mut Channel) -> Result<Said, Stop> {
        self.asked.push("the mechanisms of authentication");
        let mut said = amqp::ask(channel)?;
        if said.anonymous.is_some() {
            self.asked.push("a login without credentials");
        }
        if self.how.try_defaults {
            self.asked.push("a login as guest with the password guest");
            said.guest = self.again(channel).and_then(|mut again| amqp::ask_guest(&mut again)).ok();
        }
        Ok(Said::Amqp(said))
    }

    fn talk_redis(&mut self, channel: &mut Channel) -> Result<Said, Stop> {
        self.asked.push("PING and INFO without credentials");
        match redis::ask(channel)? {
            Some(said) => Ok(Said::Redis(said)),
            None => self.talk_memcache(channel),
        }
    }

    fn talk_memcache(&mut self, channel: &mut Channel) -> Result<Said, Stop> {
        self.asked.push("version and stats without credentials");
        memcache::ask(channel).map(Said::Memcache)
    }

    /// The domain is the operator's word; else a usual one, and then the one that the server calls itself.
    fn talk_xmpp(&mut self, channel: &mut Channel, side: Side) -> Result<Said, Stop> {
        const USUAL: &str = "localhost";
        self.asked.push("the features of a stream");
        let mut said = xmpp::open(channel, side, self.domain().unwrap_or(USUAL))?;
        if let Some(from) = self.other_domain(&said) {
            let mut again = self.again(channel)?;
            said = xmpp::open(&mut again, side, &from)?;
            *channel = again;
        }
        if said.starttls != StartTls::Absent {
            self.asked.push("STARTTLS");
            let tls = xmpp::start_tls(channel, self.domain().or(said.from.as_deref()));
            self.note_tls(tls.unwrap_or_else(|stop| Tls::Refused(stop.words())));
        }
        Ok(Said::Xmpp(said))
    }

    /// Where the stream was to a domain that is not served here, the one that it came from.
    fn other_domain(&self, said: &Xmpp) -> Option<String> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        let from = said.from.as_ref().filter(|_| said.error.is_some())?;
        (!from.is_empty() && from.chars().all(is_name)).then(|| from.clone())
    }

    /// A handshake inside the protocol; one around it stays what is told.
    fn note_tls(&mut self, tls: Tls) {
        if !matches!(tls, Tls::NotAsked) {
            self.tls = tls;
        }
    }

    fn open(&mut self) -> Result<Channel, Stop> {
        match self.ready.take() {
            Some(channel) => Ok(channel),
            None => Channel::open(self.address, deadline(self.how))
                .map_err(|error| Stop::Failed(crate::failure::in_words(&error))),
        }
    }

    /// Another connection like this one.
    fn again(&mut self, like: &Channel) -> Result<Channel, Stop> {
        let mut channel = self.open()?;
        if like.is_tls() {
            channel.secure(self.domain());
        }
        Ok(channel)
    }

    fn domain(&self) -> Option<&'a str> {
        self.how.domain.as_deref()
    }
}

fn unsaid(stop: &Stop) -> Said {
    match stop {
        Stop::Foreign(bytes) => Said::Foreign(channel::excerpt(bytes)),
        Stop::Silent | Stop::Closed | Stop::TooLong | Stop::Failed(_) => Said::Nothing(stop.words()),
    }
}
