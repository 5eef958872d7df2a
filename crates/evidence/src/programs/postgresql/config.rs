//! The lines of `postgresql.conf` and of what it includes, in the order in which they count.
//! Source: PostgreSQL's manual, "Setting Parameters"; measured on PostgreSQL 15.
//! Not here: what a parameter means.

use super::super::beside::beside;
use super::super::template;
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text, join};
use std::sync::Arc;

/// All parameters; the last of a name counts.
pub(super) struct Config {
    parameters: Vec<Parameter>,
    moved: Option<String>,
}

pub(super) struct Parameter {
    /// In lower case.
    name: String,
    /// None where what stands there is no value.
    pub(super) value: Option<String>,
    pub(super) place: Place,
}

impl Config {
    /// `moved`: the main file's directory, if it is at an unusual place.
    pub(super) fn of(reading: &mut Reading<'_>, text: &Arc<Text>, moved: Option<String>) -> Config {
        let mut config = Config { parameters: Vec::new(), moved };
        config.file(reading, text);
        let data = config.last("data_directory").and_then(|p| p.value.clone());
        let directory = data.unwrap_or_else(|| text.directory().to_owned());
        // What ALTER SYSTEM has written is read last.
        if let Some(own) = reading.open(&join(text.directory(), &format!("{directory}/postgresql.auto.conf")))
        {
            config.file(reading, &own);
        }
        config
    }

    pub(super) fn last(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().rev().find(|parameter| parameter.name == name)
    }

    fn file(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>) {
        let mut blocks = template::Blocks::default();
        for (number, line) in text.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if blocks.is_statement(reading, line, &text.place(number)) {
                continue;
            }
            let (name, rest) = line.split_at(line.find(|c: char| !is_name(c)).unwrap_or(line.len()));
            let (name, place) = (name.to_ascii_lowercase(), text.place(number));
            let rest = rest.trim_start();
            let value = value(rest.strip_prefix('=').unwrap_or(rest).trim_start());
            if name.is_empty() || value.is_none() {
                let why = "not understood; expected NAME = VALUE, in single quotes unless it is one word \
                           or number: the server does not start with it";
                reading.trouble(&place, why);
            }
            match (name.as_str(), &value) {
                ("include", Some(path)) => self.include(reading, text, number, path, Absent::IsTrouble),
                ("include_if_exists", Some(path)) => {
                    self.include(reading, text, number, path, Absent::IsFine)
                }
                ("include_dir", Some(path)) => self.directory(reading, text, number, path),
                _ => {
                    let value = value.map(|value| blocks.value(&value).to_owned());
                    self.parameters.push(Parameter { name, value, place });
                }
            }
        }
    }

    fn path(&self, reading: &Reading<'_>, path: &str) -> String {
        match &self.moved {
            Some(directory) => beside(reading, directory, path),
            None => path.to_owned(),
        }
    }

    fn include(
        &mut self,
        reading: &mut Reading<'_>,
        text: &Arc<Text>,
        number: u32,
        path: &str,
        absent: Absent,
    ) {
        let path = self.path(reading, path);
        if let Some(included) = reading.include(text, number, &path, absent) {
            self.file(reading, &included);
        }
    }

    /// Files that end in `.conf` and do not begin with a dot, in order of their names.
    fn directory(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, number: u32, path: &str) {
        let directory = join(text.directory(), &self.path(reading, path));
        let names = reading.list(&directory);
        if names.is_empty() && reading.mode(&directory).is_none() {
            let why = format!("{directory}: there is no such directory; the server does not start without");
            return reading.trouble(&text.place(number), why);
        }
        for name in names.iter().filter(|name| name.ends_with(".conf") && !name.starts_with('.')) {
            if let Some(included) = reading.include(text, number, &join(&directory, name), Absent::IsFine) {
                self.file(reading, &included);
            }
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '.') || !c.is_ascii()
}

/// A quoted string, or a word or number; then nothing but a comment.
fn value(text: &str) -> Option<String> {
    let (value, rest) = match text.strip_prefix('\'') {
        Some(inside) => quoted(inside)?,
        None => word(text)?,
    };
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with('#')).then_some(value)
}

/// A word begins with a letter and may have `-._:/`; a number may have a unit.
fn word(text: &str) -> Option<(String, &str)> {
    let is_inside = |c: char| c.is_alphanumeric() || !c.is_ascii() || "_-.:/".contains(c);
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    let end = text.find(|c: char| !is_inside(c) && !"+-".contains(c)).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end)?;
    let number = word.trim_start_matches(['+', '-']);
    // `127.0.0.1` is neither, since it has more than one point.
    let is_number = number.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && number.matches('.').count() <= 1
        && !number.contains([':', '/']);
    (word.starts_with(is_letter) || is_number).then(|| (word.to_owned(), rest))
}

/// To the closing quote; `''` is a quote, a backslash begins an escape.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '\'' if chars.as_str().starts_with('\'') => {
                chars.next();
                value.push('\'');
            }
            '\'' => return Some((value, chars.as_str())),
            '\\' => value.push(escape(&mut chars)?),
            c => value.push(c),
        }
    }
}

fn escape(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let rest = chars.as_str();
    let octal = rest.bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
    let code = rest.get(..octal).and_then(|digits| u32::from_str_radix(digits, 8).ok());
    if let Some(c) = code.and_then(|code| char::from_u32(code & 0xff)) {
        chars.by_ref().take(octal).for_each(drop);
        return Some(c);
    }
    Some(match chars.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        c => c,
    })
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn values_are_those_that_the_server_takes() {
        let text = |text| value(text).unwrap_or_else(|| "(none)".into());
        assert_eq!(text("'a''b' # c"), "a'b");
        assert_eq!(text(r"'127.0.0\0561'"), "127.0.0.1");
        assert_eq!(text("localhost# c"), "localhost");
        assert_eq!(text("128MB"), "128MB");
        assert_eq!(text("-1"), "-1");
        for wrong in ["127.0.0.1", "*", "'open", "'a' 'b'", "5432 x", "", "{{ port }}", "${PORT}", "@PORT@"] {
            assert_eq!(text(wrong), "(none)", "{wrong}");
        }
    }
}
