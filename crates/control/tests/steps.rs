//! The steps of a revision's life, as operations: what packets see first, and what goes afterwards.
//! Not here: a kernel; the same steps run against one in the tests of the binary.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use rolewall_control::frame::{ARMED, PANIC, alive_for, armed, base_chain, under_panic};
use rolewall_control::{Change, Held, NotPossible, Phase, Revision};
use rolewall_ruleset::table::Hook;
use rolewall_ruleset::{Chain, DataType, Family, Generation, Op, Set, Table, TableId, Transaction};
use std::time::Duration;

fn id() -> TableId {
    TableId { family: Family::Inet, name: "rolewall".into() }
}

fn generation(revision: u32, hooks: &[Hook]) -> Generation {
    let mut generation = Generation::empty(&id());
    for hook in hooks {
        let entry = format!("r{revision}-{hook:?}").to_lowercase();
        generation.parts.chains.push(Chain::regular(&entry));
        generation.entries.push((*hook, entry));
    }
    generation.parts.sets.push(Set::new(format!("r{revision}-sip4"), &[DataType::Ipv4Addr]));
    generation
}

/// Our table as the kernel would hold it: generations, leads, and what is left of a test.
fn table(confirmed: Option<&Generation>, candidate: Option<&Generation>, left_ms: u64) -> Table {
    let mut table = Table::new(Family::Inet, "rolewall");
    let mut set = armed();
    if left_ms > 0 {
        set.elements = alive_for(600_000);
        set.elements.iter_mut().for_each(|e| e.extra.as_mut().unwrap().expires_ms = Some(left_ms));
    }
    table.sets.push(set);
    let entry = |of: Option<&Generation>, hook: Hook| {
        of?.entries.iter().find(|(h, _)| *h == hook).map(|(_, entry)| entry.clone())
    };
    for hook in [Hook::Input, Hook::Output, Hook::Forward] {
        let (new, old) = (entry(candidate, hook), entry(confirmed, hook));
        if new.is_some() || old.is_some() {
            table.chains.push(base_chain(hook, new.as_deref(), old.as_deref()));
        }
    }
    for generation in confirmed.into_iter().chain(candidate) {
        table.sets.extend(generation.parts.sets.iter().cloned());
        table.chains.extend(generation.parts.chains.iter().cloned());
    }
    table
}

fn words(transaction: &Transaction<'_>) -> Vec<String> {
    transaction.ops.iter().map(ToString::to_string).collect()
}

const BOTH: [Hook; 2] = [Hook::Input, Hook::Output];

#[test]
fn the_kernel_tells_the_phase() {
    let (old, new) = (generation(7, &BOTH), generation(8, &BOTH));
    let phase = |confirmed, candidate, left| Phase::of(Some(&Held::read(&table(confirmed, candidate, left))));
    assert_eq!(Phase::of(None), Phase::Off);
    assert_eq!(phase(None, None, 0), Phase::Off);
    assert_eq!(phase(Some(&old), None, 0), Phase::Confirmed { revision: Revision(7) });
    let test = Phase::Test { candidate: Revision(8), previous: Some(Revision(7)), remaining_ms: 250 };
    assert_eq!(phase(Some(&old), Some(&new), 250), test);
    assert_eq!(test.in_force(), Some(Revision(8)));
    assert_eq!(test.confirmed(), Some(Revision(7)));
    let expired = Phase::Expired { candidate: Revision(8), previous: Some(Revision(7)) };
    assert_eq!(phase(Some(&old), Some(&new), 0), expired);
    assert_eq!(expired.in_force(), Some(Revision(7)));
}

