//! What a change opens and closes: the flows that pass one ruleset and not the other, as sets.
//! Not here: live flows, and who is in force.

mod line;
mod words;

pub use line::Line;

use crate::Inventory;
use line::Lines;
use rolewall_ruleset::Ruleset;
use rolewall_ruleset::flow::Direction;
use rolewall_ruleset::judge::Environment;
use rolewall_ruleset::space::{Question, Source, Space, TooLarge, study};

/// Whether flows begin or cease to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Way {
    Opens,
    Closes,
    /// Where everything passed, what still does: the rest closes.
    Stays,
}

/// All that a change opens and closes, merged to lines that people read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// What opens first.
    pub lines: Vec<Line>,
    /// There is more than is told.
    pub is_cut_short: bool,
}

/// So many boxes of flows are merged to lines, for each shape and way; nobody reads more.
const BOXES_MAX: usize = 4096;

const DIRECTIONS: [Direction; 3] = [Direction::In, Direction::Out, Direction::Forward];

/// The flows that pass one ruleset and not the other. What may pass, by a rule that asks what no flow tells, counts
/// as passing.
pub fn difference(
    now: &Ruleset,
    then: &Ruleset,
    inventory: &Inventory,
    environment: &Environment,
) -> Result<Difference, TooLarge> {
    let sources = [Source::Ruleset(now), Source::Ruleset(then)];
    let question = Question { sources: &sources, regions: &[], environment, directions: &DIRECTIONS };
    let mut lines = Lines::new(inventory);
    let mut is_cut_short = false;
    study(question, |mut study| {
        let (before, after) = (study.fates[0].accept, study.fates[1].accept);
        let (opened, closed) = (study.without(after, before), study.without(before, after));
        let had_no_rule = before == Space::ALL && !closed.is_empty();
        if had_no_rule {
            lines.close_all_but(study.shape);
        }
        let rest = if had_no_rule { (Way::Stays, after) } else { (Way::Closes, closed) };
        for (way, space) in [(Way::Opens, opened), rest] {
            let (boxes, is_whole) = study.boxes(space, BOXES_MAX);
            boxes.iter().for_each(|one| lines.add(way, one));
            is_cut_short |= !is_whole;
        }
    })?;
    Ok(Difference { lines: lines.finish(), is_cut_short })
}
