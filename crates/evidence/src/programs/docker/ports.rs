//! The ports that one container publishes, by its `hostconfig.json`.
//! Not here: whether it runs.

use super::daemon::Daemon;
use super::place;
use crate::address;
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener, Transport};
use serde_json::Value;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bindings of one container. A media server publishes ten or twenty thousand ports one by one.
const BINDINGS_MAX: usize = 100_000;
/// Runs of ports of one container. Real ones have fewer than a hundred.
const RUNS_MAX: usize = 2_000;

/// `"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}`.
pub(super) fn publish(reading: &mut Reading<'_>, text: &Text, host: &Value, name: &str, daemon: &Daemon) {
    if is_without_ports(host.get("NetworkMode").and_then(Value::as_str).unwrap_or("")) {
        return;
    }
    if host.get("PublishAllPorts") == Some(&Value::Bool(true)) {
        let at = place(text, "PublishAllPorts", "\"PublishAllPorts\": true".to_owned());
        reading.unresolved(format!("the random ports of all that container {name:?} exposes"), &at);
    }
    let runs = runs(bindings(reading, text, host, name));
    if runs.len() > RUNS_MAX {
        let why = format!("container {name:?} publishes more than {RUNS_MAX} ranges: the rest was not read");
        reading.trouble(&text.whole(), why);
    }
    runs.iter().take(RUNS_MAX).for_each(|run| run.listen(reading, daemon));
}

/// Networks in which nothing is published: the host's own, none, and another container's.
fn is_without_ports(network: &str) -> bool {
    matches!(network, "host" | "none") || network.starts_with("container:")
}

/// Ports of the host that follow each other.
struct Run {
    transport: Transport,
    ip: String,
    /// One of the ports is taken, whichever was free; else all are.
    is_choice: bool,
    ports: (u16, u16),
    /// The first binding's place, and the last's.
    said: (Place, Place),
}

fn bindings(reading: &mut Reading<'_>, text: &Text, host: &Value, name: &str) -> Vec<Run> {
    let lines = lines(text);
    let ports = host.get("PortBindings").and_then(Value::as_object);
    let all = ports.into_iter().flatten().flat_map(|(port, bindings)| {
        bindings.as_array().into_iter().flatten().map(move |binding| (port.as_str(), binding))
    });
    let mut found = Vec::new();
    for (port, binding) in all.take(BINDINGS_MAX) {
        let word = |key: &str| binding.get(key).and_then(Value::as_str).unwrap_or("").trim();
        let (ip, own) = (word("HostIp"), word("HostPort"));
        let said = format!("container {name:?} publishes {port} at {ip:?} port {own:?}");
        let at = text.place(lines.get(port).copied().unwrap_or(1)).saying(said);
        match (transport(port), address::ports(own)) {
            (None, _) => reading.trouble(&at, format_args!("{port:?}: expected PORT/tcp, /udp or /sctp")),
            // Empty or 0 is any port that is free when the container starts.
            (_, None) => reading.unresolved(format!("the host's port for {port} at {ip:?}: {own:?}"), &at),
            (Some(transport), Some(ports)) => {
                let (ip, is_choice, said) = (ip.to_owned(), ports.0 != ports.1, (at.clone(), at));
                found.push(Run { transport, ip, is_choice, ports, said });
            }
        }
    }
    found
}

/// The line of each `"PORT/PROTOCOL"`, looked for once.
fn lines(text: &Text) -> HashMap<&str, u32> {
    let mut found = HashMap::new();
    for (number, line) in text.lines() {
        for word in line.split('"').filter(|word| word.contains('/')) {
            found.entry(word).or_insert(number);
        }
    }
    found
}

/// Ports that were published one by one, together where they follow each other.
fn runs(mut bindings: Vec<Run>) -> Vec<Run> {
    bindings.sort_by(|a, b| {
        let key = |run: &Run| (run.transport, run.is_choice, run.ports);
        a.ip.cmp(&b.ip).then(key(a).cmp(&key(b)))
    });
    let mut runs: Vec<Run> = Vec::new();
    for next in bindings {
        match runs.last_mut().filter(|last| last.goes_on_with(&next)) {
            Some(last) => {
                last.ports.1 = next.ports.1;
                last.said.1 = next.said.1;
            }
            None => runs.push(next),
        }
    }
    runs
}

impl Run {
    fn goes_on_with(&self, next: &Run) -> bool {
        let is_alike = self.transport == next.transport && self.ip == next.ip;
        let is_next = self.ports.1.checked_add(1) == Some(next.ports.0);
        is_alike && is_next && !self.is_choice && !next.is_choice
    }

    fn listen(&self, reading: &mut Reading<'_>, daemon: &Daemon) {
        let by_daemon = daemon.address.as_ref().filter(|_| self.ip.is_empty());
        for address in self.addresses(reading, by_daemon.map(|(ip, _)| *ip)) {
            let (first, last) = &self.said;
            let listener = Listener::at(self.transport, address, self.ports, "published");
            let mut listener = listener.said(first).said(last);
            if let Some((_, place)) = by_daemon {
                listener = listener.said(place);
            }
            if self.is_choice {
                listener = listener.by_default(first, "one of these ports, whichever was free");
            }
            reading.listen(listener);
        }
    }

    /// Without an address it is every one of both families, each with a socket of its own.
    fn addresses(&self, reading: &mut Reading<'_>, default: Option<IpAddr>) -> Vec<Address> {
        match (self.ip.as_str(), default) {
            ("", Some(address)) => vec![address.into()],
            ("", None) => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            (ip, _) => reading.addresses(ip, &self.said.0).into_iter().map(Address::One).collect(),
        }
    }
}

fn transport(port: &str) -> Option<Transport> {
    let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
    address::ports(number)?;
    match protocol {
        "tcp" => Some(Transport::Tcp),
        "udp" => Some(Transport::Udp),
        "sctp" => Some(Transport::Sctp),
        _ => None,
    }
}
