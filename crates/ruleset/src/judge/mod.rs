//! What becomes of one flow: the very programs of a ruleset, run over the flow's own bytes.
//! Not here: sets of flows, and nft's spelling of rules ([`crate::text`]).

use crate::{Flow, Rule, Ruleset, Table};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What becomes of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Judged {
    /// It passes.
    Accept,
    /// It is dropped in silence.
    Drop,
    /// It is refused with an answer.
    Reject,
    /// It depends on something that a ruleset and a flow do not tell.
    May,
}

/// In which world timed elements are judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Timed {
    /// Before their deadline.
    #[default]
    Alive,
    /// After it.
    Expired,
}

/// Whether a flow is within the rates that rules limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Rates {
    /// Within every rate.
    #[default]
    Within,
    /// Beyond every rate.
    Beyond,
}

/// What a flow does not tell about the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The host's own addresses; none: not known.
    pub local: Option<BTreeSet<IpAddr>>,
    /// Timed elements: before or after their deadline.
    pub timed: Timed,
    /// Rates: within or beyond.
    pub rates: Rates,
}

/// What a rule did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted; the next base chain goes on.
    Accept,
    /// Dropped. Final.
    Drop,
    /// Refused with an answer. Final.
    Reject,
    /// Went on in that chain, to come back.
    Jump(String),
    /// Went on in that chain, for good.
    Goto(String),
    /// Went back to the chain that jumped here.
    Return,
    /// Matched, and had no verdict.
    Continue,
    /// Cannot be known: the reason.
    May(String),
}

/// One rule that took effect on a flow, or a chain's policy.
#[derive(Debug, Clone)]
pub struct Step<'r> {
    /// The table.
    pub table: &'r Table,
    /// The chain.
    pub chain: &'r str,
    /// The rule and its index in the chain; none is the chain's policy.
    pub rule: Option<(usize, &'r Rule)>,
    /// What it did.
    pub outcome: Outcome,
    /// It did so only because the flow was taken to be within (or beyond) a rate.
    pub by_rate: bool,
}

impl Step<'_> {
    /// The rule as nft spells it; `policy drop` for a policy.
    pub fn text(&self) -> String {
        String::new()
    }

    /// Linux's handle of the rule.
    pub fn handle(&self) -> Option<u64> {
        self.rule.and_then(|(_, rule)| rule.handle)
    }
}

/// What becomes of a flow, and by which rules.
#[derive(Debug, Clone)]
pub struct Judgement<'r> {
    /// What becomes of it.
    pub verdict: Judged,
    /// Every rule that took effect, in the order of the packet's path.
    pub path: Vec<Step<'r>>,
    /// The step that decided: the drop, the last accept, or the rule that cannot be known.
    pub decided_by: Option<Step<'r>>,
}

/// A ruleset, ready to judge flows.
#[derive(Debug)]
pub struct Judge<'r> {
    ruleset: &'r Ruleset,
    environment: Environment,
}

impl<'r> Judge<'r> {
    /// Ready a ruleset. Nothing of it is copied.
    pub fn new(ruleset: &'r Ruleset) -> Judge<'r> {
        Judge { ruleset, environment: Environment::default() }
    }

    /// The same in this environment.
    pub fn with(self, environment: Environment) -> Judge<'r> {
        Judge { environment, ..self }
    }

    /// What becomes of a flow, with its path.
    pub fn flow(&self, _flow: &Flow) -> Judgement<'r> {
        let _ = (self.ruleset, &self.environment);
        Judgement { verdict: Judged::May, path: Vec::new(), decided_by: None }
    }

    /// What becomes of a flow, without its path: faster.
    pub fn verdict(&self, flow: &Flow) -> Judged {
        self.flow(flow).verdict
    }
}
