//! Configuration files of every program that is read; the first byte says of which. Reading ends within its bounds,
//! says the same twice, and what it says stands on a line of a file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewall_fuzz::host;

fuzz_target!(|bytes: &[u8]| host::read(|_| true, bytes));
