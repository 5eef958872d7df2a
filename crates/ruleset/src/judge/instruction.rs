//! What one instruction does: to the registers, and to the way of the packet.
//! Not here: rules and chains ([`super::machine`]).

use super::Rates;
use super::load::{self, Loaded};
use super::machine::{Machine, Way};
use super::registers::{Truth, equals, ones};
use crate::expr::{CmpOp, DynsetOp, LookupTo, MetaKey};
use crate::set::MapData;
use crate::{Element, Expr, Reg, Set, Value, Verdict};
use std::collections::BTreeSet;

/// What becomes of the packet's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect<'r> {
    /// On to the next instruction.
    Go,
    /// The rule does not match: on to the next rule.
    Break,
    Take(&'r Verdict),
    Refuse,
}

/// More than one effect is possible: at least two, a break first if it is one of them.
#[derive(Debug)]
pub(super) struct Doubt<'r> {
    pub(super) effects: Vec<Effect<'r>>,
    pub(super) reason: &'static str,
}

type Evaluated<'r> = Result<Effect<'r>, Doubt<'r>>;

static ACCEPT: Verdict = Verdict::Accept;
static DROP: Verdict = Verdict::Drop;

impl<'r> Machine<'_, 'r, '_> {
    /// Do one instruction.
    pub(super) fn evaluate(&self, way: &mut Way<'r>, expr: &'r Expr) -> Evaluated<'r> {
        let asked = (self.flow, &self.judge.environment);
        match expr {
            Expr::Meta { key, dreg } => {
                load::meta(asked, way.mark, self.packet.len(), *key, (&mut way.registers, *dreg));
                Ok(Effect::Go)
            }
            Expr::MetaSet { key: MetaKey::Mark, sreg } => {
                let mark = way.registers.known(*sreg, 4).and_then(|bytes| bytes.try_into().ok());
                way.mark = mark.map(u32::from_ne_bytes);
                Ok(Effect::Go)
            }
            Expr::Ct { key, dir, dreg } => {
                Ok(went(load::ct(self.flow, *key, *dir, (&mut way.registers, *dreg)) == Loaded::Yes))
            }
            Expr::Fib { result, flags, dreg } => {
                load::fib(asked, (*result, *flags), (&mut way.registers, *dreg));
                Ok(Effect::Go)
            }
            Expr::Payload { .. } => Ok(self.payload(way, expr)),
            Expr::Cmp { sreg, op, value } => {
                let held = way.registers.read(*sreg, value.bytes().len());
                let other = way.registers.is_surely_not(*sreg, value.bytes());
                let holds = match op {
                    CmpOp::Eq if other => Truth::No,
                    CmpOp::Neq if other => Truth::Yes,
                    _ => compare(held, *op, value.bytes()),
                };
                goes(holds, "a comparison reads what is not known of the packet")
            }
            Expr::Range { sreg, op, from, to } => {
                let held = way.registers.known(*sreg, from.bytes().len());
                let within = held.map_or(Truth::Unknown, |v| Truth::of(from.bytes() <= v && v <= to.bytes()));
                let within = if *op == CmpOp::Neq { within.not() } else { within };
                goes(within, "a range is compared with what is not known of the packet")
            }
            Expr::Bitwise { sreg, dreg, len: _, mask, xor } => {
                bitwise(way, *sreg, *dreg, mask, xor);
                Ok(Effect::Go)
            }
            Expr::Byteorder { sreg, dreg, to_network: _, len, size } => {
                byteorder(way, *sreg, *dreg, *len as usize, *size as usize);
                Ok(Effect::Go)
            }
            Expr::Lookup { .. } => self.look_up(way, expr),
            Expr::Immediate { dreg, value } => {
                way.registers.set(*dreg, value.bytes());
                Ok(Effect::Go)
            }
            Expr::Verdict(verdict) => Ok(Effect::Take(verdict)),
            Expr::Limit { invert, .. } => self.limit(way, *invert),
            Expr::Reject(_) => Ok(Effect::Refuse),
            Expr::Dynset { .. } => self.change_set(way, expr),
            Expr::Counter { .. } | Expr::Log { .. } | Expr::Notrack | Expr::MetaSet { .. } => Ok(Effect::Go),
            Expr::Nat { .. } | Expr::Masquerade { .. } | Expr::Redirect { .. } => foreign(way, "nat"),
            Expr::CtSet { .. } => Ok(Effect::Go),
            Expr::PayloadSet { .. } => foreign(way, "payload"),
            Expr::XtMatch(_) => foreign(way, "match"),
            Expr::Tproxy { .. } | Expr::Object { .. } | Expr::XtTarget(_) => foreign(way, "target"),
            Expr::Foreign { name, .. } => foreign(way, name),
        }
    }

    fn payload(&self, way: &mut Way<'r>, expr: &Expr) -> Effect<'r> {
        let Expr::Payload { base, offset, len, dreg } = expr else { return Effect::Go };
        let mut bytes = [0; 64];
        let into = &mut bytes[..(*len as usize).min(64)];
        let Some(known) = self.packet.read(*base, *offset as usize, into) else { return Effect::Break };
        way.registers.write(*dreg, into, if way.translated { 0 } else { known });
        Effect::Go
    }

    fn limit(&self, way: &mut Way<'r>, invert: bool) -> Evaluated<'r> {
        way.by_rate = true;
        match self.judge.environment.rates {
            Rates::Within => Ok(went(!invert)),
            Rates::Beyond => Ok(went(invert)),
            Rates::Unknown => goes(Truth::Unknown, "whether a rate is kept is not known"),
        }
    }

    fn look_up(&self, way: &mut Way<'r>, expr: &'r Expr) -> Evaluated<'r> {
        let Expr::Lookup { sreg, set: wanted, dreg, invert } = expr else { return Ok(Effect::Go) };
        let Some(index) = self.table(way).set(wanted) else {
            return Err(anything("there is no such set"));
        };
        let timed = self.judge.environment.timed;
        let key_len = index.set.key_len();
        let Some(key) = way.registers.known(*sreg, key_len) else {
            let mut found = index.candidates(way.registers.read(*sreg, key_len), timed);
            found.retain(|(element, _)| !way.registers.is_surely_not(*sreg, element.key.bytes()));
            return uncertain(way, index.set, &found, *dreg, *invert);
        };
        let found = index.find(key, timed);
        let added = found.is_none() && self.was_added(way, index.set, key);
        match (found, dreg) {
            (None, _) if added && index.set.data.is_some() => {
                Err(anything("a rule has just added the element"))
            }
            (found, None) => Ok(went((found.is_some() || added) != *invert)),
            (Some(element), Some(to)) => Ok(take_data(way, element, *to)),
            (None, Some(_)) => Ok(Effect::Break),
        }
    }

    fn was_added(&self, way: &Way<'r>, set: &Set, key: &[u8]) -> bool {
        let place = self.table_place(way);
        way.added
            .iter()
            .any(|(table, name, value)| (*table, *name) == (place, &set.name) && value.bytes() == key)
    }

    /// Adding succeeds, as it does until a set is full; the statements of the element then go on or not.
    fn change_set(&self, way: &mut Way<'r>, expr: &'r Expr) -> Evaluated<'r> {
        let Expr::Dynset { set, op, key, invert, exprs, .. } = expr else { return Ok(Effect::Go) };
        if *op == DynsetOp::Delete {
            return Ok(Effect::Go);
        }
        let key_len = self.table(way).named_set(set).map_or(0, |index| index.set.key_len());
        if let Some(key) = way.registers.known(*key, key_len).map(Value::from_bytes) {
            way.added.push((self.table_place(way), set, key));
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

fn went(on: bool) -> Effect<'static> {
    if on { Effect::Go } else { Effect::Break }
}

fn goes<'r>(truth: Truth, reason: &'static str) -> Evaluated<'r> {
    match truth {
        Truth::Yes => Ok(Effect::Go),
        Truth::No => Ok(Effect::Break),
        Truth::Unknown => Err(Doubt { effects: vec![Effect::Break, Effect::Go], reason }),
    }
}

