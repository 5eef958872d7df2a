//! The web console: Jetty's beans.

use super::uri;
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener};
use roxmltree::Node;

/// `WebConsolePort` has the plain port; connectors of Jetty have ports of their own, or refer to that one.
pub(super) fn bean(reading: &mut Reading<'_>, text: &Text, node: Node<'_, '_>) {
    let class = node.attribute("class").unwrap_or("");
    let is_console = class.ends_with("WebConsolePort");
    let is_connector = class.ends_with("Connector") && class.contains("jetty");
    if !is_console && !is_connector {
        return;
    }
    let port = property(text, node, "port");
    let Some((written, place)) = port else {
        if is_console {
            let at = text.place(text.line_at(node.range().start));
            open(reading, node, text, ("8161", &at), false);
        }
        return;
    };
    // It is what the console's port was set to.
    if written.contains("systemProperties['jetty.port']") {
        return;
    }
    let is_tls = class.contains("Ssl") || node.descendants().any(is_tls_factory);
    open(reading, node, text, (&written, &place), is_tls);
}

fn is_tls_factory(node: Node<'_, '_>) -> bool {
    node.attribute("class").is_some_and(|class| class.contains("SslConnectionFactory"))
        || node.attribute("ref").is_some_and(|name| name.to_ascii_lowercase().contains("sslcontextfactory"))
}

fn open(
    reading: &mut Reading<'_>,
    node: Node<'_, '_>,
    text: &Text,
    (written, place): (&str, &Place),
    is_tls: bool,
) {
    let Some(port) = uri::port(reading, written, place) else { return };
    let host =
        property(text, node, "host").filter(|(host, _)| !host.contains("systemProperties['jetty.host']"));
    let addresses = match &host {
        Some((host, at)) => match uri::resolved(host) {
            Some(host) => reading.addresses(&host, at).into_iter().map(Address::One).collect(),
            None => return reading.unresolved("the address of the web console", at),
        },
        None => vec![Address::Every],
    };
    for address in addresses {
        let mut listener = Listener::tcp(address, port, if is_tls { "https" } else { "http" }).tls(is_tls);
        listener = listener.said(place);
        if let Some((_, at)) = &host {
            listener = listener.said(at);
        }
        reading.listen(listener);
    }
}

/// `<property name="port" value="8161"/>`, `<property name="port"><value>8161</value></property>`, or the
/// attribute `p:port`.
fn property(text: &Text, node: Node<'_, '_>, name: &str) -> Option<(String, Place)> {
    let own = node
        .children()
        .find(|child| child.tag_name().name() == "property" && child.attribute("name") == Some(name));
    let at = |one: Node<'_, '_>| text.place(text.line_at(one.range().start));
    if let Some(own) = own {
        let inner =
            own.children().find(|child| child.tag_name().name() == "value").and_then(|one| one.text());
        return own.attribute("value").or(inner).map(|value| (value.trim().to_owned(), at(own)));
    }
    let short =
        node.attributes().find(|attribute| attribute.name() == name && attribute.namespace().is_some());
    short.map(|attribute| (attribute.value().to_owned(), at(node)))
}
