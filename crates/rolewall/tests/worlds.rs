//! Golden worlds: input files, the plan and the ruleset that follow, and flows with their verdicts.
//! Not here: packets; the same rulesets meet real ones elsewhere.
//!
//! `ROLEWALL_BLESS=1` rewrites what is expected; read the difference before it is believed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn worlds() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds");
    let mut worlds: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    worlds.sort();
    assert!(!worlds.is_empty());
    worlds
}

/// Standard output of the binary on a world's files; what it says beside goes to the panic.
fn rolewall(world: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_rolewall"))
        .arg("--root")
        .arg(world)
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {arguments:?}: {said}", world.display());
    String::from_utf8(output.stdout).unwrap()
}

fn assert_golden(world: &Path, name: &str, found: &str) {
    let path = world.join(name);
    if std::env::var_os("ROLEWALL_BLESS").is_some() {
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{} is not what was found:\n{found}", path.display());
}

#[test]
fn plans_are_as_written_down() {
    for world in worlds() {
        assert_golden(&world, "plan.txt", &rolewall(&world, &["plan"]));
    }
}

#[test]
fn rulesets_are_as_written_down() {
    for world in worlds() {
        assert_golden(&world, "ruleset.nft", &rolewall(&world, &["plan", "--format", "nft"]));
    }
}

#[test]
fn flows_have_the_verdicts_that_people_wrote_beside_them() {
    for world in worlds() {
        let text = fs::read_to_string(world.join("flows")).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split_whitespace();
            let expected = words.next().unwrap();
            let flow: Vec<&str> = words.collect();
            let arguments = [&["explain", "--candidate", "--expect", expected], flow.as_slice()].concat();
            rolewall(&world, &arguments);
        }
    }
}

#[test]
fn exactly_the_flows_of_the_plan_pass() {
    for world in worlds() {
        let said = rolewall(&world, &["verify"]);
        assert!(said.starts_with("holds"), "{}: {said}", world.display());
    }
}
