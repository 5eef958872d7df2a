//! Our table in the live kernel: read it, change it, and believe only what it answers.
//! Not here: when to change it (crate `control`) and to what (crate `policy`).

use crate::beside::beside;
use crate::failure::{Failure, Kind};
use rolewall_control::frame::{ARMED, Leads, armed, led_chain, under_panic};
use rolewall_control::{Change, Held, Phase, Revision};
use rolewall_kernel::nft::Nft;
use rolewall_policy::lower::table_id;
use rolewall_ruleset::delta::{self, Difference, DifferenceKind};
use rolewall_ruleset::table::Hook;
use rolewall_ruleset::{Chain, Generation, Op, Table, TableFlags, TableId, Transaction, text};
use std::collections::BTreeSet;

/// A socket to nf_tables, and our table's name.
#[derive(Debug)]
pub(crate) struct Firewall {
    pub(crate) nft: Nft,
    /// For who asks at the same time. It ends with the first: ending any conversation, Linux keeps the next change
    /// waiting until it has freed what was deleted before, which takes it 10 ms and more.
    second: Option<Nft>,
    pub(crate) id: TableId,
}

/// Our table without the elements of its sets (but those of `armed`), and what it means.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) outline: Table,
    pub(crate) held: Held,
}

impl Firewall {
    pub(crate) fn open() -> Result<Firewall, Failure> {
        Ok(Firewall { nft: Nft::open()?, second: None, id: table_id() })
    }

    /// Takes a conversation over, to be used beside this one and to end with it.
    pub(crate) fn take(&mut self, second: Nft) {
        self.second = Some(second);
    }

    /// Ends the conversation; what was deleted in it Linux frees in its own time.
    pub(crate) fn leave(self) {
        self.nft.leave();
        self.second.into_iter().for_each(Nft::leave);
    }

    /// What the kernel holds of ours; none if there is no such table.
    pub(crate) fn look(&mut self) -> Result<Option<Seen>, Failure> {
        self.look_at(None)
    }

    /// The same, but where one revision is asked for, of the others only the names.
    fn look_at(&mut self, only: Option<Revision>) -> Result<Option<Seen>, Failure> {
        let is_wanted = |chain: &str| {
            let revision = Revision::of_name(chain);
            only.is_none() || revision.is_none() || revision == only
        };
        let Some(mut outline) = self.nft.read_outline_of(&self.id, &is_wanted)? else { return Ok(None) };
        if let Some(armed) = outline.sets.iter_mut().find(|s| s.name == ARMED) {
            armed.elements = self.nft.read_elements(&self.id, &armed.clone())?;
        }
        let held = Held::read(&outline);
        Ok(Some(Seen { outline, held }))
    }

    /// One generation as the kernel holds it, elements included.
    pub(crate) fn read_generation(&mut self, seen: &Seen, revision: Revision) -> Result<Generation, Failure> {
        let mut generation = seen.generation(revision);
        self.nft.fill(&self.id, &mut generation.parts.sets)?;
        Ok(generation)
    }

    /// The first transaction of a change: the one that packets see.
    pub(crate) fn make_visible(
        &mut self,
        change: &Change<'_>,
        besides: &[(TableId, TableFlags)],
    ) -> Result<(), Failure> {
        let mut transaction = change.visible();
        transaction.ops.extend(besides.iter().map(|(table, flags)| Op::SetTableFlags(table, *flags)));
        self.commit(&transaction)
    }

    /// The second: what nobody reaches any more goes. Where the kernel keeps it, because somebody's own rule
    /// refers to it, that is no reason to leave the change half done: packets do not meet it.
    pub(crate) fn tidy(&mut self, change: &Change<'_>) -> Result<(), Failure> {
        let Some(transaction) = change.tidy() else { return Ok(()) };
        match self.commit(&transaction) {
            Err(failure) if failure.kind == Kind::Refused => {
                eprintln!("warning: chains that no packet reaches any more are still there\n  {failure}");
                Ok(())
            }
            other => other,
        }
    }

    pub(crate) fn commit(&mut self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        Ok(self.nft.commit(transaction)?)
    }

    /// The revision that the base chains lead to, with nothing under test.
    pub(crate) fn confirmed_revision(&mut self) -> Result<Revision, Failure> {
        let leads = self.nft.read_base_chains(&self.id)?;
        match Phase::of(Some(&Held::read(&leads))) {
            Phase::Confirmed { revision } => Ok(revision),
            other => {
                Err(Failure::new(Kind::Refused, format_args!("after confirming, the kernel shows {other:?}")))
            }
        }
    }

    /// Refuses to believe that a generation is in force before the readback shows it.
    pub(crate) fn verify(&mut self, revision: Revision, wanted: &Generation) -> Result<Seen, Failure> {
        // The elements, which are half of what there is to read, in a conversation of their own.
        let (id, mut second) = (self.id.clone(), self.second.take().map_or_else(Nft::open, Ok)?);
        let elements = || second.holds_exactly(&id, &wanted.parts.sets);
        let (seen, are_held) = beside(|| self.look_at(Some(revision)), elements);
        self.take(second);
        let seen = seen?;
        let phase = Phase::of(seen.as_ref().map(|s| &s.held));
        let Some(seen) = seen.filter(|_| phase.in_force() == Some(revision)) else {
            return Err(not_there(revision, phase, &["packets are not led to it".to_owned()]));
        };
        let differences = self.differences(&seen, phase, revision, wanted, are_held?)?;
        if differences.is_empty() { Ok(seen) } else { Err(not_there(revision, phase, &differences)) }
    }

