//! A `[[node]]` table as nearly all are written: bare keys, strings, lists of strings, nothing wrong.
//! Not here: every other way to write one, and what is wrong with any (`nodes`).
//!
//! The tree of a text costs ten times what its nodes do, and at each boot and each `apply` all of them are
//! read. A plain table is read straight from its text; at the first byte that is not plain this gives up, so
//! that the tree alone decides what is TOML and what is told.

use super::nodes::NODE_HEADER;
use super::{Node, NodeName};
use crate::catalogue::NODE;
use crate::read::{Piece, node_address};
use crate::{Catalogue, Place, RoleName};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// Reads plain tables.
pub(super) struct Plain<'c> {
    catalogue: &'c Catalogue,
    /// One list of addresses; kept for its room, so that each node's own list is exactly as long as it is.
    addresses: Vec<IpAddr>,
    /// One node's roles, as written; kept for its room.
    roles: Vec<&'c RoleName>,
    /// The roles of every node so far, by how they were written.
    shared: BTreeMap<Vec<&'c RoleName>, Arc<BTreeSet<RoleName>>>,
}

/// A longer table is not plain, in bytes: a tree bears only so much, and says so.
const TABLE_BYTES_MAX: usize = 1 << 16;

/// The keys that a plain table has, each once. What needs a look at the node's roles (`ports`,
/// `admin_public`) is rare, and left to the tree.
#[derive(Default)]
struct Keys {
    name: Option<NodeName>,
    id: Option<String>,
    private: Option<Vec<IpAddr>>,
    public: Option<Vec<IpAddr>>,
    roles: Option<Arc<BTreeSet<RoleName>>>,
}

impl<'c> Plain<'c> {
    pub(super) fn new(catalogue: &'c Catalogue) -> Plain<'c> {
        Plain { catalogue, addresses: Vec::new(), roles: Vec::new(), shared: BTreeMap::new() }
    }

    /// The node, if the piece is one plain table.
    pub(super) fn node(&mut self, piece: &Piece<'_, '_>) -> Option<Node> {
        let mut left = Left(piece.str());
        if left.0.len() > TABLE_BYTES_MAX {
            return None;
        }
        left.blanks();
        left.word(NODE_HEADER)?;
        left.line_end()?;
        let mut keys = Keys::default();
        while !left.0.is_empty() {
            if left.line_end().is_none() {
                self.line(&mut left, &mut keys)?;
            }
        }
        keys.node(piece.place())
    }

    /// One key with its value.
    fn line(&mut self, left: &mut Left<'_>, keys: &mut Keys) -> Option<()> {
        let key = left.key();
        left.blanks();
        left.byte(b'=')?;
        left.blanks();
        match key {
            "name" if keys.name.is_none() => keys.name = Some(NodeName::new(left.string()?)?),
            "id" if keys.id.is_none() => keys.id = Some(id(left)?),
            "private" if keys.private.is_none() => keys.private = Some(self.addresses(left)?),
            "public" if keys.public.is_none() => keys.public = Some(self.addresses(left)?),
            "roles" if keys.roles.is_none() => keys.roles = Some(self.roles(left)?),
            _ => return None,
        }
        left.line_end()
    }

    fn addresses(&mut self, left: &mut Left<'_>) -> Option<Vec<IpAddr>> {
        self.addresses.clear();
        left.list(|written| {
            self.addresses.push(node_address(written).ok()?);
            Some(())
        })?;
        Some(self.addresses.clone())
    }

    fn roles(&mut self, left: &mut Left<'_>) -> Option<Arc<BTreeSet<RoleName>>> {
        self.roles.clear();
        left.list(|written| {
            let name = &self.catalogue.resolve(written)?.name;
            let is_new = name.0 != NODE && !self.roles.contains(&name);
            is_new.then(|| self.roles.push(name))
        })?;
        if let Some(shared) = self.shared.get(&self.roles) {
            return Some(Arc::clone(shared));
        }
        let roles: Arc<BTreeSet<RoleName>> = Arc::new(self.roles.iter().copied().cloned().collect());
        self.shared.insert(self.roles.clone(), Arc::clone(&roles));
        Some(roles)
    }
}

fn id(left: &mut Left<'_>) -> Option<String> {
    let id = left.string()?;
    crate::settings::nodeid::check(id).ok()?;
    Some(id.to_owned())
}

impl Keys {
    /// A node with a private address may have any role; what one without may not is the tree's to say.
    fn node(self, place: Place) -> Option<Node> {
        let Keys { name, id, private, public, roles } = self;
        Some(Node {
            name: name?,
            id,
            private: private.filter(|addresses| !addresses.is_empty())?,
            public: public.unwrap_or_default(),
            roles: roles.unwrap_or_default(),
            ports: BTreeMap::new(),
            admin_public: BTreeSet::new(),
            place,
        })
    }
}

/// What is left of the text. A step that gives nothing may have gone past blanks and comments, nothing else.
struct Left<'t>(&'t str);

impl<'t> Left<'t> {
    /// What is so from here on. Of a character that is not ASCII either every byte is so, or none.
    fn past(&mut self, is_so: impl Fn(u8) -> bool) -> &'t str {
        let bytes = self.0.bytes().position(|byte| !is_so(byte)).unwrap_or(self.0.len());
        let (past, left) = self.0.split_at(bytes);
        self.0 = left;
        past
    }

    fn blanks(&mut self) {
        self.past(|byte| matches!(byte, b' ' | b'\t'));
    }

    fn key(&mut self) -> &'t str {
        self.past(|byte| byte.is_ascii_lowercase())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(word)?;
        Some(())
    }

    /// One byte, which is ASCII. Most of what is read is asked for one of these first.
    fn byte(&mut self, byte: u8) -> Option<()> {
        self.0.as_bytes().first().filter(|first| **first == byte)?;
        self.0 = &self.0[1..];
        Some(())
    }

    /// Blanks, a comment, and the end of the line or of the text.
    fn line_end(&mut self) -> Option<()> {
        self.blanks();
        if self.byte(b'#').is_some() {
            self.past(|byte| byte == b'\t' || !byte.is_ascii_control());
        }
        if self.0.is_empty() {
            return Some(());
        }
        self.byte(b'\n').or_else(|| self.word("\r\n"))
    }

    /// A string on one line, in either kind of quotes. With a backslash it may be an escape: not plain.
    fn string(&mut self) -> Option<&'t str> {
        let quote = [b'"', b'\''].into_iter().find(|quote| self.byte(*quote).is_some())?;
        let string = self.past(|byte| byte != quote && byte != b'\\' && !byte.is_ascii_control());
        self.byte(quote)?;
        Some(string)
    }

    /// A list of strings, over any number of lines.
    fn list(&mut self, mut each: impl FnMut(&'t str) -> Option<()>) -> Option<()> {
        self.byte(b'[')?;
        loop {
            self.lines();
            if self.byte(b']').is_some() {
                return Some(());
            }
            each(self.string()?)?;
            self.lines();
            if self.byte(b',').is_none() {
                return self.byte(b']');
            }
        }
    }

    /// Blanks, comments and line ends.
    fn lines(&mut self) {
        while !self.0.is_empty() && self.line_end().is_some() {}
    }
}
