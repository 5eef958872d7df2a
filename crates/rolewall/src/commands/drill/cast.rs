//! Who plays: nodes of the inventory that ships, people and machines around them, and what listens where.
//! Not here: what they ask of each other ([`super::ask`]).

use super::edit::with_value;
use super::ended::Ended;
use super::program::{Itself, Program};
use super::stand_in;
use super::story::{Story, count_of, ms};
use crate::failure::{Failure, Kind};
use crate::host::{CLUSTER, SETTINGS};
use rolewall_lab::{Host, HostSpec, Lab, Running};
use rolewall_policy::{Catalogue, Inventory, Node, Problems, Source, inventory};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The example inventory and settings of the repository, as an operator copies them.
pub(super) const CLUSTER_EXAMPLE: &str = include_str!("../../../../../examples/cluster.toml");
pub(super) const SETTINGS_EXAMPLE: &str = include_str!("../../../../../examples/rolewall.toml");

pub(super) const PRIVATE: &str = "private";
pub(super) const PUBLIC: &str = "public";

/// The node whose operator the story follows; two more under protection; and one that has no firewall.
pub(super) const SIP: &str = "sip1";
pub(super) const PBX: &str = "pbx1";
pub(super) const DB: &str = "db1";
pub(super) const WEB: &str = "web1";
pub(super) const PROTECTED: [&str; 3] = [SIP, PBX, DB];
const NODES: [&str; 4] = [SIP, PBX, DB, WEB];

pub(super) const OPERATOR: &str = "operator";
pub(super) const STATION: &str = "station";
pub(super) const COLLEAGUE: &str = "colleague";
pub(super) const STRANGER: &str = "stranger";
pub(super) const CARRIER: &str = "carrier";
pub(super) const UNKNOWN: &str = "unknown";

/// Who is no node: name, network, addresses, and who it is.
const OTHERS: [(&str, &str, [&str; 2], &str); 6] = [
    (OPERATOR, PUBLIC, ["198.51.100.5/24", "2001:db8:a::5/64"], "at an admin address, logged in to sip1"),
    (STATION, PUBLIC, ["198.51.100.8/24", "2001:db8:a::8/64"], "its IPv4 address is trusted by sip1"),
    (COLLEAGUE, PUBLIC, ["198.51.100.20/24", "2001:db8:b::20/64"], "not an admin address, yet"),
    (STRANGER, PUBLIC, ["198.51.100.77/24", "2001:db8:a:ffff::77/64"], "anybody on the Internet"),
    (CARRIER, PUBLIC, ["203.0.113.5/24", "2001:db8:7::5/64"], "in trunks"),
    (UNKNOWN, PRIVATE, ["10.20.0.200/16", "fd20::200/48"], "on the private network, in no inventory"),
];

/// What listens where: the roles' own ports, and others that must not be reached.
const PROGRAMS: [(&str, &str); 12] = [
    (SIP, "sshd=tcp/22"),
    (SIP, "kamailio=udp/5060,tcp/5060,tcp/5061,udp/5061"),
    (SIP, "mysqld=tcp/3306"),
    (PBX, "sshd=tcp/22"),
    (PBX, "asterisk=udp/5050,tcp/5050,udp/4000,udp/12000,tcp/5038"),
    (DB, "sshd=tcp/22"),
    (DB, "mysqld=tcp/3306,tcp/3307"),
    (DB, "hubring=tcp/11211"),
    (WEB, "nginx=tcp/80,tcp/443"),
    (WEB, "sshd=tcp/22"),
    (WEB, "nc=tcp/4444"),
    (CARRIER, "sbc=udp/5060,tcp/5060"),
];

/// How long one of them may take until it listens.
const LISTEN_WITHIN: Duration = Duration::from_secs(5);

/// Everybody on stage. What listens goes before the hosts do.
#[derive(Debug)]
pub(super) struct Cast {
    _programs: Vec<Running>,
    pub(super) lab: Lab,
    itself: Itself,
}

impl Cast {
    pub(super) fn host(&self, name: &str) -> Result<&Host, Ended> {
        Ok(self.lab.host(name)?)
    }

    /// This program in a node.
    pub(super) fn program(&self, node: &str) -> Result<Program<'_>, Ended> {
        Ok(Program::of(self.host(node)?, &self.itself))
    }
}

