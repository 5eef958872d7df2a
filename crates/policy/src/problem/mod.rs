//! What is wrong with an operator's input: each problem at its place, all of a run together.
//! Not here: exit codes, and who prints.

mod excerpt;
mod gather;
mod input;
mod note;
mod picture;
mod text;

pub use excerpt::Excerpt;
pub(crate) use gather::Gather;
pub use input::INPUT_BYTES_MAX;
pub use note::{Note, Noticed};
pub(crate) use text::Text;

use std::fmt;
use std::ops::Range;
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

impl Place {
    /// The file as a whole.
    pub fn file(path: &Path) -> Place {
        Place { path: Arc::from(path), line: 0, column: 0 }
    }
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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What was found and what was expected, in one sentence.
    pub what: String,
    /// What to do next; can be pasted where it is a value. Empty: nothing that we know of.
    pub help: String,
    /// The line of the file and the part of it that is meant, for the picture.
    pub excerpt: Option<Excerpt>,
}

impl Problem {
    /// At a part of a text, in bytes. A span that does not lie in the text is brought into it.
    pub fn at(
        source: &Source,
        span: Range<usize>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        Text::new(source).problem(span, what, help)
    }

    /// About a file as a whole.
    pub fn of_file(path: &Path, what: impl Into<String>, help: impl Into<String>) -> Problem {
        Problem { place: Place::file(path), what: what.into(), help: help.into(), excerpt: None }
    }
}

/// Everything that is wrong with an input. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Problems {
        Problems(vec![problem])
    }
}
