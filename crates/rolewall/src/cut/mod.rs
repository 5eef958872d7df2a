//! Cut what is no longer allowed: the tracked flows that the ruleset in force denies end, and no other.
//! Not here: what would be cut by a candidate ([`crate::precheck`]).
//!
//! A rule for established flows admits whatever conntrack remembers, whoever may begin it now. So access that
//! was revoked ends only when its entry goes. Each entry is judged as if it had to begin again; what is denied
//! for certain is deleted by its id, what is in doubt stays and is named.
//!
//! Linux takes up TCP in midstream (`nf_conntrack_tcp_loose`). A packet of the peer's is then a new one, and
//! refused. One of this host's own makes a new entry where what goes out is not refused, and the peer's answers
//! would be established again: where the ruleset lets that happen, the socket is closed too.

mod ended;
mod reach;

pub(crate) use ended::{Ended, EndedDocument};
pub(crate) use reach::{Reach, left};

use crate::cli::CutArgs;
use crate::failure::Failure;
use crate::firewall::Firewall;
use crate::host::session;
use crate::live::verdicts::{Fate, Verdicts};
use crate::live::{LiveFlow, Standpoint};
use rolewall_kernel::conntrack::{self, Deleted, TrackedFlow};
use rolewall_kernel::sockets::{self, Closed, Closing, Socket};
use rolewall_ruleset::Ruleset;
use std::collections::HashMap;
use std::net::SocketAddr;

/// Whether the operator's own session may go too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnSession {
    Keep,
    /// The operator said so.
    Cut,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) arguments: &'a CutArgs,
    pub(crate) own: OwnSession,
}

/// Ends the flows within reach that a ruleset denies, which is in force and asked for only if some are within
/// reach. What is in force stays so whatever fails here; that is told in what it returns.
pub(crate) fn cut(
    firewall: &mut Firewall,
    reach: &Reach,
    asked: Asked<'_>,
    ruleset: impl FnOnce(&mut Firewall) -> Result<Ruleset, Failure>,
) -> Ended {
    if asked.arguments.no_cut || reach.is_nothing() {
        return Ended::default();
    }
    Cutting::read(firewall, reach, asked, ruleset).unwrap_or_else(Ended::not_tried)
}

/// A cut under way.
struct Cutting<'a> {
    firewall: &'a mut Firewall,
    asked: Asked<'a>,
    /// Sockets with a peer, by their two ends, ours first.
    sockets: HashMap<(SocketAddr, SocketAddr), Socket>,
    closing: Option<Closing>,
    ended: Ended,
}

/// An entry that is to go.
struct Doomed {
    entry: TrackedFlow,
    flow: LiveFlow,
    /// What this host itself sends would bring it back.
    returns: bool,
}

impl Cutting<'_> {
    fn read(
        firewall: &mut Firewall,
        reach: &Reach,
        asked: Asked<'_>,
        ruleset: impl FnOnce(&mut Firewall) -> Result<Ruleset, Failure>,
    ) -> Result<Ended, Failure> {
        let within = |entry: TrackedFlow| reach.may_hold(&entry).then_some(entry);
        let entries = conntrack::those_over(&mut firewall.nft, within).map_err(Failure::host)?;
        if entries.is_empty() {
            return Ok(Ended::default());
        }
        let standpoint = Standpoint::read()?;
        let ruleset = ruleset(firewall)?;
        let mut verdicts = Verdicts::new(&ruleset, &standpoint);
        let mut ended = Ended::default();
        let doomed = doomed(&entries, reach, asked, &mut verdicts, &standpoint, &mut ended)?;
        let mut cutting = Cutting { firewall, asked, sockets: HashMap::new(), closing: None, ended };
        cutting.take_all(&doomed);
        Ok(cutting.ended)
    }

    fn take_all(&mut self, doomed: &[Doomed]) {
        if doomed.iter().any(|one| self.closes(one)) {
            let ends = |s: Socket| ((session::plain(s.local), session::plain(s.remote)), s);
            self.sockets = sockets::connected().unwrap_or_default().into_iter().map(ends).collect();
        }
        for one in doomed {
            // Before its entry: so that the reset that Linux sends still belongs to a flow, and passes.
            let is_closed = self.closes(one) && self.close(&one.flow);
            match conntrack::delete_over(&mut self.firewall.nft, &one.entry) {
                Ok(Deleted::Now) => {
                    self.ended.returning += usize::from(one.returns && !is_closed);
                    self.ended.flows.push(one.flow);
                }
                Ok(Deleted::GoneBefore) => {}
                Err(error) => self.ended.trouble(&error),
            }
        }
        self.ended.flows.sort_unstable();
    }

    fn closes(&self, one: &Doomed) -> bool {
        one.flow.proto == crate::live::flow::TCP && (one.returns || self.asked.arguments.close)
    }

    /// Whether nothing of this host's can speak for the flow any more.
    fn close(&mut self, flow: &LiveFlow) -> bool {
        let Some(local) = flow.local() else { return false };
        let Some(socket) = self.sockets.get(&(local, flow.peer())) else { return true };
        if self.closing.is_none() {
            match Closing::open() {
                Ok(closing) => self.closing = Some(closing),
                Err(error) => self.ended.trouble(&error),
            }
        }
        match self.closing.as_mut().map(|closing| closing.close(socket)) {
            Some(Ok(closed)) => {
                self.ended.sockets += usize::from(closed == Closed::Now);
                true
            }
            Some(Err(error)) => {
                self.ended.trouble(&error);
                false
            }
            None => false,
        }
    }
}

/// Of entries that may be within reach, those that are and that the ruleset denies for certain. Those in doubt, and the operator's own, are
/// noted as left.
fn doomed(
    entries: &[TrackedFlow],
    reach: &Reach,
    asked: Asked<'_>,
    verdicts: &mut Verdicts<'_>,
    standpoint: &Standpoint,
    ended: &mut Ended,
) -> Result<Vec<Doomed>, Failure> {
    let own = match asked.own {
        OwnSession::Keep => session::own(&session::established().map_err(Failure::host)?),
        OwnSession::Cut => Vec::new(),
    };
    let mut doomed = Vec::new();
    for entry in entries {
        let flow = standpoint.flow_of_entry(entry);
        // One that another announced may go on for as long as that one.
        let judged = entry.master.map_or(flow, |master| standpoint.flow_of_tuple(&master));
        if !reach.holds(entry, &judged, verdicts) {
            continue;
        }
        match verdicts.fate(&judged) {
            Fate::Stays => {}
            Fate::InDoubt => ended.in_doubt.push(flow),
            Fate::Ends if own.iter().any(|s| s.is_of(&flow)) => ended.own.push(flow),
            Fate::Ends => doomed.push(Doomed { entry: *entry, flow, returns: verdicts.returns(&flow) }),
        }
    }
    Ok(doomed)
}
