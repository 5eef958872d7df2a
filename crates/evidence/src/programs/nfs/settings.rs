//! What decides about the NFS server's sockets: `nfs.conf`, and where there is none, the options that packages
//! kept in files before it.
//! Source: nfs.conf(5), rpc.nfsd(8), rpc.mountd(8), rpc.statd(8); `/etc/default` of Debian up to 11 and
//! `/etc/sysconfig/nfs` of RHEL up to 7.
//! Not here: what is opened.

use crate::formats::shell::{self, Assignment};
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text};
use std::sync::Arc;

const MAIN: &str = "/etc/nfs.conf";
const ADDED: &str = "/etc/nfs.conf.d";
const OLDER: [&str; 3] = ["/etc/sysconfig/nfs", "/etc/default/nfs-kernel-server", "/etc/default/nfs-common"];
/// `section.key`, in lower case.
const KNOWN: [&str; 9] = [
    "nfsd.port",
    "nfsd.host",
    "nfsd.tcp",
    "nfsd.udp",
    "nfsd.vers3",
    "mountd.port",
    "statd.port",
    "lockd.port",
    "lockd.udp-port",
];

/// The last of each counts.
#[derive(Default)]
pub(super) struct Settings {
    known: Vec<(String, String, Place)>,
    environment: Vec<(String, String)>,
    /// A file of the times when UDP was served unless it was turned off.
    pub(super) older: Option<Place>,
}

impl Settings {
    pub(super) fn read(reading: &mut Reading<'_>) -> Settings {
        let mut settings = Settings::default();
        let main = reading.open(MAIN);
        let added = reading.expand(&format!("{ADDED}/*.conf"), &Place::file(ADDED));
        if main.is_none() && added.is_empty() {
            settings.packaged(reading);
        }
        let added: Vec<Arc<Text>> = added.iter().filter_map(|path| reading.open(path)).collect();
        for text in main.into_iter().chain(added) {
            settings.file(reading, &text, String::new());
        }
        settings.fill();
        settings
    }

    /// `key = value` in sections. What a file includes goes on in the section that it is included in.
    fn file(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, mut section: String) {
        for (number, line) in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or("").trim();
            if let Some(name) = line.strip_prefix('[') {
                let name = name.split_once(']').map(|(name, _)| name);
                if name.is_none() {
                    let what = "the section is not closed: NFS leaves out all to the next one";
                    reading.trouble(&text.place(number), what);
                }
                // `[nfsd "argument"]` is asked for by nobody that opens sockets.
                section = name.unwrap_or("").trim().to_ascii_lowercase();
                continue;
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let (key, value) = (key.trim(), value.trim().trim_matches(['"', '\'']));
            match key.to_ascii_lowercase().as_str() {
                "include" => {
                    let (path, absent) = match value.strip_prefix('-') {
                        Some(path) => (path, Absent::IsFine),
                        None => (value, Absent::IsTrouble),
                    };
                    for included in reading.include_all(text, number, path, absent) {
                        self.file(reading, &included, section.clone());
                    }
                }
                _ if section == "environment" => self.environment.push((key.to_owned(), value.to_owned())),
                _ if value.is_empty() => {}
                key => self.set(&format!("{section}.{key}"), value, text.place(number)),
            }
        }
    }

    fn packaged(&mut self, reading: &mut Reading<'_>) {
        for path in OLDER {
            let Some(text) = reading.open(path) else { continue };
            self.older.get_or_insert(text.whole());
            for assignment in shell::assignments(&text) {
                let place = text.place(assignment.line);
                match assignment.key.as_str() {
                    "MOUNTD_PORT" => self.set("mountd.port", &assignment.value, place),
                    "STATD_PORT" => self.set("statd.port", &assignment.value, place),
                    "LOCKD_TCPPORT" => self.set("lockd.port", &assignment.value, place),
                    "LOCKD_UDPPORT" => self.set("lockd.udp-port", &assignment.value, place),
                    "RPCNFSDARGS" | "RPCNFSDOPTS" | "RPCNFSDCOUNT" => {
                        self.options("nfsd", &text, &assignment)
                    }
                    "RPCMOUNTDOPTS" | "RPCMOUNTDARGS" => self.options("mountd", &text, &assignment),
                    "STATDOPTS" | "STATDARG" | "STATDARGS" => self.options("statd", &text, &assignment),
                    _ => {}
                }
            }
        }
    }

    /// `-p 2050`, `--port=2050`, `-p2050`.
    fn options(&mut self, program: &str, text: &Text, assignment: &Assignment) {
        let mut words = assignment.words.iter();
        while let Some((word, line)) = words.next() {
            let (option, glued) = match word.split_once('=') {
                Some((option, value)) if word.starts_with("--") => (option, value),
                _ if word.starts_with("--") => (word.as_str(), ""),
                _ => word.split_at_checked(2).unwrap_or((word, "")),
            };
            let place = text.place(*line);
            let mut value = || match glued {
                "" => words.next().map_or("", |(word, _)| word.as_str()),
                glued => glued,
            };
            match option {
                "-p" | "-P" | "--port" => {
                    let value = value();
                    self.set(&format!("{program}.port"), value, place);
                }
                "-H" | "--host" if program == "nfsd" => {
                    let value = value();
                    self.set("nfsd.host", value, place);
                }
                "-N" | "--no-nfs-version" if program == "nfsd" && value() == "3" => {
                    self.set("nfsd.vers3", "n", place);
                }
                "-T" | "--no-tcp" if program == "nfsd" => self.set("nfsd.tcp", "n", place),
                "-U" | "--no-udp" if program == "nfsd" => self.set("nfsd.udp", "n", place),
                "-u" | "--udp" if program == "nfsd" => self.set("nfsd.udp", "y", place),
                _ => {}
            }
        }
    }

    fn set(&mut self, name: &str, value: &str, place: Place) {
        if KNOWN.contains(&name) {
            self.known.retain(|(known, _, _)| known != name);
            self.known.push((name.to_owned(), value.to_owned(), place));
        }
    }

    /// A value that begins with `$` is one of the section `environment`, else one that stays unknown.
    fn fill(&mut self) {
        for (_, value, _) in &mut self.known {
            let variable = value.strip_prefix('$').unwrap_or("");
            let known = self.environment.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(variable));
            if let Some((_, known)) = known {
                value.clone_from(known);
            }
        }
    }

    pub(super) fn value(&self, name: &str) -> Option<(&str, &Place)> {
        let known = self.known.iter().find(|(known, _, _)| known == name);
        known.map(|(_, value, place)| (value.as_str(), place))
    }

    pub(super) fn is_on(&self, name: &str, default: bool) -> bool {
        let no = |value: &str| {
            matches!(value.to_ascii_lowercase().as_str(), "n" | "no" | "0" | "f" | "false" | "off")
        };
        self.value(name).map_or(default, |(value, _)| !no(value))
    }
}
