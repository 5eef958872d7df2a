//! Batches as bytes: what is written is what is read, and no bytes make the reader stumble.
//! Not here: the kernel.
#![allow(clippy::unwrap_used)]

mod support {
    pub(crate) mod any;
}

use proptest::prelude::*;
use rolewall_kernel::batch;
use rolewall_ruleset::transaction::IfThere;
use rolewall_ruleset::{DataType, Element, Family, Op, Set, Table, Transaction};

fn creation(table: &Table) -> Transaction<'_> {
    let id = &table.id;
    let mut ops = vec![Op::AddTable(table), Op::DeleteTable(id), Op::AddTable(table)];
    ops.extend(table.chains.iter().map(|c| Op::AddChain(id, c)));
    ops.extend(table.sets.iter().map(|s| Op::AddSet(id, s)));
    ops.extend(table.sets.iter().map(|s| Op::AddElements(id, s, &s.elements, IfThere::Keep)));
    for chain in &table.chains {
        ops.extend(chain.rules.iter().map(|r| Op::AddRule(id, &chain.name, r)));
    }
    Transaction { generation: Some(7), ops }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_table_comes_back_out_of_its_batch(table in support::any::table()) {
        let bytes = batch::encode(&creation(&table)).unwrap();
        prop_assert_eq!(batch::decode(&bytes).unwrap(), table);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = batch::decode(&bytes);
    }

    #[test]
    fn a_damaged_batch_is_read_without_panic(
        table in support::any::table(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = batch::encode(&creation(&table)).unwrap();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = batch::decode(&bytes);
        let _ = batch::decode(&bytes[..cut.index(bytes.len())]);
    }

    #[test]
    fn a_batch_that_is_cut_anywhere_is_refused(table in support::any::table(), cut in any::<prop::sample::Index>()) {
        let bytes = batch::encode(&creation(&table)).unwrap();
        prop_assert!(batch::decode(&bytes[..cut.index(bytes.len())]).is_err());
    }
}

#[test]
fn a_batch_that_does_more_than_create_one_table_is_refused() {
    let (table, other) = (Table::new(Family::Inet, "t"), Table::new(Family::Inet, "u"));
    for ops in [
        vec![Op::DeleteTable(&table.id)],
        vec![Op::AddTable(&table), Op::AddTable(&other)],
        vec![Op::AddTable(&table), Op::FlushChain(&table.id, "c")],
        vec![Op::AddTable(&table), Op::DeleteTable(&table.id)],
        vec![],
    ] {
        let bytes = batch::encode(&Transaction { generation: None, ops }).unwrap();
        let error = batch::decode(&bytes).unwrap_err().to_string();
        assert!(error.starts_with("decoding a batch that creates one table: "), "{error}");
    }
}

#[test]
fn many_elements_are_split_below_64_kib_and_come_back() {
    let mut table = Table::new(Family::Ip, "t");
    let mut set = Set::new("s", &[DataType::Ipv4Addr]);
    set.flags.interval = true;
    set.elements = (0..20_000u32)
        .map(|n| Element::range(&(n * 16).to_be_bytes(), &(n * 16 + 7).to_be_bytes()))
        .collect();
    table.sets.push(set);
    let bytes = batch::encode(&creation(&table)).unwrap();
    assert_eq!(batch::decode(&bytes).unwrap(), table);
}

#[test]
fn what_netlink_cannot_say_is_refused_with_its_operation() {
    let table = Table::new(Family::Ip, &"x".repeat(70_000));
    let error = batch::encode(&creation(&table)).unwrap_err().to_string();
    assert!(error.contains("longer than 65,535 bytes"), "{error}");
}
