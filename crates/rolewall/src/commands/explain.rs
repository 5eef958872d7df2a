//! `rolewall explain`: what becomes of a flow, by which rules, and why.
//! Not here: the judgement itself (crate `ruleset`).

use super::plan::next_revision;
use crate::candidate::in_force;
use crate::cli::{Expected, ExplainArgs};
use crate::failure::{Failure, Kind};
use crate::firewall::Firewall;
use crate::foreign;
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use rolewall_policy::plan::Me;
use rolewall_policy::{Inventory, Node, Settings, lower};
use rolewall_ruleset::flow::{CtState, Direction, L4};
use rolewall_ruleset::judge::{Environment, Judge, Judged, Judgement, Outcome, Step};
use rolewall_ruleset::table::Hook;
use rolewall_ruleset::{Flow, Ruleset};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::Read;
use std::net::IpAddr;

/// The document of `explain --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    verdict: &'static str,
    decided_by: Option<Decision>,
    path: Vec<StepDocument>,
    /// The nodes whose addresses these are, with their line of the inventory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nodes: Vec<String>,
    /// Why the flow does not come to this host at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Debug, Serialize)]
struct Decision {
    table: String,
    chain: String,
    rule: String,
    why: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct StepDocument {
    table: String,
    chain: String,
    rule: String,
    outcome: String,
}

/// A flow as a line of JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FlowDocument {
    direction: String,
    proto: String,
    src: IpAddr,
    dst: IpAddr,
    sport: Option<u16>,
    dport: Option<u16>,
    iif: Option<String>,
    oif: Option<String>,
    ct: Option<String>,
    tcp_flags: Option<Vec<String>>,
    icmp_type: Option<u8>,
}

/// Prints each flow's judgement; returns the exit code.
pub(crate) fn explain(host: &Host, arguments: &ExplainArgs, json: bool) -> Result<u8, Failure> {
    let mut flows = flows(arguments)?;
    let Subject { ruleset, inventory, settings, me } = subject(host, arguments, &flows)?;
    flows.iter_mut().for_each(|flow| choose_interface(flow, &inventory, &settings));
    let judge =
        Judge::new(&ruleset).with(Environment { local: Some(local(&flows)), ..Environment::default() });
    let mut as_expected = true;
    for flow in &flows {
        let judgement = judge.flow(flow);
        as_expected &= arguments.expect.is_none_or(|e| verdict(judgement.verdict) == expected(e));
        let note = me.as_ref().and_then(|me| not_here(flow, &inventory, me));
        print(&Explained { note, ..Explained::of(&judgement, flow, &inventory) }, arguments, json)?;
    }
    Ok(u8::from(!as_expected))
}

fn print(explained: &Explained, arguments: &ExplainArgs, json: bool) -> Result<(), Failure> {
    if !json {
        print!("{}", explained.text());
    } else if arguments.flows.is_some() {
        println!("{}", serde_json::to_string(explained).map_err(|e| Failure::new(Kind::Bug, e))?);
    } else {
        print!("{}", super::json(explained)?);
    }
    Ok(())
}

/// What is asked about: a ruleset, and what names its nodes and interfaces.
struct Subject {
    ruleset: Ruleset,
    inventory: Inventory,
    settings: Settings,
    /// This host, where the inventory tells which node it is.
    me: Option<Me>,
}

/// What the kernel holds, unless the candidate is wanted or the kernel may not be read.
fn subject(host: &Host, arguments: &ExplainArgs, flows: &[Flow]) -> Result<Subject, Failure> {
    let inputs = Inputs::read(host, Look::AsNeeded);
    if arguments.live || (host.is_live && !arguments.candidate) {
        host.live("explain --live")?;
        let (inventory, settings, me) = match inputs {
            Ok(inputs) => {
                let me = inputs.me().ok();
                (inputs.inventory, inputs.settings, me)
            }
            Err(failure) => {
                eprintln!("warning: without the inventory, nodes are not named:\n{failure}");
                (Inventory::default(), Settings::default(), None)
            }
        };
        return Ok(Subject { ruleset: live(flows)?, inventory, settings, me });
    }
    let inputs = inputs?;
    let me = inputs.me()?;
    let generation = lower::lower(&inputs.plan_of(&me), &next_revision(host)?.prefix());
    let Inputs { inventory, settings, .. } = inputs;
    Ok(Subject { ruleset: in_force(generation), inventory, settings, me: Some(me) })
}

