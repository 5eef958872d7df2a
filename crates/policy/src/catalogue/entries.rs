//! The `[[service]]`, `[[service.client]]` and `[[need]]` tables of a role file.
//! Not here: the file and its `[role]` table (`parse`).

use super::parse::{Head, Parsing, Reference, Referrer, is_name};
use super::{Client, Limit, Need, Network, Origin, PublicReach, RoleName, Service, Who, Word};
use crate::read::{Span, Table, Value, nearest, quote};
use crate::{PortRange, Proto};
use rolewall_evidence::programs;

const SERVICE_KEYS: [&str; 12] = [
    "name",
    "ports",
    "also",
    "processes",
    "evidence",
    "media",
    "purpose",
    "status",
    "source",
    "limit",
    "client",
    "promise",
];
const CLIENT_KEYS: [&str; 5] = ["who", "network", "purpose", "status", "source"];
const NEED_KEYS: [&str; 6] = ["name", "ports", "to", "purpose", "status", "source"];
const LIMIT_KEYS: [&str; 3] = ["new_per_second", "burst", "reason"];

const NETWORKS: [(&str, Network); 2] = [("private", Network::Private), ("public", Network::Public)];

/// More new flows a second than a node can hold are no limit.
const LIMIT_MAX: u32 = 1_000_000;

