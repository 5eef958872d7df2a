//! PostgreSQL: the sockets that `postgresql.conf` makes a server open.
//! Source: PostgreSQL's manual, "Connections and Authentication", "Setting Parameters"; Debian's
//! pg_ctlcluster(1); measured on PostgreSQL 15.
//! Not here: options of the command line and the environment.

mod config;

use super::{Program, exclusive, template};
use crate::address;
use crate::reading::Reading;
use crate::text::{Place, Text, parent};
use crate::{Address, Listener, Transport};
use config::{Config, Parameter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) const PROGRAM: Program = Program {
    name: "postgresql",
    aliases: &["postgres", "pgsql"],
    processes: &["postgres", "postmaster"],
    read,
};

/// Debian's clusters, data directories of RHEL, the vendor's packages, containers, Alpine and Arch.
const USUAL: [&str; 9] = [
    "/etc/postgresql/*/*/postgresql.conf",
    "/etc/postgresql/postgresql.conf",
    "/var/lib/pgsql/data/postgresql.conf",
    "/var/lib/pgsql/*/data/postgresql.conf",
    "/var/lib/postgresql/data/postgresql.conf",
    "/var/lib/postgresql/*/data/postgresql.conf",
    "/var/lib/postgresql/*/docker/postgresql.conf",
    "/var/lib/postgres/data/postgresql.conf",
    "/usr/local/pgsql/data/postgresql.conf",
];
const PORT: u16 = 5432;
/// Sockets of one server: its own bound.
const SOCKETS_MAX: usize = 64;

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    if mains.is_empty() {
        let usual = USUAL.iter().flat_map(|pattern| reading.expand(pattern, &Place::file(pattern)));
        let paths: Vec<String> = usual.collect();
        return paths.iter().for_each(|path| server(reading, path, None));
    }
    for main in mains {
        if reading.mode(main).is_none() {
            reading.trouble(&Place::file(main), "there is no such file");
        }
        server(reading, main, Some(parent(main).to_owned()));
    }
}

fn server(reading: &mut Reading<'_>, path: &str, moved: Option<String>) {
    if moved.is_none() && is_disabled(reading, path) {
        return;
    }
    let Some(text) = reading.open(path) else { return };
    let config = Config::of(reading, &text, moved);
    let server = Server { config: &config, text: &text };
    server.open(reading);
    server.primary(reading);
}

/// Debian keeps a word beside each cluster: `auto`, `manual`, or `disabled`, which nobody can start.
fn is_disabled(reading: &mut Reading<'_>, path: &str) -> bool {
    let is_debians = path.starts_with("/etc/postgresql/") && path.matches('/').count() == 5;
    let start = is_debians.then(|| reading.open(&format!("{}/start.conf", parent(path)))).flatten();
    let is_word = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let word = start.and_then(|text| text.lines().map(|(_, l)| l.trim().to_owned()).find(|l| is_word(l)));
    word.is_some_and(|word| word.split('#').next().unwrap_or("").trim() == "disabled")
}

struct Server<'c> {
    config: &'c Config,
    text: &'c Text,
}

impl Server<'_> {
    fn open(&self, reading: &mut Reading<'_>) {
        let bound = self.bound(reading);
        let port = self.config.last("port");
        let number = match port.map(|p| (p, p.value.as_deref().and_then(self::port))) {
            None => PORT,
            Some((_, Some(number))) => number,
            Some((parameter, None)) => return unresolved(reading, "port", parameter),
        };
        for (address, at) in bound {
            // TLS begins inside the protocol, so that it is not said.
            let mut listener = Listener::tcp(address, number, "postgresql");
            for place in at.iter().chain(port.map(|p| &p.place)) {
                listener = listener.said(place);
            }
            if at.is_none() {
                let why = "no listen_addresses: localhost";
                listener = listener.by_default(&self.text.whole(), why);
            }
            if port.is_none() {
                listener = listener.by_default(&self.text.whole(), format!("no port: {PORT}"));
            }
            reading.listen(listener);
        }
        self.unix(reading, number);
    }

    fn bound(&self, reading: &mut Reading<'_>) -> Vec<(Address, Option<Place>)> {
        let Some(parameter) = self.config.last("listen_addresses") else {
            let known = reading.addresses("localhost", &self.text.whole());
            return known.into_iter().map(|address| (Address::One(address), None)).collect();
        };
        let Some(value) = &parameter.value else {
            unresolved(reading, "listen_addresses", parameter);
            return Vec::new();
        };
        if template::is_in(value) {
            unresolved(reading, "listen_addresses", parameter);
            return Vec::new();
        }
        let mut bound: Vec<IpAddr> = Vec::new();
        for word in value.split(',').map(|word| word.trim().trim_matches('"')).take(SOCKETS_MAX) {
            for address in addresses(reading, word, &parameter.place) {
                if bound.len() < SOCKETS_MAX {
                    exclusive::add(reading, &mut bound, address, &parameter.place);
                }
            }
        }
        bound.into_iter().map(|address| (Address::One(address), Some(parameter.place.clone()))).collect()
    }

    fn unix(&self, reading: &mut Reading<'_>, port: u16) {
        let old = || self.config.last("unix_socket_directory");
        let Some(parameter) = self.config.last("unix_socket_directories").or_else(old) else { return };
        for word in parameter.value.iter().flat_map(|value| value.split(',')).take(SOCKETS_MAX) {
            let directory = word.trim().trim_matches('"');
            if directory.starts_with(['/', '@']) && !template::is_in(directory) {
                reading.unix(format!("{directory}/.s.PGSQL.{port}"), &parameter.place);
            }
        }
    }

    /// The server that a standby copies.
    fn primary(&self, reading: &mut Reading<'_>) {
        let Some(parameter) = self.config.last("primary_conninfo") else { return };
        let word = |key: &str| {
            let words = parameter.value.iter().flat_map(|value| value.split_whitespace());
            words.filter_map(|word| word.split_once('=')).find(|(k, _)| *k == key).map(|(_, v)| v)
        };
        let (host, port) = (word("hostaddr").or(word("host")), word("port").map(address::port));
        if let Some(host) = host.filter(|host| !host.starts_with('/')) {
            match port.unwrap_or(Some(PORT)).filter(|_| address::is_host(host)) {
                Some(port) => reading.peer("postgresql", host, Transport::Tcp, port, &parameter.place),
                None => reading.unresolved("the primary server", &parameter.place),
            }
        }
    }
}

/// Trouble with the line has been said; the default does not stand in for what is not known.
fn unresolved(reading: &mut Reading<'_>, name: &str, parameter: &Parameter) {
    match &parameter.value {
        Some(value) => reading.unresolved(format!("{name} {value:?}"), &parameter.place),
        None => reading.unresolved(format!("the value of {name}"), &parameter.place),
    }
}

/// Decimal or hexadecimal.
fn port(word: &str) -> Option<u16> {
    let hexadecimal = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => u16::from_str_radix(digits, 16).ok().filter(|port| *port != 0),
        None => address::port(word.trim()),
    }
}

fn addresses(reading: &mut Reading<'_>, word: &str, at: &Place) -> Vec<IpAddr> {
    match word {
        "" => Vec::new(),
        "*" => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
        _ if word.contains(char::is_whitespace) => {
            reading.trouble(at, format_args!("{word:?}: expected addresses between commas"));
            Vec::new()
        }
        _ => reading.addresses(word, at),
    }
}
