//! Kamailio's preprocessor: how definitions, substitutions and conditions are written.
//! Not here: files that include others, which both dialects have.

use super::defines::is_version;
use super::expression::evaluate;
use super::words::{line, string};
use super::{Dialect, Frame, Script};
use crate::reading::Reading;
use crate::text::{Place, Text};
use std::sync::Arc;

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
        self.defines.has(name) == (kind == "ifdef")
    }

    fn definition(&mut self, reading: &mut Reading<'_>, kind: &str, body: &str, place: Place) {
        let Some(name) = name(body) else {
            return reading.trouble(&place, "not understood: expected a name to define");
        };
        let is_known = self.defines.has(name);
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
        let known = self.defines.variable(variable);
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
        let via = self.defines.substitute(&mut rule);
        let parts = rule.chars().next().and_then(|mark| {
            let mut parts = rule.get(mark.len_utf8()..)?.split(mark);
            Some((parts.next()?.to_owned(), parts.next()?.to_owned(), parts.next()?.to_owned()))
        });
        let Some((this, that, flags)) = parts.filter(|(this, _, _)| !this.is_empty()) else {
            return reading.trouble(&place, "not understood: expected a rule like \"/this/that/\"");
        };
        let mut that = self.defines.filled(&that);
        if kind != "subst" && self.defines.has(&this) {
            reading.trouble(&place, format_args!("{this} is defined already: Kamailio would not start"));
            return;
        }
        let name = if kind == "subst" { String::new() } else { this.clone() };
        if kind == "substdefs" {
            that = format!("\"{that}\"");
        }
        let define = self.defines.add(&name, Some(&that), place);
        self.defines.came_from(define, via);
        self.defines.rule(&this, &that, flags.contains('g'), define);
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
