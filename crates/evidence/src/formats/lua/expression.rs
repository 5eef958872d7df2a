//! Expressions of literals: strings, numbers, tables, and names that stand for them.
//! Not here: statements.

use super::words::{Token, Word};
use std::collections::HashMap;

/// Tables within each other. Real files have fewer than ten.
const DEPTH_MAX: usize = 64;
/// Values that names bring in, counted with all that is in them: tables of tables of a name would multiply.
const COPIES_MAX: usize = 100_000;
/// Bytes of a string that is put together.
const TEXT_MAX: usize = 64 << 10;

/// The value of an expression and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    /// Where it begins.
    pub(crate) line: u32,
    /// What it is.
    pub(crate) of: Of,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Of {
    /// `nil`.
    Nil,
    /// `true` or `false`.
    Bool(bool),
    /// A string, or a number as it is written.
    Text(String),
    /// `{…}`, with the keys that are names or strings.
    Table(Vec<(Option<String>, Value)>),
    /// What only a run of the program can tell.
    Unknown,
}

impl Value {
    /// A string or a number.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.of {
            Of::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The fields of a table.
    pub(crate) fn fields(&self) -> Option<&[(Option<String>, Value)]> {
        match &self.of {
            Of::Table(fields) => Some(fields),
            _ => None,
        }
    }

    /// How much it takes to copy it. Tables are no deeper than an expression may be.
    fn size(&self) -> usize {
        match &self.of {
            Of::Table(fields) => 1 + fields.iter().map(|(_, value)| value.size()).sum::<usize>(),
            Of::Text(text) => 1 + text.len() / 64,
            Of::Nil | Of::Bool(_) | Of::Unknown => 1,
        }
    }
}

/// Reads words one after the other.
#[derive(Debug)]
pub(crate) struct Cursor<'t> {
    tokens: &'t [Token],
    at: usize,
    copies_left: usize,
}

impl<'t> Cursor<'t> {
    /// At the first of these.
    pub(crate) fn new(tokens: &'t [Token]) -> Cursor<'t> {
        Cursor { tokens, at: 0, copies_left: COPIES_MAX }
    }

    /// The word after so many others.
    pub(crate) fn ahead(&self, by: usize) -> Option<&'t Word> {
        self.tokens.get(self.at + by).map(|token| &token.word)
    }

