//! One operator at a time.
//! Not here: what the lock protects.

use super::Store;
use crate::failure::{Failure, file_failure};
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;

/// Held as long as the value lives, and not a moment longer than the process: Linux lets go of it.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Store {
    /// Takes the lock, or says who holds it. Who has it changes this host, and is not ended half-way by a terminal
    /// that hangs up: a cut may take the operator's own session first.
    pub(crate) fn lock(&self, command: &str) -> Result<Lock, Failure> {
        self.create()?;
        let path = self.path("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(|e| file_failure("open", &path, &e))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(Failure::host(format_args!("another rolewall is at work here: {}", holder.trim()))
                .help("wait until it has finished; the lock goes with its process"));
        }
        rolewall_kernel::process::outlive_terminal();
        let line = format!("process {} (rolewall {command})\n", std::process::id());
        // The name is a courtesy to the next operator: a full disk is no reason not to work.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(line.as_bytes()));
        Ok(Lock { _file: file })
    }
}
