//! Elements of two sets: which are only in one of them.
//! Not here: whether the sets are declared alike ([`super::alike`]).

use super::{Difference, DifferenceKind, ELEMENTS_TOLD, Finding, SetDelta, whole};
use crate::{Element, Set, text};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Elements that are in one of two sets only, or there with another content.
#[derive(Debug, Default)]
pub(super) struct Changes<'a> {
    pub(super) add: Vec<&'a Element>,
    pub(super) delete: Vec<&'a Element>,
}

impl<'a> Changes<'a> {
    /// What leads from one set to the other; nothing where packets add elements.
    pub(super) fn of(have: &'a Set, want: &'a Set) -> Changes<'a> {
        if have.flags.dynamic || want.flags.dynamic {
            return Changes::default();
        }
        let in_order = have.elements.len() == want.elements.len()
            && have.elements.iter().zip(&want.elements).all(|(h, w)| identity(h) == identity(w));
        if in_order {
            let pairs = have.elements.iter().zip(&want.elements);
            let (delete, add) = pairs.filter(|(h, w)| !same_content((have, h), (want, w))).unzip();
            return Changes { add, delete };
        }
        Changes::of_unordered(have, want)
    }

    fn of_unordered(have: &'a Set, want: &'a Set) -> Changes<'a> {
        let mut held: HashMap<Identity<'a>, &'a Element> = HashMap::with_capacity(have.elements.len());
        held.extend(have.elements.iter().map(|element| (identity(element), element)));
        let mut changes = Changes::default();
        for wanted in &want.elements {
            match held.remove(&identity(wanted)) {
                None => changes.add.push(wanted),
                Some(element) if !same_content((have, element), (want, wanted)) => {
                    changes.delete.push(element);
                    changes.add.push(wanted);
                }
                Some(_) => {}
            }
        }
        changes.delete.extend(held.into_values());
        changes.delete.sort_by(|a, b| identity(a).cmp(&identity(b)));
        changes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.add.is_empty() && self.delete.is_empty()
    }

    /// The changes by themselves.
    pub(super) fn cloned(&self, set: &str) -> SetDelta {
        let cloned = |elements: &[&Element]| elements.iter().copied().cloned().collect();
        SetDelta { set: set.to_owned(), add: cloned(&self.add), delete: cloned(&self.delete) }
    }
}

type Identity<'a> = (&'a [u8], &'a [u8]);

/// First and last key: a single key is a range of one.
fn identity(element: &Element) -> Identity<'_> {
    (element.key.bytes(), element.end.as_ref().unwrap_or(&element.key).bytes())
}

/// Whether two elements with one key hold the same: not what is left of their time, nor their figures.
fn same_content((in_a, a): (&Set, &Element), (in_b, b): (&Set, &Element)) -> bool {
    let comment = |e: &'_ Element| e.extra.as_ref().and_then(|extra| extra.comment.clone());
    let bare = a.extra.is_none() && b.extra.is_none();
    a.data == b.data && (bare || (lifetime(in_a, a) == lifetime(in_b, b) && comment(a) == comment(b)))
}

/// Its own lifetime, or its set's.
fn lifetime(set: &Set, element: &Element) -> Option<u64> {
    element.extra.as_ref().and_then(|extra| extra.timeout_ms).or(set.timeout_ms)
}

/// Tell the elements that differ, the first of them one by one.
pub(super) fn walk(place: &str, have: &Set, want: &Set, found: Finding<'_>) -> ControlFlow<()> {
    let changes = Changes::of(have, want);
    tell(place, DifferenceKind::Missing, want, &changes.add, found)?;
    tell(place, DifferenceKind::Extra, have, &changes.delete, found)
}

fn tell(
    place: &str,
    kind: DifferenceKind,
    set: &Set,
    elements: &[&Element],
    found: Finding<'_>,
) -> ControlFlow<()> {
    for element in elements.iter().take(ELEMENTS_TOLD) {
        found(&|| -> Difference { whole(place, kind, format!("element {}", text::element(set, element))) })?;
    }
    match elements.len().saturating_sub(ELEMENTS_TOLD) {
        0 => ControlFlow::Continue(()),
        more => found(&|| whole(place, kind, format!("{more} more elements"))),
    }
}