#[test]
fn a_first_test_makes_the_table_and_removes_nothing() {
    let new = generation(1, &BOTH);
    let id = id();
    let change = Change::start_test(&id, None, &new, Duration::from_secs(600));
    let visible = change.visible();
    let said = words(&visible);
    assert_eq!(said[0], "add table inet rolewall");
    assert!(change.tidy().is_none());
    // Whatever refers to a chain or a set comes after it.
    let position = |what: &str| said.iter().position(|w| w.contains(what)).unwrap();
    assert!(position("add chain inet rolewall r1-input") < position("add rule inet rolewall input"));
    assert!(position("elements to inet rolewall armed") < position("add rule inet rolewall input"));
}

#[test]
fn a_candidate_that_is_replaced_goes_in_a_second_transaction() {
    let (old, tested, new) = (generation(7, &BOTH), generation(8, &BOTH), generation(9, &BOTH));
    let held = Held::read(&table(Some(&old), Some(&tested), 1000));
    let id = id();
    let change = Change::start_test(&id, Some(&held), &new, Duration::from_secs(600));
    let visible = words(&change.visible());
    assert!(
        !visible.iter().any(|w| w.starts_with("delete chain") || w.starts_with("delete set")),
        "{visible:#?}"
    );
    let tidy = words(&change.tidy().unwrap());
    assert!(tidy.contains(&"delete chain inet rolewall r8-input".to_owned()), "{tidy:#?}");
    assert!(!tidy.iter().any(|w| w.contains("r7-")), "what is confirmed stays: {tidy:#?}");
}

#[test]
fn a_confirmation_is_refused_by_the_kernel_once_the_elements_are_gone() {
    let (old, new) = (generation(7, &BOTH), generation(8, &BOTH));
    let held = Held::read(&table(Some(&old), Some(&new), 1));
    let id = id();
    let change = Change::confirm(&id, Some(&held)).unwrap();
    let visible = change.visible();
    // Elements are deleted by name: a flush would succeed on an empty set.
    assert!(
        matches!(&visible.ops[0], Op::DeleteElements(_, set, elements) if set.name == ARMED && elements.len() == 2)
    );
    assert!(!words(&visible).iter().any(|w| w.contains("r7-")));
    assert!(words(&change.tidy().unwrap()).contains(&"delete set inet rolewall r7-sip4".to_owned()));
}

#[test]
fn a_test_that_ended_cannot_be_confirmed() {
    let (old, new) = (generation(7, &BOTH), generation(8, &BOTH));
    let held = Held::read(&table(Some(&old), Some(&new), 0));
    let refused = Change::confirm(&id(), Some(&held)).unwrap_err();
    assert_eq!(refused, NotPossible::Expired { candidate: Revision(8) });
    assert_eq!(Change::confirm(&id(), None).unwrap_err(), NotPossible::NoTest);
}

#[test]
fn the_way_back_from_a_first_test_leaves_nothing() {
    let new = generation(1, &BOTH);
    let held = Held::read(&table(None, Some(&new), 1000));
    let id = id();
    let change = Change::revert(&id, Some(&held)).unwrap();
    assert_eq!(words(&change.visible()), ["delete table inet rolewall"]);
    assert!(change.tidy().is_none());
}

#[test]
fn the_way_back_leads_to_what_was_before_and_nowhere_else() {
    let (old, new) = (generation(7, &BOTH), generation(8, &[Hook::Input, Hook::Output, Hook::Forward]));
    let held = Held::read(&table(Some(&old), Some(&new), 1000));
    let id = id();
    let change = Change::revert(&id, Some(&held)).unwrap();
    assert!(words(&change.visible()).contains(&"flush chain inet rolewall forward".to_owned()));
    let tidy = words(&change.tidy().unwrap());
    assert!(
        tidy.contains(&"delete chain inet rolewall forward".to_owned()),
        "a hook that only the candidate had"
    );
    assert!(tidy.iter().all(|w| !w.contains("r7-")), "{tidy:#?}");
}

