//! `rolewall node add` and `node remove`: one node joins or leaves, and nothing else is touched.
//! Not here: the inventory's own checks, which the next `apply` makes on the file that this writes.
//!
//! The cost hardly depends on the number of nodes: the inventory is searched but not parsed, the elements go
//! to Linux in one transaction, and the journal and the drop-in file are a line and a file each.
//!
//! Either command may be killed at any moment and then be repeated: the file says what was asked for, the
//! journal comes before the kernel, and what the kernel has already is not sent again.

use crate::cli::CutArgs;
use crate::cut::{Asked, Ended, OwnSession, Reach, cut};
use crate::failure::{Failure, Kind, file_failure};
use crate::firewall::Firewall;
use crate::host::{CLUSTER, CLUSTER_D, Host, ROLES_D, SETTINGS};
use crate::joined::{self, Event, Way};
use crate::search;
use crate::state::{Store, make_directory, remove_durably, write_atomically};
use rolewall_control::{Held, Revision};
use rolewall_kernel::nft::NftError;
use rolewall_policy::plan::EVERY_NODE;
use rolewall_policy::{Catalogue, Node, NodeName, Source, inventory, settings};
use rolewall_ruleset::transaction::IfThere;
use rolewall_ruleset::{Element, Op, Ruleset, Set, Transaction};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// What was done.
#[derive(Debug)]
pub(crate) struct Changed {
    event: Event,
    pub(crate) revision: Revision,
    file: PathBuf,
    /// What was cut with a node that left.
    pub(crate) ended: Ended,
}

impl Changed {
    pub(crate) fn elements(&self) -> usize {
        self.event.elements.len()
    }

    /// As the operator reads it.
    pub(crate) fn text(&self) -> String {
        let (went, what, file) = match self.event.way {
            Way::Joined => ("joined", "admitted", "written to"),
            Way::Left => ("left", "no longer admitted", "removed"),
        };
        let what = match self.elements() {
            0 => "no service of this host is for its roles".to_owned(),
            1 => format!("1 address {what}"),
            n => format!("{n} addresses {what}"),
        };
        format!("{} {went}: {what}; {file} {}", self.event.node, self.file.display())
    }
}

pub(crate) fn add(host: &Host, name: &str, private: &[IpAddr], roles: &[String]) -> Result<Changed, Failure> {
    host.live("node add")?;
    refuse_beside_database(host)?;
    let name = checked_name(name)?;
    let roles = checked_roles(host, roles)?;
    checked_addresses(private)?;
    let store = Store::of(host);
    let _lock = store.lock("node add")?;
    let file = host.path(&format!("{CLUSTER_D}/{name}.toml"));
    let text = drop_in(&name, private, &roles);
    let begun = is_begun(&file, &name, &text)?;
    refuse_known(host, &name, private, &text, begun)?;
    let mut firewall = Firewall::open()?;
    let (revision, sets) = confirmed_sets(&mut firewall)?;
    let labels = roles.iter().map(String::as_str).chain([EVERY_NODE]);
    let elements = elements_in(&sets, revision, labels, private);
    let event = Event { node: name.0.clone(), way: Way::Joined, elements };
    if !begun {
        write_drop_in(&file, &text)?;
    }
    if let Err(refused) = join(&store, &mut firewall, revision, &sets, &event, begun) {
        if !begun && !refused.is_full {
            let _ = fs::remove_file(&file);
        }
        return Err(refused.failure);
    }
    verify(&mut firewall, &sets, &event)?;
    firewall.leave();
    Ok(Changed { event, revision, file, ended: Ended::default() })
}

pub(crate) fn remove(host: &Host, name: &str, arguments: &CutArgs) -> Result<Changed, Failure> {
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
    let nodes = nodes_of(host, &file)?;
    let elements = elements_of(&nodes, &sets, revision);
    let event = Event { node: name.0.clone(), way: Way::Left, elements };
    let there = those(&mut firewall, &sets, &event, true)?;
    change(&store, &mut firewall, revision, &sets, &event, &there).map_err(|refused| refused.failure)?;
    verify(&mut firewall, &sets, &event)?;
    remove_durably(&file).map_err(|e| file_failure("remove", &file, &e))?;
    let ended = cut_off(&mut firewall, &nodes, arguments);
    firewall.leave();
    Ok(Changed { event, revision, file, ended })
}

/// What this command would write, the next `apply` would refuse.
fn refuse_beside_database(host: &Host) -> Result<(), Failure> {
    match host.source(SETTINGS)? {
        Some(settings) if settings::asks_sql(&settings) => {
            Err(Failure::input("nodes come from the database (inventory.source = \"sql\")")
                .help("nothing was changed; register the node there, then rolewall apply --final"))
        }
        _ => Ok(()),
    }
}

