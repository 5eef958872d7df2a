//! The first revision: what passes without it, the look ahead, the test, the confirmation.
//! Not here: mistakes ([`super::mistake`]).

use super::ask::{Answer, ask_all, questions};
use super::cast::{Cast, DB, OPERATOR, PBX, SIP};
use super::ended::Ended;
use super::expect::Plans;
use super::program::{Program, show, unexpected};
use super::session::Session;
use super::story::{Story, ms};
use super::table::{Show, Table};
use rolewall_lab::Outcome;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Every question, asked while there is no firewall: all must pass, or what is closed later proves nothing.
pub(super) fn before(story: &mut Story, cast: &Cast) -> Result<Vec<Answer>, Ended> {
    story.chapter("Before: no firewall; what passes");
    let questions = questions();
    let started = Instant::now();
    let answers = ask_all(cast, &questions)?;
    let took = started.elapsed();
    let mut by_pair: BTreeMap<(&str, &str, &str), Vec<String>> = BTreeMap::new();
    for question in &questions {
        let pair = (question.from, question.to, question.network);
        by_pair.entry(pair).or_default().push(question.ask.to_string());
    }
    story.say("  from      to                  asked for, by IPv4 and IPv6");
    for ((from, to, network), asks) in by_pair {
        story.say(&format!("  {from:<10}{:<20}{}", format!("{to} ({network})"), asks.join(" ")));
    }
    let seen = answers.iter().flatten();
    let open = seen.clone().filter(|outcome| **outcome == Outcome::Open).count();
    let all = answers.len() * 2;
    story.count(all, 0);
    let claim = format!("all of it passes: {open} of {all} probes ({:.0} ms)", ms(took));
    story.check(open == all, &claim);
    Ok(answers)
}

/// What the program sees of sip1, and what it would do.
pub(super) fn look(story: &mut Story, cast: &Cast) -> Result<(), Ended> {
    story.chapter("Look first: what is here, and what would be allowed");
    let program = Program::of(cast.host(SIP)?)?;
    for words in [&["detect"][..], &["plan"]] {
        let finished = program.done(program.command(words))?;
        show(story, SIP, words, &finished);
    }
    Ok(())
}

/// Puts the plans in force: on sip1 as a test, on the others at once. Gives the table that must be there
/// again after every mistake.
pub(super) fn test(
    story: &mut Story,
    cast: &Cast,
    operator: &Session,
    before: &[Answer],
    window: Duration,
) -> Result<Table, Ended> {
    story.chapter("Apply: in test mode on sip1, at once on pbx1 and db1; then the same probes");
    for name in [PBX, DB] {
        let program = Program::of(cast.host(name)?)?;
        let finished = program.done(program.command(&["apply", "--final"]))?;
        let said = finished.stdout();
        story.say(&format!("  {name}# rolewall apply --final   ({:.0} ms)", ms(finished.took)));
        story.quote(said.lines().next().unwrap_or_default());
    }
    let started = Instant::now();
    apply(story, cast, operator, window)?;
    let table = Table::ask(cast, &Plans::read(cast)?, &questions())?;
    table.tell(story, Show::Every, None);
    debug_assert_eq!(before.len() * 2, questions().len() * 2);
    let kept = operator.answers();
    let since = operator.since(started);
    story.check(
        kept,
        &format!(
            "the operator's sessions (IPv4 and IPv6) are kept: {} of {} ticks answered since apply began, the slowest in {:.1} ms",
            since.answered, since.sent, ms(since.slowest)
        ),
    );
    story.figure("session_slowest_tick_ms", ms(since.slowest));
    Ok(table)
}

/// `rolewall apply` on sip1, in test mode, in the operator's session.
pub(super) fn apply(
    story: &mut Story,
    cast: &Cast,
    operator: &Session,
    window: Duration,
) -> Result<(), Ended> {
    let program = Program::of(cast.host(SIP)?)?;
    let window = format!("{}s", window.as_secs());
    let words = ["apply", "--window", &window];
    let finished = program.done(program.in_session(&words, &operator.connection))?;
    show(story, SIP, &words, &finished);
    story.say(&format!("    ({:.0} ms from start to end of the command)", ms(finished.took)));
    story.figure("apply_ms", ms(finished.took));
    Ok(())
}

/// Confirms: refused over the session that apply ran over, taken over a new one.
pub(super) fn keep(story: &mut Story, cast: &Cast, operator: &Session) -> Result<(), Ended> {
    story.chapter("Confirm: that the old session still works proves nothing; a new one does");
    confirm(story, cast, operator)?;
    Ok(())
}

/// Both confirmations; gives the revision that is confirmed after them.
pub(super) fn confirm(story: &mut Story, cast: &Cast, operator: &Session) -> Result<Option<u64>, Ended> {
    let program = Program::of(cast.host(SIP)?)?;
    let same = program.in_session(&["confirm"], &operator.connection).run()?;
    show(story, SIP, &["confirm"], &same);
    if same.code() != Some(2) {
        return Err(unexpected(&same));
    }
    story.check(true, "refused over the very session that apply ran over (exit code 2)");
    let new = Session::open(cast, OPERATOR)?;
    let finished = program.done(program.in_session(&["confirm"], &new.connection))?;
    show(story, SIP, &["confirm"], &finished);
    let (state, revision) = program.stand()?;
    let claim = format!("taken over a new connection; rolewall status: {state}, revision {}", number(revision));
    story.check(state == "confirmed", &claim);
    Ok(revision)
}

pub(super) fn number(revision: Option<u64>) -> String {
    revision.map_or("none".to_owned(), |number| number.to_string())
}
