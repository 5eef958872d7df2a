//! `rolewall disable` and `enable`: our table as a whole, away or back.
//! Not here: test mode, and what boot does where this cannot be done ([`super::boot`]).

use crate::closed;
use crate::failure::{Failure, Kind};
use crate::firewall::{Firewall, Seen};
use crate::foreign;
use crate::host::Host;
use crate::joined;
use crate::safety_net;
use crate::settle::settle;
use crate::state::artefact::{Artefact, Stage};
use crate::state::{Notes, Store};
use rolewall_control::{Change, Phase, Revision};
use rolewall_ruleset::{Generation, Op, TableFlags, TableId, Transaction};

/// Takes our table away, and keeps it away: the one command that opens the host.
pub(crate) fn disable(host: &Host) -> Result<(), Failure> {
    host.live("disable")?;
    let store = Store::of(host);
    let _lock = store.lock("disable")?;
    let mut firewall = Firewall::open()?;
    let mut notes = store.notes()?;
    // Asked before anything is written: whoever may not ask may not disable either.
    let seen = firewall.look()?;
    closed::refuse(&store, seen.as_ref().map(|s| &s.held), "disable")?;
    let is_there = seen.is_some();
    let before = notes.clone();
    // On disk first: killed in between, the next boot must not bring back what was being taken away.
    notes.disabled = true;
    notes.forget_test();
    let noted = store.write_notes(&notes);
    notes.asleep.append(&mut notes.asleep_by_test);
    if let Err(failure) = noted.and_then(|()| take_away(&mut firewall, &notes, is_there)) {
        // The next boot is to bring what is still in force; where that cannot be written either, status says so.
        if firewall.look().is_ok_and(|seen| seen.is_some() == is_there) {
            let _ = store.write_notes(&before);
        }
        return Err(failure);
    }
    notes.asleep.clear();
    store.discard_candidate()?;
    store.write_notes(&notes)?;
    safety_net::remove(host);
    Ok(())
}

/// Our table goes, and others wake, in one transaction.
fn take_away(firewall: &mut Firewall, notes: &Notes, is_there: bool) -> Result<(), Failure> {
    let awake = foreign::awake(firewall, &notes.asleep)?;
    let id = firewall.id.clone();
    let mut ops: Vec<Op<'_>> = awake.iter().map(|(table, flags)| Op::SetTableFlags(table, *flags)).collect();
    if is_there {
        ops.push(Op::DeleteTable(&id));
    }
    if !ops.is_empty() {
        firewall.commit(&Transaction { generation: None, ops })?;
    }
    if firewall.look()?.is_some() {
        let what = "the kernel still holds table inet rolewall after deleting it";
        return Err(Failure::new(Kind::Refused, what));
    }
    Ok(())
}

/// Brings the last confirmed revision back, and mends it where it is not whole.
pub(crate) fn enable(host: &Host) -> Result<Revision, Failure> {
    host.live("enable")?;
    let store = Store::of(host);
    let _lock = store.lock("enable")?;
    let artefact = confirmed(&store)?;
    let mut notes = store.notes()?;
    let mut firewall = Firewall::open()?;
    let (phase, _) = settle(host, &store, &mut firewall, &mut notes)?;
    if let Phase::Test { candidate, .. } = phase {
        return Err(Failure::input(format_args!("a test of revision {candidate} is running"))
            .help("rolewall confirm keeps it, rolewall revert ends it; then rolewall enable"));
    }
    load(&mut firewall, artefact.revision, &artefact.generation(), &[], None)?;
    notes.disabled = false;
    store.write_notes(&notes)?;
    Ok(artefact.revision)
}

/// The last confirmed revision with the nodes that joined it since.
pub(crate) fn confirmed(store: &Store) -> Result<Artefact, Failure> {
    let artefact = store.artefact(Stage::Confirmed)?.ok_or_else(|| {
        Failure::input("no revision was ever confirmed on this host")
            .help("rolewall apply, then rolewall confirm")
    })?;
    joined::replay(store, artefact)
}

/// In one transaction with the tables of others that wake, and with what closes the host: packets are judged by
/// something all the time.
pub(super) fn load(
    firewall: &mut Firewall,
    revision: Revision,
    generation: &Generation,
    awake: &[(TableId, TableFlags)],
    panic: Option<&Generation>,
) -> Result<(), Failure> {
    let seen = firewall.look()?;
    let is_all = awake.is_empty() && panic.is_none();
    if is_all && is_there(firewall, seen.as_ref(), revision, generation)? {
        return Ok(());
    }
    let id = firewall.id.clone();
    let held = seen.as_ref().map(|s| &s.held);
    let mut change = Change::load(&id, held, generation);
    if let Some(panic) = panic {
        change = change.closing(held, panic);
    }
    firewall.make_visible(&change, awake)?;
    // Before it is read back: what is left of the same revision is otherwise seen as a part of it.
    firewall.tidy(&change)?;
    firewall.verify(revision, generation)?;
    match panic {
        Some(panic) => firewall.verify_panic(panic).map(drop),
        None => Ok(()),
    }
}

/// Whether all of it is in force already, and nothing else.
fn is_there(
    firewall: &mut Firewall,
    seen: Option<&Seen>,
    revision: Revision,
    wanted: &Generation,
) -> Result<bool, Failure> {
    let phase = Phase::of(seen.map(|s| &s.held));
    match seen.filter(|_| phase == (Phase::Confirmed { revision })) {
        Some(seen) => firewall.is_as_seen(seen, phase, revision, wanted),
        None => Ok(false),
    }
}
