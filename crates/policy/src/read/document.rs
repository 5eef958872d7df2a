//! A TOML text, parsed piece by piece, with every syntax error at its place.
//! Not here: what keys are known, and of what type.
//!
//! An inventory is ten thousand tables of one kind. Parsed as one tree it needs some thirty times its size
//! in memory, and one missing bracket spoils all that follows. So it is cut before each `[[node]]` line and
//! each piece is parsed by itself: the tree in memory is one node's, and an error stays in its node.

use crate::Place;
use crate::problem::{Gather, Text};
use memchr::memmem::{self, Finder};
use memchr::{memchr, memrchr};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, Error};

/// One piece of a text, parsed as far as it can be.
pub(crate) struct Document<'t> {
    /// Its keys.
    pub(crate) table: DeTable<'t>,
    /// Where the piece begins in its text.
    pub(crate) base: usize,
    /// Lines with a syntax error: what else is wrong there follows from it.
    pub(crate) broken: Vec<u32>,
}

/// The largest piece that is parsed, in bytes. The parser needs some fifty times as much memory.
const PIECE_BYTES_MAX: usize = 4 << 20;

/// Parses a text in pieces that begin with `header` lines (`[[node]]`), or whole if there is no header.
pub(crate) fn documents<'t>(
    text: &Text<'t>,
    header: Option<&'static str>,
    gather: &mut Gather,
    mut each: impl FnMut(Document<'t>, &mut Gather),
) {
    gather.file(text.path());
    for piece in Pieces::of(text, header) {
        if let Some(document) = piece.document(gather) {
            each(document, gather);
        }
    }
}

/// A part of a text that is parsed by itself.
pub(crate) struct Piece<'p, 't> {
    text: &'p Text<'t>,
    bytes: Range<usize>,
    /// What the next one begins with.
    header: Option<&'static str>,
}

impl<'t> Piece<'_, 't> {
    pub(crate) fn str(&self) -> &'t str {
        &self.text.str()[self.bytes.clone()]
    }

    /// The line that it begins with.
    pub(crate) fn place(&self) -> Place {
        self.text.line_place(self.bytes.start)
    }

    /// Its tree, if it is not too long for one.
    pub(crate) fn document(self, gather: &mut Gather) -> Option<Document<'t>> {
        let Piece { text, bytes, header } = self;
        if bytes.len() > PIECE_BYTES_MAX {
            gather.add(|| too_long(text, &bytes, header));
            return None;
        }
        let base = bytes.start;
        let (table, errors) = DeTable::parse_recoverable(&text.str()[bytes]);
        let broken = report(text, base, &errors, gather);
        Some(Document { table: Spanned::into_inner(table), base, broken })
    }
}

fn too_long(text: &Text<'_>, piece: &Range<usize>, header: Option<&str>) -> crate::Problem {
    let part = match header {
        Some(header) => format!("{} bytes without a line that says {header}", piece.len()),
        None => format!("the file is {} bytes long", piece.len()),
    };
    let what = format!("{part}; at most {PIECE_BYTES_MAX} are read");
    text.problem(
        piece.start..piece.start,
        what,
        "write one table for each node, and no strings over several lines",
    )
}

/// The pieces of a text, in its order.
pub(crate) struct Pieces<'p, 't> {
    text: &'p Text<'t>,
    from: usize,
    header: Option<Header>,
}

/// A line that pieces begin with, and what finds it.
struct Header {
    line: &'static str,
    finder: Finder<'static>,
}

impl<'p, 't> Pieces<'p, 't> {
    /// Pieces that begin with `header` lines, or the whole.
    pub(crate) fn of(text: &'p Text<'t>, header: Option<&'static str>) -> Pieces<'p, 't> {
        // Inside a string over several lines a header is only text.
        let has = |quotes: &str| memmem::find(text.str().as_bytes(), quotes.as_bytes()).is_some();
        let is_cut = !has("\"\"\"") && !has("'''");
        let header = header.filter(|_| is_cut).map(|line| Header { line, finder: Finder::new(line) });
        Pieces { text, from: 0, header }
    }
}

impl<'p, 't> Iterator for Pieces<'p, 't> {
    type Item = Piece<'p, 't>;

    fn next(&mut self) -> Option<Piece<'p, 't>> {
        let (text, from) = (self.text.str(), self.from);
        if from > text.len() {
            return None;
        }
        let header = self.header.as_ref();
        let to = header.and_then(|header| header_after(text, from, &header.finder)).unwrap_or(text.len());
        self.from = if to == text.len() { to + 1 } else { to };
        let header = header.map(|header| header.line);
        Some(Piece { text: self.text, bytes: from..to, header })
    }
}

/// Where the next line after the one at `from` begins that is a header.
fn header_after(text: &str, from: usize, header: &Finder<'_>) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from + memchr(b'\n', &bytes[from..])? + 1;
    while let Some(found) = header.find(&bytes[at..]) {
        let found = at + found;
        let line = memrchr(b'\n', &bytes[..found]).map_or(0, |newline| newline + 1);
        if bytes[line..found].iter().all(|byte| matches!(byte, b' ' | b'\t')) {
            return Some(line);
        }
        at = found + header.needle().len();
    }
    None
}

/// Tells the syntax errors, the first of each line: the others of that line follow from it.
fn report(text: &Text<'_>, base: usize, errors: &[Error], gather: &mut Gather) -> Vec<u32> {
    let mut placed: Vec<(Range<usize>, &Error)> =
        errors.iter().map(|e| (span_of(text, base, e), e)).collect();
    placed.sort_by_key(|(span, _)| span.start);
    let mut broken: Vec<u32> = Vec::new();
    for (span, error) in placed {
        let line = text.line(span.start);
        if broken.last() != Some(&line) {
            broken.push(line);
            gather.add(|| text.problem(span, what(error), help(error)));
        }
    }
    broken
}

/// An error at the very end of a line belongs to that line, not to the next.
fn span_of(text: &Text<'_>, base: usize, error: &Error) -> Range<usize> {
    let span = error.span().unwrap_or(0..0);
    let start = (base + span.start).min(text.str().len());
    let line_end = text.str()[..start].trim_end_matches(['\n', '\r']).len();
    if span.is_empty() && start == text.str().len() { line_end..line_end } else { start..base + span.end }
}

fn what(error: &Error) -> String {
    format!("this is not TOML: {}", error.message())
}

fn help(error: &Error) -> &'static str {
    let said = error.message();
    for (part, help) in [
        ("must be quoted", "put the value in quotation marks"),
        ("invalid basic string", "close the quotation mark on this line"),
        ("invalid literal string", "close the quotation mark on this line"),
        ("invalid boolean", "put the value in quotation marks, or write true or false"),
        ("duplicate key", "keep one of the two"),
        ("missing comma", "put a comma between the entries, and ] after the last"),
        ("unclosed array table", "close the table's name with ]]"),
        ("unclosed array", "put ] after the last entry"),
        ("unclosed table", "close the table's name with ]"),
        ("unclosed inline table", "put } after the last entry"),
        ("key with no value", "write it as KEY = VALUE"),
        ("unexpected key or value", "one KEY = VALUE a line; several values go into a list: [\"A\", \"B\"]"),
    ] {
        if said.contains(part) {
            return help;
        }
    }
    "compare with the example that `rolewall init` writes"
}
