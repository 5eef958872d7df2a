//! What a plan means, as a list of flow spaces: written from the promises, not from how they are lowered.
//! Not here: whether a ruleset does so ([`super`]).
//!
//! The first that names a flow decides. An intent is what [`crate::lower`] is held to, so the two share nothing
//! but the plan.

use crate::plan::{Permit, Plan, Zone};
use crate::settings::Forward;
use crate::{Mode, Network, PortRange, Proto};
use ipnet::IpNet;
use rolewall_ruleset::Family;
use rolewall_ruleset::flow::{CtState, Direction};
use rolewall_ruleset::space::{
    CT_STATES, Field, Kind, Ranges, Region, Specification, Wanted, interface_values, number,
};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The whole intent of a plan.
pub fn intent(plan: &Plan) -> Specification {
    let mut intent = Intent { plan, rules: Vec::new() };
    intent.inbound();
    intent.outbound();
    intent.forwarded();
    Specification { rules: intent.rules }
}

struct Intent<'a> {
    plan: &'a Plan,
    rules: Vec<(Region, Wanted)>,
}

/// ICMP errors (RFC 792) and ICMPv6 errors (RFC 4443).
const ERRORS: [(Family, &[u8]); 2] = [(Family::Ip, &[3, 11, 12]), (Family::Ip6, &[1, 2, 3, 4])];
/// Echo requests.
const ECHO: [(Family, u8); 2] = [(Family::Ip, 8), (Family::Ip6, 128)];
/// Neighbour discovery that a host needs (RFC 4861), which only neighbours can send with that hop limit.
const NEIGHBOURS: [u8; 3] = [134, 135, 136];
const NEIGHBOUR_HOPS: u8 = 255;
/// Multicast listener discovery (RFC 2710, RFC 3810), from the link's own addresses.
const LISTENERS: [u8; 4] = [130, 131, 132, 143];
/// DHCP: family, the client's port, the server's.
const DHCP: [(Family, u16, u16); 2] = [(Family::Ip, 68, 67), (Family::Ip6, 546, 547)];

