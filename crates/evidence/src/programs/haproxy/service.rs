//! How HAProxy's service is started: its files, and what its command line says itself.
//! Source: HAProxy's management.txt; the units of Debian's and RHEL's packages.

use super::{Instance, control};
use crate::reading::Reading;
use crate::text::{Place, join};

const USUAL: [&str; 2] = ["/etc/haproxy/haproxy.cfg", "/usr/local/etc/haproxy/haproxy.cfg"];
/// Read after the main file by RHEL's unit, and where a command line says so.
const FOLDER: &str = "/etc/haproxy/conf.d";
/// What packages give to the service: Debian's and RHEL's.
const COMMAND_LINES: [&str; 2] = ["/etc/default/haproxy", "/etc/sysconfig/haproxy"];

impl Instance {
    /// The files that the service is started with, and what its command line opens.
    pub(super) fn service(&mut self, reading: &mut Reading<'_>) {
        let mut folders = Vec::new();
        let mut main = None;
        let mut is_debian = false;
        for path in COMMAND_LINES {
            let Some(text) = reading.open(path) else { continue };
            is_debian |= path.starts_with("/etc/default");
            for (number, line) in text.lines() {
                let Some((name, value)) = line.trim().split_once('=').filter(|(n, _)| !n.starts_with('#'))
                else {
                    continue;
                };
                let value = value.trim().trim_matches(['"', '\'']);
                match name.trim_start_matches("export ") {
                    "CONFIG" => main = Some(value.to_owned()),
                    "CFGDIR" => folders.push(value.to_owned()),
                    "EXTRAOPTS" | "OPTIONS" => {
                        self.options(reading, value, &text.place(number), &mut folders);
                    }
                    name => drop(self.environment.insert(name.to_owned(), Some(value.to_owned()))),
                }
            }
        }
        // Debian's unit has the main file only.
        if !is_debian && folders.is_empty() {
            folders.push(FOLDER.to_owned());
        }
        let text = match main {
            Some(path) => reading.open(&path),
            None => reading.open_first(&USUAL),
        };
        let Some(text) = text else { return };
        self.file(reading, &text);
        for folder in folders {
            self.more(reading, &folder);
        }
    }

    /// `-f` names a file or a folder, `-L` this peer, `-S` the master's socket.
    fn options(&mut self, reading: &mut Reading<'_>, line: &str, at: &Place, folders: &mut Vec<String>) {
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            match word {
                "-f" => folders.extend(words.next().map(str::to_owned)),
                "-L" => self.set_local(words.next()),
                "-S" => {
                    let socket = words.next().and_then(|word| word.split(',').next()).unwrap_or("");
                    control(reading, socket, "", at);
                }
                _ => {}
            }
        }
    }

    /// A folder's `*.cfg` in the order of their names, or a file.
    fn more(&mut self, reading: &mut Reading<'_>, path: &str) {
        let names = reading.list(path);
        let of_folder = names.iter().filter(|name| name.ends_with(".cfg") && !name.starts_with('.'));
        let mut paths: Vec<String> = of_folder.map(|name| join(path, name)).collect();
        if names.is_empty() {
            paths.push(path.to_owned());
        }
        for path in paths {
            if let Some(text) = reading.open(&path) {
                self.file(reading, &text);
            }
        }
    }
}
