//! `rolewall confirm`: keep the candidate that is in test mode.
//! Not here: `--final`, which confirms what it has just tested.

use super::apply::{confirm_held, keep_what_is_tested};
use crate::candidate::in_force;
use crate::closed;
use crate::cut::{Asked, Ended, Reach, cut};
use crate::failure::Failure;
use crate::firewall::{Firewall, Seen};
use crate::host::{Host, session};
use crate::safety_net;
use crate::settle::settle;
use crate::state::artefact::Stage;
use crate::state::{Notes, Store};
use rolewall_control::{NotPossible, Phase, Revision};
use rolewall_ruleset::Generation;

/// What to do about a confirmation that proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SameSession {
    /// Refuse it, and say how to open a new connection.
    Refuse,
    /// Take it, with a warning: what the vendor's `ok` is documented to do.
    Warn,
    /// Take it: the operator said so.
    Take,
}

/// Nobody takes a test back that is not confirmed: its deadline does.
const STILL_TESTED: &str =
    "nothing was confirmed; the kernel ends the test at its deadline, rolewall revert ends it now";

/// What was done.
#[derive(Debug)]
pub(crate) struct Confirmed {
    pub(crate) revision: Revision,
    pub(crate) ended: Ended,
}

pub(crate) fn confirm(
    host: &Host,
    same_session: SameSession,
    asked: Asked<'_>,
) -> Result<Confirmed, Failure> {
    host.live("confirm")?;
    let store = Store::of(host);
    let _lock = store.lock("confirm")?;
    let mut firewall = Firewall::open()?;
    let mut notes = store.notes()?;
    closed::refuse(&store, firewall.look()?.as_ref().map(|seen| &seen.held), "confirm")?;
    let under_test = under_test(&mut firewall)?;
    let (Phase::Test { candidate, .. }, Some(seen)) = settle(host, &store, &mut firewall, &mut notes)? else {
        let late = |candidate| NotPossible::Expired { candidate };
        return Err(under_test.map_or(NotPossible::NoTest, late).into());
    };
    refuse_same_session(&notes, same_session)?;
    let generation = match what_was_applied(&store, &mut firewall, &seen)? {
        Some(generation) => generation,
        None => firewall.read_generation(&seen, candidate)?,
    };
    let reach = Reach::of(&generation, &notes.left_by_test, asked.arguments);
    // Those of the inventory that was applied: it may have changed since, or its database may be away.
    notes.confirm(notes.nodes_under_test.unwrap_or(notes.nodes));
    keep_what_is_tested(&store, &mut firewall, &seen)?;
    let revision = confirm_held(&store, &mut firewall, &seen, &notes)?;
    safety_net::remove(host);
    let ended = cut(&mut firewall, &reach, asked, |_| Ok(in_force(generation)));
    Ok(Confirmed { revision, ended })
}

/// Somebody may have changed our table since: what is confirmed must be what was judged and tested.
/// None where the file of it is another's.
fn what_was_applied(
    store: &Store,
    firewall: &mut Firewall,
    seen: &Seen,
) -> Result<Option<Generation>, Failure> {
    let Some(under_test) = seen.held.candidate_revision() else { return Ok(None) };
    let artefact = store.artefact(Stage::Candidate)?.filter(|artefact| artefact.revision == under_test);
    let Some(generation) = artefact.map(|artefact| artefact.generation()) else { return Ok(None) };
    firewall.verify(under_test, &generation).map_err(|failure| failure.help(STILL_TESTED))?;
    Ok(Some(generation))
}

fn under_test(firewall: &mut Firewall) -> Result<Option<Revision>, Failure> {
    Ok(firewall.look()?.and_then(|seen| seen.held.candidate_revision()))
}

/// The connection that `apply` ran over is established: that it still works says nothing about whether
/// anyone can get in again.
fn refuse_same_session(notes: &Notes, same_session: SameSession) -> Result<(), Failure> {
    let established = session::established().map_err(Failure::host)?;
    let now = session::own(&established);
    let is_same = notes.session.as_ref().is_some_and(|s| now.iter().any(|n| n.to_string() == *s));
    if !is_same {
        return Ok(());
    }
    match same_session {
        SameSession::Take => Ok(()),
        SameSession::Warn => {
            eprintln!(
                "warning: this is the connection that the test was started over; open a new one to know that you can get in"
            );
            Ok(())
        }
        SameSession::Refuse => {
            let server = now.first().map(|s| s.server.ip().to_string()).unwrap_or_default();
            Err(Failure::input("this is the very connection that apply ran over: that it works proves nothing, it is established")
                .help(format_args!("from your own machine:  ssh root@{server} rolewall confirm\n      or, if you are sure:  rolewall confirm --same-session")))
        }
    }
}
