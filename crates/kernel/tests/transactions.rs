//! What transactions promise: all or nothing, a refusal that names its operation, generations, expiry.
//! Not here: what each expression looks like (`round_trip`, `nft_text`).
#![allow(clippy::unwrap_used)]

mod support;

use rolewall_kernel::{Nft, NftError, batch};
use rolewall_ruleset::expr::Verdict;
use rolewall_ruleset::set::{ElementExtra, MapData};
use rolewall_ruleset::transaction::IfThere;
use rolewall_ruleset::{
    Chain, DataType, Element, Expr, Family, Op, Rule, Set, Table, TableFlags, TableId, Transaction,
};
use std::time::Duration;
use support::{creation, in_namespace, normal, of, small_table};

/// A set of addresses whose elements may expire.
fn timed_set() -> Set {
    let mut set = Set::new("timed", &[DataType::Ipv4Addr]);
    set.flags.timeout = true;
    set
}

fn lasting(key: &[u8], timeout_ms: u64) -> Element {
    let extra = ElementExtra { timeout_ms: Some(timeout_ms), ..ElementExtra::default() };
    Element { extra: Some(Box::new(extra)), ..Element::key(key) }
}

#[test]
fn a_refusal_names_the_operation_and_nothing_takes_effect() {
    in_namespace(|| {
        let table = small_table();
        let rule = Rule {
            exprs: vec![Expr::Verdict(Verdict::Jump("nowhere".into()))],
            comment: Some("sends to nowhere".into()),
            ..Rule::default()
        };
        let mut transaction = creation(&table);
        transaction.ops.push(Op::AddRule(&table.id, "input", &rule));
        transaction.ops.push(Op::FlushChain(&table.id, "input"));
        let mut nft = Nft::open().unwrap();
        let refused = nft.commit(&transaction).unwrap_err();
        let NftError::Refused { operation, errno, .. } = &refused else { panic!("{refused:?}") };
        assert_eq!(operation, "add rule inet t input (\"sends to nowhere\")");
        assert_eq!(*errno, 2);
        assert!(refused.to_string().ends_with("; nothing was changed"), "{refused}");
        assert_eq!(nft.read_table(&table.id).unwrap(), None);
    });
}

#[test]
fn a_refusal_names_the_element() {
    in_namespace(|| {
        let table = small_table();
        let mut nft = Nft::open().unwrap();
        nft.commit(&creation(&table)).unwrap();
        let there = [Element::key(&[10, 0, 0, 2])];
        nft.commit(&of(vec![Op::AddElements(&table.id, &table.sets[0], &there, IfThere::Refuse)])).unwrap();
        let many: Vec<Element> = (1..=3u8).map(|n| Element::key(&[10, 0, 0, n])).collect();
        let again = of(vec![Op::AddElements(&table.id, &table.sets[0], &many, IfThere::Refuse)]);
        let refused = nft.commit(&again).unwrap_err().to_string();
        assert!(
            refused.starts_with("add 3 elements to inet t s, at 10.0.0.2: the kernel refused: it is there"),
            "{refused}"
        );
        assert_eq!(nft.element_count(&table.id, "s").unwrap(), Some(1));
        nft.commit(&of(vec![Op::AddElements(&table.id, &table.sets[0], &many, IfThere::Keep)])).unwrap();
        assert_eq!(nft.element_count(&table.id, "s").unwrap(), Some(3));
    });
}

#[test]
fn a_batch_for_an_old_generation_is_refused() {
    in_namespace(|| {
        let table = small_table();
        let mut nft = Nft::open().unwrap();
        let old = nft.generation().unwrap();
        nft.commit(&Transaction { generation: Some(old), ..creation(&table) }).unwrap();
        assert!(nft.generation().unwrap() > old);
        let late = Transaction { generation: Some(old), ops: vec![Op::DeleteTable(&table.id)] };
        let refused = nft.commit(&late).unwrap_err();
        assert!(
            matches!(refused, NftError::GenerationChanged { expected, .. } if expected == old),
            "{refused:?}"
        );
        assert!(nft.read_table(&table.id).unwrap().is_some());
    });
}

#[test]
fn an_expired_element_is_gone_and_deleting_it_is_refused() {
    in_namespace(|| {
        let mut table = small_table();
        table.sets.push(timed_set());
        let mut nft = Nft::open().unwrap();
        nft.commit(&creation(&table)).unwrap();
        let element = [lasting(&[1, 2, 3, 4], 400)];
        let set = &table.sets[1];
        nft.commit(&of(vec![Op::AddElements(&table.id, set, &element, IfThere::Refuse)])).unwrap();
        let found = nft.find_elements(&table.id, set, &element).unwrap();
        let left = found[0].extra.as_ref().unwrap().expires_ms.unwrap();
        assert!((1..=400).contains(&left), "{left}");
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(nft.find_elements(&table.id, set, &element).unwrap(), []);
        let late = of(vec![Op::DeleteElements(&table.id, set, &element)]);
        let refused = nft.commit(&late).unwrap_err();
        assert!(matches!(refused, NftError::Refused { errno: 2, .. }), "{refused:?}");
        assert!(refused.to_string().contains("at 1.2.3.4"), "{refused}");
    });
}

