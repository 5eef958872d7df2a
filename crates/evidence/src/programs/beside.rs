//! Files that a main file names by an absolute path, where the main file itself was taken from elsewhere.
//! Not here: whether they are opened, and in which order.

use crate::reading::Reading;
use crate::text::join;

/// A configuration that was copied to another folder still names `/etc/NAME/conf.d`. Where nothing is at the
/// path, the longest end of it that is below the main file's directory is taken, else the path as it is.
/// A pattern counts as there if the directory before its last slash is.
pub(super) fn beside(reading: &Reading<'_>, main_directory: &str, path: &str) -> String {
    if !path.starts_with('/') || is_there(reading, path) {
        return path.to_owned();
    }
    let ends = path.match_indices('/').map(|(at, _)| path.get(at + 1..).unwrap_or("")).take(PARTS_MAX);
    let mut below = ends.filter(|end| !end.trim_matches('/').is_empty()).map(|end| join(main_directory, end));
    below.find(|moved| is_there(reading, moved)).unwrap_or_else(|| path.to_owned())
}

/// Directories in a path that are tried.
const PARTS_MAX: usize = 12;

fn is_there(reading: &Reading<'_>, path: &str) -> bool {
    let directory = match path.find(['*', '?', '[']) {
        Some(at) => path.get(..at).and_then(|before| before.rsplit_once('/')).map_or("/", |(dir, _)| dir),
        None => path,
    };
    reading.mode(directory.trim_end_matches('/')).is_some()
}
