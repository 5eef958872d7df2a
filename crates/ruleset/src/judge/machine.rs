//! The machine of nf_tables, for one flow: chains, rules, jumps, verdicts; and both ways where it cannot tell.
//! Not here: what a single instruction does ([`super::instruction`]).

use super::index::{Hooked, TableIndex};
use super::instruction::Effect;
use super::packet::Packet;
use super::registers::Registers;
use super::{Judge, Judged, Outcome, Possible, Step};
use crate::{Chain, ChainPolicy, Expr, Flow, Rule, Value, Verdict};

/// Linux's own bound of jumps within jumps (`NFT_JUMP_STACK_SIZE`); beyond it drops the packet.
const JUMPS_MAX: usize = 16;
/// Instructions after which a flow is not judged any further: rulesets that Linux loads have no loops, and
/// ways to explore double with each doubt.
const INSTRUCTIONS_MAX: u32 = 1_000_000;

/// A place in a chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'r> {
    pub(super) chain: &'r Chain,
    pub(super) rule: usize,
    pub(super) expr: usize,
}

impl<'r> Frame<'r> {
    fn start(chain: &'r Chain) -> Frame<'r> {
        Frame { chain, rule: 0, expr: 0 }
    }

    fn rule(&self) -> Option<&'r Rule> {
        self.chain.rules.get(self.rule)
    }

    fn next_rule(&mut self) {
        (self.rule, self.expr) = (self.rule + 1, 0);
    }
}

/// One way that the packet may have come, up to here.
#[derive(Debug, Clone)]
pub(super) struct Way<'r> {
    /// Which base chain, of those that the packet meets.
    at: usize,
    pub(super) frame: Frame<'r>,
    callers: Vec<Frame<'r>>,
    pub(super) registers: Registers,
    /// The packet's mark, if it is known.
    pub(super) mark: Option<u32>,
    /// Addresses and ports may have been translated.
    pub(super) translated: bool,
    /// Elements that rules added: table, set, key.
    pub(super) added: Vec<(usize, &'r str, Value)>,
    /// The rule went on because of a rate.
    pub(super) by_rate: bool,
}

/// Judges one flow.
pub(super) struct Machine<'j, 'r, 'f> {
    pub(super) judge: &'j Judge<'r>,
    pub(super) flow: &'f Flow,
    pub(super) packet: Packet<'f>,
    hooked: Vec<Hooked<'r>>,
    waiting: Vec<Way<'r>>,
    path: Option<Vec<Step<'r>>>,
    doubt: Option<Step<'r>>,
    possible: Possible,
    instructions: u32,
}

/// Whether steps are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    Path,
    Nothing,
}

/// What a machine found.
pub(super) struct Found<'r> {
    pub(super) possible: Possible,
    pub(super) path: Vec<Step<'r>>,
    pub(super) doubt: Option<Step<'r>>,
}

impl<'j, 'r, 'f> Machine<'j, 'r, 'f> {
    pub(super) fn new(judge: &'j Judge<'r>, flow: &'f Flow, record: Record) -> Machine<'j, 'r, 'f> {
        Machine {
            judge,
            flow,
            packet: Packet::of(flow),
            hooked: judge.hooked(flow),
            waiting: Vec::new(),
            path: (record == Record::Path).then(Vec::new),
            doubt: None,
            possible: Possible::default(),
            instructions: 0,
        }
    }

    /// Go all ways. The first of them, on which nothing matches that is in doubt, is the path.
    pub(super) fn run(mut self) -> Found<'r> {
        let Some(first) = self.hooked.first() else {
            let possible = Possible { accept: true, ..Possible::default() };
            return Found { possible, path: Vec::new(), doubt: None };
        };
        let mut way = Some(Way {
            at: 0,
            frame: Frame::start(first.chain),
            callers: Vec::new(),
            registers: Registers::new(),
            mark: Some(0),
            translated: false,
            added: Vec::new(),
            by_rate: false,
        });
        let mut path = None;
        while let Some(one) = way {
            let judged = self.go(one);
            self.possible.add(judged);
            path = path.or_else(|| self.path.take());
            let settled = self.possible.is_open() || self.instructions > INSTRUCTIONS_MAX;
            way = if settled { None } else { self.waiting.pop() };
        }
        Found { possible: self.possible, path: path.unwrap_or_default(), doubt: self.doubt }
    }

    /// Go one way to its end.
    fn go(&mut self, mut way: Way<'r>) -> Judged {
        loop {
            self.instructions += 1;
            if self.instructions > INSTRUCTIONS_MAX {
                self.doubts(&way, "the ruleset is too long to be judged");
                return Judged::May;
            }
            let end = match way.frame.rule() {
                None => self.leave(&mut way),
                Some(rule) => match rule.exprs.get(way.frame.expr) {
                    None => {
                        self.step(&mut way, Outcome::Continue);
                        way.frame.next_rule();
                        None
                    }
                    Some(expr) => self.instruct(&mut way, expr),
                },
            };
            if let Some(judged) = end {
                return judged;
            }
        }
    }

    fn instruct(&mut self, way: &mut Way<'r>, expr: &'r Expr) -> Option<Judged> {
        let evaluated = self.evaluate(way, expr);
        way.frame.expr += 1;
        match evaluated {
            Ok(effect) => self.apply(way, effect),
            Err(doubt) => {
                let harmless = doubt.effects.iter().all(|e| matches!(e, Effect::Go | Effect::Break));
                if harmless && !decides(way.frame) {
                    return self.apply(way, Effect::Break);
                }
                self.doubts(way, doubt.reason);
                for effect in &doubt.effects[1..] {
                    let mut other = way.clone();
                    match self.apply_unseen(&mut other, *effect) {
                        Some(judged) => self.possible.add(judged),
                        None => self.waiting.push(other),
                    }
                }
                self.apply(way, doubt.effects[0])
            }
        }
    }

