//! The last good answer, kept for when the database is away.
//! Not here: when it is used. It holds rows and where they are from, and nothing that is secret.

use crate::failure::Failure;
use crate::state::artefact::checksum;
use crate::state::{Store, write_atomically};
use rolewall_policy::inventory::Rows;
use rolewall_policy::inventory::rows::{NodeRow, RoleRow};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

const FILE: &str = "inventory.sql";
const MAGIC: &str = "rolewall-inventory 1";
/// Twice the largest answer: JSON puts quotes around each value.
const BYTES_MAX: u64 = 256 << 20;

/// An answer, and when and where it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) rows: Rows,
    /// `10.20.0.21:3306/voipnow`
    pub(super) from: String,
    /// Seconds since 1970, UTC.
    pub(super) at_s: u64,
}

/// Why what is kept is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("there is none at {0}")]
    None(String),
    #[error("the last good answer, {path}, is damaged: {what}")]
    Damaged { path: String, what: &'static str },
    #[error("the last good answer, {path}, cannot be read: {error}")]
    Unreadable { path: String, error: std::io::Error },
    #[error("the last good answer, {path}, is of another database, {from}")]
    Elsewhere { path: String, from: String },
}

/// The file's form.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    from: String,
    at_s: u64,
    nodes_from: String,
    roles_from: String,
    /// nodeid, name, private, public
    nodes: Vec<[String; 4]>,
    /// nodeid, role
    roles: Vec<[String; 2]>,
}

/// Seconds since 1970.
pub(super) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Keeps an answer. Where another command keeps one at this moment, that one is as good.
pub(super) fn keep(store: &Store, kept: &Kept) -> Result<(), Failure> {
    store.create()?;
    let directory = File::open(store.path("")).map_err(Failure::host)?;
    if flock(&directory, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(());
    }
    let body = serde_json::to_vec(&Document::of(kept)).map_err(Failure::host)?;
    let mut bytes = format!("{MAGIC} bytes={} sha256={}\n", body.len(), checksum(&body)).into_bytes();
    bytes.extend(body);
    write_atomically(&store.path(FILE), &[&bytes])
}

/// The last good answer; of this database, where that is said.
pub(super) fn kept(store: &Store, from: Option<&str>) -> Result<Kept, Unusable> {
    let path = store.path(FILE);
    let shown = || path.display().to_string();
    let bytes = read(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Unusable::None(shown()),
        _ => Unusable::Unreadable { path: shown(), error },
    })?;
    let kept = parse(&bytes).map_err(|what| Unusable::Damaged { path: shown(), what })?;
    match from {
        Some(wanted) if wanted != kept.from => Err(Unusable::Elsewhere { path: shown(), from: kept.from }),
        _ => Ok(kept),
    }
}

fn read(path: &PathBuf) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<Kept, &'static str> {
    let end = bytes.iter().position(|&byte| byte == b'\n').ok_or("it has no first line")?;
    let line = std::str::from_utf8(&bytes[..end]).map_err(|_| "its first line is not text")?;
    let (length, sum) = header(line).ok_or("its first line is not ours")?;
    let body = &bytes[end + 1..];
    if body.len() != length {
        return Err("it is not as long as its first line says");
    }
    if checksum(body) != sum {
        return Err("its checksum is wrong");
    }
    let document: Document = serde_json::from_slice(body).map_err(|_| "it is of another form")?;
    Ok(document.kept())
}

fn header(line: &str) -> Option<(usize, &str)> {
    let mut words = line.strip_prefix(MAGIC)?.split_whitespace();
    let length = words.next()?.strip_prefix("bytes=")?.parse().ok()?;
    Some((length, words.next()?.strip_prefix("sha256=")?))
}

impl Document {
    fn of(kept: &Kept) -> Document {
        let Kept { rows: Rows { nodes_from, roles_from, nodes, roles }, from, at_s } = kept.clone();
        let node = |NodeRow { id, name, private, public }| [id, name, private, public];
        Document {
            from,
            at_s,
            nodes_from,
            roles_from,
            nodes: nodes.into_iter().map(node).collect(),
            roles: roles.into_iter().map(|RoleRow { id, role }| [id, role]).collect(),
        }
    }

    fn kept(self) -> Kept {
        let Document { from, at_s, nodes_from, roles_from, nodes, roles } = self;
        let node = |[id, name, private, public]: [String; 4]| NodeRow { id, name, private, public };
        let nodes = nodes.into_iter().map(node).collect();
        let roles = roles.into_iter().map(|[id, role]| RoleRow { id, role }).collect();
        Kept { rows: Rows { nodes_from, roles_from, nodes, roles }, from, at_s }
    }
}

/// `3 h 12 min`; of a clock that has gone back, that it has.
pub(super) fn age(at_s: u64, now_s: u64) -> String {
    let Some(age_s) = now_s.checked_sub(at_s) else {
        return "unknown: this host's clock has gone back".into();
    };
    match (age_s / 86_400, age_s / 3600 % 24, age_s / 60 % 60) {
        (0, 0, 0) => format!("{age_s} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_words() {
        for (age_s, words) in
            [(0, "0 s"), (59, "59 s"), (3599, "59 min"), (11_520, "3 h 12 min"), (90_000, "1 d 1 h")]
        {
            assert_eq!(age(1_000_000, 1_000_000 + age_s), words);
        }
        assert!(age(2, 1).contains("gone back"));
    }

    #[test]
    fn what_is_kept_reads_back_and_any_change_to_it_is_noticed() {
        let rows = Rows {
            nodes: vec![NodeRow {
                id: "7".into(),
                name: "sip1".into(),
                private: "10.20.0.11".into(),
                public: String::new(),
            }],
            roles: vec![RoleRow { id: "7".into(), role: "sip".into() }],
            ..Rows::default()
        };
        let kept = Kept { rows, from: "db".into(), at_s: 5 };
        let body = serde_json::to_vec(&Document::of(&kept)).unwrap();
        let head = format!("{MAGIC} bytes={} sha256={}\n", body.len(), checksum(&body));
        let whole = [head.as_bytes(), &body].concat();
        assert_eq!(parse(&whole), Ok(kept));
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(parse(&changed).is_err(), "at {at}");
            assert!(parse(&whole[..at]).is_err(), "cut at {at}");
        }
    }
}
