//! What the core parameters open, once all of them are known.
//! Not here: how they are written.

use crate::formats::sipscript::socket::{self, Socket};
use crate::formats::sipscript::{Kind, Script, Token};
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener, Transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Sockets of one script. Real ones have fewer than fifty.
const SOCKETS_MAX: usize = 2_000;
const SIP: u16 = 5060;
const SIPS: u16 = 5061;

/// The core parameters that decide about sockets: the last of each counts.
#[derive(Default)]
pub(super) struct Core {
    /// A statement names sockets: the defaults are not for this script, even where none of them can be read.
    pub(super) is_told: bool,
    pub(super) sockets: Vec<Socket>,
    port: Option<(u16, Place)>,
    tls_port: Option<(u16, Place)>,
    tls: Option<(bool, Place)>,
    /// The module that does TLS, loaded while TLS was on: before, it does nothing.
    tls_module: Option<Place>,
    tcp_disabled: Option<Place>,
    sctp: Option<(bool, Place)>,
    ipv6: Option<(bool, Place)>,
    is_link_local_bound: bool,
    is_unreadable: bool,
}

impl Core {
    pub(super) fn has_room(&self) -> bool {
        self.sockets.len() < SOCKETS_MAX
    }

    pub(super) fn module(&mut self, module: &str, place: &Place) {
        let is_on = self.tls.as_ref().is_some_and(|(is_on, _)| *is_on);
        if matches!(module, "tls" | "tlsa" | "tls_wolfssl") && is_on {
            self.tls_module = Some(place.clone());
        }
    }

    /// `name = value`, up to the value.
    pub(super) fn set(&mut self, script: &mut Script, reading: &mut Reading<'_>, name: &str, word: &Token) {
        const KNOWN: [&str; 13] = [
            "port",
            "tls_port_no",
            "enable_tls",
            "tls_enable",
            "disable_tls",
            "tls_disable",
            "disable_tcp",
            "enable_sctp",
            "disable_sctp",
            "auto_bind_ipv6",
            "bind_ipv6_link_local",
            "fork",
            "children",
        ];
        if !KNOWN.contains(&name) {
            return;
        }
        let places = script.places(word);
        let place = places.first().cloned().unwrap_or_else(|| Place::file("/"));
        let value = script.peek(reading, 0).filter(|token| token.kind == Kind::Word).cloned();
        let Some(number) = value.as_ref().and_then(|value| socket::number(&value.text)) else {
            reading.unresolved(format!("the value of {name}"), &place);
            self.is_unreadable |= name == "port";
            return script.end_line(reading, word);
        };
        script.next(reading);
        let port = u16::try_from(number).ok().map(|port| (port, place.clone()));
        let is_on = number != 0;
        match name {
            "port" => self.port = port,
            "tls_port_no" => self.tls_port = port,
            "enable_tls" | "tls_enable" => self.tls = Some((is_on, place)),
            "disable_tls" | "tls_disable" => self.tls = Some((!is_on, place)),
            "disable_tcp" => self.tcp_disabled = is_on.then_some(place),
            "enable_sctp" => self.sctp = Some((number == 1, place)),
            "disable_sctp" => self.sctp = Some((!is_on, place)),
            "auto_bind_ipv6" => self.ipv6 = Some((is_on, place)),
            "bind_ipv6_link_local" => self.is_link_local_bound = is_on,
            _ => {}
        }
    }

    pub(super) fn open(&self, reading: &mut Reading<'_>, main: &Text) {
        if !self.is_told {
            return self.every_address(reading, main);
        }
        for socket in &self.sockets {
            for host in &socket.hosts {
                let addresses = self.addresses(reading, host, &socket.place());
                for address in addresses {
                    self.at(reading, main, address, socket);
                }
            }
        }
    }

    /// No socket is named: every IPv4 address, and every IPv6 one where that is asked for.
    fn every_address(&self, reading: &mut Reading<'_>, main: &Text) {
        let mut families = vec![(IpAddr::from(Ipv4Addr::UNSPECIFIED), Vec::new())];
        if let Some((true, place)) = &self.ipv6 {
            families.push((Ipv6Addr::UNSPECIFIED.into(), vec![place.clone()]));
        }
        for (address, places) in families {
            let socket = Socket { protocol: None, hosts: Vec::new(), port: None, places };
            self.at(reading, main, address.into(), &socket);
        }
    }

    /// One address of a name, as Kamailio takes it; all of an interface.
    fn addresses(&self, reading: &mut Reading<'_>, host: &str, at: &Place) -> Vec<Address> {
        if let Some(all) = reading.interface(host) {
            return all.into_iter().filter(|address| self.is_bound(*address)).map(Address::One).collect();
        }
        let known = reading.addresses(host, at);
        let first = known.iter().find(|address| address.is_ipv4()).or(known.first());
        first.map(|address| every(*address)).into_iter().collect()
    }

