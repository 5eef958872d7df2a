//! What was detected, for people.
//! Not here: finding it.

use super::document::{Detected, EndpointDocument, Said};
use std::fmt::Write;

/// Pieces of evidence that are shown of one thing; the rest is counted. Workers share a port by dozens.
const SHOWN_MAX: usize = 6;

impl Detected {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let name = self.node.name.as_deref().or(self.node.hostname.as_deref()).unwrap_or("this host");
        let id = self.node.id.as_ref().map(|id| format!(" (node id {id})")).unwrap_or_default();
        let _ = writeln!(out, "{name}{id}");
        if self.roles.is_empty() {
            out.push_str("\nno role: no service of a role is assigned or listens here\n");
        }
        for role in &self.roles {
            let _ = writeln!(out, "\nrole {}", role.role);
            said(&mut out, "  because ", &role.because);
        }
        out.push_str(if self.endpoints.is_empty() { "\nendpoints: none\n" } else { "\nendpoints\n" });
        self.endpoints.iter().for_each(|e| endpoint(&mut out, e));
        self.rest(&mut out);
        out
    }

    fn rest(&self, out: &mut String) {
        if !self.unix.is_empty() {
            out.push_str("\nsockets in the file system, which no network reaches\n");
        }
        for unix in &self.unix {
            let _ = writeln!(out, "  {:<16} {}", unix.service, unix.path);
        }
        if !self.peers.is_empty() {
            out.push_str("\nservers that this host is told to use\n");
        }
        for peer in &self.peers {
            let _ = writeln!(
                out,
                "  {:<16} {} at {}, {} {}",
                peer.service, peer.purpose, peer.host, peer.proto, peer.port
            );
            said(out, "           ", &peer.evidence);
        }
        for unresolved in &self.unresolved {
            let _ = writeln!(out, "\nnot known: {}: {}", unresolved.service, unresolved.what);
            said(out, "  ", &unresolved.evidence);
        }
        for conflict in &self.conflicts {
            let _ = writeln!(out, "\nconflict: {}", conflict.what);
            said(out, "  ", &conflict.evidence);
        }
        for error in &self.errors {
            let _ = writeln!(out, "\nerror: {error}");
        }
    }
}

fn endpoint(out: &mut String, e: &EndpointDocument) {
    let role = e.role.as_deref().unwrap_or("-");
    let serves = e.serves.as_deref().or(e.purpose).unwrap_or("");
    let tls = if e.tls == Some(true) { " tls" } else { "" };
    let state = match (e.published, e.configured, e.listening) {
        (true, ..) => ", published by a container: not governed",
        (_, true, Some(false)) => ", configured and not listening",
        (_, false, Some(true)) => ", listening and not configured",
        (_, false, None) => ", by the inventory alone",
        _ => "",
    };
    let _ = writeln!(
        out,
        "  {role:<8} {:<16} {serves:<14} {} {} {}{tls} ({}{state})",
        e.service, e.proto, e.address, e.ports, e.reach
    );
    said(out, "           ", &e.evidence);
}

fn said(out: &mut String, indent: &str, evidence: &[Said]) {
    for one in evidence.iter().take(SHOWN_MAX) {
        let colon = if one.text.is_empty() { "" } else { ": " };
        let _ = writeln!(out, "{indent}{}{colon}{}", one.source, one.text);
    }
    if evidence.len() > SHOWN_MAX {
        let _ = writeln!(out, "{indent}and {} more", evidence.len() - SHOWN_MAX);
    }
}
