//! Kamailio's preprocessor: definitions, substitutions and conditions.
//! Not here: files that include others, which both dialects have.

use super::expression::{Value, evaluate};
use super::{Dialect, Frame, Script, line, string};
use crate::reading::Reading;
use crate::text::{Place, Text};
use std::collections::HashMap;
use std::sync::Arc;

/// Kamailio's own bound is 512.
const DEFINES_MAX: usize = 10_000;
/// Rules that every string is put through.
const RULES_MAX: usize = 1_000;
/// Bytes that substitutions may write, of all strings together.
const WRITTEN_MAX: usize = 8 << 20;

/// What `#!define` and its relatives said.
#[derive(Default)]
pub(super) struct Defines {
    known: Vec<Define>,
    index: HashMap<String, usize>,
    rules: Vec<Rule>,
    environment: HashMap<String, String>,
    written: usize,
}

struct Define {
    /// None where it is not known here: the word stays as it is.
    value: Option<Arc<str>>,
    place: Place,
}

/// `#!subst "/this/that/"`, of a pattern that is plain text.
struct Rule {
    this: String,
    that: String,
    is_global: bool,
    define: usize,
}

impl Defines {
    pub(super) fn place(&self, index: usize) -> Option<Place> {
        self.known.get(index).map(|define| define.place.clone())
    }

    pub(super) fn value(&self, name: &str) -> Option<(usize, Arc<str>)> {
        let index = *self.index.get(name)?;
        self.known.get(index)?.value.clone().map(|value| (index, value))
    }

    pub(super) fn set(&mut self, name: &str, value: &str, place: Place) {
        self.add(name, Some(value), place);
    }

    pub(super) fn environment(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    fn add(&mut self, name: &str, value: Option<&str>, place: Place) -> usize {
        if self.known.len() < DEFINES_MAX {
            if !name.is_empty() {
                self.index.insert(name.to_owned(), self.known.len());
            }
            self.known.push(Define { value: value.map(Arc::from), place });
        }
        self.known.len().saturating_sub(1)
    }

    /// Puts a string through the rules; which definitions changed it.
    pub(super) fn substitute(&mut self, text: &mut String) -> Vec<usize> {
        let mut changed = Vec::new();
        for rule in &self.rules {
            if self.written >= WRITTEN_MAX || text.len() > 1 << 16 || !text.contains(&rule.this) {
                continue;
            }
            let count = if rule.is_global { usize::MAX } else { 1 };
            *text = text.replacen(&rule.this, &rule.that, count);
            self.written += text.len();
            changed.insert(0, rule.define);
        }
        changed
    }

    /// `$env(NAME)` and `$def(NAME)` in a value, as far as they are known.
    fn filled(&self, value: &str) -> String {
        let mut filled = String::new();
        let mut rest = value;
        while let Some((before, after)) = rest.split_once('$') {
            filled.push_str(before);
            let inside = |prefix: &str| after.strip_prefix(prefix)?.split_once(')');
            let known = inside("env(")
                .map(|(name, rest)| (self.environment.get(name).cloned(), rest))
                .or_else(|| inside("def(").map(|(name, rest)| (self.plain(name), rest)));
            match known {
                Some((Some(value), after)) => (rest, _) = (after, filled.push_str(&value)),
                Some((None, _)) | None => (rest, _) = (after, filled.push('$')),
            }
            if filled.len() > 1 << 16 {
                break;
            }
        }
        filled.push_str(rest);
        filled
    }

    fn plain(&self, name: &str) -> Option<String> {
        self.value(name).map(|(_, value)| value.trim_matches('"').to_owned())
    }

    /// As `#!ifexp` sees a name: 0 where it is not defined, 1 where it has no value.
    fn operand(&self, name: &str) -> Option<Value> {
        if is_version(name) {
            return None;
        }
        let Some(define) = self.index.get(name).and_then(|index| self.known.get(*index)) else {
            return Some(Value::Number(0.0));
        };
        match define.value.as_deref()? {
            "" => Some(Value::Number(1.0)),
            text => Some(Value::Text(text.trim_matches(['"', '\'']).to_owned())),
        }
    }
}

/// Defined by Kamailio itself, by its version, which no file says.
fn is_version(name: &str) -> bool {
    let number = name.strip_prefix("KAMAILIO_").unwrap_or("");
    name == "OS_NAME" || number == "VERSION" || number.starts_with(|c: char| c.is_ascii_digit())
}

/// The conditions that are open.
#[derive(Default)]
pub(super) struct Conditions {
    open: Vec<(bool, Arc<Text>, u32)>,
    failed: usize,
}

impl Conditions {
    pub(super) fn is_skipping(&self) -> bool {
        self.failed > 0
    }

    fn open(&mut self, holds: bool, file: &Arc<Text>, line: u32) {
        self.failed += usize::from(!holds);
        self.open.push((holds, file.clone(), line));
    }

