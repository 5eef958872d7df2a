//! From what is held to what shall be: the transactions of each step of a revision's life.
//! Not here: sending them, and whether the candidate is fit to be tried.
//!
//! A step has at most two transactions. The first is the change that packets see. The second removes
//! what they can no longer reach: removed in the first it cost 5 to 14 of 200,000 packets (measured).

use crate::frame::{ARMED, Held, Leads, Parts, alive_for, armed, led_chain, under_panic};
use crate::{Phase, Revision};
use rolewall_ruleset::table::Hook;
use rolewall_ruleset::transaction::IfThere;
use rolewall_ruleset::{Chain, Element, Generation, Op, Set, Table, TableFlags, TableId, Transaction, text};
use std::collections::BTreeSet;
use std::time::Duration;

/// Why a step cannot be taken from where the host stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPossible {
    /// Nothing is under test.
    #[error("no test is running: there is nothing to confirm or to revert")]
    NoTest,
    /// Too late.
    #[error(
        "the test of revision {candidate} ended unconfirmed, and what was in force before is in force again"
    )]
    Expired {
        /// The candidate that is no longer in force.
        candidate: Revision,
    },
    /// Nobody has closed the host.
    #[error("this host is not in panic: there is nothing to resume from")]
    NoPanic,
}

/// A step, holding what its transactions borrow.
#[derive(Debug, Clone)]
pub struct Change<'g> {
    table: Table,
    create_table: bool,
    delete_table: bool,
    /// Our own table sleeps: it is woken first.
    wake: bool,
    /// The parts of a generation that is loaded.
    loaded: Option<&'g Table>,
    /// Those of what closes the host.
    closing: Option<&'g Table>,
    /// What stands already of these two, and is made anew.
    standing: Parts,
    /// Elements of `armed` that must still be alive, or the step is refused by the kernel.
    must_be_alive: bool,
    disarm: bool,
    arm: Vec<Element>,
    armed: Set,
    /// The leads by which the host is closed, which every step but [`Change::resume`] keeps.
    panic: Leads,
    /// The hooks on which a base chain hangs already.
    hooks: BTreeSet<Hook>,
    /// What leads where the host is not closed: the candidate, and what is confirmed.
    beneath: (Leads, Leads),
    leads: Vec<Chain>,
    new_hooks: BTreeSet<Hook>,
    /// Base chains that the frame has not, or has otherwise.
    misplaced: Vec<String>,
    surplus: Parts,
    surplus_hooks: Vec<Hook>,
}

