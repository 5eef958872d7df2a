//! `[[node]]` tables.
//! Not here: files and the `[cluster]` table.

use super::beside::{Addition, Registered};
use super::plain::Plain;
use super::seen::{Key, Seen};
use super::words::{self, NAME_RULE};
use super::{Node, NodeName};
use crate::catalogue::{NODE, PublicReach};
use crate::problem::Text;
use crate::read::{Piece, Reader, Span, Table, Value, node_address};
use crate::{Catalogue, PortRange, Role, RoleName};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// The line that begins a node.
pub(super) const NODE_HEADER: &str = "[[node]]";

const NODE_KEYS: [&str; 7] = ["name", "id", "private", "public", "roles", "ports", "admin_public"];

/// The shortest that a node can be: the header, a name, an address.
const NODE_BYTES_MIN: usize = "[[node]]\nname=\"a\"\nprivate=[\"::2\"]\n".len();

/// How closely nodes are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// Those that are written plainly are taken without a tree, and not held against each other.
    Quick,
    /// Each so that all that is wrong with it can be told.
    Careful,
}

/// All nodes of all files.
pub(super) struct Nodes<'p, 't> {
    pub(super) texts: &'p [Text<'t>],
    pub(super) catalogue: &'p Catalogue,
    /// Whether and which nodes are registered elsewhere: what stands here only adds to them.
    pub(super) registered: Registered<'p>,
    /// For nodes that need no tree; none where all are to be looked at closely.
    plain: Option<Plain<'p>>,
    /// What the others have.
    seen: Seen,
    pub(super) found: Found,
}

/// What was read.
#[derive(Default)]
pub(super) struct Found {
    pub(super) nodes: Vec<Node>,
    /// With those that are wrong.
    pub(super) count: usize,
    /// What is added to nodes that are registered elsewhere.
    pub(super) additions: Vec<Addition>,
}

/// A node's keys, before they are looked at together.
#[derive(Default)]
struct Keys<'c> {
    name: Option<NodeName>,
    id: Option<String>,
    private: Addresses,
    public: Addresses,
    roles: Vec<(&'c Role, Span)>,
    ports: BTreeMap<RoleName, Vec<PortRange>>,
    admin_public: BTreeSet<RoleName>,
}

#[derive(Default)]
struct Addresses {
    good: Vec<IpAddr>,
    /// Something is written there, be it wrong.
    tried: bool,
}

