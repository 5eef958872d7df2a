//! Comparisons: a thing of a packet with a value, a range, a mask, a set or a map.
//! Not here: what the things are ([`super::subject`]), and how sets are filled ([`super::sets`]).

use super::Author;
use super::subject::{Load, Subject};
use rolewall_ruleset::expr::{CmpOp, MetaKey};
use rolewall_ruleset::set::fields_len;
use rolewall_ruleset::{DataType, Expr, Reg, Value};

const OPS: [CmpOp; 6] = [CmpOp::Eq, CmpOp::Neq, CmpOp::Lt, CmpOp::Lte, CmpOp::Gt, CmpOp::Gte];
const EITHER: [CmpOp; 2] = [CmpOp::Eq, CmpOp::Neq];

/// A register that bytes fit into from there on.
impl Author<'_> {
    pub(super) fn register(&mut self, len: usize) -> Reg {
        let slots = len.div_ceil(4);
        if self.random.percent(60) { Reg(0) } else { Reg(self.random.below(17 - slots) as u8) }
    }

    /// The same one, or one that shares no byte with it: Linux takes nothing in between.
    fn register_beside(&mut self, reg: Reg, len: usize) -> Reg {
        let to = self.register(len);
        let slots = len.div_ceil(4) as u8;
        if to.0 + slots <= reg.0 || reg.0 + slots <= to.0 { to } else { reg }
    }

    pub(super) fn phrase(&mut self) -> Vec<Expr> {
        if self.random.percent(15) {
            return self.concatenation();
        }
        let subject = self.subject();
        let reg = self.register(usize::from(subject.kind.len()));
        let mut exprs = subject.first.clone();
        exprs.push(subject.load.to(reg));
        exprs.extend(match self.random.below(10) {
            0..=3 => self.compared(&subject, reg),
            4 => self.ranged(&subject, reg),
            5 | 6 => self.masked(&subject, reg),
            7 | 8 => self.looked_up(&subject, reg),
            _ => self.mapped(&subject, reg),
        });
        exprs
    }

    pub(super) fn value(&mut self, subject: &Subject) -> Vec<u8> {
        self.random.pick(&subject.values).clone()
    }

    /// Numbers of the host's order are made network's before they are compared for more or less.
    fn in_order(&mut self, subject: &Subject, reg: Reg) -> Vec<Expr> {
        let len = u32::from(subject.kind.len());
        let turn = Expr::Byteorder { sreg: reg, dreg: reg, to_network: true, len, size: 4 };
        if subject.is_host_number && self.random.percent(90) { vec![turn] } else { Vec::new() }
    }

    fn compared(&mut self, subject: &Subject, reg: Reg) -> Vec<Expr> {
        let op = if self.random.percent(60) { *self.random.pick(&EITHER) } else { *self.random.pick(&OPS) };
        let mut value = self.value(subject);
        let mut exprs = Vec::new();
        if !EITHER.contains(&op) {
            exprs = self.in_order(subject, reg);
            if !exprs.is_empty() {
                value.reverse();
            }
        }
        // `eth*` is a shorter value.
        if subject.kind == DataType::IfName && EITHER.contains(&op) && self.random.percent(40) {
            value.truncate(*self.random.pick(&[2, 3, 4]));
        }
        exprs.push(Expr::Cmp { sreg: reg, op, value: Value::from(value) });
        exprs
    }

    fn ranged(&mut self, subject: &Subject, reg: Reg) -> Vec<Expr> {
        let mut exprs = self.in_order(subject, reg);
        let mut ends = [self.value(subject), self.value(subject)];
        if !exprs.is_empty() {
            ends.iter_mut().for_each(|end| end.reverse());
        }
        ends.sort();
        let [from, to] = ends.map(Value::from);
        let op = *self.random.pick(&EITHER);
        if op == CmpOp::Eq && self.random.percent(50) {
            exprs.push(Expr::Cmp { sreg: reg, op: CmpOp::Gte, value: from });
            exprs.push(Expr::Cmp { sreg: reg, op: CmpOp::Lte, value: to });
        } else {
            exprs.push(Expr::Range { sreg: reg, op, from, to });
        }
        exprs
    }

    /// A prefix, or any bits.
    fn masked(&mut self, subject: &Subject, reg: Reg) -> Vec<Expr> {
        let len = usize::from(subject.kind.len());
        let mask = match self.random.percent(55) {
            true => prefix(self.random.within(1, len * 8), len),
            false => self.random.bytes(len),
        };
        let xor = if self.random.percent(85) { vec![0; len] } else { self.random.bytes(len) };
        let value = self.value(subject);
        let value: Vec<u8> = value.iter().zip(&mask).zip(&xor).map(|((v, m), x)| v & m ^ x).collect();
        let (to, op) = (self.register_beside(reg, len), *self.random.pick(&EITHER));
        let (is_any, zero) = (self.random.percent(25) && xor.iter().all(|x| *x == 0), vec![0; len]);
        // `tcp flags & syn != 0`, `ct state new,established`: any of the bits.
        let (op, value) = if is_any { (CmpOp::Neq, zero) } else { (op, value) };
        let (mask, xor, value) = (Value::from(mask), Value::from(xor), Value::from(value));
        vec![
            Expr::Bitwise { sreg: reg, dreg: to, len: len as u32, mask, xor },
            Expr::Cmp { sreg: to, op, value },
        ]
    }

    fn looked_up(&mut self, subject: &Subject, reg: Reg) -> Vec<Expr> {
        let interval = self.random.percent(50);
        let mut exprs = Vec::new();
        let mut values = subject.values.clone();
        if interval && subject.is_host_number {
            exprs.push(Expr::Byteorder { sreg: reg, dreg: reg, to_network: true, len: 4, size: 4 });
            values.iter_mut().for_each(|value| value.reverse());
        }
        let set = self.set_of(&[subject.kind], &[values], interval);
        let invert = self.random.percent(25);
        exprs.push(Expr::Lookup { sreg: reg, set: self.place(set), dreg: None, invert });
        exprs
    }

    /// A map to a mark, which becomes the packet's; or to verdicts, which end the rule.
    fn mapped(&mut self, subject: &Subject, reg: Reg) -> Vec<Expr> {
        let interval = self.random.percent(40) && !subject.is_host_number;
        let set = self.set_of(&[subject.kind], std::slice::from_ref(&subject.values), interval);
        self.through_map(set, reg)
    }

    /// Several things side by side, looked up at once.
    fn concatenation(&mut self) -> Vec<Expr> {
        let subjects: Vec<Subject> = (0..self.random.within(2, 3)).map(|_| self.subject()).collect();
        let kinds: Vec<DataType> = subjects.iter().map(|s| s.kind).collect();
        if fields_len(&kinds) > 48 {
            return self.concatenation();
        }
        let mut exprs: Vec<Expr> = subjects.iter().flat_map(|s| s.first.clone()).collect();
        let start = self.random.below(17 - fields_len(&kinds) / 4);
        let mut at = start;
        for subject in &subjects {
            exprs.push(subject.load.to(Reg(at as u8)));
            at += usize::from(subject.kind.len()).div_ceil(4);
        }
        let values: Vec<_> = subjects.into_iter().map(|s| s.values).collect();
        let interval = self.random.percent(50);
        let set = self.set_of(&kinds, &values, interval);
        let reg = Reg(start as u8);
        if self.random.percent(30) {
            exprs.extend(self.through_map(set, reg));
        } else {
            let invert = self.random.percent(25);
            exprs.push(Expr::Lookup { sreg: reg, set: self.place(set), dreg: None, invert });
        }
        exprs
    }

    /// A mark of the packet's own, changed and set again.
    pub(super) fn set_mark(&mut self) -> Vec<Expr> {
        let reg = self.register(4);
        let mark = self.random.pick(&self.palette.marks).to_ne_bytes();
        let set = Expr::MetaSet { key: MetaKey::Mark, sreg: reg };
        if self.random.percent(60) {
            return vec![Expr::Immediate { dreg: reg, value: Value::from_bytes(&mark) }, set];
        }
        let mask = Value::from(self.random.bytes(4));
        let change = Expr::Bitwise { sreg: reg, dreg: reg, len: 4, mask, xor: Value::from_bytes(&mark) };
        vec![Load::Meta(MetaKey::Mark).to(reg), change, set]
    }
}

fn prefix(bits: usize, len: usize) -> Vec<u8> {
    let byte = |place: usize| match bits.saturating_sub(place * 8) {
        0 => 0,
        left @ 1..8 => 0xffu8 << (8 - left),
        _ => 0xff,
    };
    (0..len).map(byte).collect()
}
