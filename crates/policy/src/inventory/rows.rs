//! Nodes as the rows of a database have them, with the checks that `[[node]]` tables get.
//! Not here: asking the database, and what its queries are (settings).

use super::words;
use super::{Node, NodeName};
use crate::catalogue::{NODE, PublicReach};
use crate::problem::Gather;
use crate::read::{known_roles, node_address, quote, shorten, unknown_role};
use crate::settings::nodeid;
use crate::{Catalogue, Place, Problem, Problems, RoleName};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// What the two queries gave, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// How the first query is called in a problem's place: `node`, or the setting that holds it.
    pub nodes_from: String,
    /// How the second is.
    pub roles_from: String,
    /// One for each node, or several that differ in their addresses.
    pub nodes: Vec<NodeRow>,
    /// One for each role of each node.
    pub roles: Vec<RoleRow>,
}

/// A row of the first query. NULL is an empty text.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeRow {
    /// `nodeid`
    pub id: String,
    /// `name`: a host name, in either case of letters.
    pub name: String,
    /// `private`: addresses, separated by commas or blanks.
    pub private: String,
    /// `public`: the same.
    pub public: String,
}

/// A row of the second query.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleRow {
    /// `nodeid`
    pub id: String,
    /// `role`: the vendor's code, or the catalogue's name.
    pub role: String,
}

/// The nodes that the rows describe, in the order of their first rows. All that is wrong with them comes at once.
pub fn nodes(rows: &Rows, catalogue: &Catalogue) -> Result<Vec<Node>, Problems> {
    let mut reading = Reading { rows, catalogue, gather: Gather::default(), owners: HashMap::new() };
    let mut found = reading.registered();
    reading.roles(&mut found);
    for (node, roles) in &found {
        reading.together(node, roles);
    }
    if rows.nodes.is_empty() {
        let place = format!("sql {}", rows.nodes_from);
        let help = "an empty answer is not applied; look whether this is the database that is meant, and its copy is whole";
        reading.gather.add(|| Problem::of_file(Path::new(&place), "the database has no nodes", help));
    }
    let finished = found.into_iter().map(|(node, roles)| finished(node, &roles)).collect();
    reading.gather.or(finished)
}

type Roles = BTreeSet<RoleName>;

/// A node that may yet be wrong.
struct Draft {
    name: Option<NodeName>,
    id: String,
    private: Vec<IpAddr>,
    public: Vec<IpAddr>,
    /// Something is written as an address, be it wrong.
    tried: Tried,
    place: Place,
}

#[derive(Default)]
struct Tried {
    private: bool,
    public: bool,
}

struct Reading<'r> {
    rows: &'r Rows,
    catalogue: &'r Catalogue,
    gather: Gather,
    /// Who has a name or an address: `sip1`, at its row.
    owners: HashMap<String, Owner>,
}

#[derive(Clone)]
struct Owner {
    id: String,
    called: String,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Private,
    Public,
}

impl<'r> Reading<'r> {
    /// The nodes of the first query, rows of one id together.
    fn registered(&mut self) -> Vec<(Draft, Roles)> {
        let mut found: Vec<(Draft, Roles)> = Vec::new();
        let mut indices: HashMap<&str, usize> = HashMap::new();
        let rows = self.rows;
        for row in &rows.nodes {
            let place = place(&rows.nodes_from, &row.id);
            if let Err(error) = nodeid::check(&row.id) {
                self.wrong(&place, error.to_string(), "the column nodeid is the vendor's id of the node");
                continue;
            }
            let index = *indices.entry(&row.id).or_insert_with(|| {
                found.push((draft(row, place), Roles::new()));
                found.len() - 1
            });
            if let Some((node, _)) = found.get_mut(index) {
                self.row(row, node);
            }
        }
        found
    }

    fn row(&mut self, row: &NodeRow, node: &mut Draft) {
        self.name(row, node);
        self.addresses(&row.private, node, Which::Private);
        self.addresses(&row.public, node, Which::Public);
    }

    fn name(&mut self, row: &NodeRow, node: &mut Draft) {
        let Some(name) = NodeName::of_host(row.name.trim()) else {
            let rule = words::NAME_RULE;
            return self.wrong(&node.place, words::no_name(&row.name), rule);
        };
        match &node.name {
            Some(first) if *first != name => {
                let what = format!("node id `{}` is already node `{first}`'s, and here `{name}`'s", node.id);
                self.wrong(&node.place, what, "look which of the two nodes has it, and correct the other");
            }
            Some(_) => {}
            None => {
                if let Some(owner) = self.owner(&name.0, node, &name.0) {
                    let what = format!("node `{name}` is in the inventory twice, first at {}", owner.place);
                    self.wrong(&node.place, what, "give one of the two nodes another name, or make them one");
                }
                node.name = Some(name);
            }
        }
    }

    /// Several rows of a node may repeat an address; two nodes may not share one.
    fn addresses(&mut self, written: &str, node: &mut Draft, which: Which) {
        for word in written.split([',', ';', ' ', '\t', '\n', '\r']).filter(|word| !word.is_empty()) {
            match which {
                Which::Private => node.tried.private = true,
                Which::Public => node.tried.public = true,
            }
            match node_address(word) {
                Ok(address) => self.address(address, node, which),
                Err(error) => self.wrong(&node.place, error.to_string(), &error.help()),
            }
        }
    }

