//! A host that the operator has closed, by real packets: who still gets in, what is beneath, and the way back.
//! Not here: what boot does where a file is damaged (`packets_boot`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Conversation, Host, Lab, Listen, Outcome, Probe, Server};
use rustix::process::Signal;
use serde_json::json;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use support::program::{PATIENCE, Program, ROLEWALL, said};
use support::scene::{
    CLOSED, OPEN, Who, cluster, everybody, hosts, node_for, ping, scene, settings, tcp, tcp_open,
};
use support::{can_run, eventually, generation, ip, nft, ruleset, ruleset_with_handles, sorted};

/// A web node with revision 1 confirmed, and everybody around it.
struct Stage {
    lab: Lab,
    _served: Vec<Server>,
}

const PORTS: [u16; 4] = [22, 80, 443, 8080];
const EVERY: Duration = Duration::from_millis(20);
/// A session that does not answer for so long is cut: TCP asks again within one second.
const CUT: Duration = Duration::from_secs(2);

impl Stage {
    fn new() -> Stage {
        let lab = scene();
        let serve = |host: &Host| host.serve(Listen::new().tcp(PORTS)).unwrap();
        let (node, inside, outside) = hosts(&lab);
        let served = vec![serve(node), serve(inside), serve(outside)];
        node.configure(&cluster(&["web"], ""), &settings(""));
        Stage { lab, _served: served }
    }

    fn confirmed() -> Stage {
        let stage = Stage::new();
        stage.node().expect(0, &["apply", "--final"]);
        stage
    }

    fn node(&self) -> &Host {
        hosts(&self.lab).0
    }

    fn state(&self, name: &str) -> PathBuf {
        self.node().files_outside().unwrap().join("var/lib/rolewall").join(name)
    }

    /// By packets of both families and both directions: only admin and trusted networks get anywhere.
    #[track_caller]
    fn assert_closed(&self) {
        let (_, inside, outside) = hosts(&self.lab);
        for (host, is_inside) in [(inside, true), (outside, false)] {
            let there = everybody().into_iter().filter(|who| who.is_inside() == is_inside);
            let asked: Vec<(Who, u16, Probe)> = there.flat_map(questions).collect();
            // All at once: each that is not answered takes its time.
            let probes: Vec<Probe> = asked.iter().map(|(_, _, probe)| probe.clone()).collect();
            for ((who, port, probe), outcome) in asked.iter().zip(host.probe_all(&probes).unwrap()) {
                assert_eq!(outcome == Outcome::Open, passes(*who, *port), "{who:?}: {probe}");
            }
        }
        assert_eq!(self.node_reaches(Who::Trusted), OPEN);
        assert!(self.node_reaches(Who::Stranger).iter().all(|o| *o != Outcome::Open));
        assert!(self.node_reaches(Who::Admin).iter().all(|o| *o != Outcome::Open));
    }

    /// As revision 1 leaves it to strangers.
    #[track_caller]
    fn assert_open(&self) {
        assert_eq!(tcp_open(&self.lab, Who::Stranger, &PORTS), [80, 443]);
        assert_eq!(self.node_reaches(Who::Stranger), OPEN);
    }

    fn node_reaches(&self, who: Who) -> [Outcome; 2] {
        who.addresses().map(|to| self.node().probe(&Probe::tcp(to, 443)).unwrap())
    }

    /// Somebody's open connection to the node's 443, in each family.
    fn calls(&self, who: Who) -> [Conversation; 2] {
        let calls = who.addresses().map(|from| {
            let to = SocketAddr::new(node_for(who, from), 443);
            hosts(&self.lab).2.stream_from(from, to, EVERY).unwrap()
        });
        assert!(calls.iter().all(|call| call.answers_within(PATIENCE)));
        calls
    }

    /// As a power cut and the boot after it.
    fn reboot(&self) {
        nft(self.node(), &["delete", "table", "inet", "rolewall"]);
        self.node().expect(0, &["boot"]);
    }
}

/// Somebody's handshakes with the node's ports, in both families.
fn questions(who: Who) -> Vec<(Who, u16, Probe)> {
    let ask = |(from, port)| (who, port, Probe::tcp(node_for(who, from), port).from(from));
    who.addresses().into_iter().flat_map(|from| PORTS.map(|port| (from, port))).map(ask).collect()
}

/// Whether somebody may reach a port of a web node that is closed.
fn passes(who: Who, port: u16) -> bool {
    match who {
        Who::Trusted => true,
        Who::Admin | Who::AdminInside => [22, 80, 443].contains(&port),
        _ => false,
    }
}

