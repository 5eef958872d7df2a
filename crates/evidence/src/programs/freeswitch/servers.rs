//! What profiles open: SIP, media, Verto, Skinny, RTMP.
//! Not here: modules without profiles ([`super::modules`]).

use super::preprocess::only;
use super::{Configuration, Param, Profile, is_true};
use crate::address::{self, HostPort, host_port};
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Listener, Transport};
use std::net::{IpAddr, Ipv4Addr};

const SIP_PORT: u16 = 5060;
const SIPS_PORT: u16 = 5061;
const RTP: (u16, u16) = (16384, 32768);
const VERTO_PORT: u16 = 8081;
const SKINNY_PORT: u16 = 2000;
const RTMP_PORT: u16 = 1935;

pub(super) fn open(reading: &mut Reading<'_>, main: &Text, configuration: &Configuration) {
    for profile in &configuration.profiles {
        match profile.file.as_str() {
            "sofia.conf" if configuration.has("mod_sofia") => sofia(reading, profile),
            "verto.conf" if configuration.has("mod_verto") => {
                bindings(reading, profile, ["bind-local", "verto"], VERTO_PORT);
            }
            "rtmp.conf" if configuration.has("mod_rtmp") => {
                bindings(reading, profile, ["bind-address", "rtmp"], RTMP_PORT);
            }
            "skinny.conf" if configuration.has("mod_skinny") => skinny(reading, profile),
            _ => continue,
        }
        if matches!(profile.file.as_str(), "sofia.conf" | "verto.conf") {
            media(reading, main, configuration, profile);
        }
    }
}

/// SIP by UDP and TCP at one port, TLS at another, WebSocket where a binding says so.
fn sofia(reading: &mut Reading<'_>, profile: &Profile) {
    let addresses = own_or(reading, profile, profile.last("sip-ip"));
    let is_tls = is_on(reading, profile, "tls");
    let is_tls_only = is_tls && is_on(reading, profile, "tls-only");
    if !is_tls_only {
        let transports = profile.last("bind-params").map(|params| params.value.to_ascii_lowercase());
        let takes =
            |word: &str| match transports.as_deref().and_then(|params| params.split_once("transport=")) {
                Some((_, list)) => {
                    list.split(';').next().is_some_and(|list| list.split(',').any(|one| one.trim() == word))
                }
                None => true,
            };
        if let Some((port, said)) = port(reading, profile, "sip-port", SIP_PORT) {
            let sockets = [("udp", Transport::Udp, None), ("tcp", Transport::Tcp, Some(false))];
            for (_, transport, tls) in sockets.into_iter().filter(|(word, ..)| takes(word)) {
                listen(reading, profile, &addresses, (transport, port, "sip", tls), &said);
            }
        }
    }
    let tls = is_tls.then(|| port(reading, profile, "tls-sip-port", SIPS_PORT)).flatten();
    if let Some((port, mut said)) = tls {
        said.lines.extend(profile.last("tls").into_iter().flat_map(|tls| tls.places.clone()));
        listen(reading, profile, &addresses, (Transport::Tcp, port, "sips", Some(true)), &said);
    }
    for (name, purpose) in [("ws-binding", "ws"), ("wss-binding", "wss")] {
        if let Some(binding) = profile.last(name) {
            web_socket(reading, profile, &addresses, binding, purpose);
        }
    }
}

fn is_on(reading: &mut Reading<'_>, profile: &Profile, name: &str) -> bool {
    let Some(param) = profile.last(name) else { return false };
    if param.value.contains("$${") {
        unresolved(reading, param, &format!("{name} {:?} of profile {}", param.value, profile.name));
    }
    is_true(&param.value)
}

