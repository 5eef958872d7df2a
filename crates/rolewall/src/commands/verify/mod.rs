//! `rolewall verify`: proves that a ruleset accepts exactly the plan's flows, or shows a flow that it does not.
//! Not here: the proof itself (`policy::verify`).

mod cluster;
mod document;
mod matrix;

use super::plan::next_revision;
use crate::candidate::in_force;
use crate::cli::VerifyArgs;
use crate::everybody::Everybody;
use crate::failure::{self, Failure, Kind};
use crate::firewall::Firewall;
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use document::{Document, Found};
use rolewall_policy::verify::assert::{self, Assertion, Broken};
use rolewall_policy::verify::fleet::{Fleet, This};
use rolewall_policy::{Plan, Problem, Problems, Source, lower, verify};
use rolewall_ruleset::Ruleset;
use rolewall_ruleset::judge::Environment;
use std::fs;

/// Prints what was found; 1 if something does not hold.
pub(crate) fn verify(host: &Host, arguments: &VerifyArgs, json: bool) -> Result<u8, Failure> {
    let inputs = Inputs::read(host, Look::AsNeeded)?;
    let plan = inputs.plan()?;
    if let Some(format) = arguments.matrix {
        return matrix::print(&inputs, &plan, format, json);
    }
    let assertions = assertions(arguments, &inputs)?;
    let subject = subject(host, arguments, &plan)?;
    let Everybody { ruleset, environment } = &subject;
    let mut document = Document::new();
    for violation in verify::verify(&plan, ruleset, environment).map_err(too_large)? {
        document.violation(&violation, None, (ruleset, environment));
    }
    let this = This { plan: &plan, ruleset, environment };
    let fleet = Fleet { basis: inputs.basis(), this, in_force: &in_force };
    if arguments.cluster {
        cluster::check(&fleet, &mut document)?;
    }
    if !arguments.assert.is_empty() {
        let told = |broken: Broken, ruleset: &Ruleset, environment: &Environment| {
            let Broken { assertion, fault, node, witness } = &broken;
            let found = Found { fault: *fault, node, witness, held: (ruleset, environment) };
            document.broken(&assertions[*assertion], found);
        };
        let empty = assert::check(&assertions, &fleet, told).map_err(too_large)?;
        document.checked(&assertions, &empty);
    }
    print!("{}", if json { super::json(&document)? } else { document.text() });
    Ok(u8::from(!document.holds()))
}

/// Of all files that are named; what is wrong with any of them comes at once.
fn assertions(arguments: &VerifyArgs, inputs: &Inputs) -> Result<Vec<Assertion>, Failure> {
    let (mut assertions, mut problems) = (Vec::new(), Vec::new());
    for path in &arguments.assert {
        let read = fs::read(path).map_err(|e| Problem::cannot_read(path, failure::in_words(&e)));
        let source = read.and_then(|bytes| Source::from_bytes(path, bytes)).map_err(Problems::from);
        let parsed = source.and_then(|source| assert::parse(&source, &inputs.catalogue, &inputs.inventory));
        match parsed {
            Ok(parsed) => assertions.extend(parsed),
            Err(Problems(found)) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(assertions) } else { Err(Problems(problems).into()) }
}

fn subject(host: &Host, arguments: &VerifyArgs, plan: &Plan) -> Result<Everybody, Failure> {
    if arguments.live || (host.is_live && !arguments.candidate) {
        host.live("verify --live")?;
        return Everybody::read(&mut Firewall::open()?);
    }
    let ruleset = in_force(lower::lower(plan, &next_revision(host)?.prefix()));
    Ok(Everybody { ruleset, environment: Environment::default() })
}

fn too_large(error: rolewall_ruleset::space::TooLarge) -> Failure {
    Failure::new(Kind::Host, error).help("rolewall explain judges one flow of it at a time")
}
