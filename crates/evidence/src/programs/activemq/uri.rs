//! A connector's address: `scheme://host:port?options`.

use super::properties::Properties;
use crate::address::{self, HostPort, host_port};
use crate::reading::Reading;
use crate::text::Place;
use crate::{Address, Listener, Transport};
use std::net::{IpAddr, Ipv4Addr};

/// The group and the port of discovery, where `multicast://default` is written.
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 2, 3);
const GROUP_PORT: u16 = 6155;

pub(super) fn listen(reading: &mut Reading<'_>, properties: &Properties, written: &str, place: &Place) {
    let Some(resolved) = properties.resolve(written) else {
        return reading.unresolved("the address of a connector", place);
    };
    let uri = resolved.value;
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
        return discover(reading, properties, &uri, place);
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
        reading.listen(resolved.places.iter().fold(listener, Listener::said));
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
        // Until 5.9.
        ("xmpp", _) => "xmpp-client",
        _ => return None,
    };
    Some((purpose, transport, tls))
}

/// `multicast://default`, `multicast://224.1.2.3:6255?group=test`: where announcements are heard.
pub(super) fn discover(reading: &mut Reading<'_>, properties: &Properties, written: &str, place: &Place) {
    let Some(resolved) = properties.resolve(written) else {
        return reading.unresolved("the address of discovery", place);
    };
    let uri = resolved.value;
    if !uri.starts_with("multicast:") {
        return;
    }
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

/// A port by itself, and the lines of properties that it comes from.
pub(super) fn port(
    reading: &mut Reading<'_>,
    properties: &Properties,
    written: &str,
    place: &Place,
) -> Option<(u16, Vec<Place>)> {
    let resolved = properties.resolve(written);
    let port = resolved.and_then(|resolved| Some((address::port(&resolved.value)?, resolved.places)));
    if port.is_none() {
        reading.unresolved("a port", place);
    }
    port
}
