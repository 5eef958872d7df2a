//! What is seen from outside while a bad candidate is in force, and when it ends.
//! Not here: what ends it; that is the kernel's own timer.

use super::ask::{ANSWER_WITHIN, ends, questions};
use super::cast::{CARRIER, Cast, OPERATOR, PUBLIC, SIP};
use super::ended::Ended;
use super::expect::Plans;
use super::mistake::Killed;
use super::session::{Session, told};
use super::story::{Story, ms};
use super::table::{Show, Table};
use rolewall_lab::{Conversation, Outcome, Pace, Probe, Shot};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// New logins are tried so often, by IPv4 and IPv6 in turn: a way back is seen to 5 ms.
pub(super) const LOGINS_PER_SECOND: u32 = 200;
/// Calls of the carrier, which the mistake does not concern.
const CALLS_PER_SECOND: u32 = 50;
/// How long is watched after the deadline.
pub(super) const AFTER: Duration = Duration::from_secs(1);
/// How far from the deadline the way back may be seen. A quarter of a second is what a busy machine may take to
/// send a probe; the kernel itself is within a few milliseconds.
pub(super) const TOLERANCE: Duration = Duration::from_millis(250);

/// What was seen.
#[derive(Debug)]
pub(super) struct Seen {
    logins: Shots,
    calls: Shots,
}

/// Probes at a pace, and when they began.
#[derive(Debug)]
struct Shots {
    began: Instant,
    shots: Vec<Shot>,
}

impl Shots {
    fn opened(&self) -> impl Iterator<Item = Instant> {
        self.shots.iter().filter(|shot| shot.outcome == Outcome::Open).map(|shot| self.began + shot.at)
    }
}

/// Watches until a second after the deadline; meanwhile shows what has changed.
pub(super) fn until_back(
    story: &mut Story,
    cast: &Cast,
    operator: &Session,
    killed: &Killed,
    protected: &Table,
) -> Result<Seen, Ended> {
    let lasts = killed.deadline.saturating_duration_since(Instant::now()) + AFTER;
    std::thread::scope(|scope| {
        let logins = scope.spawn(|| shoot(cast, OPERATOR, |to| Probe::tcp(to, 22), LOGINS_PER_SECOND, lasts));
        let calls = scope.spawn(|| shoot(cast, CARRIER, |to| Probe::udp(to, 5060), CALLS_PER_SECOND, lasts));
        let told = meanwhile(story, cast, operator, killed, protected);
        let joined = |thread: std::thread::ScopedJoinHandle<'_, Result<Shots, Ended>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        let (logins, calls) = (joined(logins), joined(calls));
        told?;
        Ok(Seen { logins: logins?, calls: calls? })
    })
}

/// Sends probes to sip1 by both families in turn.
fn shoot(
    cast: &Cast,
    from: &str,
    probe: impl Fn(IpAddr) -> Probe,
    per_second: u32,
    lasts: Duration,
) -> Result<Shots, Ended> {
    let to = ends(cast.host(SIP)?, PUBLIC)?;
    let count = lasts.as_secs_f64() * f64::from(per_second);
    let probes: Vec<Probe> = (0..count as usize).map(|n| probe(to[n % 2])).collect();
    let began = Instant::now();
    let shots = cast.host(from)?.probe_paced(&probes, Pace::PerSecond(per_second), ANSWER_WITHIN)?;
    Ok(Shots { began, shots })
}

