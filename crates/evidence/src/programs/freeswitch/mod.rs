//! FreeSWITCH: the profiles and modules of its one document, freeswitch.xml, that open ports.
//! Not here: dialplan, directory, gateways.
//! Source: developer.signalwire.com/freeswitch, "Default XML Configuration", "Sofia Configuration Files",
//! "mod_event_socket", "mod_verto", "mod_xml_rpc", "mod_msrp"; the comments of the configuration that it comes with.

mod modules;
mod preprocess;
mod servers;
mod tags;

use super::Program;
use crate::reading::Reading;
use crate::text::{Place, Text};
use preprocess::Document;
use std::collections::BTreeMap;
use std::sync::Arc;
use tags::{Kind, Tag, Tags};

pub(super) const PROGRAM: Program =
    Program { name: "freeswitch", aliases: &[], processes: &["freeswitch"], read };

/// Packages', upstream's prefix of old and of now, and BigBlueButton's.
const USUAL: [&str; 4] = [
    "/etc/freeswitch/freeswitch.xml",
    "/usr/local/freeswitch/conf/freeswitch.xml",
    "/usr/local/freeswitch/etc/freeswitch/freeswitch.xml",
    "/opt/freeswitch/etc/freeswitch/freeswitch.xml",
];
/// Elements within each other that are followed.
const DEPTH_MAX: usize = 200;
/// Parameters that are kept: the configuration that it comes with has some hundreds.
const PARAMS_MAX: usize = 200_000;

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    let usual = if mains.is_empty() { reading.open_first(&USUAL) } else { None };
    if let Some(main) = usual {
        read_main(reading, &main);
    }
    for path in mains {
        match reading.open(path) {
            Some(main) => read_main(reading, &main),
            None if reading.mode(path).is_none() => {
                reading.trouble(&Place::file(path), "there is no such file")
            }
            None => {}
        }
    }
}

fn read_main(reading: &mut Reading<'_>, main: &Arc<Text>) {
    let document = preprocess::document(reading, main);
    let configuration = Configuration::of(reading, main, &document);
    servers::open(reading, main, &configuration);
    modules::open(reading, &configuration);
}

/// What the document says of ports.
#[derive(Default)]
struct Configuration {
    /// Parameters of a file's settings, by the file's name (`event_socket.conf`).
    settings: Vec<(String, Param)>,
    profiles: Vec<Profile>,
    /// Where each file's configuration begins, by its name.
    begins: BTreeMap<String, Place>,
    /// None if there is no list: then all are assumed.
    modules: Option<Vec<String>>,
}

/// Files whose profiles open ports.
const WITH_PROFILES: [&str; 4] = ["sofia.conf", "verto.conf", "rtmp.conf", "skinny.conf"];

/// A profile of one of these.
struct Profile {
    file: String,
    name: String,
    place: Place,
    params: Vec<Param>,
}

#[derive(Debug, Clone)]
struct Param {
    name: String,
    value: String,
    is_secure: bool,
    /// Its line first, then the lines of the variables in it.
    places: Vec<Place>,
}

impl Profile {
    /// Each one sets the value anew.
    fn last(&self, name: &str) -> Option<&Param> {
        self.params.iter().rev().find(|param| param.name.eq_ignore_ascii_case(name))
    }

    fn every<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p Param> {
        self.params.iter().filter(move |param| param.name.eq_ignore_ascii_case(name))
    }
}

impl Configuration {
    fn setting(&self, file: &str, name: &str) -> Option<&Param> {
        let mine = |(of, param): &&(String, Param)| of == file && param.name.eq_ignore_ascii_case(name);
        self.settings.iter().rev().find(mine).map(|(_, param)| param)
    }

    /// Where a file's configuration begins, if there is one.
    fn begin(&self, file: &str) -> Option<&Place> {
        self.begins.get(file)
    }

    fn has(&self, module: &str) -> bool {
        self.modules.as_ref().is_none_or(|modules| modules.iter().any(|name| name == module))
    }

    fn of(reading: &mut Reading<'_>, main: &Text, document: &Document) -> Configuration {
        let mut walk = Walk::default();
        let mut tags = Tags::of(&document.content);
        for tag in tags.by_ref() {
            walk.take(reading, document, &tag);
        }
        if tags.is_cut || !walk.open.is_empty() {
            let inside = walk.open.last().map_or("a comment or tag", |open| open.name);
            reading.trouble(&main.whole(), format_args!("{inside} does not end: FreeSWITCH does not start"));
        }
        walk.found
    }
}

