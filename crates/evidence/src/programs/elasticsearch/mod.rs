//! Elasticsearch and OpenSearch: the sockets for HTTP and between nodes that `elasticsearch.yml` asks for.
//! Source: Elasticsearch's "Networking", "Security settings", "Remote clusters" (8.x, 7.x and 2.x);
//! OpenSearch's "Network settings", "Configuring TLS certificates".
//! Not here: dashboards, settings that are kept in the cluster or given on the command line.

mod hosts;
mod placeholders;
mod settings;

use super::Program;
use crate::address;
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener, Transport};
use hosts::Version;
use settings::{Said, Settings};

pub(super) const PROGRAM: Program = Program {
    name: "elasticsearch",
    aliases: &["opensearch"],
    // Both run as `java`, which tells nothing more.
    processes: &["java"],
    read,
};

/// Packages', with the folders of several instances.
const USUAL: [&str; 3] = [
    "/etc/elasticsearch/elasticsearch.yml",
    "/etc/elasticsearch/*/elasticsearch.yml",
    "/etc/opensearch/opensearch.yml",
];
/// Archives', which often are links to the packages'.
const ELSE: [&str; 6] = [
    "/usr/share/elasticsearch/config/elasticsearch.yml",
    "/usr/share/opensearch/config/opensearch.yml",
    "/usr/local/etc/elasticsearch/elasticsearch.yml",
    "/usr/local/etc/opensearch/opensearch.yml",
    "/opt/elasticsearch/config/elasticsearch.yml",
    "/opt/opensearch/config/opensearch.yml",
];

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    if mains.is_empty() {
        let usual = USUAL.iter().flat_map(|pattern| reading.expand(pattern, &Place::file(pattern)));
        let mut paths: Vec<String> = usual.collect();
        if paths.is_empty() {
            paths = ELSE.iter().map(|path| (*path).to_owned()).collect();
        }
        return paths.iter().for_each(|path| node(reading, path));
    }
    for main in mains {
        if reading.mode(main).is_none() {
            reading.trouble(&Place::file(main), "there is no such file");
        }
        node(reading, main);
    }
}

fn node(reading: &mut Reading<'_>, path: &str) {
    let Some(text) = reading.open(path) else { return };
    let settings = Settings::of(reading, &text);
    let node = Node { text: &text, settings: &settings, version: Version::of(reading, &text, &settings) };
    if !settings.is("http.enabled", "false") {
        node.listen(reading, &HTTP);
    }
    node.listen(reading, &TRANSPORT);
    node.profiles(reading);
    if settings.is("remote_cluster_server.enabled", "true") {
        node.listen(reading, &REMOTE);
    }
    node.peers(reading);
}

/// A service of a node: the settings that give its addresses and port, the first that is there.
struct Service {
    purpose: &'static str,
    hosts: &'static [&'static str],
    ports: &'static [&'static str],
    first: u16,
    range: &'static str,
    /// Switches of TLS, each with the one that turns off what it belongs to.
    tls: &'static [(&'static str, &'static str)],
    /// Settings that are there only with TLS, and the switch that takes it away.
    keys: &'static [(&'static str, &'static str)],
}

const HTTP: Service = Service {
    purpose: "es-http",
    hosts: &["http.bind_host", "http.host", "network.bind_host", "network.host"],
    ports: &["http.port"],
    first: 9200,
    range: "9200-9300",
    tls: &[
        ("xpack.security.http.ssl.enabled", "xpack.security.enabled"),
        ("plugins.security.ssl.http.enabled", ""),
        ("opendistro_security.ssl.http.enabled", ""),
        ("searchguard.ssl.http.enabled", ""),
        ("shield.http.ssl", "shield.enabled"),
    ],
    keys: &[],
};

