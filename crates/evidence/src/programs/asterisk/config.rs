//! Asterisk's configuration syntax: sections with templates, includes, and comments that nest.
//! Not here: what any file's options mean.
//! Source: docs.asterisk.org, "Asterisk Configuration Files": "Config File Format", "Comments", "Using The
//! include, tryinclude and exec Constructs", "Adding to an existing section", "Templates".

use super::super::template;
use super::Etc;
use super::comments::uncommented;
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text, join};
use std::collections::HashMap;
use std::sync::Arc;

/// Asterisk's own line buffer: a longer line is skipped.
const LINE_BYTES_MAX: usize = 8191;
/// Options of all sections of a file together: templates of templates multiply them.
const OPTIONS_MAX: usize = 500_000;
/// What stands for a line that Asterisk never sees as it is.
const TEMPLATE: &str = "what a statement of a template, which was not filled in, leaves of the file";
/// How far back `+=` looks for what it adds to.
const APPEND_REACH: usize = 4_096;

/// One file with everything that it includes.
#[derive(Default)]
pub(super) struct Config {
    sections: Vec<Section>,
}

/// A `[section]`. A name may stand several times: each is a section of its own, unless it says `(+)`.
pub(super) struct Section {
    pub(super) name: String,
    /// Only there to be inherited from: `(!)`.
    is_template: bool,
    options: Vec<Arc<Setting>>,
    text: Arc<Text>,
    line: u32,
}

/// `key = value`.
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) value: String,
    text: Arc<Text>,
    line: u32,
}

impl Setting {
    pub(super) fn place(&self) -> Place {
        self.text.place(self.line)
    }

    pub(super) fn is(&self, key: &str) -> bool {
        self.key.eq_ignore_ascii_case(key)
    }
}

impl Section {
    pub(super) fn place(&self) -> Place {
        self.text.place(self.line)
    }

    pub(super) fn settings(&self) -> impl DoubleEndedIterator<Item = &Setting> {
        self.options.iter().map(AsRef::as_ref)
    }

    /// The last one of that key: what counts where the module goes through them in order.
    pub(super) fn last(&self, key: &str) -> Option<&Setting> {
        self.settings().rev().find(|setting| setting.is(key))
    }

    /// The first one: what counts where the module asks for a value by its key.
    pub(super) fn first(&self, key: &str) -> Option<&Setting> {
        self.settings().find(|setting| setting.is(key))
    }
}

impl Config {
    /// The sections that are no templates, in order.
    pub(super) fn sections(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(|section| !section.is_template)
    }

    /// The first section of a name: a second one with the same name is not looked at.
    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections().find(|section| section.name.eq_ignore_ascii_case(name))
    }

    pub(super) fn read(reading: &mut Reading<'_>, etc: &Etc, text: &Arc<Text>) -> Config {
        let mut parsing =
            Parsing { etc, config: Config::default(), by_name: HashMap::new(), current: None, options: 0 };
        parsing.file(reading, text);
        parsing.config
    }
}

struct Parsing<'e> {
    etc: &'e Etc,
    config: Config,
    /// The first section of each name, in lower case.
    by_name: HashMap<String, usize>,
    /// Where an included file goes on.
    current: Option<usize>,
    options: usize,
}

