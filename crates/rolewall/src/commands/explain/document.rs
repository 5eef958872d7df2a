//! What `explain` says of a flow, as JSON and as text.
//! Not here: how it came to say it.

use rolewall_policy::plan::Me;
use rolewall_policy::{Inventory, Node};
use rolewall_ruleset::flow::Direction;
use rolewall_ruleset::judge::{Judged, Judgement, Outcome, Step};
use rolewall_ruleset::{Flow, Hook, text};
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};

/// The document of `explain --json`.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    pub(super) verdict: &'static str,
    decided_by: Option<Decision>,
    path: Vec<StepDocument>,
    /// The nodes whose addresses these are, with their line of the inventory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nodes: Vec<String>,
    /// Why the flow does not come to this host at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// Where else the packet goes than it seems, and what is not judged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Decision {
    table: String,
    chain: String,
    rule: String,
    why: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct StepDocument {
    table: String,
    hook: &'static str,
    chain: String,
    rule: String,
    outcome: String,
    /// The set that was looked into, and the element that was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    element: Option<String>,
}

/// A verdict's word.
pub(super) fn verdict(judged: Judged) -> &'static str {
    match judged {
        Judged::Accept => "accept",
        Judged::Drop => "drop",
        Judged::Reject => "reject",
        Judged::May => "may",
    }
}

impl Explained {
    pub(super) fn of(judgement: &Judgement<'_>, flow: &Flow, inventory: &Inventory) -> Explained {
        Explained {
            verdict: verdict(judgement.verdict),
            decided_by: judgement.decided_by.as_ref().map(|step| Decision {
                table: step.table.id.to_string(),
                chain: step.chain.to_owned(),
                rule: step.text(),
                why: why(judgement, step),
            }),
            path: judgement.path.iter().map(step_document).collect(),
            nodes: nodes(flow, inventory),
            note: None,
            notes: translations(judgement),
        }
    }

    /// The same with the note of a flow to another node.
    pub(super) fn on(mut self, flow: &Flow, inventory: &Inventory, me: Option<&Me>) -> Explained {
        self.note = me.and_then(|me| not_here(flow, inventory, me));
        self
    }

    /// The same with what is not judged. What that may stop is no more surely accepted.
    pub(super) fn beside(mut self, unjudged: &[Unjudged]) -> Explained {
        if self.verdict == "accept" && unjudged.iter().any(|found| found.may_stop) {
            self.verdict = "may";
        }
        self.notes.extend(unjudged.iter().map(|found| found.what.clone()));
        self
    }

    pub(super) fn text(&self) -> String {
        let mut lines = vec![self.verdict.to_owned()];
        if let Some(by) = &self.decided_by {
            lines.push(format!("  by {} {}: {}", by.table, by.chain, by.rule));
            lines.extend(by.why.iter().map(|why| format!("  because {why}")));
        }
        lines.extend(self.nodes.iter().map(|node| format!("  {node}")));
        lines.extend(self.note.iter().chain(&self.notes).map(|note| format!("  note: {note}")));
        let mut hook = "";
        for step in &self.path {
            if step.hook != hook {
                hook = step.hook;
                lines.push(format!("  {hook}"));
            }
            lines.push(step.text());
        }
        lines.join("\n") + "\n"
    }
}

impl StepDocument {
    /// The outcome is named only where the rule's own last words do not say it.
    pub(crate) fn text(&self) -> String {
        let StepDocument { table, hook: _, chain, rule, outcome, element } = self;
        let words = rule.split(" comment \"").next().unwrap_or(rule);
        let is_said = words.ends_with(outcome.as_str());
        let outcome = if is_said { String::new() } else { format!(" -> {outcome}") };
        let element = element.as_ref().map(|element| format!(" [{element}]")).unwrap_or_default();
        format!("  - {table} {chain}: {rule}{element}{outcome}")
    }
}

/// Something that decides about packets and is not judged.
#[derive(Debug, Clone)]
pub(super) struct Unjudged {
    /// In words.
    pub(super) what: String,
    /// The flow may be stopped by it.
    pub(super) may_stop: bool,
}

