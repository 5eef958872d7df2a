//! Before a change: where this host stands, and what the plan asks of it.
//! Not here: what is going on on it ([`crate::live`]), and the change.

use crate::cli::ApplyArgs;
use crate::closed;
use crate::cut::left;
use crate::failure::{Failure, Kind};
use crate::firewall::{Firewall, Seen};
use crate::foreign::{self, Foreign};
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use crate::settle::settle;
use crate::state::{Notes, Store};
use crate::step::{Basis, Step};
use rolewall_control::Phase;
use rolewall_policy::Plan;
use rolewall_ruleset::Generation;
use std::net::IpAddr;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// Where this host stands before the change.
pub(super) struct Stand {
    pub(super) store: Store,
    pub(super) firewall: Firewall,
    pub(super) notes: Notes,
    /// The notes as they were.
    pub(super) before: Notes,
    phase: Phase,
    pub(super) seen: Option<Seen>,
    /// The confirmed generation, elements included.
    confirmed: Option<Generation>,
    pub(super) foreign: Vec<Foreign>,
}

impl Stand {
    pub(super) fn read(host: &Host, store: Store) -> Result<Stand, Failure> {
        let mut firewall = Firewall::open()?;
        let mut notes = store.notes()?;
        let (phase, seen) = settle(host, &store, &mut firewall, &mut notes)?;
        let confirmed = match (phase.confirmed(), &seen) {
            (Some(revision), Some(seen)) => Some(firewall.read_generation(seen, revision)?),
            _ => None,
        };
        let foreign = foreign::tables(&mut firewall)?;
        let before = notes.clone();
        Ok(Stand { store, firewall, notes, before, phase, seen, confirmed, foreign })
    }
}

/// What the plan asks of this host.
pub(super) struct Thought {
    pub(super) stand: Stand,
    pub(super) plan: Plan,
    pub(super) step: Step,
    /// How many the inventory has.
    pub(super) nodes: usize,
    /// Addresses of nodes that were confirmed, and are no longer in the inventory.
    pub(super) left: Vec<IpAddr>,
    /// How long a test lasts, by the settings.
    pub(super) window: Duration,
}

impl Thought {
    /// Where the host stands comes from whoever reads it meanwhile, and is needed last.
    pub(super) fn of(
        host: &Host,
        arguments: &ApplyArgs,
        stand: &Receiver<Result<Stand, Failure>>,
    ) -> Result<Thought, Failure> {
        let inputs = Inputs::read(host, Look::AsNeeded)?;
        inputs.tell_notes();
        let plan = inputs.plan();
        let stand =
            stand.recv().map_err(|_| Failure::new(Kind::Bug, "nobody read where this host stands"))?;
        let mut stand = stand?;
        closed::refuse(&stand.store, stand.seen.as_ref().map(|s| &s.held), "apply")?;
        stand.notes.stand_in = inputs.stand_in.clone();
        hold_if_shrunk(&inputs, &stand.notes, arguments)?;
        let plan = plan?;
        let (nodes, window) = (inputs.inventory.nodes.len(), inputs.settings.test_window);
        let confirmed = stand.confirmed.take();
        let left = confirmed.as_ref().map(|held| left(held, &inputs.inventory)).unwrap_or_default();
        drop(inputs);
        let Stand { notes, phase, seen, foreign, .. } = &stand;
        let basis = Basis { arguments, phase: *phase, seen: seen.as_ref(), notes, foreign };
        let step = basis.step(&plan, confirmed);
        Ok(Thought { stand, plan, step, nodes, left, window })
    }
}

/// An inventory that suddenly loses many nodes is held and shown, not applied.
fn hold_if_shrunk(inputs: &Inputs, notes: &Notes, arguments: &ApplyArgs) -> Result<(), Failure> {
    /// Nodes that may leave at once without a question, and the part of all that may.
    const LOST_MAX: usize = 3;
    const LOST_PART: usize = 4;
    let (was, is) = (notes.nodes, inputs.inventory.nodes.len());
    let lost = was.saturating_sub(is);
    let has_vanished = was > 0 && is == 0;
    let is_small = lost <= LOST_MAX || lost * LOST_PART <= was;
    if arguments.force || (is_small && !has_vanished) {
        return Ok(());
    }
    Err(Failure::input(format_args!(
        "the inventory has {is} nodes, and the confirmed one had {was}: {lost} would be shut out"
    ))
    .help("nothing was changed; rolewall diff shows what would close; rolewall apply --force applies it"))
}
