//! The sockets of all `Listen`, and which of them speak TLS.
//! Not here: finding the directives.
//! Source: "Binding to Addresses and Ports" and "VirtualHost" in the documentation of Apache httpd 2.4.

use crate::address::{self, HostPort, host_port};
use crate::reading::Reading;
use crate::text::Place;
use crate::{Address, Listener};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Sockets of one instance.
const SOCKETS_MAX: usize = 4096;

#[derive(Debug)]
struct Socket {
    address: Address,
    port: u16,
    /// The protocol that `Listen` names.
    is_https: bool,
    places: Vec<Place>,
}

/// What a server says about TLS: where, and whether it is on.
type Engine = Option<(bool, Place)>;

/// Addresses and port that a `<VirtualHost>` answers on; none is every.
type Reach = (Option<u16>, Option<IpAddr>);

#[derive(Debug, Default)]
pub(super) struct Sockets {
    all: Vec<Socket>,
    /// What all servers say that say nothing themselves.
    base: Engine,
    hosts: Vec<Engine>,
    /// The first server of each address and port: it answers before a name is known.
    first: BTreeMap<Reach, usize>,
    /// The first server of each port whose name only a name server knows.
    named: BTreeMap<Option<u16>, usize>,
    /// Servers whose port is a placeholder.
    portless: Vec<usize>,
    /// Ports of mod_tls.
    engines: Vec<(u16, Place)>,
}

impl Sockets {
    /// `<VirtualHost address[:port]…>`.
    pub(super) fn host(&mut self, reading: &mut Reading<'_>, words: &[String]) -> usize {
        self.hosts.push(None);
        let this = self.hosts.len() - 1;
        if words.iter().any(|word| is_placeholder(word)) {
            self.portless.push(this);
            return this;
        }
        for word in words {
            let HostPort { host, port } = host_port(word);
            let port = match port {
                None | Some("*") => None,
                Some(port) => match address::port(port) {
                    Some(port) => Some(port),
                    None => continue,
                },
            };
            let addresses = match host {
                "*" | "_default_" => vec![None],
                name => reading.known_addresses(name).into_iter().map(Some).collect(),
            };
            if addresses.is_empty() {
                self.named.entry(port).or_insert(this);
            }
            for address in addresses {
                self.first.entry((port, address.filter(|a| !a.is_unspecified()))).or_insert(this);
            }
        }
        this
    }

    /// `SSLEngine on|off` of a host, or of all.
    pub(super) fn engine(&mut self, host: Option<usize>, is_on: bool, at: &Place) {
        let said = Some((is_on, at.clone()));
        match host {
            Some(host) => self.hosts.get_mut(host).into_iter().for_each(|engine| engine.clone_from(&said)),
            None => self.base = said,
        }
    }

    /// mod_tls names a port.
    pub(super) fn tls_engine(&mut self, word: &str, at: &Place) {
        let port = address::port(word).or_else(|| host_port(word).port.and_then(address::port));
        self.engines.extend(port.map(|port| (port, at.clone())));
    }

    /// `Listen [address:]port [protocol]`. Without an address it is one socket for both families, and so it
    /// is with `[::]`.
    pub(super) fn listen(&mut self, reading: &mut Reading<'_>, words: &[String], places: Vec<Place>) {
        let Some(place) = places.first().cloned() else { return };
        let Some(word) = words.first() else {
            return reading.trouble(&place, "Listen without a port");
        };
        if is_placeholder(word) && !word.starts_with('[') {
            return reading.unresolved(format!("the socket in \"Listen {word}\""), &place);
        }
        let HostPort { host, port } = match address::port(word) {
            Some(_) => HostPort { host: "*", port: Some(word) },
            None => host_port(word),
        };
        let Some(port) = port else {
            return match word.bytes().all(|b| b.is_ascii_digit()) || word.parse::<IpAddr>().is_ok() {
                true => reading.trouble(&place, format_args!("no port from 1 to 65535 in \"Listen {word}\"")),
                false => reading.unresolved(format!("the socket in \"Listen {word}\""), &place),
            };
        };
        let Some(port) = address::port(port) else {
            return reading.unresolved(format!("the port in \"Listen {word}\""), &place);
        };
        let is_https = words.get(1).is_some_and(|protocol| protocol.eq_ignore_ascii_case("https"));
        let addresses = match host {
            "*" | "::" => vec![Address::Every],
            name => reading.addresses(name, &place).into_iter().map(Address::One).collect(),
        };
        for address in addresses {
            if self.all.len() >= SOCKETS_MAX {
                return reading.trouble(&place, "more sockets than are read; this one is left out");
            }
            self.all.push(Socket { address, port, is_https, places: places.clone() });
        }
    }

