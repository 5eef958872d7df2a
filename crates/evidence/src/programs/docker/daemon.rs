//! The daemon's own configuration: where it keeps its containers, on which address it publishes by default,
//! and where its API answers.
//! Not here: `-H` and other options of the command line, as systemd's unit may give them.

use super::{document, place};
use crate::address::{self, HostPort, host_port};
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

pub(super) struct Daemon {
    /// Its data directory.
    pub(super) root: String,
    /// The address of ports that are published without one, and where that is said.
    pub(super) address: Option<(IpAddr, Place)>,
    file: Option<(Arc<Text>, Value)>,
}

/// Sockets of one list. Real ones have one or two.
const HOSTS_MAX: usize = 100;

impl Daemon {
    /// Without a file, or without a word in it, the data is at `root`.
    pub(super) fn of(reading: &mut Reading<'_>, path: &str, root: &str) -> Daemon {
        let file = document(reading, path);
        let word = |key: &str| file.as_ref().and_then(|(_, value)| value.get(key)).and_then(Value::as_str);
        // `graph` is what versions before 17.05 call it.
        let root = word("data-root").or(word("graph")).unwrap_or(root).to_owned();
        let said = |ip: &str| file.as_ref().map(|(text, _)| place(text, "ip", format!("\"ip\": {ip:?}")));
        let address = word("ip").and_then(|ip| ip.parse::<IpAddr>().ok().zip(said(ip)));
        // A wildcard of IPv4 is what the daemon takes without being told, for both families.
        let address = address.filter(|(ip, _)| *ip != IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Daemon { root, address, file }
    }

    /// Who may speak to it is root on the host.
    pub(super) fn api(&self, reading: &mut Reading<'_>) {
        let Some((text, value)) = &self.file else { return };
        let hosts = value.get("hosts").and_then(Value::as_array);
        for host in hosts.into_iter().flatten().filter_map(Value::as_str).take(HOSTS_MAX) {
            let at = place(text, host, format!("\"hosts\": {host:?}"));
            match host.split_once("://") {
                Some(("unix", path)) => reading.unix(path, &at),
                Some(("tcp", rest)) => self.listen(reading, text, rest.trim_end_matches('/'), &at),
                // A socket that systemd opens and hands over is in systemd's files.
                Some(("fd", _)) => {}
                _ => reading.unresolved(format!("the socket {host:?} of the API"), &at),
            }
        }
    }

    fn listen(&self, reading: &mut Reading<'_>, text: &Text, rest: &str, at: &Place) {
        let tls = ["tls", "tlsverify"].into_iter().find(|key| self.is_on(key));
        let HostPort { host, port } = host_port(rest);
        let own = port.filter(|port| !port.is_empty());
        let Some(number) = own.map_or(Some(if tls.is_some() { 2376 } else { 2375 }), address::port) else {
            return reading.unresolved(format!("the port of the API in {rest:?}"), at);
        };
        let addresses: Vec<Address> = match host {
            // Without a host it is this one alone.
            "" => vec![Ipv4Addr::LOCALHOST.into()],
            // Go opens one socket for both families at either wildcard.
            "0.0.0.0" | "::" => vec![Address::Every],
            host => reading.addresses(host, at).into_iter().map(Address::One).collect(),
        };
        for address in addresses {
            let mut listener = Listener::tcp(address, number, "docker-api").tls(tls.is_some()).said(at);
            if let Some(key) = tls {
                listener = listener.said(&place(text, key, format!("{key:?}: true")));
            }
            if own.is_none() {
                listener = listener.by_default(&text.whole(), format!("no port: {number}"));
            }
            reading.listen(listener);
        }
    }

    fn is_on(&self, key: &str) -> bool {
        self.file.as_ref().is_some_and(|(_, value)| value.get(key) == Some(&Value::Bool(true)))
    }
}
