//! `rolewall lint`: rules that are there for nothing, networks that are wide, permits and listeners that do not meet.
//! Not here: finding them (`policy::lint`).

use super::plan::next_revision;
use crate::candidate::in_force;
use crate::cli::LintArgs;
use crate::everybody::Everybody;
use crate::failure::{Failure, Kind};
use crate::firewall::Firewall;
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use rolewall_policy::lint::{Finding, lint as findings};
use rolewall_policy::lower;
use rolewall_ruleset::judge::Environment;
use serde::Serialize;

#[derive(Debug, Serialize)]
struct Document {
    findings: Vec<FindingDocument>,
}

#[derive(Debug, Serialize)]
struct FindingDocument {
    kind: &'static str,
    place: String,
    what: String,
    help: String,
}

/// Prints what was found; 1 if anything was.
pub(crate) fn lint(host: &Host, arguments: &LintArgs, json: bool) -> Result<u8, Failure> {
    let inputs = Inputs::read(host, Look::AtAll)?;
    let plan = inputs.plan()?;
    let held = if host.is_live && !arguments.candidate {
        Everybody::read(&mut Firewall::open()?)?
    } else {
        let ruleset = in_force(lower::lower(&plan, &next_revision(host)?.prefix()));
        Everybody { ruleset, environment: Environment::default() }
    };
    let found = findings(&plan, &inputs.observed, &held.ruleset, &held.environment).map_err(|e| {
        Failure::new(Kind::Host, e).help("rolewall lint --candidate looks at our own rules alone")
    })?;
    if json {
        print!("{}", super::json(&Document { findings: found.iter().map(document).collect() })?);
    } else if found.is_empty() {
        println!("nothing found");
    } else {
        found.iter().for_each(|finding| println!("{finding}"));
    }
    Ok(u8::from(!found.is_empty()))
}

fn document(finding: &Finding) -> FindingDocument {
    let Finding { kind, place, what, help } = finding.clone();
    FindingDocument { kind: kind.word(), place, what, help }
}
