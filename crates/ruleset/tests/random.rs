//! Random tables: nft loads their text, lists it unchanged, and compiles it to the very programs.
//! Not here: chosen examples (`text_rules.rs`, `text_tables.rs`). A failure prints its seed; to run it again,
//! set PROPTEST_RNG_SEED.

mod common;

use common::build::*;
use common::{Namespace, compiled};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use rolewall_ruleset::expr::*;
use rolewall_ruleset::*;
use std::collections::BTreeSet;

/// Phrases of which a rule is made: each is compiled by nft to exactly these instructions, in any order
/// and number, as long as no two of them lie side by side in one header or need another dependency.
fn phrase() -> impl Strategy<Value = Vec<Expr>> {
    let bits = prop::sample::select(vec![1u32, 2, 4, 8, 6, 0x48, 0x4f]);
    let op = prop::sample::select(vec![CmpOp::Eq, CmpOp::Neq]);
    let name = prop::sample::select(vec!["lo", "eth0", "br-lan", "wan.100", "a"]);
    prop_oneof![
        bits.prop_map(ct_state),
        (op.clone(), name.clone()).prop_map(|(op, n)| vec![meta(MetaKey::IifName), cmp(op, &ifname(n))]),
        (op.clone(), name).prop_map(|(op, n)| vec![meta(MetaKey::OifName), cmp(op, n.as_bytes())]),
        (op.clone(), any::<u32>()).prop_map(|(op, m)| vec![meta(MetaKey::Mark), cmp(op, &m.to_le_bytes())]),
        (1..u32::MAX, any::<u32>()).prop_map(|(and, m)| {
            vec![meta(MetaKey::Mark), mask(&and.to_le_bytes()), is(&(m & and).to_le_bytes())]
        }),
        prop::collection::btree_set(any::<u32>(), 2..9).prop_map(|marks| {
            let elements = marks.iter().map(|m| Element::key(&m.to_le_bytes())).collect();
            vec![meta(MetaKey::Mark), in_set(anonymous(&[DataType::Mark], elements))]
        }),
        Just(vec![meta(MetaKey::NfProto), in_set(named("armed"))]),
        Just(vec![meta(MetaKey::PktType), is(&[1])]),
    ]
}

/// The address part of a rule: at most one, because it settles the family.
fn addresses() -> impl Strategy<Value = Vec<Expr>> {
    let key4 = prop::array::uniform4(any::<u8>());
    let key6 = prop::array::uniform16(any::<u8>());
    prop_oneof![
        Just(vec![]),
        key4.prop_map(|key| [saddr4(), vec![is(&key)]].concat()),
        key4.prop_map(|key| [saddr4(), vec![cmp(CmpOp::Neq, &key)]].concat()),
        (key4, prop::sample::select(vec![1u32, 7, 9, 15, 17, 23, 25, 31])).prop_map(|(key, bits)| {
            let and = u32::MAX << (32 - bits);
            let key = u32::from_be_bytes(key) & and;
            [saddr4(), vec![mask(&and.to_be_bytes()), is(&key.to_be_bytes())]].concat()
        }),
        key6.prop_map(|key| [saddr6(), vec![is(&key)]].concat()),
        key6.prop_map(|key| [saddr6(), vec![cmp(CmpOp::Neq, &key)]].concat()),
        prop::collection::btree_set(key4, 2..9).prop_map(|keys| {
            let elements = keys.iter().map(|k| Element::key(k)).collect();
            [saddr4(), vec![in_set(anonymous(&[DataType::Ipv4Addr], elements))]].concat()
        }),
        prop::collection::btree_set(key6, 2..6).prop_map(|keys| {
            let elements = keys.iter().map(|k| Element::key(k)).collect();
            [saddr6(), vec![in_set(anonymous(&[DataType::Ipv6Addr], elements))]].concat()
        }),
        Just([saddr4(), vec![in_set(named("nodes"))]].concat()),
        Just(
            [saddr4(), vec![Expr::Lookup { sreg: R, set: named("nodes"), dreg: None, invert: true }]]
                .concat()
        ),
    ]
}

