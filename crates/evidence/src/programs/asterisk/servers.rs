//! The manager interface (AMI) and the HTTP server, on which ARI and WebSocket are.
//! Source: docs.asterisk.org, "Asterisk Manager Interface (AMI)", "Asterisk Builtin mini-HTTP Server";
//! Asterisk's manager.conf.sample and http.conf.sample.

use super::config::{Section, Setting};
use super::{Etc, is_true};
use crate::address::{self, HostPort, host_port};
use crate::reading::Reading;
use crate::text::Place;
use crate::{Address, Listener};
use std::net::IpAddr;

const MANAGER_PORT: u16 = 5038;
const MANAGER_TLS_PORT: u16 = 5039;
const HTTP_PORT: u16 = 8088;
const HTTPS_PORT: u16 = 8089;

/// An address and a port, and the lines that say them; without one it is a default.
#[derive(Debug, Clone)]
pub(super) struct Bind {
    pub(super) address: Address,
    pub(super) port: u16,
    address_at: Option<Place>,
    port_at: Option<Place>,
    whole: Place,
}

impl Bind {
    pub(super) fn by_default(address: Address, port: u16, whole: &Place) -> Bind {
        Bind { address, port, address_at: None, port_at: None, whole: whole.clone() }
    }

    pub(super) fn with_port(self, port: u16, place: &Place) -> Bind {
        Bind { port, port_at: Some(place.clone()), ..self }
    }

    /// The same address at another port, because nothing says which.
    pub(super) fn at_default(self, port: u16) -> Bind {
        Bind { port, port_at: None, ..self }
    }

    /// The port stands beside the address, or in a line of its own.
    pub(super) fn says_port(&self) -> bool {
        self.port_at.is_some()
    }

    /// A listener with this as evidence.
    pub(super) fn said(&self, listener: Listener) -> Listener {
        let Bind { address, port, address_at, port_at, whole } = self;
        let elsewhere = port_at.iter().filter(|place| address_at.as_ref() != Some(place));
        let listener = address_at.iter().chain(elsewhere).fold(listener, Listener::said);
        match (address_at, port_at) {
            (Some(_), Some(_)) => listener,
            (Some(_), None) => listener.by_default(whole, format!("no port is said: {port}")),
            (None, Some(_)) => listener.by_default(whole, format!("no address is said: {address}")),
            (None, None) => listener.by_default(whole, format!("nothing is said: {address} and port {port}")),
        }
    }
}

/// `address`, `address:port`, `[v6]:port`, as Asterisk takes it where it does not ask for names: with a name
/// it stays at its default. None if it is not known.
pub(super) fn numeric(reading: &mut Reading<'_>, setting: &Setting, default: &Bind) -> Option<Bind> {
    let place = setting.place();
    let HostPort { host, port } = host_port(&setting.value);
    let Ok(ip) = host.parse::<IpAddr>() else {
        if reading.addresses(host, &place).is_empty() {
            return None;
        }
        let why = format_args!("expected an address, not a name: {} stays in force", default.address);
        reading.trouble(&place, why);
        return Some(default.clone());
    };
    let bind = Bind { address: dual(ip), address_at: Some(place.clone()), ..default.clone() };
    match port.filter(|port| *port != "0") {
        None => Some(bind),
        Some(port) => Some(bind.with_port(known(reading, port, &place)?, &place)),
    }
}

/// A port, or a word that it is not known.
pub(super) fn known(reading: &mut Reading<'_>, port: &str, place: &Place) -> Option<u16> {
    let number = address::port(port);
    if number.is_none() {
        reading.unresolved(format!("the port {port:?}"), place);
    }
    number
}

/// A socket at `::` takes IPv4 too.
fn dual(ip: IpAddr) -> Address {
    match ip {
        IpAddr::V6(v6) if v6.is_unspecified() => Address::Every,
        other => other.into(),
    }
}

