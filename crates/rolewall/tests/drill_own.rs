//! The drill with an operator's own files: any node's plan is found on the wire, and every fault is survived.
//! Not here: the story of the example cluster, and what a drill leaves behind (`drill`).
#![allow(clippy::unwrap_used, missing_docs)]

use rolewall_kernel::NetNs;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const CLUSTER: &str = include_str!("../../../examples/cluster.toml");
const SETTINGS: &str = include_str!("../../../examples/rolewall.toml");

/// The processes of a drill inherit this variable.
const MARK: &str = "ROLEWALL_DRILL_OWN_TEST";

fn can_run() -> bool {
    if rustix::process::geteuid().is_root() {
        return true;
    }
    eprintln!("SKIPPED: needs root");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "SKIPPED: needs root, and CI must not skip");
    false
}

/// A directory with the files of one node.
fn files_of(node: &str) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "etc/rolewall/cluster.toml", CLUSTER);
    let settings = SETTINGS.replacen("name = \"sip1\" ", &format!("name = \"{node}\" "), 1);
    write(root.path(), "etc/rolewall/rolewall.toml", &settings);
    root
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn drill(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolewall"));
    command.arg("--root").arg(root).args(["drill", "--own"]).args(arguments).env_remove("SSH_CONNECTION");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The story, and the document.
fn played(root: &Path, arguments: &[&str]) -> (String, Value) {
    let Output { status, stdout, stderr } = drill(root, arguments).arg("--json").output().unwrap();
    let story = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(0), "{story}");
    (story, serde_json::from_slice(&stdout).unwrap())
}

fn content(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(content(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn every_fault_that_can_be_chosen_is_survived_and_no_file_of_the_operator_is_changed() {
    if !can_run() {
        return;
    }
    let root = files_of("sip1");
    let before = content(root.path());
    let faults = [
        "killed",
        "power-cut",
        "full-disk",
        "read-only-disk",
        "flushed-table",
        "changed-table",
        "damaged-file",
    ];
    let arguments: Vec<&str> = faults.iter().flat_map(|fault| ["--fault", fault]).collect();
    let (story, summary) = played(root.path(), &arguments);
    for line in [
        "the operator's session is kept",
        "refused over the very session that apply ran over (exit code 2)",
        "shut out until the kernel's own deadline",
        "the kernel has forgotten every rule",
        "No space left on device",
        "Read-only file system",
        "drift: a revision was confirmed, and the kernel holds none",
        "drift: chain input: missing",
        "candidate.rules is damaged",
    ] {
        assert!(story.contains(line), "no line \"{line}\" in:\n{story}");
    }
    assert_eq!(summary["broken"], Value::Array(Vec::new()), "{summary}");
    assert_eq!(summary["chapters"].as_array().map(Vec::len), Some(6 + faults.len()), "{summary}");
    assert_eq!(content(root.path()), before);
}

#[test]
fn the_plan_of_any_kind_of_node_is_found_on_the_wire() {
    if !can_run() {
        return;
    }
    for (node, peer) in [("web1", "find1"), ("pbx1", "sip1"), ("db1", "work1"), ("work1", "web1")] {
        let root = files_of(node);
        let (story, summary) = played(root.path(), &["--fault", "flushed-table"]);
        assert!(story.contains(&format!("  {node} ")) && story.contains(&format!("  {peer} ")), "{story}");
        assert!(summary["probes"].as_u64().is_some_and(|probes| probes > 1000), "{summary}");
    }
}

#[test]
fn the_files_of_the_hosts_services_are_evidence_in_the_drill_too() {
    if !can_run() {
        return;
    }
    let root = files_of("sip1");
    write(root.path(), "etc/ssh/sshd_config", "Port 2222\n");
    write(
        root.path(),
        "etc/rolewall/roles.d/own.toml",
        "[role]\nname = \"own\"\ntitle = \"Own\"\npublic = \"never\"\n",
    );
    let (story, _) = played(root.path(), &[]);
    assert!(story.contains("with 4 files of this host copied"), "{story}");
    assert!(story.contains("-> 192.0.2.21:2222"), "the operator logs in where sshd listens: {story}");
}

#[test]
fn without_an_inventory_it_says_what_it_needs() {
    if !can_run() {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let output = drill(root.path(), &[]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("needs an inventory") && said.contains("rolewall init"), "{said}");
}

#[test]
fn what_the_wire_contradicts_is_named_and_ends_with_1() {
    if !can_run() {
        return;
    }
    let root = files_of("sip1");
    let mark = std::process::id().to_string();
    let child = drill(root.path(), &[]).env(MARK, &mark).spawn().unwrap();
    // While the deadline is waited for, nothing of ours is committed: from then on calls are dropped.
    let node = namespace_under_test(&child, &mark);
    let rule = ["insert", "rule", "inet", "rolewall", "r1-in", "udp", "dport", "5060", "drop"];
    let sabotaged = node.run(|| Command::new("nft").args(rule).status()).unwrap().unwrap();
    assert!(sabotaged.success());
    drop(node);
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    let story = String::from_utf8_lossy(&stdout);
    assert_eq!(status.code(), Some(1), "{story}");
    for line in ["WRONG  from stranger", "udp/5060    open", "did not hold: every answer is what it was"] {
        assert!(story.contains(line), "no line \"{line}\" in:\n{story}");
    }
}

/// The network namespace of the node, once its second revision is under test.
fn namespace_under_test(child: &Child, mark: &str) -> NetNs {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < deadline, "process {} starts no test of a mistake", child.id());
        std::thread::sleep(Duration::from_millis(50));
        let Some(node) = stand_in(mark).and_then(|process| NetNs::open(process.join("ns/net")).ok()) else {
            continue;
        };
        let listed =
            node.run(|| Command::new("nft").args(["list", "chain", "inet", "rolewall", "input"]).output());
        if listed
            .unwrap()
            .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("@armed goto r2-"))
        {
            return node;
        }
    }
}

/// The process that listens for ssh in the node of this drill.
fn stand_in(mark: &str) -> Option<PathBuf> {
    let mark = format!("{MARK}={mark}");
    let is_it = |process: &PathBuf| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        let is_ours = environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes());
        is_ours && fs::read(process.join("comm")).is_ok_and(|name| name == b"sshd\n")
    };
    fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()).find(is_it)
}
