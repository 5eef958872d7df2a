//! nginx's `listen`: which sockets the servers of all files ask for, and which of them there will be.
//! Not here: finding the servers.
//! Source: the `listen` directive in the documentation of ngx_http_core_module, ngx_stream_core_module and
//! ngx_mail_core_module.

use super::Kind;
use crate::address::{self, HostPort, host_port};
use crate::reading::Reading;
use crate::text::Place;
use crate::{Address, Listener, Transport};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Sockets of one instance: the kernel's usual bound for open files is lower.
const SOCKETS_MAX: usize = 4096;

/// Any of these makes nginx open a socket of its own beside one for every address.
const OWN_SOCKET: [&str; 12] = [
    "setfib",
    "fastopen",
    "backlog",
    "rcvbuf",
    "sndbuf",
    "accept_filter",
    "deferred",
    "ipv6only",
    "reuseport",
    "multipath",
    "so_keepalive",
    "bind",
];

/// What a `listen` asks for.
#[derive(Debug, Clone)]
pub(super) struct Listen {
    transport: Transport,
    ip: IpAddr,
    ports: (u16, u16),
    dual: bool,
    own: bool,
    ssl: bool,
    default: bool,
    place: Place,
}

impl Listen {
    pub(super) fn first_port(&self) -> u16 {
        self.ports.0
    }
}

/// Reads a `listen` of a server; what is in the file system, not known, or wrong is said.
pub(super) fn parse(reading: &mut Reading<'_>, kind: Kind, words: &[String], place: &Place) -> Vec<Listen> {
    let Some((word, options)) = words.split_first() else {
        reading.trouble(place, "listen without an address");
        return Vec::new();
    };
    if words.iter().any(|word| word.contains(['$', '{', '<']) || word.contains("@@")) {
        reading.unresolved(format!("the socket in {:?}", format!("listen {}", words.join(" "))), place);
        return Vec::new();
    }
    if let Some(path) = word.strip_prefix("unix:") {
        reading.unix(path, place);
        return Vec::new();
    }
    let has = |names: &[&str]| options.iter().any(|o| names.contains(&o.as_str()));
    let Some((ips, ports)) = socket(reading, kind, word, place) else { return Vec::new() };
    let quic = has(&["quic", "http3"]);
    let is_udp = quic || has(&["udp"]);
    let of = |ip: IpAddr| Listen {
        transport: if is_udp { Transport::Udp } else { Transport::Tcp },
        ip,
        ports,
        dual: has(&["ipv6only=off"]) && ip.is_ipv6() && ip.is_unspecified(),
        own: options.iter().any(|o| OWN_SOCKET.contains(&o.split('=').next().unwrap_or(""))),
        ssl: quic || has(&["ssl"]),
        default: has(&["default_server", "default"]),
        place: place.clone(),
    };
    ips.into_iter().map(of).collect()
}

/// `port`, `first-last`, `address`, `address:port`; a name is as many addresses as the host knows.
fn socket(
    reading: &mut Reading<'_>,
    kind: Kind,
    word: &str,
    place: &Place,
) -> Option<(Vec<IpAddr>, (u16, u16))> {
    let every = vec![IpAddr::from(Ipv4Addr::UNSPECIFIED)];
    if let Some(ports) = address::ports(word) {
        return Some((every, ports));
    }
    let HostPort { host, port } = host_port(word);
    let ports = match (port, kind.default_port()) {
        (Some(port), _) => address::ports(port),
        (None, Some(default)) => Some((default, default)),
        (None, None) => {
            reading.trouble(place, format_args!("no port in \"listen {word}\", and there is no default"));
            return None;
        }
    };
    let Some(ports) = ports else {
        let is_number = port.is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit() || b == b'-'));
        match is_number {
            true => reading.trouble(place, format_args!("{word:?} has no port from 1 to 65535")),
            false => reading.unresolved(format!("the port in {word:?}"), place),
        }
        return None;
    };
    if word.starts_with('[') && host.parse::<Ipv6Addr>().is_err() {
        reading.unresolved(format!("the address in {word:?}"), place);
        return None;
    }
    match host {
        "*" => Some((every, ports)),
        "" => {
            reading.trouble(place, format_args!("no address in \"listen {word}\""));
            None
        }
        _ => Some((reading.addresses(host, place), ports)),
    }
}

/// What the servers ask for together.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    known: BTreeMap<(Kind, Transport, IpAddr, (u16, u16)), usize>,
    all: Vec<Socket>,
    more: bool,
}

#[derive(Debug)]
struct Socket {
    kind: Kind,
    listen: Listen,
    purpose: &'static str,
    /// The server that answers who names none: the one that says so, otherwise the first.
    old_ssl: Option<Place>,
    places: Vec<Place>,
    ssl_places: Vec<Place>,
    by_default: bool,
}

