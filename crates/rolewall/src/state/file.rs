//! One file, whole or not at all.
//! Not here: what is in it.

use crate::failure::{Failure, file_failure};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Writes the parts one after the other, beside, syncs, renames over, syncs the directory. Readable by its owner
/// alone.
pub(crate) fn write_atomically(path: &Path, parts: &[&[u8]]) -> Result<(), Failure> {
    let beside = path.with_extension("new");
    let written = write_new(&beside, parts).and_then(|()| fs::rename(&beside, path));
    written.and_then(|()| sync_directory(path)).map_err(|e| file_failure("write", path, &e))
}

fn write_new(path: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    // What an earlier run left behind when it was killed.
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}

/// Makes a directory, and those above it that are missing; each is still there after a power failure.
pub(crate) fn make_directory(path: &Path, mode: u32) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        make_directory(above, mode)?;
    }
    match fs::DirBuilder::new().mode(mode).create(path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        _ => sync_directory(path),
    }
}

/// Removes a file for good.
pub(crate) fn remove_durably(path: &Path) -> std::io::Result<()> {
    fs::remove_file(path).and_then(|()| sync_directory(path))
}

/// The directory that a name is in.
pub(crate) fn sync_directory(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
