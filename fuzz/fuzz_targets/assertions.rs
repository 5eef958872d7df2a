//! Assertions of `verify --assert`, over the cluster of `examples`: those that are read have both ends and a place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewall_fuzz::text::{catalogue, lie_in, sources};
use rolewall_policy::verify::assert;
use rolewall_policy::{Inventory, Source, inventory};
use std::sync::LazyLock;

static INVENTORY: LazyLock<Inventory> = LazyLock::new(|| {
    let source = Source::new("cluster.toml", include_str!("../../examples/cluster.toml"));
    inventory::parse(&[source], catalogue()).expect("the example is good")
});

fuzz_target!(|bytes: &[u8]| {
    let Some(sources) = sources(bytes) else { return };
    let Some(source) = sources.first() else { return };
    let read = assert::parse(source, catalogue(), &INVENTORY);
    match &read {
        Ok(read) => {
            assert!(!read.is_empty());
            for one in read {
                assert!(!one.from.is_empty() && !one.to.is_empty() && !one.to_string().is_empty());
                assert!((1..=source.text.split('\n').count()).contains(&(one.place.line as usize)));
            }
        }
        Err(problems) => lie_in(problems, &sources),
    }
    assert_eq!(read, assert::parse(source, catalogue(), &INVENTORY));
});