/// Every object but the base chains' rules, with its handle.
fn objects(host: &Host) -> Vec<String> {
    let is_of_revision = |line: &&str| line.contains("r1-") && !line.trim().starts_with("goto r1-");
    ruleset_with_handles(host).lines().filter(is_of_revision).map(str::to_owned).collect()
}

#[test]
fn panic_leaves_admin_and_trusted_alone_and_resume_brings_back_exactly_what_was() {
    if !can_run() {
        return;
    }
    let stage = Stage::confirmed();
    let node = stage.node();
    let (listed, made) = (ruleset(node), objects(node));
    stage.assert_open();
    node.expect(0, &["panic"]).mentions(&["closed to all but admin and trusted", "rolewall resume"]);
    stage.assert_closed();
    assert_eq!(ping(&stage.lab, Who::Stranger), OPEN, "the floor stays");
    assert_eq!(objects(node), made, "what is beneath is not touched");
    let status = node.json(&["status"]);
    assert_eq!(
        (&status["panic"], &status["state"], &status["drift"]),
        (&json!(true), &json!("confirmed"), &json!([]))
    );
    node.expect(0, &["status"]).mentions(&["panic: closed", "rolewall resume", "confirmed: revision 1"]);
    // Once more is the same.
    let closed = ruleset(node);
    node.expect(0, &["panic"]);
    assert_eq!(ruleset(node), closed);
    node.expect(0, &["resume"]).mentions(&["resumed: revision 1 is in force"]);
    assert_eq!(ruleset(node), listed);
    assert_eq!(objects(node), made);
    stage.assert_open();
    assert!(!stage.state("panic.rules").exists());
    node.expect(2, &["resume"]).mentions(&["not in panic"]);
}

#[test]
fn established_connections_of_strangers_are_cut_and_those_of_trusted_networks_go_on() {
    if !can_run() {
        return;
    }
    let stage = Stage::confirmed();
    let (strangers, trusted) = (stage.calls(Who::Stranger), stage.calls(Who::Trusted));
    stage.node().expect(0, &["panic"]).mentions(&["live flows were cut"]);
    assert!(strangers.iter().all(|call| !call.answers_within(CUT)));
    assert!(trusted.iter().all(|call| call.answers_within(CUT)));
    stage.node().expect(0, &["resume"]);
    assert!(strangers.iter().all(|call| call.answers_within(PATIENCE)), "they were held up, not ended");
}

#[test]
fn a_panic_survives_a_reboot_and_is_resumed_to_what_was_confirmed() {
    if !can_run() {
        return;
    }
    let stage = Stage::confirmed();
    let node = stage.node();
    let listed = ruleset(node);
    node.expect(0, &["panic"]);
    let closed = ruleset(node);
    stage.reboot();
    stage.assert_closed();
    assert_eq!(sorted(&ruleset(node)), sorted(&closed));
    node.expect(0, &["boot"]).mentions(&["closed", "revision 1 beneath"]);
    node.expect(0, &["status"]).mentions(&["panic: closed"]);
    node.expect(0, &["resume"]);
    assert_eq!(ruleset(node), listed);
    stage.reboot();
    stage.assert_open();
}

#[test]
fn neither_a_broken_inventory_nor_damaged_notes_are_in_the_way() {
    if !can_run() {
        return;
    }
    let stage = Stage::confirmed();
    let node = stage.node();
    let listed = ruleset(node);
    node.configure("[cluster\n", "mode = 7\n");
    fs::write(stage.state("notes.json"), "{").unwrap();
    node.expect(2, &["plan"]);
    node.expect(0, &["panic"]);
    stage.assert_closed();
    stage.reboot();
    stage.assert_closed();
    node.expect(0, &["resume"]);
    assert_eq!(ruleset(node), listed);
}

#[test]
fn a_state_directory_that_cannot_be_written_closes_the_host_and_says_that_a_reboot_opens_it() {
    if !can_run() {
        return;
    }
    let stage = Stage::confirmed();
    let node = stage.node();
    let listed = ruleset(node);
    // A directory in its place cannot be written over.
    fs::create_dir(stage.state("panic.rules")).unwrap();
    fs::write(stage.state("panic.rules/x"), "").unwrap();
    node.expect(0, &["panic"]).mentions(&["warning", "panic.rules", "will not be after a reboot"]);
    stage.assert_closed();
    node.expect(3, &["resume"]).mentions(&["open again", "next boot closes it", "rm "]);
    assert_eq!(ruleset(node), listed);
}

