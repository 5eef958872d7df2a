//! What `#!define` and its relatives said, and what that makes of words and strings.
//! Not here: how directives are written ([`super::directives`]).

use super::expression::Value;
use crate::text::Place;
use std::collections::HashMap;
use std::sync::Arc;

/// Kamailio's own bound is 512.
const DEFINES_MAX: usize = 10_000;
/// Definitions that one is said to come from. Real ones come from three at most.
const VIA_MAX: usize = 20;
/// Rules that every string is put through.
const RULES_MAX: usize = 1_000;
/// Bytes that substitutions may write, of all strings together.
const WRITTEN_MAX: usize = 8 << 20;
/// Rules that are tried, of all strings together: some hundreds of strings by some dozens of rules are usual.
const TRIED_MAX: usize = 2_000_000;

/// What `#!define` and its relatives said.
#[derive(Default)]
pub(super) struct Defines {
    known: Vec<Define>,
    index: HashMap<String, usize>,
    rules: Vec<Rule>,
    environment: HashMap<String, String>,
    written: usize,
    tried: usize,
}

struct Define {
    /// None where it is not known here: the word stays as it is.
    value: Option<Arc<str>>,
    place: Place,
    /// Definitions that its value was made of when it was defined.
    via: Vec<usize>,
}

/// `#!subst "/this/that/"`, of a pattern that is plain text.
struct Rule {
    this: String,
    that: String,
    is_global: bool,
    define: usize,
}

impl Defines {
    /// Where it stands, and where what its value was made of stands.
    pub(super) fn places(&self, index: usize) -> Vec<Place> {
        let define = self.known.get(index);
        let via =
            define.into_iter().flat_map(|define| &define.via).filter_map(|index| self.known.get(*index));
        define.into_iter().chain(via).map(|define| define.place.clone()).collect()
    }

    /// What its value was made of.
    pub(super) fn came_from(&mut self, index: usize, mut via: Vec<usize>) {
        for before in via.clone() {
            via.extend(self.known.get(before).map(|define| define.via.clone()).unwrap_or_default());
        }
        via.dedup();
        via.truncate(VIA_MAX);
        if let Some(define) = self.known.get_mut(index) {
            define.via = via;
        }
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

    pub(super) fn add(&mut self, name: &str, value: Option<&str>, place: Place) -> usize {
        if self.known.len() < DEFINES_MAX {
            if !name.is_empty() {
                self.index.insert(name.to_owned(), self.known.len());
            }
            self.known.push(Define { value: value.map(Arc::from), place, via: Vec::new() });
        }
        self.known.len().saturating_sub(1)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.index.contains_key(name)
    }

    /// A variable of the environment, where a file says it.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name).cloned()
    }

    /// Strings are put through it from now on.
    pub(super) fn rule(&mut self, this: &str, that: &str, is_global: bool, define: usize) {
        // A pattern that is more than text would need the pattern language, and none of ours has an address.
        if !this.contains(['*', '+', '?', '[', '(', '|', '^', '$']) && self.rules.len() < RULES_MAX {
            let (this, that) = (this.replace('\\', ""), that.trim_matches('"').to_owned());
            self.rules.push(Rule { this, that, is_global, define });
        }
    }

    /// Puts a string through the rules; which definitions changed it.
    pub(super) fn substitute(&mut self, text: &mut String) -> Vec<usize> {
        let mut changed = Vec::new();
        for rule in &self.rules {
            if self.written >= WRITTEN_MAX || self.tried >= TRIED_MAX || text.len() > 1 << 16 {
                break;
            }
            self.tried += 1;
            if !text.contains(&rule.this) {
                continue;
            }
            let count = if rule.is_global { usize::MAX } else { 1 };
            *text = text.replacen(&rule.this, &rule.that, count);
            self.written += text.len();
            changed.insert(0, rule.define);
        }
        changed
    }

    /// Whether a bound has left out substitutions.
    pub(super) fn is_cut(&self) -> bool {
        self.written >= WRITTEN_MAX || self.tried >= TRIED_MAX
    }

    /// `$env(NAME)` and `$def(NAME)` in a value, as far as they are known.
    pub(super) fn filled(&self, value: &str) -> String {
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
    pub(super) fn operand(&self, name: &str) -> Option<Value> {
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
pub(super) fn is_version(name: &str) -> bool {
    let number = name.strip_prefix("KAMAILIO_").unwrap_or("");
    name == "OS_NAME" || number == "VERSION" || number.starts_with(|c: char| c.is_ascii_digit())
}
