//! Rules as steps over sets of flows: guards, choices, effects, ends.
//! Not here: what a step does to a set of flows ([`super::walk`]).
//!
//! This is the second reading of nf_tables' instructions, on purpose apart from [`crate::judge`]: what both
//! say of a flow must be the same.

use super::field::{Byte, Field, Shape};
use super::formula::{Ask, Clause, Condition, Values};
use super::load::{Loaded, Loads, states};
use super::ranges::Ranges;
use super::registers::{Functions, Held, Origin, Reader, Registers};
use super::state::Instead;
use super::translate::Translation;
use crate::expr::{CmpOp, CtDirection, CtKey, DynsetOp, LookupTo, MetaKey, ObjectKind, PayloadBase};
use crate::flow::CtState;
use crate::judge::{Environment, Rates};
use crate::{Expr, Reg, Rule, Set, SetRef, Verdict};
use std::collections::HashMap;

/// What a rule does next.
#[derive(Debug)]
pub(super) enum Step {
    /// Only flows that fulfil it go on (or, inverted, that do not).
    Guard {
        asks: Vec<Ask>,
        invert: bool,
    },
    /// Flows go on by the first arm that they fulfil; by none, to the next rule.
    Choose(Vec<(Vec<Ask>, Vec<Step>)>),
    /// `mark = (mark & and) ^ xor`; none: to what is not known.
    Mark(Option<(u32, u32)>),
    /// The same of a connection's.
    CtMark(Option<(u32, u32)>),
    /// Packets that have no connection get none.
    Untrack(Vec<Ask>),
    /// A field is something else from here on.
    Change(Field, Instead),
    /// An end is translated, and this chain accepts.
    Translate(Translation),
    /// An element is added to that set, or deleted.
    Add(usize),
    Delete(usize),
    /// What cannot be known: all ways are gone.
    Anything,
    End(End),
}

/// Where a rule's verdict leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Accept,
    Drop,
    Reject,
    Return,
    Continue,
    Jump(usize),
    Goto(usize),
    /// Taken from the hook by something else.
    Unknown,
}

/// A table's chains and sets by name: their numbers in the whole program.
#[derive(Debug, Default)]
pub(super) struct Names<'r> {
    pub(super) chains: HashMap<&'r str, usize>,
    pub(super) sets: HashMap<&'r str, (usize, &'r Set)>,
}

/// Compiles rules for the flows of one shape.
pub(super) struct Compiler<'a, 'r> {
    pub(super) shape: Shape,
    pub(super) environment: &'a Environment,
    pub(super) values: &'a mut Values,
    /// The numbers of whole sets' addresses: by the set's place in memory, which does not move.
    pub(super) whole_sets: &'a mut HashMap<(usize, Field), usize>,
    pub(super) names: &'a Names<'r>,
    pub(super) functions: Functions,
}

/// What comes of one instruction.
pub(super) enum Compiled {
    Nothing,
    Steps(Vec<Step>),
    /// The rest of the rule, for each choice with what it leaves in the registers.
    Fork(Vec<(Condition, Registers)>),
}

