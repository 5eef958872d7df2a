//! `rolewall.toml`, with the vendor's `local.conf` beside it.
//! Not here: what the settings do.

use super::{Forward, InventorySource, Mode, PlacedNet, Settings, TRUSTED, local_conf, sql, window};
use crate::problem::{Gather, Note, Noticed, Text};
use crate::read::{Reader, Span, Table, Value, documents, nearest, quote, without_contained};
use crate::{Catalogue, Limit, NodeName, Problems, RoleName, Source};
use std::collections::BTreeMap;

/// Reads this node's settings; what a file leaves out, or a file that is not there, stands by default.
/// TRUSTED_NET of `local.conf` is added to `trusted.networks`. All that is wrong with both comes at once.
pub fn parse(
    settings: Option<&Source>,
    local_conf: Option<&Source>,
    catalogue: &Catalogue,
) -> Result<Settings, Problems> {
    let mut gather = Gather::default();
    let mut read = Settings::default();
    if let Some(source) = settings {
        let text = Text::new(source);
        documents(&text, None, &mut gather, |document, gather| {
            let (reader, table) = Reader::of(&text, document, gather);
            Parsing { reader, catalogue, settings: &mut read }.file(&table);
        });
        read.notes.sort_by_key(|note| (note.place.line, note.place.column));
    }
    if let Some(source) = local_conf {
        let conf = local_conf::read(source, &mut gather);
        read.trusted.extend(conf.trusted);
        read.trusted = without_contained(std::mem::take(&mut read.trusted), |placed| placed.net);
        read.notes.extend(conf.notes);
    }
    gather.or(read)
}

/// Whether settings say that the inventory is in a database, whatever else is wrong with them.
pub fn asks_sql(settings: &Source) -> bool {
    let mut asks = false;
    documents(&Text::new(settings), None, &mut Gather::default(), |document, _| {
        let source =
            document.table.get("inventory").and_then(|value| value.get_ref().as_table()?.get("source"));
        asks |= source.is_some_and(|value| value.get_ref().as_str() == Some("sql"));
    });
    asks
}

struct Parsing<'p, 'r, 't> {
    reader: Reader<'r, 't>,
    catalogue: &'p Catalogue,
    settings: &'p mut Settings,
}

const MODES: [(&str, Mode); 2] = [("enforce", Mode::Enforce), ("observe", Mode::Observe)];
const FORWARDS: [(&str, Forward); 3] = [
    ("untouched", Forward::Untouched),
    ("observe", Forward::Filtered(Mode::Observe)),
    ("enforce", Forward::Filtered(Mode::Enforce)),
];
const INVENTORIES: [(&str, InventorySource); 2] =
    [("file", InventorySource::File), ("sql", InventorySource::Sql)];

const TABLES: [&str; 9] =
    ["node", "interfaces", "trusted", "deny", "mode", "test", "limits", "log", "inventory"];
const LIMIT_KEYS: [&str; 2] = ["new_per_second", "burst"];
const LIMIT_EXAMPLE: &str = "{ new_per_second = 20, burst = 40 }";
/// More new flows a second than a node can hold are no limit.
const LIMIT_MAX: u32 = 1_000_000;
/// More than this is no log but a load.
const LOG_PER_SECOND_MAX: u32 = 100_000;

