//! Apache's macros: their definition, and the lines that using one makes.
//! Source: mod_macro in the documentation of Apache httpd 2.4.

use super::{Instance, Line, lines};
use crate::reading::Reading;
use crate::text::Text;
use std::sync::Arc;

/// Macros that use each other.
const DEPTH_MAX: usize = 20;

pub(super) struct Macro {
    pub(super) text: Arc<Text>,
    pub(super) parameters: Vec<String>,
    pub(super) body: Vec<(u32, String)>,
}

impl Instance {
    pub(super) fn begin_macro(&mut self, reading: &mut Reading<'_>, arguments: &[String], at: &Line<'_>) {
        let Some((name, parameters)) = arguments.split_first() else {
            return reading.trouble(&at.place(), "<Macro> without a name");
        };
        let (text, parameters, body) = (at.text.clone(), parameters.to_vec(), Vec::new());
        self.open_macro = Some((name.to_ascii_lowercase(), Macro { text, parameters, body }));
    }

    pub(super) fn use_macro(&mut self, reading: &mut Reading<'_>, arguments: &[String], at: &Line<'_>) {
        let place = at.place();
        let Some((name, values)) = arguments.split_first() else { return };
        let Some(used) = self.macros.get(&name.to_ascii_lowercase()).cloned() else {
            return reading.trouble(&place, format_args!("macro {name:?} is not defined"));
        };
        if at.depth >= DEPTH_MAX {
            return reading.trouble(&place, "not read: more than 20 macros use each other");
        }
        if used.parameters.len() != values.len() {
            let (wants, has) = (used.parameters.len(), values.len());
            reading.trouble(&place, format_args!("macro {name:?} has {wants} parameters, not {has}"));
            return;
        }
        let mut pairs: Vec<(&str, &str)> =
            used.parameters.iter().map(String::as_str).zip(values.iter().map(String::as_str)).collect();
        // The longest name that fits is replaced.
        pairs.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        let from = at.used.unwrap_or(&place);
        for (number, line) in &used.body {
            if self.work_left == 0 {
                return;
            }
            let line = substitute(line, &pairs);
            let at = Line { text: &used.text, number: *number, used: Some(from), depth: at.depth + 1 };
            self.take(reading, &line, &at);
        }
    }
}

/// A macro's line with its parameters' values.
fn substitute(line: &str, pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next().filter(|_| out.len() <= lines::LINE_MAX) {
        let fits = pairs.iter().find(|(name, _)| !name.is_empty() && rest.starts_with(name));
        let (put, length) = match fits {
            Some((name, value)) => (*value, name.len()),
            None => (rest.get(..c.len_utf8()).unwrap_or(""), c.len_utf8()),
        };
        out.push_str(put);
        rest = rest.get(length..).unwrap_or("");
    }
    out
}
