//! One small change of a ruleset, such as a slip in lowering would make.
//! Not here: whether it matters.

use super::random::Random;
use rolewall_ruleset::expr::{CmpOp, PayloadBase};
use rolewall_ruleset::set::MapData;
use rolewall_ruleset::{DataType, Element, Expr, Rule, Ruleset, Set, SetRef, Table, Value, Verdict, text};

/// A ruleset with one change.
pub(crate) struct Mutant {
    pub(crate) ruleset: Ruleset,
    pub(crate) kind: &'static str,
    /// What was changed, in words.
    pub(crate) says: String,
    /// Values beside which flows may be told apart otherwise than before.
    pub(crate) values: Vec<Value>,
}

type Change = fn(&mut Site<'_>) -> Option<()>;

const CHANGES: [(&str, Change); 22] = [
    ("a rule left out", |site| site.leave_out_rule()),
    ("two rules swapped", |site| site.swap_rules()),
    ("a verdict turned round", |site| site.turn_verdict()),
    ("another chain", |site| site.lead_elsewhere()),
    ("a bit of a comparison", |site| site.flip_compared()),
    ("a comparison turned round", |site| site.turn_comparison()),
    ("a comparison left out", |site| site.leave_out_comparison()),
    ("a look-up turned round", |site| site.turn_lookup()),
    ("a look-up left out", |site| site.leave_out_lookup()),
    ("an end of ports off by one", |site| site.shift_compared()),
    ("a bit of a mask", |site| site.flip_mask()),
    ("source for destination", |site| site.other_end()),
    ("a rate turned round", |site| site.turn_limit()),
    ("a counter or log left out", |site| site.leave_out_statement()),
    ("a last refusal left out", |site| site.leave_out_last()),
    ("a hook left out", |site| site.leave_out_lead()),
    ("an element left out", |site| site.leave_out_element()),
    ("an element added", |site| site.add_element()),
    ("an end of a range off by one", |site| site.shift_range()),
    ("a prefix by one bit", |site| site.widen_or_narrow()),
    ("a port of a map off by one", |site| site.shift_key()),
    ("another verdict of a map", |site| site.other_verdict()),
];

impl Mutant {
    /// None where the chosen place has nothing that the chosen change is about.
    pub(crate) fn of(original: &Ruleset, random: &mut Random) -> Option<Mutant> {
        let (kind, change) = *random.of(&CHANGES);
        let mut ruleset = original.clone();
        for _ in 0..40 {
            let mut site =
                Site { random, table: &mut ruleset.tables[0], says: String::new(), values: Vec::new() };
            if change(&mut site).is_some() {
                let Site { says, values, .. } = site;
                let says = format!("{kind}: {says}");
                return (ruleset != *original).then_some(Mutant { ruleset, kind, says, values });
            }
        }
        None
    }
}

struct Site<'s> {
    random: &'s mut Random,
    table: &'s mut Table,
    says: String,
    values: Vec<Value>,
}

