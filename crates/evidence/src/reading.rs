//! Reading one program's configuration: opening what it includes, and keeping what it says.
//! Not here: any program's syntax ([`crate::programs`]).
//!
//! Whatever the files hold, reading ends: the number of files, their bytes and the depth of includes are
//! bounded, and what the bounds cut off is said as trouble.

use crate::files::{FILE_BYTES_MAX, Files, HostFacts, Unreadable};
use crate::found::{Found, Listener, Peer, Socket, Trouble, UnixSocket, Unresolved};
use crate::glob;
use crate::hosts::Hosts;
use crate::text::{Place, Text, join};
use crate::{Kind, Transport};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;

/// Files that one program may open. Real ones open some hundreds (a web server of many sites).
const FILES_MAX: usize = 5_000;
/// Bytes of all of them together.
const BYTES_MAX: usize = 64 << 20;
/// Directories that one program may list. Links may lead around in circles, and a pattern of three stars goes through
/// a whole disk.
const LISTS_MAX: usize = 10_000;
/// Files that include each other. Apache allows 20 for its own, nginx and Kamailio fewer.
const DEPTH_MAX: usize = 30;
/// Troubles and unresolved values that are kept of one program: more would not be read.
const SAID_MAX: usize = 200;
/// Endpoints that are kept of one program. Real ones have some dozens.
const ENDPOINTS_MAX: usize = 10_000;

/// What a missing file means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// The service would not start, or says so: trouble.
    IsTrouble,
    /// The service goes on without it.
    IsFine,
}

/// One program being read.
#[derive(Debug)]
pub struct Reading<'a> {
    files: FilesOf<'a>,
    facts: &'a HostFacts,
    hosts: &'a Hosts,
    program: &'static str,
    found: Found,
    /// Which of the endpoints a socket is.
    endpoints: BTreeMap<Socket, usize>,
    files_left: usize,
    bytes_left: usize,
    lists_left: usize,
}

struct FilesOf<'a>(&'a dyn Files);

impl std::fmt::Debug for FilesOf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the files of a host")
    }
}

