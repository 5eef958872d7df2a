//! What ends once a ruleset is confirmed: exactly what it no longer allows, by real packets and real entries.
//! Not here: the operator's own session (`ssh`), and what a candidate would cut (`commands_plan`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_kernel::conntrack::{self, TrackedFlow};
use rolewall_lab::{Conversation, Host, Lab, Listen, Packet, Server};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;
use support::program::Program;
use support::scene::{CLOSED, PUBLIC, Who, cluster, hosts, node_for, scene, settings, tcp, udp};
use support::{can_run, eventually, ip, nft_load};

const SOON: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_millis(20);
/// TCP asks again within one second, so what is silent for longer is cut.
const CUT: Duration = Duration::from_secs(3);

const DENY_STRANGER: &str = "[deny]\nnetworks = [\"192.0.2.99/32\", \"2001:db8::99/128\"]";

/// The scene with the node confirmed in these roles.
fn confirmed(roles: &[&str], more_settings: &str) -> Lab {
    let lab = scene();
    become_roles(&lab, roles, more_settings);
    lab
}

fn become_roles(lab: &Lab, roles: &[&str], more_settings: &str) {
    let node = hosts(lab).0;
    node.configure(&cluster(roles, ""), &settings(more_settings));
    node.expect(0, &["apply", "--final"]);
}

fn tracked(node: &Host) -> Vec<TrackedFlow> {
    node.in_namespace(conntrack::flows).unwrap().unwrap()
}

/// Ids of the entries whose first packet was somebody's.
fn ids(node: &Host, from: &[IpAddr]) -> BTreeSet<u32> {
    tracked(node).iter().filter(|f| from.contains(&f.original.src)).map(|f| f.id).collect()
}

/// Somebody's UDP sockets, one for each family, and where they ask.
struct Phone {
    sockets: [(UdpSocket, SocketAddr); 2],
}

impl Phone {
    fn new(lab: &Lab, who: Who, port: u16) -> Phone {
        let host = if who.is_inside() { hosts(lab).1 } else { hosts(lab).2 };
        let sockets = who.addresses().map(|from| {
            let bound = || UdpSocket::bind((from, 4444)).unwrap();
            let socket = host.in_namespace(bound).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            (socket, SocketAddr::new(node_for(who, from), port))
        });
        Phone { sockets }
    }

    /// Whether an answer comes to a question from the same port as ever, in each family.
    fn is_answered(&self) -> [bool; 2] {
        self.sockets.each_ref().map(|(socket, to)| {
            socket.send_to(b"?", to).unwrap();
            socket.recv(&mut [0; 64]).is_ok()
        })
    }
}

fn conversations(lab: &Lab, who: Who, port: u16) -> [Conversation; 2] {
    let host = if who.is_inside() { hosts(lab).1 } else { hosts(lab).2 };
    let conversations = who
        .addresses()
        .map(|from| host.stream_from(from, SocketAddr::new(node_for(who, from), port), EVERY).unwrap());
    assert!(conversations.iter().all(|c| c.answers_within(SOON)), "{who:?}");
    conversations
}

fn all_answer(conversations: &[Conversation]) -> bool {
    conversations.iter().all(|c| c.answers_within(SOON))
}

fn none_answers(conversations: &[Conversation]) -> bool {
    conversations.iter().all(|c| !c.answers_within(CUT))
}

#[test]
fn a_banned_scanner_loses_its_entry_with_the_confirmation_and_a_carrier_keeps_its_very_own() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["sip"], "");
    let node = hosts(&lab).0;
    let _served = node.serve(Listen::new().udp([5060])).unwrap();
    let (scanner, carrier) = (Phone::new(&lab, Who::Stranger, 5060), Phone::new(&lab, Who::Trunk, 5060));
    assert_eq!((scanner.is_answered(), carrier.is_answered()), ([true; 2], [true; 2]));
    let (stranger, trunk) = (Who::Stranger.addresses(), Who::Trunk.addresses());
    let kept = ids(node, &trunk);
    assert_eq!((ids(node, &stranger).len(), kept.len()), (2, 2));
    node.configure(&cluster(&["sip"], ""), &settings(DENY_STRANGER));
    node.expect(0, &["apply"]);
    assert_eq!(ids(node, &stranger).len(), 2, "a test ends nothing");
    let said = node.expect(0, &["confirm"]);
    said.mentions(&[
        "cut 2 flows that are no longer allowed",
        "in udp 192.0.2.99:4444 -> 192.0.2.1:5060",
        "in udp [2001:db8::99]:4444 -> [2001:db8::1]:5060",
    ]);
    assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
    assert_eq!(ids(node, &stranger), BTreeSet::new());
    assert_eq!((scanner.is_answered(), carrier.is_answered()), ([false; 2], [true; 2]));
    assert_eq!(ids(node, &trunk), kept);
    assert_eq!(ids(node, &stranger), BTreeSet::new(), "and no packet of his makes another");
}

