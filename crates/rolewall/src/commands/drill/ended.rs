//! Why a drill ends before its last chapter.
//! Not here: a claim that does not hold while the story can go on ([`super::story::Story::check`]).

use crate::failure::Failure;

/// What ended it.
#[derive(Debug)]
pub(super) enum Ended {
    /// A command did something else than it must.
    NotAsPlanned(String),
    /// The drill itself could not go on.
    Failure(Failure),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Ended {
        Ended::Failure(failure)
    }
}

/// The lab's errors, and the system's: this host's.
impl<E: std::error::Error> From<E> for Ended {
    fn from(error: E) -> Ended {
        Ended::Failure(Failure::host(error))
    }
}
