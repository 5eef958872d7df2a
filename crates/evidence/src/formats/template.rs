//! Values and statements of templates (Jinja, Go, ERB) in files that were not rendered: no program takes them,
//! and what they become is not known.
//! Not here: the programs' own braces.

/// Bytes that one has at most.
const LENGTH_MAX: usize = 200;

/// The bytes of `{# … #}`, which may also be a block that begins with a comment where it does not end soon.
pub(crate) fn comment(text: &str) -> Option<usize> {
    if text.starts_with("{#") { ends(text, "#}") } else { None }
}

/// The bytes of `{{ … }}` or `{% … %}` at the beginning of a text, where it ends in the same line and soon.
pub(crate) fn length(text: &str) -> Option<usize> {
    let close = if text.starts_with("{{") {
        "}}"
    } else if text.starts_with("{%") {
        "%}"
    } else {
        return None;
    };
    ends(text, close)
}

/// The same of ERB's `<% … %>`, which programs that compare with `<` would not have at the beginning of a word.
pub(crate) fn embedded(text: &str) -> Option<usize> {
    if text.starts_with("<%") { ends(text, "%>") } else { None }
}

fn ends(text: &str, close: &str) -> Option<usize> {
    let near = text.get(..text.floor_char_boundary(LENGTH_MAX))?;
    let line = near.split('\n').next()?;
    line.find(close).map(|at| at + close.len())
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
    }
}
