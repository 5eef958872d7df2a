//! A ruleset's chains, walked by all flows of a shape at once.
//! Not here: how rules come to steps ([`super::compile`]).

use super::alphabet::Alphabet;
use super::compile::{End, Step};
use super::diagram::{Arena, Space};
use super::field::{Field, Shape};
use super::formula::{Ask, Values, View};
use super::hooks::{Next, is_about_destination};
use super::state::{Instead, State, Tracking, Truth};
use crate::Hook;
use crate::judge::{Hooks, Network};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

/// Linux's own bound of jumps within jumps (`NFT_JUMP_STACK_SIZE`); beyond it drops the packet.
const JUMPS_MAX: usize = 16;
/// Answers in an arena, of four bytes, after which a ruleset is too large to be walked.
const ANSWERS_MAX: usize = 64 << 20;
/// Chains entered one from within the other; what Linux loads has no loops.
const DEPTH_MAX: usize = 512;
/// Rules walked, those of a chain once for each way to it.
const RULES_MAX: usize = 20_000_000;

/// The ruleset makes more cases than there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ruleset tells too many cases apart to be gone through whole")]
pub struct TooLarge;

/// A ruleset for the flows of one shape.
#[derive(Debug)]
pub(super) struct Program {
    /// Every chain's rules.
    pub(super) chains: Vec<Vec<Vec<Step>>>,
    /// The base chains that the flows meet, in order, by hook.
    pub(super) hooked: Vec<(Hook, Vec<Base>)>,
    pub(super) route: Route,
}

/// What decides where packets go on.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) shape: Shape,
    pub(super) which: Hooks,
    /// What loops back: tracked, and its destination translated, on its way out.
    pub(super) loops_back: Vec<Ask>,
    /// This host's addresses, if they are known.
    pub(super) local: Option<BTreeSet<IpAddr>>,
    pub(super) networks: Vec<Network>,
}

/// A base chain.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) chain: usize,
    /// Which flows meet it.
    pub(super) only: Vec<Ask>,
    /// It translates, unless that was done.
    pub(super) is_nat: bool,
    /// It runs before conntrack sees a packet.
    pub(super) before_conntrack: bool,
    /// Whether its policy lets pass.
    pub(super) accepts: bool,
}

/// What may become of flows: a flow can be in several of these where a rule asks what no flow tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fates {
    /// Those that may pass.
    pub accept: Space,
    /// Those that may be dropped in silence.
    pub drop: Space,
    /// Those that may be refused with an answer.
    pub reject: Space,
}

/// What flows did with a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Met {
    /// Some come to it.
    pub is_reached: bool,
    /// Some fulfil all that it asks for.
    pub is_matched: bool,
}

/// Flows with the state that they came into.
pub(super) type Live = Vec<(State, Space)>;

/// The fields of a shape with their classes.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) order: Vec<Field>,
    pub(super) alphabets: Vec<std::rc::Rc<Alphabet>>,
}

