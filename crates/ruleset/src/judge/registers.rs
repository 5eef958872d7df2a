//! The register file of nf_tables, with what of it is known.
//! Not here: who writes it ([`super::load`], [`super::machine`]).

use crate::Reg;
use std::ops::Range;

/// Sixteen slots of four bytes.
const BYTES: usize = 64;

/// Loopback's number in every network namespace.
pub(super) const LOOPBACK: u32 = 1;

/// Bytes, and a bit for each byte that is known.
#[derive(Debug, Clone)]
pub(super) struct Registers {
    bytes: [u8; BYTES],
    known: u64,
    /// A bit for each slot that holds the unknown number of an interface that is not loopback.
    other_interface: u16,
}

/// What two byte strings are to each other, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Truth {
    Yes,
    No,
    Unknown,
}

impl Truth {
    pub(super) fn of(holds: bool) -> Truth {
        if holds { Truth::Yes } else { Truth::No }
    }

    /// Of what may not be known.
    pub(super) fn option(holds: Option<bool>) -> Truth {
        holds.map_or(Truth::Unknown, Truth::of)
    }

    /// Both hold.
    pub(super) fn and(self, other: Truth) -> Truth {
        match (self, other) {
            (Truth::No, _) | (_, Truth::No) => Truth::No,
            (Truth::Yes, Truth::Yes) => Truth::Yes,
            _ => Truth::Unknown,
        }
    }

    /// One of them holds.
    pub(super) fn or(self, other: Truth) -> Truth {
        self.not().and(other.not()).not()
    }

    /// The other way round if it is inverted.
    pub(super) fn inverted(self, invert: bool) -> Truth {
        if invert { self.not() } else { self }
    }

    pub(super) fn not(self) -> Truth {
        match self {
            Truth::Yes => Truth::No,
            Truth::No => Truth::Yes,
            Truth::Unknown => Truth::Unknown,
        }
    }
}

impl Registers {
    /// Nothing is in them, and that is not known either: a rule that reads a register writes it before.
    pub(super) fn new() -> Registers {
        Registers { bytes: [0; BYTES], known: 0, other_interface: 0 }
    }

    /// The place of a value. None beyond the last register: Linux would not load such a rule.
    fn place(reg: Reg, len: usize) -> Option<Range<usize>> {
        let start = usize::from(reg.0) * 4;
        (start + len <= BYTES).then_some(start..start + len)
    }

    /// Write a value that is known byte by byte as the mask tells; its last slot is filled up with zeros.
    pub(super) fn write(&mut self, reg: Reg, value: &[u8], known: u64) {
        let Some(place) = Registers::place(reg, value.len()) else { return };
        let padded = place.start..place.end.next_multiple_of(4).min(BYTES);
        let known = known | !ones(value.len());
        let all = ones(padded.len()) << padded.start;
        for slot in padded.start / 4..padded.end / 4 {
            self.other_interface &= !(1 << slot);
        }
        self.bytes[padded].fill(0);
        self.bytes[place.clone()].copy_from_slice(value);
        self.known = self.known & !all | known << place.start & all;
    }

    /// Write a known value.
    pub(super) fn set(&mut self, reg: Reg, value: &[u8]) {
        self.write(reg, value, u64::MAX);
    }

    /// Forget what a register holds.
    pub(super) fn forget(&mut self, reg: Reg, len: usize) {
        self.write(reg, &[0; BYTES][..len.min(BYTES)], 0);
    }

    /// An interface whose number is not known, but that it is not loopback's.
    pub(super) fn set_other_interface(&mut self, reg: Reg) {
        self.forget(reg, 4);
        self.other_interface |= 1 << (reg.0 & 15);
    }

    /// Whether a register surely does not hold a number of an interface: loopback's, of one that is another.
    pub(super) fn is_surely_not(&self, reg: Reg, value: &[u8]) -> bool {
        self.other_interface >> (reg.0 & 15) & 1 == 1 && value == LOOPBACK.to_ne_bytes()
    }

    /// Forget everything.
    pub(super) fn forget_all(&mut self) {
        (self.known, self.other_interface) = (0, 0);
    }

    /// A value, and which of its bytes are known.
    pub(super) fn read(&self, reg: Reg, len: usize) -> (&[u8], u64) {
        match Registers::place(reg, len) {
            Some(place) => (&self.bytes[place.clone()], self.known >> place.start & ones(len)),
            None => (&[], 0),
        }
    }

    /// A value that is known to the last byte.
    pub(super) fn known(&self, reg: Reg, len: usize) -> Option<&[u8]> {
        let (value, known) = self.read(reg, len);
        (known == ones(len) && value.len() == len).then_some(value)
    }
}

/// A bit for each of so many bytes.
pub(super) fn ones(bytes: usize) -> u64 {
    if bytes >= 64 { u64::MAX } else { (1 << bytes) - 1 }
}

/// Whether a value that is known in part is another.
pub(super) fn equals((value, known): (&[u8], u64), other: &[u8]) -> Truth {
    let known_byte = |place: usize| known >> place & 1 == 1;
    let pairs = || value.iter().zip(other).enumerate();
    if pairs().any(|(place, (a, b))| known_byte(place) && a != b) {
        return Truth::No;
    }
    if (0..other.len()).all(known_byte) { Truth::Yes } else { Truth::Unknown }
}
