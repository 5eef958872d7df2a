//! `rolewall apply`: put the plan in force, in test mode unless told otherwise.
//! Not here: what it prints; the vendor's command says the same things in other words.

use crate::cli::ApplyArgs;
use crate::failure::{Failure, Kind};
use crate::firewall::{Firewall, Seen, as_table};
use crate::foreign;
use crate::host::Host;
use crate::inputs::Inputs;
use crate::joined;
use crate::precheck::{self, Cut, Live};
use crate::safety_net;
use crate::settle::settle;
use crate::state::artefact::Stage;
use crate::state::{Notes, Store};
use rolewall_control::frame::base_chain;
use rolewall_control::{Change, Phase, Revision};
use rolewall_policy::plan::Warning;
use rolewall_policy::{Plan, lower};
use rolewall_ruleset::delta::{self, SetDelta};
use rolewall_ruleset::transaction::IfThere;
use rolewall_ruleset::{Generation, Op, Ruleset, TableFlags, TableId, Transaction};
use std::path::PathBuf;
use std::time::Duration;

/// What was done.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) revision: Revision,
    pub(crate) how: How,
    /// Where the firewall before was saved; none where it stays as it is.
    pub(crate) saved: Option<PathBuf>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) cut: Cut,
}

/// In which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// What is confirmed already is the plan.
    Unchanged,
    /// In test mode for so long.
    Test(Duration),
    /// Confirmed; a new generation.
    Final,
    /// Confirmed; so many elements added and deleted, nothing else touched.
    Elements { added: usize, deleted: usize },
}

/// How long a candidate that is confirmed at once may stay in force if this process dies before it is.
const FINAL_WINDOW: Duration = Duration::from_secs(60);

pub(crate) fn apply(host: &Host, arguments: &ApplyArgs) -> Result<Applied, Failure> {
    host.live("apply")?;
    let store = Store::of(host);
    let _lock = store.lock("apply")?;
    let inputs = Inputs::read(host)?;
    let plan = inputs.plan()?;
    let mut firewall = Firewall::open()?;
    let mut notes = store.notes()?;
    let phase = settle(host, &store, &mut firewall, &mut notes)?;
    hold_if_shrunk(&inputs, &notes, arguments)?;
    let seen = firewall.look()?;
    let nodes = inputs.inventory.nodes.len();
    let live = Live::read()?;
    let mut applying = Applying { host, store, firewall, notes, seen, plan: &plan, arguments, nodes, live };
    if let Some(applied) = applying.within_what_is_confirmed(phase)? {
        return Ok(applied);
    }
    applying.new_revision(inputs.settings.test_window)
}

/// An inventory that suddenly loses many nodes is held and shown, not applied.
fn hold_if_shrunk(inputs: &Inputs, notes: &Notes, arguments: &ApplyArgs) -> Result<(), Failure> {
    /// Nodes that may leave at once without a question, and the part of all that may.
    const LOST_MAX: usize = 3;
    const LOST_PART: usize = 4;
    let (was, is) = (notes.nodes, inputs.inventory.nodes.len());
    let lost = was.saturating_sub(is);
    if arguments.force || lost <= LOST_MAX || lost * LOST_PART <= was {
        return Ok(());
    }
    Err(Failure::input(format_args!(
        "the inventory has {is} nodes, and the confirmed one had {was}: {lost} would be shut out"
    ))
    .help("nothing was changed; rolewall diff shows what would close; rolewall apply --force applies it"))
}

struct Applying<'a> {
    host: &'a Host,
    store: Store,
    firewall: Firewall,
    notes: Notes,
    seen: Option<Seen>,
    plan: &'a Plan,
    arguments: &'a ApplyArgs,
    nodes: usize,
    live: Live,
}

