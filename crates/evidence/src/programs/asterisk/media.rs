//! Media: RTP and T.38 ranges; and the protocols that bring their own port, IAX2 and DUNDi.
//! Source: Asterisk's rtp.conf.sample, udptl.conf.sample, iax.conf.sample and dundi.conf.sample.

use super::config::{Section, Setting};
use super::servers::known;
use super::{Etc, is_true};
use crate::address::{HostPort, host_port};
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener, Transport};
use std::net::{IpAddr, Ipv4Addr};

const IAX_PORT: u16 = 4569;
const DUNDI_PORT: u16 = 4520;
/// Built in; the sample file has 10000-20000.
const RTP: (u16, u16) = (5000, 31000);
const UDPTL: (u16, u16) = (4000, 4999);
/// Neither range begins below.
const LOWEST: u16 = 1024;

pub(super) fn rtp(reading: &mut Reading<'_>, etc: &Etc, has_sip: bool) {
    let Some((text, config)) = etc.config(reading, "rtp.conf") else {
        if has_sip && reading.mode(&etc.path("rtp.conf")).is_none() {
            let what = format!("no rtp.conf: the built-in media range {}-{}/udp applies", RTP.0, RTP.1);
            reading.unresolved(what, &Place::file(&etc.path("rtp.conf")));
        }
        return;
    };
    // Each is asked for by its key: the first counts.
    let general = config.section("general");
    let ends = ["rtpstart", "rtpend"].map(|key| general.and_then(|general| general.first(key)));
    let within = |number: u32, _| u16::try_from(number).unwrap_or(u16::MAX).max(LOWEST);
    let Some((first, last)) = numbers(reading, ends, RTP, within) else { return };
    range(reading, &text, ends, (first < last).then_some((first, last)), (RTP, "rtp"));
}

pub(super) fn udptl(reading: &mut Reading<'_>, etc: &Etc) {
    let Some((text, config)) = etc.config(reading, "udptl.conf") else { return };
    let general = config.section("general");
    let last = |key| general.and_then(|general| general.last(key));
    let ends = ["udptlstart", "udptlend"].map(last);
    let within = |number: u32, built_in| match u16::try_from(number) {
        Ok(port) if port >= LOWEST => port,
        _ => built_in,
    };
    let Some((first, end)) = numbers(reading, ends, UDPTL, within) else { return };
    let is_even = last("use_even_ports").is_some_and(is_true);
    let first = if is_even { first.saturating_add(first % 2) } else { first };
    let end = if is_even { end & !1 } else { end };
    range(reading, &text, ends, (first <= end).then_some((first, end)), (UDPTL, "t38"));
}

type Ends<'a> = [Option<&'a Setting>; 2];

/// Both ends as numbers, each taken into what is allowed; what is no number is not known.
fn numbers(
    reading: &mut Reading<'_>,
    [start, end]: Ends<'_>,
    built_in: (u16, u16),
    within: impl Fn(u32, u16) -> u16,
) -> Option<(u16, u16)> {
    let mut number = |setting: Option<&Setting>, built_in| match setting.map(|s| (s, s.value.parse())) {
        None => Some(built_in),
        Some((_, Ok(number))) => Some(within(number, built_in)),
        Some((setting, Err(_))) => known(reading, &setting.value, &setting.place()),
    };
    let both = (number(start, built_in.0), number(end, built_in.1));
    Some((both.0?, both.1?))
}

