//! Values and statements of templates (Jinja, Go, ERB, PHP) in files that were not rendered: no program takes them,
//! and what they become is not known.
//! Not here: the programs' own braces.

use crate::reading::Reading;
use crate::text::Place;

/// Bytes that one has at most.
const LENGTH_MAX: usize = 200;
/// How they begin and end.
const FORMS: [(&str, &str); 4] = [("{{", "}}"), ("{%", "%}"), ("<%", "%>"), ("<?", "?>")];

/// The bytes of `{# … #}` or `<%# … %>`. The first may also be a block that begins with a comment, where it
/// does not end soon.
pub(crate) fn comment(text: &str) -> Option<usize> {
    let forms = [("{#", "#}"), ("<%#", "%>"), ("<%-#", "%>")];
    let (_, close) = forms.into_iter().find(|(open, _)| text.starts_with(open))?;
    ends(text, close)
}

/// Whether a template stands at the beginning of a text, where it does not end in that line as well.
pub(crate) fn begins(text: &str) -> bool {
    FORMS.iter().any(|(open, _)| text.starts_with(open))
}

/// Whether a template at the beginning of a text stands for no value: a condition, a loop, code.
pub(crate) fn is_code(text: &str) -> bool {
    text.starts_with("{%")
        || text.strip_prefix("{{").is_some_and(|inside| opens(inside).is_some())
        || (text.starts_with("<%") && !text.starts_with("<%="))
        || text.starts_with("<?php ")
}

/// The bytes of a template at the beginning of a text, where it ends in the same line and soon.
pub(crate) fn length(text: &str) -> Option<usize> {
    let (_, close) = FORMS.iter().find(|(open, _)| text.starts_with(open))?;
    ends(text, close)
}

fn ends(text: &str, close: &str) -> Option<usize> {
    let near = text.get(..text.floor_char_boundary(LENGTH_MAX))?;
    let line = near.split('\n').next()?;
    line.find(close).map(|at| at + close.len())
}

/// Statements in one line. Real ones have one or two.
const STATEMENTS_MAX: usize = 1_000;

/// What opens a placeholder: Jinja's and its like, Ruby's, Perl's, Terraform's, the shell's, those of builds.
const OPENERS: [&str; 9] = ["{{", "{%", "<%", "[%", "%{", "${", "$(", "@@", "{#"];

/// Whether a value has a placeholder in it.
pub(crate) fn is_in(value: &str) -> bool {
    OPENERS.iter().any(|open| value.contains(open))
}

/// What stands for a value that only holds where a template's condition does.
const CONDITIONAL: &str = "{% … %}";

/// The blocks of a template that are open at a line.
#[derive(Debug, Default)]
pub(crate) struct Blocks(usize);

/// Whether a value stands under a condition.
pub(crate) fn is_conditional(value: &str) -> bool {
    value == CONDITIONAL
}

impl Blocks {
    /// Whether a line is a statement of a template; that is said to be unresolved, since what it adds to the
    /// file or leaves out of it is not known. A comment of a template says nothing.
    pub(crate) fn is_statement(&mut self, reading: &mut Reading<'_>, line: &str, place: &Place) -> bool {
        let line = line.trim_start();
        let is_one = OPENERS.iter().any(|open| line.starts_with(open));
        if is_one && !line.starts_with("{#") {
            reading.unresolved("what a template's statement makes of the file", place);
            self.take(line);
        }
        is_one
    }

    /// A value as it stands, or a placeholder for it where it may not hold and is none itself.
    pub(crate) fn value<'v>(&self, value: &'v str) -> &'v str {
        let bare = value.trim().trim_matches(['"', '\'']);
        let is_placeholder = OPENERS.iter().any(|open| bare.starts_with(open)) && bare.ends_with(['}', '>']);
        if self.0 == 0 || is_placeholder { value } else { CONDITIONAL }
    }

    /// Whether what stands here may be left out.
    pub(crate) fn is_open(&self) -> bool {
        self.0 > 0
    }

    /// Counts the blocks that statements in a line begin and end.
    pub(crate) fn take(&mut self, line: &str) {
        for open in ["{{", "{%", "<%", "[%", "%{"] {
            for (at, _) in line.match_indices(open).take(STATEMENTS_MAX) {
                match opens(line.get(at + open.len()..).unwrap_or("")) {
                    Some(true) => self.0 += 1,
                    Some(false) => self.0 = self.0.saturating_sub(1),
                    None => {}
                }
            }
        }
    }
}

