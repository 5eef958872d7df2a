//! lighttpd's sockets: the server's own, and one for each `$SERVER["socket"]` that is compared with.
//! Source: "server.port", "server.bind", "server.use-ipv6", "server.set-v6only" and "ssl.engine" in lighttpd's
//! documentation.

use crate::address::{self, HostPort, host_port};
use crate::reading::Reading;
use crate::text::Place;
use crate::{Address, Listener};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a block says, and where.
#[derive(Debug, Default, Clone)]
pub(super) struct Settings {
    pub(super) port: Option<(String, Place)>,
    pub(super) bind: Option<(String, Place)>,
    pub(super) use_ipv6: Option<bool>,
    pub(super) v6only: Option<bool>,
    pub(super) ssl: Option<(bool, Place)>,
    /// A statement whose files are not known, which may say any of these.
    pub(super) unknown: Option<Place>,
}

/// A `$SERVER["socket"]`.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) word: String,
    pub(super) place: Place,
    pub(super) settings: Settings,
}

/// Opens the server's own socket, and those of all blocks, whatever encloses them.
pub(super) fn open(reading: &mut Reading<'_>, server: &Settings, sockets: &[Socket], main: &Place) {
    let default_port = port(reading, server);
    if let Some(port) = default_port {
        own(reading, server, port, main);
    }
    for socket in sockets {
        open_one(reading, server, socket, default_port);
    }
}

/// The server's port; 80, or with TLS 443, where it does not say one. None where it is not known.
fn port(reading: &mut Reading<'_>, server: &Settings) -> Option<u16> {
    let usual = if server.ssl.as_ref().is_some_and(|(is_on, _)| *is_on) { 443 } else { 80 };
    match (&server.port, &server.unknown) {
        (None, Some(place)) => {
            reading.unresolved("the port of the server: what is read here may say it", place);
            None
        }
        (None, None) => Some(usual),
        (Some((text, _)), _) if text == "0" => Some(usual),
        (Some((text, place)), _) => {
            let port = address::port(text);
            if port.is_none() {
                reading.unresolved(format!("the port in \"server.port = {text}\""), place);
            }
            port
        }
    }
}

fn own(reading: &mut Reading<'_>, server: &Settings, port: u16, main: &Place) {
    let bind = server.bind.as_ref().map_or("", |(host, _)| host.as_str());
    let place = server.bind.as_ref().or(server.port.as_ref()).map_or(main, |(_, place)| place);
    if bind.starts_with('/') {
        return reading.unix(bind, place);
    }
    let places = [&server.bind, &server.port].into_iter().flatten().map(|(_, place)| place);
    let places: Vec<Place> = places.cloned().collect();
    for address in addresses(reading, bind, server, &Settings::default(), place) {
        let mut listener = plain_or_tls(address, port, server.ssl.as_ref());
        listener = places.iter().fold(listener, Listener::said);
        if server.port.is_none() {
            listener = listener.by_default(main, format!("no server.port: port {port}"));
        }
        reading.listen(tls_said(listener, server.ssl.as_ref()));
    }
}

fn open_one(reading: &mut Reading<'_>, server: &Settings, socket: &Socket, default_port: Option<u16>) {
    let Socket { word, place, settings } = socket;
    if word.starts_with('/') {
        return reading.unix(word.as_str(), place);
    }
    let HostPort { host, port } = host_port(word);
    let port = match port {
        Some(port) => {
            let number = address::port(port);
            if number.is_none() {
                reading.unresolved(format!("the port in {word:?}"), place);
            }
            number
        }
        None => default_port,
    };
    let Some(port) = port else { return };
    for address in addresses(reading, host, server, settings, place) {
        let listener = plain_or_tls(address, port, settings.ssl.as_ref()).said(place);
        reading.listen(tls_said(listener, settings.ssl.as_ref()));
    }
}

/// A name has addresses of one family, IPv4 unless `server.use-ipv6` says otherwise.
fn addresses(
    reading: &mut Reading<'_>,
    host: &str,
    server: &Settings,
    own: &Settings,
    place: &Place,
) -> Vec<Address> {
    let use_ipv6 = own.use_ipv6.or(server.use_ipv6).unwrap_or(false);
    let v6only = own.v6only.or(server.v6only).unwrap_or(true);
    let ip = match host.trim_matches(['[', ']']) {
        "" | "*" if use_ipv6 => Some(IpAddr::from(Ipv6Addr::UNSPECIFIED)),
        "" | "*" => Some(Ipv4Addr::UNSPECIFIED.into()),
        name => match name.parse() {
            Ok(ip) => Some(ip),
            Err(_) => reading.addresses(name, place).into_iter().find(|ip| ip.is_ipv6() == use_ipv6),
        },
    };
    let every = IpAddr::from(Ipv6Addr::UNSPECIFIED);
    ip.map(|ip| if ip == every && !v6only { Address::Every } else { Address::One(ip) }).into_iter().collect()
}

fn plain_or_tls(address: Address, port: u16, ssl: Option<&(bool, Place)>) -> Listener {
    let is_tls = ssl.is_some_and(|(is_on, _)| *is_on);
    Listener::tcp(address, port, if is_tls { "https" } else { "http" }).tls(is_tls)
}

fn tls_said(listener: Listener, ssl: Option<&(bool, Place)>) -> Listener {
    match ssl {
        Some((true, place)) => listener.said(place),
        _ => listener,
    }
}
