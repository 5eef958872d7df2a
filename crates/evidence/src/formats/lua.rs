//! Lua as data: the words of a file, and expressions of literals. Nothing is ever executed.
//! Not here: statements, which each program takes in its own way.

use crate::text::Text;
use std::collections::HashMap;

/// Tables within each other. Real files have fewer than ten.
const DEPTH_MAX: usize = 64;
/// Words of one file. Real ones have some thousands.
const TOKENS_MAX: usize = 1_000_000;
/// Values that names bring in, counted with all that is in them: tables of tables of a name would multiply.
const COPIES_MAX: usize = 100_000;
/// Bytes of a template's directive.
const TEMPLATE_MAX: usize = 200;
/// Bytes of a string that is put together.
const TEXT_MAX: usize = 64 << 10;

/// A word and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its line.
    pub line: u32,
    /// What it is.
    pub word: Word,
}

/// What a word is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// A name or a keyword.
    Name(String),
    /// A string in any of its spellings.
    Text(String),
    /// A number as it is written.
    Number(String),
    /// `=`, `{`, `..`, `==`.
    Sign(&'static str),
    /// A directive of a template around the program (`{% if x %}`, `{{ end }}`): whether it opens a part that
    /// may be left out, or closes one.
    Template(Part),
    /// A character that Lua does not have, or the placeholder of a template.
    Other,
}

/// What a template's directive does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `if`, `for`, `range`.
    Opens,
    /// `end`, `endif`.
    Closes,
    /// Anything else.
    Other,
}

impl Part {
    /// How many parts are open after it, of so many before.
    fn after(self, open: usize) -> usize {
        match self {
            Part::Opens => open + 1,
            Part::Closes => open.saturating_sub(1),
            Part::Other => open,
        }
    }
}

