//! HTTP/1.1: the head of an answer to `HEAD /` or `GET /`.
//! Not here: bodies, which are not read.

use super::super::answer::Http;
use super::channel::{Channel, Reply, Stop, shown};

/// A method that changes nothing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Method {
    Head,
    Get,
}

pub(super) fn ask(channel: &mut Channel, method: Method, domain: Option<&str>) -> Result<Http, Stop> {
    let method = match method {
        Method::Head => "HEAD",
        Method::Get => "GET",
    };
    let (peer, _) = channel.ends();
    let host = domain.map_or_else(|| peer.to_string(), str::to_owned);
    let question = format!(
        "{method} / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: rolewall-audit\r\nConnection: close\r\n\r\n"
    );
    channel.ask(question.as_bytes(), head)
}

/// The head, once its empty line is there (RFC 9112 section 2.1).
pub(crate) fn head(bytes: &[u8]) -> Reply<Http> {
    const START: &[u8] = b"HTTP/1.";
    let beginning = &bytes[..bytes.len().min(START.len())];
    if !START.starts_with(beginning) {
        return Reply::Foreign;
    }
    let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { return Reply::Partial };
    let mut lines = bytes[..end].split(|b| *b == b'\n');
    let Some(status) = lines.next().and_then(status) else { return Reply::Foreign };
    let mut http = Http { status, location: None, server: None };
    for line in lines {
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let (name, value) = (&line[..colon], shown(&line[colon + 1..]));
        if name.eq_ignore_ascii_case(b"location") {
            http.location = Some(value);
        } else if name.eq_ignore_ascii_case(b"server") {
            http.server = Some(value);
        }
    }
    Reply::Whole(http)
}

fn status(line: &[u8]) -> Option<u16> {
    let code = line.split(|b| *b == b' ').nth(1)?;
    let code = std::str::from_utf8(code).ok()?.trim_end().parse().ok()?;
    (100..1000).contains(&code).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_read_with_where_it_leads() {
        let answer = b"HTTP/1.1 301 Moved\r\nserver: x\r\nLocation: https://web.example/\r\n\r\nbody";
        let expected =
            Http { status: 301, location: Some("https://web.example/".into()), server: Some("x".into()) };
        assert_eq!(head(answer), Reply::Whole(expected));
        assert_eq!(head(&answer[..30]), Reply::Partial);
    }

    #[test]
    fn another_protocol_is_told_at_its_first_byte() {
        assert_eq!(head(b"S"), Reply::Foreign);
        assert_eq!(head(b"HTTP/1.1 abc\r\n\r\n"), Reply::Foreign);
        assert_eq!(head(b"HTTP"), Reply::Partial);
    }
}
