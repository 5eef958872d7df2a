//! Apache's lines: continued ones, words in quotes, `${VARIABLES}`.
//! Not here: what a directive means.
//! Source: "Configuration Files" and "Define" in the documentation of Apache httpd 2.4.

use crate::text::Text;
use std::collections::BTreeMap;

/// Bytes of a line or a value: Apache refuses longer words than 8 KiB.
pub(super) const LINE_MAX: usize = 16 << 10;

/// The lines of a file, those that end with a backslash joined, without blank ones and comments, each with the
/// number of its first line; a too long one is cut.
pub(super) fn lines(text: &Text) -> impl Iterator<Item = (u32, String)> {
    let mut all = text.lines();
    std::iter::from_fn(move || {
        loop {
            let (number, first) = all.next()?;
            let mut line = String::new();
            let mut part = first;
            while let Some(begun) = part.strip_suffix('\\') {
                push(&mut line, begun);
                let Some((_, next)) = all.next() else {
                    part = "";
                    break;
                };
                part = next;
            }
            push(&mut line, part);
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                return Some((number, line.to_owned()));
            }
        }
    })
}

fn push(line: &mut String, part: &str) {
    if line.len() <= LINE_MAX {
        let end = part.char_indices().nth(LINE_MAX).map_or(part.len(), |(at, _)| at);
        line.push_str(part.get(..end).unwrap_or(""));
    }
}

/// Words between blanks; `"…"` and `'…'` are one word, in which a backslash keeps the quote.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let Some(first) = chars.next() else { return words };
        let quote = matches!(first, '"' | '\'').then_some(first);
        let mut word = String::new();
        if quote.is_none() {
            word.push(first);
        }
        while let Some(c) = chars.next() {
            match (c, quote) {
                ('\\', Some(quote)) if chars.peek().is_some_and(|next| *next == quote || *next == '\\') => {
                    word.extend(chars.next());
                }
                (c, Some(quote)) if c == quote => break,
                (c, None) if c.is_whitespace() => break,
                _ => word.push(c),
            }
        }
        words.push(word);
    }
}

/// Puts values in the place of `${NAME}`; one that is not set stays as it is, as in Apache.
pub(super) fn expand(line: &str, values: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once("${") {
        out.push_str(before);
        let named = behind.split_once('}');
        match named.and_then(|(name, after)| values.get(name).map(|value| (value, after))) {
            Some((value, after)) if out.len() + value.len() <= LINE_MAX => {
                out.push_str(value);
                rest = after;
            }
            _ => {
                out.push_str("${");
                rest = behind;
            }
        }
    }
    out.push_str(rest);
    out
}

/// What a shell's file of assignments leaves in the environment: Debian's `envvars`, RHEL's
/// `/etc/sysconfig/httpd`. What stands between `if` and `else` is for other instances than the first.
pub(super) fn environment(text: &Text, values: &mut BTreeMap<String, String>) {
    let mut is_skipped = false;
    for (_, line) in text.lines() {
        let line = line.trim();
        match line.split([' ', ';']).next().unwrap_or("") {
            "if" => is_skipped = !line.ends_with("fi"),
            "else" | "fi" => is_skipped = false,
            _ if is_skipped => {}
            _ => assign(line.strip_prefix("export ").unwrap_or(line).trim(), values),
        }
    }
}

fn assign(line: &str, values: &mut BTreeMap<String, String>) {
    // `: ${NAME:=value}` gives a value where there is none.
    let or_else =
        line.strip_prefix(": ${").and_then(|l| l.strip_suffix('}')).and_then(|l| l.split_once(":="));
    let Some((name, value)) = or_else.or_else(|| line.split_once('=')) else { return };
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_name || or_else.is_some() && values.contains_key(name) {
        return;
    }
    let value = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value.get(1..).unwrap_or("").split(quote).next().unwrap_or(""),
        _ => value.split([' ', '\t', ';']).next().unwrap_or(""),
    };
    // A command's output is not known; a variable that is not set is empty.
    if value.contains(['`', '(']) || value.contains("${") && value.contains([':', '#', '%']) {
        values.remove(name);
        return;
    }
    let value = shell(value, values);
    if value.len() <= LINE_MAX {
        values.insert(name.to_owned(), value);
    }
}

fn shell(value: &str, values: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        let braced = behind.strip_prefix('{').and_then(|b| b.split_once('}'));
        let (name, after) = braced.unwrap_or_else(|| {
            let end = behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(behind.len());
            behind.split_at(end)
        });
        if out.len() <= LINE_MAX {
            out.push_str(values.get(name).map_or("", String::as_str));
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_taken_apart_as_apache_does() {
        assert_eq!(words(r#"Listen "80" 'https'"#), ["Listen", "80", "https"]);
        assert_eq!(words(r#"A "b \" c"  d\ e"#), ["A", "b \" c", "d\\", "e"]);
    }

    #[test]
    fn a_variable_without_a_value_stays() {
        let values = BTreeMap::from([("PORT".to_owned(), "80".to_owned())]);
        assert_eq!(expand("${PORT}${HOST}${PORT", &values), "80${HOST}${PORT");
    }
}
