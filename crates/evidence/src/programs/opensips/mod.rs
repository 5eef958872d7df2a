//! OpenSIPS: its script's sockets, and the modules that open some of their own.
//! Source: the manuals' "Core Parameters" (`listen` up to 3.0, `socket` since, `port`, `disable_tcp`,
//! `disable_tls` and `bin_listen` up to 1.11) and the READMEs of the proto_* and mi_* modules and of httpd.

mod modules;

use super::Program;
use crate::formats::sipscript::socket::{self, Socket};
use crate::formats::sipscript::statement::{block, loaded, parameter, template};
use crate::formats::sipscript::{Dialect, Kind, Script, Token};
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener, Transport};
use modules::Modules;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

pub(super) const PROGRAM: Program =
    Program { name: "opensips", aliases: &[], processes: &["opensips"], read };

const USUAL: [&str; 3] = [
    "/etc/opensips/opensips.cfg",
    "/usr/local/etc/opensips/opensips.cfg",
    "/usr/local/opensips/etc/opensips/opensips.cfg",
];
/// Sockets of one script. Real ones have fewer than fifty.
const SOCKETS_MAX: usize = 2_000;

/// A protocol of a socket: its word, purpose, transport, whether it begins with TLS, and where nothing says
/// another port: the module and parameter that may, and the default.
struct Protocol {
    word: &'static str,
    purpose: &'static str,
    transport: Transport,
    tls: Option<bool>,
    parameter: (&'static str, &'static str),
    port: u16,
}

const fn tcp(
    word: &'static str,
    purpose: &'static str,
    tls: bool,
    parameter: (&'static str, &'static str),
    port: u16,
) -> Protocol {
    Protocol { word, purpose, transport: Transport::Tcp, tls: Some(tls), parameter, port }
}

const fn udp(
    word: &'static str,
    purpose: &'static str,
    parameter: (&'static str, &'static str),
    port: u16,
) -> Protocol {
    Protocol { word, purpose, transport: Transport::Udp, tls: None, parameter, port }
}

const PROTOCOLS: [Protocol; 16] = [
    udp("udp", "sip", ("proto_udp", "udp_port"), 5060),
    tcp("tcp", "sip", false, ("proto_tcp", "tcp_port"), 5060),
    tcp("tls", "sips", true, ("proto_tls", "tls_port"), 5061),
    Protocol {
        word: "sctp",
        purpose: "sip",
        transport: Transport::Sctp,
        tls: None,
        parameter: ("proto_sctp", "sctp_port"),
        port: 5060,
    },
    tcp("ws", "ws", false, ("proto_ws", "ws_port"), 80),
    tcp("wss", "wss", true, ("proto_wss", "wss_port"), 443),
    tcp("bin", "bin", false, ("proto_bin", "bin_port"), 5555),
    tcp("bins", "bin", true, ("proto_bins", "bins_port"), 5556),
    udp("hep_udp", "hep", ("proto_hep", "hep_port"), 5656),
    tcp("hep_tcp", "hep", false, ("proto_hep", "hep_port"), 5656),
    tcp("hep_tls", "hep", true, ("proto_hep", "hep_port"), 5656),
    tcp("smpp", "smpp", false, ("proto_smpp", "smpp_port"), 2775),
    // These two have no default, and no parameter for it.
    tcp("msrp", "msrp", false, ("proto_msrp", ""), 0),
    tcp("msrps", "msrps", true, ("proto_msrp", ""), 0),
    // One socket of each; IPsec is the kernel's, below both.
    udp("ipsec", "sip", ("proto_ipsec", "port"), 5062),
    tcp("ipsec", "sip", false, ("proto_ipsec", "port"), 5062),
];

fn is_protocol(word: &str) -> bool {
    PROTOCOLS.iter().any(|protocol| word.eq_ignore_ascii_case(protocol.word))
}

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    for main in mains {
        match reading.open(main) {
            Some(text) => script(reading, &text),
            None if reading.mode(main).is_none() => {
                reading.trouble(&Place::file(main), "there is no such file");
            }
            None => {}
        }
    }
    if mains.is_empty() {
        let named = configured(reading).and_then(|path| reading.open(&path));
        if let Some(text) = named.or_else(|| reading.open_first(&USUAL)) {
            script(reading, &text);
        }
    }
}