    fn is_bound(&self, address: IpAddr) -> bool {
        let is_asked = self.ipv6.as_ref().is_some_and(|(is_on, _)| *is_on);
        match address {
            IpAddr::V4(_) => true,
            IpAddr::V6(address) => is_asked && (self.is_link_local_bound || !address.is_unicast_link_local()),
        }
    }

    fn at(&self, reading: &mut Reading<'_>, main: &Text, address: Address, socket: &Socket) {
        let named = socket.protocol.as_deref();
        let is_asked = |protocol: &str| named.is_none_or(|named| named == protocol);
        if is_asked("udp") {
            let listener = |port| Listener::udp(address, port, "sip");
            self.plain(reading, main, listener, socket);
        }
        if is_asked("tcp") && self.tcp_disabled.is_none() {
            self.plain(reading, main, |port| Listener::tcp(address, port, "sip").tls(false), socket);
        }
        if is_asked("tls") {
            self.tls(reading, main, address, socket);
        }
        let is_sctp = match (&self.sctp, named) {
            (Some((is_on, _)), _) => *is_on,
            (None, named) => named.is_some(),
        };
        if is_asked("sctp") && is_sctp {
            let listener = |port| Listener::at(Transport::Sctp, address, (port, port), "sip");
            let mut socket = socket.clone();
            socket.places.extend(self.sctp.iter().map(|(_, place)| place.clone()));
            self.plain(reading, main, listener, &socket);
        }
        if let Some(place) = self.tcp_disabled.as_ref().filter(|_| named == Some("tcp")) {
            reading.trouble(&socket.place(), format_args!("not opened, since {place} disables TCP"));
        }
    }

    /// UDP, TCP and SCTP: at their own port, else at the one for all.
    fn plain(
        &self,
        reading: &mut Reading<'_>,
        main: &Text,
        listener: impl Fn(u16) -> Listener,
        socket: &Socket,
    ) {
        if self.is_unreadable && socket.port.is_none() {
            return;
        }
        let own = self.port.as_ref().filter(|(port, _)| *port != 0);
        let port = socket.port.or(own.map(|(port, _)| *port)).unwrap_or(SIP);
        let mut listener = said(listener(port), socket, main);
        match own.filter(|_| socket.port.is_none()) {
            Some((_, place)) => listener = listener.said(place),
            None if socket.port.is_none() => {
                listener = listener.by_default(&main.whole(), format!("no port: {SIP}"));
            }
            None => {}
        }
        reading.listen(listener);
    }

    /// Only with `enable_tls`, and the module loaded after it. Where no protocol is named but a port is, TLS
    /// takes the port above it.
    fn tls(&self, reading: &mut Reading<'_>, main: &Text, address: Address, socket: &Socket) {
        let is_named = socket.protocol.is_some();
        let on = self.tls.as_ref().filter(|(is_on, _)| *is_on);
        let (Some((_, on)), Some(module), None) = (on, &self.tls_module, &self.tcp_disabled) else {
            if is_named {
                reading.trouble(&socket.place(), self.no_tls());
            }
            return;
        };
        let above = socket.port.map(|port| if is_named { port } else { port.saturating_add(1) });
        let own = self.tls_port.as_ref().filter(|(port, _)| *port != 0);
        let port = above.or(own.map(|(port, _)| *port)).unwrap_or(SIPS);
        let mut listener =
            said(Listener::tcp(address, port, "sips").tls(true), socket, main).said(on).said(module);
        match own.filter(|_| above.is_none()) {
            Some((_, place)) => listener = listener.said(place),
            None if above.is_none() => {
                listener = listener.by_default(&main.whole(), format!("no tls_port_no: {SIPS}"));
            }
            None => {}
        }
        reading.listen(listener);
    }

    fn no_tls(&self) -> String {
        match (&self.tls, &self.tcp_disabled) {
            (_, Some(place)) => format!("not opened, since {place} disables TCP"),
            (Some((true, _)), None) => {
                "not opened: no module that does TLS is loaded after enable_tls".to_owned()
            }
            _ => "not opened: TLS is off without enable_tls".to_owned(),
        }
    }
}

/// Kamailio leaves IPV6_V6ONLY off: `::` takes IPv4 too.
fn every(address: IpAddr) -> Address {
    if address == IpAddr::V6(Ipv6Addr::UNSPECIFIED) { Address::Every } else { Address::One(address) }
}

/// The socket's lines; where no statement names it, the default that it is.
fn said(listener: Listener, socket: &Socket, main: &Text) -> Listener {
    let listener = match socket.places.is_empty() {
        true => listener.by_default(&main.whole(), "no listen: every IPv4 address"),
        false => listener,
    };
    socket.places.iter().fold(listener, |listener, place| listener.said(place))
}