#[test]
fn deleting_and_adding_in_one_batch_starts_the_lifetime_anew() {
    in_namespace(|| {
        let mut table = small_table();
        table.sets.push(timed_set());
        let set = &table.sets[1];
        let mut nft = Nft::open().unwrap();
        nft.commit(&creation(&table)).unwrap();
        let short = [lasting(&[1, 2, 3, 4], 1_000)];
        nft.commit(&of(vec![Op::AddElements(&table.id, set, &short, IfThere::Refuse)])).unwrap();
        let long = [lasting(&[1, 2, 3, 4], 60_000)];
        let extend = of(vec![
            Op::DeleteElements(&table.id, set, &short),
            Op::AddElements(&table.id, set, &long, IfThere::Refuse),
        ]);
        nft.commit(&extend).unwrap();
        let found = nft.find_elements(&table.id, set, &long).unwrap();
        let extra = found[0].extra.as_ref().unwrap();
        assert_eq!(extra.timeout_ms, Some(60_000));
        assert!(extra.expires_ms.unwrap() > 59_000);
    });
}

#[test]
fn only_elements_that_are_there_are_found_in_order() {
    in_namespace(|| {
        let mut table = small_table();
        let mut ranges = Set::new("ranges", &[DataType::InetService]);
        ranges.flags.interval = true;
        ranges.elements = vec![
            Element::range(&[0, 10], &[0, 20]),
            Element::key(&[0, 30]),
            Element::range(&[1, 0], &[255, 255]),
        ];
        table.sets.push(ranges);
        let mut pairs = Set::new("pairs", &[DataType::Ipv4Addr, DataType::InetService]);
        pairs.flags.interval = true;
        pairs.elements = vec![Element::range(&[10, 0, 0, 0, 0, 80, 0, 0], &[10, 255, 255, 255, 0, 90, 0, 0])];
        table.sets.push(pairs);
        table.sets[0].elements =
            (0..1000u16).map(|n| Element::key(&[[10, 0], n.to_be_bytes()].concat())).collect();
        let mut nft = Nft::open().unwrap();
        nft.commit(&creation(&table)).unwrap();

        let wanted: Vec<Element> =
            (900..1100u16).rev().map(|n| Element::key(&[[10, 0], n.to_be_bytes()].concat())).collect();
        let found = nft.find_elements(&table.id, &table.sets[0], &wanted).unwrap();
        assert_eq!(found, wanted[100..]);

        let set = &table.sets[1];
        let wanted = [
            Element::range(&[0, 10], &[0, 20]),
            Element::range(&[0, 10], &[0, 19]),
            Element::key(&[0, 15]),
            Element::key(&[0, 30]),
            Element::key(&[0, 31]),
            Element::range(&[1, 0], &[255, 255]),
        ];
        let found = nft.find_elements(&table.id, set, &wanted).unwrap();
        assert_eq!(found, set.elements);

        let set = &table.sets[2];
        assert_eq!(nft.find_elements(&table.id, set, &set.elements).unwrap(), set.elements);
        assert_eq!(nft.element_count(&table.id, "ranges").unwrap(), Some(3));
        assert_eq!(nft.element_count(&table.id, "pairs").unwrap(), Some(1));
        assert_eq!(nft.element_count(&table.id, "none").unwrap(), None);
        assert!(
            nft.find_elements(&table.id, &Set::new("none", &[DataType::Mark]), &[Element::key(&[1; 4])])
                .is_err()
        );
    });
}

#[test]
fn sets_hold_exactly_their_elements_or_do_not() {
    in_namespace(|| {
        let address = |n: u16| Element::key(&[[10, 0], n.to_be_bytes()].concat());
        let mut table = small_table();
        table.sets[0].elements = (0..3000).map(address).collect();
        let mut ranges = Set::new("ranges", &[DataType::InetService]);
        ranges.flags.interval = true;
        ranges.elements = vec![Element::range(&[0, 10], &[0, 20]), Element::key(&[0, 30])];
        table.sets.push(ranges);
        let mut nft = Nft::open().unwrap();
        nft.commit(&creation(&table)).unwrap();
        assert!(nft.holds_exactly(&table.id, &table.sets).unwrap());

        let mut other = table.sets.clone();
        other[0].elements.pop();
        assert!(!nft.holds_exactly(&table.id, &other).unwrap(), "one is held that is not wanted");
        other[0].elements.extend([address(2999), address(3000)]);
        assert!(!nft.holds_exactly(&table.id, &other).unwrap(), "one is wanted that is not held");
        let mut other = table.sets.clone();
        other[1].elements[0] = Element::range(&[0, 10], &[0, 19]);
        assert!(!nft.holds_exactly(&table.id, &other).unwrap(), "a range is held that is longer");
        let mut other = table.sets.clone();
        other[0].name = "none".into();
        assert!(!nft.holds_exactly(&table.id, &other).unwrap(), "there is no such set");
        other[0].elements.clear();
        assert!(nft.holds_exactly(&table.id, &other).unwrap(), "nor is anything wanted of it");

        nft.commit(&of(vec![Op::DeleteElements(&table.id, &table.sets[0], &[address(7)])])).unwrap();
        assert!(!nft.holds_exactly(&table.id, &table.sets).unwrap());
    });
}

