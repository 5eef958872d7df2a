//! Inputs that cannot even be read as text, reported in the same shape as what is wrong inside one.
//! Not here: reading them.

use super::{Excerpt, Place, Problem, Source};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Larger input files are refused unread, in bytes. 10,000 nodes are 1.5 MB, so this is 40 times that.
pub const INPUT_BYTES_MAX: u64 = 64 << 20;

impl Source {
    /// From a file's bytes, which must be UTF-8 and at most [`INPUT_BYTES_MAX`].
    pub fn from_bytes(path: impl Into<PathBuf>, bytes: Vec<u8>) -> Result<Source, Problem> {
        let path = path.into();
        if bytes.len() as u64 > INPUT_BYTES_MAX {
            return Err(Problem::too_large(&path, bytes.len() as u64));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Source { path, text }),
            Err(error) => Err(Problem::not_utf8(&path, error.as_bytes(), error.utf8_error().valid_up_to())),
        }
    }
}

impl Problem {
    /// The file is larger than [`INPUT_BYTES_MAX`].
    pub fn too_large(path: &Path, size_bytes: u64) -> Problem {
        let what = format!("the file is {size_bytes} bytes long; at most {INPUT_BYTES_MAX} are read");
        Problem::of_file(path, what, "look whether this is the file that is meant")
    }

    /// A directory is where a file should be.
    pub fn is_directory(path: &Path) -> Problem {
        Problem::of_file(path, "expected a file, found a directory", "name a file in it, or move it away")
    }

    /// The system would not let us read it.
    pub fn cannot_read(path: &Path, cause: impl Display) -> Problem {
        let help =
            "look at the file's name, owner and mode; a file that is not there has to be written first";
        Problem::of_file(path, format!("cannot read the file: {cause}"), help)
    }

    /// The file holds bytes that are not UTF-8, from `valid_up_to` on.
    pub fn not_utf8(path: &Path, bytes: &[u8], valid_up_to: usize) -> Problem {
        let good = bytes.get(..valid_up_to).unwrap_or(bytes);
        let line = good.iter().filter(|&&b| b == b'\n').count() + 1;
        let start = good.iter().rposition(|&b| b == b'\n').map_or(0, |n| n + 1);
        let before = String::from_utf8_lossy(&good[start..]);
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let mut problem = Problem {
            place: Place {
                path: Arc::from(path),
                line: number(line),
                column: number(before.chars().count() + 1),
            },
            what: "expected UTF-8 text".into(),
            help: "save the file as UTF-8; in the default files everything outside comments is ASCII".into(),
            excerpt: None,
        };
        let Some(bad) = bytes.get(good.len()) else { return problem };
        problem.what = format!("expected UTF-8 text, found the byte 0x{bad:02x}");
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            problem.what = "expected UTF-8 text, found UTF-16".into();
        }
        let shown = format!("\\x{bad:02x}");
        let rest = &bytes[good.len() + 1..];
        let rest = &rest[..rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len())];
        // As much as an excerpt can show; the line may be megabytes.
        let rest = String::from_utf8_lossy(&rest[..rest.len().min(200)]);
        let span = before.len()..before.len() + shown.len();
        let excerpt = Excerpt::cut(&format!("{before}{shown}{}", rest.trim_end()), span);
        problem.excerpt = Some(excerpt).filter(|excerpt| !excerpt.may_hold_a_password());
        problem
    }
}
