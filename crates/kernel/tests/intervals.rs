//! Random interval sets through the kernel: read, counted, and each interval found exactly.
//! Not here: other kinds of sets (`round_trip`).
#![allow(clippy::unwrap_used)]

mod support;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rolewall_kernel::Nft;
use rolewall_ruleset::transaction::IfThere;
use rolewall_ruleset::{DataType, Element, Family, Op, Set, Table, Transaction};
use std::cell::RefCell;
use support::in_namespace;

fn interval(first: u16, last: u16) -> Element {
    let (first, last) = (first.to_be_bytes(), last.to_be_bytes());
    if first == last { Element::key(&first) } else { Element::range(&first, &last) }
}

/// Ascending intervals, many of which touch; some reach to the last value.
fn intervals() -> impl Strategy<Value = Vec<Element>> {
    let length = prop_oneof![Just(0u16), Just(1), 2..9u16];
    let gap = prop_oneof![Just(0u16), Just(1), 2..90u16];
    (prop::collection::vec((gap, length), 0..25), any::<bool>()).prop_map(|(steps, open)| {
        let (mut at, mut elements) = (0u16, Vec::new());
        for (gap, length) in steps {
            elements.push(interval(at + gap, at + gap + length));
            at += gap + length + 1;
        }
        elements.extend(open.then(|| interval(at, u16::MAX)));
        elements
    })
}

#[test]
fn random_intervals_are_read_counted_and_found() {
    in_namespace(|| {
        let nft = RefCell::new(Nft::open().unwrap());
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 120,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let case = (intervals(), prop_oneof![Just(IfThere::Keep), Just(IfThere::Refuse)]);
        runner
            .run(&case, |(elements, how)| check(&mut nft.borrow_mut(), elements, how))
            .unwrap_or_else(|e| panic!("{e}"));
    });
}

fn check(nft: &mut Nft, elements: Vec<Element>, how: IfThere) -> Result<(), TestCaseError> {
    let mut table = Table::new(Family::Inet, "t");
    let mut set = Set::new("s", &[DataType::InetService]);
    set.flags.interval = true;
    table.sets.push(Set { elements, ..set });
    let (id, set) = (&table.id, &table.sets[0]);
    let ops = vec![
        Op::AddTable(&table),
        Op::DeleteTable(id),
        Op::AddTable(&table),
        Op::AddSet(id, set),
        Op::AddElements(id, set, &set.elements, how),
    ];
    nft.commit(&Transaction { generation: None, ops }).unwrap();
    prop_assert_eq!(&nft.read_elements(id, set).unwrap(), &set.elements);
    prop_assert_eq!(nft.element_count(id, "s").unwrap(), Some(set.elements.len() as u32));
    prop_assert_eq!(&nft.find_elements(id, set, &set.elements).unwrap(), &set.elements);
    let others = (0..25).flat_map(|first| (first..25).map(move |last| interval(first, last)));
    let others: Vec<Element> = others.filter(|e| !set.elements.contains(e)).collect();
    prop_assert_eq!(nft.find_elements(id, set, &others).unwrap(), []);
    let delete = Transaction { generation: None, ops: vec![Op::DeleteElements(id, set, &set.elements)] };
    nft.commit(&delete).unwrap();
    prop_assert_eq!(nft.element_count(id, "s").unwrap(), Some(0));
    prop_assert_eq!(nft.read_elements(id, set).unwrap(), []);
    Ok(())
}
