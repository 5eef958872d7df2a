//! SIP: OPTIONS to the server itself, which registers and calls nobody (RFC 3261 section 11).
//! Not here: SIP over UDP, which an audit does not ask.

use super::super::answer::Sip;
use super::channel::{Channel, Reply, Stop, shown};

pub(super) fn ask(channel: &mut Channel) -> Result<Sip, Stop> {
    let (peer, local) = channel.ends();
    let transport = if channel.is_tls() { "TLS" } else { "TCP" };
    // With no hops left nobody passes it on.
    let question = format!(
        "OPTIONS sip:{peer} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch=z9hG4bK-rolewall;rport\r\n\
         Max-Forwards: 0\r\nFrom: <sip:rolewall-audit@{local}>;tag=rolewall\r\nTo: <sip:{peer}>\r\n\
         Call-ID: rolewall-audit@{local}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
    channel.ask(question.as_bytes(), status_line)
}

/// The first line of an answer.
pub(crate) fn status_line(bytes: &[u8]) -> Reply<Sip> {
    const START: &[u8] = b"SIP/2.0 ";
    if !START.starts_with(&bytes[..bytes.len().min(START.len())]) {
        return Reply::Foreign;
    }
    let Some(end) = bytes.iter().position(|b| *b == b'\n') else { return Reply::Partial };
    let line = shown(&bytes[START.len().min(end)..end]);
    let (code, reason) = line.split_once(' ').unwrap_or((&line, ""));
    match code.parse() {
        Ok(status @ 100..=699) => Reply::Whole(Sip { status, reason: reason.to_owned() }),
        _ => Reply::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_is_read() {
        let expected = Sip { status: 483, reason: "Too Many Hops".into() };
        assert_eq!(status_line(b"SIP/2.0 483 Too Many Hops\r\nVia: x\r\n"), Reply::Whole(expected));
        assert_eq!(status_line(b"SIP/2.0 48"), Reply::Partial);
        assert_eq!(status_line(b"HTTP/1.1 400"), Reply::Foreign);
        assert_eq!(status_line(b"SIP/2.0 9\r\n"), Reply::Foreign);
    }
}
