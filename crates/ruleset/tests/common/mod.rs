#![allow(unreachable_pub)]
//! A throw-away network namespace in which the real nft says what it does.
//! Not here: what is expected of it.

#![allow(dead_code)]

pub mod build;
pub mod compiled;

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A network namespace of our own, removed when dropped.
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A new one. None, said loudly, where this cannot be tested; a panic where it must be.
    pub fn new() -> Option<Namespace> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rw-text-{}-{number}", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).stderr(Stdio::null()).status();
        let space = Namespace { name };
        if made.is_ok_and(|status| status.success()) && space.is_version("1.0.6") {
            return Some(space);
        }
        let why = "SKIPPED: needs root and nft 1.0.6";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
        eprintln!("{why}");
        None
    }

    fn is_version(&self, version: &str) -> bool {
        let output = self.nft(&["--version"], "");
        String::from_utf8_lossy(&output.stdout).contains(version)
    }

    /// Run nft here.
    pub fn nft(&self, args: &[&str], input: &str) -> Output {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, "nft"]).args(args);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("ip runs");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("nft reads");
        child.wait_with_output().expect("nft ends")
    }

    /// Load a text in place of what was there, and return what nft says of its programs.
    pub fn load(&self, text: &str) -> String {
        let output = self.nft(&["--debug=netlink", "-f", "-"], &format!("flush ruleset\n{text}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "nft refuses:\n{said}\nof:\n{text}");
        format!("{}{said}", String::from_utf8_lossy(&output.stdout))
    }

    /// What nft lists now.
    pub fn list(&self) -> String {
        let output = self.nft(&["list", "ruleset"], "");
        String::from_utf8(output.stdout).expect("utf-8")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).stderr(Stdio::null()).status();
    }
}

/// The lines that only one side has, for a failure that can be read.
pub fn differences(ours: &str, nfts: &str) -> String {
    let only = |a: &str, b: &str, whose: &str| -> String {
        let missing = a.lines().filter(|line| !b.lines().any(|other| other == *line));
        missing.map(|line| format!("{whose}: {}\n", line.trim())).collect()
    };
    format!("{}{}", only(ours, nfts, "ours"), only(nfts, ours, "nft "))
}
