//! PostgreSQL: whether TLS is on offer, and what is wanted of who says to be `postgres`.
//! Not here: a password. None is sent, and who is let in leaves at once.

use super::super::answer::{Demand, Postgresql, Tls};
use super::channel::{Channel, Reply, Stop, shown};

/// `SSLRequest`: its length, and a version that means it.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];
const STARTUP: &[u8] = b"\0\x03\0\0user\0postgres\0database\0postgres\0\0";

/// What came of it, and the handshake where there was one.
pub(super) fn ask(channel: &mut Channel, domain: Option<&str>) -> Result<(Postgresql, Tls), Stop> {
    let offers_tls = channel.ask(&SSL_REQUEST, tls_offer)?;
    let tls = if offers_tls { channel.secure(domain) } else { Tls::NotAsked };
    if offers_tls && !channel.is_tls() {
        return Ok((
            Postgresql { offers_tls, demands: Demand::Refused("TLS did not come about".into()) },
            tls,
        ));
    }
    let mut startup = (STARTUP.len() as u32 + 4).to_be_bytes().to_vec();
    startup.extend(STARTUP);
    let demands = channel.ask(&startup, demand)?;
    let _ = channel.send(&TERMINATE);
    Ok((Postgresql { offers_tls, demands }, tls))
}

/// One byte.
pub(crate) fn tls_offer(bytes: &[u8]) -> Reply<bool> {
    match bytes {
        [] => Reply::Partial,
        [b'S'] => Reply::Whole(true),
        [b'N'] => Reply::Whole(false),
        _ => Reply::Foreign,
    }
}

/// A message: its kind, a length that counts itself, and the rest.
pub(crate) fn demand(bytes: &[u8]) -> Reply<Demand> {
    const BYTES_MAX: usize = 8192;
    let [kind, a, b, c, d, rest @ ..] = bytes else { return Reply::Partial };
    let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
    if !matches!(kind, b'R' | b'E') || !(4..=BYTES_MAX).contains(&length) {
        return Reply::Foreign;
    }
    let Some(body) = rest.get(..length - 4) else { return Reply::Partial };
    match (kind, body) {
        (b'E', _) => Reply::Whole(Demand::Refused(error(body))),
        (_, [0, 0, 0, method, ..]) => Reply::Whole(demanded(*method)),
        _ => Reply::Foreign,
    }
}

/// By the number of an authentication request.
fn demanded(method: u8) -> Demand {
    match method {
        0 => Demand::Nothing,
        3 => Demand::Cleartext,
        5 => Demand::Proof("md5"),
        7..=9 => Demand::Proof("GSSAPI or SSPI"),
        10 => Demand::Proof("SCRAM"),
        _ => Demand::Proof("a method that is not known here"),
    }
}

/// Fields, each a letter and words that end in zero; `M` is for people.
fn error(body: &[u8]) -> String {
    let message = body.split(|b| *b == 0).find_map(|field| field.strip_prefix(b"M"));
    shown(message.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_for_authentication_are_told_apart() {
        assert_eq!(demand(b"R\0\0\0\x08\0\0\0\0"), Reply::Whole(Demand::Nothing));
        assert_eq!(demand(b"R\0\0\0\x08\0\0\0\x03"), Reply::Whole(Demand::Cleartext));
        let scram = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0";
        assert_eq!(demand(scram), Reply::Whole(Demand::Proof("SCRAM")));
        assert_eq!(demand(&scram[..9]), Reply::Partial);
    }

    #[test]
    fn a_refusal_is_told_in_the_server_s_words() {
        let refused = b"E\0\0\0\x14SFATAL\0Mno entry\0\0\0";
        assert_eq!(demand(refused), Reply::Whole(Demand::Refused("no entry".into())));
    }

    #[test]
    fn another_protocol_is_foreign() {
        assert_eq!(tls_offer(b"HTTP"), Reply::Foreign);
        assert_eq!(demand(b"-ERR unknown"), Reply::Foreign);
        assert_eq!(demand(b"R\0\0\0\x02\0\0\0\0"), Reply::Foreign);
    }
}