impl<'a> Reading<'a> {
    pub(crate) fn new(
        files: &'a dyn Files,
        facts: &'a HostFacts,
        hosts: &'a Hosts,
        program: &'static str,
    ) -> Reading<'a> {
        let found = Found::default();
        let files = FilesOf(files);
        Reading {
            files,
            facts,
            hosts,
            program,
            found,
            endpoints: BTreeMap::new(),
            files_left: FILES_MAX,
            bytes_left: BYTES_MAX,
            lists_left: LISTS_MAX,
        }
    }

    pub(crate) fn into_found(self) -> Found {
        self.found
    }

    /// What the host knows of itself.
    pub fn facts(&self) -> &'a HostFacts {
        self.facts
    }

    /// A file that may be absent. Any other reason not to read it is said as trouble.
    pub fn open(&mut self, path: &str) -> Option<Arc<Text>> {
        self.load(path, None, None)
    }

    /// The first of these files that there is: the main file at its usual places.
    pub fn open_first(&mut self, paths: &[&str]) -> Option<Arc<Text>> {
        paths.iter().find_map(|path| self.open(path))
    }

    /// A file that another one names at a line. A relative path is seen from the includer's directory; where
    /// the service sees it from elsewhere, join it first.
    pub fn include(&mut self, from: &Arc<Text>, line: u32, path: &str, absent: Absent) -> Option<Arc<Text>> {
        let path = join(from.directory(), path);
        let at = from.place(line);
        if from.chain().any(|text| text.path() == path) {
            self.trouble(&at, format_args!("{path} includes itself"));
            return None;
        }
        if from.chain().count() > DEPTH_MAX {
            self.trouble(&at, format_args!("not read: more than {DEPTH_MAX} files include each other"));
            return None;
        }
        let text = self.load(&path, Some(from), Some(&at));
        if text.is_none() && absent == Absent::IsTrouble && self.files.0.mode(&path).is_none() {
            self.trouble(&at, format_args!("{path}: {}", Unreadable::Absent));
        }
        text
    }

    /// The files that a pattern of the shell names, in order of their names. `*`, `?` and `[…]` do not match
    /// a dot at the beginning of a name. A pattern that matches nothing is fine; a plain path is
    /// [`Self::include`]d.
    pub fn include_all(
        &mut self,
        from: &Arc<Text>,
        line: u32,
        pattern: &str,
        absent: Absent,
    ) -> Vec<Arc<Text>> {
        if !glob::is_pattern(pattern) {
            return self.include(from, line, pattern, absent).into_iter().collect();
        }
        let pattern = join(from.directory(), pattern);
        let paths = self.expand(&pattern, &from.place(line));
        paths.iter().filter_map(|path| self.include(from, line, path, Absent::IsFine)).collect()
    }

    /// The paths that a pattern of the shell names, in order.
    pub fn expand(&mut self, pattern: &str, at: &Place) -> Vec<String> {
        match glob::expand(pattern, FILES_MAX, self.files.0, |directory| self.listed(directory)) {
            Ok(paths) => paths,
            Err(why) => {
                self.trouble(at, why);
                Vec::new()
            }
        }
    }

    /// The names in a directory, in order; none if there is no such directory.
    pub fn list(&mut self, directory: &str) -> Vec<String> {
        match self.listed(directory) {
            Ok(names) => names,
            Err(Unreadable::Absent) => Vec::new(),
            Err(why) => {
                self.trouble(&Place::file(directory), why);
                Vec::new()
            }
        }
    }

    fn listed(&mut self, directory: &str) -> Result<Vec<String>, Unreadable> {
        let Some(left) = self.lists_left.checked_sub(1) else {
            return Err(Unreadable::Because(format!("{LISTS_MAX} directories were listed already")));
        };
        self.lists_left = left;
        let mut names = self.files.0.list(directory)?;
        names.sort();
        Ok(names)
    }

    /// The permission bits of a file; none if there is none.
    pub fn mode(&self, path: &str) -> Option<u32> {
        self.files.0.mode(path)
    }

    fn load(&mut self, path: &str, includer: Option<&Arc<Text>>, at: Option<&Place>) -> Option<Arc<Text>> {
        let place = at.cloned().unwrap_or_else(|| Place::file(path));
        if self.files_left == 0 || self.bytes_left == 0 {
            let bound = format_args!(
                "{path} was not read: {FILES_MAX} files or {} MiB were read already",
                BYTES_MAX >> 20
            );
            self.trouble(&place, bound);
            return None;
        }
        let bytes = match self.files.0.read(path) {
            Ok(bytes) => bytes,
            Err(Unreadable::Absent) => return None,
            Err(Unreadable::Because(why)) => {
                self.trouble(&place, format_args!("{path} was not read: {why}"));
                return None;
            }
        };
        self.files_left -= 1;
        self.bytes_left = self.bytes_left.saturating_sub(bytes.len());
        if let Some(why) = not_text(&bytes) {
            self.trouble(&Place::file(path), why);
            return None;
        }
        Some(Arc::new(Text::new(path, bytes, includer.cloned())))
    }

    /// The addresses that a word stands for on this host: an address, `localhost`, or a name of its
    /// `/etc/hosts`. What only a name server or another machine knows is unresolved, and none.
    pub fn addresses(&mut self, word: &str, at: &Place) -> Vec<IpAddr> {
        let known = self.known_addresses(word);
        if known.is_empty() {
            self.unresolved(format!("the address of {word:?}"), at);
        }
        known
    }

    /// The same without a word where nothing is known.
    pub fn known_addresses(&self, word: &str) -> Vec<IpAddr> {
        let bare = word.strip_prefix('[').and_then(|w| w.strip_suffix(']')).unwrap_or(word);
        // A zone (`fe80::1%eth0`) is the interface, which the address itself does not need.
        let unzoned = bare.split_once('%').map_or(bare, |(address, _)| address);
        match unzoned.parse() {
            Ok(address) => vec![address],
            Err(_) => self.hosts.addresses(bare),
        }
    }

    /// The addresses of an interface; none where the live host may not be asked, or has no such interface.
    /// `lo` is known everywhere.
    pub fn interface(&self, name: &str) -> Option<Vec<IpAddr>> {
        let of = |all: &[(String, IpAddr)]| {
            let mine: Vec<IpAddr> = all.iter().filter(|(n, _)| n == name).map(|(_, a)| *a).collect();
            (!mine.is_empty()).then_some(mine)
        };
        let loopback = || (name == "lo").then(|| self.hosts.addresses("localhost"));
        self.facts.interfaces.all().and_then(of).or_else(loopback)
    }

    /// A socket that the service would open. Where it is known already, its evidence joins that.
    pub fn listen(&mut self, listener: Listener) {
        let count = self.found.endpoints.len();
        let index = self.endpoints.get(&listener.socket()).copied().unwrap_or(count);
        if let Some(known) = self.found.endpoints.get_mut(index) {
            return listener.join(known);
        }
        if count >= ENDPOINTS_MAX {
            let last = self.found.endpoints.last().and_then(|endpoint| endpoint.evidence.first());
            let at = Place::file(last.map_or(self.program, |evidence| &evidence.source));
            return self
                .trouble(&at, format_args!("more than {ENDPOINTS_MAX} endpoints: the rest is left out"));
        }
        self.endpoints.insert(listener.socket(), index);
        self.found.endpoints.push(listener.into_endpoint(self.program));
    }

    /// A socket in the file system.
    pub fn unix(&mut self, path: impl Into<String>, at: &Place) {
        let (service, path) = (self.program, path.into());
        self.found.unix.push(UnixSocket { service, path, evidence: vec![at.evidence(Kind::Config)] });
    }

    /// A server that the service is told to use.
    pub fn peer(&mut self, purpose: &'static str, host: &str, transport: Transport, port: u16, at: &Place) {
        let addresses = self.known_addresses(host);
        let (service, host) = (self.program, host.to_owned());
        let evidence = vec![at.evidence(Kind::Config)];
        self.found.peers.push(Peer { service, purpose, host, addresses, transport, port, evidence });
    }

    /// A value that is not known here: a placeholder, a template, a variable that is not set.
    pub fn unresolved(&mut self, what: impl Into<String>, at: &Place) {
        self.not_known(what.into(), false, at);
    }

    /// A port that Linux picks anew at each start: the service listens there, and no file tells where.
    pub fn random_port(&mut self, what: impl Into<String>, at: &Place) {
        self.not_known(what.into(), true, at);
    }

    fn not_known(&mut self, what: String, is_random: bool, at: &Place) {
        if self.found.unresolved.len() < SAID_MAX {
            let (service, evidence) = (self.program, vec![at.evidence(Kind::Config)]);
            let unresolved = Unresolved { service, what, is_random, evidence };
            if !self.found.unresolved.contains(&unresolved) {
                self.found.unresolved.push(unresolved);
            }
        }
    }

    /// The same, unless there is trouble with that place already.
    pub(crate) fn trouble_once(&mut self, at: &Place, what: impl Display) {
        let source = at.to_string();
        if !self.found.troubles.iter().any(|trouble| trouble.source == source) {
            self.trouble(at, what);
        }
    }

    /// Something that could not be read or understood: what is wrong, and what was expected.
    pub fn trouble(&mut self, at: &Place, what: impl Display) {
        if self.found.troubles.len() < SAID_MAX {
            let (service, source, what) = (self.program, at.to_string(), what.to_string());
            let trouble = Trouble { service, source, what };
            if !self.found.troubles.contains(&trouble) {
                self.found.troubles.push(trouble);
            }
        }
    }
}

/// Why these bytes are no configuration file.
fn not_text(bytes: &[u8]) -> Option<String> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Some(format!("it is larger than {} MiB", FILE_BYTES_MAX >> 20));
    }
    let at = bytes.iter().position(|b| *b == 0)?;
    Some(format!("not text: byte {} is NUL; expected a configuration file in UTF-8", at + 1))
}
