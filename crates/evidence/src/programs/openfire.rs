//! Openfire: the administration console of its main file. Its XMPP ports are in its database.
//! Source: the comments of the distributed `openfire.xml`; igniterealtime.org, System Properties.

use super::Program;
use crate::address;
use crate::formats::xml;
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener};
use roxmltree::Node;

pub(super) const PROGRAM: Program =
    Program { name: "openfire", aliases: &[], processes: &["openfire", "java"], read };

const USUAL: [&str; 4] = [
    "/etc/openfire/openfire.xml",
    "/opt/openfire/conf/openfire.xml",
    "/usr/share/openfire/conf/openfire.xml",
    "/var/lib/openfire/conf/openfire.xml",
];

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    let usual = if mains.is_empty() { &USUAL[..] } else { mains };
    let Some(text) = reading.open_first(usual) else {
        if let Some(path) = mains.iter().find(|path| reading.mode(path).is_none()) {
            reading.trouble(&Place::file(path), "there is no such file");
        }
        return;
    };
    let Some(document) = xml::parse(reading, &text) else { return };
    let root = document.root_element();
    let console = child(root, "adminConsole");
    let interface = interface(reading, &text, root, console);
    if let Some(addresses) = interface {
        for (name, default, purpose, tls) in
            [("port", 9090, "admin", false), ("securePort", 9091, "admin", true)]
        {
            let port = console.and_then(|console| child(console, name));
            listen(reading, &text, port, (default, purpose, tls), &addresses);
        }
    }
    reading.unresolved("the ports of XMPP: they are in the database, not in this file", &text.whole());
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn said<'a>(node: Node<'a, '_>) -> &'a str {
    node.text().map_or("", str::trim)
}

type Where = (Address, Option<Place>);

/// The console's own address before the one of all services; every address without any. None where what is
/// said is not known.
fn interface(
    reading: &mut Reading<'_>,
    text: &Text,
    root: Node<'_, '_>,
    console: Option<Node<'_, '_>>,
) -> Option<Vec<Where>> {
    let own = console.and_then(|console| console.children().find(|child| child.has_tag_name("interface")));
    let network = root.children().find(|child| child.has_tag_name("network"));
    let shared = network.and_then(|network| network.children().find(|child| child.has_tag_name("interface")));
    let Some(node) = own.or(shared).filter(|node| !said(*node).is_empty()) else {
        return Some(vec![(Address::Every, None)]);
    };
    let place = text.place(text.line_at(node.range().start));
    let known = reading.addresses(said(node), &place);
    (!known.is_empty()).then(|| known.into_iter().map(|one| (one.into(), Some(place.clone()))).collect())
}

/// A port of 0 or below switches a listener off.
fn listen(
    reading: &mut Reading<'_>,
    text: &Text,
    node: Option<Node<'_, '_>>,
    (default, purpose, tls): (u16, &'static str, bool),
    addresses: &[Where],
) {
    let place = node.map(|node| text.place(text.line_at(node.range().start)));
    let word = node.map(said).filter(|word| !word.is_empty());
    let port = match word {
        Some(word) if word == "0" || word.starts_with('-') => return,
        Some(word) => address::port(word),
        None => Some(default),
    };
    let Some(port) = port else {
        let place = place.unwrap_or_else(|| text.whole());
        return reading.unresolved(format!("the port {:?}", word.unwrap_or("")), &place);
    };
    for (address, from) in addresses {
        let mut listener = Listener::tcp(*address, port, purpose).tls(tls);
        if let Some(place) = place.as_ref().filter(|_| word.is_some()) {
            listener = listener.said(place);
        }
        if let Some(from) = from {
            listener = listener.said(from);
        }
        if word.is_none() {
            let words = format!("no port of the console is named: {default}");
            listener = listener.by_default(&text.whole(), words);
        }
        reading.listen(listener);
    }
}
