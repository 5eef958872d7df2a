//! Names, ids and addresses that nodes have so far: no two nodes share one.
//! Not here: what a node is.

use crate::problem::Text;
use crate::read::{Reader, Span};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

/// Which node was where. Also nodes that are wrong otherwise: two on one address are told all the same.
#[derive(Default)]
pub(super) struct Seen {
    nodes: Vec<Where>,
    names: HashMap<String, u32>,
    ids: HashMap<String, u32>,
    addresses: HashMap<IpAddr, u32>,
}

struct Where {
    file: usize,
    line: u32,
    name: Option<String>,
}

/// What two nodes may not share.
pub(super) enum Key<'k> {
    Name(&'k str),
    Id(&'k str),
    Address(IpAddr),
}

impl Seen {
    /// The next node begins here.
    pub(super) fn node(&mut self, file: usize, line: u32) {
        self.nodes.push(Where { file, line, name: None });
    }

    /// The present node has this; told, if another has it too. `files` are those read so far.
    pub(super) fn has(&mut self, key: Key<'_>, at: Span, files: &[Text<'_>], reader: &mut Reader<'_, '_>) {
        let present = u32::try_from(self.nodes.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let earlier = match &key {
            Key::Name(name) => first(&mut self.names, (*name).to_owned(), present),
            Key::Id(id) => first(&mut self.ids, (*id).to_owned(), present),
            Key::Address(address) => first(&mut self.addresses, *address, present),
        };
        let Some(earlier) = earlier else {
            if let (Key::Name(name), Some(node)) = (key, self.nodes.last_mut()) {
                node.name = Some(name.to_owned());
            }
            return;
        };
        let same_node = earlier == present;
        let what = || self.what(&key, earlier, same_node, files);
        let help = || match key {
            Key::Address(_) if same_node => "leave it in one list, once".into(),
            Key::Name(_) => "give one of the two nodes another name, or make them one".into(),
            Key::Id(_) | Key::Address(_) => {
                "look which of the two nodes has it, and correct the other".into()
            }
        };
        reader.wrong(at, what, help);
    }

    fn what(&self, key: &Key<'_>, earlier: u32, same_node: bool, files: &[Text<'_>]) -> String {
        let what = match key {
            Key::Name(name) => format!("node `{name}`"),
            Key::Id(id) => format!("node id `{id}`"),
            Key::Address(address) => format!("address {address}"),
        };
        if same_node {
            return format!("{what} is given to this node twice");
        }
        let Some(Where { file, line, name }) = self.nodes.get(earlier as usize) else { return what };
        let place = files.get(*file).map(|f| format!("{}:{line}", f.path().display())).unwrap_or_default();
        match (key, name) {
            (Key::Name(_), _) => format!("{what} is in the inventory twice, first at {place}"),
            (_, Some(name)) => format!("{what} is already node `{name}`'s, at {place}"),
            (_, None) => format!("{what} is already another node's, at {place}"),
        }
    }
}

/// Who had it first, if that was earlier.
fn first<K: Hash + Eq>(owners: &mut HashMap<K, u32>, key: K, present: u32) -> Option<u32> {
    let mut earlier = None;
    owners.entry(key).and_modify(|owner| earlier = Some(*owner)).or_insert(present);
    earlier
}
