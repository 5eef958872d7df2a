//! Declarations: tables, sets with their elements, chains with their rules.
//! Not here: what stands in a rule ([`super::rule`]) and between a set's braces ([`super::elements`]).

use super::elements::{self, Column};
use super::plain::{self, Figures};
use super::rule::Words;
use super::value::duration;
use crate::table::ChainKind;
use crate::{BaseChain, Chain, ChainPolicy, DataType, Family, Hook, Rule, Set, SetFlags, Table};
use std::fmt::Write;

/// What stands where words fail, before the program.
const UNSPEAKABLE: &str = "# cannot be spelled:";

/// A whole table.
pub(super) fn table(table: &Table) -> String {
    let mut text = format!("table {} {{\n", plain::shown(&table.id.to_string()));
    let before = text.len();
    let between = |text: &mut String| {
        if text.len() > before {
            text.push('\n');
        }
    };
    if table.flags.dormant {
        text.push_str("\tflags dormant\n");
    }
    for one in &table.sets {
        between(&mut text);
        set(one, &mut text);
    }
    for one in &table.chains {
        between(&mut text);
        chain(table, one, &mut text);
    }
    text.push_str("}\n");
    text
}

/// A rule's words, or its program marked as what it is.
pub(super) fn rule(table: &Table, rule: &Rule) -> String {
    spelled(table, rule, Words::Loadable)
}

/// The same for a reader: parts that nft has no words for are told in others.
pub(super) fn told_rule(table: &Table, rule: &Rule) -> String {
    spelled(table, rule, Words::Told)
}

fn spelled(table: &Table, rule: &Rule, how: Words) -> String {
    let spelled = super::rule::words(table, rule, how);
    let spelled = spelled.unwrap_or_else(|| format!("{UNSPEAKABLE} {}", program(rule)));
    plain::shown(&spelled).into_owned()
}

/// A rule's program on one line.
pub(super) fn program(rule: &Rule) -> String {
    let exprs: Vec<String> = rule.exprs.iter().map(ToString::to_string).collect();
    plain::shown(&exprs.join(" ").replace(['\n', '\r'], " ")).into_owned()
}

fn chain(table: &Table, chain: &Chain, text: &mut String) {
    let _ = writeln!(text, "\tchain {} {{", plain::shown(&chain.name));
    if let Some(base) = &chain.base {
        text.push_str(&hook(table.id.family, base));
    }
    for one in &chain.rules {
        let _ = writeln!(text, "\t\t{}", rule(table, one));
    }
    text.push_str("\t}\n");
}

/// What makes a chain a base chain, on a line of its own.
pub(super) fn hook(family: Family, base: &BaseChain) -> String {
    let BaseChain { kind, hook, priority, policy, devices } = base;
    let kind = match kind {
        ChainKind::Filter => "filter",
        ChainKind::Nat => "nat",
        ChainKind::Route => "route",
    };
    let policy = match policy {
        ChainPolicy::Accept => "accept",
        ChainPolicy::Drop => "drop",
    };
    let devices = match &devices[..] {
        [] => String::new(),
        [one] => format!(" device \"{one}\""),
        many => format!(" devices = {{ \"{}\" }}", many.join("\", \"")),
    };
    let priority = priority_name(family, *hook, *priority);
    let devices = plain::shown(&devices);
    format!("\t\ttype {kind} hook {}{devices} priority {priority}; policy {policy};\n", hook_name(*hook))
}

/// A hook's name.
pub(super) fn hook_name(hook: Hook) -> &'static str {
    match hook {
        Hook::Prerouting => "prerouting",
        Hook::Input => "input",
        Hook::Forward => "forward",
        Hook::Output => "output",
        Hook::Postrouting => "postrouting",
        Hook::Ingress => "ingress",
        Hook::Egress => "egress",
    }
}

/// A priority by the nearest name, if one is within ten.
fn priority_name(family: Family, hook: Hook, priority: i32) -> String {
    let near = standard_priorities(family, hook).iter().find(|(at, _)| priority.abs_diff(*at) <= 10);
    match near.map(|(at, name)| (priority - at, name)) {
        None => priority.to_string(),
        Some((0, name)) => (*name).to_owned(),
        Some((offset @ 1.., name)) => format!("{name} + {offset}"),
        Some((offset, name)) => format!("{name} - {}", -offset),
    }
}

