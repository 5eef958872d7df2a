//! Kamailio's modules that open sockets of their own, and what their parameters say.
//! Source: the READMEs of ctl, evapi, jsonrpcs, microhttpd, cdp, ims_ipsec_pcscf, and of mi_fifo, mi_datagram and mi_xmlrpc,
//! which versions before 5 had.
//! Not here: modules that are served by the SIP sockets (websocket, xhttp, msrp), and clients.

use super::ipsec;
use crate::address::{self, HostPort, host_port};
use crate::formats::sipscript::statement::Parameter;
use crate::formats::xml;
use crate::reading::Reading;
use crate::text::Place;
use crate::{Address, Listener, Transport};
use std::net::{IpAddr, Ipv4Addr};

/// The parameters that name sockets.
const KNOWN: [(&str, &str); 19] = [
    ("ctl", "binrpc"),
    ("ctl", "fifo"),
    ("evapi", "bind_addr"),
    ("jsonrpcs", "transport"),
    ("jsonrpcs", "fifo_name"),
    ("jsonrpcs", "dgram_socket"),
    ("jsonrpcs", "tcp_socket"),
    ("mi_fifo", "fifo_name"),
    ("mi_datagram", "socket_name"),
    ("mi_xmlrpc", "port"),
    ("microhttpd", "listen_port"),
    ("microhttpd", "listen_addr"),
    ("cdp", "config_file"),
    ("jsonrpc_s", "fifo_name"),
    ("ims_ipsec_pcscf", "ipsec_listen_addr"),
    ("ims_ipsec_pcscf", "ipsec_listen_addr6"),
    ("ims_ipsec_pcscf", "ipsec_client_port"),
    ("ims_ipsec_pcscf", "ipsec_server_port"),
    ("ims_ipsec_pcscf", "ipsec_max_connections"),
];
/// Parameters that are kept. Real scripts have fewer than ten of these.
const KEPT_MAX: usize = 10_000;

#[derive(Default)]
pub(super) struct Modules {
    loaded: Vec<(String, Place)>,
    parameters: Vec<Parameter>,
}

impl Modules {
    pub(super) fn loaded(&mut self, module: &str, place: &Place) {
        let is_known = KNOWN.iter().any(|(known, _)| *known == module);
        if is_known && !self.loaded.iter().any(|(known, _)| known == module) {
            self.loaded.push((module.to_owned(), place.clone()));
        }
    }

    pub(super) fn set(&mut self, parameter: Parameter) {
        let is_known = KNOWN.iter().any(|(module, name)| parameter.is_of(module, name));
        if is_known && self.parameters.len() < KEPT_MAX {
            self.parameters.push(parameter);
        }
    }

    pub(super) fn open(&self, reading: &mut Reading<'_>) {
        for (module, place) in &self.loaded {
            match module.as_str() {
                "ctl" => self.ctl(reading, place),
                "evapi" => self.evapi(reading, place),
                "jsonrpcs" => self.jsonrpcs(reading),
                "mi_fifo" => {
                    self.all("mi_fifo", "fifo_name").for_each(|p| reading.unix(&*p.value, &p.place()))
                }
                "jsonrpc_s" => {
                    self.all("jsonrpc_s", "fifo_name").for_each(|p| reading.unix(&*p.value, &p.place()));
                }
                "mi_datagram" => {
                    self.last("mi_datagram", "socket_name").into_iter().for_each(|p| datagram(reading, p))
                }
                "mi_xmlrpc" => self.http(reading, ("mi_xmlrpc", "port", 8080), "control", place),
                "microhttpd" => self.http(reading, ("microhttpd", "listen_port", 8283), "http", place),
                "ims_ipsec_pcscf" => ipsec::open(self, reading),
                "cdp" => self.all("cdp", "config_file").for_each(|p| diameter(reading, p)),
                _ => {}
            }
        }
    }

