//! The program in a host of a lab, with the host's own files.
//! Not here: the hosts ([`super::scene`]).

use rolewall_lab::{Finished, Host, HostCommand};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The binary under test.
pub(crate) const ROLEWALL: &str = env!("CARGO_BIN_EXE_rolewall");

/// Longer than any command takes on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program on a host.
pub(crate) trait Program {
    /// `rolewall --files DIR ...`, to be run or started.
    fn rolewall(&self, arguments: &[&str]) -> HostCommand<'_>;

    /// Runs it to its end, whatever that is.
    fn run(&self, arguments: &[&str]) -> Finished;

    /// Runs it, and expects this exit code; gives what it printed.
    fn expect(&self, code: i32, arguments: &[&str]) -> Said;

    /// Runs it with `--json`, and expects success or, of `status` with drift, a difference.
    fn json(&self, arguments: &[&str]) -> Value;

    /// Writes `cluster.toml` and `rolewall.toml`.
    fn configure(&self, cluster: &str, settings: &str);

    /// Every file below the state directory but the lock, with its content.
    fn state(&self) -> BTreeMap<PathBuf, Vec<u8>>;
}

/// What a command said.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// Whether one of its outputs contains all these words.
    #[track_caller]
    pub(crate) fn mentions(&self, words: &[&str]) -> &Said {
        for word in words {
            let found = self.stdout.contains(word) || self.stderr.contains(word);
            assert!(found, "`{word}` is not in:\n{}\n{}", self.stdout, self.stderr);
        }
        self
    }
}

impl Program for Host {
    fn rolewall(&self, arguments: &[&str]) -> HostCommand<'_> {
        let files = self.files().to_str().unwrap();
        self.command(ROLEWALL).args(["--files", files]).args(arguments).timeout(PATIENCE)
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.rolewall(arguments).run().unwrap()
    }

    #[track_caller]
    fn expect(&self, code: i32, arguments: &[&str]) -> Said {
        said(code, &self.run(arguments))
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let finished = self.run(&[arguments, &["--json"]].concat());
        assert!(matches!(finished.code(), Some(0 | 1)), "{}", described(&finished));
        serde_json::from_slice(&finished.stdout).unwrap_or_else(|e| panic!("{e}: {}", described(&finished)))
    }

    fn configure(&self, cluster: &str, settings: &str) {
        self.write("/etc/rolewall/cluster.toml", cluster).unwrap();
        self.write("/etc/rolewall/rolewall.toml", settings).unwrap();
    }

    fn state(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let directory = self.files_outside().unwrap().join("var/lib/rolewall");
        collect(&directory, &mut found);
        found.remove(&directory.join("lock"));
        found
    }
}

/// What a command that has ended said, if its exit code is this.
#[track_caller]
pub(crate) fn said(code: i32, finished: &Finished) -> Said {
    assert_eq!(finished.code(), Some(code), "{}", described(finished));
    Said { stdout: finished.stdout(), stderr: finished.stderr() }
}

/// A command, how it ended, and what it printed.
pub(crate) fn described(finished: &Finished) -> String {
    let Finished { command, status, .. } = finished;
    format!("{command}: {status}\n{}\n{}", finished.stdout(), finished.stderr())
}

fn collect(directory: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
}
