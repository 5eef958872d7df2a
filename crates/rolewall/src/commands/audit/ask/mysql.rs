//! MySQL and MariaDB: the greeting, and a login as the anonymous user without a password.
//! Not here: statements. Who is let in leaves at once.
//!
//! The login is made for its own sake, and because a server counts hosts that leave after the greeting
//! (`max_connect_errors`) and in the end locks them out; it does not count a login that it refuses. Each is
//! a line in its error log.

use super::super::answer::{Login, Mysql};
use super::channel::{Channel, Reply, Stop, shown};

/// Capabilities of a client (`CLIENT_*` of mysql_com.h).
const CLIENT_LONG_PASSWORD: u32 = 1;
const CLIENT_PROTOCOL_41: u32 = 1 << 9;
const CLIENT_SSL: u32 = 1 << 11;
const CLIENT_SECURE_CONNECTION: u32 = 1 << 15;
const CLIENT_PLUGIN_AUTH: u32 = 1 << 19;

const PACKET_BYTES_MAX: u32 = 1 << 16;
const UTF8: u8 = 33;
const QUIT: [u8; 5] = [1, 0, 0, 0, 1];

/// What a server sends first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Greeting {
    Welcome {
        version: String,
        offers_tls: bool,
    },
    /// This host may not even try.
    TurnedAway(String),
}

/// What a server answers a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    Refused(String),
    /// It wants another method of authentication; the answer carries this number.
    Another(u8),
}

pub(super) fn ask(channel: &mut Channel) -> Result<Mysql, Stop> {
    let (version, offers_tls) = match channel.ask(&[], greeting)? {
        Greeting::Welcome { version, offers_tls } => (version, offers_tls),
        Greeting::TurnedAway(why) => {
            return Ok(Mysql { version: None, offers_tls: false, anonymous: Login::Refused(why) });
        }
    };
    let mut answer = channel.ask(&anonymous(), verdict);
    if let Ok(Verdict::Another(number)) = answer {
        // No password, by whatever method: an empty packet.
        answer = channel.ask(&[0, 0, 0, number], verdict);
    }
    let anonymous = match answer {
        Ok(Verdict::Accepted) => {
            let _ = channel.send(&QUIT);
            Login::Accepted
        }
        Ok(Verdict::Refused(why)) => Login::Refused(why),
        Ok(Verdict::Another(_)) => Login::Refused("it wants a proof".into()),
        Err(stop) => Login::Refused(stop.words()),
    };
    Ok(Mysql { version: Some(version), offers_tls, anonymous })
}

/// A response to the greeting: user '' and an empty password.
fn anonymous() -> Vec<u8> {
    let capabilities =
        CLIENT_LONG_PASSWORD | CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH;
    let mut payload = Vec::new();
    payload.extend(capabilities.to_le_bytes());
    payload.extend(PACKET_BYTES_MAX.to_le_bytes());
    payload.push(UTF8);
    payload.extend([0; 23]);
    payload.extend(b"\0\0mysql_native_password\0");
    let mut packet = vec![payload.len() as u8, 0, 0, 1];
    packet.extend(payload);
    packet
}

/// A packet: its number and what it carries.
fn packet(bytes: &[u8]) -> Reply<(u8, &[u8])> {
    const BYTES_MAX: usize = 4096;
    let [a, b, c, number, rest @ ..] = bytes else { return Reply::Partial };
    let length = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
    if length == 0 || length > BYTES_MAX {
        return Reply::Foreign;
    }
    rest.get(..length).map_or(Reply::Partial, |payload| Reply::Whole((*number, payload)))
}

pub(crate) fn greeting(bytes: &[u8]) -> Reply<Greeting> {
    match packet(bytes) {
        Reply::Whole((_, [0xff, rest @ ..])) => Reply::Whole(Greeting::TurnedAway(error(rest))),
        Reply::Whole((0, [10, rest @ ..])) => welcome(rest).map_or(Reply::Foreign, Reply::Whole),
        Reply::Partial => Reply::Partial,
        Reply::Whole(_) | Reply::Foreign => Reply::Foreign,
    }
}

/// After the protocol's version: a name, 4 bytes of thread id, 8 of a nonce, a zero, capabilities.
fn welcome(rest: &[u8]) -> Option<Greeting> {
    let end = rest.iter().position(|b| *b == 0)?;
    let capabilities = rest.get(end + 14..end + 16)?;
    let capabilities = u32::from(capabilities[0]) | u32::from(capabilities[1]) << 8;
    // MariaDB puts an old number before its own, for old replicas.
    let name = rest[..end].strip_prefix(b"5.5.5-").unwrap_or(&rest[..end]);
    Some(Greeting::Welcome { version: shown(name), offers_tls: capabilities & CLIENT_SSL != 0 })
}

pub(crate) fn verdict(bytes: &[u8]) -> Reply<Verdict> {
    packet(bytes).map(|(number, payload)| match payload {
        [0, ..] => Verdict::Accepted,
        [0xff, rest @ ..] => Verdict::Refused(error(rest)),
        [0xfe, ..] => Verdict::Another(number.wrapping_add(1)),
        _ => Verdict::Refused("it wants a proof".into()),
    })
}

/// Two bytes of a number, perhaps a state of five after `#`, and words.
fn error(rest: &[u8]) -> String {
    let words = rest.get(2..).unwrap_or_default();
    let words = if words.first() == Some(&b'#') { words.get(6..).unwrap_or_default() } else { words };
    shown(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(number: u8, payload: &[u8]) -> Vec<u8> {
        [&[payload.len() as u8, 0, 0, number], payload].concat()
    }

    #[test]
    fn a_greeting_tells_version_and_tls() {
        let mut payload = b"\x0a5.5.5-10.11.2-MariaDB\0".to_vec();
        payload.extend([1, 0, 0, 0]);
        payload.extend(b"12345678\0");
        payload.extend([0xfe, 0xff, 33, 2, 0]);
        let expected = Greeting::Welcome { version: "10.11.2-MariaDB".into(), offers_tls: true };
        assert_eq!(greeting(&framed(0, &payload)), Reply::Whole(expected));
        assert_eq!(greeting(&framed(0, &payload)[..20]), Reply::Partial);
    }

    #[test]
    fn a_host_that_is_turned_away_is_told_why() {
        let packet = framed(0, b"\xff\x6a\x04Host '192.0.2.9' is not allowed to connect");
        let told = Greeting::TurnedAway("Host '192.0.2.9' is not allowed to connect".into());
        assert_eq!(greeting(&packet), Reply::Whole(told));
    }

    #[test]
    fn verdicts_are_told_apart() {
        assert_eq!(verdict(&framed(2, &[0, 0, 0, 2, 0, 0, 0])), Reply::Whole(Verdict::Accepted));
        let denied = framed(2, b"\xff\x15\x04#28000Access denied");
        assert_eq!(verdict(&denied), Reply::Whole(Verdict::Refused("Access denied".into())));
        assert_eq!(verdict(&framed(2, b"\xfemysql_native_password\0")), Reply::Whole(Verdict::Another(3)));
    }

    #[test]
    fn another_protocol_is_foreign() {
        assert_eq!(greeting(b"HTTP/1.1 400 Bad Request"), Reply::Foreign);
        assert_eq!(greeting(b"\0\0\0\0"), Reply::Foreign);
    }
}
