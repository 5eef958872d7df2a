//! Other people's rulesets, where a folder of them lies beside the checkout: scripts of nft, and what iptables saved.
//! Not here: what becomes of packets under them. They are other people's, so that they are not kept here.

use crate::foreign;
use std::fs;
use std::path::{Path, PathBuf};

/// One ruleset.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    pub(crate) path: PathBuf,
    program: &'static str,
    text: String,
}

fn folder() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases");
    std::env::var_os("ROLEWALL_PUBLIC_RULESETS").map_or(beside, PathBuf::from).join("rulesets")
}

/// All that look like rulesets, in the order of their paths.
pub(crate) fn listings() -> Vec<Listing> {
    let mut found = Vec::new();
    let mut folders = vec![folder()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            match path.is_dir() {
                true => folders.push(path),
                false => found.extend(listing(path)),
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn listing(path: PathBuf) -> Option<Listing> {
    let text = fs::read_to_string(&path).ok()?;
    let begins = |word: &str| text.lines().any(|line| line.trim_start().starts_with(word));
    let program = match () {
        () if begins("*") && begins("COMMIT") => saved_by(&path, &text),
        () if begins("table ") || begins("add table ") => "nft",
        () => return None,
    };
    // What is there already stays: the witness is.
    let flushes = |line: &&str| line.trim_start().starts_with("flush ruleset");
    let text = text.lines().filter(|line| !flushes(line)).fold(String::new(), |all, line| all + line + "\n");
    Some(Listing { path, program, text })
}

fn saved_by(path: &Path, text: &str) -> &'static str {
    let name = path.to_string_lossy();
    let is_v6 = name.contains("ip6tables") || text.contains("icmp6-") || text.contains("ipv6-icmp");
    if is_v6 { "ip6tables-nft-restore" } else { "iptables-nft-restore" }
}

impl Listing {
    /// Has the real program load it, in the namespace of this thread.
    pub(crate) fn load(&self) -> Result<(), String> {
        let arguments: &[&str] = if self.program == "nft" { &["-f", "-"] } else { &[] };
        foreign::load(self.program, arguments, &self.text)
    }

    pub(crate) fn translates(&self) -> bool {
        self.text.contains("*nat") || self.text.contains("type nat")
    }
}
