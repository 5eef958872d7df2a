//! ActiveMQ: the broker's Spring file, and what it imports.
//! Source: activemq.apache.org: Configuring Transports, JMX, Web Console, Multicast Transport.

mod uri;
mod web;

use super::Program;
use crate::formats::xml;
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text, join};
use crate::{Address, Listener};
use roxmltree::Node;
use std::sync::Arc;

pub(super) const PROGRAM: Program =
    Program { name: "activemq", aliases: &["apache-activemq"], processes: &["activemq", "java"], read };

const USUAL: [&str; 4] = [
    "/etc/activemq/activemq.xml",
    "/opt/activemq/conf/activemq.xml",
    "/usr/share/activemq/conf/activemq.xml",
    "/opt/apache-activemq/conf/activemq.xml",
];
/// Debian runs every instance that is enabled.
const INSTANCES: &str = "/etc/activemq/instances-enabled/*/activemq.xml";
/// The registry of JMX.
const JMX: &str = "1099";

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    if !mains.is_empty() {
        for path in mains {
            match reading.open(path) {
                Some(text) => File { reading, text: &text }.take(),
                None if reading.mode(path).is_none() => {
                    reading.trouble(&Place::file(path), "there is no such file");
                }
                None => {}
            }
        }
        return;
    }
    let instances = reading.expand(INSTANCES, &Place::file("/etc/activemq/instances-enabled"));
    for path in instances {
        if let Some(text) = reading.open(&path) {
            File { reading, text: &text }.take();
        }
    }
    if let Some(text) = reading.open_first(&USUAL) {
        File { reading, text: &text }.take();
    }
}

struct File<'a, 'r> {
    reading: &'a mut Reading<'r>,
    text: &'a Arc<Text>,
}

impl File<'_, '_> {
    fn take(&mut self) {
        let text = self.text.clone();
        let Some(document) = xml::parse(self.reading, &text) else { return };
        for node in document.descendants().filter(Node::is_element) {
            match node.tag_name().name() {
                "transportConnector" => self.connector(node),
                "managementContext" => self.management(node),
                "networkConnector" => self.network(node),
                "import" => self.import(node),
                "bean" => web::bean(self.reading, &text, node),
                _ => {}
            }
        }
    }

    fn place(&self, node: Node<'_, '_>) -> Place {
        self.text.place(self.text.line_at(node.range().start))
    }

    /// The line of an attribute, which may stand below its element's.
    fn attribute_place(&self, node: Node<'_, '_>, name: &str) -> Place {
        let attribute = node.attribute_node(name);
        attribute
            .map_or_else(|| self.place(node), |one| self.text.place(self.text.line_at(one.range().start)))
    }

    fn connector(&mut self, node: Node<'_, '_>) {
        let place = self.attribute_place(node, "uri");
        match node.attribute("uri") {
            Some(written) => uri::listen(self.reading, written, &place),
            None => self.reading.trouble(&place, "a transportConnector without a uri"),
        }
        if let Some(written) = node.attribute("discoveryUri") {
            let place = self.attribute_place(node, "discoveryUri");
            uri::discover(self.reading, written, &place);
        }
    }

    /// A network connector that finds its brokers by multicast listens for them too.
    fn network(&mut self, node: Node<'_, '_>) {
        if let Some(written) = node.attribute("uri").filter(|uri| uri.starts_with("multicast:")) {
            let place = self.attribute_place(node, "uri");
            uri::discover(self.reading, written, &place);
        }
    }

    /// The registry of JMX, where the broker is to open one.
    fn management(&mut self, node: Node<'_, '_>) {
        let broker =
            node.ancestors().find(|one| one.has_tag_name("broker") || one.tag_name().name() == "broker");
        let has_jmx = broker.and_then(|broker| broker.attribute("useJmx")) != Some("false");
        if !has_jmx || node.attribute("createConnector") != Some("true") {
            return;
        }
        let place = self.attribute_place(node, "createConnector");
        let written = node.attribute("connectorPort");
        let Some(port) = uri::port(self.reading, written.unwrap_or(JMX), &place) else { return };
        let mut listener = Listener::tcp(Address::Every, port, "jmx").said(&place);
        if written.is_none() {
            listener = listener.by_default(&place, "no connectorPort is named: 1099");
        }
        self.reading.listen(listener);
        if let Some(port) = node.attribute("rmiServerPort").filter(|port| *port != "0") {
            let place = self.attribute_place(node, "rmiServerPort");
            if let Some(port) = uri::port(self.reading, port, &place) {
                self.reading.listen(Listener::tcp(Address::Every, port, "jmx").said(&place));
            }
        }
    }

    /// `<import resource="jetty.xml"/>`: beside this file, or from the configuration's directory.
    fn import(&mut self, node: Node<'_, '_>) {
        let Some(resource) = node.attribute("resource") else { return };
        let place = self.attribute_place(node, "resource");
        if resource.starts_with("classpath") || resource.starts_with("http") {
            return self.reading.unresolved(format!("the imported {resource:?}"), &place);
        }
        let path = resource.trim_start_matches("file:");
        let path = path
            .strip_prefix("${activemq.conf}/")
            .or(path.strip_prefix("${activemq.base}/conf/"))
            .unwrap_or(path);
        if path.contains("${") {
            return self.reading.unresolved(format!("the imported {resource:?}"), &place);
        }
        let path = join(self.text.directory(), path);
        let line = self.text.line_at(node.range().start);
        if let Some(text) = self.reading.include(self.text, line, &path, Absent::IsTrouble) {
            File { reading: self.reading, text: &text }.take();
        }
    }
}
