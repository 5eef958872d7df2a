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
use crate::host::session::{self, Session};
use rolewall_kernel::conntrack::{self, TrackedFlow};
use rolewall_kernel::nft::Nft;

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
    /// Whether a session is a connection that this host has, whoever says so.
    pub(crate) fn is_established(&self, session: &Session) -> bool {
        self.flows.iter().any(|flow| session.is_of(flow))
    }

    /// Asks Linux for sockets, conntrack's flows and addresses.
    pub(crate) fn read(nft: &mut Nft) -> Result<Live, Failure> {
        let established = session::established().map_err(Failure::host)?;
        let sessions = session::own(&established);
        if sessions.is_empty() && established.is_empty() && !conntrack::any_over(nft) {
            return Ok(Live::default());
        }
        let standpoint = Standpoint::read()?;
        let mut flows = of_entries(nft, &standpoint);
        flows.extend(established.iter().map(|socket| standpoint.flow_of_socket(socket)));
        Ok(Live { sessions, flows, standpoint })
    }
}

/// A kernel without conntrack has none yet.
fn of_entries(nft: &mut Nft, standpoint: &Standpoint) -> Vec<LiveFlow> {
    let keep = |entry: TrackedFlow| {
        if entry.tcp_state.is_some_and(|state| OVER.contains(&state)) {
            return None;
        }
        Some(standpoint.flow_of_entry(&entry)).filter(|flow| !standpoint.is_for_all(flow.dst.ip()))
    };
    conntrack::those_over(nft, keep).unwrap_or_default()
}
