//! The commands, one file each, and what they print.
//! Not here: the parser's definitions ([`crate::cli`]).

pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod boot;
pub(crate) mod confirm;
pub(crate) mod detect;
pub(crate) mod diff;
pub(crate) mod drill;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod lint;
pub(crate) mod node;
pub(crate) mod panic;
pub(crate) mod plan;
pub(crate) mod print;
pub(crate) mod revert;
pub(crate) mod status;
pub(crate) mod switch;
pub(crate) mod verify;
pub(crate) mod voipnow_firewall;

use crate::failure::{Failure, Kind};
use serde::Serialize;

/// One JSON document, on a line of its own.
pub(crate) fn json(document: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(document).map(|text| text + "\n").map_err(|e| Failure::new(Kind::Bug, e))
}