impl Applying<'_> {
    /// Where the confirmed revision is the plan, or becomes it by some elements, no new one is made. Only
    /// elements of `--final`, that is: a test must be able to go back.
    fn within_what_is_confirmed(&mut self, phase: Phase) -> Result<Option<Applied>, Failure> {
        let (Phase::Confirmed { revision }, Some(seen)) = (phase, &self.seen) else { return Ok(None) };
        if self.arguments.rebuild || self.arguments.take_over {
            return Ok(None);
        }
        let held = self.firewall.read_generation(seen, revision)?;
        let wanted = lower::lower(self.plan, &revision.prefix());
        if held.entries != wanted.entries {
            return Ok(None);
        }
        let Some(deltas) = delta::elements_only(&as_table(&held), &as_table(&wanted)) else {
            return Ok(None);
        };
        if deltas.is_empty() {
            let how = How::Unchanged;
            return Ok(Some(self.applied(revision, how, None, Cut::default())));
        }
        if !self.arguments.final_ || !fits(&held, &deltas) {
            return Ok(None);
        }
        self.elements(revision, wanted, &deltas).map(Some)
    }

    fn elements(
        &mut self,
        revision: Revision,
        wanted: Generation,
        deltas: &[SetDelta],
    ) -> Result<Applied, Failure> {
        let (cut, wanted) = self.precheck(wanted)?;
        let mut ops = Vec::new();
        for delta in deltas {
            let Some(set) = wanted.sets.iter().find(|s| s.name == delta.set) else { continue };
            if !delta.delete.is_empty() {
                ops.push(Op::DeleteElements(&self.firewall.id, set, &delta.delete));
            }
            if !delta.add.is_empty() {
                ops.push(Op::AddElements(&self.firewall.id, set, &delta.add, IfThere::Keep));
            }
        }
        let transaction = Transaction { generation: None, ops };
        self.firewall.nft.commit(&transaction)?;
        self.firewall.verify(revision, &wanted)?;
        self.store.write_artefact(Stage::Confirmed, revision, &wanted)?;
        // The inventory says it all now.
        joined::forget_all_but(&self.store, None);
        self.notes.nodes = self.nodes;
        self.store.write_notes(&self.notes)?;
        let added = deltas.iter().map(|d| d.add.len()).sum();
        let deleted = deltas.iter().map(|d| d.delete.len()).sum();
        Ok(self.applied(revision, How::Elements { added, deleted }, None, cut))
    }

    /// A whole new generation beside what is in force.
    fn new_revision(&mut self, window: Duration) -> Result<Applied, Failure> {
        let generations = self.seen.iter().flat_map(|s| s.held.generations.keys().copied());
        let revision = self.notes.next_revision(generations);
        let (cut, generation) = self.precheck(lower::lower(self.plan, &revision.prefix()))?;
        let foreign = foreign::tables(&mut self.firewall)?;
        let saved = self.store.save_previous(self.host, &mut self.firewall, self.seen.as_ref(), &foreign)?;
        let sleeping = if self.arguments.take_over { foreign::to_sleep(&foreign) } else { Vec::new() };
        self.stage(revision, &generation, &saved, &sleeping)?;
        let is_final = self.arguments.final_;
        let window = if is_final { FINAL_WINDOW } else { self.arguments.window.unwrap_or(window) };
        self.start_test(revision, &generation, window, &sleeping)?;
        let how = if is_final {
            confirm_held(&self.store, &mut self.firewall)?;
            safety_net::remove(self.host);
            How::Final
        } else {
            safety_net::install(self.host, window);
            How::Test(window)
        };
        if is_final {
            self.notes.session = None;
            self.notes.nodes = self.nodes;
            self.store.write_notes(&self.notes)?;
        }
        Ok(self.applied(revision, how, Some(saved), cut))
    }

    /// Judges the candidate as the table that it would be; refuses what would cut the operator off.
    fn precheck(&self, generation: Generation) -> Result<(Cut, Generation), Failure> {
        let candidate = in_force(generation);
        precheck::keeps_its_plan(&candidate, self.plan)?;
        let cut = precheck::cut_by(&candidate, &self.live);
        if let (Some((session, by)), false) = (cut.sessions.first(), self.arguments.force) {
            return Err(Failure::input(format_args!("your own session would be cut: {session}\n  decided by {by}"))
                .help("nothing was changed; add your network to admin in cluster.toml or to TRUSTED_NET, or use --force"));
        }
        Ok((cut, out_of_force(candidate)))
    }

    /// Everything that must be on disk before the kernel changes.
    fn stage(
        &mut self,
        revision: Revision,
        generation: &Generation,
        saved: &std::path::Path,
        sleeping: &[(TableId, TableFlags)],
    ) -> Result<(), Failure> {
        self.notes.last_revision = revision.0;
        self.notes.disabled = false;
        self.notes.saved = Some(saved.to_owned());
        self.notes.asleep.extend(sleeping.iter().map(|(id, _)| id.to_string()));
        self.notes.session = self.live.sessions.first().map(ToString::to_string);
        self.store.write_notes(&self.notes)?;
        self.store.write_artefact(Stage::Candidate, revision, generation)
    }

    fn start_test(
        &mut self,
        revision: Revision,
        generation: &Generation,
        window: Duration,
        sleeping: &[(TableId, TableFlags)],
    ) -> Result<(), Failure> {
        let held = self.seen.as_ref().map(|s| &s.held);
        let change = Change::start_test(&self.firewall.id, held, generation.clone(), window);
        self.firewall.make_visible(&change, sleeping)?;
        let verified = self.firewall.verify(revision, generation);
        if let Err(failure) = verified {
            self.take_back()?;
            return Err(failure);
        }
        self.firewall.tidy(&change)
    }

    fn take_back(&mut self) -> Result<(), Failure> {
        let seen = self.firewall.look()?;
        let change = Change::revert(&self.firewall.id, seen.as_ref().map(|s| &s.held))?;
        let Applying { host, store, firewall, notes, .. } = self;
        crate::settle::return_to_previous(host, store, firewall, notes, &change)
    }

    fn applied(&self, revision: Revision, how: How, saved: Option<PathBuf>, cut: Cut) -> Applied {
        Applied { revision, how, saved, warnings: self.plan.warnings.clone(), cut }
    }
}

