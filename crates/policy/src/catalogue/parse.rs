//! One role file, read.
//! Not here: its services and needs (`entries`), and what can only be said beside other roles (`merge`).

use super::{Origin, PublicReach, Role, RoleName, Service, Status};
use crate::PortRange;
use crate::problem::{Gather, Text};
use crate::read::{Reader, Span, Table, Value, documents, quote};

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

pub(super) struct Parsing<'p, 'r, 't> {
    pub(super) reader: &'p mut Reader<'r, 't>,
    pub(super) references: Vec<Reference>,
}

/// The `[role]` table.
pub(super) struct Head {
    pub(super) name: (String, Span),
    title: Option<String>,
    aliases: Vec<(String, Span)>,
    pub(super) public: PublicReach,
}

const FILE_KEYS: [&str; 3] = ["role", "service", "need"];
const ROLE_KEYS: [&str; 4] = ["name", "title", "aliases", "public"];

const REACHES: [(&str, PublicReach); 3] = [
    ("customers", PublicReach::Customers),
    ("admin-on-request", PublicReach::AdminOnRequest),
    ("never", PublicReach::Never),
];
const STATUSES: [(&str, Status); 2] = [("documented", Status::Documented), ("assumed", Status::Assumed)];

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
    pub(super) fn each<'v, 's>(&mut self, value: &'v Value<'s>, header: &str) -> Vec<(&'v Table<'s>, Span)> {
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

    pub(super) fn required(&mut self, table: &Table<'_>, keys: &[&str], at: &Span, of: &str) {
        let absent: Vec<&str> = keys.iter().copied().filter(|key| !table.contains_key(*key)).collect();
        if !absent.is_empty() {
            let what = || format!("{of} has no {}", absent.join(", "));
            let examples = absent.iter().map(|key| key_example(key)).collect::<Vec<_>>();
            self.reader.missing(at.clone(), what, || format!("add {}", examples.join(", ")));
        }
    }

    /// Ports of something that is nothing without any.
    pub(super) fn ports(&mut self, value: &Value<'_>, example: &str) -> Vec<PortRange> {
        if value.get_ref().as_array().is_some_and(|list| list.is_empty()) {
            let what = || "an empty list of ports".into();
            self.reader.wrong(self.reader.span(value), what, || format!("for example {example}"));
        }
        self.reader.ports(value, example)
    }

    pub(super) fn text(&mut self, value: &Value<'_>, example: &str) -> Option<String> {
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

    pub(super) fn name(&mut self, value: &Value<'_>) -> Option<(String, Span)> {
        let span = self.reader.span(value);
        let name = self.reader.string(value, "a string", "name = \"jabber\"")?;
        self.checked_name(name, span)
    }

    fn aliases(&mut self, value: &Value<'_>) -> Vec<(String, Span)> {
        let aliases = self.reader.strings(value, "names", "aliases = [\"xmpp\"]");
        aliases.into_iter().filter_map(|(alias, span)| self.checked_name(alias, span)).collect()
    }

    pub(super) fn checked_name(&mut self, name: &str, span: Span) -> Option<(String, Span)> {
        if !is_name(name) {
            let what = || format!("{} is no name of a role or service", quote(name));
            let help = "a letter, then letters, digits and dashes, all lower case; at most 32 characters";
            self.reader.wrong(span, what, || help.into());
            return None;
        }
        Some((name.to_owned(), span))
    }

    /// What a table rests on; none where something of it is not there or is wrong.
    pub(super) fn origin(&mut self, table: &Table<'_>) -> Option<Origin> {
        let purpose = table.get("purpose").and_then(|v| self.text(v, "purpose = \"what it is for\""));
        let (status, source) = self.founded(table);
        Some(Origin { purpose: purpose?, status: status?, source: source? })
    }

    /// How well a table is founded, and on what.
    pub(super) fn founded(&mut self, table: &Table<'_>) -> (Option<Status>, Option<String>) {
        let status = table.get("status").and_then(|v| self.reader.choice(v, &STATUSES));
        let source = table.get("source").and_then(|v| self.text(v, "source = \"https://…\""));
        (status, source)
    }
}

pub(super) fn is_name(name: &str) -> bool {
    const NAME_BYTES_MAX: usize = 32;
    let mut bytes = name.bytes();
    name.len() <= NAME_BYTES_MAX
        && bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
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
        "speaks" => "speaks = \"https\"",
        "encrypted" => "encrypted = \"no\"",
        "authenticated" => "authenticated = true",
        _ => "reason = \"why these figures\"",
    }
}
