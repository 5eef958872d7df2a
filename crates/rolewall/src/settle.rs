//! Before any change: the disk follows the kernel, and what a killed run left behind is cleared away.
//! Not here: deciding anything; the kernel has.

use crate::failure::Failure;
use crate::firewall::{Firewall, Seen};
use crate::foreign;
use crate::host::Host;
use crate::safety_net;
use crate::state::artefact::Stage;
use crate::state::{Notes, Store};
use rolewall_control::{Change, Phase};

/// Returns where the host stands after that, and what the kernel holds.
pub(crate) fn settle(
    host: &Host,
    store: &Store,
    firewall: &mut Firewall,
    notes: &mut Notes,
) -> Result<(Phase, Option<Seen>), Failure> {
    let seen = firewall.look()?;
    let held = seen.as_ref().map(|s| &s.held);
    let id = firewall.id.clone();
    match Phase::of(held) {
        Phase::Expired { candidate, previous } => {
            return_to_previous(host, store, firewall, notes, &Change::revert(&id, held)?)?;
            let now = previous.map_or("nothing of ours is".to_owned(), |p| format!("revision {p} is"));
            eprintln!("note: the test of revision {candidate} was not confirmed in time; {now} in force");
        }
        Phase::Confirmed { revision } => {
            if store.artefact_revision(Stage::Candidate) == Some(revision) {
                store.promote()?;
            }
            match held.and_then(|h| Change::clear_unreached(&id, h)) {
                Some(leftovers) => firewall.tidy(&leftovers)?,
                None => return Ok((Phase::Confirmed { revision }, seen)),
            }
        }
        phase @ (Phase::Off | Phase::Test { .. }) => return Ok((phase, seen)),
    }
    let seen = firewall.look()?;
    Ok((Phase::of(seen.as_ref().map(|s| &s.held)), seen))
}

/// The way back from a test, by hand or by the deadline: packets first, then what they no longer reach,
/// then what others need to know.
pub(crate) fn return_to_previous(
    host: &Host,
    store: &Store,
    firewall: &mut Firewall,
    notes: &mut Notes,
    change: &Change<'_>,
) -> Result<(), Failure> {
    let awake = foreign::awake(firewall, &notes.asleep_by_test)?;
    firewall.make_visible(change, &awake)?;
    firewall.tidy(change)?;
    store.discard_candidate()?;
    notes.asleep_by_test.clear();
    notes.session = None;
    store.write_notes(notes)?;
    safety_net::remove(host);
    Ok(())
}
