//! `verify --cluster`: every other node's planned ruleset against its plan, and both ends of each flow.
//! Not here: this node, which is verified by itself.

use super::document::Document;
use super::too_large;
use crate::failure::Failure;
use rolewall_policy::verify::both::both_ends;
use rolewall_policy::verify::fleet::{Class, Fleet};
use rolewall_policy::verify::verify;
use rolewall_ruleset::judge::Environment;

/// Adds what does not hold.
pub(super) fn check(fleet: &Fleet<'_>, document: &mut Document) -> Result<(), Failure> {
    let classes = fleet.classes();
    let environment = Environment::default();
    for class in classes.iter().filter(|class| !class.is_this) {
        let plan = fleet.plan(class);
        let ruleset = fleet.lowered(&plan);
        for violation in verify(&plan, &ruleset, &environment).map_err(too_large)? {
            document.violation(&violation, class.members.first(), (&ruleset, &environment));
        }
    }
    let interface = fleet.this.plan.private_interfaces.first();
    for mismatch in both_ends(fleet, &classes).map_err(too_large)? {
        let Some((flow, closed)) = mismatch.witness(interface) else { continue };
        let ruleset = fleet.lowered(&fleet.plan(&classes[closed]));
        document.mismatch(&mismatch, &flow, (&ruleset, &environment));
    }
    document.cluster(classes.iter().map(|Class { members, .. }| members.len()).sum(), classes.len());
    Ok(())
}
