//! The drill with this host's own plan: its inventory, settings and evidence, in throw-away namespaces.
//! Not here: the story of the example cluster ([`super`]); and the host, of which nothing is changed.
//!
//! However large the cluster is, of each kind of peer there is one address here: one node for each label that the
//! plan knows, an admin, a carrier, a stranger, somebody trusted, somebody denied, somebody on the private network
//! who is no node.

mod cast;
mod copy;
mod fault;
mod peers;
mod questions;

use super::ended::Ended;
use super::program::{show, unexpected};
use super::session::Session;
use super::story::{Story, ms};
use crate::cli::DrillFault;
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use cast::Cast;
use questions::Table;
use std::time::{Duration, Instant};

/// The chapters, in order.
pub(super) fn play(
    story: &mut Story,
    host: &Host,
    faults: &[DrillFault],
    window: Duration,
) -> Result<(), Ended> {
    let inputs = Inputs::read(host, Look::AsNeeded)?;
    let cast = cast::enter(story, host, &inputs)?;
    before(story, &cast)?;
    let operator = cast.log_in()?;
    let planned = test(story, &cast, &operator, window)?;
    keep(story, &cast, &operator)?;
    for fault in faults {
        fault::make(*fault, story, &cast, &planned, window)?;
    }
    boot(story, &cast, &planned)?;
    close(story, cast, operator);
    Ok(())
}

/// All must pass, or what is closed later proves nothing.
fn before(story: &mut Story, cast: &Cast) -> Result<(), Ended> {
    story.chapter("Before: no firewall; every question that will be asked, asked");
    let started = Instant::now();
    let table = Table::ask(cast)?;
    let (open, all) = (table.open(), table.len());
    story.count(all, 0);
    story.check(open == all, &format!("{open} of {all} probes pass ({:.0} ms)", ms(started.elapsed())));
    table.closed().for_each(|asked| story.say(&format!("    closed: {asked}")));
    Ok(())
}

/// Puts this host's plan in force as a test, and asks again.
fn test(story: &mut Story, cast: &Cast, operator: &Session, window: Duration) -> Result<Table, Ended> {
    story.chapter("Apply: this host's own plan in test mode; then the same questions");
    let program = cast.program()?;
    let window = format!("{}s", window.as_secs());
    let words = ["apply", "--window", &window];
    let started = Instant::now();
    let finished = program.done(program.in_session(&words, &operator.connection))?;
    show(story, cast.name(), &words, &finished);
    story.figure("apply_first_ms", ms(finished.took));
    let table = Table::ask(cast)?;
    table.sum_up(story);
    table.check(story);
    let since = operator.since(started);
    let claim = format!(
        "the operator's session is kept: {} of {} ticks answered since apply began",
        since.answered, since.sent
    );
    story.check(operator.answers(), &claim);
    Ok(table)
}

/// Over a new connection.
fn keep(story: &mut Story, cast: &Cast, operator: &Session) -> Result<(), Ended> {
    story.chapter("Confirm: refused over the old session, taken over a new one");
    let program = cast.program()?;
    let same = program.in_session(&["confirm"], &operator.connection).run()?;
    show(story, cast.name(), &["confirm"], &same);
    if same.code() != Some(2) {
        return Err(unexpected(&same));
    }
    story.check(true, "refused over the very session that apply ran over (exit code 2)");
    let new = cast.log_in()?;
    let finished = program.done(program.in_session(&["confirm"], &new.connection))?;
    show(story, cast.name(), &["confirm"], &finished);
    let (state, _) = program.stand()?;
    story.check(state == "confirmed", &format!("rolewall status: {state}"));
    Ok(())
}

/// The kernel has forgotten every table, and the files are there.
fn boot(story: &mut Story, cast: &Cast, planned: &Table) -> Result<(), Ended> {
    story.chapter("The next boot: the kernel knows nothing, the last confirmed revision is on disk");
    cast.forget()?;
    let program = cast.program()?;
    let booted = program.done(program.command(&["boot"]))?;
    show(story, cast.name(), &["boot"], &booted);
    as_planned(story, cast, planned)
}

/// Every answer is what it was when the plan was put in force, and nothing drifts.
fn as_planned(story: &mut Story, cast: &Cast, planned: &Table) -> Result<(), Ended> {
    let table = Table::ask(cast)?;
    table.check(story);
    let other = table.differs_from(planned);
    story.check(other == 0, "every answer is what it was when the plan was confirmed");
    let status = cast.program()?.status()?;
    let drift = status["drift"].as_array().map_or(0, Vec::len);
    let state = status["state"].as_str().unwrap_or_default();
    story
        .check(state == "confirmed" && drift == 0, &format!("rolewall status: {state}, {drift} differences"));
    Ok(())
}

fn close(story: &mut Story, cast: Cast, operator: Session) {
    story.chapter("The end: everything is taken away");
    drop(operator);
    drop(cast);
    story.say("  nothing of this host was changed; its copied files are gone with the namespaces");
}
