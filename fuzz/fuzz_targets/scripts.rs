//! Configuration that is nearly a program: Kamailio's and OpenSIPS' scripts with their conditions and macros, Lua,
//! Erlang's terms, Apache's and HAProxy's conditions, lighttpd's and the shell's variables.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewall_fuzz::host;

const PROGRAMS: [&str; 9] =
    ["kamailio", "opensips", "prosody", "rabbitmq", "ejabberd", "httpd", "haproxy", "lighttpd", "rtpproxy"];

fuzz_target!(|bytes: &[u8]| host::read(|program| PROGRAMS.contains(&program.name), bytes));
