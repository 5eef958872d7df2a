//! The registers of nf_tables for all flows of a shape at once: each byte a constant, or a byte of what a flow
//! has there.
//! Not here: what is loaded ([`super::load`]).

use super::field::{Byte, Field, Shape};
use super::formula::{Asked, Beside, Clause, Condition, View};
use super::ranges::{Ranges, ones};
use crate::Reg;

/// Sixteen slots of four bytes.
const BYTES: usize = 64;

/// Where a byte comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    Field(Field),
    /// The packet's mark, as a number.
    Mark,
    /// The mark and the status of a connection that the packet opens.
    CtMark,
    CtStatus,
    /// A field of the flow as it came.
    First(Field),
    /// A value that depends on a field, by its number in [`Functions`].
    Function(usize),
}

/// What a byte holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    Is(u8),
    /// `(byte & and) ^ xor`, the byte counted from the most significant.
    Of {
        origin: Origin,
        place: u8,
        and: u8,
        xor: u8,
    },
    Unknown,
}

/// A value that depends on a field: which for which of its values; none where it is not known.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) field: Field,
    pub(super) view: View,
    pub(super) bytes: u8,
    pub(super) pieces: Vec<(Ranges, Option<u128>)>,
    /// What it surely is not where it is not known.
    pub(super) never: Option<u128>,
}

/// The functions that the rules of one shape load.
#[derive(Debug, Default)]
pub(super) struct Functions(Vec<Function>);

impl Functions {
    pub(super) fn add(&mut self, function: Function) -> Origin {
        self.0.push(function);
        Origin::Function(self.0.len() - 1)
    }
}

/// The register file.
#[derive(Debug, Clone)]
pub(super) struct Registers([Held; BYTES]);

impl Registers {
    pub(super) fn new() -> Registers {
        Registers([Held::Unknown; BYTES])
    }

    /// Write bytes; the last slot is filled up with zeros.
    pub(super) fn write(&mut self, reg: Reg, held: &[Held]) {
        let start = usize::from(reg.0) * 4;
        let end = (start + held.len().next_multiple_of(4)).min(BYTES);
        for (place, byte) in self.0[start.min(BYTES)..end].iter_mut().enumerate() {
            *byte = held.get(place).copied().unwrap_or(Held::Is(0));
        }
    }

    /// Write a constant.
    pub(super) fn set(&mut self, reg: Reg, bytes: &[u8]) {
        self.write(reg, &bytes.iter().map(|byte| Held::Is(*byte)).collect::<Vec<_>>());
    }

    pub(super) fn forget(&mut self, reg: Reg, len: usize) {
        self.write(reg, &vec![Held::Unknown; len.min(BYTES)]);
    }

    pub(super) fn forget_all(&mut self) {
        self.0 = [Held::Unknown; BYTES];
    }

    /// So many bytes; those beyond the last register are not known.
    pub(super) fn read(&self, reg: Reg, len: usize) -> Vec<Held> {
        let start = usize::from(reg.0) * 4;
        (start..start + len).map(|at| self.0.get(at).copied().unwrap_or(Held::Unknown)).collect()
    }
}

impl Held {
    /// A whole origin, most significant byte first.
    pub(super) fn whole(origin: Origin, bytes: u8) -> Vec<Held> {
        (0..bytes).map(|place| Held::Of { origin, place, and: 0xff, xor: 0 }).collect()
    }

    /// The same as a number of this machine lies in memory.
    pub(super) fn host(origin: Origin, bytes: u8) -> Vec<Held> {
        let mut held = Held::whole(origin, bytes);
        if cfg!(target_endian = "little") {
            held.reverse();
        }
        held
    }

    pub(super) fn of_packet(byte: Byte) -> Held {
        match byte {
            Byte::Is(value) => Held::Is(value),
            Byte::Of(field, place) => Held::Of { origin: Origin::Field(field), place, and: 0xff, xor: 0 },
            Byte::Unknown | Byte::Beyond => Held::Unknown,
        }
    }

    /// `(byte & mask) ^ flip`
    pub(super) fn masked(self, mask: u8, flip: u8) -> Held {
        match self {
            Held::Is(value) => Held::Is(value & mask ^ flip),
            _ if mask == 0 => Held::Is(flip),
            Held::Of { origin, place, and, xor } => {
                let (and, xor) = (and & mask, xor & mask ^ flip);
                if and == 0 { Held::Is(xor) } else { Held::Of { origin, place, and, xor } }
            }
            Held::Unknown => Held::Unknown,
        }
    }
}

