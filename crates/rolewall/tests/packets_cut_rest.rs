//! What ends where the operator says `--cut`, what stays then, and what passes through.
//! Not here: denied networks and nodes that left (`packets_cut`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_kernel::conntrack::TrackedFlow;
use rolewall_lab::{Lab, Listen};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use support::entries::{SOON, all_answer, conversations, ids, none_answers, tracked};
use support::program::Program;
use support::scene::{CLOSED, PUBLIC, Who, cluster, hosts, scene, settings, tcp};
use support::{can_run, ip, nft_load};

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

/// What makes Linux listen to FTP's own words for the connection that they announce.
const FTP: &str = "table inet helper {
    ct helper ftp { type \"ftp\" protocol tcp; }
    chain output { type filter hook output priority 0; tcp dport 21 ct helper set \"ftp\"; }
}";

/// Connects the node to a port of the stranger's, and gives both ends.
fn out_to(lab: &Lab, port: u16) -> [TcpStream; 2] {
    let (node, _, outside) = hosts(lab);
    let to = SocketAddr::new(Who::Stranger.addresses()[0], port);
    let listener = outside.in_namespace(|| TcpListener::bind(to).unwrap()).unwrap();
    let ours = node.in_namespace(|| TcpStream::connect(to).unwrap()).unwrap();
    [ours, listener.accept().unwrap().0]
}

#[test]
fn a_connection_that_a_permitted_one_announced_stays_with_it() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["sql"], "");
    let node = hosts(&lab).0;
    nft_load(node, FTP);
    let [mut control, mut server] = out_to(&lab, 21);
    for line in ["220 ready\r\n", "227 Entering Passive Mode (192,0,2,99,117,48)\r\n"] {
        server.write_all(line.as_bytes()).unwrap();
        control.read_exact(&mut vec![0; line.len()]).unwrap();
    }
    let (_data, _other) = (out_to(&lab, 117 * 256 + 48), out_to(&lab, 117 * 256 + 49));
    let announced = |f: &&TrackedFlow| f.master.is_some_and(|master| master.dst_port == 21);
    let before = tracked(node);
    let kept: Vec<u32> = before.iter().filter(announced).map(|f| f.id).collect();
    assert_eq!(kept.len(), 1, "{before:#?}");
    node.configure(&cluster(&["sql"], ""), &settings("[mode]\nout = \"enforce\""));
    node.expect(0, &["apply", "--final", "--cut"]).mentions(&["cut 1 flow that is", "-> 192.0.2.99:30001"]);
    let after: Vec<u32> = tracked(node).iter().filter(announced).map(|f| f.id).collect();
    assert_eq!(after, kept);
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
    assert_eq!(tcp(&lab, Who::Stranger, 5060), CLOSED);
}
