//! What commands leave: in the kernel, on disk, and nowhere else.
//! Not here: packets, and other people's tables (`commands_others`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, Lab, Listen, Probe};
use rustix::fs::{FlockOperation, flock};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs::{self, File};
use support::program::Program;
use support::scene::{CLOSED, OPEN, Who, cluster, hosts, scene, settings, tcp};
use support::{can_run, generation, nft, ruleset, ruleset_with_handles, sorted};

/// An SQL node whose revision 1 is confirmed.
fn sql_node() -> Lab {
    let lab = scene();
    let node = hosts(&lab).0;
    node.configure(&cluster(&["sql"], ""), &settings(""));
    node.expect(0, &["apply", "--final"]);
    lab
}

/// Lines of `after` that `before` has not, and the other way round.
fn differing(before: &str, after: &str) -> Vec<String> {
    let lines = |text: &str| text.lines().map(|l| l.trim().to_owned()).collect::<BTreeSet<_>>();
    lines(before).symmetric_difference(&lines(after)).cloned().collect()
}

/// The new node's own addresses in sets of elements, and nothing else, tell the two listings apart.
#[track_caller]
fn assert_only_elements_differ(before: &str, after: &str) {
    let lines = differing(before, after);
    let is_elements = |line: &String| line.starts_with("elements = {") || line.ends_with([',', '}']);
    assert!(!lines.is_empty() && lines.iter().all(is_elements), "{lines:#?}");
}

#[test]
fn disable_opens_the_host_stays_after_a_reboot_and_enable_brings_back_exactly_what_was_confirmed() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    let _served = node.serve(Listen::new().tcp([3306])).unwrap();
    let confirmed = ruleset(node);
    assert_eq!(tcp(&lab, Who::Stranger, 3306), CLOSED);
    node.expect(0, &["disable"]).mentions(&["warning", "open", "reboot", "rolewall enable"]);
    assert_eq!(ruleset(node), "");
    assert_eq!(tcp(&lab, Who::Stranger, 3306), OPEN);
    let status = node.json(&["status"]);
    assert_eq!((&status["state"], &status["disabled"]), (&json!("off"), &json!(true)));
    node.expect(0, &["boot"]);
    assert_eq!(ruleset(node), "", "disabled means: after a reboot too");
    node.expect(0, &["enable"]);
    assert_eq!(ruleset(node), confirmed);
    assert_eq!(tcp(&lab, Who::Stranger, 3306), CLOSED);
    support::nft(node, &["delete", "table", "inet", "rolewall"]);
    node.expect(0, &["boot"]);
    assert_eq!(ruleset(node), confirmed);
}

#[test]
fn disable_in_test_mode_ends_the_test_too() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    let confirmed = ruleset(node);
    node.configure(&cluster(&["web"], ""), &settings(""));
    node.expect(0, &["apply"]);
    node.expect(0, &["disable"]);
    assert_eq!(ruleset(node), "");
    node.expect(2, &["confirm"]).mentions(&["no test is running"]);
    node.expect(0, &["enable"]);
    assert_eq!(ruleset(node), confirmed);
}

#[test]
fn enable_and_boot_on_a_host_where_nothing_was_confirmed_change_nothing() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let before = generation(node);
    node.expect(2, &["enable"]).mentions(&["no revision was ever confirmed", "rolewall apply"]);
    node.expect(0, &["boot"]).mentions(&["nothing to load"]);
    assert_eq!(node.json(&["status"])["state"], "off");
    assert_eq!(generation(node), before);
}

#[test]
fn a_damaged_boot_file_is_named_and_what_is_in_force_stays() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    let file = node.files_outside().unwrap().join("var/lib/rolewall/confirmed.rules");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let before = generation(node);
    node.expect(3, &["boot"]).mentions(&["confirmed.rules", "damaged", "checksum"]);
    assert_eq!(generation(node), before);
    let status = node.run(&["status"]);
    assert_eq!(status.code(), Some(1), "{}", status.stdout());
    assert!(status.stdout().contains("damaged"), "{}", status.stdout());
}

