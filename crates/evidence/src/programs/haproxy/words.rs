//! HAProxy's words: quotes, escapes, comments, variables of the environment.
//! Source: "Quoting and escaping" and "Environment variables" in HAProxy's configuration manual.

use std::collections::BTreeMap;

/// Bytes of a line that are read: HAProxy's own bound is 2 KiB.
const LINE_MAX: usize = 16 << 10;
/// Bytes of a word that are kept, with what variables add to it.
const WORD_MAX: usize = 4 << 10;
/// A variable that is not known to be set or not.
const UNKNOWN: char = '\u{fffd}';

/// What the environment is known to hold; what is unset for sure is `None`.
pub(super) type Environment = BTreeMap<String, Option<String>>;

/// The words of a line. A variable of which nothing is known leaves a mark in its word ([`is_unknown`]).
pub(super) fn words(line: &str, environment: &Environment) -> Vec<String> {
    let (mut words, mut word, mut is_open) = (Vec::new(), String::new(), false);
    let mut quote = None;
    let line = line.get(..line.floor_char_boundary(LINE_MAX)).unwrap_or(line);
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => {
                if let Some((_, next)) = chars.next() {
                    word.push(match next {
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        other => other,
                    });
                    is_open = true;
                }
            }
            ('"' | '\'', None) => {
                quote = Some(c);
                is_open = true;
            }
            (c, Some(open)) if c == open => quote = None,
            ('#', None) => break,
            // Addresses are expanded without quotes too.
            ('$', None | Some('"')) => {
                let (name, length) = variable(line.get(at + 1..).unwrap_or(""));
                let Some(name) = name else {
                    word.push(c);
                    continue;
                };
                match environment.get(name) {
                    Some(value) => word.push_str(value.as_deref().unwrap_or("")),
                    None => word.push(UNKNOWN),
                }
                is_open = true;
                while chars.next_if(|(next, _)| *next < at + 1 + length).is_some() {}
            }
            (c, None) if c.is_whitespace() => {
                if is_open {
                    words.push(std::mem::take(&mut word));
                }
                is_open = false;
            }
            _ => {
                word.push(c);
                is_open = true;
            }
        }
        if word.len() > WORD_MAX {
            break;
        }
    }
    if is_open {
        words.push(word);
    }
    words
}

/// Whether a word depends on what is not known: a variable, or a template's value.
pub(super) fn is_unknown(word: &str) -> bool {
    word.contains(UNKNOWN) || ["{{", "{%", "<%", "<?", "@@"].iter().any(|mark| word.contains(mark))
}

/// Whether a socket's options make it speak TLS; none where an option is not known.
pub(super) fn tls(options: &[String]) -> Option<bool> {
    let is_tls = options.iter().any(|option| option == "ssl");
    (is_tls || !options.iter().any(|option| is_unknown(option))).then_some(is_tls)
}

/// The name behind `$`, in braces or not, and how many bytes it takes. `${name[*]}` and `${name-default}`
/// are newer forms, which are not known here.
fn variable(text: &str) -> (Option<&str>, usize) {
    if let Some((name, _)) = text.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
        return (Some(name), name.len() + 2);
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let name =
        text.get(..end).filter(|name| !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()));
    (name, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_taken_apart_as_haproxy_does() {
        let environment =
            Environment::from([("PORT".to_owned(), Some("80".to_owned())), ("GONE".to_owned(), None)]);
        let of = |line| words(line, &environment);
        assert_eq!(
            of("bind \"*:${PORT}\" name 'a $PORT' b\\ c # d"),
            ["bind", "*:80", "name", "a $PORT", "b c"]
        );
        assert_eq!(of("bind *:$PORT#x"), ["bind", "*:80"]);
        assert_eq!(of("bind *:${GONE}80 \"\""), ["bind", "*:80", ""]);
        assert!(is_unknown(of("bind *:${OTHER}").last().unwrap()));
    }
}
