//! `voipnow_firewall`: every documented form, at its documented path, with the lines that are documented.
//! Not here: what the forms do to packets, which is what `rolewall apply` and `confirm` do.
//!
//! The command takes no option for its files, so the host's own `/etc`, `/tmp`, `/var/lib`, `/var/spool` and
//! `/usr/local` are put in the places of the machine's, in the host's mount namespace alone.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, Lab};
use serde_json::Value;
use std::os::unix::fs::symlink;
use std::time::Duration;
use support::program::{PATIENCE, Program, ROLEWALL, Said, said};
use support::scene::{cluster, hosts, scene, settings};
use support::{can_run, generation, nft_load, ruleset};

const OLD_PATH: &str = "/usr/local/voipnow/admin/sbin/voipnow_firewall";
const NEW_PATH: &str = "/usr/local/voipnow/admin/bin/voipnow_firewall";
const CRONTAB: &str = "/var/spool/cron/crontabs/root";

/// A whole machine: its files are where they are on one, and the command is installed.
fn machine(lab: &Lab) -> &Host {
    let node = hosts(lab).0;
    // By the vendor's node id, as on a machine of a cluster.
    let own = cluster(&["sql"], "id = \"7\"");
    node.configure(&own, &settings("").replace("[node]\nname = \"node\"\n", ""));
    node.write("/etc/voipnownode/nodeid", "7\n").unwrap();
    node.write(CRONTAB, "0 3 * * * /root/backup\n").unwrap();
    let outside = node.files_outside().unwrap();
    for directory in ["tmp", "var/lib", "usr/local/voipnow/admin/sbin", "usr/local/voipnow/admin/bin"] {
        std::fs::create_dir_all(outside.join(directory)).unwrap();
    }
    for path in [OLD_PATH, NEW_PATH] {
        symlink(ROLEWALL, outside.join(path.trim_start_matches('/'))).unwrap();
    }
    let files = node.files().display().to_string();
    let mounts: String = ["etc", "tmp", "var/lib", "var/spool", "usr/local"]
        .map(|directory| format!("mount --bind {files}/{directory} /{directory}\n"))
        .concat();
    node.command("sh").args(["-ec", &mounts]).run().unwrap().ok().unwrap();
    node
}

fn call(node: &Host, path: &str, arguments: &[&str]) -> Said {
    said(0, &node.command(path).args(arguments).timeout(PATIENCE).run().unwrap())
}

fn status(node: &Host) -> Value {
    let status = node.command(ROLEWALL).args(["status", "--json"]).timeout(PATIENCE).run().unwrap();
    serde_json::from_str(&status.ok().unwrap()).unwrap()
}

fn crontab(node: &Host) -> String {
    String::from_utf8(node.read(CRONTAB).unwrap()).unwrap()
}

/// The name of a saved file at the end of a line, which must be there.
fn saved<'l>(node: &Host, line: &'l str) -> &'l str {
    let path = line.rsplit(' ').next().unwrap();
    let number = path.strip_prefix("/tmp/iptables.").unwrap_or_else(|| panic!("{line}"));
    assert!(number.parse::<u32>().is_ok(), "{line}");
    assert!(node.has(path).unwrap(), "{line}");
    path
}

#[test]
fn without_arguments_it_is_a_test_of_ten_minutes_with_the_documented_lines() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = machine(&lab);
    let said = call(node, OLD_PATH, &[]);
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[0], "Starting VoipNow firewall configuration...");
    assert!(lines[1].starts_with("Your existing firewall has been saved in /tmp/iptables."), "{lines:?}");
    saved(node, lines[1]);
    assert!(lines[2].contains(&format!("{OLD_PATH} ok")), "{lines:?}");
    let now = status(node);
    let left = now["deadline_s"].as_u64().unwrap();
    assert!(now["state"] == "test" && (500..=600).contains(&left), "{now}");
}

#[test]
fn ok_makes_it_final_and_takes_the_safety_net_away() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = machine(&lab);
    let before = crontab(node);
    call(node, OLD_PATH, &[]);
    let with_net = crontab(node);
    let added: Vec<&str> = with_net.strip_prefix(&before).unwrap().lines().collect();
    assert!(added.len() == 1 && added[0].starts_with("* * * * * /"), "{with_net}");
    assert!(added[0].contains(" janitor "), "it only tidies: {added:?}");
    let said = call(node, OLD_PATH, &["ok"]);
    assert_eq!(said.stdout.lines().next(), Some("Script called with ok option - removing safety net"));
    assert_eq!(crontab(node), before);
    let now = status(node);
    assert_eq!(
        (&now["state"], &now["revision"], &now["drift"]),
        (&"confirmed".into(), &1.into(), &Value::Array(vec![]))
    );
}

