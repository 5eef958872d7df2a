//! A table out of the bytes of a batch, as it is kept on disk for boot: what is read is written and read again as the
//! same value, does not differ from itself, and is read as our table without stumbling.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewall_control::Held;
use rolewall_fuzz::nft::encode;
use rolewall_kernel::batch::decode;
use rolewall_ruleset::delta;

fuzz_target!(|bytes: &[u8]| {
    let Ok(first) = decode(bytes) else { return };
    let _ = Held::read(&first);
    assert!(delta::same(&first, &first) && delta::differences(&first, &first).is_empty());
    // What is longer than an attribute may be is refused, not cut.
    let Ok(bytes) = encode(&first) else { return };
    // Linux's order of intervals and what it leaves out are settled by the first writing.
    let second = decode(&bytes).expect("what is written is read");
    let bytes = encode(&second).expect("what was written can be written");
    assert_eq!(decode(&bytes).expect("what is written is read"), second);
});