    fn all<'m>(&'m self, module: &'m str, name: &'m str) -> impl Iterator<Item = &'m Parameter> {
        self.parameters.iter().filter(move |parameter| parameter.is_of(module, name))
    }

    pub(super) fn last(&self, module: &str, name: &str) -> Option<&Parameter> {
        self.parameters.iter().rev().find(|parameter| parameter.is_of(module, name))
    }

    /// Several sockets; one in the file system where none is named. Whoever reaches one controls the server.
    fn ctl(&self, reading: &mut Reading<'_>, place: &Place) {
        self.all("ctl", "fifo").for_each(|p| {
            let path = p.value.strip_prefix("fifo:").unwrap_or(&p.value);
            reading.unix(path, &p.place());
        });
        if self.all("ctl", "binrpc").next().is_none() {
            reading.unix("/run/kamailio/kamailio_ctl", place);
        }
        for parameter in self.all("ctl", "binrpc") {
            let value = parameter.value.as_str();
            let (protocol, rest) = match value.split_once(':') {
                Some((word @ ("udp" | "tcp" | "unix" | "unixd" | "unixs"), rest)) => (word, rest),
                _ if value.contains('/') => ("unix", value),
                _ => ("udp", value),
            };
            if protocol.starts_with("unix") {
                reading.unix(rest, &parameter.place());
                continue;
            }
            let is_port = address::port(rest).is_some();
            let HostPort { host, port } =
                if is_port { HostPort { host: "", port: Some(rest) } } else { host_port(rest) };
            // Not the SIP port: the module has one of its own.
            let port = port.map_or(Some(2049), address::port);
            open(reading, parameter, (protocol, host, port), "control");
        }
    }

    /// `address:port`; loopback where nothing is said. Events, and whatever the script does with messages.
    fn evapi(&self, reading: &mut Reading<'_>, place: &Place) {
        let Some(parameter) = self.last("evapi", "bind_addr") else {
            let listener = Listener::tcp(Ipv4Addr::LOCALHOST, 8448, "events");
            return reading.listen(listener.said(place).by_default(place, "no bind_addr: 127.0.0.1:8448"));
        };
        let HostPort { host, port } = host_port(&parameter.value);
        // What the module makes of `*` is the name server's to say.
        if host == "*" {
            return reading.unresolved("the address of \"*\" in bind_addr", &parameter.place());
        }
        open(reading, parameter, ("tcp", host, port.map_or(Some(8448), address::port)), "events");
    }

    /// Sockets only where they are named, and `transport` has their bit, or is 0.
    fn jsonrpcs(&self, reading: &mut Reading<'_>) {
        let transport =
            self.last("jsonrpcs", "transport").and_then(|p| p.value.parse::<u32>().ok()).unwrap_or(0);
        let has = |bit: u32| transport == 0 || transport & bit != 0;
        if let Some(parameter) = self.last("jsonrpcs", "fifo_name").filter(|_| has(2)) {
            reading.unix(&*parameter.value, &parameter.place());
        }
        if let Some(parameter) = self.last("jsonrpcs", "dgram_socket").filter(|_| has(4)) {
            datagram(reading, parameter);
        }
        if let Some(parameter) = self.last("jsonrpcs", "tcp_socket").filter(|_| has(8)) {
            let value = parameter.value.strip_prefix("tcp:").unwrap_or(&parameter.value);
            let HostPort { host, port } = host_port(value);
            open(reading, parameter, ("tcp", host, port.and_then(address::port)), "control");
        }
    }

    fn http(&self, reading: &mut Reading<'_>, of: (&str, &str, u16), purpose: &'static str, place: &Place) {
        let (module, name, default) = of;
        let host = self.last(module, "listen_addr").map_or("", |parameter| &parameter.value);
        match self.last(module, name) {
            Some(parameter) => {
                open(reading, parameter, ("tcp", host, address::port(&parameter.value)), purpose);
            }
            None => {
                let places = vec![place.clone()];
                let none =
                    Parameter { module: String::new(), name: String::new(), value: String::new(), places };
                open(reading, &none, ("tcp", host, Some(default)), purpose);
            }
        }
    }
}

/// A path, `unix:path`, or `udp:address:port`.
fn datagram(reading: &mut Reading<'_>, parameter: &Parameter) {
    match parameter.value.strip_prefix("udp:") {
        Some(value) => {
            let HostPort { host, port } = host_port(value);
            open(reading, parameter, ("udp", host, port.and_then(address::port)), "control");
        }
        None => {
            let path = parameter.value.strip_prefix("unix:").unwrap_or(&parameter.value);
            reading.unix(path, &parameter.place());
        }
    }
}

/// No host, and `*`, are every IPv4 address.
fn open(
    reading: &mut Reading<'_>,
    parameter: &Parameter,
    (protocol, host, port): (&str, &str, Option<u16>),
    purpose: &'static str,
) {
    let place = parameter.place();
    let Some(port) = port else {
        return reading.unresolved(format!("the port in {:?}", parameter.value), &place);
    };
    let transport = if protocol == "udp" { Transport::Udp } else { Transport::Tcp };
    let addresses = match host {
        "" | "*" => vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)],
        // A name is one address, the first.
        _ => reading.addresses(host, &place),
    };
    let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    if let Some(address) = first {
        let listener = Listener::at(transport, Address::One(*address), (port, port), purpose);
        reading.listen(parameter.places.iter().fold(listener, |listener, place| listener.said(place)));
    }
}

/// Diameter's acceptors stand in a file of their own: `<Acceptor port="3868" bind="192.0.2.1"/>`.
fn diameter(reading: &mut Reading<'_>, parameter: &Parameter) {
    let main = parameter.place();
    let Some(text) = reading.open(&parameter.value) else {
        return reading.trouble(&main, "the peers' file was not read, so that its acceptors are not known");
    };
    let Some(document) = xml::parse(reading, &text) else { return };
    for node in document.descendants().filter(|node| node.has_tag_name("Acceptor")) {
        let place = text.place(text.line_at(node.range().start));
        let host = node.attribute("bind").unwrap_or("");
        let port = node.attribute("port").map_or(Some(3868), address::port);
        let value = node.attribute("port").unwrap_or("").to_owned();
        let places = vec![place, main.clone()];
        let acceptor = Parameter { module: String::new(), name: String::new(), value, places };
        open(reading, &acceptor, ("tcp", host, port), "diameter");
    }
}
