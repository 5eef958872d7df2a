//! Input files out of bytes, and their problems: each has words, and a place inside its file.
//! Not here: what good files say.

use rolewall_policy::problem::{Excerpt, Note};
use rolewall_policy::{Catalogue, Problem, Problems, Source};
use std::sync::LazyLock;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::built_in);

/// Between the files of one input: ASCII's record separator, which no file of ours may hold.
pub const SEPARATOR: u8 = 0x1e;

/// The roles that are shipped.
pub fn catalogue() -> &'static Catalogue {
    &CATALOGUE
}

/// The files of an input.
pub fn parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == SEPARATOR)
}

/// The files of an input as texts, `0.toml` and so on; none if one is no text, which is a problem of its own.
pub fn sources(bytes: &[u8]) -> Option<Vec<Source>> {
    let named = parts(bytes).enumerate();
    let read = named.map(|(at, part)| Source::from_bytes(format!("{at}.toml"), part.to_vec()));
    read.map(|source| source.inspect_err(has_words).ok()).collect()
}

/// Problems are some, and lie in their files.
pub fn lie_in(problems: &Problems, sources: &[Source]) {
    assert!(!problems.0.is_empty());
    problems.0.iter().for_each(|problem| lies_in(problem, sources));
}

/// Notes lie in their files.
pub fn notes_lie_in(notes: &[Note], sources: &[Source]) {
    for note in notes {
        let source =
            sources.iter().find(|source| source.path == *note.place.path).expect("a file of the input");
        assert!(note.place.line as usize <= source.text.split('\n').count(), "{note}");
    }
}

fn lies_in(problem: &Problem, sources: &[Source]) {
    has_words(problem);
    let place = &problem.place;
    if place.line == 0 {
        return;
    }
    let source = sources.iter().find(|source| source.path == *place.path).expect("a file of the input");
    let line = source.text.split('\n').nth(place.line as usize - 1).expect("a line of the file");
    assert!(place.column as usize <= line.chars().count() + 1, "{place} is beyond {line:?}");
}

fn has_words(problem: &Problem) {
    let Problem { place, what, help: _, excerpt } = problem;
    assert!(!what.is_empty());
    if let Some(Excerpt { line, span }) = excerpt {
        assert!(span.start <= span.end && line.get(span.clone()).is_some(), "{line:?} {span:?}");
    }
    let report = problem.to_string();
    assert!(report.starts_with(&format!("error: {place}: ")), "{report}");
    assert!(report.chars().all(|c| c == '\n' || !c.is_control()), "{report:?}");
    let _ = problem.render(true);
}
