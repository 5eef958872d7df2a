//! Role files of an operator: each role is found by its name and aliases, the name of a service is one service's,
//! and ports are read back as they are printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewall_fuzz::text::{catalogue, lie_in, sources};
use rolewall_policy::{Catalogue, PortRange};
use std::collections::BTreeSet;

fn holds(read: &Catalogue) {
    for role in read.roles.values() {
        let names = role.aliases.iter().chain([&role.name.0]);
        assert!(names.into_iter().all(|name| read.resolve(name) == Some(role)), "{role:?}");
    }
    let mut names = BTreeSet::new();
    for (_, service) in read.services() {
        assert!(names.insert(&service.name), "{service:?}");
        for range in service.ports.iter().chain(&service.also) {
            assert_eq!(range.to_string().parse::<PortRange>().as_ref(), Ok(range));
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some(sources) = sources(bytes) else { return };
    let read = catalogue().with_overrides(&sources);
    match &read {
        Ok(read) => holds(read),
        Err(problems) => lie_in(problems, &sources),
    }
    assert_eq!(read, catalogue().with_overrides(&sources));
});