const TRANSPORT: Service = Service {
    purpose: "es-transport",
    hosts: &[
        "transport.profiles.default.bind_host",
        "transport.bind_host",
        "transport.host",
        "network.bind_host",
        "network.host",
    ],
    ports: &["transport.profiles.default.port", "transport.port", "transport.tcp.port"],
    first: 9300,
    range: "9300-9400",
    tls: &[
        ("xpack.security.transport.ssl.enabled", "xpack.security.enabled"),
        ("plugins.security.ssl.transport.enabled", ""),
        ("opendistro_security.ssl.transport.enabled", ""),
        ("searchguard.ssl.transport.enabled", ""),
        ("shield.transport.ssl", "shield.enabled"),
    ],
    keys: &[
        ("plugins.security.ssl.transport.pemcert_filepath", "plugins.security.ssl.transport.enabled"),
        ("plugins.security.ssl.transport.keystore_filepath", "plugins.security.ssl.transport.enabled"),
        ("opendistro_security.ssl.transport.pemcert_filepath", "opendistro_security.ssl.transport.enabled"),
        ("opendistro_security.ssl.transport.keystore_filepath", "opendistro_security.ssl.transport.enabled"),
        ("searchguard.ssl.transport.pemcert_filepath", "searchguard.ssl.transport.enabled"),
        ("searchguard.ssl.transport.keystore_filepath", "searchguard.ssl.transport.enabled"),
    ],
};

/// For other clusters, which come with a key; TLS unless it is switched off.
const REMOTE: Service = Service {
    purpose: "es-remote",
    hosts: &[
        "remote_cluster.bind_host",
        "remote_cluster.host",
        "transport.bind_host",
        "transport.host",
        "network.bind_host",
        "network.host",
    ],
    ports: &["remote_cluster.port"],
    first: 9443,
    range: "9443",
    tls: &[("xpack.security.remote_cluster_server.ssl.enabled", "xpack.security.enabled")],
    keys: &[("remote_cluster_server.enabled", "xpack.security.remote_cluster_server.ssl.enabled")],
};

struct Node<'t> {
    text: &'t Text,
    settings: &'t Settings,
    version: Version,
}

