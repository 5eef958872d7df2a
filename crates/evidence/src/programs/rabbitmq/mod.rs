//! RabbitMQ: its main file in either form, what stands beside it, and the listeners that follow.
//! Source: rabbitmq.com's pages Configuration, Networking, Plugins and Clustering; rabbitmq-env.conf(5); the
//! schema files of each plugin.

mod broker;
mod conf;
mod env;
mod plugins;
mod terms;

use super::Program;
use crate::reading::Reading;
use crate::text::{Place, Text, join, parent};
use env::Env;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const PROGRAM: Program =
    Program { name: "rabbitmq", aliases: &["rabbitmq-server"], processes: &["beam.smp", "epmd"], read };

/// The packages', and those of archives that were unpacked.
const DIRECTORIES: [&str; 4] = [
    "/etc/rabbitmq",
    "/usr/local/etc/rabbitmq",
    "/opt/rabbitmq/etc/rabbitmq",
    "/opt/bitnami/rabbitmq/etc/rabbitmq",
];

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    let Some(files) = Files::find(reading, mains) else { return };
    let env = files.env.as_ref().map(|text| Env::of(text)).unwrap_or_default();
    let mut settings = Settings::default();
    let mut opened = Vec::new();
    let candidates = files.main(reading, &env, &mut settings, &mut opened);
    let plugins =
        plugins::Plugins::of(reading, &files.directory, files.plugins.as_deref(), &env, &mut opened);
    opened.extend(files.env.clone());
    // A main file that there is and that was not read may say anything: no defaults then.
    let is_read =
        |path: &String| reading.mode(path).is_none() || opened.iter().any(|text| text.path() == path);
    if !candidates.iter().all(is_read) {
        return;
    }
    if let Some(text) = opened.first() {
        broker::open(reading, &settings, &env, &plugins, text);
    }
}

/// Which files there are.
struct Files {
    directory: String,
    /// The configuration files that were named; none where they are to be looked for.
    mains: Vec<String>,
    env: Option<Arc<Text>>,
    plugins: Option<String>,
    is_named: bool,
}

impl Files {
    fn find(reading: &mut Reading<'_>, mains: &[&str]) -> Option<Files> {
        if mains.is_empty() {
            let here = |directory: &&&str| !reading.list(directory).is_empty();
            let directory = (*DIRECTORIES.iter().find(here)?).to_owned();
            let env = reading.open(&join(&directory, "rabbitmq-env.conf"));
            return Some(Files { directory, mains: Vec::new(), env, plugins: None, is_named: false });
        }
        let of_name = |end: &str| mains.iter().find(|path| path.ends_with(end)).copied();
        let named_env = of_name("env.conf");
        let plugins = of_name("enabled_plugins");
        let is_main = |path: &&&str| Some(**path) != named_env && Some(**path) != plugins;
        let rest: Vec<String> = mains.iter().filter(is_main).map(|path| (*path).to_owned()).collect();
        let directory = mains.first().map_or("/", |path| parent(path)).to_owned();
        let beside = join(&directory, "rabbitmq-env.conf");
        let env = reading.open(named_env.unwrap_or(&beside));
        for path in mains {
            if reading.mode(path).is_none() {
                reading.trouble(&Place::file(path), "there is no such file");
            }
        }
        let plugins = plugins.map(str::to_owned);
        Some(Files { directory, mains: rest, env, plugins, is_named: true })
    }

    /// The main file, what stands in `conf.d`, and `advanced.config` over it. Returns the main files' paths.
    fn main(
        &self,
        reading: &mut Reading<'_>,
        env: &Env,
        settings: &mut Settings,
        opened: &mut Vec<Arc<Text>>,
    ) -> Vec<String> {
        let (confs, terms) = self.configs(reading, env);
        let mut said = conf::Said::new();
        for text in &confs {
            settings.is_cut |= !conf::parse(reading, text, &mut said);
        }
        conf::apply(reading, &said, settings);
        for text in &terms {
            terms::apply(reading, text, settings);
        }
        opened.extend(confs);
        opened.extend(terms);
        if self.mains.is_empty() { vec![format!("{}.conf", self.base(env))] } else { self.mains.clone() }
    }