impl<'p, 't> Nodes<'p, 't> {
    pub(super) fn new(texts: &'p [Text<'t>], catalogue: &'p Catalogue, pass: Pass) -> Nodes<'p, 't> {
        let plain = (pass == Pass::Quick).then(|| Plain::new(catalogue));
        Nodes {
            texts,
            catalogue,
            registered: Registered::Here,
            plain,
            seen: Seen::default(),
            found: Found::default(),
        }
    }

    /// For files beside nodes that are registered elsewhere.
    pub(super) fn beside(
        texts: &'p [Text<'t>],
        catalogue: &'p Catalogue,
        registered: Option<&'p [Node]>,
    ) -> Nodes<'p, 't> {
        let registered = registered.map_or(Registered::Unknown, Registered::Elsewhere);
        Nodes { registered, ..Nodes::new(texts, catalogue, Pass::Careful) }
    }

    /// Makes room for as many nodes as the text can have: a list that grows is held twice while it is moved.
    pub(super) fn expect(&mut self, text: &str) {
        let lines = memchr::memmem::find_iter(text.as_bytes(), b"\n[").count();
        // The second bound is for a text that is nothing but headers.
        self.found.nodes.reserve(lines.min(text.len() / NODE_BYTES_MIN));
    }

    /// Whether the piece is a node that is written plainly; then it is taken.
    pub(super) fn take_plain(&mut self, piece: &Piece<'_, '_>) -> bool {
        let node = self.plain.as_mut().and_then(|plain| plain.node(piece));
        let is_plain = node.is_some();
        self.found.count += usize::from(is_plain);
        self.found.nodes.extend(node);
        is_plain
    }

    pub(super) fn into_found(self) -> Found {
        self.found
    }

    /// The tables under the key `node`.
    pub(super) fn read(&mut self, file: usize, value: &Value<'_>, reader: &mut Reader<'_, '_>) {
        let example = "[[node]], then name = \"sip1\" and the other keys";
        let Some(list) = reader.list(value, "[[node]] tables", example) else { return };
        for entry in list {
            self.found.count += 1;
            if let Some(table) = reader.table(entry, "a [[node]] table", example) {
                let at = reader.span(entry);
                if self.registered == Registered::Here {
                    let node = self.node(file, table, at, reader);
                    self.found.nodes.extend(node);
                } else {
                    let addition = self.addition(table, at, reader);
                    self.found.additions.extend(addition);
                }
            }
        }
    }

    fn node(
        &mut self,
        file: usize,
        table: &Table<'_>,
        at: Span,
        reader: &mut Reader<'_, '_>,
    ) -> Option<Node> {
        self.seen.node(file, reader.line(&at));
        let mut keys = Keys::default();
        // The name first: what the others share with another node is told by it.
        if let Some(value) = table.get("name") {
            keys.name = self.name(value, reader);
        }
        if let Some(value) = table.get("roles") {
            keys.roles = self.roles(value, reader);
        }
        for (key, value) in table {
            match &**key.get_ref() {
                "name" | "roles" => {}
                "id" => keys.id = self.id(value, reader),
                "private" => {
                    keys.private = self.addresses(value, "private = [\"10.20.0.11\", \"fd20::11\"]", reader)
                }
                "public" => keys.public = self.addresses(value, "public = [\"192.0.2.11\"]", reader),
                "ports" => keys.ports = self.ports(value, &keys.roles, reader),
                "admin_public" => keys.admin_public = self.admin_public(value, &keys.roles, reader),
                _ => reader.unknown(key, "[[node]]", &NODE_KEYS),
            }
        }
        together(&keys, table, &at, reader);
        let Keys { name, id, private, public, roles, ports, admin_public } = keys;
        Some(Node {
            name: name?,
            id,
            private: private.good,
            public: public.good,
            roles: Arc::new(roles.into_iter().map(|(role, _)| role.name.clone()).collect()),
            ports,
            admin_public,
            place: reader.line_place(&at),
        })
    }

    fn name(&mut self, value: &Value<'_>, reader: &mut Reader<'_, '_>) -> Option<NodeName> {
        let span = reader.span(value);
        let written = reader.string(value, "a string", "name = \"sip1\"")?;
        let Some(name) = NodeName::new(written) else {
            reader.wrong(
                span,
                || words::no_name(written),
                || match NodeName::new(&written.to_lowercase()) {
                    Some(lower) => format!("write it as \"{lower}\""),
                    None => NAME_RULE.into(),
                },
            );
            return None;
        };
        self.seen.has(Key::Name(written), span, self.texts, reader);
        Some(name)
    }

    fn id(&mut self, value: &Value<'_>, reader: &mut Reader<'_, '_>) -> Option<String> {
        let span = reader.span(value);
        let id = reader.string(value, "a string", "id = \"7\"")?;
        if let Err(error) = crate::settings::nodeid::check(id) {
            reader.wrong(
                span,
                || error.to_string(),
                || "copy it from the file nodeid of that node, or leave it out".into(),
            );
            return None;
        }
        self.seen.has(Key::Id(id), span, self.texts, reader);
        Some(id.to_owned())
    }

    fn addresses(&mut self, value: &Value<'_>, example: &str, reader: &mut Reader<'_, '_>) -> Addresses {
        let written = reader.strings(value, "addresses", example);
        let tried = !written.is_empty() || !value.get_ref().is_array();
        let mut good = Vec::with_capacity(written.len());
        for (written, span) in written {
            match node_address(written) {
                Ok(address) => {
                    self.seen.has(Key::Address(address), span, self.texts, reader);
                    good.push(address);
                }
                Err(error) => reader.wrong(span, || error.to_string(), || error.help()),
            }
        }
        Addresses { good, tried }
    }

    fn roles(&mut self, value: &Value<'_>, reader: &mut Reader<'_, '_>) -> Vec<(&'p Role, Span)> {
        let mut roles: Vec<(&'p Role, Span)> = Vec::new();
        for (written, span) in reader.strings(value, "roles", "roles = [\"sip\", \"pbx\"]") {
            let Some(role) = reader.role(written, span.clone(), self.catalogue) else { continue };
            if role.name.0 == NODE {
                reader.wrong(span, || words::NODE_ROLE_GIVEN.into(), || "leave it out".into());
            } else if roles.iter().any(|(other, _)| other.name == role.name) {
                reader.wrong(
                    span,
                    || words::role_twice(role),
                    || "leave it in once; an alias means the same role".into(),
                );
            } else {
                roles.push((role, span));
            }
        }
        roles
    }

    /// The role that a key of `ports` or an entry of `admin_public` names, if this node has it.
    fn own_role(
        &self,
        written: &str,
        at: &Span,
        roles: &[(&'p Role, Span)],
        reader: &mut Reader<'_, '_>,
    ) -> Option<&'p Role> {
        let role = reader.role(written, at.clone(), self.catalogue)?;
        if role.name.0 == NODE || roles.iter().any(|(own, _)| own.name == role.name) {
            return Some(role);
        }
        let what = || format!("this node does not have the role `{}`", role.name);
        reader.wrong(at.clone(), what, || format!("add \"{}\" to its roles, or leave this out", role.name));
        None
    }

    pub(super) fn ports(
        &mut self,
        value: &Value<'_>,
        roles: &[(&'p Role, Span)],
        reader: &mut Reader<'_, '_>,
    ) -> BTreeMap<RoleName, Vec<PortRange>> {
        let example = "ports = { sql = [\"tcp/3307\"] }";
        let mut ports = BTreeMap::new();
        let Some(table) = reader.table(value, "a table of roles with their ports", example) else {
            return ports;
        };
        for (key, value) in table {
            let span = reader.span(key);
            let Some(role) = self.own_role(key.get_ref(), &span, roles, reader) else { continue };
            if let Some(own) = override_of(role, value, span.clone(), reader)
                && ports.insert(role.name.clone(), own).is_some()
            {
                let what = || format!("ports of role `{}` are given twice", role.name);
                reader.wrong(span, what, || "make them one list; an alias means the same role".into());
            }
        }
        ports
    }

    pub(super) fn admin_public(
        &mut self,
        value: &Value<'_>,
        roles: &[(&'p Role, Span)],
        reader: &mut Reader<'_, '_>,
    ) -> BTreeSet<RoleName> {
        let mut asked = BTreeSet::new();
        for (written, span) in reader.strings(value, "roles", "admin_public = [\"ic\"]") {
            let Some(role) = self.own_role(written, &span, roles, reader) else { continue };
            if role.public != PublicReach::AdminOnRequest {
                let why = match role.public {
                    PublicReach::Never => "is never reached over the public network",
                    PublicReach::Customers | PublicReach::AdminOnRequest => {
                        "is on the public network as it is"
                    }
                };
                let what = || format!("role `{}` {why}: there is nothing to ask for", role.name);
                reader.wrong(span, what, || "leave it out".into());
            } else {
                asked.insert(role.name.clone());
            }
        }
        asked
    }
}

fn override_of(
    role: &Role,
    value: &Value<'_>,
    key: Span,
    reader: &mut Reader<'_, '_>,
) -> Option<Vec<PortRange>> {
    if role.services.is_empty() {
        let what = || format!("role `{}` listens to nothing", role.name);
        reader.wrong(key, what, || "leave it out".into());
        return None;
    }
    let usual: Vec<String> = role.services[0].ports.iter().map(|range| format!("\"{range}\"")).collect();
    let example = format!("{} = [{}]", role.name, usual.join(", "));
    let ports = reader.ports(value, &example);
    if value.get_ref().as_array().is_some_and(|list| list.is_empty()) {
        let what = || format!("an empty list of ports: role `{}` would be closed to everybody", role.name);
        reader.wrong(reader.span(value), what, || {
            format!("leave it out for the usual ports, {}", usual.join(", "))
        });
    }
    (!ports.is_empty()).then_some(ports)
}

/// What a node's keys must be beside each other.
fn together(keys: &Keys<'_>, table: &Table<'_>, at: &Span, reader: &mut Reader<'_, '_>) {
    let Keys { name, id: _, private, public, roles, ports: _, admin_public } = keys;
    let called = || words::called(name.as_ref());
    if !table.contains_key("name") {
        reader.missing(at.clone(), || "[[node]] has no `name`".into(), || "add name = \"sip1\"".into());
    }
    if !private.tried && !public.tried {
        let help =
            || "add private = [\"10.20.0.11\"], the address that the other nodes see it come from".into();
        reader.missing(at.clone(), || words::no_address(&called()), help);
    }
    if !private.tried && public.tried {
        for (role, span) in roles.iter().filter(|(role, _)| role.public == PublicReach::Never) {
            let what = || words::needs_private(role, &called());
            reader.missing(span.clone(), what, || "add private = [\"10.20.0.11\"]".into());
        }
    }
    if !admin_public.is_empty() && !public.tried {
        let at = table.get("admin_public").map_or(at.clone(), |value| reader.span(value));
        let what = || format!("{} has no public address on which admin addresses could reach it", called());
        reader.missing(at, what, || "add public = [\"192.0.2.11\"], or leave admin_public out".into());
    }
}
