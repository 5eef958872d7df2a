//! Any bytes from the other side: reading them ends, without a panic, and what is shown of them is short.

use super::channel::{Reply, excerpt, shown};
use super::{amqp, certificate, http, memcache, mysql, postgresql, redis, sip, tls, xmpp};
use proptest::prelude::*;
use std::fmt::Debug;

/// Longer than what any reader makes of any answer: names, mechanisms and a line of words.
const SHOWN_BYTES_MAX: usize = 64 * 1024;

/// Beginnings that get a reader past its first look.
const BEGINNINGS: [&[u8]; 14] = [
    b"",
    b"HTTP/1.1 301 Moved\r\nLocation:",
    b"SIP/2.0 200 ",
    b"<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'>",
    b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>",
    b"\x4a\0\0\0\x0a5.5.5-10.11\0",
    b"\x10\0\0\x02\xff\x15\x04#28000",
    b"R\0\0\0\x08\0\0\0",
    b"E\0\0\0\x20SFATAL\0M",
    b"\x01\0\0\0\0\0\x20\0\x0a\0\x0a\0\x09\0\0\0\x10\x07productS\0\0\0\xff",
    b"$12\r\n",
    b"STAT ",
    b"\x16\x03\x03\0\x40",
    b"\x30\x82\x01\x0a\x30\x81\xff\x06\x03\x55\x04\x03\x0c\xff",
];
const ENDINGS: [&[u8]; 5] = [b"", b"\r\n\r\n", b"</stream:features>", b"</stream:error>", b"\xce"];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..400);
    (0..BEGINNINGS.len(), noise, 0..ENDINGS.len())
        .prop_map(|(beginning, noise, ending)| [BEGINNINGS[beginning], &noise, ENDINGS[ending]].concat())
}

fn is_short<T: Debug>(reply: &Reply<T>) {
    assert!(format!("{reply:?}").len() < SHOWN_BYTES_MAX);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in bytes()) {
        is_short(&http::head(&bytes));
        is_short(&sip::status_line(&bytes));
        is_short(&xmpp::features(&bytes));
        is_short(&xmpp::proceed(&bytes));
        is_short(&mysql::greeting(&bytes));
        is_short(&mysql::verdict(&bytes));
        is_short(&postgresql::tls_offer(&bytes));
        is_short(&postgresql::demand(&bytes));
        is_short(&amqp::start(&bytes));
        is_short(&amqp::verdict(&bytes));
        is_short(&redis::line(&bytes));
        is_short(&memcache::version(&bytes));
        is_short(&memcache::stats(&bytes));
        tls::is_record(&bytes);
        certificate::read(&bytes, Some("im.example.net"));
        certificate::common_name(&bytes);
    }

    #[test]
    fn what_is_shown_is_one_short_line(bytes in bytes()) {
        for text in [excerpt(&bytes), shown(&bytes)] {
            assert!(text.len() < 800 && !text.contains(char::is_control), "{text:?}");
        }
    }
}
