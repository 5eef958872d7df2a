//! Sets of flows: all that a ruleset accepts, drops and refuses, at once and exactly.
//! Not here: one flow and its path ([`crate::judge`]); this is a second reading of the same rules, written
//! apart from it, and both are held to each other.
//!
//! Flows are studied shape by shape ([`Shape`]: direction, family, layer 4), since flows of a shape have the same
//! fields. For each field, the values that no rule tells apart are one class; a set of flows is a decision
//! diagram over classes; a ruleset is walked once by all flows together. Where a rule asks for what no flow
//! tells (a rate, a payload, a routing table), its flows go both ways, and are in two of the [`Fates`].
//!
//! The ends are exact for packets without IP options, extension headers or fragments, as [`Flow`] describes
//! them; what follows the transport header, and how long it is, is not known.

mod alphabet;
mod boxes;
mod compile;
mod cover;
mod diagram;
mod field;
mod formula;
mod hooks;
mod load;
mod lookup;
mod program;
mod project;
mod ranges;
mod region;
mod registers;
mod state;
mod translate;
mod walk;
mod xt;

pub use boxes::FlowBox;
pub use diagram::Space;
pub use field::{CT_STATES, Field, Kind, Shape, address, interface_values, number};
pub use ranges::Ranges;
pub use region::{Region, Specification, Wanted};
pub use walk::{Fates, Met, TooLarge};

use crate::flow::Direction;
use crate::judge::{Environment, Judged};
use crate::{Family, Flow, Ruleset};
use alphabet::Alphabet;
use diagram::Arena;
use formula::{Ask, Values};
use program::Numbered;
use std::collections::HashMap;
use std::rc::Rc;
use walk::{Fields, Program, Walk};

/// What says what becomes of flows.
#[derive(Debug, Clone, Copy)]
pub enum Source<'r> {
    /// Tables and their chains.
    Ruleset(&'r Ruleset),
    /// What somebody wants.
    Specification(&'r Specification),
}

/// What is studied.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// Whose fates are compared.
    pub sources: &'q [Source<'q>],
    /// Flow spaces that are asked about.
    pub regions: &'q [Region],
    /// The host and the world.
    pub environment: &'q Environment,
    /// Which ways.
    pub directions: &'q [Direction],
}

/// Everything about the flows of one shape.
#[derive(Debug)]
pub struct Study {
    /// The shape.
    pub shape: Shape,
    /// What becomes of its flows, by source.
    pub fates: Vec<Fates>,
    /// The regions that were asked about, in their order.
    pub regions: Vec<Space>,
    arena: Arena,
    fields: Fields,
}

/// Goes through all flows, shape by shape.
pub fn study(question: Question<'_>, mut visit: impl FnMut(Study)) -> Result<(), TooLarge> {
    for family in [Family::Ip, Family::Ip6] {
        let mut ready = Ready::new(family, question);
        let fields = ready.fields();
        for (shape, programs, regions) in ready.shapes {
            let fields = of_shape(shape, &fields);
            let mut arena = Arena::new(fields.alphabets.iter().map(|a| a.count()).collect());
            let walks: Result<Vec<Fates>, TooLarge> = programs
                .iter()
                .map(|program| Walk::new(&mut arena, &fields, &ready.values, program).run())
                .collect();
            let fates = walks?;
            let regions = regions.iter().map(|asks| region(&mut arena, &fields, asks)).collect();
            visit(Study { shape, fates, regions, arena, fields });
        }
    }
    Ok(())
}

/// What flows do with each rule, by the places of table, chain and rule: those that none comes to or fulfils are
/// there for nothing.
pub fn met(ruleset: &Ruleset, environment: &Environment) -> Result<Vec<Vec<Vec<Met>>>, TooLarge> {
    let empty =
        |table: &crate::Table| table.chains.iter().map(|c| vec![Met::default(); c.rules.len()]).collect();
    let mut all: Vec<Vec<Vec<Met>>> = ruleset.tables.iter().map(empty).collect();
    let sources = [Source::Ruleset(ruleset)];
    let directions = [Direction::In, Direction::Out, Direction::Forward];
    for family in [Family::Ip, Family::Ip6] {
        let question = Question { sources: &sources, regions: &[], environment, directions: &directions };
        let mut ready = Ready::new(family, question);
        let fields = ready.fields();
        for (shape, programs, _) in &ready.shapes {
            let fields = of_shape(*shape, &fields);
            for program in programs {
                let mut arena = Arena::new(fields.alphabets.iter().map(|a| a.count()).collect());
                let mut walk = Walk::new(&mut arena, &fields, &ready.values, program);
                walk.run()?;
                // A chain that nothing leads to was not made ready.
                for (all, here) in all.iter_mut().flatten().zip(&walk.met) {
                    for (all, here) in all.iter_mut().zip(here) {
                        all.is_reached |= here.is_reached;
                        all.is_matched |= here.is_matched;
                    }
                }
            }
        }
    }
    Ok(all)
}