    pub(super) fn open(self, reading: &mut Reading<'_>, main: &Place) {
        if self.all.is_empty() {
            reading.unresolved("no Listen in these files: a server has one, or does not start", main);
        }
        for socket in &self.all {
            // The socket of both families has these addresses already.
            let is_v4_of_all = socket.address == Address::One(std::net::Ipv4Addr::UNSPECIFIED.into());
            let has_all = |other: &Socket| other.address == Address::Every && other.port == socket.port;
            if !(is_v4_of_all && self.all.iter().any(has_all)) {
                reading.listen(self.listener(socket));
            }
        }
    }

    fn listener(&self, socket: &Socket) -> Listener {
        let tls = self.tls(socket);
        let purpose = if tls.is_some() || socket.is_https { "https" } else { "http" };
        let mut listener = Listener::tcp(socket.address, socket.port, purpose);
        // A protocol by name alone, without a server that has TLS on, is not TLS yet, nor meant to be plain.
        let may_be_tls = socket.is_https || self.portless.iter().any(|host| self.engine_of(*host).is_some());
        if tls.is_some() || !may_be_tls {
            listener = listener.tls(tls.is_some());
        }
        socket.places.iter().chain(tls).fold(listener, Listener::said)
    }

    /// Where TLS is said of a socket.
    fn tls(&self, socket: &Socket) -> Option<&Place> {
        let own = self.engines.iter().find(|(port, _)| *port == socket.port).map(|(_, place)| place);
        own.or_else(|| {
            let mut firsts = self.answering(socket);
            if firsts.is_empty() {
                let named = self.named.get(&Some(socket.port)).or_else(|| self.named.get(&None));
                firsts.extend(named);
            }
            if firsts.is_empty() {
                return on(&self.base);
            }
            firsts.into_iter().find_map(|host| self.engine_of(host))
        })
    }

    /// Where TLS is said of a host: by itself, otherwise for all.
    fn engine_of(&self, host: usize) -> Option<&Place> {
        match self.hosts.get(host)? {
            None => on(&self.base),
            own => on(own),
        }
    }

    /// The hosts that answer first on a socket's addresses: those of an address before those of every, those
    /// of a port before those of every port.
    fn answering(&self, socket: &Socket) -> Vec<usize> {
        let at = |address: Option<IpAddr>| {
            let exact = self.first.get(&(Some(socket.port), address));
            exact.or_else(|| self.first.get(&(None, address))).copied()
        };
        if let Address::One(address) = socket.address
            && !address.is_unspecified()
        {
            return at(Some(address)).or_else(|| at(None)).into_iter().collect();
        }
        let of_port = |port| self.first.range((port, None)..).take_while(move |((p, _), _)| *p == port);
        let mut addresses: Vec<Option<IpAddr>> =
            of_port(Some(socket.port)).chain(of_port(None)).map(|((_, address), _)| *address).collect();
        addresses.dedup();
        addresses.into_iter().filter_map(at).collect()
    }
}

/// Something that no Apache would take for an address: a template's value, a variable that is not set.
fn is_placeholder(word: &str) -> bool {
    word.contains(['$', '{', '<', '%', '@'])
}

fn on(engine: &Engine) -> Option<&Place> {
    engine.as_ref().filter(|(is_on, _)| *is_on).map(|(_, place)| place)
}
