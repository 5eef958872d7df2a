//! The inventory's files: `cluster.toml` and its drop-ins.
//! Not here: one node's keys (`nodes`).

use super::distinct::distinct;
use super::nodes::{NODE_HEADER, Nodes, Pass};
use super::words::NAME_RULE;
use super::{Cluster, Inventory, Node};
use crate::problem::{Gather, Note, Noticed, Text};
use crate::read::{Document, Pieces, Reader, Table, Value, quote};
use crate::{Catalogue, NodeName, Place, Problem, Problems, Source};
use ipnet::IpNet;
use std::path::Path;

/// Reads `cluster.toml` and its drop-ins, which hold further `[[node]]` tables and nothing else; the first
/// source is `cluster.toml`. All that is wrong with all of them comes at once.
pub fn parse(sources: &[Source], catalogue: &Catalogue) -> Result<Inventory, Problems> {
    if sources.is_empty() {
        let what = "there is no inventory file";
        return Err(Problem::of_file(
            Path::new("cluster.toml"),
            what,
            "write one: `rolewall init` begins it",
        )
        .into());
    }
    let texts: Vec<Text<'_>> = sources.iter().map(Text::new).collect();
    // Most inventories are right, and then nobody has to be told where what stands.
    if let Ok(inventory) = read(&texts, catalogue, Pass::Quick)
        && distinct(&inventory.nodes)
    {
        return Ok(inventory);
    }
    read(&texts, catalogue, Pass::Careful)
}

/// Reads the files beside nodes that are registered elsewhere, in a database: `[cluster]`, and `[[node]]` tables
/// that only add ports and `admin_public` to a node by its name. `registered` is left out where the nodes could not
/// be had, and then only the files' own mistakes are told.
pub fn parse_beside(
    sources: &[Source],
    registered: Option<Vec<Node>>,
    catalogue: &Catalogue,
) -> Result<Inventory, Problems> {
    if sources.is_empty() {
        let help =
            "write it, with [cluster], its name and its private networks; the nodes come from the database";
        return Err(Problem::of_file(Path::new("cluster.toml"), "there is no inventory file", help).into());
    }
    let texts: Vec<Text<'_>> = sources.iter().map(Text::new).collect();
    let mut gather = Gather::default();
    let nodes = Nodes::beside(&texts, catalogue, registered.as_deref());
    let mut parsing = Parsing { pass: Pass::Careful, cluster: None, nodes, notes: Vec::new() };
    for (file, text) in texts.iter().enumerate() {
        parsing.file(file, text, &mut gather);
    }
    let Parsing { pass: _, cluster, nodes, notes } = parsing;
    let additions = nodes.into_found().additions;
    let mut nodes = registered.unwrap_or_default();
    additions.into_iter().for_each(|addition| addition.to(&mut nodes));
    gather.or(Inventory { cluster: cluster.unwrap_or_default().0, nodes, notes })
}

