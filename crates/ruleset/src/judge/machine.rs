//! The machine of nf_tables, for one flow: chains, rules, jumps, verdicts; and both ways where it cannot tell.
//! Not here: what a single instruction does ([`super::instruction`]), and which hooks there are
//! ([`super::route`]).

use super::index::{Hooked, TableIndex};
use super::instruction::Effect;
use super::packet;
use super::registers::Registers;
use super::route::{self, Chains, Next};
use super::way::{Frame, Place, State, Way};
use super::{Judge, Judged, Outcome, Possible, Step};
use crate::expr::{CtKey, LookupTo, ObjectKind};
use crate::xt::Action;
use crate::{ChainPolicy, Expr, Flow, Hook, Verdict};
use std::borrow::Cow;
use std::collections::HashSet;

/// Linux's own bound of jumps within jumps (`NFT_JUMP_STACK_SIZE`); beyond it drops the packet.
const JUMPS_MAX: usize = 16;
/// Instructions after which a flow is not judged any further: rulesets that Linux loads have no loops, and
/// ways to explore double with each doubt.
const INSTRUCTIONS_MAX: u32 = 1_000_000;

/// Judges one flow.
pub(super) struct Machine<'j, 'r, 'f> {
    pub(super) judge: &'j Judge<'r>,
    pub(super) flow: &'f Flow,
    chains: Chains<'r>,
    waiting: Vec<Way<'r, 'f>>,
    /// Where ways have been: a second one there would end as the first.
    been: HashSet<Place<'r, 'f>>,
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

/// How a way ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    As(Judged),
    /// As another way has ended or will.
    Alike,
}

impl<'j, 'r, 'f> Machine<'j, 'r, 'f> {
    pub(super) fn new(judge: &'j Judge<'r>, flow: &'f Flow, record: Record) -> Machine<'j, 'r, 'f> {
        Machine {
            judge,
            flow,
            chains: Chains::of(judge, flow),
            waiting: Vec::new(),
            been: HashSet::new(),
            path: (record == Record::Path).then(Vec::new),
            doubt: None,
            possible: Possible::default(),
            instructions: 0,
        }
    }

    /// Go all ways. The first of them, on which nothing matches that is in doubt, is the path.
    pub(super) fn run(mut self) -> Found<'r> {
        let hook = route::first(self.flow.direction, self.judge.environment.hooks);
        let mut first = Way {
            hook,
            at: 0,
            // Stands for no chain: the first one is entered below.
            frame: Frame::start(&NOWHERE),
            callers: Vec::new(),
            registers: Registers::new(),
            state: State::of(self.flow, hook),
            changes: Vec::new(),
            by_rate: false,
            element: None,
        };
        let mut path = None;
        match self.enter_base_chain(&mut first) {
            Some(End::As(judged)) => self.possible.add(judged),
            Some(End::Alike) => {}
            None => self.waiting.push(first),
        }
        while let Some(one) = self.waiting.pop() {
            if let End::As(judged) = self.go(one) {
                self.possible.add(judged);
            }
            path = path.or_else(|| self.path.take());
            if self.possible.is_open() || self.instructions > INSTRUCTIONS_MAX {
                break;
            }
        }
        Found { possible: self.possible, path: path.unwrap_or_default(), doubt: self.doubt }
    }

