//! What a candidate would cut is said before: the operator's own session first, then the others with their ends
//! and their processes.
//! Not here: cutting (`packets_cut`), and the operator's own session over a real ssh (`ssh`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, Lab, Running};
use serde_json::json;
use support::can_run;
use support::entries::{Phone, SOON, conversations};
use support::program::Program;
use support::scene::{Who, cluster, hosts, scene, settings};

/// A node that is open as yet, with a process of that name on these ports.
fn with_process(name_and_ports: &str) -> (Lab, Running) {
    let lab = scene();
    let node = hosts(&lab).0;
    node.configure(&cluster(&["sql"], ""), &settings(""));
    let process = stand_in(node, name_and_ports);
    (lab, process)
}

fn stand_in(node: &Host, name_and_ports: &str) -> Running {
    let mut process = node.rolewall(&["drill", "--stand-in", name_and_ports]).spawn().unwrap();
    process.wait_for("ready", SOON).unwrap();
    process
}

#[test]
fn a_tracked_flow_and_a_connection_are_told_with_the_process_that_holds_them() {
    if !can_run() {
        return;
    }
    let (lab, _kamailio) = with_process("kamailio=udp/5060,tcp/5060");
    let node = hosts(&lab).0;
    // Makes Linux track what comes in.
    node.configure(&cluster(&["sip"], ""), &settings(""));
    node.expect(0, &["apply", "--final"]);
    let phone = Phone::new(&lab, Who::Stranger, 5060);
    assert_eq!(phone.is_answered(), [true; 2]);
    let _calls = conversations(&lab, Who::Trunk, 5060);
    node.configure(&cluster(&["sql"], ""), &settings(""));
    let said = node.expect(1, &["diff"]);
    let cuts: Vec<&str> = said.stdout.lines().filter(|l| l.starts_with("cuts ")).collect();
    assert_eq!(cuts.len(), 4, "{}", said.stdout);
    assert!(cuts.is_sorted() && cuts.iter().all(|l| l.contains("(kamailio, process ")), "{cuts:#?}");
    let document = node.json(&["diff"]);
    let flows = document["cut_flows"].as_array().unwrap();
    assert_eq!((document["cut"].as_array().unwrap().len(), flows.len()), (4, 4), "{document}");
    let of_phone = flows.iter().find(|f| f["src"] == "192.0.2.99:4444").unwrap();
    assert_eq!(
        (&of_phone["direction"], &of_phone["proto"], &of_phone["dst"], &of_phone["own_session"]),
        (&json!("in"), &json!("udp"), &json!("192.0.2.1:5060"), &json!(false))
    );
    assert!(flows.iter().all(|f| f["process"]["name"] == "kamailio" && f["process"]["id"].is_u64()));
    node.expect(0, &["apply"]).mentions(&["4 live flows could not begin again", "(kamailio, process "]);
}
