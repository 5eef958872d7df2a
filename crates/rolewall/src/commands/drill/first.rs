//! The first revision: what passes without it, the look ahead, the test, the confirmation.
//! Not here: mistakes ([`super::mistake`]).

use super::ask::{ask_all, ends, questions};
use super::cast::{Cast, DB, OPERATOR, PBX, PUBLIC, SIP, STRANGER};
use super::ended::Ended;
use super::expect::Plans;
use super::program::{show, unexpected};
use super::session::{Session, Since};
use super::story::{Story, ms};
use super::table::{Show, Table};
use rolewall_lab::Outcome;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Every question, asked while there is no firewall: all must pass, or what is closed later proves nothing.
pub(super) fn before(story: &mut Story, cast: &Cast) -> Result<(), Ended> {
    story.chapter("Before: no firewall; what passes");
    let questions = questions();
    let started = Instant::now();
    let answers = ask_all(cast, &questions)?;
    let took = started.elapsed();
    let mut by_pair: BTreeMap<(&str, &str, &str), Vec<String>> = BTreeMap::new();
    for (question, answer) in questions.iter().zip(&answers) {
        let pair = (question.from, question.to, question.network);
        let closed = if answer.iter().all(is_open) { "" } else { " CLOSED" };
        by_pair.entry(pair).or_default().push(format!("{}{closed}", question.ask));
    }
    story.say(&format!("  {:<10}{:<20}open, by IPv4 and IPv6", "from", "to"));
    for ((from, to, network), asks) in by_pair {
        story.say(&format!("  {from:<10}{:<20}{}", format!("{to} ({network})"), asks.join(" ")));
    }
    let open = answers.iter().flatten().filter(|outcome| is_open(outcome)).count();
    let all = answers.len() * 2;
    story.count(all, 0);
    story.check(open == all, &format!("{open} of {all} probes pass ({:.0} ms)", ms(took)));
    Ok(())
}

fn is_open(outcome: &Outcome) -> bool {
    *outcome == Outcome::Open
}

/// What the program sees of sip1, and what it would do.
pub(super) fn look(story: &mut Story, cast: &Cast) -> Result<(), Ended> {
    story.chapter("Look first: what is here, and what would be allowed");
    let program = cast.program(SIP)?;
    let detected = program.done(program.command(&["detect"]))?;
    show(story, SIP, &["detect"], &detected);
    story.say("  (mysqld listens here too, and nothing follows from it: sip1 has no role that serves it)");
    let planned = program.done(program.command(&["plan"]))?.stdout();
    story.say(&format!("  {SIP}# rolewall plan   (shortened: what may come in, without who says so)"));
    story.quote(&shortened(&planned));
    Ok(())
}

/// A plan without what may go out, and each reason without its source.
fn shortened(plan: &str) -> String {
    let lines = plan.lines().take_while(|line| !line.starts_with("out "));
    let lines = lines.filter(|line| !line.is_empty());
    lines.map(|line| line.split_once(" [").map_or(line, |(reason, _)| reason)).collect::<Vec<_>>().join("\n")
}

/// Puts the plans in force: on sip1 as a test, on the others at once. Gives the table that must be there
/// again after every mistake.
pub(super) fn test(
    story: &mut Story,
    cast: &Cast,
    operator: &Session,
    window: Duration,
) -> Result<Table, Ended> {
    story.chapter("Apply: in test mode on sip1, at once on pbx1 and db1; then the same probes");
    for name in [PBX, DB] {
        let program = cast.program(name)?;
        let finished = program.done(program.command(&["apply", "--final"]))?;
        story.say(&format!("  {name}# rolewall apply --final   ({:.0} ms)", ms(finished.took)));
        story.quote(finished.stdout().lines().next().unwrap_or_default());
    }
    let started = Instant::now();
    let took = apply(story, cast, operator, window)?;
    story.figure("apply_first_ms", ms(took));
    let table = Table::ask(cast, &Plans::read(cast)?, &questions())?;
    table.tell(story, Show::Every, None);
    session_is_kept(story, operator, started);
    explain(story, cast)?;
    Ok(table)
}

fn session_is_kept(story: &mut Story, operator: &Session, started: Instant) {
    let answers = operator.answers();
    let Since { sent, answered, slowest } = operator.since(started);
    let slowest = ms(slowest);
    let claim = format!(
        "the operator's sessions over IPv4 and IPv6 are kept: {answered} of {sent} ticks answered since apply \
         began, the slowest in {slowest:.1} ms"
    );
    story.check(answers, &claim);
    story.figure("session_slowest_tick_ms", slowest);
}

/// Why the stranger does not get to the database: the first lines.
fn explain(story: &mut Story, cast: &Cast) -> Result<(), Ended> {
    const LINES: usize = 3;
    let from = ends(cast.host(STRANGER)?, PUBLIC)?[0];
    let to = ends(cast.host(SIP)?, PUBLIC)?[0];
    let (from, to) = (format!("{from}:40000"), format!("{to}:3306"));
    let words = ["explain", "in", "tcp", &from, &to, "--iif", "eth0", "--expect", "drop"];
    let program = cast.program(SIP)?;
    let said = program.done(program.command(&words))?.stdout();
    story.say(&format!("  {SIP}# rolewall {}", words.join(" ")));
    story.quote(&said.lines().take(LINES).collect::<Vec<_>>().join("\n"));
    Ok(())
}

/// `rolewall apply` on sip1, in test mode, in the operator's session; how long it took.
pub(super) fn apply(
    story: &mut Story,
    cast: &Cast,
    operator: &Session,
    window: Duration,
) -> Result<Duration, Ended> {
    let program = cast.program(SIP)?;
    let window = format!("{}s", window.as_secs());
    let words = ["apply", "--window", &window];
    let finished = program.done(program.in_session(&words, &operator.connection))?;
    show(story, SIP, &words, &finished);
    story.say(&format!("    ({:.0} ms from start to end of the command)", ms(finished.took)));
    Ok(finished.took)
}

/// Confirms: refused over the session that apply ran over, taken over a new one.
pub(super) fn keep(story: &mut Story, cast: &Cast, operator: &Session) -> Result<(), Ended> {
    story.chapter("Confirm: that the old session still works proves nothing; a new one does");
    confirm(story, cast, operator)?;
    Ok(())
}

/// Both confirmations; gives the revision that is confirmed after them.
pub(super) fn confirm(story: &mut Story, cast: &Cast, operator: &Session) -> Result<Option<u64>, Ended> {
    let program = cast.program(SIP)?;
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
    let claim =
        format!("taken over a new connection; rolewall status: {state}, revision {}", number(revision));
    story.check(state == "confirmed", &claim);
    Ok(revision)
}

pub(super) fn number(revision: Option<u64>) -> String {
    revision.map_or("none".to_owned(), |number| number.to_string())
}
