//! `rolewall explain`: what becomes of a flow, by which rules, and why.
//! Not here: the judgement itself (crate `ruleset`).

mod document;
mod flow;
pub(crate) mod held;
mod subject;
pub(crate) mod surroundings;

pub(super) use document::{StepDocument, step_document};

use crate::cli::{Expected, ExplainArgs};
use crate::failure::{Failure, Kind};
use crate::host::Host;
use document::{Explained, verdict};
use rolewall_ruleset::judge::{Environment, Hooks, Judge};
use subject::{Subject, subject};
use surroundings::Surroundings;

/// Prints each flow's judgement; returns the exit code.
pub(crate) fn explain(host: &Host, arguments: &ExplainArgs, json: bool) -> Result<u8, Failure> {
    let mut flows = flow::flows(arguments)?;
    let Subject { mut held, inventory, settings, me } = subject(host, arguments)?;
    flows.iter_mut().for_each(|flow| flow::choose_interface(flow, &inventory, &settings));
    let surroundings = if held.is_live() { Surroundings::read() } else { Surroundings::unknown() };
    let ipsets = if held.is_live() { held.read_ipsets() } else { Default::default() };
    let environment = Environment { hooks: Hooks::Whole, ipsets, ..surroundings.environment(&flows) };
    held.fill_for(&flows, &environment)?;
    let judge = Judge::new(held.ruleset()).with(environment);
    let mut as_expected = true;
    for flow in &flows {
        let unjudged = [surroundings.unjudged(flow), held.unjudged(flow)].concat();
        let explained = Explained::of(&judge.flow(flow), flow, &inventory);
        let explained = explained.on(flow, &inventory, me.as_ref()).beside(&unjudged);
        as_expected &= arguments.expect.is_none_or(|e| explained.verdict == expected(e));
        print(&explained, arguments, json)?;
    }
    Ok(u8::from(!as_expected))
}

fn print(explained: &Explained, arguments: &ExplainArgs, json: bool) -> Result<(), Failure> {
    if !json {
        print!("{}", explained.text());
    } else if arguments.flows.is_some() {
        println!("{}", serde_json::to_string(explained).map_err(|e| Failure::new(Kind::Bug, e))?);
    } else {
        print!("{}", super::json(explained)?);
    }
    Ok(())
}

fn expected(expected: Expected) -> &'static str {
    use rolewall_ruleset::judge::Judged;
    verdict(match expected {
        Expected::Accept => Judged::Accept,
        Expected::Drop => Judged::Drop,
        Expected::Reject => Judged::Reject,
    })
}
