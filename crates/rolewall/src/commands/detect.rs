//! `rolewall detect`: which roles and endpoints this host has, and who says so.
//! Not here: what any of it permits.

use crate::cli::DetectArgs;
use crate::failure::Failure;
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use rolewall_evidence::{Address, Evidence, Kind, Reach};
use rolewall_policy::plan::Me;
use rolewall_policy::{PortRange, PublicReach, RoleName, Service};
use serde::Serialize;
use std::fmt::Write;

/// The document of `detect --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Detected {
    node: NodeDocument,
    roles: Vec<RoleDocument>,
    endpoints: Vec<EndpointDocument>,
    unresolved: Vec<Unresolved>,
    conflicts: Vec<Conflict>,
    errors: Vec<String>,
}

#[derive(Debug, Serialize)]
struct NodeDocument {
    id: Option<String>,
    hostname: Option<String>,
    name: Option<String>,
}

#[derive(Debug, Serialize)]
struct RoleDocument {
    role: String,
    because: Vec<EvidenceDocument>,
}

#[derive(Debug, Clone, Serialize)]
struct EvidenceDocument {
    kind: &'static str,
    source: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct EndpointDocument {
    service: String,
    role: Option<String>,
    proto: String,
    address: String,
    ports: String,
    tls: Option<bool>,
    reach: &'static str,
    evidence: Vec<EvidenceDocument>,
}

#[derive(Debug, Serialize)]
struct Unresolved {
    service: String,
    what: String,
    evidence: Vec<EvidenceDocument>,
}

#[derive(Debug, Serialize)]
struct Conflict {
    what: String,
    evidence: Vec<EvidenceDocument>,
}

pub(crate) fn detect(host: &Host, arguments: &DetectArgs) -> Result<Detected, Failure> {
    if let Some(file) = arguments.files.first() {
        return Err(Failure::input(format_args!(
            "--file {file}: this version does not read service configuration files"
        ))
        .help("leave --file away: roles and ports come from the inventory and from listening sockets"));
    }
    let inputs = Inputs::read(host, Look::AtAll)?;
    let mut errors = Vec::new();
    let me = inputs.me().map_err(|failure| errors.push(failure.to_string())).ok();
    let mut detected = Detected {
        node: NodeDocument {
            id: inputs.names.node_id.clone(),
            hostname: inputs.names.hostname.clone(),
            name: me.as_ref().filter(|m| m.place.is_some()).map(|m| m.name.to_string()),
        },
        roles: Vec::new(),
        endpoints: Vec::new(),
        unresolved: Vec::new(),
        conflicts: Vec::new(),
        errors,
    };
    detected.add_sockets(&inputs);
    if let Some(me) = &me {
        detected.add_roles(&inputs, me);
    }
    Ok(detected)
}

impl Detected {
    fn add_sockets(&mut self, inputs: &Inputs) {
        for (endpoint, found) in inputs.endpoints.iter().zip(&inputs.recognised.endpoints) {
            let evidence: Vec<EvidenceDocument> = endpoint.evidence.iter().map(document).collect();
            let reach = endpoint.address.reach();
            if found.is_none() && reach != Reach::Loopback {
                self.conflicts.push(Conflict {
                    what: format!(
                        "listening, and in no role: {} {} {}",
                        endpoint.transport, endpoint.address, endpoint.ports.0
                    ),
                    evidence: evidence.clone(),
                });
            }
            self.endpoints.push(EndpointDocument {
                service: found
                    .as_ref()
                    .map_or_else(|| endpoint.service.clone(), |(_, service)| service.clone()),
                role: found.as_ref().map(|(role, _)| role.to_string()),
                proto: endpoint.transport.to_string(),
                address: endpoint.address.to_string(),
                ports: ports(endpoint.ports),
                tls: endpoint.tls,
                reach: reach.word(),
                evidence,
            });
        }
    }

    fn add_roles(&mut self, inputs: &Inputs, me: &Me) {
        for name in &me.roles {
            let because = role_evidence(inputs, me, name);
            self.roles.push(RoleDocument { role: name.to_string(), because: because.clone() });
            let Some(role) = inputs.catalogue.roles.get(name) else { continue };
            for (position, service) in role.services.iter().enumerate() {
                if me.seen.is_none() {
                    self.add_declared(inputs, me, name, service, position, &because);
                }
                if role.public == PublicReach::Never {
                    self.add_public_binds(inputs, name, service);
                }
            }
        }
    }

