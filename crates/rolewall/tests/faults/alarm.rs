//! The janitor's alarm on a whole host: with neither systemd nor cron, and with cron while the program is killed.
//! Not here: systemd's timer.
//!
//! A whole host is the machine's own root with a layer of memory over it, in the mounts of a node of the lab: what is
//! written stays in that layer, and goes with the node.

use super::calls::Kind;
use super::support::can_run;
use super::support::eventually;
use super::support::program::{Program, ROLEWALL, described, said};
use super::support::scene::{cluster, hosts, scene, settings};
use super::tracer::{Fault, trace_command};
use super::view::View;
use rolewall_lab::{Finished, Host, Lab};
use std::time::Duration;

const ROOT: &str = "/run/whole/root";
const CRONTAB: &str = "/run/whole/root/var/spool/cron/crontabs/root";
const THEIRS: &str = "MAILTO=ops\n0 1 * * * backup\n";

/// A layer over `/`, without cron's directory.
const LAYER: &str = "set -e
mkdir -p /run/whole
mount -t tmpfs tmpfs /run/whole
cd /run/whole
mkdir upper work root
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
mount -t proc proc root/proc
mount -t tmpfs tmpfs root/run
rm -rf root/var/spool/cron root/etc/rolewall root/var/lib/rolewall
mkdir -p root/etc/rolewall";

fn shell(node: &Host, script: &str) -> String {
    node.command("sh").args(["-c", script]).run().unwrap().ok().unwrap()
}

/// A lab whose node is a whole host of the web role.
fn whole() -> Lab {
    let lab = scene();
    let node = hosts(&lab).0;
    shell(node, LAYER);
    become_role(node, "web");
    lab
}

fn become_role(node: &Host, role: &str) {
    node.configure(&cluster(&[role], ""), &settings(""));
    let files = node.files().to_str().unwrap();
    shell(node, &format!("cp {files}/etc/rolewall/*.toml {ROOT}/etc/rolewall/"));
}

fn words<'w>(arguments: &[&'w str]) -> Vec<&'w str> {
    [&["chroot", ROOT, ROLEWALL], arguments].concat()
}

fn run(node: &Host, arguments: &[&str]) -> Finished {
    let words = words(arguments);
    node.command(words[0]).args(&words[1..]).timeout(Duration::from_secs(60)).run().unwrap()
}

#[test]
fn with_neither_systemd_nor_cron_the_kernel_ends_the_test_and_the_next_command_tidies_up() {
    if !can_run() {
        return;
    }
    let lab = whole();
    let node = hosts(&lab).0;
    said(0, &run(node, &["apply", "--final"])).mentions(&["confirmed"]);
    let listed = || View::of(&super::support::ruleset(node));
    let confirmed = listed();
    become_role(node, "sip");
    said(0, &run(node, &["apply", "--window", "10s"])).mentions(&["no janitor", "the kernel ends the test"]);
    assert_eq!(listed().word(), "test");
    eventually(Duration::from_secs(30), "the deadline", || listed().word() == "confirmed");
    assert_eq!(listed().confirmed, confirmed.confirmed);
    let told = run(node, &["janitor"]);
    said(0, &told).mentions(&["was not confirmed in time"]);
    assert_eq!(listed(), confirmed);
}

#[test]
fn a_crontab_is_whole_at_whichever_call_the_program_is_killed_and_the_next_command_mends_it() {
    if !can_run() {
        return;
    }
    let lab = whole();
    let node = hosts(&lab).0;
    said(0, &run(node, &["apply", "--final"]));
    let restore =
        format!("mkdir -p $(dirname {CRONTAB}); printf '{}' > {CRONTAB}", THEIRS.replace('\n', "\\n"));
    let crontab = || shell(node, &format!("cat {CRONTAB}"));
    for arguments in [&["apply", "--rebuild"][..], &["revert"]] {
        let begin = || {
            shell(node, &restore);
            run(node, &["revert"]);
            if arguments == ["revert"] {
                said(0, &run(node, &["apply", "--rebuild"]));
            }
        };
        begin();
        let calls = trace_command(node, &words(arguments), Fault::None).calls;
        let about = |path: &String| path.contains("/cron/");
        let touching =
            calls.iter().enumerate().filter(|(_, c)| c.kind == Kind::File && c.paths.iter().any(about));
        let moments: Vec<usize> = touching.map(|(at, _)| at).collect();
        assert!(moments.len() > 5, "{moments:?}");
        for at in moments.into_iter().flat_map(|at| [at, at + 1]) {
            begin();
            let killed = trace_command(node, &words(arguments), Fault::Kill(at));
            let text = crontab();
            let rest = text.strip_prefix(THEIRS).unwrap_or_else(|| panic!("killed at {at}: {text:?}"));
            assert!(rest.is_empty() || rest.ends_with("janitor # rolewall safety net\n"), "{rest:?}");
            run(node, &["revert"]);
            let janitor = run(node, &["janitor"]);
            assert_eq!(janitor.code(), Some(0), "{}", described(&janitor));
            assert_eq!(crontab(), THEIRS, "{}", described(&killed.finished));
        }
    }
}