    fn otherwise(&mut self) -> bool {
        let Some((holds, _, _)) = self.open.last_mut() else { return false };
        *holds = !*holds;
        self.failed = if *holds { self.failed.saturating_sub(1) } else { self.failed + 1 };
        true
    }

    fn close(&mut self) -> bool {
        let Some((holds, _, _)) = self.open.pop() else { return false };
        self.failed = self.failed.saturating_sub(usize::from(!holds));
        true
    }

    /// Kamailio does not start where one is left open.
    pub(super) fn end(&mut self, reading: &mut Reading<'_>) {
        for (_, file, line) in self.open.drain(..).take(10) {
            reading.trouble(&file.place(line), "the condition has no #!endif: Kamailio would not start");
        }
    }
}

/// A directive's name, and all that follows it.
fn directive(rest: &str) -> Option<(&str, &str)> {
    let after = rest.strip_prefix("#!").or_else(|| rest.strip_prefix("!!"))?;
    let name = after.bytes().take(20).take_while(|b| b.is_ascii_alphabetic() || *b == b'_').count();
    after.split_at_checked(name)
}

fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\u{8}')
}

/// A condition is one only with a blank behind it; `#!endif` with anything behind it is a comment. Looks no
/// further than it needs to, since it is asked at every `!`.
fn is_condition(name: &str, after: &str) -> bool {
    match name {
        "ifdef" | "ifndef" | "ifexp" => after.starts_with(blank),
        "else" | "endif" => {
            let behind = after.trim_start_matches(blank);
            behind.is_empty() || behind.starts_with('\n')
        }
        _ => false,
    }
}

/// The first name in the rest of a line.
fn name(after: &str) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let start = after.find(|c: char| c.is_ascii_alphabetic() || c == '_')?;
    let from = after.get(start..)?;
    from.get(..from.find(|c| !is_part(c)).unwrap_or(from.len()))
}

impl Script {
    /// To the next condition, through what does not hold. Comments hide nothing here, as in Kamailio.
    pub(super) fn skip(&mut self, reading: &mut Reading<'_>, frame: &Frame) {
        let rest = frame.rest();
        let marks = rest.match_indices('!').filter_map(|(at, _)| at.checked_sub(1));
        for at in marks.filter(|at| matches!(rest.as_bytes().get(*at), Some(b'#' | b'!'))) {
            let found = rest.get(at..).and_then(directive);
            if let Some((name, after)) = found.filter(|(name, after)| is_condition(name, after)) {
                let at_line = Frame { at: frame.at + at, ..frame.clone() }.line();
                let length = at + 2 + name.len() + line(after);
                self.condition(reading, name, after, &frame.file, at_line);
                return self.advance(length);
            }
        }
        self.advance(rest.len());
    }

    /// Whether a directive stands here, which is then done.
    pub(super) fn is_directive(&mut self, reading: &mut Reading<'_>, frame: &Frame) -> bool {
        if self.dialect != Dialect::Kamailio || frame.value.is_some() {
            return false;
        }
        let Some((name, after)) = directive(frame.rest()) else { return false };
        let begin = 2 + name.len();
        let used = match name {
            _ if is_condition(name, after) => {
                self.condition(reading, name, after, &frame.file, frame.line());
                line(after)
            }
            "define" | "def" | "trydefine" | "trydef" | "redefine" | "redef" | "defexp" | "defexps"
                if after.starts_with(blank) =>
            {
                let (value, used) = continued(after);
                let place = self.place_at(&frame.file, frame.line());
                self.definition(reading, name, &value, place);
                used
            }
            "defenv" | "defenvs" | "trydefenv" | "trydefenvs" => {
                let used = line(after);
                let place = self.place_at(&frame.file, frame.line());
                self.of_environment(reading, name, after.get(..used).unwrap_or(""), place);
                used
            }
            "subst" | "substdef" | "substdefs" => {
                let place = self.place_at(&frame.file, frame.line());
                let quoted = after.trim_start();
                let blanks = after.len() - quoted.len();
                match string(quoted).filter(|(_, used)| *used > 0) {
                    Some((rule, used)) => {
                        self.rule(reading, name, rule, place);
                        blanks + used
                    }
                    None => {
                        reading.trouble(&place, "not understood: expected a rule in quotes");
                        line(after)
                    }
                }
            }
            "include_file" | "import_file" => {
                self.advance(begin);
                self.include(reading, name);
                return true;
            }
            _ => return false,
        };
        self.advance(begin + used);
        true
    }

    fn condition(&mut self, reading: &mut Reading<'_>, kind: &str, after: &str, file: &Arc<Text>, at: u32) {
        let place = self.place_at(file, at);
        let after = after.get(..line(after)).unwrap_or("");
        let is_paired = match kind {
            "else" => self.conditions.otherwise(),
            "endif" => self.conditions.close(),
            _ => {
                let holds = self.holds(reading, kind, after, &place);
                self.conditions.open(holds, file, at);
                true
            }
        };
        if !is_paired {
            reading.trouble(&place, format_args!("#!{kind} without a condition: Kamailio would not start"));
        }
    }