fn checked_name(name: &str) -> Result<NodeName, Failure> {
    NodeName::new(name).ok_or_else(|| {
        Failure::input(format_args!("\"{name}\" is not a node name"))
            .help("1 to 63 of a-z, 0-9, dot, dash, underscore")
    })
}

fn catalogue(host: &Host) -> Result<Catalogue, Failure> {
    Ok(Catalogue::built_in_with(&host.sources_in(ROLES_D, ".toml")?)?)
}

/// The catalogue's own names, each once.
fn checked_roles(host: &Host, roles: &[String]) -> Result<BTreeSet<String>, Failure> {
    let files = host.sources_in(ROLES_D, ".toml")?;
    // The project's own are known by name; what they say is of no interest here.
    if files.is_empty() && roles.iter().all(|role| Catalogue::is_built_in(role)) {
        return Ok(roles.iter().cloned().collect());
    }
    let catalogue = Catalogue::built_in_with(&files)?;
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

/// Whether the same was asked for before: by a command that was killed, or found a set full.
fn is_begun(file: &Path, name: &NodeName, text: &str) -> Result<bool, Failure> {
    match fs::read(file) {
        Ok(there) if there == text.as_bytes() => Ok(true),
        Ok(_) => Err(Failure::input(format_args!(
            "node {name} was added before with other addresses or roles: {} is there",
            file.display()
        ))
        .help(format_args!("rolewall node remove {name}"))),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(file_failure("read", file, &e)),
    }
}

/// Refuses a name or an address that the inventory has, for every later `apply` would. It is parsed only
/// where the text has one of them. What other files of `cluster.d` say, the kernel's sets know; not so where
/// an add was begun, whose own elements may be there.
fn refuse_known(
    host: &Host,
    name: &NodeName,
    private: &[IpAddr],
    text: &str,
    begun: bool,
) -> Result<(), Failure> {
    let words: Vec<String> =
        private.iter().map(|a| format!("\"{a}\"")).chain([format!("\"{name}\"")]).collect();
    if !begun && search::has_none(&host.path(CLUSTER), &words) {
        return Ok(());
    }
    let Some(cluster) = host.cluster()? else { return Ok(()) };
    let own = PathBuf::from(format!("{CLUSTER_D}/{name}.toml"));
    let others = if begun { host.sources_in(CLUSTER_D, ".toml")? } else { Vec::new() };
    let mut sources: Vec<Source> = others.into_iter().filter(|source| source.path != own).collect();
    sources.insert(0, cluster);
    if !sources.iter().any(|source| words.iter().any(|word| source.text.contains(word))) {
        return Ok(());
    }
    sources.push(Source::new(own, text));
    let inventory = inventory::parse(&sources, &catalogue(host)?)?;
    inventory.notes.iter().for_each(|note| eprintln!("note: {note}"));
    Ok(())
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
/// Where other nodes have a role on ports of their own, those on its usual ones have a set besides.
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
            let names = ["", ".usual"].map(|part| format!("{}-{label}{part}{family}", revision.prefix()));
            let there = names.into_iter().filter(|name| sets.iter().any(|s| s.name == *name));
            elements.extend(there.map(|name| (name, *address)));
        }
    }
    elements
}

/// What the drop-in file declares.
fn nodes_of(host: &Host, file: &Path) -> Result<Vec<Node>, Failure> {
    let text = fs::read_to_string(file).map_err(|e| file_failure("read", file, &e))?;
    let source = Source::new(file, text);
    let empty = Source::new("cluster.toml", "[cluster]\nname = \"any\"\n");
    Ok(inventory::parse(&[empty, source], &catalogue(host)?)?.nodes)
}

/// What nodes have in the sets of this host.
fn elements_of(nodes: &[Node], sets: &[Set], revision: Revision) -> Vec<(String, IpAddr)> {
    let mut elements = Vec::new();
    for node in nodes {
        let labels = node.roles.iter().map(|r| r.0.as_str()).chain([EVERY_NODE]);
        elements.extend(elements_in(sets, revision, labels, &node.private));
    }
    elements
}

/// Ends the flows of nodes that left, as far as nothing else allows them. The ruleset is read only where there
/// are some.
fn cut_off(firewall: &mut Firewall, nodes: &[Node], arguments: &CutArgs) -> Ended {
    let addresses = nodes.iter().flat_map(|node| node.addresses());
    let reach = Reach::of_nodes(addresses.copied(), arguments);
    let asked = Asked { arguments, own: OwnSession::Keep };
    cut(firewall, &reach, asked, |firewall| {
        let table = firewall.nft.read_table(&firewall.id.clone())?;
        Ok(Ruleset { tables: table.into_iter().collect() })
    })
}

