//! One server or sentinel, and the sockets that its directives make it open.

use super::super::template;
use super::config::{Config, Directive};
use crate::address;
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener, Transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which of the two it is run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    Sentinel,
}

impl Side {
    fn port(self) -> u16 {
        match self {
            Side::Server => 6379,
            Side::Sentinel => 26379,
        }
    }

    fn purpose(self) -> &'static str {
        match self {
            Side::Server => "redis",
            Side::Sentinel => "sentinel",
        }
    }
}

/// How far the port of the cluster's bus is from that of the clients.
const BUS: u16 = 10_000;
/// The server's own bound.
const ADDRESSES_MAX: usize = 16;

pub(super) struct Server<'c> {
    side: Side,
    config: &'c Config,
    text: &'c Text,
}

/// A port that is open, and where that is said; nowhere for the default.
type Port<'c> = Option<(u16, Option<&'c Place>)>;

impl<'c> Server<'c> {
    pub(super) fn of(side: Side, config: &'c Config, text: &'c Text) -> Server<'c> {
        Server { side, config, text }
    }

    pub(super) fn open(&self, reading: &mut Reading<'_>) {
        let bound = self.bound(reading);
        let plain = self.port(reading, "port", self.side.port());
        let tls = self.port(reading, "tls-port", 0);
        self.listen(reading, &bound, plain, self.side.purpose(), false);
        self.listen(reading, &bound, tls, self.side.purpose(), true);
        self.bus(reading, &bound, plain, tls);
        let unix = self.config.last("unixsocket").and_then(|d| d.words.first().map(|path| (path, &d.place)));
        match unix.filter(|(path, _)| !path.is_empty()) {
            Some((path, place)) if template::is_in(path) => {
                reading.unresolved(format!("the unix socket {path:?}"), place);
            }
            Some((path, place)) => reading.unix(path, place),
            None => {}
        }
        self.peers(reading);
    }

    /// The last `bind` replaces those before. Protected mode refuses strangers after they have connected, so
    /// that the sockets are the same.
    fn bound(&self, reading: &mut Reading<'_>) -> Vec<(Address, Option<&'c Place>)> {
        let both: [Address; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        let Some(Directive { words, place, .. }) = self.config.last("bind") else {
            return both.into_iter().map(|address| (address, None)).collect();
        };
        let apart = words.iter().flat_map(|word| match template::is_in(word) {
            true => vec![word.as_str()],
            false => word.split_whitespace().collect(),
        });
        let words: Vec<&str> = apart.collect();
        if let Some(comment) = words.iter().find(|word| word.starts_with('#')) {
            let why = "a comment after a directive is part of it: the server does not start with it";
            reading.trouble(place, why);
            let before: Vec<&str> = words.iter().take_while(|word| *word != comment).copied().collect();
            return self.addresses(reading, &before, place);
        }
        if words.is_empty() {
            reading.trouble(place, "bind without an address: the server listens nowhere and ends");
        }
        self.addresses(reading, &words, place)
    }

    fn addresses(
        &self,
        reading: &mut Reading<'_>,
        words: &[&str],
        place: &'c Place,
    ) -> Vec<(Address, Option<&'c Place>)> {
        let mut bound = Vec::new();
        if words.len() > ADDRESSES_MAX {
            reading.trouble(
                place,
                format_args!("more than {ADDRESSES_MAX} addresses: the server does not start"),
            );
        }
        for word in words.iter().take(ADDRESSES_MAX) {
            // With a dash, an address that the host does not have is passed over.
            let (word, is_optional) = word.strip_prefix('-').map_or((*word, false), |bare| (bare, true));
            let addresses = match word {
                "*" => vec![Ipv4Addr::UNSPECIFIED.into()],
                "::*" => vec![Ipv6Addr::UNSPECIFIED.into()],
                _ => resolved(word, reading.addresses(word, place)),
            };
            let here = addresses.into_iter().filter(|address| !is_optional || is_here(reading, *address));
            let here: Vec<IpAddr> = here.collect();
            bound.extend(here.into_iter().map(|address| (Address::One(address), Some(place))));
        }
        bound
    }

    /// `port 0` opens none.
    fn port(&self, reading: &mut Reading<'_>, name: &str, default: u16) -> Port<'c> {
        let Some(directive) = self.config.last(name) else {
            return Some((default, None)).filter(|_| default != 0);
        };
        match directive.words.as_slice() {
            [word] if word.parse() == Ok(0u16) => None,
            [word] if address::port(word).is_some() => {
                address::port(word).map(|p| (p, Some(&directive.place)))
            }
            words => {
                reading.unresolved(format!("the port {:?}", words.join(" ")), &directive.place);
                None
            }
        }
    }

    fn listen(
        &self,
        reading: &mut Reading<'_>,
        bound: &[(Address, Option<&'c Place>)],
        port: Port<'c>,
        purpose: &'static str,
        is_tls: bool,
    ) {
        let Some((port, at)) = port else { return };
        for (address, bind) in bound {
            let mut listener = Listener::tcp(*address, port, purpose).tls(is_tls);
            for place in bind.iter().chain(&at) {
                listener = listener.said(place);
            }
            if bind.is_none() {
                listener = listener.by_default(&self.text.whole(), "no bind: every address");
            }
            if at.is_none() {
                listener = listener.by_default(&self.text.whole(), format!("no port: {port}"));
            }
            reading.listen(listener);
        }
    }

    /// The bus between the nodes of a cluster: a port of its own, or one counted from that of the clients.
    fn bus(
        &self,
        reading: &mut Reading<'_>,
        bound: &[(Address, Option<&'c Place>)],
        plain: Port<'c>,
        tls: Port<'c>,
    ) {
        let Some(enabled) = self.config.on("cluster-enabled") else { return };
        let with_tls = self.config.on("tls-cluster");
        let own = self.port(reading, "cluster-port", 0);
        let said = own.and_then(|(port, at)| at.map(|place| (port, place)));
        let (port, at) = match said {
            Some((port, place)) => (Some(port), place),
            None => {
                let clients = if with_tls.is_some() { tls } else { plain };
                (clients.map_or(0, |(port, _)| port).checked_add(BUS), &enabled.place)
            }
        };
        let Some(port) = port else {
            let why = "the port of the cluster's bus, 10000 above that of the clients, is above 65535";
            return reading.trouble(&enabled.place, why);
        };
        for (address, bind) in bound {
            let mut listener =
                Listener::tcp(*address, port, "redis-bus").tls(with_tls.is_some()).said(&enabled.place);
            let places = bind.iter().copied().chain(Some(at)).chain(with_tls.map(|d| &d.place));
            for place in places.filter(|place| **place != enabled.place) {
                listener = listener.said(place);
            }
            if said.is_none() {
                let why = format!("no cluster-port: {BUS} above the port of the clients");
                listener = listener.by_default(&self.text.whole(), why);
            }
            reading.listen(listener);
        }
    }

    /// The masters that are watched or copied.
    fn peers(&self, reading: &mut Reading<'_>) {
        for Directive { name, words, place } in &self.config.directives {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let (host, port) = match (name.as_str(), words.as_slice()) {
                ("sentinel", [what, _, host, port, ..]) if what.eq_ignore_ascii_case("monitor") => {
                    (host, port)
                }
                ("replicaof" | "slaveof", [host, port]) if !host.eq_ignore_ascii_case("no") => (host, port),
                _ => continue,
            };
            match address::port(port).filter(|_| address::is_host(host)) {
                Some(port) => reading.peer("redis", host, Transport::Tcp, port, place),
                None => reading.unresolved(format!("the master {host:?} at port {port:?}"), place),
            }
        }
    }
}

/// A name is looked up for IPv4 alone, and its first address is taken.
fn resolved(word: &str, addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    if word.parse::<IpAddr>().is_ok() || word.contains(':') {
        return addresses;
    }
    addresses.into_iter().filter(IpAddr::is_ipv4).take(1).collect()
}

/// Whether the host may have an address. Unknown interfaces may have any.
fn is_here(reading: &Reading<'_>, address: IpAddr) -> bool {
    let Some(interfaces) = reading.facts().interfaces.all() else { return true };
    let knows_loopback = interfaces.iter().any(|(_, known)| known.is_loopback());
    address.is_unspecified()
        || (address.is_loopback() && !knows_loopback)
        || interfaces.iter().any(|(_, known)| *known == address)
}