impl Parsing<'_, '_, '_> {
    fn file(mut self, file: &Table<'_>) {
        for (key, value) in file {
            let name = &**key.get_ref();
            if !TABLES.contains(&name) {
                self.reader.unknown_at_top(key, "the settings", &TABLES);
                continue;
            }
            let Some(table) =
                self.reader.table(value, "a table", &format!("[{name}] with its keys below it"))
            else {
                continue;
            };
            match name {
                "node" => self.node(table),
                "interfaces" => self.interfaces(table),
                "trusted" => self.settings.trusted = self.networks(table, "[trusted]", TRUSTED),
                "deny" => self.settings.deny = self.networks(table, "[deny]", "denied networks"),
                "mode" => self.mode(table),
                "test" => self.test(table),
                "limits" => self.limits(table),
                "log" => self.log(table),
                _ => self.inventory(table),
            }
        }
    }

    fn node(&mut self, table: &Table<'_>) {
        for (key, value) in table {
            match &**key.get_ref() {
                "name" => self.settings.node = self.node_name(value),
                _ => self.reader.unknown(key, "[node]", &["name"]),
            }
        }
    }

    fn node_name(&mut self, value: &Value<'_>) -> Option<NodeName> {
        let name = self.reader.string(value, "a string", "name = \"sip1\"")?;
        let valid = NodeName::new(name);
        if valid.is_none() {
            let what = || format!("{} is no name of a node", quote(name));
            self.reader.wrong(self.reader.span(value), what, || {
                "write the name that this node has in cluster.toml".into()
            });
        }
        valid
    }

    fn interfaces(&mut self, table: &Table<'_>) {
        let mut taken: Vec<String> = Vec::new();
        for (key, value) in table {
            match &**key.get_ref() {
                "private" => {
                    self.settings.private_interfaces = self.interface_names(value, "private", &mut taken)
                }
                "public" => {
                    self.settings.public_interfaces = self.interface_names(value, "public", &mut taken)
                }
                _ => self.reader.unknown(key, "[interfaces]", &["private", "public"]),
            }
        }
    }

    fn interface_names(&mut self, value: &Value<'_>, list: &str, taken: &mut Vec<String>) -> Vec<String> {
        let example = format!("{list} = [\"eth0\"]");
        let mut names = Vec::new();
        for (name, span) in self.reader.strings(value, "interface names", &example) {
            if let Some((what, help)) = not_an_interface(name) {
                self.reader.wrong(span, || what, || help.into());
            } else if taken.iter().any(|other| other == name) {
                let what = || format!("interface {name} is named twice");
                self.reader.wrong(span, what, || "an interface is on one network: name it once".into());
            } else {
                taken.push(name.to_owned());
                names.push(name.to_owned());
            }
        }
        names
    }

    fn networks(&mut self, table: &Table<'_>, header: &str, list: &'static str) -> Vec<PlacedNet> {
        let mut nets = Vec::new();
        for (key, value) in table {
            match &**key.get_ref() {
                "networks" => {
                    let example = "networks = [\"198.51.100.0/28\"]";
                    nets = self.reader.prefixes(value, example, &mut self.settings.notes);
                }
                _ => self.reader.unknown(key, header, &["networks"]),
            }
        }
        for placed in nets.iter().filter(|placed| placed.net.prefix_len() == 0) {
            let noticed = Noticed::EveryAddress { list, net: placed.net };
            self.settings.notes.push(Note { place: placed.place.clone(), noticed });
        }
        nets
    }

    fn mode(&mut self, table: &Table<'_>) {
        for (key, value) in table {
            match &**key.get_ref() {
                "in" => set(&mut self.settings.mode_in, self.reader.choice(value, &MODES)),
                "out" => set(&mut self.settings.mode_out, self.reader.choice(value, &MODES)),
                "forward" => set(&mut self.settings.forward, self.reader.choice(value, &FORWARDS)),
                "roles" => self.settings.mode_roles = self.role_modes(value),
                _ => self.reader.unknown(key, "[mode]", &["in", "out", "forward", "roles"]),
            }
        }
    }

    fn role_modes(&mut self, value: &Value<'_>) -> BTreeMap<RoleName, Mode> {
        let mut modes = BTreeMap::new();
        let example = "roles = { jabber = \"observe\" }";
        let Some(table) = self.reader.table(value, "a table of roles with their modes", example) else {
            return modes;
        };
        for (key, value) in table {
            let span = self.reader.span(key);
            let role = self.reader.role(key.get_ref(), span.clone(), self.catalogue);
            let mode = self.reader.choice(value, &MODES);
            let (Some(role), Some(mode)) = (role, mode) else { continue };
            if modes.insert(role.name.clone(), mode).is_some() {
                self.twice(span, &role.name.0);
            }
        }
        modes
    }

    fn twice(&mut self, at: Span, name: &str) {
        let what = || format!("`{name}` is set twice");
        self.reader.wrong(at, what, || "keep one of the two; an alias means the same role".into());
    }

    fn test(&mut self, table: &Table<'_>) {
        for (key, value) in table {
            match &**key.get_ref() {
                "window" => self.window(value),
                _ => self.reader.unknown(key, "[test]", &["window"]),
            }
        }
    }

    fn window(&mut self, value: &Value<'_>) {
        let Some(written) = self.reader.string(value, "a duration in quotation marks", "window = \"10m\"")
        else {
            return;
        };
        match window::parse(written) {
            Ok(window) => self.settings.test_window = window,
            Err(error) => self.reader.wrong(self.reader.span(value), || error.to_string(), || error.help()),
        }
    }

    fn limits(&mut self, table: &Table<'_>) {
        for (key, value) in table {
            let span = self.reader.span(key);
            let name = self.limited(key.get_ref(), &span);
            let limit = self.limit(value, &span);
            let (Some(name), Some(limit)) = (name, limit) else { continue };
            if self.settings.limits.insert(name.clone(), limit).is_some() {
                self.twice(span, &name);
            }
        }
    }

    /// The role or service that a key of `limits` names; a role by its own name.
    fn limited(&mut self, written: &str, at: &Span) -> Option<String> {
        let catalogue = self.catalogue;
        if let Some(role) = catalogue.resolve(written) {
            return Some(role.name.0.clone());
        }
        let services = || catalogue.services().map(|(_, service)| service.name.as_str());
        if services().any(|name| name == written) {
            return Some(written.to_owned());
        }
        let what = || format!("{} is neither a role nor a service", quote(written));
        self.reader.wrong(at.clone(), what, || match nearest(written, catalogue.names().chain(services())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name a role (jabber), or a service as `rolewall plan` shows it (xmpp-client)".into(),
        });
        None
    }

    fn limit(&mut self, value: &Value<'_>, at: &Span) -> Option<Limit> {
        let table = self.reader.table(value, "a table", LIMIT_EXAMPLE)?;
        let (mut new_per_second, mut burst) = (None, None);
        for (key, value) in table {
            match &**key.get_ref() {
                "new_per_second" => {
                    new_per_second = self.reader.number(value, 1, LIMIT_MAX, "new_per_second = 20")
                }
                "burst" => burst = self.reader.number(value, 1, LIMIT_MAX, "burst = 40"),
                _ => self.reader.unknown(key, "a limit", &LIMIT_KEYS),
            }
        }
        for key in LIMIT_KEYS.iter().filter(|key| !table.contains_key(**key)) {
            self.reader.missing(
                at.clone(),
                || format!("this limit has no `{key}`"),
                || format!("write it as {LIMIT_EXAMPLE}"),
            );
        }
        let reason = format!("set at {}", self.reader.line_place(at));
        Some(Limit { new_per_second: new_per_second?, burst: burst?, reason })
    }

    fn log(&mut self, table: &Table<'_>) {
        for (key, value) in table {
            match &**key.get_ref() {
                "group" => {
                    let group = self.reader.number(value, 0, u32::from(u16::MAX), "group = 86");
                    set(&mut self.settings.log_group, group.and_then(|g| u16::try_from(g).ok()));
                }
                "per_second" => {
                    let most = self.reader.number(value, 1, LOG_PER_SECOND_MAX, "per_second = 10");
                    set(&mut self.settings.log_per_second, most);
                }
                _ => self.reader.unknown(key, "[log]", &["group", "per_second"]),
            }
        }
    }

    fn inventory(&mut self, table: &Table<'_>) {
        for (key, value) in table {
            match &**key.get_ref() {
                "source" => set(&mut self.settings.inventory, self.reader.choice(value, &INVENTORIES)),
                "sql" => self.sql(value),
                _ => self.reader.unknown(key, "[inventory]", &["source", "sql"]),
            }
        }
    }

    fn sql(&mut self, value: &Value<'_>) {
        let at = self.reader.span(value);
        if let Some(table) = self.reader.table(value, "a table", "[inventory.sql] with its keys below it") {
            self.settings.sql = sql::read(table, &at, &mut self.reader);
        }
    }
}

/// What was read, if anything was.
fn set<T>(setting: &mut T, read: Option<T>) {
    if let Some(read) = read {
        *setting = read;
    }
}

/// What is wrong with an interface's name, and what to do. Linux's own rule (`dev_valid_name`), and ours that
/// a name is one interface's.
fn not_an_interface(name: &str) -> Option<(String, &'static str)> {
    /// IFNAMSIZ less its final NUL.
    const BYTES_MAX: usize = 15;
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || c == '/' || c == ':';
    if name.is_empty() || name.len() > BYTES_MAX || name == "." || name == ".." || name.contains(forbidden) {
        let what = format!(
            "{} is no interface name: expected 1 to {BYTES_MAX} bytes without blanks, / and :",
            quote(name)
        );
        return Some((what, "`ip link` lists this host's interfaces"));
    }
    if name.contains(['*', '"']) {
        return Some((format!("{} is no single interface", quote(name)), "name each interface by itself"));
    }
    if name == "lo" {
        let what = "interface lo is on neither network: it is always open".to_owned();
        return Some((what, "leave it out"));
    }
    None
}
