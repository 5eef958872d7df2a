//! The lines of a Redis file as the server splits them, and the files that it includes.
//! Not here: what a directive means.

use super::super::beside::beside;
use super::super::template;
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text};
use std::sync::Arc;

/// All directives, in the order in which they count.
pub(super) struct Config {
    pub(super) directives: Vec<Directive>,
    moved: Option<String>,
}

/// One line.
pub(super) struct Directive {
    /// In lower case.
    pub(super) name: String,
    pub(super) words: Vec<String>,
    pub(super) place: Place,
}

impl Config {
    /// `moved`: the main file's directory, if it is at an unusual place.
    pub(super) fn of(reading: &mut Reading<'_>, text: &Arc<Text>, moved: Option<String>) -> Config {
        let mut config = Config { directives: Vec::new(), moved };
        config.file(reading, text);
        config
    }

    fn file(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>) {
        let mut blocks = template::Blocks::default();
        for (number, line) in text.lines() {
            let line = line.trim();
            // Only a whole line can be a comment.
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = text.place(number);
            if blocks.is_statement(reading, line, &place) {
                continue;
            }
            let Some(Directive { name, words, place }) = directive(reading, line, place) else { continue };
            match (name.as_str(), words.as_slice()) {
                ("include", [path]) => self.include(reading, text, number, path),
                _ => {
                    let words = words.iter().map(|word| blocks.value(word).to_owned()).collect();
                    self.directives.push(Directive { name, words, place });
                }
            }
        }
    }

    /// What is included counts where it stands. A pattern may match nothing, a path may not.
    fn include(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, number: u32, path: &str) {
        let path = match &self.moved {
            Some(directory) => beside(reading, directory, path),
            None => path.to_owned(),
        };
        for included in reading.include_all(text, number, &path, Absent::IsTrouble) {
            self.file(reading, &included);
        }
    }

    pub(super) fn is_sentinels(&self) -> bool {
        self.directives.iter().any(|directive| directive.name == "sentinel")
    }

    /// The last of a directive.
    pub(super) fn last(&self, name: &str) -> Option<&Directive> {
        self.directives.iter().rev().find(|directive| directive.name == name)
    }

    /// A switch that is on, and where.
    pub(super) fn on(&self, name: &str) -> Option<&Directive> {
        let is_yes = |d: &&Directive| d.words.first().is_some_and(|word| word.eq_ignore_ascii_case("yes"));
        self.last(name).filter(is_yes)
    }
}

fn directive(reading: &mut Reading<'_>, line: &str, place: Place) -> Option<Directive> {
    let words = if template::is_in(line) { Ok(template::words(line)) } else { split(line) };
    let mut words = match words {
        Ok(words) => words.into_iter(),
        Err(why) => {
            reading.trouble(&place, format_args!("{why}: the server does not start with it"));
            return None;
        }
    };
    let name = words.next()?.to_ascii_lowercase();
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        let why = "not understood; expected NAME VALUE: the server does not start with it";
        reading.trouble(&place, why);
        return None;
    }
    Some(Directive { name, words: words.collect(), place })
}

/// Words between blanks; in double quotes with escapes, in single quotes with `\'`. A quote ends its word.
fn split(line: &str) -> Result<Vec<String>, &'static str> {
    const UNBALANCED: &str = "quotes are not balanced";
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let mut word = String::new();
        let mut chars = rest.chars();
        loop {
            match chars.next() {
                None => break,
                Some(c) if c.is_whitespace() => break,
                Some('"') => quoted(&mut chars, '"', &mut word).ok_or(UNBALANCED)?,
                Some('\'') => quoted(&mut chars, '\'', &mut word).ok_or(UNBALANCED)?,
                Some(c) => {
                    word.push(c);
                    continue;
                }
            }
            // After a quote there has to be a blank or the end.
            if chars.as_str().starts_with(|c: char| !c.is_whitespace()) {
                return Err(UNBALANCED);
            }
            break;
        }
        words.push(word);
        rest = chars.as_str().trim_start();
    }
    Ok(words)
}

fn quoted(chars: &mut std::str::Chars<'_>, quote: char, word: &mut String) -> Option<()> {
    loop {
        match chars.next()? {
            c if c == quote => return Some(()),
            '\\' if quote == '\'' && chars.as_str().starts_with('\'') => {
                chars.next();
                word.push('\'');
            }
            '\\' if quote == '"' => word.push(escape(chars)?),
            c => word.push(c),
        }
    }
}

fn escape(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let hex = |text: &str| text.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    if let Some(byte) = Some(chars.as_str()).filter(|text| text.starts_with('x')).and_then(hex) {
        chars.by_ref().take(3).for_each(drop);
        return Some(char::from(byte));
    }
    Some(match chars.next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'a' => '\u{7}',
        c => c,
    })
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_are_split_as_the_server_does() {
        assert_eq!(split("bind 127.0.0.1   -::1").unwrap(), ["bind", "127.0.0.1", "-::1"]);
        assert_eq!(split(r#"bind "127\x2e0.0.1" '::1'"#).unwrap(), ["bind", "127.0.0.1", "::1"]);
        assert_eq!(split(r#"a "b \" c" '' d\e"#).unwrap(), ["a", "b \" c", "", r"d\e"]);
        assert!(split(r#"bind "127.0.0.1"#).is_err());
        assert!(split(r#"bind "127.0.0.1"x"#).is_err());
    }
}
