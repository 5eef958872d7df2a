//! lighttpd's tokens.
//! Source: "Core:ConfigFile" in lighttpd's documentation.

use crate::programs::template;
use crate::text::Text;

/// Bytes of a string that are kept.
pub(super) const TEXT_MAX: usize = 4 << 10;
/// Bytes that `$SERVER["socket"]` and its like have at most.
const CONDITION_MAX: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A key, a variable, `include`, `else`, a number.
    Word(String),
    /// In quotes.
    Text(String),
    /// `$SERVER["socket"]` as `SERVER.socket`.
    Condition(String),
    /// `{{ value }}` or `{% statement %}` of a template, which is no lighttpd's.
    Template(String),
    /// An operator, a brace, a comma.
    Sign(&'static str),
    End,
}

/// The rest of a file, one token looked at ahead.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    text: &'a Text,
    rest: &'a str,
    ahead: Option<(Token, u32)>,
    /// The line of the token that was taken last.
    pub(super) line: u32,
}

/// Longer ones first.
const SIGNS: [&str; 17] =
    ["=>", "+=", ":=", "==", "!=", "=~", "!~", "=^", "=$", "=", "+", "{", "}", "(", ")", ",", ";"];

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a Text) -> Tokens<'a> {
        Tokens { text, rest: text.content(), ahead: None, line: 1 }
    }

    pub(super) fn peek(&mut self) -> &Token {
        if self.ahead.is_none() {
            self.ahead = Some(self.read());
        }
        self.ahead.as_ref().map_or(&Token::End, |(token, _)| token)
    }

    pub(super) fn next(&mut self) -> Token {
        let (token, line) = self.ahead.take().unwrap_or_else(|| self.read());
        self.line = line;
        token
    }

    /// Takes a sign if it comes next.
    pub(super) fn takes(&mut self, sign: &str) -> bool {
        let is_next = matches!(self.peek(), Token::Sign(next) if *next == sign);
        if is_next {
            self.next();
        }
        is_next
    }

    fn read(&mut self) -> (Token, u32) {
        self.skip_blank();
        let line = self.text.line_at(self.text.content().len() - self.rest.len());
        (self.token(), line)
    }

    fn skip_blank(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if !self.rest.starts_with('#') {
                return;
            }
            self.advance(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or("");
    }

    fn token(&mut self) -> Token {
        let Some(c) = self.rest.chars().next() else { return Token::End };
        if let Some(length) = template::length(self.rest) {
            let template = self.rest.get(..length).unwrap_or("").to_owned();
            self.advance(length);
            return Token::Template(template);
        }
        if let Some(sign) = SIGNS.into_iter().find(|sign| self.rest.starts_with(sign)) {
            self.advance(sign.len());
            return Token::Sign(sign);
        }
        match c {
            '"' | '\'' => self.quoted(c),
            '$' => self.condition(),
            _ => {
                let is_word =
                    |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '\\' | '@');
                let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len()).max(c.len_utf8());
                let word = self.rest.get(..end.min(TEXT_MAX)).unwrap_or("").to_owned();
                self.advance(end);
                Token::Word(word)
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Token {
        self.advance(1);
        let (mut text, mut escaped) = (String::new(), false);
        for (at, c) in self.rest.char_indices() {
            if c == quote && !escaped {
                self.advance(at + 1);
                return Token::Text(text);
            }
            escaped = c == '\\' && !escaped;
            if !escaped && text.len() < TEXT_MAX {
                text.push(c);
            }
        }
        self.rest = "";
        Token::Text(text)
    }

    /// `$SERVER["socket"]`.
    fn condition(&mut self) -> Token {
        let near = self.rest.get(..self.rest.floor_char_boundary(CONDITION_MAX)).unwrap_or("");
        let line = near.split(['\n', '{', '=']).next().unwrap_or("");
        let apart = line.split_once('[').and_then(|(of, rest)| Some((of, rest.split_once(']')?.0)));
        let Some((of, what)) = apart else {
            self.advance(1);
            return Token::Word("$".to_owned());
        };
        let end = line.find(']').map_or(1, |at| at + 1);
        let name = format!("{}.{}", of.trim_start_matches('$').trim(), what.trim().trim_matches(['"', '\'']));
        self.advance(end);
        Token::Condition(name)
    }
}
