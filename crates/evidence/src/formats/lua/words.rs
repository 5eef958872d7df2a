//! The words of Lua, with their lines.
//! Not here: what stands between them.

use crate::formats::directives::Part;
use crate::text::Text;

/// Words of one file. Real ones have some thousands.
const TOKENS_MAX: usize = 1_000_000;
/// Bytes of a template's directive.
const TEMPLATE_MAX: usize = 200;

/// A word and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its line.
    pub(crate) line: u32,
    /// What it is.
    pub(crate) word: Word,
}

/// What a word is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
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

/// Longer signs first.
const SIGNS: [&str; 34] = [
    "...", "..", "==", "~=", "<=", ">=", "::", "//", "<<", ">>", "=", "{", "}", "(", ")", "[", "]", ";", ":",
    ",", ".", "+", "-", "*", "/", "%", "^", "#", "<", ">", "&", "|", "~", "!",
];

/// The words of a file, without comments. A string without an end, and more words than a file may have, end
/// them there: then the line is returned too.
pub(crate) fn tokens(text: &Text) -> (Vec<Token>, Option<u32>) {
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
