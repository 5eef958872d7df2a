//! SIP: res_pjsip's transports in pjsip.conf, and chan_sip's in sip.conf.
//! Source: docs.asterisk.org, "res_pjsip" (transport), "PJSIP Configuration Sections and Relationships";
//! Asterisk's sip.conf.sample.

use super::config::{Section, Setting};
use super::servers::{Bind, known, numeric};
use super::{Etc, is_true};
use crate::address::{HostPort, host_port};
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener};
use std::net::{IpAddr, Ipv4Addr};

const PORT: u16 = 5060;
const TLS_PORT: u16 = 5061;

/// Every transport of pjsip.conf; whether there is such a file.
pub(super) fn pjsip(reading: &mut Reading<'_>, etc: &Etc) -> bool {
    let Some((text, config)) = etc.config(reading, "pjsip.conf") else { return false };
    let is_transport = |section: &&Section| {
        section.settings().any(|setting| setting.is("type") && setting.value == "transport")
    };
    for section in config.sections().filter(is_transport) {
        transport(reading, &text, section);
    }
    true
}

fn transport(reading: &mut Reading<'_>, text: &Text, section: &Section) {
    let protocol = section.last("protocol");
    let word = protocol.map_or("udp", |protocol| &protocol.value).to_ascii_lowercase();
    if ["ws", "wss", "flow"].contains(&word.as_str()) {
        // WebSocket comes in by the HTTP server, and a flow is a connection that the other side made.
        return;
    }
    let Some(bind) = section.last("bind") else {
        let why = format_args!("transport [{}] has no bind: it is not started", section.name);
        return reading.trouble(&section.place(), why);
    };
    let Some((address, port)) = bound(reading, bind) else { return };
    let default = if word == "tls" { TLS_PORT } else { PORT };
    let number = port.unwrap_or(default);
    let listener = match word.as_str() {
        "udp" => Listener::udp(address, number, "sip"),
        "tcp" => Listener::tcp(address, number, "sip").tls(false),
        "tls" => Listener::tcp(address, number, "sips").tls(true),
        other => {
            let other = protocol.map_or(other, |protocol| &protocol.value);
            let place = protocol.map_or_else(|| section.place(), Setting::place);
            return reading.unresolved(format!("the protocol {other:?} of a transport"), &place);
        }
    };
    let listener = listener.said(&bind.place());
    let listener = protocol.into_iter().fold(listener, |listener, one| listener.said(&one.place()));
    reading.listen(match port {
        Some(_) => listener,
        None => listener.by_default(&text.whole(), format!("no port in bind: {default}")),
    });
}

/// `address`, `address:port`, `[v6]:port`; a name is its first IPv4 address. Port 0 is the default.
fn bound(reading: &mut Reading<'_>, bind: &Setting) -> Option<(Address, Option<u16>)> {
    let HostPort { host, port } = host_port(&bind.value);
    let addresses = match host {
        "" => vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)],
        host => reading.addresses(host, &bind.place()),
    };
    let first = addresses.iter().find(|address| address.is_ipv4()).or_else(|| addresses.first())?;
    // An IPv6 socket of pjproject is for IPv6 only.
    let address = Address::from(*first);
    match port.filter(|port| *port != "0") {
        None => Some((address, None)),
        Some(port) => Some((address, Some(known(reading, port, &bind.place())?))),
    }
}

/// sip.conf's `[general]`; whether there is such a file.
pub(super) fn chan_sip(reading: &mut Reading<'_>, etc: &Etc) -> bool {
    let Some((text, config)) = etc.config(reading, "sip.conf") else { return false };
    let Some(general) = config.section("general") else {
        reading.trouble(&text.whole(), "no section [general]: chan_sip does not start");
        return true;
    };
    let Some(udp) = udp_bind(reading, general, &text.whole()) else { return true };
    reading.listen(udp.said(Listener::udp(udp.address, udp.port, "sip")));
    // Without an address of their own TCP is where UDP is, and TLS is beside it.
    let tls = udp.clone().at_default(TLS_PORT);
    stream(reading, general, ["tcpenable", "tcpbindaddr"], &udp);
    stream(reading, general, ["tlsenable", "tlsbindaddr"], &tls);
    true
}

fn stream(reading: &mut Reading<'_>, general: &Section, [enable, address]: [&str; 2], beside: &Bind) {
    let Some(enabled) = general.last(enable).filter(|enabled| is_true(enabled)) else { return };
    let default = beside.clone().at_default(if enable == "tlsenable" { TLS_PORT } else { PORT });
    let own = general.last(address).map(|own| numeric(reading, own, &default));
    let Some(bind) = own.unwrap_or_else(|| Some(beside.clone())) else { return };
    let is_tls = enable == "tlsenable";
    let purpose = if is_tls { "sips" } else { "sip" };
    let listener = bind.said(Listener::tcp(bind.address, bind.port, purpose).tls(is_tls));
    reading.listen(listener.said(&enabled.place()));
}

/// `udpbindaddr`, or `bindaddr`: the last of both. A port in it counts before `bindport`.
fn udp_bind(reading: &mut Reading<'_>, general: &Section, whole: &Place) -> Option<Bind> {
    let default = Bind::by_default(Ipv4Addr::UNSPECIFIED.into(), PORT, whole);
    let named = |setting: &&Setting| setting.is("udpbindaddr") || setting.is("bindaddr");
    let bind = match general.settings().rev().find(named) {
        Some(setting) => numeric(reading, setting, &default)?,
        None => default,
    };
    match general.last("bindport").filter(|_| !bind.says_port()) {
        Some(port) => Some(bind.with_port(known(reading, &port.value, &port.place())?, &port.place())),
        None => Some(bind),
    }
}