#[test]
fn an_outline_has_the_rules_that_are_asked_for() {
    in_namespace(|| {
        let mut table = small_table();
        let mut ports = Set::new("", &[DataType::InetService]);
        ports.elements = vec![Element::key(&[0, 22]), Element::key(&[0, 80])];
        let of_ports = Expr::Lookup {
            sreg: rolewall_ruleset::Reg(0),
            set: rolewall_ruleset::SetRef::Anonymous(Box::new(ports)),
            dreg: None,
            invert: false,
        };
        let load = Expr::Payload {
            base: rolewall_ruleset::expr::PayloadBase::Transport,
            offset: 2,
            len: 2,
            dreg: rolewall_ruleset::Reg(0),
        };
        let rule = Rule { exprs: vec![load, of_ports], ..Rule::default() };
        for name in ["one", "two"] {
            table.chains.push(Chain { name: name.into(), base: None, rules: vec![rule.clone()] });
        }
        let mut nft = Nft::open().unwrap();
        nft.commit(&creation(&table)).unwrap();
        let whole = nft.read_outline(&table.id).unwrap().unwrap();
        let of_two = nft.read_outline_of(&table.id, &|chain| chain == "two").unwrap().unwrap();
        assert_eq!(whole.chain("two").unwrap().rules[0].exprs, rule.exprs);
        assert_eq!(of_two.chain("two"), whole.chain("two"));
        assert_eq!(of_two.sets, whole.sets);
        let names = |table: &Table| table.chains.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&of_two), names(&whole));
        assert!(of_two.chain("one").unwrap().rules.is_empty());
    });
}

#[test]
fn a_table_sleeps_and_wakes_with_all_that_is_in_it() {
    in_namespace(|| {
        let table = small_table();
        let mut nft = Nft::open().unwrap();
        nft.commit(&creation(&table)).unwrap();
        let before = nft.read_table(&table.id).unwrap().unwrap();
        for dormant in [true, false] {
            let flags = TableFlags { dormant, ..TableFlags::default() };
            nft.commit(&of(vec![Op::SetTableFlags(&table.id, flags)])).unwrap();
            assert_eq!(nft.table_ids().unwrap(), [(table.id.clone(), flags)]);
            let now = nft.read_table(&table.id).unwrap().unwrap();
            assert_eq!(now, Table { flags, ..before.clone() });
        }
    });
}

#[test]
fn rules_chains_sets_and_elements_are_deleted_one_by_one() {
    in_namespace(|| {
        let mut table = small_table();
        let accept = Rule { exprs: vec![Expr::Verdict(Verdict::Accept)], ..Rule::default() };
        table.chains[0].rules = vec![accept.clone(), accept.clone()];
        table.chains.push(Chain::regular("spare"));
        let mut map = Set::new("m", &[DataType::InetService]);
        map.data = Some(vec![DataType::Verdict]);
        map.flags.interval = true;
        map.elements =
            vec![Element::range(&[0, 1], &[0, 9]).to(MapData::Verdict(Verdict::Jump("spare".into())))];
        table.sets.push(map);
        let mut nft = Nft::open().unwrap();
        nft.commit(&creation(&table)).unwrap();
        let read = nft.read_table(&table.id).unwrap().unwrap();
        let handle = read.chains[0].rules[0].handle.unwrap();
        let id = &table.id;
        let in_use = nft.commit(&of(vec![Op::DeleteChain(id, "spare")])).unwrap_err();
        assert!(matches!(in_use, NftError::Refused { errno: 16, .. }), "{in_use:?}");
        let deletions = vec![
            Op::DeleteRule(id, "input", handle),
            Op::DeleteElements(id, &table.sets[1], &table.sets[1].elements),
            Op::DeleteChain(id, "spare"),
            Op::DeleteSet(id, "s"),
        ];
        nft.commit(&of(deletions)).unwrap();
        let mut want = table.clone();
        want.chains.truncate(1);
        want.chains[0].rules.truncate(1);
        want.sets.remove(0);
        want.sets[0].elements.clear();
        assert_eq!(normal(nft.read_table(id).unwrap().unwrap()), want);
        nft.commit(&of(vec![Op::FlushChain(id, "input"), Op::FlushSet(id, "m")])).unwrap();
        want.chains[0].rules.clear();
        assert_eq!(nft.read_table(id).unwrap().unwrap(), want);
        nft.commit(&of(vec![Op::DeleteTable(id)])).unwrap();
        assert_eq!(nft.table_ids().unwrap(), []);
    });
}

