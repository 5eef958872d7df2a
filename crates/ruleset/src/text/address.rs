//! Addresses, written digit by digit: a large cluster's ruleset is addresses for the most part, and through
//! the standard library's formatting they took half the time of the whole text.
//! Not here: every other value ([`super::value`]).

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// As the standard library writes it.
pub(super) fn ipv4(address: Ipv4Addr, text: &mut String) {
    for (index, byte) in address.octets().into_iter().enumerate() {
        if index > 0 {
            text.push('.');
        }
        decimal(byte, text);
    }
}

/// As the C library writes it: the first of the longest runs of zeros as `::` (RFC 5952, section 4.2), and with
/// a dotted end where the first 96 bits are zero.
pub(super) fn ipv6(address: Ipv6Addr, text: &mut String) {
    let segments = address.segments();
    match segments {
        [0, 0, 0, 0, 0, 0, a, b] if a != 0 => {
            text.push_str("::");
            ipv4(Ipv4Addr::from(u32::from(a) << 16 | u32::from(b)), text);
        }
        [0, 0, 0, 0, 0, ..] => {
            let _ = write!(text, "{address}");
        }
        _ => segmented(&segments, text),
    }
}

fn segmented(segments: &[u16; 8], text: &mut String) {
    let zeros = longest_zeros(segments);
    for (index, segment) in segments.iter().enumerate() {
        if zeros.contains(&index) {
            if index == zeros.start {
                text.push_str("::");
            }
            continue;
        }
        if index > 0 && index != zeros.end {
            text.push(':');
        }
        hexadecimal(*segment, text);
    }
}

/// Empty, and behind the end, where no two in a row are zero.
fn longest_zeros(segments: &[u16; 8]) -> Range<usize> {
    let mut longest = segments.len()..segments.len();
    let mut from = 0;
    for (index, segment) in segments.iter().enumerate() {
        if *segment != 0 {
            from = index + 1;
        } else if index + 1 - from > longest.len().max(1) {
            longest = from..index + 1;
        }
    }
    longest
}

fn decimal(byte: u8, text: &mut String) {
    let digit = |n: u8| char::from(b'0' + n % 10);
    if byte >= 100 {
        text.push(digit(byte / 100));
    }
    if byte >= 10 {
        text.push(digit(byte / 10));
    }
    text.push(digit(byte));
}

fn hexadecimal(segment: u16, text: &mut String) {
    let digits = (u16::BITS - segment.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        let digit = u32::from(segment >> (4 * place) & 0xf);
        text.push(char::from_digit(digit, 16).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(address: Ipv6Addr) -> String {
        let mut text = String::new();
        ipv6(address, &mut text);
        text
    }

    #[test]
    fn an_ipv6_address_that_begins_with_96_zero_bits_has_a_dotted_end() {
        assert_eq!(written(Ipv6Addr::from(0x0a00_0001)), "::10.0.0.1");
        assert_eq!(written(Ipv6Addr::from(1)), "::1");
        assert_eq!(written(Ipv6Addr::from(0)), "::");
    }

    proptest! {
        #[test]
        fn an_ipv4_address_is_as_the_standard_library_writes_it(bits in any::<u32>()) {
            let mut text = String::new();
            ipv4(Ipv4Addr::from(bits), &mut text);
            prop_assert_eq!(text, Ipv4Addr::from(bits).to_string());
        }

        #[test]
        fn an_ipv6_address_is_as_the_standard_library_writes_it(
            segments in prop::array::uniform8(prop_oneof![Just(0u16), Just(0xffff), 1u16..=0x1f, any::<u16>()])
        ) {
            let address = Ipv6Addr::from(segments);
            prop_assume!(segments[..6] != [0; 6]);
            prop_assert_eq!(written(address), address.to_string());
        }
    }
}
