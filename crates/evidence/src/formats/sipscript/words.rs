//! Where words, strings and variables of the language end.
//! Not here: what they mean, and where they come from.

use crate::formats::template;

/// Marks that no address and no port has: somebody is to fill in what stands there.
pub(super) fn is_placeholder(text: &str) -> bool {
    text.contains(['{', '<', '@', '$', '%', '('])
}

/// The bytes of a template's statement or value at the beginning of a text.
pub(super) fn unrendered(rest: &str) -> Option<usize> {
    template::length(rest)
}

/// The bytes up to the end of the line, with it.
pub(super) fn line(rest: &str) -> usize {
    rest.find('\n').map_or(rest.len(), |at| at + 1)
}

/// The text of a string, and its bytes. Strings in double quotes that follow each other are one.
pub(super) fn string(rest: &str) -> Option<(String, usize)> {
    if let Some(inside) = rest.strip_prefix('\'') {
        let end = inside.find('\'')?;
        return Some((inside.get(..end)?.to_owned(), end + 2));
    }
    let (mut text, mut at) = (String::new(), 0);
    while let Some(inside) = rest.get(at..)?.strip_prefix('"') {
        let mut is_escaped = false;
        let end = inside.find(|c| {
            let is_end = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            is_end
        })?;
        unescape(inside.get(..end)?, &mut text);
        at += end + 2;
        let after = rest.get(at..)?;
        let blanks = after.len() - after.trim_start().len();
        if !after.trim_start().starts_with('"') {
            break;
        }
        at += blanks;
    }
    Some((text, at))
}

fn unescape(inside: &str, into: &mut String) {
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => into.push('\n'),
                Some('r') => into.push('\r'),
                Some('t') => into.push('\t'),
                Some('\n') | None => {}
                Some(c @ ('"' | '\\')) => into.push(c),
                Some(other) => into.extend(['\\', other]),
            },
            (c, false) => into.push(c),
        }
    }
}

/// `$name`, `$name(…)` and `$(…)`: what is in the parentheses may be anything but a line end.
pub(super) fn variable(rest: &str) -> usize {
    let name = rest.bytes().skip(1).take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count() + 1;
    let mut depth = 0usize;
    for (at, byte) in rest.bytes().enumerate().skip(name) {
        match byte {
            b'(' => depth += 1,
            b')' if depth > 1 => depth -= 1,
            b')' if depth == 1 => return at + 1,
            b'\n' => return at,
            _ if depth == 0 => return at,
            _ => {}
        }
    }
    rest.len()
}

/// The bytes of a word: letters, digits and `_`, or an IPv6 address.
pub(super) fn word(rest: &str) -> usize {
    let name = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    name.max(ipv6(rest))
}

/// The longest IPv6 address that stands here.
fn ipv6(rest: &str) -> usize {
    let run = rest.bytes().take(40).take_while(|b| b.is_ascii_hexdigit() || *b == b':').count();
    let may_be = rest.get(..run).is_some_and(|run| run.contains("::") || run.matches(':').count() >= 7);
    if !may_be || rest.starts_with(":::") {
        return 0;
    }
    let is_address =
        |end: &usize| rest.get(..*end).is_some_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
    (2..=run).rev().find(is_address).unwrap_or(0)
}
