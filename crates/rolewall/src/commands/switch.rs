//! `rolewall disable`, `enable` and `boot`: our table as a whole, away or back.
//! Not here: test mode.

use crate::failure::{Failure, Kind};
use crate::firewall::{Firewall, Seen};
use crate::foreign;
use crate::host::Host;
use crate::joined;
use crate::safety_net;
use crate::settle::{settle, settle_notes};
use crate::state::artefact::{Artefact, Stage};
use crate::state::lock::Lock;
use crate::state::{Notes, Store};
use rolewall_control::{Change, Phase, Revision};
use rolewall_ruleset::{Generation, Op, TableFlags, TableId, Transaction};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;

/// Takes our table away, and keeps it away: the one command that opens the host.
pub(crate) fn disable(host: &Host) -> Result<(), Failure> {
    host.live("disable")?;
    let store = Store::of(host);
    let _lock = store.lock("disable")?;
    let mut firewall = Firewall::open()?;
    let mut notes = store.notes()?;
    // Asked before anything is written: whoever may not ask may not disable either.
    let is_there = firewall.look()?.is_some();
    let before = notes.clone();
    // On disk first: killed in between, the next boot must not bring back what was being taken away.
    notes.disabled = true;
    notes.session = None;
    notes.nodes_under_test = None;
    notes.left_by_test.clear();
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
    load(&mut firewall, &artefact, &[])?;
    notes.disabled = false;
    store.write_notes(&notes)?;
    Ok(artefact.revision)
}

/// As at boot: nothing is needed but the confirmed revision's file. None: disabled, or nothing was ever
/// confirmed.
pub(crate) fn boot(host: &Host) -> Result<Option<Revision>, Failure> {
    host.live("boot")?;
    let store = Store::of(host);
    let _lock = lock_at_boot(&store)?;
    let mut notes = store.notes().map_err(|failure| warn(&failure)).ok();
    if notes.as_ref().is_some_and(|n| n.disabled) {
        return Ok(None);
    }
    let mut firewall = Firewall::open()?;
    let phase = Phase::of(firewall.look()?.as_ref().map(|seen| &seen.held));
    if let (Phase::Confirmed { .. }, Some(notes)) = (phase, &mut notes) {
        let _ = settle(host, &store, &mut firewall, notes).map_err(|failure| warn(&failure));
    }
    let Some(artefact) = artefact_at_boot(&store)? else { return Ok(None) };
    let tested = notes.as_ref().filter(|n| n.last_revision != artefact.revision.0);
    let asleep = tested.map(|n| foreign::awake(&mut firewall, &n.asleep_by_test));
    let awake = asleep.and_then(|awake| awake.map_err(|failure| warn(&failure)).ok());
    load(&mut firewall, &artefact, &awake.unwrap_or_default())?;
    // Any test has ended with that; what it left on disk need not go for the revision to be in force.
    if let Some(notes) = &mut notes {
        let settled = settle_notes(&store, &mut firewall, notes, artefact.revision);
        let _ = settled.map_err(|failure| warn(&failure));
    }
    safety_net::remove(host);
    Ok(Some(artefact.revision))
}

/// What was confirmed, without the nodes that joined since where their journal cannot be read.
fn artefact_at_boot(store: &Store) -> Result<Option<Artefact>, Failure> {
    let Some(artefact) = store.artefact(Stage::Confirmed)? else { return Ok(None) };
    Ok(Some(joined::replay(store, artefact.clone()).unwrap_or_else(|failure| {
        warn(&failure);
        artefact
    })))
}

/// A lock that cannot be made keeps nobody out, and must not keep the host open. One that somebody holds
/// means that the ruleset is being changed this moment.
fn lock_at_boot(store: &Store) -> Result<Option<Lock>, Failure> {
    let failure = match store.lock("boot") {
        Ok(lock) => return Ok(Some(lock)),
        Err(failure) => failure,
    };
    let is_held = |file| flock(file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK);
    if File::open(store.path("lock")).is_ok_and(is_held) {
        return Err(failure);
    }
    warn(&failure);
    Ok(None)
}

fn warn(failure: &Failure) {
    eprintln!("warning: {failure}\n  (the confirmed revision is loaded all the same)");
}

/// The last confirmed revision with the nodes that joined it since.
pub(crate) fn confirmed(store: &Store) -> Result<Artefact, Failure> {
    let artefact = store.artefact(Stage::Confirmed)?.ok_or_else(|| {
        Failure::input("no revision was ever confirmed on this host")
            .help("rolewall apply, then rolewall confirm")
    })?;
    joined::replay(store, artefact)
}

/// In one transaction with the tables of others that wake: packets are judged by something all the time.
fn load(
    firewall: &mut Firewall,
    artefact: &Artefact,
    awake: &[(TableId, TableFlags)],
) -> Result<(), Failure> {
    let seen = firewall.look()?;
    let generation = artefact.generation();
    if awake.is_empty() && is_there(firewall, seen.as_ref(), artefact.revision, &generation)? {
        return Ok(());
    }
    let id = firewall.id.clone();
    let change = Change::load(&id, seen.as_ref().map(|s| &s.held), &generation);
    firewall.make_visible(&change, awake)?;
    firewall.verify(artefact.revision, &generation)?;
    firewall.tidy(&change)
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
