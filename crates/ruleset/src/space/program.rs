//! A ruleset made ready to be walked by the flows of one shape: the base chains that they meet, and every
//! chain that can be reached from these.
//! Not here: the walk itself ([`super::walk`]).

use super::compile::{Compiler, End, Names, Step};
use super::field::{Field, Shape};
use super::formula::{Clause, Condition, Values};
use super::load::states;
use super::registers::Functions;
use super::walk::{Base, Program};
use crate::flow::{CtState, Direction};
use crate::judge::Environment;
use crate::table::ChainKind;
use crate::{Chain, ChainPolicy, Family, Hook, Ruleset, Table};
use std::collections::HashMap;

/// A ruleset's chains and sets, numbered.
pub(super) struct Numbered<'r> {
    tables: Vec<(&'r Table, Names<'r>)>,
    /// Every chain with its table's place.
    chains: Vec<(usize, &'r Chain)>,
}

impl<'r> Numbered<'r> {
    pub(super) fn new(ruleset: &'r Ruleset) -> Numbered<'r> {
        let mut chains = Vec::new();
        let mut sets = 0;
        let mut tables = Vec::new();
        for (place, table) in ruleset.tables.iter().enumerate() {
            let mut names = Names::default();
            for chain in &table.chains {
                names.chains.insert(&chain.name, chains.len());
                chains.push((place, chain));
            }
            for set in &table.sets {
                names.sets.insert(&set.name, (sets, set));
                sets += 1;
            }
            tables.push((table, names));
        }
        Numbered { tables, chains }
    }

    /// The program that flows of a shape meet.
    pub(super) fn program(
        &self,
        shape: Shape,
        environment: &Environment,
        values: &mut Values,
        whole_sets: &mut HashMap<(usize, Field), usize>,
    ) -> Program {
        let hooked = self.hooked(shape, values);
        let mut chains: Vec<Vec<Vec<Step>>> = self.chains.iter().map(|_| Vec::new()).collect();
        let mut is_ready = vec![false; chains.len()];
        let mut waiting: Vec<usize> = hooked.iter().map(|base| base.chain).collect();
        let mut functions = Functions::default();
        while let Some(number) = waiting.pop() {
            if std::mem::replace(&mut is_ready[number], true) {
                continue;
            }
            let (table, chain) = self.chains[number];
            let names = &self.tables[table].1;
            let mut compiler = Compiler {
                shape,
                environment,
                values: &mut *values,
                whole_sets: &mut *whole_sets,
                names,
                functions,
            };
            chains[number] = chain.rules.iter().map(|rule| compiler.rule(rule)).collect();
            functions = compiler.functions;
            chains[number].iter().for_each(|steps| targets(steps, &mut waiting));
        }
        Program { chains, hooked }
    }

    /// The base chains that flows of a shape meet, in the order in which Linux runs them: by priority, and of
    /// one priority the one that was hooked last first.
    fn hooked(&self, shape: Shape, values: &mut Values) -> Vec<Base> {
        let hook = match shape.direction {
            Direction::In => Hook::Input,
            Direction::Out => Hook::Output,
            Direction::Forward => Hook::Forward,
        };
        let mut found = Vec::new();
        for (number, (table, chain)) in self.chains.iter().enumerate().rev() {
            let table = self.tables[*table].0;
            let sees = table.id.family == Family::Inet || table.id.family == shape.family;
            let Some(base) = chain.base.as_ref().filter(|base| base.hook == hook) else { continue };
            if sees && !table.flags.dormant {
                found.push((base.priority, number, base));
            }
        }
        found.sort_by_key(|(priority, ..)| *priority);
        let opening = Condition(vec![Clause::field(Field::Ct, states(&[CtState::New, CtState::Related]))]);
        let base = |(_, chain, base): (i32, usize, &crate::BaseChain)| Base {
            chain,
            // Chains of nat see only what opens a connection.
            only: values.ask(if base.kind == ChainKind::Nat { opening.clone() } else { Condition::always() }),
            accepts: base.policy == ChainPolicy::Accept,
        };
        found.into_iter().map(base).collect()
    }
}

/// The chains that steps lead to.
fn targets(steps: &[Step], into: &mut Vec<usize>) {
    for step in steps {
        match step {
            Step::End(End::Jump(chain) | End::Goto(chain)) => into.push(*chain),
            Step::Choose(arms) => arms.iter().for_each(|(_, steps)| targets(steps, into)),
            _ => {}
        }
    }
}
