//! A connector's address: `scheme://host:port?options`.

use crate::address::{self, HostPort, host_port};
use crate::reading::Reading;
use crate::text::Place;
use crate::{Address, Listener, Transport};
use std::net::{IpAddr, Ipv4Addr};

/// The group and the port of discovery, where `multicast://default` is written.
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 2, 3);
const GROUP_PORT: u16 = 6155;

pub(super) fn listen(reading: &mut Reading<'_>, written: &str, place: &Place) {
    let Some(uri) = resolved(written) else {
        return reading.unresolved("the address of a connector", place);
    };
    let Some((scheme, rest)) = uri.split_once(':') else {
        return reading.trouble(place, "not a URI; expected scheme://host:port");
    };
    let authority = rest.trim_start_matches('/').split(['/', '?']).next().unwrap_or("");
    let authority = authority.rsplit('@').next().unwrap_or(authority);
    // Without options, where a password may stand.
    let place = &place.clone().saying(format!("{scheme}://{authority}"));
    if scheme == "vm" {
        // Within the process.
        return;
    }
    if scheme == "multicast" {
        return discover(reading, &uri, place);
    }
    let Some((purpose, transport, tls)) = protocol(scheme) else {
        return reading.unresolved(format!("what the connector {scheme:?} listens at"), place);
    };
    let HostPort { host, port } = host_port(authority);
    let Some(number) = port.and_then(address::port) else {
        return reading.unresolved(format!("the port of the {scheme} connector"), place);
    };
    for address in addresses(reading, host, place) {
        let mut listener = Listener::at(transport, address, (number, number), purpose).said(place);
        if transport == Transport::Tcp {
            listener = listener.tls(tls);
        }
        reading.listen(listener);
    }
}

fn addresses(reading: &mut Reading<'_>, host: &str, place: &Place) -> Vec<Address> {
    match host {
        "" | "*" => vec![Address::Every],
        // Java binds a name to the first of its addresses.
        name if name.parse::<IpAddr>().is_err() => {
            reading.addresses(name, place).into_iter().take(1).map(Into::into).collect()
        }
        literal => reading.addresses(literal, place).into_iter().map(Into::into).collect(),
    }
}

/// The protocol's word, its transport, and whether TLS comes first. What follows a plus is how it is carried.
fn protocol(scheme: &str) -> Option<(&'static str, Transport, bool)> {
    let tls = scheme.split('+').any(|part| matches!(part, "ssl" | "wss" | "https"));
    let bare = scheme.split('+').find(|part| !matches!(*part, "nio" | "ssl")).unwrap_or("");
    let transport = if bare == "udp" { Transport::Udp } else { Transport::Tcp };
    let purpose = match (bare, tls) {
        // `auto` finds out which of the protocols is spoken.
        ("" | "tcp" | "auto" | "udp", _) => "openwire",
        ("amqp", false) => "amqp",
        ("amqp", true) => "amqps",
        ("stomp", false) => "stomp",
        ("stomp", true) => "stomps",
        ("mqtt", false) => "mqtt",
        ("mqtt", true) => "mqtts",
        ("ws", _) => "ws",
        ("wss", _) => "wss",
        ("http", _) => "http",
        ("https", _) => "https",
        _ => return None,
    };
    Some((purpose, transport, tls))
}

/// `multicast://default`, `multicast://224.1.2.3:6255?group=test`: where announcements are heard.
pub(super) fn discover(reading: &mut Reading<'_>, written: &str, place: &Place) {
    let uri = resolved(written).filter(|uri| uri.starts_with("multicast:"));
    let Some(uri) = uri else { return };
    let rest = uri.trim_start_matches("multicast:").trim_start_matches('/');
    let HostPort { host, port } = host_port(rest.split(['/', '?']).next().unwrap_or(""));
    let place = &place.clone().saying(format!("multicast://{host}"));
    let is_default = host == "default" || host.is_empty();
    let group: Option<IpAddr> = if is_default { Some(GROUP.into()) } else { host.parse().ok() };
    let port = port.map_or(Some(GROUP_PORT), address::port);
    let (Some(group), Some(port)) = (group, port) else {
        return reading.unresolved("the multicast group of discovery", place);
    };
    let mut listener = Listener::udp(group, port, "discovery").said(place);
    if is_default {
        listener = listener.by_default(place, format!("the group {GROUP} and its port {GROUP_PORT}"));
    }
    reading.listen(listener);
}

/// A port by itself.
pub(super) fn port(reading: &mut Reading<'_>, written: &str, place: &Place) -> Option<u16> {
    let port = resolved(written).and_then(|word| address::port(word.trim()));
    if port.is_none() {
        reading.unresolved("a port", place);
    }
    port
}

/// `${name:default}` is its default, as long as nobody sets the property; without one it is not known.
pub(super) fn resolved(written: &str) -> Option<String> {
    let mut known = String::new();
    let mut rest = written;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after.split_once('}')?;
        known.push_str(before);
        known.push_str(name.split_once(':')?.1);
        rest = tail;
    }
    known.push_str(rest);
    Some(known.trim().to_owned())
}
