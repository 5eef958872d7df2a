//! The kernel and the judge of one packet side by side: what became of it, and by which rules.
//! Not here: sending it ([`crate::run`]).

use crate::trace::{Did, Seen, Traced};
use crate::untold;
use crate::witness;
use crate::world;
use rolewall_ruleset::flow::{CtState, Direction, L4};
use rolewall_ruleset::judge::{Environment, Hooks, Judge, Judged, Judgement, Outcome, Rates, Step};
use rolewall_ruleset::table::Hook;
use rolewall_ruleset::xt::Action;
use rolewall_ruleset::{Expr, Flow, Rule, Ruleset};
use std::collections::BTreeMap;

/// What the kernel did with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    Accept,
    Drop,
    Reject,
    /// It did not come to the end of the hooks, and no rule stopped it: routing did, or it was not sent.
    Lost,
}

/// What came of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Agreement {
    /// The same verdict by the same rules.
    Full(Fate),
    /// The judge cannot know, and what happened is among what it says may happen.
    May,
    /// The packet got lost.
    Lost,
    /// The verdicts differ.
    Verdict,
    /// The verdict is the same, but not the rules.
    Path,
    /// The judge cannot know although everything is known that it may ask for.
    NeedlessMay,
}

impl Agreement {
    pub(crate) fn is_disagreement(self) -> bool {
        matches!(self, Agreement::Verdict | Agreement::Path | Agreement::NeedlessMay)
    }
}

/// Judges of one ruleset, as the kernel holds it.
pub(crate) struct Bench<'r> {
    ruleset: &'r Ruleset,
    routed: Judge<'r>,
    not_routed: Judge<'r>,
    rates: Rates,
    interfaces: &'r BTreeMap<String, u32>,
}

/// One packet, judged and seen.
pub(crate) struct Compared<'r> {
    pub(crate) agreement: Agreement,
    pub(crate) flow: Flow,
    pub(crate) fate: Fate,
    pub(crate) seen: Vec<Seen>,
    pub(crate) judgement: Judgement<'r>,
}

impl<'r> Bench<'r> {
    pub(crate) fn new(
        ruleset: &'r Ruleset,
        interfaces: &'r BTreeMap<String, u32>,
        rates: Rates,
    ) -> Bench<'r> {
        let judge = |sources_routed| {
            Judge::new(ruleset).with(Environment {
                local: Some(world::local()),
                interfaces: interfaces.clone(),
                sources_routed: Some(sources_routed),
                rates,
                hooks: Hooks::Whole,
                networks: world::networks(),
                bridged: Some(false),
                ..Environment::default()
            })
        };
        Bench { ruleset, routed: judge(true), not_routed: judge(false), rates, interfaces }
    }

    pub(crate) fn compare(&self, flow: &Flow, traced: &Traced) -> Compared<'r> {
        let mut flow = Flow { ct: state(flow, traced), ..flow.clone() };
        // A flow tells where it leaves, also where a rule sends it to another host.
        if let (Direction::Forward, Some(number)) = (flow.direction, traced.oif) {
            let name = self.interfaces.iter().find(|(_, index)| **index == number);
            flow.oif = name.map(|(name, _)| name.clone()).or(flow.oif);
        }
        let link = world::LINKS[world::route(flow.src)];
        // A source that is the host's own is routed by no link.
        let is_routed = flow.iif.as_deref() == Some(link) && !world::local().contains(&flow.src);
        let judgement = if is_routed { &self.routed } else { &self.not_routed }.flow(&flow);
        let fate = fate(self.ruleset, &flow, traced);
        let agreement = self.agreement(&judgement, fate, traced, &flow);
        Compared { agreement, flow, fate, seen: traced.steps.clone(), judgement }
    }

    fn agreement(&self, judgement: &Judgement<'_>, fate: Fate, traced: &Traced, flow: &Flow) -> Agreement {
        let possible = judgement.possible;
        // Once a packet may pass and may be stopped, the judge asks no further how.
        let is_open = possible.accept && (possible.drop || possible.reject);
        let is_possible = match fate {
            Fate::Lost => return Agreement::Lost,
            Fate::Accept => possible.accept,
            Fate::Drop => possible.drop || is_open,
            Fate::Reject => possible.reject || is_open,
        };
        match judgement.verdict {
            _ if !is_possible => Agreement::Verdict,
            // Somebody's rates are kept by some packets and not by others.
            Judged::May if self.rates == Rates::Unknown => Agreement::May,
            Judged::May if !is_excused(judgement, flow) => Agreement::NeedlessMay,
            Judged::May => Agreement::May,
            _ if judgement.path.iter().any(|step| matches!(step.outcome, Outcome::May(_))) => {
                Agreement::Full(fate)
            }
            _ if self.telling(steps(judgement), flow) == self.telling(traced.steps.clone(), flow) => {
                Agreement::Full(fate)
            }
            _ => Agreement::Path,
        }
    }

    /// Steps that the judge can tell: not that a rule without a verdict matched by what no flow tells.
    fn telling(&self, mut steps: Vec<Seen>, flow: &Flow) -> Vec<Seen> {
        steps.retain(|step| {
            let asks = |rule: &&Rule| rule.exprs.iter().any(|expr| untold::asks(expr, flow));
            let is_open = self.rates == Rates::Unknown;
            step.did != Did::Continue || !is_open && rule_of(self.ruleset, step).filter(asks).is_none()
        });
        steps
    }
}

