//! What others may not do with a program that runs as root: by files in `/tmp`, by the environment, by its files.
//! Not here: the units' limits, which a whole system shows (`packaging/tests/debian`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Finished, Host, Lab};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use support::program::{PATIENCE, Program, ROLEWALL, said};
use support::scene::{ROLES, Who, cluster, hosts, scene, settings};
use support::{can_run, nft_load, ruleset};

/// Process ids of a host are few and count up, so all of the next are foreseen.
const FORESEEN: std::ops::Range<u32> = 1..3000;
/// In a message, at least: the elements of a node that has every role.
const NODE_BYTES: usize = 400;
/// A user who may write `/tmp` and nothing else.
const SOMEBODY: u32 = 65534;

fn sql_node(lab: &Lab) -> &Host {
    let node = hosts(lab).0;
    node.configure(&cluster(&["sql"], ""), &settings(""));
    node
}

fn outside(node: &Host, path: &str) -> PathBuf {
    node.files_outside().unwrap().join(path.trim_start_matches('/'))
}

/// What lies where the saved firewall would go, made by somebody else.
fn plant(tmp: &Path, victim: &Path, pid: u32) {
    let place = tmp.join(format!("iptables.{pid}"));
    match pid % 6 {
        0 => symlink("../etc/victim", &place).unwrap(),
        1 => symlink("../etc/not-yet-there", &place).unwrap(),
        2 => fs::hard_link(victim, &place).unwrap(),
        3 => rustix::fs::mkfifoat(rustix::fs::CWD, &place, 0o666.into()).unwrap(),
        4 => fs::create_dir(&place).unwrap(),
        _ => {
            fs::write(&place, "theirs").unwrap();
            fs::set_permissions(&place, fs::Permissions::from_mode(0o666)).unwrap();
            chown(&place, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
        }
    }
}

#[test]
fn whatever_lies_at_the_saved_file_s_place_is_left_alone_and_another_name_is_taken() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = sql_node(&lab);
    node.write("/etc/victim", "precious").unwrap();
    node.write("/tmp/.keep", "").unwrap();
    let (tmp, victim) = (outside(node, "/tmp"), outside(node, "/etc/victim"));
    fs::set_permissions(&tmp, fs::Permissions::from_mode(0o1777)).unwrap();
    FORESEEN.for_each(|pid| plant(&tmp, &victim, pid));
    let applied = node.expect(0, &["apply"]);
    let said = applied.stdout.split("is saved in ").nth(1).unwrap().lines().next().unwrap();
    let name = Path::new(said).file_name().unwrap();
    let saved = fs::symlink_metadata(tmp.join(name)).unwrap();
    assert!(saved.is_file() && saved.uid() == 0 && saved.nlink() == 1);
    assert_eq!(saved.permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert!(!outside(node, "/etc/not-yet-there").exists());
    for pid in FORESEEN.step_by(7) {
        let there = fs::symlink_metadata(tmp.join(format!("iptables.{pid}"))).unwrap();
        match pid % 6 {
            0 | 1 => assert!(there.is_symlink()),
            2 => assert_eq!(there.len(), 8),
            3 => assert!(there.file_type().is_fifo()),
            4 => assert!(there.is_dir()),
            _ => assert_eq!((there.len(), there.uid()), (6, SOMEBODY)),
        }
    }
}

#[test]
fn programs_of_a_hostile_environment_are_not_run() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = sql_node(&lab);
    nft_load(node, "table ip filter { chain INPUT { type filter hook input priority 0; policy accept; }; }");
    nft_load(node, "table inet theirs { chain x { type filter hook input priority 5; policy accept; }; }");
    let mark = node.files().join("run-by-root");
    let script = format!("#!/bin/sh\necho \"$0\" >> {}\n", mark.display());
    let names = ["nft", "iptables-save", "ip6tables-save", "systemctl", "systemd-run", "crontab", "sh", "ip"];
    for name in names {
        node.write(format!("/evil/{name}"), &script).unwrap();
        let path = outside(node, &format!("/evil/{name}"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let evil = node.files().join("evil").display().to_string();
    for command in
        [&["apply"][..], &["confirm"], &["status"], &["panic"], &["resume"], &["disable"], &["enable"]]
    {
        let variables = [("PATH", &evil), ("TMPDIR", &evil), ("HOME", &evil), ("LD_LIBRARY_PATH", &evil)];
        let call =
            variables.into_iter().fold(node.rolewall(command), |call, (name, value)| call.env(name, value));
        let finished = call.env("LD_PRELOAD", format!("{evil}/nft")).env("IFS", "/").run().unwrap();
        said(0, &finished);
    }
    assert!(
        !outside(node, "/run-by-root").exists(),
        "{}",
        fs::read_to_string(outside(node, "/run-by-root")).unwrap()
    );
    assert_eq!(
        fs::read_dir(outside(node, "/evil")).unwrap().count(),
        names.len(),
        "nor is anything written there"
    );
}

#[test]
fn a_variable_of_the_environment_lets_nobody_into_a_closed_host() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let nobody: String =
        cluster(&["sql"], "").lines().filter(|l| !l.starts_with("admin")).map(|l| format!("{l}\n")).collect();
    node.configure(&nobody, "[node]\nname = \"node\"\n");
    let [stranger, _] = Who::Stranger.addresses();
    let forged = format!("{stranger} 40000 192.0.2.1 22");
    let finished = node.rolewall(&["panic"]).env("SSH_CONNECTION", &forged).run().unwrap();
    said(2, &finished).mentions(&["your own session would be cut"]);
    assert_eq!(ruleset(node), "");
    let forced = node.rolewall(&["panic", "--force"]).env("SSH_CONNECTION", &forged).run().unwrap();
    said(0, &forced);
    assert!(!ruleset(node).contains(&stranger.to_string()));
}

#[test]
fn every_file_is_root_s_alone_whatever_the_umask_is() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = sql_node(&lab);
    let program = format!("{ROLEWALL} --files {}", node.files().display());
    let line = format!(
        "umask 0; R='{program}'; $R apply --final && $R node add web7 --private 10.20.3.1 --role web \
         && $R panic && $R resume && $R panic && $R disable; $R resume && $R apply --rebuild && $R panic"
    );
    said(0, &node.command("sh").args(["-c", &line]).timeout(PATIENCE).run().unwrap());
    let state = node.state();
    for name in [
        "confirmed.rules",
        "confirmed.closed",
        "candidate.rules",
        "candidate.closed",
        "panic.rules",
        "notes.json",
    ] {
        assert!(state.keys().any(|path| path.ends_with(name)), "{name} in {:?}", state.keys());
    }
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777;
    let lock = outside(node, "/var/lib/rolewall/lock");
    for path in state.keys().chain([&lock]) {
        assert_eq!(mode(path), 0o600, "{}", path.display());
    }
    assert_eq!(mode(&outside(node, "/var/lib/rolewall")), 0o700);
    for entry in fs::read_dir(outside(node, "/tmp")).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

/// A cluster of so many more nodes, with a role for every set there is.
fn configure_large(node: &Host, nodes: usize) {
    let more = |i: usize| {
        let (v4, v6) = (format!("10.20.{}.{}", 100 + i / 250, 1 + i % 250), format!("fd20::2:{i:x}"));
        format!("[[node]]\nname = \"n{i}\"\nprivate = [\"{v4}\", \"{v6}\"]\nroles = {ROLES:?}\n\n")
    };
    let all: String = (0..nodes).map(more).collect();
    node.configure(&(cluster(&ROLES, "") + &all), &settings(""));
}

/// In a user namespace and a network namespace of its own; what is in force, in the end.
fn in_container(node: &Host, command: &str) -> Finished {
    let rolewall = format!("{ROLEWALL} --files {}", node.files().display());
    let script = format!("{rolewall} {command}; code=$?; nft list tables; {rolewall} status; exit $code");
    let shell = ["--user", "--map-root-user", "--net", "sh", "-c", &script];
    node.command("unshare").args(shell).timeout(PATIENCE).run().unwrap()
}

/// Root of a container is not root of the machine: Linux gives its sockets no larger buffer than anybody's.
#[test]
fn in_a_container_a_cluster_too_large_for_one_message_is_told_and_nothing_is_changed() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    configure_large(node, 10);
    let loaded = said(0, &in_container(node, "apply --final"));
    loaded.mentions(&["table inet rolewall", "revision 1 is in force"]);
    let state = node.state();
    // Linux doubles what is asked for.
    let largest: usize = fs::read_to_string("/proc/sys/net/core/wmem_max").unwrap().trim().parse().unwrap();
    configure_large(node, 2 * largest / NODE_BYTES);
    let refused = said(3, &in_container(node, "apply --final"));
    refused.mentions(&["net.core.wmem_max"]);
    assert!(!refused.stdout.contains("table inet rolewall"), "{}", refused.stdout);
    assert_eq!(node.state(), state);
}
