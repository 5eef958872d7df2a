//! OpenSIPS' modules that open sockets of their own, and the parameters that give others their port.
//! Source: the READMEs of httpd, mi_fifo, mi_datagram and mi_xmlrpc.
//! Not here: what is served by httpd (mi_http, mi_xmlrpc_ng, pi_http, prometheus), and clients (event_*).

use crate::address::{self, HostPort, host_port};
use crate::formats::sipscript::statement::Parameter;
use crate::reading::Reading;
use crate::text::Place;
use crate::{Address, Listener, Transport};
use std::net::{IpAddr, Ipv4Addr};

/// Parameters that are kept. Real scripts have fewer than twenty of these.
const KEPT_MAX: usize = 10_000;
const KNOWN: [&str; 4] = ["httpd", "mi_fifo", "mi_datagram", "mi_xmlrpc"];

#[derive(Default)]
pub(super) struct Modules {
    loaded: Vec<(String, Place)>,
    parameters: Vec<Parameter>,
    has_protocols: bool,
}

impl Modules {
    pub(super) fn loaded(&mut self, module: &str, place: &Place) {
        self.has_protocols |= module.starts_with("proto_");
        if KNOWN.contains(&module) && !self.loaded.iter().any(|(known, _)| known == module) {
            self.loaded.push((module.to_owned(), place.clone()));
        }
    }

    pub(super) fn set(&mut self, parameter: Parameter) {
        let is_named = parameter.name == "port" || parameter.name.ends_with("_port");
        let is_port = parameter.module.starts_with("proto_") && is_named;
        let is_known = KNOWN.iter().any(|module| parameter.is_of(module, &parameter.name));
        if (is_port || is_known) && self.parameters.len() < KEPT_MAX {
            self.parameters.push(parameter);
        }
    }

    /// Protocols are modules since 2.1.
    pub(super) fn has_protocols(&self) -> bool {
        self.has_protocols
    }

    fn last(&self, module: &str, name: &str) -> Option<&Parameter> {
        self.parameters.iter().rev().find(|parameter| parameter.is_of(module, name))
    }

    /// A protocol's port where none is written at the socket; an error where it cannot be told, which is said.
    pub(super) fn port(
        &self,
        reading: &mut Reading<'_>,
        module: &str,
        name: &str,
    ) -> Result<Option<(u16, Place)>, ()> {
        let Some(parameter) = self.last(module, name) else { return Ok(None) };
        match address::port(&parameter.value) {
            Some(port) => Ok(Some((port, parameter.place()))),
            None => {
                reading.unresolved(format!("the port {:?}", parameter.value), &parameter.place());
                Err(())
            }
        }
    }

    pub(super) fn open(&self, reading: &mut Reading<'_>) {
        for (module, place) in &self.loaded {
            match module.as_str() {
                "httpd" => self.http(reading, ("httpd", "ip", 8888), "http", place),
                "mi_xmlrpc" => self.http(reading, ("mi_xmlrpc", "", 8080), "control", place),
                "mi_fifo" => {
                    let named = self.last("mi_fifo", "fifo_name");
                    named
                        .into_iter()
                        .for_each(|parameter| reading.unix(&*parameter.value, &parameter.place()));
                }
                "mi_datagram" => self.datagram(reading),
                _ => {}
            }
        }
    }

    /// A path, or `udp:host:port`.
    fn datagram(&self, reading: &mut Reading<'_>) {
        let Some(parameter) = self.last("mi_datagram", "socket_name") else { return };
        let place = parameter.place();
        let Some(socket) = parameter.value.strip_prefix("udp:") else {
            return reading.unix(&*parameter.value, &place);
        };
        let HostPort { host, port } = host_port(socket);
        let Some(port) = port.and_then(address::port) else {
            return reading.unresolved(format!("the port in {socket:?}"), &place);
        };
        if let Some(address) = first(reading, host, &place) {
            let listener = Listener::at(Transport::Udp, Address::One(address), (port, port), "control");
            reading.listen(parameter.places.iter().fold(listener, |listener, place| listener.said(place)));
        }
    }

    /// HTTP at an address and port of its own; with a certificate, TLS.
    fn http(
        &self,
        reading: &mut Reading<'_>,
        (module, ip, default): (&str, &str, u16),
        purpose: &'static str,
        place: &Place,
    ) {
        let host = self.last(module, ip);
        let written = self.last(module, "port");
        let port = match written.map(|parameter| (parameter, address::port(&parameter.value))) {
            None => default,
            Some((_, Some(port))) => port,
            Some((parameter, None)) => {
                return reading.unresolved(format!("the port {:?}", parameter.value), &parameter.place());
            }
        };
        let certificate = self.last(module, "tls_cert_file");
        let at = host.map_or(place.clone(), Parameter::place);
        let Some(address) = first(reading, host.map_or("", |host| &host.value), &at) else { return };
        let mut listener = Listener::tcp(Address::One(address), port, purpose).tls(certificate.is_some());
        let places = [written, host, certificate].into_iter().flatten().flat_map(|p| p.places.iter());
        let mut told: Vec<&Place> = Vec::new();
        for place in places.chain([place]) {
            told.extend((!told.contains(&place)).then_some(place));
        }
        listener = told.into_iter().fold(listener, |listener, place| listener.said(place));
        if written.is_none() {
            listener = listener.by_default(place, format!("no port: {default}"));
        }
        reading.listen(listener);
    }
}

/// No host is every IPv4 address; a name is its first.
fn first(reading: &mut Reading<'_>, host: &str, at: &Place) -> Option<IpAddr> {
    if matches!(host, "" | "*") {
        return Some(Ipv4Addr::UNSPECIFIED.into());
    }
    let known = reading.addresses(host, at);
    known.iter().find(|address| address.is_ipv4()).or(known.first()).copied()
}
