//! What two tables differ in, and what does not count as a difference.
//! Not here: how differences are brought about.

mod common;

use common::build::*;
use rolewall_ruleset::delta::{
    DifferenceKind, ELEMENTS_TOLD, differences, elements_only, same, same_but_elements,
};
use rolewall_ruleset::expr::Expr;
use rolewall_ruleset::set::ElementExtra;
use rolewall_ruleset::*;

fn address(i: u32) -> Element {
    Element::key(&(0x0a00_0000 + i).to_be_bytes())
}

fn sample() -> Table {
    let log = Expr::Log {
        prefix: None,
        group: None,
        snaplen: None,
        queue_threshold: None,
        level: None,
        flags: None,
    };
    let ports = vec![Element::key(&[0, 80]), Element::key(&[1, 187])];
    let rules = vec![
        rule(&[&ct_state(6), &[ACCEPT]]),
        rule(&[&dport_of(6), &[in_set(anonymous(&[DataType::InetService], ports)), ACCEPT]]),
        rule(&[&[counter(), limit(10, false), log, DROP]]),
    ];
    let sets = vec![
        set("nodes", &[DataType::Ipv4Addr], (0..100).map(address).collect()),
        set("trusted", &[DataType::Ipv4Addr], vec![address(7)]),
    ];
    table(sets, vec![base("input", Hook::Input, 0, ChainPolicy::Drop, rules), regular("x", vec![])])
}

/// As Linux might tell it: another order, handles, figures, defaults filled in.
fn read_back() -> Table {
    let mut have = sample();
    have.sets.reverse();
    have.sets[1].elements.reverse();
    have.chains.reverse();
    let rules = &mut have.chains[1].rules;
    rules.iter_mut().zip(10..).for_each(|(rule, handle)| rule.handle = Some(handle));
    for expr in rules.iter_mut().flat_map(|rule| &mut rule.exprs) {
        match expr {
            Expr::Counter { packets, bytes } => (*packets, *bytes) = (5, 300),
            Expr::Log { level, .. } => *level = Some(4),
            Expr::Lookup { set: SetRef::Anonymous(set), .. } => set.elements.reverse(),
            _ => {}
        }
    }
    have
}

#[test]
fn what_linux_adds_is_no_difference() {
    assert_eq!(differences(&read_back(), &sample()), []);
    assert!(same(&read_back(), &sample()));
    assert_eq!(elements_only(&read_back(), &sample()), Some(vec![]));
}

#[test]
fn elements_that_differ_are_all_that_is_changed() {
    let mut want = sample();
    want.sets[0].elements.remove(3);
    want.sets[0].elements.push(address(1000));
    let deltas = elements_only(&read_back(), &want).expect("only elements");
    assert_eq!(deltas.len(), 1);
    assert_eq!((deltas[0].set.as_str(), &deltas[0].add[..]), ("nodes", &[address(1000)][..]));
    assert_eq!(deltas[0].delete, [address(3)]);
    let told: Vec<_> = differences(&read_back(), &want).iter().map(ToString::to_string).collect();
    let expected =
        ["set nodes: missing: element 10.0.3.232", "set nodes: extra: element 10.0.0.3"].map(str::to_owned);
    assert_eq!(told, expected);
    assert!(!same(&read_back(), &want));
    assert!(same_but_elements(&read_back(), &want));
}

#[test]
fn all_but_elements_is_compared_without_them() {
    let bare = |mut table: Table| {
        table.sets.iter_mut().for_each(|set| set.elements.clear());
        table
    };
    assert!(same_but_elements(&bare(read_back()), &sample()));
    let mut want = sample();
    want.chains[0].rules.remove(1);
    assert!(!same_but_elements(&read_back(), &want));
    let mut want = sample();
    want.sets[1].size = Some(10);
    assert!(!same_but_elements(&read_back(), &want));
    let mut want = sample();
    want.sets.push(set("more", &[DataType::Mark], vec![]));
    assert!(!same_but_elements(&read_back(), &want));
    assert!(!same_but_elements(&want, &read_back()));
}

#[test]
fn many_elements_are_counted() {
    let mut want = sample();
    want.sets[0].elements.clear();
    let told = differences(&read_back(), &want);
    assert_eq!(told.len(), ELEMENTS_TOLD + 1);
    assert_eq!(told[ELEMENTS_TOLD].what, "90 more elements");
}

#[test]
fn rules_are_compared_in_order() {
    let mut want = sample();
    want.chains[0].rules.remove(1);
    want.chains[0].rules.push(rule(&[&dport(6, 22), &[ACCEPT]]));
    let told: Vec<_> = differences(&read_back(), &want).iter().map(ToString::to_string).collect();
    let expected = [
        "chain input: missing: rule 3: tcp dport 22 accept",
        "chain input: extra: rule 2: tcp dport { 80, 443 } accept (handle 11)",
    ];
    assert_eq!(told, expected);
    assert_eq!(elements_only(&read_back(), &want), None);
    want.chains[0].rules.swap(0, 1);
    assert!(!same(&sample(), &want));
}

#[test]
fn declarations_of_sets_and_chains_are_compared() {
    let mut want = sample();
    want.sets[1].size = Some(10);
    want.sets.push(set("more", &[DataType::Mark], vec![]));
    want.chains[0].base.as_mut().expect("base").policy = ChainPolicy::Accept;
    want.chains.remove(1);
    want.flags.dormant = true;
    let told: Vec<_> = differences(&read_back(), &want).iter().map(ToString::to_string).collect();
    let expected = [
        "table inet t: changed: is `family inet`, expected `family inet, dormant`",
        "set more: missing: type mark",
        "set trusted: changed: is `type ipv4_addr`, expected `type ipv4_addr; size 10`",
        "chain input: changed: is `type filter hook input priority filter; policy drop;`, \
         expected `type filter hook input priority filter; policy accept;`",
        "chain x: extra: the whole chain, of 0 rules",
    ];
    assert_eq!(told, expected);
    assert_eq!(elements_only(&read_back(), &want), None);
}

#[test]
fn what_packets_add_is_no_difference() {
    let mut want = sample();
    want.sets[0].flags.dynamic = true;
    let mut have = want.clone();
    have.sets[0].elements.clear();
    assert!(same(&have, &want));
    assert_eq!(elements_only(&have, &want), Some(vec![]));
}

#[test]
fn lifetimes_count_but_not_what_is_left_of_them() {
    let timed = |timeout_ms, expires_ms| {
        let extra = ElementExtra { timeout_ms, expires_ms, ..ElementExtra::default() };
        let mut table = sample();
        table.sets[1].timeout_ms = Some(60_000);
        table.sets[1].elements[0].extra = Some(Box::new(extra));
        table
    };
    assert!(same(&timed(Some(5000), Some(3000)), &timed(Some(5000), None)));
    assert!(same(&timed(None, Some(3000)), &timed(Some(60_000), None)));
    let deltas = elements_only(&timed(Some(5000), None), &timed(Some(6000), None)).expect("only elements");
    assert_eq!((deltas[0].add.len(), deltas[0].delete.len()), (1, 1));
}

#[test]
fn a_range_of_one_key_is_that_key() {
    let mut have = sample();
    have.sets[1].flags.interval = true;
    let mut want = have.clone();
    have.sets[1].elements = vec![Element::range(&[10, 0, 0, 7], &[10, 0, 0, 7])];
    want.sets[1].elements = vec![address(7)];
    assert!(same(&have, &want));
    assert_eq!(DifferenceKind::Missing.cmp(&DifferenceKind::Extra), std::cmp::Ordering::Less);
}
