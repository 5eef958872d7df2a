//! What must hold after any fault: one place, whole; told as it is; and the next command works.
//! Not here: the faults.

use super::stage::Stage;
use super::steps::{Known, Place};
use super::support::program::{Program, described};
use super::tracer::{Fault, trace};
use super::view::View;
use rolewall_lab::Finished;
use serde_json::Value;

/// Where a fault left the node: as before, or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// What was in force is.
    Before,
    /// The step is done.
    After,
    /// At a place that lies between.
    Between,
    /// The step is done, but what comes after it in the program is not, and it says so.
    AfterWithError,
    /// What was confirmed cannot be read: its fallback is in force, and that is said.
    Fallback,
}

/// Of the places of a step, in their order.
pub(crate) const OUTCOMES: [Outcome; 3] = [Outcome::Before, Outcome::After, Outcome::Between];

/// What comes after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The same command again.
    Again,
    /// A reboot.
    Boot,
}

/// Begins a step, makes the fault, and judges what is left. None where the program never came to the fault; in words
/// what does not hold.
pub(crate) fn case(
    stage: &Stage,
    known: &Known,
    fault: Fault,
    next: Next,
) -> Result<Option<Outcome>, String> {
    known.step.begin(stage);
    let traced = trace(stage.node(), known.step.arguments, fault);
    let Some(hit) = &traced.hit else { return Ok(None) };
    let what = format!("{}: {fault:?}, which is {} {}", known.step.name, hit.name, hit.paths.join(" "));
    let said = described(&traced.finished);
    let judged = judge(stage, known, &traced.finished).and_then(|left| {
        let then = match next {
            Next::Again => again(stage, known, &left),
            Next::Boot => boot(stage, known, &left),
        };
        then.map(|()| Some(left.outcome)).map_err(|wrong| format!("then {next:?}: {wrong}"))
    });
    judged.map_err(|wrong| format!("{what}\n{wrong}\n{said}"))
}

/// What a fault left.
pub(crate) struct Left {
    pub(crate) outcome: Outcome,
    view: View,
    /// Status says that what is held is not what a boot would bring.
    has_drift: bool,
    was_killed: bool,
}

pub(crate) fn hold(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// What is in force by the listing is a place of the step, exactly; packets find it so, and status says so.
pub(crate) fn judge(stage: &Stage, known: &Known, finished: &Finished) -> Result<Left, String> {
    let view = View::of(&stage.held());
    let after = &known.after().view;
    let position = known.places.iter().position(|place| place.view.reached() == view.reached());
    let position =
        position.ok_or_else(|| format!("half a ruleset: {}\n{}", after.differences(&view), stage.held()))?;
    let stands = stage.stands()?;
    hold(stands == known.places[position].stands, || format!("packets find {stands:?}"))?;
    match finished.code() {
        Some(0) => hold(view == *after, || format!("it is not done: {}", after.differences(&view)))?,
        Some(code) => {
            hold(matches!(code, 2..=5), || "it blames itself".into())?;
            hold(finished.stderr().contains("error: "), || "it says nothing".into())?;
        }
        None => {}
    }
    let status = stage.node().run(&["status", "--json"]);
    hold(matches!(status.code(), Some(0 | 1)), || described(&status))?;
    let status: Value = serde_json::from_slice(&status.stdout).map_err(|e| e.to_string())?;
    hold(status["state"] == view.word(), || format!("status says: {status}"))?;
    let has_drift = status["drift"].as_array().is_some_and(|drift| !drift.is_empty());
    let may_drift = finished.code() != Some(0);
    hold(may_drift || !has_drift, || format!("status says: {status}"))?;
    let outcome = match (OUTCOMES[position], finished.code()) {
        (Outcome::After, Some(1..)) => Outcome::AfterWithError,
        (outcome, _) => outcome,
    };
    Ok(Left { outcome, view, has_drift, was_killed: finished.code().is_none() })
}

/// The same command does it now, or says that it is done; and nothing is left over.
pub(crate) fn again(stage: &Stage, known: &Known, left: &Left) -> Result<(), String> {
    // Only of a change that has begun does the disk say otherwise; or of one that only ever comes from there.
    let is_begun = left.outcome != Outcome::Before || left.was_killed || known.step.arguments == ["boot"];
    hold(is_begun || !left.has_drift, || "status says that it drifts".into())?;
    let finished = stage.node().run(known.step.arguments);
    hold(matches!(finished.code(), Some(0 | 2)), || described(&finished))?;
    let after = &known.after().view;
    let view = View::of(&stage.held());
    hold(view == *after, || format!("{}\n{}", after.differences(&view), described(&finished)))
}

/// What was confirmed before the fault, or by it, comes up, and nothing else.
fn boot(stage: &Stage, known: &Known, left: &Left) -> Result<(), String> {
    stage.forget();
    let finished = stage.node().run(&["boot"]);
    hold(finished.code() == Some(0), || described(&finished))?;
    let view = View::of(&stage.held());
    let is_of = |place: &Place| place.view.without_test().ours() == view;
    let wanted = known.after().view.without_test();
    hold(known.places.iter().any(is_of), || {
        format!("{}\n{}", wanted.differences(&view), described(&finished))
    })?;
    let is_other = left.view.without_test().ours() != view;
    hold(is_other == left.has_drift, || format!("it brings what was held: {}", !is_other))?;
    let status = stage.node().run(&["status"]);
    hold(status.code() == Some(0), || described(&status))
}