/// Whether a statement begins a block or ends one. Ruby's `do` stands at the end.
fn opens(inside: &str) -> Option<bool> {
    let inside = inside.get(..inside.floor_char_boundary(LENGTH_MAX)).unwrap_or("");
    let inside = inside.trim_start_matches(['-', '~', '+', '#', ' ', '\t']);
    // Handlebars ends `{{#if …}}` with `{{/if}}`.
    if inside.starts_with('/') {
        return Some(false);
    }
    let end = inside.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(inside.len());
    let word = inside.get(..end).unwrap_or("").to_ascii_lowercase();
    let statement = inside.split(['%', '}']).next().unwrap_or("");
    match word.as_str() {
        "if" | "unless" | "for" | "foreach" | "range" | "with" | "each" => Some(true),
        _ if word.starts_with("end") => Some(false),
        _ => statement.split_whitespace().any(|word| word == "do").then_some(true),
    }
}

/// The words of a line, where those of one placeholder are one word: `bind {{ address }}` has two.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut close = None;
    for word in line.split_whitespace() {
        match words.last_mut().filter(|_| close.is_some()) {
            Some(open) => {
                open.push(' ');
                open.push_str(word);
            }
            None => words.push(word.to_owned()),
        }
        close = closing(word, close);
    }
    words
}

/// What ends the placeholder that is open after this word.
fn closing(word: &str, open: Option<&'static str>) -> Option<&'static str> {
    const PAIRS: [(&str, &str); 4] = [("{{", "}}"), ("{%", "%}"), ("<%", "%>"), ("[%", "%]")];
    if let Some(close) = open {
        return Some(close).filter(|close| !word.contains(close));
    }
    let is_open = |(open, close): &(&str, &str)| word.rfind(open) > word.rfind(close);
    PAIRS.into_iter().find(is_open).map(|(_, close)| close)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_ends_in_its_line() {
        assert_eq!(length("{{ port }};"), Some(10));
        assert_eq!(length("{% if é %} {"), Some(11));
        assert_eq!(length("{{ port\n}}"), None);
        assert_eq!(length("{ port }}"), None);
        assert_eq!(length("<%= port -%>:80"), Some(12));
        assert_eq!(comment("<%# port %>"), Some(11));
        assert!(is_code("<% if tls -%>") && !is_code("<%= port %>"));
    }

    #[test]
    fn blocks_of_every_template_begin_and_end() {
        let depth = |lines: &[&str]| {
            let mut blocks = Blocks::default();
            lines.iter().for_each(|line| blocks.take(line));
            blocks.0
        };
        let begin = ["{% if a %}", "{{- range $k := .a }}", "<% a.each do |b| -%>", "%{ for a in b ~}"];
        for line in begin {
            assert_eq!(depth(&[line]), 1, "{line}");
        }
        assert_eq!(depth(&["{%- if a %}", "{% else %}", "{%- endif -%}"]), 0);
        assert_eq!(depth(&["{{#if a}}", "{{/if}}"]), 0);
        assert_eq!(depth(&["{% if a %}b{% endif %}", "{{ end }}", "{{ .value }}", "<%= @a if b %>"]), 0);
    }

    #[test]
    fn the_words_of_a_placeholder_are_one() {
        assert_eq!(words("bind {{ a | b }} ::1"), ["bind", "{{ a | b }}", "::1"]);
        assert_eq!(words("-l{{a}}:{{ b }} <% c"), ["-l{{a}}:{{ b }}", "<% c"]);
        assert_eq!(words("bind 127.0.0.1  ::1"), ["bind", "127.0.0.1", "::1"]);
    }
}
