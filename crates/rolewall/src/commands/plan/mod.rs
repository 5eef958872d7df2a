//! `rolewall plan`: what a node allows and why, as text, as JSON, or as a file for nft.
//! Not here: what the kernel holds.

mod document;
mod text;

use super::detect::conflicts_of;
use super::explain::held::Held;
use crate::candidate::as_confirmed;
use crate::cli::{PlanArgs, PlanFormat};
use crate::failure::Failure;
use crate::firewall::Firewall;
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use crate::neighbours::neighbours;
use crate::state::Store;
use rolewall_control::Revision;
use rolewall_policy::observed::{Conflict, Says, says};
use rolewall_policy::{Mode, Plan, lower};
use rolewall_ruleset::text as nft_text;

/// A plan with what its ports rest on.
struct Shown {
    plan: Plan,
    /// Of each service, who says what; empty for another node, whose files and sockets are not here.
    says: Vec<Says>,
    conflicts: Vec<Conflict>,
    /// What else on this host decides about the plan's flows, once it is in force.
    neighbours: Vec<String>,
    /// In words, where the inventory's database was away: what stood in for it.
    stand_in: Option<String>,
}

pub(crate) fn plan(host: &Host, arguments: &PlanArgs, json: bool) -> Result<String, Failure> {
    let inputs = Inputs::read(host, Look::AtAll)?;
    inputs.tell_notes();
    let shown = shown(host, &inputs, arguments)?;
    for warning in &shown.plan.warnings {
        eprintln!("warning: {}\n  {}", warning.what, warning.help);
    }
    for neighbour in &shown.neighbours {
        eprintln!("neighbour: {neighbour}");
    }
    for conflict in &shown.conflicts {
        eprintln!("conflict: {}", conflict.what);
    }
    match arguments.format {
        PlanFormat::Json => document::json(&shown),
        _ if json => document::json(&shown),
        PlanFormat::Text => Ok(text::text(&shown, arguments.sources)),
        PlanFormat::Nft => Ok(nft(&shown.plan, next_revision(host)?)),
    }
}

fn shown(host: &Host, inputs: &Inputs, arguments: &PlanArgs) -> Result<Shown, Failure> {
    let stand_in = inputs.stand_in.clone();
    if let Some(name) = &arguments.node {
        let plan = inputs.plan_of(&inputs.other(name)?);
        let (says, conflicts, neighbours) = (Vec::new(), Vec::new(), Vec::new());
        return Ok(Shown { plan, says, conflicts, neighbours, stand_in });
    }
    let me = inputs.me()?;
    let plan = inputs.plan_of(&me);
    Ok(Shown {
        neighbours: neighbours_of(host, &plan),
        plan,
        says: says(&inputs.catalogue, &me, &inputs.observed),
        conflicts: conflicts_of(host, inputs, Some(&me)),
        stand_in,
    })
}

/// With what apply would load in force.
fn neighbours_of(host: &Host, plan: &Plan) -> Vec<String> {
    // Without the right to ask the kernel, nothing of others is said.
    if !host.is_live || Firewall::open().and_then(|mut firewall| firewall.look()).is_err() {
        return Vec::new();
    }
    let candidate = as_confirmed(lower::lower(plan, &Revision(1).prefix()));
    neighbours(plan, Held::beside(candidate))
}

/// The number that the next `apply` would give; 1 where the live host is not read.
pub(crate) fn next_revision(host: &Host) -> Result<Revision, Failure> {
    if !host.is_live {
        return Ok(Revision(1));
    }
    let notes = Store::of(host).notes()?;
    // Without the right to ask the kernel, the notes alone are a good answer for a plan.
    let seen = Firewall::open().and_then(|mut firewall| firewall.look()).unwrap_or_default();
    let held = seen.iter().flat_map(|s| s.held.generations.keys().copied());
    Ok(notes.next_revision(held))
}

/// The table as the kernel would hold it once confirmed.
fn nft(plan: &Plan, revision: Revision) -> String {
    nft_text::ruleset(&as_confirmed(lower::lower(plan, &revision.prefix())))
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce",
        Mode::Observe => "observe",
    }
}
