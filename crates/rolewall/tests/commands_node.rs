//! Nodes that join and leave: what is repeated, what is torn, what the inventory has already.
//! Not here: what the kernel admits then, and after a boot (`commands_state`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, Lab};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use support::program::Program;
use support::scene::{Who, cluster, hosts, scene, settings};
use support::{can_run, nft, ruleset, sorted};

const ADD: [&str; 9] =
    ["node", "add", "web7", "--private", "10.20.3.1", "--private", "fd20::3:1", "--role", "web"];
const REMOVE: [&str; 3] = ["node", "remove", "web7"];

/// An SQL node whose revision 1 is confirmed.
fn sql_node() -> Lab {
    let lab = scene();
    let node = hosts(&lab).0;
    node.configure(&cluster(&["sql"], ""), &settings(""));
    node.expect(0, &["apply", "--final"]);
    lab
}

fn state(node: &Host, name: &str) -> PathBuf {
    node.files_outside().unwrap().join("var/lib/rolewall").join(name)
}

fn reboot(node: &Host) {
    nft(node, &["delete", "table", "inet", "rolewall"]);
    node.expect(0, &["boot"]);
}

#[test]
fn what_is_said_names_the_node_and_the_file() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    node.expect(0, &ADD).mentions(&["web7 joined: 4 addresses admitted; written to ", "cluster.d/web7.toml"]);
    node.expect(0, &REMOVE).mentions(&["web7 left: 4 addresses no longer admitted; removed "]);
}

#[test]
fn a_journal_with_a_torn_line_keeps_the_events_around_it() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    node.expect(0, &ADD);
    let journal = fs::OpenOptions::new().append(true).open(state(node, "joined.1"));
    journal.unwrap().write_all(b"3fe1 \xff\xfe {\"node").unwrap();
    node.expect(0, &["node", "add", "web8", "--private", "10.20.3.2", "--role", "web"]);
    assert_eq!(node.json(&["status"])["amended"], json!(2));
    let listed = ruleset(node);
    reboot(node);
    assert_eq!(sorted(&ruleset(node)), sorted(&listed));
}

#[test]
fn a_journal_of_an_older_file_of_the_same_revision_is_not_replayed() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    node.expect(0, &ADD);
    let journal = fs::read(state(node, "joined.1")).unwrap();
    let one_more = "[[node]]\nname = \"web8\"\nprivate = [\"10.20.3.2\"]\nroles = [\"web\"]\n";
    fs::remove_file(node.files_outside().unwrap().join("etc/rolewall/cluster.d/web7.toml")).unwrap();
    node.configure(&(cluster(&["sql"], "") + one_more), &settings(""));
    node.expect(0, &["apply", "--final"]).mentions(&["revision 1 amended"]);
    // As if it had been killed before it took the journal away.
    fs::write(state(node, "joined.1"), journal).unwrap();
    assert_eq!(node.json(&["status"])["amended"], json!(0));
    reboot(node);
    let listed = ruleset(node);
    assert!(!listed.contains("10.20.3.1") && listed.contains("10.20.3.2"), "{listed}");
}

#[test]
fn an_add_and_a_remove_that_were_killed_are_repeated() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    let before = ruleset(node);
    node.expect(0, &ADD);
    let joined = ruleset(node);
    // As if it had been killed between the file and the kernel: one element is there, and no journal.
    fs::remove_file(state(node, "joined.1")).unwrap();
    nft(node, &["delete", "element", "inet", "rolewall", "r1-web4", "{ 10.20.3.1 }"]);
    node.expect(0, &ADD);
    assert_eq!(sorted(&ruleset(node)), sorted(&joined));
    reboot(node);
    assert_eq!(sorted(&ruleset(node)), sorted(&joined));
    node.expect(2, &["node", "add", "web7", "--private", "10.20.3.9", "--role", "web"]).mentions(&[
        "web7",
        "other",
        "node remove",
    ]);
    // As if a remove had been killed between two elements.
    nft(node, &["delete", "element", "inet", "rolewall", "r1-web4", "{ 10.20.3.1 }"]);
    node.expect(0, &REMOVE);
    assert_eq!(sorted(&ruleset(node)), sorted(&before));
    reboot(node);
    assert_eq!(sorted(&ruleset(node)), sorted(&before));
}

#[test]
fn a_name_or_an_address_of_the_inventory_is_refused_at_its_place() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    let before = (ruleset(node), node.state());
    node.expect(2, &["node", "add", "other-web", "--private", "10.20.3.1", "--role", "web"])
        .mentions(&["other-web", "cluster.toml:"]);
    let taken = Who::Node("sip").addresses()[0].to_string();
    node.expect(2, &["node", "add", "web7", "--private", &taken, "--role", "web"])
        .mentions(&[&taken, "cluster.toml:"]);
    assert_eq!((ruleset(node), node.state()), before);
    assert!(!node.has("/etc/rolewall/cluster.d/web7.toml").unwrap());
}

#[test]
fn a_full_set_says_so_and_apply_takes_the_node() {
    if !can_run() {
        return;
    }
    let lab = sql_node();
    let node = hosts(&lab).0;
    let full: Vec<String> = (0..5000).map(|n| format!("10.99.{}.{}", n / 250, n % 250 + 1)).collect();
    let set = nft(node, &["list", "set", "inet", "rolewall", "r1-web4"]);
    let size: usize = set.lines().find_map(|l| l.trim().strip_prefix("size ")).unwrap().parse().unwrap();
    let elements = format!("{{ {} }}", full[..size - 1].join(", "));
    nft(node, &["add", "element", "inet", "rolewall", "r1-web4", &elements]);
    node.expect(4, &ADD).mentions(&["no room", "rolewall apply --final makes room"]);
    assert!(!ruleset(node).contains("10.20.3.1"));
    node.expect(0, &["apply", "--final"]);
    assert!(ruleset(node).contains("10.20.3.1"));
}

#[test]
fn a_server_joins_those_on_the_usual_ports_where_another_has_ports_of_its_own() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let elsewhere = "[[node]]\nname = \"sql2\"\nprivate = [\"10.20.3.2\"]\nroles = [\"sql\"]\nports = { sql = [\"tcp/3307\"] }\n";
    let enforced = settings(
        "[interfaces]\nprivate = [\"eth0\"]\npublic = [\"eth1\"]\n[mode]\nin = \"enforce\"\nout = \"enforce\"",
    );
    node.configure(&(cluster(&["web"], "") + elsewhere), &enforced);
    node.expect(0, &["apply", "--final"]);
    let before = ruleset(node);
    node.expect(0, &["node", "add", "sql3", "--private", "10.20.3.1", "--role", "sql"]);
    let usual = nft(node, &["list", "set", "inet", "rolewall", "r1-sql.usual4"]);
    assert!(usual.contains("10.20.3.1"), "{usual}");
    node.expect(0, &["apply", "--final"]).mentions(&["nothing to change"]);
    node.expect(0, &["node", "remove", "sql3"]);
    assert_eq!(sorted(&ruleset(node)), sorted(&before));
}
