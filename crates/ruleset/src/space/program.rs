//! A ruleset made ready to be walked by the flows of one shape: the base chains that they meet, and every
//! chain that can be reached from these.
//! Not here: the walk itself ([`super::walk`]).

use super::compile::{Compiler, End, Names, Step};
use super::field::{Field, Shape};
use super::formula::Values;
use super::hooks;
use super::registers::Functions;
use super::walk::{Base, Program};
use crate::judge::Environment;
use crate::{Chain, Hook, Ruleset, Table};
use std::collections::HashMap;

/// A ruleset's chains and sets, numbered.
pub(super) struct Numbered<'r> {
    pub(super) tables: Vec<(&'r Table, Names<'r>)>,
    /// Every chain with its table's place.
    pub(super) chains: Vec<(usize, &'r Chain)>,
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
        let hooks = hooks::met(shape.direction, environment.hooks);
        let hooked: Vec<(Hook, Vec<Base>)> =
            hooks.iter().map(|hook| (*hook, self.hooked(*hook, shape, values))).collect();
        let mut chains: Vec<Vec<Vec<Step>>> = self.chains.iter().map(|_| Vec::new()).collect();
        let mut is_ready = vec![false; chains.len()];
        let mut waiting: Vec<usize> =
            hooked.iter().flat_map(|(_, bases)| bases).map(|base| base.chain).collect();
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
        Program { chains, hooked, route: hooks::route(shape, environment, values) }
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
