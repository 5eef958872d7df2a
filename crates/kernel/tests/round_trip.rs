//! What is sent is what the kernel's own dump gives back, and what nft prints and takes again.
//! Not here: text that nft loads first (`nft_text`), and bytes without a kernel (`batch`).
#![allow(clippy::unwrap_used)]

mod support;

use rolewall_kernel::{Nft, batch};
use rolewall_ruleset::expr::Expr;
use rolewall_ruleset::set::ElementExtra;
use rolewall_ruleset::table::{ChainKind, Hook};
use rolewall_ruleset::*;
use support::everything::{base, ip4, set, table, with};
use support::{creation, in_namespace, nft_list, nft_load, normal, through_the_kernel};

fn assert_same(got: &Table, want: &Table) {
    assert_eq!((&got.id, got.flags), (&want.id, want.flags));
    for (got, want) in got.sets.iter().zip(&want.sets) {
        assert_eq!(got, want);
    }
    assert_eq!(got.sets.len(), want.sets.len());
    for (got, want) in got.chains.iter().zip(&want.chains) {
        for (got, want) in got.rules.iter().zip(&want.rules) {
            assert_eq!(got, want);
        }
        assert_eq!(got, want);
    }
    assert_eq!(got, want);
}

#[test]
fn every_set_and_expression_comes_back_from_the_kernel() {
    in_namespace(|| {
        let table = table();
        let mut nft = Nft::open().unwrap();
        let read = through_the_kernel(&mut nft, &table);
        assert_same(&normal(read.clone()), &table);
        let handles = read.chains.iter().flat_map(|c| &c.rules).all(|r| r.handle.is_some());
        assert!(handles);
        for set in &table.sets {
            let count = nft.element_count(&table.id, &set.name).unwrap();
            assert_eq!(count, Some(set.elements.len() as u32), "{}", set.name);
            assert_eq!(
                nft.find_elements(&table.id, set, &set.elements).unwrap().len(),
                set.elements.len(),
                "{}",
                set.name
            );
        }
        let outline = nft.read_outline(&table.id).unwrap().unwrap();
        let mut want = read.clone();
        want.sets.iter_mut().for_each(|s| s.elements.clear());
        assert_eq!(outline, want);
        assert_eq!(nft.read_ruleset().unwrap().tables.len(), 1);
    });
}

#[test]
fn every_set_and_expression_comes_back_from_a_kept_batch() {
    let table = table();
    assert_same(&batch::decode(&batch::encode(&creation(&table)).unwrap()).unwrap(), &table);
}

#[test]
fn nft_prints_what_we_load_and_takes_it_again() {
    in_namespace(|| {
        let mut table = table();
        // Loads that nothing follows have no words in nft; every_slot and every_meta stay out, and what
        // nft 1.0.6 prints in a way that it does not read again.
        table.chains[1].rules.retain(|r| {
            matches!(
                r.exprs.last(),
                Some(
                    Expr::Verdict(_)
                        | Expr::Lookup { .. }
                        | Expr::Log { .. }
                        | Expr::Reject(_)
                        | Expr::Dynset { .. }
                )
            )
        });
        // nft 1.0.6 has no word for an element that never expires in a set whose others do.
        table.sets.iter_mut().find(|s| s.name == "defaulted").unwrap().elements.pop();
        let mut nft = Nft::open().unwrap();
        nft.commit(&creation(&table)).unwrap();
        let ours = nft.read_table(&table.id).unwrap().unwrap();
        let listing = nft_list();
        support::nft_command(&["flush", "ruleset"], "");
        nft_load(&listing);
        let theirs = nft.read_table(&table.id).unwrap().unwrap();
        let (again, listing) = (support::without_expiry(&nft_list()), support::without_expiry(&listing));
        for (again, line) in again.lines().zip(listing.lines()) {
            assert_eq!(again, line);
        }
        assert_eq!(again, listing);
        assert_same(&normal(theirs), &normal(ours));
    });
}

#[test]
fn every_family_has_its_hooks() {
    in_namespace(|| {
        let mut nft = Nft::open().unwrap();
        let cases = [
            (Family::Ip, vec![Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting]),
            (
                Family::Ip6,
                vec![Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting],
            ),
            (
                Family::Bridge,
                vec![Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting],
            ),
            (Family::Arp, vec![Hook::Input, Hook::Output]),
        ];
        for (family, hooks) in cases {
            let mut table = Table::new(family, "t");
            for hook in hooks {
                let name = format!("{hook:?}").to_lowercase();
                table.chains.push(Chain {
                    name,
                    base: base(hook, ChainKind::Filter, -5, ChainPolicy::Drop),
                    rules: Vec::new(),
                });
            }
            assert_eq!(through_the_kernel(&mut nft, &table), table);
        }
        assert_eq!(nft.table_ids().unwrap().len(), 4);
        nft_list();
    });
}

#[test]
fn ingress_chains_keep_their_devices() {
    in_namespace(|| {
        let run =
            |args: &[&str]| assert!(std::process::Command::new("ip").args(args).status().unwrap().success());
        run(&["link", "add", "v0", "type", "veth", "peer", "name", "v1"]);
        let mut nft = Nft::open().unwrap();
        for (family, hook, devices) in [
            (Family::Netdev, Hook::Ingress, vec!["v0"]),
            (Family::Netdev, Hook::Egress, vec!["v0", "v1"]),
            (Family::Inet, Hook::Ingress, vec!["v1"]),
        ] {
            let mut table = Table::new(family, &format!("{hook:?}"));
            let mut base = base(hook, ChainKind::Filter, 0, ChainPolicy::Accept).unwrap();
            base.devices = devices.into_iter().map(str::to_owned).collect();
            table.chains = vec![Chain { name: "c".into(), base: Some(base), rules: Vec::new() }];
            assert_eq!(through_the_kernel(&mut nft, &table), table);
        }
    });
}

#[test]
fn table_flags_come_back() {
    in_namespace(|| {
        let mut nft = Nft::open().unwrap();
        for (dormant, owner, persist) in [(true, false, false), (false, true, false), (true, true, true)] {
            let mut table = Table::new(Family::Inet, &format!("t{dormant}{owner}{persist}"));
            table.flags = TableFlags { dormant, owner, persist };
            assert_eq!(through_the_kernel(&mut nft, &table), table);
        }
        drop(nft);
        let left = Nft::open().unwrap().table_ids().unwrap();
        assert_eq!(left.len(), 2, "the owner's table goes with it, unless it persists: {left:?}");
    });
}

#[test]
fn counters_and_lifetimes_are_put_back_as_they_were() {
    in_namespace(|| {
        let mut table = Table::new(Family::Inet, "t");
        table.chains = vec![Chain::regular("c")];
        table.chains[0].rules =
            vec![Rule { exprs: vec![Expr::Counter { packets: 7, bytes: 700 }], ..Rule::default() }];
        let mut timed = set(
            "timed",
            &[DataType::Ipv4Addr],
            vec![with(
                Element::key(&ip4(1)),
                ElementExtra {
                    timeout_ms: Some(600_000),
                    expires_ms: Some(300_000),
                    ..ElementExtra::default()
                },
            )],
        );
        timed.flags.timeout = true;
        table.sets = vec![timed];
        let read = through_the_kernel(&mut Nft::open().unwrap(), &table);
        assert_eq!(read.chains[0].rules[0].exprs, table.chains[0].rules[0].exprs);
        let left = read.sets[0].elements[0].extra.as_ref().unwrap().expires_ms.unwrap();
        assert!((290_000..=300_000).contains(&left), "{left}");
    });
}
