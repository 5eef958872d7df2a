//! Which services run, by the modules of every host, and where they listen.

use super::config::{Config, Host, Said};
use super::modules::{ALWAYS, INHERITED, SERVICES, Service, needed};
use crate::address;
use crate::formats::lua::{Of, Value};
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Modules that a list has. All that there are, are some hundreds.
const MODULES_MAX: usize = 2_000;

pub(super) fn open(reading: &mut Reading<'_>, config: &Config, text: &Text) {
    let modules = modules(reading, config, text);
    for service in &SERVICES {
        if let Some(place) = modules.get(service.module) {
            service.open(reading, config, place);
        }
    }
    let socket = config.global("admin_socket").filter(|_| modules.contains_key("admin_socket"));
    if let Some((path, said)) = socket.and_then(|said| Some((said.value.text()?, said))) {
        reading.unix(path, &said.at());
    }
}

/// Every module that listens and that some host loads, and where it is said.
fn modules(reading: &mut Reading<'_>, config: &Config, text: &Text) -> BTreeMap<String, Place> {
    let mut loaded = BTreeMap::new();
    let hosts = config.hosts.iter().skip(1).filter(|host| is_enabled(host));
    let hosts: Vec<&Host> = hosts.collect();
    if !hosts.iter().any(|host| host.component.is_none()) {
        let what = "no VirtualHost is enabled: only components run";
        reading.trouble(&text.whole(), what);
    }
    let enabled = names(reading, config.global("modules_enabled"));
    let disabled = names(reading, config.global("modules_disabled"));
    for host in hosts {
        let own = |key: &str| host.options.get(key);
        let mut mine: BTreeMap<String, Place> = BTreeMap::new();
        let always = ALWAYS.iter().map(|name| ((*name).to_owned(), host_place(host, text)));
        mine.extend(enabled.clone());
        for (name, place) in always {
            mine.entry(name).or_insert(place);
        }
        mine.retain(|name, _| !disabled.contains_key(name));
        if let Some(module) = &host.component {
            mine.retain(|name, _| INHERITED.contains(&name.as_str()));
            mine.insert(module.clone(), host_place(host, text));
        }
        mine.extend(names(reading, own("modules_enabled")));
        let off: BTreeSet<String> = names(reading, own("modules_disabled")).into_keys().collect();
        mine.retain(|name, _| !off.contains(name));
        for (name, place) in mine {
            needed(&name).into_iter().for_each(|other| {
                loaded.entry(other.to_owned()).or_insert_with(|| place.clone());
            });
            loaded.entry(name).or_insert(place);
        }
    }
    loaded
}

fn host_place(host: &Host, text: &Text) -> Place {
    host.place.clone().unwrap_or_else(|| text.whole())
}

fn is_enabled(host: &Host) -> bool {
    host.options.get("enabled").is_none_or(|said| said.value.of != Of::Bool(false))
}

/// The strings of a list, each with its line. What is not a literal is said.
fn names(reading: &mut Reading<'_>, said: Option<&Said>) -> BTreeMap<String, Place> {
    let Some(said) = said else { return BTreeMap::new() };
    let mut names = BTreeMap::new();
    let listed = values(&said.value);
    if listed.len() > MODULES_MAX {
        reading.trouble(&said.at(), format_args!("the rest was not read: more than {MODULES_MAX} modules"));
    }
    for value in listed.into_iter().take(MODULES_MAX) {
        let place = said.place(value.line);
        match value.text() {
            Some(name) => drop(names.insert(name.to_owned(), place)),
            None if value.of == Of::Unknown => reading.unresolved("which modules are enabled", &place),
            None => {}
        }
    }
    names
}

/// The values of a list, or the one value.
fn values(value: &Value) -> Vec<&Value> {
    match &value.of {
        Of::Table(fields) => fields.iter().map(|(_, value)| value).collect(),
        Of::Nil => Vec::new(),
        _ => vec![value],
    }
}

impl Service {
    fn open(&self, reading: &mut Reading<'_>, config: &Config, module: &Place) {
        let ports = self.ports(reading, config);
        if ports.is_empty() {
            return;
        }
        let addresses = self.addresses(reading, config);
        for (port, at) in &ports {
            for (address, from) in &addresses {
                let mut listener = Listener::tcp(*address, *port, self.purpose);
                if let Some(tls) = self.tls {
                    listener = listener.tls(tls);
                }
                if let Some(at) = at {
                    listener = listener.said(at);
                }
                if let Some(from) = from.as_ref().filter(|from| at.as_ref() != Some(*from)) {
                    listener = listener.said(from);
                }
                listener = self.by_module(listener, at.is_some(), from.is_some(), module);
                reading.listen(listener);
            }
        }
    }

