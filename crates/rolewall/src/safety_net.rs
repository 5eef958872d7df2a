//! The janitor's alarm: a systemd timer, else a line in root's crontab. It only tidies up and tells; the
//! deadline itself is held by the kernel.
//! Not here: what the janitor does.

use crate::failure::{Failure, file_failure};
use crate::host::Host;
use std::fs::{self, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

const UNIT: &str = "rolewall-janitor";
const MARK: &str = "# rolewall safety net";
/// Beside the crontab: cron passes over names that begin with a dot.
const BESIDE: &str = ".rolewall.new";
/// What systemctl answers about a unit that is not there.
const NOT_LOADED: i32 = 5;
/// Debian's and Red Hat's places of root's crontab.
const CRONTABS: [&str; 2] = ["/var/spool/cron/crontabs/root", "/var/spool/cron/root"];
const NO_ALARM: &str = "neither systemd nor a crontab directory is here";
const WITHOUT: &str = "the kernel ends the test all the same; the next rolewall command tidies up";
/// The program's place in a package, and the places of units that come with one.
const PACKAGED: &str = "/usr/sbin/rolewall";
const UNITS: [&str; 3] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
const SYSTEMCTL: [&str; 2] = ["/usr/bin/systemctl", "/bin/systemctl"];
const SYSTEMD_RUN: [&str; 2] = ["/usr/bin/systemd-run", "/bin/systemd-run"];

/// Sets the alarm for a little after the deadline. Where it cannot be set, says so: nothing depends on it.
pub(crate) fn install(host: &Host, window: Duration) {
    if !host.is_whole {
        return;
    }
    let set = match alarm() {
        Some(Alarm::Systemd) => by_systemd(window),
        Some(Alarm::Cron(crontab)) => by_cron(&crontab),
        None => return eprintln!("note: no janitor: {NO_ALARM}\n  ({WITHOUT})"),
    };
    if let Err(failure) = set {
        eprintln!("warning: no janitor: {failure}\n  ({WITHOUT})");
    }
}

/// Takes the alarm away.
pub(crate) fn remove(host: &Host) {
    if !host.is_whole {
        return;
    }
    let gone = match alarm() {
        Some(Alarm::Systemd) => stop_timer(),
        Some(Alarm::Cron(crontab)) => edit_crontab(&crontab, without_ours),
        None => Ok(()),
    };
    if let Err(failure) = gone {
        eprintln!("warning: the janitor's alarm was not removed: {failure}");
    }
}

/// At boot: no timer has come over it, but a line has.
pub(crate) fn remove_at_boot(host: &Host) {
    if !matches!(alarm(), Some(Alarm::Systemd)) {
        remove(host);
    }
}

/// What can wake the janitor here.
enum Alarm {
    Systemd,
    /// Root's crontab.
    Cron(PathBuf),
}

fn alarm() -> Option<Alarm> {
    if Path::new("/run/systemd/system").is_dir() {
        return Some(Alarm::Systemd);
    }
    let mut crontabs = CRONTABS.iter().map(PathBuf::from);
    crontabs.find(|path| path.parent().is_some_and(Path::is_dir)).map(Alarm::Cron)
}

fn stop_timer() -> Result<(), Failure> {
    let (program, status) = status_of(&SYSTEMCTL, &["stop", &format!("{UNIT}.timer")])?;
    if status.code() == Some(NOT_LOADED) { Ok(()) } else { succeeded(program, status) }
}

fn by_systemd(window: Duration) -> Result<(), Failure> {
    let program = program()?;
    let after = format!("--on-active={}", window.as_secs() + 1);
    let unit = format!("--unit={UNIT}");
    // The timer of an earlier test would keep the name; most often there is none.
    let _ = stop_timer();
    let timer = ["--quiet", &unit, &after, "--timer-property=AccuracySec=1s"];
    let service: &[&str] = if has_unit(&program) { &[] } else { &["--collect", &program, "janitor"] };
    let (runner, status) = status_of(&SYSTEMD_RUN, &[&timer[..], service].concat())?;
    succeeded(runner, status)
}

/// The package's own unit, which may do less than one that is made for the timer.
fn has_unit(program: &str) -> bool {
    let of = |directory: &&str| Path::new(directory).join(format!("{UNIT}.service")).exists();
    program == PACKAGED && UNITS.iter().any(of)
}

fn by_cron(crontab: &Path) -> Result<(), Failure> {
    let line = format!("* * * * * {} janitor {MARK}\n", program()?);
    edit_crontab(crontab, |text| with_ours(text, &line))
}

/// Where this program is, under the name by which it is `rolewall`.
fn program() -> Result<String, Failure> {
    let path = std::env::current_exe().map_err(Failure::host)?;
    path.to_str().map(str::to_owned).ok_or_else(|| Failure::host("this program's path is not UTF-8"))
}

/// Bytes, for a crontab need not be UTF-8; what is not ours stays as it is.
fn without_ours(text: &[u8]) -> Vec<u8> {
    let is_ours = |line: &&[u8]| line.strip_suffix(b"\n").unwrap_or(line).ends_with(MARK.as_bytes());
    text.split_inclusive(|byte| *byte == b'\n').filter(|line| !is_ours(line)).flatten().copied().collect()
}

fn with_ours(text: &[u8], line: &str) -> Vec<u8> {
    let mut text = without_ours(text);
    if text.last().is_some_and(|byte| *byte != b'\n') {
        text.push(b'\n');
    }
    text.extend_from_slice(line.as_bytes());
    text
}

/// Replaces root's crontab whole, as `crontab` does; cron sees that its directory has changed.
fn edit_crontab(path: &Path, edit: impl FnOnce(&[u8]) -> Vec<u8>) -> Result<(), Failure> {
    // Only a crontab that is not there is empty: one that cannot be read must not be written over.
    let before = match fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(file_failure("read", path, &e)),
    };
    let after = edit(&before);
    if after == before {
        return Ok(());
    }
    // One that held our line alone was made by us.
    let done = if after.is_empty() { fs::remove_file(path) } else { replace(path, &after) };
    done.map_err(|e| file_failure("write", path, &e))
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let old = match fs::symlink_metadata(path) {
        Ok(old) => Some(old),
        Err(e) if e.kind() == ErrorKind::NotFound => None,
        Err(e) => return Err(e),
    };
    let beside = path.with_file_name(BESIDE);
    // What an earlier run left behind when it was killed.
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let replaced = write_like(&beside, old.as_ref(), text).and_then(|()| fs::rename(&beside, path));
    if replaced.is_err() {
        let _ = fs::remove_file(&beside);
    }
    replaced
}

