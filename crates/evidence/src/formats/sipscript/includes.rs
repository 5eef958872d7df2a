//! Files that a script reads at a place of its own: `include_file`, and `import_file`, which may be absent.
//! Not here: what is done with them ([`Script`]'s frames).

use super::{Frame, Script};
use crate::reading::{Absent, Reading};
use crate::text::{Text, join};

/// Files that one script may name. Real ones name fewer than a hundred.
const INCLUDED_MAX: usize = 5_000;

impl Script {
    /// The name stands in double quotes, up to a blank. It is seen from the directory of the file.
    pub(super) fn include(&mut self, reading: &mut Reading<'_>, word: &str) {
        let Some(frame) = self.frames.last().cloned() else { return };
        let rest = frame.rest();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let name: &str = rest.split_whitespace().next().unwrap_or("");
        self.advance(blanks + name.len());
        let place = self.place_at(&frame.file, frame.line());
        self.included += 1;
        if self.included > INCLUDED_MAX {
            return reading
                .trouble(&place, format_args!("not read: more than {INCLUDED_MAX} files are named"));
        }
        let quoted = name.strip_prefix('"').and_then(|n| n.strip_suffix('"')).filter(|n| !n.is_empty());
        let Some(quoted) = quoted else {
            return reading.trouble(&place, "not included: expected a file name in double quotes");
        };
        let mut name = quoted.to_owned();
        self.defines.substitute(&mut name);
        let absent = if word == "import_file" { Absent::IsFine } else { Absent::IsTrouble };
        let path = self.find(reading, &frame.file, &name);
        if let Some(text) = reading.include(&frame.file, frame.line(), &path, absent) {
            self.frames.push(Frame { file: text, value: None, at: 0 });
        }
    }

    /// An absolute path that is nowhere, of a script that was put elsewhere as a whole, is sought beside it.
    fn find(&self, reading: &Reading<'_>, from: &Text, name: &str) -> String {
        let path = join(from.directory(), name);
        if !name.starts_with('/') || reading.mode(&path).is_some() {
            return path;
        }
        let suffixes = name.match_indices('/').take(16).filter_map(|(at, _)| name.get(at + 1..));
        let mut beside = suffixes.map(|suffix| join(self.main.directory(), suffix));
        beside.find(|path| reading.mode(path).is_some()).unwrap_or(path)
    }
}
