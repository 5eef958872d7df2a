//! memcached: the sockets that its command line, which packages keep in a file, makes it open.
//! Source: memcached(1), `doc/protocol.txt`, `doc/tls.txt`; measured on memcached 1.6.18.

mod options;

use super::Program;
use crate::address::{self, HostPort, host_port};
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener};
use options::Given;
use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) const PROGRAM: Program =
    Program { name: "memcached", aliases: &[], processes: &["memcached"], read };

/// Debian's with its further instances (`memcached_NAME.conf`), RHEL's and openSUSE's, Gentoo's and Alpine's.
const USUAL: [&str; 3] = ["/etc/memcached*.conf", "/etc/sysconfig/memcached", "/etc/conf.d/memcached"];
const PORT: u16 = 11211;
/// Addresses of one server. Real ones have fewer than ten.
const ADDRESSES_MAX: usize = 1_000;

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    let usual: Vec<String> = match mains {
        [] => USUAL.iter().flat_map(|pattern| reading.expand(pattern, &Place::file(pattern))).collect(),
        mains => mains.iter().map(|main| (*main).to_owned()).collect(),
    };
    for path in usual {
        let Some(text) = reading.open(&path) else { continue };
        let given = options::of(reading, &text);
        Server::of(reading, &given).open(reading, &text);
    }
}

/// What the options make of it: the last of each counts, but `-l` adds up.
#[derive(Default)]
struct Server {
    listen: Vec<(String, Place)>,
    tcp: Port,
    udp: Port,
    unix: Option<(String, Place)>,
    tls: Option<Place>,
}

#[derive(Default, Clone)]
enum Port {
    #[default]
    Unsaid,
    /// 0 is off.
    At(u16, Place),
    /// A placeholder, which has been said.
    Unknown,
}

impl Server {
    fn of(reading: &mut Reading<'_>, options: &[Given]) -> Server {
        let mut server = Server::default();
        for Given { option, value, place } in options {
            match option.as_str() {
                "-l" | "--listen" => {
                    server.listen.extend(value.split(',').map(|one| (one.to_owned(), place.clone())));
                }
                "-p" | "--port" => server.tcp = Port::of(reading, value, place),
                "-U" | "--udp-port" => server.udp = Port::of(reading, value, place),
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
            return self.at(reading, &every(), None, text);
        }
        for (word, place) in self.listen.iter().take(ADDRESSES_MAX) {
            self.one(reading, word, place, text);
        }
    }

    /// `host`, `host:port`, and before it `notls:` where the others speak TLS.
    fn one(&self, reading: &mut Reading<'_>, word: &str, place: &Place, text: &Text) {
        let (bare, is_plain) = match word.strip_prefix("notls:") {
            Some(bare) => (bare, true),
            None => (word, false),
        };
        let HostPort { host, port } = host_port(bare);
        let own = port.and_then(address::port);
        if port.is_some() && own.is_none() {
            return reading.unresolved(format!("the port in {word:?}"), place);
        }
        let addresses = if host == "*" {
            every()
        } else {
            reading.addresses(host, place).into_iter().map(Address::One).collect()
        };
        self.at(reading, &addresses, Some(Bind { own, place, is_plain }), text);
    }

    fn at(&self, reading: &mut Reading<'_>, addresses: &[Address], bind: Option<Bind<'_>>, text: &Text) {
        // The port that stands with an address is that of both protocols.
        let own = bind.as_ref().and_then(|bind| bind.own);
        let tls = self.tls.as_ref().filter(|_| !bind.as_ref().is_some_and(|bind| bind.is_plain));
        for address in addresses {
            if let Some((port, place)) = self.tcp.number(Some(PORT)) {
                let listener = Listener::tcp(*address, own.unwrap_or(port), "memcache").tls(tls.is_some());
                let mut listener = bound(listener, bind.as_ref(), text);
                for place in place.iter().copied().filter(|_| own.is_none()).chain(tls) {
                    listener = listener.said(place);
                }
                if own.is_none() && place.is_none() {
                    listener = listener.by_default(&text.whole(), "no -p: port 11211");
                }
                reading.listen(listener);
            }
            // Off by default since 1.5.6.
            if let Some((port, Some(place))) = self.udp.number(None) {
                let listener = Listener::udp(*address, own.unwrap_or(port), "memcache");
                reading.listen(bound(listener, bind.as_ref(), text).said(place));
            }
        }
    }
}

/// One `-l`.
struct Bind<'o> {
    own: Option<u16>,
    place: &'o Place,
    is_plain: bool,
}

fn bound(listener: Listener, bind: Option<&Bind<'_>>, text: &Text) -> Listener {
    match bind {
        Some(bind) => listener.said(bind.place),
        None => listener.by_default(&text.whole(), "no -l: every address"),
    }
}

fn every() -> Vec<Address> {
    vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]
}

impl Port {
    fn of(reading: &mut Reading<'_>, value: &str, place: &Place) -> Port {
        match address::port(value) {
            Some(port) => Port::At(port, place.clone()),
            None if value == "0" => Port::At(0, place.clone()),
            None => {
                reading.unresolved(format!("the port {value:?}"), place);
                Port::Unknown
            }
        }
    }

    /// The port that is opened, and where it is said.
    fn number(&self, default: Option<u16>) -> Option<(u16, Option<&Place>)> {
        match self {
            Port::Unsaid => default.map(|port| (port, None)),
            Port::At(0, _) | Port::Unknown => None,
            Port::At(port, place) => Some((*port, Some(place))),
        }
    }
}