/// Makes the candidate the ruleset: packets first, then the disk, then what nobody reaches any more.
pub(crate) fn confirm_held(store: &Store, firewall: &mut Firewall) -> Result<Revision, Failure> {
    let seen = firewall.look()?;
    let held = seen.as_ref().map(|s| &s.held);
    let change = Change::confirm(&firewall.id, held)?;
    let revision = held
        .and_then(|h| h.candidate_revision())
        .ok_or_else(|| Failure::new(Kind::Bug, "a test without a candidate"))?;
    firewall.make_visible(&change, &[])?;
    store.promote()?;
    joined::forget_all_but(store, Some(revision));
    firewall.tidy(&change)?;
    Ok(revision)
}

/// A generation as the ruleset that it is once confirmed.
pub(crate) fn in_force(generation: Generation) -> Ruleset {
    let leads = generation.entries.iter().map(|(hook, entry)| base_chain(*hook, None, Some(entry)));
    let mut table = rolewall_ruleset::Table::new(rolewall_ruleset::Family::Inet, lower::TABLE);
    table.chains = leads.chain(generation.chains).collect();
    table.sets = generation.sets;
    Ruleset { tables: vec![table] }
}

/// The generation again.
fn out_of_force(ruleset: Ruleset) -> Generation {
    let mut generation = Generation::default();
    for table in ruleset.tables {
        generation.entries = rolewall_control::Held::read(&table).confirmed.into_iter().collect();
        generation.chains = table.chains.into_iter().filter(|c| c.base.is_none()).collect();
        generation.sets = table.sets;
    }
    generation
}

/// Whether the sets that grow have room.
fn fits(held: &Generation, deltas: &[SetDelta]) -> bool {
    deltas.iter().all(|delta| {
        let set = held.sets.iter().find(|s| s.name == delta.set);
        let room = set.and_then(|s| s.size).map_or(usize::MAX, |size| size as usize);
        set.is_some_and(|s| s.elements.len() + delta.add.len() <= room)
    })
}
