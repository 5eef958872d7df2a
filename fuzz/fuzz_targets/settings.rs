//! `rolewall.toml`, the vendor's `local.conf` and `nodeid`, one behind the other: bounds are kept, no trusted network
//! is inside another, and the short look at where the inventory is agrees with the long one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewall_fuzz::text::{catalogue, lie_in, notes_lie_in, sources};
use rolewall_policy::settings::{self, InventorySource, Settings, local_conf, nodeid, window};

fn holds(read: &Settings) {
    assert!((window::MIN..=window::MAX).contains(&read.test_window));
    for (at, one) in read.trusted.iter().enumerate() {
        let others = read.trusted.iter().enumerate().filter(|(other, _)| *other != at);
        assert!(
            one.net == one.net.trunc() && others.into_iter().all(|(_, other)| !other.net.contains(&one.net))
        );
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some(sources) = sources(bytes) else { return };
    let (toml, conf, id) = (sources.first(), sources.get(1), sources.get(2));
    let read = settings::parse(toml, conf, catalogue());
    match &read {
        Ok(read) => {
            holds(read);
            notes_lie_in(&read.notes, &sources);
            let asks = toml.is_some_and(settings::asks_sql);
            assert_eq!(asks, read.inventory == InventorySource::Sql);
        }
        Err(problems) => lie_in(problems, &sources),
    }
    assert_eq!(read, settings::parse(toml, conf, catalogue()));
    if let Some(Err(problems)) = conf.map(local_conf::parse) {
        lie_in(&problems, &sources);
    }
    if let Some(Ok(id)) = id.map(|id| nodeid::parse(&id.text)) {
        assert_eq!(nodeid::parse(&id), Ok(id));
    }
});
