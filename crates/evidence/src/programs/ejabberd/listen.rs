//! The `listen` list, and modules that listen by themselves.

use super::super::erlang_node::said_by;
use super::Entry;
use super::macros::Macros;
use crate::address;
use crate::formats::yaml::Yaml;
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener, Transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// The port of a file transfer proxy (XEP-0065).
const PROXY65: u16 = 7777;

pub(super) fn open(reading: &mut Reading<'_>, macros: &Macros, entry: &Entry) {
    let list = macros.value(&entry.yaml);
    if let Some(word) = list.scalar().filter(|word| !word.is_empty()) {
        reading.unresolved(format!("the listeners {word:?}"), &entry.text.place(list.line));
    }
    for item in list.items() {
        let options = Options { macros, entry, text: &entry.text, map: macros.value(item) };
        options.open(reading);
    }
}

struct Options<'a> {
    macros: &'a Macros,
    entry: &'a Entry,
    text: &'a Text,
    map: &'a Yaml,
}

/// Options without which nothing can be said of a listener.
const ESSENTIAL: [&str; 4] = ["port", "ip", "module", "transport"];

/// An option's value and where it stands.
type Said<'a> = (&'a str, Place);

impl<'a> Options<'a> {
    fn said(&self, key: &str) -> Option<Said<'a>> {
        let written: &'a Arc<Yaml> = self.map.value(key)?;
        let value = self.macros.value(written).scalar()?;
        // A macro's value may stand in another file: it is its use that is shown.
        Some((value, self.text.place(written.line)))
    }

    /// The line of the listener, or of an option of it, that may be left out.
    fn perhaps(&self) -> Option<u32> {
        let options =
            self.map.entries().iter().filter(|(key, _)| key.scalar().is_some_and(|k| ESSENTIAL.contains(&k)));
        let lines = std::iter::once(self.map.line).chain(options.map(|(key, _)| key.line));
        lines.into_iter().find(|line| self.entry.is_perhaps(*line))
    }

    fn may_be_left_out(&self, key: &str) -> bool {
        self.map.value(key).is_some_and(|value| self.entry.is_perhaps(value.line))
    }

    fn is(&self, key: &str) -> bool {
        let is_on = self.said(key).is_some_and(|(value, _)| matches!(value, "true" | "yes" | "on"));
        is_on && !self.may_be_left_out(key)
    }

    fn open(&self, reading: &mut Reading<'_>) {
        let place = self.text.place(self.map.line);
        if let Some(line) = self.perhaps() {
            return reading.unresolved(
                "a listener, or a part of it, that a template may leave out",
                &self.text.place(line),
            );
        }
        let Some((port, at)) = self.said("port") else {
            return reading.trouble(&place, "a listener without a port (the server would not start)");
        };
        if let Some(path) = port.strip_prefix("unix:") {
            return reading.unix(path, &at);
        }
        let Some(number) = address::port(port) else {
            return reading.unresolved(format!("the port {port:?}"), &at);
        };
        let Some((module, _)) = self.said("module") else {
            return reading.trouble(&place, "a listener without a module (the server would not start)");
        };
        let (purpose, may_be_tls) = self.purpose(module);
        let transport = self.transport();
        for (address, said) in self.addresses(reading, &place) {
            let tls = self.said("tls").filter(|_| self.is("tls")).map(|(_, place)| place);
            let places = std::iter::once(&at).chain(&said).chain(&tls);
            let mut listener = said_by(Listener::at(transport, address, (number, number), purpose), places);
            if tls.is_some() {
                listener = listener.tls(true);
            } else if may_be_tls && transport == Transport::Tcp && !self.may_be_left_out("tls") {
                listener = listener.tls(false);
            }
            if said.is_none() {
                listener = listener.by_default(&place, "no ip is named: every IPv4 address");
            }
            reading.listen(listener);
        }
        self.relays(reading, transport);
    }

    fn transport(&self) -> Transport {
        let said = self.said("transport").or_else(|| self.said("proto"));
        if said.is_some_and(|(word, _)| word == "udp") { Transport::Udp } else { Transport::Tcp }
    }

    /// The protocol, and whether a plain listener of it has no way into TLS.
    fn purpose(&self, module: &str) -> (&'static str, bool) {
        let tls = self.is("tls");
        let either = |plain, secure| if tls { secure } else { plain };
        match module {
            "ejabberd_c2s" => (either("xmpp-client", "xmpps-client"), false),
            "ejabberd_s2s_in" => (either("xmpp-server", "xmpps-server"), false),
            "ejabberd_service" => ("xmpp-component", true),
            "ejabberd_http" => (self.http(), true),
            "ejabberd_xmlrpc" => ("xmlrpc", true),
            "ejabberd_stun" => (if self.is("use_turn") { "turn" } else { "stun" }, true),
            "ejabberd_sip" => (either("sip", "sips"), true),
            "mod_mqtt" => (either("mqtt", "mqtts"), true),
            "mod_proxy65_stream" => ("proxy65", true),
            _ => ("xmpp", true),
        }
    }

    /// What a web listener is for: clients first, then administration.
    fn http(&self) -> &'static str {
        let handlers = self.map.value("request_handlers").map(|map| self.macros.value(map));
        let has = |module: &str| {
            let entries = handlers.map_or(&[][..], |map| map.entries());
            entries.iter().any(|(_, value)| self.macros.value(value).scalar() == Some(module))
        };
        if has("mod_bosh") || has("mod_http_bind") || self.is("http_bind") {
            "bosh"
        } else if has("ejabberd_http_ws") {
            "websocket"
        } else if has("ejabberd_web_admin") || self.is("web_admin") {
            "admin"
        } else if self.is("tls") {
            "https"
        } else {
            "http"
        }
    }

    /// One IPv4 socket where no address is named; `::` takes both families.
    fn addresses(&self, reading: &mut Reading<'_>, place: &Place) -> Vec<(Address, Option<Place>)> {
        let Some((word, at)) = self.said("ip") else {
            if self.is("inet6") {
                return vec![(Address::Every, Some(place.clone()))];
            }
            return vec![(Ipv4Addr::UNSPECIFIED.into(), None)];
        };
        // A prefix length may follow and says nothing.
        let bare = word.split('/').next().unwrap_or(word);
        reading.addresses(bare, &at).into_iter().map(|one| (every(one), Some(at.clone()))).collect()
    }

    /// The ports of relayed media, where the file names them.
    fn relays(&self, reading: &mut Reading<'_>, transport: Transport) {
        let bounds = (self.said("turn_min_port"), self.said("turn_max_port"));
        if transport != Transport::Udp || !self.is("use_turn") || bounds == (None, None) {
            return;
        }
        let (low, high) = bounds;
        let number = |said: &Option<Said<'_>>, default| {
            said.as_ref().map_or(Some(default), |(word, _)| address::port(word))
        };
        let (Some(first), Some(last)) = (number(&low, 49152), number(&high, 65535)) else {
            let place = self.text.place(self.map.line);
            return reading.unresolved("the ports of relayed media", &place);
        };
        if first > last {
            return;
        }
        let said = self.said("turn_ipv4_address").or_else(|| self.said("turn_ip"));
        let addresses = match &said {
            Some((word, place)) => reading.addresses(word, place),
            None => vec![Ipv4Addr::UNSPECIFIED.into()],
        };
        for address in addresses {
            let mut listener = Listener::at(Transport::Udp, address, (first, last), "turn-relay");
            for (_, place) in low.iter().chain(&high).chain(&said) {
                listener = listener.said(place);
            }
            reading.listen(listener);
        }
    }
}

