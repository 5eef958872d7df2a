//! The policy as files of other managed firewalls. Each loads it in its own way, from its own files, with its own
//! program.
//! Not here: rules that a person hands to the kernel's own tools.
//!
//! Their scripts run in a host whose mounts are its own: what they write of `/etc` is a copy, bound there first.

mod firewalld;
mod foomuuri;
mod ufw;

pub(super) use firewalld::firewalld;
pub(super) use foomuuri::foomuuri;
pub(super) use ufw::ufw;

use crate::policy::Ports;

/// Makes a tree of the machine's files the host's own.
const COPY: &str =
    "copy() { mkdir -p /run/copies$1; cp -a $1/. /run/copies$1/; mount --bind /run/copies$1 $1; }\n";

/// One port, or the first and the last.
fn range((_, first, last): &Ports) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}
