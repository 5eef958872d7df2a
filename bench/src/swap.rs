//! Whole revisions swapped fast in this process: the product's own transactions without the work around them.
//! Not here: files, checks and the read-back, which `rolewall apply` does for each.

use crate::Outcome;
use crate::cluster::{Cluster, me};
use crate::ours;
use rolewall_control::frame::ARMED;
use rolewall_control::{Change, Held, Revision};
use rolewall_kernel::Nft;
use rolewall_policy::plan::{self, Me};
use rolewall_policy::{Catalogue, Plan, Source, inventory, lower, settings};
use rolewall_ruleset::{TableId, Transaction};
use std::time::Duration;

/// How long a candidate that nobody confirms would stay.
const WINDOW: Duration = Duration::from_secs(60);

/// A plan, and a socket of the host's namespace.
#[derive(Debug)]
pub(crate) struct Swapper {
    nft: Nft,
    id: TableId,
    plan: Plan,
    revision: Revision,
}

impl Swapper {
    /// For a thread in the host's namespace, where a revision may be in force.
    pub(crate) fn open(cluster: &Cluster) -> Outcome<Swapper> {
        let plan = plan_of(cluster)?;
        let mut swapper = Swapper { nft: Nft::open()?, id: lower::table_id(), plan, revision: Revision(1) };
        if let Some(held) = swapper.held()? {
            swapper.revision = held.confirmed_revision().unwrap_or(Revision(1));
        }
        Ok(swapper)
    }

    /// A new revision under test, then confirmed, and the old one removed: what `apply --final` sends.
    pub(crate) fn swap(&mut self) -> Outcome<()> {
        self.revision = self.revision.next();
        let candidate = lower::lower(&self.plan, &self.revision.prefix());
        let held = self.held()?;
        let change = Change::start_test(&self.id, held.as_ref(), &candidate, WINDOW);
        commit(&mut self.nft, &change)?;
        let held = self.held()?;
        let change = Change::confirm(&self.id, held.as_ref())?;
        commit(&mut self.nft, &change)
    }

    fn held(&mut self) -> Outcome<Option<Held>> {
        let Some(mut outline) = self.nft.read_outline(&self.id)? else { return Ok(None) };
        if let Some(at) = outline.sets.iter().position(|set| set.name == ARMED) {
            outline.sets[at].elements = self.nft.read_elements(&self.id, &outline.sets[at].clone())?;
        }
        Ok(Some(Held::read(&outline)))
    }
}

/// What packets see first, then what they can no longer reach.
fn commit(nft: &mut Nft, change: &Change<'_>) -> Outcome<()> {
    nft.commit(&change.visible())?;
    let tidy: Option<Transaction<'_>> = change.tidy();
    tidy.map_or(Ok(()), |transaction| Ok(nft.commit(&transaction)?))
}

/// The plan that `rolewall` makes of the same files.
fn plan_of(cluster: &Cluster) -> Outcome<Plan> {
    let files = ours::files(cluster);
    let those = |part: &str| -> Vec<Source> {
        let of_part = files.iter().filter(|(path, _)| path.contains(part));
        of_part.map(|(path, text)| Source::new(path, text)).collect()
    };
    let all = |problems: rolewall_policy::Problems| format!("the bench's own files: {problems}");
    let catalogue = Catalogue::built_in().with_overrides(&those("/roles.d/")).map_err(all)?;
    let settings = settings::parse(those("/rolewall.toml").first(), None, &catalogue).map_err(all)?;
    let inventory = inventory::parse(&those("/cluster.toml"), &catalogue).map_err(all)?;
    let node =
        inventory.nodes.iter().find(|node| node.name.0 == me::NAME).ok_or("the inventory lacks the node")?;
    let me = Me::from_node(node, &rolewall_policy::Observed::default());
    Ok(plan::derive(plan::Inputs {
        catalogue: &catalogue,
        inventory: &inventory,
        settings: &settings,
        me: &me,
    }))
}
