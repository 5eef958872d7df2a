//! A generation as the ruleset that it is once packets are led to it, and back.
//! Not here: making one (crate `policy`), and leading packets to it (crate `control`).

use rolewall_control::Held;
use rolewall_control::frame::{armed, base_chain};
use rolewall_policy::lower::table_id;
use rolewall_ruleset::{Generation, Ruleset};

/// Base chains before its own. Moved, not copied: it may be large.
pub(crate) fn in_force(generation: Generation) -> Ruleset {
    let Generation { mut parts, entries } = generation;
    let leads = entries.iter().map(|(hook, entry)| base_chain(*hook, None, Some(entry)));
    parts.chains.splice(0..0, leads);
    Ruleset { tables: vec![parts] }
}

/// The same as the kernel holds it once it is confirmed: with the set by which tests end, empty.
pub(crate) fn as_confirmed(generation: Generation) -> Ruleset {
    let mut ruleset = in_force(generation);
    for table in &mut ruleset.tables {
        table.sets.insert(0, armed());
    }
    ruleset
}

/// The generation again.
pub(crate) fn out_of_force(mut ruleset: Ruleset) -> Generation {
    let Some(mut parts) = ruleset.tables.pop() else { return Generation::empty(&table_id()) };
    let entries = Held::read(&parts).confirmed.into_iter().collect();
    parts.chains.retain(|c| c.base.is_none());
    Generation { parts, entries }
}
