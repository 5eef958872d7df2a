//! Problems as they are found, file after file, up to a bound.
//! Not here: what is a problem.

use super::{Place, Problem, Problems};
use std::path::Path;
use std::sync::Arc;

/// Collects the problems of a run, and gives them out in the order of the files and their lines.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    problems: Vec<Problem>,
    untold: usize,
    /// In the order in which they were read.
    files: Vec<Arc<Path>>,
}

/// Nobody reads more; each costs some hundred bytes, and a file of 64 MiB can hold millions.
const PROBLEMS_MAX: usize = 500;

impl Gather {
    /// A file whose problems come after those of the files before it.
    pub(crate) fn file(&mut self, path: &Arc<Path>) {
        self.files.push(path.clone());
    }

    pub(crate) fn add(&mut self, problem: impl FnOnce() -> Problem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem());
        } else {
            self.untold += 1;
        }
    }

    /// Nothing is wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// What was read, unless something is wrong with it.
    pub(crate) fn or<T>(mut self, read: T) -> Result<T, Problems> {
        if self.problems.is_empty() {
            return Ok(read);
        }
        let files = &self.files;
        let order = |p: &Problem| {
            let Place { path, line, column } = &p.place;
            (files.iter().position(|f| f == path).unwrap_or(files.len()), *line, *column)
        };
        self.problems.sort_by_cached_key(order);
        if self.untold > 0 {
            let last = self.problems.last().map(|p| p.place.path.to_path_buf()).unwrap_or_default();
            let what = format!("{} more problems were found and are not listed", self.untold);
            self.problems.push(Problem::of_file(
                &last,
                what,
                "correct those that are listed, then try again",
            ));
        }
        Err(Problems(self.problems))
    }
}