#[test]
fn hooks_stay_while_something_is_led_through_them() {
    let (old, new) = (generation(7, &BOTH), generation(8, &BOTH));
    let held = Held::read(&table(Some(&old), None, 0));
    let id = id();
    for change in [
        Change::start_test(&id, Some(&held), &new, Duration::from_secs(10)),
        Change::load(&id, Some(&held), &new),
    ] {
        let all = [words(&change.visible()), change.tidy().map(|t| words(&t)).unwrap_or_default()].concat();
        assert!(
            !all.iter().any(|w| w.ends_with("chain inet rolewall input") && !w.starts_with("flush")),
            "{all:#?}"
        );
    }
}

#[test]
fn what_a_killed_run_left_behind_is_cleared_away() {
    let (old, left) = (generation(7, &BOTH), generation(8, &BOTH));
    let mut table = table(Some(&old), None, 0);
    assert!(Change::clear_unreached(&id(), &Held::read(&table)).is_none());
    table.chains.extend(left.parts.chains);
    let held = Held::read(&table);
    let id = id();
    let change = Change::clear_unreached(&id, &held).unwrap();
    let tidy = words(&change.tidy().unwrap());
    assert_eq!(tidy.iter().filter(|w| w.starts_with("delete chain")).count(), 2);
    assert!(tidy.iter().all(|w| w.contains("r8-")));
}

#[test]
fn what_stands_of_the_revision_that_is_loaded_is_mended_and_no_rule_is_there_twice() {
    let (mut wanted, id) = (generation(7, &BOTH), id());
    let mut table = table(Some(&wanted), None, 0);
    table.chains.push(Chain::regular("r7-by-hand"));
    table.chains.retain(|c| c.name != "r7-output");
    table.chains.iter_mut().find(|c| c.name == "input").unwrap().rules.clear();
    table.flags.dormant = true;
    wanted.parts.chains[0].rules.push(Default::default());
    let held = Held::read(&table);
    let change = Change::load(&id, Some(&held), &wanted);
    let visible = words(&change.visible());
    let position =
        |what: &str| visible.iter().position(|w| w == what).unwrap_or_else(|| panic!("{visible:#?}"));
    assert_eq!(visible[0], "wake table inet rolewall");
    assert!(position("flush chain inet rolewall r7-input") < position("delete set inet rolewall r7-sip4"));
    assert!(position("flush chain inet rolewall r7-by-hand") < position("delete set inet rolewall r7-sip4"));
    assert!(position("delete set inet rolewall r7-sip4") < position("add set inet rolewall r7-sip4"));
    assert!(position("add chain inet rolewall r7-output") < position("add rule inet rolewall output"));
    assert!(!visible.contains(&"add chain inet rolewall r7-input".to_owned()), "{visible:#?}");
    let tidy = words(&change.tidy().unwrap());
    assert_eq!(tidy, ["flush chain inet rolewall r7-by-hand", "delete chain inet rolewall r7-by-hand"]);
}

#[test]
fn a_base_chain_that_the_frame_has_not_is_no_lead_and_goes() {
    let (old, id) = (generation(7, &BOTH), id());
    let mut table = table(Some(&old), None, 0);
    let mut by_hand = base_chain(Hook::Input, None, Some("r9-input"));
    by_hand.name = "by-hand".into();
    table.chains.push(by_hand);
    table.chains.iter_mut().find(|c| c.name == "output").unwrap().base.as_mut().unwrap().priority = 5;
    let held = Held::read(&table);
    assert_eq!(Phase::of(Some(&held)), Phase::Confirmed { revision: Revision(7) });
    let change = Change::load(&id, Some(&held), &old);
    let visible = words(&change.visible());
    let position =
        |what: &str| visible.iter().position(|w| w == what).unwrap_or_else(|| panic!("{visible:#?}"));
    position("delete chain inet rolewall by-hand");
    assert!(position("delete chain inet rolewall output") < position("add chain inet rolewall output"));
}

