//! One table with every kind of set and every expression, in canonical form.
//! Not here: any claim about it.
#![allow(dead_code, clippy::unwrap_used)]

mod rules;
mod sets;

use rolewall_ruleset::set::ElementExtra;
use rolewall_ruleset::table::{ChainKind, Hook};
use rolewall_ruleset::*;

/// A table with everything.
pub(crate) fn table() -> Table {
    let mut table = Table::new(Family::Inet, "everything");
    table.sets = sets::sets();
    table.chains = vec![
        Chain::regular("other"),
        Chain {
            name: "in".into(),
            base: base(Hook::Input, ChainKind::Filter, 0, ChainPolicy::Drop),
            rules: Vec::new(),
        },
        Chain {
            name: "raw".into(),
            base: base(Hook::Prerouting, ChainKind::Filter, -300, ChainPolicy::Accept),
            rules: Vec::new(),
        },
        Chain {
            name: "out".into(),
            base: base(Hook::Output, ChainKind::Route, i32::MIN, ChainPolicy::Accept),
            rules: Vec::new(),
        },
        Chain {
            name: "nat".into(),
            base: base(Hook::Postrouting, ChainKind::Nat, 100, ChainPolicy::Accept),
            rules: Vec::new(),
        },
    ];
    let rule = |(n, exprs)| Rule {
        handle: None,
        exprs,
        comment: (n % 2 == 0).then(|| format!("rule {n}: why – because")),
    };
    table.chains[1].rules = rules::rules().into_iter().enumerate().map(rule).collect();
    table.chains[2].rules = vec![Rule { exprs: vec![Expr::Notrack], ..Rule::default() }];
    table
}

pub(crate) fn value(bytes: &[u8]) -> Value {
    Value::from_bytes(bytes)
}

pub(crate) fn base(hook: Hook, kind: ChainKind, priority: i32, policy: ChainPolicy) -> Option<BaseChain> {
    Some(BaseChain { kind, hook, priority, policy, devices: Vec::new() })
}

pub(crate) fn set(name: &str, key: &[DataType], elements: Vec<Element>) -> Set {
    Set { elements, ..Set::new(name, key) }
}

pub(crate) fn intervals(name: &str, key: &[DataType], elements: Vec<Element>) -> Set {
    let mut set = set(name, key, elements);
    set.flags.interval = true;
    set
}

pub(crate) fn map(set: Set, data: &[DataType]) -> Set {
    Set { data: Some(data.to_vec()), ..set }
}

pub(crate) fn ip4(last: u8) -> [u8; 4] {
    [10, 0, 0, last]
}

pub(crate) fn ip6(last: u8) -> [u8; 16] {
    let mut bytes = [0; 16];
    (bytes[0], bytes[15]) = (0xfd, last);
    bytes
}

pub(crate) fn name16(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(16, 0);
    bytes
}

pub(crate) fn with(element: Element, extra: ElementExtra) -> Element {
    Element { extra: Some(Box::new(extra)), ..element }
}

pub(crate) fn commented(element: Element, comment: &str) -> Element {
    with(element, ElementExtra { comment: Some(comment.into()), ..ElementExtra::default() })
}
