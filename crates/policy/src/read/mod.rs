//! Reading what operators write: TOML walked by hand, so that all that is wrong is told at once, each at
//! its place. Not here: what the keys of a file mean.

mod document;
mod near;
mod net;
mod value;
mod walk;

pub(crate) use document::{Document, Piece, Pieces, documents};
pub use near::nearest;
pub(crate) use net::{node_address, prefix, without_contained};
pub(crate) use value::{known_roles, unknown_role};
pub(crate) use walk::{Reader, Span, Table, Value};

/// What an operator wrote, for a message: without controls, and not longer than a message bears.
pub(crate) fn quote(text: &str) -> String {
    if text.is_empty() { "an empty string".into() } else { format!("`{}`", shorten(text)) }
}

/// The same without the quotes.
pub(crate) fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut short = String::new();
    let mut chars = text.chars();
    for c in chars.by_ref().take(CHARS_MAX) {
        if c.is_control() {
            short.extend(c.escape_default());
        } else {
            short.push(c);
        }
    }
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// Words in a sentence: `a, b or c`.
pub(crate) fn either<S: AsRef<str>>(words: &[S]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.as_slice() {
        [] => "nothing".into(),
        [one] => (*one).to_owned(),
        [some @ .., last] => format!("{} or {last}", some.join(", ")),
    }
}
