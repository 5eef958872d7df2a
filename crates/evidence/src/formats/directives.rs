//! A structured file (Erlang terms, YAML) that is a template (Jinja, ERB): its directives, and what it is without.
//! Not here: what they would become, and templates in the lines of simpler files ([`super::template`]).

use crate::text::Text;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Bytes that a directive has at most.
const LENGTH_MAX: usize = 200;

/// What a directive without a value does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// `if`, `for`: what follows may be left out.
    Opens,
    /// `end`, `endif`.
    Closes,
    /// Anything else.
    Other,
}

impl Part {
    /// How many parts are open after it, of so many before.
    pub(crate) fn after(self, open: usize) -> usize {
        match self {
            Part::Opens => open + 1,
            Part::Closes => open.saturating_sub(1),
            Part::Other => open,
        }
    }
}

/// `{% … %}`, `{# … #}`, `<% … %>`, and its length.
pub(crate) fn part(text: &str) -> Option<(Part, usize)> {
    if text.starts_with("<%=") {
        return None;
    }
    let (inside, length) =
        ["{%", "{#", "<%"].iter().zip(["%}", "#}", "%>"]).find_map(|(opener, closer)| {
            let inside = inside(text, opener, closer)?;
            Some((inside, opener.len() + inside.len() + closer.len()))
        })?;
    let said = inside.trim_matches(['-', '+', ' ', '\t']);
    let first = said.split(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
    let part = match first {
        _ if text.starts_with("{#") => Part::Other,
        "if" | "for" | "unless" | "while" | "case" => Part::Opens,
        "end" | "endif" | "endfor" => Part::Closes,
        _ if said.ends_with(" do") || said.contains(" do |") => Part::Opens,
        _ => Part::Other,
    };
    Some((part, length))
}

/// The length of `<%= … %>`, or of `{{ … }}` where it is no tuple in a tuple.
pub(crate) fn value(text: &str) -> Option<usize> {
    if let Some(inside) = inside(text, "<%=", "%>") {
        return Some(inside.len() + 5);
    }
    let inside = inside(text, "{{", "}}")?;
    let is_tuple = inside.contains('{') || (inside.contains(',') && !inside.contains('|'));
    (!is_tuple).then_some(inside.len() + 4)
}

/// A file without its directives, line by line the same, and the lines that may be left out.
#[derive(Debug)]
pub(crate) struct Blanked {
    /// A value is a word in which nothing but letters and digits is left.
    pub(crate) text: Arc<Text>,
    perhaps: Vec<RangeInclusive<u32>>,
}

impl Blanked {
    /// None for a file that has no directives.
    pub(crate) fn of(text: &Arc<Text>) -> Option<Blanked> {
        let content = text.content();
        if !["{%", "{{", "<%"].iter().any(|opener| content.contains(opener)) {
            return None;
        }
        let mut blanked = String::with_capacity(content.len());
        let (mut perhaps, mut open, mut from) = (Vec::new(), 0, 0);
        let mut rest = content;
        while let Some(c) = rest.chars().next() {
            let (length, shown): (usize, fn(char) -> char) = match (part(rest), value(rest)) {
                (Some((part, length)), _) => {
                    let line = text.line_at(content.len() - rest.len());
                    let after = part.after(open);
                    match (open, after) {
                        (0, 1) => from = line,
                        (1, 0) => perhaps.push(from..=line),
                        _ => {}
                    }
                    open = after;
                    (length, |_| ' ')
                }
                (None, Some(length)) => (length, |c| if c.is_ascii_alphanumeric() { c } else { '_' }),
                (None, None) => (c.len_utf8(), |c| c),
            };
            let (taken, left) = rest.split_at_checked(length).unwrap_or((rest, ""));
            blanked.extend(taken.chars().map(shown));
            rest = left;
        }
        if open > 0 {
            perhaps.push(from..=u32::MAX);
        }
        let text = Arc::new(Text::new(text.path(), blanked.into_bytes(), None));
        Some(Blanked { text, perhaps })
    }

    /// Whether a line may be left out.
    pub(crate) fn is_perhaps(&self, line: u32) -> bool {
        let at = self.perhaps.partition_point(|lines| *lines.end() < line);
        self.perhaps.get(at).is_some_and(|lines| lines.contains(&line))
    }
}

/// What stands between these, in one line and soon.
fn inside<'t>(text: &'t str, opener: &str, closer: &str) -> Option<&'t str> {
    let rest = text.strip_prefix(opener)?;
    let near = rest.get(..rest.floor_char_boundary(LENGTH_MAX))?;
    let line = near.split('\n').next()?;
    line.get(..line.find(closer)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_told_from_terms() {
        assert_eq!(part("{% if tls %}, x"), Some((Part::Opens, 12)));
        assert_eq!(part("<%- @keys.each do |key| -%>"), Some((Part::Opens, 27)));
        assert_eq!(part("<%- end -%>"), Some((Part::Closes, 11)));
        assert_eq!(part("{%% a comment\n}"), None);
        assert_eq!(part("#{key => 1}"), None);
        assert_eq!(value("{{ port }}]"), Some(10));
        assert_eq!(value("<%= @port %>]"), Some(12));
        assert_eq!(value("{{5269, \"::\"}, ejabberd_s2s_in, []}}"), None);
    }
}
