//! Conditions on flows: which values of which fields, in three answers: surely, perhaps, surely not.
//! Not here: how rules come to conditions ([`super::compile`]), and the sets of flows that fulfil them
//! ([`super::diagram`]).

use super::field::Field;
use super::ranges::Ranges;
use crate::expr::NatKind;
use std::collections::{BTreeMap, HashMap};

/// What is asked of a number: bits, or a range of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    Bits {
        mask: u128,
        value: u128,
    },
    /// Not just these.
    OtherBits {
        mask: u128,
        value: u128,
    },
    Within {
        first: u128,
        last: u128,
    },
}

/// Which of a field's values is asked for, where rules may have changed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum View {
    Now,
    /// That of the flow as it came.
    First,
    /// As it is, while no rule has changed it; then it is not known.
    Untouched,
}

impl Asked {
    /// The numbers of so many bits; none where they are too many ranges.
    pub(super) fn values(self, bits: u32) -> Option<Ranges> {
        match self {
            Asked::Bits { mask, value } => Ranges::masked(bits, mask, value),
            Asked::OtherBits { mask, value } => {
                Ranges::masked(bits, mask, value).map(|these| these.complement(super::ranges::ones(bits)))
            }
            Asked::Within { first, last } => Some(Ranges::span(first, last)),
        }
    }

    /// Whether that number alone, of so many bits, is asked for.
    pub(super) fn is_just(self, number: u128, bits: u32) -> bool {
        self.values(bits) == Some(Ranges::one(number))
    }

    pub(super) fn holds(self, number: u128) -> bool {
        match self {
            Asked::Bits { mask, value } => number & mask == value,
            Asked::OtherBits { mask, value } => number & mask != value,
            Asked::Within { first, last } => (first..=last).contains(&number),
        }
    }
}

/// What is asked of what rules made of a packet, beside its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Beside {
    Mark(Asked),
    /// Of a connection that the packet opens.
    CtMark(Asked),
    /// `ct status` of a connection that the packet opens.
    CtStatus(Asked),
    /// An end of the connection is translated.
    Translated(NatKind),
}

/// Every part of it must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Clause {
    /// The field has one of the values.
    pub(super) fields: BTreeMap<(Field, View), Ranges>,
    /// What is asked beside the header: all of it holds.
    pub(super) beside: Vec<Beside>,
    /// A rule before has added an element to that set.
    pub(super) added: Option<usize>,
    /// In doubt if a rule before has deleted an element of that set.
    pub(super) unless_deleted: Option<usize>,
    /// And something that no flow tells.
    pub(super) in_doubt: bool,
}

impl Clause {
    /// What no flow tells.
    pub(super) fn doubt() -> Clause {
        Clause { in_doubt: true, ..Clause::default() }
    }

    /// A field has one of the values.
    pub(super) fn field(field: Field, values: Ranges) -> Clause {
        Clause::seen(field, View::Now, values)
    }

    /// A field, seen so, has one of the values.
    pub(super) fn seen(field: Field, view: View, values: Ranges) -> Clause {
        Clause { fields: [((field, view), values)].into(), ..Clause::default() }
    }

    /// What is asked beside the header.
    pub(super) fn beside(asked: Beside) -> Clause {
        Clause { beside: vec![asked], ..Clause::default() }
    }

    /// This and another; none if they exclude each other.
    pub(super) fn and(mut self, other: &Clause) -> Option<Clause> {
        for (field, values) in &other.fields {
            let both = match self.fields.get(field) {
                Some(own) => own.and(values),
                None => values.clone(),
            };
            if both.is_empty() && field.1 != View::Untouched {
                return None;
            }
            self.fields.insert(*field, both);
        }
        self.beside.extend(&other.beside);
        self.added = self.added.or(other.added);
        self.unless_deleted = self.unless_deleted.or(other.unless_deleted);
        self.in_doubt |= other.in_doubt;
        Some(self)
    }
}

