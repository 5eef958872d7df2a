//! `rolewall verify`: proves that a ruleset accepts exactly the plan's flows, or shows a flow that it does not.
//! Not here: the proof itself (`policy::verify`).

mod document;

use super::plan::next_revision;
use crate::candidate::in_force;
use crate::cli::VerifyArgs;
use crate::failure::{Failure, Kind};
use crate::firewall::Firewall;
use crate::held::Held;
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use document::Document;
use rolewall_policy::verify::{self, Violation};
use rolewall_policy::{Plan, lower};
use rolewall_ruleset::judge::{Environment, Judge};

/// Prints what was found; 1 if something does not hold.
pub(crate) fn verify(host: &Host, arguments: &VerifyArgs, json: bool) -> Result<u8, Failure> {
    let inputs = Inputs::read(host, Look::AsNeeded)?;
    let plan = inputs.plan()?;
    let subject = subject(host, arguments, &plan)?;
    let violations = verify::verify(&plan, &subject.ruleset, &subject.environment).map_err(too_large)?;
    let document = document(&subject, &violations);
    print!("{}", if json { super::json(&document)? } else { document.text() });
    Ok(u8::from(!document.holds()))
}

fn subject(host: &Host, arguments: &VerifyArgs, plan: &Plan) -> Result<Held, Failure> {
    if arguments.live || (host.is_live && !arguments.candidate) {
        host.live("verify --live")?;
        return Held::read(&mut Firewall::open()?);
    }
    let ruleset = in_force(lower::lower(plan, &next_revision(host)?.prefix()));
    Ok(Held { ruleset, environment: Environment::default() })
}

fn too_large(error: rolewall_ruleset::space::TooLarge) -> Failure {
    Failure::new(Kind::Host, error).help("rolewall explain judges one flow of it at a time")
}

fn document(subject: &Held, violations: &[Violation]) -> Document {
    let judge = Judge::new(&subject.ruleset).with(subject.environment.clone());
    Document::new(violations.iter().map(|violation| (violation, judge.flow(&violation.witness))))
}
