//! `rabbitmq.conf`: `key = value` lines, as Cuttlefish reads them, and `include FILE`. The last line of a key
//! counts.

use super::{Bind, Settings, Web};
use crate::address;
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) type Said = BTreeMap<String, (String, Place)>;

/// Applications whose listeners are lists.
const LISTS: [(&str, &str); 4] = [
    ("listeners", "rabbit"),
    ("mqtt.listeners", "rabbitmq_mqtt"),
    ("stomp.listeners", "rabbitmq_stomp"),
    ("stream.listeners", "rabbitmq_stream"),
];

/// Applications that have one listener a protocol.
const WEBS: [(&str, &str); 4] = [
    ("management", "rabbitmq_management"),
    ("prometheus", "rabbitmq_prometheus"),
    ("web_mqtt", "rabbitmq_web_mqtt"),
    ("web_stomp", "rabbitmq_web_stomp"),
];

const KERNEL: [(&str, &str); 3] = [
    ("distribution.listener.port_range.min", "inet_dist_listen_min"),
    ("distribution.listener.port_range.max", "inet_dist_listen_max"),
    ("distribution.listener.interface", "inet_dist_use_interface"),
];

/// Whether it was read: a file of Erlang terms is not, and the broker would not start with it.
pub(super) fn parse(reading: &mut Reading<'_>, text: &Arc<Text>, said: &mut Said) -> bool {
    let mut lines = text.lines().filter(|(_, line)| !line.trim().is_empty());
    if lines
        .find(|(_, line)| !line.starts_with(['#', '%']))
        .is_some_and(|(_, line)| line.trim_start().starts_with('['))
    {
        let what = "these are Erlang terms, which belong to a .config file (the broker would not start)";
        reading.trouble(&text.whole(), what);
        return false;
    }
    for (number, line) in text.lines() {
        take(reading, text, said, (number, line.split('#').next().unwrap_or("").trim()));
    }
    true
}

fn take(reading: &mut Reading<'_>, text: &Arc<Text>, said: &mut Said, (number, line): (u32, &str)) {
    match (line.split_once('='), line.strip_prefix("include ")) {
        _ if line.is_empty() => {}
        (Some((key, value)), _) if is_key(key.trim()) => {
            let value = value.trim().trim_matches('\'').to_owned();
            said.insert(key.trim().to_owned(), (value, text.place(number)));
        }
        (_, Some(path)) => {
            let path = path.trim().trim_matches(['\'', '"']);
            for included in reading.include_all(text, number, path, Absent::IsTrouble) {
                parse(reading, &included, said);
            }
        }
        _ => {
            let place = text.place(number);
            reading.trouble(&place, "not understood; expected key = value (the broker would not start)");
        }
    }
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && !key.contains(char::is_whitespace)
}

pub(super) fn apply(reading: &mut Reading<'_>, said: &Said, settings: &mut Settings) {
    for (prefix, application) in LISTS {
        for (kind, key) in [("tcp", "tcp_listeners"), ("ssl", "ssl_listeners")] {
            if let Some(binds) = binds(reading, said, &format!("{prefix}.{kind}")) {
                settings.lists.insert((application.to_owned(), key), binds);
            }
        }
    }
    for (prefix, application) in WEBS {
        for (kind, key) in [("tcp", "tcp_config"), ("ssl", "ssl_config"), ("listener", "listener")] {
            if let Some(web) = web(said, &format!("{prefix}.{kind}")) {
                settings.webs.insert((application.to_owned(), key), web);
            }
        }
    }
    for (key, parameter) in KERNEL {
        if let Some(one) = said.get(key) {
            settings.kernel.insert(parameter.to_owned(), one.clone());
        }
    }
}

/// `listeners.tcp.NAME = PORT` or `ADDRESS:PORT`; `listeners.tcp = none` is for all of them.
fn binds(reading: &mut Reading<'_>, said: &Said, prefix: &str) -> Option<Vec<Bind>> {
    if said.get(prefix).is_some_and(|(value, _)| value == "none") {
        return Some(Vec::new());
    }
    let below = format!("{prefix}.");
    let named: Vec<_> = said.range(below.clone()..).take_while(|(key, _)| key.starts_with(&below)).collect();
    let binds = named.iter().filter_map(|(_, (value, place))| bind(reading, value, place)).collect();
    (!named.is_empty()).then_some(binds)
}

/// The port stands after the last colon, also of an IPv6 address, which has no brackets.
fn bind(reading: &mut Reading<'_>, value: &str, place: &Place) -> Option<Bind> {
    let (host, port) = match value.rsplit_once(':') {
        Some((host, port)) => (Some(host.to_owned()), port),
        None => (None, value),
    };
    let host_is_wrong = host.as_ref().is_some_and(|host| host.parse::<std::net::IpAddr>().is_err());
    if host_is_wrong || address::port(port).is_none() {
        // Most often a placeholder that a deployment fills in.
        reading.unresolved(format!("the listener {value:?} (expected PORT or ADDRESS:PORT)"), place);
        return None;
    }
    Some(Bind { host, port: port.to_owned(), place: place.clone() })
}

/// `management.tcp.port`, `.ip`, of the old form `.ssl`; `web_stomp.tcp.listener = ADDRESS:PORT` or `none`.
fn web(said: &Said, prefix: &str) -> Option<Web> {
    let below = format!("{prefix}.");
    let mut web = Web::default();
    for (key, (value, place)) in said.range(below.clone()..).take_while(|(key, _)| key.starts_with(&below)) {
        web.place.get_or_insert_with(|| place.clone());
        match key.strip_prefix(&below).unwrap_or("") {
            "port" => web.port = Some((value.clone(), place.clone())),
            "ip" => web.ip = Some((value.clone(), place.clone())),
            "ssl" if value == "true" => web.is_tls = Some(place.clone()),
            "listener" if value == "none" => web.is_off = true,
            "listener" => {
                let (ip, port) = value.rsplit_once(':').unwrap_or(("", value));
                web.port = Some((port.to_owned(), place.clone()));
                web.ip = (!ip.is_empty()).then(|| (ip.to_owned(), place.clone()));
            }
            _ => {}
        }
    }
    web.place.is_some().then_some(web)
}