#[test]
fn status_tells_drift_by_hand_made_rules_and_missing_elements_and_apply_mends_it() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    let confirmed = ruleset(node);
    let drift = |node: &Host| node.json(&["status"])["drift"].as_array().unwrap().len();
    assert_eq!(node.run(&["status"]).code(), Some(0));
    nft(node, &["insert", "rule", "inet", "rolewall", "r1-in", "tcp", "dport", "8080", "accept"]);
    node.expect(1, &["status"]).mentions(&["drift", "r1-in"]);
    node.expect(0, &["apply", "--final"]);
    assert_eq!(drift(node), 0, "a new revision is what the plan says");
    assert_eq!(sorted(&ruleset(node).replace("r2-", "r1-")), sorted(&confirmed));
    nft(node, &["delete", "element", "inet", "rolewall", "r2-nodes4", "{ 10.20.1.10 }"]);
    node.expect(1, &["status"]).mentions(&["drift", "r2-nodes4", "10.20.1.10"]);
    nft(node, &["add", "element", "inet", "rolewall", "r2-nodes4", "{ 10.20.1.10 }"]);
    assert_eq!(drift(node), 0);
    nft(node, &["insert", "rule", "inet", "rolewall", "input", "tcp", "dport", "8080", "accept"]);
    node.expect(1, &["status"]).mentions(&["drift", "input"]);
    node.expect(0, &["apply", "--final", "--rebuild"]);
    assert_eq!(drift(node), 0);
    assert_eq!(sorted(&ruleset(node).replace("r3-", "r1-")), sorted(&confirmed));
    support::nft(node, &["delete", "table", "inet", "rolewall"]);
    node.expect(1, &["status"]).mentions(&["drift", "rolewall enable"]);
}

#[test]
fn node_add_and_remove_change_elements_only_and_survive_boot() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let (node, inside, _) = hosts(&lab);
    let _served = node.serve(Listen::new().tcp([3306])).unwrap();
    let unknown = Who::Unknown.addresses();
    let knock = || {
        unknown.map(|from| {
            let to = support::scene::node_for(Who::Unknown, from);
            inside.probe(&Probe::tcp(to, 3306).from(from)).unwrap()
        })
    };
    let before = ruleset_with_handles(node);
    assert_eq!(knock(), CLOSED);
    let addresses = unknown.map(|a| a.to_string());
    let joined =
        ["node", "add", "web7", "--private", &addresses[0], "--private", &addresses[1], "--role", "http"];
    node.expect(0, &joined);
    assert_eq!(knock(), OPEN);
    let amended = ruleset_with_handles(node);
    assert_only_elements_differ(&before, &amended);
    let status = node.json(&["status"]);
    assert_eq!(
        (&status["revision"], &status["drift"], &status["amended"]),
        (&json!(1), &json!([]), &json!(1))
    );
    // The same again is the same; something else under that name is not.
    node.expect(0, &joined);
    let other = ["node", "add", "web7", "--private", &addresses[0], "--role", "sip"];
    node.expect(2, &other).mentions(&["web7", "node remove"]);
    let listed = ruleset(node);
    nft(node, &["delete", "table", "inet", "rolewall"]);
    assert_eq!(knock(), OPEN);
    node.expect(0, &["boot"]);
    assert_eq!(ruleset(node), listed);
    node.expect(0, &["apply", "--final"]).mentions(&["nothing to change", "revision 1"]);
    let amended = ruleset_with_handles(node);
    node.expect(0, &["node", "remove", "web7"]);
    assert_eq!(knock(), CLOSED);
    assert_only_elements_differ(&amended, &ruleset_with_handles(node));
    let plain = |text: &str| {
        text.lines().map(|l| l.split(" # handle").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(plain(&ruleset_with_handles(node)), plain(&before));
    assert_eq!(node.json(&["status"])["drift"], json!([]));
    let listed = ruleset(node);
    nft(node, &["delete", "table", "inet", "rolewall"]);
    node.expect(0, &["boot"]);
    assert_eq!(ruleset(node), listed);
    node.expect(2, &["node", "remove", "web7"]).mentions(&["web7"]);
    node.expect(2, &["node", "remove", "other-web"]).mentions(&["other-web", "cluster.toml"]);
}

#[test]
fn a_node_that_cannot_join_changes_nothing() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    let (before, state) = (generation(node), node.state());
    let add = |name: &str, address: &str, role: &str| {
        node.run(&["node", "add", name, "--private", address, "--role", role]).code()
    };
    assert_eq!(add("web7", "10.20.3.1", "wbe"), Some(2));
    assert_eq!(add("we b7", "10.20.3.1", "web"), Some(2));
    assert_eq!(add("../web7", "10.20.3.1", "web"), Some(2));
    assert_eq!(add("web7", "10.20.3", "web"), Some(2));
    assert_eq!(add("web7", "127.0.0.1", "web"), Some(2));
    assert_eq!(add("web7", "ff02::1", "web"), Some(2));
    assert_eq!((generation(node), node.state()), (before, state));
    assert!(!node.has("/etc/rolewall/cluster.d/web7.toml").unwrap());
}

