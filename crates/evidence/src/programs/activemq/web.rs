//! The web console: Jetty's beans, and the connectors that old versions have in the broker's own file.

use super::{File, attribute_place, place, uri};
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener};
use roxmltree::Node;

/// A value and its line.
type Said = (String, Place);

pub(super) fn is_console_port(node: Node<'_, '_>) -> bool {
    node.attribute("class").is_some_and(|class| class.ends_with("WebConsolePort"))
}

/// `WebConsolePort` has the plain port; connectors of Jetty have ports of their own, or refer to that one.
pub(super) fn bean(reading: &mut Reading<'_>, file: &File<'_>, node: Node<'_, '_>) {
    let class = node.attribute("class").unwrap_or("");
    let is_console = is_console_port(node);
    let is_connector = class.ends_with("Connector") && class.contains("jetty");
    if !is_console && !is_connector {
        return;
    }
    let port = property(file.text, node, "port");
    let Some(port) = port.or_else(|| is_console.then(|| ("8161".to_owned(), place(file.text, node)))) else {
        return;
    };
    // It is what the console's port was set to.
    if file.context.has_console_port && port.0.contains("systemProperties['jetty.port']") {
        return;
    }
    let host = property(file.text, node, "host");
    let host = host.filter(|(host, _)| !host.contains("systemProperties['jetty.host']"));
    let is_tls = class.contains("Ssl") || node.descendants().any(is_tls_factory);
    open(reading, file, &port, host.as_ref(), is_tls);
}

fn is_tls_factory(node: Node<'_, '_>) -> bool {
    let class = node.attribute("class").unwrap_or("");
    let name = node.attribute("ref").unwrap_or("").to_ascii_lowercase();
    class.contains("SslConnectionFactory")
        || class.contains("SslContextFactory")
        || name.contains("sslcontextfactory")
}

/// `<jetty><connectors><nioConnector port="8161"/></connectors></jetty>`, until 5.3.
pub(super) fn is_inline_connector(node: Node<'_, '_>) -> bool {
    let is_child = |name| node.parent().is_some_and(|parent| parent.tag_name().name() == name);
    node.tag_name().name().ends_with("Connector") && is_child("connectors") && node.has_attribute("port")
}

pub(super) fn inline_connector(reading: &mut Reading<'_>, file: &File<'_>, node: Node<'_, '_>) {
    let said = |name: &str| Some((node.attribute(name)?.to_owned(), attribute_place(file.text, node, name)));
    let Some(port) = said("port") else { return };
    let is_tls = node.tag_name().name().to_ascii_lowercase().starts_with("ssl");
    open(reading, file, &port, said("host").as_ref(), is_tls);
}

fn open(
    reading: &mut Reading<'_>,
    file: &File<'_>,
    (written, place): &Said,
    host: Option<&Said>,
    is_tls: bool,
) {
    let Some((port, mut places)) = uri::port(reading, file.properties(), written, place) else { return };
    let addresses = match host {
        Some((host, at)) => {
            let Some(resolved) = file.properties().resolve(host) else {
                return reading.unresolved("the address of the web console", at);
            };
            places.push(at.clone());
            places.extend(resolved.places);
            reading.addresses(&resolved.value, at).into_iter().map(Address::One).collect()
        }
        None => vec![Address::Every],
    };
    for address in addresses {
        let listener = Listener::tcp(address, port, if is_tls { "https" } else { "http" }).tls(is_tls);
        reading.listen(places.iter().fold(listener.said(place), Listener::said));
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