/// The rule's own comment; that of the last rule on the path that has one, where the deciding one has none.
fn why(judgement: &Judgement<'_>, decided_by: &Step<'_>) -> Option<String> {
    let comment = |step: &Step<'_>| step.rule.and_then(|(_, rule)| rule.comment.clone());
    let own = |step: &&Step<'_>| step.table.id == decided_by.table.id;
    comment(decided_by).or_else(|| judgement.path.iter().rev().filter(own).find_map(comment))
}

pub(crate) fn step_document(step: &Step<'_>) -> StepDocument {
    let outcome = match &step.outcome {
        Outcome::Accept => "accept".to_owned(),
        Outcome::Translate { is_source, address, port } => translated(*is_source, *address, *port),
        Outcome::Drop => "drop".to_owned(),
        Outcome::Reject => "reject".to_owned(),
        Outcome::Jump(chain) => format!("jump {chain}"),
        Outcome::Goto(chain) => format!("goto {chain}"),
        Outcome::Return => "return".to_owned(),
        Outcome::Continue => "continue".to_owned(),
        Outcome::May(reason) => format!("may: {reason}"),
    };
    let outcome = if step.by_rate { format!("{outcome} (within the rate)") } else { outcome };
    let element = step.element.map(|(set, element)| {
        let name = if set.is_anonymous() { "its own set" } else { &set.name };
        format!("{name}: {}", text::element(set, element))
    });
    StepDocument {
        table: step.table.id.to_string(),
        hook: text::hook(step.hook),
        chain: step.chain.to_owned(),
        rule: step.text(),
        outcome,
        element,
    }
}

fn translated(is_source: bool, address: Option<IpAddr>, port: Option<u16>) -> String {
    let end = if is_source { "source" } else { "destination" };
    match (address, port) {
        (Some(address), Some(port)) => format!("{end} {}", SocketAddr::new(address, port)),
        (Some(address), None) => format!("{end} {address}"),
        (None, Some(port)) => format!("{end} of port {port}"),
        (None, None) => format!("{end} translated"),
    }
}

/// Of a destination that is another now: to what, by whom, where the packet goes on, and who decides there.
fn translations(judgement: &Judgement<'_>) -> Vec<String> {
    let path = &judgement.path;
    let is_destination =
        |step: &&Step<'_>| matches!(step.outcome, Outcome::Translate { is_source: false, .. });
    let Some(step) = path.iter().find(is_destination) else { return Vec::new() };
    let Outcome::Translate { address, port, .. } = step.outcome else { return Vec::new() };
    let to = translated(false, address, port);
    let to = to.strip_prefix("destination ").unwrap_or("an address that is not known");
    let by = format!("table {} translates the destination to {to}", step.table.id);
    let on = [Hook::Forward, Hook::Input].into_iter().find(|hook| path.iter().any(|s| s.hook == *hook));
    let on = match on {
        _ if step.hook == Hook::Output => ", and it goes out to there",
        Some(Hook::Forward) => ", and it goes through forward, not input",
        Some(_) => ", and it goes to this host",
        None => "",
    };
    vec![format!("{by}{on}")]
}

fn node_of(address: IpAddr, inventory: &Inventory) -> Option<&Node> {
    inventory.nodes.iter().find(|n| n.private.contains(&address) || n.public.contains(&address))
}

/// Said of a flow to another node: the judgement is this host's, which never sees it.
fn not_here(flow: &Flow, inventory: &Inventory, me: &Me) -> Option<String> {
    if flow.direction != Direction::In || me.addresses.contains(&flow.dst) {
        return None;
    }
    let node = node_of(flow.dst, inventory)?;
    let (address, other) = (flow.dst, &node.name);
    Some(format!("{address} is node {other}, not this host ({}): this flow does not arrive here", me.name))
}

fn nodes(flow: &Flow, inventory: &Inventory) -> Vec<String> {
    let line = |address: IpAddr| {
        let node = node_of(address, inventory)?;
        let roles: Vec<&str> = node.roles.iter().map(|r| r.0.as_str()).collect();
        Some(format!("{address} is node {} ({}), {}", node.name, roles.join(", "), node.place))
    };
    [flow.src, flow.dst].into_iter().filter_map(line).collect()
}
