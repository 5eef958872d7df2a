//! Other people's rules: left as they are, saved before a test, put to sleep and woken only where asked for.
//! Not here: our own table (`commands_state`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, Listen};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use support::program::{PATIENCE, Program};
use support::scene::{CLOSED, OPEN, Who, cluster, hosts, scene, settings, tcp};
use support::{can_run, eventually, generation, nft, nft_load, ruleset, theirs};

/// Counters, an element with a timeout to come, a chain without a hook, and a drop of its own.
const OTHER: &str = "table inet other {
	set seen {
		type ipv4_addr
		flags interval
		elements = { 192.0.2.0/24, 198.51.100.7 }
	}
	chain later {
		counter packets 9 bytes 900 return
	}
	chain input {
		type filter hook input priority 10; policy accept;
		tcp dport 9 counter packets 7 bytes 420 jump later
		tcp dport 4433 drop
	}
}
table ip theirs {
	chain post {
		type nat hook postrouting priority srcnat; policy accept;
		ip daddr 192.0.2.77 counter packets 3 bytes 180 masquerade
	}
}
";

fn become_role(node: &Host, role: &str) {
    node.configure(&cluster(&[role], ""), &settings(""));
}

/// The file that a command says the previous firewall is saved in, as this process sees it.
fn saved(node: &Host, said: &str) -> PathBuf {
    let path = said.split("is saved in ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    let below = path.strip_prefix(node.files().to_str().unwrap()).unwrap();
    node.files_outside().unwrap().join(below.trim_start_matches('/'))
}

fn apply(node: &Host) -> PathBuf {
    saved(node, &node.expect(0, &["apply"]).stdout)
}

/// Loads a saved file as its first line says.
fn restore(node: &Host, file: &std::path::Path) {
    let text = fs::read_to_string(file).unwrap();
    let first = text.lines().next().unwrap();
    let restored = if first.contains("iptables-restore") {
        node.command("iptables-restore").stdin(text).run()
    } else {
        assert!(first.contains("nft -f"), "{first}");
        node.command("nft").args(["-f", "-"]).stdin(text).run()
    };
    restored.unwrap().ok().unwrap();
}

#[test]
fn other_tables_are_untouched_by_every_command() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    nft_load(node, OTHER);
    node.command("iptables")
        .args(["-A", "INPUT", "-p", "tcp", "--dport", "7", "-j", "DROP"])
        .run()
        .unwrap()
        .ok()
        .unwrap();
    let before = theirs(node);
    assert!(before.contains("packets 7 bytes 420") && before.contains("table ip filter"));
    become_role(node, "web");
    for command in [
        &["apply"][..],
        &["confirm"],
        &["apply", "--final", "--rebuild"],
        &["apply", "--rebuild"],
        &["revert"],
        &["node", "add", "n9", "--private", "10.20.5.5", "--role", "web"],
        &["node", "remove", "n9"],
        &["disable"],
        &["enable"],
        &["boot"],
        &["janitor"],
        &["status"],
        &["diff"],
        &["plan"],
    ] {
        let finished = node.run(command);
        assert!(matches!(finished.code(), Some(0 | 1)), "{}", support::program::described(&finished));
        assert_eq!(theirs(node), before, "after {command:?}");
    }
    node.expect(0, &["status"]).mentions(&["table inet other", "table ip filter", "table ip theirs"]);
}

#[test]
fn take_over_puts_other_filters_to_sleep_and_revert_wakes_them_exactly() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let _served = node.serve(Listen::new().tcp([443, 4433])).unwrap();
    nft_load(node, &OTHER.replace("4433", "443"));
    let before = theirs(node);
    become_role(node, "web");
    node.expect(0, &["apply"]);
    assert_eq!(tcp(&lab, Who::Stranger, 443), CLOSED, "a drop in any table is final");
    node.expect(0, &["revert"]);
    node.expect(0, &["apply", "--take-over"]);
    assert_eq!(tcp(&lab, Who::Stranger, 443), OPEN);
    assert!(theirs(node).contains("flags dormant"));
    node.expect(0, &["revert"]);
    assert_eq!(theirs(node), before);
    assert_eq!(tcp(&lab, Who::Stranger, 443), CLOSED);
    node.expect(0, &["apply", "--take-over", "--final"]);
    assert_eq!(tcp(&lab, Who::Stranger, 443), OPEN);
    node.expect(0, &["disable"]);
    assert_eq!(theirs(node), before);
}

