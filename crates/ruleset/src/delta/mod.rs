//! Comparison of two tables: what is held, and what is wanted.
//! Not here: the operations that lead from one to the other ([`crate::transaction`]).
//!
//! Handles, figures of counters, what is left of lifetimes, elements that packets add, and the order of
//! sets, chains and elements do not count: Linux tells them as it likes.

mod alike;
mod elements;
mod rules;

use crate::{Chain, Element, Set, Table, text};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;

/// One thing that differs, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where: `chain input`, `set nodes`, `table inet rolewall`.
    pub place: String,
    /// Missing, extra or changed.
    pub kind: DifferenceKind,
    /// What it is, in nft's words where it has them.
    pub what: String,
}

/// How a thing differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// Wanted, not held.
    Missing,
    /// Held, not wanted.
    Extra,
    /// Held otherwise than wanted.
    Changed,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DifferenceKind::Missing => "missing",
            DifferenceKind::Extra => "extra",
            DifferenceKind::Changed => "changed",
        };
        write!(f, "{}: {kind}: {}", self.place, self.what)
    }
}

/// What to add to and delete from one named set or map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetDelta {
    /// The set's name.
    pub set: String,
    /// In `want`, not in `have`.
    pub add: Vec<Element>,
    /// In `have`, not in `want`. An element that changes its data, lifetime or comment is in both lists:
    /// delete first.
    pub delete: Vec<Element>,
}

/// Whether `have` means what `want` means.
pub fn same(have: &Table, want: &Table) -> bool {
    walk(have, want, &mut |_| ControlFlow::Break(())).is_continue()
}

/// The same, whatever the elements of the named sets are.
pub fn same_but_elements(have: &Table, want: &Table) -> bool {
    let mut stop = |_: &dyn Fn() -> Difference| ControlFlow::Break(());
    let held = by_name(&have.sets, |set| &set.name);
    let is_declared = |set: &Set| held.get(set.name.as_str()).is_some_and(|h| alike::declarations(h, set));
    walk_table(have, want, &mut stop).is_continue()
        && walk_chains(have, want, &mut stop).is_continue()
        && have.sets.len() == want.sets.len()
        && want.sets.iter().all(is_declared)
}

/// What differs, in words. Of many elements of one set the first [`ELEMENTS_TOLD`] are told, and the rest
/// counted.
pub fn differences(have: &Table, want: &Table) -> Vec<Difference> {
    let mut found = Vec::new();
    let _ = walk(have, want, &mut |difference| {
        found.push(difference());
        ControlFlow::Continue(())
    });
    found
}

/// How many elements of a set are told one by one.
pub const ELEMENTS_TOLD: usize = 10;

/// The changes of elements of named sets that lead from `have` to `want`, if nothing else differs. Empty if
/// nothing does. Sets whose elements packets add are left as they are.
pub fn elements_only(have: &Table, want: &Table) -> Option<Vec<SetDelta>> {
    if !same_but_elements(have, want) {
        return None;
    }
    let held = by_name(&have.sets, |set| &set.name);
    let mut deltas = Vec::new();
    for wanted in &want.sets {
        let held = held.get(wanted.name.as_str())?;
        let changes = elements::Changes::of(held, wanted);
        if !changes.is_empty() {
            deltas.push(changes.cloned(&wanted.name));
        }
    }
    Some(deltas)
}

/// What takes differences as they are found; words are made only if it asks for them.
type Finding<'a> = &'a mut dyn FnMut(&dyn Fn() -> Difference) -> ControlFlow<()>;

fn walk(have: &Table, want: &Table, found: Finding<'_>) -> ControlFlow<()> {
    walk_table(have, want, found)?;
    walk_sets(have, want, found)?;
    walk_chains(have, want, found)
}

fn walk_table(have: &Table, want: &Table, found: Finding<'_>) -> ControlFlow<()> {
    if have.flags == want.flags && have.id.family == want.id.family {
        return ControlFlow::Continue(());
    }
    let words =
        |t: &Table| format!("family {}{}", t.id.family, if t.flags.dormant { ", dormant" } else { "" });
    found(&|| changed(format!("table {}", want.id), &words(have), &words(want)))
}

fn walk_sets(have: &Table, want: &Table, found: Finding<'_>) -> ControlFlow<()> {
    let (held, wanted) = (by_name(&have.sets, |s| &s.name), by_name(&want.sets, |s| &s.name));
    for (name, set) in &wanted {
        let kind = if set.data.is_some() { "map" } else { "set" };
        let place = format!("{kind} {name}");
        match held.get(name) {
            None => found(&|| whole(&place, DifferenceKind::Missing, text::set_declaration(set)))?,
            Some(held) if !alike::declarations(held, set) => {
                let words = (text::set_declaration(held), text::set_declaration(set));
                found(&|| changed(place.clone(), &words.0, &words.1))?;
            }
            Some(held) => elements::walk(&place, held, set, found)?,
        }
    }
    for (name, set) in held.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
        let place = format!("set {name}");
        found(&|| whole(&place, DifferenceKind::Extra, text::set_declaration(set)))?;
    }
    ControlFlow::Continue(())
}

fn walk_chains(have: &Table, want: &Table, found: Finding<'_>) -> ControlFlow<()> {
    let (held, wanted) = (by_name(&have.chains, |c| &c.name), by_name(&want.chains, |c| &c.name));
    for (name, chain) in &wanted {
        let place = format!("chain {name}");
        let Some(other) = held.get(name) else {
            found(&|| whole(&place, DifferenceKind::Missing, of_rules(chain)))?;
            continue;
        };
        if other.base != chain.base {
            let words = |t: &Table, c: &Chain| {
                c.base
                    .as_ref()
                    .map_or("a regular chain".to_owned(), |base| text::base_chain(t.id.family, base))
            };
            found(&|| changed(place.clone(), &words(have, other), &words(want, chain)))?;
        }
        rules::walk((have, other), (want, chain), found)?;
    }
    for (name, chain) in held.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
        found(&|| whole(&format!("chain {name}"), DifferenceKind::Extra, of_rules(chain)))?;
    }
    ControlFlow::Continue(())
}

fn by_name<T>(all: &[T], name: impl Fn(&T) -> &String) -> BTreeMap<&str, &T> {
    all.iter().map(|one| (name(one).as_str(), one)).collect()
}

fn of_rules(chain: &Chain) -> String {
    match chain.rules.len() {
        1 => "the whole chain, of 1 rule".to_owned(),
        n => format!("the whole chain, of {n} rules"),
    }
}

fn whole(place: &str, kind: DifferenceKind, what: String) -> Difference {
    Difference { place: place.to_owned(), kind, what }
}

fn changed(place: String, have: &str, want: &str) -> Difference {
    Difference { place, kind: DifferenceKind::Changed, what: format!("is `{have}`, expected `{want}`") }
}