impl Site<'_> {
    /// A rule of any chain, by both places.
    fn rule(&mut self) -> Option<(usize, usize)> {
        let chain = self.random.below(self.table.chains.len());
        let rules = self.table.chains[chain].rules.len();
        let rule = self.random.below(rules);
        let found = self.table.chains[chain].rules.get(rule)?;
        let values: Vec<Value> = found.exprs.iter().flat_map(values_of).collect();
        let words = text::rule(self.table, found);
        self.says = format!("{} rule {rule}: {words}", self.table.chains[chain].name);
        self.values.extend(values);
        Some((chain, rule))
    }

    /// An expression of any rule that is of a kind.
    fn expr(&mut self, is_it: fn(&Expr) -> bool) -> Option<(&mut Rule, usize)> {
        let (chain, rule) = self.rule()?;
        let exprs = &self.table.chains[chain].rules[rule].exprs;
        let places: Vec<usize> = (0..exprs.len()).filter(|at| is_it(&exprs[*at])).collect();
        if places.is_empty() {
            return None;
        }
        let at = *self.random.of(&places);
        self.says += &format!(" (expression {at})");
        Some((&mut self.table.chains[chain].rules[rule], at))
    }

    fn leave_out_rule(&mut self) -> Option<()> {
        let (chain, rule) = self.rule()?;
        self.table.chains[chain].rules.remove(rule);
        Some(())
    }

    fn swap_rules(&mut self) -> Option<()> {
        let (chain, rule) = self.rule()?;
        let rules = &mut self.table.chains[chain].rules;
        let other = self.random.below(rules.len());
        self.says += &format!(" with {other}");
        self.values.extend(rules[other].exprs.iter().flat_map(values_of));
        (rule != other).then(|| rules.swap(rule, other))
    }

    fn turn_verdict(&mut self) -> Option<()> {
        let is_it =
            |expr: &Expr| matches!(expr, Expr::Verdict(Verdict::Accept | Verdict::Drop) | Expr::Reject(_));
        let (rule, at) = self.expr(is_it)?;
        let accepts = matches!(rule.exprs[at], Expr::Verdict(Verdict::Accept));
        rule.exprs[at] = Expr::Verdict(if accepts { Verdict::Drop } else { Verdict::Accept });
        Some(())
    }

    /// To an earlier chain: none of those leads back.
    fn lead_elsewhere(&mut self) -> Option<()> {
        let (chain, rule) = self.rule()?;
        let to = self.random.below(chain);
        let name = self.table.chains.get(to).filter(|_| chain > 0)?.name.clone();
        let exprs = &mut self.table.chains[chain].rules[rule].exprs;
        let lead = exprs.iter_mut().find(|expr| matches!(expr, Expr::Verdict(Verdict::Goto(_))))?;
        self.says += &format!(" to {name}");
        *lead = Expr::Verdict(Verdict::Goto(name));
        Some(())
    }

    fn flip_compared(&mut self) -> Option<()> {
        let bit = self.random.below(128);
        let (rule, at) = self.expr(|expr| matches!(expr, Expr::Cmp { .. }))?;
        let Expr::Cmp { value, .. } = &mut rule.exprs[at] else { return None };
        flip(value, bit);
        let value = value.clone();
        self.values.push(value);
        Some(())
    }

    fn turn_comparison(&mut self) -> Option<()> {
        let (rule, at) = self.expr(|expr| matches!(expr, Expr::Cmp { .. }))?;
        let Expr::Cmp { op, .. } = &mut rule.exprs[at] else { return None };
        *op = match op {
            CmpOp::Eq => CmpOp::Neq,
            CmpOp::Neq => CmpOp::Eq,
            CmpOp::Lt => CmpOp::Gte,
            CmpOp::Lte => CmpOp::Gt,
            CmpOp::Gt => CmpOp::Lte,
            CmpOp::Gte => CmpOp::Lt,
        };
        Some(())
    }

    fn leave_out_comparison(&mut self) -> Option<()> {
        let (rule, at) = self.expr(|expr| matches!(expr, Expr::Cmp { .. }))?;
        rule.exprs.remove(at);
        Some(())
    }

    fn turn_lookup(&mut self) -> Option<()> {
        let (rule, at) = self.expr(|expr| matches!(expr, Expr::Lookup { dreg: None, .. }))?;
        let Expr::Lookup { invert, .. } = &mut rule.exprs[at] else { return None };
        *invert = !*invert;
        Some(())
    }

    fn leave_out_lookup(&mut self) -> Option<()> {
        let (rule, at) = self.expr(|expr| matches!(expr, Expr::Lookup { .. }))?;
        rule.exprs.remove(at);
        Some(())
    }

    fn shift_compared(&mut self) -> Option<()> {
        let by = self.random.below(2) == 0;
        let is_end = |expr: &Expr| {
            matches!(expr, Expr::Cmp { op: CmpOp::Gte | CmpOp::Lte, .. })
                || matches!(expr, Expr::Cmp { value, .. } if value.bytes().len() == 2)
        };
        let (rule, at) = self.expr(is_end)?;
        let Expr::Cmp { value, .. } = &mut rule.exprs[at] else { return None };
        *value = shifted(value, by)?;
        Some(())
    }

    /// A bit of conntrack's states, or of a prefix.
    fn flip_mask(&mut self) -> Option<()> {
        let bit = self.random.below(128);
        let (rule, at) = self.expr(|expr| matches!(expr, Expr::Bitwise { .. }))?;
        let Expr::Bitwise { mask, .. } = &mut rule.exprs[at] else { return None };
        flip(mask, bit);
        let words = format!(" -> {mask:?}");
        self.says += &words;
        Some(())
    }

    fn other_end(&mut self) -> Option<()> {
        let is_it = |expr: &Expr| matches!(expr, Expr::Payload { base: PayloadBase::Network, .. });
        let (rule, at) = self.expr(is_it)?;
        let Expr::Payload { offset, .. } = &mut rule.exprs[at] else { return None };
        *offset = match *offset {
            12 => 16,
            16 => 12,
            8 => 24,
            24 => 8,
            _ => return None,
        };
        Some(())
    }

    fn turn_limit(&mut self) -> Option<()> {
        let (rule, at) = self.expr(|expr| matches!(expr, Expr::Limit { .. }))?;
        let Expr::Limit { invert, .. } = &mut rule.exprs[at] else { return None };
        *invert = !*invert;
        Some(())
    }

    fn leave_out_statement(&mut self) -> Option<()> {
        let (rule, at) = self.expr(|expr| matches!(expr, Expr::Counter { .. } | Expr::Log { .. }))?;
        rule.exprs.remove(at);
        Some(())
    }

    fn leave_out_last(&mut self) -> Option<()> {
        let (chain, _) = self.rule()?;
        self.table.chains[chain].rules.pop().map(|_| ())
    }

    fn leave_out_lead(&mut self) -> Option<()> {
        let (chain, _) = self.rule()?;
        let is_base = self.table.chains[chain].base.is_some();
        is_base.then(|| self.table.chains[chain].base = None)
    }

    /// A set with elements, named or a rule's own.
    fn set(&mut self) -> Option<&mut Set> {
        if self.random.below(2) == 0 {
            let named: Vec<usize> = (0..self.table.sets.len()).collect();
            let at = *self.random.of(&named);
            self.says = format!("set {}", self.table.sets[at].name);
            return self.table.sets.get_mut(at).filter(|set| !set.elements.is_empty());
        }
        let is_it = |expr: &Expr| matches!(expr, Expr::Lookup { set: SetRef::Anonymous(_), .. });
        let (rule, at) = self.expr(is_it)?;
        match &mut rule.exprs[at] {
            Expr::Lookup { set: SetRef::Anonymous(set), .. } => Some(&mut **set),
            _ => None,
        }
    }

    /// One element is made another, or none, or more; what it was and is is remembered.
    fn element(&mut self, change: impl FnOnce(&Element, &Set, usize) -> Option<Vec<Element>>) -> Option<()> {
        let (choice, bit) = (self.random.next() as usize, self.random.below(128));
        let set = self.set()?;
        let at = choice % set.elements.len();
        let new = change(&set.elements[at], set, bit)?;
        let mut elements = set.elements.clone();
        let values = elements.splice(at..=at, new.clone()).chain(new).flat_map(|e| values_of_element(&e));
        let values: Vec<Value> = values.collect();
        elements.sort_by(|a, b| a.key.cmp(&b.key));
        if elements.windows(2).any(|pair| last(&pair[0]) >= &pair[1].key) {
            return None;
        }
        set.elements = elements;
        self.says += &format!(", element {at} -> {values:?}");
        self.values.extend(values);
        Some(())
    }

    fn leave_out_element(&mut self) -> Option<()> {
        self.element(|_, _, _| Some(Vec::new()))
    }

    fn add_element(&mut self) -> Option<()> {
        self.element(|old, set, bit| {
            let mut key = old.key.clone();
            flip(&mut key, bit);
            if is_foreign(set, &key) {
                return None;
            }
            Some(vec![old.clone(), Element { key, end: None, ..old.clone() }])
        })
    }

    fn shift_range(&mut self) -> Option<()> {
        self.element(|old, _, bit| {
            let end = old.end.as_ref()?;
            Some(vec![match bit % 4 {
                0 => Element { key: shifted(&old.key, true)?, ..old.clone() },
                1 => Element { key: shifted(&old.key, false)?, ..old.clone() },
                2 => Element { end: Some(shifted(end, true)?), ..old.clone() },
                _ => Element { end: Some(shifted(end, false)?), ..old.clone() },
            }])
        })
    }

    /// Twice as wide, or half.
    fn widen_or_narrow(&mut self) -> Option<()> {
        self.element(|old, _, bit| {
            let end = old.end.as_ref()?;
            let differing: Vec<u8> = old.key.bytes().iter().zip(end.bytes()).map(|(a, b)| a ^ b).collect();
            let width: u32 = differing.iter().map(|byte| byte.count_ones()).sum();
            let (mut key, mut end) = (old.key.clone(), end.clone());
            let place =
                key.bytes().len() * 8 - 1 - (width as usize).checked_sub(usize::from(bit % 2 == 0))?;
            let (byte, mask) = (place / 8, 1 << (7 - place % 8));
            if bit % 2 == 0 {
                end.bytes_mut()[byte] &= !mask;
            } else {
                key.bytes_mut()[byte] &= !mask;
                end.bytes_mut()[byte] |= mask;
            }
            Some(vec![Element { key, end: Some(end), ..old.clone() }])
        })
    }

    fn shift_key(&mut self) -> Option<()> {
        self.element(|old, set, bit| {
            if set.key != [DataType::InetProto, DataType::InetService] {
                return None;
            }
            let port = u16::from_be_bytes([old.key.bytes()[4], old.key.bytes()[5]]);
            let port = if bit % 2 == 0 { port.checked_add(1)? } else { port.checked_sub(1)? };
            let mut key = old.key.clone();
            key.bytes_mut()[4..6].copy_from_slice(&port.to_be_bytes());
            Some(vec![Element { key, ..old.clone() }])
        })
    }

    fn other_verdict(&mut self) -> Option<()> {
        self.element(|old, set, bit| {
            let other = &set.elements[bit % set.elements.len()];
            matches!(old.data, Some(MapData::Verdict(_)))
                .then(|| vec![Element { data: other.data.clone(), ..old.clone() }])
        })
    }
}