#[test]
fn no_cut_leaves_every_entry_and_a_later_cut_takes_what_was_left() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["sip"], "");
    let node = hosts(&lab).0;
    let _served = node.serve(Listen::new().udp([5060])).unwrap();
    assert_eq!(Phone::new(&lab, Who::Stranger, 5060).is_answered(), [true; 2]);
    node.configure(&cluster(&["sip"], ""), &settings(DENY_STRANGER));
    let said = node.expect(0, &["apply", "--final", "--no-cut"]);
    assert!(!said.stderr.contains("cut 2"), "{}", said.stderr);
    let stranger = Who::Stranger.addresses();
    assert_eq!(ids(node, &stranger).len(), 2);
    let document = node.json(&["apply", "--final"]);
    assert_eq!(
        (document["changed"].as_bool(), document["ended"]["flows"].as_array().unwrap().len()),
        (Some(false), 2)
    );
    assert_eq!(ids(node, &stranger), BTreeSet::new());
}

/// A node that joined with the addresses of somebody unknown, and its connections to SQL; beside it another's.
fn with_web7(settings_of_node: &str) -> (Lab, Server, [Conversation; 2], [Conversation; 2]) {
    let lab = confirmed(&["sql"], settings_of_node);
    let node = hosts(&lab).0;
    let [v4, v6] = Who::Unknown.addresses().map(|a| a.to_string());
    node.expect(0, &["node", "add", "web7", "--private", &v4, "--private", &v6, "--role", "web"]);
    let served = node.serve(Listen::new().tcp([3306])).unwrap();
    let (leaving, staying) =
        (conversations(&lab, Who::Unknown, 3306), conversations(&lab, Who::Node("web"), 3306));
    (lab, served, leaving, staying)
}

const IN_AND_OUT: &str = "[mode]\nin = \"enforce\"\nout = \"enforce\"";

#[test]
fn a_removed_node_s_connections_end_in_both_directions_and_another_node_s_stay_the_same() {
    if !can_run() {
        return;
    }
    for (mode, closed) in [("", true), (IN_AND_OUT, false)] {
        let (lab, _served, leaving, staying) = with_web7(mode);
        let node = hosts(&lab).0;
        let kept = ids(node, &Who::Node("web").addresses());
        let said = node.expect(0, &["node", "remove", "web7"]);
        said.mentions(&["cut 2 flows that are no longer allowed", "10.20.9.9", "fd20::9:9"]);
        // Where what goes out is observed alone, a packet of the server's would bring the flow back.
        assert_eq!(said.stderr.contains("closed 2 sockets"), closed, "{}", said.stderr);
        assert!(none_answers(&leaving), "{mode}");
        let entries = tracked(node);
        let left = Who::Unknown.addresses();
        let is_theirs = |f: &&TrackedFlow| left.contains(&f.original.src) || left.contains(&f.original.dst);
        assert_eq!(entries.iter().filter(is_theirs).count(), 0, "{mode}");
        assert!(all_answer(&staying));
        assert_eq!(ids(node, &Who::Node("web").addresses()), kept);
    }
}

#[test]
fn a_node_that_the_inventory_has_no_longer_is_cut_off_by_the_confirmation() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["sql"], "");
    let node = hosts(&lab).0;
    let _served = node.serve(Listen::new().tcp([3306])).unwrap();
    let (leaving, staying) =
        (conversations(&lab, Who::Node("es"), 3306), conversations(&lab, Who::Node("dd"), 3306));
    let kept = ids(node, &Who::Node("dd").addresses());
    let inventory = cluster(&["sql"], "");
    let (before, rest) = inventory.split_once("[[node]]\nname = \"other-es\"").unwrap();
    let after = rest.split_once("\n\n").unwrap().1;
    node.configure(&format!("{before}{after}"), &settings(""));
    node.expect(0, &["apply"]);
    node.expect(0, &["confirm"]).mentions(&["cut 2 flows that are no longer allowed, and closed 2 sockets"]);
    assert!(none_answers(&leaving) && all_answer(&staying));
    assert_eq!(ids(node, &Who::Node("dd").addresses()), kept);
    assert_eq!(ids(node, &Who::Node("es").addresses()), BTreeSet::new());
}