#[test]
fn a_kept_batch_loads_as_it_is_and_names_what_is_refused() {
    in_namespace(|| {
        let table = small_table();
        let bytes = batch::encode(&creation(&table)).unwrap();
        assert_eq!(batch::decode(&bytes).unwrap(), table);
        let mut nft = Nft::open().unwrap();
        nft.commit_bytes(&bytes).unwrap();
        assert_eq!(nft.read_table(&table.id).unwrap().unwrap(), table);
        let delete = batch::encode(&of(vec![Op::DeleteTable(&table.id)])).unwrap();
        nft.commit_bytes(&delete).unwrap();
        let refused = nft.commit_bytes(&delete).unwrap_err().to_string();
        assert!(refused.starts_with("delete table inet t: the kernel refused"), "{refused}");
        nft.commit_bytes(&[]).unwrap();
        nft.commit(&Transaction::default()).unwrap();
    });
}

#[test]
fn the_first_of_very_many_refusals_is_named() {
    in_namespace(|| {
        let id = TableId { family: Family::Inet, name: "t".into() };
        let table = Table::new(Family::Inet, "t");
        let names: Vec<String> = (0..20_000).map(|n| format!("s{n}")).collect();
        let mut ops = vec![Op::AddTable(&table)];
        ops.extend(names.iter().map(|name| Op::DeleteSet(&id, name)));
        let refused = Nft::open().unwrap().commit(&of(ops)).unwrap_err().to_string();
        assert!(refused.starts_with("delete set inet t s0: the kernel refused"), "{refused}");
    });
}

#[test]
fn without_the_capability_it_says_which_is_missing() {
    in_namespace(|| {
        let table = small_table();
        let mut before = Nft::open().unwrap();
        before.commit(&creation(&table)).unwrap();
        let mut sets = rustix::thread::capabilities(None).unwrap();
        sets.effective.remove(rustix::thread::CapabilitySet::NET_ADMIN);
        rustix::thread::set_capabilities(None, sets).unwrap();
        let mut nft = Nft::open().unwrap();
        let id = &table.id;
        let refused = [
            nft.generation().unwrap_err(),
            nft.read_table(id).unwrap_err(),
            nft.commit(&of(vec![Op::DeleteTable(id)])).unwrap_err(),
        ];
        for error in refused {
            assert!(matches!(error, NftError::NotPermitted { .. }), "{error:?}");
            assert!(error.to_string().contains("CAP_NET_ADMIN"));
        }
    });
}

#[test]
fn adding_a_table_that_sleeps_does_not_wake_it() {
    in_namespace(|| {
        let mut table = small_table();
        table.flags.dormant = true;
        let mut nft = Nft::open().unwrap();
        nft.commit(&creation(&table)).unwrap();
        let awake = Table { flags: TableFlags::default(), ..table.clone() };
        nft.commit(&of(vec![Op::AddTable(&awake)])).unwrap();
        assert_eq!(nft.read_table(&table.id).unwrap().unwrap(), table);
    });
}

#[test]
fn a_key_of_the_wrong_length_is_refused_as_such() {
    in_namespace(|| {
        let table = small_table();
        let mut nft = Nft::open().unwrap();
        nft.commit(&creation(&table)).unwrap();
        let wrong = [Element::key(&[1; 16])];
        let refused = nft.find_elements(&table.id, &table.sets[0], &wrong).unwrap_err();
        assert!(matches!(refused, NftError::Refused { errno: 22, .. }), "{refused:?}");
        let add = of(vec![Op::AddElements(&table.id, &table.sets[0], &wrong, IfThere::Keep)]);
        let refused = nft.commit(&add).unwrap_err().to_string();
        assert!(refused.starts_with("add 1 elements to inet t s"), "{refused}");
    });
}

#[test]
fn a_table_that_is_not_there_is_none() {
    in_namespace(|| {
        let mut nft = Nft::open().unwrap();
        let id = TableId { family: Family::Ip6, name: "none".into() };
        assert_eq!(nft.read_table(&id).unwrap(), None);
        assert_eq!(nft.read_outline(&id).unwrap(), None);
        assert_eq!(nft.element_count(&id, "none").unwrap(), None);
        assert!(nft.read_ruleset().unwrap().tables.is_empty());
    });
}