/// Bytes that no packet has there: padding, and more than a byte of a protocol.
fn is_foreign(set: &Set, key: &Value) -> bool {
    set.key.len() > 1 && (key.bytes()[1..4] != [0; 3] || key.bytes()[6..] != [0; 2])
}

fn last(element: &Element) -> &Value {
    element.end.as_ref().unwrap_or(&element.key)
}

fn flip(value: &mut Value, bit: usize) {
    let bit = bit % (value.bytes().len() * 8);
    value.bytes_mut()[bit / 8] ^= 1 << (7 - bit % 8);
}

/// The number one above or below.
fn shifted(value: &Value, up: bool) -> Option<Value> {
    let mut value = value.clone();
    for byte in value.bytes_mut().iter_mut().rev() {
        let (new, goes_on) = if up { byte.overflowing_add(1) } else { byte.overflowing_sub(1) };
        *byte = new;
        if !goes_on {
            return Some(value);
        }
    }
    None
}

fn values_of(expr: &Expr) -> Vec<Value> {
    match expr {
        Expr::Cmp { value, .. } => vec![value.clone()],
        Expr::Lookup { set: SetRef::Anonymous(set), .. } => {
            set.elements.iter().flat_map(values_of_element).collect()
        }
        _ => Vec::new(),
    }
}

fn values_of_element(element: &Element) -> Vec<Value> {
    [Some(element.key.clone()), element.end.clone()].into_iter().flatten().collect()
}
