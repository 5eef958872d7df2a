//! Scripts that are input of m4, as OpenSIPS' own menu writes them: what its macros become is not known.
//! Source: GNU m4's manual, "Quoting input" and "Macro arguments".

use super::words::line;
use super::{Dialect, Frame, Script};
use crate::reading::Reading;

/// Macros that decide which lines hold. No statement of a script has these names.
const MACROS: [&str; 9] =
    ["ifelse", "ifdef", "define", "undefine", "divert", "include", "sinclude", "changequote", "changecom"];
/// Bytes of one macro's arguments. Real ones have fewer than a thousand.
const ARGUMENTS_MAX: usize = 8_000;

impl Script {
    /// Whether a macro stands at the beginning of this line, which is then passed over.
    pub(super) fn is_macro(&mut self, reading: &mut Reading<'_>, frame: &Frame) -> bool {
        if self.dialect != Dialect::OpenSips || frame.value.is_some() || !is_line_start(frame) {
            return false;
        }
        let rest = frame.rest();
        let name = rest.bytes().take(16).take_while(u8::is_ascii_lowercase).count();
        let Some((name, after)) = rest.split_at_checked(name) else { return false };
        if name == "dnl" {
            self.advance(line(rest));
            return true;
        }
        if !MACROS.contains(&name) || !after.starts_with('(') {
            return false;
        }
        // What is diverted to -1 is thrown away; the macro itself chooses nothing.
        if !matches!(name, "divert" | "changequote" | "changecom") {
            let place = self.place_at(&frame.file, frame.line());
            reading.unresolved(format!("what the macro {name} of m4 becomes"), &place);
        }
        let used = arguments(after).unwrap_or_else(|| {
            let place = self.place_at(&frame.file, frame.line());
            reading.trouble(&place, format_args!("not read from here: the macro {name} of m4 is not closed"));
            after.floor_char_boundary(ARGUMENTS_MAX)
        });
        self.advance(name.len() + used);
        true
    }
}

fn is_line_start(frame: &Frame) -> bool {
    let before = frame.at.checked_sub(1).and_then(|at| frame.file.content().as_bytes().get(at));
    before.is_none_or(|byte| *byte == b'\n')
}

/// The bytes of `(…)`, with parentheses in it, but for those between m4's quotes.
fn arguments(text: &str) -> Option<usize> {
    let (mut depth, mut quotes) = (0usize, 0usize);
    for (at, byte) in text.bytes().enumerate().take(ARGUMENTS_MAX) {
        match byte {
            b'`' => quotes += 1,
            b'\'' => quotes = quotes.saturating_sub(1),
            b'(' if quotes == 0 => depth += 1,
            b')' if quotes == 0 && depth == 1 => return Some(at + 1),
            b')' if quotes == 0 => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}