#[test]
fn a_hook_that_only_the_confirmed_revision_has_is_passed_while_the_test_runs() {
    let (old, new) = (generation(7, &[Hook::Input, Hook::Forward]), generation(8, &[Hook::Input]));
    let id = id();
    let held = Held::read(&table(Some(&old), None, 0));
    let change = Change::start_test(&id, Some(&held), &new, Duration::from_secs(10));
    let visible = change.visible();
    let forward: Vec<_> = visible
        .ops
        .iter()
        .filter_map(|op| match op {
            Op::AddRule(_, "forward", rule) => Some((*rule).clone()),
            _ => None,
        })
        .collect();
    assert_eq!(forward.len(), 2, "past what is confirmed while armed, then to it");
    assert_eq!(forward[1], base_chain(Hook::Forward, None, Some("r7-forward")).rules[0]);
    // Passing is no lead: the kernel's table with it reads as the same test, and confirming ends the hook.
    let mut tested = table(Some(&old), Some(&new), 1000);
    tested.chains.iter_mut().find(|c| c.name == "forward").unwrap().rules = forward;
    let held = Held::read(&tested);
    assert_eq!(held.candidate.keys().copied().collect::<Vec<_>>(), [Hook::Input]);
    let change = Change::confirm(&id, Some(&held)).unwrap();
    assert!(words(&change.tidy().unwrap()).contains(&"delete chain inet rolewall forward".to_owned()));
}

/// What closes the host, on every hook.
fn closing() -> Generation {
    let mut generation = Generation::empty(&id());
    for hook in [Hook::Input, Hook::Output, Hook::Forward] {
        let entry = format!("{PANIC}-{hook:?}").to_lowercase();
        generation.parts.chains.push(Chain::regular(&entry));
        generation.entries.push((hook, entry));
    }
    generation.parts.sets.push(Set::new(format!("{PANIC}-operator4"), &[DataType::Ipv4Addr]));
    generation
}

/// The table once the host is closed.
fn closed(mut table: Table) -> Table {
    let closing = closing();
    for (hook, entry) in &closing.entries {
        let name = format!("{hook:?}").to_lowercase();
        match table.chains.iter_mut().find(|c| c.name == name) {
            Some(chain) => *chain = under_panic(chain.clone(), Some(entry)),
            None => table.chains.push(under_panic(base_chain(*hook, None, None), Some(entry))),
        }
    }
    table.sets.extend(closing.parts.sets);
    table.chains.extend(closing.parts.chains);
    table
}

#[test]
fn a_panic_leads_before_a_test_and_what_is_confirmed_and_touches_neither() {
    let (old, new, panic) = (generation(7, &BOTH), generation(8, &BOTH), closing());
    let held = Held::read(&table(Some(&old), Some(&new), 1000));
    let id = id();
    let change = Change::panic(&id, Some(&held), &panic);
    let visible = change.visible();
    let said = words(&visible);
    assert!(!said.iter().any(|w| w.contains("r7-") || w.contains("r8-") || w.contains("armed")), "{said:#?}");
    assert!(said.contains(&"add chain inet rolewall forward".to_owned()), "a hook that nothing had");
    assert!(change.tidy().is_none());
    let leads = |chain: &str| -> Vec<usize> {
        let of = |op: &Op<'_>| match op {
            Op::AddRule(_, name, rule) if *name == chain => Some(rule.exprs.len()),
            _ => None,
        };
        visible.ops.iter().filter_map(of).collect()
    };
    assert_eq!(leads("input"), [1, 3, 1], "the panic's, the test's, the confirmed one's");
    assert_eq!(leads("forward"), [1]);
}

