//! Two mistakes of the operator: both are refused, one is forced, and the kernel takes it back by itself.
//! Not here: what is seen meanwhile ([`super::watch`]).

use super::ask::questions;
use super::cast::{CLUSTER_EXAMPLE, Cast, SETTINGS_EXAMPLE, SIP};
use super::edit::with_value;
use super::ended::Ended;
use super::expect::Plans;
use super::first::number;
use super::program::{show, unexpected};
use super::session::Session;
use super::story::{Story, ms};
use super::table::{Show, Table};
use super::watch;
use crate::firewall::Firewall;
use crate::host::{CLUSTER, SETTINGS};
use rolewall_control::{Phase, Revision};
use rolewall_lab::{Finished, Host, HostCommand, Running};
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

/// Far more than it takes; then it is waited for in vain.
const HELD_WITHIN: Duration = Duration::from_secs(20);

/// A fraction of what `apply` still has to do once the kernel holds its candidate.
const LOOK_EVERY: Duration = Duration::from_micros(50);

/// The colleague's networks, typed over the operator's own instead of beside them.
const ADMIN_TYPED_OVER: &str = r#"["198.51.100.16/28", "2001:db8:b::/64"]"#;
/// The networks that the stranger is in; the operator is in them too.
const DENY_TOO_WIDE: &str = r#"["198.51.100.0/24", "2001:db8:a::/48"]"#;

/// An admin list and a deny list that would each shut the operator out: neither is loaded.
pub(super) fn refused(story: &mut Story, cast: &Cast, operator: &Session) -> Result<(), Ended> {
    story.chapter("Two mistakes: apply refuses what would cut the operator's own session");
    let sip = cast.host(SIP)?;
    story.say("  cluster.toml, the colleague's networks typed over the operator's instead of beside them:");
    story.say(&format!("    admin = {ADMIN_TYPED_OVER}"));
    sip.write(CLUSTER, with_value(CLUSTER_EXAMPLE, "cluster", "admin", ADMIN_TYPED_OVER)?)?;
    refuses(story, cast, operator)?;
    sip.write(CLUSTER, CLUSTER_EXAMPLE)?;
    story.say("  cluster.toml as it was; rolewall.toml against the stranger, but too wide:");
    story.say(&format!("    [deny] networks = {DENY_TOO_WIDE}"));
    sip.write(SETTINGS, with_value(SETTINGS_EXAMPLE, "deny", "networks", DENY_TOO_WIDE)?)?;
    refuses(story, cast, operator)
}

fn refuses(story: &mut Story, cast: &Cast, operator: &Session) -> Result<(), Ended> {
    let program = cast.program(SIP)?;
    let before = program.stand()?;
    let finished = program.in_session(&["apply"], &operator.connection).run()?;
    show(story, SIP, &["apply"], &finished);
    if finished.code() != Some(2) {
        return Err(unexpected(&finished));
    }
    let names_it = finished.stderr().contains(&operator.in_words());
    story.check(names_it, "refused (exit code 2), and the session is named");
    let after = program.stand()?;
    story.check(after == before, &format!("nothing was changed: {}, revision {}", after.0, number(after.1)));
    Ok(())
}

/// The second mistake again, by force, and the process killed as soon as the kernel holds it.
pub(super) fn forced(
    story: &mut Story,
    cast: &Cast,
    operator: &Session,
    protected: &Table,
    window: Duration,
) -> Result<(), Ended> {
    story.chapter("Forced, and killed: nobody is left to take it back but the kernel");
    let program = cast.program(SIP)?;
    let before = program.stand()?;
    let window = format!("{}s", window.as_secs());
    let words = ["apply", "--force", "--window", &window];
    let killed = kill_once_held(cast.host(SIP)?, program.in_session(&words, &operator.connection))?;
    killed.tell(story, SIP, &words.join(" "));
    let seen = watch::until_back(story, cast, operator, &killed, protected)?;
    seen.tell(story, operator, &killed);
    show(story, SIP, &["status"], &program.command(&["status"]).run()?);
    let after = program.stand()?;
    let claim = format!("in force again: {}, revision {}", after.0, number(after.1));
    story.check(after == before, &claim);
    cast.host(SIP)?.write(SETTINGS, SETTINGS_EXAMPLE)?;
    let table = Table::ask(cast, &Plans::read(cast)?, &questions())?;
    table.tell(story, Show::Changed, Some(protected));
    story.check(table.differs_from(protected) == 0, "every answer is what it was before the mistake");
    Ok(())
}

/// An `apply` that did not live to see its end.
#[derive(Debug)]
pub(super) struct Killed {
    candidate: Revision,
    /// When the kernel was first seen to hold the candidate.
    pub(super) held: Instant,
    /// When the kernel's own timer runs out, as it said at that moment.
    pub(super) deadline: Instant,
    /// How long after that the signal was sent.
    signal: Duration,
    finished: Finished,
}

/// Runs a command line, and kills it as soon as the kernel shows a candidate in force.
pub(super) fn kill_once_held(host: &Host, command: HostCommand<'_>) -> Result<Killed, Ended> {
    let mut firewall = host.in_namespace(Firewall::open)??;
    let mut generation = firewall.nft.generation()?;
    let mut running = command.spawn()?;
    loop {
        generation = changed(&mut firewall, &mut running, generation)?;
        // Held still, so that it cannot end while the kernel is asked.
        running.signal(Signal::STOP)?;
        let asked = Instant::now();
        let seen = firewall.look()?;
        let held = Instant::now();
        if let Phase::Test { candidate, remaining_ms, .. } = Phase::of(seen.as_ref().map(|s| &s.held)) {
            running.signal(Signal::KILL)?;
            let signal = held.elapsed();
            let finished = running.wait(HELD_WITHIN)?;
            let deadline = asked + (held - asked) / 2 + Duration::from_millis(remaining_ms);
            return Ok(Killed { candidate, held, deadline, signal, finished });
        }
        running.signal(Signal::CONT)?;
    }
}

/// Waits until the kernel's rulesets are of another generation: somebody has committed something.
fn changed(firewall: &mut Firewall, running: &mut Running, known: u32) -> Result<u32, Ended> {
    let until = Instant::now() + HELD_WITHIN;
    loop {
        let is_alive = running.is_alive();
        let now = firewall.nft.generation()?;
        if now != known {
            return Ok(now);
        }
        if !is_alive || Instant::now() > until {
            let (said, why) = (running.stdout(), running.stderr());
            return Err(Ended::NotAsPlanned(format!(
                "apply --force changed nothing in the kernel:\n{said}{why}"
            )));
        }
        // Who sleeps is woken at once, also on a busy processor; who asks without end has to wait for his turn.
        std::thread::sleep(LOOK_EVERY);
    }
}

impl Killed {
    pub(super) fn tell(&self, story: &mut Story, node: &str, line: &str) {
        story.say(&format!("  {node}# rolewall {line}"));
        let (after, printed) = (ms(self.signal), self.finished.stdout.len());
        let how = match self.finished.status.signal() {
            Some(9) => format!(
                "its process was sent SIGKILL {after:.1} ms later, when it had printed {printed} bytes"
            ),
            _ => format!("its process ended by itself within {after:.1} ms, before it could be killed"),
        };
        story.say(&format!("    the kernel holds revision {}; {how}", self.candidate));
        story.say(&format!(
            "    no process, timer or cron line of ours is left; the kernel's timer has {:.1} s to go",
            (self.deadline - self.held).as_secs_f64()
        ));
        story.figure("killed_after_ms", after);
    }
}