/// Reads conditions out of registers.
pub(super) struct Reader<'a> {
    pub(super) shape: Shape,
    pub(super) functions: &'a Functions,
}

impl Reader<'_> {
    /// The bytes are these.
    pub(super) fn equal(&self, held: &[Held], wanted: &[u8]) -> Condition {
        let mut asked: Vec<(Origin, u128, u128)> = Vec::new();
        let mut is_known = held.len() == wanted.len();
        for (byte, wanted) in held.iter().zip(wanted) {
            match *byte {
                Held::Is(value) if value != *wanted => return Condition::never(),
                Held::Is(_) => {}
                Held::Unknown => is_known = false,
                Held::Of { origin, place, and, xor } => {
                    let bits = (wanted ^ xor) & and;
                    if bits ^ xor != *wanted {
                        return Condition::never();
                    }
                    let shift = 8 * (u32::from(self.bytes(origin)) - 1 - u32::from(place));
                    let at = asked.iter().position(|(of, ..)| *of == origin).unwrap_or_else(|| {
                        asked.push((origin, 0, 0));
                        asked.len() - 1
                    });
                    let (_, mask, value) = &mut asked[at];
                    let (new_mask, new_value) = (u128::from(and) << shift, u128::from(bits) << shift);
                    if *mask & new_mask & (*value ^ new_value) != 0 {
                        return Condition::never();
                    }
                    (*mask, *value) = (*mask | new_mask, *value | new_value);
                }
            }
        }
        let all = asked.into_iter().fold(Condition::always(), |condition, (origin, mask, value)| {
            condition.and(&self.condition(origin, Asked::Bits { mask, value }))
        });
        if is_known { all } else { all.and(&Condition::doubt()) }
    }

    /// The bytes, as a number, lie between these.
    pub(super) fn within(&self, held: &[Held], first: &[u8], last: &[u8]) -> Condition {
        if first == last {
            return self.equal(held, first);
        }
        // nft writes no range that runs backwards; Linux takes it, and nothing lies in it.
        if first > last {
            return Condition::never();
        }
        // Every number does. Else each byte of a front that is not known would be asked for twice, and all that
        // follows with it.
        let is_whole = first.iter().all(|byte| *byte == 0) && last.iter().all(|byte| *byte == 0xff);
        if is_whole && held.len() == first.len() {
            return Condition::always();
        }
        let len = self.leading(held);
        if len == 0 {
            return self.enumerated(held, first, last).unwrap_or_else(Condition::doubt);
        }
        let (head, rest) = held.split_at(len);
        let ((first_head, first_rest), (last_head, last_rest)) = (first.split_at(len), last.split_at(len));
        let most = vec![0xff; rest.len()];
        let at_first = |to: &[u8]| self.equal(head, first_head).and(&self.within(rest, first_rest, to));
        if first_head == last_head {
            return at_first(last_rest);
        }
        let at_last = self.equal(head, last_head).and(&self.within(rest, &vec![0; rest.len()], last_rest));
        let between = self.head_between(head, first_head, last_head);
        Condition([at_first(&most).0, between.0, at_last.0].concat()).merged()
    }

    /// How many bytes at the front are one thing as it is: a constant, what is not known, or an origin's first
    /// bytes. None where they are changed.
    fn leading(&self, held: &[Held]) -> usize {
        match held.first() {
            Some(Held::Of { origin, .. }) => {
                let whole = Held::whole(*origin, self.bytes(*origin));
                held.iter().zip(&whole).take_while(|(byte, own)| byte == own).count()
            }
            Some(_) => 1,
            None => 0,
        }
    }

    /// A front is larger than the first and smaller than the last.
    fn head_between(&self, head: &[Held], first: &[u8], last: &[u8]) -> Condition {
        match head.first() {
            Some(Held::Is(value)) => Condition::of(first[0] < *value && *value < last[0]),
            Some(Held::Of { origin, place: 0, and: 0xff, xor: 0 }) => {
                let number =
                    |bytes: &[u8]| bytes.iter().fold(0u128, |all, byte| all << 8 | u128::from(*byte));
                let below = 8 * (u32::from(self.bytes(*origin)) - u32::try_from(head.len()).unwrap_or(0));
                let (first, last) = (number(first) + 1, number(last) - 1);
                if first > last {
                    return Condition::never();
                }
                self.condition(
                    *origin,
                    Asked::Within { first: first << below, last: last << below | ones(below) },
                )
            }
            _ => Condition::doubt(),
        }
    }

    /// Bytes of one field of two bytes at the most: every value of it is tried.
    fn enumerated(&self, held: &[Held], first: &[u8], last: &[u8]) -> Option<Condition> {
        let mut origins = held.iter().filter_map(|byte| byte.origin());
        let Some(Origin::Field(field)) = origins.next() else { return None };
        let bytes = self.shape.bytes(field);
        let is_other = |origin: Origin| origin != Origin::Field(field);
        if bytes > 2 || held.contains(&Held::Unknown) || origins.any(is_other) {
            return None;
        }
        let holds = |value: &u128| {
            let bytes: Vec<u8> = held.iter().map(|byte| byte.value(*value, bytes)).collect();
            first <= bytes.as_slice() && bytes.as_slice() <= last
        };
        let values = (0..=self.shape.largest(field)).filter(holds).map(|value| (value, value));
        Some(self.values(field, &Ranges::of(values.collect())))
    }

    fn condition(&self, origin: Origin, asked: Asked) -> Condition {
        match origin {
            Origin::Field(field) => self.of_field(field, View::Now, asked),
            Origin::First(field) => self.of_field(field, View::First, asked),
            Origin::Mark => Condition(vec![Clause::beside(Beside::Mark(asked))]),
            Origin::CtMark => Condition(vec![Clause::beside(Beside::CtMark(asked))]),
            Origin::CtStatus => Condition(vec![Clause::beside(Beside::CtStatus(asked))]),
            Origin::Function(number) => self.of_function(&self.functions.0[number], asked),
        }
    }

    fn of_field(&self, field: Field, view: View, asked: Asked) -> Condition {
        let bits = u32::from(self.shape.bytes(field)) * 8;
        asked.values(bits).map_or_else(Condition::doubt, |values| self.seen(field, view, &values))
    }

    /// A field has one of the values.
    pub(super) fn values(&self, field: Field, values: &Ranges) -> Condition {
        self.seen(field, View::Now, values)
    }

    /// A field, seen so, has one of the values.
    pub(super) fn seen(&self, field: Field, view: View, values: &Ranges) -> Condition {
        let domain = self.shape.domain(field);
        let values = values.and(&domain);
        match view {
            // Once the field is changed, it is not known whether it is so.
            View::Untouched => Condition(vec![Clause::seen(field, view, values)]),
            _ if values == domain => Condition::always(),
            _ if values.is_empty() => Condition::never(),
            _ => Condition(vec![Clause::seen(field, view, values)]),
        }
    }

    fn of_function(&self, function: &Function, asked: Asked) -> Condition {
        let holding = |wanted: Option<bool>| {
            let pieces = function.pieces.iter();
            let those = pieces.filter(|(_, value)| value.map(|v| asked.holds(v)) == wanted);
            Ranges::of(those.flat_map(|(ranges, _)| ranges.ranges().iter().copied()).collect())
        };
        let Function { field, view, .. } = *function;
        let surely = self.seen(field, view, &holding(Some(true)));
        if function.never.is_some_and(|never| asked.is_just(never, u32::from(function.bytes) * 8)) {
            return surely;
        }
        let perhaps = self.seen(field, view, &holding(None)).and(&Condition::doubt());
        Condition([surely.0, perhaps.0].concat())
    }

    fn bytes(&self, origin: Origin) -> u8 {
        match origin {
            Origin::Field(field) | Origin::First(field) => self.shape.bytes(field),
            Origin::Mark | Origin::CtMark | Origin::CtStatus => 4,
            Origin::Function(number) => self.functions.0[number].bytes,
        }
    }
}

impl Held {
    fn origin(&self) -> Option<Origin> {
        match self {
            Held::Of { origin, .. } => Some(*origin),
            _ => None,
        }
    }

    /// The byte, where what it comes from has that value.
    fn value(&self, number: u128, bytes: u8) -> u8 {
        match *self {
            Held::Is(value) => value,
            Held::Of { place, and, xor, .. } => {
                number.to_be_bytes()[usize::from(16 - bytes + place)] & and ^ xor
            }
            Held::Unknown => 0,
        }
    }
}
