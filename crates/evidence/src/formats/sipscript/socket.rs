//! `[protocol:]host[:port]`, as statements name a socket.
//! Not here: what it opens.

use super::words::is_placeholder;
use super::{Kind, Script, Token};
use crate::reading::Reading;
use crate::text::Place;

/// A socket that a statement names.
#[derive(Debug, Clone)]
pub struct Socket {
    /// In lower case; none where the statement does not say.
    pub protocol: Option<String>,
    /// Names, addresses or interfaces, without brackets; several where they are one SCTP association.
    pub hosts: Vec<String>,
    /// None where the statement does not say.
    pub port: Option<u16>,
    /// The statement's line, and the lines of the definitions that it uses.
    pub places: Vec<Place>,
}

impl Socket {
    /// Where the statement stands.
    pub fn place(&self) -> Place {
        self.places.first().cloned().unwrap_or_else(|| Place::file("/"))
    }
}

/// Reads a socket that begins with the next token. Where it is none, that is said, and its line is left out.
pub fn read(script: &mut Script, reading: &mut Reading<'_>, is_protocol: fn(&str) -> bool) -> Option<Socket> {
    let first = script.peek(reading, 0)?.clone();
    // A name with a value is the next statement: this one has none.
    if script.has(reading, 1, '=') {
        let place = script.place(&first);
        reading.trouble(
            &place,
            "the statement before this one has no value; expected [protocol:]address[:port]",
        );
        return None;
    }
    let mut socket = Socket { protocol: None, hosts: Vec::new(), port: None, places: script.places(&first) };
    let is_named = first.word().is_some_and(is_protocol) || first.is('*');
    if is_named && script.has(reading, 1, ':') {
        socket.protocol = first.word().map(str::to_ascii_lowercase);
        script.next(reading);
        script.next(reading);
    }
    let port = hosts(script, reading, &mut socket).and_then(|()| port(script, reading, &first, &mut socket));
    match port.filter(|_| !is_glued(script, reading)) {
        Some(Port::Number(number)) => {
            socket.port = number;
            return Some(socket);
        }
        Some(Port::Name(name)) => reading.unresolved(format!("the port {name:?}"), &socket.place()),
        None => not_read(reading, &socket.places),
    }
    script.end_line(reading, &first);
    None
}

/// A line that is no statement: with a placeholder in it, or in a definition that it uses, somebody is to fill
/// it in.
pub fn not_read(reading: &mut Reading<'_>, places: &[Place]) {
    let Some(place) = places.first() else { return };
    if places.iter().any(|place| is_placeholder(place.said())) {
        reading.unresolved("a value that is to be filled in", place);
    } else {
        reading.trouble(place, "not understood: expected [protocol:]address[:port]");
    }
}

/// Whether the word goes on where a socket would end: `udp:192.0.2.1:50{{ port }}`, `wss:192.0.2.1:443`.
fn is_glued(script: &mut Script, reading: &mut Reading<'_>) -> bool {
    let is_other = |kind| !matches!(kind, Kind::Mark(';' | '}' | ',' | ')'));
    script.peek(reading, 0).is_some_and(|next| next.is_glued() && is_other(next.kind))
}

fn hosts(script: &mut Script, reading: &mut Reading<'_>, socket: &mut Socket) -> Option<()> {
    if script.take(reading, '(').is_none() {
        return host(script, reading, socket);
    }
    host(script, reading, socket)?;
    while script.take(reading, ',').is_some() {
        host(script, reading, socket)?;
    }
    script.take(reading, ')').map(|_| ())
}

/// An address, a name with dots and dashes, a string, `[v6]`, or `*`.
fn host(script: &mut Script, reading: &mut Reading<'_>, socket: &mut Socket) -> Option<()> {
    let is_bracketed = script.take(reading, '[').is_some();
    let mut token = script.next(reading)?;
    script.substituted(&mut token);
    used(script, &token, socket);
    let mut host = match token.kind {
        Kind::Word | Kind::Text => token.text.clone(),
        Kind::Mark('*') => "*".to_owned(),
        Kind::Mark(_) | Kind::Variable | Kind::Template => return None,
    };
    while token.kind == Kind::Word && !is_bracketed && is_continued(script, reading) {
        let mark = script.next(reading)?;
        let part = script.next(reading)?;
        host.push(if mark.is('.') { '.' } else { '-' });
        host.push_str(&part.text);
        used(script, &part, socket);
    }
    if is_bracketed {
        script.take(reading, ']')?;
    }
    socket.hosts.push(host);
    Some(())
}

fn is_continued(script: &mut Script, reading: &mut Reading<'_>) -> bool {
    let is_mark = script.has(reading, 0, '.') || script.has(reading, 0, '-');
    is_mark && script.peek(reading, 1).is_some_and(|token| token.kind == Kind::Word)
}

/// What stands behind the colon.
enum Port {
    /// None where no colon is: the default then, as for 0 and `*`.
    Number(Option<u16>),
    /// A word that is to be filled in, since no definition has it.
    Name(String),
}

fn port(script: &mut Script, reading: &mut Reading<'_>, first: &Token, socket: &mut Socket) -> Option<Port> {
    if script.take(reading, ':').is_none() {
        return Some(Port::Number(None));
    }
    let mut token = script.peek(reading, 0)?.clone();
    script.substituted(&mut token);
    used(script, &token, socket);
    let number = match number(&token.text) {
        Some(number) => u16::try_from(number).ok()?,
        None if token.is('*') => 0,
        None if token.is_beside(first)
            && token.text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') =>
        {
            script.next(reading);
            return Some(Port::Name(token.text));
        }
        None => return None,
    };
    script.next(reading);
    Some(Port::Number(Some(number).filter(|port| *port != 0)))
}

fn used(script: &mut Script, token: &Token, socket: &mut Socket) {
    for place in script.places(token) {
        if !socket.places.contains(&place) {
            socket.places.push(place);
        }
    }
}

/// A number in any of the spellings of the language: decimal, `0x…`, `0…` octal, `…b` binary, or a boolean.
pub fn number(text: &str) -> Option<u32> {
    let based =
        |digits: &str, base| u32::from_str_radix(digits, base).ok().filter(|_| !digits.starts_with('+'));
    match text {
        "yes" | "true" | "on" | "enable" => return Some(1),
        "no" | "false" | "off" | "disable" => return Some(0),
        _ => {}
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return based(hex, 16);
    }
    if let Some(octal) = text.strip_prefix('0').filter(|rest| !rest.is_empty() && !rest.ends_with('b')) {
        return based(octal, 8);
    }
    based(text, 10).or_else(|| text.strip_suffix('b').and_then(|binary| based(binary, 2)))
}