#[test]
fn after_the_deadline_of_a_take_over_the_next_command_wakes_other_filters() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    nft_load(node, OTHER);
    let before = theirs(node);
    become_role(node, "web");
    node.expect(0, &["apply", "--take-over", "--window", "10s"]);
    assert!(theirs(node).contains("flags dormant"));
    eventually(PATIENCE, "the test ends", || node.json(&["status"])["state"] == "off");
    node.expect(0, &["janitor"]);
    assert_eq!(theirs(node), before);
}

#[test]
fn the_saved_file_restores_what_was_in_force_before() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    become_role(node, "web");
    // Nothing.
    let nothing = apply(node);
    restore(node, &nothing);
    assert_eq!(ruleset(node), "");
    // A revision of ours.
    node.expect(0, &["apply", "--final"]);
    let confirmed = ruleset(node);
    become_role(node, "sip");
    let ours = apply(node);
    assert_ne!(ruleset(node), confirmed);
    restore(node, &ours);
    assert_eq!(support::sorted(&ruleset(node)), support::sorted(&confirmed));
    assert_eq!(node.json(&["status"])["state"], "confirmed");
    node.expect(0, &["apply"]);
    node.expect(0, &["revert"]);
    // Tables of others, and ours beside them.
    nft_load(node, OTHER);
    let all = nft(node, &["list", "ruleset"]);
    let with_others = apply(node);
    nft(node, &["flush", "ruleset"]);
    restore(node, &with_others);
    assert_eq!(nft(node, &["list", "ruleset"]), all);
}

#[test]
fn the_saved_file_restores_iptables_rules_with_iptables_restore() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let iptables = |words: &str| node.command("iptables").args(words.split(' ')).run().unwrap().ok().unwrap();
    let save = || -> String {
        let text = node.command("iptables-save").run().unwrap().ok().unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect()
    };
    iptables("-N voip");
    iptables("-A INPUT -p tcp --dport 7 -m conntrack --ctstate NEW -j voip");
    iptables("-A voip -m limit --limit 5/min -j LOG --log-prefix x");
    iptables("-t nat -A POSTROUTING -d 192.0.2.77 -j MASQUERADE");
    let before = save();
    become_role(node, "web");
    let file = apply(node);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.lines().next().unwrap().contains("iptables-restore"), "{text}");
    iptables("-F");
    iptables("-X");
    assert_ne!(save(), before);
    restore(node, &file);
    assert_eq!(save(), before);
}

#[test]
fn a_link_at_the_saved_file_s_place_is_not_followed() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    node.write("/etc/victim", "precious").unwrap();
    node.write("/tmp/.keep", "").unwrap();
    let tmp = node.files_outside().unwrap().join("tmp");
    // Process ids of the host are few and count up, so all of the next are foreseen.
    for pid in 1..2000 {
        let target = if pid % 2 == 0 { "../etc/victim" } else { "../etc/not-yet-there" };
        symlink(target, tmp.join(format!("iptables.{pid}"))).unwrap();
    }
    become_role(node, "web");
    let file = apply(node);
    assert!(fs::symlink_metadata(&file).unwrap().is_file());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(node.read("/etc/victim").unwrap(), b"precious");
    assert!(!node.has("/etc/not-yet-there").unwrap());
    assert!(fs::read_to_string(&file).unwrap().starts_with("# restores with: "));
}