impl Parsing<'_> {
    /// An included file goes on in the section where it is included; what it opens ends with it.
    fn file(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>) {
        let mut section = self.current;
        let mut depth = 0;
        for (number, line) in text.lines() {
            if line.len() > LINE_BYTES_MAX {
                reading.trouble(&text.place(number), "the line is too long: Asterisk skips it");
                continue;
            }
            let line = uncommented(line, &mut depth);
            match strip(&line) {
                "" => {}
                // Jinja's comment: nothing is left of it.
                line if template::comment(line) == Some(line.len()) => {}
                line if is_template(line) => reading.unresolved(TEMPLATE, &text.place(number)),
                line if line.starts_with('[') => self.header(reading, text, number, line, &mut section),
                line if line.starts_with('#') => self.directive(reading, text, number, line),
                line => self.setting(reading, text, number, line, section),
            }
        }
        if depth > 0 {
            reading.trouble(&text.whole(), "a comment \";--\" does not end: the rest of the file is in it");
        }
    }

    /// `[name]`, `[name](!)`, `[name](+)`, `[name](template,other)`.
    fn header(
        &mut self,
        reading: &mut Reading<'_>,
        text: &Arc<Text>,
        number: u32,
        line: &str,
        section: &mut Option<usize>,
    ) {
        let refuse = |reading: &mut Reading<'_>, why: &str| {
            reading.trouble(&text.place(number), format_args!("{why}: Asterisk refuses the whole file"));
        };
        let Some((name, rest)) = line.strip_prefix('[').and_then(|l| l.split_once(']')) else {
            return refuse(reading, "no closing ']'");
        };
        let (name, text) = (name.to_owned(), text.clone());
        let mut new = Section {
            name: name.clone(),
            is_template: false,
            options: Vec::new(),
            text: text.clone(),
            line: number,
        };
        let words = match rest.strip_prefix('(').map(|rest| rest.split_once(')')) {
            None => "",
            Some(Some((words, _))) => words,
            Some(None) => return refuse(reading, "no closing ')'"),
        };
        let mut added_to = None;
        for word in words.split(',').filter(|word| !word.is_empty()) {
            match (word, self.find(word), self.find(&name)) {
                ("!", ..) => new.is_template = true,
                (plus, _, existing) if plus.starts_with('+') => match existing {
                    Some(existing) => added_to = Some(existing),
                    None => refuse(reading, "there is no such section before, to add to"),
                },
                (_, Some(base), _) => self.inherit(reading, &text.place(number), &mut new, base),
                (base, None, _) => {
                    refuse(reading, &format!("there is no section [{base}] before, to inherit from"))
                }
            }
        }
        *section = Some(self.put(new, added_to));
        self.current = *section;
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    fn inherit(&mut self, reading: &mut Reading<'_>, at: &Place, section: &mut Section, base: usize) {
        let Some(base) = self.config.sections.get(base) else { return };
        if self.options + base.options.len() > OPTIONS_MAX {
            return reading
                .trouble(at, format_args!("templates make more than {OPTIONS_MAX} options: not inherited"));
        }
        self.options += base.options.len();
        section.options.extend(base.options.iter().cloned());
    }

    fn put(&mut self, new: Section, added_to: Option<usize>) -> usize {
        if let Some((index, existing)) = added_to.and_then(|at| Some((at, self.config.sections.get_mut(at)?)))
        {
            existing.is_template |= new.is_template;
            existing.options.extend(new.options);
            return index;
        }
        let index = self.config.sections.len();
        self.by_name.entry(new.name.to_ascii_lowercase()).or_insert(index);
        self.config.sections.push(new);
        index
    }

    /// `#include`, `#tryinclude`, `#exec`.
    fn directive(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, number: u32, line: &str) {
        let at = text.place(number);
        let (word, path) = line.split_once(|c: char| c <= ' ').unwrap_or((line, ""));
        let path = unquoted(strip(path));
        let absent = match word.to_ascii_lowercase().as_str() {
            "#include" => Absent::IsTrouble,
            "#tryinclude" => Absent::IsFine,
            "#exec" => {
                return reading.unresolved("what a program prints that is run for the configuration", &at);
            }
            _ => return reading.trouble(&at, "not a directive; expected #include, #tryinclude or #exec"),
        };
        if path.is_empty() {
            return reading.trouble(&at, "the directive names no file");
        }
        let all = self.etc.included(reading, text, number, path, absent);
        if all.is_empty() && absent == Absent::IsTrouble {
            reading.trouble_once(&at, "no such file: Asterisk refuses the whole file");
        }
        all.iter().for_each(|included| self.file(reading, included));
    }

    /// `key = value`, `key => value`, `key += more`.
    fn setting(
        &mut self,
        reading: &mut Reading<'_>,
        text: &Arc<Text>,
        number: u32,
        line: &str,
        section: Option<usize>,
    ) {
        let Some(section) = section.and_then(|at| self.config.sections.get_mut(at)) else {
            let why = "an option before the first [section]: Asterisk refuses the whole file";
            return reading.trouble(&text.place(number), why);
        };
        let Some((key, value)) = line.split_once('=') else {
            return reading.trouble(&text.place(number), "no '='; expected key = value");
        };
        let (key, is_added) = key.strip_suffix('+').map_or((key, false), |key| (key, true));
        let value = strip(value.strip_prefix('>').unwrap_or(value));
        // A backslash keeps a first '[' or '#' from being a section or a directive.
        let key = strip(key).strip_prefix('\\').unwrap_or(strip(key));
        if key.is_empty() || self.options >= OPTIONS_MAX {
            return reading.trouble(&text.place(number), "not read: no key before '=', or too many options");
        }
        let (key, value) = (key.to_owned(), value.to_owned());
        let new = Setting { key, value, text: text.clone(), line: number };
        if !(is_added && add(section, &new)) {
            self.options += 1;
            section.options.push(Arc::new(new));
        }
    }
}

/// Adds to the value that is there, if there is one.
fn add(section: &mut Section, more: &Setting) -> bool {
    let near = section.options.iter_mut().rev().take(APPEND_REACH);
    let Some(known) = near.into_iter().find(|known| known.key == more.key) else { return false };
    if known.value.len() < LINE_BYTES_MAX {
        let Setting { key, text, line, .. } = more;
        let (key, value) = (key.clone(), format!("{}{}", known.value, more.value));
        *known = Arc::new(Setting { key, value, text: text.clone(), line: *line });
    }
    true
}

impl Etc {
    /// Included files are seen from the configuration directory, whichever file includes them.
    fn included(
        &self,
        reading: &mut Reading<'_>,
        from: &Arc<Text>,
        line: u32,
        path: &str,
        absent: Absent,
    ) -> Vec<Arc<Text>> {
        let whole = join(&self.directory, path);
        let elsewhere = path.strip_prefix("/etc/asterisk/").filter(|_| self.is_named);
        match elsewhere.map(|rest| join(&self.directory, rest)) {
            // The files of a host, copied to another directory.
            Some(moved) if reading.expand(&whole, &from.place(line)).is_empty() => {
                reading.include_all(from, line, &moved, absent)
            }
            _ => reading.include_all(from, line, &whole, absent),
        }
    }
}

/// Jinja, Go, ERB: what is between them may be left out, or stand several times.
fn is_template(line: &str) -> bool {
    ["{{", "{%", "{#", "<%"].iter().any(|open| line.starts_with(open))
}

/// Without what is at its ends in white space, as Asterisk sees it.
fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

/// `"file"` and `<file>`.
fn unquoted(path: &str) -> &str {
    let within = |open, close| path.strip_prefix(open).and_then(|p: &str| p.strip_suffix(close));
    within('"', '"').or_else(|| within('<', '>')).unwrap_or(path)
}
