//! The firewall that was there before: saved to a file that its own tool restores, and a copy with a
//! checksum in the state directory.
//! Not here: the way back, which needs neither file; the kernel keeps the previous generation.

use super::artefact::checksum;
use super::{Notes, Store, write_together};
use crate::candidate::as_confirmed;
use crate::failure::{Failure, file_failure};
use crate::foreign::Foreign;
use crate::host::Host;
use rolewall_ruleset::{Generation, text};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Tables that iptables keeps in nf_tables under its own names.
const IPTABLES_NAMES: [&str; 5] = ["filter", "nat", "mangle", "raw", "security"];
/// Before our table can be as it was, what came after it must go; nft takes this also where there is none.
const AWAY: &str = "table inet rolewall\ndelete table inet rolewall\n";
const IPTABLES_SAVE: [&str; 2] = ["/usr/sbin/iptables-save", "/sbin/iptables-save"];
const IP6TABLES_SAVE: [&str; 2] = ["/usr/sbin/ip6tables-save", "/sbin/ip6tables-save"];
const NFT: [&str; 2] = ["/usr/sbin/nft", "/sbin/nft"];

impl Store {
    /// Writes a copy of what was in force, and the notes of the candidate that shall be.
    pub(crate) fn write_notes_and_saved(&self, notes: &Notes, previous: &str) -> Result<(), Failure> {
        let header = format!("# sha256 of the rest: {}\n", checksum(previous.as_bytes()));
        write_together(&[
            (&self.path("previous.saved"), &[header.as_bytes(), previous.as_bytes()]),
            (&self.notes_path(), &[&notes.text()?]),
        ])
    }
}

/// Saves what was in force to the file that the operator is told of.
pub(crate) fn save(host: &Host, previous: &str) -> Result<PathBuf, Failure> {
    write_exclusively(&host.path("/tmp"), previous)
}

/// What is in force, as the text that its own tool restores: iptables' where iptables made it, else nft's.
pub(crate) fn previous(confirmed: Option<Generation>, foreign: &[Foreign]) -> Result<String, Failure> {
    let is_iptables = |f: &&Foreign| IPTABLES_NAMES.contains(&f.id.name.as_str());
    let (theirs, others): (Vec<_>, Vec<_>) = foreign.iter().partition(is_iptables);
    let ours = confirmed.map(|generation| text::ruleset(&as_confirmed(generation))).unwrap_or_default();
    let mut rest = String::from(AWAY);
    rest.push_str(&ours);
    for table in &others {
        rest.push_str(&listing(table)?);
    }
    if theirs.is_empty() && !has_legacy_rules() {
        return Ok(with_header("nft -f", &rest));
    }
    by_iptables(&rest)
}

/// A table of others with what makes room for it: only its own tool knows how to spell all of it.
fn listing(table: &Foreign) -> Result<String, Failure> {
    let id = table.id.to_string();
    let words: Vec<&str> = ["list", "table"].into_iter().chain(id.split(' ')).collect();
    Ok(format!("table {id}\ndelete table {id}\n{}", output(&NFT, &words)?))
}

/// Rules of the old iptables are invisible to nf_tables.
fn has_legacy_rules() -> bool {
    ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"]
        .iter()
        .any(|path| fs::read_to_string(path).is_ok_and(|names| !names.trim().is_empty()))
}

/// IPv4 as it is; IPv6 and what is not iptables' as comments, each with the line that restores it.
fn by_iptables(rest: &str) -> Result<String, Failure> {
    let mut text = with_header("iptables-restore <", &output(&IPTABLES_SAVE, &[])?);
    for (mark, tool, body) in [
        ("#ip6 ", "ip6tables-restore", output(&IP6TABLES_SAVE, &[])?),
        ("#nft ", "nft -f -", rest.to_owned()),
    ] {
        let _ = writeln!(text, "# the lines below: sed -n 's/^{mark}//p' THIS-FILE | {tool}");
        for line in body.lines() {
            let _ = writeln!(text, "{mark}{line}");
        }
    }
    Ok(text)
}

fn with_header(tool: &str, body: &str) -> String {
    format!("# restores with: {tool} THIS-FILE\n{body}")
}

/// `/tmp` is everybody's: the file must be new, ours, and not behind a link.
fn write_exclusively(directory: &Path, text: &str) -> Result<PathBuf, Failure> {
    fs::create_dir_all(directory).map_err(|e| file_failure("make", directory, &e))?;
    let plain = directory.join(format!("iptables.{}", std::process::id()));
    let others = (1..100).map(|n| plain.with_extension(format!("{}.{n}", std::process::id())));
    for path in std::iter::once(plain.clone()).chain(others) {
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(mut file) => {
                file.write_all(text.as_bytes()).map_err(|e| file_failure("write", &path, &e))?;
                return Ok(path);
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(file_failure("make", &path, &e)),
        }
    }
    Err(Failure::host(format_args!("{} and a hundred names beside it are taken", plain.display())))
}

/// What one of the system's own tools prints. Nothing of our environment reaches it.
fn output(programs: &[&str], arguments: &[&str]) -> Result<String, Failure> {
    let found = programs.iter().find(|p| Path::new(p).exists());
    let program = found.ok_or_else(|| {
        Failure::host(format_args!(
            "the firewall in force is not ours, and {} is not here to save it",
            programs[0]
        ))
        .help("apt-get install nftables iptables")
    })?;
    let output = Command::new(program).args(arguments).env_clear().output().map_err(Failure::host)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::host(format_args!("{program}: {}: {}", output.status, said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
