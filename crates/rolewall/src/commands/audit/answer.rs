//! What an endpoint answered, as far as a promise can be held against it.
//! Not here: how it was asked (`ask`), and what it means (`judge`).

use std::net::SocketAddr;

/// All that came of asking one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// What was asked, in order.
    pub(crate) asked: Vec<&'static str>,
    /// Where it was reached.
    pub(crate) reached: Reached,
    /// What became of TLS.
    pub(crate) tls: Tls,
    /// What it said in its own protocol.
    pub(crate) said: Said,
}

/// Whether anything took a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reached {
    /// At this address.
    At(SocketAddr),
    /// Nowhere; each address with what the system said.
    Nowhere(Vec<(SocketAddr, String)>),
}

/// What became of a TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tls {
    /// None was tried.
    NotAsked,
    /// It was completed.
    Session(Box<Session>),
    /// Bytes came that are no TLS.
    Clear(String),
    /// It is TLS, and only of versions before 1.2.
    Old,
    /// It is TLS, and no session came about.
    Refused(String),
    /// Nothing came.
    Nothing(String),
}

/// A TLS session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// `TLS 1.3`
    pub(crate) version: &'static str,
    /// The suite, by IANA's name.
    pub(crate) suite: String,
    /// The server's own certificate.
    pub(crate) certificate: Option<Certificate>,
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Certificate {
    /// Its subject's common name.
    pub(crate) subject: Option<String>,
    /// The names that it is for.
    pub(crate) names: Vec<String>,
    /// The name that was asked for, if it is not for that one.
    pub(crate) misses: Option<String>,
    /// Issuer and subject are the same.
    pub(crate) is_self_signed: bool,
    /// In seconds since 1970.
    pub(crate) not_before_s: Option<u64>,
    /// In seconds since 1970.
    pub(crate) not_after_s: Option<u64>,
}

/// What an endpoint said, by protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nothing was asked but the handshake.
    NotAsked,
    /// No answer, and why.
    Nothing(String),
    /// Something that is not the protocol: how it begins.
    Foreign(String),
    Http(Http),
    Sip(Sip),
    Xmpp(Xmpp),
    Mysql(Mysql),
    Postgresql(Postgresql),
    Amqp(Amqp),
    Redis(Redis),
    Memcache(Memcache),
}

/// Head of an answer over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Http {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) server: Option<String>,
}

/// First line of an answer over SIP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sip {
    pub(crate) status: u16,
    pub(crate) reason: String,
}

/// The beginning of an XMPP stream, before TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Xmpp {
    /// The domain that the server calls itself.
    pub(crate) from: Option<String>,
    /// Why it ended the stream: the name of the condition.
    pub(crate) error: Option<String>,
    pub(crate) starttls: StartTls,
    /// SASL mechanisms on offer before TLS.
    pub(crate) mechanisms: Vec<String>,
}

/// STARTTLS among a stream's features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartTls {
    Absent,
    Optional,
    Required,
}

/// What became of an attempt to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Login {
    /// It was let in.
    Accepted,
    /// It was not; in the server's words.
    Refused(String),
}

/// The greeting of MySQL or MariaDB, and the login of an anonymous user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mysql {
    /// None where the server turned this host away instead of greeting it.
    pub(crate) version: Option<String>,
    pub(crate) offers_tls: bool,
    pub(crate) anonymous: Login,
}

/// PostgreSQL's answers before credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Postgresql {
    pub(crate) offers_tls: bool,
    pub(crate) demands: Demand,
}

/// What PostgreSQL wants of who says to be `postgres`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Nothing: authentication method `trust`.
    Nothing,
    /// A password in clear text.
    Cleartext,
    /// Something that does not give the password away.
    Proof(&'static str),
    /// It is turned away.
    Refused(String),
}

/// The beginning of an AMQP 0-9-1 connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Amqp {
    pub(crate) product: Option<String>,
    pub(crate) mechanisms: Vec<String>,
    /// Without credentials, where that is on offer.
    pub(crate) anonymous: Option<Login>,
    /// As `guest` with the password `guest`, where that was asked for.
    pub(crate) guest: Option<Login>,
}

/// A store that speaks Redis' protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redis {
    /// `PING` was answered without credentials; else what was said instead.
    pub(crate) ping: Result<(), String>,
    /// The same of `INFO`.
    pub(crate) info: Result<(), String>,
    pub(crate) version: Option<String>,
}

/// A memory cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Memcache {
    pub(crate) version: Option<String>,
    /// `stats` was answered without credentials; else what was said instead.
    pub(crate) stats: Result<(), String>,
}
