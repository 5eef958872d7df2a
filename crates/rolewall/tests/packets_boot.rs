//! Boot where the confirmed revision cannot be loaded, by real packets: neither open nor out of reach, and loud.
//! Not here: the order of units, which a whole system shows (`packaging/tests/debian`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, Lab, Listen, Outcome, Probe, Server};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;
use support::program::Program;
use support::scene::{CLOSED, OPEN, Who, cluster, hosts, ping, scene, settings, tcp, tcp_open};
use support::{can_run, generation, nft, ruleset, sorted};

/// A web node with revision 1 confirmed, whose power has just been cut.
struct Stage {
    lab: Lab,
    _served: Vec<Server>,
    /// Revision 1 as nft lists it.
    listed: String,
}

const PORTS: [u16; 4] = [22, 80, 443, 8080];

impl Stage {
    fn new() -> Stage {
        let lab = scene();
        let serve = |host: &Host| host.serve(Listen::new().tcp(PORTS)).unwrap();
        let (node, inside, outside) = hosts(&lab);
        let served = vec![serve(node), serve(inside), serve(outside)];
        node.configure(&cluster(&["web"], ""), &settings(""));
        node.expect(0, &["apply", "--final"]);
        let listed = ruleset(node);
        nft(node, &["delete", "table", "inet", "rolewall"]);
        Stage { lab, _served: served, listed }
    }

    fn node(&self) -> &Host {
        hosts(&self.lab).0
    }

    fn state(&self, name: &str) -> PathBuf {
        self.node().files_outside().unwrap().join("var/lib/rolewall").join(name)
    }

    /// One bit is another.
    fn garble(&self, name: &str) {
        let mut bytes = fs::read(self.state(name)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(self.state(name), bytes).unwrap();
    }

    /// The operator gets in, customers and nodes do not, and the host itself gets out.
    #[track_caller]
    fn assert_is_fallback(&self) {
        assert_eq!(tcp_open(&self.lab, Who::Admin, &PORTS), [22]);
        assert_eq!(
            tcp_open(&self.lab, Who::AdminInside, &PORTS),
            [22, 80, 443],
            "as the plan says of admins"
        );
        assert_eq!(tcp_open(&self.lab, Who::Trusted, &PORTS), PORTS);
        for who in [Who::Stranger, Who::Trunk, Who::Node("sip"), Who::Unknown] {
            assert_eq!(tcp_open(&self.lab, who, &PORTS), [0; 0], "{who:?}");
        }
        assert_eq!(ping(&self.lab, Who::Stranger), OPEN);
        self.assert_host_gets_out();
    }

    #[track_caller]
    fn assert_host_gets_out(&self) {
        for to in Who::Stranger.addresses() {
            assert_eq!(self.node().probe(&Probe::tcp(to, 443)).unwrap(), Outcome::Open);
        }
    }

    #[track_caller]
    fn assert_is_closed(&self) {
        assert_eq!(tcp_open(&self.lab, Who::Stranger, &PORTS), [0; 0]);
        assert_eq!(tcp(&self.lab, Who::Admin, 22), OPEN);
        for to in Who::Stranger.addresses() {
            assert_ne!(self.node().probe(&Probe::tcp(to, 443)).unwrap(), Outcome::Open);
        }
    }
}

#[test]
fn a_damaged_revision_leaves_the_operator_a_way_in_and_status_says_so() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    let whole = fs::read(stage.state("confirmed.rules")).unwrap();
    stage.garble("confirmed.rules");
    node.expect(3, &["boot"]).mentions(&[
        "confirmed.rules",
        "checksum",
        "in force instead",
        "rolewall enable",
    ]);
    stage.assert_is_fallback();
    let status = node.json(&["status"]);
    assert_eq!(
        (&status["state"], &status["revision"], &status["fallback"]),
        (&json!("confirmed"), &json!(1), &json!(true))
    );
    node.expect(1, &["status"]).mentions(&["fallback of revision 1", "drift", "confirmed.rules", "checksum"]);
    // Once more says it again, and changes nothing.
    let before = generation(node);
    node.expect(3, &["boot"]);
    assert_eq!(generation(node), before);
    fs::write(stage.state("confirmed.rules"), whole).unwrap();
    node.expect(0, &["enable"]);
    assert_eq!(sorted(&ruleset(node)), sorted(&stage.listed));
    node.expect(0, &["status"]);
}

#[test]
fn a_revision_that_is_gone_or_that_linux_refuses_leaves_the_operator_a_way_in() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    let whole = fs::read(stage.state("confirmed.rules")).unwrap();
    fs::remove_file(stage.state("confirmed.rules")).unwrap();
    node.expect(3, &["boot"]).mentions(&["confirmed.rules is gone", "in force instead"]);
    stage.assert_is_fallback();
    nft(node, &["delete", "table", "inet", "rolewall"]);
    fs::write(stage.state("confirmed.rules"), with_a_set_that_is_not_there(&whole)).unwrap();
    node.expect(4, &["boot"]).mentions(&["in force instead"]);
    stage.assert_is_fallback();
    // From there, a new revision comes as always.
    node.expect(0, &["apply", "--final"]).mentions(&["revision 2"]);
    assert_eq!(sorted(&ruleset(node).replace("r2-", "r1-")), sorted(&stage.listed));
    node.expect(0, &["status"]);
    nft(node, &["delete", "table", "inet", "rolewall"]);
    node.expect(0, &["boot"]);
    node.expect(0, &["status"]);
}

