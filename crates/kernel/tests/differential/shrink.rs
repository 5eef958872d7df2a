//! A case with a disagreement, made as small as it can be while it is still there.
//! Not here: how cases run ([`crate::run`]).

use crate::compare::Agreement;
use crate::run::{Case, Disagreement, Run};
use rolewall_ruleset::{Expr, SetRef, Table};

/// How often a smaller case is tried at most: a few seconds.
const TRIES_MAX: usize = 2000;

/// The smallest case found, with its disagreement.
pub(crate) fn shrink(run: &mut Run, case: Case, found: Disagreement) -> (Case, Disagreement) {
    let kind = found.kind;
    let mut shrinker = Shrinker { run, kind, case, found, tries: 0 };
    shrinker.packets();
    loop {
        let before = shrinker.case.clone();
        shrinker.tables();
        shrinker.chains();
        shrinker.rules();
        shrinker.exprs();
        shrinker.elements();
        shrinker.sets();
        if size(&before.tables) == size(&shrinker.case.tables) || shrinker.tries > TRIES_MAX {
            break;
        }
    }
    shrinker.bare_packet();
    (shrinker.case, shrinker.found)
}

struct Shrinker<'a> {
    run: &'a mut Run,
    kind: Agreement,
    case: Case,
    found: Disagreement,
    tries: usize,
}

impl Shrinker<'_> {
    /// Takes the smaller case if the disagreement is in it too.
    fn take(&mut self, smaller: Case) -> bool {
        self.tries += 1;
        if self.tries > TRIES_MAX {
            return false;
        }
        let first = self.run.run(&smaller).ok().and_then(|outcome| outcome.first);
        let Some(found) = first.filter(|found| found.kind == self.kind) else { return false };
        (self.case, self.found) = (smaller, found);
        true
    }

    /// The one packet, or those up to it, some of which it needs.
    fn packets(&mut self) {
        let packets = self.case.packets.clone();
        let place = self.found.packet;
        if self.take(Case { packets: vec![packets[place].clone()], ..self.case.clone() }) {
            return;
        }
        self.take(Case { packets: packets[..=place].to_vec(), ..self.case.clone() });
        let mut at = 0;
        while at + 1 < self.case.packets.len() {
            let mut fewer = self.case.clone();
            fewer.packets.remove(at);
            if !self.take(fewer) {
                at += 1;
            }
        }
    }

    fn bare_packet(&mut self) {
        let mut bare = self.case.clone();
        bare.packets.iter_mut().for_each(|packet| packet.before.clear());
        self.take(bare);
        let mut bare = self.case.clone();
        bare.packets.iter_mut().for_each(|packet| packet.flow.payload.truncate(4));
        self.take(bare);
    }

    /// Tries to do without each of so many things, from the last on.
    fn without_each(&mut self, number: usize, remove: impl Fn(&mut Vec<Table>, usize)) {
        for place in (0..number).rev() {
            let mut smaller = self.case.clone();
            remove(&mut smaller.tables, place);
            self.take(smaller);
        }
    }

    fn tables(&mut self) {
        self.without_each(self.case.tables.len(), |tables, place| drop(tables.remove(place)));
    }

    fn chains(&mut self) {
        for table in 0..self.case.tables.len() {
            let number = self.case.tables[table].chains.len();
            self.without_each(number, |tables, place| drop(tables[table].chains.remove(place)));
        }
    }

    fn rules(&mut self) {
        for (table, chain) in self.places() {
            let number = self.case.tables[table].chains[chain].rules.len();
            self.without_each(number, |tables, place| drop(tables[table].chains[chain].rules.remove(place)));
        }
    }

    fn exprs(&mut self) {
        for (table, chain) in self.places() {
            for rule in 0..self.case.tables[table].chains[chain].rules.len() {
                let number = self.case.tables[table].chains[chain].rules[rule].exprs.len();
                let remove = |tables: &mut Vec<Table>, place| {
                    tables[table].chains[chain].rules[rule].exprs.remove(place);
                };
                self.without_each(number, remove);
            }
        }
    }

    fn elements(&mut self) {
        for table in 0..self.case.tables.len() {
            for set in 0..self.case.tables[table].sets.len() {
                let number = self.case.tables[table].sets[set].elements.len();
                self.without_each(number, |tables, place| {
                    tables[table].sets[set].elements.remove(place);
                });
            }
        }
        for (table, chain) in self.places() {
            for rule in 0..self.case.tables[table].chains[chain].rules.len() {
                self.own_elements(table, chain, rule);
            }
        }
    }

    /// Elements of the sets that a rule has of its own.
    fn own_elements(&mut self, table: usize, chain: usize, rule: usize) {
        for expr in 0..self.case.tables[table].chains[chain].rules[rule].exprs.len() {
            let number = match &self.case.tables[table].chains[chain].rules[rule].exprs[expr] {
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
        for table in 0..self.case.tables.len() {
            let number = self.case.tables[table].sets.len();
            self.without_each(number, |tables, place| drop(tables[table].sets.remove(place)));
        }
    }

    fn places(&self) -> Vec<(usize, usize)> {
        let tables = self.case.tables.iter().enumerate();
        tables.flat_map(|(table, t)| (0..t.chains.len()).map(move |chain| (table, chain))).collect()
    }
}

/// Everything that could be taken away.
fn size(tables: &[Table]) -> usize {
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
