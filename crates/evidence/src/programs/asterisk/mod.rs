//! Asterisk: the files of its configuration directory that open ports, and the modules that read them.
//! Not here: dialplan, peers and what is reached from here.
//! Source: docs.asterisk.org, "Directory and File Structure", "Configuring the Asterisk Module Loader", and
//! the pages named in each part.

mod comments;
mod config;
mod media;
mod phones;
mod servers;
mod sip;

use super::Program;
use crate::reading::Reading;
use crate::text::{Place, Text, join, parent};
use config::{Config, Setting};
use std::sync::Arc;

pub(super) const PROGRAM: Program =
    Program { name: "asterisk", aliases: &[], processes: &["asterisk"], read };

/// Packages', and upstream's with a prefix of its own.
const USUAL: [&str; 2] = ["/etc/asterisk", "/usr/local/etc/asterisk"];
/// The files that say something here.
const FILES: [&str; 13] = [
    "asterisk.conf",
    "modules.conf",
    "pjsip.conf",
    "sip.conf",
    "iax.conf",
    "dundi.conf",
    "unistim.conf",
    "skinny.conf",
    "mgcp.conf",
    "rtp.conf",
    "udptl.conf",
    "manager.conf",
    "http.conf",
];

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    let Some(etc) = Etc::of(reading, mains) else { return };
    let modules = Modules::read(reading, &etc);
    let pjsip = modules.has("res_pjsip") && sip::pjsip(reading, &etc);
    let chan_sip = modules.has("chan_sip") && sip::chan_sip(reading, &etc);
    if modules.has("chan_iax2") {
        media::iax(reading, &etc);
    }
    if modules.has("pbx_dundi") {
        media::dundi(reading, &etc);
    }
    phones::open(reading, &etc, &modules);
    if modules.has("res_rtp_asterisk") {
        media::rtp(reading, &etc, pjsip || chan_sip);
    }
    // These are part of Asterisk itself.
    media::udptl(reading, &etc);
    servers::manager(reading, &etc);
    servers::http(reading, &etc);
}

/// The configuration directory.
struct Etc {
    directory: String,
    /// Files that were named, wherever they are.
    named: Vec<String>,
    is_named: bool,
}

impl Etc {
    /// The directory of the first named file; of asterisk.conf, which may say another, if none was named.
    fn of(reading: &mut Reading<'_>, mains: &[&str]) -> Option<Etc> {
        let Some(first) = mains.first() else { return Etc::usual(reading) };
        for main in mains.iter().filter(|main| reading.mode(main).is_none()).collect::<Vec<_>>() {
            reading.trouble(&Place::file(main), "there is no such file");
        }
        let mut named: Vec<String> = mains.iter().map(|main| (*main).to_owned()).collect();
        if !mains.iter().any(|main| FILES.contains(&base(main)) || base(main) == "ari.conf") {
            // A file of another name: transports are what can be told without knowing which it is.
            named = vec![format!("{first}\npjsip.conf")];
        }
        Some(Etc { directory: parent(first).to_owned(), named, is_named: true })
    }

    fn usual(reading: &mut Reading<'_>) -> Option<Etc> {
        let directory = USUAL.into_iter().find(|directory| !reading.list(directory).is_empty())?;
        let mut etc = Etc { directory: directory.to_owned(), named: Vec::new(), is_named: false };
        if let Some((_, config)) = etc.config(reading, "asterisk.conf") {
            let moved = config.section("directories").and_then(|section| section.last("astetcdir"));
            if let Some(moved) = moved.filter(|moved| moved.value.starts_with('/')) {
                etc.directory = join("/", &moved.value);
            }
        }
        Some(etc)
    }

    fn path(&self, name: &str) -> String {
        let named = self.named.iter().find(|path| base(path) == name);
        let other = self.named.iter().find_map(|path| path.strip_suffix(name)?.strip_suffix('\n'));
        other.or(named.map(String::as_str)).map_or_else(|| join(&self.directory, name), str::to_owned)
    }

    /// A file of the directory, where there is one. Its module is idle without.
    fn config(&self, reading: &mut Reading<'_>, name: &str) -> Option<(Arc<Text>, Config)> {
        let text = reading.open(&self.path(name))?;
        let config = Config::read(reading, self, &text);
        Some((text, config))
    }
}

fn base(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Which modules run: modules.conf. Without that file Asterisk loads none; but then what was handed to us is
/// not all of its directory, and all are assumed.
struct Modules {
    loads_all: bool,
    loaded: Vec<String>,
    left_out: Vec<String>,
}

impl Modules {
    fn read(reading: &mut Reading<'_>, etc: &Etc) -> Modules {
        let mut modules = Modules { loads_all: true, loaded: Vec::new(), left_out: Vec::new() };
        let Some((_, config)) = etc.config(reading, "modules.conf") else { return modules };
        let Some(section) = config.section("modules") else { return modules };
        modules.loads_all = section.first("autoload").is_some_and(is_true);
        for Setting { key, value, .. } in section.settings() {
            let name = value.strip_suffix(".so").unwrap_or(value).to_owned();
            match key.to_ascii_lowercase().as_str() {
                "load" | "preload" | "require" | "preload-require" | "load-require" => {
                    modules.loaded.push(name)
                }
                "noload" => modules.left_out.push(name),
                _ => {}
            }
        }
        modules
    }

    fn has(&self, name: &str) -> bool {
        !among(&self.left_out, name) && (self.loads_all || self.names(name))
    }

    /// Whether it is loaded by its name, and not only because all are.
    fn names(&self, name: &str) -> bool {
        among(&self.loaded, name)
    }
}

fn among(names: &[String], name: &str) -> bool {
    names.iter().any(|other| other.eq_ignore_ascii_case(name))
}

/// What Asterisk takes for yes; everything else is no.
fn is_true(setting: &Setting) -> bool {
    ["yes", "true", "y", "t", "1", "on"].iter().any(|yes| setting.value.eq_ignore_ascii_case(yes))
}
