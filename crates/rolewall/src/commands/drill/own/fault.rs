//! What goes wrong, at the operator's choice; and that the plan is in force again, exactly.
//! Not here: the same faults at every step (the tests `faults`).

use super::super::ask::ANSWER_WITHIN;
use super::super::ended::Ended;
use super::super::mistake::kill_once_held;
use super::super::program::{show, unexpected};
use super::super::story::{Story, ms};
use super::super::watch::{AFTER, LOGINS_PER_SECOND, TOLERANCE, since};
use super::as_planned;
use super::cast::Cast;
use super::questions::Table;
use crate::cli::DrillFault;
use crate::failure::Failure;
use crate::firewall::Firewall;
use crate::host::{SETTINGS, STATE};
use rolewall_lab::{Outcome, Pace, Probe};
use rolewall_ruleset::{Op, Transaction};
use std::time::{Duration, Instant};

/// A chapter for each.
pub(super) fn make(
    fault: DrillFault,
    story: &mut Story,
    cast: &Cast,
    planned: &Table,
    window: Duration,
) -> Result<(), Ended> {
    match fault {
        DrillFault::Killed => killed(story, cast, window)?,
        DrillFault::PowerCut => power_cut(story, cast)?,
        DrillFault::FullDisk => disk(story, cast, Disk::Full)?,
        DrillFault::ReadOnlyDisk => disk(story, cast, Disk::ReadOnly)?,
        DrillFault::FlushedTable => changed_by_others(story, cast, Cast::forget, "enable")?,
        DrillFault::ChangedTable => changed_by_others(story, cast, open_input, "enable")?,
        DrillFault::DamagedFile => damaged(story, cast)?,
    }
    as_planned(story, cast, planned)
}

/// The operator denies the very network that he comes from, by force, and nobody is left to take it back.
fn killed(story: &mut Story, cast: &Cast, window: Duration) -> Result<(), Ended> {
    story.chapter("A mistake that cuts the operator off, forced, and its process killed");
    if cast.is_operator_trusted {
        story
            .say("  left out: who logs in here is trusted, and no mistake of this kind cuts the trusted off");
        return Ok(());
    }
    let node = cast.node()?;
    let settings = node.read(SETTINGS).unwrap_or_default();
    let addresses = cast.operator.addresses.iter().map(|a| format!("\"{a}\"")).collect::<Vec<_>>().join(", ");
    let mistake = with_deny(&String::from_utf8_lossy(&settings), &addresses);
    story.say(&format!("  rolewall.toml: [deny] networks = [{addresses}]"));
    node.write(SETTINGS, mistake)?;
    let session = cast.log_in()?;
    let program = cast.program()?;
    let refused = program.in_session(&["apply"], &session.connection).run()?;
    show(story, cast.name(), &["apply"], &refused);
    let is_named = refused.stderr().contains("session would be cut");
    story.check(
        refused.code() == Some(2) && is_named,
        "refused: it would cut the operator's own session (exit code 2)",
    );
    let window = format!("{}s", window.as_secs());
    let words = ["apply", "--force", "--window", &window];
    let killed = kill_once_held(node, program.in_session(&words, &session.connection))?;
    killed.tell(story, cast.name(), &words.join(" "));
    let late = first_login(story, cast, killed.deadline)?;
    let back = late.is_some_and(|late| late.abs() <= ms(TOLERANCE));
    let claim = match late {
        Some(late) => {
            format!("shut out until the kernel's own deadline: the first login {late:+.1} ms from it")
        }
        None => "no login got in, not even after the deadline".to_owned(),
    };
    story.check(back, &claim);
    story.check(session.answers(), "the old session is back, too");
    node.write(SETTINGS, settings)?;
    let tidied = program.done(program.command(&["janitor"]))?;
    show(story, cast.name(), &["janitor"], &tidied);
    Ok(())
}

/// Logins at a pace until after the deadline: how far from it the first got in, in milliseconds.
fn first_login(story: &mut Story, cast: &Cast, deadline: Instant) -> Result<Option<f64>, Ended> {
    let lasts = deadline.saturating_duration_since(Instant::now()) + AFTER;
    story.say(&format!(
        "  logins are tried {LOGINS_PER_SECOND} times a second for {:.1} s ...",
        lasts.as_secs_f64()
    ));
    let count = (lasts.as_secs_f64() * f64::from(LOGINS_PER_SECOND)) as usize;
    let logins = cast.logins();
    let probes = logins.iter().cycle().take(count).map(|to| Probe::tcp(to.ip(), to.port()));
    let probes: Vec<Probe> = probes.collect();
    let began = Instant::now();
    let operator = cast.host(&cast.operator.host())?;
    let shots = operator.probe_paced(&probes, Pace::PerSecond(LOGINS_PER_SECOND), ANSWER_WITHIN)?;
    story.count(shots.len(), 0);
    let first = shots.iter().find(|shot| shot.outcome == Outcome::Open);
    Ok(first.map(|shot| since(deadline, began + shot.at)))
}

