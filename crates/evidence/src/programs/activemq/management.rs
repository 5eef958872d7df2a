//! JMX: the registry of the broker's management, and the server that it names.

use super::{File, attribute_place, uri};
use crate::reading::Reading;
use crate::{Address, Listener};
use roxmltree::Node;

/// The registry's port, where none is named.
const REGISTRY: &str = "1099";

/// The registry, where the broker is to open one.
pub(super) fn open(reading: &mut Reading<'_>, file: &File<'_>, node: Node<'_, '_>) {
    let broker = node.ancestors().find(|one| one.tag_name().name() == "broker");
    if broker.and_then(|broker| broker.attribute("useJmx")) == Some("false") {
        return;
    }
    let place = attribute_place(file.text, node, "createConnector");
    match node.attribute("createConnector") {
        Some("true") => {}
        Some(word) if word.contains("${") => {
            return reading.unresolved("whether JMX listens", &place);
        }
        None if node.has_attribute("connectorPort") => {
            let place = attribute_place(file.text, node, "connectorPort");
            // On in versions up to about 5.15, off in later ones.
            return reading.unresolved("whether JMX listens: createConnector is not said", &place);
        }
        _ => return,
    }
    let written = node.attribute("connectorPort");
    let Some((port, places)) = uri::port(reading, file.properties(), written.unwrap_or(REGISTRY), &place)
    else {
        return;
    };
    let mut listener = Listener::tcp(Address::Every, port, "jmx").said(&place);
    if written.is_some() {
        listener = listener.said(&attribute_place(file.text, node, "connectorPort"));
    } else {
        listener = listener.by_default(&place, "no connectorPort is named: 1099");
    }
    reading.listen(places.iter().fold(listener, Listener::said));
    server(reading, file, node);
}

/// The server of the objects that the registry names.
fn server(reading: &mut Reading<'_>, file: &File<'_>, node: Node<'_, '_>) {
    let place = attribute_place(file.text, node, "rmiServerPort");
    let Some(written) = node.attribute("rmiServerPort").filter(|port| *port != "0") else {
        let what = "the port of JMX's server: a random one, since no rmiServerPort pins it";
        return reading.unresolved(what, &place);
    };
    if let Some((port, places)) = uri::port(reading, file.properties(), written, &place) {
        let listener = Listener::tcp(Address::Every, port, "jmx").said(&place);
        reading.listen(places.iter().fold(listener, Listener::said));
    }
}
