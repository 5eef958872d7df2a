//! The document of `detect --json`.
//! Not here: where its values come from.

use rolewall_evidence::{Evidence, Peer, UnixSocket, Unresolved};
use rolewall_policy::observed::Conflict;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Detected {
    pub(super) node: NodeDocument,
    pub(super) roles: Vec<RoleDocument>,
    pub(super) endpoints: Vec<EndpointDocument>,
    pub(super) unix: Vec<UnixDocument>,
    pub(super) peers: Vec<PeerDocument>,
    pub(super) unresolved: Vec<UnresolvedDocument>,
    pub(super) conflicts: Vec<ConflictDocument>,
    pub(super) errors: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct NodeDocument {
    pub(super) id: Option<String>,
    pub(super) hostname: Option<String>,
    pub(super) name: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct RoleDocument {
    pub(super) role: String,
    pub(super) because: Vec<Said>,
}

/// One piece of evidence.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Said {
    pub(super) kind: &'static str,
    pub(super) source: String,
    pub(super) text: String,
}

impl Said {
    pub(crate) fn evidence(evidence: &Evidence) -> Said {
        let Evidence { kind, source, text } = evidence;
        Said { kind: kind.word(), source: source.clone(), text: text.clone() }
    }

    fn all(evidence: &[Evidence]) -> Vec<Said> {
        evidence.iter().map(Said::evidence).collect()
    }
}

#[derive(Debug, Serialize)]
pub(super) struct EndpointDocument {
    /// The program that serves it.
    pub(super) service: String,
    pub(super) role: Option<String>,
    /// The role's service.
    pub(super) serves: Option<String>,
    /// The protocol spoken, where a file says.
    pub(super) purpose: Option<&'static str>,
    pub(super) proto: String,
    pub(super) address: String,
    pub(super) ports: String,
    pub(super) tls: Option<bool>,
    pub(super) reach: &'static str,
    pub(super) configured: bool,
    pub(super) listening: Option<bool>,
    /// Held for a container: packets to it are forwarded before any rule for this host sees them.
    pub(super) published: bool,
    pub(super) evidence: Vec<Said>,
}

#[derive(Debug, Serialize)]
pub(super) struct UnixDocument {
    pub(super) service: String,
    pub(super) path: String,
    pub(super) evidence: Vec<Said>,
}

impl UnixDocument {
    pub(super) fn of(unix: &UnixSocket) -> UnixDocument {
        let UnixSocket { service, path, evidence } = unix;
        UnixDocument { service: (*service).to_owned(), path: path.clone(), evidence: Said::all(evidence) }
    }
}

/// A server that a service of this host is told to use.
#[derive(Debug, Serialize)]
pub(super) struct PeerDocument {
    pub(super) service: &'static str,
    pub(super) purpose: &'static str,
    pub(super) host: String,
    pub(super) addresses: Vec<String>,
    pub(super) proto: String,
    pub(super) port: u16,
    pub(super) evidence: Vec<Said>,
}

impl PeerDocument {
    pub(super) fn of(peer: &Peer) -> PeerDocument {
        let Peer { service, purpose, host, addresses, transport, port, evidence } = peer;
        PeerDocument {
            service,
            purpose,
            host: host.clone(),
            addresses: addresses.iter().map(ToString::to_string).collect(),
            proto: transport.to_string(),
            port: *port,
            evidence: Said::all(evidence),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct UnresolvedDocument {
    pub(super) service: &'static str,
    pub(super) what: String,
    pub(super) evidence: Vec<Said>,
}

impl UnresolvedDocument {
    pub(super) fn of(unresolved: &Unresolved) -> UnresolvedDocument {
        let Unresolved { service, what, is_random: _, evidence } = unresolved;
        UnresolvedDocument { service, what: what.clone(), evidence: Said::all(evidence) }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct ConflictDocument {
    pub(super) kind: &'static str,
    pub(super) what: String,
    pub(super) evidence: Vec<Said>,
}

impl ConflictDocument {
    pub(crate) fn of(conflict: &Conflict) -> ConflictDocument {
        let Conflict { kind, what, evidence } = conflict;
        ConflictDocument { kind, what: what.clone(), evidence: Said::all(evidence) }
    }
}