/// Settings with another list of denied networks: their own section goes, and this one comes.
fn with_deny(settings: &str, networks: &str) -> String {
    let mut is_inside = false;
    let mut kept = String::new();
    for line in settings.lines() {
        if line.trim_start().starts_with('[') {
            is_inside = line.trim_start().starts_with("[deny]");
        }
        if !is_inside {
            kept += line;
            kept += "\n";
        }
    }
    kept + "\n[deny]\nnetworks = [" + networks + "]\n"
}

fn power_cut(story: &mut Story, cast: &Cast) -> Result<(), Ended> {
    story.chapter("Power fails during a test: the machine boots");
    let program = cast.program()?;
    let tested = program.done(program.command(&["apply", "--rebuild"]))?;
    show(story, cast.name(), &["apply", "--rebuild"], &tested);
    cast.forget()?;
    story.say("  ... the kernel has forgotten every rule");
    let booted = program.done(program.command(&["boot"]))?;
    show(story, cast.name(), &["boot"], &booted);
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    Full,
    ReadOnly,
}

/// A small file system over the state directory, with what is in it.
fn disk(story: &mut Story, cast: &Cast, kind: Disk) -> Result<(), Ended> {
    let what = if kind == Disk::Full { "has no room" } else { "cannot be written" };
    story.chapter(&format!("The state directory {what}"));
    let node = cast.node()?;
    let state = node.files().join(STATE.trim_start_matches('/'));
    let state = state.to_str().unwrap_or_default();
    let run = |program: &str, words: &[&str]| -> Result<(), Ended> {
        node.command(program).args(words).run()?.ok()?;
        Ok(())
    };
    run("cp", &["-a", state, "/run/kept"])?;
    run("mount", &["-t", "tmpfs", "-o", "size=32m,mode=700", "tmpfs", state])?;
    run("cp", &["-a", "/run/kept/.", state])?;
    match kind {
        Disk::Full => {
            // Ends with what it is for: no room.
            let filler = format!("of={state}/filler");
            let filled = node.command("dd").args(["if=/dev/zero", &filler, "bs=64k"]).run()?;
            story.check(filled.code() == Some(1), "its last byte is taken");
        }
        Disk::ReadOnly => run("mount", &["-o", "remount,ro", state])?,
    }
    let program = cast.program()?;
    let refused = program.command(&["apply", "--rebuild"]).run()?;
    show(story, cast.name(), &["apply", "--rebuild"], &refused);
    story.check(refused.code() == Some(3), "refused, and says why (exit code 3)");
    run("umount", &[state])?;
    run("rm", &["-r", "/run/kept"])
}

/// Said by status, left alone by looking, and mended when asked.
fn changed_by_others(
    story: &mut Story,
    cast: &Cast,
    change: fn(&Cast) -> Result<(), Ended>,
    mend: &str,
) -> Result<(), Ended> {
    story.chapter("Another program changes our table");
    change(cast)?;
    let program = cast.program()?;
    let told = program.command(&["status"]).run()?;
    show(story, cast.name(), &["status"], &told);
    story.check(told.code() == Some(1), "rolewall status says so (exit code 1)");
    let mended = program.done(program.command(&[mend]))?;
    show(story, cast.name(), &[mend], &mended);
    Ok(())
}

/// What comes in is led nowhere.
fn open_input(cast: &Cast) -> Result<(), Ended> {
    let open = || -> Result<(), Failure> {
        let mut firewall = Firewall::open()?;
        let id = firewall.id.clone();
        let ops = vec![Op::FlushChain(&id, "input")];
        firewall.commit(&Transaction { generation: None, ops })
    };
    Ok(cast.node()?.in_namespace(open)??)
}

/// The candidate's file no longer says what is tested.
fn damaged(story: &mut Story, cast: &Cast) -> Result<(), Ended> {
    story.chapter("The file of the candidate is cut in half during its test");
    let (node, program) = (cast.node()?, cast.program()?);
    let tested = program.done(program.command(&["apply", "--rebuild"]))?;
    show(story, cast.name(), &["apply", "--rebuild"], &tested);
    let path = format!("{STATE}/candidate.rules");
    let content = node.read(&path)?;
    node.write(&path, &content[..content.len() / 2])?;
    let confirmed = program.command(&["confirm"]).run()?;
    show(story, cast.name(), &["confirm"], &confirmed);
    if confirmed.code() != Some(3) {
        return Err(unexpected(&confirmed));
    }
    story.check(true, "not confirmed: the file is named (exit code 3)");
    let reverted = program.done(program.command(&["revert"]))?;
    show(story, cast.name(), &["revert"], &reverted);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_list_of_denied_networks_is_replaced_and_the_rest_stays() {
        let settings = "[node]\nname = \"a\"\n[deny] # scanners\nnetworks = [\n  \"192.0.2.0/24\",\n]\n[mode]\nout = \"observe\"\n";
        let expected =
            "[node]\nname = \"a\"\n[mode]\nout = \"observe\"\n\n[deny]\nnetworks = [\"198.51.100.1\"]\n";
        assert_eq!(with_deny(settings, "\"198.51.100.1\""), expected);
        assert_eq!(with_deny("", "\"198.51.100.1\""), "\n[deny]\nnetworks = [\"198.51.100.1\"]\n");
    }
}