#[test]
fn while_closed_nothing_is_applied_confirmed_or_disabled_and_the_rest_works_beneath() {
    if !can_run() {
        return;
    }
    let stage = Stage::confirmed();
    let node = stage.node();
    let listed = ruleset(node);
    node.expect(0, &["panic"]);
    node.configure(&cluster(&["sip"], ""), &settings(""));
    let (closed, before) = (ruleset(node), generation(node));
    for command in [&["apply"][..], &["apply", "--final"], &["confirm"], &["disable"]] {
        node.expect(2, command).mentions(&["in panic", "nothing was changed", "rolewall resume"]);
    }
    assert_eq!((ruleset(node), generation(node)), (closed.clone(), before));
    let add = ["node", "add", "web7", "--private", "10.20.9.9", "--private", "fd20::9:9", "--role", "web"];
    node.expect(0, &add);
    node.expect(0, &["node", "remove", "web7"]);
    nft(node, &["flush", "chain", "inet", "rolewall", "r1-in"]);
    node.expect(1, &["status"]).mentions(&["drift", "r1-in"]);
    node.expect(0, &["enable"]);
    node.expect(0, &["janitor"]);
    assert_eq!(sorted(&ruleset(node)), sorted(&closed));
    stage.assert_closed();
    node.expect(0, &["resume"]);
    assert_eq!(sorted(&ruleset(node)), sorted(&listed));
}

#[test]
fn a_test_beneath_ends_at_its_deadline_and_resume_shows_what_was_before_it() {
    if !can_run() {
        return;
    }
    let stage = Stage::confirmed();
    let node = stage.node();
    let listed = ruleset(node);
    node.configure(&cluster(&["sip"], ""), &settings(""));
    node.expect(0, &["apply", "--window", "10s"]);
    node.expect(0, &["panic"]);
    stage.assert_closed();
    let status = node.json(&["status"]);
    assert_eq!(
        (&status["panic"], &status["state"], &status["drift"]),
        (&json!(true), &json!("test"), &json!([]))
    );
    eventually(PATIENCE, "the test ends", || node.json(&["status"])["state"] == "confirmed");
    stage.assert_closed();
    node.expect(0, &["janitor"]);
    stage.assert_closed();
    node.expect(0, &["resume"]).mentions(&["revision 1 is in force"]);
    assert_eq!(ruleset(node), listed);
    // A test that is resumed in time is confirmed as any other.
    node.expect(0, &["apply"]);
    let tested = ruleset(node);
    node.expect(0, &["panic"]);
    node.expect(0, &["resume"]).mentions(&["revision 3 is in force"]);
    assert_eq!(ruleset(node), tested);
    node.expect(0, &["panic"]);
    node.expect(0, &["revert"]);
    stage.assert_closed();
    node.expect(0, &["resume"]);
    assert_eq!(ruleset(node), listed);
}

#[test]
fn a_first_test_is_closed_by_its_own_plan_and_nothing_is_left_of_it() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    node.expect(0, &["apply"]);
    node.expect(0, &["panic"]);
    stage.assert_closed();
    node.expect(0, &["revert"]);
    stage.assert_closed();
    stage.reboot();
    stage.assert_closed();
    node.expect(0, &["resume"]).mentions(&["nothing of ours is in force"]);
    assert_eq!(ruleset(node), "");
}

#[test]
fn a_host_that_is_disabled_or_never_had_a_revision_is_closed_too_and_is_as_before_after_it() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    node.expect(0, &["panic"]);
    stage.assert_closed();
    node.expect(0, &["resume"]);
    assert_eq!(ruleset(node), "");
    node.expect(0, &["apply", "--final"]);
    let listed = ruleset(node);
    node.expect(0, &["disable"]);
    node.expect(0, &["panic"]);
    stage.assert_closed();
    stage.reboot();
    stage.assert_closed();
    node.expect(0, &["resume"]);
    assert_eq!(ruleset(node), "", "disabled, as before");
    node.expect(0, &["enable"]);
    assert_eq!(ruleset(node), listed);
}

