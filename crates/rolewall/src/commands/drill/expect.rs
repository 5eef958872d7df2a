//! What a question's answer should be, from the plans of both ends alone.
//! Not here: rulesets, and the code that judges them; a mistake there must not be repeated here.

use super::ask::{Ask, Question, ends};
use super::cast::{Cast, PRIVATE, PROTECTED};
use super::ended::Ended;
use crate::cli::Global;
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use ipnet::IpNet;
use rolewall_policy::plan::{Permit, Zone};
use rolewall_policy::{Mode, Network, Plan, Proto};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Whether it passes, and by which permit, or why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) passes: bool,
    pub(super) why: String,
}

/// The plans of the nodes under protection, each from the files that the node has now.
#[derive(Debug)]
pub(super) struct Plans(BTreeMap<&'static str, Plan>);

impl Plans {
    pub(super) fn read(cast: &Cast) -> Result<Plans, Ended> {
        let mut plans = BTreeMap::new();
        for name in PROTECTED {
            let files = cast.host(name)?.files_outside()?;
            let host = Host::new(&Global { root: Some(files), files: None, json: false });
            plans.insert(name, Inputs::read(&host, Look::AsNeeded)?.plan()?);
        }
        Ok(Plans(plans))
    }

    /// By IPv4, by IPv6.
    pub(super) fn fates(&self, cast: &Cast, question: &Question) -> Result<[Fate; 2], Ended> {
        let from = ends(cast.host(question.from)?, question.network)?;
        let to = ends(cast.host(question.to)?, question.network)?;
        Ok([self.fate(question, from[0], to[0]), self.fate(question, from[1], to[1])])
    }

    /// Both ends have a say: what the asking node may send, and what the asked one admits.
    fn fate(&self, question: &Question, from: IpAddr, to: IpAddr) -> Fate {
        let network = if question.network == PRIVATE { Network::Private } else { Network::Public };
        let sent = self.0.get(question.from).map(|plan| outbound(plan, question.ask, to));
        let admitted = self.0.get(question.to).map(|plan| inbound(plan, question.ask, network, from));
        match (sent, admitted) {
            (Some(sent), _) if !sent.passes => sent,
            (_, Some(admitted)) => admitted,
            (Some(sent), None) => sent,
            (None, None) => passes("no firewall at either end"),
        }
    }
}

/// What a node admits.
pub(super) fn inbound(plan: &Plan, ask: Ask, network: Network, from: IpAddr) -> Fate {
    if contains(&plan.trusted, from) {
        return passes("trusted");
    }
    if contains(&plan.deny, from) {
        return stopped("denied network");
    }
    if ask == Ask::Ping {
        return passes("floor: ping");
    }
    let is_customer = network == Network::Public && !contains(&plan.private, from);
    let admits = |permit: &&Permit| {
        let over = permit.network == network;
        has_port(permit, ask)
            && match &permit.zone {
                Zone::Anyone => over && is_customer,
                Zone::Admin => over && contains(&plan.admin, from),
                Zone::Trunks => over && contains(&plan.trunks, from),
                Zone::Nodes(label) => over && plan.nodes.get(label).is_some_and(|all| all.contains(&from)),
            }
    };
    let of_role = |permit: &Permit| plan.mode_roles.get(&permit.why.role).copied();
    let own_mode = plan.inbound.iter().filter(|permit| has_port(permit, ask)).find_map(of_role);
    by_permit(plan.inbound.iter().find(admits), own_mode.unwrap_or(plan.mode_in))
}

/// What a node may send. Who is out there is told by address alone.
pub(super) fn outbound(plan: &Plan, ask: Ask, to: IpAddr) -> Fate {
    if contains(&plan.trusted, to) {
        return passes("trusted");
    }
    if ask == Ask::Ping {
        return passes("floor: ping");
    }
    let allows = |permit: &&Permit| {
        has_port(permit, ask)
            && match &permit.zone {
                Zone::Anyone => true,
                Zone::Admin => contains(&plan.admin, to),
                Zone::Trunks => contains(&plan.trunks, to),
                Zone::Nodes(label) => plan.nodes.get(label).is_some_and(|all| all.contains(&to)),
            }
    };
    by_permit(plan.outbound.iter().find(allows), plan.mode_out)
}

fn by_permit(permit: Option<&Permit>, mode: Mode) -> Fate {
    match (permit, mode) {
        (Some(permit), _) => passes(&format!("{}: {}", permit.why.service, permit.zone)),
        (None, Mode::Observe) => passes("observe mode: only counted"),
        (None, Mode::Enforce) => stopped("no permit"),
    }
}

fn has_port(permit: &Permit, ask: Ask) -> bool {
    let (proto, port) = match ask {
        Ask::Tcp(port) => (Proto::Tcp, port),
        Ask::Udp(port) => (Proto::Udp, port),
        Ask::Ping => return false,
    };
    permit.ports.iter().any(|range| range.proto == proto && (range.first..=range.last).contains(&port))
}

fn contains(nets: &[IpNet], address: IpAddr) -> bool {
    nets.iter().any(|net| net.contains(&address))
}

fn passes(why: &str) -> Fate {
    Fate { passes: true, why: why.to_owned() }
}

fn stopped(why: &str) -> Fate {
    Fate { passes: false, why: why.to_owned() }
}
