//! The rules of every table, with those elements of their sets that flows are looked up by.
//! Not here: what they say of a flow (crate `ruleset`).
//!
//! A set may hold a hundred thousand elements, and a flow is looked up by one key: sets are read empty, the
//! flows judged to see what is asked for, and only that is read, until nothing more is asked.

use super::document::Unjudged;
use crate::failure::Failure;
use rolewall_kernel::{Nft, ipset};
use rolewall_policy::lower::table_id;
use rolewall_ruleset::flow::Direction;
use rolewall_ruleset::judge::{Asked, Environment, Judge};
use rolewall_ruleset::set::MapData;
use rolewall_ruleset::xt::{Action, Condition, IpSet, SetLookup};
use rolewall_ruleset::{
    Chain, ChainPolicy, Element, Expr, Family, Flow, Hook, Ruleset, Set, SetRef, Table, TableId, Verdict,
};
use std::collections::{BTreeMap, BTreeSet};

/// More keys than that of one set are quicker read as the whole set.
const KEYS_MAX: usize = 64;
/// How often tables are read again because they changed meanwhile.
const ATTEMPTS: u32 = 5;
/// Rounds of asking after which sets are read whole: each one reads at least one set more.
const ROUNDS_MAX: usize = 10_000;

/// All tables that are judged.
pub(crate) struct Held {
    nft: Option<Nft>,
    ruleset: Ruleset,
    /// A table that is not the kernel's, and needs no reading.
    candidate: Option<TableId>,
    /// What was read of each set: keys, or none for all of it.
    read: BTreeMap<(TableId, String), Option<BTreeSet<Vec<u8>>>>,
    /// Tables that could not be read, and why.
    unreadable: Vec<String>,
    /// Tables of families that see packets elsewhere.
    elsewhere: Vec<Table>,
}

impl Held {
    /// What the kernel holds.
    pub(crate) fn live() -> Result<Held, Failure> {
        let mut nft = Nft::open()?;
        // Without the right to read, there is nothing to be said.
        let ids = nft.table_ids()?;
        let mut held = Held::alone(Ruleset::default());
        held.candidate = None;
        for (id, _) in ids {
            held.read_outline(&mut nft, &id);
        }
        held.nft = Some(nft);
        Ok(held)
    }

    /// A candidate in place of our table, beside all others; alone where the kernel may not be read.
    pub(crate) fn beside(candidate: Ruleset) -> Held {
        let mut held = match Held::live() {
            Ok(held) => held,
            Err(failure) => {
                eprintln!("warning: other tables are not judged:\n{failure}");
                return Held::alone(candidate);
            }
        };
        let ours = table_id();
        held.candidate = Some(ours.clone());
        for table in candidate.tables {
            match held.ruleset.tables.iter_mut().find(|t| t.id == ours) {
                Some(held) => *held = table,
                None => held.ruleset.tables.push(table),
            }
        }
        held
    }

    /// A candidate, and nothing of the kernel.
    pub(super) fn alone(candidate: Ruleset) -> Held {
        Held {
            nft: None,
            ruleset: candidate,
            candidate: Some(table_id()),
            read: BTreeMap::new(),
            unreadable: Vec::new(),
            elsewhere: Vec::new(),
        }
    }

    pub(super) fn is_live(&self) -> bool {
        self.nft.is_some()
    }

    pub(crate) fn ruleset(&self) -> &Ruleset {
        &self.ruleset
    }

    fn read_outline(&mut self, nft: &mut Nft, id: &TableId) {
        match nft.read_outline(id) {
            Ok(Some(table)) if matches!(id.family, Family::Inet | Family::Ip | Family::Ip6) => {
                self.ruleset.tables.push(table);
            }
            Ok(Some(table)) => self.elsewhere.push(table),
            // It went meanwhile.
            Ok(None) => {}
            Err(error) => {
                self.unreadable
                    .push(format!("table {id} cannot be read, so what it does is not known: {error}"));
            }
        }
    }

