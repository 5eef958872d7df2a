//! Redis' protocol: `PING` and `INFO`, without credentials.
//! Not here: keys. Nothing is read or written.

use super::super::answer::Redis;
use super::channel::{Channel, Reply, Stop, shown};

/// An answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// `+` and words, or the beginning of a string of any length.
    Text(String),
    /// `-` and words.
    Error(String),
    /// `ERROR`: it speaks memcache's protocol.
    Memcache,
}

/// What came of it; none where the other side turns out to be a memory cache.
pub(super) fn ask(channel: &mut Channel) -> Result<Option<Redis>, Stop> {
    let ping = match channel.ask(b"PING\r\n", line)? {
        Line::Text(_) => Ok(()),
        Line::Error(words) => Err(words),
        Line::Memcache => return Ok(None),
    };
    let (info, version) = match channel.ask(b"INFO server\r\n", line) {
        Ok(Line::Text(text)) => (Ok(()), version(&text)),
        Ok(Line::Error(words)) => (Err(words), None),
        Ok(Line::Memcache) => (Err("it does not know the command".into()), None),
        // A server in protected mode closes the connection after its first refusal.
        Err(stop) => (Err(stop.words()), None),
    };
    Ok(Some(Redis { ping, info, version }))
}

/// One answer (RESP: a kind, words, `\r\n`; `$` has a length first).
pub(crate) fn line(bytes: &[u8]) -> Reply<Line> {
    /// Enough of a long one.
    const TEXT_BYTES: usize = 4096;
    let Some(kind) = bytes.first() else { return Reply::Partial };
    if !b"+-$E".contains(kind) {
        return Reply::Foreign;
    }
    let Some(end) = bytes.windows(2).position(|w| w == b"\r\n") else { return Reply::Partial };
    let (words, rest) = (&bytes[1..end.max(1)], &bytes[end + 2..]);
    match kind {
        b'+' => Reply::Whole(Line::Text(shown(words))),
        b'-' => Reply::Whole(Line::Error(shown(words))),
        b'E' if words == b"RROR" => Reply::Whole(Line::Memcache),
        b'$' => match std::str::from_utf8(words).ok().and_then(|length| length.parse::<usize>().ok()) {
            Some(length) if rest.len() >= length.min(TEXT_BYTES) => {
                let text = &rest[..length.min(TEXT_BYTES)];
                Reply::Whole(Line::Text(String::from_utf8_lossy(text).into_owned()))
            }
            Some(_) => Reply::Partial,
            None => Reply::Foreign,
        },
        _ => Reply::Foreign,
    }
}

/// `redis_version:7.0.15`, `valkey_version:8.0.1`
fn version(info: &str) -> Option<String> {
    let line = info.lines().find(|line| line.split(':').next().is_some_and(|k| k.ends_with("_version")))?;
    let (name, number) = line.split_once(':')?;
    Some(shown(format!("{} {number}", name.trim_end_matches("_version")).as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        assert_eq!(line(b"+PONG\r\n"), Reply::Whole(Line::Text("PONG".into())));
        let wants = Line::Error("NOAUTH Authentication required.".into());
        assert_eq!(line(b"-NOAUTH Authentication required.\r\n"), Reply::Whole(wants));
        assert_eq!(line(b"ERROR\r\n"), Reply::Whole(Line::Memcache));
        assert_eq!(line(b"$5\r\nab\r\nc\r\n"), Reply::Whole(Line::Text("ab\r\nc".into())));
        assert_eq!(line(b"$5\r\nab"), Reply::Partial);
        assert_eq!(line(b"+PO"), Reply::Partial);
    }

    #[test]
    fn another_protocol_is_foreign() {
        assert_eq!(line(b"HTTP/1.1 400 Bad Request\r\n"), Reply::Foreign);
        assert_eq!(line(b"$x\r\n"), Reply::Foreign);
        assert_eq!(line(b"EHLO\r\n"), Reply::Foreign);
    }

    #[test]
    fn the_version_is_found_in_the_information() {
        let info = "# Server\r\nredis_version:7.0.15\r\nos:Linux\r\n";
        assert_eq!(version(info).as_deref(), Some("redis 7.0.15"));
        assert_eq!(version("nothing"), None);
    }
}
