//! The operator's own way in, with a real sshd: what keeps it, and what is refused that would cut it.
//! Not here: who else may reach ssh (`packets_roles`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Conversation, Finished, Host, Lab, Login, Running, Sshd};
use std::net::IpAddr;
use std::time::Duration;
use support::entries::ids;
use support::program::{PATIENCE, Program, ROLEWALL, described, said};
use support::scene::{CLOSED, OPEN, Who, cluster, hosts, node_for, scene, settings, tcp};
use support::{can_run, eventually, generation, ruleset};

const EVERY: Duration = Duration::from_millis(20);
/// A session answers within this, or it is cut.
const SOON: Duration = Duration::from_secs(10);
/// A session that does not answer for so long is cut: TCP asks again within one second.
const CUT: Duration = Duration::from_secs(2);

/// The node with an sshd, unprotected yet, and somebody outside who logs in.
struct Site {
    lab: Lab,
    sshd: Sshd,
}

impl Site {
    fn new() -> Site {
        let lab = scene();
        let node = hosts(&lab).0;
        node.configure(&cluster(&["sql"], ""), &settings(""));
        let sshd = node.sshd(22).unwrap();
        Site { lab, sshd }
    }

    fn node(&self) -> &Host {
        hosts(&self.lab).0
    }

    /// Somebody's way in, in each family.
    fn logins(&self, who: Who) -> [Login<'_>; 2] {
        let login = |from: IpAddr| {
            self.sshd
                .login(hosts(&self.lab).2, node_for(who, from))
                .unwrap()
                .source(from)
                .connect_timeout_s(10)
        };
        who.addresses().map(login)
    }

    /// Somebody's open session, in each family; they answer when this returns.
    fn sessions(&self, who: Who) -> [Conversation; 2] {
        let sessions = self.logins(who).map(|login| login.converse(EVERY).unwrap());
        assert!(sessions.iter().all(|s| s.answers_within(PATIENCE)), "{}", self.sshd.log());
        sessions
    }

    /// A command line for the node's shell with the program as `$R`.
    fn over(&self, login: &Login<'_>, line: &str) -> Finished {
        login.command(&self.line(line)).timeout(PATIENCE).run().unwrap()
    }

    fn line(&self, line: &str) -> String {
        format!("R='{ROLEWALL} --files {}'; {line}", self.node().files().display())
    }
}

#[test]
fn a_session_survives_apply_and_confirm_and_new_ones_get_in() {
    if !can_run() {
        return;
    }
    let site = Site::new();
    let sessions = site.sessions(Who::Admin);
    let [login, _] = site.logins(Who::Admin);
    said(0, &site.over(&login, "$R apply"));
    assert!(sessions.iter().all(|s| s.answers_within(SOON)));
    assert_eq!(tcp(&site.lab, Who::Stranger, 22), CLOSED);
    for login in site.logins(Who::Admin) {
        assert_eq!(site.over(&login, "id -u").stdout(), "0\n");
    }
    said(0, &site.over(&login, "$R confirm")).mentions(&["confirmed: revision 1"]);
    assert!(sessions.iter().all(|s| s.answers_within(SOON)));
    assert!(sessions.into_iter().all(|s| s.stop().ended.is_none()));
    assert_eq!(site.node().json(&["status"])["state"], "confirmed");
}

#[test]
fn a_confirmation_over_the_connection_of_apply_is_refused_and_one_over_a_new_connection_is_taken() {
    if !can_run() {
        return;
    }
    let site = Site::new();
    for (login, server) in site.logins(Who::Admin).iter().zip(["192.0.2.1", "2001:db8::1"]) {
        let same = site.over(login, "$R apply --rebuild && $R confirm");
        said(2, &same).mentions(&["very connection", server, "rolewall confirm", "--same-session"]);
        // As sudo and screen do: without the variable.
        let scrubbed =
            site.over(login, "$R apply --rebuild && env -u SSH_CONNECTION -u SSH_CLIENT $R confirm");
        said(2, &scrubbed).mentions(&["very connection"]);
        assert_eq!(site.node().json(&["status"])["state"], "test");
        said(0, &site.over(login, "$R confirm"));
        assert_eq!(site.node().json(&["status"])["state"], "confirmed");
        let insisting = site.over(login, "$R apply --rebuild && $R confirm --same-session");
        said(0, &insisting).mentions(&["confirmed"]);
    }
}