/// Names of priorities, as the table of them in nft(8) has it.
fn standard_priorities(family: Family, hook: Hook) -> &'static [(i32, &'static str)] {
    match (family, hook) {
        (Family::Bridge, Hook::Prerouting) => &[(-300, "dstnat"), (-200, "filter")],
        (Family::Bridge, Hook::Output) => &[(-200, "filter"), (100, "out")],
        (Family::Bridge, Hook::Postrouting) => &[(-200, "filter"), (300, "srcnat")],
        (Family::Bridge, _) => &[(-200, "filter")],
        (Family::Arp | Family::Netdev, _) => &[(0, "filter")],
        (_, Hook::Prerouting) => {
            &[(-300, "raw"), (-150, "mangle"), (-100, "dstnat"), (0, "filter"), (50, "security")]
        }
        (_, Hook::Postrouting) => {
            &[(-300, "raw"), (-150, "mangle"), (0, "filter"), (50, "security"), (100, "srcnat")]
        }
        _ => &[(-300, "raw"), (-150, "mangle"), (0, "filter"), (50, "security")],
    }
}

fn set(set: &Set, text: &mut String) {
    let before = text.len();
    if write_set(set, text).is_none() {
        text.truncate(before);
        let _ = writeln!(text, "\t{UNSPEAKABLE} set {}", plain::shown(&set.name));
    }
}

/// A set's declaration with its elements. None if one of them has no words.
pub(super) fn set_words(set: &Set) -> Option<String> {
    let mut text = String::new();
    write_set(set, &mut text)?;
    Some(text)
}

/// The same into a text; where there are no words, what has been written is half of it.
fn write_set(set: &Set, text: &mut String) -> Option<()> {
    let Set { name, key, data, flags, timeout_ms, size, exprs, comment, elements: _ } = set;
    let columns = Column::of(key, flags.interval)?;
    let (kind, name) = (if data.is_some() { "map" } else { "set" }, plain::shown(name));
    let _ = write!(text, "\t{kind} {name} {{\n\t\ttype {}", type_names(key)?);
    if let Some(data) = data {
        let _ = write!(text, " : {}", type_names(data)?);
    }
    text.push('\n');
    let stateful: Option<Vec<String>> = exprs.iter().map(|e| plain::phrase(e, Figures::Hidden)).collect();
    let comment = match comment {
        Some(comment) => Some(format!("comment {}", plain::quoted(comment)?)),
        None => None,
    };
    let lines = [
        size.filter(|_| !flags.constant).map(|n| format!("size {n}")),
        flags_line(*flags, timeout_ms.is_some()),
        Some(stateful?.join(" ")).filter(|s| !s.is_empty()),
        timeout_ms.map(|ms| format!("timeout {}", duration(ms))),
        comment,
    ];
    for line in lines.into_iter().flatten() {
        let _ = writeln!(text, "\t\t{line}");
    }
    write_elements(set, &columns, text)?;
    text.push_str("\t}\n");
    Some(())
}

/// The types of a key or of data, joined. None if nft has no such declaration.
fn type_names(fields: &[DataType]) -> Option<String> {
    let speakable = !fields.iter().any(|field| matches!(field, DataType::Integer | DataType::Other { .. }));
    let names: Vec<_> = fields.iter().map(|field| field.name()).collect();
    speakable.then(|| names.join(" . "))
}

/// A default timeout says the flag by itself, if no other flag is said.
fn flags_line(flags: SetFlags, default_timeout: bool) -> Option<String> {
    let SetFlags { constant, interval, timeout, dynamic } = flags;
    let all = [(constant, "constant"), (dynamic, "dynamic"), (interval, "interval"), (timeout, "timeout")];
    let set: Vec<_> = all.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
    let unsaid = set.is_empty() || (set == ["timeout"] && default_timeout);
    (!unsaid).then(|| format!("flags {}", set.join(",")))
}

/// The elements, wrapped as nft wraps them; nothing if there are none.
fn write_elements(set: &Set, columns: &[Column], text: &mut String) -> Option<()> {
    if set.elements.is_empty() {
        return Some(());
    }
    text.push_str("\t\telements = { ");
    elements::write(set, columns, Some(elements_a_line(&set.key)), text)?;
    text.push_str(" }\n");
    Some(())
}

/// How many elements nft puts on a line, by the type of the key.
fn elements_a_line(key: &[DataType]) -> usize {
    match key {
        [DataType::Ipv4Addr | DataType::CtState | DataType::PktType] => 2,
        [
            DataType::NfProto
            | DataType::Integer
            | DataType::InetProto
            | DataType::InetService
            | DataType::TcpFlag
            | DataType::Mark
            | DataType::IfIndex,
        ] => 5,
        _ => 1,
    }
}