fn every(address: IpAddr) -> Address {
    if address == IpAddr::V6(Ipv6Addr::UNSPECIFIED) { Address::Every } else { Address::One(address) }
}

/// Of the modules only the file transfer proxy listens.
pub(super) fn open_module(reading: &mut Reading<'_>, macros: &Macros, entry: &Entry) {
    for (name, options) in macros.value(&entry.yaml).entries() {
        if name.scalar() != Some("mod_proxy65") {
            continue;
        }
        let options = Options { macros, entry, text: &entry.text, map: macros.value(options) };
        if entry.is_perhaps(name.line) {
            reading.unresolved("whether there is mod_proxy65", &entry.text.place(name.line));
            continue;
        }
        proxy65(reading, &options, &entry.text.place(name.line));
    }
}

fn proxy65(reading: &mut Reading<'_>, options: &Options<'_>, place: &Place) {
    let said = options.said("port");
    let port = match &said {
        Some((word, _)) => address::port(word),
        None => Some(PROXY65),
    };
    let Some(port) = port else {
        return reading.unresolved("the port of mod_proxy65", place);
    };
    let ip = options.said("ip");
    let addresses = match &ip {
        Some((word, at)) => reading.addresses(word, at).into_iter().map(every).collect(),
        None => own_address(reading, place).into_iter().map(Address::One).collect::<Vec<_>>(),
    };
    for address in addresses {
        let places = std::iter::once(place).chain(said.iter().chain(&ip).map(|(_, place)| place));
        let mut listener = said_by(Listener::tcp(address, port, "proxy65").tls(false), places);
        if ip.is_none() {
            listener = listener.by_default(place, "no ip is named: the address of the host's name");
        }
        if said.is_none() {
            listener = listener.by_default(place, "no port is named: 7777");
        }
        reading.listen(listener);
    }
}

/// The IPv4 address that the host's name stands for.
fn own_address(reading: &mut Reading<'_>, place: &Place) -> Option<IpAddr> {
    let known = reading.facts().hostname.clone();
    let name = known.or_else(|| Some(reading.open("/etc/hostname")?.content().trim().to_owned()));
    let addresses = name.as_ref().map(|name| reading.known_addresses(name)).unwrap_or_default();
    let address = addresses.into_iter().find(IpAddr::is_ipv4);
    if address.is_none() {
        reading.unresolved("the address of mod_proxy65: the one of the host's name", place);
    }
    address
}
