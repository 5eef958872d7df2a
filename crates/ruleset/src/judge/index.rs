//! Tables ready for look-ups: chains by name, hooks in order, elements of sets by key.
//! Not here: what a rule does with what it finds ([`super::machine`]).
//!
//! Everything is borrowed. A set's elements are put in order when it is first looked into.

use super::Timed;
use super::registers::{Truth, equals};
use crate::{Chain, Element, Family, Hook, Set, SetRef, Table};
use crate::{Expr, table::ChainKind};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, OnceLock, PoisonError};

/// A table's chains and sets by name.
#[derive(Debug)]
pub(super) struct TableIndex<'r> {
    pub(super) table: &'r Table,
    chains: HashMap<&'r str, &'r Chain>,
    sets: HashMap<&'r str, SetIndex<'r>>,
    /// By the address of the set, which is borrowed and does not move.
    anonymous: HashMap<usize, SetIndex<'r>>,
}

impl<'r> TableIndex<'r> {
    fn new(table: &'r Table) -> TableIndex<'r> {
        let rules = table.chains.iter().flat_map(|chain| &chain.rules);
        let anonymous = rules.flat_map(|rule| &rule.exprs).filter_map(|expr| match expr {
            Expr::Lookup { set: SetRef::Anonymous(set), .. } => Some(&**set),
            _ => None,
        });
        TableIndex {
            table,
            chains: table.chains.iter().map(|chain| (chain.name.as_str(), chain)).collect(),
            sets: table.sets.iter().map(|set| (set.name.as_str(), SetIndex::new(set))).collect(),
            anonymous: anonymous.map(|set| (std::ptr::from_ref(set).addr(), SetIndex::new(set))).collect(),
        }
    }

    pub(super) fn chain(&self, name: &str) -> Option<&'r Chain> {
        self.chains.get(name).copied()
    }

    pub(super) fn named_set(&self, name: &str) -> Option<&SetIndex<'r>> {
        self.sets.get(name)
    }

    pub(super) fn set(&self, set: &SetRef) -> Option<&SetIndex<'r>> {
        match set {
            SetRef::Named(name) => self.sets.get(name.as_str()),
            SetRef::Anonymous(set) => self.anonymous.get(&std::ptr::from_ref(&**set).addr()),
        }
    }
}

/// A base chain and the table that it is in, by place in [`RulesetIndex::tables`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Hooked<'r> {
    pub(super) table: usize,
    pub(super) chain: &'r Chain,
    pub(super) kind: ChainKind,
    pub(super) hook: Hook,
    pub(super) priority: i32,
}

/// All tables, and all base chains in the order in which Linux runs them.
#[derive(Debug)]
pub(super) struct RulesetIndex<'r> {
    pub(super) tables: Vec<TableIndex<'r>>,
    hooked: Vec<Hooked<'r>>,
    /// What was looked up, where that is wanted: by table and set the keys, or none for every key.
    asked: Option<Mutex<AskedKeys>>,
}

pub(super) type AskedKeys = BTreeMap<(usize, String), Option<BTreeSet<Vec<u8>>>>;

impl<'r> RulesetIndex<'r> {
    pub(super) fn new(tables: &'r [Table]) -> RulesetIndex<'r> {
        let mut hooked = Vec::new();
        for (place, table) in tables.iter().enumerate().filter(|(_, t)| !t.flags.dormant) {
            for chain in &table.chains {
                let Some(base) = &chain.base else { continue };
                let (kind, hook, priority) = (base.kind, base.hook, base.priority);
                hooked.push(Hooked { table: place, chain, kind, hook, priority });
            }
        }
        // Of chains with one priority, Linux runs the one that was hooked last first.
        hooked.reverse();
        hooked.sort_by_key(|h| h.priority);
        RulesetIndex { tables: tables.iter().map(TableIndex::new).collect(), hooked, asked: None }
    }

    /// From now on write down what is looked up.
    pub(super) fn ask(&mut self) {
        self.asked = Some(Mutex::default());
    }

    /// A key was looked up in a named set, or one that is known in part only.
    pub(super) fn was_asked(&self, table: usize, set: &Set, key: Option<&[u8]>) {
        let Some(asked) = self.asked.as_ref().filter(|_| !set.is_anonymous()) else { return };
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = asked.entry((table, set.name.clone())).or_insert_with(|| Some(BTreeSet::new()));
        match (key, keys.as_mut()) {
            (Some(key), Some(keys)) => drop(keys.insert(key.to_vec())),
            _ => *keys = None,
        }
    }

    pub(super) fn asked(&self) -> AskedKeys {
        let asked = self.asked.as_ref().map(|a| a.lock().unwrap_or_else(PoisonError::into_inner).clone());
        asked.unwrap_or_default()
    }

    /// The base chains that a packet of a family meets at a hook, in order.
    pub(super) fn at(&self, hook: Hook, family: Family) -> impl Iterator<Item = Hooked<'r>> {
        let sees = move |of: Family| of == Family::Inet || of == family;
        self.hooked
            .iter()
            .copied()
            .filter(move |h| h.hook == hook && sees(self.tables[h.table].table.id.family))
    }
}

