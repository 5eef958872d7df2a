//! Directives of a template (Jinja, ERB) around and between terms of a file that was not rendered.
//! Not here: what they would become.

/// Bytes that a directive has at most.
const LENGTH_MAX: usize = 200;

/// What a directive without a value does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// `if`, `for`: what follows may be left out.
    Opens,
    /// `end`, `endif`.
    Closes,
    /// Anything else.
    Other,
}

impl Part {
    /// How many parts are open after it, of so many before.
    pub(super) fn after(self, open: usize) -> usize {
        match self {
            Part::Opens => open + 1,
            Part::Closes => open.saturating_sub(1),
            Part::Other => open,
        }
    }
}

/// `{% … %}`, `{# … #}`, `<% … %>`, and its length.
pub(super) fn part(text: &str) -> Option<(Part, usize)> {
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
pub(super) fn value(text: &str) -> Option<usize> {
    if let Some(inside) = inside(text, "<%=", "%>") {
        return Some(inside.len() + 5);
    }
    let inside = inside(text, "{{", "}}")?;
    let is_tuple = inside.contains('{') || (inside.contains(',') && !inside.contains('|'));
    (!is_tuple).then_some(inside.len() + 4)
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
