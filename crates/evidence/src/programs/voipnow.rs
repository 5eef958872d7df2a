//! The vendor's own files: where the cluster's SQL, distributed store, search, queue and storage are.
//! `KEY VALUE` lines, blanks or tabs between, `#` comment lines, the later of two equal keys counts.
//! Source: https://github.com/4psa/voipnowtoolbox, which reads the same files; the product's own pages name
//! them but do not describe them.
//! Not here: sockets, since a line that says where a server is opens none; and what the firewall is told.

use super::Program;
use crate::Transport;
use crate::address::{self, HostPort, host_port};
use crate::reading::Reading;
use crate::text::{Place, Text};
use std::collections::HashMap;

pub(super) const PROGRAM: Program = Program { name: "voipnow", aliases: &[], processes: &[], read };

const FOLDER: &str = "/etc/voipnow";
/// What each file names. `main.conf` has credentials, and may have any of the keys.
const FILES: [&str; 8] = [
    "main.conf",
    "sqldbase.conf",
    "disdbase.conf",
    "es.conf",
    "esrole.conf",
    "amqp.conf",
    "queue.conf",
    "storage.conf",
];
/// Keys of one file. Real ones have fewer than fifty.
const KEYS_MAX: usize = 2_000;

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    for main in mains {
        match reading.open(main) {
            Some(text) => file(reading, &text),
            None if reading.mode(main).is_none() => {
                reading.trouble(&Place::file(main), "there is no such file");
            }
            None => {}
        }
    }
    if mains.is_empty() {
        for name in FILES {
            if let Some(text) = reading.open(&format!("{FOLDER}/{name}")) {
                file(reading, &text);
            }
        }
    }
}

/// A key's value, and where it stands.
struct Setting<'t> {
    key: &'t str,
    value: &'t str,
    place: Place,
}

fn file(reading: &mut Reading<'_>, text: &Text) {
    let name = text.path().rsplit('/').next().unwrap_or("");
    for setting in settings(reading, text) {
        // Their values are secrets, and say no address.
        if setting.key.contains("CREDENTIALS") || setting.key.contains("PASS") {
            continue;
        }
        if name == "storage.conf" || setting.key.starts_with("STORAGE") {
            storage(reading, &setting);
        } else if let Some(purpose) = purpose(name, setting.key) {
            server(reading, purpose, &setting);
        }
    }
}

fn settings<'t>(reading: &mut Reading<'_>, text: &'t Text) -> Vec<Setting<'t>> {
    let mut settings: Vec<Setting<'t>> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (number, line) in text.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once(|c: char| c.is_whitespace()).unwrap_or((line, ""));
        let setting = Setting { key, value: value.trim(), place: text.place(number) };
        match known.get(key).and_then(|at| settings.get_mut(*at)) {
            Some(before) => *before = setting,
            None if known.len() == KEYS_MAX => {
                let what = format_args!("the rest was not read: more than {KEYS_MAX} keys");
                reading.trouble(&Place::file(text.path()), what);
                break;
            }
            None => {
                known.insert(key, settings.len());
                settings.push(setting);
            }
        }
    }
    settings
}

/// The key says what its server is; in the distributed store's own file every key is of it.
fn purpose(file: &str, key: &str) -> Option<&'static str> {
    match key {
        _ if key.starts_with("DB_MASTER") || key.starts_with("DB_SLAVE") || key == "DB_HOST" => Some("mysql"),
        _ if key.starts_with("ES_HOST") => Some("es-http"),
        _ if key.starts_with("AMQP_HOST") => Some("amqp"),
        _ if key.starts_with("DISDBASE") || file == "disdbase.conf" => Some("redis"),
        _ => None,
    }
}

/// `type:host:port`; of the distributed store `…:…:…:host:port`.
fn server(reading: &mut Reading<'_>, purpose: &'static str, setting: &Setting<'_>) {
    let Setting { key, value, place } = setting;
    // Only these two fields are shown: others may be secrets.
    let hidden = place.clone().saying(format!("{key} …"));
    if is_placeholder(value) {
        return reading.unresolved(format!("the server of {key}"), &hidden);
    }
    let found = match fields(value).as_slice() {
        [_, _, _, host, port, ..] | [_, _, host, port] if purpose == "redis" => Some((*host, *port)),
        [_, host, port, ..] => Some((*host, *port)),
        _ => None,
    };
    let Some((host, port)) = found.filter(|(host, _)| !host.is_empty()) else {
        return reading.trouble(&hidden, format_args!("{key} is not understood: expected type:host:port"));
    };
    let Some(port) = address::port(port) else {
        return reading.unresolved(format!("the port of {key}"), &hidden);
    };
    let said = place.clone().saying(format!("{key} … {host} {port}"));
    reading.peer(purpose, host, Transport::Tcp, port, &said);
}

/// Fields between colons, but not those of an IPv6 address in brackets, which come off.
fn fields(value: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut rest = Some(value.split_whitespace().next().unwrap_or(""));
    while let Some(text) = rest.filter(|_| fields.len() < 16) {
        let bracketed = text.strip_prefix('[').and_then(|inside| inside.split_once(']'));
        let (field, after) = match bracketed {
            Some((field, after)) => (field, after.strip_prefix(':')),
            None => text.split_once(':').map_or((text, None), |(field, after)| (field, Some(after))),
        };
        fields.push(field);
        rest = after;
    }
    fields
}

fn is_placeholder(host: &str) -> bool {
    host.contains(['$', '{', '}', '<', '>', '@', '%'])
}

/// The keys are not published: a URL is an object store, `host:/path` an NFS export, and paths are local.
fn storage(reading: &mut Reading<'_>, setting: &Setting<'_>) {
    let Setting { key, value, place } = setting;
    let hidden = place.clone().saying(format!("{key} …"));
    for word in value.split_whitespace() {
        let url = [("https://", 443), ("http://", 80), ("s3://", 443)]
            .into_iter()
            .find_map(|(scheme, port)| word.strip_prefix(scheme).map(|rest| (rest, port)));
        let (host, port, purpose) = match (url, word.split_once(":/")) {
            (Some((rest, default)), _) => {
                let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
                let host = authority.rsplit('@').next().unwrap_or("");
                let HostPort { host, port } = host_port(host);
                (host, port.map_or(Some(default), address::port), "s3")
            }
            (None, Some((host, _))) if !host.contains('/') => {
                (host.trim_matches(['[', ']']), Some(2049), "nfs")
            }
            (None, _) => continue,
        };
        match port {
            Some(port) if !host.is_empty() && !is_placeholder(host) => {
                let said = place.clone().saying(format!("{key} … {host} {port}"));
                reading.peer(purpose, host, Transport::Tcp, port, &said);
            }
            _ => reading.unresolved(format!("the server of {key}"), &hidden),
        }
    }
}