impl<'r> Compiler<'_, 'r> {
    pub(super) fn rule(&mut self, rule: &'r Rule) -> Vec<Step> {
        self.rest(&rule.exprs, Registers::new())
    }

    fn rest(&mut self, exprs: &'r [Expr], mut registers: Registers) -> Vec<Step> {
        let mut steps = Vec::new();
        for (at, expr) in exprs.iter().enumerate() {
            match self.instruction(expr, &mut registers) {
                Compiled::Nothing => {}
                Compiled::Steps(more) => {
                    let is_over = more.last().is_some_and(Step::lets_nothing_by);
                    steps.extend(more);
                    if is_over {
                        break;
                    }
                }
                Compiled::Fork(arms) => {
                    let arms = arms.into_iter().map(|(condition, registers)| {
                        let rest = self.rest(&exprs[at + 1..], registers);
                        (self.values.ask(condition), rest)
                    });
                    let arms = arms.collect();
                    steps.push(Step::Choose(arms));
                    break;
                }
            }
        }
        steps
    }

    fn instruction(&mut self, expr: &'r Expr, registers: &mut Registers) -> Compiled {
        match expr {
            Expr::Meta { key, dreg } => {
                let loaded = self.loads().meta(*key);
                self.load(loaded, *dreg, registers)
            }
            Expr::Payload { base, offset, len, dreg } => {
                let loaded = self.loads().payload(*base, *offset, *len);
                self.load(loaded, *dreg, registers)
            }
            Expr::Ct { key, dir, dreg } => self.ct(*key, *dir, *dreg, registers),
            Expr::Fib { result, flags, dreg } => {
                let loaded = self.loads().fib(*result, *flags);
                self.load(loaded, *dreg, registers)
            }
            Expr::CtSet { key: CtKey::Mark, sreg, .. } => {
                let change = mark(registers, *sreg).filter(|(and, _)| *and == 0);
                Compiled::Steps(vec![Step::CtMark(change)])
            }
            Expr::MetaSet { key: MetaKey::Mark, sreg } => {
                Compiled::Steps(vec![Step::Mark(mark(registers, *sreg))])
            }
            Expr::Cmp { sreg, op, value } => {
                self.compare(&registers.read(*sreg, value.bytes().len()), *op, value.bytes())
            }
            Expr::Range { sreg, op, from, to } => {
                let held = registers.read(*sreg, from.bytes().len());
                self.guard(self.reader().within(&held, from.bytes(), to.bytes()), *op == CmpOp::Neq)
            }
            Expr::Bitwise { sreg, dreg, len: _, mask, xor } => {
                let held = registers.read(*sreg, mask.bytes().len());
                let flip = |at: usize| xor.bytes().get(at).copied().unwrap_or(0);
                let masked =
                    held.iter().zip(mask.bytes()).enumerate().map(|(at, (h, m))| h.masked(*m, flip(at)));
                registers.write(*dreg, &masked.collect::<Vec<_>>());
                Compiled::Nothing
            }
            Expr::Byteorder { sreg, dreg, to_network: _, len, size } => {
                byteorder(registers, *sreg, *dreg, *len as usize, *size as usize);
                Compiled::Nothing
            }
            Expr::Lookup { sreg, set, dreg, invert } => self.look_up(set, *sreg, *dreg, *invert, registers),
            Expr::Immediate { dreg, value } => {
                registers.set(*dreg, value.bytes());
                Compiled::Nothing
            }
            Expr::Verdict(verdict) => Compiled::Steps(vec![self.end(verdict)]),
            Expr::Reject(_) => Compiled::Steps(vec![Step::End(End::Reject)]),
            Expr::Limit { invert, .. } => self.guard(self.limit(*invert), false),
            Expr::Dynset { .. } => self.dynset(expr, registers),
            Expr::Notrack => Compiled::Steps(vec![self.untrack()]),
            Expr::Counter { .. } | Expr::Log { .. } | Expr::MetaSet { .. } | Expr::CtSet { .. } => {
                Compiled::Nothing
            }
            Expr::Nat { .. } | Expr::Masquerade { .. } | Expr::Redirect { .. } => self.nat(expr, registers),
            Expr::PayloadSet { base, offset, len, .. } => self.written(*base, *offset, *len),
            Expr::Object { kind, .. } => self.object(*kind),
            Expr::Tproxy { .. } => self.guard(Condition::doubt(), false),
            Expr::XtMatch(asked) => {
                let condition = self.xt_match(&asked.condition);
                self.guard(condition, false)
            }
            Expr::XtTarget(done) => self.xt_target(&done.action),
            Expr::Foreign { name, .. } => self.foreign(name, registers),
        }
    }

    pub(super) fn loads(&mut self) -> Loads<'_> {
        Loads { shape: self.shape, environment: self.environment, functions: &mut self.functions }
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader { shape: self.shape, functions: &self.functions }
    }

    fn load(&mut self, loaded: Loaded, dreg: Reg, registers: &mut Registers) -> Compiled {
        registers.write(dreg, &loaded.held);
        self.guard(loaded.only, false)
    }

    fn guard(&mut self, condition: Condition, invert: bool) -> Compiled {
        if !invert && condition == Condition::always() {
            return Compiled::Nothing;
        }
        Compiled::Steps(vec![Step::Guard { asks: self.values.ask(condition), invert }])
    }

    /// What a connection is called by is known of one that the packet opens; of others, conntrack knows more
    /// than a flow tells.
    fn ct(&mut self, key: CtKey, dir: Option<CtDirection>, dreg: Reg, registers: &mut Registers) -> Compiled {
        let of_new = matches!(key, CtKey::Mark | CtKey::Status) || self.loads().tuple(key, dir).is_some();
        let loaded = self.loads().ct(key, dir);
        if !of_new {
            return self.load(loaded, dreg, registers);
        }
        let mut opening = registers.clone();
        opening.write(dreg, &loaded.held);
        registers.forget(dreg, loaded.held.len());
        let state = |first, last| Condition(vec![Clause::field(Field::Ct, Ranges::span(first, last))]);
        Compiled::Fork(vec![(state(0, 0), opening), (state(1, 2), registers.clone())])
    }

    /// Packets that have no connection.
    pub(super) fn untrack(&mut self) -> Step {
        let without = states(&[CtState::Invalid, CtState::Untracked]);
        Step::Untrack(self.values.ask(Condition(vec![Clause::field(Field::Ct, without)])))
    }

    /// Bytes of a packet are written: what they were part of is not known any more.
    fn written(&mut self, base: PayloadBase, offset: u32, len: u32) -> Compiled {
        let mut fields: Vec<Field> = Vec::new();
        for at in offset..offset.saturating_add(len) {
            if let Byte::Of(field, _) = self.shape.byte(base, at) {
                fields.push(field);
            }
        }
        fields.dedup();
        Compiled::Steps(fields.into_iter().map(|field| Step::Change(field, Instead::Any)).collect())
    }

    fn object(&mut self, kind: ObjectKind) -> Compiled {
        match kind {
            ObjectKind::Counter
            | ObjectKind::CtHelper
            | ObjectKind::CtTimeout
            | ObjectKind::CtExpectation
            | ObjectKind::Secmark
            | ObjectKind::Tunnel => Compiled::Nothing,
            ObjectKind::Limit | ObjectKind::Quota | ObjectKind::ConnLimit => {
                self.guard(Condition::doubt(), false)
            }
            ObjectKind::Synproxy | ObjectKind::Other(_) => Compiled::Steps(vec![Step::Anything]),
        }
    }

    fn compare(&mut self, held: &[Held], op: CmpOp, value: &[u8]) -> Compiled {
        let (least, most) = (vec![0; value.len()], vec![0xff; value.len()]);
        let reader = self.reader();
        let (condition, invert) = match op {
            CmpOp::Eq => (reader.equal(held, value), false),
            CmpOp::Neq => (reader.equal(held, value), true),
            CmpOp::Lte => (reader.within(held, &least, value), false),
            CmpOp::Gt => (reader.within(held, &least, value), true),
            CmpOp::Gte => (reader.within(held, value, &most), false),
            CmpOp::Lt => (reader.within(held, value, &most), true),
        };
        self.guard(condition, invert)
    }

    pub(super) fn limit(&self, invert: bool) -> Condition {
        match self.environment.rates {
            Rates::Within => Condition::of(!invert),
            Rates::Beyond => Condition::of(invert),
            Rates::Unknown => Condition::doubt(),
        }
    }

    fn end(&self, verdict: &Verdict) -> Step {
        let chain = |name: &str, end: fn(usize) -> End| match self.names.chains.get(name) {
            Some(number) => end(*number),
            None => End::Unknown,
        };
        Step::End(match verdict {
            Verdict::Accept => End::Accept,
            Verdict::Drop => End::Drop,
            Verdict::Return => End::Return,
            Verdict::Continue => End::Continue,
            Verdict::Jump(name) => chain(name, End::Jump),
            Verdict::Goto(name) => chain(name, End::Goto),
            Verdict::Other(_) => End::Unknown,
        })
    }

    fn look_up(
        &mut self,
        wanted: &'r SetRef,
        sreg: Reg,
        to: Option<LookupTo>,
        invert: bool,
        registers: &Registers,
    ) -> Compiled {
        let (number, set) = match wanted {
            SetRef::Anonymous(set) => (None, &**set),
            SetRef::Named(name) => match self.names.sets.get(name.as_str()) {
                Some((number, set)) => (Some(*number), *set),
                None => return Compiled::Steps(vec![Step::Anything]),
            },
        };
        let key = registers.read(sreg, set.key_len());
        // What a packet may have added before is in doubt.
        let added = number.filter(|_| set.flags.dynamic);
        match to {
            None => Compiled::Steps(vec![self.membership(set, &key, added, invert)]),
            Some(LookupTo::Verdict) => {
                let mut arms = Vec::new();
                for (verdict, condition) in self.by_verdict(set, &key) {
                    let condition = unless_deleted(condition, added);
                    arms.push((self.values.ask(condition), vec![self.end(verdict)]));
                }
                arms.extend(added.map(|set| (added_ask(set), vec![Step::Anything])));
                Compiled::Steps(vec![Step::Choose(arms)])
            }
            Some(LookupTo::Reg(reg)) => {
                let mut arms = Vec::new();
                for (data, condition) in self.by_data(set, &key) {
                    let mut found = registers.clone();
                    found.set(reg, data.bytes());
                    arms.push((unless_deleted(condition, added), found));
                }
                Compiled::Fork(arms)
            }
        }
    }

    /// Adding succeeds, as it does until a set is full; the statements of the element then go on or not.
    fn dynset(&mut self, expr: &'r Expr, registers: &mut Registers) -> Compiled {
        let Expr::Dynset { set, op, invert, exprs, .. } = expr else { return Compiled::Nothing };
        let number = self.names.sets.get(set.as_str()).map(|(number, _)| *number);
        if *op == DynsetOp::Delete {
            return Compiled::Steps(number.map(Step::Delete).into_iter().collect());
        }
        let mut steps: Vec<Step> = number.map(Step::Add).into_iter().collect();
        for expr in exprs {
            if let Compiled::Steps(more) = self.instruction(expr, registers) {
                steps.extend(more);
            }
        }
        if *invert {
            steps.push(Step::Guard { asks: Vec::new(), invert: false });
        }
        Compiled::Steps(steps)
    }

    /// Instructions that are not modelled, by Linux's name.
    fn foreign(&mut self, name: &str, registers: &mut Registers) -> Compiled {
        match name {
            // Of a layout that is not known: to what, is not known.
            "nat" | "masq" | "redir" => {
                let anything = [Field::Src, Field::Dst, Field::Sport, Field::Dport];
                let mut steps: Vec<Step> = anything.map(|field| Step::Change(field, Instead::Any)).into();
                steps.push(Step::End(End::Accept));
                Compiled::Steps(steps)
            }
            "last" | "dup" | "flow_offload" | "ct" | "meta" => Compiled::Nothing,
            "numgen" | "hash" | "bitwise" | "byteorder" => {
                registers.forget_all();
                Compiled::Nothing
            }
            "socket" | "rt" | "osf" | "xfrm" | "exthdr" | "tunnel" | "inner" | "fib" => {
                registers.forget_all();
                self.guard(Condition::doubt(), false)
            }
            "match" | "quota" | "connlimit" | "cmp" | "range" | "limit" => {
                self.guard(Condition::doubt(), false)
            }
            _ => Compiled::Steps(vec![Step::Anything]),
        }
    }
}