    fn address(&mut self, address: IpAddr, node: &mut Draft, which: Which) {
        let (list, other) = match which {
            Which::Private => (&mut node.private, &node.public),
            Which::Public => (&mut node.public, &node.private),
        };
        if list.contains(&address) {
            return;
        }
        let is_in_both = other.contains(&address);
        list.push(address);
        if is_in_both {
            let what = format!("address {address} is given to this node twice");
            return self.wrong(
                &node.place,
                what,
                "it is on the private network, or on the public: keep one of the two",
            );
        }
        let called = node.name.as_ref().map(|name| name.0.clone()).unwrap_or_default();
        if let Some(owner) = self.owner(&address.to_string(), node, &called) {
            let what = format!("address {address} is already node `{}`'s, at {}", owner.called, owner.place);
            self.wrong(&node.place, what, "look which of the two nodes has it, and correct the other");
        }
    }

    /// Another node that has this already; else it is this one's.
    fn owner(&mut self, what: &str, node: &Draft, called: &str) -> Option<Owner> {
        let own = || Owner { id: node.id.clone(), called: called.to_owned(), place: node.place.clone() };
        let owner = self.owners.entry(what.to_owned()).or_insert_with(own);
        (owner.id != node.id).then(|| owner.clone())
    }

    /// The rows of the second query.
    fn roles(&mut self, found: &mut [(Draft, Roles)]) {
        let rows = self.rows;
        let indices: BTreeMap<String, usize> =
            found.iter().enumerate().map(|(index, (node, _))| (node.id.clone(), index)).collect();
        let mut seen: BTreeSet<&RoleRow> = BTreeSet::new();
        for row in rows.roles.iter().filter(|row| seen.insert(row)) {
            let place = place(&rows.roles_from, &row.id);
            let role = self.role(row.role.trim(), &place);
            let Some(roles) = indices.get(&row.id).and_then(|&index| found.get_mut(index)).map(|(_, r)| r)
            else {
                let what = format!("a role is given to node id {}, which is no node's", quote(&row.id));
                self.wrong(
                    &place,
                    what,
                    &format!("register the node ({}), or take the role away", rows.nodes_from),
                );
                continue;
            };
            let Some(role) = role else { continue };
            if !roles.insert(role.name.clone()) {
                self.wrong(&place, words::role_twice(role), "leave it in once; an alias means the same role");
            }
        }
    }

    fn role(&mut self, written: &str, place: &Place) -> Option<&'r crate::Role> {
        let catalogue = self.catalogue;
        let Some(role) = catalogue.resolve(written) else {
            self.wrong(place, unknown_role(written), &known_roles(written, catalogue));
            return None;
        };
        if role.name.0 == NODE {
            self.wrong(place, words::NODE_ROLE_GIVEN.into(), "leave it out");
            return None;
        }
        Some(role)
    }

    /// What a node must be with all its rows.
    fn together(&mut self, node: &Draft, roles: &Roles) {
        let called = words::called(node.name.as_ref());
        let from = &self.rows.nodes_from;
        if !node.tried.private && !node.tried.public {
            let help = format!(
                "register one, or, where the addresses are elsewhere, give a query with the columns nodeid, name, private and public as inventory.sql.nodes (asked was {from})"
            );
            return self.wrong(&node.place, words::no_address(&called), &help);
        }
        if node.tried.private {
            return;
        }
        for role in roles.iter().filter_map(|name| self.catalogue.roles.get(name)) {
            if role.public == PublicReach::Never {
                self.gather.add(|| Problem {
                    place: node.place.clone(),
                    what: words::needs_private(role, &called),
                    help: "register its private address".into(),
                    excerpt: None,
                });
            }
        }
    }

    fn wrong(&mut self, place: &Place, what: String, help: &str) {
        self.gather.add(|| Problem { place: place.clone(), what, help: help.to_owned(), excerpt: None });
    }
}

fn draft(row: &NodeRow, place: Place) -> Draft {
    Draft {
        name: None,
        id: row.id.clone(),
        private: Vec::new(),
        public: Vec::new(),
        tried: Tried::default(),
        place,
    }
}

/// As a node of the inventory; what lacks a name is told already, and nothing is made of it.
fn finished(draft: Draft, roles: &Roles) -> Node {
    let Draft { name, id, private, public, tried: _, place } = draft;
    Node {
        name: name.unwrap_or_else(|| NodeName(String::new())),
        id: Some(id),
        private,
        public,
        roles: Arc::new(roles.clone()),
        ports: BTreeMap::new(),
        admin_public: BTreeSet::new(),
        place,
    }
}

/// `sql node_role nodeid=7`
fn place(from: &str, id: &str) -> Place {
    let path = format!("sql {from} nodeid={}", shorten(id));
    Place { path: Arc::from(Path::new(&path)), line: 0, column: 0 }
}
