//! What is there for nothing, or for more than is likely meant: rules that no flow fulfils, empty sets, wide
//! networks, permits without a listener, listeners without a permit.
//! Not here: whether the rules are those of the plan ([`crate::verify`]).

mod ports;
mod rules;
mod wide;

use crate::{Observed, Plan};
use rolewall_ruleset::Ruleset;
use rolewall_ruleset::judge::{Environment, Rates};
use rolewall_ruleset::space::TooLarge;
use std::fmt;

/// What is the matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing leads to the chain.
    DeadChain,
    /// No flow comes to the rule: what is before it ends them all.
    DeadRule,
    /// Flows come to the rule, and none fulfils it: those that would are taken before.
    Shadowed,
    /// A set without elements, that rules look into.
    EmptySet,
    /// A network or a range of ports that is wider than is likely meant.
    Wide,
    /// A permit for a port on which nothing listens.
    NoListener,
    /// A listener on a port that nobody beyond this host is let in to.
    NoPermit,
}

impl Kind {
    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Kind::DeadChain => "dead-chain",
            Kind::DeadRule => "dead-rule",
            Kind::Shadowed => "shadowed",
            Kind::EmptySet => "empty-set",
            Kind::Wide => "wide",
            Kind::NoListener => "no-listener",
            Kind::NoPermit => "no-permit",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Which kind.
    pub kind: Kind,
    /// Where: a table, chain and rule; a setting; a port.
    pub place: String,
    /// In words.
    pub what: String,
    /// What can be done.
    pub help: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { kind, place, what, help } = self;
        write!(f, "{}: {place}: {what}\n  {help}", kind.word())
    }
}

/// Everything that is found, by kind.
pub fn lint(
    plan: &Plan,
    observed: &Observed,
    ruleset: &Ruleset,
    environment: &Environment,
) -> Result<Vec<Finding>, TooLarge> {
    // A rule that is there for what is beyond a rate is not there for nothing.
    let environment = Environment { rates: Rates::Unknown, ..environment.clone() };
    let mut findings = rules::findings(ruleset, &environment)?;
    findings.extend(wide::findings(plan));
    if observed.is_live {
        findings.extend(ports::without_listener(plan, observed));
        findings.extend(ports::without_permit(plan, observed, ruleset, &environment)?);
    }
    findings.sort();
    Ok(findings)
}
