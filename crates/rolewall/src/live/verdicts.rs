//! Verdicts of very many flows: those that no rule tells apart are judged once.
//! Not here: judging (`rolewall_ruleset::judge`).
//!
//! A server has thousands of flows that differ in their client's port alone. Which ports of a source a
//! ruleset can tell apart is read from its own rules, so nothing is taken for alike that is not.

use super::{LiveFlow, Standpoint};
use rolewall_ruleset::expr::{CmpOp, PayloadBase};
use rolewall_ruleset::flow::{CtState, Direction, L4};
use rolewall_ruleset::judge::{Judge, Judged};
use rolewall_ruleset::{Expr, Rule, Ruleset};
use std::collections::{BTreeSet, HashMap};

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
    standpoint: &'r Standpoint,
    sources: SourcePorts,
    /// By state, and the flow with a source port that stands for all that are alike.
    known: HashMap<(CtState, LiveFlow), Judged>,
}

impl<'r> Verdicts<'r> {
    pub(crate) fn new(ruleset: &'r Ruleset, standpoint: &'r Standpoint) -> Verdicts<'r> {
        let sources = SourcePorts::told_apart_by(ruleset);
        Verdicts { judge: Judge::new(ruleset), standpoint, sources, known: HashMap::new() }
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
        let Verdicts { judge, standpoint, sources, known } = self;
        let class = sources.class(flow);
        *known.entry((ct, class)).or_insert_with(|| judge.verdict(&standpoint.as_new(&class).with_ct(ct)))
    }
}

/// The source ports that rules tell from all others; none: they may tell apart any two.
struct SourcePorts(Option<BTreeSet<u16>>);

impl SourcePorts {
    fn told_apart_by(ruleset: &Ruleset) -> SourcePorts {
        let chains = ruleset.tables.iter().flat_map(|table| &table.chains);
        let mut named = BTreeSet::new();
        let is_known = chains.flat_map(|chain| &chain.rules).all(|rule| add_named(rule, &mut named));
        SourcePorts(is_known.then_some(named))
    }

    /// The flow, from a port that stands for every one of which no rule speaks.
    fn class(&self, flow: &LiveFlow) -> LiveFlow {
        let SourcePorts(Some(named)) = self else { return *flow };
        let port = flow.src.port();
        if port == 0 || named.contains(&port) {
            return *flow;
        }
        let stands_for_all = (1..=u16::MAX).rev().find(|port| !named.contains(port)).unwrap_or(port);
        let mut class = *flow;
        class.src.set_port(stands_for_all);
        class
    }
}

/// Adds the source ports that a rule asks for one by one. False: it looks at them in another way.
fn add_named(rule: &Rule, named: &mut BTreeSet<u16>) -> bool {
    /// Where the source port ends in a header of TCP, UDP and SCTP.
    const END: u32 = 2;
    let looks = |expr: &Expr| matches!(expr, Expr::Payload { base: PayloadBase::Transport, offset, .. } if *offset < END);
    rule.exprs.iter().enumerate().filter(|(_, expr)| looks(expr)).all(|(place, load)| {
        let (Expr::Payload { offset: 0, dreg, .. }, Some(next)) = (load, rule.exprs.get(place + 1)) else {
            return false;
        };
        match next {
            Expr::Cmp { sreg, op: CmpOp::Eq, value } if sreg == dreg => {
                let port = value.bytes().first_chunk().map(|port| u16::from_be_bytes(*port));
                port.is_some_and(|port| named.insert(port) || named.contains(&port))
            }
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rolewall_ruleset::table::{ChainKind, Hook};
    use rolewall_ruleset::{BaseChain, Chain, ChainPolicy, Family, Reg, Table, Value, Verdict};

    fn payload(offset: u32, len: u32) -> Expr {
        Expr::Payload { base: PayloadBase::Transport, offset, len, dreg: Reg(0) }
    }

    fn cmp(op: CmpOp, bytes: &[u8]) -> Expr {
        Expr::Cmp { sreg: Reg(0), op, value: Value::from_bytes(bytes) }
    }

    /// Whoever comes in and matches one of these passes; nobody else.
    fn admitting(rules: &[Vec<Expr>]) -> Ruleset {
        let mut table = Table::new(Family::Inet, "t");
        let (kind, hook, policy) = (ChainKind::Filter, Hook::Input, ChainPolicy::Drop);
        let base = BaseChain { kind, hook, priority: 0, policy, devices: Vec::new() };
        let accept = |exprs: &Vec<Expr>| {
            let exprs = exprs.iter().cloned().chain([Expr::Verdict(Verdict::Accept)]).collect();
            Rule { exprs, ..Rule::default() }
        };
        let rules = rules.iter().map(accept).collect();
        table.chains.push(Chain { name: "input".into(), base: Some(base), rules });
        Ruleset { tables: vec![table] }
    }

    fn from(port: u16, dport: u16) -> LiveFlow {
        let end = |address: [u8; 4], port| (address, port).into();
        LiveFlow::tcp(Direction::In, end([192, 0, 2, 9], port), end([192, 0, 2, 1], dport))
    }

    /// Source ports all over, and those that the rules below speak of with their neighbours.
    fn ports() -> BTreeSet<u16> {
        let around = [67, 68, 69, 1023, 1024, u16::MAX];
        (1..u16::MAX).step_by(101).chain(around).collect()
    }

    /// Asks of each, and counts how many were judged.
    fn judged(ruleset: &Ruleset) -> usize {
        let standpoint = Standpoint::default();
        let mut verdicts = Verdicts::new(ruleset, &standpoint);
        for flow in ports().into_iter().flat_map(|port| [from(port, 67), from(port, 443)]) {
            let alone = verdicts.judge.verdict(&standpoint.as_new(&flow));
            assert_eq!(verdicts.as_new(&flow), alone, "{flow}");
        }
        verdicts.known.len()
    }

    #[test]
    fn flows_that_no_rule_tells_apart_are_judged_once() {
        let dhcp = vec![payload(0, 4), cmp(CmpOp::Eq, &[0, 68, 0, 67])];
        let web = vec![payload(2, 2), cmp(CmpOp::Eq, &443u16.to_be_bytes())];
        assert_eq!(judged(&admitting(&[dhcp.clone(), web.clone()])), 4);
        let highest = vec![payload(0, 2), cmp(CmpOp::Eq, &u16::MAX.to_be_bytes())];
        assert_eq!(judged(&admitting(&[dhcp, web, highest])), 6);
    }

    #[test]
    fn a_rule_that_looks_at_source_ports_otherwise_is_asked_about_each() {
        let above = vec![payload(0, 2), cmp(CmpOp::Gte, &1024u16.to_be_bytes())];
        assert_eq!(judged(&admitting(&[above])), 2 * ports().len());
        let half = vec![payload(1, 1), cmp(CmpOp::Eq, &[7])];
        assert_eq!(judged(&admitting(&[half])), 2 * ports().len());
    }
}