impl Parsing<'_, '_, '_> {
    pub(super) fn service(
        &mut self,
        (table, at): &(&Table<'_>, Span),
        index: usize,
        head: Option<&Head>,
    ) -> Option<(Service, Span)> {
        let (mut name, mut ports, mut also, mut processes) = (None, Vec::new(), Vec::new(), Vec::new());
        let (mut media, mut limit, mut clients) = (false, None, Vec::new());
        let mut evidence = Vec::new();
        let mut promise = None;
        for (key, value) in *table {
            match &**key.get_ref() {
                "name" => name = self.name(value),
                "ports" => ports = self.ports(value, "ports = [\"tcp/5222\"]"),
                "also" => also = self.reader.ports(value, "also = [\"tcp/6379\"]"),
                "processes" => processes = self.processes(value),
                "evidence" => evidence = self.evidence(value),
                "media" => media = self.reader.boolean(value, "media = true").unwrap_or(false),
                "limit" => limit = self.limit(value),
                "promise" => promise = self.promise(value),
                "client" => clients = self.each(value, "[[service.client]]"),
                "purpose" | "status" | "source" => {}
                _ => self.reader.unknown(key, "[[service]]", &SERVICE_KEYS),
            }
        }
        self.required(table, &["name", "ports", "purpose", "status", "source"], at, "[[service]]");
        let origin = self.origin(table);
        self.media_is_udp(table, media, &ports);
        if let Some(promise) = &promise {
            self.plain_is_ours(table.get("promise"), promise, &[&ports[..], &also[..]].concat());
        }
        let mut read = Vec::with_capacity(clients.len());
        for (position, client) in clients.iter().enumerate() {
            let place = Referrer::Client { service: index, client: position };
            read.extend(self.client(client, place, head, origin.as_ref()));
        }
        self.repeated_clients(&read);
        let (name, span) = name?;
        let clients = read.into_iter().map(|(client, _)| client).collect();
        let service = Service {
            name,
            ports,
            also,
            processes,
            evidence,
            media,
            clients,
            limit,
            promise,
            origin: origin?,
        };
        Some((service, span))
    }

    fn processes(&mut self, value: &Value<'_>) -> Vec<String> {
        let names = self.reader.strings(value, "process names", "processes = [\"ejabberd\"]");
        names.into_iter().map(|(name, _)| name.to_owned()).collect()
    }

    /// `program/purpose`: a program whose configuration is read, and a protocol that it is told to speak.
    fn evidence(&mut self, value: &Value<'_>) -> Vec<Word> {
        let words = self.reader.strings(value, "words", "evidence = [\"kamailio/sip\"]");
        let mut read = Vec::with_capacity(words.len());
        for (word, span) in words {
            let (program, purpose) = word.split_once('/').unwrap_or((word, ""));
            match programs::find(program) {
                Some(found) if is_name(purpose) => {
                    read.push(Word { program: found.name.to_owned(), purpose: purpose.to_owned() });
                }
                Some(found) => {
                    let what = format!("expected \"program/purpose\", found {}", quote(word));
                    self.reader.wrong(span, || what, || format!("write \"{}/http\", say", found.name));
                }
                None => {
                    let known = || programs::PROGRAMS.iter().map(|program| program.name);
                    let what = || format!("no configuration of a program {} is read", quote(program));
                    self.reader.wrong(span, what, || match nearest(program, known()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("those that are read: {}", known().collect::<Vec<_>>().join(", ")),
                    });
                }
            }
        }
        read
    }

    fn media_is_udp(&mut self, table: &Table<'_>, media: bool, ports: &[PortRange]) {
        let other = ports.iter().find(|range| range.proto != Proto::Udp);
        if let (true, Some(range), Some(value)) = (media, other, table.get("ports")) {
            let what = format!("a media range is udp, found {range}");
            self.reader.wrong(self.reader.span(value), || what, || "leave out media = true".into());
        }
    }

    fn limit(&mut self, value: &Value<'_>) -> Option<Limit> {
        let example = "limit = { new_per_second = 20, burst = 40, reason = \"why these figures\" }";
        let table = self.reader.table(value, "a table", example)?;
        let (mut new_per_second, mut burst, mut reason) = (None, None, None);
        for (key, value) in table {
            match &**key.get_ref() {
                "new_per_second" => {
                    new_per_second = self.reader.number(value, 1, LIMIT_MAX, "new_per_second = 20")
                }
                "burst" => burst = self.reader.number(value, 1, LIMIT_MAX, "burst = 40"),
                "reason" => reason = self.text(value, "reason = \"why these figures\""),
                _ => self.reader.unknown(key, "limit", &LIMIT_KEYS),
            }
        }
        let span = self.reader.span(value);
        self.required(table, &LIMIT_KEYS, &span, "limit");
        Some(Limit { new_per_second: new_per_second?, burst: burst?, reason: reason? })
    }

    fn client(
        &mut self,
        (table, at): &(&Table<'_>, Span),
        referrer: Referrer,
        head: Option<&Head>,
        service: Option<&Origin>,
    ) -> Option<(Client, Span)> {
        let (mut who, mut network) = (None, None);
        for (key, value) in *table {
            match &**key.get_ref() {
                "who" => who = self.who(value, referrer),
                "network" => {
                    network = self.reader.choice(value, &NETWORKS).map(|n| (n, self.reader.span(value)))
                }
                "purpose" | "status" | "source" => {}
                _ => self.reader.unknown(key, "[[service.client]]", &CLIENT_KEYS),
            }
        }
        self.required(table, &["who", "network"], at, "[[service.client]]");
        let said = ["purpose", "status", "source"].iter().any(|key| table.contains_key(*key));
        let origin = if said {
            self.required(table, &["purpose", "status", "source"], at, "[[service.client]]");
            self.origin(table)
        } else {
            service.cloned()
        };
        let ((who, span), (network, network_span)) = (who?, network?);
        if let Some(head) = head {
            self.reach(&who, network, network_span, head);
        }
        Some((Client { who, network, origin: origin? }, span))
    }

    fn who(&mut self, value: &Value<'_>, referrer: Referrer) -> Option<(Who, Span)> {
        let wanted = "\"public\", \"admin\", \"trunks\", \"every-node\", \"peers\" or \"role:NAME\"";
        let span = self.reader.span(value);
        let word = self.reader.string(value, wanted, "\"role:web\"")?;
        let who = match word {
            "public" => Who::Public,
            "admin" => Who::Admin,
            "trunks" => Who::Trunks,
            "every-node" => Who::EveryNode,
            "peers" => Who::Peers,
            _ => {
                let Some(name) = word.strip_prefix("role:") else {
                    let what = || format!("expected {wanted}, found {}", quote(word));
                    self.reader.wrong(span, what, || {
                        format!("for nodes of a role write \"role:{}\"", quoted_name(word))
                    });
                    return None;
                };
                self.references.push(Reference { at: span.clone(), name: name.to_owned(), of: referrer });
                Who::Role(RoleName(name.to_owned()))
            }
        };
        Some((who, span))
    }

    /// A client on a network on which it cannot be one.
    fn reach(&mut self, who: &Who, network: Network, at: Span, head: &Head) {
        let role = &head.name.0;
        let (what, help) = match (network, who, head.public) {
            (Network::Private, Who::Public, _) => (
                "anybody is no client on the private network, where only nodes and named addresses are"
                    .to_owned(),
                "write network = \"public\", or say who of the private network it is",
            ),
            (Network::Public, Who::EveryNode | Who::Peers | Who::Role(_), _) => (
                "nodes reach each other over the private network alone".to_owned(),
                "write network = \"private\"",
            ),
            (Network::Public, _, PublicReach::Never) => (
                format!("role {role} is never reached over the public network (public = \"never\")"),
                "write network = \"private\", or change `public` in [role]",
            ),
            (Network::Public, Who::Public | Who::Trunks, PublicReach::AdminOnRequest) => (
                format!(
                    "only admin addresses reach role {role} over the public network (public = \"admin-on-request\")"
                ),
                "write who = \"admin\", or change `public` in [role]",
            ),
            _ => return,
        };
        self.reader.wrong(at, || what, || help.into());
    }

    pub(super) fn need(&mut self, (table, at): &(&Table<'_>, Span), index: usize) -> Option<(Need, Span)> {
        let (mut name, mut ports, mut to) = (None, Vec::new(), None);
        for (key, value) in *table {
            match &**key.get_ref() {
                "name" => name = self.name(value),
                "ports" => ports = self.ports(value, "ports = [\"udp/53\"]"),
                "to" => to = self.who(value, Referrer::Need(index)),
                "purpose" | "status" | "source" => {}
                _ => self.reader.unknown(key, "[[need]]", &NEED_KEYS),
            }
        }
        self.required(table, &NEED_KEYS, at, "[[need]]");
        let origin = self.origin(table);
        let ((name, span), (to, _)) = (name?, to?);
        Some((Need { name, ports, to, origin: origin? }, span))
    }
}

impl Parsing<'_, '_, '_> {
    /// Two services of one role on one port: no packet could tell them apart.
    pub(super) fn shared_ports(&mut self, services: &[(Service, Span)]) {
        for (later, (service, at)) in services.iter().enumerate() {
            for (other, _) in &services[..later] {
                let both = super::check::shared_port(service, other);
                if let Some(range) = both {
                    let what =
                        format!("services {} and {} of one role share {range}", other.name, service.name);
                    self.reader.wrong(at.clone(), || what, || "give each port to one of them".into());
                }
            }
        }
    }

    fn repeated_clients(&mut self, clients: &[(Client, Span)]) {
        for (later, (client, at)) in clients.iter().enumerate() {
            let same =
                |(other, _): &(Client, Span)| other.who == client.who && other.network == client.network;
            if clients[..later].iter().any(same) {
                let what = "the same client is named twice on one network";
                self.reader.wrong(at.clone(), || what.into(), || "keep one of the two".into());
            }
        }
    }

    pub(super) fn shared_names(&mut self, needs: &[(Need, Span)]) {
        for (later, (need, at)) in needs.iter().enumerate() {
            if needs[..later].iter().any(|(other, _)| other.name == need.name) {
                let what = format!("two needs are called `{}`", need.name);
                self.reader.wrong(at.clone(), || what, || "give one of them another name".into());
            }
        }
    }
}

fn quoted_name(word: &str) -> &str {
    if is_name(word) { word } else { "web" }
}
