//! Look-ups in sets, and what rules did to these before.
//! Not here: how elements are found ([`super::index`]).

use super::instruction::{Effect, Evaluated, anything, goes, take_data, uncertain, went};
use super::machine::Machine;
use super::registers::Truth;
use super::way::{SetChange, Way};
use crate::expr::DynsetOp;
use crate::{Expr, Set, Value};

impl<'r, 'f> Machine<'_, 'r, 'f> {
    pub(super) fn look_up(&self, way: &mut Way<'r, 'f>, expr: &'r Expr) -> Evaluated<'r> {
        let Expr::Lookup { sreg, set: wanted, dreg, invert } = expr else { return Ok(Effect::Go) };
        let Some(index) = self.table(way).set(wanted) else {
            return Err(anything("there is no such set"));
        };
        let timed = self.judge.environment.timed;
        let key_len = index.set.key_len();
        self.judge.index.was_asked(self.table_place(way), index.set, way.registers.known(*sreg, key_len));
        let Some(key) = way.registers.known(*sreg, key_len) else {
            if self.changes(way, index.set).next().is_some() {
                return in_doubt(index.set);
            }
            let mut found = index.candidates(way.registers.read(*sreg, key_len), timed);
            found.retain(|(element, _)| !way.registers.is_surely_not(*sreg, element.key.bytes()));
            return uncertain(way, index.set, &found, *dreg, *invert);
        };
        let found = index.find(key, timed);
        let is_there = match self.last_change(way, index.set, key) {
            None => found.is_some(),
            Some(Some(is_there)) => is_there,
            Some(None) => return in_doubt(index.set),
        };
        way.element = found.filter(|_| is_there).map(|element| (index.set, element));
        match (found, dreg) {
            (None, Some(_)) if is_there => in_doubt(index.set),
            (_, None) => Ok(went(is_there != *invert)),
            (Some(element), Some(to)) if is_there => Ok(take_data(way, element, *to)),
            (_, Some(_)) => Ok(Effect::Break),
        }
    }

    /// What rules did to a set.
    fn changes<'w>(
        &self,
        way: &'w Way<'r, 'f>,
        set: &'w Set,
    ) -> impl DoubleEndedIterator<Item = &'w SetChange<'r>> {
        let place = self.table_place(way);
        way.changes
            .iter()
            .filter(move |change| change.set == (place, set.name.as_str()) && !set.is_anonymous())
    }

    /// Whether the last rule that changed this key left it there; none within where its key is not known.
    fn last_change(&self, way: &Way<'r, 'f>, set: &Set, key: &[u8]) -> Option<Option<bool>> {
        let mut changes = self.changes(way, set).rev();
        let last = changes.find(|change| change.key.as_ref().is_none_or(|own| own.bytes() == key))?;
        Some(last.key.is_some().then_some(last.is_there))
    }

    /// Adding succeeds, as it does until a set is full; the statements of the element then go on or not.
    pub(super) fn change_set(&self, way: &mut Way<'r, 'f>, expr: &'r Expr) -> Evaluated<'r> {
        let Expr::Dynset { set, op, key, invert, exprs, .. } = expr else { return Ok(Effect::Go) };
        let key_len = self.table(way).named_set(set).map_or(0, |index| index.set.key_len());
        let key = way.registers.known(*key, key_len).map(Value::from_bytes);
        let is_there = *op != DynsetOp::Delete;
        way.changes.push(SetChange { set: (self.table_place(way), set), key, is_there });
        if !is_there {
            return Ok(Effect::Go);
        }
        for expr in exprs {
            match self.evaluate(way, expr) {
                Ok(Effect::Go) => {}
                other => return other,
            }
        }
        Ok(went(!invert))
    }
}

/// Of a map, what it holds now is not known either.
fn in_doubt<'r>(set: &Set) -> Evaluated<'r> {
    let reason = || format!("a rule has just changed the set {}", set.name);
    if set.data.is_some() { Err(anything(reason())) } else { goes(Truth::Unknown, reason) }
}