impl Node<'_> {
    fn listen(&self, reading: &mut Reading<'_>, service: &Service) {
        let bound = self.bound(reading, service.hosts);
        let port = self.port(reading, service.ports);
        self.open(reading, service, &bound, port);
    }

    fn open(
        &self,
        reading: &mut Reading<'_>,
        service: &Service,
        bound: &[(Address, Option<Place>)],
        port: Result<Option<Port>, ()>,
    ) {
        let Ok(port) = port else { return };
        let tls = self.tls(service);
        for (address, place) in bound {
            let number = port.as_ref().map_or(service.first, |port| port.number);
            let mut listener = Listener::tcp(*address, number, service.purpose);
            // What was not read may switch it on.
            if tls.is_some() || !self.settings.is_cut {
                listener = listener.tls(tls.is_some());
            }
            for place in place.iter().chain(port.iter().map(|port| &port.place)).chain(&tls) {
                listener = listener.said(place);
            }
            if place.is_none() {
                listener = listener.by_default(&self.text.whole(), self.version.default_in_words());
            }
            if let Some(words) = self.words(service, port.as_ref()) {
                listener = listener.by_default(&self.text.whole(), words);
            }
            reading.listen(listener);
        }
    }

    /// Of a range, the first port that is free is taken.
    fn words(&self, service: &Service, port: Option<&Port>) -> Option<String> {
        match port {
            None => Some(format!("no port: the first that is free of {}", service.range)),
            Some(port) => port.range.as_ref().map(|range| format!("the first that is free of {range}")),
        }
    }

    /// None says that it is the default.
    fn bound(&self, reading: &mut Reading<'_>, keys: &[&str]) -> Vec<(Address, Option<Place>)> {
        match keys.iter().find_map(|key| self.settings.last(key)) {
            Some(Said::Values(values)) => {
                let mut bound = Vec::new();
                for value in values.iter().take(ADDRESSES_MAX) {
                    let Some(words) = self.settings.substituted(reading, value) else { continue };
                    for word in words.split(',').map(str::trim).filter(|w| !w.is_empty()).take(ADDRESSES_MAX)
                    {
                        let addresses = hosts::addresses(reading, word, &value.place);
                        bound.extend(addresses.into_iter().map(|a| (a, Some(value.place.clone()))));
                    }
                }
                bound
            }
            // A map where an address has to be: said already.
            Some(Said::Unknown) => Vec::new(),
            None if self.settings.is_cut => {
                let what = "the addresses, in a file that was not read to its end";
                reading.unresolved(what, &self.text.whole());
                Vec::new()
            }
            None => self.version.default(reading).into_iter().map(|address| (address, None)).collect(),
        }
    }

    /// Err where it is not known here.
    fn port(&self, reading: &mut Reading<'_>, keys: &[&str]) -> Result<Option<Port>, ()> {
        let value = match keys.iter().find_map(|key| self.settings.last(key)) {
            None if self.settings.is_cut => {
                reading.unresolved("a port, in a file that was not read to its end", &self.text.whole());
                return Err(());
            }
            None => return Ok(None),
            Some(Said::Unknown) => return Err(()),
            Some(Said::Values(values)) => values.first().ok_or(())?,
        };
        let word = self.settings.substituted(reading, value).ok_or(())?;
        let first = word.split(',').next().unwrap_or("").trim();
        let place = value.place.clone();
        match (address::port(first), address::ports(first)) {
            (Some(number), _) => Ok(Some(Port { number, range: None, place })),
            (None, Some((number, _))) => Ok(Some(Port { number, range: Some(first.to_owned()), place })),
            (None, None) => {
                reading.unresolved(format!("the port {word:?}"), &value.place);
                Err(())
            }
        }
    }

    /// The line that switches TLS on.
    fn tls(&self, service: &Service) -> Option<Place> {
        let is_off = |key: &str| {
            self.settings.is(key, "false") || self.settings.is("plugins.security.disabled", "true")
        };
        let switched = service.tls.iter().find(|(key, all)| self.settings.is(key, "true") && !is_off(all));
        let keyed =
            || service.keys.iter().find(|(key, switch)| self.settings.last(key).is_some() && !is_off(switch));
        switched.or_else(keyed).and_then(|(key, _)| self.settings.place(key))
    }

    /// `transport.profiles.NAME.port`: further ports between nodes.
    fn profiles(&self, reading: &mut Reading<'_>) {
        for name in self.settings.profiles().into_iter().filter(|name| *name != "default") {
            let key = |end: &str| format!("transport.profiles.{name}.{end}");
            let (port, bind, host) = (key("port"), key("bind_host"), key("host"));
            let Ok(Some(port)) = self.port(reading, &[&port]) else { continue };
            let mut keys = vec![bind.as_str(), host.as_str()];
            keys.extend(TRANSPORT.hosts.iter().filter(|key| !key.starts_with("transport.profiles.")));
            let bound = self.bound(reading, &keys);
            self.open(reading, &TRANSPORT, &bound, Ok(Some(port)));
        }
    }

    /// The nodes that are asked for the cluster.
    fn peers(&self, reading: &mut Reading<'_>) {
        for key in ["discovery.seed_hosts", "discovery.zen.ping.unicast.hosts"] {
            let Some(Said::Values(values)) = self.settings.last(key) else { continue };
            for value in values.iter().take(ADDRESSES_MAX) {
                let Some(words) = self.settings.substituted(reading, value) else { continue };
                for word in words.split(',').map(str::trim).filter(|w| !w.is_empty()).take(ADDRESSES_MAX) {
                    let apart = address::host_port(word);
                    let range = apart.port.map_or(Some((TRANSPORT.first, 0)), address::ports);
                    match range.filter(|_| is_name(apart.host)) {
                        Some((port, _)) => {
                            reading.peer("es-transport", apart.host, Transport::Tcp, port, &value.place);
                        }
                        None => reading.unresolved(format!("the node {word:?}"), &value.place),
                    }
                }
            }
        }
    }
}

/// A name or an address, and no placeholder.
fn is_name(host: &str) -> bool {
    !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || ".-_:%".contains(c))
}

/// Addresses of one list. Real ones have fewer than twenty.
const ADDRESSES_MAX: usize = 500;

struct Port {
    number: u16,
    /// As it is written, if more than one is.
    range: Option<String>,
    place: Place,
}
