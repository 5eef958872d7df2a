//! `[protocol:]host[:port]`, as statements name a socket.
//! Not here: what it opens.

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
    let is_read =
        hosts(script, reading, &mut socket).is_some() && port(script, reading, &mut socket).is_some();
    if is_read {
        return Some(socket);
    }
    not_read(reading, &script.place(&first));
    script.end_line(reading, &first);
    None
}

/// A line that is no statement: with a placeholder in it, somebody is to fill it in.
pub fn not_read(reading: &mut Reading<'_>, place: &Place) {
    if place.said().contains(['{', '<', '@', '$', '%', '(']) {
        reading.unresolved("a value that is to be filled in", place);
    } else {
        reading.trouble(place, "not understood: expected [protocol:]address[:port]");
    }
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
    let mut host = match token.kind {
        Kind::Word | Kind::Text => token.text.clone(),
        Kind::Mark('*') => "*".to_owned(),
        Kind::Mark(_) | Kind::Variable => return None,
    };
    used(script, &token, socket);
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

fn port(script: &mut Script, reading: &mut Reading<'_>, socket: &mut Socket) -> Option<()> {
    if script.take(reading, ':').is_none() {
        return Some(());
    }
    let mut token = script.peek(reading, 0)?.clone();
    script.substituted(&mut token);
    let number = if token.is('*') { 0 } else { number(&token.text)? };
    script.next(reading);
    used(script, &token, socket);
    // 0 is the default, as if none were written.
    socket.port = Some(u16::try_from(number).ok()?).filter(|port| *port != 0);
    Some(())
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