/// `:port` is at the profile's own address.
fn web_socket(
    reading: &mut Reading<'_>,
    profile: &Profile,
    own: &Addresses,
    binding: &Param,
    purpose: &'static str,
) {
    let HostPort { host, port } = host_port(&binding.value);
    let Some(port) = port.and_then(address::port) else {
        return unresolved(reading, binding, &format!("the port of {:?}", binding.value));
    };
    let named = Addresses { all: Vec::new(), said: binding.places.clone() };
    let addresses = match host {
        "" => own.clone(),
        host => Addresses { all: known(reading, binding, host), ..named },
    };
    let said = Said { lines: binding.places.clone(), default: None };
    let is_tls = purpose == "wss";
    listen(reading, profile, &addresses, (Transport::Tcp, port, purpose, Some(is_tls)), &said);
}

#[derive(Clone)]
struct Addresses {
    all: Vec<IpAddr>,
    said: Vec<Place>,
}

/// Lines that say a port, or the default in words.
struct Said {
    lines: Vec<Place>,
    default: Option<String>,
}

type Socket = (Transport, u16, &'static str, Option<bool>);

fn listen(reading: &mut Reading<'_>, profile: &Profile, addresses: &Addresses, socket: Socket, said: &Said) {
    let (transport, port, purpose, tls) = socket;
    for ip in &addresses.all {
        let listener = Listener::at(transport, *ip, (port, port), purpose);
        let listener = tls.into_iter().fold(listener, Listener::tls);
        let mut lines: Vec<&Place> = Vec::new();
        for place in addresses.said.iter().chain(&said.lines) {
            if !lines.contains(&place) {
                lines.push(place);
            }
        }
        let listener = lines.into_iter().fold(listener, Listener::said);
        let whole = Place::file(profile.place.path());
        let default = said.default.iter();
        reading.listen(default.fold(listener, |listener, words| listener.by_default(&whole, words.clone())));
    }
}

fn port(reading: &mut Reading<'_>, profile: &Profile, name: &str, default: u16) -> Option<(u16, Said)> {
    let Some(param) = profile.last(name).filter(|param| param.value != "0") else {
        let words = format!("profile {}: no {name}: {default}", profile.name);
        return Some((default, Said { lines: Vec::new(), default: Some(words) }));
    };
    let port = address::port(&param.value);
    if port.is_none() {
        unresolved(reading, param, &format!("{name} {:?} of profile {}", param.value, profile.name));
    }
    Some((port?, Said { lines: param.places.clone(), default: None }))
}

pub(super) fn unresolved(reading: &mut Reading<'_>, param: &Param, what: &str) {
    if let Some(place) = param.places.first() {
        reading.unresolved(what, place);
    }
}

/// The addresses of a parameter; the host's own where there is none.
fn own_or(reading: &mut Reading<'_>, profile: &Profile, param: Option<&Param>) -> Addresses {
    let Some(param) = param else {
        let what = format!("the address of profile {}: the host's own, since none is said", profile.name);
        let own = host_address(reading);
        if own.is_none() {
            reading.unresolved(what, &profile.place);
        }
        return Addresses { all: own.into_iter().collect(), said: vec![profile.place.clone()] };
    };
    Addresses { all: known(reading, param, &param.value), said: param.places.clone() }
}

/// An address, `auto`, `interface:eth0`, `interface:ipv6/eth0`. 0.0.0.0 is not taken: the host's own address
/// is put in its place.
pub(super) fn known(reading: &mut Reading<'_>, param: &Param, value: &str) -> Vec<IpAddr> {
    let Some(place) = param.places.first() else { return Vec::new() };
    if value.contains("$${") {
        reading.unresolved(format!("the address {value}"), place);
        return Vec::new();
    }
    let interface = value.split_once(':').filter(|(word, _)| word.eq_ignore_ascii_case("interface"));
    let found = if value.eq_ignore_ascii_case("auto") || value == "0.0.0.0" {
        host_address(reading)
    } else if let Some((_, interface)) = interface {
        let (family, name) = interface.split_once('/').unwrap_or(("auto", interface));
        let is_mine =
            |ip: &IpAddr| !(family.ends_with('4') && ip.is_ipv6() || family.ends_with('6') && ip.is_ipv4());
        reading.interface(name).and_then(|all| all.into_iter().find(is_mine))
    } else {
        return reading.addresses(value, place);
    };
    if found.is_none() {
        reading.unresolved(format!("the host's own address, which {value:?} is"), place);
    }
    found.into_iter().collect()
}

/// The one IPv4 address that the host can be told to have.
fn host_address(reading: &Reading<'_>) -> Option<IpAddr> {
    let all = reading.facts().interfaces.all().into_iter().flatten().map(|(_, ip)| *ip);
    only(all.filter(|ip| ip.is_ipv4() && !ip.is_loopback()))
}

/// The range of switch.conf on every `rtp-ip` of a profile.
fn media(reading: &mut Reading<'_>, main: &Text, configuration: &Configuration, profile: &Profile) {
    let ends = ["rtp-start-port", "rtp-end-port"].map(|name| configuration.setting("switch.conf", name));
    let mut number = |param: Option<&Param>, default| {
        let Some(param) = param else { return Some(default) };
        let port = address::port(&param.value);
        if port.is_none() {
            unresolved(reading, param, &format!("the port {:?}", param.value));
        }
        port
    };
    let (Some(first), Some(last)) = (number(ends[0], RTP.0), number(ends[1], RTP.1)) else { return };
    if first > last {
        let places = ends.into_iter().flatten().flat_map(|param| param.places.first());
        return places.for_each(|place| reading.trouble(place, "the last port is below the first: no media"));
    }
    let params: Vec<&Param> = profile.every("rtp-ip").collect();
    let mut all: Vec<Addresses> = params.iter().map(|param| own_or(reading, profile, Some(param))).collect();
    if params.is_empty() {
        all.push(own_or(reading, profile, None));
    }
    for addresses in all {
        for ip in &addresses.all {
            let listener = Listener::at(Transport::Udp, *ip, (first, last), "rtp");
            let lines =
                addresses.said.iter().chain(ends.into_iter().flatten().flat_map(|param| &param.places));
            let listener = lines.fold(listener, Listener::said);
            let words = format!("the built-in range is {}-{}", RTP.0, RTP.1);
            let is_whole = ends.iter().all(Option::is_some);
            let whole = configuration.begin("switch.conf").cloned().unwrap_or_else(|| main.whole());
            reading.listen(if is_whole { listener } else { listener.by_default(&whole, words) });
        }
    }
}

/// `bind-local`, `bind-address`: address and port, `secure="true"` for TLS.
fn bindings(
    reading: &mut Reading<'_>,
    profile: &Profile,
    [name, purpose]: [&'static str; 2],
    default_port: u16,
) {
    for binding in profile.every(name) {
        let HostPort { host, port } = host_port(&binding.value);
        let (port, default) = match port.map(address::port) {
            Some(Some(port)) => (port, None),
            None => (default_port, Some(format!("no port in {name}: {default_port}"))),
            Some(None) => {
                unresolved(reading, binding, &format!("the port of {:?}", binding.value));
                continue;
            }
        };
        // Here 0.0.0.0 is what it says.
        let all = match host {
            "0.0.0.0" => vec![Ipv4Addr::UNSPECIFIED.into()],
            host => known(reading, binding, host),
        };
        let addresses = Addresses { all, said: binding.places.clone() };
        let said = Said { lines: Vec::new(), default };
        listen(reading, profile, &addresses, (Transport::Tcp, port, purpose, Some(binding.is_secure)), &said);
    }
}

fn skinny(reading: &mut Reading<'_>, profile: &Profile) {
    let addresses = own_or(reading, profile, profile.last("ip"));
    if let Some((port, said)) = port(reading, profile, "port", SKINNY_PORT) {
        listen(reading, profile, &addresses, (Transport::Tcp, port, "skinny", None), &said);
    }
}
