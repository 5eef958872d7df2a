//! Sets and maps of random elements: hashed, of ranges, of several fields, with and without a lifetime.
//! Not here: the rules that look into them ([`super::phrase`]).

use super::Author;
use rolewall_ruleset::expr::{LookupTo, MetaKey};
use rolewall_ruleset::set::{ElementExtra, MapData, SetFlags};
use rolewall_ruleset::{DataType, Element, Expr, Reg, Set, SetRef, Value, Verdict};
use std::collections::BTreeSet;

/// A lifetime that no run outlives: an hour, in milliseconds.
const HOUR_MS: u64 = 3_600_000;

impl Author<'_> {
    /// A set of these fields, the values drawn from those of each.
    pub(super) fn set_of(&mut self, kinds: &[DataType], values: &[Vec<Vec<u8>>], interval: bool) -> Set {
        let mut set = Set::new("", kinds);
        set.flags.interval = interval;
        let number = *self.random.pick(&[1, 2, 3, 5, 9, 14]);
        set.elements = match (interval, kinds.len()) {
            (false, _) => self.keys(kinds, values, number).iter().map(|key| Element::key(key)).collect(),
            (true, 1) => self.ranges(&values[0], number),
            (true, _) => self.boxes(kinds, values, number),
        };
        set
    }

    /// Some of the values and of those beside, and others.
    fn drawn(&mut self, values: &[Vec<u8>]) -> Vec<u8> {
        let mut value = self.random.pick(values).clone();
        match self.random.below(6) {
            0 => {
                if let Some(last) = value.last_mut() {
                    *last = last.wrapping_add(1);
                }
            }
            1 => {
                let place = self.random.below(value.len());
                value[place] ^= 1 << self.random.below(8);
            }
            _ => {}
        }
        value
    }

    fn keys(&mut self, kinds: &[DataType], values: &[Vec<Vec<u8>>], number: usize) -> BTreeSet<Vec<u8>> {
        (0..number).map(|_| self.key(kinds, values)).collect()
    }

    fn key(&mut self, kinds: &[DataType], values: &[Vec<Vec<u8>>]) -> Vec<u8> {
        let fields: Vec<Vec<u8>> = values.iter().map(|values| self.drawn(values)).collect();
        joined(kinds, &fields)
    }

    /// Ranges of one field that do not overlap, some of them side by side.
    fn ranges(&mut self, values: &[Vec<u8>], number: usize) -> Vec<Element> {
        let ends: BTreeSet<Vec<u8>> = (0..2 * number).map(|_| self.drawn(values)).collect();
        let mut elements = Vec::new();
        let mut ends = ends.into_iter().peekable();
        while let Some(first) = ends.next() {
            let last = if self.random.percent(60) { ends.next() } else { None };
            elements.push(match last {
                Some(last) => Element::range(&first, &last),
                None => Element::key(&first),
            });
        }
        elements
    }

    /// Ranges field by field: disjoint, because the first fields are.
    fn boxes(&mut self, kinds: &[DataType], values: &[Vec<Vec<u8>>], number: usize) -> Vec<Element> {
        let firsts = self.ranges(&values[0], number);
        let mut elements = Vec::new();
        for first in firsts {
            let mut lows = vec![first.key.bytes().to_vec()];
            let mut highs = vec![first.end.as_ref().unwrap_or(&first.key).bytes().to_vec()];
            for values in &values[1..] {
                let mut ends = [self.drawn(values), self.drawn(values)];
                ends.sort();
                if self.random.percent(40) {
                    ends[1] = ends[0].clone();
                }
                let [low, high] = ends;
                lows.push(low);
                highs.push(high);
            }
            let (low, high) = (joined(kinds, &lows), joined(kinds, &highs));
            elements.push(if low == high { Element::key(&low) } else { Element::range(&low, &high) });
        }
        elements
    }

    /// The set as a rule refers to it: its own, or one of the table's.
    pub(super) fn place(&mut self, mut set: Set) -> SetRef {
        let catches_all = self.features.catch_all && set.key.len() == 1 && self.random.percent(15);
        if catches_all && let Some(first) = set.elements.first() {
            let all = Element { key: Value::from_bytes(&[]), end: None, ..first.clone() };
            set.elements.insert(0, all);
        }
        if self.random.percent(50) {
            return SetRef::Anonymous(Box::new(set));
        }
        set.name = format!("s{}", self.sets.len());
        if self.random.percent(25) {
            self.give_lifetimes(&mut set);
        }
        let name = set.name.clone();
        self.sets.push(set);
        SetRef::Named(name)
    }

    fn give_lifetimes(&mut self, set: &mut Set) {
        set.flags.timeout = true;
        for element in &mut set.elements {
            if self.random.percent(50) {
                let extra = ElementExtra { timeout_ms: Some(HOUR_MS), ..ElementExtra::default() };
                element.extra = Some(Box::new(extra));
            }
        }
    }

    /// The set made a map, and the rule's way through it.
    pub(super) fn through_map(&mut self, mut set: Set, reg: Reg) -> Vec<Expr> {
        if self.random.percent(60) {
            set.data = Some(vec![DataType::Verdict]);
            for element in &mut set.elements {
                element.data = Some(MapData::Verdict(self.map_verdict()));
            }
            let set = self.place(set);
            return vec![Expr::Lookup { sreg: reg, set, dreg: Some(LookupTo::Verdict), invert: false }];
        }
        set.data = Some(vec![DataType::Mark]);
        for element in &mut set.elements {
            let mark = self.random.pick(&self.palette.marks).to_ne_bytes();
            element.data = Some(MapData::Value(Value::from_bytes(&mark)));
        }
        let (set, to) = (self.place(set), self.register(4));
        vec![
            Expr::Lookup { sreg: reg, set, dreg: Some(LookupTo::Reg(to)), invert: false },
            Expr::MetaSet { key: MetaKey::Mark, sreg: to },
        ]
    }

    /// A leaf looks into maps too, so from there no map goes on.
    fn map_verdict(&mut self) -> Verdict {
        let may_go_on = self.beyond.len() >= 2;
        match self.random.below(8) {
            0 | 1 => Verdict::Accept,
            2 | 3 => Verdict::Drop,
            4 => Verdict::Return,
            5 => Verdict::Continue,
            6 if may_go_on => Verdict::Jump(self.random.pick(&self.leaves).clone()),
            7 if may_go_on => Verdict::Goto(self.random.pick(&self.leaves).clone()),
            _ => Verdict::Accept,
        }
    }

    /// A set that packets fill, often one that another rule fills too.
    pub(super) fn filled_by_packets(&mut self, kind: DataType) -> String {
        let there = self.sets.iter().find(|set| set.flags.dynamic && set.key == [kind]);
        if let Some(set) = there.filter(|_| self.random.percent(70)) {
            return set.name.clone();
        }
        let mut set = Set::new(format!("d{}", self.sets.len()), &[kind]);
        set.flags = SetFlags { dynamic: true, timeout: true, ..SetFlags::default() };
        set.size = Some(1000);
        let name = set.name.clone();
        self.sets.push(set);
        name
    }
}

fn joined(kinds: &[DataType], fields: &[Vec<u8>]) -> Vec<u8> {
    if kinds.len() == 1 {
        return fields[0].clone();
    }
    let mut key = Vec::new();
    fields.iter().for_each(|field| Value::push_padded(&mut key, field));
    key
}
