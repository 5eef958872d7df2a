//! One role file, read.
//! Not here: what can only be said beside the other roles (`merge`).

use super::{Client, Limit, Need, Network, Origin, PublicReach, Role, RoleName, Service, Status, Who};
use crate::problem::{Gather, Text};
use crate::read::{Reader, Span, Table, Value, documents, quote};
use crate::{PortRange, Proto};

/// A role as its file has it, with the places of what other roles can contradict.
pub(super) struct Draft {
    pub(super) role: Role,
    pub(super) name: Span,
    pub(super) aliases: Vec<Span>,
    /// Of each service.
    pub(super) services: Vec<Span>,
    /// Where another role is named.
    pub(super) references: Vec<Reference>,
}

/// A `role:NAME`.
pub(super) struct Reference {
    pub(super) at: Span,
    pub(super) name: String,
    pub(super) of: Referrer,
}

/// Who names another role, by position.
#[derive(Clone, Copy)]
pub(super) enum Referrer {
    Client { service: usize, client: usize },
    Need(usize),
}

/// Reads a role file. None where it has no name to be known by.
pub(super) fn parse(text: &Text<'_>, gather: &mut Gather) -> Option<Draft> {
    let mut draft = None;
    documents(text, None, gather, |document, gather| {
        let (mut reader, table) = Reader::of(text, document, gather);
        draft = Parsing { reader: &mut reader, references: Vec::new() }.file(&table, text);
    });
    draft
}

struct Parsing<'p, 'r, 't> {
    reader: &'p mut Reader<'r, 't>,
    references: Vec<Reference>,
}

/// The `[role]` table.
struct Head {
    name: (String, Span),
    title: Option<String>,
    aliases: Vec<(String, Span)>,
    public: PublicReach,
}

const FILE_KEYS: [&str; 3] = ["role", "service", "need"];
const ROLE_KEYS: [&str; 4] = ["name", "title", "aliases", "public"];
const SERVICE_KEYS: [&str; 10] =
    ["name", "ports", "also", "processes", "media", "purpose", "status", "source", "limit", "client"];
const CLIENT_KEYS: [&str; 5] = ["who", "network", "purpose", "status", "source"];
const NEED_KEYS: [&str; 6] = ["name", "ports", "to", "purpose", "status", "source"];
const LIMIT_KEYS: [&str; 3] = ["new_per_second", "burst", "reason"];

const REACHES: [(&str, PublicReach); 3] = [
    ("customers", PublicReach::Customers),
    ("admin-on-request", PublicReach::AdminOnRequest),
    ("never", PublicReach::Never),
];
const NETWORKS: [(&str, Network); 2] = [("private", Network::Private), ("public", Network::Public)];
const STATUSES: [(&str, Status); 2] = [("documented", Status::Documented), ("assumed", Status::Assumed)];

/// More new flows a second than a node can hold are no limit.
const LIMIT_MAX: u32 = 1_000_000;