/// Makes networks, hosts, files and what listens.
pub(super) fn enter(story: &mut Story, window: Duration) -> Result<Cast, Ended> {
    story.chapter("The cast: a small cluster in namespaces of its own, from examples/cluster.toml");
    story.say(
        "  Nothing of this machine is changed: no interface, no rule, no file. The whole takes some seconds",
    );
    story.say(&format!("  more than the {} s for which chapter 7 waits for a deadline.", window.as_secs()));
    let started = Instant::now();
    let itself = Itself::open()?;
    let inventory = shipped()?;
    let mut builder = Lab::builder().network(PRIVATE).network(PUBLIC);
    for name in NODES {
        builder = builder.host(node_spec(node(&inventory, name)?)?);
    }
    for (name, network, addresses, _) in OTHERS {
        builder = builder.host(HostSpec::new(name).plug(network, "eth0", &addresses)?);
    }
    let lab = builder.up()?;
    route(&lab)?;
    PROTECTED.into_iter().try_for_each(|name| write_files(&lab, name))?;
    let programs = PROGRAMS.map(|(host, part)| start(&lab, &itself, host, part));
    let mut programs = programs.into_iter().collect::<Result<Vec<_>, _>>()?;
    programs.iter_mut().try_for_each(|program| program.wait_for(stand_in::READY, LISTEN_WITHIN))?;
    let cast = Cast { _programs: programs, lab, itself };
    introduce(story, &cast, &inventory, started.elapsed());
    Ok(cast)
}

fn shipped() -> Result<Inventory, Failure> {
    let source = Source::from_bytes(CLUSTER, CLUSTER_EXAMPLE.as_bytes().to_vec());
    let source = source.map_err(|problem| Failure::from(Problems(vec![problem])))?;
    Ok(inventory::parse(&[source], &Catalogue::built_in())?)
}

fn node<'i>(inventory: &'i Inventory, name: &str) -> Result<&'i Node, Failure> {
    let found = inventory.nodes.iter().find(|node| node.name.0 == name);
    found.ok_or_else(|| Failure::new(Kind::Bug, format_args!("the example inventory has no node {name}")))
}

/// A node with the interfaces that the example settings name: `eth0` public, `eth1` private.
fn node_spec(node: &Node) -> Result<HostSpec, Ended> {
    let mut spec = HostSpec::new(node.name.0.as_str());
    for (network, interface, addresses, bits) in
        [(PUBLIC, "eth0", &node.public, (24, 64)), (PRIVATE, "eth1", &node.private, (16, 48))]
    {
        let with_bits = |a: &IpAddr| format!("{a}/{}", if a.is_ipv4() { bits.0 } else { bits.1 });
        let texts: Vec<String> = addresses.iter().map(with_bits).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        if !texts.is_empty() {
            spec = spec.plug(network, interface, &texts)?;
        }
    }
    Ok(spec)
}

/// The public network is one wire here, and everybody on it a neighbour: a router would prove nothing more.
fn route(lab: &Lab) -> Result<(), Ended> {
    for host in lab.hosts().iter().filter(|host| host.ipv4(PUBLIC).is_some()) {
        host.ip("route add default dev eth0\nroute add 2001:db8::/32 dev eth0\n")?;
    }
    Ok(())
}

/// Inventory and settings of a node under protection. A store has no business outside: what it may send is
/// enforced too.
fn write_files(lab: &Lab, name: &str) -> Result<(), Ended> {
    let mut settings = with_value(SETTINGS_EXAMPLE, "node", "name", &format!("\"{name}\""))?;
    if name == DB {
        settings = with_value(&settings, "mode", "out", "\"enforce\"")?;
    }
    let host = lab.host(name)?;
    host.write(CLUSTER, CLUSTER_EXAMPLE)?;
    host.write(SETTINGS, settings)?;
    Ok(())
}

fn start(lab: &Lab, itself: &Itself, host: &str, part: &str) -> Result<Running, Ended> {
    let program = Program::of(lab.host(host)?, itself);
    Ok(program.command(&["drill", "--stand-in", part]).spawn()?)
}

fn introduce(story: &mut Story, cast: &Cast, inventory: &Inventory, took: Duration) {
    for name in NODES {
        let known = inventory.nodes.iter().find(|node| node.name.0 == name);
        let Some(node) = known else { continue };
        let roles: Vec<&str> = node.roles.iter().map(|role| role.0.as_str()).collect();
        let guard = if PROTECTED.contains(&name) { "to be protected" } else { "without a firewall" };
        let addresses = listed(node.addresses());
        story.say(&format!("  {name:<10}{addresses:<54}{}; {guard}", roles.join(" ")));
    }
    for (name, network, _, who) in OTHERS {
        let Ok(host) = cast.lab.host(name) else { continue };
        let addresses = listed(&host.addresses().collect::<Vec<_>>());
        let network = format!("{network} network");
        story.say(&format!("  {name:<10}{addresses:<38}{network:<16}{who}"));
    }
    let ports: usize = PROGRAMS.iter().map(|(_, part)| part.split(',').count()).sum();
    let hosts = count_of(cast.lab.hosts().len(), "host");
    story.say(&format!("  {hosts} up, {ports} ports really listen: {:.0} ms", ms(took)));
    story.figure("set_up_ms", ms(took));
}

fn listed<'a>(addresses: impl IntoIterator<Item = &'a IpAddr>) -> String {
    addresses.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
