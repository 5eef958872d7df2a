//! `rolewall detect`: which roles and endpoints this host has, who says so, and where they disagree.
//! Not here: what any of it permits.

mod document;
mod text;

pub(crate) use document::{ConflictDocument, Detected, Said};

use crate::cli::DetectArgs;
use crate::failure::Failure;
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use document::{
    EndpointDocument, NodeDocument, PeerDocument, RoleDocument, UnixDocument, UnresolvedDocument,
};
use rolewall_evidence::{Address, Evidence, Kind, NamedFile, Reach, programs};
use rolewall_policy::observed::{Conflict, Facts, Key, Observation, conflicts};
use rolewall_policy::plan::Me;
use rolewall_policy::{PortRange, Role, Service, nearest};
use std::fs;

pub(crate) fn detect(host: &Host, arguments: &DetectArgs) -> Result<Detected, Failure> {
    let named = arguments.files.iter().map(|word| named_file(word)).collect::<Result<Vec<_>, _>>()?;
    let inputs = Inputs::read(host, Look::ToTell(&named))?;
    let mut errors: Vec<String> = inputs.found.troubles.iter().map(ToString::to_string).collect();
    errors.extend(inputs.stand_in.clone());
    let me = inputs.me().map_err(|failure| errors.push(failure.to_string())).ok();
    let mut endpoints: Vec<EndpointDocument> =
        inputs.observed.endpoints.iter().map(|observation| endpoint(me.as_ref(), observation)).collect();
    endpoints.extend(me.iter().filter(|me| me.place.is_some()).flat_map(|me| declared(&inputs, me)));
    let conflicts = conflicts_of(host, &inputs, me.as_ref());
    Ok(Detected {
        node: NodeDocument {
            id: inputs.names.node_id.clone(),
            hostname: inputs.names.hostname.clone(),
            name: me.as_ref().filter(|m| m.place.is_some()).map(|m| m.name.to_string()),
        },
        roles: me.as_ref().map(|me| roles(&inputs, me)).unwrap_or_default(),
        endpoints,
        unix: unix(&inputs),
        peers: inputs.found.peers.iter().map(PeerDocument::of).collect(),
        unresolved: inputs.found.unresolved.iter().map(UnresolvedDocument::of).collect(),
        conflicts: conflicts.iter().map(ConflictDocument::of).collect(),
        errors,
    })
}

/// `--file SERVICE=PATH`
fn named_file(word: &str) -> Result<NamedFile, Failure> {
    let Some((service, path)) = word.split_once('=') else {
        return Err(Failure::input(format_args!("--file {word}: expected SERVICE=PATH")).help(known(word)));
    };
    let Some(program) = programs::find(service) else {
        let what = format_args!("--file {word}: no configuration of a service {service:?} is read");
        return Err(Failure::input(what).help(known(service)));
    };
    if !path.starts_with('/') {
        let what = format_args!("--file {word}: expected an absolute path on the host");
        return Err(Failure::input(what)
            .help(format!("write --file {service}=/…; with --root DIR, as seen from DIR")));
    }
    Ok(NamedFile { program: program.name.to_owned(), path: path.to_owned() })
}

/// The known service that was meant, or all of them.
fn known(word: &str) -> String {
    let names =
        || programs::PROGRAMS.iter().flat_map(|p| std::iter::once(p.name).chain(p.aliases.iter().copied()));
    match nearest(word, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let all: Vec<&str> = programs::PROGRAMS.iter().map(|program| program.name).collect();
            format!("services that are known: {}", all.join(", "))
        }
    }
}

/// What disagrees on this host.
pub(crate) fn conflicts_of(host: &Host, inputs: &Inputs, me: Option<&Me>) -> Vec<Conflict> {
    let Inputs { catalogue, observed, .. } = inputs;
    conflicts(catalogue, me, observed, facts(host, inputs, me))
}

fn facts(host: &Host, inputs: &Inputs, me: Option<&Me>) -> Facts {
    let mine = me.iter().flat_map(|me| &me.addresses).copied();
    let bound = inputs.facts.interfaces.all().into_iter().flatten().map(|(_, address)| *address);
    let is_public = mine.chain(bound).any(|address| Address::One(address).reach() == Reach::Public);
    Facts { ephemeral: host.is_live.then(ephemeral).flatten(), is_public }
}

/// `/proc/sys/net/ipv4/ip_local_port_range`, which holds for both families.
fn ephemeral() -> Option<(u16, u16)> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut words = text.split_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

