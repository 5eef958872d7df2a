//! FreeSWITCH's preprocessor: line by line, before anything is XML. It sets variables, puts them in, and
//! includes files. A comment of XML does not stop it: `<!-- <X-PRE-PROCESS … /> -->` is obeyed.
//! Source: developer.signalwire.com/freeswitch, "Preprocessor Commands", "Default XML Configuration".

use crate::reading::{Absent, Reading};
use crate::text::{Place, Text};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// The largest line that variables may make, in bytes: they multiply. FreeSWITCH itself stops at twice the
/// line's own length.
const LINE_BYTES_MAX: usize = 4 << 10;
/// The longest name of a variable, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// All lines together.
const BYTES_MAX: usize = 16 << 20;
const LINES_MAX: usize = 2_000_000;

/// One document made of all files, with where each of its lines comes from.
#[derive(Default)]
pub(super) struct Document {
    pub(super) content: String,
    origins: Vec<Origin>,
}

struct Origin {
    text: Arc<Text>,
    line: u32,
    /// Where the variables were set that were put in.
    variables: Vec<Place>,
}

impl Document {
    /// The places of a line of the document, from 0: itself, and its variables.
    pub(super) fn places(&self, line: usize) -> Vec<Place> {
        let origin = self.origins.get(line);
        let own = origin.map(|origin| origin.text.place(origin.line));
        own.into_iter().chain(origin.iter().flat_map(|origin| origin.variables.iter().cloned())).collect()
    }
}

/// Main file first; what it includes where it includes it.
pub(super) fn document(reading: &mut Reading<'_>, main: &Arc<Text>) -> Document {
    let mut variables = HashMap::new();
    for (name, address) in own_addresses(reading) {
        variables.insert(name.to_owned(), Variable { value: Some(address), place: None });
    }
    let mut preprocess = Preprocess { variables, document: Document::default(), is_full: false };
    preprocess.file(reading, main);
    preprocess.document
}

/// The variables of the host's own address, where there is only one that it can be.
fn own_addresses(reading: &Reading<'_>) -> Vec<(&'static str, String)> {
    let all = || {
        reading
            .facts()
            .interfaces
            .all()
            .into_iter()
            .flatten()
            .map(|(_, ip)| *ip)
            .filter(|ip| !ip.is_loopback())
    };
    let is_v6 = |ip: &IpAddr| matches!(ip, IpAddr::V6(v6) if !v6.is_unicast_link_local());
    let v4 = only(all().filter(IpAddr::is_ipv4)).map(|ip| ("local_ip_v4", ip.to_string()));
    let v6 = only(all().filter(is_v6)).map(|ip| ("local_ip_v6", ip.to_string()));
    v4.into_iter().chain(v6).collect()
}

/// The one of them, if there is one and no other.
pub(super) fn only(mut all: impl Iterator<Item = IpAddr>) -> Option<IpAddr> {
    all.next().filter(|_| all.next().is_none())
}

struct Variable {
    /// None if only a running host knows.
    value: Option<String>,
    /// None if it is FreeSWITCH's own.
    place: Option<Place>,
}

struct Preprocess {
    variables: HashMap<String, Variable>,
    document: Document,
    is_full: bool,
}

impl Preprocess {
    fn file(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>) {
        let mut is_note = false;
        for (number, raw) in text.lines() {
            if self.is_full {
                return;
            }
            let (line, variables) = self.expanded(raw);
            // Lines with these are left out as a whole, for the sake of validators.
            if ["<include>", "</include>", "<?"].iter().any(|word| raw.contains(word)) {
                continue;
            }
            let mut rest = line.as_str();
            if is_note {
                let Some((_, after)) = line.split_once("-->") else { continue };
                (is_note, rest) = (false, after);
            }
            let lower = rest.to_ascii_lowercase();
            if let Some(at) = lower.find("x-pre-process") {
                if lower.get(..at).is_some_and(|before| before.ends_with('<')) {
                    let (cmd, data) = attributes(rest.get(at..).unwrap_or(""));
                    self.command(reading, text, number, cmd, data);
                }
            } else if let Some((before, after)) = rest.split_once("<!--#") {
                is_note = !after.contains("-->");
                let after = after.split("-->").next().unwrap_or("");
                let (cmd, data) = after.split_once(' ').unwrap_or((after, ""));
                let data = data.split('"').nth(1).unwrap_or(data);
                let (before, cmd, data) = (before.to_owned(), cmd.to_owned(), data.to_owned());
                self.put(reading, text, number, &before, variables);
                self.command(reading, text, number, &cmd, &data);
            } else {
                self.put(reading, text, number, rest, variables);
            }
        }
    }

