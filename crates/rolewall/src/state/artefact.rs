//! A revision as a file: the very batch that Linux takes, with a line before it that says what it is.
//! Not here: when which file is written.
//!
//! The bytes need nothing but a socket to be loaded, so that nothing can be missing at boot; and they
//! decode to the ruleset again, so that drift is a comparison.

use super::{Store, make_stay, sync_directory, write_atomically, write_for_now};
use crate::failure::{Failure, Kind, file_failure};
use rolewall_control::frame::is_of_panic;
use rolewall_control::{Change, Held, Revision};
use rolewall_kernel::nft::batch;
use rolewall_policy::lower::table_id;
use rolewall_ruleset::{Chain, Generation, Table, Transaction};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Being tested; never loaded at boot.
    Candidate,
    /// Loaded at boot.
    Confirmed,
}

impl Stage {
    fn file_name(self) -> &'static str {
        match self {
            Stage::Candidate => "candidate.rules",
            Stage::Confirmed => "confirmed.rules",
        }
    }
}

/// A revision read from its file.
#[derive(Debug, Clone)]
pub(crate) struct Artefact {
    pub(crate) revision: Revision,
    pub(crate) table: Table,
}

impl Artefact {
    /// Its generation, to be led to in a table that is there.
    pub(crate) fn generation(&self) -> Generation {
        let mut generation = Generation::empty(&self.table.id);
        generation.entries = Held::read(&self.table).confirmed.into_iter().collect();
        let is_its = |name: &str| Revision::of_name(name) == Some(self.revision);
        generation.parts.sets = self.table.sets.iter().filter(|s| is_its(&s.name)).cloned().collect();
        let is_part = |c: &&Chain| c.base.is_none() && !is_of_panic(&c.name);
        generation.parts.chains = self.table.chains.iter().filter(is_part).cloned().collect();
        generation
    }

    /// What closes the host, where the file has it.
    pub(crate) fn panic(&self) -> Option<Generation> {
        panic_in(&self.table)
    }
}

/// The chains and sets of a table that close the host, elements as far as the table has them.
pub(crate) fn panic_in(table: &Table) -> Option<Generation> {
    let mut generation = Generation::empty(&table.id);
    generation.entries = Held::read(table).panic.into_iter().collect();
    generation.parts.sets = table.sets.iter().filter(|s| is_of_panic(&s.name)).cloned().collect();
    let chains = table.chains.iter().filter(|c| c.base.is_none() && is_of_panic(&c.name));
    generation.parts.chains = chains.cloned().collect();
    (!generation.entries.is_empty()).then_some(generation)
}

const MAGIC: &str = "rolewall-ruleset 1";

/// A revision as the content of its file.
#[derive(Debug)]
pub(crate) struct Encoded {
    header: String,
    batch: Vec<u8>,
}

impl Encoded {
    pub(crate) fn of(revision: Revision, transaction: &Transaction<'_>) -> Result<Encoded, Failure> {
        let batch = batch::encode(transaction).map_err(Failure::from)?;
        let header =
            format!("{MAGIC} revision={revision} bytes={} sha256={}\n", batch.len(), checksum(&batch));
        Ok(Encoded { header, batch })
    }

    pub(super) fn parts(&self) -> [&[u8]; 2] {
        [self.header.as_bytes(), &self.batch]
    }
}

impl Store {
    /// Writes a confirmed generation for boot to load.
    pub(crate) fn write_confirmed(&self, revision: Revision, generation: &Generation) -> Result<(), Failure> {
        let file = Encoded::of(revision, &Change::load(&table_id(), None, generation).visible())?;
        write_atomically(&self.path(Stage::Confirmed.file_name()), &file.parts())
    }

    /// Writes a generation that is to be tested. A power failure would end its test too, so that the disk need not
    /// have it before it is to be confirmed.
    pub(crate) fn stage(&self, candidate: &Encoded) -> Result<(), Failure> {
        write_for_now(&self.path(Stage::Candidate.file_name()), &candidate.parts())
    }

