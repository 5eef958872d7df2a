//! A host whose files are the parts of an input: whatever path a file names, some part is there.
//! Not here: which program reads them.

use crate::text::parts;
use rolewall_evidence::programs::{self, PROGRAMS, Program};
use rolewall_evidence::{Files, Found, HostFacts, NamedFile, Unreadable};

/// The main file, which is the first part.
const MAIN: &str = "/main";
/// Bounds of a reading, a program: see `rolewall_evidence::reading`.
const SAID_MAX: usize = 200;
const ENDPOINTS_MAX: usize = 10_000;

struct Host<'a>(Vec<&'a [u8]>);

impl<'a> Host<'a> {
    fn file(&self, path: &str) -> Option<&'a [u8]> {
        let (main, others) = self.0.split_first()?;
        if path == MAIN || others.is_empty() {
            return (path == MAIN).then_some(main);
        }
        let sum: usize = path.bytes().map(usize::from).sum();
        Some(self.0[sum % self.0.len()])
    }

    /// Whether some file spells this as it is: a name may end with a colon and a number, like a place.
    fn spells(&self, name: &str) -> bool {
        let name = name.as_bytes();
        self.0.iter().any(|part| part.windows(name.len().max(1)).any(|here| here == name))
    }
}

impl Files for Host<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        self.file(path).map(<[u8]>::to_vec).ok_or(Unreadable::Absent)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, Unreadable> {
        let is_directory = !directory.contains('.') && self.file(directory).is_some();
        let names = || ["a.conf", "b.xml", "c"].map(str::to_owned).to_vec();
        is_directory.then(names).ok_or(Unreadable::Absent)
    }

    fn mode(&self, path: &str) -> Option<u32> {
        self.file(path).map(|_| 0o644)
    }
}

/// Reads an input as one of these programs would: the first byte says which, and whether the first file is named
/// as its main file or lies at the usual places.
pub fn read(among: impl Fn(&Program) -> bool, bytes: &[u8]) {
    let among: Vec<&Program> = PROGRAMS.iter().filter(|program| among(program)).collect();
    let Some((first, rest)) = bytes.split_first() else { return };
    let program = among[usize::from(first & 0x7f) % among.len()];
    let named = NamedFile { program: program.name.to_owned(), path: MAIN.to_owned() };
    let named = if first & 0x80 == 0 { vec![named] } else { Vec::new() };
    let host = Host(parts(rest).collect());
    let read = || programs::read_those(&host, &HostFacts::default(), &named, |one| one.name == program.name);
    let found = read();
    holds(&found, &host);
    assert_eq!(found, read());
}

fn holds(found: &Found, host: &Host<'_>) {
    assert!(found.troubles.len() <= SAID_MAX && found.unresolved.len() <= SAID_MAX);
    assert!(found.endpoints.len() <= ENDPOINTS_MAX);
    for trouble in &found.troubles {
        assert!(!trouble.what.is_empty());
        lies_in(&trouble.source, host);
    }
    for endpoint in &found.endpoints {
        let (first, last) = endpoint.ports;
        assert!(first > 0 && first <= last && !endpoint.evidence.is_empty(), "{endpoint:?}");
        endpoint.evidence.iter().for_each(|evidence| lies_in(&evidence.source, host));
    }
    for unresolved in &found.unresolved {
        unresolved.evidence.iter().for_each(|evidence| lies_in(&evidence.source, host));
    }
}

/// `/path:line` is a line of that file.
fn lies_in(source: &str, host: &Host<'_>) {
    let Some((path, line)) = source.rsplit_once(':') else { return };
    let name = source.rsplit('/').next().unwrap_or_default();
    if host.spells(name) {
        return;
    }
    let (Some(file), Ok(line)) = (host.file(path), line.parse::<usize>()) else { return };
    let lines = file.split(|byte| *byte == b'\n').count();
    assert!(line > 0 && line <= lines, "{source} of {lines} lines");
}