    /// Whether a generation is in force, and the way to it as it was seen.
    pub(crate) fn is_as_seen(
        &mut self,
        seen: &Seen,
        phase: Phase,
        revision: Revision,
        wanted: &Generation,
    ) -> Result<bool, Failure> {
        let are_held = self.nft.holds_exactly(&self.id, &wanted.parts.sets)?;
        Ok(self.differences(seen, phase, revision, wanted, are_held)?.is_empty())
    }

    /// What differs of a generation that is in force, and of the way to it. Only what is not known to be held
    /// needs to be read to be told.
    fn differences(
        &mut self,
        seen: &Seen,
        phase: Phase,
        revision: Revision,
        wanted: &Generation,
        are_held: bool,
    ) -> Result<Vec<String>, Failure> {
        let entries = leads(wanted);
        let mut found = match phase {
            Phase::Test { .. } => frame_differences(seen, &seen.held.confirmed, &entries),
            _ => frame_differences(seen, &entries, &Leads::new()),
        };
        let mut held = seen.generation(revision);
        if !are_held || !delta::same_but_elements(&held.parts, &wanted.parts) {
            self.nft.fill(&self.id, &mut held.parts.sets)?;
            found.extend(generation_differences(&held, wanted));
        }
        Ok(found)
    }
}

impl Seen {
    /// One generation, without the elements of its sets.
    fn generation(&self, revision: Revision) -> Generation {
        let Seen { outline, held } = self;
        let is_its = |name: &str| Revision::of_name(name) == Some(revision);
        let mut generation = Generation::empty(&outline.id);
        let parts = &mut generation.parts;
        parts.sets = outline.sets.iter().filter(|s| is_its(&s.name)).cloned().collect();
        let regular = outline.chains.iter().filter(|c| c.base.is_none() && is_its(&c.name));
        parts.chains = regular.cloned().collect();
        let is_candidate = held.candidate_revision() == Some(revision);
        let leads = if is_candidate { &held.candidate } else { &held.confirmed };
        generation.entries = leads.iter().map(|(hook, entry)| (*hook, entry.clone())).collect();
        generation
    }
}

/// A generation's entry chains by hook.
pub(crate) fn leads(generation: &Generation) -> Leads {
    generation.entries.iter().cloned().collect()
}

/// In words, what differs between the base chains that are held and those that these entries make: one
/// lead that is gone opens its hook, whatever the others do.
pub(crate) fn frame_differences(seen: &Seen, confirmed: &Leads, candidate: &Leads) -> Vec<String> {
    // Whether the host is to be closed is another question ([`crate::closed`]).
    let panic = &seen.held.panic;
    let hooks: BTreeSet<Hook> =
        confirmed.keys().chain(candidate.keys()).chain(panic.keys()).copied().collect();
    let led = |hook: &Hook| under_panic(led_chain(*hook, candidate, confirmed), panic.get(hook));
    let chains = hooks.iter().map(led).collect();
    let frame = |flags, chains| Table { id: seen.outline.id.clone(), flags, sets: vec![armed()], chains };
    let wanted = frame(TableFlags::default(), chains);
    let is_wanted = |c: &&Chain| wanted.chain(&c.name).is_some() || (c.base.is_some() && !is_idle(c));
    let held = seen.outline.chains.iter().filter(is_wanted).cloned().collect();
    let held = frame(seen.outline.flags, held);
    delta::differences(&held, &wanted).iter().map(|found| with_consequence(found, &held)).collect()
}

/// A base chain of ours without rules is as if it were not; one stands until a change is tidied up.
fn is_idle(chain: &Chain) -> bool {
    let idle =
        |base: &rolewall_ruleset::BaseChain| *chain == led_chain(base.hook, &Leads::new(), &Leads::new());
    chain.base.as_ref().is_some_and(idle)
}

/// The difference, and what it does to packets where that is certain.
fn with_consequence(found: &Difference, held: &Table) -> String {
    if found.place.starts_with("table ") && held.flags.dormant {
        return format!("{found}: it sleeps, and nothing is filtered");
    }
    let is_of = |hook: &Hook| found.place == format!("chain {}", text::hook(*hook));
    let hook = [Hook::Input, Hook::Output, Hook::Forward].into_iter().find(is_of);
    let is_open = |hook: Hook| held.chain(text::hook(hook)).is_none_or(|chain| chain.rules.is_empty());
    match hook.filter(|hook| found.kind == DifferenceKind::Missing && is_open(*hook)) {
        Some(Hook::Input) => format!("{found}: what comes in is not filtered"),
        Some(Hook::Output) => format!("{found}: what goes out is not filtered"),
        Some(_) => format!("{found}: what is forwarded is not filtered"),
        None => found.to_string(),
    }
}

/// In words, what of a generation is missing, extra or other than wanted.
pub(crate) fn generation_differences(held: &Generation, wanted: &Generation) -> Vec<String> {
    if delta::same(&held.parts, &wanted.parts) {
        return Vec::new();
    }
    delta::differences(&held.parts, &wanted.parts).iter().map(ToString::to_string).collect()
}

fn not_there(revision: Revision, phase: Phase, differences: &[String]) -> Failure {
    let what = format!(
        "revision {revision} was loaded and the kernel holds something else:\n  {}",
        differences.join("\n  ")
    );
    // Only a test is taken back.
    Failure::new(Kind::Refused, what).help(match phase {
        Phase::Test { .. } => "what was in force before is in force again; rolewall status shows it",
        _ => "rolewall apply --final --rebuild loads a whole new revision",
    })
}