/// Walks programs.
pub(super) struct Walk<'a> {
    pub(super) arena: &'a mut Arena,
    fields: &'a Fields,
    values: &'a Values,
    literals: HashMap<(Field, usize), Space>,
    pub(super) program: &'a Program,
    /// The hook that is walked.
    pub(super) hook: Hook,
    accepted: Live,
    fates: Fates,
    /// For each rule of each chain: what flows did with it.
    pub(super) met: Vec<Vec<Met>>,
    /// Flows have come to the end of the rule that is walked.
    is_matched: bool,
    rules: usize,
    depth: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        arena: &'a mut Arena,
        fields: &'a Fields,
        values: &'a Values,
        program: &'a Program,
    ) -> Walk<'a> {
        let fates = Fates { accept: Space::NONE, drop: Space::NONE, reject: Space::NONE };
        Walk {
            arena,
            fields,
            values,
            hook: Hook::Input,
            literals: HashMap::new(),
            program,
            accepted: Vec::new(),
            fates,
            met: program.chains.iter().map(|rules| vec![Met::default(); rules.len()]).collect(),
            is_matched: false,
            rules: 0,
            depth: 0,
        }
    }

    /// What becomes of every flow.
    pub(super) fn run(&mut self) -> Result<Fates, TooLarge> {
        let program = self.program;
        let mut waiting: BTreeMap<Hook, Live> = BTreeMap::new();
        if let Some((first, _)) = program.hooked.first() {
            waiting.insert(*first, self.beginning());
        }
        for (hook, bases) in &program.hooked {
            self.hook = *hook;
            let mut live = waiting.remove(hook).unwrap_or_default();
            for base in bases {
                live = self.base(base, live)?;
            }
            for (state, space) in live {
                self.route(*hook, state, space, &mut waiting);
            }
        }
        Ok(self.fates)
    }

    /// All flows, as they come in or go out.
    fn beginning(&mut self) -> Live {
        let Route { shape, which, loops_back, .. } = &self.program.route;
        let is_whole = *which == Hooks::Whole;
        let all = vec![(State::new(*shape, is_whole), Space::ALL)];
        if !is_whole {
            return all;
        }
        let (looping, rest) = self.split(all, loops_back, false);
        let looped = self.changed(looping, |state| (state.tracked, state.bound.0) = (true, true));
        [looped, rest].concat()
    }

    /// Through a base chain; what it lets pass.
    fn base(&mut self, base: &Base, live: Live) -> Result<Live, TooLarge> {
        let is_bound =
            |state: &State| if is_about_destination(self.hook) { state.bound.0 } else { state.bound.1 };
        let (asked, passing): (Live, Live) =
            live.into_iter().partition(|(state, _)| !base.is_nat || !is_bound(state));
        let (meeting, more) = self.split(asked, &base.only, false);
        self.accept(passing);
        self.accept(more);
        let meeting = self.changed(meeting, |state| {
            if base.before_conntrack && !state.tracked && state.tracking == Tracking::Seen {
                state.tracking = Tracking::NotYet;
            }
        });
        let fallen = self.chain(base.chain, meeting, 0)?;
        if base.accepts {
            self.accept(fallen);
        } else {
            self.fates.drop = self.all(fallen, self.fates.drop);
        }
        let accepted = std::mem::take(&mut self.accepted);
        Ok(self.changed(accepted, |state| {
            if state.tracking == Tracking::NotYet {
                state.tracking = Tracking::Seen;
            }
        }))
    }

    /// On to the next hook, or through.
    fn route(&mut self, hook: Hook, state: State, space: Space, waiting: &mut BTreeMap<Hook, Live>) {
        let route = &self.program.route;
        let hooks: &[Hook] = match route.next(hook, &state) {
            Next::Through => {
                self.fates.accept = self.arena.or(self.fates.accept, space);
                return;
            }
            Next::To(hook) => &[hook],
            Next::InputOrForward => &[Hook::Input, Hook::Forward],
        };
        for hook in hooks {
            let mut arrived = state.clone();
            route.arrive(&mut arrived, *hook);
            let mut there = waiting.remove(hook).unwrap_or_default();
            self.join(&mut there, vec![(arrived, space)]);
            waiting.insert(*hook, there);
        }
    }

    /// Walks a chain; what comes out of its end.
    fn chain(&mut self, chain: usize, mut live: Live, jumps: usize) -> Result<Live, TooLarge> {
        let mut left = Vec::new();
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(TooLarge);
        }
        let program = self.program;
        for (at, rule) in program.chains[chain].iter().enumerate() {
            if live.is_empty() {
                break;
            }
            self.rules += 1;
            if self.rules > RULES_MAX || self.arena.len() > ANSWERS_MAX {
                return Err(TooLarge);
            }
            let outer = std::mem::take(&mut self.is_matched);
            live = self.steps(rule, live, &mut left, jumps)?;
            let is_matched = std::mem::replace(&mut self.is_matched, outer);
            let met = &mut self.met[chain][at];
            *met = Met { is_reached: true, is_matched: met.is_matched || is_matched };
        }
        self.join(&mut left, live);
        self.depth -= 1;
        Ok(left)
    }

    /// Goes a rule's steps; what goes on with the next rule.
    fn steps(
        &mut self,
        steps: &[Step],
        mut live: Live,
        left: &mut Live,
        jumps: usize,
    ) -> Result<Live, TooLarge> {
        let mut next = Vec::new();
        for step in steps {
            if live.is_empty() {
                break;
            }
            match step {
                Step::Guard { asks, invert } => {
                    let (hit, miss) = self.split(live, asks, *invert);
                    self.join(&mut next, miss);
                    live = hit;
                }
                Step::Choose(arms) => {
                    for (asks, rest) in arms {
                        let (hit, miss) = self.split(live, asks, false);
                        let gone_on = self.steps(rest, hit, left, jumps)?;
                        self.join(&mut next, gone_on);
                        live = miss;
                    }
                    self.join(&mut next, live);
                    return Ok(next);
                }
                Step::Mark(change) => {
                    let marked =
                        |mark: Option<u32>| Some((mark?, (*change)?)).map(|(m, (and, xor))| m & and ^ xor);
                    live = self.changed(live, |state| match change {
                        Some((0, constant)) => state.mark = Some(*constant),
                        _ => state.mark = marked(state.mark),
                    });
                }
                Step::CtMark(change) => {
                    live = self.changed(live, |state| {
                        let marked = state.ct_mark.zip(*change).map(|(mark, (and, xor))| mark & and ^ xor);
                        state.ct_mark = marked;
                    });
                }
                Step::Untrack(without_connection) => {
                    let (untracked, kept) = self.split(live, without_connection, false);
                    live = self.changed(untracked, |state| state.tracking = Tracking::Untracked);
                    self.join(&mut live, kept);
                }
                Step::Change(field, instead) => {
                    live = self.changed(live, |state| {
                        state.instead.insert(*field, *instead);
                    });
                }
                Step::Translate(translation) => {
                    self.is_matched = true;
                    let translated = self.translate(live, translation);
                    self.accept(translated);
                    return Ok(next);
                }
                Step::Add(set) => {
                    live = self.changed(live, |state| {
                        state.added.insert(*set);
                    });
                }
                Step::Delete(set) => {
                    live = self.changed(live, |state| {
                        state.deleted.insert(*set);
                    });
                }
                Step::Anything => {
                    self.accept(live.clone());
                    self.fates.drop = self.all(live.clone(), self.fates.drop);
                    self.join(&mut next, live.clone());
                }
                Step::End(end) => {
                    self.is_matched = true;
                    self.end(*end, live, &mut next, left, jumps)?;
                    return Ok(next);
                }
            }
        }
        self.is_matched |= !live.is_empty();
        self.join(&mut next, live);
        Ok(next)
    }

    fn end(
        &mut self,
        end: End,
        live: Live,
        next: &mut Live,
        left: &mut Live,
        jumps: usize,
    ) -> Result<(), TooLarge> {
        match end {
            End::Accept => self.accept(live),
            End::Drop => self.fates.drop = self.all(live, self.fates.drop),
            End::Reject => self.fates.reject = self.all(live, self.fates.reject),
            End::Return => self.join(left, live),
            End::Continue => self.join(next, live),
            End::Jump(_) if jumps >= JUMPS_MAX => self.fates.drop = self.all(live, self.fates.drop),
            End::Jump(chain) => {
                let back = self.chain(chain, live, jumps + 1)?;
                self.join(next, back);
            }
            End::Goto(chain) => {
                let back = self.chain(chain, live, jumps)?;
                self.join(left, back);
            }
            End::Unknown => {
                self.fates.drop = self.all(live.clone(), self.fates.drop);
                self.fates.accept = self.all(live, self.fates.accept);
            }
        }
        Ok(())
    }

    fn accept(&mut self, live: Live) {
        let mut accepted = std::mem::take(&mut self.accepted);
        self.join(&mut accepted, live);
        self.accepted = accepted;
    }

    /// Those that fulfil one of the clauses or may, and those that fulfil none for sure.
    pub(super) fn split(&mut self, live: Live, asks: &[Ask], invert: bool) -> (Live, Live) {
        let (mut hit, mut miss) = (Vec::new(), Vec::new());
        for (state, space) in live {
            let (surely, perhaps) = self.asked(&state, asks);
            let (on, off) = if invert { (surely, perhaps) } else { (perhaps, surely) };
            let (on, off) = match invert {
                false => (self.arena.and(space, on), self.arena.without(space, off)),
                true => (self.arena.without(space, on), self.arena.and(space, off)),
            };
            push(&mut hit, state.clone(), on);
            push(&mut miss, state, off);
        }
        (hit, miss)
    }

    /// The flows that surely fulfil a clause, and all that may.
    fn asked(&mut self, state: &State, asks: &[Ask]) -> (Space, Space) {
        let (mut surely, mut perhaps) = (Space::NONE, Space::NONE);
        for ask in asks {
            let beside = ask.beside.iter().map(|asked| state.answer(*asked));
            let mut truths: Vec<Truth> = beside.collect();
            truths.extend(ask.added.map(|set| Truth::of(state.added.contains(&set))));
            let is_deleted = ask.unless_deleted.is_some_and(|set| state.deleted.contains(&set));
            truths.extend(is_deleted.then_some(Truth::Unknown));
            let mut space = Space::ALL;
            for (field, view, number) in &ask.fields {
                match self.seen(state, *field, *view, *number) {
                    Ok(literal) => space = self.arena.and(space, literal),
                    Err(truth) => truths.push(truth),
                }
            }
            if truths.contains(&Truth::No) {
                continue;
            }
            perhaps = self.arena.or(perhaps, space);
            if !ask.in_doubt && !truths.contains(&Truth::Unknown) {
                surely = self.arena.or(surely, space);
            }
        }
        (surely, perhaps)
    }

    /// The flows whose field, seen so, has one of the values; or what holds of all of them.
    fn seen(&mut self, state: &State, field: Field, view: View, number: usize) -> Result<Space, Truth> {
        match state.instead(field).filter(|_| view != View::First) {
            None => Ok(self.literal(field, number)),
            Some(Instead::One(value)) if view == View::Now => {
                let values = &self.values.of(field)[number];
                Err(Truth::of(values.contains(value)))
            }
            Some(_) => Err(Truth::Unknown),
        }
    }

    fn literal(&mut self, field: Field, number: usize) -> Space {
        if let Some(known) = self.literals.get(&(field, number)) {
            return *known;
        }
        let place = self.fields.order.iter().position(|own| *own == field);
        let space = place.map_or(Space::NONE, |place| {
            self.arena.one_of(place, self.fields.alphabets[place].members(number))
        });
        self.literals.insert((field, number), space);
        space
    }

    pub(super) fn changed(&mut self, live: Live, change: impl Fn(&mut State)) -> Live {
        let mut changed = Vec::new();
        for (mut state, space) in live {
            change(&mut state);
            self.join(&mut changed, vec![(state, space)]);
        }
        changed
    }

    /// Flows of one state are one set.
    pub(super) fn join(&mut self, into: &mut Live, live: Live) {
        for (state, space) in live {
            match into.iter_mut().find(|(own, _)| *own == state) {
                Some((_, own)) => *own = self.arena.or(*own, space),
                None => push(into, state, space),
            }
        }
    }

    fn all(&mut self, live: Live, known: Space) -> Space {
        live.into_iter().fold(known, |all, (_, space)| self.arena.or(all, space))
    }
}

fn push(into: &mut Live, state: State, space: Space) {
    if !space.is_empty() {
        into.push((state, space));
    }
}
