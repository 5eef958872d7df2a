//! The vendor's command, by its own name and in every documented form.
//! Not here: what it does, which is what `rolewall apply` and `rolewall confirm` do.

use super::apply::{How, apply};
use super::confirm::{SameSession, confirm};
use crate::cli::{ApplyArgs, CutArgs};
use crate::cut::{Asked, OwnSession};
use crate::failure::Failure;
use crate::firewall::Firewall;
use crate::host::Host;
use rolewall_control::Phase;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// The name that makes the binary this command.
pub(crate) const NAME: &str = "voipnow_firewall";

/// A test without options lasts as long as the first edition of the vendor's page says.
const WINDOW: Duration = Duration::from_secs(600);
/// A test by `--testmode=true` lasts as long as the later editions say.
const WINDOW_TESTMODE: Duration = Duration::from_secs(180);

const FORMS: &str = "  voipnow_firewall                                      test mode, 10 minutes
  voipnow_firewall ok                                   final: keep what is in test mode, else apply for good
  voipnow_firewall -o apply -t true                     test mode, 3 minutes
  voipnow_firewall --operation=apply --testmode=false   final: keep what is in test mode, else apply for good";

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Test,
    Ok,
    Testmode(bool),
    Help,
}

/// Where the package links the command, in the order of the vendor's own editions.
const PLACES: [&str; 2] =
    ["/usr/local/voipnow/admin/sbin/voipnow_firewall", "/usr/local/voipnow/admin/bin/voipnow_firewall"];

/// As it can be typed again from anywhere: where it was called with a path, that path, links as they are;
/// else where the package links it; else where PATH leads.
fn real_path(called: &str) -> String {
    let found = match called.contains('/') {
        true => std::path::absolute(called).ok(),
        false => PLACES.iter().map(PathBuf::from).find(|place| place.exists()).or_else(|| on_path(called)),
    };
    found.map_or_else(|| called.to_owned(), |path| path.display().to_string())
}

fn on_path(name: &str) -> Option<PathBuf> {
    let directories = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&directories).filter(|d| d.is_absolute()).map(|d| d.join(name));
    places.find(|place| place.is_file())
}

pub(crate) fn run(host: &Host, called: &str, arguments: &[OsString]) -> Result<(), Failure> {
    let path = real_path(called);
    match form(arguments)? {
        Form::Help => println!("usage:\n{FORMS}"),
        Form::Test => {
            println!("Starting VoipNow firewall configuration...");
            if let Some(saved) = test(host, WINDOW)? {
                println!("Your existing firewall has been saved in {saved}");
                println!(
                    "If everything is working, make it final (and remove the safety net) with {path} ok"
                );
            }
        }
        Form::Testmode(true) => {
            if let Some(saved) = test(host, WINDOW_TESTMODE)? {
                println!(
                    "Testmode enabled. If everything is working ok, please apply the firewall with {path} --operation=apply --testmode=false"
                );
                println!("Your previous firewall has been saved in {saved}");
            }
        }
        Form::Ok => {
            println!("Script called with ok option - removing safety net");
            keep(host)?;
        }
        Form::Testmode(false) => keep(host)?,
    }
    Ok(())
}

/// Where the firewall before was saved; none where nothing had to change, which is said.
fn test(host: &Host, window: Duration) -> Result<Option<String>, Failure> {
    let applied = apply(host, &arguments_for(Some(window)))?;
    super::print::applied_notes(&applied);
    if applied.how == How::Unchanged {
        println!("Nothing to change: revision {} is confirmed and is in force", applied.revision);
        return Ok(None);
    }
    Ok(Some(applied.saved.map_or_else(|| "no file".to_owned(), |path| path.display().to_string())))
}

/// Confirms what is in test mode, else applies and confirms.
fn keep(host: &Host) -> Result<(), Failure> {
    host.live(NAME)?;
    let phase = Phase::of(Firewall::open()?.look()?.as_ref().map(|seen| &seen.held));
    let revision = match phase {
        Phase::Test { .. } => {
            let asked = Asked { arguments: &CutArgs::default(), own: OwnSession::Keep };
            let confirmed = confirm(host, SameSession::Warn, asked)?;
            eprint!("{}", confirmed.ended.text());
            confirmed.revision
        }
        _ => {
            let applied = apply(host, &arguments_for(None))?;
            super::print::applied_notes(&applied);
            applied.revision
        }
    };
    let text = format!("confirmed: revision {revision} is in force\n");
    eprint!("{text}");
    Ok(())
}

fn arguments_for(window: Option<Duration>) -> ApplyArgs {
    ApplyArgs {
        window,
        final_: window.is_none(),
        take_over: false,
        force: false,
        rebuild: false,
        cut: CutArgs::default(),
    }
}

fn form(arguments: &[OsString]) -> Result<Form, Failure> {
    let words: Vec<&str> = arguments.iter().map(|a| a.to_str().unwrap_or("?")).collect();
    match words.as_slice() {
        [] => return Ok(Form::Test),
        ["ok"] => return Ok(Form::Ok),
        ["-h" | "--help"] => return Ok(Form::Help),
        _ => {}
    }
    let (mut operation, mut testmode) = (None, None);
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (*word, rest.next().copied()),
        };
        match key {
            "-o" | "--operation" => operation = value,
            "-t" | "--testmode" => testmode = value,
            _ => return Err(unknown(word)),
        }
    }
    match (operation, testmode) {
        (Some("apply"), Some("true")) => Ok(Form::Testmode(true)),
        (Some("apply"), Some("false")) => Ok(Form::Testmode(false)),
        _ => Err(unknown(&words.join(" "))),
    }
}

fn unknown(what: &str) -> Failure {
    Failure::input(format_args!("voipnow_firewall does not know \"{what}\""))
        .help(format_args!("usage:\n{FORMS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Option<Form> {
        form(&words.iter().map(OsString::from).collect::<Vec<_>>()).ok()
    }

    #[test]
    fn every_documented_form_is_known() {
        assert_eq!(of(&[]), Some(Form::Test));
        assert_eq!(of(&["ok"]), Some(Form::Ok));
        assert_eq!(of(&["-o", "apply", "-t", "true"]), Some(Form::Testmode(true)));
        assert_eq!(of(&["--operation=apply", "--testmode=true"]), Some(Form::Testmode(true)));
        assert_eq!(of(&["--operation=apply", "--testmode=false"]), Some(Form::Testmode(false)));
        assert_eq!(of(&["--operation", "apply", "--testmode", "false"]), Some(Form::Testmode(false)));
    }

    #[test]
    fn its_path_can_be_typed_again_from_anywhere() {
        assert_eq!(real_path("/opt/x/voipnow_firewall"), "/opt/x/voipnow_firewall");
        assert!(real_path("./voipnow_firewall").starts_with('/'));
        assert_eq!(on_path("no such command"), None);
    }

    #[test]
    fn anything_else_is_refused() {
        for words in [&["stop"][..], &["-o", "flush"], &["-o", "apply"], &["-t", "true"], &["ok", "ok"]] {
            assert_eq!(of(words), None, "{words:?}");
        }
    }
}
