//! HAProxy's addresses: what one word of a `bind`, a `stats socket` or a peer opens.
//! Source: "bind" and "Address formats" in HAProxy's configuration manual.

use super::words::is_unknown;
use crate::address;
use crate::reading::Reading;
use crate::text::Place;
use crate::{Address, Transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) transport: Transport,
    pub(super) address: Address,
    pub(super) ports: (u16, u16),
    pub(super) is_quic: bool,
}

/// How an address is meant.
#[derive(Debug, Clone, Copy)]
struct Family {
    transport: Transport,
    v6: Option<bool>,
    is_quic: bool,
}

const STREAMS: [(&str, Option<bool>); 8] = [
    ("ipv4@", Some(false)),
    ("ipv6@", Some(true)),
    ("tcp@", None),
    ("tcp4@", Some(false)),
    ("tcp6@", Some(true)),
    ("mptcp@", None),
    ("mptcp4@", Some(false)),
    ("mptcp6@", Some(true)),
];
const DATAGRAMS: [(&str, Option<bool>); 3] = [("udp@", None), ("udp4@", Some(false)), ("udp6@", Some(true))];
const QUIC: [(&str, Option<bool>); 2] = [("quic4@", Some(false)), ("quic6@", Some(true))];

/// The sockets of a word that may name several, with the options that follow it. What is in the file system
/// or is not known is said. `is_datagram` is for `dgram-bind`.
pub(super) fn sockets(
    reading: &mut Reading<'_>,
    word: &str,
    options: &[String],
    unix_prefix: &str,
    is_datagram: bool,
    place: &Place,
) -> Vec<Socket> {
    let is_v6only = options.iter().any(|option| option == "v6only");
    let mut found = Vec::new();
    for one in word.split(',').filter(|one| !one.is_empty()) {
        if is_unknown(one) {
            reading.unresolved(format!("the socket in {:?}", shown(one)), place);
        } else if let Some(path) = path(one) {
            reading.unix(format!("{unix_prefix}{path}"), place);
        } else if let Some(name) = one.strip_prefix("abns@").or_else(|| one.strip_prefix("abnsz@")) {
            reading.unix(format!("@{name}"), place);
        } else if one.starts_with("fd@") {
            reading.unresolved(format!("the socket that is inherited as {one}"), place);
        } else if !["sockpair@", "rhttp@", "rev@"].iter().any(|prefix| one.starts_with(prefix)) {
            found.extend(socket(reading, one, is_v6only, is_datagram, place));
        }
    }
    found
}

/// What is shown of a word that is not known whole.
fn shown(word: &str) -> String {
    word.replace('\u{fffd}', "${…}")
}

fn path(word: &str) -> Option<&str> {
    let prefixed = ["unix@", "uxst@", "uxdg@"].iter().find_map(|prefix| word.strip_prefix(prefix));
    prefixed.or_else(|| word.starts_with('/').then_some(word))
}

fn family(word: &str, is_datagram: bool) -> (Family, &str) {
    let plain = if is_datagram { Transport::Udp } else { Transport::Tcp };
    let kinds = [
        (&STREAMS[..], plain, false),
        (&DATAGRAMS[..], Transport::Udp, false),
        (&QUIC[..], Transport::Udp, true),
    ];
    for (prefixes, transport, is_quic) in kinds {
        for (prefix, v6) in prefixes {
            if let Some(rest) = word.strip_prefix(prefix) {
                return (Family { transport, v6: *v6, is_quic }, rest);
            }
        }
    }
    (Family { transport: plain, v6: None, is_quic: false }, word)
}

fn socket(
    reading: &mut Reading<'_>,
    word: &str,
    is_v6only: bool,
    is_datagram: bool,
    place: &Place,
) -> Option<Socket> {
    let (Family { transport, v6, is_quic }, rest) = family(word, is_datagram);
    if transport == Transport::Udp && !is_quic && !is_datagram {
        reading.trouble(place, format_args!("{word:?} is for dgram-bind; HAProxy does not start"));
        return None;
    }
    // The last colon is the port's, also behind an IPv6 address without brackets.
    let Some((host, port)) = rest.rsplit_once(':') else {
        match rest.starts_with(|c: char| c.is_ascii_digit() || c == '*') {
            true => reading.trouble(place, format_args!("no port in {word:?}; expected address:port")),
            false => reading.unresolved(format!("the socket in {word:?}"), place),
        }
        return None;
    };
    let Some(ports) = address::ports(port) else {
        match port.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
            true => reading.trouble(place, format_args!("no port from 1 to 65535 in {word:?}")),
            false => reading.unresolved(format!("the port in {word:?}"), place),
        }
        return None;
    };
    let ip = match host {
        "" | "*" if v6 == Some(true) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
        "" | "*" => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        name => {
            let all = reading.addresses(name, place);
            // The resolver's first answer is taken: IPv6 stands before IPv4.
            let fits = |ip: &&IpAddr| v6.is_none_or(|v6| ip.is_ipv6() == v6);
            *all.iter().filter(fits).max_by_key(|ip| (ip.is_ipv6(), std::cmp::Reverse(position(&all, ip))))?
        }
    };
    let is_dual = ip == IpAddr::from(Ipv6Addr::UNSPECIFIED) && !is_v6only;
    let address = if is_dual { Address::Every } else { Address::One(ip) };
    Some(Socket { transport, address, ports, is_quic })
}

fn position(all: &[IpAddr], ip: &IpAddr) -> usize {
    all.iter().position(|other| other == ip).unwrap_or(usize::MAX)
}