/// One rule looks for a set of another name than that of the admin addresses. The checksum is right.
fn with_a_set_that_is_not_there(file: &[u8]) -> Vec<u8> {
    let end = file.iter().position(|byte| *byte == b'\n').unwrap();
    let mut batch = file[end + 1..].to_vec();
    let name = b"r1-admin-net4\0";
    let at = batch.windows(name.len()).rposition(|bytes| bytes == name).unwrap();
    batch[at] = b'x';
    let sum: String = Sha256::digest(&batch).iter().map(|byte| format!("{byte:02x}")).collect();
    let header = format!("rolewall-ruleset 1 revision=1 bytes={} sha256={sum}\n", batch.len());
    [header.as_bytes(), &batch].concat()
}

#[test]
fn with_its_fallback_damaged_too_settings_and_inventory_say_who_the_operator_is() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    stage.garble("confirmed.rules");
    stage.garble("confirmed.closed");
    let said = node.expect(3, &["boot"]);
    said.mentions(&["confirmed.rules", "confirmed.closed", "made anew from such settings and inventory"]);
    assert_eq!(tcp_open(&stage.lab, Who::Admin, &PORTS), [22]);
    assert_eq!(tcp_open(&stage.lab, Who::Trusted, &PORTS), PORTS);
    for who in [Who::Stranger, Who::Trunk, Who::Node("sip")] {
        assert_eq!(tcp_open(&stage.lab, who, &PORTS), [0; 0], "{who:?}");
    }
    stage.assert_host_gets_out();
    node.expect(1, &["status"]).mentions(&["fallback of revision 1", "drift"]);
}

#[test]
fn with_nothing_readable_ssh_alone_is_open_and_a_host_that_was_disabled_stays_so() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    for name in ["confirmed.rules", "confirmed.closed", "notes.json"] {
        fs::write(stage.state(name), "\0\0\0").unwrap();
    }
    node.configure("[cluster\n", "mode = 7\n");
    node.expect(3, &["boot"]).mentions(&["made anew"]);
    for who in [Who::Stranger, Who::Admin, Who::Trusted, Who::Node("sip")] {
        assert_eq!(tcp(&stage.lab, who, 443), CLOSED, "{who:?}");
    }
    assert_eq!(tcp(&stage.lab, Who::Stranger, 22), OPEN, "a default must not lock anyone out");
    stage.assert_host_gets_out();
    // The vendor's file is believed where ours is wrong.
    nft(node, &["delete", "table", "inet", "rolewall"]);
    node.write("/etc/voipnow/local.conf", "TRUSTED_NET 198.18.0.8/29 2001:db8:8::/64\n").unwrap();
    node.expect(3, &["boot"]);
    assert_eq!(tcp_open(&stage.lab, Who::Trusted, &PORTS), PORTS);
    nft(node, &["delete", "table", "inet", "rolewall"]);
    fs::write(stage.state("notes.json"), r#"{"format":1,"last_revision":1,"disabled":true}"#).unwrap();
    node.expect(0, &["boot"]).mentions(&["disabled"]);
    assert_eq!(ruleset(node), "");
}

#[test]
fn a_closed_host_comes_up_closed_whatever_is_damaged() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    node.expect(0, &["enable"]);
    node.expect(0, &["panic"]);
    let reboot = |code| {
        nft(node, &["delete", "table", "inet", "rolewall"]);
        node.expect(code, &["boot"])
    };
    // What closes it is damaged: the one that was confirmed does.
    let panic = fs::read(stage.state("panic.rules")).unwrap();
    stage.garble("panic.rules");
    reboot(0).mentions(&["panic.rules", "checksum"]);
    stage.assert_is_closed();
    fs::write(stage.state("panic.rules"), &panic).unwrap();
    // What is beneath is damaged: its fallback is beneath.
    stage.garble("confirmed.rules");
    reboot(3).mentions(&["confirmed.rules", "in force instead"]);
    stage.assert_is_closed();
    node.expect(0, &["resume"]);
    stage.assert_is_fallback();
    // Both are.
    fs::write(stage.state("panic.rules"), &panic).unwrap();
    stage.garble("panic.rules");
    stage.garble("confirmed.closed");
    reboot(3).mentions(&["panic.rules", "made anew"]);
    assert_eq!(tcp_open(&stage.lab, Who::Admin, &PORTS), [22]);
    assert_eq!(tcp_open(&stage.lab, Who::Stranger, &PORTS), [0; 0]);
}
