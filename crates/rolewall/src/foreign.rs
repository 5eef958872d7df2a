//! Other people's tables: which there are, and putting them to sleep for `--take-over`.
//! Not here: changing anything in them.

use crate::commands::explain::surroundings::Surroundings;
use crate::failure::Failure;
use crate::firewall::Firewall;
use rolewall_ruleset::table::{ChainKind, Hook};
use rolewall_ruleset::{Family, Table, TableFlags, TableId};

/// A table that is not ours and can decide about packets of this host.
#[derive(Debug, Clone)]
pub(crate) struct Foreign {
    pub(crate) id: TableId,
    pub(crate) flags: TableFlags,
    /// Hooks on which it filters.
    pub(crate) filters: Vec<Hook>,
    /// It also translates addresses: never put to sleep.
    pub(crate) has_nat: bool,
}

/// Every table but ours that hangs on a hook of this host's own packets.
pub(crate) fn tables(firewall: &mut Firewall) -> Result<Vec<Foreign>, Failure> {
    let mut found = Vec::new();
    for (id, flags) in firewall.nft.table_ids()? {
        let is_ip = matches!(id.family, Family::Inet | Family::Ip | Family::Ip6);
        if id == firewall.id || !is_ip {
            continue;
        }
        if let Some(table) = firewall.nft.read_outline(&id)? {
            found.push(foreign(id, flags, &table));
        }
    }
    Ok(found)
}

fn foreign(id: TableId, flags: TableFlags, table: &Table) -> Foreign {
    let bases = table.chains.iter().filter_map(|c| c.base.as_ref());
    let filters = bases.clone().filter(|b| b.kind == ChainKind::Filter).map(|b| b.hook);
    let has_nat = bases.clone().any(|b| b.kind == ChainKind::Nat);
    Foreign { id, flags, filters: filters.collect(), has_nat }
}

/// The tables that `--take-over` puts to sleep: those that filter, translate nothing, are awake, and have
/// no owner.
pub(crate) fn to_sleep(tables: &[Foreign]) -> Vec<(TableId, TableFlags)> {
    let wanted = |t: &&Foreign| {
        let judges = t.filters.iter().any(|h| matches!(h, Hook::Input | Hook::Output | Hook::Forward));
        judges && !t.has_nat && !t.flags.dormant && !t.flags.owner
    };
    let asleep = |t: &Foreign| (t.id.clone(), TableFlags { dormant: true, ..t.flags });
    tables.iter().filter(wanted).map(asleep).collect()
}

/// What `--take-over` cannot put to sleep, in words: tables that belong to a process, and those of the older
/// iptables, which nf_tables does not see. They go on deciding beside ours.
pub(crate) fn staying_awake(tables: &[Foreign]) -> Vec<String> {
    let filters = |t: &&Foreign| t.flags.owner && !t.flags.dormant && !t.filters.is_empty();
    let owned = tables.iter().filter(filters).map(|t| {
        format!("table {} belongs to another process and stays awake: end or reconfigure that process", t.id)
    });
    let legacy = Surroundings::read().legacy_in_words();
    owned.chain(legacy.into_iter().map(|words| format!("{words}; they stay in force"))).collect()
}

/// Names as the notes keep them, awake again; those that are gone meanwhile are left alone, because setting
/// the flags of a table that is not there would make it.
pub(crate) fn awake(
    firewall: &mut Firewall,
    names: &[String],
) -> Result<Vec<(TableId, TableFlags)>, Failure> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let wanted: Vec<TableId> = names.iter().filter_map(|name| table_id(name)).collect();
    let there = firewall.nft.table_ids()?.into_iter().filter(|(id, _)| wanted.contains(id));
    Ok(there.map(|(id, flags)| (id, TableFlags { dormant: false, ..flags })).collect())
}

fn table_id(name: &str) -> Option<TableId> {
    let (family, name) = name.split_once(' ')?;
    let family = match family {
        "inet" => Family::Inet,
        "ip" => Family::Ip,
        "ip6" => Family::Ip6,
        _ => return None,
    };
    Some(TableId { family, name: name.to_owned() })
}
