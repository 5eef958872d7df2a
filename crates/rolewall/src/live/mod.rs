//! What is going on on this host: the operator's sessions, connections, tracked flows, and who holds them.
//! Not here: what a ruleset makes of it ([`crate::precheck`], [`crate::cut`]).

mod alike;
pub(crate) mod flow;
mod holders;
mod standpoint;
pub(crate) mod verdicts;

pub(crate) use flow::LiveFlow;
pub(crate) use holders::{Holders, in_words};
pub(crate) use standpoint::Standpoint;

use crate::failure::Failure;
use crate::firewall::Firewall;
use crate::host::session::{self, Session};
use rolewall_kernel::conntrack::{self, TrackedFlow};

/// What the live host has going on.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// The operator's own sessions.
    pub(crate) sessions: Vec<Session>,
    /// Every flow that is going on, as its first packet was, in no order. What goes to everybody is none; one that has both a socket and an
    /// entry of conntrack's may be there twice.
    pub(crate) flows: Vec<LiveFlow>,
    pub(crate) standpoint: Standpoint,
}

/// States of TCP in conntrack after which no more data comes: TIME_WAIT, CLOSE (`enum tcp_conntrack`).
const OVER: [u8; 2] = [7, 8];

impl Live {
    /// Asks Linux for sockets, conntrack's flows and addresses. A kernel without conntrack has none yet.
    pub(crate) fn read(firewall: &mut Firewall) -> Result<Live, Failure> {
        let established = session::established().map_err(Failure::host)?;
        let tracked = conntrack::flows_over(&mut firewall.nft).unwrap_or_default();
        let sessions = session::own(&established);
        if sessions.is_empty() && established.is_empty() && tracked.is_empty() {
            return Ok(Live::default());
        }
        let standpoint = Standpoint::read()?;
        let is_live = |entry: &&TrackedFlow| !entry.tcp_state.is_some_and(|state| OVER.contains(&state));
        let of_entries = tracked.iter().filter(is_live).map(|entry| standpoint.flow_of_entry(entry));
        let of_entries = of_entries.filter(|flow| !standpoint.is_for_all(flow.dst.ip()));
        let of_sockets = established.iter().map(|socket| standpoint.flow_of_socket(socket));
        let flows = of_sockets.chain(of_entries).collect();
        Ok(Live { sessions, flows, standpoint })
    }
}
