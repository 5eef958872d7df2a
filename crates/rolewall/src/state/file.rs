//! Files, each whole or not at all.
//! Not here: what is in them.

use crate::failure::{Failure, file_failure};
use rustix::fs::{Advice, fadvise};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file by its name, and its content in parts.
pub(crate) type Content<'a> = (&'a Path, &'a [&'a [u8]]);

/// One file, for good.
pub(crate) fn write_atomically(path: &Path, parts: &[&[u8]]) -> Result<(), Failure> {
    write_together(&[(path, parts)])
}

/// Files of one directory, for good, readable by their owner alone: written beside, synced, renamed over, and one
/// sync of the directory for all names.
pub(crate) fn write_together(files: &[Content<'_>]) -> Result<(), Failure> {
    let mut written = Vec::with_capacity(files.len());
    for (path, parts) in files {
        written.push((*path, write_beside(path, parts).map_err(not_written(path))?));
    }
    for (path, file) in written {
        file.sync_all().map_err(not_written(path))?;
    }
    for (path, _) in files {
        fs::rename(beside(path), path).map_err(not_written(path))?;
    }
    files.last().map_or(Ok(()), |(path, _)| sync_directory(path).map_err(not_written(path)))
}

/// The same for whoever reads it now; a power failure may leave anything of it until it is made to
/// [stay](make_stay).
pub(crate) fn write_for_now(path: &Path, parts: &[&[u8]]) -> Result<(), Failure> {
    let written = write_beside(path, parts);
    written.and_then(|_| fs::rename(beside(path), path)).map_err(not_written(path))
}

/// Content that was written for now is there for good; its name is once the directory is synced.
pub(crate) fn make_stay(path: &Path) -> Result<(), Failure> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|e| file_failure("sync", path, &e))
}

fn not_written(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    move |e| file_failure("write", path, &e)
}

fn beside(path: &Path) -> PathBuf {
    path.with_added_extension("new")
}

fn write_beside(path: &Path, parts: &[&[u8]]) -> io::Result<File> {
    let beside = beside(path);
    // What an earlier run left behind when it was killed.
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    for part in parts {
        file.write_all(part)?;
    }
    // The disk begins, so that less is left to wait for when it is synced. A file system need not know this.
    let _ = fadvise(&file, 0, None, Advice::DontNeed);
    Ok(file)
}

/// Makes a directory, and those above it that are missing; each is still there after a power failure.
pub(crate) fn make_directory(path: &Path, mode: u32) -> io::Result<()> {
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
pub(crate) fn remove_durably(path: &Path) -> io::Result<()> {
    fs::remove_file(path).and_then(|()| sync_directory(path))
}

/// The directory that a name is in.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
