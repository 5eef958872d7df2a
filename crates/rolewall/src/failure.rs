//! The outer edge of every error: a kind that fixes the exit code, what happened, and what to do.
//! Not here: the errors of the crates below, which become failures by `From`.

use rolewall_control::NotPossible;
use rolewall_kernel::nft::NftError;
use rolewall_policy::Problems;
use std::path::Path;
use std::{fmt, io};

/// Who has to act; fixes the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The operator's input.
    Input = 2,
    /// This host.
    Host = 3,
    /// The kernel refused.
    Refused = 4,
    /// A remote store or peer.
    Peer = 5,
    /// A bug of ours.
    Bug = 70,
}

/// What went wrong, as the operator reads it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    what: String,
    help: Option<String>,
}

impl Failure {
    pub(crate) fn new(kind: Kind, what: impl fmt::Display) -> Failure {
        Failure { kind, what: what.to_string(), help: None }
    }

    pub(crate) fn input(what: impl fmt::Display) -> Failure {
        Failure::new(Kind::Input, what)
    }

    pub(crate) fn host(what: impl fmt::Display) -> Failure {
        Failure::new(Kind::Host, what)
    }

    /// What to do next.
    pub(crate) fn help(mut self, help: impl fmt::Display) -> Failure {
        self.help = Some(help.to_string());
        self
    }

    /// What happened, without what to do.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    pub(crate) fn exit_code(&self) -> u8 {
        self.kind as u8
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.what.trim_end();
        if what.starts_with("error: ") {
            f.write_str(what)?
        } else {
            write!(f, "error: {what}")?
        }
        match &self.help {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Failure {
        Failure::input(problems)
    }
}

impl From<NotPossible> for Failure {
    fn from(reason: NotPossible) -> Failure {
        let help = match reason {
            NotPossible::NoTest | NotPossible::NoPanic => "rolewall status says where this host stands",
            NotPossible::Expired { .. } => "rolewall apply starts a new test",
        };
        Failure::input(reason).help(help)
    }
}

/// What to do where the permission is missing.
const AS_ROOT: &str = "run it as root:  sudo rolewall ...";

/// A file system operation that failed, with the path.
pub(crate) fn file_failure(doing: &str, path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::host(format_args!("cannot {doing} {}: {}", path.display(), in_words(error)));
    match error.kind() {
        io::ErrorKind::PermissionDenied => failure.help(AS_ROOT),
        _ => failure,
    }
}

/// What the system said, without the number that Rust puts behind it.
pub(crate) fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) if error.raw_os_error().is_some() => text[..end].to_owned(),
        _ => text,
    }
}

impl From<NftError> for Failure {
    fn from(error: NftError) -> Failure {
        match error {
            NftError::NotPermitted { .. } => {
                Failure::host("reading or changing the kernel's rules needs root (CAP_NET_ADMIN)")
                    .help(AS_ROOT)
            }
            NftError::Refused { .. } => Failure::new(Kind::Refused, error),
            _ => Failure::host(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_permission_says_what_to_do_and_no_number() {
        let denied = io::Error::from_raw_os_error(13);
        let failure = file_failure("write", Path::new("/etc/x"), &denied);
        assert_eq!(
            failure.to_string(),
            "error: cannot write /etc/x: Permission denied\nhelp: run it as root:  sudo rolewall ..."
        );
    }
}
