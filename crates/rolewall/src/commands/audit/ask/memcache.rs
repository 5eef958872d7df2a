//! Memcache's protocol: `version` and `stats`, without credentials.
//! Not here: items. Nothing is read or written.

use super::super::answer::Memcache;
use super::channel::{Channel, Reply, Stop, shown};

pub(super) fn ask(channel: &mut Channel) -> Result<Memcache, Stop> {
    let version = channel.ask(b"version\r\n", version)?.ok();
    let stats = match channel.ask(b"stats\r\n", stats) {
        Ok(answer) => answer,
        Err(stop) => Err(stop.words()),
    };
    let _ = channel.send(b"quit\r\n");
    Ok(Memcache { version, stats })
}

/// `VERSION 1.6.18`, or what was said instead.
pub(crate) fn version(bytes: &[u8]) -> Reply<Result<String, String>> {
    first_line(bytes, |line| line.strip_prefix(b"VERSION ").map(shown))
}

/// `STAT name value`, or what was said instead.
pub(crate) fn stats(bytes: &[u8]) -> Reply<Result<(), String>> {
    first_line(bytes, |line| (line.starts_with(b"STAT ") || line == b"END").then_some(()))
}

fn first_line<T>(bytes: &[u8], wanted: impl Fn(&[u8]) -> Option<T>) -> Reply<Result<T, String>> {
    const LINE_BYTES_MAX: usize = 1024;
    let Some(end) = bytes.windows(2).position(|w| w == b"\r\n") else {
        return if bytes.len() > LINE_BYTES_MAX { Reply::Foreign } else { Reply::Partial };
    };
    let line = &bytes[..end];
    if let Some(found) = wanted(line) {
        return Reply::Whole(Ok(found));
    }
    let refusals: [&[u8]; 3] = [b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR"];
    if refusals.iter().any(|refusal| line.starts_with(refusal)) {
        return Reply::Whole(Err(shown(line)));
    }
    Reply::Foreign
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_refusals_are_told_apart() {
        assert_eq!(version(b"VERSION 1.6.18\r\n"), Reply::Whole(Ok("1.6.18".into())));
        assert_eq!(stats(b"STAT pid 1\r\nSTAT"), Reply::Whole(Ok(())));
        let refused = Reply::Whole(Err("CLIENT_ERROR unauthenticated".into()));
        assert_eq!(stats(b"CLIENT_ERROR unauthenticated\r\n"), refused);
        assert_eq!(stats(b"STA"), Reply::Partial);
        assert_eq!(version(b"HTTP/1.1 400\r\n"), Reply::Foreign);
    }
}
