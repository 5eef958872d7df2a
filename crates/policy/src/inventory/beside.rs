//! `[[node]]` tables beside a database: what it does not hold about a node that it registers.
//! Not here: the nodes themselves (`rows`), and whole `[[node]]` tables (`nodes`).

use super::nodes::Nodes;
use super::{Node, NodeName};
use crate::read::{Reader, Span, Table, nearest, quote};
use crate::{PortRange, Role, RoleName};
use std::collections::{BTreeMap, BTreeSet};

/// Where nodes are registered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Registered<'n> {
    /// In the files that are read.
    Here,
    /// In a database, which has these.
    Elsewhere(&'n [Node]),
    /// In a database that was not asked.
    Unknown,
}

/// What is added to a node.
pub(super) struct Addition {
    /// Of the registered nodes.
    index: usize,
    ports: BTreeMap<RoleName, Vec<PortRange>>,
    admin_public: BTreeSet<RoleName>,
}

impl Addition {
    pub(super) fn to(self, nodes: &mut [Node]) {
        let Addition { index, ports, admin_public } = self;
        if let Some(node) = nodes.get_mut(index) {
            node.ports.extend(ports);
            node.admin_public.extend(admin_public);
        }
    }
}

/// What only the database says.
const REGISTERED_KEYS: [&str; 4] = ["id", "private", "public", "roles"];
const KEYS: [&str; 3] = ["name", "ports", "admin_public"];

impl<'p> Nodes<'p, '_> {
    /// One table; its name is that of a registered node.
    pub(super) fn addition(
        &mut self,
        table: &Table<'_>,
        at: Span,
        reader: &mut Reader<'_, '_>,
    ) -> Option<Addition> {
        self.refuse_other_keys(table, reader);
        let Some(value) = table.get("name") else {
            reader.missing(at, || "[[node]] has no `name`".into(), || "add name = \"sip1\"".into());
            return None;
        };
        let name = reader.string(value, "a string", "name = \"sip1\"")?;
        let Registered::Elsewhere(registered) = self.registered else { return None };
        let Some((index, node)) = registered.iter().enumerate().find(|(_, node)| node.name.0 == name) else {
            let what = || format!("the database has no node {}", quote(name));
            reader.wrong(reader.span(value), what, || unregistered(name, registered));
            return None;
        };
        if self.found.additions.iter().any(|addition| addition.index == index) {
            let what = || format!("node `{name}` is added to twice");
            reader.wrong(reader.span(value), what, || "make the two [[node]] tables one".into());
            return None;
        }
        let role = |name: &RoleName| Some((self.catalogue.roles.get(name)?, 0..0));
        let roles: Vec<(&Role, Span)> = node.roles.iter().filter_map(role).collect();
        let ports = table.get("ports").map(|value| self.ports(value, &roles, reader));
        let admin_public = table.get("admin_public").map(|value| self.admin_public(value, &roles, reader));
        if admin_public.as_ref().is_some_and(|asked| !asked.is_empty()) && node.public.is_empty() {
            let what =
                || format!("node `{name}` has no public address on which admin addresses could reach it");
            reader.wrong(at, what, || "register one in the database, or leave admin_public out".into());
        }
        Some(Addition {
            index,
            ports: ports.unwrap_or_default(),
            admin_public: admin_public.unwrap_or_default(),
        })
    }

    fn refuse_other_keys(&self, table: &Table<'_>, reader: &mut Reader<'_, '_>) {
        for (key, _) in table {
            let word = &**key.get_ref();
            if REGISTERED_KEYS.contains(&word) {
                let what =
                    || format!("`{word}` of a node comes from the database (inventory.source = \"sql\")");
                reader.wrong(reader.span(key), what, || {
                    "leave it out here; a [[node]] beside a database has name, ports and admin_public".into()
                });
            } else if !KEYS.contains(&word) {
                reader.unknown(key, "[[node]]", &KEYS);
            }
        }
    }
}

fn unregistered(name: &str, registered: &[Node]) -> String {
    match nearest(name, registered.iter().map(|node| &*node.name.0)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            "[[node]] only adds to nodes of the database; register it there, or set inventory.source = \"file\""
                .into()
        }
    }
}

impl NodeName {
    /// A host name as a node's: names of hosts are the same in either case of letters.
    pub(super) fn of_host(name: &str) -> Option<NodeName> {
        NodeName::new(&name.to_ascii_lowercase())
    }
}