/// `CFGFILE` of the packages' environment.
fn configured(reading: &mut Reading<'_>) -> Option<String> {
    let text = reading.open_first(&["/etc/default/opensips", "/etc/sysconfig/opensips"])?;
    let values = text.lines().filter_map(|(_, line)| line.trim().strip_prefix("CFGFILE="));
    values.last().map(|value| value.trim_matches(['"', '\'']).to_owned())
}

/// The core parameters that decide about sockets.
#[derive(Default)]
struct Core {
    /// A statement names sockets, even if none of them can be read.
    is_told: bool,
    sockets: Vec<Socket>,
    /// Of the protocol between servers, which was UDP before 2.2.
    bin: Vec<Socket>,
    port: Option<(u16, Place)>,
    tcp_disabled: Option<Place>,
    tls_enabled: Option<Place>,
}

fn script(reading: &mut Reading<'_>, main: &Arc<Text>) {
    let mut script = Script::new(Dialect::OpenSips, main);
    let (mut core, mut modules) = (Core::default(), Modules::default());
    while let Some(token) = script.next(reading) {
        if token.is('{') {
            block(&mut script, reading, &token);
            continue;
        }
        if token.kind == Kind::Template {
            template(&mut script, reading, &token);
        }
        match token.word() {
            Some("loadmodule") => {
                if let Some((module, place)) = loaded(&mut script, reading, &token) {
                    modules.loaded(&module, &place);
                }
            }
            Some("modparam") => {
                if let Some(parameter) = parameter(&mut script, reading, &token) {
                    modules.set(parameter);
                }
            }
            Some(name) if script.take(reading, '=').is_some() => {
                core.set(&mut script, reading, name, &token);
            }
            _ => {}
        }
    }
    core.open(reading, main, &modules);
    modules.open(reading);
}

impl Core {
    fn set(&mut self, script: &mut Script, reading: &mut Reading<'_>, name: &str, word: &Token) {
        match name {
            "listen" | "socket" => {
                self.is_told = true;
                let sockets = sockets(script, reading, word);
                self.sockets.extend(sockets);
                self.sockets.truncate(SOCKETS_MAX);
            }
            "bin_listen" => {
                let sockets = sockets(script, reading, word);
                self.bin.extend(sockets);
                self.bin.truncate(SOCKETS_MAX);
            }
            "port" | "disable_tcp" | "disable_tls" => self.number(script, reading, name, word),
            _ => {}
        }
    }

    fn number(&mut self, script: &mut Script, reading: &mut Reading<'_>, name: &str, word: &Token) {
        let place = script.place(word);
        let value = script.peek(reading, 0).filter(|token| token.kind == Kind::Word);
        let Some(number) = value.and_then(|value| socket::number(&value.text)) else {
            reading.unresolved(format!("the value of {name}"), &place);
            return script.end_line(reading, word);
        };
        script.next(reading);
        match name {
            "port" => {
                self.port = u16::try_from(number).ok().filter(|port| *port != 0).map(|port| (port, place))
            }
            "disable_tcp" => self.tcp_disabled = (number != 0).then_some(place),
            _ => self.tls_enabled = (number == 0).then_some(place),
        }
    }

    fn open(&self, reading: &mut Reading<'_>, main: &Text, modules: &Modules) {
        if !self.is_told {
            return self.every_address(reading, main, modules);
        }
        for socket in &self.sockets {
            for host in &socket.hosts {
                for address in addresses(reading, host, &socket.place()) {
                    self.at(reading, main, modules, address, socket);
                }
            }
        }
        for socket in &self.bin {
            for host in &socket.hosts {
                for address in addresses(reading, host, &socket.place()) {
                    let listener = Listener::udp(address, socket.port.unwrap_or(5555), "bin");
                    let listener =
                        socket.places.iter().fold(listener, |listener, place| listener.said(place));
                    reading.listen(listener);
                }
            }
        }
    }