impl Step {
    /// Whether nothing comes after it in its rule.
    fn lets_nothing_by(&self) -> bool {
        match self {
            Step::End(_) | Step::Translate(_) => true,
            Step::Guard { asks, invert } => asks.is_empty() && !invert,
            _ => false,
        }
    }
}

/// What a dynamic set holds is certain while no rule has deleted any of it.
pub(super) fn unless_deleted(condition: Condition, set: Option<usize>) -> Condition {
    Condition(condition.0.into_iter().map(|clause| Clause { unless_deleted: set, ..clause }).collect())
}

/// A packet before, or this one, may have added the element.
pub(super) fn added_ask(set: usize) -> Vec<Ask> {
    let (fields, beside) = (Vec::new(), Vec::new());
    vec![Ask { fields, beside, added: Some(set), unless_deleted: None, in_doubt: true }]
}

/// What becomes of the mark: bits kept and flipped; none where it is not known.
fn mark(registers: &Registers, sreg: Reg) -> Option<(u32, u32)> {
    let (mut kept, mut flipped) = ([0; 4], [0; 4]);
    for (at, (byte, own)) in registers.read(sreg, 4).iter().zip(Held::host(Origin::Mark, 4)).enumerate() {
        (kept[at], flipped[at]) = match (*byte, own) {
            (Held::Is(value), _) => (0, value),
            (Held::Of { origin: Origin::Mark, place, and, xor }, Held::Of { place: own, .. })
                if place == own =>
            {
                (and, xor)
            }
            _ => return None,
        };
    }
    Some((u32::from_ne_bytes(kept), u32::from_ne_bytes(flipped)))
}

/// Linux converts whole numbers only; what is shorter than one stays as it is.
fn byteorder(registers: &mut Registers, sreg: Reg, dreg: Reg, len: usize, size: usize) {
    let mut held = registers.read(sreg, len.min(64));
    if size == 0 || held.len() < size {
        return;
    }
    if cfg!(target_endian = "little") {
        held.chunks_exact_mut(size).for_each(<[Held]>::reverse);
    }
    registers.write(dreg, &held);
}
