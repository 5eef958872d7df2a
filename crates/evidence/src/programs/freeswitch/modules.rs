//! What modules open that have an address and ports in their settings: event socket, Erlang, MSRP, XML-RPC.
//! Not here: modules with profiles ([`super::servers`]).

use super::servers::{known, unresolved};
use super::{Configuration, Param, is_true};
use crate::reading::Reading;
use crate::text::Place;
use crate::{Address, Listener, address};
use std::net::Ipv4Addr;

struct Module {
    file: &'static str,
    /// None if it is part of FreeSWITCH itself.
    name: Option<&'static str>,
    address: &'static str,
    default_address: Ipv4Addr,
    port: &'static str,
    /// Without one there is no socket where no port is said.
    default_port: Option<u16>,
    purpose: &'static str,
    tls: Option<bool>,
}

const MODULES: [Module; 5] = [
    Module {
        file: "event_socket.conf",
        name: Some("mod_event_socket"),
        address: "listen-ip",
        default_address: Ipv4Addr::LOCALHOST,
        port: "listen-port",
        default_port: Some(8021),
        purpose: "esl",
        tls: None,
    },
    Module {
        file: "erlang_event.conf",
        name: Some("mod_erlang_event"),
        address: "listen-ip",
        default_address: Ipv4Addr::UNSPECIFIED,
        port: "listen-port",
        default_port: Some(8031),
        purpose: "erlang",
        tls: None,
    },
    MSRP,
    Module { port: "listen-ssl-port", purpose: "msrps", tls: Some(true), ..MSRP },
    // On every IPv4 address, whatever is said.
    Module {
        file: "xml_rpc.conf",
        name: Some("mod_xml_rpc"),
        address: "",
        default_address: Ipv4Addr::UNSPECIFIED,
        port: "http-port",
        default_port: Some(8080),
        purpose: "http",
        tls: Some(false),
    },
];
const MSRP: Module = Module {
    file: "msrp.conf",
    name: None,
    address: "listen-ip",
    default_address: Ipv4Addr::UNSPECIFIED,
    port: "listen-port",
    default_port: None,
    purpose: "msrp",
    tls: Some(false),
};

pub(super) fn open(reading: &mut Reading<'_>, configuration: &Configuration) {
    for module in &MODULES {
        let is_off =
            configuration.setting("msrp.conf", "disable-msrp").is_some_and(|off| is_true(&off.value));
        let is_loaded = module.name.is_none_or(|name| configuration.has(name));
        let Some(begin) = configuration.begin(module.file) else { continue };
        if is_loaded && !(is_off && module.file == "msrp.conf") {
            module.open(reading, configuration, begin);
        }
    }
}

impl Module {
    fn open(&self, reading: &mut Reading<'_>, configuration: &Configuration, begin: &Place) {
        let [ip, port] = [self.address, self.port].map(|name| configuration.setting(self.file, name));
        let Some(number) = self.number(reading, port) else { return };
        for address in self.addresses(reading, ip) {
            let lines = ip.into_iter().chain(port).flat_map(|param| &param.places);
            let listener = lines.fold(Listener::tcp(address, number, self.purpose), Listener::said);
            let listener = self.tls.into_iter().fold(listener, Listener::tls);
            let words = format!("not said otherwise: {address} and port {number}");
            let is_whole = port.is_some() && (ip.is_some() || self.address.is_empty());
            reading.listen(if is_whole { listener } else { listener.by_default(begin, words) });
        }
    }

    fn number(&self, reading: &mut Reading<'_>, port: Option<&Param>) -> Option<u16> {
        let Some(param) = port else { return self.default_port };
        if param.value == "0" && self.default_port.is_none() {
            return None;
        }
        let number = address::port(&param.value);
        if number.is_none() {
            unresolved(reading, param, &format!("the port {:?}", param.value));
        }
        number
    }

    /// A socket at `::` takes IPv4 too.
    fn addresses(&self, reading: &mut Reading<'_>, ip: Option<&Param>) -> Vec<Address> {
        match ip {
            None => vec![self.default_address.into()],
            Some(ip) if ip.value == "::" => vec![Address::Every],
            Some(ip) if ip.value == "0.0.0.0" => vec![Ipv4Addr::UNSPECIFIED.into()],
            Some(ip) => known(reading, ip, &ip.value).into_iter().map(Address::from).collect(),
        }
    }
}