impl Parsing<'_, '_, '_> {
    fn file(mut self, table: &Table<'_>, text: &Text<'_>) -> Option<Draft> {
        let mut head = None;
        let (mut services, mut needs) = (Vec::new(), Vec::new());
        for (key, value) in table {
            match &**key.get_ref() {
                "role" => head = self.head(value),
                "service" => services = self.each(value, "[[service]]"),
                "need" => needs = self.each(value, "[[need]]"),
                _ => self.reader.unknown_at_top(key, "a role file", &FILE_KEYS),
            }
        }
        if !table.contains_key("role") {
            self.reader.missing(0..0, || "this role file has no [role] table".into(), head_example);
        }
        let services: Vec<(Service, Span)> =
            services.iter().enumerate().filter_map(|(i, s)| self.service(s, i, head.as_ref())).collect();
        self.shared_ports(&services);
        let needs = needs.iter().enumerate().filter_map(|(i, n)| self.need(n, i)).collect::<Vec<_>>();
        self.shared_names(&needs);
        let head = head?;
        let (aliases, alias_spans) = head.aliases.into_iter().unzip();
        let (services, service_spans) = services.into_iter().unzip();
        let title = head.title.unwrap_or_else(|| head.name.0.clone());
        let role = Role {
            name: RoleName(head.name.0),
            title,
            aliases,
            public: head.public,
            services,
            needs: needs.into_iter().map(|(need, _)| need).collect(),
            file: text.path().display().to_string(),
        };
        let references = self.references;
        Some(Draft { role, name: head.name.1, aliases: alias_spans, services: service_spans, references })
    }

    /// The tables of a list of tables.
    fn each<'v, 's>(&mut self, value: &'v Value<'s>, header: &str) -> Vec<(&'v Table<'s>, Span)> {
        let example = format!("{header} with its keys below it");
        let Some(list) = self.reader.list(value, "tables", &example) else { return Vec::new() };
        let tables =
            list.iter().map(|entry| (self.reader.table(entry, "a table", &example), self.reader.span(entry)));
        tables.filter_map(|(table, span)| Some((table?, span))).collect()
    }

    fn head(&mut self, value: &Value<'_>) -> Option<Head> {
        let table = self.reader.table(value, "a table", "[role] with its keys below it")?;
        let (mut name, mut title, mut aliases, mut public) = (None, None, Vec::new(), None);
        for (key, value) in table {
            match &**key.get_ref() {
                "name" => name = self.name(value),
                "title" => title = self.text(value, "title = \"Jabber\""),
                "aliases" => aliases = self.aliases(value),
                "public" => public = self.reader.choice(value, &REACHES),
                _ => self.reader.unknown(key, "[role]", &ROLE_KEYS),
            }
        }
        let span = self.reader.span(value);
        self.required(table, &["name", "title", "public"], &span, "[role]");
        Some(Head { name: name?, title, aliases, public: public? })
    }

    fn required(&mut self, table: &Table<'_>, keys: &[&str], at: &Span, of: &str) {
        let absent: Vec<&str> = keys.iter().copied().filter(|key| !table.contains_key(*key)).collect();
        if !absent.is_empty() {
            let what = || format!("{of} has no {}", absent.join(", "));
            let examples = absent.iter().map(|key| key_example(key)).collect::<Vec<_>>();
            self.reader.missing(at.clone(), what, || format!("add {}", examples.join(", ")));
        }
    }

    /// Ports of something that is nothing without any.
    fn ports(&mut self, value: &Value<'_>, example: &str) -> Vec<PortRange> {
        if value.get_ref().as_array().is_some_and(|list| list.is_empty()) {
            let what = || "an empty list of ports".into();
            self.reader.wrong(self.reader.span(value), what, || format!("for example {example}"));
        }
        self.reader.ports(value, example)
    }

    fn text(&mut self, value: &Value<'_>, example: &str) -> Option<String> {
        let span = self.reader.span(value);
        let text = self.reader.string(value, "a string", example)?;
        if text.trim().is_empty() {
            self.reader.wrong(
                span,
                || "expected words, found an empty string".into(),
                || format!("for example {example}"),
            );
            return None;
        }
        Some(text.to_owned())
    }

    fn name(&mut self, value: &Value<'_>) -> Option<(String, Span)> {
        let span = self.reader.span(value);
        let name = self.reader.string(value, "a string", "name = \"jabber\"")?;
        self.checked_name(name, span)
    }

    fn aliases(&mut self, value: &Value<'_>) -> Vec<(String, Span)> {
        let aliases = self.reader.strings(value, "names", "aliases = [\"xmpp\"]");
        aliases.into_iter().filter_map(|(alias, span)| self.checked_name(alias, span)).collect()
    }

    fn checked_name(&mut self, name: &str, span: Span) -> Option<(String, Span)> {
        if !is_name(name) {
            let what = || format!("{} is no name of a role or service", quote(name));
            let help = "a letter, then letters, digits and dashes, all lower case; at most 32 characters";
            self.reader.wrong(span, what, || help.into());
            return None;
        }
        Some((name.to_owned(), span))
    }

    fn service(
        &mut self,
        (table, at): &(&Table<'_>, Span),
        index: usize,
        head: Option<&Head>,
    ) -> Option<(Service, Span)> {
        let (mut name, mut ports, mut also, mut processes) = (None, Vec::new(), Vec::new(), Vec::new());
        let (mut media, mut limit, mut clients) = (false, None, Vec::new());
        for (key, value) in *table {
            match &**key.get_ref() {
                "name" => name = self.name(value),
                "ports" => ports = self.ports(value, "ports = [\"tcp/5222\"]"),
                "also" => also = self.reader.ports(value, "also = [\"tcp/6379\"]"),
                "processes" => processes = self.processes(value),
                "media" => media = self.reader.boolean(value, "media = true").unwrap_or(false),
                "limit" => limit = self.limit(value),
                "client" => clients = self.each(value, "[[service.client]]"),
                "purpose" | "status" | "source" => {}
                _ => self.reader.unknown(key, "[[service]]", &SERVICE_KEYS),
            }
        }
        self.required(table, &["name", "ports", "purpose", "status", "source"], at, "[[service]]");
        let origin = self.origin(table);
        self.media_is_udp(table, media, &ports);
        let mut read = Vec::with_capacity(clients.len());
        for (position, client) in clients.iter().enumerate() {
            let place = Referrer::Client { service: index, client: position };
            read.extend(self.client(client, place, head, origin.as_ref()));
        }
        self.repeated_clients(&read);
        let (name, span) = name?;
        let clients = read.into_iter().map(|(client, _)| client).collect();
        let service = Service { name, ports, also, processes, media, clients, limit, origin: origin? };
        Some((service, span))
    }

    fn processes(&mut self, value: &Value<'_>) -> Vec<String> {
        let names = self.reader.strings(value, "process names", "processes = [\"ejabberd\"]");
        names.into_iter().map(|(name, _)| name.to_owned()).collect()
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

    /// What a table rests on; none where something of it is not there or is wrong.
    fn origin(&mut self, table: &Table<'_>) -> Option<Origin> {
        let purpose = table.get("purpose").and_then(|v| self.text(v, "purpose = \"what it is for\""));
        let status = table.get("status").and_then(|v| self.reader.choice(v, &STATUSES));
        let source = table.get("source").and_then(|v| self.text(v, "source = \"https://…\""));
        Some(Origin { purpose: purpose?, status: status?, source: source? })
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

    fn need(&mut self, (table, at): &(&Table<'_>, Span), index: usize) -> Option<(Need, Span)> {
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
    fn shared_ports(&mut self, services: &[(Service, Span)]) {
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

    fn shared_names(&mut self, needs: &[(Need, Span)]) {
        for (later, (need, at)) in needs.iter().enumerate() {
            if needs[..later].iter().any(|(other, _)| other.name == need.name) {
                let what = format!("two needs are called `{}`", need.name);
                self.reader.wrong(at.clone(), || what, || "give one of them another name".into());
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    const NAME_BYTES_MAX: usize = 32;
    let mut bytes = name.bytes();
    name.len() <= NAME_BYTES_MAX
        && bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn quoted_name(word: &str) -> &str {
    if is_name(word) { word } else { "web" }
}

fn head_example() -> String {
    "begin with [role], then name = \"…\", title = \"…\", public = \"never\"".into()
}

fn key_example(key: &str) -> &'static str {
    match key {
        "name" => "name = \"…\"",
        "title" => "title = \"…\"",
        "public" => "public = \"never\"",
        "ports" => "ports = [\"tcp/…\"]",
        "purpose" => "purpose = \"what it is for\"",
        "status" => "status = \"assumed\"",
        "source" => "source = \"the page that says so, or the reason to assume it\"",
        "who" => "who = \"role:…\"",
        "network" => "network = \"private\"",
        "to" => "to = \"public\"",
        "new_per_second" => "new_per_second = 20",
        "burst" => "burst = 40",
        _ => "reason = \"why these figures\"",
    }
}
