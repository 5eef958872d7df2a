//! A datagram of Linux, read as every answer that is asked for: sockets, tracked connections, interfaces, addresses,
//! ipsets, nf_tables, refusals. Both ends of a socket are of one family, and it says the same twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewall_kernel::fuzz::told;

fuzz_target!(|datagram: &[u8]| {
    let read = told(datagram);
    for socket in &read.sockets {
        assert_eq!(socket.local.is_ipv4(), socket.remote.is_ipv4());
        assert!(socket.interface != Some(0) && (socket.local.is_ipv6() || socket.takes_ipv4()));
    }
    for entry in read.ipset.iter().flat_map(|set| &set.entries) {
        assert!(entry.network.is_none_or(|(_, length)| length <= 128));
    }
    assert_eq!(read, told(datagram));
});
