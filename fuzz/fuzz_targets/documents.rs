//! Configuration as documents: XML with what FreeSWITCH and Spring make of it, YAML, JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewall_fuzz::host;

const PROGRAMS: [&str; 6] = ["activemq", "freeswitch", "openfire", "elasticsearch", "ejabberd", "docker"];

fuzz_target!(|bytes: &[u8]| host::read(|program| PROGRAMS.contains(&program.name), bytes));
