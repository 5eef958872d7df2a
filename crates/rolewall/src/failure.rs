//! The outer edge of every error: a kind that fixes the exit code, what happened, and what to do.
//! Not here: the errors of the crates below, which become failures by `From`.

use rolewall_control::NotPossible;
use rolewall_kernel::nft::NftError;
use rolewall_policy::Problems;
use std::fmt;

/// Who has to act; fixes the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The operator's input.
    Input = 2,
    /// This host.
    Host = 3,
    /// The kernel refused.
    Refused = 4,
    /// A bug of ours.
    Bug = 70,
}

/// What went wrong, as the operator reads it.
#[derive(Debug)]
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
            NotPossible::NoTest => "rolewall status says where this host stands",
            NotPossible::Expired { .. } => "rolewall apply starts a new test",
        };
        Failure::input(reason).help(help)
    }
}

/// A file system operation that failed, with the path.
pub(crate) fn file_failure(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::host(format_args!("cannot {doing} {}: {error}", path.display()))
}

impl From<NftError> for Failure {
    fn from(error: NftError) -> Failure {
        let kind = match error {
            NftError::Refused { .. } => Kind::Refused,
            _ => Kind::Host,
        };
        Failure::new(kind, error)
    }
}
