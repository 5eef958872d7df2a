//! What becomes of what no permit covers: counted, logged at a bounded rate, then dropped or let pass.
//! Not here: who ends up there.

use super::Lowering;
use super::rule::{Parts, Side, because, when};
use super::zones::DENY;
use crate::Mode;
use crate::settings::Forward;
use rolewall_ruleset::{Chain, Rule};
use std::collections::BTreeSet;

/// Address types that make noise and mean no harm: RTN_BROADCAST, RTN_ANYCAST, RTN_MULTICAST.
const NOISE: [u32; 3] = [3, 4, 5];

/// The chain for what comes from denied networks.
pub(super) const DENIED: &str = "deny";

/// Which way the refused packet went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    In,
    Out,
    Forward,
}

impl Way {
    pub(super) fn word(self) -> &'static str {
        match self {
            Way::In => "in",
            Way::Out => "out",
            Way::Forward => "forward",
        }
    }
}

impl Lowering<'_> {
    /// The chains in which packets end, for each way and mode that is in use.
    pub(super) fn refusals(&mut self) {
        let plan = self.plan;
        let mut used: BTreeSet<(Way, bool)> = BTreeSet::new();
        let mut uses = |way, mode| used.insert((way, mode == Mode::Enforce));
        uses(Way::In, plan.mode_in);
        uses(Way::Out, plan.mode_out);
        if let Forward::Filtered(mode) = plan.forward {
            uses(Way::Forward, mode);
        }
        for mode in plan.mode_roles.values() {
            uses(Way::In, *mode);
        }
        for (way, enforced) in used {
            let mode = if enforced { Mode::Enforce } else { Mode::Observe };
            let name = self.refuse(way, mode);
            let rules = self.refusal(way, mode);
            self.push(&name, rules);
        }
        if !plan.deny.is_empty() {
            let mut rules = self.trusted(Side::Source);
            rules.push(because(when().counter().drop(), "denied network"));
            let name = self.name(DENIED);
            self.push(&name, rules);
        }
    }

    /// The name of the chain in which a packet ends.
    pub(super) fn refuse(&self, way: Way, mode: Mode) -> String {
        let word = match mode {
            Mode::Enforce => "refuse",
            Mode::Observe => "observe",
        };
        self.name(format_args!("{word}-{}", way.word()))
    }

    fn refusal(&self, way: Way, mode: Mode) -> Vec<Rule> {
        let log = self.plan.log;
        let burst = log.per_second.saturating_mul(2);
        let report = |word: &str| {
            when().at_most(log.per_second, burst).log(&format!("rolewall {word} {}: ", way.word()), log.group)
        };
        match mode {
            Mode::Observe => vec![
                report("observed").go_on(),
                because(when().counter().accept(), "observe mode: would be refused"),
            ],
            // A local program learns at once that it was refused; a stranger learns nothing.
            Mode::Enforce if way == Way::Out => {
                let end = because(when().counter().reject(), "no permit covers it");
                vec![report("refused").go_on(), end]
            }
            Mode::Enforce => {
                let noise = when().destination_type(&NOISE).counter().drop();
                vec![
                    because(noise, "broadcast and multicast noise, not logged"),
                    report("refused").go_on(),
                    because(when().counter().drop(), "no permit covers it"),
                ]
            }
        }
    }

    /// The first rules of what comes in: a deny cuts established flows too, but never trusted ones.
    pub(super) fn denied(&self) -> Vec<Rule> {
        let deny = self.name(DENIED);
        let goto = |parts: Parts| because(parts.goto(&deny), "denied network, unless trusted");
        self.in_nets(DENY, &self.plan.deny, Side::Source, goto)
    }

    /// Forwarded packets, where the operator asked for a filter: trusted and established only.
    pub(super) fn forward(&mut self, mode: Mode) -> String {
        let mut rules = self.denied();
        rules.push(super::floor::established());
        rules.extend(super::floor::related_errors());
        rules.extend(self.trusted(Side::Source));
        rules.extend(self.trusted(Side::Destination));
        rules.push(when().goto(&self.refuse(Way::Forward, mode)));
        let name = self.name("forward");
        self.chains.push(Chain { name: name.clone(), base: None, rules });
        name
    }
}
