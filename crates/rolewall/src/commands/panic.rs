//! `rolewall panic` and `resume`: close the host to all but admin and trusted networks, and back exactly.
//! Not here: which rules that takes (crate `policy`), and coming up closed ([`super::boot`]).
//!
//! What closes the host was written when the revision was confirmed, so that neither an inventory that is
//! broken meanwhile nor damaged notes are in the way. It comes before whatever leads packets; what is beneath
//! stays as it is, and a test beneath ends at its deadline.
//!
//! The operator is never locked out by it: where no admin and no trusted network holds the address of the own
//! ssh session, that address is let in besides, and where nobody could come in at all, it is refused.

use crate::candidate::in_force;
use crate::cli::PanicArgs;
use crate::failure::{Failure, Kind};
use crate::firewall::Firewall;
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use crate::precheck::{self, Live};
use crate::state::Store;
use crate::state::artefact::Stage;
use crate::state::closed::Closed;
use crate::state::lock::Lock;
use rolewall_control::{Change, NotPossible, Phase, Revision};
use rolewall_policy::lower::closed::{admit, admits_anybody, admitted};
use rolewall_ruleset::Generation;
use std::net::IpAddr;
use std::time::Duration;

/// What was done.
#[derive(Debug)]
pub(crate) struct Panicked {
    /// Addresses that may reach ssh besides admin and trusted networks.
    pub(crate) admitted: Vec<IpAddr>,
    /// Live flows that are cut.
    pub(crate) cut: usize,
}

impl Panicked {
    pub(crate) fn document(&self) -> serde_json::Value {
        let admitted: Vec<String> = self.admitted.iter().map(ToString::to_string).collect();
        serde_json::json!({"panic": true, "admitted": admitted, "cut": self.cut})
    }

    pub(crate) fn text(&self) -> String {
        let besides = self.admitted.iter().map(|a| format!(", and ssh from {a}")).collect::<String>();
        let flows = match self.cut {
            0 => "no other live flow was cut".to_owned(),
            1 => "1 live flow was cut".to_owned(),
            n => format!("{n} live flows were cut"),
        };
        format!(
            "panic: this host is closed to all but admin and trusted networks{besides}; {flows}\n\
             open it again, to exactly what was in force:  rolewall resume"
        )
    }
}

/// What `resume` says.
pub(crate) fn resumed(revision: Option<Revision>) -> String {
    let now = revision.map_or("nothing of ours is".to_owned(), |r| format!("revision {r} is"));
    format!("resumed: {now} in force, as before the panic")
}

pub(crate) fn panic(host: &Host, arguments: &PanicArgs) -> Result<Panicked, Failure> {
    host.live("panic")?;
    let store = Store::of(host);
    let _lock = lock_soon(&store, "panic")?;
    let mut firewall = Firewall::open()?;
    let Closed { revision, mut panic, .. } = closing(host, &store)?;
    admit(&mut panic, &arguments.admit);
    let live = Live::read(&mut firewall.nft)?;
    let cut = admit_own_session(&mut panic, &live, arguments.force)?;
    if !arguments.force {
        refuse_if_nobody(&panic)?;
    }
    // On disk first: killed in between, the next boot closes the host. But a full disk must not keep it open.
    if let Err(failure) = store.write_panic(revision, &panic) {
        eprintln!("warning: {failure}\n  (this host is closed now, and will not be after a reboot)");
    }
    let id = firewall.id.clone();
    let seen = firewall.look()?;
    let change = Change::panic(&id, seen.as_ref().map(|s| &s.held), &panic);
    firewall.make_visible(&change, &[])?;
    firewall.verify_panic(&panic)?;
    firewall.tidy(&change)?;
    Ok(Panicked { admitted: admitted(&panic), cut })
}

/// Another command takes milliseconds, most often: this one is not to be typed again for it.
fn lock_soon(store: &Store, command: &str) -> Result<Lock, Failure> {
    const TRIES: u32 = 50;
    for _ in 0..TRIES {
        if let Ok(lock) = store.lock(command) {
            return Ok(lock);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    store.lock(command)
}

/// By what was confirmed; where nothing was, by what is under test; else by the inventory as it is now.
fn closing(host: &Host, store: &Store) -> Result<Closed, Failure> {
    for stage in [Stage::Confirmed, Stage::Candidate] {
        match store.closed(stage) {
            Ok(Some(closed)) => return Ok(closed),
            Ok(None) => {}
            Err(failure) => eprintln!("warning: {failure}"),
        }
    }
    Ok(Closed::of(&Inputs::read(host, Look::AsNeeded)?.plan()?, Revision(0)))
}

/// Lets the addresses of the own ssh session in where they would be cut. Gives how many other live flows are.
fn admit_own_session(panic: &mut Generation, live: &Live, force: bool) -> Result<usize, Failure> {
    let cut = precheck::cut_by(&in_force(panic.clone()), live);
    // A variable of the environment must not let anybody in: the connection must be there.
    let there = cut.sessions.iter().filter(|(session, _)| live.is_established(session));
    let clients: Vec<IpAddr> = there.map(|(session, _)| session.client.ip()).collect();
    admit(panic, &clients);
    let still = precheck::cut_by(&in_force(panic.clone()), live);
    match still.sessions.first() {
        Some((session, by)) if !force => {
            let what = format!("your own session would be cut: {session}\n  decided by {by}");
            Err(Failure::input(what)
                .help("nothing was changed; rolewall panic --force closes this host even so"))
        }
        _ => Ok(still.flows.len()),
    }
}

fn refuse_if_nobody(panic: &Generation) -> Result<(), Failure> {
    if admits_anybody(panic) {
        return Ok(());
    }
    Err(Failure::input(
        "nobody could come in: no admin and no trusted network is set, and this is no ssh session",
    )
    .help(
        "nothing was changed; name where you come from:  rolewall panic --admit 198.51.100.7\n      \
         or, at a console that stays yours:  rolewall panic --force",
    ))
}

/// Opens the host to exactly what is beneath. Returns what judges packets now; none: nothing of ours.
pub(crate) fn resume(host: &Host) -> Result<Option<Revision>, Failure> {
    host.live("resume")?;
    let store = Store::of(host);
    let _lock = lock_soon(&store, "resume")?;
    let mut firewall = Firewall::open()?;
    let was_asked = store.has_panic();
    let seen = firewall.look()?;
    let held = seen.as_ref().map(|s| &s.held);
    let id = firewall.id.clone();
    let change = match Change::resume(&id, held) {
        Ok(change) => Some(change),
        // Asked for, and something else took it out of the kernel.
        Err(NotPossible::NoPanic) if was_asked => None,
        Err(reason) => return Err(reason.into()),
    };
    let forgotten = store.forget_panic();
    if let Some(change) = change {
        firewall.make_visible(&change, &[])?;
        firewall.tidy(&change)?;
    }
    let seen = firewall.look()?;
    if seen.as_ref().is_some_and(|seen| !seen.held.panic.is_empty()) {
        return Err(Failure::new(Kind::Refused, "the kernel still leads packets to what closes the host"));
    }
    forgotten.map_err(|failure| {
        Failure::host(format_args!(
            "this host is open again, and the next boot closes it: {}",
            failure.what()
        ))
        .help(format_args!("rm {}", store.path("panic.rules").display()))
    })?;
    Ok(Phase::of(seen.as_ref().map(|s| &s.held)).in_force())
}
