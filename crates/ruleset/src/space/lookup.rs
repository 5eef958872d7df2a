//! Sets and maps as conditions on their key.
//! Not here: what a rule does with them ([`super::compile`]).

use super::compile::{Compiler, Step, added_ask};
use super::field::Field;
use super::formula::{Ask, Clause, Condition, View};
use super::ranges::Ranges;
use super::registers::{Held, Origin};
use crate::judge::Timed;
use crate::set::MapData;
use crate::{Element, Set, Value, Verdict};
use std::collections::BTreeMap;

impl Compiler<'_, '_> {
    /// Whether the key is in the set.
    pub(super) fn membership(&mut self, set: &Set, key: &[Held], added: Option<usize>, invert: bool) -> Step {
        let mut asks = match self.whole_field(set, key) {
            _ if self.alive(set).any(is_for_others) => self.values.ask(Condition::always()),
            Some(field) => vec![self.whole_set(set, field)],
            None => {
                let condition = Condition(self.alive(set).flat_map(|e| self.holds(set, e, key).0).collect());
                self.values.ask(condition.merged())
            }
        };
        asks.iter_mut().for_each(|ask| ask.unless_deleted = added);
        asks.extend(added.into_iter().flat_map(added_ask));
        Step::Guard { asks, invert }
    }

    /// The field that a set of single fields is asked for as it is: then its elements are its values.
    fn whole_field(&self, set: &Set, key: &[Held]) -> Option<Field> {
        let Some(Held::Of { origin: Origin::Field(field), .. }) = key.first() else { return None };
        let whole = Held::whole(Origin::Field(*field), self.shape.bytes(*field));
        (set.key.len() == 1 && key == whole).then_some(*field)
    }

    fn whole_set(&mut self, set: &Set, field: Field) -> Ask {
        let place = std::ptr::from_ref(set).addr();
        let known = self.whole_sets.get(&(place, field)).copied();
        let number = known.unwrap_or_else(|| {
            let values = Ranges::of(self.alive(set).map(|e| (number(&e.key), number(last(e)))).collect());
            self.values.number(field, values)
        });
        self.whole_sets.insert((place, field), number);
        Ask {
            fields: vec![(field, View::Now, number)],
            beside: Vec::new(),
            added: None,
            unless_deleted: None,
            in_doubt: false,
        }
    }

    /// The keys of each verdict of a map.
    pub(super) fn by_verdict<'s>(&self, set: &'s Set, key: &[Held]) -> Vec<(&'s Verdict, Condition)> {
        self.by(set, key, |element| match &element.data {
            Some(MapData::Verdict(verdict)) => Some(verdict),
            _ => None,
        })
    }

    /// The keys of each value of a map.
    pub(super) fn by_data<'s>(&self, set: &'s Set, key: &[Held]) -> Vec<(&'s Value, Condition)> {
        self.by(set, key, |element| match &element.data {
            Some(MapData::Value(value)) => Some(value),
            _ => None,
        })
    }

    fn by<'s, D: Ord>(
        &self,
        set: &'s Set,
        key: &[Held],
        data: impl Fn(&'s Element) -> Option<D>,
    ) -> Vec<(D, Condition)> {
        let mut found: BTreeMap<D, Vec<Clause>> = BTreeMap::new();
        let others = self.alive(set).find(|element| is_for_others(element)).and_then(&data);
        for element in self.alive(set).filter(|element| !is_for_others(element)) {
            let condition = self.holds(set, element, key);
            if let (Some(data), false) = (data(element), condition.0.is_empty()) {
                found.entry(data).or_default().extend(condition.0);
            }
        }
        // Arms are tried in order, so that what no element holds comes last.
        let found = found.into_iter().map(|(data, clauses)| (data, Condition(clauses).merged()));
        found.chain(others.map(|data| (data, Condition::always()))).collect()
    }

    /// Whether an element holds the key: field by field.
    fn holds(&self, set: &Set, element: &Element, key: &[Held]) -> Condition {
        let reader = self.reader();
        let (first, last) = (element.key.bytes(), last(element).bytes());
        let mut all = Condition::always();
        let mut at = 0;
        for field in &set.key {
            let len =
                if set.key.len() == 1 { key.len() } else { usize::from(field.len()).next_multiple_of(4) };
            let end = (at + len).min(key.len()).min(first.len()).min(last.len());
            let one = if set.flags.interval {
                reader.within(&key[at..end], &first[at..end], &last[at..end])
            } else {
                reader.equal(&key[at..end], &first[at..end])
            };
            all = all.and(&one);
            at = end;
        }
        all
    }

    /// The elements that are there in the world that is judged.
    fn alive<'s>(&self, set: &'s Set) -> impl Iterator<Item = &'s Element> + use<'s> {
        let (timed, by_default) = (self.environment.timed, set.timeout_ms);
        set.elements.iter().filter(move |element| {
            let own = element.extra.as_ref().and_then(|extra| extra.expires_ms.or(extra.timeout_ms));
            match (timed, own.or(by_default).filter(|ms| *ms > 0)) {
                (Timed::Alive, _) | (_, None) => true,
                (Timed::Expired, Some(_)) => false,
                (Timed::After { ms }, Some(left)) => left > ms,
            }
        })
    }
}

/// An element without a key stands for every key that no other element holds.
fn is_for_others(element: &Element) -> bool {
    element.key.bytes().is_empty()
}

fn last(element: &Element) -> &Value {
    element.end.as_ref().unwrap_or(&element.key)
}

fn number(value: &Value) -> u128 {
    value.bytes().iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}
