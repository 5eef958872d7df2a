//! One flow for each end of each permit: what a candidate must accept before anyone loads it.
//! Not here: judging them.

use crate::plan::{Permit, Plan, Zone};
use crate::{Network, Proto};
use ipnet::IpNet;
use rolewall_ruleset::Flow;
use rolewall_ruleset::flow::{Direction, L4};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A flow that the plan permits, and the permit.
#[derive(Debug, Clone)]
pub struct Required<'a> {
    /// The flow.
    pub flow: Flow,
    /// Why it must pass.
    pub permit: &'a Permit,
}

/// Both ends of every port range, from one address of its zone for each family that the zone has.
pub fn required(plan: &Plan) -> Vec<Required<'_>> {
    let inbound = plan.inbound.iter().map(|p| (Direction::In, p));
    let outbound = plan.outbound.iter().map(|p| (Direction::Out, p));
    inbound.chain(outbound).flat_map(|(direction, permit)| of_permit(plan, direction, permit)).collect()
}

fn of_permit<'a>(plan: &Plan, direction: Direction, permit: &'a Permit) -> Vec<Required<'a>> {
    let mut flows = Vec::new();
    for remote in remotes(plan, permit) {
        for range in &permit.ports {
            for port in [range.first, range.last] {
                let flow = flow(plan, direction, permit.network, range.proto, remote, port);
                flows.push(Required { flow, permit });
            }
        }
    }
    flows
}

/// One address of each family.
fn remotes(plan: &Plan, permit: &Permit) -> Vec<IpAddr> {
    let of_nets = |nets: &[IpNet]| nets.iter().map(|n| n.addr()).collect::<Vec<_>>();
    let all = match &permit.zone {
        Zone::Anyone => strangers(plan),
        Zone::Admin if permit.network == Network::Private => admin_inside(plan),
        Zone::Admin => of_nets(&plan.admin),
        Zone::Trunks => of_nets(&plan.trunks),
        Zone::Nodes(label) => plan.nodes.get(label).cloned().unwrap_or_default(),
    };
    let allowed = |a: &&IpAddr| !contains(&plan.deny, **a);
    let first = |v4: bool| all.iter().filter(allowed).find(|a| a.is_ipv4() == v4).copied();
    [first(true), first(false)].into_iter().flatten().collect()
}

/// Admin addresses that can come by the private network: any by its interface, else those that it contains.
fn admin_inside(plan: &Plan) -> Vec<IpAddr> {
    let admin = plan.admin.iter().map(|n| n.addr());
    if !plan.private_interfaces.is_empty() || plan.private.is_empty() {
        return admin.collect();
    }
    let private = plan.private.iter().filter(|p| plan.admin.iter().any(|a| a.contains(*p))).map(|p| p.addr());
    admin.filter(|a| contains(&plan.private, *a)).chain(private).collect()
}

/// Addresses that belong to nobody in particular: the first of the documentation networks, and of the
/// benchmarking ones, that no zone of the plan contains.
fn strangers(plan: &Plan) -> Vec<IpAddr> {
    let v4 = [[203, 0, 113, 77], [198, 51, 100, 77], [192, 0, 2, 77], [198, 18, 77, 77], [198, 19, 77, 77]];
    let v6 = [[0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 0x77], [0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 0x77]];
    let candidates = v4.into_iter().map(|o| IpAddr::V4(Ipv4Addr::from(o)));
    let candidates = candidates.chain(v6.into_iter().map(|s| IpAddr::V6(Ipv6Addr::from(s))));
    let known = [&plan.private, &plan.deny, &plan.admin, &plan.trunks, &plan.trusted];
    candidates.filter(|a| !known.iter().any(|nets| contains(nets, *a))).collect()
}

fn contains(nets: &[IpNet], address: IpAddr) -> bool {
    nets.iter().any(|n| n.contains(&address))
}

fn flow(
    plan: &Plan,
    direction: Direction,
    network: Network,
    proto: Proto,
    remote: IpAddr,
    port: u16,
) -> Flow {
    let local = local_address(plan, remote);
    let interfaces = match network {
        Network::Private => &plan.private_interfaces,
        Network::Public => &plan.public_interfaces,
    };
    let (src, dst) = if direction == Direction::In { (remote, local) } else { (local, remote) };
    let l4 = L4::client(proto.number(), port).unwrap_or(L4::Other(proto.number()));
    Flow::first(direction, src, dst, l4).by(interfaces.first().cloned())
}

fn local_address(plan: &Plan, remote: IpAddr) -> IpAddr {
    let own = plan.me.addresses.iter().find(|a| a.is_ipv4() == remote.is_ipv4()).copied();
    let unknown = || match remote {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    };
    own.unwrap_or_else(unknown)
}
