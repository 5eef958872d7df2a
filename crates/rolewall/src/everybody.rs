//! All that the kernel holds, everybody's tables, and what this host tells of itself: what flows are judged by.
//! Not here: judging them.

use crate::commands::explain::surroundings::Surroundings;
use crate::failure::Failure;
use crate::firewall::Firewall;
use rolewall_policy::lower::table_id;
use rolewall_ruleset::Ruleset;
use rolewall_ruleset::judge::{Environment, Hooks};

/// Tables, and the host that they are on.
pub(crate) struct Everybody {
    pub(crate) ruleset: Ruleset,
    pub(crate) environment: Environment,
}

impl Everybody {
    /// Asks Linux.
    pub(crate) fn read(firewall: &mut Firewall) -> Result<Everybody, Failure> {
        let environment = Environment { hooks: Hooks::Whole, ..Surroundings::read().environment(&[]) };
        Ok(Everybody { ruleset: firewall.nft.read_ruleset()?, environment })
    }

    /// Whether a table of ours is among them.
    pub(crate) fn has_ours(&self) -> bool {
        self.ruleset.table(&table_id()).is_some()
    }

    /// Everybody's tables, ours being this one.
    pub(crate) fn with_ours(&self, ours: Ruleset) -> Ruleset {
        let others = self.ruleset.tables.iter().filter(|table| table.id != table_id()).cloned();
        Ruleset { tables: others.chain(ours.tables).collect() }
    }
}