impl<'g> Change<'g> {
    /// Puts a candidate in force for `window`; what is confirmed stays beside it.
    pub fn start_test(
        table: &TableId,
        held: Option<&Held>,
        candidate: &'g Generation,
        window: Duration,
    ) -> Change<'g> {
        let none = Held::default();
        let now = held.unwrap_or(&none);
        let entries: Leads = candidate.entries.iter().cloned().collect();
        let mut change = Change::on(table, held);
        change.lead(&entries, &now.confirmed);
        change.arm = alive_for(u64::try_from(window.as_millis()).unwrap_or(u64::MAX));
        change.disarm = held.is_some();
        change.surplus = now.parts_but(&[now.confirmed_revision()]);
        change.loaded = Some(&candidate.parts);
        change
    }

    /// Makes the candidate the ruleset. The kernel refuses it once the deadline has passed.
    pub fn confirm(table: &TableId, held: Option<&Held>) -> Result<Change<'g>, NotPossible> {
        let (held, candidate) = under_test(held)?;
        let mut change = Change::on(table, Some(held));
        change.lead(&Leads::new(), &held.candidate);
        change.must_be_alive = true;
        change.surplus = held.parts_but(&[Some(candidate)]);
        change.surplus_hooks = held.hooks_but(&[&held.candidate, &held.panic]);
        Ok(change)
    }

    /// Returns to what was in force before the test, or tidies up after the kernel has.
    pub fn revert(table: &TableId, held: Option<&Held>) -> Result<Change<'g>, NotPossible> {
        let held = match (Phase::of(held), held) {
            (Phase::Test { .. } | Phase::Expired { .. }, Some(held)) => held,
            _ => return Err(NotPossible::NoTest),
        };
        let mut change = Change::on(table, Some(held));
        if held.confirmed.is_empty() && held.panic.is_empty() {
            change.delete_table = true;
            return Ok(change);
        }
        change.lead(&Leads::new(), &held.confirmed);
        change.disarm = true;
        change.surplus = held.parts_but(&[held.confirmed_revision()]);
        change.surplus_hooks = held.hooks_but(&[&held.confirmed, &held.panic]);
        Ok(change)
    }

    /// Puts a generation in force at once, whatever was: at boot, and when ours is enabled again. What
    /// stands of that very generation is mended: no rule is there twice.
    pub fn load(table: &TableId, held: Option<&Held>, generation: &'g Generation) -> Change<'g> {
        Change::load_parts(table, held, generation.entries.iter().cloned().collect(), &generation.parts)
    }

    /// Loads a table of ours as it is when it is confirmed, where there is none.
    pub fn load_whole(table: &'g Table) -> Change<'g> {
        Change::load_parts(&table.id, None, Held::read(table).confirmed, table)
    }

    fn load_parts(table: &TableId, held: Option<&Held>, entries: Leads, parts: &'g Table) -> Change<'g> {
        let none = Held::default();
        let now = held.unwrap_or(&none);
        let mut change = Change::on(table, held);
        change.lead(&Leads::new(), &entries);
        change.disarm = held.is_some();
        let revision = entries.values().next().and_then(|entry| Revision::of_name(entry));
        change.surplus = now.parts_but(&[revision]);
        if let Some(standing) = revision.and_then(|r| now.generations.get(&r)) {
            change.mend(standing, parts);
        }
        change.surplus_hooks = now.hooks_but(&[&entries, &now.panic]);
        change.loaded = Some(parts);
        change
    }

    /// Closes the host by these chains, which come before whatever leads now; what is beneath stays as it is.
    pub fn panic(table: &TableId, held: Option<&Held>, closing: &'g Generation) -> Change<'g> {
        let none = Held::default();
        let now = held.unwrap_or(&none);
        let mut change = Change::on(table, held);
        change.lead(&now.candidate, &now.confirmed);
        change.closing(held, closing)
    }

    /// The same step, and the host is closed by these chains in the same transaction.
    pub fn closing(mut self, held: Option<&Held>, closing: &'g Generation) -> Change<'g> {
        let (candidate, confirmed) = std::mem::take(&mut self.beneath);
        self.panic = closing.entries.iter().cloned().collect();
        self.lead(&candidate, &confirmed);
        self.surplus_hooks.retain(|hook| !self.panic.contains_key(hook));
        if let Some(held) = held {
            self.mend(&held.panic_parts, &closing.parts);
        }
        self.closing = Some(&closing.parts);
        self
    }

    /// Opens the host again to exactly what is beneath.
    pub fn resume(table: &TableId, held: Option<&Held>) -> Result<Change<'g>, NotPossible> {
        let held = held.filter(|held| held.is_closed()).ok_or(NotPossible::NoPanic)?;
        let mut change = Change::on(table, Some(held));
        if held.candidate.is_empty() && held.confirmed.is_empty() {
            change.delete_table = true;
            return Ok(change);
        }
        change.panic = Leads::new();
        change.lead(&held.candidate, &held.confirmed);
        change.surplus = held.panic_parts.clone();
        change.surplus_hooks = held.hooks_but(&[&held.candidate, &held.confirmed]);
        Ok(change)
    }

    /// Removes generations that no packet is led to, which a killed run left behind; none if there are none.
    pub fn clear_unreached(table: &TableId, held: &Held) -> Option<Change<'g>> {
        let mut change = Change::on(table, Some(held));
        change.surplus = held.parts_but(&[held.confirmed_revision(), held.candidate_revision()]);
        if held.panic.is_empty() {
            change.surplus.extend(&held.panic_parts);
        }
        change.tidy().is_some().then_some(change)
    }

    fn on(table: &TableId, held: Option<&Held>) -> Change<'g> {
        Change {
            table: Table::new(table.family, &table.name),
            create_table: held.is_none(),
            delete_table: false,
            wake: held.is_some_and(|h| h.dormant),
            loaded: None,
            closing: None,
            standing: Parts::default(),
            must_be_alive: false,
            disarm: false,
            arm: Vec::new(),
            armed: armed(),
            panic: held.map(|h| h.panic.clone()).unwrap_or_default(),
            hooks: held.map(|h| h.hooks.clone()).unwrap_or_default(),
            beneath: (Leads::new(), Leads::new()),
            leads: Vec::new(),
            new_hooks: BTreeSet::new(),
            misplaced: held.map(|h| h.misplaced.clone()).unwrap_or_default(),
            surplus: Parts::default(),
            surplus_hooks: Vec::new(),
        }
    }

    /// Every base chain that is there or is needed gets its leads anew.
    fn lead(&mut self, candidate: &Leads, confirmed: &Leads) {
        let all = [candidate, confirmed, &self.panic];
        let needed: BTreeSet<Hook> = all.iter().flat_map(|leads| leads.keys()).copied().collect();
        let chain = |hook: &Hook| under_panic(led_chain(*hook, candidate, confirmed), self.panic.get(hook));
        self.leads = needed.union(&self.hooks).map(chain).collect();
        self.new_hooks = needed.difference(&self.hooks).copied().collect();
        self.beneath = (candidate.clone(), confirmed.clone());
    }

    /// What stands of a generation that is loaded is made anew; its chains that are not wanted go last.
    fn mend(&mut self, standing: &Parts, wanted: &Table) {
        let unwanted = standing.chains.iter().filter(|name| wanted.chain(name).is_none());
        self.surplus.chains.extend(unwanted.cloned());
        self.standing.extend(standing);
    }

    /// The change that packets see.
    pub fn visible(&self) -> Transaction<'_> {
        let id = &self.table.id;
        let mut ops = Vec::new();
        if self.delete_table {
            return Transaction { generation: None, ops: vec![Op::DeleteTable(id)] };
        }
        if self.wake {
            ops.push(Op::SetTableFlags(id, TableFlags::default()));
        }
        if self.create_table {
            ops.push(Op::AddTable(&self.table));
            ops.push(Op::AddSet(id, &self.armed));
        }
        self.arming(&mut ops);
        self.clearing(&mut ops);
        // Base chains before the rest, as a listing has them: without rules they accept, as if they were not.
        ops.extend(self.leads.iter().filter(|c| self.is_new(c)).map(|chain| Op::AddChain(id, chain)));
        for parts in self.loaded.into_iter().chain(self.closing) {
            add_parts(id, parts, &self.standing, &mut ops);
        }
        for chain in &self.leads {
            ops.extend(chain.rules.iter().map(|rule| Op::AddRule(id, &chain.name, rule)));
        }
        Transaction { generation: None, ops }
    }

    /// Rules before sets: a set that a rule looks into cannot be deleted. Sets are deleted, not flushed,
    /// because one of another declaration under the same name would be refused.
    fn clearing<'a>(&'a self, ops: &mut Vec<Op<'a>>) {
        let id = &self.table.id;
        let led = self.leads.iter().filter(|c| !self.is_new(c));
        ops.extend(led.map(|chain| Op::FlushChain(id, &chain.name)));
        for chain in &self.misplaced {
            ops.extend([Op::FlushChain(id, chain), Op::DeleteChain(id, chain)]);
        }
        ops.extend(self.standing.chains.iter().map(|chain| Op::FlushChain(id, chain)));
        ops.extend(self.standing.sets.iter().map(|set| Op::DeleteSet(id, set)));
    }

    fn is_new(&self, chain: &Chain) -> bool {
        chain.base.as_ref().is_some_and(|base| self.new_hooks.contains(&base.hook))
    }

    /// Elements are deleted and added in one batch: adding one that is there would not renew its timeout.
    fn arming<'a>(&'a self, ops: &mut Vec<Op<'a>>) {
        let id = &self.table.id;
        if self.must_be_alive {
            // Deleted by name, not flushed: Linux refuses the batch if they have expired.
            ops.push(Op::DeleteElements(id, &self.armed, families()));
        } else if self.disarm {
            ops.push(Op::FlushSet(id, ARMED));
        }
        if !self.arm.is_empty() {
            ops.push(Op::AddElements(id, &self.armed, &self.arm, IfThere::Keep));
        }
    }

    /// What can be removed once packets are led elsewhere; none if there is nothing.
    pub fn tidy(&self) -> Option<Transaction<'_>> {
        let id = &self.table.id;
        let Parts { chains, sets } = &self.surplus;
        if self.delete_table || (chains.is_empty() && sets.is_empty() && self.surplus_hooks.is_empty()) {
            return None;
        }
        let mut ops: Vec<Op<'_>> = chains.iter().map(|chain| Op::FlushChain(id, chain)).collect();
        // Maps first: their elements hold references to chains.
        ops.extend(sets.iter().map(|set| Op::DeleteSet(id, set)));
        ops.extend(chains.iter().map(|chain| Op::DeleteChain(id, chain)));
        ops.extend(self.surplus_hooks.iter().map(|hook| Op::DeleteChain(id, text::hook(*hook))));
        Some(Transaction { generation: None, ops })
    }
}

