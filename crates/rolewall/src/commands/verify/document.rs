//! What `verify` prints: violations, each with a witness and its path.
//! Not here: finding them.

use crate::commands::explain::{StepDocument, step_document};
use rolewall_policy::verify::{Fault, Violation};
use rolewall_ruleset::Flow;
use rolewall_ruleset::flow::{CtState, Direction, L4};
use rolewall_ruleset::judge::Judgement;
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};

/// The document of `verify --json`.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    holds: bool,
    violations: Vec<ViolationDocument>,
    /// Every flow was gone through, not some.
    flows_checked_as: &'static str,
}

#[derive(Debug, Serialize)]
struct ViolationDocument {
    assertion: String,
    witness: Witness,
    path: Vec<StepDocument>,
}

#[derive(Debug, Serialize)]
struct Witness {
    direction: &'static str,
    proto: String,
    src: String,
    dst: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    iif: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oif: Option<String>,
    ct: &'static str,
}

impl Document {
    pub(super) fn new<'r>(violations: impl Iterator<Item = (&'r Violation, Judgement<'r>)>) -> Document {
        let violations: Vec<ViolationDocument> =
            violations.map(|(v, judged)| violation(v, &judged)).collect();
        Document { holds: violations.is_empty(), violations, flows_checked_as: "proof" }
    }

    pub(super) fn holds(&self) -> bool {
        self.holds
    }

    pub(super) fn text(&self) -> String {
        if self.holds {
            return "holds: exactly the plan's flows pass (proof over all flows)\n".to_owned();
        }
        self.violations.iter().map(ViolationDocument::text).collect()
    }
}

impl ViolationDocument {
    fn text(&self) -> String {
        let Witness { direction, proto, src, dst, iif, oif, ct } = &self.witness;
        let by = |word: &str, name: &Option<String>| {
            name.as_ref().map_or(String::new(), |n| format!(" {word} {n}"))
        };
        let (iif, oif) = (by("--iif", iif), by("--oif", oif));
        let mut text =
            format!("{}\n  witness: {direction} {proto} {src} {dst}{iif}{oif} --ct {ct}\n", self.assertion);
        self.path.iter().for_each(|step| text += &format!("{}\n", step.text()));
        text
    }
}

fn violation(violation: &Violation, judged: &Judgement<'_>) -> ViolationDocument {
    let assertion = match violation.fault {
        Fault::Open => "what the plan does not permit is refused: a flow passes that should not",
        Fault::Closed => "what the plan permits passes: a flow is refused that should pass",
        Fault::MayOpen => "what the plan does not permit is refused: a flow may pass that should not",
        Fault::MayClose => "what the plan permits passes: a flow may be refused that should pass",
    };
    ViolationDocument {
        assertion: assertion.to_owned(),
        witness: witness(&violation.witness),
        path: judged.path.iter().map(step_document).collect(),
    }
}

fn witness(flow: &Flow) -> Witness {
    let (sport, dport) = match flow.l4 {
        L4::Tcp { sport, dport, .. } | L4::Udp { sport, dport } | L4::Sctp { sport, dport } => {
            (Some(sport), Some(dport))
        }
        _ => (None, None),
    };
    Witness {
        direction: match flow.direction {
            Direction::In => "in",
            Direction::Out => "out",
            Direction::Forward => "forward",
        },
        proto: proto(flow.l4),
        src: end(flow.src, sport),
        dst: end(flow.dst, dport),
        iif: flow.iif.clone(),
        oif: flow.oif.clone(),
        ct: ct(flow.ct),
    }
}

fn proto(l4: L4) -> String {
    match l4 {
        L4::Tcp { .. } => "tcp".to_owned(),
        L4::Udp { .. } => "udp".to_owned(),
        L4::Sctp { .. } => "sctp".to_owned(),
        L4::Icmp { .. } => "icmp".to_owned(),
        L4::Icmpv6 { .. } => "icmpv6".to_owned(),
        L4::Other(number) => number.to_string(),
    }
}

fn end(address: IpAddr, port: Option<u16>) -> String {
    port.map_or_else(|| address.to_string(), |port| SocketAddr::new(address, port).to_string())
}

fn ct(state: CtState) -> &'static str {
    match state {
        CtState::New => "new",
        CtState::Established => "established",
        CtState::Related => "related",
        CtState::Invalid => "invalid",
        CtState::Untracked => "untracked",
    }
}