#[test]
fn every_step_beneath_a_panic_keeps_it_and_resume_alone_takes_it_away() {
    let (old, new, panic) = (generation(7, &BOTH), generation(8, &BOTH), closing());
    let held = Held::read(&closed(table(Some(&old), Some(&new), 1000)));
    assert_eq!(held.panic.len(), 3);
    assert_eq!(Phase::of(Some(&held)).in_force(), Some(Revision(8)), "beneath");
    let id = id();
    let third = generation(9, &BOTH);
    for change in [
        Change::confirm(&id, Some(&held)).unwrap(),
        Change::revert(&id, Some(&held)).unwrap(),
        Change::load(&id, Some(&held), &third),
        Change::start_test(&id, Some(&held), &third, Duration::from_secs(10)),
        Change::panic(&id, Some(&held), &panic),
    ] {
        let visible = change.visible();
        let first = |chain: &str| {
            visible.ops.iter().find_map(|op| match op {
                Op::AddRule(_, name, rule) if *name == chain => Some((*rule).clone()),
                _ => None,
            })
        };
        for (hook, entry) in &panic.entries {
            let name = format!("{hook:?}").to_lowercase();
            let lead = under_panic(base_chain(*hook, None, None), Some(entry)).rules.remove(0);
            assert_eq!(first(&name), Some(lead), "{name}");
        }
        let tidied = change.tidy().map(|t| words(&t)).unwrap_or_default();
        assert!(
            !tidied.iter().any(|w| w.contains("panic-") || w.ends_with("rolewall forward")),
            "{tidied:#?}"
        );
    }
    let change = Change::resume(&id, Some(&held)).unwrap();
    assert!(!words(&change.visible()).iter().any(|w| w.contains("r7-") || w.contains("r8-")));
    let tidied = words(&change.tidy().unwrap());
    assert!(tidied.contains(&"delete chain inet rolewall forward".to_owned()), "{tidied:#?}");
    assert!(tidied.contains(&"delete set inet rolewall panic-operator4".to_owned()));
    assert!(!tidied.iter().any(|w| w.contains("r7-") || w.contains("r8-")), "{tidied:#?}");
}

#[test]
fn a_panic_over_nothing_leaves_nothing_and_one_that_nobody_made_cannot_be_resumed() {
    let id = id();
    let empty = Held::read(&closed(table(None, None, 0)));
    let change = Change::resume(&id, Some(&empty)).unwrap();
    assert_eq!(words(&change.visible()), ["delete table inet rolewall"]);
    let first = generation(1, &BOTH);
    let tested = Held::read(&closed(table(None, Some(&first), 0)));
    let reverted = Change::revert(&id, Some(&tested)).unwrap();
    assert!(
        !words(&reverted.visible()).contains(&"delete table inet rolewall".to_owned()),
        "closed it stays"
    );
    let open = Held::read(&table(Some(&first), None, 0));
    assert_eq!(Change::resume(&id, Some(&open)).unwrap_err(), NotPossible::NoPanic);
    assert_eq!(Change::resume(&id, None).unwrap_err(), NotPossible::NoPanic);
}

#[test]
fn boot_closes_the_host_and_loads_what_was_confirmed_in_one_transaction() {
    let (old, panic) = (generation(7, &BOTH), closing());
    let id = id();
    let change = Change::load(&id, None, &old).closing(None, &panic);
    let said = words(&change.visible());
    let position = |what: &str| said.iter().position(|w| w == what).unwrap();
    assert!(position("add chain inet rolewall r7-input") < position("add rule inet rolewall input"));
    assert!(position("add chain inet rolewall panic-input") < position("add rule inet rolewall input"));
    assert!(change.tidy().is_none());
}

#[test]
fn what_a_resume_that_was_killed_left_behind_is_cleared_away() {
    let old = generation(7, &BOTH);
    let mut left = table(Some(&old), None, 0);
    left.chains.extend(closing().parts.chains);
    let id = id();
    let held = Held::read(&left);
    let tidied = words(&Change::clear_unreached(&id, &held).unwrap().tidy().unwrap());
    assert!(tidied.contains(&"delete chain inet rolewall panic-input".to_owned()), "{tidied:#?}");
    assert!(Change::clear_unreached(&id, &Held::read(&closed(table(Some(&old), None, 0)))).is_none());
}