/// A new file with the owner, group and mode of the old one.
fn write_like(path: &Path, old: Option<&Metadata>, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    if let Some(old) = old {
        fchown(&file, Some(old.uid()), Some(old.gid()))?;
        file.set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
    }
    file.write_all(text)?;
    file.sync_all()
}

fn status_of<'a>(programs: &[&'a str], arguments: &[&str]) -> Result<(&'a str, ExitStatus), Failure> {
    let found = programs.iter().find(|p| Path::new(p).exists());
    let program = found.ok_or_else(|| Failure::host(format_args!("{} is not here", programs[0])))?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok((program, command.status().map_err(Failure::host)?))
}

fn succeeded(program: &str, status: ExitStatus) -> Result<(), Failure> {
    if status.success() { Ok(()) } else { Err(Failure::host(format_args!("{program}: {status}"))) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LINE: &str = "* * * * * /usr/sbin/rolewall janitor # rolewall safety net\n";

    #[test]
    fn our_line_comes_once_and_goes_and_other_bytes_stay() {
        let theirs = b"MAILTO=\xe9\xff\r\n\n0 1 * * * backup\n";
        let with = with_ours(&with_ours(theirs, LINE), LINE);
        assert_eq!(with, [&theirs[..], LINE.as_bytes()].concat());
        assert_eq!(without_ours(&with), theirs);
    }

    #[test]
    fn a_last_line_without_an_end_is_not_joined_to_ours() {
        assert_eq!(with_ours(b"0 1 * * * backup", LINE), [b"0 1 * * * backup\n", LINE.as_bytes()].concat());
    }

    #[test]
    fn a_crontab_keeps_its_mode_and_one_of_ours_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root");
        edit_crontab(&path, |text| with_ours(text, LINE)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        edit_crontab(&path, without_ours).unwrap();
        assert!(!path.exists());
        fs::write(&path, b"\xff\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        edit_crontab(&path, |text| with_ours(text, LINE)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        edit_crontab(&path, without_ours).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"\xff\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_crontab_that_cannot_be_read_is_not_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root");
        fs::create_dir(&path).unwrap();
        assert!(edit_crontab(&path, |text| with_ours(text, LINE)).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
