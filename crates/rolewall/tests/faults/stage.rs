//! Where a fault is made: a node with the program, everybody around it, and the ways in which it may stand.
//! Not here: which faults, and which commands.

use super::support::program::Program;
use super::support::ruleset;
use super::support::scene::{CLOSED, OPEN, Who, cluster, hosts, node_for, scene, settings};
use rolewall_kernel::Nft;
use rolewall_lab::{Host, Lab, Listen, Outcome, Probe, Server};
use rolewall_ruleset::{Op, Transaction};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a node stands, as packets of both families find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stands {
    /// Nothing is filtered.
    Open,
    /// The web role is in force.
    Web,
    /// The sip role is in force.
    Sip,
    /// Nobody but admins gets in.
    Fallback,
}

/// A node, ports that answer on it, and its files as they are where every case begins.
pub(crate) struct Stage {
    lab: Lab,
    _served: Server,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

/// An answer comes within a millisecond or two; a longer time is given before it is called missing.
const QUICK: Duration = Duration::from_millis(40);
const PATIENT: Duration = Duration::from_millis(900);

impl Stage {
    /// Revision 1 is the web role, confirmed; the files beside say so too.
    pub(crate) fn new() -> Stage {
        let lab = scene();
        let served = hosts(&lab).0.serve(Listen::new().tcp([22, 443, 3306, 5060])).unwrap();
        let mut stage = Stage { lab, _served: served, files: BTreeMap::new() };
        stage.become_role("web");
        stage.node().expect(0, &["apply", "--final"]);
        collect(&stage.directory(), &mut stage.files);
        stage
    }

    pub(crate) fn node(&self) -> &Host {
        hosts(&self.lab).0
    }

    /// The root of the node's files, as this process sees it.
    pub(crate) fn directory(&self) -> PathBuf {
        self.node().files_outside().unwrap()
    }

    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.directory().join("var/lib/rolewall").join(name)
    }

    pub(crate) fn become_role(&self, role: &str) {
        self.node().configure(&cluster(&[role], ""), &settings(""));
    }

    /// Files and kernel as they were when revision 1 had been confirmed.
    pub(crate) fn reset(&self) {
        for folder in ["etc", "var", "tmp"] {
            let _ = fs::remove_dir_all(self.directory().join(folder));
        }
        for (path, content) in &self.files {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        self.forget();
        let confirmed = &self.files[&self.state("confirmed.rules")];
        let batch =
            confirmed.iter().position(|byte| *byte == b'\n').map(|end| &confirmed[end + 1..]).unwrap();
        let load = || Nft::open().and_then(|mut nft| nft.commit_bytes(batch));
        self.node().in_namespace(load).unwrap().unwrap();
    }

    /// The kernel forgets every table, as at a reboot.
    pub(crate) fn forget(&self) {
        let forget = || {
            let mut nft = Nft::open()?;
            let tables = nft.table_ids()?;
            let ops = tables.iter().map(|(id, _)| Op::DeleteTable(id)).collect();
            nft.commit(&Transaction { generation: None, ops })
        };
        self.node().in_namespace(forget).unwrap().unwrap();
    }

    /// What the kernel holds, by nft, without what runs down.
    pub(crate) fn held(&self) -> String {
        without_countdown(&ruleset(self.node()))
    }

    /// By packets of both families; in words where the families differ, an admin is shut out, or something is open
    /// that no way to stand opens.
    pub(crate) fn stands(&self) -> Result<Stands, String> {
        let asked_again = || way(self.ask(PATIENT));
        let stands = way(self.ask(QUICK)).or_else(asked_again);
        stands.ok_or_else(|| format!("packets find no way to stand: {:?}", self.ask(PATIENT)))
    }

    /// An admin at ssh; a stranger at the ports of the web role, of the sip role, and of none.
    fn ask(&self, within: Duration) -> [[Outcome; 2]; 4] {
        let asked = [(Who::Admin, 22), (Who::Stranger, 443), (Who::Stranger, 5060), (Who::Stranger, 3306)];
        let probes = asked.iter().flat_map(|(who, port)| {
            who.addresses().map(|from| Probe::tcp(node_for(*who, from), *port).from(from))
        });
        let probes: Vec<Probe> = probes.collect();
        let answers = hosts(&self.lab).2.probe_all_within(&probes, within).unwrap();
        let mut pairs = answers.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
        std::array::from_fn(|_| pairs.next().unwrap())
    }
}

fn way(answers: [[Outcome; 2]; 4]) -> Option<Stands> {
    match answers {
        [OPEN, OPEN, OPEN, OPEN] => Some(Stands::Open),
        [OPEN, OPEN, CLOSED, CLOSED] => Some(Stands::Web),
        [OPEN, CLOSED, OPEN, CLOSED] => Some(Stands::Sip),
        [OPEN, CLOSED, CLOSED, CLOSED] => Some(Stands::Fallback),
        _ => None,
    }
}

/// A listing without the time that is left of elements.
pub(crate) fn without_countdown(listing: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in listing.split(' ') {
        let is_time = words.last() == Some(&"expires");
        if is_time {
            words.pop();
            let end = word.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
            words.push(end);
        } else {
            words.push(word);
        }
    }
    words.join(" ")
}

/// Every file below a directory, with its content.
pub(crate) fn collect(directory: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
}