/// The table under the bad candidate, then the seconds as they pass.
fn meanwhile(
    story: &mut Story,
    cast: &Cast,
    operator: &Session,
    killed: &Killed,
    protected: &Table,
) -> Result<(), Ended> {
    let status = cast.program(SIP)?.status()?;
    let left = status["deadline_s"].as_u64();
    let claim = format!(
        "rolewall status, from another process: {}, {} s left",
        status["state"].as_str().unwrap_or_default(),
        left.map_or("no".to_owned(), |s| s.to_string())
    );
    story.check(status["state"] == "test" && left.is_some(), &claim);
    story.say("  what the mistake changes, and nothing else does:");
    Table::ask(cast, &Plans::read(cast)?, &questions())?.tell(story, Show::Changed, Some(protected));
    loop {
        let left = killed.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let silent = silence(operator).as_secs_f64();
        let left_s = left.as_secs_f64();
        story.say(&format!(
            "    {left_s:>4.1} s to the deadline; the operator's session is silent for {silent:.1} s"
        ));
        std::thread::sleep(left.min(Duration::from_secs(2)));
    }
}

/// How long nothing has come back over the IPv4 session.
fn silence(operator: &Session) -> Duration {
    let (ticks, _) = told(&operator.streams[0]);
    let last = ticks.ticks.iter().filter_map(|tick| tick.answered).max().unwrap_or_default();
    ticks.elapsed.saturating_sub(last)
}

impl Seen {
    /// When the way back was seen, against the deadline.
    pub(super) fn tell(&self, story: &mut Story, operator: &Session, killed: &Killed) {
        story.count(self.calls.shots.len() + self.logins.shots.len(), 0);
        self.tell_logins(story, killed);
        for (stream, family) in operator.streams.iter().zip(["IPv4", "IPv6"]) {
            tell_session(story, stream, family, killed);
        }
        let (answered, all) = (self.calls.opened().count(), self.calls.shots.len());
        let claim =
            format!("the carrier's calls never noticed: {answered} of {all} datagrams answered throughout");
        story.check(answered == all, &claim);
    }

    fn tell_logins(&self, story: &mut Story, killed: &Killed) {
        let all = self.logins.shots.len();
        let Some(first) = self.logins.opened().next() else {
            return story.broken(&format!("none of {all} new logins got in, not even after the deadline"));
        };
        let late = since(killed.deadline, first);
        let shut_out = self.logins.shots.iter().take_while(|shot| shot.outcome != Outcome::Open).count();
        let (open, after) = (self.logins.opened().count(), all - shut_out);
        let claim = format!(
            "the first new login got in {late:+.1} ms from the deadline (tried every {} ms); {shut_out} were shut \
             out before, {open} of {after} got in from then on",
            1000 / LOGINS_PER_SECOND
        );
        story.check(late.abs() <= ms(TOLERANCE) && open == after, &claim);
        story.figure("login_after_deadline_ms", late);
        story.figure("shut_out_ms", ms(first - killed.held));
    }
}

/// TCP repeats what was lost at growing intervals, so an old session hears of its freedom later than a new one:
/// at most as long after the deadline as it was cut.
fn tell_session(story: &mut Story, stream: &Conversation, family: &str, killed: &Killed) {
    stream.answers_within(killed.deadline - killed.held + AFTER);
    let (ticks, started) = told(stream);
    let answers: Vec<Instant> =
        ticks.ticks.iter().filter_map(|tick| Some(started + tick.answered?)).collect();
    let is_cut = |at: &&Instant| **at > killed.held + TOLERANCE && **at + TOLERANCE < killed.deadline;
    let during = answers.iter().filter(is_cut).count();
    let back = answers.iter().filter(|at| **at + TOLERANCE >= killed.deadline).min();
    let Some(back) = back else {
        return story.broken(&format!("the operator's session over {family} did not come back"));
    };
    let late = since(killed.deadline, *back);
    let claim = format!(
        "the session over {family}: {during} ticks answered while it was cut; they came back {late:+.1} ms from \
         the deadline, when TCP repeated itself"
    );
    story.check(during == 0, &claim);
    story.figure(
        if family == "IPv4" { "session_ipv4_after_deadline_ms" } else { "session_ipv6_after_deadline_ms" },
        late,
    );
}

/// Milliseconds from one moment to another; negative where it was before.
pub(super) fn since(from: Instant, to: Instant) -> f64 {
    if to >= from { ms(to - from) } else { -ms(from - to) }
}