/// On the way through the document.
#[derive(Default)]
struct Walk<'d> {
    open: Vec<Open<'d>>,
    found: Configuration,
    params: usize,
}

struct Open<'d> {
    name: &'d str,
    /// Of a configuration that counts: its name.
    file: Option<String>,
}

impl<'d> Walk<'d> {
    fn take(&mut self, reading: &mut Reading<'_>, document: &Document, tag: &Tag<'d>) {
        if tag.kind == Kind::Close {
            match self.open.iter().rposition(|open| open.name == tag.name) {
                Some(at) if at + 1 == self.open.len() => drop(self.open.pop()),
                found => {
                    self.say(reading, document, tag, "closes what is not open: FreeSWITCH does not start");
                    self.open.truncate(found.unwrap_or(self.open.len()));
                }
            }
            return;
        }
        match tag.name {
            "param" => self.param(document, tag),
            "load" => self.load(tag),
            "profile" => self.profile(document, tag),
            _ => {}
        }
        if tag.kind == Kind::Open {
            if self.open.len() >= DEPTH_MAX {
                return self.say(
                    reading,
                    document,
                    tag,
                    "elements are nested too deep: this one was not followed",
                );
            }
            let file = (tag.name == "configuration").then(|| self.begun(document, tag));
            self.open.push(Open { name: tag.name, file });
        }
    }

    fn say(&self, reading: &mut Reading<'_>, document: &Document, tag: &Tag<'_>, what: &str) {
        if let Some(place) = document.places(tag.line).first() {
            reading.trouble(place, format_args!("<{}> {what}", tag.name));
        }
    }

    /// Of two configurations with the same name the first counts.
    fn begun(&mut self, document: &Document, tag: &Tag<'_>) -> String {
        let name = tag.attribute("name").unwrap_or("").to_owned();
        if let (Some(place), None) =
            (document.places(tag.line).into_iter().next(), self.found.begins.get(&name))
        {
            self.found.begins.insert(name.clone(), place);
            return name;
        }
        String::new()
    }

    /// The configuration that is open.
    fn file(&self) -> Option<&str> {
        self.open.iter().rev().find_map(|open| open.file.as_deref())
    }

    /// The elements that are open, the innermost first.
    fn within(&self) -> [&str; 2] {
        let mut names = self.open.iter().rev().map(|open| open.name);
        [names.next().unwrap_or(""), names.next().unwrap_or("")]
    }

    fn param(&mut self, document: &Document, tag: &Tag<'_>) {
        let is_profile = match self.within() {
            ["settings", "profile"] => true,
            ["profile", _] => self.file() == Some("verto.conf"),
            ["settings", "configuration"] => false,
            _ => return,
        };
        self.params += 1;
        let (Some(name), Some(value)) = (tag.attribute("name"), tag.attribute("value")) else { return };
        if self.params > PARAMS_MAX {
            return;
        }
        let is_secure = tag.attribute("secure").is_some_and(is_true);
        let (name, value, places) = (name.to_owned(), value.trim().to_owned(), document.places(tag.line));
        let param = Param { name, value, is_secure, places };
        let file = self.file().unwrap_or("sofia.conf").to_owned();
        match self.found.profiles.last_mut().filter(|_| is_profile) {
            Some(profile) => profile.params.push(param),
            None if !is_profile => self.found.settings.push((file, param)),
            None => {}
        }
    }

    fn profile(&mut self, document: &Document, tag: &Tag<'_>) {
        let file = self.file().unwrap_or("sofia.conf").to_owned();
        let is_mine = WITH_PROFILES.contains(&file.as_str()) && matches!(self.within()[0], "profiles" | "");
        let (Some(place), true) = (document.places(tag.line).into_iter().next(), is_mine) else { return };
        let name = tag.attribute("name").unwrap_or("").to_owned();
        self.found.profiles.push(Profile { file, name, place, params: Vec::new() });
    }

    fn load(&mut self, tag: &Tag<'_>) {
        let is_list = self.file().is_some_and(|file| file.ends_with("modules.conf"));
        if let (true, Some(module)) = (is_list, tag.attribute("module")) {
            let module = module.strip_suffix(".so").unwrap_or(module).to_owned();
            let modules = self.found.modules.get_or_insert_default();
            if modules.len() < PARAMS_MAX {
                modules.push(module);
            }
        }
    }
}

/// What FreeSWITCH takes for yes.
fn is_true(value: &str) -> bool {
    let yes = ["yes", "on", "true", "t", "enabled", "active", "allow"];
    yes.iter().any(|word| value.eq_ignore_ascii_case(word))
        || value.parse::<i64>().is_ok_and(|number| number != 0)
}
