//! Before anything is loaded: would the candidate cut the operator, the cluster, or a call in progress?
//! Not here: what is going on ([`crate::live`]), and what to do about it.

pub(crate) use crate::live::Live;

use crate::failure::{Failure, Kind};
use crate::host::session::Session;
use crate::live::verdicts::Verdicts;
use crate::live::{Holders, LiveFlow, in_words};
use rolewall_evidence::Holder;
use rolewall_policy::{Plan, sample};
use rolewall_ruleset::Ruleset;
use rolewall_ruleset::flow::Direction;
use rolewall_ruleset::judge::{Judge, Judged};
use serde::Serialize;
use std::fmt;

/// What a candidate would cut.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    /// The operator's own sessions, each with the rule that decides.
    pub(crate) sessions: Vec<(Session, String)>,
    /// Other flows that could not begin again, in order.
    pub(crate) flows: Vec<CutFlow>,
}

/// A flow that could not begin again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CutFlow {
    pub(crate) flow: LiveFlow,
    /// The process at this host's end of it; none where it is forwarded, or not known.
    pub(crate) holder: Option<Holder>,
}

impl fmt::Display for CutFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.holder {
            Some(holder) => write!(f, "{} {}", self.flow, in_words(holder)),
            None => self.flow.fmt(f),
        }
    }
}

/// Judges a candidate, as the table that it would be, on everything that is going on; then looks who holds
/// what it would cut.
pub(crate) fn cut_by(candidate: &Ruleset, live: &Live) -> Cut {
    let mut verdicts = Verdicts::new(candidate, &live.standpoint);
    let sessions = live.sessions.iter().filter_map(|s| Some((*s, decider(&verdicts.judge, live, s)?)));
    let sessions = sessions.collect();
    let is_session = |flow: &LiveFlow| live.sessions.iter().any(|session| session.is_of(flow));
    let others = live.flows.iter().filter(|f| !is_session(f) && !f.src.ip().is_loopback());
    let mut flows: Vec<LiveFlow> = others.filter(|f| verdicts.as_new(f) != Judged::Accept).copied().collect();
    flows.sort_unstable();
    flows.dedup();
    Cut { sessions, flows: with_holders(flows) }
}

/// The rule that would not let a session begin again, in words; none if it would pass.
fn decider(judge: &Judge<'_>, live: &Live, session: &Session) -> Option<String> {
    let flow = LiveFlow::tcp(Direction::In, session.client, session.server);
    let judgement = judge.flow(&live.standpoint.as_new(&flow));
    let by = || judgement.decided_by.map(|step| format!("{}: {}", step.chain, step.text()));
    (judgement.verdict != Judged::Accept).then(|| by().unwrap_or_default())
}

fn with_holders(flows: Vec<LiveFlow>) -> Vec<CutFlow> {
    let is_held = flows.iter().any(|flow| flow.local().is_some());
    let mut holders = if is_held { Holders::read() } else { Holders::default() };
    flows.into_iter().map(|flow| CutFlow { holder: holders.of(&flow), flow }).collect()
}

/// One flow that would be cut, as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct CutDocument {
    direction: &'static str,
    proto: String,
    src: String,
    dst: String,
    /// It is a session of the operator's own.
    own_session: bool,
    process: Option<ProcessDocument>,
    /// Of an own session: the rule that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
}

#[derive(Debug, Serialize)]
struct ProcessDocument {
    name: String,
    id: u32,
    unit: Option<String>,
}

impl Cut {
    /// Everything that would be cut: the operator's own sessions first, then the others in order.
    pub(crate) fn documents(&self) -> Vec<CutDocument> {
        let own = self.sessions.iter().map(|(session, by)| {
            let flow = LiveFlow::tcp(Direction::In, session.client, session.server);
            CutDocument { own_session: true, decided_by: Some(by.clone()), ..CutDocument::of(&flow, None) }
        });
        own.chain(self.flows.iter().map(|cut| CutDocument::of(&cut.flow, cut.holder.as_ref()))).collect()
    }
}

impl CutDocument {
    fn of(flow: &LiveFlow, holder: Option<&Holder>) -> CutDocument {
        let [src, dst] = flow.ends();
        let process = holder.cloned().map(|Holder { name, id, unit }| ProcessDocument { name, id, unit });
        let (direction, proto) = (flow.way(), flow.protocol());
        CutDocument { direction, proto, src, dst, own_session: false, process, decided_by: None }
    }
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
