//! Erlang terms as a file of `file:consult/1` holds them, each with its line.
//! Not here: what they mean, and any expression: only literals are read.

mod term;

use super::directives;
use crate::reading::Reading;
use crate::text::Text;
pub use term::{Node, Term};

/// Tuples, lists and maps within each other. Real files have fewer than fifteen.
const DEPTH_MAX: usize = 64;
/// Terms of one file. Real ones have some thousands.
const TERMS_MAX: usize = 500_000;

/// What was read of a file.
#[derive(Debug)]
pub struct Terms {
    /// Its terms, each ended by a dot.
    pub terms: Vec<Term>,
    /// The rest was not understood: what is not in these terms may stand there.
    pub is_cut: bool,
}

/// The terms of a file. Where it is broken, trouble is said and what stands before is returned.
pub fn parse(reading: &mut Reading<'_>, text: &Text) -> Terms {
    let mut parser = Parser { text, at: 0, open: Vec::new(), done: Vec::new(), terms: 0, parts: 0 };
    let result = parser.run();
    let is_cut = result.is_err();
    if let Err((offset, why)) = result {
        let place = text.place(text.line_at(offset));
        reading.trouble(&place, format_args!("the rest was not read: {why}; expected Erlang terms"));
    }
    Terms { terms: parser.into_terms(), is_cut }
}

/// Where it went wrong, and why.
type Refusal = (usize, String);

struct Parser<'t> {
    text: &'t Text,
    at: usize,
    open: Vec<Open>,
    done: Vec<Term>,
    terms: usize,
    /// Parts of a template that are open here.
    parts: usize,
}

