//! Smaller scripts of iptables: without a line, or a piece of one.
//! Not here: whether the disagreement is still there ([`super`]).

use super::Shrinker;
use crate::foreign::{Line, Script};
use crate::run::Rules;

impl Shrinker<'_> {
    pub(super) fn smaller_script(&mut self) {
        for is_v4 in [true, false] {
            for place in (0..self.lines(is_v4).len()).rev() {
                self.without(is_v4, |lines| drop(lines.remove(place)));
            }
            for place in 0..self.lines(is_v4).len() {
                for piece in (0..self.lines(is_v4)[place].pieces.len()).rev() {
                    self.without(is_v4, |lines| drop(lines[place].pieces.remove(piece)));
                }
            }
        }
    }

    fn lines(&self, is_v4: bool) -> &[Line] {
        match &self.case.rules {
            Rules::Script(Script { v4, v6 }) => {
                if is_v4 {
                    v4
                } else {
                    v6
                }
            }
            Rules::Tables(_) | Rules::Listing(_) => &[],
        }
    }

    fn without(&mut self, is_v4: bool, remove: impl Fn(&mut Vec<Line>)) {
        let mut smaller = self.case.clone();
        if let Rules::Script(Script { v4, v6 }) = &mut smaller.rules {
            remove(if is_v4 { v4 } else { v6 });
            self.take(smaller);
        }
    }
}

/// Everything that could be taken away.
pub(super) fn size(script: &Script) -> usize {
    script.v4.iter().chain(&script.v6).map(|line| 1 + line.pieces.len()).sum()
}
