//! Our table in the live kernel: read it, change it, and believe only what it answers.
//! Not here: when to change it (crate `control`) and to what (crate `policy`).

use crate::failure::{Failure, Kind};
use rolewall_control::frame::ARMED;
use rolewall_control::{Change, Held, Phase, Revision};
use rolewall_kernel::nft::Nft;
use rolewall_policy::lower::table_id;
use rolewall_ruleset::delta;
use rolewall_ruleset::{Generation, Op, Table, TableFlags, TableId, Transaction};

/// A socket to nf_tables, and our table's name.
#[derive(Debug)]
pub(crate) struct Firewall {
    pub(crate) nft: Nft,
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
        Ok(Firewall { nft: Nft::open()?, id: table_id() })
    }

    /// Ends the conversation; what was deleted in it Linux frees in its own time.
    pub(crate) fn leave(self) {
        self.nft.leave();
    }

    /// What the kernel holds of ours; none if there is no such table.
    pub(crate) fn look(&mut self) -> Result<Option<Seen>, Failure> {
        let Some(mut outline) = self.nft.read_outline(&self.id)? else { return Ok(None) };
        if let Some(armed) = outline.sets.iter_mut().find(|s| s.name == ARMED) {
            armed.elements = self.nft.read_elements(&self.id, &armed.clone())?;
        }
        let held = Held::read(&outline);
        Ok(Some(Seen { outline, held }))
    }

    /// One generation as the kernel holds it, elements included.
    pub(crate) fn read_generation(&mut self, seen: &Seen, revision: Revision) -> Result<Generation, Failure> {
        let is_its = |name: &str| Revision::of_name(name) == Some(revision);
        let mut generation = Generation::empty(&self.id);
        let parts = &mut generation.parts;
        parts.sets = seen.outline.sets.iter().filter(|s| is_its(&s.name)).cloned().collect();
        for set in parts.sets.iter_mut().filter(|s| !s.flags.dynamic) {
            set.elements = self.nft.read_elements(&self.id, set)?;
        }
        let regular = seen.outline.chains.iter().filter(|c| c.base.is_none() && is_its(&c.name));
        parts.chains = regular.cloned().collect();
        let is_candidate = seen.held.candidate_revision() == Some(revision);
        let leads = if is_candidate { &seen.held.candidate } else { &seen.held.confirmed };
        generation.entries = leads.iter().map(|(hook, entry)| (*hook, entry.clone())).collect();
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
        let seen = self.look()?;
        let in_force = Phase::of(seen.as_ref().map(|s| &s.held)).in_force();
        let Some(seen) = seen.filter(|_| in_force == Some(revision)) else {
            return Err(not_there(revision, &["packets are not led to it".to_owned()]));
        };
        let held = self.read_generation(&seen, revision)?;
        let differences = generation_differences(&held, wanted);
        if differences.is_empty() { Ok(seen) } else { Err(not_there(revision, &differences)) }
    }
}

/// In words, what of a generation is missing, extra or other than wanted.
pub(crate) fn generation_differences(held: &Generation, wanted: &Generation) -> Vec<String> {
    if delta::same(&held.parts, &wanted.parts) {
        return Vec::new();
    }
    delta::differences(&held.parts, &wanted.parts).iter().map(ToString::to_string).collect()
}

fn not_there(revision: Revision, differences: &[String]) -> Failure {
    let what = format!(
        "revision {revision} was loaded and the kernel holds something else:\n  {}",
        differences.join("\n  ")
    );
    Failure::new(Kind::Refused, what)
        .help("what was in force before is in force again; rolewall status shows it")
}
