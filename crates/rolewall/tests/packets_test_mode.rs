//! Test mode, by real packets: a candidate nobody confirms ends at its deadline, whoever was killed.
//! Not here: what a ruleset admits (`packets_roles`), and the state on disk (`commands_state`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, Lab, Listen};
use rustix::process::Signal;
use std::time::{Duration, Instant};
use support::program::{PATIENCE, Program};
use support::scene::{CLOSED, OPEN, Who, cluster, hosts, scene, settings, tcp, udp};
use support::{can_run, eventually, generation, ruleset, ruleset_with_handles};

/// The shortest window that there is.
const WINDOW: Duration = Duration::from_secs(10);
/// How much later than its deadline a test may be seen to have ended, on a machine that is busy.
const LATE: Duration = Duration::from_secs(5);

/// A web node and everybody around it. 443 is open to a stranger by the web role, 5060 by the sip role, 8080
/// by none.
struct Stage {
    lab: Lab,
    _served: rolewall_lab::Server,
}

impl Stage {
    fn new() -> Stage {
        let lab = scene();
        let served = hosts(&lab).0.serve(Listen::new().tcp([443, 5060, 8080]).udp([5060])).unwrap();
        Stage { lab, _served: served }
    }

    fn node(&self) -> &Host {
        hosts(&self.lab).0
    }

    fn become_role(&self, role: &str) {
        self.node().configure(&cluster(&[role], ""), &settings(""));
    }

    /// Whether the node is open, is a web node, or is a sip node: by packets of both families.
    #[track_caller]
    fn assert_is(&self, what: Stands) {
        let by_stranger = [443, 5060, 8080].map(|port| tcp(&self.lab, Who::Stranger, port));
        let expected = match what {
            Stands::Open => [OPEN, OPEN, OPEN],
            Stands::Web => [OPEN, CLOSED, CLOSED],
            Stands::Sip => [CLOSED, OPEN, CLOSED],
        };
        assert_eq!(by_stranger, expected, "it should stand as {what:?}");
    }

    /// Waits for the deadline of a test that began at `since`, and asserts that it was neither early nor late.
    fn await_deadline(&self, since: Instant, still_under_test: Stands, port_that_opens: u16) {
        std::thread::sleep((WINDOW - Duration::from_secs(3)).saturating_sub(since.elapsed()));
        self.assert_is(still_under_test);
        eventually(WINDOW - since.elapsed() + LATE, "the kernel ends the test", || {
            tcp(&self.lab, Who::Stranger, port_that_opens) == OPEN
        });
        assert!(since.elapsed() >= WINDOW - Duration::from_millis(500), "ended after {:?}", since.elapsed());
    }
}

#[derive(Debug, Clone, Copy)]
enum Stands {
    Open,
    Web,
    Sip,
}

/// Starts `apply`, and kills it by SIGKILL as soon as the kernel's ruleset has changed.
fn apply_and_kill(node: &Host) -> Instant {
    let before = generation(node);
    let mut applying = node.rolewall(&["apply", "--window", "10s"]).spawn().unwrap();
    eventually(PATIENCE, "the ruleset changes", || generation(node) != before);
    let since = Instant::now();
    applying.signal(Signal::KILL).unwrap();
    let _ = applying.wait(PATIENCE);
    since
}

#[test]
fn a_first_candidate_whose_process_is_killed_ends_at_its_deadline_and_leaves_the_host_open_as_before() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    stage.become_role("web");
    stage.assert_is(Stands::Open);
    let since = apply_and_kill(stage.node());
    stage.assert_is(Stands::Web);
    stage.await_deadline(since, Stands::Web, 8080);
    stage.assert_is(Stands::Open);
    assert_eq!(stage.node().json(&["status"])["state"], "off");
    stage.node().expect(0, &["janitor"]);
    assert_eq!(ruleset(stage.node()), "");
}

#[test]
fn a_candidate_whose_process_is_killed_ends_at_its_deadline_and_the_revision_before_is_in_force_exactly() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    stage.become_role("web");
    node.expect(0, &["apply", "--final"]);
    let before = ruleset(node);
    stage.become_role("sip");
    let since = apply_and_kill(node);
    stage.assert_is(Stands::Sip);
    stage.await_deadline(since, Stands::Sip, 443);
    stage.assert_is(Stands::Web);
    let status = node.json(&["status"]);
    assert_eq!((&status["state"], &status["revision"]), (&"confirmed".into(), &1.into()), "{status}");
    node.expect(0, &["janitor"]);
    assert_eq!(ruleset(node), before);
    assert_eq!(node.json(&["status"])["drift"], serde_json::json!([]));
}

#[test]
fn a_confirmation_after_the_deadline_is_refused_and_says_so() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    stage.become_role("web");
    let since = Instant::now();
    node.expect(0, &["apply", "--window", "10s"]);
    stage.await_deadline(since, Stands::Web, 8080);
    node.expect(2, &["confirm"]).mentions(&["revision 1", "unconfirmed", "rolewall apply"]);
    stage.assert_is(Stands::Open);
    assert_eq!(ruleset(node), "");
    node.expect(2, &["confirm"]).mentions(&["no test is running"]);
    node.expect(0, &["boot"]);
    assert_eq!(ruleset(node), "", "what was never confirmed is not loaded at boot");
    node.expect(0, &["apply", "--final"]);
    stage.assert_is(Stands::Web);
}