fn anything<'r>(reason: &'static str) -> Doubt<'r> {
    let effects = vec![Effect::Break, Effect::Go, Effect::Take(&ACCEPT), Effect::Take(&DROP)];
    Doubt { effects, reason }
}

fn compare(held: (&[u8], u64), op: CmpOp, value: &[u8]) -> Truth {
    let whole = held.1 == ones(value.len()) && held.0.len() == value.len();
    let ordered = |holds: fn(&[u8], &[u8]) -> bool| match whole {
        true => Truth::of(holds(held.0, value)),
        false => Truth::Unknown,
    };
    match op {
        CmpOp::Eq => equals(held, value),
        CmpOp::Neq => equals(held, value).not(),
        CmpOp::Lt => ordered(|a, b| a < b),
        CmpOp::Lte => ordered(|a, b| a <= b),
        CmpOp::Gt => ordered(|a, b| a > b),
        CmpOp::Gte => ordered(|a, b| a >= b),
    }
}

/// A byte that the mask clears is known even if it was not.
fn bitwise(way: &mut Way<'_>, sreg: Reg, dreg: Reg, mask: &Value, xor: &Value) {
    let len = mask.bytes().len().min(64);
    let (held, known) = way.registers.read(sreg, len);
    let mut result = [0; 64];
    let mut result_known = known;
    for (place, byte) in held.iter().enumerate() {
        let and = mask.bytes()[place];
        result[place] = byte & and ^ xor.bytes().get(place).copied().unwrap_or(0);
        result_known |= u64::from(and == 0) << place;
    }
    way.registers.write(dreg, &result[..len], result_known);
}

