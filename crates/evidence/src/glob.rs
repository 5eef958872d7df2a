//! Patterns of the shell over a host's files, as glob(3) matches them.
//! Not here: opening what they match.

use crate::files::{Files, Unreadable};
use crate::text::join;
use glob::{MatchOptions, Pattern};

/// A dot at the beginning of a name, and a slash, are only matched by themselves.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Whether a path has characters that match others.
pub(crate) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// The paths that match an absolute pattern, in order; at most so many. `list` gives a directory's names in order.
pub(crate) fn expand(
    pattern: &str,
    max: usize,
    files: &dyn Files,
    mut list: impl FnMut(&str) -> Result<Vec<String>, Unreadable>,
) -> Result<Vec<String>, String> {
    let mut found = vec!["/".to_owned()];
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    for (position, part) in parts.iter().enumerate() {
        let is_last = position + 1 == parts.len();
        found = if is_pattern(part) {
            matching(part, &found, &mut list)?
        } else {
            let joined = found.iter().map(|directory| join(directory, part));
            joined.filter(|path| !is_last || files.mode(path).is_some()).collect()
        };
        if found.len() > max {
            return Err(format!("{pattern} matches more than {max} files"));
        }
    }
    Ok(found)
}

fn matching(
    part: &str,
    directories: &[String],
    mut list: impl FnMut(&str) -> Result<Vec<String>, Unreadable>,
) -> Result<Vec<String>, String> {
    let pattern = Pattern::new(part).map_err(|error| format!("pattern {part:?}: {error}"))?;
    let mut found = Vec::new();
    for directory in directories {
        let names = match list(directory) {
            Ok(names) => names,
            Err(Unreadable::Absent) => continue,
            Err(why) => return Err(format!("{directory} was not listed: {why}")),
        };
        let matching = names.iter().filter(|name| pattern.matches_with(name, OPTIONS));
        found.extend(matching.map(|name| join(directory, name)));
    }
    Ok(found)
}
