//! The node with this host's name, addresses, interfaces and files, and everybody around it.
//! Not here: who they are ([`super::peers`]), and what they ask.

use super::super::ask::Ask;
use super::super::cast::{PRIVATE, PUBLIC};
use super::super::ended::Ended;
use super::super::program::{Itself, Program};
use super::super::session::Session;
use super::super::stand_in;
use super::super::story::{Story, count_of, ms};
use super::copy::copy;
use super::peers::{self, OPERATOR, Peer};
use super::questions::{self, Asked};
use crate::failure::Failure;
use crate::firewall::Firewall;
use crate::host::{Host, sockets};
use crate::inputs::Inputs;
use rolewall_evidence::{Address, Listening, Transport};
use rolewall_lab::{Host as LabHost, HostSpec, Lab, Listen, Running, Server};
use rolewall_policy::{Node, Plan};
use rolewall_ruleset::{Op, Transaction};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// The host of the drill that has this host's plan.
pub(super) const NODE: &str = "node";
/// Interfaces where the settings name none.
const INTERFACES: [(&str, &str); 2] = [(PUBLIC, "eth0"), (PRIVATE, "eth1")];
const LISTEN_WITHIN: Duration = Duration::from_secs(5);
const SSH_PORT: u16 = 22;

/// Everybody on stage. What listens goes before the hosts do.
#[derive(Debug)]
pub(super) struct Cast {
    _programs: Vec<Running>,
    _servers: Vec<Server>,
    lab: Lab,
    itself: Itself,
    name: String,
    pub(super) questions: Vec<Asked>,
    /// Where the operator logs in, by family.
    logins: Vec<SocketAddr>,
    pub(super) operator: Peer,
    /// Nothing cuts such an operator off.
    pub(super) is_operator_trusted: bool,
}

impl Cast {
    pub(super) fn host(&self, name: &str) -> Result<&LabHost, Ended> {
        Ok(self.lab.host(name)?)
    }

    pub(super) fn node(&self) -> Result<&LabHost, Ended> {
        self.host(NODE)
    }

    pub(super) fn program(&self) -> Result<Program<'_>, Ended> {
        Ok(Program::of(self.node()?, &self.itself))
    }

    /// This host's name in the inventory.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn logins(&self) -> &[SocketAddr] {
        &self.logins
    }

    /// A session of the operator.
    pub(super) fn log_in(&self) -> Result<Session, Ended> {
        Session::connect(self.host(&self.operator.host())?, self.node()?, &self.logins)
    }

    /// The kernel forgets our table.
    pub(super) fn forget(&self) -> Result<(), Ended> {
        Ok(self.node()?.in_namespace(forget)??)
    }
}

/// Deletes our table, for a thread inside the node.
fn forget() -> Result<(), Failure> {
    let mut firewall = Firewall::open()?;
    let id = firewall.id.clone();
    firewall.commit(&Transaction { generation: None, ops: vec![Op::DeleteTable(&id)] })
}

impl Peer {
    /// The host of the drill that has its addresses: the operator's own, else one for each wire.
    pub(super) fn host(&self) -> String {
        if self.name == OPERATOR { OPERATOR.to_owned() } else { format!("others-{}", self.wire) }
    }
}

/// Makes networks, hosts, files and what listens.
pub(super) fn enter(story: &mut Story, host: &Host, inputs: &Inputs) -> Result<Cast, Ended> {
    story.chapter("The cast: this host's own plan, in namespaces of its own");
    story.say("  Nothing of this host is changed: no interface, no rule, no file.");
    let started = Instant::now();
    let plan = inputs.plan()?;
    let me =
        inputs.inventory.nodes.iter().find(|node| node.name == plan.me.name).filter(|me| has_address(me));
    let me = me.ok_or_else(|| {
        Failure::input("a drill of one's own needs an inventory in which this host has an address")
            .help("rolewall init writes one; rolewall drill plays with an example")
    })?;
    let peers = peers::peers(&plan, &inputs.inventory, me);
    let operator =
        peers.first().cloned().ok_or_else(|| Failure::input("nobody could log in to this host"))?;
    let itself = Itself::open()?;
    let lab = up(&plan, me, &peers)?;
    let copied = copy(host, inputs, lab.host(NODE)?)?;
    let own: BTreeMap<&str, Vec<IpAddr>> =
        BTreeMap::from([(PUBLIC, me.public.clone()), (PRIVATE, me.private.clone())]);
    let questions = questions::all(&plan, &peers, &own);
    let ssh = ssh_ports(&plan);
    let programs = stand_ins(host, &lab, &itself, &ssh)?;
    let servers = serve(&lab, &plan, &programs.1)?;
    let port = ssh.first().copied().unwrap_or(SSH_PORT);
    let mine = |of: &IpAddr| own[operator.wire].iter().find(|a| a.is_ipv4() == of.is_ipv4()).copied();
    let logins = operator.addresses.iter().filter_map(mine).map(|to| SocketAddr::new(to, port)).collect();
    let is_trusted = |address: &IpAddr| plan.trusted.iter().any(|net| net.contains(address));
    let is_operator_trusted = operator.addresses.iter().any(is_trusted);
    introduce(story, me, &peers, copied, started.elapsed());
    let (name, _programs) = (me.name.0.clone(), programs.0);
    Ok(Cast {
        _programs,
        _servers: servers,
        lab,
        itself,
        name,
        questions,
        logins,
        operator,
        is_operator_trusted,
    })
}

fn has_address(node: &Node) -> bool {
    !node.private.is_empty() || !node.public.is_empty()
}

