//! The one binary: `rolewall`, and `voipnow_firewall` where it is called by that name.
//! Not here: what the commands do ([`commands`]).

#[macro_use]
mod output;

mod at_hand;
mod beside;
mod candidate;
mod cli;
mod closed;
mod commands;
mod cut;
mod everybody;
mod failure;
mod firewall;
mod foreign;
mod host;
mod inputs;
mod joined;
mod live;
mod man;
mod neighbours;
mod precheck;
mod safety_net;
mod search;
mod settle;
mod sql;
mod state;
mod step;

use clap::{CommandFactory, Parser};
use cli::{Cli, Command, NodeCommand, PlanFormat};
use commands::confirm::SameSession;
use commands::{
    apply, audit, boot, confirm, detect, diff, drill, explain, init, json, lint, node, panic, plan, print,
    revert, status, switch, verify, voipnow_firewall,
};
use cut::{Asked, EndedDocument, OwnSession};
use failure::Failure;
use host::Host;
use serde_json::json;
use std::process::ExitCode;

fn main() -> ExitCode {
    end_at_a_panic();
    rolewall_kernel::process::two_heaps();
    match run() {
        Ok(code) => match output::lost() {
            None => ExitCode::from(code),
            Some(error) => {
                eprintln!("error: it is done, and what it says of it could not be written: {error}");
                ExitCode::from(failure::Kind::Host as u8)
            }
        },
        Err(failure) => {
            // One write: what other processes print does not come in between.
            let text = format!("{failure}\n");
            eprint!("{text}");
            ExitCode::from(failure.exit_code())
        }
    }
}

/// A panic of any thread is the end, and says what that means for this host.
fn end_at_a_panic() {
    let message = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        message(panic);
        eprintln!(
            "error: this is a bug of rolewall; what was in force before is in force, or returns at the deadline"
        );
        std::process::exit(failure::Kind::Bug as i32);
    }));
}

fn run() -> Result<u8, Failure> {
    let mut arguments = std::env::args_os();
    let called = arguments.next().unwrap_or_default();
    let name = std::path::Path::new(&called).file_name().and_then(|n| n.to_str()).unwrap_or_default();
    if name == voipnow_firewall::NAME {
        let global = cli::Global { root: None, files: None, json: false };
        let rest: Vec<_> = arguments.collect();
        voipnow_firewall::run(&Host::new(&global), &called.to_string_lossy(), &rest)?;
        return Ok(0);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return Ok(if error.use_stderr() { failure::Kind::Input as u8 } else { 0 });
        }
    };
    dispatch(&Host::new(&cli.global), cli)
}

fn dispatch(host: &Host, cli: Cli) -> Result<u8, Failure> {
    let as_json = cli.global.json;
    match cli.command {
        Command::Detect(arguments) => {
            let detected = detect::detect(host, &arguments)?;
            print!("{}", if as_json { json(&detected)? } else { detected.text() });
        }
        Command::Plan(arguments) => {
            let as_json = as_json && arguments.format != PlanFormat::Nft;
            print!("{}", plan::plan(host, &arguments, as_json)?);
        }
        Command::Audit(arguments) => return audit::audit(host, &arguments, as_json),
        Command::Diff => return diff::diff(host, as_json),
        Command::Apply(arguments) => {
            let applied = apply::apply(host, &arguments)?;
            print::applied_notes(&applied);
            let document = print::AppliedDocument::of(&applied);
            print!("{}", if as_json { json(&document)? } else { print::applied(&applied) });
        }
        Command::Confirm(arguments) => {
            let same = if arguments.same_session { SameSession::Take } else { SameSession::Refuse };
            let own = if arguments.force { OwnSession::Cut } else { OwnSession::Keep };
            let asked = Asked { arguments: &arguments.cut, own };
            let confirm::Confirmed { revision, ended } = confirm::confirm(host, same, asked)?;
            eprint!("{}", ended.text());
            let ended = EndedDocument::of(&ended);
            say(
                as_json,
                &json!({"state": "confirmed", "revision": revision.0, "ended": ended}),
                &format!("confirmed: revision {revision} is in force"),
            )?;
        }
        Command::Revert => {
            let previous = revert::revert(host)?;
            let text = previous
                .map_or("reverted: nothing of ours is in force, as before the test".to_owned(), |p| {
                    format!("reverted: revision {p} is in force")
                });
            let state = if previous.is_some() { "confirmed" } else { "off" };
            say(as_json, &json!({"state": state, "revision": previous.map(|p| p.0)}), &text)?;
        }
        Command::Status => {
            let status = status::status(host)?;
            print!("{}", if as_json { json(&status)? } else { status.text() });
            return Ok(status.exit_code());
        }
        Command::Explain(arguments) => return explain::explain(host, &arguments, as_json),
        Command::Verify(arguments) => return verify::verify(host, &arguments, as_json),
        Command::Lint(arguments) => return lint::lint(host, &arguments, as_json),
        Command::Disable => {
            switch::disable(host)?;
            eprintln!("warning: this host is open, and stays so after a reboot, until rolewall enable");
            say(as_json, &json!({"state": "off", "disabled": true}), "disabled: our table is gone")?;
        }
        Command::Enable => {
            let revision = switch::enable(host)?;
            say(
                as_json,
                &json!({"state": "confirmed", "revision": revision.0}),
                &format!("enabled: revision {revision} is in force"),
            )?;
        }
        Command::Node(command) => {
            let changed = match &command {
                NodeCommand::Add { name, private, roles } => node::add(host, name, private, roles)?,
                NodeCommand::Remove { name, cut } => node::remove(host, name, cut)?,
            };
            eprint!("{}", changed.ended.text());
            let (revision, ended) = (changed.revision.0, EndedDocument::of(&changed.ended));
            let document = json!({"revision": revision, "elements": changed.elements(), "ended": ended});
            say(as_json, &document, &changed.text())?;
        }
        Command::Drill(arguments) => return drill::drill(host, &arguments, as_json),
        Command::Init(arguments) => print!("{}", init::init(host, arguments.print)?),
        Command::Panic(arguments) => {
            let closed = panic::panic(host, &arguments)?;
            say(as_json, &closed.document(), &closed.text())?;
        }
        Command::Resume => {
            let revision = panic::resume(host)?;
            let document = json!({"panic": false, "revision": revision.map(|r| r.0)});
            say(as_json, &document, &panic::resumed(revision))?;
        }
        Command::Boot => {
            let text = format!("{}\n", boot::boot(host)?.text());
            eprint!("{text}");
        }
        Command::Janitor => revert::janitor(host)?,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "rolewall", &mut std::io::stdout());
        }
        Command::Man => print!("{}", man::page().map_err(Failure::host)?),
    }
    Ok(0)
}

fn say(as_json: bool, document: &serde_json::Value, text: &str) -> Result<(), Failure> {
    if as_json {
        print!("{}", json(document)?)
    } else {
        println!("{text}")
    }
    Ok(())
}