#[test]
fn a_candidate_that_would_cut_the_operator_is_refused_and_names_the_session() {
    if !can_run() {
        return;
    }
    let site = Site::new();
    let sessions = site.sessions(Who::Stranger);
    let before = (generation(site.node()), ruleset(site.node()));
    for (login, from) in site.logins(Who::Stranger).iter().zip(Who::Stranger.addresses()) {
        for how in ["apply", "apply --final"] {
            let refused = site.over(login, &format!("$R {how}"));
            let server = node_for(Who::Stranger, from);
            said(2, &refused).mentions(&[
                "your own session would be cut",
                &from.to_string(),
                &server.to_string(),
                "nothing was changed",
                "--force",
            ]);
        }
    }
    assert_eq!((generation(site.node()), ruleset(site.node())), before);
    assert!(sessions.iter().all(|s| s.answers_within(SOON)));
    assert_eq!(tcp(&site.lab, Who::Stranger, 22), OPEN);
}

#[test]
fn a_denied_operator_is_refused_though_the_session_is_established() {
    if !can_run() {
        return;
    }
    let site = Site::new();
    let [login, _] = site.logins(Who::Admin);
    said(0, &site.over(&login, "$R apply --final"));
    let before = ruleset(site.node());
    let deny = "[deny]\nnetworks = [\"198.51.100.0/24\"]";
    site.node().configure(&cluster(&["sql"], ""), &settings(deny));
    said(2, &site.over(&login, "$R apply")).mentions(&["your own session would be cut", "198.51.100.5"]);
    assert_eq!(ruleset(site.node()), before);
}

#[test]
fn a_forced_candidate_cuts_the_operator_and_the_session_comes_back_at_the_deadline_with_the_process_killed() {
    if !can_run() {
        return;
    }
    let site = Site::new();
    let deny = "[deny]\nnetworks = [\"192.0.2.99/32\", \"2001:db8::99/128\"]";
    site.node().configure(&cluster(&["sql"], ""), &settings(deny));
    let sessions = site.sessions(Who::Stranger);
    let [login, _] = site.logins(Who::Stranger);
    let before = generation(site.node());
    // A shell that lives on, as an operator's does.
    let line = site.line("$R apply --force --window 10s; sleep 600");
    let _shell = login.command(&line).spawn().unwrap();
    eventually(PATIENCE, "the ruleset changes", || generation(site.node()) != before);
    // Whatever of the program is still at work, and the shell that it ran in.
    let kill = "for p in /proc/[0-9]*; do case $(cat $p/comm 2>/dev/null) in rolewall|sleep) kill -9 ${p#/proc/};; esac; done";
    let _ = site.node().command("sh").args(["-c", kill]).run().unwrap();
    assert!(sessions.iter().all(|s| !s.answers_within(CUT)), "cut, as forced");
    assert_eq!(tcp(&site.lab, Who::Stranger, 22), CLOSED);
    assert!(sessions.iter().all(|s| s.answers_within(Duration::from_secs(20))), "the kernel brings it back");
    assert!(sessions.into_iter().all(|s| s.stop().ended.is_none()));
    assert_eq!(tcp(&site.lab, Who::Stranger, 22), OPEN);
    for login in site.logins(Who::Stranger) {
        let status = site.over(&login, "$R status");
        assert!(status.stdout().starts_with("off"), "{}", described(&status));
    }
}

