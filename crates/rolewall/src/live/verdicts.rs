//! Verdicts of very many flows: those that no rule tells apart are judged once.
//! Not here: judging (`rolewall_ruleset::judge`).

use super::alike::{Alike, Class};
use super::{LiveFlow, Standpoint};
use rolewall_ruleset::Ruleset;
use rolewall_ruleset::flow::{CtState, Direction, L4};
use rolewall_ruleset::judge::{Judge, Judged};
use std::collections::HashMap;

/// What becomes of a flow that has to begin again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It passes.
    Stays,
    /// It is refused.
    Ends,
    /// It depends on something that a ruleset and a flow do not tell.
    InDoubt,
}

/// TCP's flag of a packet in midstream (RFC 9293, section 3.1).
const ACK: u8 = 0x10;

/// Whether it is stopped for certain.
pub(crate) fn is_denied(judged: Judged) -> bool {
    matches!(judged, Judged::Drop | Judged::Reject)
}

/// A ruleset's verdicts of this host's flows.
pub(crate) struct Verdicts<'r> {
    pub(crate) judge: Judge<'r>,
    ruleset: &'r Ruleset,
    standpoint: &'r Standpoint,
    /// How many were judged one by one.
    judged: usize,
    /// Once they are many.
    alike: Option<Alike>,
    known: HashMap<(CtState, Class), Judged>,
}

/// So few flows are judged sooner than the rules are searched for what tells flows apart.
const FEW: usize = 64;

impl<'r> Verdicts<'r> {
    pub(crate) fn new(ruleset: &'r Ruleset, standpoint: &'r Standpoint) -> Verdicts<'r> {
        let judge = Judge::new(ruleset);
        Verdicts { judge, ruleset, standpoint, judged: 0, alike: None, known: HashMap::new() }
    }

    /// What becomes of the flow if it has to begin again.
    pub(crate) fn as_new(&mut self, flow: &LiveFlow) -> Judged {
        self.verdict(CtState::New, flow)
    }

    /// What becomes of a later packet of it, the way that its first went.
    pub(crate) fn as_established(&mut self, flow: &LiveFlow) -> Judged {
        self.verdict(CtState::Established, flow)
    }

    /// What becomes of the flow for certain. Its packets may come in and leave by another interface than its
    /// addresses suggest: it ends only if it would by each.
    pub(crate) fn fate(&mut self, flow: &LiveFlow) -> Fate {
        if self.standpoint.is_within(flow) {
            return Fate::Stays;
        }
        match self.as_new(flow) {
            Judged::Accept => Fate::Stays,
            Judged::May => Fate::InDoubt,
            Judged::Drop | Judged::Reject => {
                let first = self.standpoint.as_new(flow);
                let mut others = self.standpoint.by_other_interfaces(&first);
                let ends = others.all(|other| is_denied(self.judge.verdict(&other)));
                if ends { Fate::Ends } else { Fate::InDoubt }
            }
        }
    }

    /// Whether a flow that came in, once forgotten, begins again with a packet that this host itself sends: that
    /// one passes as a new one in midstream, and the peer's as an answer.
    pub(crate) fn returns(&mut self, flow: &LiveFlow) -> bool {
        let answers = LiveFlow { direction: Direction::Out, src: flow.dst, dst: flow.src, ..*flow };
        let mut answer = self.standpoint.as_new(&answers);
        if let L4::Tcp { flags, .. } = &mut answer.l4 {
            *flags = ACK;
        }
        flow.direction == Direction::In
            && !is_denied(self.as_established(flow))
            && !is_denied(self.judge.verdict(&answer))
    }

    fn verdict(&mut self, ct: CtState, flow: &LiveFlow) -> Judged {
        let Verdicts { judge, ruleset, standpoint, judged: count, alike, known } = self;
        let judged = || judge.verdict(&standpoint.as_new(flow).with_ct(ct));
        // Between addresses of this host's own, interfaces are other ones.
        if *count < FEW || standpoint.is_within(flow) {
            *count += 1;
            return judged();
        }
        let alike = alike.get_or_insert_with(|| Alike::told_apart_by(ruleset));
        *known.entry((ct, alike.class(flow))).or_insert_with(judged)
    }
}

#[cfg(test)]
mod tests;
