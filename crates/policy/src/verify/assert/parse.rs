//! A file of assertions.
//! Not here: whether they hold.

use super::{Assertion, Claim, Ports};
use crate::problem::{Gather, Text};
use crate::read::{Reader, Span, Table, Value, documents, nearest, prefix, quote};
use crate::verify::ends::End;
use crate::{Catalogue, Inventory, Network, PortRange, Problems, Source};

/// Reads a file of assertions; every name in it must be known. All that is wrong with it comes at once.
pub fn parse(
    source: &Source,
    catalogue: &Catalogue,
    inventory: &Inventory,
) -> Result<Vec<Assertion>, Problems> {
    let mut gather = Gather::default();
    let mut assertions = Vec::new();
    let text = Text::new(source);
    documents(&text, None, &mut gather, |document, gather| {
        let (reader, table) = Reader::of(&text, document, gather);
        Parsing { reader, catalogue, inventory, assertions: &mut assertions }.file(&table);
    });
    if gather.is_empty() && assertions.is_empty() {
        gather.add(|| {
            let help = "write [[deny]] or [[allow]], with from and to below it";
            crate::Problem::of_file(&source.path, "the file has no assertion", help)
        });
    }
    assertions.sort_by_key(|assertion| (assertion.place.line, assertion.place.column));
    gather.or(assertions)
}

struct Parsing<'p, 'r, 't> {
    reader: Reader<'r, 't>,
    catalogue: &'p Catalogue,
    inventory: &'p Inventory,
    assertions: &'p mut Vec<Assertion>,
}

const TABLES: [&str; 2] = ["deny", "allow"];
const KEYS: [&str; 5] = ["name", "from", "to", "ports", "network"];
const NETWORKS: [(&str, Network); 2] = [("private", Network::Private), ("public", Network::Public)];
const FROM: &str = "from = \"public\"";
const TO: &str = "to = \"sql\"";
const PORTS: &str = "ports = [\"tcp/3306\"]";

/// The keys of an assertion, before they are looked at together.
#[derive(Default)]
struct Keys {
    name: Option<String>,
    from: Vec<(End, Span)>,
    to: Vec<(End, Span)>,
    ports: Option<Vec<Ports>>,
    network: Option<Network>,
}