impl Intent<'_> {
    fn accept(&mut self, regions: impl IntoIterator<Item = Region>) {
        self.rules.extend(regions.into_iter().map(|region| (region, Wanted::Accept)));
    }

    fn refuse(&mut self, regions: impl IntoIterator<Item = Region>, mode: Mode) {
        let wanted = if mode == Mode::Enforce { Wanted::Refuse } else { Wanted::Accept };
        self.rules.extend(regions.into_iter().map(|region| (region, wanted)));
    }

    fn inbound(&mut self) {
        let plan = self.plan;
        let all = || Region::of(Direction::In);
        self.denied(Direction::In);
        self.known_flows(Direction::In);
        self.accept([all().with(Field::Iif, interface_values(&["lo"]))]);
        self.accept(from_nets(&all(), Field::Src, &plan.trusted));
        self.icmp_in();
        self.refuse([state(&all(), CtState::Invalid)], plan.mode_in);
        for (family, client, server) in DHCP {
            self.accept([dhcp(&all(), family, server, client)]);
        }
        for permit in &plan.inbound {
            let regions = ports(&all(), &permit.ports);
            self.accept(regions.iter().flat_map(|region| self.admitted(region, permit)).collect::<Vec<_>>());
        }
        self.own_modes();
        self.refuse([all()], plan.mode_in);
    }

    fn outbound(&mut self) {
        let plan = self.plan;
        let all = || Region::of(Direction::Out);
        self.known_flows(Direction::Out);
        self.accept([all().with(Field::Oif, interface_values(&["lo"]))]);
        self.accept(from_nets(&all(), Field::Dst, &plan.trusted));
        // Either number of ICMP, as no packet of this host's own does harm.
        self.accept([all().kind(Kind::Icmp), all().kind(Kind::Other).with(Field::Proto, icmp_numbers())]);
        for (family, client, server) in DHCP {
            self.accept([dhcp(&all(), family, client, server)]);
        }
        for permit in &plan.outbound {
            let regions = ports(&all(), &permit.ports);
            self.accept(regions.iter().flat_map(|region| self.reached(region, permit)).collect::<Vec<_>>());
        }
        self.refuse([all()], plan.mode_out);
    }

    /// Where the operator asked for a filter: trusted and known flows only.
    fn forwarded(&mut self) {
        let all = || Region::of(Direction::Forward);
        let Forward::Filtered(mode) = self.plan.forward else {
            self.rules.push((all(), Wanted::Any));
            return;
        };
        self.denied(Direction::Forward);
        self.known_flows(Direction::Forward);
        self.accept(from_nets(&all(), Field::Src, &self.plan.trusted));
        self.accept(from_nets(&all(), Field::Dst, &self.plan.trusted));
        self.refuse([all()], mode);
    }

    /// Denied networks, but for those of them that are trusted: the only refusal that no mode softens.
    fn denied(&mut self, direction: Direction) {
        let all = Region::of(direction);
        let trusted: Vec<IpNet> = self.plan.trusted.clone();
        for family in FAMILIES {
            let denied = values(family, &self.plan.deny).and(&values(family, &trusted).complement(u128::MAX));
            self.refuse([all.clone().family(family).with(Field::Src, denied)], Mode::Enforce);
        }
    }

    /// Established flows, and errors about flows that are known; nothing else that is called related.
    fn known_flows(&mut self, direction: Direction) {
        let all = Region::of(direction);
        self.accept([state(&all, CtState::Established)]);
        for (family, kinds) in ERRORS {
            self.accept([icmp(&state(&all, CtState::Related), family, kinds)]);
        }
    }

    fn icmp_in(&mut self) {
        let all = Region::of(Direction::In);
        for (family, kinds) in ERRORS {
            self.accept([icmp(&all, family, kinds)]);
        }
        let hops = Ranges::one(NEIGHBOUR_HOPS.into());
        self.accept([icmp(&all, Family::Ip6, &NEIGHBOURS).with(Field::HopLimit, hops)]);
        let on_link = values(Family::Ip6, &link_local());
        self.accept([icmp(&all, Family::Ip6, &LISTENERS).with(Field::Src, on_link)]);
        for (family, kind) in ECHO {
            self.accept([icmp(&all, family, &[kind])]);
        }
        // Each family has its own ICMP; the other's number is a protocol like any that nobody serves.
        self.refuse([all.kind(Kind::Icmp)], self.plan.mode_in);
    }

    /// Whom a permit admits.
    fn admitted(&self, region: &Region, permit: &Permit) -> Vec<Region> {
        let plan = self.plan;
        match &permit.zone {
            Zone::Anyone => self.outside(region),
            Zone::Trunks => {
                self.outside(region).iter().flat_map(|r| from_nets(r, Field::Src, &plan.trunks)).collect()
            }
            Zone::Admin if permit.network == Network::Public => from_nets(region, Field::Src, &plan.admin),
            Zone::Admin => {
                from_nets(region, Field::Src, &plan.admin).iter().flat_map(|r| self.inside(r)).collect()
            }
            Zone::Nodes(label) => {
                let nodes = plan.nodes.get(label).map(Vec::as_slice).unwrap_or_default();
                self.believed(region, permit.network)
                    .map(|r| from_nodes(&r, Field::Src, nodes))
                    .unwrap_or_default()
            }
        }
    }

    fn reached(&self, region: &Region, permit: &Permit) -> Vec<Region> {
        let plan = self.plan;
        match &permit.zone {
            Zone::Anyone => vec![region.clone()],
            Zone::Trunks => from_nets(region, Field::Dst, &plan.trunks),
            Zone::Admin => from_nets(region, Field::Dst, &plan.admin),
            Zone::Nodes(label) => {
                let nodes = plan.nodes.get(label).map(Vec::as_slice).unwrap_or_default();
                from_nodes(region, Field::Dst, nodes)
            }
        }
    }

    /// Whether anything tells the private network from the public one.
    fn are_apart(&self) -> bool {
        let Plan { private, private_interfaces, public_interfaces, .. } = self.plan;
        !private.is_empty() || !private_interfaces.is_empty() || !public_interfaces.is_empty()
    }

    /// Customers: by a public interface where these are known, by no private one, and from no address of the
    /// private network or the link itself.
    fn outside(&self, region: &Region) -> Vec<Region> {
        if !self.are_apart() {
            return vec![region.clone()];
        }
        let plan = self.plan;
        let mut region = region.clone();
        if !plan.public_interfaces.is_empty() {
            region = region.with(Field::Iif, interface_values(&plan.public_interfaces));
        }
        if !plan.private_interfaces.is_empty() {
            let others = interface_values(&plan.private_interfaces).complement(u128::MAX);
            region = region.with(Field::Iif, others);
        }
        let inner: Vec<IpNet> = plan.private.iter().copied().chain(link_local()).collect();
        let strangers = |family| values(family, &inner).complement(u128::MAX);
        let of = |family| region.clone().family(family).with(Field::Src, strangers(family));
        families(&region).map(of).collect()
    }

    /// On the private network: by one of its interfaces, or from one of its addresses.
    fn inside(&self, region: &Region) -> Vec<Region> {
        if !self.are_apart() {
            return vec![region.clone()];
        }
        let plan = self.plan;
        let inner: Vec<IpNet> = plan.private.iter().copied().chain(link_local()).collect();
        let mut regions = from_nets(region, Field::Src, &inner);
        let interfaces = interface_values(&plan.private_interfaces);
        regions.push(region.clone().with(Field::Iif, interfaces));
        if plan.private_interfaces.is_empty() && !plan.public_interfaces.is_empty() {
            let others = interface_values(&plan.public_interfaces).complement(u128::MAX);
            regions.push(region.clone().with(Field::Iif, others));
        }
        regions
    }

    /// A node's source address is believed where nodes are: by the private interfaces; where those are not
    /// known, not by a public one.
    fn believed(&self, region: &Region, network: Network) -> Option<Region> {
        let plan = self.plan;
        let interfaces = if !plan.private_interfaces.is_empty() {
            interface_values(&plan.private_interfaces)
        } else if !plan.public_interfaces.is_empty() && network == Network::Private {
            interface_values(&plan.public_interfaces).complement(u128::MAX)
        } else {
            return Some(region.clone());
        };
        Some(region.clone().with(Field::Iif, interfaces))
    }

    /// Ports of roles that all have one mode of their own: it says what becomes of who is not admitted.
    fn own_modes(&mut self) {
        let plan = self.plan;
        let of = |permit: &Permit| plan.mode_roles.get(&permit.why.role).copied().unwrap_or(plan.mode_in);
        let permits = &plan.inbound;
        let mut cuts: BTreeSet<(Proto, u32)> = BTreeSet::new();
        for range in permits.iter().flat_map(|permit| &permit.ports) {
            cuts.extend([(range.proto, range.first.into()), (range.proto, u32::from(range.last) + 1)]);
        }
        let cuts: Vec<(Proto, u32)> = cuts.into_iter().collect();
        for ends in cuts.windows(2).filter(|ends| ends[0].0 == ends[1].0) {
            let ((proto, first), last) = (ends[0], ends[1].1 - 1);
            let is_within = |range: &PortRange| {
                range.proto == proto && u32::from(range.first) <= first && last <= u32::from(range.last)
            };
            let covering = permits.iter().filter(|permit| permit.ports.iter().any(is_within));
            let modes: Vec<Mode> = covering.map(of).collect();
            let Some(mode) = modes.first().filter(|mode| modes.iter().all(|other| other == *mode)) else {
                continue;
            };
            let here = Region::of(Direction::In)
                .kind(kind(proto))
                .with(Field::Dport, Ranges::span(first.into(), last.into()));
            self.refuse([here], *mode);
        }
    }
}

