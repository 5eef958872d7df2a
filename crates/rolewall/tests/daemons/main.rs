//! Real daemons from Debian's packages, with the packages' own configuration and with ours: what `detect` reads
//! from their files is what Linux says that they opened, socket for socket.
//! Not here: forms that no daemon of Debian has; those are cases of the crate `evidence`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod host;
#[path = "../support/mod.rs"]
mod support;

mod databases;
mod messages;
mod others;
mod telephony;
mod web;