    /// A service that the inventory assigns: where sockets may be seen and show nothing, both are told.
    fn add_declared(
        &mut self,
        inputs: &Inputs,
        me: &Me,
        role: &RoleName,
        service: &Service,
        position: usize,
        because: &[EvidenceDocument],
    ) {
        let overridden = me.ports.get(role).filter(|_| position == 0);
        let ranges = overridden.unwrap_or(&service.ports);
        for range in ranges {
            if self.is_seen(role, service, *range) {
                continue;
            }
            let source = if overridden.is_some() { Kind::Inventory } else { Kind::Default };
            let evidence = Evidence {
                kind: source,
                source: overridden
                    .and(me.place.as_ref())
                    .map_or_else(|| service.origin.source.clone(), ToString::to_string),
                text: format!("{role} {}: {range}", service.name),
            };
            self.endpoints.push(EndpointDocument {
                service: service.name.clone(),
                role: Some(role.to_string()),
                proto: range.proto.to_string(),
                address: Address::Every.to_string(),
                ports: ports((range.first, range.last)),
                tls: None,
                reach: Reach::Any.word(),
                evidence: vec![document(&evidence)],
            });
            if !inputs.endpoints.is_empty() && !service.media {
                self.conflicts.push(Conflict {
                    what: format!(
                        "role {role} is assigned, and nothing listens on {range} ({})",
                        service.name
                    ),
                    evidence: because.to_vec(),
                });
            }
        }
    }

    fn is_seen(&self, role: &RoleName, service: &Service, range: PortRange) -> bool {
        let proto = range.proto.to_string();
        self.endpoints.iter().any(|e| {
            e.role.as_deref() == Some(role.0.as_str())
                && e.service == service.name
                && e.proto == proto
                && e.ports == ports((range.first, range.last))
        })
    }

    /// A bind on a public address of a role that must be private.
    fn add_public_binds(&mut self, inputs: &Inputs, role: &RoleName, service: &Service) {
        for (endpoint, found) in inputs.endpoints.iter().zip(&inputs.recognised.endpoints) {
            let is_this = found.as_ref().is_some_and(|(r, s)| r == role && *s == service.name);
            if is_this && endpoint.address.reach() == Reach::Public {
                self.conflicts.push(Conflict {
                    what: format!(
                        "{role} must be private, and {} listens on public address {}",
                        service.name, endpoint.address
                    ),
                    evidence: endpoint.evidence.iter().map(document).collect(),
                });
            }
        }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let name = self.node.name.as_deref().or(self.node.hostname.as_deref()).unwrap_or("this host");
        let _ = writeln!(
            out,
            "{name}{}",
            self.node.id.as_ref().map(|id| format!(" (node id {id})")).unwrap_or_default()
        );
        if self.roles.is_empty() {
            out.push_str("\nno role: no service of a role listens here\n");
        }
        for role in &self.roles {
            let _ = writeln!(out, "\nrole {}", role.role);
            for e in &role.because {
                let _ = writeln!(out, "  because {}: {}", e.source, e.text);
            }
        }
        out.push_str(if self.endpoints.is_empty() { "\nendpoints: none\n" } else { "\nendpoints\n" });
        for e in &self.endpoints {
            let role = e.role.as_deref().unwrap_or("-");
            let _ = writeln!(
                out,
                "  {:<8} {:<24} {} {} {} ({})",
                role, e.service, e.proto, e.address, e.ports, e.reach
            );
            for e in &e.evidence {
                let _ = writeln!(out, "           {}: {}", e.source, e.text);
            }
        }
        for conflict in &self.conflicts {
            let _ = writeln!(out, "conflict: {}", conflict.what);
            for e in &conflict.evidence {
                let _ = writeln!(out, "  {}: {}", e.source, e.text);
            }
        }
        for e in &self.errors {
            let _ = writeln!(out, "{e}");
        }
        out
    }
}

/// Why this node has a role: its line of the inventory, or the sockets that are evidence of it.
fn role_evidence(inputs: &Inputs, me: &Me, role: &RoleName) -> Vec<EvidenceDocument> {
    if let Some(place) = &me.place {
        let text = format!("node {} has role {role}", me.name);
        return vec![document(&Evidence { kind: Kind::Inventory, source: place.to_string(), text })];
    }
    let pairs = inputs.endpoints.iter().zip(&inputs.recognised.endpoints);
    let mine = pairs.filter(|(_, found)| found.as_ref().is_some_and(|(r, _)| r == role));
    mine.flat_map(|(endpoint, _)| endpoint.evidence.iter().map(document)).collect()
}

fn document(evidence: &Evidence) -> EvidenceDocument {
    EvidenceDocument {
        kind: evidence.kind.word(),
        source: evidence.source.clone(),
        text: evidence.text.clone(),
    }
}

fn ports((first, last): (u16, u16)) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}
