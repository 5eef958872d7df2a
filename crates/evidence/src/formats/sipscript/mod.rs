//! The script language of SIP Express Router, of which Kamailio and OpenSIPS speak dialects, as a stream of
//! tokens that know their file and line. Kamailio's preprocessor is done on the way ([`directives`]).
//! Source: Kamailio's core cookbook; OpenSIPS' manual, "Script Syntax" and "Core Parameters".
//! Not here: what any statement means.

mod conditions;
mod defines;
mod directives;
mod expression;
mod includes;
mod macros;
pub mod socket;
pub mod statement;
mod words;

use crate::formats::template;
use crate::reading::Reading;
use crate::text::{Place, Text};
use conditions::Conditions;
use defines::Defines;
use std::collections::VecDeque;
use std::sync::Arc;
use words::{is_placeholder, line, string, unrendered, variable, word};

/// Bytes of definitions that words are replaced by. Kamailio itself has no bound, and hangs.
const EXPANDED_MAX: usize = 1 << 20;
/// Definitions within each other's values.
const WITHIN_MAX: usize = 64;

/// Whose script it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// With `//` comments, and directives that begin with `#!` or `!!`.
    Kamailio,
    /// Without either.
    OpenSips,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A name, a number or an IPv6 address.
    Word,
    /// A string, without its quotes.
    Text,
    /// A variable of the routing logic (`$var(x)`), which no statement of ours needs.
    Variable,
    /// A statement or value of a template that was not rendered.
    Template,
    /// Any other character.
    Mark(char),
}

/// A token, and where it stands.
#[derive(Debug, Clone)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its text; of a template with its marks; empty for marks and variables.
    pub text: String,
    file: Arc<Text>,
    line: u32,
    /// Nothing stands between the token before and this one.
    is_glued: bool,
    /// The definitions that it came from.
    via: Vec<usize>,
}

impl Token {
    /// Whether it is this character.
    pub fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }

    /// Whether it is part of the same word as the token before, for one who reads words between blanks.
    pub fn is_glued(&self) -> bool {
        self.is_glued
    }

    /// The text of a word.
    pub fn word(&self) -> Option<&str> {
        (self.kind == Kind::Word).then_some(self.text.as_str())
    }

    /// Whether both stand in one line.
    pub fn is_beside(&self, other: &Token) -> bool {
        self.line == other.line && Arc::ptr_eq(&self.file, &other.file)
    }
}

/// A file, or a definition's value, that is being read.
#[derive(Clone)]
struct Frame {
    file: Arc<Text>,
    /// The value that stands instead of a word of the file, the definition that it is of, and the word's line.
    value: Option<(Arc<str>, usize, u32)>,
    at: usize,
}

impl Frame {
    fn rest(&self) -> &str {
        let all = self.value.as_ref().map_or(self.file.content(), |(value, _, _)| value);
        all.get(self.at..).unwrap_or("")
    }

    fn line(&self) -> u32 {
        self.value.as_ref().map_or_else(|| self.file.line_at(self.at), |(_, _, line)| *line)
    }
}

/// A script on its way through.
pub struct Script {
    dialect: Dialect,
    main: Arc<Text>,
    frames: Vec<Frame>,
    ahead: VecDeque<Token>,
    defines: Defines,
    conditions: Conditions,
    expanded: usize,
    included: usize,
    /// The last place that was asked for: lines can be long, and hold thousands of tokens.
    last: Option<(Arc<Text>, u32, Place)>,
}

impl Script {
    /// From its main file.
    pub fn new(dialect: Dialect, main: &Arc<Text>) -> Script {
        let frames = vec![Frame { file: main.clone(), value: None, at: 0 }];
        let (defines, conditions) = (Defines::default(), Conditions::default());
        let (ahead, main) = (VecDeque::new(), main.clone());
        Script { dialect, main, frames, ahead, defines, conditions, expanded: 0, included: 0, last: None }
    }

    /// The next token; none at the end.
    pub fn next(&mut self, reading: &mut Reading<'_>) -> Option<Token> {
        self.ahead.pop_front().or_else(|| self.scan(reading))
    }

