//! ejabberd: its main file in YAML or, of old versions, in Erlang terms, and what it includes.
//! Source: docs.ejabberd.im, Listen Modules, Listen Options, Top-Level Options and Security; ejabberdctl(8).

mod classic;
mod listen;
mod macros;
mod node;

use super::Program;
use crate::formats::directives::Blanked;
use crate::formats::yaml::{self, Yaml};
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text, join, parent};
use macros::Macros;
use std::sync::Arc;

pub(super) const PROGRAM: Program =
    Program { name: "ejabberd", aliases: &["ejabberd-server"], processes: &["beam.smp", "epmd"], read };

const USUAL: [&str; 6] = [
    "/etc/ejabberd/ejabberd.yml",
    "/opt/ejabberd/conf/ejabberd.yml",
    "/home/ejabberd/conf/ejabberd.yml",
    "/usr/local/etc/ejabberd/ejabberd.yml",
    "/etc/ejabberd/ejabberd.cfg",
    "/usr/local/etc/ejabberd/ejabberd.cfg",
];
/// Where the service runs, from which it sees relative paths.
const RUNS_IN: [&str; 3] = ["/var/lib/ejabberd", "/opt/ejabberd", "/home/ejabberd"];

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    let (ctl, mains): (Vec<&str>, Vec<&str>) = mains.iter().partition(|path| path.ends_with("ctl.cfg"));
    let usual = if mains.is_empty() { &USUAL[..] } else { &mains[..] };
    let directory = ctl.first().or(usual.first()).map_or("/", |path| parent(path));
    let ctl = ctl.first().map_or_else(|| join(directory, "ejabberdctl.cfg"), |path| (*path).to_owned());
    let node = node::Node::of(reading, &[&ctl, "/etc/default/ejabberd"]);
    let named = node.config().filter(|_| mains.is_empty());
    let main = named.and_then(|path| reading.open(&path)).or_else(|| reading.open_first(usual));
    let Some(text) = main else {
        for path in mains {
            if reading.mode(path).is_none() {
                reading.trouble(&Place::file(path), "there is no such file");
            }
        }
        return;
    };
    let mut config = Config::default();
    config.take(reading, &text, &Filter::default());
    for entry in &config.listeners {
        listen::open(reading, &config.macros, entry);
    }
    for entry in &config.modules {
        listen::open_module(reading, &config.macros, entry);
    }
    node.open(reading, &text);
}

/// A part of a file.
#[derive(Debug, Clone)]
struct Entry {
    text: Arc<Text>,
    yaml: Arc<Yaml>,
    /// The directives of a template that the file is.
    template: Option<Arc<Blanked>>,
}

impl Entry {
    fn is_perhaps(&self, line: u32) -> bool {
        self.template.as_ref().is_some_and(|template| template.is_perhaps(line))
    }
}

/// What the main file and its includes say together.
#[derive(Debug, Default)]
struct Config {
    /// Values of `listen`: lists, or macros of them.
    listeners: Vec<Entry>,
    /// Values of `modules`.
    modules: Vec<Entry>,
    macros: Macros,
}

/// Which options an include may set.
#[derive(Debug, Clone, Default)]
struct Filter {
    disallow: Vec<String>,
    allow_only: Option<Vec<String>>,
}

impl Filter {
    fn lets(&self, option: &str) -> bool {
        let is = |options: &Vec<String>| options.iter().any(|one| one == option);
        !is(&self.disallow) && self.allow_only.as_ref().is_none_or(is)
    }

    fn of(options: &Yaml) -> Filter {
        let words = |yaml: &Arc<Yaml>| match yaml.scalar() {
            Some(word) => vec![word.to_owned()],
            None => yaml.items().iter().filter_map(|one| one.scalar()).map(str::to_owned).collect(),
        };
        let disallow = options.value("disallow").map(words).unwrap_or_default();
        Filter { disallow, allow_only: options.value("allow_only").map(words) }
    }
}

impl Config {
    fn take(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, filter: &Filter) {
        let is_classic = text.path().ends_with(".cfg");
        let template = if is_classic { None } else { Blanked::of(text).map(Arc::new) };
        let root = match &template {
            _ if is_classic => Some(classic::parse(reading, text)),
            Some(template) => yaml::parse(reading, &template.text),
            None => yaml::parse(reading, text),
        };
        let Some(root) = root else { return };
        if root.entries().is_empty() && !root.is_null() {
            reading.trouble(&text.whole(), "expected options, as `listen:`");
        }
        for (key, value) in root.entries() {
            let option = key.scalar().unwrap_or("");
            let entry = Entry { text: text.clone(), yaml: value.clone(), template: template.clone() };
            match option {
                "include_config_file" => self.include(reading, text, value),
                _ if !filter.lets(option) => {}
                "define_macro" | "define_keyword" => self.macros.define(value),
                "listen" => self.listeners.push(entry),
                "modules" => self.modules.push(entry),
                "host_config" | "append_host_config" => self.hosts(&entry),
                _ => {}
            }
        }
    }

    /// Modules that a virtual host has of its own.
    fn hosts(&mut self, entry: &Entry) {
        for (_, options) in entry.yaml.entries() {
            let modules = options.value("modules").into_iter();
            self.modules.extend(modules.map(|yaml| Entry { yaml: yaml.clone(), ..entry.clone() }));
        }
    }

    /// `path`, `[path, …]`, `{path: {disallow: […], allow_only: […]}}`.
    fn include(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, value: &Arc<Yaml>) {
        if let Some(path) = value.scalar().filter(|path| !path.is_empty()) {
            self.include_one(reading, text, (path, value.line), &Filter::default());
        }
        for one in value.items() {
            // Lists do not stand in lists here, so that this is as deep as it goes.
            match one.scalar() {
                Some(path) => self.include_one(reading, text, (path, one.line), &Filter::default()),
                None => self.include_map(reading, text, one),
            }
        }
        self.include_map(reading, text, value);
    }

    fn include_map(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, map: &Yaml) {
        for (path, options) in map.entries() {
            if let Some(word) = path.scalar() {
                self.include_one(reading, text, (word, path.line), &Filter::of(options));
            }
        }
    }

    fn include_one(
        &mut self,
        reading: &mut Reading<'_>,
        text: &Arc<Text>,
        (path, line): (&str, u32),
        filter: &Filter,
    ) {
        if path.contains(['$', '@', '{']) {
            return reading.unresolved(format!("the included file {path:?}"), &text.place(line));
        }
        let path = located(reading, text, path);
        if let Some(included) = reading.include(text, line, &path, Absent::IsTrouble) {
            self.take(reading, &included, filter);
        }
    }
}

/// A relative path is seen from where the service runs; one that stands beside the file is what is meant. An
/// absolute one that is not there may lie beside the file too, where files were gathered in another place.
fn located(reading: &Reading<'_>, text: &Text, path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let there = std::iter::once(join(text.directory(), path))
        .chain(RUNS_IN.iter().map(|directory| join(directory, path)))
        .chain(std::iter::once(join(text.directory(), name)))
        .find(|path| reading.mode(path).is_some());
    there.unwrap_or_else(|| join(text.directory(), path))
}
