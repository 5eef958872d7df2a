//! From what the files say to listeners: the broker's own, its plugins', and those of Erlang's distribution.

use super::super::erlang_node::{EPMD, dotted, epmd_addresses, said_by};
use super::env::Env;
use super::plugins::Plugins;
use super::{Bind, Settings, Web};
use crate::address;
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener};
use std::net::{IpAddr, Ipv4Addr};

const AMQP: u16 = 5672;
/// Distribution listens at AMQP's port of `NODE_PORT`, not of the listeners, and this.
const DISTRIBUTION_ABOVE: u16 = 20_000;

/// An application whose listeners are lists: its port, and the words for plain and TLS.
const LISTS: [(&str, u16, &str, &str); 4] = [
    ("rabbit", AMQP, "amqp", "amqps"),
    ("rabbitmq_mqtt", 1883, "mqtt", "mqtts"),
    ("rabbitmq_stomp", 61613, "stomp", "stomps"),
    ("rabbitmq_stream", 5552, "stream", "streams"),
];

/// An application that listens for HTTP: its ports, plain and TLS, and its word.
const WEBS: [(&str, u16, u16, &str); 6] = [
    ("rabbitmq_management", 15672, 15671, "management"),
    ("rabbitmq_prometheus", 15692, 15691, "prometheus"),
    ("rabbitmq_web_mqtt", 15675, 15676, "web-mqtt"),
    ("rabbitmq_web_stomp", 15674, 15673, "web-stomp"),
    ("rabbitmq_web_mqtt_examples", 15670, 15670, "examples"),
    ("rabbitmq_web_stomp_examples", 15670, 15670, "examples"),
];

pub(super) fn open(
    reading: &mut Reading<'_>,
    settings: &Settings,
    env: &Env,
    plugins: &Plugins,
    text: &Text,
) {
    let opening = Opening { settings, env, plugins, text };
    if settings.is_cut {
        reading.unresolved("what the rest of the configuration says: no default is taken", &text.whole());
    }
    for (application, port, plain, tls) in LISTS {
        if opening.runs(reading, application) {
            opening.lists(reading, application, port, plain, tls);
        }
    }
    for web in WEBS {
        if opening.runs(reading, web.0) {
            opening.webs(reading, web);
        }
    }
    opening.distribution(reading);
    opening.epmd(reading);
}

struct Opening<'a> {
    settings: &'a Settings,
    env: &'a Env,
    plugins: &'a Plugins,
    text: &'a Text,
}

