//! `rolewall revert` and the janitor: back to what was in force before the test.
//! Not here: the deadline, which the kernel keeps by itself.

use crate::failure::Failure;
use crate::firewall::Firewall;
use crate::host::Host;
use crate::settle::{return_to_previous, settle};
use crate::state::Store;
use rolewall_control::{Change, NotPossible, Phase, Revision};

/// Ends the test now. Returns the revision that is in force again; none: nothing of ours was before.
pub(crate) fn revert(host: &Host) -> Result<Option<Revision>, Failure> {
    host.live("revert")?;
    let store = Store::of(host);
    let _lock = store.lock("revert")?;
    let mut firewall = Firewall::open()?;
    let mut notes = store.notes()?;
    let (Phase::Test { previous, .. }, seen) = settle(host, &store, &mut firewall, &mut notes)? else {
        return Err(NotPossible::NoTest.into());
    };
    let id = firewall.id.clone();
    let change = Change::revert(&id, seen.as_ref().map(|s| &s.held))?;
    return_to_previous(host, &store, &mut firewall, &mut notes, &change)?;
    Ok(previous)
}

/// Tidies up after a test that has ended; does nothing while one runs.
pub(crate) fn janitor(host: &Host) -> Result<(), Failure> {
    host.live("janitor")?;
    let store = Store::of(host);
    let _lock = store.lock("janitor")?;
    let mut firewall = Firewall::open()?;
    let mut notes = store.notes()?;
    let (phase, _) = settle(host, &store, &mut firewall, &mut notes)?;
    if !matches!(phase, Phase::Test { .. }) {
        crate::safety_net::remove(host);
    }
    Ok(())
}
