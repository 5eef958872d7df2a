//! What is wrong with an operator's input: each problem at its place, all of a run together.
//! Not here: exit codes, and who prints.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A text that an operator wrote, with the name by which it is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it came from.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

impl Source {
    /// From both.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Source {
        Source { path: path.into(), text: text.into() }
    }
}

/// A line of a file, as a permit's why and an error name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file.
    pub path: Arc<Path>,
    /// Counted from 1; 0 is the file as a whole.
    pub line: u32,
    /// In characters, counted from 1; 0 is the line as a whole.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        Ok(())
    }
}

/// One thing that is wrong: what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What was found and what was expected, in one sentence.
    pub what: String,
    /// What to do next; can be pasted where it is a value.
    pub help: String,
    /// The line of the file and the part of it that is meant, for the picture.
    pub excerpt: Option<Excerpt>,
}

/// The line that a problem is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, shortened if it is very long.
    pub line: String,
    /// The part that is meant, in bytes of `line`.
    pub span: std::ops::Range<usize>,
}

/// Everything that is wrong with an input. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);