fn endpoint(me: Option<&Me>, observation: &Observation) -> EndpointDocument {
    let key = observation.service_of(|role| me.is_some_and(|me| me.roles.contains(role)));
    let e = &observation.endpoint;
    EndpointDocument {
        service: program(&e.service, e.purpose.is_some()),
        role: key.map(|(role, _)| role.to_string()),
        serves: key.map(|(_, service)| service.clone()),
        purpose: e.purpose,
        proto: e.transport.to_string(),
        address: e.address.to_string(),
        ports: ports(e.ports),
        tls: e.tls,
        reach: e.address.reach().word(),
        configured: observation.is_configured,
        listening: observation.is_listening,
        published: observation.is_published(),
        evidence: e.evidence.iter().map(Said::evidence).collect(),
    }
}

/// The program that a process is, where it can only be one.
fn program(name: &str, is_program: bool) -> String {
    let mut its = programs::PROGRAMS.iter().filter(|p| !is_program && p.processes.contains(&name));
    match (its.next(), its.next()) {
        (Some(program), None) => program.name.to_owned(),
        _ => name.to_owned(),
    }
}

/// Services that the inventory assigns and that neither a file nor a socket shows.
fn declared(inputs: &Inputs, me: &Me) -> Vec<EndpointDocument> {
    let roles = me.roles.iter().filter_map(|name| inputs.catalogue.roles.get(name));
    let services = roles.flat_map(|role| role.services.iter().enumerate().map(move |(at, s)| (role, at, s)));
    services.flat_map(|(role, position, service)| unseen(inputs, me, role, position, service)).collect()
}

fn unseen(
    inputs: &Inputs,
    me: &Me,
    role: &Role,
    position: usize,
    service: &Service,
) -> Vec<EndpointDocument> {
    let key: Key = (role.name.clone(), service.name.clone());
    let seen: Vec<PortRange> = inputs
        .observed
        .endpoints
        .iter()
        .filter(|o| o.serves.contains(&key))
        .map(|o| PortRange::of(&o.endpoint))
        .collect();
    let written = me.ports.contains_key(&role.name) && position == 0;
    let missing = me.ports_of(role, position, service).into_iter().filter(|range| !seen.contains(range));
    missing.map(|range| declaration(me, role, service, range, written)).collect()
}

fn declaration(me: &Me, role: &Role, service: &Service, range: PortRange, written: bool) -> EndpointDocument {
    let kind = if written { Kind::Inventory } else { Kind::Default };
    let source = me.place.as_ref().filter(|_| written).map(ToString::to_string);
    let source = source.unwrap_or_else(|| service.origin.source.clone());
    let evidence = Evidence { kind, source, text: format!("{} {}: {range}", role.name, service.name) };
    EndpointDocument {
        service: service.name.clone(),
        role: Some(role.name.to_string()),
        serves: Some(service.name.clone()),
        purpose: None,
        proto: range.proto.to_string(),
        address: Address::Every.to_string(),
        ports: ports((range.first, range.last)),
        tls: None,
        reach: Reach::Any.word(),
        configured: false,
        listening: None,
        published: false,
        evidence: vec![Said::evidence(&evidence)],
    }
}

/// The roles of this node, and why: its line of the inventory, or the endpoints that are evidence of it.
fn roles(inputs: &Inputs, me: &Me) -> Vec<RoleDocument> {
    let because = |name: &rolewall_policy::RoleName| -> Vec<Said> {
        if let Some(place) = &me.place {
            let text = format!("node {} has role {name}", me.name);
            let evidence = Evidence { kind: Kind::Inventory, source: place.to_string(), text };
            return vec![Said::evidence(&evidence)];
        }
        let mine = inputs.observed.endpoints.iter().filter(|o| o.serves.iter().any(|(role, _)| role == name));
        mine.flat_map(|o| o.endpoint.evidence.iter().map(Said::evidence)).collect()
    };
    me.roles.iter().map(|name| RoleDocument { role: name.to_string(), because: because(name) }).collect()
}

/// Sockets in the file system, of files and of the live host.
fn unix(inputs: &Inputs) -> Vec<UnixDocument> {
    let said = inputs.found.unix.iter().map(UnixDocument::of);
    let mut all: Vec<UnixDocument> = said.collect();
    for listening in &inputs.unix {
        let (service, evidence) = match &listening.process {
            Some(p) => (program(&p.name, false), format!("process {} ({})", p.name, p.id)),
            None => (String::new(), "a process that may not be seen".to_owned()),
        };
        let source = format!("socket unix {}", listening.path);
        let said = Said::evidence(&Evidence { kind: Kind::Socket, source, text: evidence });
        match all.iter_mut().find(|known| known.path == listening.path) {
            Some(known) => known.evidence.push(said),
            None => all.push(UnixDocument { service, path: listening.path.clone(), evidence: vec![said] }),
        }
    }
    all
}

fn ports((first, last): (u16, u16)) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}
