//! Elements that are compared while they are read: where a list is said to hold exactly what is wanted, reading it
//! as values gives the same. The first two bytes say how long the list is that is wanted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewall_kernel::fuzz::{elements, holds_exactly};

fuzz_target!(|bytes: &[u8]| {
    let Some((&[high, low], rest)) = bytes.split_first_chunk() else { return };
    let length = usize::from(u16::from_be_bytes([high, low])) % (rest.len() + 1);
    let (wanted, held) = rest.split_at(length);
    let wanted = elements(wanted);
    if holds_exactly(&wanted, held) == Some(true) {
        assert_eq!(elements(held), wanted);
    }
});
