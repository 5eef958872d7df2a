//! Where ranges of addresses begin, as rules name them.
//! Not here: which rules, and of which side.

use super::set_of_addresses;
use rolewall_ruleset::expr::CmpOp;
use rolewall_ruleset::{Expr, Table};
use std::net::IpAddr;

/// The first address of each range and the first behind it, as numbers of one family.
#[derive(Debug)]
pub(super) struct Bounds {
    /// Bytes of an address.
    size: usize,
    numbers: Vec<u128>,
}

/// Addresses that Linux itself tells from others, whatever rules say: first byte and prefix length.
const APART4: [([u8; 4], u32); 4] =
    [([0, 0, 0, 0], 32), ([127, 0, 0, 0], 8), ([224, 0, 0, 0], 4), ([255, 255, 255, 255], 32)];
/// `::`, `::1`, `ff00::/8`.
const APART6: [(u128, u32); 3] = [(0, 128), (1, 128), (0xff << 120, 8)];

impl Bounds {
    pub(super) fn of_ipv4() -> Bounds {
        let mut bounds = Bounds { size: 4, numbers: Vec::new() };
        for (net, prefix) in APART4 {
            let first = u128::from(u32::from_be_bytes(net));
            bounds.add_range(first, first + (1 << (32 - prefix)) - 1);
        }
        bounds
    }

    pub(super) fn of_ipv6() -> Bounds {
        let mut bounds = Bounds { size: 16, numbers: Vec::new() };
        for (first, prefix) in APART6 {
            bounds.add_range(first, first | u128::MAX.checked_shr(prefix).unwrap_or(0));
        }
        bounds
    }

    pub(super) fn sort(&mut self) {
        self.numbers.sort_unstable();
        self.numbers.dedup();
    }

    /// How many bounds are at an address or before it.
    pub(super) fn place(&self, address: IpAddr) -> usize {
        let number = match address {
            IpAddr::V4(a) => u32::from(a).into(),
            IpAddr::V6(a) => u128::from(a),
        };
        self.numbers.partition_point(|bound| *bound <= number)
    }

    fn add_range(&mut self, first: u128, last: u128) {
        self.numbers.push(first);
        self.numbers.extend(last.checked_add(1));
    }

    /// The ranges that a rule asks for with an address, or the first bytes of it, that it has just loaded. False:
    /// it asks otherwise.
    pub(super) fn add(&mut self, table: &Table, load: &Expr, rest: &[Expr]) -> bool {
        let Expr::Payload { len, dreg, .. } = load else { return false };
        let (mask, rest) = match rest {
            [Expr::Bitwise { sreg, dreg: to, mask, xor, .. }, rest @ ..]
                if sreg == dreg && to == dreg && xor.bytes().iter().all(|byte| *byte == 0) =>
            {
                (Some(self.number(mask.bytes())), rest)
            }
            rest => (None, rest),
        };
        let host_bits = match mask {
            Some(mask) => self.all() & !mask,
            None => self.all().checked_shr(len * 8).unwrap_or(0),
        };
        // Ones before zeros: the addresses of a prefix are neighbours.
        let is_prefix = host_bits & host_bits.wrapping_add(1) == 0;
        match rest.first() {
            Some(Expr::Cmp { sreg, op: CmpOp::Eq | CmpOp::Neq, value }) if sreg == dreg && is_prefix => {
                let first = self.number(value.bytes());
                self.add_range(first, first | host_bits);
                true
            }
            Some(Expr::Lookup { sreg, set, .. }) if sreg == dreg && host_bits == 0 => {
                self.add_elements(table, set)
            }
            // The packet's own address is noted, whatever it is.
            Some(Expr::Dynset { key, .. }) => key == dreg,
            _ => false,
        }
    }

    fn add_elements(&mut self, table: &Table, set: &rolewall_ruleset::SetRef) -> bool {
        let Some(set) = set_of_addresses(table, set) else { return false };
        for element in &set.elements {
            let last = element.end.as_ref().unwrap_or(&element.key);
            self.add_range(self.number(element.key.bytes()), self.number(last.bytes()));
        }
        true
    }

    /// All bits of an address.
    fn all(&self) -> u128 {
        u128::MAX >> (128 - 8 * self.size)
    }

    /// The first bytes of an address, the rest zero.
    fn number(&self, bytes: &[u8]) -> u128 {
        let padded = bytes.iter().copied().chain(std::iter::repeat(0)).take(self.size);
        padded.fold(0, |number, byte| number << 8 | u128::from(byte))
    }
}
