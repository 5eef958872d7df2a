//! `rolewall plan`: what a node allows and why, as text, as JSON, or as a file for nft.
//! Not here: what the kernel holds.

use crate::candidate::as_confirmed;
use crate::cli::{PlanArgs, PlanFormat};
use crate::failure::Failure;
use crate::firewall::Firewall;
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use crate::state::Store;
use rolewall_control::Revision;
use rolewall_policy::plan::{Permit, Plan, Zone};
use rolewall_policy::settings::Forward;
use rolewall_policy::{Mode, Network, lower};
use rolewall_ruleset::text;
use serde::Serialize;
use std::fmt::Write;

pub(crate) fn plan(host: &Host, arguments: &PlanArgs, json: bool) -> Result<String, Failure> {
    let inputs = Inputs::read(host, Look::AsNeeded)?;
    inputs.tell_notes();
    let me = match &arguments.node {
        Some(name) => inputs.other(name)?,
        None => inputs.me()?,
    };
    let plan = inputs.plan_of(&me);
    for warning in &plan.warnings {
        eprintln!("warning: {}\n  {}", warning.what, warning.help);
    }
    match arguments.format {
        PlanFormat::Json => document(&plan),
        _ if json => document(&plan),
        PlanFormat::Text => Ok(in_words(&plan, arguments.sources)),
        PlanFormat::Nft => Ok(nft(&plan, next_revision(host)?)),
    }
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
    text::ruleset(&as_confirmed(lower::lower(plan, &revision.prefix())))
}

fn in_words(plan: &Plan, sources: bool) -> String {
    let mut out = String::new();
    let roles: Vec<&str> = plan.me.roles.iter().map(|r| r.0.as_str()).collect();
    let roles = if roles.is_empty() { "no roles".to_owned() } else { roles.join(", ") };
    let _ = writeln!(out, "{}: {roles}", plan.me.name);
    if let Some(place) = &plan.me.place {
        let _ = writeln!(out, "  declared at {place}");
    }
    let _ = writeln!(
        out,
        "\nin ({}), after loopback, established, ICMP errors, neighbour discovery and DHCP:",
        mode(plan.mode_in)
    );
    for net in &plan.trusted {
        let _ = writeln!(out, "  everything from {net}: trusted, never filtered, in or out");
    }
    for net in &plan.deny {
        let _ = writeln!(out, "  nothing from {net}: denied");
    }
    permits(&mut out, plan, &plan.inbound, "from", sources);
    let _ = writeln!(out, "\nout ({}):", mode(plan.mode_out));
    permits(&mut out, plan, &plan.outbound, "to", sources);
    let forward = match plan.forward {
        Forward::Untouched => "untouched".to_owned(),
        Forward::Filtered(m) => format!("trusted and established only ({})", mode(m)),
    };
    let _ = writeln!(out, "\nforward: {forward}");
    out
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce",
        Mode::Observe => "observe",
    }
}

fn permits(out: &mut String, plan: &Plan, permits: &[Permit], preposition: &str, sources: bool) {
    for permit in permits {
        let ports: Vec<String> = permit.ports.iter().map(ToString::to_string).collect();
        let limit = permit.limit.as_ref().map(|l| {
            format!(", at most {} new a second and source, {} at once", l.limit.new_per_second, l.limit.burst)
        });
        let _ = writeln!(
            out,
            "  {} {preposition} {}{}{}",
            ports.join(" "),
            who(plan, &permit.zone),
            over(permit),
            limit.unwrap_or_default()
        );
        let why = &permit.why;
        let source = if sources { format!(" [{}]", why.source) } else { String::new() };
        let _ = writeln!(out, "      {} {}: {}{source}", why.role, why.service, why.purpose);
    }
}

/// Admin addresses may be admitted over one network and not the other; all else follows from the zone.
fn over(permit: &Permit) -> &'static str {
    match (&permit.zone, permit.network) {
        (Zone::Admin, Network::Private) => " over the private network",
        (Zone::Admin, Network::Public) => " over the public network",
        _ => "",
    }
}

fn who(plan: &Plan, zone: &Zone) -> String {
    let count = match zone {
        Zone::Anyone => return zone.to_string(),
        Zone::Admin => plan.admin.len(),
        Zone::Trunks => plan.trunks.len(),
        Zone::Nodes(label) => plan.nodes.get(label).map_or(0, Vec::len),
    };
    match zone {
        Zone::Admin | Zone::Trunks => format!("{zone} ({count} networks)"),
        Zone::Anyone | Zone::Nodes(_) => format!("{zone} ({count} addresses)"),
    }
}

#[derive(Debug, Serialize)]
struct Document {
    node: String,
    roles: Vec<String>,
    mode: Modes,
    trusted: Vec<String>,
    deny: Vec<String>,
    r#in: Vec<PermitDocument>,
    out: Vec<PermitDocument>,
    zones: std::collections::BTreeMap<String, Vec<std::net::IpAddr>>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Modes {
    r#in: &'static str,
    out: &'static str,
    forward: &'static str,
}

#[derive(Debug, Serialize)]
struct PermitDocument {
    ports: Vec<String>,
    zone: String,
    network: &'static str,
    limit: Option<LimitDocument>,
    why: WhyDocument,
}

#[derive(Debug, Serialize)]
struct LimitDocument {
    new_per_second: u32,
    burst: u32,
}

#[derive(Debug, Serialize)]
struct WhyDocument {
    role: String,
    service: String,
    purpose: String,
    source: String,
    place: Option<String>,
}

fn document(plan: &Plan) -> Result<String, Failure> {
    let forward = match plan.forward {
        Forward::Untouched => "untouched",
        Forward::Filtered(m) => mode(m),
    };
    let document = Document {
        node: plan.me.name.to_string(),
        roles: plan.me.roles.iter().map(ToString::to_string).collect(),
        mode: Modes { r#in: mode(plan.mode_in), out: mode(plan.mode_out), forward },
        trusted: plan.trusted.iter().map(ToString::to_string).collect(),
        deny: plan.deny.iter().map(ToString::to_string).collect(),
        r#in: plan.inbound.iter().map(permit_document).collect(),
        out: plan.outbound.iter().map(permit_document).collect(),
        zones: plan.nodes.clone(),
        warnings: plan.warnings.iter().map(|w| w.what.clone()).collect(),
    };
    super::json(&document)
}

fn permit_document(permit: &Permit) -> PermitDocument {
    let Permit { ports, zone, network, limit, why } = permit;
    PermitDocument {
        ports: ports.iter().map(ToString::to_string).collect(),
        zone: zone.to_string(),
        network: match network {
            Network::Private => "private",
            Network::Public => "public",
        },
        limit: limit
            .as_ref()
            .map(|l| LimitDocument { new_per_second: l.limit.new_per_second, burst: l.limit.burst }),
        why: WhyDocument {
            role: why.role.to_string(),
            service: why.service.clone(),
            purpose: why.purpose.clone(),
            source: why.source.clone(),
            place: why.place.as_ref().map(ToString::to_string),
        },
    }
}
