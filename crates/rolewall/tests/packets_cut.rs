//! What ends once a ruleset is confirmed: exactly what it no longer allows, by real packets and real entries.
//! Not here: the operator's own session (`ssh`), and what a candidate would cut (`commands_plan`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_kernel::conntrack::TrackedFlow;
use rolewall_lab::{Conversation, Host, Lab, Listen, Packet, Server};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use support::entries::{Phone, SOON, all_answer, conversations, ids, none_answers, tracked};
use support::program::Program;
use support::scene::{PRIVATE, PUBLIC, Who, cluster, hosts, node_for, scene, settings};
use support::{can_run, eventually, ip};

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
    // What the node itself sends him makes an entry by which answers are established, and are denied all the same.
    let to_scanner = stranger.iter().zip(PUBLIC.map(ip)).map(|(to, own)| {
        Packet::udp(SocketAddr::new(own, 5060), SocketAddr::new(*to, 4444), b"OPTIONS").unwrap()
    });
    node.send_packets(&to_scanner.collect::<Vec<_>>()).unwrap();
    assert_eq!(ids(node, &PUBLIC.map(ip)).len(), 2);
    scanner.forget_answers();
    assert_eq!(scanner.is_answered(), [false; 2]);
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
fn datagrams_of_a_removed_node_end_and_it_is_said_that_the_host_s_own_could_begin_again() {
    if !can_run() {
        return;
    }
    let lab = confirmed(&["pbx"], "");
    let node = hosts(&lab).0;
    let [v4, v6] = Who::Unknown.addresses().map(|a| a.to_string());
    node.expect(0, &["node", "add", "sip7", "--private", &v4, "--private", &v6, "--role", "sip"]);
    let _served = node.serve(Listen::new().udp([5050])).unwrap();
    let (leaving, staying) = (Phone::new(&lab, Who::Unknown, 5050), Phone::new(&lab, Who::Node("sip"), 5050));
    assert_eq!((leaving.is_answered(), staying.is_answered()), ([true; 2], [true; 2]));
    let kept = ids(node, &Who::Node("sip").addresses());
    let document = node.json(&["node", "remove", "sip7"]);
    let ended = &document["ended"];
    assert_eq!((&ended["sockets"], &ended["returning"]), (&0.into(), &2.into()), "{document}");
    let flows = ["in udp 10.20.9.9:4444 -> 10.20.0.1:5050", "in udp [fd20::9:9]:4444 -> [fd20::1]:5050"];
    assert_eq!(ended["flows"], serde_json::json!(flows));
    assert_eq!((leaving.is_answered(), staying.is_answered()), ([false; 2], [true; 2]));
    assert_eq!(ids(node, &Who::Node("sip").addresses()), kept);
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

/// A connection from somebody on the private network to a port of the node.
fn connected(inside: &Host, from: IpAddr, port: u16) -> TcpStream {
    let to = SocketAddr::new(node_for(Who::Unknown, from), port);
    let open = || {
        let family = if from.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        bind(&socket, &SocketAddr::new(from, 0)).unwrap();
        connect(&socket, &to).unwrap();
        TcpStream::from(socket)
    };
    inside.in_namespace(open).unwrap()
}

/// Speaks to whoever connects, without being asked, for as long as it can.
fn speak(listener: &TcpListener) {
    let mut connection = listener.accept().unwrap().0;
    std::thread::spawn(move || {
        while connection.write_all(b"news").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

/// How long until a connection that is spoken to hears no more: by a reset, or by silence for two seconds.
fn is_over_within(mut connection: &TcpStream, within: Duration) -> bool {
    connection.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let deadline = Instant::now() + within;
    while Instant::now() < deadline {
        match connection.read(&mut [0; 4096]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(e) => {
                let ends = [ErrorKind::ConnectionReset, ErrorKind::WouldBlock, ErrorKind::TimedOut];
                assert!(ends.contains(&e.kind()), "{e}");
                return true;
            }
        }
    }
    false
}

#[test]
fn a_server_that_speaks_by_itself_does_not_bring_a_removed_node_s_connection_back() {
    if !can_run() {
        return;
    }
    for mode in ["", IN_AND_OUT] {
        let lab = confirmed(&["sql"], mode);
        let (node, inside, _) = hosts(&lab);
        let both = Who::Unknown.addresses();
        let [v4, v6] = both.map(|a| a.to_string());
        node.expect(0, &["node", "add", "web7", "--private", &v4, "--private", &v6, "--role", "web"]);
        let any = SocketAddr::new(ip("::"), 3306);
        let listener = node.in_namespace(|| TcpListener::bind(any).unwrap()).unwrap();
        let connections = both.map(|from| {
            let mut connection = connected(inside, from, 3306);
            speak(&listener);
            connection.read_exact(&mut [0; 4]).unwrap();
            connection
        });
        node.expect(0, &["node", "remove", "web7"]).mentions(&["cut 2 flows"]);
        assert!(connections.iter().all(|c| is_over_within(c, SOON)), "{mode}");
        let ours = PRIVATE.map(ip);
        let is_back = |f: &TrackedFlow| both.contains(&f.original.dst) && ours.contains(&f.original.src);
        assert!(!tracked(node).iter().any(is_back), "{mode}: the server's own packets made an entry");
    }
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