#[test]
fn with_no_admin_and_no_trusted_network_the_own_session_is_let_in_and_a_console_must_say_who() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let nobody: String =
        cluster(&["sql"], "").lines().filter(|l| !l.starts_with("admin")).map(|l| format!("{l}\n")).collect();
    node.configure(&nobody, "[node]\nname = \"node\"\n");
    node.expect(0, &["apply", "--final"]);
    let before = (generation(node), ruleset(node));
    node.expect(2, &["panic"]).mentions(&[
        "nobody could come in",
        "--admit",
        "--force",
        "nothing was changed",
    ]);
    assert_eq!((generation(node), ruleset(node)), before);
    let sshd = node.sshd(22).unwrap();
    for (from, family) in Who::Stranger.addresses().into_iter().zip(0..) {
        let to = node_for(Who::Stranger, from);
        let login = sshd.login(hosts(&lab).2, to).unwrap().source(from).connect_timeout_s(10);
        let session = login.converse(EVERY).unwrap();
        let line = format!("{ROLEWALL} --files {} panic", node.files().display());
        said(0, &login.command(&line).timeout(PATIENCE).run().unwrap())
            .mentions(&["ssh from", &from.to_string()]);
        assert!(session.answers_within(PATIENCE));
        assert_eq!(tcp(&lab, Who::Stranger, 22)[family], Outcome::Open);
        assert_eq!(tcp(&lab, Who::Trunk, 22), CLOSED);
        nft(node, &["delete", "table", "inet", "rolewall"]);
        node.expect(0, &["boot"]);
        assert!(session.answers_within(PATIENCE), "after a reboot too");
        assert_eq!(node.json(&["status"])["admitted"], json!([from.to_string()]));
        node.expect(0, &["resume"]);
    }
    node.expect(0, &["panic", "--admit", "203.0.113.7"]);
    assert_eq!(tcp(&lab, Who::Trunk, 22), [Outcome::Open, Outcome::Silent]);
    assert_eq!(tcp(&lab, Who::Stranger, 22), CLOSED);
    node.expect(0, &["panic", "--force"]);
    assert_eq!(tcp(&lab, Who::Trunk, 22), CLOSED, "the last word counts");
    node.expect(0, &["resume"]);
    assert_eq!(ruleset(node), before.1);
}

#[test]
fn an_operator_whom_a_denied_network_holds_is_refused() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let sshd = node.sshd(22).unwrap();
    let from = ip("192.0.2.99");
    let login = sshd.login(hosts(&lab).2, node_for(Who::Stranger, from)).unwrap().source(from);
    node.configure(&cluster(&["sql"], ""), &settings("[deny]\nnetworks = [\"192.0.2.99/32\"]"));
    let line = format!("{ROLEWALL} --files {} panic", node.files().display());
    let refused = login.command(&line).timeout(PATIENCE).run().unwrap();
    said(2, &refused).mentions(&["your own session would be cut", "192.0.2.99", "--force"]);
    assert_eq!(ruleset(node), "");
}

#[test]
fn status_tells_a_panic_that_the_kernel_or_the_disk_has_lost() {
    if !can_run() {
        return;
    }
    let stage = Stage::confirmed();
    let node = stage.node();
    let listed = ruleset(node);
    node.expect(0, &["panic"]);
    nft(node, &["flush", "chain", "inet", "rolewall", "panic-in"]);
    node.expect(1, &["status"]).mentions(&["drift", "panic-in"]);
    node.expect(0, &["panic"]);
    nft(node, &["flush", "chain", "inet", "rolewall", "input"]);
    node.expect(1, &["status"]).mentions(&["drift", "chain input", "no lead to panic-in"]);
    node.expect(0, &["panic"]);
    stage.assert_closed();
    fs::rename(stage.state("panic.rules"), stage.state("panic.away")).unwrap();
    node.expect(1, &["status"]).mentions(&["drift", "closed", "not be after a reboot"]);
    fs::rename(stage.state("panic.away"), stage.state("panic.rules")).unwrap();
    nft(node, &["delete", "table", "inet", "rolewall"]);
    node.expect(1, &["status"]).mentions(&["a panic was asked for", "rolewall panic", "rolewall resume"]);
    node.expect(0, &["boot"]);
    stage.assert_closed();
    node.expect(0, &["resume"]);
    assert_eq!(ruleset(node), listed);
}

#[test]
fn a_panic_or_resume_that_is_killed_leaves_the_host_closed_or_not_and_the_next_one_works() {
    if !can_run() {
        return;
    }
    let stage = Stage::confirmed();
    let node = stage.node();
    let listed = ruleset(node);
    for step in 0..24 {
        let command = if step % 2 == 0 { "panic" } else { "resume" };
        let mut running = node.rolewall(&[command]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(step / 2));
        running.signal(Signal::KILL).unwrap();
        let _ = running.wait(PATIENCE);
        let is_closed = node.json(&["status"])["panic"] == json!(true);
        if is_closed {
            stage.assert_closed();
        } else {
            stage.assert_open();
        }
        node.expect(0, &["panic"]);
        assert_eq!(node.json(&["status"])["drift"], json!([]), "killed {command} at {} ms", step / 2);
        if step % 2 == 0 {
            node.expect(0, &["resume"]);
            assert_eq!(ruleset(node), listed, "killed {command} at {} ms", step / 2);
        }
    }
}