/// A set with its elements ready to be found.
#[derive(Debug)]
pub(super) struct SetIndex<'r> {
    pub(super) set: &'r Set,
    order: OnceLock<Order<'r>>,
}

/// How elements are found.
#[derive(Debug)]
enum Order<'r> {
    /// Few: one after the other.
    Few,
    /// Single keys, by hash.
    Exact(HashMap<&'r [u8], &'r Element>),
    /// Ranges of one field that do not overlap, by first key.
    Ranges(Vec<&'r Element>),
    /// Ranges of several fields: by the fields that are no ranges, for each choice of those.
    Mixed(Vec<(u32, ByExactPart<'r>)>),
}

/// Elements by the bytes of those of their fields that are no ranges.
type ByExactPart<'r> = HashMap<Vec<u8>, Vec<&'r Element>>;

/// Up to so many elements, going through them is as fast.
const FEW: usize = 8;

impl<'r> SetIndex<'r> {
    fn new(set: &'r Set) -> SetIndex<'r> {
        SetIndex { set, order: OnceLock::new() }
    }

    /// The element that a whole key is in, if it is alive; else the one that stands for all others.
    pub(super) fn find(&self, key: &[u8], timed: Timed) -> Option<&'r Element> {
        self.find_own(key, timed).or_else(|| {
            let catch_all = self.set.elements.iter().find(|e| e.key.bytes().is_empty());
            catch_all.filter(|e| is_alive(self.set, e, timed))
        })
    }

    fn find_own(&self, key: &[u8], timed: Timed) -> Option<&'r Element> {
        let element = match self.order.get_or_init(|| self.put_in_order()) {
            Order::Few => {
                let mut elements = self.set.elements.iter();
                return elements.find(|e| self.holds(e, key) && is_alive(self.set, e, timed));
            }
            Order::Exact(elements) => elements.get(key).copied(),
            Order::Ranges(elements) => {
                let after = elements.partition_point(|e| e.key.bytes() <= key);
                after.checked_sub(1).map(|place| elements[place]).filter(|e| self.holds(e, key))
            }
            Order::Mixed(kinds) => kinds.iter().find_map(|(exact, elements)| {
                let near = elements.get(&self.exact_part(key, *exact))?;
                near.iter().copied().find(|e| self.holds(e, key) && is_alive(self.set, e, timed))
            }),
        };
        element.filter(|e| is_alive(self.set, e, timed))
    }

    /// The elements that a key that is known in part may be in, and whether it surely is.
    pub(super) fn candidates(&self, key: (&[u8], u64), timed: Timed) -> Vec<(&'r Element, Truth)> {
        let alive = self.set.elements.iter().filter(|e| is_alive(self.set, e, timed));
        let judged = alive.map(|element| (element, self.may_hold(element, key)));
        judged.filter(|(_, truth)| *truth != Truth::No).collect()
    }

    fn put_in_order(&self) -> Order<'r> {
        let elements = &self.set.elements;
        if elements.len() <= FEW {
            return Order::Few;
        }
        if elements.iter().any(|e| e.key.bytes().is_empty()) {
            return Order::Few;
        }
        if !self.set.flags.interval {
            return Order::Exact(elements.iter().map(|e| (e.key.bytes(), e)).collect());
        }
        if self.set.key.len() > 1 {
            return Order::Mixed(self.mixed());
        }
        let mut ranges: Vec<&Element> = elements.iter().collect();
        ranges.sort_by(|a, b| a.key.cmp(&b.key));
        let apart = ranges.windows(2).all(|two| last(two[0]) < two[1].key.bytes());
        // Linux refuses ranges that overlap; should some come all the same, none is overlooked.
        if apart { Order::Ranges(ranges) } else { Order::Few }
    }

    fn mixed(&self) -> Vec<(u32, ByExactPart<'r>)> {
        let mut kinds: Vec<(u32, ByExactPart<'r>)> = Vec::new();
        for element in &self.set.elements {
            let exact = self.exact_fields(element);
            let place = kinds.iter().position(|(kind, _)| *kind == exact).unwrap_or_else(|| {
                kinds.push((exact, HashMap::new()));
                kinds.len() - 1
            });
            let part = self.exact_part(element.key.bytes(), exact);
            kinds[place].1.entry(part).or_default().push(element);
        }
        kinds
    }

    /// A bit for each field of an element that is one value and no range.
    fn exact_fields(&self, element: &Element) -> u32 {
        let ends = self.fields(element.key.bytes()).zip(self.fields(last(element)));
        ends.enumerate().filter(|(_, (a, b))| a == b).fold(0, |bits, (field, _)| bits | 1 << field)
    }

    fn exact_part(&self, key: &[u8], exact: u32) -> Vec<u8> {
        let fields = self.fields(key).enumerate().filter(|(field, _)| exact >> field & 1 == 1);
        fields.flat_map(|(_, bytes)| bytes.iter().copied()).collect()
    }

    fn holds(&self, element: &Element, key: &[u8]) -> bool {
        if element.key.bytes().is_empty() {
            return false;
        }
        let (Some(end), true) = (&element.end, self.set.flags.interval) else {
            return element.key.bytes() == key;
        };
        let ends = self.fields(element.key.bytes()).zip(self.fields(end.bytes()));
        self.fields(key).zip(ends).all(|(field, (first, last))| first <= field && field <= last)
    }

    fn may_hold(&self, element: &Element, (key, known): (&[u8], u64)) -> Truth {
        if element.key.bytes().is_empty() {
            return Truth::Unknown;
        }
        let mut place = 0;
        let mut truth = Truth::Yes;
        let ends = self.fields(element.key.bytes()).zip(self.fields(last(element)));
        for (field, (first, last)) in self.fields(key).zip(ends) {
            let of_field = (field, known >> place);
            place += field.len();
            let whole = (0..field.len()).all(|byte| of_field.1 >> byte & 1 == 1);
            let within = match first == last {
                true => equals(of_field, first),
                false if whole => Truth::of(first <= field && field <= last),
                false => Truth::Unknown,
            };
            match within {
                Truth::No => return Truth::No,
                Truth::Unknown => truth = Truth::Unknown,
                Truth::Yes => {}
            }
        }
        truth
    }

    /// A key's fields, padding included; the whole key if it has one field.
    fn fields<'k>(&self, key: &'k [u8]) -> impl Iterator<Item = &'k [u8]> + use<'r, 'k> {
        let set = self.set;
        let mut rest = key;
        set.key.iter().map(move |field| {
            let len = usize::from(field.len()).next_multiple_of(4);
            let len = if set.key.len() == 1 { rest.len() } else { len.min(rest.len()) };
            let (own, after) = rest.split_at(len);
            rest = after;
            own
        })
    }
}

fn last(element: &Element) -> &[u8] {
    element.end.as_ref().unwrap_or(&element.key).bytes()
}

/// Whether an element is there in the world that is judged.
fn is_alive(set: &Set, element: &Element, timed: Timed) -> bool {
    let own = element.extra.as_ref().and_then(|extra| extra.expires_ms.or(extra.timeout_ms));
    let lifetime = own.or(set.timeout_ms).filter(|ms| *ms > 0);
    match (timed, lifetime) {
        (Timed::Alive, _) | (_, None) => true,
        (Timed::Expired, Some(_)) => false,
        (Timed::After { ms }, Some(left)) => left > ms,
    }
}
