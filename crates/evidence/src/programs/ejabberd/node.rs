//! `ejabberdctl.cfg`: the Erlang node's own ports.

use super::super::erlang_node::{EPMD, dotted, epmd_addresses, said_by};
use crate::Listener;
use crate::address;
use crate::reading::Reading;
use crate::text::{Place, Text};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A shell's assignments, the last of each.
#[derive(Debug, Default)]
pub(super) struct Node(BTreeMap<String, (String, Place)>);

impl Node {
    pub(super) fn of(reading: &mut Reading<'_>, paths: &[&str]) -> Node {
        let mut node = Node::default();
        let Some(text) = reading.open_first(paths) else { return node };
        for (number, line) in text.lines() {
            let line = line.trim();
            let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
            if let Some((name, value)) = line.split_once('=').filter(|(name, _)| !name.starts_with('#')) {
                node.0.insert(name.trim().to_owned(), (unquoted(value), text.place(number)));
            }
        }
        node.0.retain(|_, (value, _)| !value.is_empty());
        node
    }

    /// Another main file.
    pub(super) fn config(&self) -> Option<String> {
        self.0.get("EJABBERD_CONFIG_PATH").map(|(path, _)| path.clone()).filter(|path| path.starts_with('/'))
    }

    pub(super) fn open(&self, reading: &mut Reading<'_>, main: &Text) {
        let single = self.0.get("ERL_DIST_PORT");
        if single.is_none() {
            self.epmd(reading, main);
        }
        let pinned = single.cloned().or_else(|| self.first());
        match pinned {
            Some((word, place)) => self.distribution(reading, &word, &place),
            None => {
                let what = "the port of Erlang's distribution: a random one, since FIREWALL_WINDOW pins none";
                reading.random_port(what, &main.whole());
            }
        }
    }

    /// The node takes the first port of its range that is free.
    fn first(&self) -> Option<(String, Place)> {
        let of = |(range, place): &(String, Place)| {
            (range.split('-').next().unwrap_or("").trim().to_owned(), place.clone())
        };
        self.0.get("FIREWALL_WINDOW").map(of).or_else(|| self.argument("inet_dist_listen_min"))
    }

    /// A value in the options of the Erlang machine.
    fn argument(&self, option: &str) -> Option<(String, Place)> {
        let (value, place) = self.0.get("ERL_OPTIONS")?;
        let mut words = value.split_whitespace().skip_while(|word| *word != option);
        Some((words.nth(1)?.trim_matches(['\'', '"']).to_owned(), place.clone()))
    }

    fn distribution(&self, reading: &mut Reading<'_>, word: &str, place: &Place) {
        let Some(port) = address::port(word) else {
            return reading.unresolved(format!("the port of Erlang's distribution {word:?}"), place);
        };
        let own = self.0.get("INET_DIST_INTERFACE").cloned();
        let interface = own.or_else(|| self.argument("inet_dist_use_interface"));
        let addresses = match &interface {
            Some((word, place)) => reading.addresses(&dotted(word), place),
            None => vec![Ipv4Addr::UNSPECIFIED.into()],
        };
        for address in addresses {
            let places = std::iter::once(place).chain(interface.iter().map(|(_, place)| place));
            let listener = Listener::tcp(address, port, "distribution").tls(false);
            reading.listen(said_by(listener, places));
        }
    }

    fn epmd(&self, reading: &mut Reading<'_>, main: &Text) {
        let said = self.0.get("ERL_EPMD_PORT");
        let port = said.map_or(Some(EPMD), |(word, _)| address::port(word));
        let Some(port) = port else {
            return said.into_iter().for_each(|(_, place)| reading.unresolved("the port of epmd", place));
        };
        let bound = self.0.get("ERL_EPMD_ADDRESS");
        for address in epmd_addresses(reading, bound) {
            let places = said.into_iter().chain(bound).map(|(_, place)| place);
            let mut listener = said_by(Listener::tcp(address, port, "epmd").tls(false), places);
            if said.is_none() {
                listener = listener.by_default(&main.whole(), "Erlang's port mapper: port 4369");
            }
            reading.listen(listener);
        }
    }
}

/// The first word of a shell's value, or what stands in its quotes.
fn unquoted(value: &str) -> String {
    let value = value.trim_start();
    let quoted = |quote: char| value.strip_prefix(quote).map(|rest| rest.split(quote).next().unwrap_or(rest));
    let word = || value.split([' ', '\t', ';', '#']).next().unwrap_or("");
    quoted('"').or_else(|| quoted('\'')).unwrap_or_else(word).to_owned()
}