pub(super) fn read(texts: &[Text<'_>], catalogue: &Catalogue, pass: Pass) -> Result<Inventory, Problems> {
    let mut gather = Gather::default();
    let nodes = Nodes::new(texts, catalogue, pass);
    let mut parsing = Parsing { pass, cluster: None, nodes, notes: Vec::new() };
    for (file, text) in texts.iter().enumerate() {
        parsing.file(file, text, &mut gather);
    }
    let Parsing { pass: _, cluster, nodes, mut notes } = parsing;
    notes.sort_by_key(|note| (note.place.line, note.place.column));
    let nodes = nodes.into_found();
    let inventory = Inventory { cluster: cluster.unwrap_or_default().0, nodes: nodes.nodes, notes };
    if let (0, true, Some(first)) = (nodes.count, gather.is_empty(), texts.first()) {
        gather.add(|| no_nodes(first));
    }
    gather.or(inventory)
}

fn no_nodes(first: &Text<'_>) -> Problem {
    let what =
        if first.str().trim().is_empty() { "the file is empty" } else { "the inventory has no [[node]]" };
    let help = "an inventory names at least one node: `rolewall init` begins one from what this host has";
    Problem::of_file(first.path(), what, help)
}

struct Parsing<'p, 't> {
    pass: Pass,
    /// With the place of its header.
    cluster: Option<(Cluster, Option<Place>)>,
    nodes: Nodes<'p, 't>,
    notes: Vec<Note>,
}

const FILE_KEYS: [&str; 2] = ["cluster", "node"];
const CLUSTER_KEYS: [&str; 4] = ["name", "private", "admin", "trunks"];

impl Parsing<'_, '_> {
    fn file(&mut self, file: usize, text: &Text<'_>, gather: &mut Gather) {
        gather.file(text.path());
        self.nodes.expect(text.str());
        for piece in Pieces::of(text, Some(NODE_HEADER)) {
            if self.pass == Pass::Quick && !gather.is_empty() {
                return;
            }
            if !self.nodes.take_plain(&piece)
                && let Some(document) = piece.document(gather)
            {
                self.document(file, text, document, gather);
            }
        }
        if file == 0 && self.cluster.is_none() && gather.is_empty() && !text.str().trim().is_empty() {
            let what = "the inventory has no [cluster] table";
            let help = "begin it with [cluster], then name = \"voice-1\" and private = [\"10.20.0.0/16\"]";
            gather.add(|| Problem::of_file(text.path(), what, help));
        }
    }

    fn document(&mut self, file: usize, text: &Text<'_>, document: Document<'_>, gather: &mut Gather) {
        let (mut reader, table) = Reader::of(text, document, gather);
        for (key, value) in &table {
            match &**key.get_ref() {
                "node" => self.nodes.read(file, value, &mut reader),
                "cluster" if file > 0 => {
                    let what = || "a drop-in holds [[node]] tables only, found [cluster]".into();
                    reader.wrong(reader.span(key), what, || "move it to cluster.toml".into());
                }
                "cluster" => self.cluster(value, &mut reader),
                _ if file > 0 => reader.unknown_at_top(key, "a drop-in of the inventory", &["node"]),
                _ => reader.unknown_at_top(key, "the inventory", &FILE_KEYS),
            }
        }
    }

    fn cluster(&mut self, value: &Value<'_>, reader: &mut Reader<'_, '_>) {
        let span = reader.span(value);
        if let Some((_, Some(first))) = &self.cluster {
            let what = format!("[cluster] is given twice, first at {first}");
            return reader.wrong(span, || what, || "make the two tables one".into());
        }
        let place = reader.line_place(&span);
        let table = reader.table(value, "a table", "[cluster] with its keys below it");
        let cluster = table.map(|table| self.cluster_keys(table, &span, reader)).unwrap_or_default();
        self.cluster = Some((cluster, Some(place)));
    }

    fn cluster_keys(
        &mut self,
        table: &Table<'_>,
        at: &std::ops::Range<usize>,
        reader: &mut Reader<'_, '_>,
    ) -> Cluster {
        let mut cluster = Cluster::default();
        for (key, value) in table {
            match &**key.get_ref() {
                "name" => cluster.name = cluster_name(value, reader).unwrap_or_default(),
                "private" => cluster.private = self.private(value, reader),
                "admin" => {
                    cluster.admin =
                        self.nets(value, "admin = [\"198.51.100.0/28\"]", "admin networks", reader)
                }
                "trunks" => {
                    cluster.trunks = self.nets(value, "trunks = [\"203.0.113.0/24\"]", "trunks", reader)
                }
                _ => reader.unknown(key, "[cluster]", &CLUSTER_KEYS),
            }
        }
        if !table.contains_key("name") {
            reader.missing(
                at.clone(),
                || "[cluster] has no `name`".into(),
                || "add name = \"voice-1\"".into(),
            );
        }
        cluster
    }

    /// The isolated network cannot be all there is.
    fn private(&mut self, value: &Value<'_>, reader: &mut Reader<'_, '_>) -> Vec<IpNet> {
        let example = "private = [\"10.20.0.0/16\", \"fd20::/48\"]";
        let nets = reader.prefixes(value, example, &mut self.notes);
        if let Some(all) = nets.iter().find(|placed| placed.net.prefix_len() == 0) {
            let what = format!("{} is every address: that is no isolated network", all.net);
            reader.wrong(
                reader.span(value),
                || what,
                || format!("name the cluster's own prefixes, for example {example}"),
            );
        }
        nets.into_iter().map(|placed| placed.net).collect()
    }

    fn nets(
        &mut self,
        value: &Value<'_>,
        example: &str,
        list: &'static str,
        reader: &mut Reader<'_, '_>,
    ) -> Vec<IpNet> {
        let nets = reader.prefixes(value, example, &mut self.notes);
        for placed in nets.iter().filter(|placed| placed.net.prefix_len() == 0) {
            let noticed = Noticed::EveryAddress { list, net: placed.net };
            self.notes.push(Note { place: placed.place.clone(), noticed });
        }
        nets.into_iter().map(|placed| placed.net).collect()
    }
}

fn cluster_name(value: &Value<'_>, reader: &mut Reader<'_, '_>) -> Option<String> {
    let name = reader.string(value, "a string", "name = \"voice-1\"")?;
    let valid = NodeName::new(name);
    if valid.is_none() {
        let what = || format!("{} is no name for a cluster", quote(name));
        reader.wrong(reader.span(value), what, || NAME_RULE.into());
    }
    valid.map(|name| name.0)
}
