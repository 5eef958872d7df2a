//! A main file that does not lie where its program expects it, and what it includes by absolute paths.
//! Not here: any program's own rules for relative paths.

use crate::reading::Reading;
use crate::text::{Place, join};

/// Directories that are tried.
const USUAL_MAX: usize = 20;

/// Where the files of one installation lie.
#[derive(Debug)]
pub(super) struct Home {
    /// Directories that an installation of this program has its files in.
    usual: Vec<String>,
    /// Where these files lie instead; none where they lie as they should.
    own: Vec<String>,
}

impl Home {
    /// Of a main file that was named, which lies in the first of these directories.
    pub(super) fn new(usual: &[&str], own: &[&str]) -> Home {
        let all = |directories: &[&str]| directories.iter().map(|d| (*d).to_owned()).collect();
        Home { usual: all(usual), own: all(own) }
    }

    /// The files say themselves where they are meant to lie.
    pub(super) fn meant(&mut self, directory: &str) {
        self.usual.insert(0, directory.trim_end_matches('/').to_owned());
        // A file may say so again and again; the first ones are enough.
        self.usual.truncate(USUAL_MAX);
    }

    /// An absolute path or pattern as it is, or where nothing is there, what lies at the same place of a
    /// moved installation: `/etc/nginx/conf.d/*.conf` beside `/elsewhere/nginx.conf` is
    /// `/elsewhere/conf.d/*.conf`.
    pub(super) fn find(&self, reading: &mut Reading<'_>, path: &str, at: &Place) -> String {
        if exists(reading, path, at) {
            return path.to_owned();
        }
        for usual in &self.usual {
            let Some(rest) = path.strip_prefix(usual.as_str()).and_then(|rest| rest.strip_prefix('/')) else {
                continue;
            };
            for own in self.own.iter().filter(|own| *own != usual) {
                let moved = join(own, rest);
                if exists(reading, &moved, at) {
                    return moved;
                }
            }
        }
        path.to_owned()
    }
}

/// Whether a path is there, or a pattern matches anything.
fn exists(reading: &mut Reading<'_>, path: &str, at: &Place) -> bool {
    if crate::glob::is_pattern(path) {
        !reading.expand(path, at).is_empty()
    } else {
        reading.mode(path).is_some()
    }
}
