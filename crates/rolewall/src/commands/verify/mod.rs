//! `rolewall verify`: proves that a ruleset accepts exactly the plan's flows, or shows a flow that it does not.
//! Not here: the proof itself (`policy::verify`).

mod document;

use super::plan::next_revision;
use crate::candidate::in_force;
use crate::cli::VerifyArgs;
use crate::failure::{Failure, Kind};
use crate::firewall::Firewall;
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use document::Document;
use rolewall_kernel::links;
use rolewall_policy::verify::{self, Violation};
use rolewall_policy::{Plan, lower};
use rolewall_ruleset::Ruleset;
use rolewall_ruleset::judge::{Environment, Judge};

/// What is held against the plan.
struct Subject {
    ruleset: Ruleset,
    environment: Environment,
}

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

fn subject(host: &Host, arguments: &VerifyArgs, plan: &Plan) -> Result<Subject, Failure> {
    if arguments.live || (host.is_live && !arguments.candidate) {
        host.live("verify --live")?;
        return live();
    }
    let ruleset = in_force(lower::lower(plan, &next_revision(host)?.prefix()));
    Ok(Subject { ruleset, environment: Environment::default() })
}

/// Every table that the kernel holds, and what this host tells of itself.
fn live() -> Result<Subject, Failure> {
    let mut firewall = Firewall::open()?;
    let ruleset = firewall.nft.read_ruleset()?;
    let interfaces = links::interfaces().map_err(Failure::host)?;
    let addresses = links::addresses().map_err(Failure::host)?;
    let environment = Environment {
        local: Some(addresses.into_iter().map(|address| address.address).collect()),
        interfaces: interfaces.into_iter().map(|interface| (interface.name, interface.index)).collect(),
        ..Environment::default()
    };
    Ok(Subject { ruleset, environment })
}

fn too_large(error: rolewall_ruleset::space::TooLarge) -> Failure {
    Failure::new(Kind::Host, error).help("rolewall explain judges one flow of it at a time")
}

fn document(subject: &Subject, violations: &[Violation]) -> Document {
    let judge = Judge::new(&subject.ruleset).with(subject.environment.clone());
    Document::new(violations.iter().map(|violation| (violation, judge.flow(&violation.witness))))
}
