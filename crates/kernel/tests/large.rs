//! Large sets: loaded in one transaction, counted and checked without a dump.
//! Not here: what each kind of set looks like (`round_trip`).
#![allow(clippy::unwrap_used)]

mod support;

use rolewall_kernel::{Nft, batch};
use rolewall_ruleset::{DataType, Element, Set};
use std::time::Instant;
use support::{creation, in_namespace, small_table};

#[test]
fn a_hundred_thousand_elements_load_in_one_transaction() {
    in_namespace(|| {
        let mut table = small_table();
        let mut prefixes = Set::new("prefixes", &[DataType::Ipv4Addr]);
        prefixes.flags.interval = true;
        prefixes.elements = (0..100_000u32).map(|n| range_of(0x0a00_0000 + n * 512)).collect();
        let mut addresses = Set::new("addresses", &[DataType::Ipv4Addr]);
        addresses.size = Some(100_000);
        addresses.elements = (0..100_000u32).map(|n| Element::key(&(n * 7).to_be_bytes())).collect();
        table.sets = vec![prefixes, addresses];
        let mut nft = Nft::open().unwrap();
        let begin = Instant::now();
        nft.commit(&creation(&table)).unwrap();
        eprintln!("loaded 2 x 100,000 in {:?}", begin.elapsed());
        for set in &table.sets {
            assert_eq!(nft.element_count(&table.id, &set.name).unwrap(), Some(100_000));
            assert_eq!(nft.find_elements(&table.id, set, &set.elements).unwrap(), set.elements);
        }
        let outline = nft.read_outline(&table.id).unwrap().unwrap();
        assert!(outline.sets.iter().all(|s| s.elements.is_empty()));
    });
}

/// The largest load that is promised. Takes about 20 s, and 300 MB of the kernel's memory.
#[test]
#[ignore = "takes about 20 s; run with --release to measure"]
fn a_million_elements_load_in_one_transaction() {
    in_namespace(|| {
        let mut table = small_table();
        let mut prefixes = Set::new("prefixes", &[DataType::Ipv4Addr]);
        prefixes.flags.interval = true;
        prefixes.elements = (0..1_000_000u32).map(|n| range_of(n * 4096)).collect();
        let mut addresses = Set::new("addresses", &[DataType::Ipv4Addr]);
        addresses.size = Some(1_000_000);
        addresses.elements = (0..1_000_000u32).map(|n| Element::key(&(n * 7).to_be_bytes())).collect();
        table.sets = vec![prefixes, addresses];
        let mut nft = Nft::open().unwrap();
        let begin = Instant::now();
        let bytes = batch::encode(&creation(&table)).unwrap();
        eprintln!("encoded 2 x 1,000,000 as {} bytes in {:?}", bytes.len(), begin.elapsed());
        nft.commit(&creation(&table)).unwrap();
        eprintln!("loaded after {:?}", begin.elapsed());
        for set in &table.sets {
            assert_eq!(nft.element_count(&table.id, &set.name).unwrap(), Some(1_000_000));
            let begin = Instant::now();
            assert_eq!(nft.find_elements(&table.id, set, &set.elements).unwrap().len(), 1_000_000);
            eprintln!("found all of {} in {:?}", set.name, begin.elapsed());
        }
    });
}

fn range_of(first: u32) -> Element {
    Element::range(&first.to_be_bytes(), &(first + 255).to_be_bytes())
}
