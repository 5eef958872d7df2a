//! `rolewall node add` and `node remove`: one node joins or leaves, and nothing else is touched.
//! Not here: the inventory's own checks, which the next `apply` makes on the file that this writes.
//!
//! The cost does not depend on the number of nodes: the inventory is not read, the elements go to Linux in
//! one transaction, and the journal and the drop-in file are a line and a file each.

use crate::failure::{Failure, Kind, file_failure};
use crate::firewall::Firewall;
use crate::host::{CLUSTER_D, Host, ROLES_D};
use crate::joined::{self, Event, Way};
use crate::state::{Store, write_atomically};
use rolewall_control::{Held, Revision};
use rolewall_policy::plan::EVERY_NODE;
use rolewall_policy::{Catalogue, NodeName};
use rolewall_ruleset::transaction::IfThere;
use rolewall_ruleset::{Element, Op, Set, Transaction};
use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

/// What was done: the number of elements.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) revision: Revision,
    pub(crate) elements: usize,
    pub(crate) file: PathBuf,
}

pub(crate) fn add(host: &Host, name: &str, private: &[IpAddr], roles: &[String]) -> Result<Changed, Failure> {
    host.live("node add")?;
    let name = checked_name(name)?;
    let roles = checked_roles(host, roles)?;
    checked_addresses(private)?;
    let store = Store::of(host);
    let _lock = store.lock("node add")?;
    let file = host.path(&format!("{CLUSTER_D}/{name}.toml"));
    if file.exists() {
        return Err(Failure::input(format_args!(
            "node {name} was added before: {} is there",
            file.display()
        ))
        .help(format_args!("rolewall node remove {name}")));
    }
    let mut firewall = Firewall::open()?;
    let (revision, sets) = confirmed_sets(&mut firewall)?;
    let labels = roles.iter().map(String::as_str).chain([EVERY_NODE]);
    let elements = elements_in(&sets, revision, labels, private);
    let event = Event { node: name.0.clone(), way: Way::Joined, elements };
    write_drop_in(&file, &name, private, &roles)?;
    let length = joined::length(&store, revision);
    let journalled = joined::append(&store, revision, &event);
    if let Err(failure) = journalled.and_then(|()| commit(&mut firewall, &sets, &event)) {
        let _ = fs::remove_file(&file);
        joined::cut_back(&store, revision, length)?;
        return Err(failure);
    }
    verify(&mut firewall, &sets, &event)?;
    firewall.leave();
    Ok(Changed { revision, elements: event.elements.len(), file })
}

pub(crate) fn remove(host: &Host, name: &str) -> Result<Changed, Failure> {
    host.live("node remove")?;
    let name = checked_name(name)?;
    let store = Store::of(host);
    let _lock = store.lock("node remove")?;
    let file = host.path(&format!("{CLUSTER_D}/{name}.toml"));
    if !file.exists() {
        return Err(Failure::input(format_args!(
            "node {name} was not added by this command: {} is not there",
            file.display()
        ))
        .help("a node of cluster.toml leaves by editing that file, then rolewall apply"));
    }
    let mut firewall = Firewall::open()?;
    let (revision, sets) = confirmed_sets(&mut firewall)?;
    let elements = elements_of(host, &file, &sets, revision)?;
    let event = Event { node: name.0.clone(), way: Way::Left, elements };
    commit(&mut firewall, &sets, &event)?;
    verify(&mut firewall, &sets, &event)?;
    joined::append(&store, revision, &event)?;
    fs::remove_file(&file).map_err(|e| file_failure("remove", &file, &e))?;
    firewall.leave();
    Ok(Changed { revision, elements: event.elements.len(), file })
}

fn checked_name(name: &str) -> Result<NodeName, Failure> {
    NodeName::new(name).ok_or_else(|| {
        Failure::input(format_args!("\"{name}\" is not a node name"))
            .help("1 to 63 of a-z, 0-9, dot, dash, underscore")
    })
}

/// The catalogue's own names, each once.
fn checked_roles(host: &Host, roles: &[String]) -> Result<BTreeSet<String>, Failure> {
    let built_in = Catalogue::built_in();
    let overrides = host.sources_in(ROLES_D, ".toml")?;
    let catalogue = if overrides.is_empty() { built_in } else { built_in.with_overrides(&overrides)? };
    let own_name = |role: &String| {
        let known = catalogue.resolve(role).map(|r| r.name.0.clone());
        known.ok_or_else(|| {
            let names: Vec<&str> = catalogue.names().collect();
            Failure::input(format_args!("no role is called \"{role}\""))
                .help(format_args!("one of {}", names.join(", ")))
        })
    };
    roles.iter().map(own_name).collect()
}

