//! Walking a parsed TOML text: tables with known keys, lists, values of a type, all else told.
//! Not here: the files themselves.

use super::{Document, nearest, quote};
use crate::Place;
use crate::problem::{Gather, Text};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

pub(crate) type Value<'t> = Spanned<DeValue<'t>>;
pub(crate) type Table<'t> = DeTable<'t>;
/// Bytes of the whole text.
pub(crate) type Span = Range<usize>;

/// Reads one document, and tells what is wrong with it.
pub(crate) struct Reader<'r, 't> {
    text: &'r Text<'t>,
    base: usize,
    broken: Vec<u32>,
    gather: &'r mut Gather,
}

impl<'r, 't> Reader<'r, 't> {
    /// The document's table, and what it is read with.
    pub(crate) fn of(
        text: &'r Text<'t>,
        document: Document<'t>,
        gather: &'r mut Gather,
    ) -> (Reader<'r, 't>, Table<'t>) {
        let Document { table, base, broken } = document;
        (Reader { text, base, broken, gather }, table)
    }

    pub(crate) fn span<T>(&self, of: &Spanned<T>) -> Span {
        let span = of.span();
        self.base + span.start..self.base + span.end
    }

    pub(crate) fn line(&self, span: &Span) -> u32 {
        self.text.line(span.start)
    }

    pub(crate) fn line_place(&self, span: &Span) -> Place {
        self.text.line_place(span.start)
    }

    pub(crate) fn place(&self, span: &Span) -> Place {
        self.text.place(span.start)
    }

    /// Tells that something is wrong here, unless the line's syntax is: then it most likely follows from that.
    pub(crate) fn wrong(&mut self, at: Span, what: impl FnOnce() -> String, help: impl FnOnce() -> String) {
        if !self.is_broken(&at) {
            let text = self.text;
            self.gather.add(|| text.problem(at, what(), help()));
        }
    }

    /// The same without showing the line, which may hold what nobody should see.
    pub(crate) fn wrong_unseen(
        &mut self,
        at: Span,
        what: impl FnOnce() -> String,
        help: impl FnOnce() -> String,
    ) {
        if !self.is_broken(&at) {
            let text = self.text;
            self.gather.add(|| crate::Problem { excerpt: None, ..text.problem(at, what(), help()) });
        }
    }

    /// Tells that something is not there, unless the parser may have lost it.
    pub(crate) fn missing(&mut self, at: Span, what: impl FnOnce() -> String, help: impl FnOnce() -> String) {
        if self.broken.is_empty() {
            self.wrong(at, what, help);
        }
    }

    fn is_broken(&self, at: &Span) -> bool {
        // What the parser made up to go on has no place.
        !self.broken.is_empty() && (at.is_empty() || self.broken.contains(&self.text.line(at.start)))
    }

    /// A key that is not among the known.
    pub(crate) fn unknown(&mut self, key: &Spanned<DeString<'_>>, table: &str, known: &[&str]) {
        let word = key.get_ref();
        let what = || format!("unknown key {} in {table}", quote(word));
        self.wrong(self.span(key), what, || match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.len() == 1 => format!("its only key is {}", known.join("")),
            None => format!("its keys are {}", known.join(", ")),
        });
    }

    /// The same at the top of a file, where keys of a table whose header is broken come to stand.
    pub(crate) fn unknown_at_top(&mut self, key: &Spanned<DeString<'_>>, file: &str, known: &[&str]) {
        if self.broken.is_empty() {
            self.unknown(key, file, known);
        }
    }

    /// A value of another type than wanted.
    fn mistyped(&mut self, value: &Value<'_>, wanted: &str, example: &str) {
        let found = in_words(value.get_ref());
        let example = example.to_owned();
        let what = || format!("expected {wanted}, found {found}");
        self.wrong(self.span(value), what, || format!("write it as {example}"));
    }

    /// A string; `example` can be pasted.
    pub(crate) fn string<'v>(
        &mut self,
        value: &'v Value<'_>,
        wanted: &str,
        example: &str,
    ) -> Option<&'v str> {
        let string = value.get_ref().as_str();
        if string.is_none() {
            self.mistyped(value, wanted, example);
        }
        string
    }

    pub(crate) fn boolean(&mut self, value: &Value<'_>, example: &str) -> Option<bool> {
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.mistyped(value, "true or false", example);
        }
        boolean
    }

    /// A whole number within bounds, both inclusive.
    pub(crate) fn number(&mut self, value: &Value<'_>, least: u32, most: u32, example: &str) -> Option<u32> {
        let Some(integer) = value.get_ref().as_integer() else {
            self.mistyped(value, &format!("a whole number from {least} to {most}"), example);
            return None;
        };
        let number = u32::from_str_radix(integer.as_str(), integer.radix()).ok();
        let within = number.filter(|n| (least..=most).contains(n));
        if within.is_none() {
            let what = || {
                format!("expected a whole number from {least} to {most}, found {}", quote(integer.as_str()))
            };
            self.wrong(self.span(value), what, || format!("write it as {example}"));
        }
        within
    }

    pub(crate) fn table<'v, 's>(
        &mut self,
        value: &'v Value<'s>,
        wanted: &str,
        example: &str,
    ) -> Option<&'v Table<'s>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.mistyped(value, wanted, example);
        }
        table
    }

    /// A list; `wanted` names its entries (`prefixes`).
    pub(crate) fn list<'v, 's>(
        &mut self,
        value: &'v Value<'s>,
        wanted: &str,
        example: &str,
    ) -> Option<&'v [Value<'s>]> {
        let list = value.get_ref().as_array();
        if list.is_none() {
            self.mistyped(value, &format!("a list of {wanted}"), example);
        }
        list.map(|list| &**list)
    }

    /// A list of strings, each with its place; entries of another type are told and left out.
    pub(crate) fn strings<'v>(
        &mut self,
        value: &'v Value<'_>,
        wanted: &str,
        example: &str,
    ) -> Vec<(&'v str, Span)> {
        let Some(list) = self.list(value, wanted, example) else { return Vec::new() };
        let mut strings = Vec::with_capacity(list.len());
        for entry in list {
            if let Some(string) = entry.get_ref().as_str() {
                strings.push((string, self.span(entry)));
            } else {
                let wanted = format!("a list of {wanted}, each in quotation marks");
                self.mistyped(entry, &wanted, example);
            }
        }
        strings
    }
}

fn in_words(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(list) if list.is_empty() => "an empty list",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