impl Parsing<'_, '_, '_> {
    fn file(mut self, file: &Table<'_>) {
        for (key, value) in file {
            let claim = match &**key.get_ref() {
                "deny" => Claim::Deny,
                "allow" => Claim::Allow,
                _ => {
                    self.reader.unknown_at_top(key, "a file of assertions", &TABLES);
                    continue;
                }
            };
            let example = format!("[[{}]] with from and to below it", key.get_ref());
            let Some(tables) = self.reader.list(value, "tables", &example) else { continue };
            for value in tables {
                let span = self.reader.span(value);
                if let Some(table) = self.reader.table(value, "a table", &example) {
                    self.assertion(claim, table, span);
                }
            }
        }
    }

    fn assertion(&mut self, claim: Claim, table: &Table<'_>, at: Span) {
        let mut keys = Keys::default();
        for (key, value) in table {
            match &**key.get_ref() {
                "name" => keys.name = self.name(value),
                "from" => keys.from = self.ends(value, FROM),
                "to" => keys.to = self.ends(value, TO),
                "ports" => keys.ports = Some(self.ports(value)),
                "network" => keys.network = self.reader.choice(value, &NETWORKS),
                _ => self.reader.unknown(key, "an assertion", &KEYS),
            }
        }
        for (key, example) in [("from", FROM), ("to", TO)] {
            if !table.contains_key(key) {
                let what = || format!("this assertion has no `{key}`");
                self.reader.missing(at.clone(), what, || format!("add {example}"));
            }
        }
        self.some_end_is_a_node(&keys);
        let Keys { name, from, to, ports, network } = keys;
        let ends = |ends: Vec<(End, Span)>| ends.into_iter().map(|(end, _)| end).collect();
        let (from, to) = (ends(from), ends(to));
        let place = self.reader.line_place(&at);
        self.assertions.push(Assertion { claim, name, from, to, ports, network, place });
    }

    fn name(&mut self, value: &Value<'_>) -> Option<String> {
        let name = self.reader.string(value, "a string", "name = \"no customer reaches a database\"")?;
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            let what = || format!("{} is no name for an assertion", quote(name));
            self.reader.wrong(self.reader.span(value), what, || "write a few words on one line".into());
            return None;
        }
        Some(name.to_owned())
    }

    /// Nothing but a node has a ruleset to be asked.
    fn some_end_is_a_node(&mut self, keys: &Keys) {
        let no_node = |ends: &[(End, Span)]| ends.iter().find(|(end, _)| !end.is_node()).cloned();
        if let (Some((from, _)), Some((to, span))) = (no_node(&keys.from), no_node(&keys.to)) {
            let what = || format!("flows from {from} to {to} pass no node of this cluster");
            let help = "make one end nodes: a role, a node, nodes or this; or write two assertions";
            self.reader.wrong(span, what, || help.into());
        }
    }

    fn ends(&mut self, value: &Value<'_>, example: &str) -> Vec<(End, Span)> {
        let words = match value.get_ref().as_str() {
            Some(word) => vec![(word, self.reader.span(value))],
            None => self.reader.strings(value, "names and prefixes", example),
        };
        if words.is_empty() && value.get_ref().as_array().is_some_and(|list| list.is_empty()) {
            let what = || "an empty list names nobody".into();
            self.reader.wrong(self.reader.span(value), what, || format!("write it as {example}"));
        }
        words.into_iter().filter_map(|(word, span)| Some((self.end(word, &span)?, span))).collect()
    }

    /// A zone, else a role, else a node, else addresses.
    fn end(&mut self, word: &str, at: &Span) -> Option<End> {
        if let Some((_, zone)) = End::ZONES.into_iter().find(|(own, _)| *own == word) {
            return Some(zone);
        }
        if let Some(role) = self.catalogue.resolve(word) {
            return Some(End::Role(role.name.clone()));
        }
        if let Some(node) = self.inventory.nodes.iter().find(|node| node.name.0 == word) {
            return Some(End::Node(node.name.clone()));
        }
        match prefix(word) {
            Ok(net) => Some(End::Net(net.trunc())),
            Err(error) if word.contains(['/', ':']) => {
                self.reader.wrong(at.clone(), || error.to_string(), || error.help());
                None
            }
            Err(_) => {
                let what = || format!("{} is no role, node, zone or address", quote(word));
                self.reader.wrong(at.clone(), what, || known(self.catalogue, self.inventory, word));
                None
            }
        }
    }

    fn ports(&mut self, value: &Value<'_>) -> Vec<Ports> {
        let words = self.reader.strings(value, "ports and services", PORTS);
        if words.is_empty() && value.get_ref().as_array().is_some_and(|list| list.is_empty()) {
            let what = || "an empty list of ports permits and forbids nothing".into();
            self.reader.wrong(self.reader.span(value), what, || {
                format!("leave it out for every port, or write it as {PORTS}")
            });
        }
        words.into_iter().filter_map(|(word, span)| self.port(word, &span)).collect()
    }

    fn port(&mut self, word: &str, at: &Span) -> Option<Ports> {
        if let Some((role, service)) = self.catalogue.services().find(|(_, service)| service.name == word) {
            return Some(Ports::Service(role.name.clone(), service.name.clone()));
        }
        match word.parse::<PortRange>() {
            Ok(range) => Some(Ports::Range(range)),
            Err(error) if word.contains('/') || word.bytes().all(|b| b.is_ascii_digit() || b == b'-') => {
                self.reader.wrong(at.clone(), || error.to_string(), || error.help());
                None
            }
            Err(_) => {
                let services = self.catalogue.services().map(|(_, service)| service.name.as_str());
                let near = nearest(word, services);
                let what = || format!("{} is neither a port nor a service", quote(word));
                self.reader.wrong(at.clone(), what, || match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "for example tcp/5222, or a service as `rolewall plan` shows it".into(),
                });
                None
            }
        }
    }
}

fn known(catalogue: &Catalogue, inventory: &Inventory, word: &str) -> String {
    let zones = End::ZONES.iter().map(|(zone, _)| *zone);
    let nodes = inventory.nodes.iter().map(|node| node.name.0.as_str());
    match nearest(word, zones.chain(catalogue.names()).chain(nodes)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            "write a role, a node's name, an address or prefix, or one of public, private, admin, trunks, \
                 trusted, nodes, this"
                .into()
        }
    }
}