    /// Reads what these flows are looked up by.
    pub(crate) fn fill_for(&mut self, flows: &[Flow], environment: &Environment) -> Result<(), Failure> {
        let Some(mut nft) = self.nft.take() else { return Ok(()) };
        for _ in 0..ATTEMPTS {
            let before = nft.generation()?;
            for _ in 0..ROUNDS_MAX {
                let asked = self.asked(flows, environment);
                if asked.is_empty() {
                    break;
                }
                for one in asked {
                    self.fill(&mut nft, one)?;
                }
            }
            if nft.generation()? == before {
                break;
            }
            self.read_again(&mut nft)?;
        }
        self.nft = Some(nft);
        Ok(())
    }

    /// Everything anew, because it changed while it was read.
    fn read_again(&mut self, nft: &mut Nft) -> Result<(), Failure> {
        let ours = self.candidate.clone();
        self.read.clear();
        self.ruleset.tables.retain(|table| Some(&table.id) == ours.as_ref());
        (self.elsewhere, self.unreadable) = (Vec::new(), Vec::new());
        for (id, _) in nft.table_ids()? {
            if Some(&id) != ours.as_ref() {
                self.read_outline(nft, &id);
            }
        }
        Ok(())
    }

    /// What these flows ask for and was not read yet.
    fn asked(&self, flows: &[Flow], environment: &Environment) -> Vec<Asked> {
        let judge = Judge::new(&self.ruleset).with(environment.clone()).asking();
        for flow in flows {
            judge.verdict(flow);
        }
        let news = judge.asked().into_iter().filter(|one| Some(&one.table) != self.candidate.as_ref());
        news.filter_map(|one| self.unread(one)).collect()
    }

    fn unread(&self, asked: Asked) -> Option<Asked> {
        match (self.read.get(&(asked.table.clone(), asked.set.clone())), &asked.keys) {
            (None, _) | (Some(Some(_)), None) => Some(asked),
            (Some(None), _) => None,
            (Some(Some(read)), Some(keys)) => {
                let keys: BTreeSet<_> = keys.difference(read).cloned().collect();
                (!keys.is_empty()).then_some(Asked { keys: Some(keys), ..asked })
            }
        }
    }

    fn fill(&mut self, nft: &mut Nft, asked: Asked) -> Result<(), Failure> {
        let Asked { table: id, set: name, keys } = asked;
        let read = self.read.entry((id.clone(), name.clone())).or_insert_with(|| Some(BTreeSet::new()));
        let tables = &mut self.ruleset.tables;
        let set =
            tables.iter_mut().find(|t| t.id == id).and_then(|t| t.sets.iter_mut().find(|s| s.name == name));
        let Some(set) = set else {
            *read = None;
            return Ok(());
        };
        match (keys, read.as_mut()) {
            (Some(keys), Some(read_keys))
                if is_asked_by_key(set) && read_keys.len() + keys.len() <= KEYS_MAX =>
            {
                set.elements.extend(found(nft, &id, set, &keys, read_keys.is_empty())?);
                set.elements.sort_by(|a, b| a.key.cmp(&b.key));
                read_keys.extend(keys);
            }
            _ => {
                set.elements = nft.read_elements(&id, set)?;
                *read = None;
            }
        }
        Ok(())
    }

    /// The ipsets that rules look into; their names are told from now on.
    pub(super) fn read_ipsets(&mut self) -> BTreeMap<u16, IpSet> {
        let mut lookups: Vec<&mut SetLookup> = Vec::new();
        let chains = self.ruleset.tables.iter_mut().flat_map(|table| &mut table.chains);
        for expr in chains.flat_map(|chain| &mut chain.rules).flat_map(|rule| &mut rule.exprs) {
            if let Expr::XtMatch(asked) = expr
                && let Condition::Set(lookup) = &mut asked.condition
            {
                lookups.push(lookup);
            }
        }
        let wanted: BTreeSet<u16> = lookups.iter().map(|lookup| lookup.index).collect();
        if wanted.is_empty() {
            return BTreeMap::new();
        }
        let sets = ipset::sets(&wanted).unwrap_or_else(|error| {
            eprintln!("warning: what ipsets hold is not known: {error}");
            BTreeMap::new()
        });
        for lookup in lookups {
            lookup.name = sets.get(&lookup.index).map(|set| set.name.clone());
        }
        sets
    }

