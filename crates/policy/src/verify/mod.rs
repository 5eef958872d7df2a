//! Whether a ruleset accepts exactly the flows of a plan: a proof, or a flow that shows otherwise.
//! Not here: where the ruleset is from, and who judges single flows.

pub mod assert;
pub mod both;
pub mod ends;
pub mod fleet;
pub mod intent;
pub mod matrix;

use crate::Plan;
use rolewall_ruleset::flow::Direction;
use rolewall_ruleset::judge::Environment;
use rolewall_ruleset::space::{Fates, Question, Shape, Source, Space, Study, TooLarge, study};
use rolewall_ruleset::{Flow, Ruleset};

/// How a ruleset falls short of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It lets pass what the plan does not permit.
    Open,
    /// It stops what the plan permits.
    Closed,
    /// It may let pass what the plan does not permit: a rule asks what no flow tells.
    MayOpen,
    /// It may stop what the plan permits.
    MayClose,
}

/// One way in which a ruleset falls short, with a flow that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// How.
    pub fault: Fault,
    /// Of which flows.
    pub shape: Shape,
    /// One of them.
    pub witness: Flow,
}

/// Every direction.
pub const DIRECTIONS: [Direction; 3] = [Direction::In, Direction::Out, Direction::Forward];

/// Holds a ruleset against a plan: at most one violation of each fault for the flows of one shape.
pub fn verify(plan: &Plan, ruleset: &Ruleset, environment: &Environment) -> Result<Vec<Violation>, TooLarge> {
    let wanted = intent::intent(plan);
    let sources = [Source::Specification(&wanted), Source::Ruleset(ruleset)];
    let question = Question { sources: &sources, regions: &[], environment, directions: &DIRECTIONS };
    let mut violations = Vec::new();
    study(question, |mut study| {
        for (fault, space) in faults(&mut study) {
            let witness = study.witness(space);
            violations.extend(witness.map(|witness| Violation { fault, shape: study.shape, witness }));
        }
    })?;
    Ok(violations)
}

/// The flows of each fault: source 0 is what is wanted, source 1 what is.
fn faults(study: &mut Study) -> [(Fault, Space); 4] {
    let (wanted, held) = (study.fates[0], study.fates[1]);
    let stopped = |study: &mut Study, fates: Fates| study.or(fates.drop, fates.reject);
    let (refused, stops) = (stopped(study, wanted), stopped(study, held));
    let surely_wanted = study.without(wanted.accept, refused);
    let surely_refused = study.without(refused, wanted.accept);
    let (opens, closes) = (study.and(held.accept, surely_refused), study.and(stops, surely_wanted));
    let (open, closed) = (study.without(opens, stops), study.without(closes, held.accept));
    [
        (Fault::Open, open),
        (Fault::Closed, closed),
        (Fault::MayOpen, study.without(opens, open)),
        (Fault::MayClose, study.without(closes, closed)),
    ]
}