impl Opening<'_> {
    /// Where a file configures a plugin and no list of plugins is at hand, that is said.
    fn runs(&self, reading: &mut Reading<'_>, application: &str) -> bool {
        if application == "rabbit" || self.plugins.place(application).is_some() {
            return true;
        }
        let list = self.settings.lists.iter().find(|((name, _), _)| name == application);
        let bind = list.and_then(|(_, binds)| binds.first()).map(|bind| &bind.place);
        let web = self.settings.webs.iter().find(|((name, _), _)| name == application);
        let place = bind.or_else(|| web.and_then(|(_, web)| web.place.as_ref()));
        if let Some(place) = place.filter(|_| !self.plugins.is_known) {
            let what = format!("whether {application} is enabled: there is no enabled_plugins file");
            reading.unresolved(what, place);
        }
        false
    }

    fn enabled(&self, listener: Listener, application: &str) -> Listener {
        match self.plugins.place(application) {
            Some(place) => listener.said(place),
            None => listener,
        }
    }

    fn lists(
        &self,
        reading: &mut Reading<'_>,
        application: &str,
        port: u16,
        plain: &'static str,
        tls: &'static str,
    ) {
        for (key, purpose, is_tls) in [("tcp_listeners", plain, false), ("ssl_listeners", tls, true)] {
            match self.settings.lists.get(&(application.to_owned(), key)) {
                Some(binds) => {
                    binds.iter().for_each(|one| self.bind(reading, application, one, purpose, is_tls))
                }
                None if self.settings.is_cut => {}
                None if application == "rabbit" && !is_tls => self.node(reading),
                None if !is_tls => {
                    let words = format!("no {purpose} listener is named: port {port} of every address");
                    let listener = Listener::tcp(Address::Every, port, purpose).tls(false);
                    let listener = self.enabled(listener, application);
                    reading.listen(listener.by_default(&self.text.whole(), words));
                }
                None => {}
            }
        }
    }

    fn bind(
        &self,
        reading: &mut Reading<'_>,
        application: &str,
        one: &Bind,
        purpose: &'static str,
        tls: bool,
    ) {
        let Some(port) = self.port(reading, &one.port, &one.place) else { return };
        let addresses = match &one.host {
            Some(host) => addresses(reading, host, &one.place),
            None => vec![Address::Every],
        };
        for address in addresses {
            let listener = Listener::tcp(address, port, purpose).tls(tls).said(&one.place);
            reading.listen(self.enabled(listener, application));
        }
    }

    /// AMQP where no file lists its listeners: by the environment, or by default.
    fn node(&self, reading: &mut Reading<'_>) {
        let (host, port) = (self.env.value("NODE_IP_ADDRESS"), self.env.value("NODE_PORT"));
        let at = match port {
            Some((word, place)) => self.port(reading, word, place),
            None => Some(AMQP),
        };
        let Some(at) = at else { return };
        let addresses = match host {
            Some((word, place)) if word != "auto" => addresses(reading, word, place),
            _ => vec![Address::Every],
        };
        for address in addresses {
            let mut listener = Listener::tcp(address, at, "amqp").tls(false);
            for (_, place) in port.into_iter().chain(host) {
                listener = listener.said(place);
            }
            if port.is_none() {
                listener = listener.by_default(&self.text.whole(), "no AMQP listener is named: port 5672");
            }
            reading.listen(listener);
        }
    }

    /// The plain one runs where it is configured, or where nothing is; of web_mqtt and web_stomp always, but
    /// where it is switched off.
    fn webs(
        &self,
        reading: &mut Reading<'_>,
        (application, plain, tls, purpose): (&str, u16, u16, &'static str),
    ) {
        let of = |key| self.settings.webs.get(&(application.to_owned(), key));
        let (tcp, ssl, legacy) = (of("tcp_config"), of("ssl_config"), of("listener"));
        let is_example = application.ends_with("_examples");
        let is_websocket = application.starts_with("rabbitmq_web") && !is_example;
        let has_legacy = is_example || application == "rabbitmq_management";
        let legacy = legacy.filter(|_| has_legacy && (tcp.is_none() || ssl.is_none()));
        if let Some(web) = legacy {
            self.web(reading, application, web, (plain, web.is_tls.is_some()), purpose);
        }
        let nothing = Web::default();
        let is_default = !self.settings.is_cut;
        let tcp = tcp.or_else(|| {
            (is_default && (is_websocket || (ssl.is_none() && legacy.is_none()))).then_some(&nothing)
        });
        if let Some(web) = tcp {
            self.web(reading, application, web, (plain, false), purpose);
        }
        if let Some(web) = ssl {
            self.web(reading, application, web, (tls, true), purpose);
        }
    }

    fn web(
        &self,
        reading: &mut Reading<'_>,
        application: &str,
        web: &Web,
        (default, is_tls): (u16, bool),
        purpose: &'static str,
    ) {
        // An empty list switches a WebSocket listener off, and says nothing of any other.
        if web.is_unknown || (web.is_off && application.starts_with("rabbitmq_web")) {
            return;
        }
        let port = match &web.port {
            Some((word, place)) => self.port(reading, word, place),
            None => Some(default),
        };
        let Some(port) = port else { return };
        let addresses = match &web.ip {
            Some((word, place)) => addresses(reading, word, place),
            None => vec![Address::One(Ipv4Addr::UNSPECIFIED.into())],
        };
        for address in addresses {
            let mut listener = Listener::tcp(address, port, purpose).tls(is_tls);
            let places = web.port.iter().chain(&web.ip).map(|(_, place)| place);
            listener = said_by(listener, places.chain(&web.is_tls));
            listener = self.enabled(listener, application);
            if web.port.is_none() {
                let words = format!("no port is named: {default} of {application}");
                listener = listener.by_default(web.place.as_ref().unwrap_or(&self.text.whole()), words);
            }
            reading.listen(listener);
        }
    }

    /// Erlang's distribution: the brokers of a cluster, and the command line tools.
    fn distribution(&self, reading: &mut Reading<'_>) {
        let kernel = |key: &str| self.env.argument(key).or_else(|| self.settings.kernel.get(key).cloned());
        let first = kernel("inet_dist_listen_min");
        let pinned = first.or_else(|| self.env.value("DIST_PORT").cloned());
        let node = self.env.value("NODE_PORT");
        let port = match (&pinned, node) {
            (Some((word, place)), _) => self.port(reading, word, place),
            (None, Some((word, place))) => {
                self.port(reading, word, place).and_then(|port| port.checked_add(DISTRIBUTION_ABOVE))
            }
            (None, None) if self.settings.is_cut => None,
            (None, None) => Some(AMQP + DISTRIBUTION_ABOVE),
        };
        let Some(port) = port else { return };
        let protocol = self.env.argument("-proto_dist");
        let is = |part: &str| protocol.as_ref().is_some_and(|(word, _)| word.contains(part));
        let every = if is("inet6") { Address::Every } else { Ipv4Addr::UNSPECIFIED.into() };
        let interface = kernel("inet_dist_use_interface");
        let addresses = match &interface {
            Some((word, place)) => addresses(reading, &dotted(word), place),
            None => vec![every],
        };
        for address in addresses {
            let mut listener = Listener::tcp(address, port, "distribution").tls(is("tls"));
            let node = node.filter(|_| pinned.is_none());
            let said = pinned.iter().chain(node).chain(&interface).chain(&protocol);
            listener = said_by(listener, said.map(|(_, place)| place));
            if pinned.is_none() {
                let words = format!("no distribution port is named: AMQP's of the node and 20000, {port}");
                listener = listener.by_default(&self.text.whole(), words);
            }
            reading.listen(listener);
        }
    }

    /// The port mapper, which the first Erlang node of a host starts.
    fn epmd(&self, reading: &mut Reading<'_>) {
        let said = self.env.value("ERL_EPMD_PORT");
        let port = match said {
            Some((word, place)) => self.port(reading, word, place),
            None => Some(EPMD),
        };
        let Some(port) = port else { return };
        let bound = self.env.value("ERL_EPMD_ADDRESS");
        for address in epmd_addresses(reading, bound) {
            let mut listener = Listener::tcp(address, port, "epmd").tls(false);
            for (_, place) in said.into_iter().chain(bound) {
                listener = listener.said(place);
            }
            if said.is_none() {
                listener = listener.by_default(&self.text.whole(), "Erlang's port mapper: port 4369");
            }
            reading.listen(listener);
        }
    }

    fn port(&self, reading: &mut Reading<'_>, word: &str, place: &Place) -> Option<u16> {
        let port = address::port(word);
        if port.is_none() {
            reading.unresolved(format!("the port {word:?}"), place);
        }
        port
    }
}

/// `::` is one socket for both families here.
fn addresses(reading: &mut Reading<'_>, word: &str, place: &Place) -> Vec<Address> {
    let of = |address: IpAddr| match address {
        IpAddr::V6(address) if address.is_unspecified() => Address::Every,
        address => Address::One(address),
    };
    reading.addresses(word, place).into_iter().map(of).collect()
}
