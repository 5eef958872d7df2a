//! The settings of one file: nested and dotted keys are the same, and variables stand for the environment.
//! Not here: what a setting means.

use super::placeholders;
use crate::formats::yaml::{self, Node, Yaml};
use crate::reading::Reading;
use crate::text::{Place, Text};
use std::collections::HashSet;
use std::sync::Arc;

/// Nodes of one file, aliases counted as often as they are named. Real ones have some hundreds.
const NODES_MAX: usize = 50_000;

/// Bytes of a key with those that it is nested in. Real ones have fewer than a hundred.
const KEY_MAX: usize = 500;

pub(super) struct Settings {
    all: Vec<(String, Said)>,
    seen: HashSet<String>,
    /// The file was not read to its end, so that what was not found may still be said.
    pub(super) is_cut: bool,
    environment: Vec<(String, String)>,
}

/// What stands at a key.
pub(super) enum Said {
    Values(Vec<Value>),
    /// A template, or another form that is no value.
    Unknown,
}

pub(super) struct Value {
    pub(super) word: String,
    pub(super) place: Place,
}

impl Settings {
    pub(super) fn of(reading: &mut Reading<'_>, text: &Arc<Text>) -> Settings {
        let mut settings = Settings {
            all: Vec::new(),
            seen: HashSet::new(),
            is_cut: false,
            environment: environment(reading),
        };
        let readable = placeholders::quoted(reading, text);
        let (root, is_whole) = yaml::parse_as_far(reading, &readable);
        settings.is_cut = !is_whole;
        if let Some(root) = root {
            let mut left = NODES_MAX;
            settings.take(reading, text, "", &root, &mut left);
            if left == 0 {
                settings.is_cut = true;
                reading.trouble(
                    &text.whole(),
                    format_args!("the rest of more than {NODES_MAX} settings was not read"),
                );
            }
        }
        settings
    }

    fn take(&mut self, reading: &mut Reading<'_>, text: &Text, key: &str, node: &Yaml, left: &mut usize) {
        *left = left.saturating_sub(1);
        if *left == 0 || key.len() > KEY_MAX {
            return;
        }
        match &node.node {
            Node::Map(entries) => {
                for (name, value) in entries {
                    let place = text.place(name.line);
                    match name.scalar() {
                        Some(name) if key.is_empty() => self.take(reading, text, name, value, left),
                        Some(name) => self.take(reading, text, &format!("{key}.{name}"), value, left),
                        None => self.unknown(reading, key, &place),
                    }
                }
            }
            Node::List(items) => {
                let items: Vec<Value> =
                    items.iter().take(*left).filter_map(|item| value(text, item)).collect();
                *left = left.saturating_sub(items.len());
                self.say(reading, text, key, items, node);
            }
            // Nothing was written: as if the key were not there.
            Node::Scalar { .. } if node.is_null() => {}
            Node::Scalar { .. } => {
                let values = value(text, node).into_iter().collect();
                self.say(reading, text, key, values, node);
            }
        }
    }

    fn say(&mut self, reading: &mut Reading<'_>, text: &Text, key: &str, values: Vec<Value>, node: &Yaml) {
        if !self.seen.insert(key.to_owned()) {
            let why = format!("{key} stands twice: the node does not start with it since version 6");
            reading.trouble(&text.place(node.line), why);
        }
        self.all.push((key.to_owned(), Said::Values(values)));
    }

    fn unknown(&mut self, reading: &mut Reading<'_>, key: &str, place: &Place) {
        reading.unresolved(format!("the value of {key:?}"), place);
        self.all.push((key.to_owned(), Said::Unknown));
    }

    /// What stands at a key; an empty list is as none.
    pub(super) fn last(&self, key: &str) -> Option<&Said> {
        let is_there = |said: &&Said| !matches!(said, Said::Values(values) if values.is_empty());
        self.all.iter().rev().find(|(known, _)| known == key).map(|(_, said)| said).filter(is_there)
    }

    /// Whether a key has that word.
    pub(super) fn is(&self, key: &str, word: &str) -> bool {
        self.first(key).is_some_and(|value| value.word.eq_ignore_ascii_case(word))
    }

    pub(super) fn place(&self, key: &str) -> Option<Place> {
        self.first(key).map(|value| value.place.clone())
    }

    fn first(&self, key: &str) -> Option<&Value> {
        match self.last(key) {
            Some(Said::Values(values)) => values.first(),
            Some(Said::Unknown) | None => None,
        }
    }

    /// The names of transport profiles that have a port of their own.
    pub(super) fn profiles(&self) -> Vec<&str> {
        let name = |key: &'_ str| -> Option<(usize, usize)> {
            let rest = key.strip_prefix("transport.profiles.")?;
            let name = rest.strip_suffix(".port")?;
            Some((key.len() - rest.len(), name.len()))
        };
        let mut names: Vec<&str> = Vec::new();
        for (key, _) in &self.all {
            let found = name(key).and_then(|(start, length)| key.get(start..start + length));
            if let Some(found) = found.filter(|found| names.len() < PROFILES_MAX && !names.contains(found)) {
                names.push(found);
            }
        }
        names
    }

    /// A value with `${NAME}` and `${NAME:default}` replaced; unresolved, and none, where one is not known.
    pub(super) fn substituted(&self, reading: &mut Reading<'_>, value: &Value) -> Option<String> {
        let mut out = String::new();
        let mut rest = value.word.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((inside, after)) = after.split_once('}') else {
                rest = after;
                break;
            };
            match self.variable(reading, inside) {
                Some(known) => out.push_str(&known),
                None => {
                    reading.unresolved(format!("the variable {inside:?}"), &value.place);
                    return None;
                }
            }
            rest = after;
        }
        out.push_str(rest);
        Some(out)
    }

    fn variable(&self, reading: &Reading<'_>, inside: &str) -> Option<String> {
        let (name, default) = inside.split_once(':').map_or((inside, None), |(n, d)| (n, Some(d.to_owned())));
        let set = self.environment.iter().rev().find(|(known, _)| known == name);
        // The start script sets it.
        let own = || reading.facts().hostname.clone().filter(|_| name == "HOSTNAME");
        set.map(|(_, value)| value.clone()).or_else(own).or(default)
    }
}

const PROFILES_MAX: usize = 100;

fn value(text: &Text, node: &Yaml) -> Option<Value> {
    node.scalar().map(|word| Value { word: word.to_owned(), place: text.place(node.line) })
}

/// What the packages' services put into the environment.
fn environment(reading: &mut Reading<'_>) -> Vec<(String, String)> {
    let files = [
        "/etc/default/elasticsearch",
        "/etc/sysconfig/elasticsearch",
        "/etc/default/opensearch",
        "/etc/sysconfig/opensearch",
    ];
    let mut set = Vec::new();
    for file in files {
        let Some(text) = reading.open(file) else { continue };
        for (_, line) in text.lines() {
            let line = line.trim();
            let line = line.strip_prefix("export ").unwrap_or(line);
            if let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
                set.push((name.trim().to_owned(), value.trim().trim_matches(['"', '\'']).to_owned()));
            }
        }
    }
    set
}