    fn apply_unseen(&mut self, way: &mut Way<'r>, effect: Effect<'r>) -> Option<Judged> {
        let path = self.path.take();
        let judged = self.apply(way, effect);
        self.path = path;
        judged
    }

    fn apply(&mut self, way: &mut Way<'r>, effect: Effect<'r>) -> Option<Judged> {
        match effect {
            Effect::Go => {}
            Effect::Break => {
                way.by_rate = false;
                way.frame.next_rule();
            }
            Effect::Refuse => {
                self.step(way, Outcome::Reject);
                return Some(Judged::Reject);
            }
            Effect::Take(verdict) => return self.take(way, verdict),
        }
        None
    }

    fn take(&mut self, way: &mut Way<'r>, verdict: &'r Verdict) -> Option<Judged> {
        match verdict {
            Verdict::Accept => {
                self.step(way, Outcome::Accept);
                self.next_base_chain(way)
            }
            Verdict::Drop => {
                self.step(way, Outcome::Drop);
                Some(Judged::Drop)
            }
            Verdict::Return => {
                self.step(way, Outcome::Return);
                self.leave(way)
            }
            Verdict::Continue => None,
            Verdict::Jump(name) => {
                self.step(way, Outcome::Jump(name.clone()));
                if way.callers.len() >= JUMPS_MAX {
                    return Some(Judged::Drop);
                }
                let mut caller = way.frame;
                caller.next_rule();
                way.callers.push(caller);
                self.enter(way, name)
            }
            Verdict::Goto(name) => {
                self.step(way, Outcome::Goto(name.clone()));
                self.enter(way, name)
            }
            Verdict::Other(_) => self.unknown_end(way, "what takes the packet from here is not known"),
        }
    }

    fn enter(&mut self, way: &mut Way<'r>, name: &str) -> Option<Judged> {
        match self.table(way).chain(name) {
            Some(chain) => {
                way.frame = Frame::start(chain);
                None
            }
            None => self.unknown_end(way, "there is no such chain"),
        }
    }

    fn unknown_end(&mut self, way: &Way<'r>, reason: &'static str) -> Option<Judged> {
        self.doubts(way, reason);
        Some(Judged::May)
    }

    /// Back to the chain that jumped here, or to the policy of the base chain.
    fn leave(&mut self, way: &mut Way<'r>) -> Option<Judged> {
        if let Some(caller) = way.callers.pop() {
            way.frame = caller;
            return None;
        }
        let base = self.hooked[way.at].chain;
        way.frame = Frame { chain: base, rule: base.rules.len(), expr: 0 };
        match base.base.as_ref().map_or(ChainPolicy::Accept, |base| base.policy) {
            ChainPolicy::Accept => {
                self.step(way, Outcome::Accept);
                self.next_base_chain(way)
            }
            ChainPolicy::Drop => {
                self.step(way, Outcome::Drop);
                Some(Judged::Drop)
            }
        }
    }

    fn next_base_chain(&mut self, way: &mut Way<'r>) -> Option<Judged> {
        way.at += 1;
        way.callers.clear();
        way.registers.forget_all();
        way.by_rate = false;
        match self.hooked.get(way.at) {
            None => Some(Judged::Accept),
            Some(next) => {
                way.frame = Frame::start(next.chain);
                None
            }
        }
    }

    pub(super) fn table(&self, way: &Way<'r>) -> &'j TableIndex<'r> {
        &self.judge.index.tables[self.hooked[way.at].table]
    }

    /// The place of the table in the ruleset.
    pub(super) fn table_place(&self, way: &Way<'r>) -> usize {
        self.hooked[way.at].table
    }

    fn step(&mut self, way: &mut Way<'r>, outcome: Outcome) {
        if self.path.is_some() {
            let step = self.at(way, outcome);
            self.path.iter_mut().for_each(|path| path.push(step.clone()));
        }
        way.by_rate = false;
    }

    fn doubts(&mut self, way: &Way<'r>, reason: &'static str) {
        let step = self.at(way, Outcome::May(reason.to_owned()));
        if let Some(path) = &mut self.path {
            path.push(step.clone());
        }
        self.doubt.get_or_insert(step);
    }

    fn at(&self, way: &Way<'r>, outcome: Outcome) -> Step<'r> {
        let Frame { chain, rule, .. } = way.frame;
        let rule = chain.rules.get(rule).map(|found| (rule, found));
        Step { table: self.table(way).table, chain: &chain.name, rule, outcome, by_rate: way.by_rate }
    }
}

/// Whether what is left of a rule can change what becomes of the packet.
fn decides(frame: Frame<'_>) -> bool {
    let left = frame.rule().map_or(&[][..], |rule| rule.exprs.get(frame.expr..).unwrap_or_default());
    left.iter().any(|expr| match expr {
        Expr::Verdict(verdict) => *verdict != Verdict::Continue,
        Expr::Lookup { dreg, .. } => *dreg == Some(crate::expr::LookupTo::Verdict),
        Expr::Reject(_) | Expr::MetaSet { .. } | Expr::Dynset { .. } | Expr::Foreign { .. } => true,
        _ => false,
    })
}
