//! Whether no two nodes share a name, an id or an address.
//! Not here: which two do, and how that is told (`seen`).

use super::Node;
use std::net::IpAddr;

/// Sorted lists, not maps: people write nodes in order, and what is in order already is sorted by looking.
pub(super) fn distinct(nodes: &[Node]) -> bool {
    let addresses = || nodes.iter().flat_map(|node| node.addresses());
    let v4 = addresses().filter_map(|address| match address {
        IpAddr::V4(v4) => Some(u32::from(*v4)),
        IpAddr::V6(_) => None,
    });
    let v6 = addresses().filter_map(|address| match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => Some(u128::from(*v6)),
    });
    all_differ(nodes.iter().map(|node| node.name.0.as_str()))
        && all_differ(nodes.iter().filter_map(|node| node.id.as_deref()))
        && all_differ(v4)
        && all_differ(v6)
}

fn all_differ<T: Ord>(values: impl Iterator<Item = T>) -> bool {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.windows(2).all(|pair| pair[0] != pair[1])
}