impl Sockets {
    /// A socket that a server asks for; one may be asked for many times. `old_ssl` is the `ssl on` that the
    /// server is under.
    pub(super) fn add(
        &mut self,
        kind: Kind,
        listen: Listen,
        purpose: &'static str,
        old_ssl: Option<&Place>,
    ) -> bool {
        let key = (kind, listen.transport, listen.ip, listen.ports);
        let known = self.known.get(&key).and_then(|at| self.all.get_mut(*at));
        let Some(socket) = known else {
            if self.all.len() >= SOCKETS_MAX {
                return !std::mem::replace(&mut self.more, true);
            }
            self.known.insert(key, self.all.len());
            let places = vec![listen.place.clone()];
            let old_ssl = old_ssl.cloned();
            let (ssl_places, by_default) = (Vec::new(), false);
            self.all.push(Socket { kind, listen, purpose, old_ssl, places, ssl_places, by_default });
            return false;
        };
        let Listen { transport: _, ip: _, ports: _, dual, own, ssl, default, place } = listen;
        if default && !socket.listen.default {
            socket.old_ssl = old_ssl.cloned();
        }
        if ssl && !socket.listen.ssl {
            socket.ssl_places.push(place.clone());
        }
        socket.listen.dual |= dual;
        socket.listen.own |= own;
        socket.listen.ssl |= ssl;
        socket.listen.default |= default;
        if !socket.places.contains(&place) && socket.places.len() < SHOWN_MAX {
            socket.places.push(place);
        }
        false
    }

    /// The socket of an HTTP server that says nothing.
    pub(super) fn add_default(&mut self, place: &Place, old_ssl: Option<&Place>) -> bool {
        let listen = Listen {
            transport: Transport::Tcp,
            ip: Ipv4Addr::UNSPECIFIED.into(),
            ports: (80, 80),
            dual: false,
            own: false,
            ssl: false,
            default: false,
            place: place.clone(),
        };
        let is_new = !self.known.contains_key(&(Kind::Http, listen.transport, listen.ip, listen.ports));
        let is_over = self.add(Kind::Http, listen, "http", old_ssl);
        if is_new && let Some(socket) = self.all.last_mut() {
            socket.by_default = true;
        }
        is_over
    }

    /// Opens them as nginx does: an address beside every address on the same port needs none of its own.
    pub(super) fn open(self, reading: &mut Reading<'_>) {
        let mut wide: BTreeMap<(Kind, Transport, bool), Vec<(u16, u16)>> = BTreeMap::new();
        for Socket { kind, listen, .. } in self.all.iter().filter(|s| s.listen.ip.is_unspecified()) {
            wide.entry((*kind, listen.transport, listen.ip.is_ipv6())).or_default().push(listen.ports);
        }
        for socket in &self.all {
            let Listen { transport, ip, own, ports, .. } = socket.listen;
            let covered = wide.get(&(socket.kind, transport, ip.is_ipv6())).filter(|_| !own);
            let covered = covered.filter(|_| !ip.is_unspecified()).map_or(&[][..], Vec::as_slice);
            for ports in without(ports, covered) {
                reading.listen(socket.listener(ports));
            }
        }
    }
}

/// Servers of one socket whose lines are shown.
const SHOWN_MAX: usize = 8;

impl Socket {
    fn listener(&self, ports: (u16, u16)) -> Listener {
        let Listen { transport, ip, dual, ssl, .. } = self.listen;
        let address = if dual { Address::Every } else { Address::One(ip) };
        let is_udp = transport == Transport::Udp;
        let is_tls = ssl || (self.old_ssl.is_some() && !is_udp);
        let mut listener = Listener::at(transport, address, ports, self.purpose(is_tls, is_udp));
        listener = match self.kind {
            _ if is_tls => listener.tls(true),
            Kind::Http | Kind::Rtmp => listener.tls(false),
            // A stream may carry TLS that ends elsewhere, and mail may begin it later.
            Kind::Stream | Kind::Mail => listener,
        };
        let mut places: Vec<&Place> = self.places.iter().collect();
        places.extend(self.ssl_places.iter().filter(|place| !self.places.contains(place)));
        places.extend(self.old_ssl.iter().filter(|place| !ssl && !is_udp && !self.places.contains(place)));
        for (nth, place) in places.into_iter().enumerate() {
            listener = match nth {
                0 if self.by_default => listener.by_default(place, "a server without listen: *:80"),
                _ => listener.said(place),
            };
        }
        listener
    }

    fn purpose(&self, is_tls: bool, is_udp: bool) -> &'static str {
        match self.kind {
            Kind::Http if is_udp => "http3",
            Kind::Http if is_tls => "https",
            _ => self.purpose,
        }
    }
}

/// The ports of a range that none of the others has.
fn without(range: (u16, u16), others: &[(u16, u16)]) -> Vec<(u16, u16)> {
    let mut left = vec![range];
    for &(first, last) in others {
        left = left.into_iter().flat_map(|piece| cut(piece, first, last)).collect();
    }
    left
}

fn cut((from, to): (u16, u16), first: u16, last: u16) -> impl Iterator<Item = (u16, u16)> {
    let apart = first > to || last < from;
    let whole = apart.then_some((from, to));
    let before = (!apart && from < first).then(|| (from, first.saturating_sub(1)));
    let behind = (!apart && to > last).then(|| (last.saturating_add(1), to));
    [whole, before, behind].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_every_address_has_are_cut_out() {
        assert_eq!(without((80, 80), &[(80, 80)]), []);
        assert_eq!(without((80, 90), &[(85, 86), (90, 99)]), [(80, 84), (87, 89)]);
        assert_eq!(without((80, 90), &[(1, 79), (91, 91)]), [(80, 90)]);
    }
}
