//! Kamailio's command line, as far as packages keep it in files: `-f`, `-A` and `-l`, and its environment.
//! Source: kamailio(8); Debian's unit and `/etc/default/kamailio`; systemd.service(5) for drop-ins.

use super::{is_protocol, listen::Core};
use crate::address;
use crate::formats::sipscript::Script;
use crate::formats::sipscript::socket::Socket;
use crate::reading::Reading;
use crate::text::{Place, Text};
use std::sync::Arc;

/// Assignments of the shell, one a line.
const ASSIGNED: [&str; 3] = ["/etc/default/kamailio", "/etc/default/kamailio.d/*", "/etc/sysconfig/kamailio"];
/// What an administrator put above the packages' units.
const UNITS: [&str; 2] =
    ["/etc/systemd/system/kamailio.service", "/etc/systemd/system/kamailio.service.d/*.conf"];

#[derive(Default)]
pub(super) struct Options {
    /// `-f`, or `CFGFILE`.
    pub(super) main: Option<String>,
    defines: Vec<(String, Place)>,
    listens: Vec<(String, Place)>,
    environment: Vec<(String, String)>,
}

pub(super) fn read(reading: &mut Reading<'_>) -> Options {
    let mut options = Options::default();
    for pattern in ASSIGNED {
        for text in all(reading, pattern) {
            options.assigned(&text);
        }
    }
    for pattern in UNITS {
        for text in all(reading, pattern) {
            options.unit(&text);
        }
    }
    options
}

fn all(reading: &mut Reading<'_>, pattern: &str) -> Vec<Arc<Text>> {
    let paths = reading.expand(pattern, &Place::file(pattern));
    paths.iter().filter_map(|path| reading.open(path)).collect()
}

impl Options {
    fn assigned(&mut self, text: &Text) {
        for (number, line) in text.lines() {
            let line = line.trim().strip_prefix("export ").unwrap_or(line.trim());
            let Some((key, value)) = line.split_once('=').filter(|(key, _)| !key.starts_with('#')) else {
                continue;
            };
            let value = value.trim().trim_matches(['"', '\'']);
            if key == "CFGFILE" {
                self.main = Some(value.to_owned());
            }
            self.environment.push((key.to_owned(), value.to_owned()));
            self.words(value, &text.place(number));
        }
    }

    fn unit(&mut self, text: &Text) {
        for (number, line) in text.lines() {
            let Some((key, value)) = line.trim().split_once('=') else { continue };
            match key.trim() {
                "ExecStart" => self.words(value, &text.place(number)),
                "Environment" => {
                    let value = value.trim().trim_matches(['"', '\'']);
                    if let Some((key, value)) = value.split_once('=') {
                        if key == "CFGFILE" {
                            self.main = Some(value.to_owned());
                        }
                        self.environment.push((key.to_owned(), value.to_owned()));
                    }
                }
                _ => {}
            }
        }
    }

    fn words(&mut self, line: &str, place: &Place) {
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            let Some((option, glued)) = word.split_at_checked(2) else { continue };
            if !matches!(option, "-A" | "-l" | "-f") {
                continue;
            }
            let value = if glued.is_empty() { words.next().unwrap_or("") } else { glued };
            let value = value.trim_matches(['"', '\'']).to_owned();
            match option {
                "-A" => self.defines.push((value, place.clone())),
                "-l" => self.listens.push((value, place.clone())),
                _ if !value.contains('$') => self.main = Some(value),
                _ => {}
            }
        }
    }

    pub(super) fn apply(&self, script: &mut Script, core: &mut Core, reading: &mut Reading<'_>) {
        for (name, value) in &self.environment {
            script.environment(name, value);
        }
        for (define, place) in &self.defines {
            let (name, value) = define.split_once('=').unwrap_or((define, ""));
            script.define(name, value, place.clone());
        }
        for (listen, place) in &self.listens {
            core.is_told = true;
            match named(listen, place) {
                Some(socket) => core.sockets.push(socket),
                None => {
                    reading.trouble(place, format_args!("-l {listen}: expected [protocol:]address[:port]"))
                }
            }
        }
    }
}

/// `-l udp:192.0.2.1:5060`.
fn named(listen: &str, place: &Place) -> Option<Socket> {
    let (protocol, rest) = match listen.split_once(':') {
        Some((word, rest)) if is_protocol(word) => (Some(word.to_ascii_lowercase()), rest),
        _ => (None, listen),
    };
    let address::HostPort { host, port } = address::host_port(rest);
    let port = match port {
        Some(port) => Some(address::port(port)?),
        None => None,
    };
    let hosts = vec![host.to_owned()];
    (!host.is_empty()).then(|| Socket { protocol, hosts, port, places: vec![place.clone()] })
}