/// One family's programs, and the values that they ask for.
struct Ready {
    family: Family,
    values: Values,
    shapes: Vec<(Shape, Vec<Program>, Vec<Vec<Ask>>)>,
}

impl Ready {
    fn new(family: Family, question: Question<'_>) -> Ready {
        let Question { sources, regions, environment, directions } = question;
        let (mut values, mut whole_sets) = (Values::default(), HashMap::new());
        let rulesets: Vec<Option<Numbered<'_>>> = sources.iter().map(numbered).collect();
        let mut shapes = Vec::new();
        for (direction, kind) in directions.iter().flat_map(|d| Kind::ALL.map(|kind| (*d, kind))) {
            let shape = Shape { direction, family, kind };
            let mut program =
                |(source, ruleset): (&Source<'_>, &Option<Numbered<'_>>)| match (source, ruleset) {
                    (Source::Specification(wanted), _) => wanted.program(shape, &mut values),
                    (_, Some(ruleset)) => ruleset.program(shape, environment, &mut values, &mut whole_sets),
                    (Source::Ruleset(_), None) => Specification::default().program(shape, &mut values),
                };
            let programs = sources.iter().zip(&rulesets).map(&mut program).collect();
            let regions = regions.iter().map(|region| region.asks(shape, &mut values)).collect();
            shapes.push((shape, programs, regions));
        }
        Ready { family, values, shapes }
    }

    /// The classes of every field, the same for all shapes.
    fn fields(&mut self) -> HashMap<Field, Rc<Alphabet>> {
        let mut alphabets = HashMap::new();
        for shape in self.shapes.iter().map(|(shape, ..)| shape) {
            for field in shape.fields() {
                let asked = self.values.of(field);
                let new = || Rc::new(Alphabet::new(&shape.possible(field, asked), asked));
                alphabets.entry(field).or_insert_with(new);
            }
        }
        debug_assert!(self.shapes.iter().all(|(shape, ..)| shape.family == self.family));
        alphabets
    }
}

fn numbered<'r>(source: &Source<'r>) -> Option<Numbered<'r>> {
    match source {
        Source::Ruleset(ruleset) => Some(Numbered::new(ruleset)),
        Source::Specification(_) => None,
    }
}

fn of_shape(shape: Shape, alphabets: &HashMap<Field, Rc<Alphabet>>) -> Fields {
    let order = shape.fields();
    let alphabets = order.iter().filter_map(|field| alphabets.get(field).cloned()).collect();
    Fields { order, alphabets }
}

fn region(arena: &mut Arena, fields: &Fields, asks: &[Ask]) -> Space {
    asks.iter().fold(Space::NONE, |all, ask| {
        let one = ask.fields.iter().fold(Space::ALL, |space, (field, _, number)| {
            let Some(place) = fields.order.iter().position(|own| own == field) else { return Space::NONE };
            let literal = arena.one_of(place, fields.alphabets[place].members(*number));
            arena.and(space, literal)
        });
        arena.or(all, one)
    })
}

impl Study {
    /// The flows in both.
    pub fn and(&mut self, a: Space, b: Space) -> Space {
        self.arena.and(a, b)
    }

    /// The flows in either.
    pub fn or(&mut self, a: Space, b: Space) -> Space {
        self.arena.or(a, b)
    }

    /// The flows of the first that are not in the second.
    pub fn without(&mut self, a: Space, b: Space) -> Space {
        self.arena.without(a, b)
    }

    /// The flows that surely pass by a source.
    pub fn surely(&mut self, source: usize) -> Space {
        let Fates { accept, drop, reject } = self.fates[source];
        let stopped = self.arena.or(drop, reject);
        self.arena.without(accept, stopped)
    }

    /// Whether a flow of this shape is in a space.
    pub fn contains(&self, space: Space, flow: &Flow) -> bool {
        let classes: Option<Vec<usize>> = self
            .fields
            .order
            .iter()
            .zip(&self.fields.alphabets)
            .map(|(field, alphabet)| alphabet.class(self.shape.value(*field, flow)?))
            .collect();
        classes.is_some_and(|classes| self.arena.contains(space, &classes))
    }

    /// What becomes of a flow of this shape, by a source.
    pub fn judged(&self, source: usize, flow: &Flow) -> Judged {
        let Fates { accept, drop, reject } = self.fates[source];
        match [accept, drop, reject].map(|space| self.contains(space, flow)) {
            [true, false, false] => Judged::Accept,
            [false, true, false] => Judged::Drop,
            [false, false, true] => Judged::Reject,
            _ => Judged::May,
        }
    }
}