/// What conntrack says, or would say if no rule had told it not to track the packet; of neighbour discovery
/// and MLD it says nothing by itself.
fn state(flow: &Flow, traced: &Traced) -> CtState {
    let is_by_itself = matches!(flow.l4, L4::Icmpv6 { kind: 130..=137 | 143 | 151..=153, .. });
    match traced.ct {
        Some(CtState::Untracked) if !is_by_itself => CtState::New,
        seen => seen.unwrap_or(CtState::New),
    }
}

/// Whether the rule in doubt asks for something that no flow tells.
fn is_excused(judgement: &Judgement<'_>, flow: &Flow) -> bool {
    let rule = judgement.decided_by.as_ref().and_then(|step| step.rule);
    rule.is_some_and(|(_, rule)| rule.exprs.iter().any(|expr| untold::asks(expr, flow)))
}

/// The judge's path in the kernel's words, without the witness.
pub(crate) fn steps(judgement: &Judgement<'_>) -> Vec<Seen> {
    let under_test = |step: &&Step<'_>| step.table.id != witness::id();
    judgement.path.iter().filter(under_test).map(seen).collect()
}

fn seen(step: &Step<'_>) -> Seen {
    let did = match &step.outcome {
        Outcome::Accept | Outcome::Translate { .. } => Did::Accept,
        Outcome::Drop | Outcome::Reject => Did::Drop,
        Outcome::Jump(chain) => Did::Jump(chain.clone()),
        Outcome::Goto(chain) => Did::Goto(chain.clone()),
        Outcome::Return => Did::Return,
        Outcome::Continue | Outcome::May(_) => Did::Continue,
    };
    let (family, table) = (step.table.id.family, step.table.id.name.clone());
    Seen { family, table, chain: step.chain.to_owned(), handle: step.handle(), did }
}

fn fate(ruleset: &Ruleset, flow: &Flow, traced: &Traced) -> Fate {
    match traced.steps.last() {
        Some(last) if last.did == Did::Drop => {
            if is_refusal(ruleset, last) {
                Fate::Reject
            } else {
                Fate::Drop
            }
        }
        _ if is_through(flow.direction, traced) => Fate::Accept,
        _ => Fate::Lost,
    }
}

/// Whether a packet has come to the end of the last hook.
pub(crate) fn is_through(direction: Direction, traced: &Traced) -> bool {
    traced.passed.iter().any(|chain| is_last(chain, direction))
}

/// Whether a packet of this direction meets no chain after this one of the witness. One from outside may be
/// translated to another host, or from another to this one.
fn is_last(chain: &str, direction: Direction) -> bool {
    let input = direction != Direction::Out && chain == witness::end_of(Hook::Input);
    input || chain == witness::end_of(Hook::Postrouting)
}

/// The rule of a step; none is a chain's policy.
fn rule_of<'r>(ruleset: &'r Ruleset, step: &Seen) -> Option<&'r Rule> {
    let mut tables = ruleset.tables.iter();
    let table = tables.find(|t| (t.id.family, &t.id.name) == (step.family, &step.table))?;
    let handle = Some(step.handle?);
    table.chains.iter().flat_map(|chain| &chain.rules).find(|rule| rule.handle == handle)
}

/// Whether the rule that dropped the packet refuses; a rule that drops before has no refusal behind.
fn is_refusal(ruleset: &Ruleset, last: &Seen) -> bool {
    rule_of(ruleset, last).is_some_and(|rule| rule.exprs.iter().any(refuses))
}

fn refuses(expr: &Expr) -> bool {
    match expr {
        Expr::Reject(_) => true,
        Expr::XtTarget(target) => matches!(target.action, Action::Reject { .. }),
        _ => false,
    }
}
