//! The text of one configuration file, with the number of every line, and places in it.
//! Not here: opening it, and what it says.

use crate::{Evidence, Kind};
use std::fmt;
use std::sync::Arc;

/// One file's text, and the file that included it.
#[derive(Debug)]
pub struct Text {
    path: Arc<str>,
    content: String,
    /// Where each line begins, in bytes.
    starts: Vec<usize>,
    includer: Option<Arc<Text>>,
}

impl Text {
    /// From a file's bytes. What is not UTF-8 becomes U+FFFD, as services do not mind either: comments in an
    /// old encoding are common. A byte order mark is left out.
    pub(crate) fn new(path: &str, bytes: Vec<u8>, includer: Option<Arc<Text>>) -> Text {
        let content = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        let content = content.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(content);
        let starts = std::iter::once(0).chain(content.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Text { path: path.into(), content, starts, includer }
    }

    /// Its absolute path on the host.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The directory that it is in, without a slash at the end (but `/` itself).
    pub fn directory(&self) -> &str {
        parent(&self.path)
    }

    /// All of it.
    pub fn content(&self) -> &str {
        &self.content
    }

    /// Its lines with their numbers, from 1, without line ends.
    pub fn lines(&self) -> impl Iterator<Item = (u32, &str)> {
        (1..).zip(self.content.lines())
    }

    /// The number of the line that this byte of the content is in.
    pub fn line_at(&self, offset: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX)
    }

    /// A line as a place, with its words as they stand there. What is behind the last line is that line.
    pub fn place(&self, line: u32) -> Place {
        let line = line.clamp(1, u32::try_from(self.starts.len()).unwrap_or(u32::MAX));
        // The ends are known: looking for them again would make many places of one long line slow.
        let at = |line: u32| self.starts.get(line as usize).copied().unwrap_or(self.content.len());
        let said = self.content.get(at(line.saturating_sub(1))..at(line)).unwrap_or("");
        Place { path: self.path.clone(), line: Some(line), said: shown(said) }
    }

    /// The file as a whole, where it is what it does not say that tells.
    pub fn whole(&self) -> Place {
        Place { path: self.path.clone(), line: None, said: String::new() }
    }

    /// The files that led here, this one first.
    pub(crate) fn chain(&self) -> impl Iterator<Item = &Text> {
        std::iter::successors(Some(self), |text| text.includer.as_deref())
    }
}

/// A line of a file, or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    path: Arc<str>,
    line: Option<u32>,
    said: String,
}

impl Place {
    /// A file as a whole, by its path.
    pub fn file(path: &str) -> Place {
        Place { path: path.into(), line: None, said: String::new() }
    }

    /// The same place with other words: where the line is not what tells.
    #[must_use]
    pub fn saying(mut self, said: impl Into<String>) -> Place {
        self.said = said.into();
        self
    }

    /// The file that it is in.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// What stands there, made fit to be shown.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// As evidence of what a file says.
    pub fn evidence(&self, kind: Kind) -> Evidence {
        Evidence { kind, source: self.to_string(), text: self.said.clone() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.path),
            None => f.write_str(&self.path),
        }
    }
}

/// As much of a line as is shown, in characters.
const SHOWN_MAX: usize = 160;
/// A line that may hold a password is not shown: what is printed ends in tickets and mails. However long it
/// is, only its beginning is looked at, so that a file of one line is not gone through for each of its words.
fn shown(line: &str) -> String {
    let near = line.char_indices().nth(2 * SHOWN_MAX).map_or(line.len(), |(at, _)| at);
    let is_cut = near < line.len();
    let line = line.get(..near).unwrap_or("").trim();
    let lower = line.to_ascii_lowercase();
    let secret =
        ["pass", "secret", "token", "credential", "://"].into_iter().find(|word| lower.contains(word));
    if secret.is_some() {
        return "(not shown: the line may hold a password)".to_owned();
    }
    let spaced = line.chars().map(|c| if c == '\t' { ' ' } else { c });
    let mut short: String = spaced.filter(|c| !c.is_control()).take(SHOWN_MAX).collect();
    if is_cut || line.chars().count() > SHOWN_MAX {
        short.push('…');
    }
    short
}

/// The directory of a path.
pub(crate) fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((directory, _)) => directory,
    }
}

/// A path seen from a directory, without `.` and `..`.
pub(crate) fn join(directory: &str, path: &str) -> String {
    let from = if path.starts_with('/') { "" } else { directory };
    let mut parts: Vec<&str> = Vec::new();
    for part in from.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(content: &str) -> Text {
        Text::new("/etc/a/b.conf", content.into(), None)
    }

    #[test]
    fn a_byte_is_in_the_line_that_a_person_would_name() {
        let text = text("one\ntwo\n\nfour");
        let lines: Vec<u32> = [0, 3, 4, 8, 9, 12, 99].into_iter().map(|at| text.line_at(at)).collect();
        assert_eq!(lines, [1, 1, 2, 3, 4, 4, 4]);
        assert_eq!(text.place(4).to_string(), "/etc/a/b.conf:4");
        assert_eq!(text.place(4).said(), "four");
        assert_eq!((text.place(77).to_string(), text.place(77).said()), ("/etc/a/b.conf:4".into(), "four"));
    }

    #[test]
    fn lines_that_may_hold_a_password_are_not_shown() {
        let text = text("listen 80\nurl mysql://user:word@192.0.2.1/\nDB_PASSWORD hidden");
        assert_eq!(text.place(1).said(), "listen 80");
        assert!(!text.place(2).said().contains("word@"));
        assert!(!text.place(3).said().contains("hidden"));
    }

    #[test]
    fn paths_are_joined_as_a_shell_would() {
        assert_eq!(join("/etc/a", "b.conf"), "/etc/a/b.conf");
        assert_eq!(join("/etc/a", "../c/./d"), "/etc/c/d");
        assert_eq!(join("/etc/a", "/x"), "/x");
        assert_eq!(join("/", "../../x"), "/x");
        assert_eq!(parent("/x"), "/");
    }
}
