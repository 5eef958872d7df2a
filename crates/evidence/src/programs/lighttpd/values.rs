//! lighttpd's values: strings, numbers, variables, and sums of them. Lists are passed over.
//! Source: "Core:ConfigFile" in lighttpd's documentation.

use super::Instance;
use super::tokens::{TEXT_MAX, Token, Tokens};

/// A value, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    List,
    Unknown(String),
}

impl Value {
    pub(super) fn plus(self, other: Value) -> Value {
        match (self, other) {
            (Value::Number(a), Value::Number(b)) => Value::Number(a.saturating_add(b)),
            (Value::Unknown(what), _) | (_, Value::Unknown(what)) => Value::Unknown(what),
            (Value::List, _) | (_, Value::List) => Value::List,
            (a, b) => {
                let text = a.text() + &b.text();
                if text.len() <= TEXT_MAX { Value::Text(text) } else { Value::Unknown("a long text".into()) }
            }
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::List => String::new(),
            Value::Unknown(what) => format!("{{{what}}}"),
        }
    }

    pub(super) fn is_on(&self) -> bool {
        matches!(self, Value::Text(text) if text == "enable")
    }
}

impl Instance {
    /// `value + value…`; lists are passed over.
    pub(super) fn expression(&mut self, tokens: &mut Tokens<'_>) -> Value {
        let mut value = self.value(tokens);
        while tokens.takes("+") {
            let next = self.value(tokens);
            value = value.plus(next);
        }
        value
    }

    fn value(&self, tokens: &mut Tokens<'_>) -> Value {
        if matches!(tokens.peek(), Token::End | Token::Sign("{" | "}")) {
            return Value::Unknown("no value".to_owned());
        }
        match tokens.next() {
            Token::Text(text) => Value::Text(text),
            Token::Sign("(") => match skip_list(tokens) {
                true => Value::List,
                false => Value::Unknown(OPEN_LIST.to_owned()),
            },
            Token::Template(what) => Value::Unknown(what),
            Token::Word(word) => match word.parse() {
                Ok(number) => Value::Number(number),
                Err(_) => self.values.get(&key(&word)).cloned().unwrap_or(Value::Unknown(word)),
            },
            wrong => Value::Unknown(shown(&wrong)),
        }
    }
}

/// A name without a dot is a variable's.
pub(super) fn key(word: &str) -> String {
    if word.contains('.') { word.to_owned() } else { format!("var.{word}") }
}

pub(super) fn shown(token: &Token) -> String {
    match token {
        Token::Word(text) | Token::Text(text) | Token::Condition(text) | Token::Template(text) => {
            quoted(text)
        }
        Token::Sign(sign) => format!("{sign:?}"),
        Token::End => "the end of the file".to_owned(),
    }
}

pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}

pub(super) const OPEN_LIST: &str = "a list without \")\"";

/// Behind `(`: up to its `)`. Whether there is one.
fn skip_list(tokens: &mut Tokens<'_>) -> bool {
    let mut depth = 1_usize;
    while depth > 0 {
        match tokens.next() {
            Token::Sign("(") => depth += 1,
            Token::Sign(")") => depth -= 1,
            Token::End => return false,
            _ => {}
        }
    }
    true
}
