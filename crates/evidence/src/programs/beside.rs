//! Files that a main file names by absolute paths, where the main file itself was taken from elsewhere.
//! Not here: whether they are opened, and in which order; a program's own rules for relative paths.

use crate::glob::is_pattern;
use crate::reading::Reading;
use crate::text::join;

/// Directories in a path that are tried.
const PARTS_MAX: usize = 12;

/// A configuration that was copied to another folder still names `/etc/NAME/conf.d`. Where nothing is at the
/// path, the longest end of it that is below the main file's directory is taken, else the path as it is.
/// A pattern counts as there if the directory before its first special character is.
pub(super) fn beside(reading: &Reading<'_>, main_directory: &str, path: &str) -> String {
    // A path below the main file's own directory says that it is not copied, whatever is missing there.
    let is_below = path.strip_prefix(main_directory).is_some_and(|rest| rest.starts_with('/'));
    if !path.starts_with('/') || is_below || is_there(reading, path) {
        return path.to_owned();
    }
    let ends = path.match_indices('/').map(|(at, _)| path.get(at + 1..).unwrap_or("")).take(PARTS_MAX);
    let mut below = ends.filter(|end| is_name(end)).map(|end| join(main_directory, end));
    below.find(|moved| is_there(reading, moved)).unwrap_or_else(|| path.to_owned())
}

/// The same for a main file that may not have been moved.
pub(super) fn moved(reading: &Reading<'_>, main_directory: Option<&str>, path: String) -> String {
    main_directory.map_or_else(|| path.clone(), |directory| beside(reading, directory, &path))
}

/// Whether an end of a path still says what is looked for: a pattern without a directory would take in
/// everything beside the main file, and that file itself.
fn is_name(end: &str) -> bool {
    let end = end.trim_matches('/');
    !end.is_empty() && (end.contains('/') || !is_pattern(end))
}

fn is_there(reading: &Reading<'_>, path: &str) -> bool {
    let directory = match path.find(['*', '?', '[']) {
        Some(at) => path.get(..at).and_then(|before| before.rsplit_once('/')).map_or("/", |(dir, _)| dir),
        None => path,
    };
    reading.mode(directory.trim_end_matches('/')).is_some()
}
