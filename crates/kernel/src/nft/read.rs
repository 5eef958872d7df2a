//! Reading nf_tables back: tables whole or in outline, sets, elements.
//! Not here: changing anything, and questions about single elements ([`super::find`]).

use super::codes::{family, family_code};
use super::decode::{self, DecodedRule, DecodedSet, RawElement};
use super::encode::nfgenmsg;
use super::wire::{self, NFGENMSG_LEN, message};
use super::{Nft, NftError};
use crate::netlink::{Dump, Message, NetlinkError, Writer};
use rolewall_ruleset::{
    Chain, Element, Expr, Family, Rule, Ruleset, Set, SetRef, Table, TableFlags, TableId,
};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io;

/// How often a reading is begun again because the ruleset changed meanwhile.
const ATTEMPTS: u32 = 10;

/// Which elements of named sets are read. Those of anonymous sets always are: they are the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Elements {
    All,
    None,
}

/// A message of any table, set apart by the family in its header.
fn family_of(m: &Message<'_>) -> Option<Family> {
    family(*m.payload.first()?)
}

impl Nft {
    /// The ruleset's generation: a number that every committed transaction raises.
    pub fn generation(&mut self) -> Result<u32, NftError> {
        let mut generation = None;
        let fill = |w: &mut Writer| w.fixed(&nfgenmsg(0, 0));
        let asked = self.socket.ask(message::GETGEN, fill, |m| {
            if m.kind == message::NEWGEN {
                let fields = crate::netlink::Fields::<4>::known(m.after(NFGENMSG_LEN));
                generation = fields.be32(wire::GEN_ID);
            }
        });
        let doing = "reading the ruleset's generation";
        asked.map_err(|e| match e.errno() {
            // A subsystem that is not there is an invalid argument of netfilter's netlink.
            Some(errno) if errno == Errno::INVAL.raw_os_error() => {
                NftError::Absent { doing: doing.to_owned(), source: io::Error::from_raw_os_error(errno) }
            }
            _ => NftError::exchange(doing, e),
        })?;
        generation.ok_or_else(|| NftError::malformed(doing, "the kernel's answer"))
    }

    /// All tables: family, name and flags.
    pub fn table_ids(&mut self) -> Result<Vec<(TableId, TableFlags)>, NftError> {
        self.consistently("listing the tables", Nft::table_ids_once)
    }

    /// A table with everything in it, or none if there is no such table.
    ///
    /// Of one moment: it is read again if the ruleset changes meanwhile, and fails as
    /// [`NftError::Unstable`] if that does not end.
    pub fn read_table(&mut self, id: &TableId) -> Result<Option<Table>, NftError> {
        self.consistently(&format!("reading table {id}"), |nft| nft.table_once(id, Elements::All, &|_| true))
    }

    /// The named sets of a table, without their elements.
    pub fn read_sets(&mut self, id: &TableId) -> Result<Vec<Set>, NftError> {
        let doing = format!("reading the sets of table {id}");
        let sets = self.consistently(&doing, |nft| nft.sets_once(id))?;
        Ok(sets.into_iter().map(|decoded| decoded.set).filter(|set| !set.is_anonymous()).collect())
    }

    /// A table's base chains with their rules, and nothing else of it. Sets that a rule has of its own are
    /// named, not read.
    pub fn read_base_chains(&mut self, id: &TableId) -> Result<Table, NftError> {
        self.consistently(&format!("reading the base chains of table {id}"), |nft| {
            let mut table = Table::new(id.family, &id.name);
            table.chains = nft.chains_once(id)?;
            table.chains.retain(|c| c.base.is_some());
            for chain in &mut table.chains {
                let is_its = |name: &str| name == chain.name;
                let rules = nft.rules_of_once(id, Some(&chain.name), &mut BTreeMap::new(), &is_its)?;
                chain.rules = rules.into_iter().map(|r| r.rule).collect();
            }
            Ok(table)
        })
    }

    /// A table without the elements of its named sets; those of anonymous sets are there.
    pub fn read_outline(&mut self, id: &TableId) -> Result<Option<Table>, NftError> {
        self.read_outline_of(id, &|_| true)
    }

    /// The same with the rules of some chains, by name; of the others only that they are there.
    pub fn read_outline_of(
        &mut self,
        id: &TableId,
        with_rules: &dyn Fn(&str) -> bool,
    ) -> Result<Option<Table>, NftError> {
        let doing = format!("reading the outline of table {id}");
        self.consistently(&doing, |nft| nft.table_once(id, Elements::None, with_rules))
    }

