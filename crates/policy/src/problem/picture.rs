//! Problems as people read them: the place, the line with the part that is meant underlined, what to do.
//! Not here: whether the reader's terminal has colours.

use super::text::floor;
use super::{Excerpt, Problem, Problems};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt;

impl Problem {
    /// The report: `error: FILE:LINE:COLUMN: what`, the picture, `help: …`. No newline at the end.
    pub fn render(&self, color: bool) -> String {
        let title = clean(&format!("{}: {}", self.place, self.what));
        let mut error = Group::with_title(Level::ERROR.primary_title(title));
        if let Some(excerpt) = &self.excerpt {
            let (line, span) = visible(excerpt);
            let picture = Snippet::source(line).line_start(self.place.line.max(1) as usize);
            error = error.element(picture.annotation(AnnotationKind::Primary.span(span)));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        if self.help.is_empty() {
            return renderer.render(&[error]);
        }
        let help = Group::with_title(Level::HELP.secondary_title(clean(&self.help)));
        match self.excerpt {
            Some(_) => renderer.render(&[error, help]),
            // In one report they would be joined by a line that leads nowhere.
            None => format!("{}\n{}", renderer.render(&[error]), renderer.render(&[help])),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl Problems {
    /// All reports with a blank line between them, and where they are several, how many.
    pub fn render(&self, color: bool) -> String {
        let mut reports: Vec<String> = self.0.iter().map(|problem| problem.render(color)).collect();
        if self.0.len() > 1 {
            reports.push(format!("{} problems", self.0.len()));
        }
        reports.join("\n\n")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// What a file says must not steer the terminal that it is shown on.
fn clean(text: &str) -> String {
    text.chars().map(|c| if steers(c) && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Controls, and the marks that turn the direction of writing.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The line with nothing in it that steers or moves, and the part that is meant on character boundaries.
fn visible(excerpt: &Excerpt) -> (String, std::ops::Range<usize>) {
    let Excerpt { line, span } = excerpt;
    let start = floor(line, span.start);
    let end = floor(line, span.end).max(start);
    let shown = |part: &str| clean(&part.replace(['\t', '\n'], " "));
    let before = shown(&line[..start]);
    let part = shown(&line[start..end]);
    let after = shown(&line[end..]);
    let span = before.len()..before.len() + part.len();
    (before + &part + &after, span)
}