    /// The candidate's content is on disk for good; its file may be promoted.
    pub(crate) fn make_candidate_stay(&self) -> Result<(), Failure> {
        self.make_closed_stay()?;
        make_stay(&self.path(Stage::Candidate.file_name()))
    }

    /// The candidate's file becomes the confirmed one: for good once the directory is synced.
    pub(crate) fn promote(&self) -> Result<(), Failure> {
        self.promote_closed()?;
        let (from, to) = (self.path(Stage::Candidate.file_name()), self.path(Stage::Confirmed.file_name()));
        fs::rename(&from, &to).map_err(|e| file_failure("rename", &from, &e))
    }

    /// Every name in the directory is there for good.
    pub(crate) fn make_names_stay(&self) -> Result<(), Failure> {
        let path = self.path(Stage::Confirmed.file_name());
        sync_directory(&path).map_err(|e| file_failure("sync", &path, &e))
    }

    pub(crate) fn discard_candidate(&self) -> Result<(), Failure> {
        remove(&self.path(Stage::Candidate.file_name()))?;
        self.discard_closed()
    }

    /// The revision that a file holds, without reading the whole.
    pub(crate) fn artefact_revision(&self, stage: Stage) -> Option<Revision> {
        revision_of(&self.path(stage.file_name()))
    }

    /// The SHA-256 that a file says it has, in hexadecimal, without reading the whole.
    pub(crate) fn artefact_checksum(&self, stage: Stage) -> Option<String> {
        let line = first_line(&self.path(stage.file_name()))?;
        parse_header(&line).map(|(_, _, sum)| sum.to_owned())
    }

    /// The revision in a file; none if there is no such file.
    pub(crate) fn artefact(&self, stage: Stage) -> Result<Option<Artefact>, Failure> {
        read(&self.path(stage.file_name()))
    }
}

/// The revision that a file is of, without reading the whole.
pub(super) fn revision_of(path: &Path) -> Option<Revision> {
    first_line(path).and_then(|line| parse_header(&line).map(|(revision, _, _)| revision))
}

fn first_line(path: &Path) -> Option<String> {
    use std::io::{BufRead, BufReader};
    let file = fs::File::open(path).ok()?;
    let mut line = String::new();
    BufReader::with_capacity(256, file).read_line(&mut line).ok()?;
    line.truncate(line.trim_end().len());
    Some(line)
}

/// Removes a file that may be absent.
pub(super) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(file_failure("remove", path, &e)),
        _ => Ok(()),
    }
}

/// What a file holds; none if there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Artefact>, Failure> {
    match fs::read(path) {
        Ok(bytes) => parse(path, &bytes).map(Some),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(file_failure("read", path, &e)),
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Artefact, Failure> {
    let damaged = |what: &str| {
        Failure::new(Kind::Host, format_args!("{} is damaged: {what}", path.display()))
            .help("rolewall apply makes a new one from settings and inventory")
    };
    let end = bytes.iter().position(|&b| b == b'\n').ok_or_else(|| damaged("it has no first line"))?;
    let line = std::str::from_utf8(&bytes[..end]).map_err(|_| damaged("its first line is not text"))?;
    let (revision, len, sum) = parse_header(line).ok_or_else(|| damaged("its first line is not ours"))?;
    let batch = &bytes[end + 1..];
    if batch.len() != len {
        return Err(damaged(&format!("{} bytes where its first line says {len}", batch.len())));
    }
    if checksum(batch) != sum {
        return Err(damaged("its checksum is wrong"));
    }
    let table = batch::decode(batch).map_err(|e| damaged(&e.to_string()))?;
    Ok(Artefact { revision, table })
}

fn parse_header(line: &str) -> Option<(Revision, usize, &str)> {
    let mut words = line.strip_prefix(MAGIC)?.split_whitespace();
    let revision = words.next()?.strip_prefix("revision=")?.parse().ok()?;
    let len = words.next()?.strip_prefix("bytes=")?.parse().ok()?;
    let sum = words.next()?.strip_prefix("sha256=")?;
    Some((Revision(revision), len, sum))
}

pub(crate) fn checksum(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
