//! Which permits cover which port: the axis cut wherever the answer changes.
//! Not here: what is done with the pieces.

use crate::plan::Permit;
use crate::{PortRange, Proto};
use std::collections::{BTreeMap, BTreeSet};

/// Ports that the very same permits cover, by those permits' positions in the plan.
pub(super) type Pieces = BTreeMap<Vec<usize>, Vec<PortRange>>;

/// Cuts all permits' ports into pieces; in each, a port is covered by exactly the permits of its key.
pub(super) fn pieces(permits: &[Permit]) -> Pieces {
    let mut pieces = Pieces::new();
    for proto in [Proto::Tcp, Proto::Udp, Proto::Sctp] {
        for (range, covering) in atoms(permits, proto) {
            let ranges = pieces.entry(covering).or_default();
            match ranges.last_mut() {
                Some(last) if last.proto == proto && last.last.checked_add(1) == Some(range.first) => {
                    last.last = range.last;
                }
                _ => ranges.push(range),
            }
        }
    }
    pieces
}

/// The smallest ranges in which nothing changes, in order, those that nobody covers left out.
fn atoms(permits: &[Permit], proto: Proto) -> Vec<(PortRange, Vec<usize>)> {
    let ranges: Vec<(usize, PortRange)> = permits
        .iter()
        .enumerate()
        .flat_map(|(i, p)| p.ports.iter().filter(|r| r.proto == proto).map(move |r| (i, *r)))
        .collect();
    let cuts: BTreeSet<u32> =
        ranges.iter().flat_map(|(_, r)| [u32::from(r.first), u32::from(r.last) + 1]).collect();
    let cuts: Vec<u32> = cuts.into_iter().collect();
    cuts.windows(2)
        .filter_map(|w| {
            let (first, last) = (u16::try_from(w[0]).ok()?, u16::try_from(w[1] - 1).ok()?);
            let covering: BTreeSet<usize> =
                ranges.iter().filter(|(_, r)| r.first <= first && last <= r.last).map(|(i, _)| *i).collect();
            let range = PortRange { proto, first, last };
            (!covering.is_empty()).then(|| (range, covering.into_iter().collect()))
        })
        .collect()
}