/// The keys of `armed`, without their timeouts.
fn families() -> &'static [Element] {
    use std::sync::OnceLock;
    static KEYS: OnceLock<Vec<Element>> = OnceLock::new();
    KEYS.get_or_init(|| alive_for(0).into_iter().map(|e| Element { extra: None, ..e }).collect())
}

fn under_test(held: Option<&Held>) -> Result<(&Held, Revision), NotPossible> {
    match (Phase::of(held), held) {
        (Phase::Test { candidate, .. }, Some(held)) => Ok((held, candidate)),
        (Phase::Expired { candidate, .. }, _) => Err(NotPossible::Expired { candidate }),
        _ => Err(NotPossible::NoTest),
    }
}

/// Sets, chains, elements and rules, in an order in which each refers only to what is there. Base chains are not parts:
/// what leads from them is the step's.
fn add_parts<'a>(id: &'a TableId, parts: &'a Table, standing: &Parts, ops: &mut Vec<Op<'a>>) {
    let chains = || parts.chains.iter().filter(|chain| chain.base.is_none());
    ops.extend(parts.sets.iter().map(|set| Op::AddSet(id, set)));
    let new = chains().filter(|chain| !standing.chains.contains(&chain.name));
    ops.extend(new.map(|chain| Op::AddChain(id, chain)));
    let filled = parts.sets.iter().filter(|set| !set.elements.is_empty());
    ops.extend(filled.map(|set| Op::AddElements(id, set, &set.elements, IfThere::Keep)));
    for chain in chains() {
        ops.extend(chain.rules.iter().map(|rule| Op::AddRule(id, &chain.name, rule)));
    }
}

impl Held {
    /// Everything of every generation but these.
    fn parts_but(&self, kept: &[Option<Revision>]) -> Parts {
        let gone = self.generations.iter().filter(|(revision, _)| !kept.contains(&Some(**revision)));
        let mut all = Parts::default();
        for (_, parts) in gone {
            all.extend(parts);
        }
        all
    }

    /// The hooks on which a base chain hangs that none of these leads from.
    fn hooks_but(&self, kept: &[&Leads]) -> Vec<Hook> {
        let is_kept = |hook: &&Hook| kept.iter().any(|leads| leads.contains_key(hook));
        self.hooks.iter().filter(|hook| !is_kept(hook)).copied().collect()
    }

    /// Whether there is anything of a panic, leads or chains that a killed run left behind.
    pub fn is_closed(&self) -> bool {
        !self.panic.is_empty() || self.panic_parts != Parts::default()
    }
}

impl Parts {
    fn extend(&mut self, more: &Parts) {
        self.chains.extend(more.chains.iter().cloned());
        self.sets.extend(more.sets.iter().cloned());
    }
}
