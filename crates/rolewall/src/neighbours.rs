//! What else on this host decides about the plan's flows: rules of others that stop one, the older iptables,
//! and settings of Linux that matter to a node with calls.
//! Not here: changing any of it.

use crate::commands::explain::held::Held;
use crate::commands::explain::surroundings::Surroundings;
use crate::failure::Failure;
use rolewall_policy::lower::table_id;
use rolewall_policy::{Plan, RoleName, sample};
use rolewall_ruleset::Flow;
use rolewall_ruleset::flow::L4;
use rolewall_ruleset::judge::{Environment, Hooks, Judge, Judged, Step};
use std::collections::BTreeMap;
use std::fs;

/// Roles whose nodes carry calls.
const WITH_CALLS: [&str; 2] = ["sip", "pbx"];
/// Media servers hold two tracked flows or more for each call; below so many, a busy node runs out of room.
const TRACKED_MIN: u64 = 65_536;
/// A table of tracked flows that is so full refuses the next burst.
const FULL_PERCENT: u64 = 80;

/// Everything that is worth a line. The rules are those that are, or would be, in force; where they cannot be read,
/// the rest is said all the same.
pub(crate) fn neighbours(plan: &Plan, held: Held) -> Vec<String> {
    let surroundings = Surroundings::read();
    let environment = Environment { hooks: Hooks::Whole, ..surroundings.environment(&[]) };
    let mut found = stopped(plan, held, &environment).unwrap_or_default();
    found.extend(surroundings.legacy_in_words());
    if has_calls(plan) {
        found.extend(helpers());
        found.extend(reverse_path(plan));
    }
    found.extend(tracking(plan));
    found
}

fn has_calls(plan: &Plan) -> bool {
    WITH_CALLS.iter().any(|role| plan.me.roles.contains(&RoleName((*role).to_owned())))
}

/// Every rule of others that stops, or may stop, a flow which the plan permits: each once, with the first flow.
/// Only those elements of sets are read that the flows are looked up by: others' sets may be large.
fn stopped(plan: &Plan, mut held: Held, environment: &Environment) -> Result<Vec<String>, Failure> {
    let all = sample::required(plan);
    let flows: Vec<Flow> = all.iter().map(|required| required.flow.clone()).collect();
    held.fill_for(&flows, environment)?;
    let judge = Judge::new(held.ruleset()).with(environment.clone());
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for required in all {
        let judgement = judge.flow(&required.flow);
        let Some(step) = judgement.decided_by.as_ref().filter(|step| is_anothers(step)) else { continue };
        let word = match judgement.verdict {
            Judged::Accept => continue,
            Judged::May => "may stop",
            Judged::Drop | Judged::Reject => "stops",
        };
        let (flow, why) = (&required.flow, &required.permit.why);
        let rule = format!("table {} {}: {}", step.table.id, step.chain, step.text());
        found.entry(rule).or_insert_with(|| {
            format!(
                "{word} {} {}: {} from {} to {}",
                why.role,
                why.service,
                port(flow.l4),
                flow.src,
                flow.dst
            )
        });
    }
    Ok(found.into_iter().map(|(rule, what)| format!("{rule}: {what}")).collect())
}

fn port(l4: L4) -> String {
    match l4 {
        L4::Tcp { dport, .. } => format!("tcp/{dport}"),
        L4::Udp { dport, .. } => format!("udp/{dport}"),
        L4::Sctp { dport, .. } => format!("sctp/{dport}"),
        other => format!("protocol {}", other.number()),
    }
}

fn is_anothers(step: &Step<'_>) -> bool {
    step.table.id != table_id()
}

/// Linux's helpers for SIP write addresses into messages and open ports for media: calls with one-way audio.
fn helpers() -> Vec<String> {
    const HELPERS: [&str; 2] = ["nf_nat_sip", "nf_conntrack_sip"];
    let modules = fs::read_to_string("/proc/modules").unwrap_or_default();
    let is_loaded = |name: &&str| modules.lines().any(|line| line.split(' ').next() == Some(*name));
    let line = |name: &str| {
        format!(
            "the module {name} is loaded: it may rewrite SIP and its media; modprobe -r {name} unless something needs it"
        )
    };
    HELPERS.into_iter().filter(is_loaded).map(line).collect()
}

/// Strict reverse path filtering drops what comes in by another interface than answers leave by.
fn reverse_path(plan: &Plan) -> Vec<String> {
    const STRICT: u64 = 1;
    let interfaces = plan.private_interfaces.iter().chain(&plan.public_interfaces);
    let of = |name: &str| number(&format!("/proc/sys/net/ipv4/conf/{name}/rp_filter")).unwrap_or(0);
    let all = of("all");
    let is_strict = |name: &&String| all.max(of(name)) == STRICT;
    let line = |name: &String| {
        format!(
            "rp_filter is strict on {name}: media that answers leave by another interface is dropped before any rule; 2 is loose"
        )
    };
    interfaces.filter(is_strict).map(line).collect()
}

/// Room for tracked flows: a full table refuses new ones, whoever they are from.
fn tracking(plan: &Plan) -> Vec<String> {
    let of = |name: &str| number(&format!("/proc/sys/net/netfilter/nf_conntrack_{name}"));
    let (Some(count), Some(max)) = (of("count"), of("max")) else { return Vec::new() };
    let mut found = Vec::new();
    if max > 0 && count * 100 >= max * FULL_PERCENT {
        found.push(format!(
            "conntrack holds {count} of {max} flows: a full table refuses new ones; sysctl net.netfilter.nf_conntrack_max"
        ));
    }
    if has_calls(plan) && max < TRACKED_MIN {
        found.push(format!(
            "conntrack has room for {max} flows: few for a node with calls, of which each has several; sysctl net.netfilter.nf_conntrack_max"
        ));
    }
    found
}

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
