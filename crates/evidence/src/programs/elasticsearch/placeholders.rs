//! Files that were not rendered: `@NAME@`, `%NAME%`, `{{ name }}` and `<%= name %>` are no YAML, and would hide
//! what stands behind them.
//! Not here: `${NAME}` alone, which the server itself replaces.

use super::super::template::{self, Blocks};
use crate::reading::Reading;
use crate::text::Text;
use std::sync::Arc;

/// The same lines with values that a template fills in put into quotes. Its statements are said to be
/// unresolved, and left out.
pub(super) fn quoted(reading: &mut Reading<'_>, text: &Arc<Text>) -> Text {
    let mut blocks = Blocks::default();
    let lines = text.lines().map(|(number, line)| one(reading, &mut blocks, text, number, line));
    let lines: Vec<String> = lines.collect();
    Text::new(text.path(), lines.join("\n").into_bytes(), None)
}

fn one(reading: &mut Reading<'_>, blocks: &mut Blocks, text: &Text, number: u32, line: &str) -> String {
    let trimmed = line.trim_start();
    if trimmed.starts_with('#') {
        return line.to_owned();
    }
    // A key or a value of YAML may begin with `${`.
    let is_yaml = trimmed.starts_with("${");
    if !is_yaml && blocks.is_statement(reading, trimmed, &text.place(number)) {
        return String::new();
    }
    let after = line
        .find(": ")
        .map(|at| at + 2)
        .or_else(|| trimmed.starts_with("- ").then(|| line.len() - trimmed.len() + 2));
    match after.and_then(|at| line.split_at_checked(at)) {
        Some((key, value)) if blocks.value(value) != value => format!("{key}'{}'", blocks.value(value)),
        Some((key, value)) if is_placeholder(value.trim()) => format!("{key}'{}'", bare(value)),
        _ => line.to_owned(),
    }
}

/// What YAML would not take as it is. A list in brackets is left: its items have quotes of their own.
fn is_placeholder(value: &str) -> bool {
    let is_broken = || value.contains(": ") || value.get(1..).is_some_and(|rest| rest.contains('"'));
    value.starts_with(['@', '%', '`'])
        || value.starts_with("{{")
        || value.starts_with("{%")
        || value.starts_with("[%")
        || value.starts_with("<%")
        || (template::is_in(value) && !value.starts_with('[') && is_broken())
}

/// Without quotes around it and a comment behind it, fit for single quotes.
fn bare(value: &str) -> String {
    let end =
        value.rfind(['}', '%', '@', '"']).and_then(|last| value.get(last..)?.find(" #").map(|at| last + at));
    let value = value.get(..end.unwrap_or(value.len())).unwrap_or(value).trim();
    let inside = value.strip_prefix('"').and_then(|inside| inside.strip_suffix('"'));
    inside.unwrap_or(value).replace('\'', "''")
}