    /// Up to 1.11 every IPv4 address is served where no socket is named; since then the server does not start.
    fn every_address(&self, reading: &mut Reading<'_>, main: &Text, modules: &Modules) {
        if modules.has_protocols() {
            return reading.trouble(&main.whole(), "no socket is named: OpenSIPS would not start");
        }
        let socket = Socket { protocol: None, hosts: Vec::new(), port: None, places: Vec::new() };
        self.at(reading, main, modules, Ipv4Addr::UNSPECIFIED.into(), &socket);
    }

    fn at(
        &self,
        reading: &mut Reading<'_>,
        main: &Text,
        modules: &Modules,
        address: Address,
        socket: &Socket,
    ) {
        for protocol in &PROTOCOLS {
            let is_meant = match socket.protocol.as_deref() {
                Some(word) => word == protocol.word,
                // Up to 1.11 a socket without a protocol is one of each that is on.
                None => match protocol.word {
                    "udp" => true,
                    "tcp" => self.tcp_disabled.is_none(),
                    "tls" => self.tcp_disabled.is_none() && self.tls_enabled.is_some(),
                    _ => false,
                },
            };
            if is_meant {
                self.listen(reading, main, modules, address, socket, protocol);
            }
        }
    }

    fn listen(
        &self,
        reading: &mut Reading<'_>,
        main: &Text,
        modules: &Modules,
        address: Address,
        socket: &Socket,
        protocol: &Protocol,
    ) {
        let is_above = protocol.word == "tls" && socket.protocol.is_none();
        let own = socket.port.map(|port| if is_above { port.saturating_add(1) } else { port });
        let (module, name) = protocol.parameter;
        let Ok(configured) = modules.port(reading, module, name) else { return };
        let for_all = self.port.clone().filter(|_| protocol.purpose == "sip");
        let set = configured.or(for_all).filter(|_| own.is_none());
        let port = own.or(set.as_ref().map(|(port, _)| *port)).unwrap_or(protocol.port);
        if port == 0 {
            return reading
                .unresolved(format!("the port of {}, which has no default", protocol.word), &socket.place());
        }
        let mut listener = Listener::at(protocol.transport, address, (port, port), protocol.purpose);
        if let Some(is_tls) = protocol.tls {
            listener = listener.tls(is_tls);
        }
        listener = socket.places.iter().fold(listener, |listener, place| listener.said(place));
        if socket.places.is_empty() {
            listener = listener.by_default(&main.whole(), "no listen: every IPv4 address");
        }
        listener = match set {
            Some((_, place)) => listener.said(&place),
            None if own.is_none() => listener.by_default(&main.whole(), format!("no port: {port}")),
            None => listener,
        };
        reading.listen(listener);
    }
}

/// `proto:host:port AS … use_workers …`: words behind it open nothing, but up to 1.11 another socket may follow.
fn sockets(script: &mut Script, reading: &mut Reading<'_>, word: &Token) -> Vec<Socket> {
    let mut sockets = Vec::new();
    loop {
        let Some(socket) = socket::read(script, reading, is_protocol) else { return sockets };
        sockets.push(socket);
        let is_next = script.peek(reading, 0).and_then(Token::word).is_some_and(is_protocol);
        if !is_next || !script.has(reading, 1, ':') || sockets.len() >= SOCKETS_MAX {
            break;
        }
    }
    while !script.has(reading, 1, '=') {
        let Some(next) = script.peek(reading, 0).filter(|next| next.is_beside(word)).cloned() else { break };
        if next.is('{') {
            let place = script.place(&next);
            socket::not_read(reading, &[place]);
            script.end_line(reading, word);
            break;
        }
        script.next(reading);
    }
    sockets
}

/// `*` is every IPv4 address; an interface, its IPv4 addresses; a name, its first.
fn addresses(reading: &mut Reading<'_>, host: &str, at: &Place) -> Vec<Address> {
    if host == "*" {
        return vec![Ipv4Addr::UNSPECIFIED.into()];
    }
    if let Some(all) = reading.interface(host) {
        return all.into_iter().filter(IpAddr::is_ipv4).map(Address::One).collect();
    }
    let known = reading.addresses(host, at);
    let first = known.iter().find(|address| address.is_ipv4()).or(known.first());
    let every = |address: IpAddr| match address {
        // It leaves IPV6_V6ONLY as the system has it: off.
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Address::Every,
        one => Address::One(one),
    };
    first.map(|address| every(*address)).into_iter().collect()
}
