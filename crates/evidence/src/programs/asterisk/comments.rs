//! Comments of Asterisk's configuration files, which may go over lines and stand within each other.
//! Not here: everything else of the syntax ([`super::config`]).

/// Comments within comments that Asterisk counts.
const DEPTH_MAX: usize = 128;

/// A line without its comments: `;` to the end, `;-- … --;` also over lines and within each other; `\;` is a
/// semicolon. `;---` is a plain comment.
pub(super) fn uncommented(line: &str, depth: &mut usize) -> String {
    let mut kept = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once(';') {
        let mut keep = |text: &str| kept.push_str(if *depth == 0 { text } else { "" });
        let begins = after.strip_prefix("--").filter(|inside| !inside.starts_with('-'));
        if let Some(escaped) = before.strip_suffix('\\') {
            keep(escaped);
            keep(";");
            rest = after;
        } else if let Some(inside) = begins {
            keep(before);
            *depth = (*depth + 1).min(DEPTH_MAX);
            rest = inside;
        } else if *depth > 0 {
            *depth -= usize::from(before.ends_with("--"));
            rest = after;
        } else {
            keep(before);
            return kept;
        }
    }
    if *depth == 0 {
        kept.push_str(rest);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_end_where_asterisk_ends_them() {
        let of = |lines: &[&str]| {
            let mut depth = 0;
            lines.iter().map(|line| uncommented(line, &mut depth)).collect::<Vec<_>>().join("|")
        };
        assert_eq!(of(&["a = b ; c"]), "a = b ");
        assert_eq!(of(&["a = b\\;c ; d"]), "a = b;c ");
        assert_eq!(of(&["a ;-- x --; b"]), "a  b");
        assert_eq!(of(&["a ;-- x", "y ; z", "w --; b"]), "a || b");
        assert_eq!(of(&[";-- x ;-- y --; z", "--; b"]), "| b");
        assert_eq!(of(&[";--- rule ---", "b"]), "|b");
    }
}
