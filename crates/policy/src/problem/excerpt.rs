//! The line that a problem is about, cut to a size that a terminal shows.
//! Not here: how it is drawn.

use super::text::floor;
use std::ops::Range;

/// The line that a problem is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, shortened if it is very long.
    pub line: String,
    /// The part that is meant, in bytes of `line`.
    pub span: Range<usize>,
}

/// Longer lines are cut: a report has to fit a terminal beside its line numbers.
const LINE_BYTES_MAX: usize = 120;
/// What is kept before the part that is meant.
const BEFORE_BYTES: usize = 40;
const CUT: &str = "…";

impl Excerpt {
    /// The line of `text` in which `span` begins; of a part over several lines, the first.
    /// Both ends of `span` are character boundaries of `text`.
    pub(super) fn of(text: &str, span: Range<usize>) -> Excerpt {
        let start = text[..span.start].rfind('\n').map_or(0, |n| n + 1);
        let end = text[span.start..].find('\n').map_or(text.len(), |n| span.start + n);
        let line = text[start..end].strip_suffix('\r').unwrap_or(&text[start..end]);
        let within = |at: usize| at.saturating_sub(start).min(line.len());
        Excerpt::cut(line, within(span.start)..within(span.end))
    }

    /// Whether the line gives a value to something called a password, as none of ours is.
    pub(super) fn may_hold_a_password(&self) -> bool {
        let line = self.line.to_lowercase();
        let before_values = line.split('=').rev().skip(1);
        let keys = before_values.map(|part| {
            let part = part.trim_end_matches([' ', '\t', '"', '\'']);
            part.rsplit([' ', '\t', '"', '\'', '{', ',', '.']).next().unwrap_or_default()
        });
        keys.filter(|key| *key != "password_file").any(|key| key.contains("pass"))
    }

    /// A window on the line around the part that is meant.
    pub(super) fn cut(line: &str, span: Range<usize>) -> Excerpt {
        if line.len() <= LINE_BYTES_MAX {
            return Excerpt { line: line.to_owned(), span };
        }
        let from = floor(line, span.start.saturating_sub(BEFORE_BYTES));
        let to = floor(line, from + LINE_BYTES_MAX);
        let before = if from > 0 { CUT } else { "" };
        let after = if to < line.len() { CUT } else { "" };
        let shifted = |at: usize| at.clamp(from, to) - from + before.len();
        Excerpt {
            line: format!("{before}{}{after}", &line[from..to]),
            span: shifted(span.start)..shifted(span.end),
        }
    }
}
