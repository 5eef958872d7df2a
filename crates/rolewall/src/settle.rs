//! Before any change: the disk follows the kernel, and what a killed run left behind is cleared away.
//! Not here: deciding anything; the kernel has.

use crate::failure::Failure;
use crate::firewall::Firewall;
use crate::foreign;
use crate::host::Host;
use crate::safety_net;
use crate::state::artefact::Stage;
use crate::state::{Notes, Store};
use rolewall_control::{Change, Phase};

/// Returns where the host stands after that.
pub(crate) fn settle(
    host: &Host,
    store: &Store,
    firewall: &mut Firewall,
    notes: &mut Notes,
) -> Result<Phase, Failure> {
    let seen = firewall.look()?;
    let held = seen.as_ref().map(|s| &s.held);
    let phase = Phase::of(held);
    match phase {
        Phase::Expired { candidate, previous } => {
            let change = Change::revert(&firewall.id, held)?;
            return_to_previous(host, store, firewall, notes, &change)?;
            eprintln!(
                "note: the test of revision {candidate} was not confirmed in time; {} in force",
                previous.map_or("nothing of ours is".to_owned(), |p| format!("revision {p} is"))
            );
            Ok(previous.map_or(Phase::Off, |revision| Phase::Confirmed { revision }))
        }
        Phase::Confirmed { revision } => {
            if store.artefact_revision(Stage::Candidate) == Some(revision) {
                store.promote()?;
            }
            if let Some(leftovers) = held.and_then(|h| Change::clear_unreached(&firewall.id, h)) {
                firewall.tidy(&leftovers)?;
            }
            Ok(phase)
        }
        Phase::Off | Phase::Test { .. } => Ok(phase),
    }
}

/// The way back from a test, by hand or by the deadline: packets first, then what they no longer reach,
/// then what others need to know.
pub(crate) fn return_to_previous(
    host: &Host,
    store: &Store,
    firewall: &mut Firewall,
    notes: &mut Notes,
    change: &Change,
) -> Result<(), Failure> {
    let awake = foreign::awake(&notes.asleep);
    firewall.make_visible(change, &awake)?;
    firewall.tidy(change)?;
    store.discard_candidate()?;
    notes.asleep.clear();
    notes.session = None;
    store.write_notes(notes)?;
    safety_net::remove(host);
    Ok(())
}
