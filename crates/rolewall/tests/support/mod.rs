//! What the tests of the binary share: hosts that have it, and words for what they are asked.
//! Not here: what is expected of it; each test says so.
#![allow(dead_code, reason = "each test crate uses a part of it")]

pub(crate) mod database;
pub(crate) mod entries;
pub(crate) mod program;
pub(crate) mod scene;

use rolewall_lab::Host;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Whether tests with namespaces can run; says so loudly if not, and fails where CI runs.
pub(crate) fn can_run() -> bool {
    if rustix::process::geteuid().is_root() {
        return true;
    }
    eprintln!("SKIPPED: needs root");
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI must not skip what needs root");
    false
}

/// An address as a literal.
pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Waits until `what` holds; the bound is generous, and only a failure meets it.
pub(crate) fn eventually(within: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What `nft list ruleset` prints in a host, counters left out.
pub(crate) fn ruleset(host: &Host) -> String {
    nft(host, &["--stateless", "list", "ruleset"])
}

/// The same with the handle of every object: equal only where nothing was replaced.
pub(crate) fn ruleset_with_handles(host: &Host) -> String {
    nft(host, &["--stateless", "--handle", "list", "ruleset"])
}

/// Everything that is not ours, counters, handles and flags included.
pub(crate) fn theirs(host: &Host) -> String {
    let tables = nft(host, &["list", "tables"]);
    let others = tables.lines().filter(|line| *line != "table inet rolewall");
    let list = |table: &str| {
        let words: Vec<&str> = table.split(' ').skip(1).collect();
        nft(host, &["--handle", "list", "table", words[0], words[1]])
    };
    others.map(list).collect()
}

/// A listing of tables with their objects in order of their names: in which order chains were made is no
/// part of what they do.
pub(crate) fn sorted(listing: &str) -> Vec<String> {
    let mut objects: Vec<String> =
        listing.split("\n\n").map(|o| o.trim_end_matches(['\n', '}']).to_owned()).collect();
    objects.iter_mut().for_each(|o| *o = o.replace("table inet rolewall {\n", ""));
    objects.sort();
    objects
}

/// What nft prints for these arguments.
pub(crate) fn nft(host: &Host, arguments: &[&str]) -> String {
    host.command("nft").args(arguments).run().unwrap().ok().unwrap()
}

/// Loads text with `nft -f`.
pub(crate) fn nft_load(host: &Host, text: &str) {
    host.command("nft").args(["-f", "-"]).stdin(text).run().unwrap().ok().unwrap();
}

/// The kernel's counter of changes to this namespace's ruleset.
pub(crate) fn generation(host: &Host) -> u32 {
    let read = || rolewall_kernel::Nft::open().and_then(|mut nft| nft.generation());
    host.in_namespace(read).unwrap().unwrap()
}
