//! PgBouncer: the sockets that `pgbouncer.ini` makes it open, and the servers behind it.
//! Source: pgbouncer.ini(5); measured on PgBouncer 1.18.

use super::Program;
use super::beside::beside;
use super::{exclusive, template};
use crate::address;
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text, parent};
use crate::{Address, Listener, Transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

pub(super) const PROGRAM: Program =
    Program { name: "pgbouncer", aliases: &[], processes: &["pgbouncer"], read };

/// The packages', and the vendors' of bundles.
const USUAL: [&str; 4] = [
    "/etc/pgbouncer/pgbouncer.ini",
    "/etc/pgbouncer.ini",
    "/usr/local/etc/pgbouncer.ini",
    "/opt/bitnami/pgbouncer/conf/pgbouncer.ini",
];
const PORT: u16 = 6432;
/// Addresses of one list. Real ones have fewer than ten.
const ADDRESSES_MAX: usize = 500;

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    for main in if mains.is_empty() { &USUAL[..] } else { mains } {
        if !mains.is_empty() && reading.mode(main).is_none() {
            reading.trouble(&Place::file(main), "there is no such file");
        }
        let Some(text) = reading.open(main) else { continue };
        let mut pooler = Pooler { moved: (!mains.is_empty()).then(|| parent(main)), ..Pooler::default() };
        pooler.file(reading, &text);
        pooler.open(reading, &text);
    }
}

/// What the file says; the last of each counts.
#[derive(Default)]
struct Pooler<'m> {
    moved: Option<&'m str>,
    section: String,
    listen: Option<(String, Place)>,
    port: Option<(String, Place)>,
    unix: Option<(String, Place)>,
}

impl Pooler<'_> {
    fn file(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>) {
        let mut blocks = template::Blocks::default();
        for (number, line) in text.lines() {
            let line = line.trim();
            let place = text.place(number);
            let line = self.section(line);
            if line.is_empty() || line.starts_with(['#', ';']) || blocks.is_statement(reading, line, &place) {
                continue;
            }
            if let Some(path) = line.strip_prefix("%include ") {
                self.include(reading, text, number, path.trim());
            } else if let Some((key, value)) = line.split_once('=') {
                self.take(reading, key.trim(), blocks.value(value.trim()), place);
            } else {
                let why = "not understood; expected NAME = VALUE: the pooler does not start with it";
                reading.trouble(&place, why);
            }
        }
    }

    /// What stands behind the name of a section belongs to it.
    fn section<'l>(&mut self, line: &'l str) -> &'l str {
        let Some((name, rest)) = line.strip_prefix('[').and_then(|inside| inside.split_once(']')) else {
            return line;
        };
        name.clone_into(&mut self.section);
        rest.trim_start()
    }

    /// An included file goes on in the section that it is named in.
    fn include(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, number: u32, path: &str) {
        let path = self.moved.map_or_else(|| path.to_owned(), |directory| beside(reading, directory, path));
        if let Some(included) = reading.include(text, number, &path, Absent::IsTrouble) {
            self.file(reading, &included);
        }
    }

    fn take(&mut self, reading: &mut Reading<'_>, key: &str, value: &str, place: Place) {
        let said = || Some((value.to_owned(), place.clone()));
        match (self.section.as_str(), key) {
            ("pgbouncer", "listen_addr") => self.listen = said(),
            ("pgbouncer", "listen_port") => self.port = said(),
            ("pgbouncer", "unix_socket_dir") => self.unix = said(),
            ("databases", _) => database(reading, value, &place),
            _ => {}
        }
    }

    fn open(&self, reading: &mut Reading<'_>, text: &Text) {
        let bound = self.bound(reading);
        let port = match &self.port {
            None => Some(PORT),
            Some((word, place)) => address::port(word).or_else(|| {
                // 0 is any port that is free.
                reading.unresolved(format!("the port {word:?}"), place);
                None
            }),
        };
        let Some(port) = port else { return };
        for (address, place) in bound {
            // TLS begins inside the protocol, so that it is not said.
            let mut listener = Listener::tcp(address, port, "postgresql").said(place);
            listener = match &self.port {
                Some((_, place)) => listener.said(place),
                None => listener.by_default(&text.whole(), format!("no listen_port: {PORT}")),
            };
            reading.listen(listener);
        }
        if let Some((directory, place)) = self.unix.as_ref().filter(|(d, _)| is_directory(d)) {
            reading.unix(format!("{directory}/.s.PGSQL.{port}"), place);
        }
    }

    /// Without `listen_addr` there is no network.
    fn bound(&self, reading: &mut Reading<'_>) -> Vec<(Address, &Place)> {
        let Some((words, place)) = &self.listen else { return Vec::new() };
        if template::is_in(words) {
            reading.unresolved(format!("the addresses {words:?}"), place);
            return Vec::new();
        }
        let mut bound: Vec<IpAddr> = Vec::new();
        for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()).take(ADDRESSES_MAX) {
            let addresses = match word {
                "*" => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
                _ => reading.addresses(word, place),
            };
            addresses.into_iter().for_each(|address| exclusive::add(reading, &mut bound, address, place));
        }
        bound.into_iter().map(|address| (address.into(), place)).collect()
    }
}

fn is_directory(text: &str) -> bool {
    text.starts_with(['/', '@']) && !template::is_in(text)
}

/// `host=… port=… dbname=…`: a server behind the pooler; without a host it is this host's socket.
fn database(reading: &mut Reading<'_>, value: &str, place: &Place) {
    let words = template::words(value);
    let word = |key: &str| {
        let words = words.iter().filter_map(|word| word.split_once('='));
        words.filter(|(known, _)| *known == key).map(|(_, value)| value.trim_matches('\'')).next()
    };
    let port = word("port").map_or(Some(5432), address::port);
    for host in word("host").into_iter().flat_map(|hosts| hosts.split(',')).take(ADDRESSES_MAX) {
        match port {
            _ if host.is_empty() || host.starts_with(['/', '@']) => {}
            Some(port) if address::is_host(host) => {
                reading.peer("postgresql", host, Transport::Tcp, port, place);
            }
            _ => reading.unresolved(format!("the server {host:?}"), place),
        }
    }
}
