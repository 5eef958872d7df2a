//! A ruleset's chains, walked by all flows of a shape at once.
//! Not here: how rules come to steps ([`super::compile`]).

use super::alphabet::Alphabet;
use super::compile::{End, Step};
use super::diagram::{Arena, Space};
use super::field::Field;
use super::formula::Ask;
use std::collections::{BTreeSet, HashMap};

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
    /// The base chains that the flows meet, in order.
    pub(super) hooked: Vec<Base>,
}

/// A base chain.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) chain: usize,
    /// Which flows meet it.
    pub(super) only: Vec<Ask>,
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

/// What rules made of a packet, beside its header.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    /// None: not known.
    mark: Option<u32>,
    /// Sets to which elements were added.
    added: BTreeSet<usize>,
}

/// Flows with the state that they came into.
type Live = Vec<(State, Space)>;

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
    literals: HashMap<(Field, usize), Space>,
    program: &'a Program,
    accepted: Live,
    fates: Fates,
    rules: usize,
    depth: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(arena: &'a mut Arena, fields: &'a Fields, program: &'a Program) -> Walk<'a> {
        let fates = Fates { accept: Space::NONE, drop: Space::NONE, reject: Space::NONE };
        Walk {
            arena,
            fields,
            literals: HashMap::new(),
            program,
            accepted: Vec::new(),
            fates,
            rules: 0,
            depth: 0,
        }
    }

    /// What becomes of every flow.
    pub(super) fn run(mut self) -> Result<Fates, TooLarge> {
        let mut live = vec![(State { mark: Some(0), added: BTreeSet::new() }, Space::ALL)];
        for base in &self.program.hooked {
            let (meets, passes_by) = self.split(live, &base.only, false);
            self.accept(passes_by);
            let fallen = self.chain(base.chain, meets, 0)?;
            if base.accepts {
                self.accept(fallen);
            } else {
                self.fates.drop = self.all(fallen, self.fates.drop);
            }
            live = std::mem::take(&mut self.accepted);
        }
        self.fates.accept = self.all(live, self.fates.accept);
        Ok(self.fates)
    }

    /// Walks a chain; what comes out of its end.
    fn chain(&mut self, chain: usize, mut live: Live, jumps: usize) -> Result<Live, TooLarge> {
        let mut left = Vec::new();
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(TooLarge);
        }
        let program = self.program;
        for rule in &program.chains[chain] {
            if live.is_empty() {
                break;
            }
            self.rules += 1;
            if self.rules > RULES_MAX || self.arena.len() > ANSWERS_MAX {
                return Err(TooLarge);
            }
            live = self.steps(rule, live, &mut left, jumps)?;
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
                Step::Add(set) => {
                    live = self.changed(live, |state| {
                        state.added.insert(*set);
                    });
                }
                Step::Anything => {
                    self.accept(live.clone());
                    self.fates.drop = self.all(live.clone(), self.fates.drop);
                    self.join(&mut next, live.clone());
                }
                Step::End(end) => {
                    self.end(*end, live, &mut next, left, jumps)?;
                    return Ok(next);
                }
            }
        }
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
    fn split(&mut self, live: Live, asks: &[Ask], invert: bool) -> (Live, Live) {
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
            let mut in_doubt = ask.in_doubt;
            match state.mark {
                Some(mark) if !ask.marks.iter().all(|asked| asked.holds(mark.into())) => continue,
                None if !ask.marks.is_empty() => in_doubt = true,
                _ => {}
            }
            if ask.added.is_some_and(|set| !state.added.contains(&set)) {
                continue;
            }
            let mut space = Space::ALL;
            for (field, number) in &ask.fields {
                let literal = self.literal(*field, *number);
                space = self.arena.and(space, literal);
            }
            perhaps = self.arena.or(perhaps, space);
            if !in_doubt {
                surely = self.arena.or(surely, space);
            }
        }
        (surely, perhaps)
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

    fn changed(&mut self, live: Live, change: impl Fn(&mut State)) -> Live {
        let mut changed = Vec::new();
        for (mut state, space) in live {
            change(&mut state);
            self.join(&mut changed, vec![(state, space)]);
        }
        changed
    }

    /// Flows of one state are one set.
    fn join(&mut self, into: &mut Live, live: Live) {
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
