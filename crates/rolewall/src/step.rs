//! What `apply` has to do: nothing, some elements, or a whole new revision.
//! Not here: whether it may be done ([`crate::precheck`]), and doing it.

use crate::cli::ApplyArgs;
use crate::failure::Failure;
use crate::firewall::{Seen, frame_differences, leads};
use crate::foreign::Foreign;
use crate::state::Notes;
use crate::state::saved::previous;
use rolewall_control::frame::Leads;
use rolewall_control::{Phase, Revision};
use rolewall_policy::{Plan, lower};
use rolewall_ruleset::Generation;
use rolewall_ruleset::delta::{self, SetDelta};

/// One of three.
#[derive(Debug)]
pub(crate) enum Step {
    /// What is confirmed and held is the plan.
    Nothing { revision: Revision, wanted: Generation },
    /// It becomes the plan by some elements.
    Elements { revision: Revision, wanted: Generation, deltas: Vec<SetDelta> },
    /// A whole new generation beside what is in force, whose text is saved before.
    New { revision: Revision, wanted: Generation, previous: Result<String, Failure> },
}

/// What a step follows from, beside the plan.
pub(crate) struct Basis<'a> {
    pub(crate) arguments: &'a ApplyArgs,
    pub(crate) phase: Phase,
    pub(crate) seen: Option<&'a Seen>,
    pub(crate) notes: &'a Notes,
    pub(crate) foreign: &'a [Foreign],
}

impl Basis<'_> {
    /// The step to this plan from what is confirmed, elements included.
    pub(crate) fn step(&self, plan: &Plan, confirmed: Option<Generation>) -> Step {
        let within = match (self.phase, &confirmed) {
            (Phase::Confirmed { revision }, Some(held)) => self.within(plan, revision, held),
            _ => None,
        };
        within.unwrap_or_else(|| self.new_revision(plan, confirmed))
    }

    /// Where the confirmed revision is the plan, or becomes it by some elements, no new one is made. Only
    /// elements of `--final`, that is: a test must be able to go back.
    fn within(&self, plan: &Plan, revision: Revision, held: &Generation) -> Option<Step> {
        if self.arguments.rebuild || self.arguments.take_over {
            return None;
        }
        let wanted = lower::lower(plan, &revision.prefix());
        let is_led = |seen: &Seen| frame_differences(seen, &leads(&wanted), &Leads::new()).is_empty();
        if held.entries != wanted.entries || !self.seen.is_some_and(is_led) {
            return None;
        }
        let deltas = delta::elements_only(&held.parts, &wanted.parts)?;
        if deltas.is_empty() {
            return Some(Step::Nothing { revision, wanted });
        }
        let is_possible = self.arguments.final_ && fits(held, &deltas);
        is_possible.then_some(Step::Elements { revision, wanted, deltas })
    }

    fn new_revision(&self, plan: &Plan, confirmed: Option<Generation>) -> Step {
        let generations = self.seen.iter().flat_map(|s| s.held.generations.keys().copied());
        let revision = self.notes.next_revision(generations);
        // First: it takes what was read with it, so that not all of it is there at once.
        let previous = previous(confirmed, self.foreign);
        Step::New { revision, wanted: lower::lower(plan, &revision.prefix()), previous }
    }
}

/// Whether the sets that grow have room.
fn fits(held: &Generation, deltas: &[SetDelta]) -> bool {
    deltas.iter().all(|delta| {
        let set = held.parts.set(&delta.set);
        let room = set.and_then(|s| s.size).map_or(usize::MAX, |size| size as usize);
        set.is_some_and(|s| s.elements.len() + delta.add.len() <= room)
    })
}
