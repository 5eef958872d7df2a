//! Assignments of a shell as packages keep command lines in: `/etc/default`, `/etc/sysconfig`, systemd's
//! EnvironmentFile. Not here: anything else that a shell could run.

use crate::text::Text;
use std::collections::HashMap;

/// The largest value that is kept, in bytes: variables in variables multiply.
const VALUE_BYTES_MAX: usize = 8 << 10;
/// All values of a file together; what stands behind is passed over.
const BYTES_MAX: usize = 4 << 20;

/// `KEY=value`, with quotes taken off and the variables of lines before put in. A variable that is not known
/// stays as it is written, with its `$`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub key: String,
    /// Its value.
    pub value: String,
    /// The words of the value, each with its line: a quoted value may go over several.
    pub words: Vec<(String, u32)>,
    /// Where it begins.
    pub line: u32,
}

/// All assignments in order; what is none is passed over.
pub fn assignments(text: &Text) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut known: HashMap<String, String> = HashMap::new();
    let mut lines = text.lines();
    let mut bytes_left = BYTES_MAX;
    while let Some((line, content)) = lines.next().filter(|_| bytes_left > 0) {
        let content = content.trim_start();
        let content = content.strip_prefix("export ").unwrap_or(content).trim_start();
        let Some((key, rest)) = content.split_once('=').filter(|(key, _)| is_name(key)) else { continue };
        let mut value = Value::default();
        value.take(rest, line, &known);
        while value.goes_on() {
            let Some((line, content)) = lines.next() else { break };
            value.take(content, line, &known);
        }
        bytes_left = bytes_left.saturating_sub(value.text.len());
        let words = value.words();
        known.insert(key.to_owned(), value.text.clone());
        found.push(Assignment { key: key.to_owned(), value: value.text, words, line });
    }
    found
}

/// Also an element of an array, `KEY[0]`.
fn is_name(key: &str) -> bool {
    let key = key.strip_suffix(']').and_then(|key| key.split_once('[')).map_or(key, |(name, _)| name);
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A value on its way.
#[derive(Default)]
struct Value {
    text: String,
    /// Where each line begins in the text.
    lines: Vec<(usize, u32)>,
    quote: Option<char>,
    is_continued: bool,
}

impl Value {
    fn goes_on(&self) -> bool {
        self.quote.is_some() || self.is_continued
    }

    fn take(&mut self, line: &str, number: u32, known: &HashMap<String, String>) {
        if self.quote.is_some() && !self.is_continued {
            self.text.push('\n');
        }
        self.is_continued = false;
        self.lines.push((self.text.len(), number));
        let mut rest = line;
        while let Some(next) = rest.chars().next().filter(|_| self.text.len() < VALUE_BYTES_MAX) {
            let after = rest.get(next.len_utf8()..).unwrap_or("");
            rest = match (next, self.quote) {
                ('\\', None | Some('"')) => self.escaped(after),
                ('"' | '\'', None) => {
                    self.quote = Some(next);
                    after
                }
                (end, Some(quote)) if end == quote => {
                    self.quote = None;
                    after
                }
                ('$', None | Some('"')) => self.variable(after, known),
                (' ' | '\t' | ';', None) => return,
                _ => {
                    self.text.push(next);
                    after
                }
            };
        }
    }

    /// A backslash at the end of a line joins the next one to it.
    fn escaped<'t>(&mut self, after: &'t str) -> &'t str {
        let Some(next) = after.chars().next() else {
            self.is_continued = true;
            return after;
        };
        if self.quote.is_some() && !matches!(next, '"' | '\\' | '$' | '`') {
            self.text.push('\\');
        }
        self.text.push(next);
        after.get(next.len_utf8()..).unwrap_or("")
    }

    /// `$NAME` and `${NAME}`.
    fn variable<'t>(&mut self, after: &'t str, known: &HashMap<String, String>) -> &'t str {
        let braced = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        let bare = after.split_at_checked(end).unwrap_or((after, ""));
        let (name, rest) = braced.filter(|(name, _)| is_name(name)).unwrap_or(bare);
        match known.get(name) {
            Some(value) if self.text.len() + value.len() <= VALUE_BYTES_MAX => self.text.push_str(value),
            _ => {
                self.text.push('$');
                return after;
            }
        }
        rest
    }

    fn words(&self) -> Vec<(String, u32)> {
        let mut words = Vec::new();
        let mut begins = None;
        let ends = std::iter::once((self.text.len(), ' '));
        for (at, character) in self.text.char_indices().chain(ends) {
            match (character.is_whitespace(), begins) {
                (false, None) => begins = Some(at),
                (true, Some(start)) => {
                    let word = self.text.get(start..at).unwrap_or("").to_owned();
                    words.push((word, self.line_at(start)));
                    begins = None;
                }
                _ => {}
            }
        }
        words
    }

    fn line_at(&self, at: usize) -> u32 {
        let after = self.lines.partition_point(|(start, _)| *start <= at);
        self.lines.get(after.saturating_sub(1)).map_or(1, |(_, line)| *line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_a_shell_would_make_of_them() {
        let content =
            "# A=1\nexport IP=192.0.2.1\nOPTS=\"-l $IP -s udp:${IP}:1 \\\n  -m 5 ${X}\"\nB='a $IP' # c\n";
        let text = Text::new("/etc/default/a", content.into(), None);
        let found = assignments(&text);
        let of = |key: &str| found.iter().find(|a| a.key == key).unwrap();
        assert_eq!(of("IP").value, "192.0.2.1");
        assert_eq!(of("OPTS").value, "-l 192.0.2.1 -s udp:192.0.2.1:1   -m 5 ${X}");
        let lines: Vec<u32> = of("OPTS").words.iter().map(|(_, line)| *line).collect();
        assert_eq!(lines, [3, 3, 3, 3, 4, 4, 4]);
        assert_eq!(of("B").value, "a $IP");
        assert_eq!(found.len(), 3);
    }
}
