//! Whether no two nodes share a name, an id or an address.
//! Not here: which two do, and how that is told (`seen`).

use super::Node;
use crate::Addresses;

/// Sorted lists, not maps: people write nodes in order, and what is in order already is sorted by looking.
pub(super) fn distinct(nodes: &[Node]) -> bool {
    let addresses = || nodes.iter().flat_map(|node| node.addresses());
    all_differ(nodes.iter().map(|node| node.name.0.as_str()))
        && all_differ(nodes.iter().filter_map(|node| node.id.as_deref()))
        && Addresses::from_iter(addresses()).len() == addresses().count()
}

fn all_differ<T: Ord>(values: impl Iterator<Item = T>) -> bool {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.windows(2).all(|pair| pair[0] != pair[1])
}
