//! What is asked about: the rules, and what names nodes and interfaces.
//! Not here: the judgement.

use super::super::plan::next_revision;
use super::held::Held;
use crate::candidate::in_force;
use crate::cli::ExplainArgs;
use crate::failure::Failure;
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use rolewall_policy::plan::Me;
use rolewall_policy::{Inventory, Settings, lower};

/// Rules, and what names their nodes and interfaces.
pub(super) struct Subject {
    pub(super) held: Held,
    pub(super) inventory: Inventory,
    pub(super) settings: Settings,
    /// This host, where the inventory tells which node it is.
    pub(super) me: Option<Me>,
}

/// What the kernel holds; with the candidate in place of our table where that is wanted, and the candidate
/// alone where the kernel may not be read.
pub(super) fn subject(host: &Host, arguments: &ExplainArgs) -> Result<Subject, Failure> {
    let inputs = Inputs::read(host, Look::AsNeeded);
    if arguments.live || (host.is_live && !arguments.candidate) {
        host.live("explain --live")?;
        let (inventory, settings, me) = match inputs {
            Ok(inputs) => {
                let me = inputs.me().ok();
                (inputs.inventory, inputs.settings, me)
            }
            Err(failure) => {
                eprintln!("warning: without the inventory, nodes are not named:\n{failure}");
                (Inventory::default(), Settings::default(), None)
            }
        };
        return Ok(Subject { held: Held::live()?, inventory, settings, me });
    }
    let inputs = inputs?;
    let me = inputs.me()?;
    let generation = lower::lower(&inputs.plan_of(&me), &next_revision(host)?.prefix());
    let Inputs { inventory, settings, .. } = inputs;
    let candidate = in_force(generation);
    let held = if host.is_live { Held::beside(candidate) } else { Held::alone(candidate) };
    Ok(Subject { held, inventory, settings, me: Some(me) })
}
