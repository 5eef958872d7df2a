//! A case with a disagreement, made as small as it can be while it is still there.
//! Not here: how cases run ([`crate::run`]).

mod script;
mod tables;

use crate::compare::Agreement;
use crate::run::{Case, Disagreement, Rules, Run};

/// How often a smaller case is tried at most.
const TRIES_MAX: usize = 2000;

/// The smallest case found, with its disagreement.
pub(crate) fn shrink(run: &mut Run, case: Case, found: Disagreement) -> (Case, Disagreement) {
    let kind = found.kind;
    let mut shrinker = Shrinker { run, kind, case, found, tries: 0 };
    shrinker.packets();
    shrinker.as_tables();
    loop {
        let before = size(&shrinker.case.rules);
        match shrinker.case.rules {
            Rules::Tables(_) => shrinker.smaller_tables(),
            Rules::Script(_) => shrinker.smaller_script(),
            Rules::Listing(_) => {}
        }
        if size(&shrinker.case.rules) == before || shrinker.tries > TRIES_MAX {
            break;
        }
    }
    shrinker.bare_packet();
    (shrinker.case, shrinker.found)
}

fn size(rules: &Rules) -> usize {
    match rules {
        Rules::Tables(tables) => tables::size(tables),
        Rules::Script(script) => script::size(script),
        Rules::Listing(_) => 0,
    }
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

    /// What a program loaded, loaded by this crate: that can be made smaller.
    fn as_tables(&mut self) {
        if let Rules::Listing(_) = self.case.rules
            && let Ok(tables) = self.run.read_back(&self.case.rules)
        {
            self.take(Case { rules: Rules::Tables(tables), ..self.case.clone() });
        }
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
}