    fn holds(&self, reading: &mut Reading<'_>, kind: &str, after: &str, place: &Place) -> bool {
        // Where an outer condition does not hold, this one does not matter.
        if self.conditions.is_skipping() {
            return false;
        }
        if kind == "ifexp" {
            let result = evaluate(after.trim(), &|name| self.defines.operand(name));
            return result.map(|value| value.is_true()).unwrap_or_else(|why| {
                reading.unresolved(format!("whether the condition holds: {why}"), place);
                false
            });
        }
        let name = name(after).unwrap_or("");
        if is_version(name) {
            reading.unresolved(format!("whether {name} is defined, which is by Kamailio's version"), place);
        }
        self.defines.index.contains_key(name) == (kind == "ifdef")
    }

    fn definition(&mut self, reading: &mut Reading<'_>, kind: &str, body: &str, place: Place) {
        let Some(name) = name(body) else {
            return reading.trouble(&place, "not understood: expected a name to define");
        };
        let is_known = self.defines.index.contains_key(name);
        if is_known && kind.starts_with("try") {
            return;
        }
        if is_known && !kind.starts_with("redef") {
            let what =
                format_args!("{name} is defined already: Kamailio would not start; its first value is taken");
            return reading.trouble(&place, what);
        }
        let after = body.split_once(name).map_or("", |(_, after)| after);
        let value = after.trim_matches(blank);
        if kind.starts_with("defexp") {
            let result = evaluate(value, &|name| self.defines.operand(name));
            let value = result.ok().map(|value| value.shown(kind == "defexps"));
            self.defines.add(name, value.as_deref(), place);
        } else {
            self.defines.add(name, Some(value), place);
        }
    }

    /// `NAME`, or `NAME=VARIABLE`.
    fn of_environment(&mut self, reading: &mut Reading<'_>, kind: &str, after: &str, place: Place) {
        let word = after.split_whitespace().next().unwrap_or("");
        let (name, variable) = word.split_once('=').unwrap_or((word, word));
        let known = self.defines.environment.get(variable).cloned();
        let value = known.map(|value| if kind.ends_with('s') { format!("\"{value}\"") } else { value });
        match value {
            Some(value) => self.defines.set(name, &value, place),
            None if name.is_empty() => reading.trouble(&place, "not understood: expected a name"),
            None if kind.starts_with("try") => {}
            None => {
                reading.unresolved(format!("the variable {variable} of the environment"), &place);
                self.defines.add(name, None, place);
            }
        }
    }

    /// `/this/that/flags`, of any character instead of the slash.
    fn rule(&mut self, reading: &mut Reading<'_>, kind: &str, mut rule: String, place: Place) {
        self.defines.substitute(&mut rule);
        let parts = rule.chars().next().and_then(|mark| {
            let mut parts = rule.get(mark.len_utf8()..)?.split(mark);
            Some((parts.next()?.to_owned(), parts.next()?.to_owned(), parts.next()?.to_owned()))
        });
        let Some((this, that, flags)) = parts.filter(|(this, _, _)| !this.is_empty()) else {
            return reading.trouble(&place, "not understood: expected a rule like \"/this/that/\"");
        };
        let mut that = self.defines.filled(&that);
        if kind != "subst" && self.defines.index.contains_key(&this) {
            reading.trouble(&place, format_args!("{this} is defined already: Kamailio would not start"));
            return;
        }
        let name = if kind == "subst" { String::new() } else { this.clone() };
        if kind == "substdefs" {
            that = format!("\"{that}\"");
        }
        let define = self.defines.add(&name, Some(&that), place);
        // A pattern that is more than text would need the pattern language, and none of ours has an address.
        if !this.contains(['*', '+', '?', '[', '(', '|', '^', '$']) && self.defines.rules.len() < RULES_MAX {
            let (this, that) = (this.replace('\\', ""), that.trim_matches('"').to_owned());
            self.defines.rules.push(Rule { this, that, is_global: flags.contains('g'), define });
        }
    }
}

/// A definition's text: lines that end with a backslash go on. And its bytes.
fn continued(body: &str) -> (String, usize) {
    let (mut value, mut used) = (String::new(), 0);
    while let Some(rest) = body.get(used..).filter(|rest| !rest.is_empty()) {
        let end = line(rest);
        let said = rest.get(..end).unwrap_or("").trim_end_matches('\n');
        used += end;
        match said.trim_end_matches('\r').strip_suffix('\\') {
            Some(said) => value.push_str(said),
            None => {
                value.push_str(said);
                break;
            }
        }
    }
    (value, used)
}