    /// All tables with everything in them.
    pub fn read_ruleset(&mut self) -> Result<Ruleset, NftError> {
        self.consistently("reading the ruleset", |nft| {
            let ids = nft.table_ids_once()?;
            let mut tables = Vec::with_capacity(ids.len());
            for (id, _) in ids {
                tables.extend(nft.table_once(&id, Elements::All, &|_| true)?);
            }
            Ok(Ruleset { tables })
        })
    }

    /// The elements of a named set, ascending by key. The kernel's time for it grows with the square of
    /// their number from some ten thousands on: 100,000 take a quarter of a second to a second, a
    /// million over a minute (measured on Linux 6.18). [`Nft::find_elements`] and
    /// [`Nft::element_count`] do not have that flaw.
    pub fn read_elements(&mut self, id: &TableId, set: &Set) -> Result<Vec<Element>, NftError> {
        let doing = format!("reading the elements of {id} {}", set.name);
        self.consistently(&doing, |nft| nft.elements_once(id, &set.name, set))
    }

    /// Fills named sets with the elements that they have, all of one moment; not those that packets fill.
    pub fn fill(&mut self, id: &TableId, sets: &mut [Set]) -> Result<(), NftError> {
        self.consistently(&format!("reading the elements of {} sets of {id}", sets.len()), |nft| {
            for set in sets.iter_mut().filter(|set| !set.flags.dynamic) {
                set.elements = nft.elements_once(id, &set.name, set)?;
            }
            Ok(())
        })
    }

    /// Repeats a reading until the generation is the same before and after.
    pub(super) fn consistently<T>(
        &mut self,
        doing: &str,
        mut read: impl FnMut(&mut Nft) -> Result<T, NftError>,
    ) -> Result<T, NftError> {
        for _ in 0..ATTEMPTS {
            let before = self.generation()?;
            let result = read(self);
            if self.generation()? == before {
                match result {
                    Err(NftError::Unstable { .. }) => {}
                    other => return other,
                }
            }
        }
        Err(NftError::Unstable { doing: doing.to_owned(), attempts: ATTEMPTS })
    }

