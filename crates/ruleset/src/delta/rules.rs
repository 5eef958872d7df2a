//! Rules of two chains, in order: which are only in one of them.
//! Not here: whether two rules do the same ([`super::alike`]).

use super::{DifferenceKind, Finding, alike, whole};
use crate::{Chain, Rule, Table, text};
use std::ops::ControlFlow;

/// Beyond so many pairs of rules that differ, none are matched with each other any more.
const PAIRS_MAX: usize = 4_000_000;

/// Tell the rules that only one chain has. A rule that moved is missing in one place and extra in another.
pub(super) fn walk(have: (&Table, &Chain), want: (&Table, &Chain), found: Finding<'_>) -> ControlFlow<()> {
    let (held, wanted) = (&have.1.rules[..], &want.1.rules[..]);
    let common = held.iter().zip(wanted).take_while(|(h, w)| alike::rules(h, w)).count();
    let (held, wanted) = (&held[common..], &wanted[common..]);
    let ending = held.iter().rev().zip(wanted.iter().rev()).take_while(|(h, w)| alike::rules(h, w)).count();
    let (held, wanted) = (&held[..held.len() - ending], &wanted[..wanted.len() - ending]);
    let (only_held, only_wanted) = unmatched(held, wanted);
    let place = format!("chain {}", want.1.name);
    let tell = |kind, table: &Table, index: usize, rule: &Rule| {
        let handle = rule.handle.map_or(String::new(), |handle| format!(" (handle {handle})"));
        whole(&place, kind, format!("rule {}: {}{handle}", common + index + 1, text::rule(table, rule)))
    };
    for index in only_wanted {
        found(&|| tell(DifferenceKind::Missing, want.0, index, &wanted[index]))?;
    }
    for index in only_held {
        found(&|| tell(DifferenceKind::Extra, have.0, index, &held[index]))?;
    }
    ControlFlow::Continue(())
}

/// Indices of the rules that are in no longest common sequence.
fn unmatched(held: &[Rule], wanted: &[Rule]) -> (Vec<usize>, Vec<usize>) {
    let (rows, columns) = (held.len(), wanted.len());
    if rows * columns == 0 || rows * columns > PAIRS_MAX {
        return ((0..rows).collect(), (0..columns).collect());
    }
    let lengths = common_lengths(held, wanted);
    let (mut row, mut column) = (0, 0);
    let (mut only_held, mut only_wanted) = (Vec::new(), Vec::new());
    while row < rows || column < columns {
        let down = if row < rows { Some(lengths[row + 1][column]) } else { None };
        let right = if column < columns { Some(lengths[row][column + 1]) } else { None };
        if row < rows && column < columns && alike::rules(&held[row], &wanted[column]) {
            (row, column) = (row + 1, column + 1);
        } else if right >= down {
            only_wanted.push(column);
            column += 1;
        } else {
            only_held.push(row);
            row += 1;
        }
    }
    (only_held, only_wanted)
}

/// For each pair of ends, the length of the longest sequence that they have in common.
fn common_lengths(held: &[Rule], wanted: &[Rule]) -> Vec<Vec<u32>> {
    let mut lengths = vec![vec![0; wanted.len() + 1]; held.len() + 1];
    for row in (0..held.len()).rev() {
        for column in (0..wanted.len()).rev() {
            lengths[row][column] = match alike::rules(&held[row], &wanted[column]) {
                true => lengths[row + 1][column + 1] + 1,
                false => lengths[row + 1][column].max(lengths[row][column + 1]),
            };
        }
    }
    lengths
}
