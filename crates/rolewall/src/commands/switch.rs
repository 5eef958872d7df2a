//! `rolewall disable`, `enable` and `boot`: our table as a whole, away or back.
//! Not here: test mode.

use crate::failure::{Failure, Kind};
use crate::firewall::{Firewall, Seen};
use crate::foreign;
use crate::host::Host;
use crate::joined;
use crate::safety_net;
use crate::state::Store;
use crate::state::artefact::{Artefact, Stage};
use rolewall_control::{Change, Revision};
use rolewall_ruleset::{Op, Transaction};

/// Takes our table away, and keeps it away: the one command that opens the host.
pub(crate) fn disable(host: &Host) -> Result<(), Failure> {
    host.live("disable")?;
    let store = Store::of(host);
    let _lock = store.lock("disable")?;
    let mut firewall = Firewall::open()?;
    let mut notes = store.notes()?;
    // Asked before anything is written: whoever may not ask may not disable either.
    let is_there = firewall.look()?.is_some();
    // On disk first: killed in between, the next boot must not bring back what was being taken away.
    notes.disabled = true;
    notes.session = None;
    store.write_notes(&notes)?;
    notes.asleep.append(&mut notes.asleep_by_test);
    let awake = foreign::awake(&mut firewall, &notes.asleep)?;
    let id = firewall.id.clone();
    let mut ops: Vec<Op<'_>> = awake.iter().map(|(table, flags)| Op::SetTableFlags(table, *flags)).collect();
    if is_there {
        ops.push(Op::DeleteTable(&id));
    }
    if !ops.is_empty() {
        firewall.commit(&Transaction { generation: None, ops })?;
    }
    if firewall.look()?.is_some() {
        return Err(Failure::new(
            Kind::Refused,
            "the kernel still holds table inet rolewall after deleting it",
        ));
    }
    notes.asleep.clear();
    store.discard_candidate()?;
    store.write_notes(&notes)?;
    safety_net::remove(host);
    Ok(())
}

/// Brings the last confirmed revision back.
pub(crate) fn enable(host: &Host) -> Result<Revision, Failure> {
    host.live("enable")?;
    let store = Store::of(host);
    let _lock = store.lock("enable")?;
    let artefact = confirmed(&store)?;
    let mut notes = store.notes()?;
    load(&artefact)?;
    notes.disabled = false;
    store.write_notes(&notes)?;
    Ok(artefact.revision)
}

/// As at boot: nothing is asked but the state directory. None: disabled, or nothing was ever confirmed.
pub(crate) fn boot(host: &Host) -> Result<Option<Revision>, Failure> {
    host.live("boot")?;
    let store = Store::of(host);
    let _lock = store.lock("boot")?;
    if store.notes()?.disabled || store.artefact_revision(Stage::Confirmed).is_none() {
        return Ok(None);
    }
    let artefact = confirmed(&store)?;
    load(&artefact)?;
    Ok(Some(artefact.revision))
}

/// The last confirmed revision with the nodes that joined it since.
pub(crate) fn confirmed(store: &Store) -> Result<Artefact, Failure> {
    let artefact = store.artefact(Stage::Confirmed)?.ok_or_else(|| {
        Failure::input("no revision was ever confirmed on this host")
            .help("rolewall apply, then rolewall confirm")
    })?;
    joined::replay(store, artefact)
}

fn load(artefact: &Artefact) -> Result<(), Failure> {
    let mut firewall = Firewall::open()?;
    let seen = firewall.look()?;
    let generation = artefact.generation();
    let is_there = |seen: &Seen| {
        seen.held.confirmed_revision() == Some(artefact.revision) && seen.held.candidate.is_empty()
    };
    if seen.as_ref().is_some_and(is_there) {
        return firewall.verify(artefact.revision, &generation).map(drop);
    }
    let id = firewall.id.clone();
    let change = Change::load(&id, seen.as_ref().map(|s| &s.held), &generation);
    firewall.make_visible(&change, &[])?;
    firewall.verify(artefact.revision, &generation)?;
    firewall.tidy(&change)
}
