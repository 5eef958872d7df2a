//! The end: the hosts of the drill are taken away, and looked for.
//! Not here: what would happen to them if the drill were killed; then Linux does the same.

use super::cast::Cast;
use super::ended::Ended;
use super::session::Session;
use super::story::{Story, count_of, ms};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Linux takes namespaces down in the background.
const GONE_WITHIN: Duration = Duration::from_secs(5);

pub(super) fn close(story: &mut Story, cast: Cast, operator: Session) -> Result<(), Ended> {
    story.chapter("The end: everything is taken away");
    let mut namespaces = BTreeSet::new();
    for host in cast.lab.hosts() {
        namespaces.insert(host.in_namespace(|| fs::read_link("/proc/thread-self/ns/net"))??);
    }
    let count = count_of(namespaces.len(), "host");
    let started = Instant::now();
    drop(operator);
    drop(cast);
    while !in_use().is_disjoint(&namespaces) && started.elapsed() < GONE_WITHIN {
        std::thread::sleep(Duration::from_millis(5));
    }
    let left = in_use().intersection(&namespaces).count();
    let claim =
        format!("{count} taken down in {:.0} ms; {left} of their namespaces in use", ms(started.elapsed()));
    story.check(left == 0, &claim);
    Ok(())
}

/// The network namespaces of all processes, and those that our own descriptors hold.
fn in_use() -> BTreeSet<PathBuf> {
    let entries = |path: &Path| {
        fs::read_dir(path).into_iter().flatten().flatten().map(|e| e.path()).collect::<Vec<_>>()
    };
    let processes = entries(Path::new("/proc")).into_iter().map(|process| process.join("ns/net"));
    let descriptors = entries(Path::new("/proc/self/fd"));
    processes.chain(descriptors).filter_map(|link| fs::read_link(link).ok()).collect()
}
