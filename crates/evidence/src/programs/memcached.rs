//! memcached: its command line, which packages keep in a file.
//! Source: memcached(1), `doc/protocol.txt`; Debian's `memcached.conf(5)`; RHEL's `/etc/sysconfig/memcached`.

use super::Program;
use crate::address::{self, HostPort, host_port};
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener};
use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) const PROGRAM: Program =
    Program { name: "memcached", aliases: &[], processes: &["memcached"], read };

/// Debian's and RHEL's.
const USUAL: [&str; 2] = ["/etc/memcached.conf", "/etc/sysconfig/memcached"];
const PORT: u16 = 11211;

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    let usual = if mains.is_empty() { &USUAL[..] } else { mains };
    if let Some(text) = reading.open_first(usual) {
        let options = if is_sysconfig(&text) { sysconfig(&text) } else { debian(&text) };
        Server::of(reading, &options).open(reading, &text);
    }
}

/// One option of the command line, with its value, and where it stands.
struct Given {
    option: String,
    value: String,
    place: Place,
}

fn is_sysconfig(text: &Text) -> bool {
    text.lines()
        .any(|(_, line)| line.trim_start().starts_with("OPTIONS=") || line.trim_start().starts_with("PORT="))
}

/// Debian: an option a line, as on the command line; lines that do not begin with a dash are passed over.
fn debian(text: &Text) -> Vec<Given> {
    let options = text.lines().filter(|(_, line)| line.trim_start().starts_with('-'));
    options.flat_map(|(number, line)| words(line, &text.place(number))).collect()
}

/// RHEL: `PORT="11211"` and `OPTIONS="-l 127.0.0.1,::1"`, a shell's assignments.
fn sysconfig(text: &Text) -> Vec<Given> {
    let mut given = Vec::new();
    for (number, line) in text.lines() {
        let Some((key, value)) = line.trim().split_once('=').filter(|(key, _)| !key.starts_with('#')) else {
            continue;
        };
        let (value, place) = (value.trim_matches(['"', '\'']), text.place(number));
        match key {
            "PORT" => given.push(Given { option: "-p".into(), value: value.into(), place }),
            "OPTIONS" => given.extend(words(value, &place)),
            _ => {}
        }
    }
    given
}

/// `-l 127.0.0.1`, `-l127.0.0.1`, `--listen=127.0.0.1`, `--listen 127.0.0.1`.
fn words(line: &str, place: &Place) -> Vec<Given> {
    let mut given: Vec<Given> = Vec::new();
    for word in line.split_whitespace() {
        let (option, value) = match word.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, value),
            _ if word.starts_with("--") => (word, ""),
            _ if word.starts_with('-') && word.is_char_boundary(2) && word.len() >= 2 => word.split_at(2),
            _ => {
                if let Some(last) = given.last_mut().filter(|last| last.value.is_empty()) {
                    last.value = word.to_owned();
                }
                continue;
            }
        };
        given.push(Given { option: option.into(), value: value.into(), place: place.clone() });
    }
    given
}

/// What the options make of it: the last of each counts, but `-l` adds up.
#[derive(Default)]
struct Server {
    listen: Vec<(String, Place)>,
    tcp: Option<(u16, Place)>,
    udp: Option<(u16, Place)>,
    unix: Option<(String, Place)>,
    tls: Option<Place>,
}

impl Server {
    fn of(reading: &mut Reading<'_>, options: &[Given]) -> Server {
        let mut server = Server::default();
        for Given { option, value, place } in options {
            match option.as_str() {
                "-l" | "--listen" => {
                    server.listen.extend(value.split(',').map(|one| (one.to_owned(), place.clone())));
                }
                "-p" | "--port" => server.tcp = number(reading, value, place).or(server.tcp),
                "-U" | "--udp-port" => server.udp = number(reading, value, place).or(server.udp),
                "-s" | "--unix-socket" => server.unix = Some((value.clone(), place.clone())),
                "-Z" | "--enable-ssl" => server.tls = Some(place.clone()),
                _ => {}
            }
        }
        server
    }

    fn open(self, reading: &mut Reading<'_>, text: &Text) {
        // A unix socket is instead of the network.
        if let Some((path, place)) = &self.unix {
            return reading.unix(path.clone(), place);
        }
        if self.listen.is_empty() {
            let both = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
            let place = text.whole().saying("no -l: every address");
            return both.into_iter().for_each(|address| self.at(reading, address, None, &place, text));
        }
        for (word, place) in &self.listen {
            let HostPort { host, port } = host_port(word);
            let own = port.and_then(address::port);
            if port.is_some() && own.is_none() {
                reading.unresolved(format!("the port in {word:?}"), place);
                continue;
            }
            for address in reading.addresses(host, place) {
                self.at(reading, Address::One(address), own, place, text);
            }
        }
    }

    fn at(&self, reading: &mut Reading<'_>, address: Address, own: Option<u16>, at: &Place, text: &Text) {
        let tcp = own.or(self.tcp.as_ref().map(|(port, _)| *port)).unwrap_or(PORT);
        if tcp != 0 {
            let mut listener = Listener::tcp(address, tcp, "memcache").tls(self.tls.is_some()).said(at);
            for place in self.tcp.iter().filter(|_| own.is_none()).map(|(_, place)| place).chain(&self.tls) {
                listener = listener.said(place);
            }
            if own.is_none() && self.tcp.is_none() {
                listener = listener.by_default(&text.whole(), "no -p: port 11211");
            }
            reading.listen(listener);
        }
        // Off by default since 1.5.6.
        if let Some((port, place)) = self.udp.as_ref().filter(|(port, _)| *port != 0) {
            reading.listen(Listener::udp(address, *port, "memcache").said(at).said(place));
        }
    }
}

/// A port, or 0 for off.
fn number(reading: &mut Reading<'_>, value: &str, place: &Place) -> Option<(u16, Place)> {
    match value {
        "0" => Some((0, place.clone())),
        _ => match address::port(value) {
            Some(port) => Some((port, place.clone())),
            None => {
                reading.unresolved(format!("the port {value:?}"), place);
                None
            }
        },
    }
}
