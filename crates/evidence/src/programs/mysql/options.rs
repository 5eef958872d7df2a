//! The servers' option files: lines to settings, in the order in which they count.
//! Source: MySQL's manual, "Using Option Files"; MariaDB's "Configuring MariaDB with Option Files".
//! Not here: what a setting means.

use super::super::beside::beside;
use super::super::template;
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text, join};
use std::sync::Arc;

/// Groups of different names. Real files have fewer than fifty.
const GROUPS_MAX: usize = 1_000;

/// All option files of one server, read.
#[derive(Default)]
pub(super) struct Options {
    /// In file order; the last of a name counts.
    pub(super) settings: Vec<Setting>,
    /// The groups that were begun, and where.
    pub(super) groups: Vec<(String, Place)>,
    /// The main files.
    pub(super) mains: Vec<Arc<Text>>,
    /// Where the main file is, if it is at an unusual place.
    moved: Option<String>,
}

/// One line of an option file.
pub(super) struct Setting {
    /// In lower case.
    pub(super) group: String,
    /// In lower case, with underscores, without `loose_`.
    pub(super) key: String,
    /// Without quotes and escapes; none for a key alone.
    pub(super) value: Option<String>,
    pub(super) place: Place,
}

impl Options {
    /// A main file that an operator named.
    pub(super) fn named(reading: &mut Reading<'_>, path: &str) -> Option<Options> {
        let text = reading.open(path)?;
        let mut options = Options { moved: Some(text.directory().to_owned()), ..Options::default() };
        options.main(reading, text);
        Some(options)
    }

    /// The usual files, those that there are.
    pub(super) fn usual(reading: &mut Reading<'_>, paths: &[String]) -> Options {
        let mut options = Options::default();
        for path in paths {
            if let Some(text) = reading.open(path) {
                options.main(reading, text);
            }
        }
        options
    }

    fn main(&mut self, reading: &mut Reading<'_>, text: Arc<Text>) {
        self.mains.push(text.clone());
        self.file(reading, &text);
    }

    fn file(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>) {
        let is_ignored = reading.mode(text.path()).is_some_and(|mode| mode & 0o002 != 0);
        if is_ignored {
            reading.trouble(&text.whole(), "everybody may write to it, so that the server ignores it");
        }
        // Each file begins without a group, and an included one does not change the includer's.
        let (mut group, mut blocks): (Option<String>, _) = (None, template::Blocks::default());
        for (number, line) in text.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if blocks.is_statement(reading, line, &text.place(number)) {
                continue;
            }
            if let Some(rest) = line.strip_prefix('[') {
                group = self.group(reading, rest, &text.place(number)).or(group);
            } else if is_ignored {
                // The groups alone still tell that there is a server.
            } else if let Some(directive) = line.strip_prefix('!') {
                self.directive(reading, text, number, directive);
            } else if let Some(group) = &group {
                self.setting(reading, group, line, text.place(number), &blocks);
            } else {
                let why = "an option before any [group]: the server does not start with it";
                reading.trouble(&text.place(number), why);
            }
        }
    }

    fn setting(
        &mut self,
        reading: &mut Reading<'_>,
        group: &str,
        line: &str,
        at: Place,
        blocks: &template::Blocks,
    ) {
        let mut setting = Setting::of(group, line, at);
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
        if !setting.key.chars().all(is_name) && super::is_servers(group) {
            let why = "not understood; expected NAME or NAME=VALUE: the server does not start with it";
            reading.trouble(&setting.place, why);
        }
        if blocks.value(setting.value()) != setting.value() {
            setting.value = Some(blocks.value(setting.value()).to_owned());
        }
        self.settings.push(setting);
    }

    fn group(&mut self, reading: &mut Reading<'_>, rest: &str, at: &Place) -> Option<String> {
        let Some((name, _)) = rest.split_once(']') else {
            reading.trouble(at, "a group without ']': the server does not start with it");
            return None;
        };
        // Blanks before the name belong to it: `[ mysqld ]` is nobody's group.
        let name = name.trim_end().to_ascii_lowercase();
        if self.groups.len() < GROUPS_MAX && !self.groups.iter().any(|(known, _)| *known == name) {
            self.groups.push((name.clone(), at.clone()));
        }
        Some(name)
    }

    fn directive(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, number: u32, directive: &str) {
        let (word, path) = directive.split_once(char::is_whitespace).unwrap_or((directive, ""));
        let path = match &self.moved {
            Some(directory) => beside(reading, directory, path.trim()),
            None => path.trim().to_owned(),
        };
        match word {
            // A file that is not there is passed over without a word.
            "include" if !path.is_empty() => {
                if let Some(included) = reading.include(text, number, &path, Absent::IsFine) {
                    self.file(reading, &included);
                }
            }
            "includedir" if !path.is_empty() => self.directory(reading, text, number, &path),
            _ => reading.trouble(
                &text.place(number),
                "not understood; expected !include FILE or !includedir DIRECTORY",
            ),
        }
    }

    /// Files that end in `.cnf`, in order of their names; hidden ones too.
    fn directory(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, number: u32, path: &str) {
        let directory = join(text.directory(), path);
        let names = reading.list(&directory);
        if names.is_empty() && reading.mode(&directory).is_none() {
            let why = format!("{directory}: there is no such directory; the server does not start without");
            return reading.trouble(&text.place(number), why);
        }
        for name in names.iter().filter(|name| name.ends_with(".cnf")) {
            let path = join(&directory, name);
            if let Some(included) = reading.include(text, number, &path, Absent::IsFine) {
                self.file(reading, &included);
            }
        }
    }
}