/// One wire a network; every address a neighbour of every other on it, whatever its prefix.
fn up(plan: &Plan, me: &Node, peers: &[Peer]) -> Result<Lab, Ended> {
    let mut builder = Lab::builder().network(PRIVATE).network(PUBLIC);
    let mut spec = HostSpec::new(NODE);
    for (wire, addresses) in [(PUBLIC, &me.public), (PRIVATE, &me.private)] {
        if !addresses.is_empty() {
            spec = plugged(spec, wire, &interface(plan, wire), addresses)?;
        }
    }
    builder = builder.host(spec);
    let hosts: BTreeSet<(String, &str)> = peers.iter().map(|peer| (peer.host(), peer.wire)).collect();
    for (name, wire) in &hosts {
        let of = peers.iter().filter(|peer| peer.host() == *name).flat_map(|peer| peer.addresses.clone());
        builder = builder.host(plugged(HostSpec::new(name.as_str()), wire, "eth0", &of.collect::<Vec<_>>())?);
    }
    let lab = builder.up()?;
    for (name, _) in &hosts {
        lab.host(name)?.ip("route add default dev eth0\nroute add ::/0 dev eth0\n")?;
    }
    let mut routes = String::new();
    for peer in peers {
        for address in &peer.addresses {
            routes += &format!("route add {address} dev {}\n", interface(plan, peer.wire));
        }
    }
    lab.host(NODE)?.ip(&routes)?;
    Ok(lab)
}

fn plugged(spec: HostSpec, wire: &str, interface: &str, addresses: &[IpAddr]) -> Result<HostSpec, Ended> {
    let texts: Vec<String> =
        addresses.iter().map(|a| format!("{a}/{}", if a.is_ipv4() { 32 } else { 128 })).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    Ok(spec.plug(wire, interface, &texts)?)
}

/// The first that the settings name of a network.
fn interface(plan: &Plan, wire: &str) -> String {
    let named = if wire == PRIVATE { &plan.private_interfaces } else { &plan.public_interfaces };
    let usual = INTERFACES.iter().find(|(of, _)| *of == wire).map_or("eth2", |(_, name)| name);
    named.first().cloned().unwrap_or_else(|| usual.to_owned())
}

fn ssh_ports(plan: &Plan) -> Vec<u16> {
    let ssh = plan.inbound.iter().filter(|permit| permit.why.service == "ssh");
    ssh.flat_map(|permit| &permit.ports)
        .map(|range| range.first)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// The processes that hold this host's sockets, by name, so that the node has the same evidence; and their ports.
fn stand_ins(
    host: &Host,
    lab: &Lab,
    itself: &Itself,
    ssh: &[u16],
) -> Result<(Vec<Running>, BTreeSet<String>), Ended> {
    let listening = if host.is_live { sockets::listening()?.0 } else { Vec::new() };
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut parts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let sshd = ssh.iter().map(|port| ("sshd".to_owned(), format!("tcp/{port}")));
    for (name, port) in sshd.chain(listening.iter().filter_map(reachable)) {
        if taken.insert(port.clone()) {
            parts.entry(name).or_default().push(port);
        }
    }
    let mut programs = Vec::new();
    for (name, ports) in parts {
        let program = Program::of(lab.host(NODE)?, itself);
        programs
            .push(program.command(&["drill", "--stand-in", &format!("{name}={}", ports.join(","))]).spawn()?);
    }
    programs.iter_mut().try_for_each(|program| program.wait_for(stand_in::READY, LISTEN_WITHIN))?;
    Ok((programs, taken))
}

/// A socket that somebody else can reach, with the name of its process.
fn reachable(socket: &Listening) -> Option<(String, String)> {
    if matches!(socket.address, Address::One(address) if address.is_loopback()) {
        return None;
    }
    let port = match socket.transport {
        Transport::Tcp => format!("tcp/{}", socket.port),
        Transport::Udp => format!("udp/{}", socket.port),
        Transport::Sctp => return None,
    };
    let name = &socket.holder.as_ref()?.name;
    let is_plain = !name.contains(['=', ',', '/']);
    is_plain.then(|| (name.clone(), port))
}

/// Everything that will be asked for answers, or what is closed proves nothing.
fn serve(lab: &Lab, plan: &Plan, taken: &BTreeSet<String>) -> Result<Vec<Server>, Ended> {
    let mut servers = Vec::new();
    for host in lab.hosts() {
        let is_node = host.name() == NODE;
        let asked = questions::ports(if is_node { &plan.inbound } else { &plan.outbound });
        let free = asked.iter().filter(|ask| !is_node || !taken.contains(&ask.to_string()));
        let (mut tcp, mut udp) = (Vec::new(), Vec::new());
        for ask in free {
            match ask {
                Ask::Tcp(port) => tcp.push(*port),
                Ask::Udp(port) => udp.push(*port),
                Ask::Ping => {}
            }
        }
        servers.push(host.serve(Listen::new().tcp(tcp).udp(udp))?);
    }
    Ok(servers)
}

fn introduce(story: &mut Story, me: &Node, peers: &[Peer], copied: usize, took: Duration) {
    let listed =
        |addresses: &[IpAddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let roles: Vec<&str> = me.roles.iter().map(|role| role.0.as_str()).collect();
    let own: Vec<IpAddr> = me.addresses().copied().collect();
    story.say(&format!("  {:<16}{:<50}this host: {}", me.name.0, listed(&own), roles.join(" ")));
    for peer in peers {
        story.say(&format!("  {:<16}{:<50}{} network", peer.name, listed(&peer.addresses), peer.wire));
    }
    let files = count_of(copied, "file");
    story.say(&format!("  up, with {files} of this host copied: {:.0} ms", ms(took)));
    story.figure("set_up_ms", ms(took));
}
