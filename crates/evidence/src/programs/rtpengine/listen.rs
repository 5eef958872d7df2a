//! What rtpengine's options open: control ports, and media on every interface.
//! Source: rtpengine(8); what `PORT` alone, `localhost` and `[::]` open was seen with 10.5.

use super::settings::{Setting, Settings};
use crate::address;
use crate::reading::Reading;
use crate::text::Place;
use crate::{Address, Listener, Transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Control ports: option, transport, purpose.
const CONTROL: [(&str, Transport, &str); 7] = [
    ("listen-ng", Transport::Udp, "ng"),
    ("listen-tcp-ng", Transport::Tcp, "ng"),
    ("listen-udp", Transport::Udp, "control"),
    ("listen-tcp", Transport::Tcp, "control"),
    ("listen-cli", Transport::Tcp, "cli"),
    ("listen-http", Transport::Tcp, "http"),
    ("listen-https", Transport::Tcp, "https"),
];
const MEDIA: (u16, u16) = (30000, 40000);

pub(super) fn open(reading: &mut Reading<'_>, settings: &Settings) {
    for (option, transport, purpose) in CONTROL {
        for setting in settings.every(option) {
            control(reading, &setting, transport, purpose);
        }
    }
    media(reading, settings);
}

/// `PORT` is every address of both families; else `ADDRESS:PORT`, `[v6]:PORT`, `NAME:PORT`.
fn control(reading: &mut Reading<'_>, setting: &Setting, transport: Transport, purpose: &'static str) {
    let Setting { value, place, .. } = setting;
    let (host, port) = value.rsplit_once(':').unwrap_or(("", value));
    // What stands behind the port is passed over.
    let Some(port) = address::port(port.split_whitespace().next().unwrap_or("")) else {
        return reading.unresolved(format!("the port in {value:?}"), place);
    };
    let is_http = purpose.starts_with("http");
    let addresses: Vec<IpAddr> = match host {
        "" if value.starts_with(':') => {
            return reading.trouble(place, "no address before ':'; expected [address:]port");
        }
        "" if is_http => vec![Ipv6Addr::UNSPECIFIED.into()],
        "" => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
        host => reading.addresses(host, place),
    };
    for ip in addresses {
        // The HTTP server's socket takes both families; the others are told to take IPv6 only.
        let is_both = is_http && ip == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let address = if is_both { Address::Every } else { ip.into() };
        let listener = Listener::at(transport, address, (port, port), purpose).said(place);
        reading.listen(if is_http { listener.tls(purpose == "https") } else { listener });
    }
}

/// One range on each interface: of `interface`, and of the sections that `interfaces-config` begins.
fn media(reading: &mut Reading<'_>, settings: &Settings) {
    let interfaces = settings.every("interface");
    for setting in &interfaces {
        interface(reading, settings, settings, setting);
    }
    let prefix = settings.last("interfaces-config").map(|setting| format!("{}-", setting.value));
    let sections: Vec<Settings> = prefix.iter().flat_map(|prefix| settings.below(prefix)).collect();
    for section in &sections {
        for setting in section.every("address") {
            interface(reading, settings, section, &setting);
        }
    }
    if let Some(text) = settings
        .text
        .as_ref()
        .filter(|_| interfaces.is_empty() && sections.is_empty() && !settings.is_empty())
    {
        reading.trouble(&text.whole(), "no interface is said: rtpengine does not start");
    }
}

/// `[NAME/]ADDRESS[!ADVERTISED]`, where the address may be an interface of the system, a host name, or `any`.
fn interface(reading: &mut Reading<'_>, global: &Settings, own: &Settings, setting: &Setting) {
    let local = setting.value.split_once('/').map_or(setting.value.as_str(), |(_, local)| local);
    let local = local.split_once('!').map_or(local, |(local, _)| local).trim();
    if !setting.value.contains('/') && local.contains('=') {
        // `ALIAS=NAME`: another name for an interface that stands before.
        return;
    }
    let addresses = addresses(reading, local, &setting.place);
    let Some(Range { ports, said, is_built_in }) = range(reading, global, own) else { return };
    let words = format!("the built-in range is {}-{}", MEDIA.0, MEDIA.1);
    for ip in addresses {
        let listener = Listener::at(Transport::Udp, ip, ports, "rtp").said(&setting.place);
        let listener = said.iter().filter(|place| **place != setting.place).fold(listener, Listener::said);
        let whole = own.text.as_ref().filter(|_| is_built_in).map(|text| text.whole());
        reading
            .listen(whole.iter().fold(listener, |listener, whole| listener.by_default(whole, words.clone())));
    }
}

fn addresses(reading: &mut Reading<'_>, local: &str, place: &Place) -> Vec<IpAddr> {
    if local == "any" {
        let all = reading.facts().interfaces.all().map(|all| all.iter().map(|(_, ip)| *ip));
        let all: Option<Vec<IpAddr>> =
            all.map(|all| all.filter(|ip| !ip.is_loopback() && !is_link_local(*ip)).collect());
        // Not known which: every address of both families.
        return all.unwrap_or_else(|| vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]);
    }
    match reading.interface(local) {
        Some(mine) => mine.into_iter().filter(|ip| !is_link_local(*ip)).collect(),
        None => reading.addresses(local, place),
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

struct Range {
    ports: (u16, u16),
    said: Vec<Place>,
    /// One end, or both, because nothing says it.
    is_built_in: bool,
}

/// First and last port: the interface's own, the general ones, the default.
fn range(reading: &mut Reading<'_>, global: &Settings, own: &Settings) -> Option<Range> {
    let ends = ["port-min", "port-max"].map(|key| own.last(key).or_else(|| global.last(key)));
    let mut number = |setting: Option<&Setting>, default| {
        let Some(Setting { value, place, .. }) = setting else { return Some(default) };
        let port = address::port(value);
        if port.is_none() {
            reading.unresolved(format!("the port {value:?}"), place);
        }
        port
    };
    let (first, last) = (number(ends[0], MEDIA.0)?, number(ends[1], MEDIA.1)?);
    let mut said: Vec<Place> = ends.into_iter().flatten().map(|setting| setting.place.clone()).collect();
    said.dedup();
    if let Some(place) = said.last().filter(|_| first > last) {
        reading.trouble(place, format_args!("{first} to {last} is no range of ports: no media"));
        return None;
    }
    Some(Range { ports: (first, last), said, is_built_in: ends.iter().any(Option::is_none) })
}
