//! What a service promises whoever asks it: its protocol, encryption, and whether it wants credentials.
//! Not here: asking it, and what an answer means (the binary's `audit`).

use super::Status;
use super::parse::Parsing;
use crate::PortRange;
use crate::read::Value;

/// What an endpoint of a service claims to do when it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// The protocol.
    pub speaks: Speaks,
    /// Encryption.
    pub encrypted: Encrypted,
    /// Whether nothing is done for who has no credentials.
    pub authenticated: bool,
    /// What the source itself says is possible without them.
    pub except: Option<String>,
    /// Ports on which clear text is expected all the same: HTTP that leads to HTTPS.
    pub plain: Vec<PortRange>,
    /// Whether the source says so or we infer it.
    pub status: Status,
    /// The page, or the reason where it is assumed.
    pub source: String,
}

/// A protocol, as far as it can be asked something harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Speaks {
    Amqp,
    Elasticsearch,
    Http,
    Https,
    Memcache,
    Mysql,
    Postgresql,
    Redis,
    Sip,
    Sips,
    Xmpp,
    /// Between servers (`jabber:server`).
    XmppServer,
}

/// How far a service is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encrypted {
    /// Nothing but TLS.
    Always,
    /// TLS is on offer: who wants it has it.
    Optional,
    /// Nothing is promised.
    No,
}

const SPEAKS: [(&str, Speaks); 12] = [
    ("amqp", Speaks::Amqp),
    ("elasticsearch", Speaks::Elasticsearch),
    ("http", Speaks::Http),
    ("https", Speaks::Https),
    ("memcache", Speaks::Memcache),
    ("mysql", Speaks::Mysql),
    ("postgresql", Speaks::Postgresql),
    ("redis", Speaks::Redis),
    ("sip", Speaks::Sip),
    ("sips", Speaks::Sips),
    ("xmpp", Speaks::Xmpp),
    ("xmpp-server", Speaks::XmppServer),
];
const ENCRYPTED: [(&str, Encrypted); 3] =
    [("always", Encrypted::Always), ("optional", Encrypted::Optional), ("no", Encrypted::No)];

const KEYS: [&str; 7] = ["speaks", "encrypted", "authenticated", "except", "plain", "status", "source"];
const REQUIRED: [&str; 5] = ["speaks", "encrypted", "authenticated", "status", "source"];

impl Speaks {
    /// Its word in a role file.
    pub fn word(self) -> &'static str {
        SPEAKS.iter().find(|(_, speaks)| *speaks == self).map_or("", |(word, _)| word)
    }
}

impl Encrypted {
    /// Its word in a role file.
    pub fn word(self) -> &'static str {
        ENCRYPTED.iter().find(|(_, encrypted)| *encrypted == self).map_or("", |(word, _)| word)
    }
}

impl Parsing<'_, '_, '_> {
    /// The value of `promise`. Its clear-text ports are held against the service's by [`Self::plain_is_ours`].
    pub(super) fn promise(&mut self, value: &Value<'_>) -> Option<Promise> {
        let example = "[service.promise] with its keys below it";
        let table = self.reader.table(value, "a table", example)?;
        let (mut speaks, mut encrypted, mut authenticated) = (None, None, None);
        let (mut except, mut plain) = (None, Vec::new());
        for (key, value) in table {
            match &**key.get_ref() {
                "speaks" => speaks = self.reader.choice(value, &SPEAKS),
                "encrypted" => encrypted = self.reader.choice(value, &ENCRYPTED),
                "authenticated" => authenticated = self.reader.boolean(value, "authenticated = true"),
                "except" => except = self.text(value, "except = \"what works without credentials\""),
                "plain" => plain = self.ports(value, "plain = [\"tcp/80\"]"),
                "status" | "source" => {}
                _ => self.reader.unknown(key, "[service.promise]", &KEYS),
            }
        }
        let span = self.reader.span(value);
        self.required(table, &REQUIRED, &span, "[service.promise]");
        let (status, source) = self.founded(table);
        Some(Promise {
            speaks: speaks?,
            encrypted: encrypted?,
            authenticated: authenticated?,
            except,
            plain,
            status: status?,
            source: source?,
        })
    }

    /// A promise about a port that the service has not would never be looked at.
    pub(super) fn plain_is_ours(
        &mut self,
        value: Option<&Value<'_>>,
        promise: &Promise,
        ports: &[PortRange],
    ) {
        let is_ours = |range: &&PortRange| ports.iter().any(|port| port.overlaps(**range));
        let (Some(value), Some(range)) = (value, promise.plain.iter().find(|range| !is_ours(range))) else {
            return;
        };
        let what = || format!("{range} is no port of this service");
        self.reader
            .wrong(self.reader.span(value), what, || "`plain` names some of its `ports` or `also`".into());
    }
}