/// Where a flow names no interface and the settings name some: that of the network which the remote address
/// belongs to.
fn choose_interface(flow: &mut Flow, inventory: &Inventory, settings: &Settings) {
    let remote = if flow.direction == Direction::Out { flow.dst } else { flow.src };
    // Without prefixes of the private network, the nodes' own addresses there tell.
    let is_private = inventory.cluster.private.iter().any(|net| net.contains(&remote))
        || inventory.nodes.iter().any(|node| node.private.contains(&remote));
    let interfaces = if is_private { &settings.private_interfaces } else { &settings.public_interfaces };
    let interface = interfaces.first().cloned();
    match flow.direction {
        Direction::In if flow.iif.is_none() => flow.iif = interface,
        Direction::Out if flow.oif.is_none() => flow.oif = interface,
        _ => {}
    }
}

/// This host's ends of the flows, as far as the flows themselves tell.
fn local(flows: &[Flow]) -> BTreeSet<IpAddr> {
    let own = |flow: &Flow| match flow.direction {
        Direction::In => Some(flow.dst),
        Direction::Out => Some(flow.src),
        Direction::Forward => None,
    };
    flows.iter().filter_map(own).collect()
}

fn live(flows: &[Flow]) -> Result<Ruleset, Failure> {
    let mut firewall = Firewall::open()?;
    let table = firewall.nft.read_table(&firewall.id.clone())?;
    let table = table.ok_or_else(|| {
        Failure::host("no table of ours is in the kernel: nothing of rolewall judges this flow")
            .help("rolewall explain --candidate judges what apply would load")
    })?;
    for (table, hook) in unjudged(&mut firewall, flows)? {
        eprintln!("warning: table {table} filters {hook} too and is not judged here");
    }
    Ok(Ruleset { tables: vec![table] })
}

/// Other people's tables, awake, that filter where these flows pass: their word counts as well as ours.
fn unjudged(firewall: &mut Firewall, flows: &[Flow]) -> Result<BTreeSet<(String, &'static str)>, Failure> {
    let hooks: Vec<_> = flows.iter().map(|flow| hook(flow.direction)).collect();
    let mut found = BTreeSet::new();
    for table in foreign::tables(firewall)?.iter().filter(|t| !t.flags.dormant) {
        let same = hooks.iter().filter(|(hook, _)| table.filters.contains(hook));
        found.extend(same.map(|(_, word)| (table.id.to_string(), *word)));
    }
    Ok(found)
}

fn hook(direction: Direction) -> (Hook, &'static str) {
    match direction {
        Direction::In => (Hook::Input, "input"),
        Direction::Out => (Hook::Output, "output"),
        Direction::Forward => (Hook::Forward, "forward"),
    }
}

fn flows(arguments: &ExplainArgs) -> Result<Vec<Flow>, Failure> {
    let Some(file) = &arguments.flows else {
        return Ok(vec![from_words(&arguments.flow, arguments)?]);
    };
    let text = if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|e| Failure::host(format_args!("cannot read standard input: {e}")))?;
        text
    } else {
        std::fs::read_to_string(file).map_err(|e| crate::failure::file_failure("read", file, &e))?
    };
    let mut flows = Vec::new();
    let mut wrong = Vec::new();
    for (number, line) in
        text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#'))
    {
        match line_flow(line.trim(), arguments) {
            Ok(flow) => flows.push(flow),
            Err(failure) => wrong.push(format!("{}:{}: {failure}", file.display(), number + 1)),
        }
    }
    if wrong.is_empty() { Ok(flows) } else { Err(Failure::input(wrong.join("\n")).help(EXAMPLE)) }
}

const EXAMPLE: &str = "a flow is  in tcp 198.51.100.7:40000 192.0.2.11:443  or  {\"direction\":\"in\",\"proto\":\"tcp\",\"src\":\"198.51.100.7\",\"dst\":\"192.0.2.11\",\"dport\":443}";

fn line_flow(line: &str, arguments: &ExplainArgs) -> Result<Flow, Failure> {
    if line.starts_with('{') {
        let document: FlowDocument = serde_json::from_str(line).map_err(Failure::input)?;
        return from_document(document);
    }
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    from_words(&words, arguments)
}

fn from_words(words: &[String], arguments: &ExplainArgs) -> Result<Flow, Failure> {
    let [direction_word, proto, src, dst] = words else {
        return Err(Failure::input(format_args!("a flow has four words, and these are {}", words.len()))
            .help(EXAMPLE));
    };
    let mut flow = Flow::parse(direction(direction_word)?, proto, src, dst)
        .map_err(|e| Failure::input(e).help(EXAMPLE))?;
    flow.iif.clone_from(&arguments.iif);
    flow.oif.clone_from(&arguments.oif);
    if let Some(word) = &arguments.ct {
        flow = flow.with_ct(ct_state(word)?);
    }
    Ok(flow)
}

