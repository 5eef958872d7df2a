//! nginx's syntax: words, quotes, comments, blocks. Lua blocks of OpenResty are passed over as Lua.
//! Not here: what a directive means.
//! Source: nginx's "Beginner's Guide" (structure of a configuration file); lua-nginx-module's documentation.

use crate::programs::template;
use crate::text::Text;

/// Words of a directive that are kept: none that matters has more.
const WORDS_MAX: usize = 64;
/// Bytes of a word that are kept: nginx refuses longer ones.
const WORD_MAX: usize = 4096;
/// What comes next in a file.
#[derive(Debug)]
pub(super) enum Item {
    /// `name word…;`, or with a block.
    Directive {
        /// The name first. Never empty.
        words: Vec<String>,
        /// Where the name stands.
        line: u32,
        /// Whether a block begins.
        opens: bool,
    },
    /// `}`.
    Close(u32),
    /// A value or statement of a template in the place of a directive.
    Template(u32, String),
    /// What nginx would refuse; reading goes on behind it.
    Broken(u32, String),
}

/// The rest of a file.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    text: &'a Text,
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a Text) -> Tokens<'a> {
        Tokens { text, rest: text.content() }
    }

    /// The line that reading has come to.
    pub(super) fn line(&self) -> u32 {
        self.text.line_at(self.text.content().len() - self.rest.len())
    }

    pub(super) fn next(&mut self) -> Option<Item> {
        let (mut words, mut first) = (Vec::new(), 0);
        loop {
            self.skip_blank();
            let line = self.line();
            let Some(c) = self.rest.chars().next() else {
                let what = "the file ends within a directive; expected \";\" or \"{\"";
                return (!words.is_empty()).then(|| Item::Broken(first, what.to_owned()));
            };
            match c {
                _ if template::begins(self.rest) => {
                    let word = self.template();
                    if words.is_empty() && (template::is_code(&word) || self.is_line_end()) {
                        return Some(Item::Template(line, word));
                    }
                    self.keep(&mut words, word);
                }
                ';' | '{' | '}' if words.is_empty() => {
                    self.advance(1);
                    let what = || format!("unexpected {c:?}; expected a directive");
                    return Some(if c == '}' { Item::Close(line) } else { Item::Broken(line, what()) });
                }
                ';' | '{' => {
                    self.advance(1);
                    return Some(self.directive(words, first, c == '{'));
                }
                '}' => return Some(Item::Broken(line, "unexpected \"}\"; expected \";\"".to_owned())),
                quote @ ('"' | '\'') => {
                    self.advance(1);
                    match self.quoted(quote) {
                        Some(word) => self.keep(&mut words, word),
                        None => return Some(Item::Broken(line, format!("{quote} is not closed"))),
                    }
                }
                _ => {
                    let word = self.bare();
                    self.keep(&mut words, word);
                }
            }
            first = if first == 0 { line } else { first };
        }
    }

    fn directive(&mut self, words: Vec<String>, line: u32, opens: bool) -> Item {
        if opens && words.first().is_some_and(|name| name.ends_with("_by_lua_block")) {
            return match self.skip_lua() {
                true => Item::Directive { words, line, opens: false },
                false => Item::Broken(line, "the Lua block is not closed".to_owned()),
            };
        }
        Item::Directive { words, line, opens }
    }

    fn keep(&self, words: &mut Vec<String>, word: String) {
        if words.len() < WORDS_MAX {
            words.push(word);
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or("");
    }

    fn skip_blank(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
            if let Some(length) = template::comment(self.rest) {
                self.advance(length);
            } else if self.rest.starts_with('#') {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.advance(end);
            } else {
                return;
            }
        }
    }

    fn is_line_end(&self) -> bool {
        self.rest.trim_start_matches([' ', '\t', '\r']).starts_with('\n')
    }

    /// `{{ name }}`, `{% if name %}` and their like as one word: no nginx would take it, a template engine replaces it.
    fn template(&mut self) -> String {
        let end = template::length(self.rest).unwrap_or(2);
        let word = self.rest.get(..end).unwrap_or("").to_owned();
        self.advance(end);
        // What touches it belongs to the word: `{{ host }}:80`.
        let is_apart = self.rest.starts_with([' ', '\t', '\r', '\n', ';', '{', '}']);
        if is_apart || template::is_code(&word) { word } else { word + &self.bare() }
    }

    /// Up to the quote that closes. Within it only `\"`, `\'`, `\\`, `\t`, `\r` and `\n` are escapes.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let (mut word, mut escaped) = (String::new(), false);
        for (at, c) in self.rest.char_indices() {
            match c {
                _ if escaped => {
                    escaped = false;
                    unescape(&mut word, c);
                }
                '\\' => escaped = true,
                _ if c == quote => {
                    self.advance(at + 1);
                    return Some(word);
                }
                _ => push(&mut word, c),
            }
        }
        self.rest = "";
        None
    }

    /// Up to a blank, `;` or `{`; a `{` behind `$` belongs to the word, and so does `{{ a template }}`.
    fn bare(&mut self) -> String {
        let (mut word, mut escaped, mut variable) = (String::new(), false, false);
        let mut at = 0;
        while let Some(c) = self.rest.get(at..).and_then(|rest| rest.chars().next()) {
            let template = self.rest.get(at..).and_then(template::length).filter(|_| c == '{');
            match c {
                _ if escaped => unescape(&mut word, c),
                ' ' | '\t' | '\r' | '\n' | ';' => break,
                '{' if !variable => match template {
                    Some(length) => {
                        let all = self.rest.get(at..at + length).unwrap_or("");
                        all.chars().for_each(|c| push(&mut word, c));
                        at += length;
                        continue;
                    }
                    None => break,
                },
                '\\' => {}
                _ => push(&mut word, c),
            }
            escaped = c == '\\' && !escaped;
            variable = c == '$';
            at += c.len_utf8();
        }
        self.advance(at);
        word
    }

    /// Behind `content_by_lua_block {`: up to its brace, as Lua counts them. Whether it is closed.
    fn skip_lua(&mut self) -> bool {
        let mut depth = 1_usize;
        while let Some(at) = self.rest.find(['{', '}', '"', '\'', '-', '[']) {
            self.advance(at);
            let c = self.rest.chars().next();
            let comment = self.rest.strip_prefix("--");
            match c {
                Some('-') => match comment.map(long_bracket) {
                    Some(Some(close)) => self.skip_behind(&close),
                    Some(None) => self.skip_behind("\n"),
                    None => self.advance(1),
                },
                Some('[') => match long_bracket(self.rest) {
                    Some(close) => self.skip_behind(&close),
                    None => self.advance(1),
                },
                Some(quote @ ('"' | '\'')) => {
                    self.advance(1);
                    self.skip_lua_string(quote);
                }
                Some('{') => {
                    depth += 1;
                    self.advance(1);
                }
                _ => {
                    depth -= 1;
                    self.advance(1);
                    if depth == 0 {
                        return true;
                    }
                }
            }
        }
        self.rest = "";
        false
    }

    fn skip_behind(&mut self, close: &str) {
        let end = self.rest.find(close).map_or(self.rest.len(), |at| at + close.len());
        self.advance(end);
    }

    /// A string of Lua ends at its quote, or wrongly at the line's end.
    fn skip_lua_string(&mut self, quote: char) {
        let mut escaped = false;
        for (at, c) in self.rest.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == quote || c == '\n' => return self.advance(at + 1),
                _ => {}
            }
        }
        self.rest = "";
    }
}

/// What closes `[[` or `[==[`.
fn long_bracket(text: &str) -> Option<String> {
    let inner = text.strip_prefix('[')?;
    let level = inner.len() - inner.trim_start_matches('=').len();
    // No Lua has more; a file of nothing but `=` would be counted again and again otherwise.
    (level < 100 && inner.get(level..)?.starts_with('[')).then(|| format!("]{}]", "=".repeat(level)))
}

fn unescape(word: &mut String, c: char) {
    match c {
        '"' | '\'' | '\\' => push(word, c),
        't' => push(word, '\t'),
        'r' => push(word, '\r'),
        'n' => push(word, '\n'),
        _ => {
            push(word, '\\');
            push(word, c);
        }
    }
}

fn push(word: &mut String, c: char) {
    if word.len() < WORD_MAX {
        word.push(c);
    }
}
