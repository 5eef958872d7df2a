//! The figures of one number of nodes, as tables.
//! Not here: taking them.

use super::frames::Kind;
use super::wires::Ruleset;
use crate::report::{Table, ratio};
use crate::stats::{median, pairwise, range};
use std::collections::BTreeMap;

/// Seconds of CPU a packet, of each round.
#[derive(Debug, Default)]
pub(super) struct Costs(BTreeMap<(Kind, Ruleset), Vec<f64>>);

impl Costs {
    pub(super) fn add(&mut self, kind: Kind, ruleset: Ruleset, cpu_s: f64) {
        self.0.entry((kind, ruleset)).or_default().push(cpu_s);
    }

    pub(super) fn print(&self) {
        self.by_ruleset().print();
        self.beside_nft().print();
    }

    fn of(&self, kind: Kind, ruleset: Ruleset) -> &[f64] {
        self.0.get(&(kind, ruleset)).map_or(&[], Vec::as_slice)
    }

    /// Of each cell the cost, and how many times that of connection tracking alone it is.
    fn by_ruleset(&self) -> Table {
        let columns = std::iter::once("ruleset").chain(Kind::ALL.map(Kind::word)).collect::<Vec<_>>();
        let mut table = Table::new(&columns);
        for ruleset in Ruleset::ALL {
            let cell = |kind: Kind| {
                let costs = self.of(kind, ruleset);
                let (low, high) = range(costs);
                let ns = |s: f64| format!("{:.0}", s * 1e9);
                let alone = ratio(pairwise(costs, self.of(kind, Ruleset::Conntrack)));
                format!("{} ({}..{}) x{alone}", ns(median(costs)), ns(low), ns(high))
            };
            table.row(std::iter::once(ruleset.word().to_owned()).chain(Kind::ALL.map(cell)));
        }
        table
    }

    /// Rolewall beside nft, and beside itself.
    fn beside_nft(&self) -> Table {
        let mut table = Table::new(&[
            "packets",
            "beyond conntrack, ns: rolewall; nft-rolemap",
            "rolewall / conntrack alone",
            "rolewall / nft-rolemap",
            "null test",
            "so rolewall costs",
        ]);
        for kind in Kind::ALL {
            let beside = |a, b| pairwise(self.of(kind, a), self.of(kind, b));
            let alone = beside(Ruleset::Rolewall, Ruleset::Conntrack);
            let nft = beside(Ruleset::Rolewall, Ruleset::NftRolemap);
            let null = typical_difference(self.of(kind, Ruleset::Again), self.of(kind, Ruleset::Rolewall));
            let beyond = |ruleset| {
                let both = self.of(kind, ruleset).iter().zip(self.of(kind, Ruleset::Conntrack));
                median(&both.map(|(cost, alone)| (cost - alone) * 1e9).collect::<Vec<_>>())
            };
            table.row([
                kind.word().to_owned(),
                format!("{:+.0}; {:+.0}", beyond(Ruleset::Rolewall), beyond(Ruleset::NftRolemap)),
                format!("{alone:.3}"),
                format!("{nft:.3}"),
                format!("{null:.3}"),
                verdict(nft, null).to_owned(),
            ]);
        }
        table
    }
}

/// By how much of itself one usually differs from another that is the same: the median over rounds, of which
/// a median over all rounds differs by less.
fn typical_difference(again: &[f64], once: &[f64]) -> f64 {
    median(&again.iter().zip(once).map(|(a, b)| (a / b - 1.0).abs()).collect::<Vec<_>>())
}

/// A margin that is no larger than that between two that are the same says nothing.
fn verdict(of_nft: f64, null: f64) -> &'static str {
    if (of_nft - 1.0).abs() <= null {
        "not resolved"
    } else if of_nft < 1.0 {
        "less than nft-rolemap"
    } else {
        "more than nft-rolemap"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_margin_within_the_null_test_is_not_resolved() {
        assert_eq!(verdict(0.97, 0.04), "not resolved");
        assert_eq!(verdict(0.90, 0.04), "less than nft-rolemap");
        assert_eq!(verdict(1.10, 0.04), "more than nft-rolemap");
    }

    #[test]
    fn differences_of_either_sign_do_not_cancel() {
        assert!((typical_difference(&[0.98, 1.02, 1.02], &[1.0; 3]) - 0.02).abs() < 1e-9);
    }
}