    /// The main file's path without its ending.
    fn base(&self, env: &Env) -> String {
        let base = env.path("CONFIG_FILE").unwrap_or_else(|| join(&self.directory, "rabbitmq"));
        base.trim_end_matches(".config").trim_end_matches(".conf").to_owned()
    }

    /// Files of `key = value`, and of Erlang terms. An old `rabbitmq.config` is not read where there is a
    /// `rabbitmq.conf`.
    fn configs(&self, reading: &mut Reading<'_>, env: &Env) -> (Vec<Arc<Text>>, Vec<Arc<Text>>) {
        let (mut confs, mut terms): (Vec<Arc<Text>>, Vec<Arc<Text>>) = (Vec::new(), Vec::new());
        for path in self.mains.iter().filter(|path| !path.ends_with("advanced.config")) {
            let text = reading.open(path);
            if is_terms(path, text.as_deref()) { terms.extend(text) } else { confs.extend(text) }
        }
        if self.mains.is_empty() {
            let base = self.base(env);
            confs.extend(reading.open(&format!("{base}.conf")));
            if confs.is_empty() {
                terms.extend(reading.open(&format!("{base}.config")));
            }
        }
        if terms.is_empty() {
            let pattern = env.path("CONFIG_FILES").unwrap_or_else(|| join(&self.directory, "conf.d/*.conf"));
            let pattern = if pattern.contains('*') { pattern } else { format!("{pattern}/*.conf") };
            let paths = reading.expand(&pattern, &Place::file(&self.directory));
            confs.extend(paths.iter().filter_map(|path| reading.open(path)).collect::<Vec<_>>());
        }
        let named = self.mains.iter().find(|path| path.ends_with("advanced.config")).cloned();
        let advanced = named.or_else(|| env.path("ADVANCED_CONFIG_FILE"));
        let advanced = advanced.unwrap_or_else(|| join(&self.directory, "advanced.config"));
        let advanced = if advanced.ends_with(".config") { advanced } else { format!("{advanced}.config") };
        if !self.is_named || !confs.is_empty() || self.mains.contains(&advanced) {
            terms.extend(reading.open(&advanced));
        }
        (confs, terms)
    }
}

/// By its name, and where that does not tell by its first character: terms are a list.
fn is_terms(path: &str, text: Option<&Text>) -> bool {
    let content = text.map_or("", Text::content);
    let first = content.lines().map(str::trim_start).find(|line| !line.is_empty() && !line.starts_with('%'));
    match path.rsplit_once('.') {
        Some((_, "conf")) => false,
        Some((_, "config")) => true,
        _ => first.is_some_and(|line| line.starts_with('[')),
    }
}

/// An address and a port that one application's list names.
#[derive(Debug, Clone)]
struct Bind {
    /// None: the address that the application takes where only a port is said.
    host: Option<String>,
    port: String,
    place: Place,
}

/// A listener of the web kind: one a protocol.
#[derive(Debug, Clone, Default)]
struct Web {
    ip: Option<(String, Place)>,
    port: Option<(String, Place)>,
    is_tls: Option<Place>,
    /// The first line that says anything of it.
    place: Option<Place>,
    is_off: bool,
    /// Whether it is said at all is not known.
    is_unknown: bool,
}

/// What the files say, by application and key. What is said later replaces it.
#[derive(Debug, Default)]
struct Settings {
    lists: BTreeMap<(String, &'static str), Vec<Bind>>,
    webs: BTreeMap<(String, &'static str), Web>,
    /// Of the application `kernel`: `inet_dist_listen_min` and the like.
    kernel: BTreeMap<String, (String, Place)>,
    /// A file was not read to its end: what is not said above may be said there.
    is_cut: bool,
}
