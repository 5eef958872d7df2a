//! Where a host stands: off, under test, after a test that nobody confirmed, or confirmed.
//! Not here: what the state directory says; the kernel decides, the disk follows.

use crate::{Held, Revision};

/// Read from the kernel, never remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// No table of ours, or one that leads nowhere.
    Off,
    /// A candidate is in force until its deadline.
    Test {
        /// Under test.
        candidate: Revision,
        /// In force again at the deadline; none: nothing was before.
        previous: Option<Revision>,
        /// Milliseconds left.
        remaining_ms: u64,
    },
    /// The deadline has passed and Linux has returned to what was before; the candidate's chains still
    /// stand, unreached.
    Expired {
        /// No longer in force.
        candidate: Revision,
        /// In force again.
        previous: Option<Revision>,
    },
    /// In force until someone changes it.
    Confirmed {
        /// In force.
        revision: Revision,
    },
}

impl Phase {
    /// From our table as the kernel holds it; none where there is no such table.
    pub fn of(held: Option<&Held>) -> Phase {
        let Some(held) = held else { return Phase::Off };
        let previous = held.confirmed_revision();
        match (held.candidate_revision(), held.remaining_ms, previous) {
            (Some(candidate), Some(remaining_ms), previous) => {
                Phase::Test { candidate, previous, remaining_ms }
            }
            (Some(candidate), None, previous) => Phase::Expired { candidate, previous },
            (None, _, Some(revision)) => Phase::Confirmed { revision },
            (None, _, None) => Phase::Off,
        }
    }

    /// The revision that judges packets now.
    pub fn in_force(self) -> Option<Revision> {
        match self {
            Phase::Off => None,
            Phase::Test { candidate, .. } => Some(candidate),
            Phase::Expired { previous, .. } => previous,
            Phase::Confirmed { revision } => Some(revision),
        }
    }

    /// The revision that will judge packets once any test has ended unconfirmed.
    pub fn confirmed(self) -> Option<Revision> {
        match self {
            Phase::Off => None,
            Phase::Test { previous, .. } | Phase::Expired { previous, .. } => previous,
            Phase::Confirmed { revision } => Some(revision),
        }
    }
}