#[test]
fn a_confirmed_candidate_outlives_its_deadline() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    stage.become_role("web");
    let since = Instant::now();
    node.expect(0, &["apply", "--window", "10s"]);
    let status = node.json(&["status"]);
    assert_eq!(status["state"], "test");
    assert!((1..=10).contains(&status["deadline_s"].as_u64().unwrap()), "{status}");
    stage.assert_is(Stands::Web);
    node.expect(0, &["confirm"]);
    let confirmed = ruleset(node);
    std::thread::sleep((WINDOW + Duration::from_secs(1)).saturating_sub(since.elapsed()));
    stage.assert_is(Stands::Web);
    assert_eq!(ruleset(node), confirmed);
    let status = node.json(&["status"]);
    assert_eq!((&status["state"], &status["deadline_s"]), (&"confirmed".into(), &serde_json::Value::Null));
}

#[test]
fn revert_returns_to_nothing_exactly_where_nothing_was() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    stage.become_role("web");
    stage.node().expect(0, &["apply"]);
    stage.assert_is(Stands::Web);
    stage.node().expect(0, &["revert"]);
    stage.assert_is(Stands::Open);
    assert_eq!(ruleset(stage.node()), "");
    stage.node().expect(2, &["revert"]).mentions(&["no test is running"]);
}

#[test]
fn revert_returns_to_the_revision_before_exactly() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    stage.become_role("web");
    node.expect(0, &["apply", "--final"]);
    let before = ruleset(node);
    stage.become_role("sip");
    node.expect(0, &["apply"]);
    stage.assert_is(Stands::Sip);
    assert_eq!(udp(&stage.lab, Who::Stranger, 5060), OPEN);
    node.expect(0, &["revert"]);
    stage.assert_is(Stands::Web);
    assert_eq!(ruleset(node), before);
    node.expect(0, &["apply", "--final"]);
    stage.assert_is(Stands::Sip);
    assert_eq!(node.json(&["status"])["revision"], 3, "a number is given out once");
}

#[test]
fn a_second_candidate_replaces_the_first_and_reverts_to_what_was_confirmed() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    stage.become_role("web");
    node.expect(0, &["apply"]);
    stage.become_role("sip");
    node.expect(0, &["apply"]);
    stage.assert_is(Stands::Sip);
    assert!(!ruleset(node).contains("r1-"), "nothing of the first candidate is left");
    node.expect(0, &["revert"]);
    stage.assert_is(Stands::Open);
    assert_eq!(ruleset(node), "");
}

#[test]
fn a_reboot_in_test_mode_comes_up_with_the_last_confirmed_revision() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    stage.become_role("web");
    node.expect(0, &["apply", "--final"]);
    let confirmed = ruleset(node);
    stage.become_role("sip");
    node.expect(0, &["apply"]);
    support::nft(node, &["delete", "table", "inet", "rolewall"]);
    stage.assert_is(Stands::Open);
    node.expect(0, &["boot"]);
    stage.assert_is(Stands::Web);
    assert_eq!(ruleset(node), confirmed);
    node.expect(2, &["confirm"]).mentions(&["no test is running"]);
    stage.assert_is(Stands::Web);
    node.expect(0, &["boot"]);
    assert_eq!(ruleset(node), confirmed, "a second boot changes nothing");
}

#[test]
fn an_apply_that_is_killed_at_any_moment_leaves_what_was_or_the_whole_candidate_and_the_next_command_works() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    stage.become_role("web");
    node.expect(0, &["apply", "--final"]);
    let before = ruleset(node);
    stage.become_role("sip");
    let started = Instant::now();
    node.expect(0, &["apply"]);
    let takes = started.elapsed();
    node.expect(0, &["revert"]);
    for step in 0..16u32 {
        let mut applying = node.rolewall(&["apply"]).spawn().unwrap();
        std::thread::sleep(takes * step / 14);
        applying.signal(Signal::KILL).unwrap();
        let _ = applying.wait(PATIENCE);
        let state = node.json(&["status"])["state"].as_str().unwrap().to_owned();
        stage.assert_is(if state == "test" { Stands::Sip } else { Stands::Web });
        if state == "test" {
            node.expect(0, &["revert"]);
        } else {
            node.expect(0, &["janitor"]);
        }
        assert_eq!(ruleset(node), before, "killed after {:?}", takes * step / 14);
        assert_eq!(node.json(&["status"])["drift"], serde_json::json!([]));
    }
    node.expect(0, &["apply", "--final"]);
    stage.assert_is(Stands::Sip);
}

#[test]
fn what_is_confirmed_is_not_touched_while_a_test_runs() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    stage.become_role("web");
    node.expect(0, &["apply", "--final"]);
    let objects = |text: &str| -> Vec<String> {
        let is_lead =
            |line: &str| line.starts_with("\t\tgoto r1-in ") || line.starts_with("\t\tgoto r1-out ");
        text.lines().filter(|line| line.contains("r1-") && !is_lead(line)).map(str::to_owned).collect()
    };
    let before = objects(&ruleset_with_handles(node));
    assert!(!before.is_empty());
    stage.become_role("sip");
    node.expect(0, &["apply"]);
    assert_eq!(objects(&ruleset_with_handles(node)), before);
    node.expect(0, &["revert"]);
    assert_eq!(objects(&ruleset_with_handles(node)), before);
}
