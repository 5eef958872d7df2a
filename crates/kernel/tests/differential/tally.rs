//! Counts over a run, and what they must be for the run to have shown anything.
//! Not here: single packets ([`crate::compare`]).

use crate::compare::{Agreement, Fate};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

/// What came of the packets of all rulesets.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) rulesets: usize,
    /// Linux would not load them.
    pub(crate) refused: usize,
    agreements: BTreeMap<Agreement, usize>,
}

impl Tally {
    pub(crate) fn add(&mut self, agreements: &[Agreement]) {
        self.rulesets += 1;
        agreements.iter().for_each(|agreement| *self.agreements.entry(*agreement).or_default() += 1);
    }

    fn of(&self, agreement: Agreement) -> usize {
        self.agreements.get(&agreement).copied().unwrap_or(0)
    }

    pub(crate) fn packets(&self) -> usize {
        self.agreements.values().sum()
    }

    /// A run that says nothing is a failure: packets that get lost, rulesets that are refused, one fate only.
    pub(crate) fn assert_telling(&self) {
        let packets = self.packets();
        if packets < 1000 {
            return;
        }
        assert!(self.of(Agreement::Lost) * 20 <= packets, "more than one packet in 20 got lost: {self}");
        assert!(self.refused * 20 <= self.rulesets, "more than one ruleset in 20 was refused: {self}");
        assert!(self.of(Agreement::May) * 10 <= packets, "more than one answer in 10 is may: {self}");
        for fate in [Fate::Accept, Fate::Drop, Fate::Reject] {
            let number = self.of(Agreement::Full(fate));
            assert!(number * 100 >= packets, "fewer than one packet in 100 meets {fate:?}: {self}");
        }
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let packets = self.packets();
        write!(f, "{} rulesets ({} refused), {packets} packets:", self.rulesets, self.refused)?;
        self.agreements.iter().try_for_each(|(agreement, number)| write!(f, " {agreement:?} {number}"))
    }
}