    /// What may decide about a flow and is not judged.
    pub(super) fn unjudged(&self, flow: &Flow) -> Vec<Unjudged> {
        let unreadable = self.unreadable.iter().map(|what| Unjudged { what: what.clone(), may_stop: true });
        let judged = self.ruleset.tables.iter();
        let early = judged.chain(&self.elsewhere).filter_map(|table| elsewhere(table, flow));
        unreadable.chain(early).collect()
    }
}

/// Whether the kernel can be asked for one key: ranges it gives by their ends only.
fn is_asked_by_key(set: &Set) -> bool {
    !set.flags.interval
}

/// Those of the keys that a set holds; with the element that stands for all others, the first time.
fn found(
    nft: &mut Nft,
    id: &TableId,
    set: &Set,
    keys: &BTreeSet<Vec<u8>>,
    first: bool,
) -> Result<Vec<Element>, Failure> {
    let mut wanted: Vec<Element> = keys.iter().map(|key| Element::key(key)).collect();
    if first {
        wanted.push(Element::key(&[]));
    }
    Ok(nft.find_elements(id, set, &wanted)?)
}

/// What a table does to a flow where it is not judged: at ingress and egress of devices, and on bridges.
fn elsewhere(table: &Table, flow: &Flow) -> Option<Unjudged> {
    if table.flags.dormant {
        return None;
    }
    let id = &table.id;
    let chains = || table.chains.iter().filter(|chain| is_early(chain, id.family, flow));
    let names: Vec<&str> = chains().map(|chain| chain.name.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    let may_stop = id.family != Family::Bridge && stops(table, chains());
    let (names, may) = (names.join(", "), if may_stop { "; it may stop the packet" } else { "" });
    let what = format!(
        "table {id} sees packets before these hooks or after them ({names}), which is not judged{may}"
    );
    Some(Unjudged { what, may_stop })
}

fn is_early(chain: &Chain, family: Family, flow: &Flow) -> bool {
    let Some(base) = &chain.base else { return false };
    let is_of = |device: Option<&String>| {
        device.is_none_or(|name| base.devices.is_empty() || base.devices.contains(name))
    };
    match (base.hook, family) {
        (Hook::Ingress, _) => flow.direction != Direction::Out && is_of(flow.iif.as_ref()),
        (Hook::Egress, _) => flow.direction != Direction::In && is_of(flow.oif.as_ref()),
        (_, Family::Bridge) => true,
        _ => false,
    }
}

/// Whether these chains, or what they lead to, can do anything but let a packet through.
fn stops<'t>(table: &'t Table, chains: impl Iterator<Item = &'t Chain>) -> bool {
    let regular = table.chains.iter().filter(|chain| chain.base.is_none());
    chains.chain(regular).any(|chain| {
        let drops = chain.base.as_ref().is_some_and(|base| base.policy == ChainPolicy::Drop);
        drops || chain.rules.iter().flat_map(|rule| &rule.exprs).any(|expr| can_stop(table, expr))
    })
}

fn can_stop(table: &Table, expr: &Expr) -> bool {
    match expr {
        Expr::Verdict(verdict) => matches!(verdict, Verdict::Drop | Verdict::Other(_)),
        // The elements of a named one are not read.
        Expr::Lookup { set: SetRef::Named(name), .. } => table.set(name).is_some_and(Set::is_verdict_map),
        Expr::Lookup { set: SetRef::Anonymous(set), .. } => set
            .elements
            .iter()
            .any(|element| matches!(element.data, Some(MapData::Verdict(Verdict::Drop | Verdict::Other(_))))),
        Expr::XtTarget(done) => matches!(done.action, Action::Reject { .. } | Action::Unknown),
        Expr::Reject(_) | Expr::Foreign { .. } => true,
        _ => false,
    }
}
