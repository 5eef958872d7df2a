//! `rolewall boot`: the last confirmed revision, before there is a network; where it cannot be had, the most
//! that can be, so that the host is neither open nor out of reach.
//! Not here: what the lesser rulesets admit (crate `policy`).
//!
//! Nothing is needed but the confirmed revision's file. Where that is damaged or Linux refuses it, the fallback
//! that was written beside it is loaded; where that fails too, the same made anew from such of the settings
//! and inventory as can be read. Either way this is an error: the exit code says so, and the unit has failed.

use super::switch::load;
use crate::at_hand;
use crate::failure::Failure;
use crate::firewall::Firewall;
use crate::foreign;
use crate::host::Host;
use crate::joined;
use crate::safety_net;
use crate::settle::{settle, settle_notes};
use crate::state::artefact::{Artefact, Stage};
use crate::state::closed::Closed;
use crate::state::lock::Lock;
use crate::state::{Notes, Store};
use rolewall_control::{Change, Phase, Revision};
use rolewall_policy::lower::closed::admits_anybody;
use rolewall_ruleset::Generation;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;

/// What is in force after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Booted {
    /// None: disabled, or nothing was ever confirmed.
    pub(crate) revision: Option<Revision>,
    /// The operator had closed the host, and it is closed.
    pub(crate) is_closed: bool,
}

impl Booted {
    pub(crate) fn text(self) -> String {
        let beneath = self.revision.map(|r| format!("revision {r}"));
        match (self.is_closed, beneath) {
            (true, beneath) => {
                let beneath = beneath.unwrap_or("nothing of ours".to_owned());
                format!("panic: this host is closed, with {beneath} beneath; rolewall resume opens it")
            }
            (false, Some(revision)) => format!("{revision} is in force"),
            (false, None) => "nothing to load: disabled, or never confirmed".to_owned(),
        }
    }
}

pub(crate) fn boot(host: &Host) -> Result<Booted, Failure> {
    host.live("boot")?;
    let store = Store::of(host);
    let _lock = lock_at_boot(&store)?;
    let mut notes = store.notes().map_err(|failure| warn(&failure)).ok();
    let mut firewall = Firewall::open()?;
    let closing = closing_at_boot(&store);
    let panic = closing.as_ref().ok().and_then(Option::as_ref);
    let booted = match &closing {
        Ok(_) if notes.as_ref().is_some_and(|n| n.disabled) => Ok(None),
        Ok(_) => whole_or_once_more(host, &store, &mut firewall, &mut notes, panic),
        Err(_) => Ok(None),
    };
    let booted = match (booted, closing.as_ref()) {
        (Ok(None), Ok(Some(panic))) => close(&mut firewall, panic).map(|()| None),
        (booted, Ok(_)) => booted,
        (_, Err(failure)) => Err(failure.clone()),
    };
    let last = Revision(notes.map_or(0, |n| n.last_revision));
    match booted {
        Ok(revision) => Ok(Booted { revision, is_closed: panic.is_some() }),
        Err(failure) => Err(fall_back(host, &store, &mut firewall, panic, last, failure)),
    }
}

/// Early in a boot, one thing that fails may well work a moment later; a lesser ruleset is for what does not.
fn whole_or_once_more(
    host: &Host,
    store: &Store,
    firewall: &mut Firewall,
    notes: &mut Option<Notes>,
    panic: Option<&Generation>,
) -> Result<Option<Revision>, Failure> {
    let first = match whole(host, store, firewall, notes, panic) {
        Err(first) => first,
        loaded => return loaded,
    };
    // Another socket: nothing of the first conversation is left in it.
    *firewall = Firewall::open()?;
    let second = whole(host, store, firewall, notes, panic);
    if second.is_ok() {
        warn(&first);
    }
    second
}

/// The confirmed revision, with its test settled and the tables of others awake that a test had put to sleep.
fn whole(
    host: &Host,
    store: &Store,
    firewall: &mut Firewall,
    notes: &mut Option<Notes>,
    panic: Option<&Generation>,
) -> Result<Option<Revision>, Failure> {
    let phase = Phase::of(firewall.look()?.as_ref().map(|seen| &seen.held));
    if let (Phase::Confirmed { .. }, Some(notes)) = (phase, &mut *notes) {
        let _ = settle(host, store, firewall, notes).map_err(|failure| warn(&failure));
    }
    let Some(artefact) = artefact_at_boot(store)? else { return Ok(None) };
    let tested = notes.as_ref().filter(|n| n.last_revision != artefact.revision.0);
    let asleep = tested.map(|n| foreign::awake(firewall, &n.asleep_by_test));
    let awake = asleep.and_then(|awake| awake.map_err(|failure| warn(&failure)).ok());
    load(firewall, artefact.revision, &artefact.generation(), &awake.unwrap_or_default(), panic)?;
    // Any test has ended with that; what it left on disk need not go for the revision to be in force.
    if let Some(notes) = notes {
        let settled = settle_notes(store, firewall, notes, artefact.revision);
        let _ = settled.map_err(|failure| warn(&failure));
    }
    safety_net::remove_at_boot(host);
    Ok(Some(artefact.revision))
}