/// The transport part of a rule.
fn ports() -> impl Strategy<Value = Vec<Expr>> {
    let protocol = prop::sample::select(vec![6u8, 17, 132]);
    let two = [any::<u16>(), any::<u16>()];
    prop_oneof![
        Just(vec![]),
        (protocol.clone(), any::<u16>()).prop_map(|(protocol, port)| dport(protocol, port)),
        (protocol.clone(), two).prop_map(|(protocol, [a, b])| {
            let ends = [cmp(CmpOp::Gte, &a.min(b).to_be_bytes()), cmp(CmpOp::Lte, &a.max(b).to_be_bytes())];
            [&dport_of(protocol)[..], &ends].concat()
        }),
        (protocol.clone(), prop::collection::btree_set(any::<u16>(), 2..9)).prop_map(|(protocol, ports)| {
            let elements = ports.iter().map(|p| Element::key(&p.to_be_bytes())).collect();
            [dport_of(protocol), vec![in_set(anonymous(&[DataType::InetService], elements))]].concat()
        }),
        (protocol, prop::collection::btree_set(any::<u16>(), 4)).prop_map(|(protocol, ports)| {
            let ports: Vec<_> = ports.into_iter().collect();
            let ranges = ports.chunks(2).map(|p| Element::range(&p[0].to_be_bytes(), &p[1].to_be_bytes()));
            [dport_of(protocol), vec![in_set(anonymous(&[DataType::InetService], ranges.collect()))]].concat()
        }),
        any::<u32>().prop_map(|word| vec![load(PayloadBase::Transport, 8, 4), is(&word.to_be_bytes())]),
        prop::sample::select(vec![1u8, 6, 17, 58, 200]).prop_map(l4proto),
    ]
}

fn ending() -> impl Strategy<Value = Vec<Expr>> {
    let refusal = prop::sample::select(vec![0u8, 2, 3]);
    prop_oneof![
        Just(vec![ACCEPT]),
        Just(vec![counter(), DROP]),
        Just(vec![goto("x")]),
        Just(vec![jump("x")]),
        Just(vec![Expr::Verdict(Verdict::Return)]),
        (1u64..100_000, any::<bool>()).prop_map(|(rate, over)| vec![limit(rate, over), DROP]),
        refusal.prop_map(|code| vec![Expr::Reject(Reject::Icmpx(code))]),
    ]
}

fn random_rule() -> impl Strategy<Value = Rule> {
    let comment = prop::option::of("[a-z :]{1,30}");
    let phrases = prop::collection::vec(phrase(), 0..3);
    (phrases, addresses(), ports(), ending(), comment).prop_map(
        |(phrases, addresses, ports, ending, comment)| Rule {
            comment,
            ..rule(&[&phrases.concat(), &addresses, &ports, &ending])
        },
    )
}

/// Ranges of an interval set: disjoint, not side by side, so that nft has nothing to merge.
fn random_ranges() -> impl Strategy<Value = Vec<Element>> {
    prop::collection::btree_set(any::<u32>(), 0..40).prop_map(|keys: BTreeSet<u32>| {
        let keys: Vec<u32> = keys.into_iter().collect();
        let apart = keys.chunks_exact(2).filter(|k| k[0] > 0 && k[1] - k[0] > 2);
        let range = |k: &[u32]| Element::range(&k[0].to_be_bytes(), &(k[1] - 1).to_be_bytes());
        apart.map(range).collect()
    })
}

fn random_table() -> impl Strategy<Value = Table> {
    let nodes = prop::collection::btree_set(prop::array::uniform4(any::<u8>()), 0..40);
    let services = prop::collection::btree_set((any::<u8>(), any::<u16>()), 0..30);
    let rules = prop::collection::vec(random_rule(), 1..25);
    (nodes, random_ranges(), services, rules).prop_map(|(nodes, ranges, services, rules)| {
        let mut bans = set("bans", &[DataType::Ipv4Addr], ranges);
        bans.flags.interval = true;
        let service = |(protocol, port): &(u8, u16)| {
            let [high, low] = port.to_be_bytes();
            Element::key(&[*protocol, 0, 0, 0, high, low, 0, 0])
        };
        let fields = [DataType::InetProto, DataType::InetService];
        let sets = vec![
            set("nodes", &[DataType::Ipv4Addr], nodes.iter().map(|n| Element::key(n)).collect()),
            bans,
            set("services", &fields, services.iter().map(service).collect()),
            set("armed", &[DataType::NfProto], vec![Element::key(&[2])]),
        ];
        table(sets, vec![regular("x", vec![]), base("i", Hook::Input, 0, ChainPolicy::Drop, rules)])
    })
}

#[test]
fn random_tables_load_list_and_compile_to_themselves() {
    let Some(space) = Namespace::new() else { return };
    let given = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| std::process::id().into());
    println!("PROPTEST_RNG_SEED={seed}");
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let config =
        Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&random_table(), |table| {
        let ours = text::table(&table);
        let compiled = compiled::rules(&space.load(&ours), "i");
        let nfts = space.list();
        prop_assert!(ours == nfts, "{}", common::differences(&ours, &nfts));
        for (rule, (_, program)) in table.chains[1].rules.iter().zip(&compiled) {
            prop_assert_eq!(&rule.to_string(), program);
        }
        prop_assert_eq!(table.chains[1].rules.len(), compiled.len());
        Ok(())
    });
    if let Err(why) = outcome {
        panic!("PROPTEST_RNG_SEED={seed}: {why}");
    }
}
