//! ActiveMQ: the broker's Spring file, and what it imports.
//! Source: activemq.apache.org: Configuring Transports, JMX, Web Console, Multicast Transport, Networks of
//! Brokers.

mod management;
mod properties;
mod uri;
mod web;

use super::Program;
use crate::formats::xml;
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text, join};
use properties::Properties;
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

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    if !mains.is_empty() {
        for path in mains {
            match reading.open(path) {
                Some(text) => broker(reading, text),
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
            broker(reading, text);
        }
    }
    if let Some(text) = reading.open_first(&USUAL) {
        broker(reading, text);
    }
}

/// One broker: all files first, since a property may stand in a file that is imported later.
fn broker(reading: &mut Reading<'_>, main: Arc<Text>) {
    let mut context = Context::default();
    context.gather(reading, main);
    for text in std::mem::take(&mut context.files) {
        if let Some(document) = xml::parse(reading, &text) {
            let file = File { context: &context, text: &text };
            document.descendants().filter(Node::is_element).for_each(|node| file.element(reading, node));
        }
    }
}

/// What all files of a broker say together.
#[derive(Debug, Default)]
struct Context {
    files: Vec<Arc<Text>>,
    properties: Properties,
    /// A bean sets the web console's port for the whole machine.
    has_console_port: bool,
}

impl Context {
    /// A file and what it imports. Imports are no deeper than includes may be.
    fn gather(&mut self, reading: &mut Reading<'_>, text: Arc<Text>) {
        let Some(document) = xml::parse(reading, &text) else { return };
        self.files.push(text.clone());
        for node in document.descendants().filter(Node::is_element) {
            self.properties.take(reading, &text, node);
            self.has_console_port |= web::is_console_port(node);
            if node.tag_name().name() == "import" {
                self.import(reading, &text, node);
            }
        }
    }

    /// `<import resource="jetty.xml"/>`: beside this file, or from the configuration's directory.
    fn import(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, node: Node<'_, '_>) {
        let Some(resource) = node.attribute("resource") else { return };
        let place = attribute_place(text, node, "resource");
        if in_profile(node) {
            return reading.unresolved(format!("whether {resource:?} is imported"), &place);
        }
        let Some(path) = located(resource) else {
            return reading.unresolved(format!("the imported {resource:?}"), &place);
        };
        // What the class path holds besides the configuration's directory is not known.
        let is_classpath = resource.starts_with("classpath");
        if is_classpath && reading.mode(&join(text.directory(), &path)).is_none() {
            return reading.unresolved(format!("the imported {resource:?}"), &place);
        }
        let line = text.line_at(node.range().start);
        if let Some(imported) = reading.include(text, line, &path, Absent::IsTrouble) {
            self.gather(reading, imported);
        }
    }
}

/// A resource's path, from the directory of the file that names it: the configuration's directory is in the
/// class path too. None for what is elsewhere.
fn located(resource: &str) -> Option<String> {
    let path = ["classpath*:", "classpath:", "file:"].iter().find_map(|scheme| resource.strip_prefix(scheme));
    let path = path.unwrap_or(resource);
    let inside = ["${activemq.conf}/", "${activemq.base}/conf/", "${activemq.home}/conf/"];
    let bare = path.trim_start_matches('/');
    let path = inside.iter().find_map(|directory| bare.strip_prefix(directory)).unwrap_or(path);
    let path = if resource.starts_with("classpath") { path.trim_start_matches('/') } else { path };
    (!path.contains("${") && !path.starts_with("http")).then(|| path.to_owned())
}

/// Beans of a profile are there only if somebody activates it.
fn in_profile(node: Node<'_, '_>) -> bool {
    node.ancestors().any(|one| one.tag_name().name() == "beans" && one.has_attribute("profile"))
}

fn place(text: &Text, node: Node<'_, '_>) -> Place {
    text.place(text.line_at(node.range().start))
}

/// The line of an attribute, which may stand below its element's.
fn attribute_place(text: &Text, node: Node<'_, '_>, name: &str) -> Place {
    let attribute = node.attribute_node(name);
    attribute.map_or_else(|| place(text, node), |one| text.place(text.line_at(one.range().start)))
}

struct File<'a> {
    context: &'a Context,
    text: &'a Text,
}

impl File<'_> {
    fn element(&self, reading: &mut Reading<'_>, node: Node<'_, '_>) {
        let name = node.tag_name().name();
        let listens =
            matches!(name, "transportConnector" | "managementContext" | "networkConnector" | "bean");
        if listens && in_profile(node) {
            let is_connector = name == "transportConnector";
            if is_connector {
                reading
                    .unresolved("whether the profile of this connector is active", &place(self.text, node));
            }
            return;
        }
        match name {
            "transportConnector" => self.connector(reading, node, "uri"),
            "proxyConnector" => self.connector(reading, node, "bind"),
            "managementContext" => management::open(reading, self, node),
            "networkConnector" => self.network(reading, node),
            "bean" => web::bean(reading, self, node),
            _ if web::is_inline_connector(node) => web::inline_connector(reading, self, node),
            _ => {}
        }
    }

    fn properties(&self) -> &Properties {
        &self.context.properties
    }

    fn connector(&self, reading: &mut Reading<'_>, node: Node<'_, '_>, attribute: &str) {
        let place = attribute_place(self.text, node, attribute);
        match node.attribute(attribute) {
            Some(written) => uri::listen(reading, self.properties(), written, &place),
            None => reading.trouble(&place, format_args!("a {} without {attribute}", node.tag_name().name())),
        }
        if let Some(written) = node.attribute("discoveryUri") {
            let place = attribute_place(self.text, node, "discoveryUri");
            uri::discover(reading, self.properties(), written, &place);
        }
    }

    /// A network connector that finds its brokers by multicast listens for them too.
    fn network(&self, reading: &mut Reading<'_>, node: Node<'_, '_>) {
        if let Some(written) = node.attribute("uri").filter(|uri| uri.starts_with("multicast:")) {
            let place = attribute_place(self.text, node, "uri");
            uri::discover(reading, self.properties(), written, &place);
        }
    }
}