    /// A token further on, which stays: 0 is the next.
    pub fn peek(&mut self, reading: &mut Reading<'_>, further: usize) -> Option<&Token> {
        while self.ahead.len() <= further {
            let token = self.scan(reading)?;
            self.ahead.push_back(token);
        }
        self.ahead.get(further)
    }

    /// Whether a token further on is this character.
    pub fn has(&mut self, reading: &mut Reading<'_>, further: usize, mark: char) -> bool {
        self.peek(reading, further).is_some_and(|token| token.is(mark))
    }

    /// The next token if it is this character.
    pub fn take(&mut self, reading: &mut Reading<'_>, mark: char) -> Option<Token> {
        if self.has(reading, 0, mark) { self.next(reading) } else { None }
    }

    /// Passes over what is left of a token's line.
    pub fn end_line(&mut self, reading: &mut Reading<'_>, token: &Token) {
        while self.peek(reading, 0).is_some_and(|next| next.is_beside(token)) {
            self.next(reading);
        }
    }

    /// The line of a token, and the lines of the definitions that it came from.
    pub fn places(&mut self, token: &Token) -> Vec<Place> {
        let own = self.place(token);
        let mut places = vec![own];
        for place in token.via.iter().flat_map(|index| self.defines.places(*index)) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }

    /// The line of a token.
    pub fn place(&mut self, token: &Token) -> Place {
        self.place_at(&token.file, token.line)
    }

    fn place_at(&mut self, file: &Arc<Text>, line: u32) -> Place {
        match &self.last {
            Some((last, number, place)) if *number == line && Arc::ptr_eq(last, file) => place.clone(),
            _ => {
                let place = file.place(line);
                self.last = Some((file.clone(), line, place.clone()));
                place
            }
        }
    }

    /// A definition that does not stand in the script: of the command line, or of the environment.
    pub fn define(&mut self, name: &str, value: &str, place: Place) {
        self.defines.set(name, value, place);
    }

    /// A variable of the service's environment.
    pub fn environment(&mut self, name: &str, value: &str) {
        self.defines.environment(name, value);
    }

    fn scan(&mut self, reading: &mut Reading<'_>) -> Option<Token> {
        let mut is_glued = true;
        loop {
            let Some(frame) = self.frames.last().cloned() else {
                self.end(reading);
                return None;
            };
            let rest = frame.rest();
            let Some(first) = rest.chars().next() else {
                self.frames.pop();
                continue;
            };
            if let Some(token) = self.passed(reading, first, &frame) {
                return Some(Token { is_glued, ..token });
            }
            // A word that a definition replaces has not been passed, but begun.
            is_glued &= first.is_ascii_alphanumeric() || first == '_';
        }
    }

    fn end(&mut self, reading: &mut Reading<'_>) {
        self.conditions.end(reading);
        if self.defines.is_cut() {
            reading.trouble(&self.main.whole(), "not every substitution was made: there are too many");
        }
    }

    /// The token that stands here; none where what stands here is none, or another text instead of it.
    fn passed(&mut self, reading: &mut Reading<'_>, first: char, frame: &Frame) -> Option<Token> {
        let rest = frame.rest();
        if self.conditions.is_skipping() {
            self.skip(reading, frame);
        } else if first.is_whitespace() {
            self.advance(first.len_utf8());
        } else if self.is_directive(reading, frame) || self.is_macro(reading, frame) {
        } else if first == '#' || self.dialect == Dialect::Kamailio && rest.starts_with("//") {
            self.comment();
        } else if rest.starts_with("/*") {
            let length = self.block_comment(reading, rest, frame);
            self.advance(length);
        } else if let Some(length) = template::comment(rest) {
            self.advance(length);
        } else {
            return self.token(reading, first, frame);
        }
        None
    }

    fn advance(&mut self, by: usize) {
        if let Some(frame) = self.frames.last_mut() {
            frame.at += by;
        }
    }