fn from_document(document: FlowDocument) -> Result<Flow, Failure> {
    let FlowDocument { direction: way, proto, src, dst, sport, dport, iif, oif, ct, tcp_flags, icmp_type } =
        document;
    let end = |address: IpAddr, port: Option<u16>| match (address, port) {
        (address, None) => address.to_string(),
        (address, Some(port)) => std::net::SocketAddr::new(address, port).to_string(),
    };
    let flow = Flow::parse(direction(&way)?, &proto, &end(src, sport), &end(dst, dport));
    let mut flow = flow.map_err(|e| Failure::input(e).help(EXAMPLE))?;
    (flow.iif, flow.oif) = (iif, oif);
    if let Some(word) = ct {
        flow = flow.with_ct(ct_state(&word)?);
    }
    if let (L4::Tcp { flags, .. }, Some(names)) = (&mut flow.l4, tcp_flags) {
        *flags = tcp_flag_bits(&names)?;
    }
    if let Some(kind) = icmp_type {
        flow = flow.with_icmp_type(kind);
    }
    Ok(flow)
}

/// TCP's flags by their bits (RFC 9293 section 3.1).
fn tcp_flag_bits(names: &[String]) -> Result<u8, Failure> {
    const FLAGS: [&str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];
    names.iter().try_fold(0, |bits, name| {
        let position = FLAGS.iter().position(|f| f.eq_ignore_ascii_case(name));
        let position = position.ok_or_else(|| {
            Failure::input(format_args!("\"{name}\" is not a TCP flag"))
                .help(format_args!("one of {}", FLAGS.join(", ")))
        })?;
        Ok(bits | 1 << position)
    })
}

fn direction(word: &str) -> Result<Direction, Failure> {
    match word {
        "in" => Ok(Direction::In),
        "out" => Ok(Direction::Out),
        "forward" => Ok(Direction::Forward),
        _ => {
            Err(Failure::input(format_args!("\"{word}\" is not a direction")).help("one of in, out, forward"))
        }
    }
}

fn ct_state(word: &str) -> Result<CtState, Failure> {
    Ok(match word {
        "new" => CtState::New,
        "established" => CtState::Established,
        "related" => CtState::Related,
        "invalid" => CtState::Invalid,
        "untracked" => CtState::Untracked,
        _ => {
            return Err(Failure::input(format_args!("\"{word}\" is not a state of conntrack"))
                .help("one of new, established, related, invalid, untracked"));
        }
    })
}

fn verdict(judged: Judged) -> &'static str {
    match judged {
        Judged::Accept => "accept",
        Judged::Drop => "drop",
        Judged::Reject => "reject",
        Judged::May => "may",
    }
}

fn expected(expected: Expected) -> &'static str {
    match expected {
        Expected::Accept => "accept",
        Expected::Drop => "drop",
        Expected::Reject => "reject",
    }
}

impl Explained {
    fn of(judgement: &Judgement<'_>, flow: &Flow, inventory: &Inventory) -> Explained {
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
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![self.verdict.to_owned()];
        if let Some(by) = &self.decided_by {
            lines.push(format!("  by {} {}: {}", by.table, by.chain, by.rule));
            lines.extend(by.why.iter().map(|why| format!("  because {why}")));
        }
        lines.extend(self.nodes.iter().map(|node| format!("  {node}")));
        lines.extend(self.note.iter().map(|note| format!("  note: {note}")));
        lines.extend(self.path.iter().map(StepDocument::text));
        lines.join("\n") + "\n"
    }
}

impl StepDocument {
    /// The outcome is named only where the rule's own last words do not say it.
    pub(super) fn text(&self) -> String {
        let StepDocument { table, chain, rule, outcome } = self;
        let words = rule.split(" comment \"").next().unwrap_or(rule);
        let is_said = words.ends_with(outcome.as_str());
        let outcome = if is_said { String::new() } else { format!(" -> {outcome}") };
        format!("  - {table} {chain}: {rule}{outcome}")
    }
}

/// The rule's own comment; that of the last rule on the path that has one, where the deciding one has none.
fn why(judgement: &Judgement<'_>, decided_by: &Step<'_>) -> Option<String> {
    let comment = |step: &Step<'_>| step.rule.and_then(|(_, rule)| rule.comment.clone());
    comment(decided_by).or_else(|| judgement.path.iter().rev().find_map(comment))
}

pub(super) fn step_document(step: &Step<'_>) -> StepDocument {
    let outcome = match &step.outcome {
        Outcome::Accept => "accept".to_owned(),
        Outcome::Drop => "drop".to_owned(),
        Outcome::Reject => "reject".to_owned(),
        Outcome::Jump(chain) => format!("jump {chain}"),
        Outcome::Goto(chain) => format!("goto {chain}"),
        Outcome::Return => "return".to_owned(),
        Outcome::Continue => "continue".to_owned(),
        Outcome::May(reason) => format!("may: {reason}"),
    };
    let outcome = if step.by_rate { format!("{outcome} (within the rate)") } else { outcome };
    StepDocument {
        table: step.table.id.to_string(),
        chain: step.chain.to_owned(),
        rule: step.text(),
        outcome,
    }
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
