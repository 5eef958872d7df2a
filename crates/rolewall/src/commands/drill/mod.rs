//! `rolewall drill`: the whole story with real packets, in throw-away namespaces.
//! Not here: the host itself. Nothing of it is written to, and nothing is left behind.

mod again;
mod ask;
mod cast;
mod close;
mod edit;
mod ended;
mod expect;
mod first;
mod mistake;
mod own;
mod program;
mod ready;
mod session;
mod stand_in;
mod story;
mod table;
mod watch;

use crate::cli::DrillArgs;
use crate::failure::Failure;
use crate::host::Host;
use ended::Ended;
use session::Session;
use std::time::Duration;
use story::{Report, Story};

/// Plays the drill; returns the exit code: 1 where something was not as planned.
pub(crate) fn drill(host: &Host, arguments: &DrillArgs, json: bool) -> Result<u8, Failure> {
    if let Some(part) = &arguments.stand_in {
        return stand_in::play(part).map(|()| 0);
    }
    ready::ready()?;
    let report = if json { Report::Document } else { Report::Words };
    let mut story = Story::new(report);
    let window = Duration::from_secs(arguments.window);
    let played = if arguments.own {
        own::play(&mut story, host, &arguments.faults, window)
    } else {
        play(&mut story, window)
    };
    match played {
        Ok(()) => {}
        Err(Ended::NotAsPlanned(what)) => story.broken(&what),
        Err(Ended::Failure(failure)) => return Err(failure),
    }
    story.end()
}

/// The chapters, in order.
fn play(story: &mut Story, window: Duration) -> Result<(), Ended> {
    let cast = cast::enter(story, window)?;
    let operator = Session::open(&cast, cast::OPERATOR)?;
    first::before(story, &cast)?;
    first::look(story, &cast)?;
    let protected = first::test(story, &cast, &operator, window)?;
    first::keep(story, &cast, &operator)?;
    mistake::refused(story, &cast, &operator)?;
    mistake::forced(story, &cast, &operator, &protected, window)?;
    let repaired = again::repair(story, &cast, &operator, window)?;
    again::boot(story, &cast, &repaired)?;
    close::close(story, cast, operator)
}
