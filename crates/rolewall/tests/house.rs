//! The house rules that a machine can check: licences, the crate graph, purity, and where `unsafe` may be.
//! Not here: taste.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Licences that let a program be linked into anything.
const PERMISSIVE: [&str; 10] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unicode-3.0",
    "Unlicense",
];

/// Which of our crates each may use. Arrows go one way.
const GRAPH: [(&str, &[&str]); 8] = [
    // A bench measures whatever there is.
    (
        "rolewall-bench",
        &["rolewall-control", "rolewall-kernel", "rolewall-lab", "rolewall-policy", "rolewall-ruleset"],
    ),
    ("rolewall-ruleset", &[]),
    ("rolewall-evidence", &[]),
    ("rolewall-control", &["rolewall-ruleset"]),
    ("rolewall-policy", &["rolewall-evidence", "rolewall-ruleset"]),
    ("rolewall-kernel", &["rolewall-ruleset"]),
    ("rolewall-lab", &["rolewall-kernel"]),
    (
        "rolewall",
        &[
            "rolewall-control",
            "rolewall-evidence",
            "rolewall-kernel",
            "rolewall-lab",
            "rolewall-policy",
            "rolewall-ruleset",
        ],
    ),
];

/// Crates that touch nothing: values in, values out.
const PURE: [&str; 4] = ["ruleset", "policy", "evidence", "control"];

/// What a pure crate may not name.
const IMPURE: [&str; 11] = [
    "std::fs",
    "std::process",
    "std::env",
    "std::thread",
    "TcpStream",
    "UdpSocket",
    "SystemTime",
    "Instant::now",
    "println!",
    "eprintln!",
    "rustix",
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform"])
        .arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn is_permissive(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], "");
    expression.split(" OR ").any(|any| any.split(" AND ").all(|one| PERMISSIVE.contains(&one.trim())))
}

#[test]
fn every_dependency_is_permissively_licensed() {
    let metadata = metadata();
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let licence = package["license"].as_str().unwrap_or("none named");
        if !is_permissive(licence) {
            wrong.push(format!("{} {}: {licence}", package["name"], package["version"]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn crates_use_only_what_their_room_may() {
    let metadata = metadata();
    let graph: BTreeMap<&str, &[&str]> = GRAPH.into_iter().collect();
    for package in metadata["packages"].as_array().unwrap().iter().filter(|p| p["source"].is_null()) {
        let name = package["name"].as_str().unwrap();
        let allowed = graph.get(name).unwrap_or_else(|| panic!("{name} has no room in the graph"));
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        // A test may use any room.
        for dependency in dependencies.filter(|d| d["kind"].is_null()) {
            let used = dependency["name"].as_str().unwrap();
            let is_ours = used.starts_with("rolewall");
            assert!(!is_ours || allowed.contains(&used), "{name} may not use {used}");
        }
    }
}

fn sources(crate_name: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let root = if crate_name == "bench" { workspace() } else { workspace().join("crates") };
    let mut folders = vec![root.join(crate_name).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

/// The lines of a file that are code of the crate: no comments, and nothing after its tests begin.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn pure_crates_touch_nothing() {
    for name in PURE {
        for (path, text) in sources(name) {
            for (number, line) in code(&text) {
                let impure = IMPURE.iter().find(|word| line.contains(**word));
                assert!(impure.is_none(), "{}:{}: {line}", path.display(), number + 1);
            }
        }
    }
}

#[test]
fn unsafe_code_is_in_one_crate_only() {
    for (name, _) in GRAPH {
        let folder = name.strip_prefix("rolewall-").unwrap_or(name);
        for (path, text) in sources(folder) {
            let has_unsafe =
                code(&text).any(|(_, line)| line.contains("unsafe {") || line.contains("unsafe fn"));
            assert!(!has_unsafe || folder == "kernel", "{}", path.display());
        }
    }
}