/// Those of an event's elements that the kernel has, or has not.
fn those(
    firewall: &mut Firewall,
    sets: &[Set],
    event: &Event,
    there: bool,
) -> Result<Vec<(String, IpAddr)>, Failure> {
    let mut those = Vec::new();
    for (name, address) in &event.elements {
        let Some(set) = sets.iter().find(|s| s.name == *name) else { continue };
        let found = firewall.nft.find_elements(&firewall.id, set, &[joined::element(*address)])?;
        if found.is_empty() != there {
            those.push((name.clone(), *address));
        }
    }
    Ok(those)
}

/// Why a change was taken back.
struct Refused {
    failure: Failure,
    /// A set has no room, which `apply` can make.
    is_full: bool,
    /// The kernel was asked.
    was_sent: bool,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused { failure, is_full: false, was_sent: false }
    }
}

impl From<NftError> for Refused {
    fn from(error: NftError) -> Refused {
        match error {
            NftError::Refused { errno, .. } if errno == Errno::NFILE.raw_os_error() => {
                let failure = Failure::new(Kind::Refused, "the set has no room for another node");
                Refused {
                    failure: failure.help("rolewall apply --final makes room"),
                    is_full: true,
                    was_sent: true,
                }
            }
            error => Refused { was_sent: true, ..Failure::from(error).into() },
        }
    }
}

/// What is there already is ours only where an add was begun; elsewhere the kernel refuses it.
fn join(
    store: &Store,
    firewall: &mut Firewall,
    revision: Revision,
    sets: &[Set],
    event: &Event,
    begun: bool,
) -> Result<(), Refused> {
    let missing = if begun { those(firewall, sets, event, false)? } else { event.elements.clone() };
    change(store, firewall, revision, sets, event, &missing)
}

/// The journal, then the kernel; both, or neither.
fn change(
    store: &Store,
    firewall: &mut Firewall,
    revision: Revision,
    sets: &[Set],
    event: &Event,
    elements: &[(String, IpAddr)],
) -> Result<(), Refused> {
    let length = joined::length(store, revision);
    let journalled = joined::append(store, revision, event).map_err(Refused::from);
    let changed = journalled.and_then(|()| commit(firewall, sets, event.way, elements));
    match changed {
        Err(refused) if !is_done_unheard(firewall, sets, event, &refused) => {
            joined::cut_back(store, revision, length)?;
            Err(refused)
        }
        _ => Ok(()),
    }
}

/// Whether only the kernel's answer was lost: then what it holds is the answer.
fn is_done_unheard(firewall: &mut Firewall, sets: &[Set], event: &Event, refused: &Refused) -> bool {
    if !refused.was_sent || refused.failure.kind == Kind::Refused {
        return false;
    }
    those(firewall, sets, event, event.way == Way::Left).is_ok_and(|left| left.is_empty())
}

fn commit(
    firewall: &mut Firewall,
    sets: &[Set],
    way: Way,
    elements: &[(String, IpAddr)],
) -> Result<(), Refused> {
    let set_of = |name: &String| sets.iter().find(|s| s.name == *name);
    let elements: Vec<(&Set, [Element; 1])> = elements
        .iter()
        .filter_map(|(name, address)| Some((set_of(name)?, [joined::element(*address)])))
        .collect();
    if elements.is_empty() {
        return Ok(());
    }
    let id = &firewall.id;
    let ops = elements
        .iter()
        .map(|(set, element)| match way {
            Way::Joined => Op::AddElements(id, set, element, IfThere::Refuse),
            Way::Left => Op::DeleteElements(id, set, element),
        })
        .collect();
    Ok(firewall.nft.commit(&Transaction { generation: None, ops })?)
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

fn write_drop_in(file: &Path, text: &str) -> Result<(), Failure> {
    if let Some(directory) = file.parent() {
        make_directory(directory, 0o755).map_err(|e| file_failure("make", directory, &e))?;
    }
    write_atomically(file, &[text.as_bytes()])
}

fn drop_in(name: &NodeName, private: &[IpAddr], roles: &BTreeSet<String>) -> String {
    let quoted = |words: Vec<String>| words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(", ");
    let private = quoted(private.iter().map(ToString::to_string).collect());
    let roles = quoted(roles.iter().cloned().collect());
    format!(
        "# Written by rolewall node add.\n[[node]]\nname    = \"{name}\"\nprivate = [{private}]\nroles   = [{roles}]\n"
    )
}
