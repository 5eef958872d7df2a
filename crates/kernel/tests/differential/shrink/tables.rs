//! Smaller tables: without a table, a chain, a rule, an instruction, an element, a set.
//! Not here: whether the disagreement is still there ([`super`]).

use super::Shrinker;
use crate::run::Rules;
use rolewall_ruleset::{Expr, SetRef, Table};

impl Shrinker<'_> {
    /// Everything in turn, what is larger first.
    pub(super) fn smaller_tables(&mut self) {
        self.tables();
        self.chains();
        self.rules();
        self.exprs();
        self.elements();
        self.sets();
    }

    fn held(&self) -> &[Table] {
        match &self.case.rules {
            Rules::Tables(tables) => tables,
            Rules::Script(_) | Rules::Listing(_) => &[],
        }
    }

    /// Tries to do without each of so many things, from the last on.
    fn without_each(&mut self, number: usize, remove: impl Fn(&mut Vec<Table>, usize)) {
        for place in (0..number).rev() {
            let mut smaller = self.case.clone();
            if let Rules::Tables(tables) = &mut smaller.rules {
                remove(tables, place);
                self.take(smaller);
            }
        }
    }

    fn tables(&mut self) {
        self.without_each(self.held().len(), |tables, place| drop(tables.remove(place)));
    }

    fn chains(&mut self) {
        for table in 0..self.held().len() {
            let number = self.held()[table].chains.len();
            self.without_each(number, |tables, place| drop(tables[table].chains.remove(place)));
        }
    }

    fn rules(&mut self) {
        for (table, chain) in self.places() {
            let number = self.held()[table].chains[chain].rules.len();
            self.without_each(number, |tables, place| drop(tables[table].chains[chain].rules.remove(place)));
        }
    }

    fn exprs(&mut self) {
        for (table, chain) in self.places() {
            for rule in 0..self.held()[table].chains[chain].rules.len() {
                let number = self.held()[table].chains[chain].rules[rule].exprs.len();
                let remove = |tables: &mut Vec<Table>, place| {
                    tables[table].chains[chain].rules[rule].exprs.remove(place);
                };
                self.without_each(number, remove);
            }
        }
    }

    fn elements(&mut self) {
        for table in 0..self.held().len() {
            for set in 0..self.held()[table].sets.len() {
                let number = self.held()[table].sets[set].elements.len();
                self.without_each(number, |tables, place| {
                    tables[table].sets[set].elements.remove(place);
                });
            }
        }
        for (table, chain) in self.places() {
            for rule in 0..self.held()[table].chains[chain].rules.len() {
                self.own_elements(table, chain, rule);
            }
        }
    }

    /// Elements of the sets that a rule has of its own.
    fn own_elements(&mut self, table: usize, chain: usize, rule: usize) {
        for expr in 0..self.held()[table].chains[chain].rules[rule].exprs.len() {
            let number = match &self.held()[table].chains[chain].rules[rule].exprs[expr] {
                Expr::Lookup { set: SetRef::Anonymous(set), .. } => set.elements.len(),
                _ => continue,
            };
            self.without_each(number, |tables, place| {
                let exprs = &mut tables[table].chains[chain].rules[rule].exprs;
                if let Expr::Lookup { set: SetRef::Anonymous(set), .. } = &mut exprs[expr] {
                    set.elements.remove(place);
                }
            });
        }
    }

    fn sets(&mut self) {
        for table in 0..self.held().len() {
            let number = self.held()[table].sets.len();
            self.without_each(number, |tables, place| drop(tables[table].sets.remove(place)));
        }
    }

    fn places(&self) -> Vec<(usize, usize)> {
        let tables = self.held().iter().enumerate();
        tables.flat_map(|(table, t)| (0..t.chains.len()).map(move |chain| (table, chain))).collect()
    }
}

/// Everything that could be taken away.
pub(super) fn size(tables: &[Table]) -> usize {
    let rule = |exprs: &[Expr]| -> usize {
        let own = exprs.iter().map(|expr| match expr {
            Expr::Lookup { set: SetRef::Anonymous(set), .. } => 1 + set.elements.len(),
            _ => 1,
        });
        1 + own.sum::<usize>()
    };
    let table = |table: &Table| -> usize {
        let rules = table.chains.iter().flat_map(|chain| &chain.rules).map(|r| rule(&r.exprs));
        let sets = table.sets.iter().map(|set| 1 + set.elements.len());
        1 + table.chains.len() + rules.sum::<usize>() + sets.sum::<usize>()
    };
    tables.iter().map(table).sum()
}