#[test]
fn ok_without_a_test_applies_and_confirms() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = machine(&lab);
    let said = call(node, OLD_PATH, &["ok"]);
    assert_eq!(said.stdout.lines().next(), Some("Script called with ok option - removing safety net"));
    assert_eq!(status(node)["state"], "confirmed");
}

#[test]
fn testmode_true_is_a_test_of_three_minutes_with_the_documented_lines() {
    if !can_run() {
        return;
    }
    for (path, arguments) in [
        (OLD_PATH, &["-o", "apply", "-t", "true"][..]),
        (NEW_PATH, &["--operation=apply", "--testmode=true"]),
    ] {
        let lab = scene();
        let node = machine(&lab);
        let said = call(node, path, arguments);
        let lines: Vec<&str> = said.stdout.lines().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(
            lines[0],
            format!(
                "Testmode enabled. If everything is working ok, please apply the firewall with {path} --operation=apply --testmode=false"
            )
        );
        assert!(lines[1].starts_with("Your previous firewall has been saved in /tmp/iptables."), "{lines:?}");
        saved(node, lines[1]);
        let now = status(node);
        let left = now["deadline_s"].as_u64().unwrap();
        assert!(now["state"] == "test" && (100..=180).contains(&left), "{now}");
        call(node, path, &["--operation=apply", "--testmode=false"]);
        assert_eq!((&status(node)["state"], &status(node)["revision"]), (&"confirmed".into(), &1.into()));
    }
}

#[test]
fn testmode_false_without_a_test_applies_and_confirms() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = machine(&lab);
    call(node, NEW_PATH, &["--operation=apply", "--testmode=false"]);
    assert_eq!(status(node)["state"], "confirmed");
    let before = generation(node);
    call(node, NEW_PATH, &["--operation=apply", "--testmode=false"]);
    assert_eq!(generation(node), before, "again: nothing to change");
}

#[test]
fn the_saved_file_says_which_tool_restores_it_and_does() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = machine(&lab);
    nft_load(
        node,
        "table inet other {\n\tchain c {\n\t\ttype filter hook input priority 5; policy accept;\n\t\ttcp dport 9 drop\n\t}\n}\n",
    );
    let before = ruleset(node);
    let said = call(node, OLD_PATH, &[]);
    let path = saved(node, said.stdout.lines().nth(1).unwrap()).to_owned();
    let text = String::from_utf8(node.read(&path).unwrap()).unwrap();
    assert!(text.lines().next().unwrap().starts_with("# restores with: nft -f"), "{text}");
    node.command("nft").args(["-f", &path]).run().unwrap().ok().unwrap();
    assert_eq!(ruleset(node), before);
}

#[test]
fn forms_that_are_not_documented_are_refused_and_change_nothing() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = machine(&lab);
    let before = generation(node);
    for arguments in [
        &["stop"][..],
        &["-o", "flush"],
        &["-o", "apply"],
        &["-t", "true"],
        &["OK"],
        &["ok", "now"],
        &["--files", "/"],
        &[""],
    ] {
        let finished = node.command(OLD_PATH).args(arguments).timeout(PATIENCE).run().unwrap();
        said(2, &finished).mentions(&["voipnow_firewall", "usage"]);
    }
    assert_eq!(generation(node), before);
    assert!(!node.has("/var/lib/rolewall").unwrap());
    assert_eq!(crontab(node), "0 3 * * * /root/backup\n");
}

#[test]
fn after_an_unconfirmed_test_the_janitor_in_the_crontab_tidies_up_and_takes_its_line_away() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = machine(&lab);
    let rolewall = |arguments: &[&str]| {
        said(0, &node.command(ROLEWALL).args(arguments).timeout(PATIENCE).run().unwrap())
    };
    rolewall(&["apply", "--window", "10s"]);
    let line = crontab(node).lines().last().unwrap().to_owned();
    // What cron does each minute: nothing happens while the test runs.
    let command = line.trim_start_matches("* * * * * ").to_owned();
    let by_cron = || node.command("sh").args(["-c", &command]).timeout(PATIENCE).run().unwrap().ok().unwrap();
    by_cron();
    assert_eq!(status(node)["state"], "test");
    support::eventually(Duration::from_secs(30), "the test ends", || status(node)["state"] == "off");
    by_cron();
    assert_eq!(ruleset(node), "");
    assert_eq!(crontab(node), "0 3 * * * /root/backup\n");
}