impl Setting {
    fn of(group: &str, line: &str, place: Place) -> Setting {
        let line = without_comment(line);
        let (key, value) = match line.split_once('=') {
            Some((key, value)) => (key, Some(unquoted(value.trim()))),
            None => (line, None),
        };
        let key = key.trim().to_ascii_lowercase().replace('-', "_");
        // An option that may be unknown; known, it is as without the prefix.
        let key = in_full(key.strip_prefix("loose_").unwrap_or(&key)).to_owned();
        let (key, value) = match switched_off(&key) {
            Some(name) => (name.to_owned(), Some("0".to_owned())),
            None => (key, value),
        };
        Setting { group: group.to_owned(), key, value, place }
    }

    /// The value, empty where there is none.
    pub(super) fn value(&self) -> &str {
        self.value.as_deref().unwrap_or("")
    }
}

/// `skip_` before a variable that is no switch sets it to 0, which is the wildcard as an address, and the
/// default as a port; measured on MariaDB 10.11.
fn switched_off(key: &str) -> Option<&'static str> {
    let name = key.strip_prefix("skip_").or_else(|| key.strip_prefix("disable_"))?;
    ["bind_address", "port", "mysqlx_bind_address", "mysqlx_port"].into_iter().find(|known| *known == name)
}

/// A name may be cut where no other begins so.
fn in_full(key: &str) -> &str {
    let shortest = [("bind_address", "bind"), ("skip_networking", "skip_net")];
    let is_cut = |(full, short): &(&str, &str)| key.starts_with(short) && full.starts_with(key);
    shortest.into_iter().find(is_cut).map_or(key, |(full, _)| full)
}

/// `#` begins a comment anywhere outside quotes; `;` only at the beginning of a line.
fn without_comment(line: &str) -> &str {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') => return line.get(..at).unwrap_or(line),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if c == open && !escaped => quote = None,
            _ => {}
        }
        escaped = quote.is_some() && c == '\\' && !escaped;
    }
    line
}

fn unquoted(value: &str) -> String {
    let within = |quote| value.strip_prefix(quote).and_then(|v: &str| v.strip_suffix(quote));
    let bare = within('"').or_else(|| within('\'')).unwrap_or(value);
    let mut plain = String::with_capacity(bare.len());
    let mut chars = bare.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.push_str(&escape(chars.next())),
            c => plain.push(c),
        }
    }
    plain
}

fn escape(after: Option<char>) -> String {
    match after {
        Some('n') => "\n".into(),
        Some('t') => "\t".into(),
        Some('r') => "\r".into(),
        Some('b') => "\u{8}".into(),
        Some('s') => " ".into(),
        Some(c @ ('"' | '\'' | '\\')) => c.into(),
        Some(c) => format!("\\{c}"),
        None => "\\".into(),
    }
}
