//! Rulesets of public projects, where a checkout of them lies beside this one: whatever of them loads here is
//! explained, and a *may* says why. They are other people's, so that they are not kept here.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, HostSpec, Lab};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use support::can_run;
use support::program::{Program, said};

fn folder() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases");
    std::env::var_os("ROLEWALL_PUBLIC_RULESETS").map_or(beside, PathBuf::from).join("rulesets")
}

/// One flow a line: directions, protocols, families and states that rules tell apart.
const FLOWS: &str = r#"{"direction":"in","proto":"tcp","src":"198.51.100.7","dst":"192.0.2.1","dport":22,"iif":"eth0"}
{"direction":"in","proto":"tcp","src":"10.0.0.7","dst":"192.0.2.1","dport":80,"iif":"eth1"}
{"direction":"in","proto":"tcp","src":"10.0.0.7","dst":"192.0.2.1","dport":8080,"ct":"established"}
{"direction":"in","proto":"udp","src":"198.51.100.7","dst":"192.0.2.1","dport":53}
{"direction":"in","proto":"udp","src":"127.0.0.1","dst":"127.0.0.1","dport":53,"iif":"lo"}
{"direction":"in","proto":"icmp","src":"198.51.100.7","dst":"192.0.2.1"}
{"direction":"in","proto":"sctp","src":"198.51.100.7","dst":"192.0.2.1","dport":9}
{"direction":"in","proto":"47","src":"198.51.100.7","dst":"192.0.2.1","ct":"invalid"}
{"direction":"in","proto":"tcp","src":"2001:db8::7","dst":"2001:db8::1","dport":443}
{"direction":"in","proto":"icmpv6","src":"fe80::7","dst":"fe80::1","icmp_type":135}
{"direction":"out","proto":"tcp","src":"192.0.2.1","dst":"198.51.100.7","dport":443,"oif":"eth0"}
{"direction":"out","proto":"udp","src":"2001:db8::1","dst":"2001:db8::7","dport":123}
{"direction":"forward","proto":"tcp","src":"172.17.0.2","dst":"198.51.100.7","dport":25,"iif":"docker0","oif":"eth0"}
{"direction":"forward","proto":"udp","src":"2001:db8::7","dst":"2001:db8:1::7","dport":5060}
"#;

fn files() -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder()]);
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Gives a file to the tool that its text is for. Whether it was taken.
fn loads(node: &Host, path: &Path, text: &str) -> bool {
    node.command("nft").args(["flush", "ruleset"]).run().unwrap().ok().unwrap();
    let is_dump = text.lines().any(|line| line.trim_end() == "COMMIT");
    let tool = match path.to_string_lossy() {
        name if is_dump && name.contains("ip6tables") => ["ip6tables-nft-restore", "--"],
        _ if is_dump => ["iptables-nft-restore", "--"],
        _ if text.contains("table ") => ["nft", "-f"],
        _ => return false,
    };
    let arguments: &[&str] = if is_dump { &[] } else { &["-f", "-"] };
    node.command(tool[0]).args(arguments).stdin(text).run().unwrap().code() == Some(0)
}

/// Each flow's verdict and, of a may, why.
fn explained(node: &Host) -> Vec<(String, String)> {
    let finished = node.rolewall(&["explain", "--json", "--flows", "-"]).stdin(FLOWS).run().unwrap();
    let documents = said(0, &finished).stdout;
    let document = |line: &str| {
        let said: Value = serde_json::from_str(line).unwrap();
        let path = said["path"].as_array().unwrap().iter().filter_map(|step| step["outcome"].as_str());
        let reason = path.filter_map(|outcome| outcome.strip_prefix("may: ")).next();
        let note = said["notes"][0].as_str();
        (said["verdict"].as_str().unwrap().to_owned(), reason.or(note).unwrap_or_default().to_owned())
    };
    documents.lines().map(document).collect()
}

#[test]
fn public_rulesets_are_explained_and_a_may_says_why() {
    if !folder().is_dir() {
        println!("{} is not here: public rulesets were not explained", folder().display());
        return;
    }
    if !can_run() {
        return;
    }
    let node = HostSpec::new("node").plug("net", "eth0", &["192.0.2.1/24", "2001:db8::1/64"]).unwrap();
    let lab = Lab::builder().network("net").host(node).up().unwrap();
    let node = lab.host("node").unwrap();
    let (mut loaded, mut verdicts, mut reasons) = (0, BTreeMap::new(), BTreeMap::new());
    for path in files() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if !loads(node, &path, &text) {
            continue;
        }
        loaded += 1;
        let all = explained(node);
        assert_eq!(all.len(), FLOWS.lines().count(), "{}", path.display());
        for (verdict, reason) in all {
            *verdicts.entry(verdict.clone()).or_insert(0) += 1;
            if verdict == "may" {
                assert_ne!(reason, "", "{}", path.display());
                *reasons.entry(reason).or_insert(0) += 1;
            }
        }
    }
    println!("{loaded} public rulesets were explained: {verdicts:?}\nmay: {reasons:#?}");
    assert_ne!(loaded, 0);
}
