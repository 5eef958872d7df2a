//! `rabbitmq-env.conf`: a shell's assignments, of which plain ones are read.

use crate::text::{Place, Text};
use std::collections::BTreeMap;

/// The variables that a listener depends on, without `RABBITMQ_`.
const KNOWN: [&str; 14] = [
    "NODE_PORT",
    "NODE_IP_ADDRESS",
    "DIST_PORT",
    "CONFIG_FILE",
    "CONFIG_FILES",
    "ADVANCED_CONFIG_FILE",
    "ENABLED_PLUGINS_FILE",
    "ENABLED_PLUGINS",
    "SERVER_ADDITIONAL_ERL_ARGS",
    "SERVER_START_ARGS",
    "SERVER_ERL_ARGS",
    "ERL_EPMD_PORT",
    "ERL_EPMD_ADDRESS",
    "CONF_ENV_FILE",
];

/// What the file says; a name with `RABBITMQ_` before one without.
#[derive(Debug, Default)]
pub(super) struct Env {
    values: BTreeMap<String, (String, Place)>,
}

impl Env {
    pub(super) fn of(text: &Text) -> Env {
        let (mut plain, mut prefixed) = (BTreeMap::new(), BTreeMap::new());
        for (number, line) in text.lines() {
            let line = line.trim();
            let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
            let Some((name, value)) = line.split_once('=') else { continue };
            let (values, name) = match name.strip_prefix("RABBITMQ_") {
                Some(bare) => (&mut prefixed, bare),
                None => (&mut plain, name),
            };
            if !KNOWN.contains(&name) {
                continue;
            }
            let (value, place) = (unquoted(value), text.place(number));
            // What the shell fills in is unresolved where it is used.
            values.insert(name.to_owned(), (value, place));
        }
        plain.extend(prefixed);
        plain.retain(|_, (value, _)| !value.is_empty());
        Env { values: plain }
    }

    pub(super) fn value(&self, name: &str) -> Option<&(String, Place)> {
        self.values.get(name)
    }

    pub(super) fn path(&self, name: &str) -> Option<String> {
        self.value(name)
            .map(|(value, _)| value.clone())
            .filter(|path| path.starts_with('/') && !path.contains('$'))
    }

    /// The value after an option of the Erlang machine, as `-kernel inet_dist_listen_min 25672`; the last
    /// counts.
    pub(super) fn argument(&self, option: &str) -> Option<(String, Place)> {
        ["SERVER_ADDITIONAL_ERL_ARGS", "SERVER_START_ARGS", "SERVER_ERL_ARGS"].iter().find_map(|name| {
            let (value, place) = self.value(name)?;
            let mut after = None;
            for word in value.split_whitespace().rev() {
                if word == option {
                    return after
                        .map(|value: &str| (value.trim_matches(['\'', '"']).to_owned(), place.clone()));
                }
                after = Some(word);
            }
            None
        })
    }
}

/// The first word of a shell's value, or what stands in its quotes.
fn unquoted(value: &str) -> String {
    let value = value.trim_start();
    let quoted = |quote: char| value.strip_prefix(quote).map(|rest| rest.split(quote).next().unwrap_or(rest));
    let word = || value.split([' ', '\t', ';', '#']).next().unwrap_or("");
    quoted('"').or_else(|| quoted('\'')).unwrap_or_else(word).replace('\\', "")
}