/// The port is `port`: one beside the address is passed over.
pub(super) fn manager(reading: &mut Reading<'_>, etc: &Etc) {
    let Some((text, config)) = etc.config(reading, "manager.conf") else { return };
    let Some(general) = config.section("general") else { return };
    let Some(bind) = manager_bind(reading, general, &text.whole()) else { return };
    if let Some(enabled) = general.last("enabled").filter(|enabled| is_true(enabled)) {
        let listener = bind.said(Listener::tcp(bind.address, bind.port, "ami").tls(false));
        reading.listen(listener.said(&enabled.place()));
    }
    let Some(enabled) = tls_enabled(general) else { return };
    let beside = bind.at_default(MANAGER_TLS_PORT);
    let own = tls_address(general).map(|own| numeric(reading, own, &beside));
    if let Some(tls) = own.unwrap_or(Some(beside)) {
        let listener = tls.said(Listener::tcp(tls.address, tls.port, "ami").tls(true));
        reading.listen(listener.said(&enabled.place()));
    }
}

fn manager_bind(reading: &mut Reading<'_>, general: &Section, whole: &Place) -> Option<Bind> {
    let default = Bind::by_default(Address::Every, MANAGER_PORT, whole);
    let bind = match general.last("bindaddr") {
        Some(setting) => numeric(reading, setting, &default)?,
        None => default,
    };
    match general.last("port") {
        Some(port) => Some(bind.with_port(known(reading, &port.value, &port.place())?, &port.place())),
        None => Some(bind.at_default(MANAGER_PORT)),
    }
}

fn tls_enabled(general: &Section) -> Option<&Setting> {
    let last = general.settings().rev().find(|setting| setting.is("tlsenable") || setting.is("sslenable"));
    last.filter(|setting| is_true(setting))
}

fn tls_address(general: &Section) -> Option<&Setting> {
    general.settings().rev().find(|setting| setting.is("tlsbindaddr") || setting.is("sslbindaddr"))
}

/// There is no default address: without `bindaddr` there is no server. TLS needs the plain one only where it
/// has no address of its own.
pub(super) fn http(reading: &mut Reading<'_>, etc: &Etc) {
    let Some((text, config)) = etc.config(reading, "http.conf") else { return };
    let Some(general) = config.section("general") else { return };
    let enabled = general.last("enabled").filter(|enabled| is_true(enabled));
    let plain = enabled.and_then(|enabled| http_bind(reading, general, enabled, &text.whole()));
    if let (Some(plain), Some(enabled)) = (&plain, enabled) {
        let listener = plain.said(Listener::tcp(plain.address, plain.port, "http").tls(false));
        reading.listen(listener.said(&enabled.place()));
    }
    let Some(tls_enabled) = tls_enabled(general) else { return };
    let beside = plain.map(|plain| plain.at_default(HTTPS_PORT));
    let tls = match (tls_address(general), &beside) {
        (Some(own), _) => {
            let none = Bind::by_default(Address::Every, HTTPS_PORT, &text.whole());
            numeric(reading, own, beside.as_ref().unwrap_or(&none))
        }
        (None, beside) => beside.clone(),
    };
    if let Some(tls) = tls {
        let listener = tls.said(Listener::tcp(tls.address, tls.port, "https").tls(true));
        reading.listen(listener.said(&tls_enabled.place()));
    }
}

/// `bindaddr`, which may be a name here: its first address as the resolver sorts them, IPv6 before IPv4. A
/// port beside it counts before `bindport`.
fn http_bind(reading: &mut Reading<'_>, general: &Section, enabled: &Setting, whole: &Place) -> Option<Bind> {
    let Some(setting) = general.last("bindaddr") else {
        reading.trouble(&enabled.place(), "enabled, but without bindaddr the HTTP server is not started");
        return None;
    };
    let place = setting.place();
    let HostPort { host, port } = host_port(&setting.value);
    let addresses = reading.addresses(host, &place);
    let first = addresses.iter().find(|address| address.is_ipv6()).or_else(|| addresses.first())?;
    let bind = Bind { address_at: Some(place.clone()), ..Bind::by_default(dual(*first), HTTP_PORT, whole) };
    match (port.filter(|port| *port != "0"), general.last("bindport")) {
        (Some(own), _) => Some(bind.with_port(known(reading, own, &place)?, &place)),
        (None, Some(port)) => {
            Some(bind.with_port(known(reading, &port.value, &port.place())?, &port.place()))
        }
        (None, None) => Some(bind),
    }
}