    /// To the end of the line, which a definition's value does not have.
    fn comment(&mut self) {
        while self.frames.last().is_some_and(|frame| frame.value.is_some()) {
            self.frames.pop();
        }
        let length = self.frames.last().map_or(0, |frame| line(frame.rest()));
        self.advance(length);
    }

    /// Kamailio's are within each other.
    fn block_comment(&mut self, reading: &mut Reading<'_>, rest: &str, frame: &Frame) -> usize {
        let is_nested = self.dialect == Dialect::Kamailio;
        let (mut depth, mut at) = (1usize, 2usize);
        let bytes = rest.as_bytes();
        while depth > 0 {
            match (bytes.get(at), bytes.get(at + 1)) {
                (Some(b'*'), Some(b'/')) => (depth, at) = (depth - 1, at + 2),
                (Some(b'/'), Some(b'*')) if is_nested => (depth, at) = (depth + 1, at + 2),
                (Some(_), _) => at += 1,
                (None, _) => {
                    let place = self.place_at(&frame.file, frame.line());
                    reading.trouble(&place, "the comment is not closed");
                    return rest.len();
                }
            }
        }
        at
    }

    fn token(&mut self, reading: &mut Reading<'_>, first: char, frame: &Frame) -> Option<Token> {
        let rest = frame.rest();
        let (kind, text, length) = match first {
            '"' | '\'' => {
                let (text, length) = string(rest).unwrap_or_else(|| {
                    let place = self.place_at(&frame.file, frame.line());
                    reading.trouble(&place, "the string is not closed");
                    (String::new(), rest.len())
                });
                (Kind::Text, text, length)
            }
            '$' => (Kind::Variable, String::new(), variable(rest)),
            '{' | '<' if unrendered(rest).is_some() => {
                let length = unrendered(rest).unwrap_or(1);
                (Kind::Template, rest.get(..length).unwrap_or("").to_owned(), length)
            }
            _ => match word(rest) {
                0 => (Kind::Mark(first), String::new(), first.len_utf8()),
                length => {
                    let word = rest.get(..length).unwrap_or("");
                    self.advance(length);
                    if self.is_replaced(reading, word, frame) {
                        return None;
                    }
                    (Kind::Word, word.to_owned(), 0)
                }
            },
        };
        self.advance(length);
        let mut via: Vec<usize> =
            self.frames.iter().filter_map(|f| f.value.as_ref().map(|(_, index, _)| *index)).collect();
        // Innermost first: it is what the word says at last.
        via.reverse();
        let (file, line) = (frame.file.clone(), frame.line());
        Some(Token { kind, text, file, line, is_glued: false, via })
    }

    /// A word that is a directive to read another file, or that a definition replaces.
    fn is_replaced(&mut self, reading: &mut Reading<'_>, word: &str, frame: &Frame) -> bool {
        if word == "include_file" || word == "import_file" {
            self.include(reading, word);
            return true;
        }
        let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && !word.contains(':');
        let Some((index, value)) = self.defines.value(word).filter(|_| is_name) else { return false };
        while self.frames.last().is_some_and(|f| f.value.is_some() && f.rest().is_empty()) {
            self.frames.pop();
        }
        let mut within = self.frames.iter().filter_map(|f| f.value.as_ref().map(|(_, within, _)| *within));
        let is_within = within.clone().count() >= WITHIN_MAX || within.any(|within| within == index);
        if self.expanded >= EXPANDED_MAX || is_within {
            // `<MY_PORT>` as the value of MY_PORT is to be filled in; whoever needs it says so.
            if !is_placeholder(&value) {
                let place = self.place_at(&frame.file, frame.line());
                reading.trouble(&place, format_args!("the definition of {word} leads back to itself"));
            }
            return false;
        }
        self.expanded += value.len() + 16;
        self.frames.push(Frame {
            file: frame.file.clone(),
            value: Some((value, index, frame.line())),
            at: 0,
        });
        true
    }

    /// A string's text, after the substitutions that the script asks for.
    pub fn substituted(&mut self, token: &mut Token) {
        if token.kind == Kind::Text {
            let via = self.defines.substitute(&mut token.text);
            token.via.extend(via);
        }
    }
}
