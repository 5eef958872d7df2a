//! `verify` and `diff` on what the kernel holds: rules of others, published ports, drift, each with a flow that shows it;
//! and that flow, sent.
//! Not here: plans without a kernel (`worlds.rs`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::Listen;
use serde_json::Value;
use support::program::Program;
use support::scene::{CLOSED, OPEN, Who, cluster, hosts, scene, settings, tcp};
use support::{can_run, nft, nft_load};

fn violations(stdout: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(stdout).unwrap();
    assert_eq!(document["flows_checked_as"], "proof");
    document["violations"].as_array().unwrap().clone()
}

/// Whether a violation's path ends in a rule with these words.
fn is_decided_by(violation: &Value, words: &str) -> bool {
    violation["path"].as_array().unwrap().last().unwrap()["rule"].as_str().unwrap().contains(words)
}

#[test]
fn what_apply_loads_is_proven_on_the_kernel_itself() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    node.configure(&cluster(&["web", "sip", "pbx", "jabber", "sql"], ""), &settings(""));
    node.expect(0, &["apply", "--final"]);
    node.expect(0, &["verify"]).mentions(&["holds"]);
    node.expect(0, &["verify", "--live", "--json"]).mentions(&["\"holds\": true"]);
}

#[test]
fn a_drop_of_somebody_else_is_found_with_a_flow_that_it_stops() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let _served = node.serve(Listen::new().tcp([443])).unwrap();
    node.configure(&cluster(&["web"], ""), &settings(""));
    node.expect(0, &["apply", "--final"]);
    assert_eq!(tcp(&lab, Who::Stranger, 443), OPEN);
    let table =
        "table inet other { chain input { type filter hook input priority 10; tcp dport 443 drop; }; }\n";
    nft_load(node, table);
    assert_eq!(tcp(&lab, Who::Stranger, 443), CLOSED);
    let said = node.expect(1, &["verify", "--json"]);
    let found = violations(&said.stdout);
    assert!(found.iter().all(|one| is_decided_by(one, "tcp dport 443 drop")), "{}", said.stdout);
    let https = |one: &&Value| one["witness"]["dst"].as_str().unwrap().ends_with(":443");
    assert_eq!(found.iter().filter(https).count(), 2, "both families: {}", said.stdout);
}

#[test]
fn a_hole_made_by_hand_is_found_with_a_flow_that_gets_in() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let _served = node.serve(Listen::new().tcp([3306])).unwrap();
    node.configure(&cluster(&["sql"], ""), &settings(""));
    node.expect(0, &["apply", "--final"]);
    assert_eq!(tcp(&lab, Who::Stranger, 3306), CLOSED);
    nft(node, &["insert", "rule", "inet", "rolewall", "r1-in", "tcp", "dport", "3306", "accept"]);
    assert_eq!(tcp(&lab, Who::Stranger, 3306), OPEN);
    let said = node.expect(1, &["verify", "--json"]);
    let found = violations(&said.stdout);
    assert!(
        found.iter().all(|one| one["witness"]["dst"].as_str().unwrap().ends_with(":3306")),
        "{}",
        said.stdout
    );
    assert!(found.iter().all(|one| is_decided_by(one, "tcp dport 3306 accept")), "{}", said.stdout);
    node.expect(1, &["diff"]).mentions(&["closes in tcp 3306 from anyone"]);
}

#[test]
fn a_published_port_is_found_though_it_never_comes_to_input() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    node.configure(&cluster(&["web"], ""), &settings(""));
    node.expect(0, &["apply", "--final"]);
    let docker = "table ip nat { chain prerouting { type nat hook prerouting priority dstnat; \
                  fib daddr type local tcp dport 8080 dnat to 172.17.0.2:80; }; }\n";
    nft_load(node, docker);
    let said = node.expect(1, &["verify", "--json"]);
    let found = violations(&said.stdout);
    assert_eq!(found.len(), 1, "{}", said.stdout);
    assert_eq!(found[0]["witness"]["direction"], "in");
    assert!(found[0]["witness"]["dst"].as_str().unwrap().ends_with(":8080"));
    assert!(is_decided_by(&found[0], "dnat"), "{}", said.stdout);
}

#[test]
fn what_opens_and_closes_is_told_by_flows_and_not_by_lines() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    node.configure(&cluster(&["web"], ""), &settings(""));
    node.expect(0, &["apply", "--final"]);
    node.expect(0, &["diff"]).mentions(&["no difference"]);
    node.configure(&cluster(&["web", "sql"], ""), &settings(""));
    let said = node.expect(1, &["diff"]);
    said.mentions(&["opens in tcp 3306", "other-web (10.20.1.10)"]);
    assert!(!said.stdout.contains("closes"), "{}", said.stdout);
}