    fn put(
        &mut self,
        reading: &mut Reading<'_>,
        text: &Arc<Text>,
        line: u32,
        content: &str,
        variables: Vec<Place>,
    ) {
        if content.trim().is_empty() {
            return;
        }
        if self.document.content.len() + content.len() > BYTES_MAX || self.document.origins.len() >= LINES_MAX
        {
            self.is_full = true;
            return reading
                .trouble(&text.place(line), "the rest was not read: the files make too large a document");
        }
        self.document.content.push_str(content);
        self.document.content.push('\n');
        self.document.origins.push(Origin { text: text.clone(), line, variables });
    }

    fn command(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, line: u32, cmd: &str, data: &str) {
        let place = text.place(line);
        let name = data.split('=').next().unwrap_or("").trim_end_matches(' ').to_owned();
        let unknown = Variable { value: None, place: Some(place.clone()) };
        match cmd.to_ascii_lowercase().as_str() {
            "set" => {
                if let Some((_, value)) = data.split_once('=') {
                    let value = Some(value.trim_start_matches(' ').to_owned());
                    self.variables.insert(name, Variable { value, place: Some(place) });
                }
            }
            "exec-set" | "stun-set" | "env-set" => drop(self.variables.insert(name, unknown)),
            "exec" => reading.unresolved("what a program prints that is run for the configuration", &place),
            "include" => {
                for included in reading.include_all(text, line, data, Absent::IsTrouble) {
                    self.file(reading, &included);
                }
            }
            "comment" => {}
            other => reading
                .trouble(&place, format_args!("{other:?} is no command; expected set, include or exec")),
        }
    }

    /// With `$${name}` put in, and where those were set. What is not known stays as it is written.
    fn expanded(&self, line: &str) -> (String, Vec<Place>) {
        let (mut made, mut places) = (String::new(), Vec::new());
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("$${") {
            made.push_str(before);
            let near = after.get(..after.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or("");
            let known = near.split_once('}').and_then(|(name, _)| {
                let variable = self.variables.get(name)?;
                Some((variable.value.as_ref()?, &variable.place, after.get(name.len() + 1..)?))
            });
            match known {
                Some((value, place, after)) if made.len() + value.len() <= LINE_BYTES_MAX => {
                    made.push_str(value);
                    places.extend(place.clone());
                    rest = after;
                }
                _ => {
                    made.push_str("$${");
                    rest = after;
                }
            }
        }
        made.push_str(rest);
        places.dedup();
        places.truncate(16);
        (made, places)
    }
}

/// `cmd="…"` and then `data="…"`.
fn attributes(tag: &str) -> (&str, &str) {
    let value = |text: &'_ str, key: &str| -> Option<(usize, usize)> {
        let at = text.to_ascii_lowercase().find(key)?;
        let equals = at + text.get(at..)?.find('=')?;
        let begin = equals + text.get(equals..)?.find('"')? + 1;
        Some((begin, begin + text.get(begin..)?.find('"')?))
    };
    let Some((begin, end)) = value(tag, "cmd") else { return ("", "") };
    let cmd = tag.get(begin..end).unwrap_or("");
    let rest = tag.get(end + 1..).unwrap_or("");
    let data = value(rest, "data").and_then(|(begin, end)| rest.get(begin..end)).unwrap_or("");
    (cmd, data)
}