/// A shell of an admin's, open from before that network is admin no longer, in which `line` runs then.
fn after_the_network_is_no_longer_admin(site: &Site, line: &str) -> Running {
    site.node().configure(&cluster(&["sql"], ""), &settings(""));
    site.node().expect(0, &["apply", "--final"]);
    let [login, _] = site.logins(Who::Admin);
    let waiting = site.line(&format!("echo open; until [ -e /run/go ]; do sleep 0.1; done; {line}"));
    let mut shell = login.terminal().command(&waiting).timeout(PATIENCE).spawn().unwrap();
    shell.wait_for("open", PATIENCE).unwrap();
    let elsewhere = cluster(&["sql"], "").replace("198.51.100.0/28", "198.51.100.16/28");
    site.node().configure(&elsewhere, &settings(""));
    site.node().command("touch").arg("/run/go").run().unwrap().ok().unwrap();
    shell
}

#[test]
fn a_cut_leaves_the_operator_s_own_session_and_says_so() {
    if !can_run() {
        return;
    }
    let site = Site::new();
    let admin = Who::Admin.addresses();
    let line = "$R apply --force && $R confirm --same-session --cut; sleep 1; echo still here";
    let shell = after_the_network_is_no_longer_admin(&site, line);
    said(0, &shell.wait(PATIENCE).unwrap()).mentions(&[
        "still here",
        "warning: your own session is no longer allowed, and was left: in tcp 198.51.100.5:",
    ]);
    assert_eq!(ids(site.node(), &admin).len(), 1);
}

#[test]
fn a_forced_cut_takes_the_operator_s_own_session() {
    if !can_run() {
        return;
    }
    let site = Site::new();
    let line = "$R apply --final --cut --force; sleep 600";
    let mut shell = after_the_network_is_no_longer_admin(&site, line);
    eventually(PATIENCE, "the session is reset", || !shell.is_alive());
    eventually(PATIENCE, "its entry goes", || ids(site.node(), &Who::Admin.addresses()).is_empty());
}

#[test]
fn a_cut_goes_on_to_its_end_though_the_operator_s_terminal_hangs_up_on_the_way() {
    /// So many that the own session is hardly the last of them.
    const SESSIONS: usize = 20;
    if !can_run() {
        return;
    }
    let site = Site::new();
    let others: Vec<_> = (0..SESSIONS).map(|_| site.sessions(Who::Admin)).collect();
    let line = "$R apply --final --cut --force; sleep 600";
    let mut shell = after_the_network_is_no_longer_admin(&site, line);
    eventually(PATIENCE, "the session is reset", || !shell.is_alive());
    let [revoked, _] = Who::Admin.addresses();
    eventually(PATIENCE, "every entry goes", || ids(site.node(), &[revoked]).is_empty());
    drop(others);
}

#[test]
fn with_no_admin_network_ssh_stays_open_within_a_limit_and_apply_says_how_to_close_it() {
    if !can_run() {
        return;
    }
    let site = Site::new();
    let cluster: String =
        cluster(&["sql"], "").lines().filter(|l| !l.starts_with("admin")).map(|l| format!("{l}\n")).collect();
    site.node().configure(&cluster, &settings(""));
    let [login, _] = site.logins(Who::Stranger);
    said(0, &site.over(&login, "$R apply")).mentions(&["no admin network is set", "ssh is open", "admin ="]);
    for login in site.logins(Who::Stranger) {
        assert_eq!(site.over(&login, "id -u").stdout(), "0\n");
    }
    let probes =
        vec![rolewall_lab::Probe::tcp(support::ip("192.0.2.1"), 22).from(support::ip("203.0.113.7")); 60];
    let outcomes = hosts(&site.lab).2.probe_all(&probes).unwrap();
    let open = outcomes.into_iter().filter(|o| *o == rolewall_lab::Outcome::Open).count();
    assert!((20..40).contains(&open), "{open} of 60 at once");
}

#[test]
fn sshd_on_a_port_of_its_own_is_found_and_kept_open() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    node.configure(&cluster(&["sql"], ""), &settings(""));
    let sshd = node.sshd(2222).unwrap();
    let site = Site { lab, sshd };
    let [login, _] = site.logins(Who::Admin);
    said(0, &site.over(&login, "$R apply"));
    said(0, &site.over(&login, "$R confirm"));
    assert_eq!(tcp(&site.lab, Who::Stranger, 2222), CLOSED);
}
