//! The statements that a program is made of: each the few instructions that nft writes as one phrase.
//! Not here: their words ([`super::rule`]).

use super::operand::{Operand, Source, ct_len, fib_len, meta_len};
use crate::expr::{CmpOp, DynsetOp, LookupTo, MetaKey, REG_SLOTS};
use crate::{Expr, Reg, SetRef, Table, Value};

/// One phrase of a rule.
#[derive(Debug)]
pub(super) enum Statement<'a> {
    /// A comparison: the rule goes on if it holds.
    Match { left: Vec<Operand<'a>>, op: CmpOp, right: Right<'a> },
    /// A verdict by a map.
    Vmap { left: Vec<Operand<'a>>, set: &'a SetRef },
    /// Packet metadata set.
    MetaSet { key: MetaKey, from: Operand<'a> },
    /// An element added, updated or deleted.
    Dynset(Dynset<'a>),
    /// A translation: first and last of its addresses and of its ports.
    Nat {
        expr: &'a Expr,
        addresses: Option<(Operand<'a>, Operand<'a>)>,
        ports: Option<(Operand<'a>, Operand<'a>)>,
    },
    /// An instruction that is a phrase by itself.
    Plain(&'a Expr),
}

/// The right side of a comparison.
#[derive(Debug)]
pub(super) enum Right<'a> {
    Value(&'a Value),
    Range(&'a Value, &'a Value),
    Set(&'a SetRef),
}

/// An element that a packet changes.
#[derive(Debug)]
pub(super) struct Dynset<'a> {
    pub(super) set: &'a str,
    pub(super) op: DynsetOp,
    pub(super) key: Vec<Operand<'a>>,
    pub(super) data: Option<Operand<'a>>,
    pub(super) timeout_ms: Option<u64>,
    pub(super) exprs: &'a [Expr],
}

/// The statements of a program. None if an instruction or its use of a register has no phrase.
pub(super) fn statements<'a>(table: &'a Table, exprs: &'a [Expr]) -> Option<Vec<Statement<'a>>> {
    let mut reader =
        Reader { table, registers: Default::default(), idle: [false; REG_SLOTS], statements: Vec::new() };
    let mut rest = exprs;
    while let [expr, after @ ..] = rest {
        rest = match (expr, after) {
            (
                Expr::Cmp { sreg, op: CmpOp::Gte, value: from },
                [Expr::Cmp { sreg: same, op, value: to }, after @ ..],
            ) if sreg == same && *op == CmpOp::Lte => {
                reader.compare(*sreg, CmpOp::Eq, Right::Range(from, to))?;
                after
            }
            _ => {
                reader.read(expr)?;
                after
            }
        };
    }
    reader.idle.iter().all(|idle| !idle).then_some(reader.statements)
}

/// Follows the registers through a program.
struct Reader<'a> {
    table: &'a Table,
    registers: [Option<Operand<'a>>; REG_SLOTS],
    /// Loaded and not used yet. A load that is never used may end a rule all the same, and has no phrase.
    idle: [bool; REG_SLOTS],
    statements: Vec<Statement<'a>>,
}

impl<'a> Reader<'a> {
    fn read(&mut self, expr: &'a Expr) -> Option<()> {
        match expr {
            Expr::Meta { key, dreg } => self.load(*dreg, Operand::new(Source::Meta(*key), meta_len(*key))),
            Expr::Payload { base, offset, len, dreg } => {
                let source = Source::Payload { base: *base, offset: *offset, len: *len };
                self.load(*dreg, Operand::new(source, usize::try_from(*len).ok()?))
            }
            Expr::Ct { key, dir, dreg } => {
                self.load(*dreg, Operand::new(Source::Ct(*key, *dir), ct_len(*key)))
            }
            Expr::Fib { result, flags, dreg } => {
                self.load(*dreg, Operand::new(Source::Fib(*result, *flags), fib_len(*result, *flags)))
            }
            Expr::Immediate { dreg, value } => {
                self.load(*dreg, Operand::new(Source::Constant(value), value.bytes().len()))
            }
            Expr::Bitwise { sreg, dreg, len, mask, xor } => self.mask(*sreg, *dreg, *len, mask, xor),
            Expr::Byteorder { sreg, dreg, to_network, len, size } => {
                self.swap(*sreg, *dreg, *to_network, *len, *size)
            }
            Expr::Cmp { sreg, op, value } => self.compare(*sreg, *op, Right::Value(value)),
            Expr::Range { sreg, op, from, to } => self.compare(*sreg, *op, Right::Range(from, to)),
            Expr::Lookup { sreg, set, dreg, invert } => self.look_up(*sreg, set, *dreg, *invert),
            Expr::MetaSet { key, sreg } => {
                let from = self.operand(*sreg)?;
                self.push(Statement::MetaSet { key: *key, from })
            }
            Expr::Dynset { set, op, key, data, timeout_ms, invert, exprs } => {
                let found = self.table.set(set)?;
                let key = self.operands(*key, found.key_len())?;
                let data = match data {
                    Some(reg) => Some(self.operand(*reg)?),
                    None => None,
                };
                let dynset = Dynset { set, op: *op, key, data, timeout_ms: *timeout_ms, exprs };
                (!invert).then_some(())?;
                self.push(Statement::Dynset(dynset))
            }
            Expr::Nat { addresses, ports, .. } => self.translate(expr, *addresses, *ports),
            Expr::Masquerade { ports, .. } | Expr::Redirect { ports, .. } => {
                self.translate(expr, None, *ports)
            }
            Expr::CtSet { sreg, .. } | Expr::PayloadSet { sreg, .. } => {
                self.operand(*sreg)?;
                self.push(Statement::Plain(expr))
            }
            plain => self.push(Statement::Plain(plain)),
        }
    }

    fn translate(
        &mut self,
        expr: &'a Expr,
        addresses: Option<(Reg, Reg)>,
        ports: Option<(Reg, Reg)>,
    ) -> Option<()> {
        let mut both = |of: Option<(Reg, Reg)>| match of {
            None => Some(None),
            Some((first, last)) => Some(Some((self.operand(first)?, self.operand(last)?))),
        };
        let (addresses, ports) = (both(addresses)?, both(ports)?);
        self.push(Statement::Nat { expr, addresses, ports })
    }

    fn push(&mut self, statement: Statement<'a>) -> Option<()> {
        self.statements.push(statement);
        Some(())
    }

    /// Put an operand in a register; what it overlaps is no more. One of no bytes is in none.
    fn load(&mut self, dreg: Reg, operand: Operand<'a>) -> Option<()> {
        let first = usize::from(dreg.0);
        let end = first + operand.len.div_ceil(4);
        (first < end && end <= REG_SLOTS).then_some(())?;
        for (slot, held) in self.registers.iter_mut().enumerate() {
            let held_end = slot + held.as_ref().map_or(0, |o| o.len.div_ceil(4));
            if slot < end && held_end > first {
                (!self.idle[slot]).then_some(())?;
                *held = None;
            }
        }
        self.registers[first] = Some(operand);
        self.idle[first] = true;
        Some(())
    }

    fn operand(&mut self, sreg: Reg) -> Option<Operand<'a>> {
        let slot = usize::from(sreg.0);
        let held = self.registers.get(slot)?.clone()?;
        self.idle[slot] = false;
        Some(held)
    }

    /// The operands that fill a key from a register on: one, or the fields of a concatenation.
    fn operands(&mut self, sreg: Reg, key_len: usize) -> Option<Vec<Operand<'a>>> {
        let mut slot = sreg.0;
        let mut fields = vec![self.operand(sreg)?];
        if fields[0].len == key_len {
            return Some(fields);
        }
        let end = usize::from(slot) + key_len.div_ceil(4);
        loop {
            slot += u8::try_from(fields.last()?.len.div_ceil(4)).ok()?;
            if usize::from(slot) >= end {
                return (usize::from(slot) == end && fields.len() > 1).then_some(fields);
            }
            fields.push(self.operand(Reg(slot))?);
        }
    }

    fn mask(&mut self, sreg: Reg, dreg: Reg, len: u32, mask: &'a Value, xor: &'a Value) -> Option<()> {
        let from = self.operand(sreg)?;
        let plain = from.masks.is_none() && !from.swapped && usize::try_from(len).ok() == Some(from.len);
        plain.then_some(())?;
        self.load(dreg, Operand { masks: Some((mask, xor)), ..from })
    }

    /// A swap of fewer bytes than a number has does nothing: nft emits such before a byte in a range.
    fn swap(&mut self, sreg: Reg, dreg: Reg, to_network: bool, len: u32, size: u32) -> Option<()> {
        let from = self.operand(sreg)?;
        let swapped = len >= size;
        (!from.swapped && to_network).then_some(())?;
        let whole = !swapped || (len == size && usize::try_from(len).ok() == Some(from.len));
        whole.then_some(())?;
        self.load(dreg, Operand { swapped, ..from })
    }

    fn compare(&mut self, sreg: Reg, op: CmpOp, right: Right<'a>) -> Option<()> {
        let left = vec![self.operand(sreg)?];
        self.push(Statement::Match { left, op, right })
    }

    fn look_up(&mut self, sreg: Reg, set: &'a SetRef, to: Option<LookupTo>, invert: bool) -> Option<()> {
        let found = match set {
            SetRef::Named(name) => self.table.set(name)?,
            SetRef::Anonymous(set) => set,
        };
        let left = self.operands(sreg, found.key_len())?;
        match to {
            None => {
                let op = if invert { CmpOp::Neq } else { CmpOp::Eq };
                self.push(Statement::Match { left, op, right: Right::Set(set) })
            }
            Some(LookupTo::Verdict) => self.push(Statement::Vmap { left, set }),
            Some(LookupTo::Reg(reg)) => {
                self.load(reg, Operand::new(Source::Mapped(left, set), found.data_len()))
            }
        }
    }
}