    /// The line of the next word.
    pub(crate) fn line(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |token| token.line)
    }

    /// Takes the next word.
    pub(crate) fn take(&mut self) -> Option<&'t Word> {
        let word = self.ahead(0);
        self.at += usize::from(word.is_some());
        word
    }

    /// Whether the next word is that name or sign.
    pub(crate) fn is(&self, word: &str) -> bool {
        match self.ahead(0) {
            Some(Word::Name(name)) => name == word,
            Some(Word::Sign(sign)) => *sign == word,
            _ => false,
        }
    }

    /// Takes it if it is that name or sign.
    pub(crate) fn accept(&mut self, word: &str) -> bool {
        let is = self.is(word);
        self.at += usize::from(is);
        is
    }

    /// Takes everything up to that word, and it.
    pub(crate) fn skip_past(&mut self, word: &str) {
        while self.ahead(0).is_some() && !self.accept(word) {
            self.at += 1;
        }
    }

    /// Takes the rest of a function, from behind its first word to its `end`.
    pub(crate) fn skip_function(&mut self) {
        let mut open = 1_usize;
        while let Some(word) = self.take() {
            match word {
                Word::Name(name) if matches!(name.as_str(), "function" | "if" | "do" | "repeat") => open += 1,
                Word::Name(name) if matches!(name.as_str(), "end" | "until") => open -= 1,
                _ => {}
            }
            if open == 0 {
                return;
            }
        }
    }

    /// Takes an expression. Names stand for these values.
    pub(crate) fn value(&mut self, names: &HashMap<String, Value>) -> Value {
        self.expression(names, 0)
    }

    fn expression(&mut self, names: &HashMap<String, Value>, depth: usize) -> Value {
        let mut value = self.operand(names, depth);
        while let Some(operator) = self.operator() {
            let right = self.operand(names, depth);
            value = combined(value, operator, right);
        }
        value
    }

    fn operator(&mut self) -> Option<&'static str> {
        const BINARY: [&str; 18] = [
            "..", "==", "~=", "<=", ">=", "+", "-", "*", "/", "//", "%", "^", "<", ">", "or", "and", "&", "|",
        ];
        BINARY.into_iter().find(|operator| self.accept(operator))
    }

    fn operand(&mut self, names: &HashMap<String, Value>, depth: usize) -> Value {
        let line = self.line();
        let mut is_sure = true;
        while ["-", "#", "not", "~"].iter().any(|sign| self.accept(sign)) {
            is_sure = false;
        }
        let mut of = self.primary(names, depth);
        while self.suffix(names, depth) {
            is_sure = false;
        }
        if !is_sure {
            of = Of::Unknown;
        }
        Value { line, of }
    }

    fn primary(&mut self, names: &HashMap<String, Value>, depth: usize) -> Of {
        match self.ahead(0) {
            Some(Word::Text(text) | Word::Number(text)) => {
                self.at += 1;
                Of::Text(text.clone())
            }
            Some(Word::Other) => {
                self.at += 1;
                Of::Unknown
            }
            Some(Word::Sign("{")) => self.table(names, depth),
            Some(Word::Sign("(")) if depth < DEPTH_MAX => {
                self.at += 1;
                let value = self.expression(names, depth + 1);
                self.accept(")");
                value.of
            }
            Some(Word::Name(name)) => {
                self.at += 1;
                match name.as_str() {
                    "nil" => Of::Nil,
                    "true" => Of::Bool(true),
                    "false" => Of::Bool(false),
                    "function" => {
                        self.skip_function();
                        Of::Unknown
                    }
                    _ => names.get(name).map_or(Of::Unknown, |value| self.copy(value)),
                }
            }
            _ => Of::Unknown,
        }
    }

    fn copy(&mut self, value: &Value) -> Of {
        match self.copies_left.checked_sub(value.size()) {
            Some(left) => {
                self.copies_left = left;
                value.of.clone()
            }
            None => Of::Unknown,
        }
    }

    /// `.name`, `[index]`, `:method`, `(arguments)`, `"argument"`.
    fn suffix(&mut self, names: &HashMap<String, Value>, depth: usize) -> bool {
        let follows_name = self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).is_some_and(|token| {
            matches!(token.word, Word::Name(_) | Word::Sign(")" | "]")) && token.line == self.line()
        });
        match self.ahead(0) {
            Some(Word::Sign("." | ":")) => self.at += 2,
            Some(Word::Sign("[" | "(")) if follows_name && depth < DEPTH_MAX => {
                self.at += 1;
                while self.ahead(0).is_some() && !self.is(")") && !self.is("]") {
                    let before = self.at;
                    self.expression(names, depth + 1);
                    // Whatever no expression begins with is passed over.
                    if !self.accept(",") && self.at == before {
                        self.at += 1;
                    }
                }
                self.at += 1;
            }
            Some(Word::Text(_)) if follows_name => self.at += 1,
            _ => return false,
        }
        self.at = self.at.min(self.tokens.len());
        true
    }

    /// A table's fields; what is no field is passed over and makes one of them unknown.
    fn table(&mut self, names: &HashMap<String, Value>, depth: usize) -> Of {
        self.at += 1;
        if depth >= DEPTH_MAX {
            return Of::Unknown;
        }
        let mut fields = Vec::new();
        // Parts of a template that are open here: what stands in them may be left out.
        let mut open = 0_usize;
        while self.ahead(0).is_some() && !self.accept("}") {
            if let Some(Word::Template(part)) = self.ahead(0) {
                open = part.after(open);
                self.at += 1;
                continue;
            }
            let before = self.at;
            let key = self.key(names, depth);
            let mut value = self.expression(names, depth + 1);
            if open > 0 {
                value.of = Of::Unknown;
            }
            let is_separator = self.accept(",") || self.accept(";");
            if self.at == before {
                self.at += 1;
            }
            // A separator that stands alone is no field.
            if !(is_separator && self.at == before + 1) {
                fields.push((key, value));
            }
        }
        Of::Table(fields)
    }

    /// `name =`, `["name"] =`; any other index is left out.
    fn key(&mut self, names: &HashMap<String, Value>, depth: usize) -> Option<String> {
        match (self.ahead(0), self.ahead(1)) {
            (Some(Word::Name(name)), Some(Word::Sign("="))) => {
                self.at += 2;
                Some(name.clone())
            }
            (Some(Word::Sign("[")), _) => {
                self.at += 1;
                let key = self.expression(names, depth + 1);
                self.accept("]");
                self.accept("=");
                key.text().map(str::to_owned)
            }
            _ => None,
        }
    }
}

/// Literals are put together, tables are appended; anything else is unknown.
fn combined(left: Value, operator: &str, right: Value) -> Value {
    let line = left.line;
    let of = match (left.of, operator, right.of) {
        (Of::Text(left), "..", Of::Text(right)) if left.len() + right.len() <= TEXT_MAX => {
            Of::Text(left + &right)
        }
        (Of::Table(mut left), "+", Of::Table(right)) => {
            left.extend(right);
            Of::Table(left)
        }
        (Of::Nil | Of::Bool(false), "or", right) => right,
        (left @ (Of::Text(_) | Of::Table(_) | Of::Bool(true)), "or", _) => left,
        (left @ (Of::Nil | Of::Bool(false)), "and", _) => left,
        (Of::Text(_) | Of::Table(_) | Of::Bool(true), "and", right) => right,
        _ => Of::Unknown,
    };
    Value { line, of }
}
