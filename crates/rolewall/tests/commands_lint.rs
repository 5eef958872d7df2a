//! `rolewall lint`: what others' tables hold for nothing, wide networks, and what listens with no permit.
//! Not here: where a service's files and its role disagree (`commands_detect.rs`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::Listen;
use serde_json::Value;
use support::program::Program;
use support::scene::{cluster, hosts, scene, settings};
use support::{can_run, nft_load};

/// A rule that another takes everything of, one that nothing comes to, a chain that nothing leads to, a set that
/// holds nothing; and rules that are there for something.
const OTHER: &str = "table inet other {
	set nobody {
		type ipv4_addr
	}
	chain forgotten {
		tcp dport 1 drop
	}
	chain limited {
		limit rate over 5/second drop
	}
	chain input {
		type filter hook input priority 10; policy accept;
		ip saddr 192.0.2.0/24 tcp dport 80 drop
		ip saddr 192.0.2.7 tcp dport 80 drop
		ip saddr @nobody drop
		udp dport 7 jump limited
		meta l4proto sctp accept
		accept
		tcp dport 9 drop
	}
}
";

fn kinds(document: &Value, of: &str) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap().iter();
    let mine = findings.filter(|finding| finding["place"].as_str().unwrap().starts_with(of));
    mine.map(|finding| {
        format!("{} {}", finding["kind"].as_str().unwrap(), finding["place"].as_str().unwrap())
    })
    .collect()
}

#[test]
fn what_is_there_for_nothing_is_named_and_nothing_else() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    nft_load(node, OTHER);
    node.configure(&cluster(&["web"], ""), &settings(""));
    node.expect(0, &["apply", "--final"]);
    let said = node.expect(1, &["lint", "--json"]);
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(
        kinds(&document, "inet"),
        [
            "dead-chain inet other forgotten",
            "dead-rule inet other input rule 7: tcp dport 9 drop",
            "shadowed inet other input rule 2: ip saddr 192.0.2.7 tcp dport 80 drop",
            "shadowed inet other input rule 3: ip saddr @nobody drop",
            "empty-set inet other nobody",
        ]
    );
}

#[test]
fn permits_and_listeners_that_do_not_meet_are_named() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let _served = node.serve(Listen::new().tcp([443, 4433])).unwrap();
    node.configure(&cluster(&["web", "sql"], ""), &settings(""));
    node.expect(0, &["apply", "--final"]);
    let said = node.expect(1, &["lint", "--json"]);
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(kinds(&document, "tcp/"), ["no-permit tcp/4433"]);
    assert_eq!(kinds(&document, "sql mysql"), ["no-listener sql mysql"]);
    assert!(kinds(&document, "web https").is_empty(), "{}", said.stdout);
}

#[test]
fn wide_networks_are_named() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let trusting = settings("").replace("198.18.0.8/29", "198.0.0.0/8");
    node.configure(&cluster(&["web"], ""), &trusting);
    node.expect(1, &["lint", "--candidate"]).mentions(&["wide: trusted networks: 198.0.0.0/8"]);
}