/// Both families.
const FAMILIES: [Family; 2] = [Family::Ip, Family::Ip6];

fn kind(proto: Proto) -> Kind {
    match proto {
        Proto::Tcp => Kind::Tcp,
        Proto::Udp => Kind::Udp,
        Proto::Sctp => Kind::Sctp,
    }
}

fn state(region: &Region, state: CtState) -> Region {
    let place = CT_STATES.iter().position(|own| *own == state).unwrap_or_default();
    region.clone().with(Field::Ct, Ranges::one(place as u128))
}

fn icmp(region: &Region, family: Family, kinds: &[u8]) -> Region {
    let kinds = Ranges::of(kinds.iter().map(|kind| ((*kind).into(), (*kind).into())).collect());
    region.clone().family(family).kind(Kind::Icmp).with(Field::IcmpType, kinds)
}

/// IANA's numbers of ICMP and ICMPv6.
fn icmp_numbers() -> Ranges {
    Ranges::of(vec![(1, 1), (58, 58)])
}

fn dhcp(region: &Region, family: Family, from: u16, to: u16) -> Region {
    let udp = region.clone().family(family).kind(Kind::Udp);
    udp.with(Field::Sport, Ranges::one(from.into())).with(Field::Dport, Ranges::one(to.into()))
}

fn ports(region: &Region, ranges: &[PortRange]) -> Vec<Region> {
    let of = |range: &PortRange| {
        let values = Ranges::span(range.first.into(), range.last.into());
        region.clone().kind(kind(range.proto)).with(Field::Dport, values)
    };
    ranges.iter().map(of).collect()
}

fn is_of(family: Family, address: IpAddr) -> bool {
    address.is_ipv4() == (family == Family::Ip)
}

/// The addresses of networks of a family.
pub(crate) fn values(family: Family, nets: &[IpNet]) -> Ranges {
    let here = nets.iter().filter(|net| is_of(family, net.addr()));
    Ranges::of(here.map(|net| (number(net.network()), number(net.broadcast()))).collect())
}

/// The families that a region has: addresses of one are numbers of the other too.
fn families(region: &Region) -> impl Iterator<Item = Family> + use<> {
    let own = region.family;
    FAMILIES.into_iter().filter(move |family| own.is_none_or(|own| own == *family))
}

fn from_nets(region: &Region, field: Field, nets: &[IpNet]) -> Vec<Region> {
    let of = |family| region.clone().family(family).with(field, values(family, nets));
    families(region).map(of).collect()
}

fn from_nodes(region: &Region, field: Field, nodes: &[IpAddr]) -> Vec<Region> {
    let of = |family| {
        let here = nodes.iter().filter(|node| is_of(family, **node));
        let values = Ranges::of(here.map(|node| (number(*node), number(*node))).collect());
        region.clone().family(family).with(field, values)
    };
    families(region).map(of).collect()
}

/// Addresses that are good on one link alone (RFC 3927, RFC 4291).
pub(super) fn link_local() -> Vec<IpNet> {
    ["169.254.0.0/16", "fe80::/10"].iter().filter_map(|net| net.parse().ok()).collect()
}