    /// Go one way to its end.
    fn go(&mut self, mut way: Way<'r, 'f>) -> End {
        loop {
            self.instructions += 1;
            if self.instructions > INSTRUCTIONS_MAX {
                self.doubts(&way, "the ruleset is too long to be judged".into());
                return End::As(Judged::May);
            }
            // Only where there is more than one way can one meet another.
            if way.frame.expr == 0 && self.doubt.is_some() && !self.been.insert(way.place()) {
                return End::Alike;
            }
            let end = match way.frame.rule() {
                None => self.leave(&mut way),
                Some(rule) => match rule.exprs.get(way.frame.expr) {
                    None => {
                        self.step(&mut way, Outcome::Continue);
                        way.next_rule();
                        None
                    }
                    Some(expr) => self.instruct(&mut way, expr),
                },
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    fn instruct(&mut self, way: &mut Way<'r, 'f>, expr: &'r Expr) -> Option<End> {
        let evaluated = self.evaluate(way, expr);
        way.frame.expr += 1;
        match evaluated {
            Ok(effect) => self.apply(way, effect),
            Err(doubt) => {
                let harmless = doubt.effects.iter().all(|e| matches!(e, Effect::Go | Effect::Break));
                if harmless && !decides(way.frame) {
                    return self.apply(way, Effect::Break);
                }
                self.doubts(way, doubt.reason.clone());
                for effect in &doubt.effects[1..] {
                    let mut other = way.clone();
                    match self.apply_unseen(&mut other, *effect) {
                        Some(End::As(judged)) => self.possible.add(judged),
                        Some(End::Alike) => {}
                        None => self.waiting.push(other),
                    }
                }
                self.apply(way, doubt.effects[0])
            }
        }
    }

    fn apply_unseen(&mut self, way: &mut Way<'r, 'f>, effect: Effect<'r>) -> Option<End> {
        let path = self.path.take();
        let judged = self.apply(way, effect);
        self.path = path;
        judged
    }

    fn apply(&mut self, way: &mut Way<'r, 'f>, effect: Effect<'r>) -> Option<End> {
        match effect {
            Effect::Go => {}
            Effect::Break => way.next_rule(),
            Effect::Refuse => {
                self.step(way, Outcome::Reject);
                return Some(End::As(Judged::Reject));
            }
            Effect::Take(verdict) => return self.take(way, verdict),
            Effect::Translated(end) => {
                let (address, port) = (way.state.packet.address(end), way.state.packet.port(end));
                let is_source = end == packet::End::Source;
                self.step(way, Outcome::Translate { is_source, address, port });
                return self.next_base_chain(way);
            }
        }
        None
    }

    fn take(&mut self, way: &mut Way<'r, 'f>, verdict: &'r Verdict) -> Option<End> {
        match verdict {
            Verdict::Accept => {
                self.step(way, Outcome::Accept);
                self.next_base_chain(way)
            }
            Verdict::Drop => {
                self.step(way, Outcome::Drop);
                Some(End::As(Judged::Drop))
            }
            Verdict::Return => {
                self.step(way, Outcome::Return);
                self.leave(way)
            }
            Verdict::Continue => None,
            Verdict::Jump(name) => {
                self.step(way, Outcome::Jump(name.clone()));
                if way.callers.len() >= JUMPS_MAX {
                    return Some(End::As(Judged::Drop));
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
            Verdict::Other(_) => self.unknown_end(way, "what takes the packet from here is not known".into()),
        }
    }

    fn enter(&mut self, way: &mut Way<'r, 'f>, name: &str) -> Option<End> {
        match self.table(way).chain(name) {
            Some(chain) => {
                way.frame = Frame::start(chain);
                None
            }
            None => self.unknown_end(way, format!("there is no chain {name}").into()),
        }
    }

    fn unknown_end(&mut self, way: &Way<'r, 'f>, reason: Cow<'static, str>) -> Option<End> {
        self.doubts(way, reason);
        Some(End::As(Judged::May))
    }

    /// Back to the chain that jumped here, or to the policy of the base chain.
    fn leave(&mut self, way: &mut Way<'r, 'f>) -> Option<End> {
        if let Some(caller) = way.callers.pop() {
            way.frame = caller;
            return None;
        }
        let base = self.hooked(way).chain;
        way.frame = Frame { chain: base, rule: base.rules.len(), expr: 0 };
        match base.base.as_ref().map_or(ChainPolicy::Accept, |base| base.policy) {
            ChainPolicy::Accept => {
                self.step(way, Outcome::Accept);
                self.next_base_chain(way)
            }
            ChainPolicy::Drop => {
                self.step(way, Outcome::Drop);
                Some(End::As(Judged::Drop))
            }
        }
    }

    fn next_base_chain(&mut self, way: &mut Way<'r, 'f>) -> Option<End> {
        way.at += 1;
        way.callers.clear();
        way.registers.forget_all();
        (way.by_rate, way.element) = (false, None);
        self.enter_base_chain(way)
    }

    /// Into the base chain that the packet meets next, at this hook or a later one.
    fn enter_base_chain(&mut self, way: &mut Way<'r, 'f>) -> Option<End> {
        let (flow, environment) = (self.flow, &self.judge.environment);
        loop {
            if let Some(hooked) = self.chains.at(way.hook).get(way.at) {
                if route::meets(&way.state, hooked) {
                    way.frame = Frame::start(hooked.chain);
                    return None;
                }
                way.at += 1;
                continue;
            }
            let hook = match route::next(way.hook, flow, &way.state, environment) {
                Next::Through => return Some(End::As(Judged::Accept)),
                Next::To(hook) => hook,
                Next::InputOrForward => {
                    self.may_be_forwarded(way);
                    Hook::Input
                }
            };
            (way.hook, way.at) = (hook, 0);
            route::arrive(&mut way.state, hook, flow, environment);
        }
    }

    /// The other way, of a packet that goes to this host or on to another.
    fn may_be_forwarded(&mut self, way: &Way<'r, 'f>) {
        let mut other = way.clone();
        (other.hook, other.at) = (Hook::Forward, 0);
        let reason = "whether the translated destination is this host is not known";
        self.doubts(way, reason.into());
        route::arrive(&mut other.state, Hook::Forward, self.flow, &self.judge.environment);
        let path = self.path.take();
        match self.enter_base_chain(&mut other) {
            Some(End::As(judged)) => self.possible.add(judged),
            Some(End::Alike) => {}
            None => self.waiting.push(other),
        }
        self.path = path;
    }

    /// The base chain that a way is in.
    fn hooked(&self, way: &Way<'r, 'f>) -> Hooked<'r> {
        let at = self.chains.at(way.hook);
        // A way that has left the last chain of a hook belongs to that.
        at[way.at.min(at.len() - 1)]
    }

    /// The priority of the base chain.
    pub(super) fn priority(&self, way: &Way<'r, 'f>) -> i32 {
        self.hooked(way).priority
    }

    pub(super) fn table(&self, way: &Way<'r, 'f>) -> &'j TableIndex<'r> {
        &self.judge.index.tables[self.hooked(way).table]
    }

    /// The place of the table in the ruleset.
    pub(super) fn table_place(&self, way: &Way<'r, 'f>) -> usize {
        self.hooked(way).table
    }

    fn step(&mut self, way: &mut Way<'r, 'f>, outcome: Outcome) {
        if self.path.is_some() {
            let step = self.at(way, outcome);
            self.path.iter_mut().for_each(|path| path.push(step.clone()));
        }
        (way.by_rate, way.element) = (false, None);
    }

    fn doubts(&mut self, way: &Way<'r, 'f>, reason: Cow<'static, str>) {
        let step = self.at(way, Outcome::May(reason.into_owned()));
        if let Some(path) = &mut self.path {
            path.push(step.clone());
        }
        self.doubt.get_or_insert(step);
    }

    fn at(&self, way: &Way<'r, 'f>, outcome: Outcome) -> Step<'r> {
        let Frame { chain, rule, .. } = way.frame;
        let rule = chain.rules.get(rule).map(|found| (rule, found));
        Step {
            table: self.table(way).table,
            hook: way.hook,
            chain: &chain.name,
            rule,
            outcome,
            by_rate: way.by_rate,
            element: way.element,
        }
    }
}

/// Whether what is left of a rule can change what becomes of the packet.
fn decides(frame: Frame<'_>) -> bool {
    let left = frame.rule().map_or(&[][..], |rule| rule.exprs.get(frame.expr..).unwrap_or_default());
    left.iter().any(|expr| match expr {
        Expr::Verdict(verdict) => *verdict != Verdict::Continue,
        Expr::Lookup { dreg, .. } => *dreg == Some(LookupTo::Verdict),
        Expr::Object { kind, .. } => matches!(kind, ObjectKind::Synproxy | ObjectKind::Other(_)),
        Expr::CtSet { key, .. } => *key == CtKey::Mark,
        Expr::XtTarget(done) => done.action != Action::Aside,
        Expr::Reject(_)
        | Expr::Notrack
        | Expr::MetaSet { .. }
        | Expr::PayloadSet { .. }
        | Expr::Dynset { .. }
        | Expr::Nat { .. }
        | Expr::Masquerade { .. }
        | Expr::Redirect { .. }
        | Expr::Tproxy { .. }
        | Expr::Foreign { .. } => true,
        _ => false,
    })
}

/// No chain at all.
static NOWHERE: crate::Chain = crate::Chain { name: String::new(), base: None, rules: Vec::new() };