#[test]
fn a_node_whose_address_another_has_is_refused() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    let (listed, before) = (ruleset(node), generation(node));
    let taken = Who::Node("web").addresses()[0].to_string();
    let added = node.run(&["node", "add", "web7", "--private", &taken, "--role", "web"]);
    assert!(matches!(added.code(), Some(2 | 4)), "{}", support::program::described(&added));
    assert!(added.stderr().contains(&taken), "{}", added.stderr());
    assert_eq!(ruleset(node), listed);
    assert_eq!(node.run(&["status"]).code(), Some(0));
    // A journal of what was tried and taken back is no drift, and does not come back at boot.
    nft(node, &["delete", "table", "inet", "rolewall"]);
    node.expect(0, &["boot"]);
    assert_eq!(ruleset(node), listed);
    assert!(generation(node) >= before);
}

#[test]
fn one_node_more_in_the_inventory_is_elements_only_by_apply_final() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    let before = ruleset_with_handles(node);
    let one_more = "[[node]]\nname = \"web7\"\nprivate = [\"10.20.3.1\", \"fd20::3:1\"]\nroles = [\"web\"]\n";
    node.configure(&(cluster(&["sql"], "") + one_more), &settings(""));
    node.expect(0, &["apply", "--final"]).mentions(&["revision 1 amended"]);
    assert_only_elements_differ(&before, &ruleset_with_handles(node));
    let status = node.json(&["status"]);
    assert_eq!((&status["revision"], &status["drift"]), (&json!(1), &json!([])));
    let listed = ruleset(node);
    nft(node, &["delete", "table", "inet", "rolewall"]);
    node.expect(0, &["boot"]);
    assert_eq!(ruleset(node), listed);
    let before = generation(node);
    node.expect(0, &["apply", "--final"]).mentions(&["nothing to change"]);
    assert_eq!(generation(node), before);
}

#[test]
fn an_inventory_that_loses_most_of_its_nodes_is_held_and_shown() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    let (listed, before) = (ruleset(node), generation(node));
    let whole = cluster(&["sql"], "");
    let cut = &whole[..whole.match_indices("[[node]]").nth(3).unwrap().0];
    node.configure(cut, &settings(""));
    for how in [&["apply"][..], &["apply", "--final"]] {
        node.expect(2, how).mentions(&["3 nodes", "12", "--force"]);
        assert_eq!((generation(node), ruleset(node)), (before, listed.clone()));
    }
    node.expect(0, &["apply", "--final", "--force"]);
    assert!(!ruleset(node).contains("10.20.1.19"));
}

#[test]
fn a_second_command_says_who_is_at_work_and_changes_nothing() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    let path = node.files_outside().unwrap().join("var/lib/rolewall/lock");
    fs::write(&path, "process 4242 (rolewall apply)\n").unwrap();
    let held = File::open(&path).unwrap();
    flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
    node.configure(&cluster(&["web"], ""), &settings(""));
    let (before, state) = (generation(node), node.state());
    for command in
        [&["apply"][..], &["confirm"], &["revert"], &["disable"], &["enable"], &["boot"], &["janitor"]]
    {
        node.expect(3, command).mentions(&["another rolewall is at work", "process 4242", "rolewall apply"]);
    }
    assert_eq!(node.run(&["status"]).code(), Some(0), "looking needs no lock");
    assert_eq!((generation(node), node.state()), (before, state));
    flock(&held, FlockOperation::Unlock).unwrap();
    node.expect(0, &["apply"]);
}