    /// A dump, each message decoded; one that cannot be is an error, not a gap.
    pub(super) fn dump<T>(
        &mut self,
        doing: &str,
        kind: u16,
        fill: impl FnOnce(&mut Writer),
        mut decode: impl FnMut(&Message<'_>) -> Option<T>,
    ) -> Result<Vec<T>, NftError> {
        let (mut values, mut broken) = (Vec::new(), false);
        let dumped = self.socket.dump(kind, fill, |m| match decode(m) {
            Some(value) => values.push(value),
            None => broken = true,
        });
        match dumped {
            Ok(Dump::Interrupted) => Err(NftError::Unstable { doing: doing.to_owned(), attempts: 1 }),
            Ok(Dump::Consistent) if broken => Err(NftError::malformed(doing, "an answer of the kernel")),
            Ok(Dump::Consistent) => Ok(values),
            Err(NetlinkError::Refused(no)) if no.errno == Errno::NOENT.raw_os_error() => Ok(Vec::new()),
            Err(e) => Err(NftError::exchange(doing, e)),
        }
    }

    fn table_ids_once(&mut self) -> Result<Vec<(TableId, TableFlags)>, NftError> {
        let fill = |w: &mut Writer| w.fixed(&nfgenmsg(0, 0));
        self.dump("listing the tables", message::GETTABLE, fill, |m| {
            let (name, flags) = decode::table(m.after(NFGENMSG_LEN))?;
            Some((TableId { family: family_of(m)?, name }, flags.unwrap_or_default()))
        })
    }

    fn table_once(
        &mut self,
        id: &TableId,
        wanted: Elements,
        with_rules: &dyn Fn(&str) -> bool,
    ) -> Result<Option<Table>, NftError> {
        let Some((_, flags)) = self.table_ids_once()?.into_iter().find(|(found, _)| found == id) else {
            return Ok(None);
        };
        let (mut sets, mut anonymous) = (Vec::new(), BTreeMap::new());
        for DecodedSet { name, mut set, .. } in self.sets_once(id)? {
            if set.is_anonymous() {
                anonymous.insert(name, set);
                continue;
            }
            if wanted == Elements::All {
                set.elements = self.elements_once(id, &name, &set)?;
            }
            sets.push(set);
        }
        let mut chains = self.chains_once(id)?;
        for DecodedRule { chain, mut rule, .. } in self.rules_once(id, &mut anonymous, with_rules)? {
            for set in rule.exprs.iter_mut().filter_map(anonymous_set) {
                let name = std::mem::take(&mut set.name);
                set.elements = self.elements_once(id, &name, set)?;
            }
            push_rule(&mut chains, &chain, rule);
        }
        Ok(Some(Table { id: id.clone(), flags, sets, chains }))
    }

    fn sets_once(&mut self, id: &TableId) -> Result<Vec<DecodedSet>, NftError> {
        let doing = format!("reading the sets of table {id}");
        let fill = |w: &mut Writer| {
            w.fixed(&nfgenmsg(family_code(id.family), 0));
            w.string(wire::set::TABLE, &id.name);
        };
        let sets = self.dump(&doing, message::GETSET, fill, |m| decode::set(m.after(NFGENMSG_LEN)))?;
        Ok(sets.into_iter().filter(|s| s.table == id.name).collect())
    }

    pub(super) fn elements_once(
        &mut self,
        id: &TableId,
        name: &str,
        set: &Set,
    ) -> Result<Vec<Element>, NftError> {
        let doing = format!("reading the elements of {id} {name}");
        let fill = |w: &mut Writer| {
            w.fixed(&nfgenmsg(family_code(id.family), 0));
            w.string(wire::element::LIST_TABLE, &id.name);
            w.string(wire::element::LIST_SET, name);
        };
        let mut raw: Vec<RawElement> = Vec::new();
        self.dump(&doing, message::GETSETELEM, fill, |m| {
            let (_, _, _, list) = decode::element_list(m.after(NFGENMSG_LEN))?;
            raw.extend(decode::raw_elements(list));
            Some(())
        })?;
        Ok(decode::collect(set, raw))
    }

    fn chains_once(&mut self, id: &TableId) -> Result<Vec<Chain>, NftError> {
        let doing = format!("reading the chains of table {id}");
        let fill = |w: &mut Writer| w.fixed(&nfgenmsg(family_code(id.family), 0));
        let chains =
            self.dump(&doing, message::GETCHAIN, fill, |m| decode::chain(id.family, m.after(NFGENMSG_LEN)))?;
        Ok(chains.into_iter().filter(|(table, _)| *table == id.name).map(|(_, chain)| chain).collect())
    }

    /// The rules of some chains, each anonymous set moved into the lookup that names it: still under its name,
    /// by which its elements are asked for.
    fn rules_once(
        &mut self,
        id: &TableId,
        anonymous: &mut BTreeMap<String, Set>,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<DecodedRule>, NftError> {
        self.rules_of_once(id, None, anonymous, wanted)
    }

    /// The same; Linux is asked for one chain, or for all.
    fn rules_of_once(
        &mut self,
        id: &TableId,
        only: Option<&str>,
        anonymous: &mut BTreeMap<String, Set>,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<DecodedRule>, NftError> {
        let doing = format!("reading the rules of table {id}");
        let fill = |w: &mut Writer| {
            w.fixed(&nfgenmsg(family_code(id.family), 0));
            w.string(wire::rule::TABLE, &id.name);
            if let Some(chain) = only {
                w.string(wire::rule::CHAIN, chain);
            }
        };
        let mut resolve = |name: String, _| match anonymous.remove(&name) {
            Some(set) => SetRef::Anonymous(Box::new(Set { name, ..set })),
            None => SetRef::Named(name),
        };
        let rules = self.dump(&doing, message::GETRULE, fill, |m| {
            let bytes = m.after(NFGENMSG_LEN);
            // Rules of other tables must not take this one's sets; kernels that filter send none.
            let (table, chain) = decode::rule_place(bytes)?;
            let is_wanted = table == id.name && wanted(&chain);
            if is_wanted { decode::rule(bytes, &mut resolve).map(Some) } else { Some(None) }
        })?;
        Ok(rules.into_iter().flatten().collect())
    }
}

/// The set that a lookup has of its own.
fn anonymous_set(expr: &mut Expr) -> Option<&mut Set> {
    match expr {
        Expr::Lookup { set: SetRef::Anonymous(set), .. } => Some(set),
        _ => None,
    }
}

fn push_rule(chains: &mut [Chain], name: &str, rule: Rule) {
    if let Some(chain) = chains.iter_mut().find(|c| c.name == name) {
        chain.rules.push(rule);
    }
}
