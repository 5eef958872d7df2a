//! Spelling: tables, sets and rules as `nft list` of nft 1.0.6 prints what Linux holds.
//! Not here: reading such text back; what rules mean ([`crate::judge`]).
//!
//! What is printed loads with `nft -f` and means the same. Where nft's own listing would mean something
//! else when loaded again, or where this module has no words, the program stands in a comment instead,
//! and [`unspeakable`] tells. One loss of nft's is kept, because the listing would be another without it:
//! fields of `icmp` and `icmpv6` are listed without the family, and loaded again with it.

mod address;
mod comparison;
mod context;
mod declaration;
mod elements;
mod header;
mod names;
mod operand;
mod plain;
mod rule;
mod statement;
mod value;

use crate::{BaseChain, DataType, Element, Family, Hook, Rule, Ruleset, Set, Table, Value, Verdict};
use elements::Column;
use std::fmt::Write;

/// A whole ruleset, as `nft list ruleset` prints it.
pub fn ruleset(ruleset: &Ruleset) -> String {
    ruleset.tables.iter().map(table).collect()
}

/// One table, as `nft list table` prints it.
pub fn table(table: &Table) -> String {
    declaration::table(table)
}

/// One rule, as it stands in its chain's listing, without indentation and line end.
pub fn rule(table: &Table, rule: &Rule) -> String {
    declaration::rule(table, rule)
}

/// One rule for a reader: as [`rule`], but what nft has no words for (`xt match multiport dports 22,80`) is told
/// in words that nft would not take back.
pub fn told_rule(table: &Table, rule: &Rule) -> String {
    declaration::told_rule(table, rule)
}

/// One element of a set, with its data, timeout and comment, as it stands in the set's listing.
/// An element without a spelling is shown as its bytes.
pub fn element(set: &Set, element: &Element) -> String {
    let columns = Column::of(&set.key, set.flags.interval);
    let spelled = columns.and_then(|columns| elements::spell(set, &columns, element));
    spelled.unwrap_or_else(|| bytes(&element.key))
}

/// One key of these fields: `tcp . 80`. A key without a spelling is shown as its bytes.
pub fn key(fields: &[DataType], value: &Value) -> String {
    let element = Element::key(value.bytes());
    let spelled = Column::of(fields, false).and_then(|columns| elements::span(&columns, &element, false));
    spelled.unwrap_or_else(|| bytes(value))
}

/// A verdict: `accept`, `goto x`.
pub fn verdict(verdict: &Verdict) -> String {
    plain::verdict(verdict)
}

/// One line as it may be shown, whoever wrote it: what would steer the terminal is told as U+FFFD.
pub fn shown(line: &str) -> std::borrow::Cow<'_, str> {
    plain::shown(line)
}

/// A hook: `input`.
pub fn hook(hook: Hook) -> &'static str {
    declaration::hook_name(hook)
}

/// What makes a chain a base chain: `type filter hook input priority filter; policy accept;`.
pub(crate) fn base_chain(family: Family, base: &BaseChain) -> String {
    declaration::hook(family, base).trim().to_owned()
}

/// A set's declaration without its elements, on one line.
pub(crate) fn set_declaration(set: &Set) -> String {
    let Set { name, key, data, flags, timeout_ms, size, exprs, comment, elements: _ } = set;
    let bare = Set {
        name: name.clone(),
        key: key.clone(),
        data: data.clone(),
        flags: *flags,
        timeout_ms: *timeout_ms,
        size: *size,
        exprs: exprs.clone(),
        comment: comment.clone(),
        elements: Vec::new(),
    };
    let words =
        declaration::set_words(&bare).unwrap_or_else(|| format!("set {name} of types without a name"));
    let words: Vec<&str> = words.lines().map(str::trim).filter(|line| *line != "}").collect();
    words[1.min(words.len() - 1)..].join("; ")
}

/// Something that nft's words cannot say, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unspeakable {
    /// The chain, or the set, that holds it.
    pub place: String,
    /// Index of the rule in its chain; none for a set.
    pub rule: Option<usize>,
    /// The program form of what could not be spelled; for a set, its types.
    pub program: String,
}

/// All of a table that its text shows only as `# cannot be spelled: ...`.
pub fn unspeakable(table: &Table) -> Vec<Unspeakable> {
    let sets = table.sets.iter().filter(|set| declaration::set_words(set).is_none());
    let sets = sets.map(|set| {
        let types: Vec<_> = set.key.iter().chain(set.data.iter().flatten()).map(|t| t.name()).collect();
        Unspeakable { place: set.name.clone(), rule: None, program: types.join(" . ") }
    });
    let rules = table.chains.iter().flat_map(|chain| {
        let mute = chain
            .rules
            .iter()
            .enumerate()
            .filter(|(_, r)| rule::words(table, r, rule::Words::Loadable).is_none());
        mute.map(|(index, rule)| Unspeakable {
            place: chain.name.clone(),
            rule: Some(index),
            program: declaration::program(rule),
        })
    });
    sets.chain(rules).collect()
}

fn bytes(value: &Value) -> String {
    value.bytes().iter().fold("0x".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
