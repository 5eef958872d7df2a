//! `rolewall-bench`: what Rolewall costs beside nft and others, side by side in one run on this machine.
//! Not here: any claim. It prints medians and ratios; nothing is asserted, since a busy machine would fail it.
//!
//! Everything runs in network namespaces that are held by descriptors alone, and goes with this process.

mod apply;
mod child;
mod cli;
mod cluster;
mod detect;
mod disk;
mod explain;
mod flows;
mod join;
mod machine;
mod ours;
mod path;
mod peers;
mod policy;
mod replace;
mod report;
mod side;
mod stats;
mod swap;
mod verify;
mod world;

use clap::Parser;
use cli::{Cli, Command};
use std::error::Error;
use std::process::ExitCode;

/// What every part of the bench fails with: it has one reader, who wants the sentence.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    if let Some(code) = child::as_child().or_else(detect::as_holder) {
        return code;
    }
    let cli = Cli::parse();
    let done = machine::ready(&cli).and_then(|()| match &cli.command {
        Command::Apply(options) => apply::run(&cli, options),
        Command::Join(options) => join::run(&cli, options),
        Command::Detect(options) => detect::run(&cli, options),
        Command::Explain(options) => explain::run(&cli, options),
        Command::Verify(options) => verify::run(&cli, options),
        Command::Replace(options) => replace::run(&cli, options),
        Command::Path(options) => path::run(&cli, options),
        Command::Files(options) => side::write_all(options),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rolewall-bench: {error}");
            ExitCode::from(3)
        }
    }
}