/// The value of an expression and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Where it begins.
    pub line: u32,
    /// What it is.
    pub of: Of,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
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
    pub fn text(&self) -> Option<&str> {
        match &self.of {
            Of::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The fields of a table.
    pub fn fields(&self) -> Option<&[(Option<String>, Value)]> {
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

/// Longer signs first.
const SIGNS: [&str; 34] = [
    "...", "..", "==", "~=", "<=", ">=", "::", "//", "<<", ">>", "=", "{", "}", "(", ")", "[", "]", ";", ":",
    ",", ".", "+", "-", "*", "/", "%", "^", "#", "<", ">", "&", "|", "~", "!",
];

/// The words of a file, without comments. A string without an end, and more words than a file may have, end
/// them there: then the line is returned too.
pub fn tokens(text: &Text) -> (Vec<Token>, Option<u32>) {
    let content = text.content();
    let mut tokens = Vec::new();
    let mut at = if content.starts_with('#') { content.find('\n').unwrap_or(content.len()) } else { 0 };
    while let Some(rest) = content.get(at..).filter(|rest| !rest.is_empty()) {
        let line = text.line_at(at);
        let Some((word, length)) = next(rest).filter(|_| tokens.len() < TOKENS_MAX) else {
            return (tokens, Some(line));
        };
        at += length;
        tokens.extend(word.map(|word| Token { line, word }));
    }
    (tokens, None)
}

/// A word, or none for white space and comments, and its length; none for what has no end.
fn next(rest: &str) -> Option<(Option<Word>, usize)> {
    let first = rest.chars().next()?;
    if first.is_whitespace() {
        return Some((None, rest.len() - rest.trim_start().len()));
    }
    if let Some(template) = template(rest) {
        return Some((Some(template.0), template.1));
    }
    if let Some(comment) = rest.strip_prefix("--") {
        let length = match long_bracket(comment) {
            Some(long) => long?.1,
            None => comment.find('\n').unwrap_or(comment.len()),
        };
        return Some((None, 2 + length));
    }
    if let Some(long) = long_bracket(rest) {
        return long.map(|(text, length)| (Some(Word::Text(text)), length));
    }
    if first == '"' || first == '\'' {
        return quoted(rest, first).map(|(text, length)| (Some(Word::Text(text)), length));
    }
    let span = |is: fn(char) -> bool| rest.find(|c| !is(c)).unwrap_or(rest.len());
    if first.is_ascii_digit() {
        let length = span(|c| c.is_ascii_alphanumeric() || c == '.');
        return Some((Some(Word::Number(rest.get(..length)?.to_owned())), length));
    }
    if first.is_alphabetic() || first == '_' {
        let length = span(|c| c.is_alphanumeric() || c == '_');
        return Some((Some(Word::Name(rest.get(..length)?.to_owned())), length));
    }
    let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
    Some(sign.map_or((Some(Word::Other), first.len_utf8()), |sign| (Some(Word::Sign(sign)), sign.len())))
}

/// `{% … %}`, which is no Lua, and `{{ … }}` where it is not a table in a table.
fn template(rest: &str) -> Option<(Word, usize)> {
    let (inside, closer) = match rest.strip_prefix("{%") {
        Some(inside) => (inside, "%}"),
        None => (rest.strip_prefix("{{")?, "}}"),
    };
    if inside.starts_with('{') {
        return None;
    }
    // No directive is longer, and every opener looks for its closer.
    let near = inside.bytes().take(TEMPLATE_MAX).position(|b| b == b'\n').unwrap_or(TEMPLATE_MAX);
    let near = inside.as_bytes().get(..near).unwrap_or(inside.as_bytes());
    let end = near.windows(2).position(|two| two == closer.as_bytes())?;
    let said = inside.get(..end)?.trim_matches(['-', ' ', '\t']);
    let is_table = closer == "}}"
        && !said.starts_with(['$', '.'])
        && !is_called(said)
        && (said.contains(['=', '{', ',', ';']) || !said.starts_with(char::is_alphabetic));
    if is_table {
        return None;
    }
    let part = match said.split(char::is_whitespace).next().unwrap_or("") {
        "if" | "for" | "range" | "with" => Some(Part::Opens),
        "end" | "endif" | "endfor" => Some(Part::Closes),
        _ => None,
    };
    let is_value = closer == "}}" && part.is_none() && !said.contains(":=") && !said.starts_with("else");
    let word = if is_value { Word::Other } else { Word::Template(part.unwrap_or(Part::Other)) };
    Some((word, 2 + end + 2))
}

/// `join "," .Names`: a template's function and its first argument, which no table of Lua begins with.
fn is_called(said: &str) -> bool {
    let name = said.len() - said.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').len();
    let argument = said.get(name..).unwrap_or("");
    name > 0 && argument.starts_with(' ') && argument.trim_start().starts_with(['"', '(', '.', '$'])
}

/// `[[…]]`, `[==[…]==]`: outer none where there is no opener, inner none where the closer is missing.
fn long_bracket(rest: &str) -> Option<Option<(String, usize)>> {
    let inside = rest.strip_prefix('[')?;
    let level = inside.len() - inside.trim_start_matches('=').len();
    let body = inside.get(level..)?.strip_prefix('[')?;
    let closer = format!("]{}]", "=".repeat(level));
    Some(body.find(&closer).map(|end| {
        let content = body.get(..end).unwrap_or("");
        let content = content.strip_prefix('\n').unwrap_or(content);
        (content.to_owned(), 2 * (level + 2) + end)
    }))
}

fn quoted(rest: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                other => value.push(other),
            },
            '\n' => return None,
            c if c == quote => return Some((value, at + 1)),
            c => value.push(c),
        }
    }
    None
}

/// Reads words one after the other.
#[derive(Debug)]
pub struct Cursor<'t> {
    tokens: &'t [Token],
    at: usize,
    copies_left: usize,
}

impl<'t> Cursor<'t> {
    /// At the first of these.
    pub fn new(tokens: &'t [Token]) -> Cursor<'t> {
        Cursor { tokens, at: 0, copies_left: COPIES_MAX }
    }

    /// The word after so many others.
    pub fn ahead(&self, by: usize) -> Option<&'t Word> {
        self.tokens.get(self.at + by).map(|token| &token.word)
    }

    /// The line of the next word.
    pub fn line(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |token| token.line)
    }

    /// Takes the next word.
    pub fn take(&mut self) -> Option<&'t Word> {
        let word = self.ahead(0);
        self.at += usize::from(word.is_some());
        word
    }

    /// Whether the next word is that name or sign.
    pub fn is(&self, word: &str) -> bool {
        match self.ahead(0) {
            Some(Word::Name(name)) => name == word,
            Some(Word::Sign(sign)) => *sign == word,
            _ => false,
        }
    }

    /// Takes it if it is that name or sign.
    pub fn accept(&mut self, word: &str) -> bool {
        let is = self.is(word);
        self.at += usize::from(is);
        is
    }

    /// Takes everything up to that word, and it.
    pub fn skip_past(&mut self, word: &str) {
        while self.ahead(0).is_some() && !self.accept(word) {
            self.at += 1;
        }
    }

    /// Takes the rest of a function, from behind its first word to its `end`.
    pub fn skip_function(&mut self) {
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
    pub fn value(&mut self, names: &HashMap<String, Value>) -> Value {
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
