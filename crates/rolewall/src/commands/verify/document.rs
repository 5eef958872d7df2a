//! What `verify` prints: violations, each with a witness and its path.
//! Not here: finding them.

use crate::commands::explain::{StepDocument, step_document};
use rolewall_policy::verify::Fault;
use rolewall_policy::verify::Violation;
use rolewall_policy::verify::assert::{Assertion, Claim};
use rolewall_policy::verify::both::{Closed, Mismatch};
use rolewall_policy::verify::fleet::Member;
use rolewall_ruleset::flow::{CtState, Direction, L4};
use rolewall_ruleset::judge::{Environment, Judge};
use rolewall_ruleset::{Flow, Ruleset};
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};

/// The document of `verify --json`.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    holds: bool,
    violations: Vec<ViolationDocument>,
    /// Every flow was gone through, not some.
    flows_checked_as: &'static str,
    /// How many assertions were checked, and those of them that are about no flow of this cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    assertions: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    empty: Vec<String>,
    /// How many nodes of the cluster were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<ClusterDocument>,
}

#[derive(Debug, Serialize)]
struct ClusterDocument {
    nodes: usize,
    /// Nodes of one class differ only in their own addresses.
    classes: usize,
}

#[derive(Debug, Serialize)]
struct ViolationDocument {
    assertion: String,
    /// What is wrong about it.
    fault: &'static str,
    /// At which node of the inventory, and where it and the assertion stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    places: Vec<String>,
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
    pub(super) fn new() -> Document {
        let (violations, flows_checked_as) = (Vec::new(), "proof");
        Document {
            holds: true,
            violations,
            flows_checked_as,
            assertions: None,
            empty: Vec::new(),
            cluster: None,
        }
    }

    pub(super) fn holds(&self) -> bool {
        self.holds
    }

    /// A difference from a node's plan; this one's, where none is named.
    pub(super) fn violation(
        &mut self,
        violation: &Violation,
        node: Option<&Member>,
        held: (&Ruleset, &Environment),
    ) {
        let assertion = match violation.fault {
            Fault::Open => "what the plan does not permit is refused: a flow passes that should not",
            Fault::Closed => "what the plan permits passes: a flow is refused that should pass",
            Fault::MayOpen => "what the plan does not permit is refused: a flow may pass that should not",
            Fault::MayClose => "what the plan permits passes: a flow may be refused that should pass",
        };
        let name = node.map(|node| node.name.to_string());
        let places = node.and_then(|node| node.place.as_ref()).map(ToString::to_string);
        let of_whom = (name, places.into_iter().collect());
        self.add(assertion.to_owned(), violation.fault, of_whom, &violation.witness, held);
    }

    /// Every node was looked at, by classes.
    pub(super) fn cluster(&mut self, nodes: usize, classes: usize) {
        self.cluster = Some(ClusterDocument { nodes, classes });
    }

    /// Two nodes that do not agree.
    pub(super) fn mismatch(&mut self, mismatch: &Mismatch, flow: &Flow, held: (&Ruleset, &Environment)) {
        let Mismatch { closed, from: (_, from), to: (_, to), family: _, ports } = mismatch;
        let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
        let ports = ports.join(" ");
        let (words, closed) = match closed {
            Closed::Admission => {
                (format!("{} does not admit what {} opens to it: {ports}", to.name, from.name), to)
            }
            Closed::Opening => {
                (format!("{} does not open what {} admits from it: {ports}", from.name, to.name), from)
            }
        };
        let places = [from, to].into_iter().filter_map(|node| node.place.as_ref()).map(ToString::to_string);
        self.add(words, Fault::Closed, (Some(closed.name.to_string()), places.collect()), flow, held);
    }

    /// What became of the operator's assertions.
    pub(super) fn checked(&mut self, assertions: &[Assertion], empty: &[usize]) {
        self.assertions = Some(assertions.len());
        self.empty = empty.iter().map(|at| in_words(&assertions[*at])).collect();
    }

    /// An assertion that does not hold.
    pub(super) fn broken(&mut self, assertion: &Assertion, found: Found<'_>) {
        let Found { fault, node, witness, held } = found;
        let says = match (assertion.claim, fault) {
            (_, Fault::Open) => "a denied flow passes",
            (_, Fault::MayOpen) => "a denied flow may pass",
            (_, Fault::Closed) => "an allowed flow is refused",
            (_, Fault::MayClose) => "an allowed flow may be refused",
        };
        let places = node.place.iter().chain([&assertion.place]).map(ToString::to_string).collect();
        let words = format!("{}: {says}", in_words(assertion));
        self.add(words, fault, (Some(node.name.to_string()), places), witness, held);
    }

    fn add(
        &mut self,
        assertion: String,
        fault: Fault,
        (node, places): (Option<String>, Vec<String>),
        flow: &Flow,
        (ruleset, environment): (&Ruleset, &Environment),
    ) {
        let judge = Judge::new(ruleset).with(environment.clone());
        let path = judge.flow(flow).path.iter().map(step_document).collect();
        let fault = match fault {
            Fault::Open => "open",
            Fault::Closed => "closed",
            Fault::MayOpen => "may open",
            Fault::MayClose => "may close",
        };
        self.holds = false;
        let witness = witness(flow);
        self.violations.push(ViolationDocument { assertion, fault, node, places, witness, path });
    }

    pub(super) fn text(&self) -> String {
        let mut text: String = self.violations.iter().map(ViolationDocument::text).collect();
        if self.holds {
            text += "holds: exactly the plan's flows pass (proof over all flows)\n";
            if let Some(ClusterDocument { nodes, classes }) = &self.cluster {
                text += &format!(
                    "holds: {nodes} nodes ({classes} rulesets), and both ends of each flow between them\n"
                );
            }
            if let Some(count) = self.assertions {
                text += &format!("holds: {count} assertions of the operator\n");
            }
        }
        for assertion in &self.empty {
            text += &format!("note: about no flow of this cluster: {assertion}\n");
        }
        text
    }
}

/// Where an assertion does not hold.
pub(super) struct Found<'f> {
    pub(super) fault: Fault,
    pub(super) node: &'f Member,
    pub(super) witness: &'f Flow,
    pub(super) held: (&'f Ruleset, &'f Environment),
}

fn in_words(assertion: &Assertion) -> String {
    match (&assertion.name, assertion.claim) {
        (None, _) => assertion.to_string(),
        (Some(name), Claim::Deny) => format!("deny \"{name}\""),
        (Some(name), Claim::Allow) => format!("allow \"{name}\""),
    }
}

impl ViolationDocument {
    fn text(&self) -> String {
        let Witness { direction, proto, src, dst, iif, oif, ct } = &self.witness;
        let by = |word: &str, name: &Option<String>| {
            name.as_ref().map_or(String::new(), |n| format!(" {word} {n}"))
        };
        let (iif, oif) = (by("--iif", iif), by("--oif", oif));
        let mut text = format!("{}\n", self.assertion);
        if let Some(node) = &self.node {
            text += &format!("  at node {node} ({})\n", self.places.join(", "));
        }
        text += &format!("  witness: {direction} {proto} {src} {dst}{iif}{oif} --ct {ct}\n");
        self.path.iter().for_each(|step| text += &format!("{}\n", step.text()));
        text
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