/// Linux converts whole numbers only; what is shorter than one stays as it is.
fn byteorder(way: &mut Way<'_>, sreg: Reg, dreg: Reg, len: usize, size: usize) {
    let len = len.min(64);
    let (held, known) = way.registers.read(sreg, len);
    if size == 0 || held.len() < size {
        return;
    }
    let mut result = [0; 64];
    let mut result_known = 0;
    for (place, byte) in result.iter_mut().enumerate().take(held.len()) {
        let number = place / size * size;
        let from = if cfg!(target_endian = "big") { place } else { number + size - 1 - (place - number) };
        *byte = held.get(from).copied().unwrap_or(0);
        result_known |= (known >> from & 1) << place;
    }
    way.registers.write(dreg, &result[..len], result_known);
}

fn take_data<'r>(way: &mut Way<'r>, element: &'r Element, to: LookupTo) -> Effect<'r> {
    match (&element.data, to) {
        (Some(MapData::Verdict(verdict)), _) => Effect::Take(verdict),
        (Some(MapData::Value(value)), LookupTo::Reg(reg)) => {
            way.registers.set(reg, value.bytes());
            Effect::Go
        }
        _ => Effect::Break,
    }
}

/// A look-up of a key that is known in part only, among the elements that it may be in.
fn uncertain<'r>(
    way: &mut Way<'r>,
    set: &Set,
    found: &[(&'r Element, Truth)],
    to: Option<LookupTo>,
    invert: bool,
) -> Evaluated<'r> {
    const REASON: &str = "the key of a look-up is not known";
    let surely = found.iter().any(|(_, truth)| *truth == Truth::Yes);
    match to {
        None if found.is_empty() => Ok(went(invert)),
        None if surely => Ok(went(!invert)),
        None => goes(Truth::Unknown, REASON),
        Some(_) if found.is_empty() => Ok(Effect::Break),
        Some(LookupTo::Reg(reg)) => {
            way.registers.forget(reg, set.data_len());
            goes(if surely { Truth::Yes } else { Truth::Unknown }, REASON)
        }
        Some(LookupTo::Verdict) => {
            let verdicts: BTreeSet<&Verdict> =
                found.iter().filter_map(|(element, _)| verdict_of(element)).collect();
            let taken = verdicts.into_iter().map(Effect::Take);
            let effects: Vec<_> = (!surely).then_some(Effect::Break).into_iter().chain(taken).collect();
            match effects[..] {
                [one] => Ok(one),
                _ => Err(Doubt { effects, reason: REASON }),
            }
        }
    }
}

fn verdict_of(element: &Element) -> Option<&Verdict> {
    match &element.data {
        Some(MapData::Verdict(verdict)) => Some(verdict),
        _ => None,
    }
}

/// Instructions that are not modelled, by Linux's name: those that only load or only match are told apart
/// from those that may do anything.
fn foreign<'r>(way: &mut Way<'r>, name: &str) -> Evaluated<'r> {
    const REASON: &str = "what this instruction does is not known";
    match name {
        "nat" | "masq" | "redir" => {
            way.translated = true;
            Ok(Effect::Take(&ACCEPT))
        }
        "payload" => {
            way.translated = true;
            Ok(Effect::Go)
        }
        // A `ct` that loads is modelled; one that sets changes nothing that is judged.
        "last" | "dup" | "flow_offload" | "ct" => Ok(Effect::Go),
        "numgen" | "hash" | "socket" | "rt" | "osf" | "xfrm" | "exthdr" | "tunnel" | "inner" => {
            way.registers.forget_all();
            goes(Truth::Unknown, REASON)
        }
        "match" | "quota" | "connlimit" => goes(Truth::Unknown, REASON),
        _ => Err(anything(REASON)),
    }
}
