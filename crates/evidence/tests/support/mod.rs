//! A host in a folder, and what was found on it as lines that a person can compare.

#![allow(dead_code, reason = "each test program uses its own part")]

use rolewall_evidence::{Evidence, Files, Found, HostFacts, Interfaces, NamedFile, Unreadable};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Files in memory, by their paths on the host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Permission bits that are not 0644.
    pub(crate) modes: BTreeMap<String, u32>,
    /// Files that may not be read.
    pub(crate) denied: Vec<String>,
}

impl Memory {
    /// Everything below a folder, as if it were `/`.
    pub(crate) fn of(root: &Path) -> Memory {
        let mut memory = Memory::default();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let shown = format!("/{}", path.strip_prefix(root).unwrap().display());
                    memory.files.insert(shown, fs::read(&path).unwrap());
                }
            }
        }
        memory
    }

    fn is_directory(&self, path: &str) -> bool {
        let below = format!("{}/", path.trim_end_matches('/'));
        self.files.keys().any(|file| file.starts_with(&below))
    }
}

impl Files for Memory {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        if self.denied.iter().any(|denied| denied == path) {
            return Err(Unreadable::Because("permission denied".into()));
        }
        match self.files.get(path) {
            Some(bytes) => Ok(bytes.clone()),
            None if self.is_directory(path) => Err(Unreadable::Because("it is a directory".into())),
            None => Err(Unreadable::Absent),
        }
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, Unreadable> {
        if !self.is_directory(directory) {
            return Err(Unreadable::Absent);
        }
        let below = format!("{}/", directory.trim_end_matches('/'));
        let inside = self.files.keys().filter_map(|file| file.strip_prefix(&below));
        let mut names: Vec<String> =
            inside.filter_map(|rest| rest.split('/').next()).map(str::to_owned).collect();
        names.dedup();
        Ok(names)
    }

    fn mode(&self, path: &str) -> Option<u32> {
        let known = self.modes.get(path).copied();
        known.or_else(|| (self.files.contains_key(path) || self.is_directory(path)).then_some(0o644))
    }
}

/// A case: a host in `root/`, and in `host.txt`, where there is one, a fact a line:
/// `hostname NAME`, `interface NAME ADDRESS`, `file PROGRAM PATH`, `mode PATH OCTAL`, `denied PATH`.
pub(crate) struct Case {
    pub(crate) folder: PathBuf,
    pub(crate) memory: Memory,
    pub(crate) facts: HostFacts,
    pub(crate) named: Vec<NamedFile>,
}

impl Case {
    pub(crate) fn of(folder: &Path) -> Case {
        let memory = Memory::of(&folder.join("root"));
        let mut case =
            Case { folder: folder.to_owned(), memory, facts: HostFacts::default(), named: Vec::new() };
        let facts = fs::read_to_string(folder.join("host.txt")).unwrap_or_default();
        facts.lines().for_each(|line| case.take(&line.split_whitespace().collect::<Vec<_>>()));
        case
    }

    fn take(&mut self, words: &[&str]) {
        match *words {
            [] => {}
            ["hostname", name] => self.facts.hostname = Some(name.to_owned()),
            ["interface", name, address] => {
                let mut interfaces = self.facts.interfaces.all().unwrap_or_default().to_vec();
                interfaces.push((name.to_owned(), address.parse().unwrap()));
                self.facts.interfaces = Interfaces::known(interfaces);
            }
            ["file", program, path] => {
                self.named.push(NamedFile { program: program.to_owned(), path: path.to_owned() });
            }
            ["mode", path, octal] => {
                self.memory.modes.insert(path.to_owned(), u32::from_str_radix(octal, 8).unwrap());
            }
            ["denied", path] => self.memory.denied.push(path.to_owned()),
            _ => panic!("{}: {words:?}", self.folder.display()),
        }
    }

    pub(crate) fn read(&self) -> Found {
        rolewall_evidence::programs::read(&self.memory, &self.facts, &self.named)
    }
}

/// The folders of the cases, in order.
pub(crate) fn cases() -> Vec<PathBuf> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut found = Vec::new();
    for program in fs::read_dir(cases).unwrap() {
        for case in fs::read_dir(program.unwrap().path()).unwrap() {
            found.push(case.unwrap().path());
        }
    }
    found.sort();
    found
}

/// A line for everything that was found, each followed by its evidence.
pub(crate) fn shown(found: &Found) -> String {
    let Found { endpoints, unix, peers, unresolved, troubles } = found;
    let mut out = String::new();
    for e in endpoints {
        let tls = match e.tls {
            Some(true) => " tls",
            Some(false) => " plain",
            None => "",
        };
        let (first, last) = e.ports;
        let ports = if first == last { first.to_string() } else { format!("{first}-{last}") };
        let purpose = e.purpose.unwrap_or("?");
        let _ = writeln!(out, "{} {} {} {ports} {purpose}{tls}", e.service, e.transport, e.address);
        evidence(&mut out, &e.evidence);
    }
    for u in unix {
        let _ = writeln!(out, "{} unix {}", u.service, u.path);
        evidence(&mut out, &u.evidence);
    }
    for p in peers {
        let addresses: Vec<String> = p.addresses.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            out,
            "{} peer {} {} {} {} [{}]",
            p.service,
            p.purpose,
            p.host,
            p.transport,
            p.port,
            addresses.join(" ")
        );
        evidence(&mut out, &p.evidence);
    }
    for u in unresolved {
        let _ = writeln!(out, "{} unresolved: {}", u.service, u.what);
        evidence(&mut out, &u.evidence);
    }
    for trouble in troubles {
        let _ = writeln!(out, "trouble: {trouble}");
    }
    out
}

fn evidence(out: &mut String, all: &[Evidence]) {
    for Evidence { kind, source, text } in all {
        let _ = writeln!(out, "    {} {source}: {text}", kind.word());
    }
}