struct Open {
    line: u32,
    closer: &'static str,
    is_map: bool,
    is_perhaps: bool,
    elements: Vec<Term>,
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), Refusal> {
        // Whether a dot, or nothing yet, stands before.
        let mut is_ended = true;
        loop {
            self.skip();
            let Some(next) = self.rest().chars().next() else { break };
            if self.open.is_empty() && next == '.' {
                self.at += 1;
                is_ended = true;
                continue;
            }
            if self.open.is_empty() && !is_ended {
                return Err((self.at, format!("{next:?} after a complete term, where a dot was expected")));
            }
            self.element(next)?;
            is_ended = false;
        }
        match self.open.last() {
            Some(open) => Err((self.at, format!("{:?} is missing at the end", open.closer))),
            None if !is_ended => Err((self.at, "the dot at the end is missing".to_owned())),
            None => Ok(()),
        }
    }

    fn rest(&self) -> &str {
        self.text.content().get(self.at..).unwrap_or("")
    }

    /// White space, comments, and what a template has between its values.
    fn skip(&mut self) {
        loop {
            if let Some((part, length)) = directives::part(self.rest()) {
                self.parts = part.after(self.parts);
                self.at += length;
                continue;
            }
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            let comment = match rest.as_bytes().get(blank) {
                Some(b'%') => rest.get(blank..).map_or(0, |r| r.find('\n').unwrap_or(r.len())),
                _ => 0,
            };
            self.at += blank + comment;
            if blank + comment == 0 {
                return;
            }
        }
    }

    /// An opener, a closer, a separator, or a whole simple term.
    fn element(&mut self, next: char) -> Result<(), Refusal> {
        if let Some(length) = directives::value(self.rest()) {
            return self.placeholder(length);
        }
        match next {
            '[' => self.begin(1, "]", false),
            '{' => self.begin(1, "}", false),
            '#' if self.rest().starts_with("#{") => self.begin(2, "}", true),
            ']' | '}' => self.end(next),
            ',' | '|' => self.step(1),
            '=' if self.rest().starts_with("=>") => self.step(2),
            ':' if self.rest().starts_with(":=") => self.step(2),
            '"' => self.string(),
            '<' if self.rest().starts_with("<<") => self.binary(),
            '\'' => {
                let start = self.at;
                let name = self.quoted('\'')?;
                self.put(start, Node::Atom(name))
            }
            '$' => self.character(),
            '0'..='9' | '-' | '+' => self.number(),
            c if c.is_alphabetic() || c == '_' => self.name(),
            other => Err((self.at, format!("{other:?} is no term"))),
        }
    }

    fn step(&mut self, bytes: usize) -> Result<(), Refusal> {
        if self.open.is_empty() {
            return Err((self.at, "a separator outside of tuples and lists".to_owned()));
        }
        self.at += bytes;
        Ok(())
    }

    fn begin(&mut self, bytes: usize, closer: &'static str, is_map: bool) -> Result<(), Refusal> {
        if self.open.len() == DEPTH_MAX {
            return Err((self.at, format!("tuples and lists are nested deeper than {DEPTH_MAX}")));
        }
        let line = self.text.line_at(self.at);
        self.at += bytes;
        let is_perhaps = self.parts > 0;
        self.open.push(Open { line, closer, is_map, is_perhaps, elements: Vec::new() });
        Ok(())
    }

    fn end(&mut self, closer: char) -> Result<(), Refusal> {
        match self.open.last() {
            Some(open) if open.closer.starts_with(closer) => {
                self.at += 1;
                self.close();
                Ok(())
            }
            Some(open) => Err((self.at, format!("{closer:?} where {:?} was expected", open.closer))),
            None => Err((self.at, format!("{closer:?} closes nothing"))),
        }
    }

    fn close(&mut self) {
        let Some(Open { line, closer, is_map, is_perhaps, elements }) = self.open.pop() else { return };
        let node = match closer {
            "}" if is_map => Node::Map(pairs(elements)),
            "}" => Node::Tuple(elements),
            _ => Node::List(elements),
        };
        self.keep(Term { line, node, is_perhaps });
    }

    fn put(&mut self, start: usize, node: Node) -> Result<(), Refusal> {
        self.terms += 1;
        if self.terms > TERMS_MAX {
            return Err((start, format!("more than {TERMS_MAX} terms")));
        }
        self.keep(Term { line: self.text.line_at(start), node, is_perhaps: self.parts > 0 });
        Ok(())
    }

    fn keep(&mut self, term: Term) {
        match self.open.last_mut() {
            Some(open) => open.elements.push(term),
            None => self.done.push(term),
        }
    }

    fn placeholder(&mut self, length: usize) -> Result<(), Refusal> {
        let start = self.at;
        let written = self.rest().get(..length).unwrap_or("").to_owned();
        self.at += length;
        self.put(start, Node::Placeholder(written))
    }

    /// A string; two beside each other are one.
    fn string(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        let mut text = String::new();
        while self.rest().starts_with('"') {
            text.push_str(&self.quoted('"')?);
            self.skip();
        }
        self.put(start, Node::Text(text))
    }

    fn quoted(&mut self, quote: char) -> Result<String, Refusal> {
        let start = self.at;
        let mut value = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((offset, c)) = chars.next() {
            match c {
                '\\' => value.extend(chars.next().map(|(_, escaped)| unescaped(escaped))),
                c if c == quote => {
                    self.at = start + offset + 1;
                    return Ok(value);
                }
                c => value.push(c),
            }
        }
        Err((start, format!("the closing {quote} is missing")))
    }

    /// `<<"text">>`; other binaries hold nothing that a listener is made of.
    fn binary(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        self.at += 2;
        self.skip();
        let text = if self.rest().starts_with('"') { self.quoted('"')? } else { String::new() };
        let Some(end) = self.rest().find(">>") else {
            return Err((start, "the closing >> is missing".to_owned()));
        };
        self.at += end + 2;
        self.put(start, Node::Text(text))
    }

    /// `$a`, `$\n`.
    fn character(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        let mut chars = self.rest().chars().skip(1);
        let (c, length) = match chars.next() {
            Some('\\') => chars.next().map_or(('\\', 2), |c| (unescaped(c), 2 + c.len_utf8())),
            Some(c) => (c, 1 + c.len_utf8()),
            None => return Err((start, "a character is missing after $".to_owned())),
        };
        self.at += length;
        self.put(start, Node::Integer(i64::from(u32::from(c))))
    }

    /// `5222`, `-1`, `1.5e3`, `16#1466`, `5_222`.
    fn number(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        let is_part = |(at, c): (usize, char)| {
            let is_point = c == '.' && self.rest().get(at + 1..).is_some_and(starts_with_digit);
            c.is_ascii_alphanumeric() || matches!(c, '_' | '#') || is_point || (at == 0 && "+-".contains(c))
        };
        let rest = self.rest();
        let end = rest.char_indices().find(|one| !is_part(*one)).map_or(rest.len(), |(at, _)| at);
        let written = rest.get(..end).unwrap_or("").to_owned();
        self.at += end;
        let node = match integer(&written) {
            Some(integer) => Node::Integer(integer),
            None if written.bytes().any(|b| b.is_ascii_digit()) => Node::Number(written),
            None => return Err((start, format!("{written:?} is no number"))),
        };
        self.put(start, node)
    }

    fn name(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        let rest = self.rest();
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '@';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or("").to_owned();
        self.at += end;
        self.put(start, Node::Atom(name))
    }

    fn into_terms(mut self) -> Vec<Term> {
        while !self.open.is_empty() {
            self.close();
        }
        self.done
    }
}

fn starts_with_digit(text: &str) -> bool {
    text.bytes().next().is_some_and(|b| b.is_ascii_digit())
}

fn integer(written: &str) -> Option<i64> {
    let (base, digits) = written.split_once('#').unwrap_or(("10", written));
    let base: u32 = base.parse().ok().filter(|base| (2..=36).contains(base))?;
    i64::from_str_radix(&digits.replace('_', ""), base).ok()
}

fn unescaped(c: char) -> char {
    match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        's' => ' ',
        other => other,
    }
}

/// A key at the end without a value, of a broken file, is left out.
fn pairs(elements: Vec<Term>) -> Vec<(Term, Term)> {
    let mut elements = elements.into_iter();
    std::iter::from_fn(|| elements.next().zip(elements.next())).collect()
}
