//! The document of `plan --json`.
//! Not here: where its values come from.

use super::{Shown, mode};
use crate::commands::detect::{ConflictDocument, Said};
use crate::failure::Failure;
use rolewall_evidence::Evidence;
use rolewall_policy::observed::Says;
use rolewall_policy::plan::Permit;
use rolewall_policy::settings::Forward;
use rolewall_policy::{Network, PortRange};
use serde::Serialize;

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
    services: Vec<SaysDocument>,
    conflicts: Vec<ConflictDocument>,
    neighbours: Vec<String>,
}

/// Who says what of a service's ports.
#[derive(Debug, Serialize)]
struct SaysDocument {
    role: String,
    service: String,
    ports: Vec<String>,
    by: &'static str,
    inventory: Option<Vec<String>>,
    configuration: Vec<String>,
    not_opened: Vec<String>,
    default: Vec<String>,
    listening: Option<bool>,
    evidence: Vec<Said>,
}

fn says(says: &Says) -> SaysDocument {
    let Says { key: (role, service), ports, by, inventory, configuration, sockets, default } = says;
    let words = |ports: &[PortRange]| ports.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut evidence: Vec<Evidence> = configuration.evidence.clone();
    evidence.extend(sockets.iter().flatten().filter(|e| !configuration.evidence.contains(e)).cloned());
    SaysDocument {
        role: role.to_string(),
        service: service.clone(),
        ports: words(ports),
        by: by.word(),
        inventory: inventory.as_deref().map(words),
        configuration: words(&configuration.ports),
        not_opened: words(&configuration.besides),
        default: words(default),
        listening: sockets.as_ref().map(|sockets| !sockets.is_empty()),
        evidence: evidence.iter().map(Said::evidence).collect(),
    }
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

pub(super) fn json(shown: &Shown) -> Result<String, Failure> {
    let Shown { plan, says: all, conflicts, neighbours, stand_in } = shown;
    let warnings = plan.warnings.iter().map(|warning| warning.what.clone());
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
        warnings: stand_in.iter().cloned().chain(warnings).collect(),
        services: all.iter().map(says).collect(),
        conflicts: conflicts.iter().map(ConflictDocument::of).collect(),
        neighbours: neighbours.clone(),
    };
    crate::commands::json(&document)
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