/// One of the clauses must hold. Without clauses it never does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Condition(pub(super) Vec<Clause>);

impl Condition {
    pub(super) fn always() -> Condition {
        Condition(vec![Clause::default()])
    }

    pub(super) fn never() -> Condition {
        Condition(Vec::new())
    }

    pub(super) fn doubt() -> Condition {
        Condition(vec![Clause::doubt()])
    }

    pub(super) fn of(holds: bool) -> Condition {
        if holds { Condition::always() } else { Condition::never() }
    }

    /// One of both holds.
    pub(super) fn or(mut self, other: Condition) -> Condition {
        self.0.extend(other.0);
        self
    }

    /// Both hold.
    pub(super) fn and(&self, other: &Condition) -> Condition {
        let pairs = self.0.iter().flat_map(|one| other.0.iter().map(move |two| (one, two)));
        Condition(pairs.filter_map(|(one, two)| one.clone().and(two)).collect())
    }

    /// Clauses that differ in one field alone are one, with the values of both: the elements of a set become
    /// few clauses.
    pub(super) fn merged(self) -> Condition {
        let mut rest = self.0;
        for field in [Field::Src, Field::Dst, Field::Dport, Field::Sport, Field::Iif, Field::Oif] {
            rest = merge(rest, field);
        }
        Condition(rest)
    }
}

fn merge(clauses: Vec<Clause>, field: Field) -> Vec<Clause> {
    if clauses.len() < 2 {
        return clauses;
    }
    // What is left of a clause without the field, by its place: in the order in which they came.
    let mut places: HashMap<Clause, usize> = HashMap::new();
    let mut merged: Vec<(Clause, Vec<(u128, u128)>)> = Vec::new();
    let mut others = Vec::new();
    for mut clause in clauses {
        let Some(values) = clause.fields.remove(&(field, View::Now)) else {
            others.push(clause);
            continue;
        };
        let place = *places.entry(clause).or_insert_with_key(|rest| {
            merged.push((rest.clone(), Vec::new()));
            merged.len() - 1
        });
        merged[place].1.extend(values.ranges());
    }
    let whole = merged.into_iter().map(|(mut clause, values)| {
        clause.fields.insert((field, View::Now), Ranges::of(values));
        clause
    });
    others.extend(whole);
    others
}

/// A clause whose values are known by number.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) fields: Vec<(Field, View, usize)>,
    pub(super) beside: Vec<Beside>,
    pub(super) added: Option<usize>,
    pub(super) unless_deleted: Option<usize>,
    pub(super) in_doubt: bool,
}

/// Every set of values that a rule asks for, once, by field and number.
#[derive(Debug, Default)]
pub(super) struct Values {
    numbers: HashMap<(Field, Ranges), usize>,
    by_field: BTreeMap<Field, Vec<Ranges>>,
}

impl Values {
    /// The number of these values.
    pub(super) fn number(&mut self, field: Field, values: Ranges) -> usize {
        let own = self.by_field.entry(field).or_default();
        *self.numbers.entry((field, values)).or_insert_with_key(|(_, values)| {
            own.push(values.clone());
            own.len() - 1
        })
    }

    /// All sets of values of a field, by number.
    pub(super) fn of(&self, field: Field) -> &[Ranges] {
        self.by_field.get(&field).map_or(&[], Vec::as_slice)
    }

    /// A condition by numbers.
    pub(super) fn ask(&mut self, condition: Condition) -> Vec<Ask> {
        let asks =
            condition.0.into_iter().map(|Clause { fields, beside, added, unless_deleted, in_doubt }| {
                let number = |((field, view), values)| (field, view, self.number(field, values));
                Ask {
                    fields: fields.into_iter().map(number).collect(),
                    beside,
                    added,
                    unless_deleted,
                    in_doubt,
                }
            });
        asks.collect()
    }
}
