//! Whether two sides judge the same: real flows in and out of hosts that both have loaded.
//! Not here: what either costs.

use crate::Outcome;
use crate::cli::{Cli, Place};
use crate::cluster::{Cluster, FRIEND4, FRIEND6, Node, STRANGER4, STRANGER6, me};
use crate::peers::Peer;
use crate::policy::{Other, Proto, admits, reaches};
use crate::side::{Side, Who};
use crate::{machine, world};
use rolewall_lab::{Host, Listen, Outcome as Seen, Probe};
use std::net::IpAddr;

/// Ports that are asked for: each that the policy names, ends of ranges, and some that it does not name.
const TCP: [u16; 18] =
    [22, 53, 80, 123, 443, 3306, 4505, 4506, 5060, 5061, 5222, 5269, 5280, 5672, 6379, 8080, 9200, 9300];
const UDP: [u16; 12] = [53, 123, 443, 4505, 5050, 5060, 5061, 7777, 9999, 10000, 20000, 20001];

/// The nodes with which it is tried: as many as have every role.
const NODES: usize = 10;

/// A flow, and whether the policy allows it.
struct Asked {
    probe: Probe,
    says: String,
    allowed: bool,
}

/// Prints how many flows each side judged otherwise than the policy.
pub(crate) fn compare(cli: &Cli, peers: &[Peer]) -> Outcome<()> {
    let cluster = Cluster::of(NODES);
    let installed =
        peers.iter().filter(|p| p.programs().iter().all(|program| machine::find(program).is_some()));
    for who in std::iter::once(Who::Rolewall).chain(installed.copied().map(Who::Peer)) {
        let (asked, wrong) = judged_by(cli, who, &cluster)?;
        println!(
            "{}: {asked} flows in and out at {NODES} nodes, {} judged otherwise than the policy",
            who.name(),
            wrong.len()
        );
        wrong.iter().take(10).for_each(|flow| println!("  {flow}"));
    }
    println!();
    Ok(())
}

fn judged_by(cli: &Cli, who: Who, cluster: &Cluster) -> Outcome<(usize, Vec<String>)> {
    let lab = world::wire(&cluster.others)?;
    let (node, others) = (lab.host(me::NAME)?, lab.host(world::OTHERS)?);
    Side::set_up(cli, who, node, cluster, Place::Tmpfs)?.load()?;
    let serve = |host: &Host| host.serve(Listen::new().tcp(TCP).udp(UDP));
    let _serving = (serve(node)?, serve(others)?);
    let (inward, outward) = asked(cluster);
    let mut wrong = disagreements(others, &inward)?;
    wrong.extend(disagreements(node, &outward)?);
    Ok((inward.len() + outward.len(), wrong))
}

fn disagreements(host: &Host, asked: &[Asked]) -> Outcome<Vec<String>> {
    let probes: Vec<Probe> = asked.iter().map(|a| a.probe.clone()).collect();
    let seen = host.probe_all(&probes)?;
    let differs = asked.iter().zip(seen).filter(|(a, seen)| a.allowed != (*seen == Seen::Open));
    Ok(differs.map(|(a, seen)| format!("{}: {seen}, allowed: {}", a.says, a.allowed)).collect())
}

fn asked(cluster: &Cluster) -> (Vec<Asked>, Vec<Asked>) {
    let nodes =
        cluster.others.iter().flat_map(|n: &Node| n.addresses().map(|ip| (ip, Other::Node(n.bits()))));
    let outside = [
        (IpAddr::from(STRANGER4), Other::Stranger),
        (STRANGER6.into(), Other::Stranger),
        (FRIEND4.into(), Other::Trusted),
        (FRIEND6.into(), Other::Trusted),
    ];
    let (mut inward, mut outward) = (Vec::new(), Vec::new());
    for (ip, other) in nodes.chain(outside) {
        let here = mine(ip, other);
        for (proto, port) in TCP.map(|p| (Proto::Tcp, p)).into_iter().chain(UDP.map(|p| (Proto::Udp, p))) {
            inward.push(flow((ip, here), proto, port, admits(other, proto, port)));
            outward.push(flow((here, ip), proto, port, reaches(other, proto, port)));
        }
    }
    (inward, outward)
}

/// The node's address on the other's network.
fn mine(other: IpAddr, kind: Other) -> IpAddr {
    match (other.is_ipv4(), kind) {
        (true, Other::Node(_)) => me::IPV4.into(),
        (false, Other::Node(_)) => me::IPV6.into(),
        (true, _) => me::PUBLIC4.into(),
        (false, _) => me::PUBLIC6.into(),
    }
}

fn flow((from, to): (IpAddr, IpAddr), proto: Proto, port: u16, allowed: bool) -> Asked {
    let probe = match proto {
        Proto::Tcp => Probe::tcp(to, port),
        Proto::Udp => Probe::udp(to, port),
    };
    let says = format!("{} {from} to {to} port {port}", proto.word());
    Asked { probe: probe.from(from), says, allowed }
}
