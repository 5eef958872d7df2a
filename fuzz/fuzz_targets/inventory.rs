//! `cluster.toml` and its drop-ins: no node shares its name, id or an address with another, ports and names are
//! read back as they are printed, and what is wrong has its place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewall_fuzz::text::{catalogue, lie_in, notes_lie_in, sources};
use rolewall_policy::{Inventory, NodeName, PortRange, Source, inventory};
use std::collections::BTreeSet;

fn holds(read: &Inventory, sources: &[Source]) {
    notes_lie_in(&read.notes, sources);
    let (mut names, mut ids, mut addresses) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for node in &read.nodes {
        assert!(names.insert(&node.name));
        assert!(node.id.iter().all(|id| ids.insert(id)));
        let own: BTreeSet<_> = node.private.iter().chain(&node.public).collect();
        assert!(own.into_iter().all(|address| addresses.insert(address)));
        assert_eq!(NodeName::new(&node.name.0).as_ref(), Some(&node.name));
        for range in node.ports.values().flatten() {
            assert_eq!(range.to_string().parse::<PortRange>().as_ref(), Ok(range));
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some(sources) = sources(bytes) else { return };
    let read = inventory::parse(&sources, catalogue());
    match &read {
        Ok(read) => holds(read, &sources),
        Err(problems) => lie_in(problems, &sources),
    }
    assert_eq!(read, inventory::parse(&sources, catalogue()));
    match inventory::parse_beside(&sources, None, catalogue()) {
        Ok(read) => notes_lie_in(&read.notes, &sources),
        Err(problems) => lie_in(&problems, &sources),
    }
});
