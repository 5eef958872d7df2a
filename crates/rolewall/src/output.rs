//! Standard output and standard error, which may be full or gone: no reason to stop half-way through a change.
//! Not here: what is said.
//!
//! The standard library's macros of these names panic where they cannot write. An operator's session that is cut, a
//! full disk under a log, a reader that has seen enough: none of them is a bug, and all come when it matters.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

macro_rules! print {
    ($($text:tt)*) => { $crate::output::say(format_args!($($text)*)) };
}

macro_rules! println {
    ($($text:tt)*) => { $crate::output::say(format_args!("{}\n", format_args!($($text)*))) };
}

macro_rules! eprint {
    ($($text:tt)*) => { $crate::output::tell(format_args!($($text)*)) };
}

macro_rules! eprintln {
    ($($text:tt)*) => { $crate::output::tell(format_args!("{}\n", format_args!($($text)*))) };
}

/// The first error of standard output, but that its reader has gone away.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// What print! does.
pub(crate) fn say(text: Arguments<'_>) {
    note(io::stdout().write_all(harmless(&text.to_string()).as_bytes()));
}

/// What eprint! does: there is nobody else to tell. One write, so that others' lines do not come in between.
pub(crate) fn tell(text: Arguments<'_>) {
    let _ = io::stderr().write_all(harmless(&text.to_string()).as_bytes());
}

/// What is told may hold what others wrote: names of their tables and processes, words of a database. None of it
/// steers the terminal.
fn harmless(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(rolewall_ruleset::text::shown).collect();
    lines.join("\n")
}

fn note(written: io::Result<()>) {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => drop(LOST.set(error)),
        _ => {}
    }
}

/// Why not all that was said could be written; none where it was.
pub(crate) fn lost() -> Option<&'static io::Error> {
    note(io::stdout().flush());
    LOST.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_tabs_stay_and_nothing_steers() {
        assert_eq!(harmless("chain\tx\n  voice-1\n"), "chain\tx\n  voice-1\n");
        assert_eq!(
            harmless("x\u{1b}[2J\r\u{7}\u{9b}y\u{202e}z"),
            "x\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}y\u{fffd}z"
        );
    }
}
