//! The plan as a file for nft: accepted, loaded, listed again, and what `apply` puts in force.
//! Not here: which flows it admits (`packets_roles`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, HostSpec, Lab};
use support::program::{Program, described};
use support::scene::{ROLES, cluster, hosts, scene, settings};
use support::{can_run, nft, ruleset, sorted};

/// Settings that reach every kind of rule and set.
const RICH: &str = "[interfaces]\nprivate = [\"eth0\"]\npublic = [\"eth1\"]\n\
    [deny]\nnetworks = [\"192.0.2.64/26\", \"100.64.0.0/10\", \"2001:db8:bad::/48\"]\n\
    [mode]\nin = \"enforce\"\nout = \"enforce\"\nforward = \"enforce\"\nroles = { jabber = \"observe\" }\n\
    [limits]\nsip = { new_per_second = 50, burst = 100 }\n";

fn bare() -> Lab {
    Lab::builder().host(HostSpec::new("bare")).up().unwrap()
}

fn plan(node: &Host) -> String {
    node.expect(0, &["plan", "--format", "nft"]).stdout
}

/// Every role alone, all together, and none; with few settings and with many.
fn worlds() -> Vec<(Vec<&'static str>, &'static str)> {
    let mut roles: Vec<Vec<&str>> = ROLES.iter().map(|role| vec![*role]).collect();
    roles.extend([ROLES.to_vec(), vec![]]);
    roles.iter().flat_map(|roles| [(roles.clone(), ""), (roles.clone(), RICH)]).collect()
}

#[test]
fn the_plan_for_nft_is_accepted_loads_and_is_listed_byte_for_byte() {
    if !can_run() {
        return;
    }
    let (lab, bare) = (scene(), bare());
    let (node, empty) = (hosts(&lab).0, bare.host("bare").unwrap());
    for (roles, more) in worlds() {
        node.configure(&cluster(&roles, ""), &settings(more));
        let text = plan(node);
        for check in [&["-c", "-f", "-"][..], &["-f", "-"]] {
            let finished = empty.command("nft").args(check).stdin(text.as_str()).run().unwrap();
            assert_eq!(finished.code(), Some(0), "{roles:?} {more}: {}", described(&finished));
        }
        let listed = nft(empty, &["list", "ruleset"]);
        assert_eq!(listed, text, "{roles:?} {more}");
        nft(empty, &["flush", "ruleset"]);
    }
}

#[test]
fn apply_puts_in_force_what_the_plan_for_nft_said() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    for (roles, more) in worlds() {
        node.configure(&cluster(&roles, ""), &settings(more));
        let text = plan(node);
        // The same roles and settings again are no new revision.
        let applied = node.expect(0, &["apply", "--final", "--rebuild"]);
        assert!(applied.stdout.starts_with("confirmed: revision"), "{}", applied.stdout);
        let stateless = text.replace("counter packets 0 bytes 0", "counter");
        assert_eq!(sorted(&ruleset(node)), sorted(&stateless), "{roles:?} {more}");
    }
}

#[test]
fn the_plan_of_another_node_is_the_same_on_every_node() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let text = cluster(&["sql"], "");
    node.configure(&text, &settings("").replace("name = \"node\"", "name = \"other-web\""));
    let there = node.expect(0, &["plan", "--json"]).stdout;
    node.configure(&text, &settings(""));
    let here = node.expect(0, &["plan", "--node", "other-web", "--json"]).stdout;
    // What a node's own files and sockets say is told there alone.
    let of_all = |text: &str| {
        let mut document: serde_json::Value = serde_json::from_str(text).unwrap();
        let own = document.as_object_mut().unwrap();
        let told = (own.remove("services").unwrap(), own.remove("conflicts").unwrap());
        (document, told)
    };
    let ((here, told_here), (there, told_there)) = (of_all(&here), of_all(&there));
    assert_eq!(here, there);
    assert_eq!(told_here, (serde_json::json!([]), serde_json::json!([])));
    assert_eq!(told_there.0[1]["service"], "web");
}

#[test]
fn a_plan_asks_for_nothing_and_changes_nothing() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    node.configure(&cluster(&["sql"], ""), &settings(""));
    let before = support::generation(node);
    for command in [&["plan"][..], &["plan", "--json"], &["plan", "--format", "nft"], &["diff"], &["status"]]
    {
        let finished = node.run(command);
        assert!(matches!(finished.code(), Some(0 | 1)), "{}", described(&finished));
    }
    assert_eq!(support::generation(node), before);
    assert!(!node.has("/var/lib/rolewall").unwrap(), "no state before the first change");
}

#[test]
fn diff_and_explain_end_with_one_where_there_is_a_difference_and_with_none_where_there_is_none() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    node.configure(&cluster(&["sql"], ""), &settings(""));
    node.expect(1, &["diff"]);
    node.expect(0, &["apply", "--final"]);
    node.expect(0, &["diff"]);
    let flow = ["in", "tcp", "10.20.1.10:40000", "10.20.0.1:3306"];
    node.expect(0, &[&["explain"][..], &flow, &["--expect", "accept"]].concat()).mentions(&["web", "mysql"]);
    node.expect(1, &[&["explain"][..], &flow, &["--expect", "drop"]].concat());
    node.configure(&cluster(&["web"], ""), &settings(""));
    node.expect(1, &["diff"]).mentions(&["3306"]);
    node.expect(1, &[&["explain", "--candidate"][..], &flow, &["--expect", "accept"]].concat());
    node.expect(0, &[&["explain", "--live"][..], &flow, &["--expect", "accept"]].concat());
}
