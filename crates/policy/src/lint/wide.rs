//! Networks and ports that are wider than is likely meant.
//! Not here: what rules make of them.

use super::{Finding, Kind};
use crate::Plan;
use crate::plan::Zone;
use ipnet::IpNet;

/// A network of people who are trusted is hardly larger: a /16 of IPv4, a provider's /32 of IPv6.
const BITS_MIN: (u8, u8) = (16, 32);
/// Ports that a service is open on to anyone: media ranges have some ten thousand.
const PORTS_MAX: u32 = 20_001;

pub(super) fn findings(plan: &Plan) -> Vec<Finding> {
    let networks = [
        ("trusted networks", &plan.trusted, "never filtered"),
        ("admin networks", &plan.admin, "let in to ssh and the controller"),
        ("trunks", &plan.trunks, "let in as carriers"),
    ];
    let mut findings: Vec<Finding> = networks
        .iter()
        .flat_map(|(place, nets, what)| {
            nets.iter().filter(|net| is_wide(net)).map(|net| network(place, net, what))
        })
        .collect();
    findings.extend(ports(plan));
    findings
}

fn is_wide(net: &IpNet) -> bool {
    let (v4, v6) = BITS_MIN;
    net.prefix_len() < if net.addr().is_ipv4() { v4 } else { v6 }
}

fn network(place: &str, net: &IpNet, what: &str) -> Finding {
    Finding {
        kind: Kind::Wide,
        place: place.to_owned(),
        what: format!("{net} is a wide network to be {what}"),
        help: "name the networks that are meant, one by one".to_owned(),
    }
}

fn ports(plan: &Plan) -> Vec<Finding> {
    let open = plan.inbound.iter().filter(|permit| permit.zone == Zone::Anyone);
    let wide = open.flat_map(|permit| permit.ports.iter().map(move |range| (permit, range)));
    let wide = wide.filter(|(_, range)| u32::from(range.last) - u32::from(range.first) + 1 > PORTS_MAX);
    let finding = |(permit, range): (&crate::plan::Permit, &crate::PortRange)| Finding {
        kind: Kind::Wide,
        place: format!("{} {}", permit.why.role, permit.why.service),
        what: format!("{range} is open to anyone"),
        help: "give the service a range as large as it has calls, and name it in its own configuration"
            .to_owned(),
    };
    wide.map(finding).collect()
}
