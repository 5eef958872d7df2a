//! AMQP 0-9-1: the server's properties and mechanisms, and a login without credentials where one is on offer.
//! Not here: channels, queues and messages.

use super::super::answer::{Amqp, Login};
use super::channel::{Channel, Reply, Stop, shown};

/// The header of the protocol (section 4.2.2 of the specification).
const HEADER: &[u8] = b"AMQP\0\0\x09\x01";
const METHOD: u8 = 1;
const FRAME_END: u8 = 0xce;
/// Class `connection` and its methods.
const START: [u8; 4] = [0, 10, 0, 10];
const START_OK: [u8; 4] = [0, 10, 0, 11];
const SECURE: [u8; 4] = [0, 10, 0, 20];
const TUNE: [u8; 4] = [0, 10, 0, 30];
const CLOSE: [u8; 4] = [0, 10, 0, 50];

/// What a server says first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) product: Option<String>,
    pub(crate) mechanisms: Vec<String>,
}

/// Begins a connection; goes on without credentials where the server says that it may.
pub(super) fn ask(channel: &mut Channel) -> Result<Amqp, Stop> {
    let Start { product, mechanisms } = channel.ask(HEADER, start)?;
    let is_open = mechanisms.iter().any(|m| m == "ANONYMOUS");
    let anonymous = is_open.then(|| login(channel, "ANONYMOUS", b""));
    Ok(Amqp { product, mechanisms, anonymous, guest: None })
}

/// On a connection of its own: as the user that every RabbitMQ has at first.
pub(super) fn ask_guest(channel: &mut Channel) -> Result<Login, Stop> {
    channel.ask(HEADER, start)?;
    Ok(login(channel, "PLAIN", b"\0guest\0guest"))
}

fn login(channel: &mut Channel, mechanism: &str, response: &[u8]) -> Login {
    match channel.ask(&start_ok(mechanism, response), verdict) {
        Ok(login) => login,
        // A server may close the connection instead of saying why.
        Err(stop) => Login::Refused(stop.words()),
    }
}

fn start_ok(mechanism: &str, response: &[u8]) -> Vec<u8> {
    let mut payload = START_OK.to_vec();
    payload.extend(0_u32.to_be_bytes());
    payload.push(mechanism.len() as u8);
    payload.extend(mechanism.as_bytes());
    payload.extend((response.len() as u32).to_be_bytes());
    payload.extend(response);
    payload.extend(b"\x05en_US");
    let mut frame = vec![METHOD, 0, 0];
    frame.extend((payload.len() as u32).to_be_bytes());
    frame.extend(payload);
    frame.push(FRAME_END);
    frame
}

/// The payload of a method's frame.
fn method(bytes: &[u8]) -> Reply<&[u8]> {
    const BYTES_MAX: usize = 16 * 1024;
    let [kind, _, _, a, b, c, d, rest @ ..] = bytes else {
        return if bytes.first().is_none_or(|kind| *kind == METHOD) {
            Reply::Partial
        } else {
            Reply::Foreign
        };
    };
    let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
    if *kind != METHOD || length > BYTES_MAX {
        return Reply::Foreign;
    }
    match (rest.get(..length), rest.get(length)) {
        (Some(payload), Some(&FRAME_END)) => Reply::Whole(payload),
        (_, Some(_)) => Reply::Foreign,
        _ => Reply::Partial,
    }
}

pub(crate) fn start(bytes: &[u8]) -> Reply<Start> {
    let payload = match method(bytes) {
        Reply::Whole(payload) => payload,
        Reply::Partial => return Reply::Partial,
        Reply::Foreign => return Reply::Foreign,
    };
    // Two bytes of version stand before the properties.
    let rest = payload.strip_prefix(&START).and_then(|rest| rest.get(2..));
    match rest.and_then(properties_and_mechanisms) {
        Some(start) => Reply::Whole(start),
        None => Reply::Foreign,
    }
}

fn properties_and_mechanisms(rest: &[u8]) -> Option<Start> {
    let (properties, rest) = long(rest)?;
    let (mechanisms, _) = long(rest)?;
    let words = mechanisms.split(|b| *b == b' ').filter(|word| !word.is_empty()).take(32);
    let [product, version] = [b"product".as_slice(), b"version"].map(|name| property(properties, name));
    let product = product.map(|p| version.map_or(p.clone(), |v| format!("{p} {v}")));
    Some(Start { product, mechanisms: words.map(shown).collect() })
}

/// Four bytes of length, that many, and what is behind.
fn long(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

/// A property that is a string: its name with its length, `S`, and its value.
fn property(table: &[u8], name: &[u8]) -> Option<String> {
    let key = [&[name.len() as u8], name, b"S"].concat();
    let at = table.windows(key.len()).position(|window| window == key)?;
    long(&table[at + key.len()..]).map(|(value, _)| shown(value))
}

/// What a login came to.
pub(crate) fn verdict(bytes: &[u8]) -> Reply<Login> {
    method(bytes).map(|payload| {
        let kind = payload.first_chunk::<4>().copied().unwrap_or_default();
        match kind {
            TUNE => Login::Accepted,
            CLOSE => Login::Refused(reason(&payload[4..])),
            SECURE => Login::Refused("it wants more than that".into()),
            _ => Login::Refused("it said something else".into()),
        }
    })
}

/// A code of two bytes, and words with their length.
fn reason(rest: &[u8]) -> String {
    let Some([length, words @ ..]) = rest.get(2..) else { return String::new() };
    shown(&words[..words.len().min(usize::from(*length))])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![METHOD, 0, 0];
        bytes.extend((payload.len() as u32).to_be_bytes());
        bytes.extend(payload);
        bytes.push(FRAME_END);
        bytes
    }

    fn start_payload() -> Vec<u8> {
        let table = b"\x07productS\0\0\0\x08RabbitMQ\x07versionS\0\0\0\x063.10.8";
        let mut payload = [&START[..], &[0, 9]].concat();
        payload.extend((table.len() as u32).to_be_bytes());
        payload.extend(table);
        payload.extend(b"\0\0\0\x0fPLAIN ANONYMOUS\0\0\0\x05en_US");
        payload
    }

    #[test]
    fn the_start_tells_product_and_mechanisms() {
        let bytes = frame(&start_payload());
        let expected = Start {
            product: Some("RabbitMQ 3.10.8".into()),
            mechanisms: vec!["PLAIN".into(), "ANONYMOUS".into()],
        };
        assert_eq!(start(&bytes), Reply::Whole(expected));
        assert_eq!(start(&bytes[..bytes.len() - 1]), Reply::Partial);
    }

    #[test]
    fn a_login_is_accepted_by_tune_and_refused_by_close() {
        assert_eq!(verdict(&frame(&[&TUNE[..], &[0; 8]].concat())), Reply::Whole(Login::Accepted));
        let close = [&CLOSE[..], &[0x01, 0x93], b"\x0eACCESS_REFUSED", &[0; 4]].concat();
        assert_eq!(verdict(&frame(&close)), Reply::Whole(Login::Refused("ACCESS_REFUSED".into())));
    }

    #[test]
    fn another_version_or_protocol_is_foreign() {
        assert_eq!(start(b"AMQP\0\x01\0\0"), Reply::Foreign);
        assert_eq!(start(b"HTTP/1.1 400"), Reply::Foreign);
        assert_eq!(start(&frame(&TUNE)), Reply::Foreign);
    }
}
