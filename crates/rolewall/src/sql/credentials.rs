//! Passwords: never shown, and read only from a file that nobody else can read.
//! Not here: whose they are.

use crate::failure::{Failure, file_failure};
use crate::host::Host;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// A password. It has no `Display`, and its `Debug` says nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(text: &str) -> Secret {
        Secret(text.to_owned())
    }

    /// For the handshake alone.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// More is no password but a wrong file, in bytes.
const BYTES_MAX: u64 = 1024;
/// What others may do with the file: nothing.
const OTHERS: u32 = 0o077;

/// The password that is all that a file holds. The file must be root's, and for root alone.
pub(super) fn password_file(host: &Host, path: &Path) -> Result<Secret, Failure> {
    let shown = path.display().to_string();
    let place = host.path(&shown);
    // Not through a link, and not waiting for a pipe's writer.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(&place);
    let file = opened.map_err(|e| {
        let failure = file_failure("read the password file", path, &e);
        Failure::input(failure.what()).help(make(&shown))
    })?;
    refuse_readable(&file, &shown)?;
    let mut text = String::new();
    file.take(BYTES_MAX + 1).read_to_string(&mut text).map_err(|_| not_one_line(&shown))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() || password.contains('\n') || text.len() as u64 > BYTES_MAX {
        return Err(not_one_line(&shown));
    }
    Ok(Secret::new(password))
}

/// By the open file: what is checked is what is read.
fn refuse_readable(file: &File, shown: &str) -> Result<(), Failure> {
    let meta = file.metadata().map_err(|e| file_failure("look at", Path::new(shown), &e))?;
    let refused = |what: String| Err(Failure::input(format_args!("{shown}: {what}")).help(make(shown)));
    if !meta.is_file() {
        return refused("the password file is no regular file".into());
    }
    if meta.uid() != 0 {
        return refused(format!("the password file belongs to user {}: expected root", meta.uid()));
    }
    if meta.mode() & OTHERS != 0 {
        return refused(format!(
            "the password file has mode {:04o}, so others can use it: expected 0600",
            meta.mode() & 0o7777
        ));
    }
    Ok(())
}

fn not_one_line(shown: &str) -> Failure {
    Failure::input(format_args!("{shown}: expected one line, the password, of at most {BYTES_MAX} bytes"))
        .help(make(shown))
}

fn make(shown: &str) -> String {
    format!(
        "as root:  install -m 600 /dev/null {shown}; then write the password alone into it with an editor"
    )
}