/// What was confirmed, without the nodes that joined since where their journal cannot be read.
fn artefact_at_boot(store: &Store) -> Result<Option<Artefact>, Failure> {
    let Some(artefact) = store.artefact(Stage::Confirmed)? else {
        // The fallback beside it says that there was one.
        return if store.has_closed() { Err(vanished(store)) } else { Ok(None) };
    };
    Ok(Some(joined::replay(store, artefact.clone()).unwrap_or_else(|failure| {
        warn(&failure);
        artefact
    })))
}

fn vanished(store: &Store) -> Failure {
    Failure::host(format_args!("{} is gone", store.path("confirmed.rules").display()))
        .help("rolewall apply --final makes a new one from settings and inventory")
}

/// What the operator had closed the host with. Where that is damaged, what was written for it when the revision
/// was confirmed; but for a host that would let nobody in.
fn closing_at_boot(store: &Store) -> Result<Option<Generation>, Failure> {
    // One error that passes must not close a host that nobody closed.
    let once_more = |first: Failure| store.panic().inspect(|_| warn(&first));
    let failure = match store.panic().or_else(once_more) {
        Ok(panic) => return Ok(panic),
        Err(failure) => failure,
    };
    warn(&failure);
    let closed = store.closed(Stage::Confirmed).map_err(|failure| warn(&failure)).ok().flatten();
    closed.map(|closed| closed.panic).filter(admits_anybody).map(Some).ok_or(failure)
}

/// Closed, and nothing beneath.
fn close(firewall: &mut Firewall, panic: &Generation) -> Result<(), Failure> {
    let id = firewall.id.clone();
    let seen = firewall.look()?;
    let change = Change::panic(&id, seen.as_ref().map(|s| &s.held), panic);
    firewall.make_visible(&change, &[])?;
    firewall.verify_panic(panic).map(drop)
}

/// Loads the most that can be had, and says so in the failure. What filters already stays.
fn fall_back(
    host: &Host,
    store: &Store,
    firewall: &mut Firewall,
    panic: Option<&Generation>,
    last: Revision,
    failure: Failure,
) -> Failure {
    if filters(firewall) {
        return failure;
    }
    let written = || store.closed(Stage::Confirmed).map_err(|failure| warn(&failure)).ok().flatten();
    let anew = || Some(Closed::of(&at_hand::plan(host), last));
    let from: [(&str, &dyn Fn() -> Option<Closed>); 2] = [
        ("the fallback that was confirmed", &written),
        ("a fallback made anew from such settings and inventory as can be read", &anew),
    ];
    for (what, closed) in from {
        let Some(closed) = closed() else { continue };
        let closings = if panic.is_some() { vec![panic, None] } else { vec![None] };
        for panic in closings {
            match load(firewall, closed.revision, &closed.fallback, &[], panic) {
                Ok(()) => return instead(&failure, what),
                Err(failure) => warn(&failure),
            }
        }
    }
    Failure::new(
        failure.kind,
        format_args!(
            "{}\n  nor could any fallback be loaded: NOTHING IS FILTERED ON THIS HOST",
            failure.what()
        ),
    )
    .help("take it off the network, or close it by other means; rolewall status and dmesg may say why")
}

fn filters(firewall: &mut Firewall) -> bool {
    let seen = firewall.look().map_err(|failure| warn(&failure)).ok().flatten();
    seen.is_some_and(|seen| seen.held.is_closed() || Phase::of(Some(&seen.held)).in_force().is_some())
}

fn instead(failure: &Failure, what: &str) -> Failure {
    let text = format!(
        "{}\n  in force instead: {what}; of what comes in it admits trusted networks, admin addresses and ssh, \
         and nothing else",
        failure.what()
    );
    Failure::new(failure.kind, text).help(
        "rolewall apply --final makes a new revision from settings and inventory;\n      \
         rolewall enable loads the confirmed one once its file is whole again",
    )
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
    eprintln!("warning: {failure}\n  (what can be loaded is loaded all the same)");
}
