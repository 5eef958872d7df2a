//! A text with the places of its lines: from a byte to its line and column.
//! Not here: what the text means.

use super::{Excerpt, Place, Problem, Source};
use std::cell::{Cell, OnceCell};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A source that can say where each of its bytes is.
///
/// Most questions come in the order of the text, so its lines are counted on from the last answer. A table of
/// them, a quarter of a megabyte for ten thousand nodes, is made for questions that leap back, and then kept.
pub(crate) struct Text<'a> {
    source: &'a Source,
    path: Arc<Path>,
    /// The byte asked for last, and how many lines end before it.
    last: Cell<(usize, u32)>,
    /// Where each line but the first begins.
    breaks: OnceCell<Vec<u32>>,
}

/// The keys of a table are not read in the order of its lines: so far back lines are still counted, in bytes.
const BACK_BYTES_MAX: usize = 4096;

impl<'a> Text<'a> {
    pub(crate) fn new(source: &'a Source) -> Text<'a> {
        let (last, breaks) = (Cell::default(), OnceCell::new());
        Text { source, path: Arc::from(source.path.as_path()), last, breaks }
    }

    pub(crate) fn str(&self) -> &'a str {
        &self.source.text
    }

    pub(crate) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// Counted from 1.
    pub(crate) fn line(&self, at: usize) -> u32 {
        let at = at.min(self.source.text.len());
        let leaps_back = at + BACK_BYTES_MAX < self.last.get().0;
        let before = match self.breaks.get() {
            None if !leaps_back => self.counted_on(at),
            _ => self.looked_up(at),
        };
        before.saturating_add(1)
    }

    fn counted_on(&self, at: usize) -> u32 {
        let (last, before) = self.last.get();
        let before = match at.checked_sub(last) {
            Some(_) => before.saturating_add(line_ends(&self.source.text, last..at)),
            None => before.saturating_sub(line_ends(&self.source.text, at..last)),
        };
        self.last.set((at, before));
        before
    }

    fn looked_up(&self, at: usize) -> u32 {
        let breaks = self.breaks.get_or_init(|| breaks(&self.source.text));
        u32::try_from(breaks.partition_point(|&start| start as usize <= at)).unwrap_or(u32::MAX)
    }

    /// The line alone, as a permit's why wants it.
    pub(crate) fn line_place(&self, at: usize) -> Place {
        Place { path: self.path.clone(), line: self.line(at), column: 0 }
    }

    /// Line and column.
    pub(crate) fn place(&self, at: usize) -> Place {
        let text = self.str();
        let at = floor(text, at);
        let start = text[..at].rfind('\n').map_or(0, |n| n + 1);
        let column = u32::try_from(text[start..at].chars().count()).unwrap_or(u32::MAX - 1) + 1;
        Place { path: self.path.clone(), line: self.line(at), column }
    }

    /// A problem with this part of the text.
    pub(crate) fn problem(
        &self,
        span: Range<usize>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        let text = self.str();
        let start = floor(text, span.start);
        let end = floor(text, span.end).max(start);
        Problem {
            place: self.place(start),
            what: what.into(),
            help: help.into(),
            excerpt: Some(Excerpt::of(text, start..end)).filter(|excerpt| !excerpt.may_hold_a_password()),
        }
    }
}

/// The nearest character boundary at or before; the end for what lies beyond it.
pub(crate) fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn line_ends(text: &str, span: Range<usize>) -> u32 {
    let ends = memchr::memchr_iter(b'\n', &text.as_bytes()[span]).count();
    u32::try_from(ends).unwrap_or(u32::MAX)
}

fn breaks(text: &str) -> Vec<u32> {
    let newlines = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
    newlines.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX)).collect()
}
