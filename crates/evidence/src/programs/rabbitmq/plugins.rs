//! Which plugins are enabled: only theirs are the listeners that a file names.

use super::env::Env;
use crate::formats::erlang::{self, Term};
use crate::reading::Reading;
use crate::text::{Place, Text, join};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The packages' place, where none stands beside a main file that was named.
const USUAL: &str = "/etc/rabbitmq/enabled_plugins";

/// A plugin with listeners, and what pulls it in besides.
const NEEDED_BY: [(&str, &[&str]); 6] = [
    (
        "rabbitmq_management",
        &[
            "rabbitmq_federation_management",
            "rabbitmq_shovel_management",
            "rabbitmq_stream_management",
            "rabbitmq_top",
            "rabbitmq_tracing",
        ],
    ),
    ("rabbitmq_mqtt", &["rabbitmq_web_mqtt", "rabbitmq_web_mqtt_examples"]),
    ("rabbitmq_stomp", &["rabbitmq_web_stomp", "rabbitmq_web_stomp_examples"]),
    ("rabbitmq_stream", &["rabbitmq_stream_management"]),
    ("rabbitmq_web_mqtt", &["rabbitmq_web_mqtt_examples"]),
    ("rabbitmq_web_stomp", &["rabbitmq_web_stomp_examples"]),
];

#[derive(Debug, Default)]
pub(super) struct Plugins {
    enabled: BTreeMap<String, Place>,
    /// There is a list, be it empty, and all of it is known.
    pub(super) is_known: bool,
}

impl Plugins {
    pub(super) fn of(
        reading: &mut Reading<'_>,
        directory: &str,
        named: Option<&str>,
        env: &Env,
        opened: &mut Vec<Arc<Text>>,
    ) -> Plugins {
        if let Some((names, place)) = env.value("ENABLED_PLUGINS") {
            let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
            return Plugins {
                enabled: names.map(|n| (n.to_owned(), place.clone())).collect(),
                is_known: true,
            };
        }
        let path = named.map(str::to_owned).or_else(|| env.path("ENABLED_PLUGINS_FILE"));
        let path = path.unwrap_or_else(|| join(directory, "enabled_plugins"));
        let text = reading.open(&path).or_else(|| reading.open(USUAL));
        let Some(text) = text else { return Plugins::default() };
        let read = erlang::parse(reading, &text);
        let mut plugins = Plugins { enabled: BTreeMap::new(), is_known: !read.is_cut };
        for term in read.terms.iter().flat_map(Term::list) {
            let place = text.place(term.line);
            match term.atom().filter(|_| !term.is_perhaps) {
                Some(name) => drop(plugins.enabled.insert(name.to_owned(), place)),
                None => {
                    plugins.is_known = false;
                    reading.unresolved("which plugins are enabled", &place);
                }
            }
        }
        opened.push(text);
        plugins
    }

    /// Where it is said that a plugin runs; the broker itself is none.
    pub(super) fn place(&self, plugin: &str) -> Option<&Place> {
        let others =
            NEEDED_BY.iter().find(|(name, _)| *name == plugin).map_or(&[][..], |(_, others)| *others);
        let mut names = std::iter::once(&plugin).chain(others);
        names.find_map(|name| self.enabled.get(*name))
    }
}