#[test]
fn with_close_the_application_sees_a_reset_and_without_it_silence() {
    if !can_run() {
        return;
    }
    for close in [true, false] {
        let lab = confirmed(&["web"], "");
        let node = hosts(&lab).0;
        let _served = node.serve(Listen::new().tcp([443])).unwrap();
        let banned = conversations(&lab, Who::Stranger, 443);
        let others = conversations(&lab, Who::Trunk, 443);
        node.configure(&cluster(&["web"], ""), &settings(DENY_STRANGER));
        node.expect(0, &["apply"]);
        let arguments = if close { &["confirm", "--close"][..] } else { &["confirm"] };
        let said = node.expect(0, arguments);
        said.mentions(&["cut 2 flows"]);
        assert_eq!(said.stderr.contains("closed 2 sockets"), close);
        assert!(none_answers(&banned) && all_answer(&others));
        for conversation in banned {
            let end = conversation.stop().ended;
            assert_eq!(end.as_ref().is_some_and(|(_, why)| why.contains("reset")), close, "{end:?}");
        }
    }
}

#[test]
fn a_role_that_is_taken_away_leaves_its_flows_until_the_operator_says_cut() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["web"], "");
    let node = hosts(&lab).0;
    let _served = node.serve(Listen::new().tcp([443])).unwrap();
    let [customers, trusted] = [Who::Stranger, Who::Trusted].map(|who| conversations(&lab, who, 443));
    let kept = ids(node, &Who::Trusted.addresses());
    become_roles(&lab, &["sip"], "");
    assert!(all_answer(&customers));
    node.expect(0, &["apply", "--final", "--cut"]).mentions(&["cut 2 flows", "in tcp 192.0.2.99:"]);
    assert!(none_answers(&customers) && all_answer(&trusted));
    assert_eq!(ids(node, &Who::Trusted.addresses()), kept);
}

#[test]
fn what_is_only_observed_is_not_cut() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["web"], "");
    let node = hosts(&lab).0;
    let _served = node.serve(Listen::new().tcp([443])).unwrap();
    let customers = conversations(&lab, Who::Stranger, 443);
    node.configure(&cluster(&["sip"], ""), &settings("[mode]\nin = \"observe\""));
    let document = node.json(&["apply", "--final", "--cut"]);
    assert_eq!(document["ended"]["flows"].as_array().unwrap().len(), 0, "{document}");
    assert!(all_answer(&customers));
}

/// Ports of the node that it leads to a host on the private network, in both families.
const LED: &str = "table inet led {
    chain prerouting {
        type nat hook prerouting priority dstnat;
        ip daddr 192.0.2.1 tcp dport 8080 dnat ip to 10.20.9.9:80
        ip6 daddr 2001:db8::1 tcp dport 8080 dnat ip6 to [fd20::9:9]:80
    }
}";

fn lead_to_inside(lab: &Lab) {
    let (node, inside, _) = hosts(lab);
    for key in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] {
        node.set_sysctl(key, "1").unwrap();
    }
    inside.ip("route add default via 10.20.0.1\nroute add ::/0 via fd20::1\n").unwrap();
    nft_load(node, LED);
}

