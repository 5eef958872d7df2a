//! Before anything is loaded: would the candidate cut the operator, the cluster, or a call in progress?
//! Not here: what to do about it.

use crate::failure::{Failure, Kind};
use crate::firewall::Firewall;
use crate::host::session::{self, Session};
use rolewall_kernel::{conntrack, links, sockets};
use rolewall_policy::{Plan, sample};
use rolewall_ruleset::flow::{Direction, L4};
use rolewall_ruleset::judge::{Judge, Judged};
use rolewall_ruleset::{Flow, Ruleset};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// What the live host has going on.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// The operator's own sessions.
    pub(crate) sessions: Vec<Session>,
    /// Every flow that is going on, as its first packet was.
    flows: BTreeSet<LiveFlow>,
    interfaces: HashMap<IpAddr, String>,
}

/// A flow that is going on, by its first packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LiveFlow {
    direction: Direction,
    proto: u8,
    src: SocketAddr,
    dst: SocketAddr,
}

impl fmt::Display for LiveFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match self.direction {
            Direction::In => "in",
            Direction::Out => "out",
            Direction::Forward => "forward",
        };
        let proto = match self.proto {
            TCP => "tcp",
            UDP => "udp",
            _ => "other",
        };
        write!(f, "{way} {proto} {} -> {}", self.src, self.dst)
    }
}

const TCP: u8 = 6;
const UDP: u8 = 17;
const SYN: u8 = 0x02;

impl Live {
    /// Asks Linux for sockets, conntrack's flows and addresses. A kernel without conntrack has none yet.
    pub(crate) fn read(firewall: &mut Firewall) -> Result<Live, Failure> {
        let established = session::established().map_err(Failure::host)?;
        let tracked = conntrack::flows_over(&mut firewall.nft).unwrap_or_default();
        let mut live = Live { sessions: session::own(&established), ..Live::default() };
        if live.sessions.is_empty() && established.is_empty() && tracked.is_empty() {
            return Ok(live);
        }
        live.interfaces = interfaces()?;
        live.add_sockets(&established)?;
        live.add_conntrack(&tracked);
        Ok(live)
    }

    /// A connection to a port that is listened on came in; any other went out.
    fn add_sockets(&mut self, established: &[sockets::Socket]) -> Result<(), Failure> {
        let listening = sockets::listening_tcp().map_err(Failure::host)?;
        let served: BTreeSet<u16> = listening.iter().map(|s| s.local.port()).collect();
        for socket in established {
            let (local, remote) = (session::plain(socket.local), session::plain(socket.remote));
            let flow = if served.contains(&local.port()) {
                LiveFlow { direction: Direction::In, proto: TCP, src: remote, dst: local }
            } else {
                LiveFlow { direction: Direction::Out, proto: TCP, src: local, dst: remote }
            };
            self.flows.insert(flow);
        }
        Ok(())
    }

    fn add_conntrack(&mut self, tracked: &[conntrack::TrackedFlow]) {
        for flow in tracked {
            let original = &flow.original;
            if original.protocol != UDP {
                continue;
            }
            let is_local = |address: IpAddr| self.interfaces.contains_key(&address);
            let direction = match (is_local(original.src), is_local(original.dst)) {
                (_, true) => Direction::In,
                (true, false) => Direction::Out,
                (false, false) => Direction::Forward,
            };
            let src = SocketAddr::new(original.src, original.src_port);
            let dst = SocketAddr::new(original.dst, original.dst_port);
            self.flows.insert(LiveFlow { direction, proto: original.protocol, src, dst });
        }
    }

    /// The flow as a new one: what it would be if it had to begin again.
    fn as_new(&self, live: &LiveFlow) -> Flow {
        let (sport, dport) = (live.src.port(), live.dst.port());
        let l4 = match live.proto {
            TCP => L4::Tcp { sport, dport, flags: SYN },
            _ => L4::Udp { sport, dport },
        };
        let mut flow = Flow::first(live.direction, live.src.ip(), live.dst.ip(), l4);
        flow.iif = self.interfaces.get(&live.dst.ip()).cloned();
        flow.oif = self.interfaces.get(&live.src.ip()).cloned();
        if flow.iif.is_some() && flow.oif.is_some() {
            // From this host to this host: by loopback, whatever the addresses are.
            (flow.iif, flow.oif) = (Some("lo".to_owned()), Some("lo".to_owned()));
        }
        flow
    }
}

/// This host's addresses, each with its interface.
fn interfaces() -> Result<HashMap<IpAddr, String>, Failure> {
    let links = links::interfaces().map_err(Failure::host)?;
    let names: HashMap<u32, String> = links.into_iter().map(|l| (l.index, l.name)).collect();
    let addresses = links::addresses().map_err(Failure::host)?;
    Ok(addresses.into_iter().filter_map(|a| Some((a.address, names.get(&a.index)?.clone()))).collect())
}

/// What a candidate would cut.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    /// The operator's own sessions, each with the rule that decides.
    pub(crate) sessions: Vec<(Session, String)>,
    /// Other flows that could not begin again.
    pub(crate) flows: Vec<LiveFlow>,
}

/// Judges a candidate, as the table that it would be, on everything that is going on.
pub(crate) fn cut_by(candidate: &Ruleset, live: &Live) -> Cut {
    let judge = Judge::new(candidate);
    let mut cut = Cut::default();
    for session in &live.sessions {
        let flow =
            LiveFlow { direction: Direction::In, proto: TCP, src: session.client, dst: session.server };
        let judgement = judge.flow(&live.as_new(&flow));
        if judgement.verdict != Judged::Accept {
            let by = judgement.decided_by.map(|step| format!("{}: {}", step.chain, step.text()));
            cut.sessions.push((*session, by.unwrap_or_default()));
        }
    }
    let is_session =
        |flow: &LiveFlow| live.sessions.iter().any(|s| s.client == flow.src && s.server == flow.dst);
    let others = live.flows.iter().filter(|f| !is_session(f) && !f.src.ip().is_loopback());
    cut.flows = others.filter(|f| judge.verdict(&live.as_new(f)) != Judged::Accept).copied().collect();
    cut
}

/// Every flow that the plan permits must pass the ruleset that was made from it. Anything else is a bug of
/// ours, and is not loaded.
pub(crate) fn keeps_its_plan(candidate: &Ruleset, plan: &Plan) -> Result<(), Failure> {
    let judge = Judge::new(candidate);
    let broken = sample::required(plan).into_iter().find(|r| judge.verdict(&r.flow) != Judged::Accept);
    let Some(required) = broken else { return Ok(()) };
    let (flow, why) = (&required.flow, &required.permit.why);
    let what = format!(
        "the ruleset would refuse a flow of the plan: {} {}: {:?} from {} to {}",
        why.role, why.service, flow.l4, flow.src, flow.dst
    );
    Err(Failure::new(Kind::Bug, what)
        .help("nothing was changed; please report this with cluster.toml and rolewall.toml"))
}
