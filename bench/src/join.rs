use crate::Outcome;
use crate::cli::*;
pub(crate) fn run(_: &Cli, _: &JoinOptions) -> Outcome<()> { Ok(()) }