/// From first to last port; where that makes no sense, the built-in range.
fn range(
    reading: &mut Reading<'_>,
    text: &Text,
    ends: Ends<'_>,
    ports: Option<(u16, u16)>,
    (built_in, purpose): ((u16, u16), &'static str),
) {
    let words = format!("the built-in range is {}-{}", built_in.0, built_in.1);
    let at = |ports| Listener::at(Transport::Udp, Ipv4Addr::UNSPECIFIED, ports, purpose);
    let Some(ports) = ports else {
        for setting in ends.into_iter().flatten() {
            reading.trouble(&setting.place(), format_args!("the last port is not above the first: {words}"));
        }
        return reading.listen(at(built_in).by_default(&text.whole(), words));
    };
    let said = ends.into_iter().flatten().fold(at(ports), |listener, end| listener.said(&end.place()));
    let is_whole = ends.iter().all(Option::is_some);
    reading.listen(if is_whole { said } else { said.by_default(&text.whole(), words) });
}

/// Every `bindaddr` is a socket, at the `bindport` that stands before it, or at its own port. Without one,
/// IPv4 at the last `bindport`.
pub(super) fn iax(reading: &mut Reading<'_>, etc: &Etc) {
    let Some((text, config)) = etc.config(reading, "iax.conf") else { return };
    let mut port: Option<(u16, Place)> = None;
    let mut is_bound = false;
    for setting in config.section("general").into_iter().flat_map(Section::settings) {
        if setting.is("bindport") {
            let Some(number) = known(reading, &setting.value, &setting.place()) else { return };
            port = Some((number, setting.place()));
        } else if setting.is("bindaddr") {
            is_bound = true;
            let HostPort { host, port: own } = host_port(&setting.value);
            // An IPv6 socket of IAX2 is for IPv6 only.
            for address in reading.addresses(host, &setting.place()) {
                let bind = (address.into(), own, port.as_ref(), Some(setting.place()));
                one(reading, &text, bind, IAX_PORT, "iax2");
            }
        }
    }
    if !is_bound {
        one(reading, &text, (Ipv4Addr::UNSPECIFIED.into(), None, port.as_ref(), None), IAX_PORT, "iax2");
    }
}

type Asked<'a> = (Address, Option<&'a str>, Option<&'a (u16, Place)>, Option<Place>);

/// One UDP socket: its address, a port beside that, a port of another line, the line of the address.
fn one(
    reading: &mut Reading<'_>,
    text: &Text,
    (address, own, port, place): Asked<'_>,
    default: u16,
    purpose: &'static str,
) {
    let beside = match (own, &place) {
        (Some(own), Some(place)) => match known(reading, own, place) {
            None => return,
            number => number,
        },
        _ => None,
    };
    let number = beside.or(port.map(|(port, _)| *port)).unwrap_or(default);
    let elsewhere = port.filter(|_| beside.is_none()).map(|(_, place)| place);
    let said = place.iter().chain(elsewhere).fold(Listener::udp(address, number, purpose), Listener::said);
    reading.listen(match (&place, beside.is_some() || elsewhere.is_some()) {
        (Some(_), true) => said,
        (Some(_), false) => said.by_default(&text.whole(), format!("no port is said: {default}")),
        (None, true) => said.by_default(&text.whole(), format!("no bindaddr: {address}")),
        (None, false) => said.by_default(&text.whole(), format!("no bindaddr: {address} and port {default}")),
    });
}

/// Distributed Universal Number Discovery: one socket, where there is a dundi.conf.
pub(super) fn dundi(reading: &mut Reading<'_>, etc: &Etc) {
    let Some((text, config)) = etc.config(reading, "dundi.conf") else { return };
    let general = config.section("general");
    let last = |key| general.and_then(|general| general.last(key));
    let port = last("port").map(|port| (known(reading, &port.value, &port.place()), port.place()));
    let port = match port {
        Some((None, _)) => return,
        Some((Some(number), place)) => Some((number, place)),
        None => None,
    };
    let bind = last("bindaddr");
    let addresses = match bind {
        Some(bind) => reading.addresses(&bind.value, &bind.place()),
        None => vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)],
    };
    if let Some(address) = addresses.first() {
        let asked = ((*address).into(), None, port.as_ref(), bind.map(Setting::place));
        one(reading, &text, asked, DUNDI_PORT, "dundi");
    }
}