#[test]
fn only_root_can_read_the_state() {
    use std::os::unix::fs::PermissionsExt;
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    node.configure(&cluster(&["web"], ""), &settings(""));
    node.expect(0, &["apply"]);
    let directory = node.files_outside().unwrap().join("var/lib/rolewall");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    for path in node.state().keys() {
        assert_eq!(mode(path), 0o600, "{}", path.display());
    }
}

#[test]
fn an_open_hook_is_seen_by_status_and_mended_by_enable() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    let _served = node.serve(Listen::new().tcp([3306])).unwrap();
    let confirmed = sorted(&ruleset(node));
    let by_hand: [&[&str]; 5] = [
        &["flush", "chain", "inet", "rolewall", "input"],
        &["delete", "chain", "inet", "rolewall", "input"],
        &["add", "table", "inet", "rolewall", "{ flags dormant; }"],
        &["add", "chain", "inet", "rolewall", "more", "{ type filter hook input priority -5; policy drop; }"],
        &["flush", "chain", "inet", "rolewall", "r1-in"],
    ];
    for (change, mend) in by_hand.into_iter().zip(["enable", "boot", "enable", "boot", "enable"]) {
        nft(node, change);
        node.expect(1, &["status"]).mentions(&["drift"]);
        node.expect(0, &[mend]);
        node.expect(0, &["status"]);
        assert_eq!(sorted(&ruleset(node)), confirmed, "{mend} after {change:?}");
        assert_eq!(tcp(&lab, Who::Stranger, 3306), CLOSED);
    }
    nft(node, by_hand[0]);
    node.expect(1, &["status"])
        .mentions(&["chain input: missing: ", "goto r1-in: what comes in is not filtered"]);
}

#[test]
fn boot_in_a_test_returns_to_what_was_confirmed() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    let confirmed = ruleset(node);
    node.configure(&cluster(&["web"], ""), &settings(""));
    node.expect(0, &["apply"]);
    node.expect(2, &["enable"]).mentions(&["a test", "is running", "rolewall confirm", "rolewall revert"]);
    node.expect(0, &["boot"]);
    assert_eq!(sorted(&ruleset(node)), sorted(&confirmed));
    assert!(!node.has("/var/lib/rolewall/candidate.rules").unwrap());
    node.expect(2, &["confirm"]).mentions(&["no test is running"]);
    node.expect(0, &["status"]);
}

#[test]
fn boot_needs_no_file_but_what_was_confirmed() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    let confirmed = ruleset(node);
    let state = node.files_outside().unwrap().join("var/lib/rolewall");
    fs::write(state.join("notes.json"), "{").unwrap();
    fs::remove_file(state.join("lock")).unwrap();
    fs::create_dir(state.join("lock")).unwrap();
    fs::create_dir(state.join("joined.1")).unwrap();
    nft(node, &["delete", "table", "inet", "rolewall"]);
    node.expect(0, &["boot"]).mentions(&["warning", "notes.json", "lock", "joined.1"]);
    assert_eq!(ruleset(node), confirmed);
    assert_eq!(fs::read_to_string(state.join("notes.json")).unwrap(), "{", "left to be looked at");
}

#[test]
fn tables_of_others_wake_once_ours_was_deleted_by_hand() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let theirs = "table inet theirs { chain input { type filter hook input priority 5; policy accept; }; }";
    support::nft_load(node, theirs);
    node.configure(&cluster(&["sql"], ""), &settings(""));
    node.expect(0, &["apply", "--final", "--take-over"]);
    assert!(ruleset(node).contains("flags dormant"));
    nft(node, &["delete", "table", "inet", "rolewall"]);
    node.expect(0, &["janitor"]);
    assert!(!ruleset(node).contains("dormant"), "{}", ruleset(node));
    assert!(
        !fs::read_to_string(node.files_outside().unwrap().join("var/lib/rolewall/notes.json"))
            .unwrap()
            .contains("asleep")
    );
}