fn checked_addresses(addresses: &[IpAddr]) -> Result<(), Failure> {
    let wrong = addresses.iter().find(|a| a.is_unspecified() || a.is_loopback() || a.is_multicast());
    match wrong {
        Some(address) => Err(Failure::input(format_args!("{address} is not an address of a node"))
            .help("give the address that it has on the private network")),
        None => Ok(()),
    }
}

/// The confirmed revision and its sets, without their elements; nothing else of the table is read.
fn confirmed_sets(firewall: &mut Firewall) -> Result<(Revision, Vec<Set>), Failure> {
    let held = Held::read(&firewall.nft.read_base_chains(&firewall.id)?);
    if held.candidate_revision().is_some() {
        return Err(Failure::input("a test is running: a node can join only what is confirmed")
            .help("rolewall confirm or rolewall revert first"));
    }
    let revision = held.confirmed_revision().ok_or_else(|| {
        Failure::input("nothing is in force that a node could join")
            .help("rolewall apply, then rolewall confirm")
    })?;
    let mut sets = firewall.nft.read_sets(&firewall.id)?;
    sets.retain(|set| Revision::of_name(&set.name) == Some(revision));
    Ok((revision, sets))
}

/// For each label whose sets this node's ruleset has: the set of the address's family, with the address.
fn elements_in<'a>(
    sets: &[Set],
    revision: Revision,
    labels: impl Iterator<Item = &'a str>,
    addresses: &[IpAddr],
) -> Vec<(String, IpAddr)> {
    let mut elements = Vec::new();
    for label in labels {
        for address in addresses {
            let family = if address.is_ipv4() { 4 } else { 6 };
            let name = format!("{}-{label}{family}", revision.prefix());
            if sets.iter().any(|s| s.name == name) {
                elements.push((name, *address));
            }
        }
    }
    elements
}

/// What the drop-in file says that the node has.
fn elements_of(
    host: &Host,
    file: &std::path::Path,
    sets: &[Set],
    revision: Revision,
) -> Result<Vec<(String, IpAddr)>, Failure> {
    let overrides = host.sources_in(ROLES_D, ".toml")?;
    let built_in = Catalogue::built_in();
    let catalogue = if overrides.is_empty() { built_in } else { built_in.with_overrides(&overrides)? };
    let text = fs::read_to_string(file).map_err(|e| file_failure("read", file, &e))?;
    let source = rolewall_policy::Source::new(file, text);
    let empty = rolewall_policy::Source::new("cluster.toml", "[cluster]\nname = \"any\"\n");
    let inventory = rolewall_policy::inventory::parse(&[empty, source], &catalogue)?;
    let mut elements = Vec::new();
    for node in &inventory.nodes {
        let labels = node.roles.iter().map(|r| r.0.as_str()).chain([EVERY_NODE]);
        elements.extend(elements_in(sets, revision, labels, &node.private));
    }
    Ok(elements)
}

fn commit(firewall: &mut Firewall, sets: &[Set], event: &Event) -> Result<(), Failure> {
    let elements: Vec<(&Set, [Element; 1])> = event
        .elements
        .iter()
        .filter_map(|(name, address)| {
            Some((sets.iter().find(|s| s.name == *name)?, [joined::element(*address)]))
        })
        .collect();
    let id = firewall.id.clone();
    let ops = elements
        .iter()
        .map(|(set, element)| match event.way {
            Way::Joined => Op::AddElements(&id, set, element, IfThere::Refuse),
            Way::Left => Op::DeleteElements(&id, set, element),
        })
        .collect();
    firewall.commit(&Transaction { generation: None, ops })
}

/// Believes the kernel's answer alone.
fn verify(firewall: &mut Firewall, sets: &[Set], event: &Event) -> Result<(), Failure> {
    let id = firewall.id.clone();
    for (name, address) in &event.elements {
        let Some(set) = sets.iter().find(|s| s.name == *name) else { continue };
        let found = firewall.nft.find_elements(&id, set, &[joined::element(*address)])?;
        if found.is_empty() == (event.way == Way::Joined) {
            let what =
                format!("the kernel's set {name} does not show that node {} has {:?}", event.node, event.way);
            return Err(Failure::new(Kind::Refused, what).help("rolewall apply --final --rebuild"));
        }
    }
    Ok(())
}

fn write_drop_in(
    file: &std::path::Path,
    name: &NodeName,
    private: &[IpAddr],
    roles: &BTreeSet<String>,
) -> Result<(), Failure> {
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory).map_err(|e| file_failure("make", directory, &e))?;
    }
    let quoted = |words: Vec<String>| words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(", ");
    let private = quoted(private.iter().map(ToString::to_string).collect());
    let roles = quoted(roles.iter().cloned().collect());
    let text = format!(
        "# Written by rolewall node add.\n[[node]]\nname    = \"{name}\"\nprivate = [{private}]\nroles   = [{roles}]\n"
    );
    write_atomically(file, text.as_bytes())
}
