//! Galera's replication inside MySQL's and MariaDB's servers: the port of the group, and that of its
//! incremental transfers.
//! Source: Galera's "Galera Parameters", "MySQL wsrep Options"; measured with Galera 4 in MariaDB 10.11.
//! Not here: port 4444 of full transfers, which is open only while a node receives one from a script.

use super::super::template;
use super::flavour::Family;
use super::options::Setting;
use super::server::Server;
use crate::address::{self, HostPort, host_port};
use crate::reading::Reading;
use crate::text::Place;
use crate::{Address, Listener, Transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const PORT: u16 = 4567;

pub(super) fn open(reading: &mut Reading<'_>, server: &Server<'_>) {
    let values = &server.values;
    // What only a template's condition switches on has been said with the condition.
    let is_certain = |setting: &&Setting| !template::is_conditional(setting.value());
    let Some(provider) = values.text("wsrep_provider").filter(is_certain).filter(|s| s.value() != "none")
    else {
        return;
    };
    // MariaDB's is off until it is switched on; Codership's and Percona's are on.
    let on = values.switch("wsrep_on");
    if !on.map_or(server.flavour.family != Family::Maria, |(on, _)| on) {
        return;
    }
    // Without an address of a cluster nothing is joined, and nothing opened.
    let Some(cluster) = values.text("wsrep_cluster_address").filter(is_certain) else { return };
    let options = Options(values.text("wsrep_provider_options"));
    let node = values.text("wsrep_node_address");
    let listen = options.last("gmcast.listen_addr").unwrap_or("");
    // These lines are not shown as they are: what looks like a URL may hold a password.
    let mut said: Vec<Place> = Vec::new();
    said.extend(options.0.map(|s| s.place.clone().saying(format!("wsrep_provider_options: {listen}"))));
    said.extend(node.map(|setting| setting.place.clone()));
    said.push(cluster.place.clone().saying("wsrep_cluster_address"));
    said.push(on.map_or(&provider.place, |(_, setting)| &setting.place).clone());
    let galera = Galera { options, node: node.map(|setting| host_port(setting.value())), said };
    galera.group(reading);
    galera.transfers(reading);
    peers(reading, cluster);
}

/// `name = value; name = value` of `wsrep_provider_options`.
struct Options<'o>(Option<&'o Setting>);

impl<'o> Options<'o> {
    fn last(&self, name: &str) -> Option<&'o str> {
        let pairs = self.0?.value().split(';').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim()).next_back()
    }

    fn is_tls(&self) -> bool {
        let is_yes = |v: &str| ["yes", "true", "on", "1"].contains(&v.to_ascii_lowercase().as_str());
        match self.last("socket.ssl") {
            Some(value) => is_yes(value),
            None => self.last("socket.ssl_key").is_some() || self.last("socket.ssl_cert").is_some(),
        }
    }
}

struct Galera<'o> {
    options: Options<'o>,
    node: Option<HostPort<'o>>,
    said: Vec<Place>,
}

impl Galera<'_> {
    fn group(&self, reading: &mut Reading<'_>) {
        let listen = self.options.last("gmcast.listen_addr").unwrap_or("tcp://0.0.0.0");
        let (scheme, rest) = listen.split_once("://").unwrap_or(("tcp", listen));
        let apart = host_port(rest);
        let Some(port) = self.port(reading, apart.port) else { return };
        let tls = scheme == "ssl" || self.options.is_tls();
        for address in self.addresses(reading, apart.host) {
            let why = "replication of the group is on";
            let listener = Listener::tcp(address, port, "galera").tls(tls);
            reading.listen(self.evident(listener, why));
        }
        if let Some(group) =
            self.options.last("gmcast.mcast_addr").and_then(|host| host.parse::<IpAddr>().ok())
        {
            let why = "replication of the group is multicast";
            reading.listen(self.evident(Listener::udp(group, port, "galera"), why));
        }
    }

    /// Of the listener itself, of the provider, of the node's address, or Galera's own.
    fn port(&self, reading: &mut Reading<'_>, own: Option<&str>) -> Option<u16> {
        let node = self.node.and_then(|node| node.port).filter(|port| *port != "0");
        match own.or(self.options.last("base_port")).or(node) {
            None => Some(PORT),
            Some(word) => self.known(reading, word),
        }
    }

    fn known(&self, reading: &mut Reading<'_>, word: &str) -> Option<u16> {
        let port = address::port(word);
        if let (None, Some(place)) = (port, self.said.first()) {
            reading.unresolved(format!("the port {word:?} of Galera"), place);
        }
        port
    }

    /// `[::]` takes IPv4 as well.
    fn addresses(&self, reading: &mut Reading<'_>, host: &str) -> Vec<Address> {
        if host.parse() == Ok(Ipv6Addr::UNSPECIFIED) {
            return vec![Address::Every];
        }
        if host.is_empty() {
            return vec![Ipv4Addr::UNSPECIFIED.into()];
        }
        let Some(place) = self.said.first() else { return Vec::new() };
        // Of a name's addresses one is bound, that of IPv6 before that of IPv4.
        let mut known = reading.addresses(host, place);
        known.sort_by_key(IpAddr::is_ipv4);
        known.into_iter().take(1).map(Address::One).collect()
    }

    /// A port that a node opens while it catches up with the others. Its address has to be said: Galera's
    /// guess is the address of the first interface.
    fn transfers(&self, reading: &mut Reading<'_>) {
        let receive = self.options.last("ist.recv_bind").or(self.options.last("ist.recv_addr"));
        let apart = receive.map(|r| host_port(r.split_once("://").map_or(r, |(_, rest)| rest)));
        let host = apart.map(|a| a.host).or(self.node.map(|node| node.host)).filter(|host| !host.is_empty());
        let Some(first) = self.port(reading, None) else { return };
        let port = match apart.and_then(|a| a.port) {
            Some(word) => self.known(reading, word),
            None => first.checked_add(1),
        };
        let (Some(port), Some(place)) = (port, self.said.first()) else { return };
        let Some(host) = host else {
            let what = format!("the address of Galera's incremental transfers at port {port}");
            return reading.unresolved(what, place);
        };
        for address in self.addresses(reading, host) {
            let why = "open while the node receives an incremental transfer";
            let listener = Listener::tcp(address, port, "galera-ist").tls(self.options.is_tls());
            reading.listen(self.evident(listener, why));
        }
    }

    fn evident(&self, listener: Listener, why: &str) -> Listener {
        let mut listener = listener;
        for place in &self.said {
            listener = listener.said(place);
        }
        match self.said.first() {
            Some(place) => listener.by_default(place, why),
            None => listener,
        }
    }
}

/// `gcomm://host,host:port`.
fn peers(reading: &mut Reading<'_>, cluster: &Setting) {
    let Some((_, rest)) = cluster.value().split_once("://") else { return };
    let hosts = rest.split('?').next().unwrap_or("");
    for HostPort { host, port } in hosts.split(',').map(str::trim).filter(|h| !h.is_empty()).map(host_port) {
        match port.map_or(Some(PORT), address::port).filter(|_| address::is_host(host)) {
            Some(port) => reading.peer("galera", host, Transport::Tcp, port, &cluster.place),
            None => reading.unresolved(format!("the node {host:?}"), &cluster.place),
        }
    }
}
