//! Sets of values of one field, as sorted ranges that do not touch.
//! Not here: which field they are of ([`super::field`]).

use std::cmp::Ordering;

/// Values of a field: each range's ends are inclusive, and between two ranges at least one value is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Ranges(Vec<(u128, u128)>);

/// A mask with holes is so many ranges at the most; beyond, it is not known which values match.
const HOLES_MAX: u32 = 12;

impl Ranges {
    /// No value.
    pub const NONE: Ranges = Ranges(Vec::new());

    /// One value.
    pub fn one(value: u128) -> Ranges {
        Ranges(vec![(value, value)])
    }

    /// From the first to the last.
    pub fn span(first: u128, last: u128) -> Ranges {
        Ranges(if first <= last { vec![(first, last)] } else { Vec::new() })
    }

    /// Of ranges in any order, which may overlap.
    pub fn of(mut ranges: Vec<(u128, u128)>) -> Ranges {
        ranges.sort_unstable();
        ranges.dedup_by(|next, last| {
            let touches = last.1 == u128::MAX || next.0 <= last.1 + 1;
            if touches {
                last.1 = last.1.max(next.1);
            }
            touches
        });
        Ranges(ranges)
    }

    /// The values of so many bits whose bits under the mask are these; none where the mask has too many holes.
    pub(super) fn masked(bits: u32, mask: u128, value: u128) -> Option<Ranges> {
        let all = ones(bits);
        let mask = mask & all;
        if value & !mask != 0 {
            return Some(Ranges::NONE);
        }
        // Free bits below the lowest that is fixed make one range; each free bit above doubles their number.
        let low = if mask == 0 { bits } else { mask.trailing_zeros() };
        let free = !mask & all & !ones(low);
        if free.count_ones() > HOLES_MAX {
            return None;
        }
        let mut ranges = Vec::with_capacity(1 << free.count_ones());
        let mut chosen = 0;
        loop {
            ranges.push((value | chosen, value | chosen | ones(low)));
            // The next larger number that has bits in the free places alone.
            chosen = (chosen | !free).wrapping_add(1) & free;
            if chosen == 0 {
                return Some(Ranges::of(ranges));
            }
        }
    }

    /// The ranges.
    pub fn ranges(&self) -> &[(u128, u128)] {
        &self.0
    }

    /// Whether no value is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a value is in it.
    pub fn contains(&self, value: u128) -> bool {
        let found = self.0.binary_search_by(|&(first, last)| match () {
            () if last < value => Ordering::Less,
            () if first > value => Ordering::Greater,
            () => Ordering::Equal,
        });
        found.is_ok()
    }

    /// Every value up to a field's largest that is not in it.
    #[must_use]
    pub fn complement(&self, largest: u128) -> Ranges {
        let mut rest = Vec::with_capacity(self.0.len() + 1);
        let mut from = Some(0);
        for &(first, last) in &self.0 {
            if let Some(start) = from.filter(|start| *start < first) {
                rest.push((start, first - 1));
            }
            from = last.checked_add(1);
        }
        if let Some(start) = from.filter(|start| *start <= largest) {
            rest.push((start, largest));
        }
        Ranges(rest)
    }

    /// The values in both.
    #[must_use]
    pub fn and(&self, other: &Ranges) -> Ranges {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(&&(a0, a1)), Some(&&(b0, b1))) = (a.peek(), b.peek()) {
            if a0.max(b0) <= a1.min(b1) {
                both.push((a0.max(b0), a1.min(b1)));
            }
            if a1 < b1 {
                a.next()
            } else {
                b.next()
            };
        }
        Ranges(both)
    }

    /// The values in either.
    #[must_use]
    pub fn or(&self, other: &Ranges) -> Ranges {
        Ranges::of([self.0.as_slice(), other.0.as_slice()].concat())
    }
}

/// So many low bits.
pub(super) fn ones(bits: u32) -> u128 {
    if bits >= 128 { u128::MAX } else { (1 << bits) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_are_one() {
        assert_eq!(Ranges::of(vec![(5, 9), (1, 2), (3, 4), (11, 12)]).ranges(), [(1, 9), (11, 12)]);
        assert_eq!(Ranges::of(vec![(0, u128::MAX), (7, 8)]).ranges(), [(0, u128::MAX)]);
    }

    #[test]
    fn the_complement_of_the_complement_is_the_same() {
        for ranges in [vec![], vec![(0, 255)], vec![(0, 0), (255, 255)], vec![(3, 7), (9, 9)]] {
            let ranges = Ranges::of(ranges);
            assert_eq!(ranges.complement(255).complement(255), ranges);
            assert!(ranges.and(&ranges.complement(255)).is_empty());
            assert_eq!(ranges.or(&ranges.complement(255)).ranges(), [(0, 255)]);
        }
    }

    #[test]
    fn a_mask_with_holes_is_every_value_that_it_lets_through() {
        for (mask, value) in [(0xf0, 0x30), (0x55, 0x11), (0, 0), (0xff, 7), (0x81, 0x80), (0x0f, 0x10)] {
            let ranges = Ranges::masked(8, mask, value).unwrap();
            for number in 0..256 {
                assert_eq!(ranges.contains(number), number & mask == value, "{mask:#x} {value:#x} {number}");
            }
        }
        assert_eq!(Ranges::masked(32, 0x5555_5555, 0), None);
        assert_eq!(Ranges::masked(128, 0, 0).unwrap().ranges(), [(0, u128::MAX)]);
    }
}
