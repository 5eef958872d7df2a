//! What a catalogue must hold as a whole.
//! Not here: what a single file must.

use super::Service;
use crate::PortRange;

/// A port that two services both have, unless one of them is media, which gives way.
pub(super) fn shared_port(one: &Service, other: &Service) -> Option<PortRange> {
    if one.media || other.media {
        return None;
    }
    one.ports.iter().copied().find(|range| other.ports.iter().any(|taken| taken.overlaps(*range)))
}

/// Names that mean something else where roles are named, or in the ruleset.
pub(super) fn is_reserved(name: &str) -> bool {
    const WORDS: [&str; 11] = [
        "public",
        "private",
        "admin",
        "trunks",
        "trusted",
        "deny",
        "peers",
        "every-node",
        "any",
        "role",
        "nodes",
    ];
    WORDS.contains(&name) || name.ends_with("-net") || name.starts_with("meter-")
}
