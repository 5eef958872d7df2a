//! Before any change: the disk follows the kernel, and what a killed run left behind is cleared away.
//! Not here: deciding anything; the kernel has.

use crate::failure::Failure;
use crate::firewall::{Firewall, Seen};
use crate::foreign;
use crate::host::Host;
use crate::safety_net;
use crate::state::artefact::Stage;
use crate::state::{Notes, Store};
use rolewall_control::{Change, Phase, Revision};
use rolewall_ruleset::{Op, Transaction};

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
                store.make_names_stay()?;
            }
            settle_notes(store, firewall, notes, revision)?;
            match held.and_then(|h| Change::clear_unreached(&id, h)) {
                Some(leftovers) => firewall.tidy(&leftovers)?,
                None => return Ok((Phase::Confirmed { revision }, seen)),
            }
        }
        Phase::Off if seen.is_none() => {
            // Somebody deleted our table: nobody filters while those that it replaced sleep.
            notes.asleep_by_test.append(&mut notes.asleep);
            forget_test(store, firewall, notes)?;
            return Ok((Phase::Off, seen));
        }
        phase @ (Phase::Off | Phase::Test { .. }) => return Ok((phase, seen)),
    }
    let seen = firewall.look()?;
    Ok((Phase::of(seen.as_ref().map(|s| &s.held)), seen))
}

/// Notes of a test that has ended one way or the other in a run that was killed before it wrote so.
pub(crate) fn settle_notes(
    store: &Store,
    firewall: &mut Firewall,
    notes: &mut Notes,
    in_force: Revision,
) -> Result<(), Failure> {
    if notes.last_revision != in_force.0 {
        return forget_test(store, firewall, notes);
    }
    if has_test(store, notes) {
        notes.confirm(notes.nodes_under_test.unwrap_or(notes.nodes));
        store.write_notes(notes)?;
    }
    Ok(())
}

fn has_test(store: &Store, notes: &Notes) -> bool {
    let has_file = store.artefact_revision(Stage::Candidate).is_some();
    has_file || !notes.asleep_by_test.is_empty() || notes.nodes_under_test.is_some()
}

/// What a test left behind that is no longer in the kernel: other tables asleep, its file, and notes.
fn forget_test(store: &Store, firewall: &mut Firewall, notes: &mut Notes) -> Result<(), Failure> {
    if !has_test(store, notes) {
        return Ok(());
    }
    let awake = foreign::awake(firewall, &notes.asleep_by_test)?;
    if !awake.is_empty() {
        let ops = awake.iter().map(|(table, flags)| Op::SetTableFlags(table, *flags)).collect();
        firewall.commit(&Transaction { generation: None, ops })?;
    }
    store.discard_candidate()?;
    notes.asleep_by_test.clear();
    notes.forget_test();
    store.write_notes(notes)
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
    notes.forget_test();
    store.write_notes(notes)?;
    safety_net::remove(host);
    Ok(())
}
