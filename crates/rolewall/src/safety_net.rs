//! The janitor's alarm: a systemd timer, else a line in root's crontab. It only tidies up and tells; the
//! deadline itself is held by the kernel.
//! Not here: what the janitor does.

use crate::failure::Failure;
use crate::host::Host;
use crate::state::write_atomically;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const UNIT: &str = "rolewall-janitor";
const MARK: &str = "# rolewall safety net";
/// Debian's and Red Hat's places of root's crontab.
const CRONTABS: [&str; 2] = ["/var/spool/cron/crontabs/root", "/var/spool/cron/root"];
const SYSTEMCTL: [&str; 2] = ["/usr/bin/systemctl", "/bin/systemctl"];
const SYSTEMD_RUN: [&str; 2] = ["/usr/bin/systemd-run", "/bin/systemd-run"];

/// Sets the alarm for a little after the deadline. Where it cannot be set, says so: nothing depends on it.
pub(crate) fn install(host: &Host, window: Duration) {
    if !host.is_whole {
        return;
    }
    let set = if has_systemd() { by_systemd(window) } else { by_cron() };
    if let Err(failure) = set {
        eprintln!(
            "warning: no janitor: {failure}\n  (the kernel ends the test all the same; the next rolewall command tidies up)"
        );
    }
}

/// Takes the alarm away.
pub(crate) fn remove(host: &Host) {
    if !host.is_whole {
        return;
    }
    let gone = if has_systemd() {
        run(&SYSTEMCTL, &["stop", &format!("{UNIT}.timer")])
    } else {
        edit_crontab(|lines| lines.retain(|line| !line.ends_with(MARK)))
    };
    if let Err(failure) = gone {
        eprintln!("warning: the janitor's alarm was not removed: {failure}");
    }
}

fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

fn by_systemd(window: Duration) -> Result<(), Failure> {
    let program = program()?;
    let after = format!("--on-active={}", window.as_secs() + 1);
    let unit = format!("--unit={UNIT}");
    run(
        &SYSTEMD_RUN,
        &["--quiet", "--collect", &unit, &after, "--timer-property=AccuracySec=1s", &program, "janitor"],
    )
}

fn by_cron() -> Result<(), Failure> {
    let line = format!("* * * * * {} janitor {MARK}", program()?);
    edit_crontab(|lines| {
        lines.retain(|line| !line.ends_with(MARK));
        lines.push(line);
    })
}

/// Where this program is, under the name by which it is `rolewall`.
fn program() -> Result<String, Failure> {
    let path = std::env::current_exe().map_err(Failure::host)?;
    path.to_str().map(str::to_owned).ok_or_else(|| Failure::host("this program's path is not UTF-8"))
}

fn crontab() -> Option<PathBuf> {
    CRONTABS.iter().map(PathBuf::from).find(|path| path.parent().is_some_and(Path::is_dir))
}

/// Replaces root's crontab whole, as `crontab` does; cron sees that its directory has changed.
fn edit_crontab(edit: impl FnOnce(&mut Vec<String>)) -> Result<(), Failure> {
    let path = crontab().ok_or_else(|| Failure::host("neither systemd nor a crontab directory is here"))?;
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let before = lines.clone();
    edit(&mut lines);
    if lines == before {
        return Ok(());
    }
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    write_atomically(&path, text.as_bytes())
}

fn run(programs: &[&str], arguments: &[&str]) -> Result<(), Failure> {
    let found = programs.iter().find(|p| Path::new(p).exists());
    let program = found.ok_or_else(|| Failure::host(format_args!("{} is not here", programs[0])))?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().map_err(Failure::host)?;
    if status.success() { Ok(()) } else { Err(Failure::host(format_args!("{program}: {status}"))) }
}