#[test]
fn a_rule_that_somebody_put_into_our_table_does_not_leave_a_change_half_done() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let _served = node.serve(Listen::new().tcp([443, 5060])).unwrap();
    become_role(node, "web");
    node.expect(0, &["apply", "--final"]);
    nft_load(node, "add chain inet rolewall mine\nadd rule inet rolewall mine jump r1-in\n");
    become_role(node, "sip");
    let applied = node.run(&["apply", "--final"]);
    let stands = (tcp(&lab, Who::Stranger, 443), tcp(&lab, Who::Stranger, 5060));
    let said = support::program::described(&applied);
    assert_eq!((applied.code(), stands), (Some(0), (CLOSED, OPEN)), "{said}");
    assert!(applied.stderr().contains("r1-in"), "what stays behind is named: {said}");
    become_role(node, "web");
    node.expect(0, &["apply"]);
    node.expect(0, &["revert"]);
    assert_eq!((tcp(&lab, Who::Stranger, 443), tcp(&lab, Who::Stranger, 5060)), (CLOSED, OPEN));
    nft(node, &["delete", "chain", "inet", "rolewall", "mine"]);
    node.expect(0, &["janitor"]);
    assert!(!ruleset(node).contains("r1-"), "and goes as soon as it can");
}

#[test]
fn a_table_of_our_name_that_another_process_owns_is_a_refusal_of_the_kernel_and_stays_as_it_is() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let own = "(echo 'add table inet rolewall { flags owner; }'; exec sleep 600) | nft -i";
    let _owner = node.command("sh").args(["-c", own]).spawn().unwrap();
    eventually(PATIENCE, "the table is there", || nft(node, &["list", "tables"]).contains("rolewall"));
    let before = (generation(node), nft(node, &["list", "ruleset"]));
    become_role(node, "web");
    for how in [&["apply"][..], &["apply", "--final"]] {
        node.expect(4, how).mentions(&["rolewall", "the kernel refused"]);
        assert_eq!((generation(node), nft(node, &["list", "ruleset"])), before);
    }
    node.expect(2, &["confirm"]).mentions(&["no test is running"]);
}

#[test]
fn a_rule_of_others_that_stops_a_flow_of_the_plan_is_named_before_and_after() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    nft_load(node, &OTHER.replace("4433", "443"));
    become_role(node, "web");
    let rule = "neighbour: table inet other input: tcp dport 443 drop: stops web web: tcp/443";
    let planned = node.expect(0, &["plan"]);
    assert!(planned.stderr.contains(rule), "{}", planned.stderr);
    node.expect(0, &["apply", "--final"]);
    node.expect(0, &["status"]).mentions(&[rule]);
    nft(node, &["delete", "table", "inet", "other"]);
    let said = node.expect(0, &["status"]);
    assert!(!said.stdout.contains("neighbour"), "{}", said.stdout);
}

#[test]
fn settings_of_linux_that_matter_to_calls_are_named_to_nodes_that_have_some() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let interfaces = settings("[interfaces]\nprivate = [\"eth0\"]\npublic = [\"eth1\"]");
    node.configure(&cluster(&["sip"], ""), &interfaces);
    node.expect(0, &["apply", "--final"]);
    node.command("sh")
        .args(["-c", "echo 1 > /proc/sys/net/ipv4/conf/eth1/rp_filter"])
        .run()
        .unwrap()
        .ok()
        .unwrap();
    node.expect(0, &["status"]).mentions(&["neighbour: rp_filter is strict on eth1"]);
    node.configure(&cluster(&["sql"], ""), &interfaces);
    let said = node.run(&["status"]);
    assert!(!said.stdout().contains("rp_filter"), "{}", said.stdout());
    node.command("iptables-legacy")
        .args(["-A", "INPUT", "-p", "tcp", "--dport", "7", "-j", "DROP"])
        .run()
        .unwrap()
        .ok()
        .unwrap();
    assert!(node.run(&["status"]).stdout().contains("iptables-legacy has rules (filter)"));
}

#[test]
fn what_a_take_over_cannot_put_to_sleep_is_said_and_stays_as_it_is() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let legacy =
        |arguments: &[&str]| node.command("iptables-legacy").args(arguments).run().unwrap().ok().unwrap();
    legacy(&["-A", "INPUT", "-p", "tcp", "--dport", "7", "-j", "DROP"]);
    let before = legacy(&["-S"]);
    become_role(node, "web");
    let said = node.expect(0, &["apply", "--take-over"]);
    assert!(
        said.stderr.contains("iptables-legacy has rules (filter)")
            && said.stderr.contains("they stay in force"),
        "{}",
        said.stderr
    );
    node.expect(0, &["revert"]);
    assert_eq!(legacy(&["-S"]), before);
}