    fn by_module(&self, listener: Listener, port: bool, address: bool, module: &Place) -> Listener {
        let name = self.module;
        let words = match (port, address, self.is_private) {
            (true, true, _) => return listener.said(module),
            (false, true, _) => format!("the port that mod_{name} has"),
            (true, false, false) => "every address".to_owned(),
            (true, false, true) => "this host only, since Prosody 0.12".to_owned(),
            (false, false, false) => format!("the port that mod_{name} has, of every address"),
            (false, false, true) => {
                format!("the port that mod_{name} has, for this host only since Prosody 0.12")
            }
        };
        listener.said(module).by_default(module, words)
    }

    /// Ports of the whole server: those of a virtual host have no effect.
    fn ports(&self, reading: &mut Reading<'_>, config: &Config) -> Vec<(u16, Option<Place>)> {
        let Some(said) = config.global(&format!("{}ports", self.prefix)) else {
            return self.default_ports(config);
        };
        let mut ports = Vec::new();
        for value in values(&said.value) {
            let place = said.place(value.line);
            match value.text().and_then(address::port) {
                Some(port) => ports.push((port, Some(place))),
                None => reading.unresolved(format!("a port of {}ports", self.prefix), &place),
            }
        }
        ports
    }

    /// Those of the module; of the PROXY protocol those that are mapped to a service.
    fn default_ports(&self, config: &Config) -> Vec<(u16, Option<Place>)> {
        let mapped = config.global("proxy_port_mappings").filter(|_| self.module == "net_proxy");
        let Some((fields, said)) = mapped.and_then(|said| Some((said.value.fields()?, said))) else {
            return self.ports.iter().map(|port| (*port, None)).collect();
        };
        let port = |(key, value): &(Option<String>, Value)| {
            Some((key.as_deref().and_then(address::port)?, Some(said.place(value.line))))
        };
        fields.iter().filter_map(port).collect()
    }

    fn addresses(&self, reading: &mut Reading<'_>, config: &Config) -> Vec<(Address, Option<Place>)> {
        let own = [format!("{}interfaces", self.prefix), format!("{}interface", self.prefix)];
        let shared: &[&str] =
            if self.is_private { &["local_interfaces"] } else { &["interfaces", "interface"] };
        let keys = own.iter().map(String::as_str).chain(shared.iter().copied());
        match keys.filter_map(|key| config.global(key)).next() {
            Some(said) => named(reading, said),
            None => self.default_addresses(reading, config),
        }
    }

    fn default_addresses(&self, reading: &mut Reading<'_>, config: &Config) -> Vec<(Address, Option<Place>)> {
        let mut has = |key: &str| match config.global(key) {
            Some(said) if said.value.of == Of::Unknown => {
                reading.unresolved(format!("whether {key} is on"), &said.at());
                false
            }
            Some(said) => said.value.of != Of::Bool(false),
            None => true,
        };
        let both: [(&str, IpAddr, IpAddr); 2] = [
            ("use_ipv4", Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::LOCALHOST.into()),
            ("use_ipv6", Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::LOCALHOST.into()),
        ];
        let used = both.into_iter().filter(|(key, _, _)| has(key));
        used.map(|(_, every, local)| (Address::One(if self.is_private { local } else { every }), None))
            .collect()
    }
}

/// `*` is IPv4's wildcard, `::` is IPv6's alone.
fn named(reading: &mut Reading<'_>, said: &Said) -> Vec<(Address, Option<Place>)> {
    let mut addresses = Vec::new();
    for value in values(&said.value) {
        let place = said.place(value.line);
        let known = match value.text() {
            Some("*") => vec![Ipv4Addr::UNSPECIFIED.into()],
            Some(word) => reading.addresses(word, &place),
            None => {
                reading.unresolved("an address to listen at", &place);
                Vec::new()
            }
        };
        addresses.extend(known.into_iter().map(|address| (Address::One(address), Some(place.clone()))));
    }
    addresses
}