#[test]
fn a_flow_that_is_led_through_is_judged_by_where_it_is_led_and_ends_where_forwarding_is_refused() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["web"], "");
    lead_to_inside(&lab);
    let (node, inside, _) = hosts(&lab);
    let _served = inside.serve(Listen::new().tcp([80])).unwrap();
    let [strangers, trusted] = [Who::Stranger, Who::Trusted].map(|who| conversations(&lab, who, 8080));
    let kept = ids(node, &Who::Trusted.addresses());
    // What passes through is untouched by default: nothing to cut, though nobody permits it.
    let document = node.json(&["apply", "--final", "--cut"]);
    assert_eq!(document["ended"]["flows"].as_array().unwrap().len(), 0, "{document}");
    assert!(all_answer(&strangers));
    node.configure(&cluster(&["web"], ""), &settings("[mode]\nforward = \"enforce\""));
    let would = node.json(&["diff"]);
    let cut = would["cut_flows"].as_array().unwrap();
    assert_eq!(cut.len(), 2, "{would}");
    let is_led = |f: &serde_json::Value| {
        f["direction"] == "forward" && (f["dst"] == "10.20.9.9:80" || f["dst"] == "[fd20::9:9]:80")
    };
    assert!(cut.iter().all(is_led) && cut.iter().all(|f| f["process"].is_null()), "{would}");
    node.expect(0, &["apply"]).mentions(&["forward tcp 192.0.2.99:", "-> 10.20.9.9:80"]);
    assert!(all_answer(&strangers), "established");
    node.expect(0, &["confirm", "--cut"]).mentions(&["cut 2 flows", "forward tcp ", "-> [fd20::9:9]:80"]);
    assert!(none_answers(&strangers) && all_answer(&trusted));
    assert_eq!(ids(node, &Who::Trusted.addresses()), kept);
    assert_eq!(ids(node, &Who::Stranger.addresses()), BTreeSet::new());
}

#[test]
fn of_twenty_thousand_entries_the_three_that_are_revoked_go() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["sip"], "");
    let (node, _, outside) = hosts(&lab);
    let _served = node.serve(Listen::new().udp([5060])).unwrap();
    let [trunk, _] = Who::Trunk.addresses();
    let [stranger, _] = Who::Stranger.addresses();
    let to = SocketAddr::new(ip(PUBLIC[0]), 5060);
    let packet = |from, port| Packet::udp(SocketAddr::new(from, port), to, b"OPTIONS").unwrap();
    let mut packets: Vec<Packet> = (2_000..22_000).map(|port| packet(trunk, port)).collect();
    packets.extend((7_000..7_003).map(|port| packet(stranger, port)));
    for some in packets.chunks(500) {
        outside.send_packets(some).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    eventually(SOON, "all are tracked", || {
        ids(node, &[trunk]).len() == 20_000 && ids(node, &[stranger]).len() == 3
    });
    let kept = ids(node, &[trunk]);
    node.configure(&cluster(&["sip"], ""), &settings(DENY_STRANGER));
    node.expect(0, &["apply", "--final"]).mentions(&["cut 3 flows that are no longer allowed: "]);
    assert_eq!(ids(node, &[stranger]), BTreeSet::new());
    assert_eq!(ids(node, &[trunk]), kept);
}

#[test]
fn a_flow_that_came_by_another_interface_than_its_addresses_suggest_is_left_and_named() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["pbx"], "[interfaces]\nprivate = [\"eth0\"]\npublic = [\"eth1\"]");
    let (node, inside, _) = hosts(&lab);
    let _served = node.serve(Listen::new().udp([5050])).unwrap();
    inside.ip("route add 192.0.2.1 via 10.20.0.1\n").unwrap();
    let [sip, _] = Who::Node("sip").addresses();
    let socket = inside.in_namespace(|| UdpSocket::bind((sip, 4444)).unwrap()).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket.send_to(b"?", (ip(PUBLIC[0]), 5050)).unwrap();
    socket.recv(&mut [0; 64]).unwrap();
    let kept = ids(node, &[sip]);
    assert_eq!(kept.len(), 1);
    let said = node.expect(0, &["apply", "--final", "--cut"]);
    said.mentions(&["left 1 that may no longer be allowed: in udp 10.20.1.11:4444 -> 192.0.2.1:5050"]);
    assert_eq!(ids(node, &[sip]), kept);
}

#[test]
fn cutting_is_not_for_a_test() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["web"], "");
    let node = hosts(&lab).0;
    node.configure(&cluster(&["sip"], ""), &settings(""));
    for flag in ["--cut", "--no-cut", "--close"] {
        node.expect(2, &["apply", flag]).mentions(&["this is a test", "rolewall confirm"]);
    }
    node.expect(2, &["apply", "--final", "--cut", "--no-cut"]);
    assert_eq!((tcp(&lab, Who::Stranger, 5060), udp(&lab, Who::Stranger, 5060)).0, CLOSED);
}
