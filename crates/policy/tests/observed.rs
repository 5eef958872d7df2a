//! Inventory, files and sockets side by side: which of them counts, and what is said where they disagree.
//! Not here: reading them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use rolewall_evidence::{
    Address, Endpoint, Evidence, Found, Holder, Kind, Listening, Peer, Transport, Unresolved,
};
use rolewall_policy::observed::{Facts, conflicts};
use rolewall_policy::plan::Me;
use rolewall_policy::{Catalogue, Inventory, Observed, RoleName, Source, inventory, observe};
use std::net::IpAddr;

fn evidence(kind: Kind, source: &str) -> Vec<Evidence> {
    vec![Evidence { kind, source: source.to_owned(), text: String::new() }]
}

/// `kamailio/sip udp 0.0.0.0 5060`, as a file says it.
fn file(words: &str) -> Endpoint {
    let words: Vec<&str> = words.split(' ').collect();
    let [service, transport, address, ports] = words[..] else { panic!("{words:?}") };
    let (program, purpose) = service.split_once('/').unwrap();
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    Endpoint {
        service: program.to_owned(),
        purpose: Some(String::leak(purpose.to_owned())),
        transport: transport_of(transport),
        address: address_of(address),
        ports: (first.parse().unwrap(), last.parse().unwrap()),
        tls: None,
        evidence: evidence(Kind::Config, &format!("/etc/{program}.conf:1")),
    }
}

fn files(all: &[&str]) -> Found {
    Found { endpoints: all.iter().map(|words| file(words)).collect(), ..Found::default() }
}

/// `kamailio udp 0.0.0.0 5060`, as a socket says it.
fn socket(words: &str) -> Listening {
    let words: Vec<&str> = words.split(' ').collect();
    let [process, transport, address, port] = words[..] else { panic!("{words:?}") };
    Listening {
        transport: transport_of(transport),
        address: address_of(address),
        port: port.parse().unwrap(),
        holder: Some(Holder { name: process.to_owned(), id: 7, unit: None }),
    }
}

fn sockets(all: &[&str]) -> Vec<Listening> {
    all.iter().map(|words| socket(words)).collect()
}

fn transport_of(word: &str) -> Transport {
    match word {
        "tcp" => Transport::Tcp,
        "udp" => Transport::Udp,
        _ => Transport::Sctp,
    }
}

fn address_of(word: &str) -> Address {
    if word == "*" { Address::Every } else { Address::One(word.parse::<IpAddr>().unwrap()) }
}

fn cluster(node: &str) -> Inventory {
    let text = format!(
        "[cluster]\nname = \"c\"\nprivate = [\"10.20.0.0/16\"]\n[[node]]\nname = \"me\"\nprivate = [\"10.20.0.1\"]\n{node}\n"
    );
    let source =
        Source::from_bytes(std::path::Path::new("/etc/rolewall/cluster.toml"), text.into_bytes()).unwrap();
    inventory::parse(&[source], &Catalogue::built_in()).unwrap()
}

/// This node, with these lines of the inventory.
fn me(node: &str, observed: &Observed) -> Me {
    Me::from_node(&cluster(node).nodes[0], observed)
}

/// The ports of a service, as words.
fn ports(me: &Me, role: &str, service: &str) -> Vec<String> {
    let catalogue = Catalogue::built_in();
    let role = &catalogue.roles[role];
    let at = role.services.iter().position(|s| s.name == service).unwrap();
    me.ports_of(role, at, &role.services[at]).iter().map(ToString::to_string).collect()
}

fn see(found: &Found, listening: Option<&[&str]>) -> Observed {
    let sockets = listening.map(sockets);
    observe(&Catalogue::built_in(), found, sockets.as_deref())
}

fn kinds(me: &Me, observed: &Observed, facts: Facts) -> Vec<&'static str> {
    conflicts(&Catalogue::built_in(), Some(me), observed, facts).iter().map(|c| c.kind).collect()
}

const SQL: &str = "roles = [\"sql\"]";

#[test]
fn the_inventorys_ports_count_before_a_files_and_a_files_before_the_roles() {
    let moved = see(&files(&["mysql/mysql tcp * 3399"]), None);
    assert_eq!(ports(&me(SQL, &moved), "sql", "mysql"), ["tcp/3399"]);
    let written = me("roles = [\"sql\"]\nports = { sql = [\"tcp/3307\"] }", &moved);
    assert_eq!(ports(&written, "sql", "mysql"), ["tcp/3307"]);
    assert_eq!(ports(&me(SQL, &see(&Found::default(), None)), "sql", "mysql"), ["tcp/3306"]);
    assert_eq!(kinds(&written, &moved, Facts::default()), ["port-differs"]);
    assert_eq!(kinds(&me(SQL, &moved), &moved, Facts::default()), ["port-differs"]);
}

#[test]
fn a_further_port_of_a_program_is_not_opened_because_it_is_there() {
    let observed =
        see(&files(&["nginx/http tcp * 80", "nginx/http tcp * 8080", "nginx/https tcp * 443"]), None);
    let me = me("roles = [\"web\"]\npublic = [\"192.0.2.1\"]", &observed);
    assert_eq!(ports(&me, "web", "web"), ["tcp/80", "tcp/443"]);
    let besides = &observed.configured[&(RoleName("web".into()), "web".into())].besides;
    assert_eq!(besides.iter().map(ToString::to_string).collect::<Vec<_>>(), ["tcp/8080"]);
}

#[test]
fn a_loopback_bind_moves_no_port_and_is_told() {
    let observed = see(&files(&["mysql/mysql tcp 127.0.0.1 3399"]), None);
    let me = me(SQL, &observed);
    assert_eq!(ports(&me, "sql", "mysql"), ["tcp/3306"]);
    assert_eq!(kinds(&me, &observed, Facts::default()), ["loopback-only"]);
}

#[test]
fn a_media_range_is_the_configured_one_and_all_of_it() {
    let all = files(&["asterisk/rtp udp 0.0.0.0 12000-13000", "rtpengine/rtp udp 192.0.2.1 30000-31000"]);
    let me = me("roles = [\"pbx\"]\npublic = [\"192.0.2.1\"]", &see(&all, None));
    assert_eq!(ports(&me, "pbx", "rtp"), ["udp/12000-13000", "udp/30000-31000"]);
}

#[test]
fn where_files_were_understood_in_part_the_roles_ports_count_beside() {
    let mut found = files(&["kamailio/sip udp 192.0.2.1 5070"]);
    let what = "the address of \"MY_IP\"".to_owned();
    found.unresolved.push(Unresolved { service: "kamailio", what, is_random: false, evidence: Vec::new() });
    let node = "roles = [\"sip\"]\npublic = [\"192.0.2.1\"]";
    assert_eq!(ports(&me(node, &see(&found, None)), "sip", "sip"), ["udp/5070", "udp/5060", "tcp/5060"]);
    // A port that is another one at each start is none of the role's.
    found.unresolved[0].is_random = true;
    assert_eq!(ports(&me(node, &see(&found, None)), "sip", "sip"), ["udp/5070"]);
}

#[test]
fn a_process_of_the_role_on_a_port_of_the_role_counts_beside_its_files() {
    // The vendor's own web server has no file that is read, and nginx serves something beside it.
    let listening = ["httpsa tcp * 443", "nginx tcp * 80", "python3 tcp * 8443"];
    let observed = see(&files(&["nginx/http tcp * 80"]), Some(&listening));
    let me = me("roles = [\"web\"]\npublic = [\"192.0.2.1\"]", &observed);
    assert_eq!(ports(&me, "web", "web"), ["tcp/80", "tcp/443"]);
}

#[test]
fn the_vendors_files_say_the_port_of_servers_that_are_elsewhere() {
    let peer = Peer {
        service: "voipnow",
        purpose: "redis",
        host: "10.20.0.9".into(),
        addresses: vec!["10.20.0.9".parse().unwrap()],
        transport: Transport::Tcp,
        port: 6390,
        evidence: evidence(Kind::Config, "/etc/voipnow/disdbase.conf:1"),
    };
    let observed = see(&Found { peers: vec![peer], ..Found::default() }, None);
    assert_eq!(ports(&me("roles = [\"dd\"]", &observed), "dd", "hubring"), ["tcp/6390"]);
}

#[test]
fn without_an_inventory_only_what_listens_counts() {
    let listening = ["mariadbd tcp 10.20.0.1 3399", "kamailio udp 192.0.2.1 5060", "nc tcp * 443"];
    let configured = files(&["mysql/mysql tcp 10.20.0.1 3399", "nginx/https tcp * 443"]);
    let observed = see(&configured, Some(&listening));
    let me = Me::from_evidence("bare", &observed);
    let roles: Vec<&str> = me.roles.iter().map(|role| role.0.as_str()).collect();
    assert_eq!(roles, ["sip", "sql"]);
    assert_eq!(ports(&me, "sql", "mysql"), ["tcp/3399"]);
    assert_eq!(ports(&me, "web", "web"), [""; 0]);
}

#[test]
fn ssh_is_open_where_its_file_says_and_where_it_listens() {
    let observed = see(&files(&["sshd/ssh tcp 0.0.0.0 2022"]), Some(&["sshd tcp 0.0.0.0 22"]));
    let mut ssh: Vec<String> = observed.ssh.iter().map(ToString::to_string).collect();
    ssh.sort();
    assert_eq!(ssh, ["tcp/2022", "tcp/22"]);
}

#[test]
fn a_socket_confirms_its_file_whatever_the_addresses_it_is_cut_into() {
    let every = files(&["kamailio/sip udp 0.0.0.0 5060", "mysql/mysql tcp * 3306"]);
    let listening = [
        "kamailio udp 192.0.2.1 5060",
        "kamailio udp 127.0.0.1 5060",
        "mariadbd tcp 0.0.0.0 3306",
        "mariadbd tcp :: 3306",
    ];
    let observed = see(&every, Some(&listening));
    assert_eq!(observed.endpoints.len(), 2);
    assert!(observed.endpoints.iter().all(|o| o.is_listening == Some(true)));
}

#[test]
fn a_file_and_a_socket_that_disagree_are_told_together() {
    let observed = see(&files(&["mysql/mysql tcp 10.20.0.1 3306"]), Some(&["mariadbd tcp 10.20.0.1 3307"]));
    let found = conflicts(&Catalogue::built_in(), Some(&me(SQL, &observed)), &observed, Facts::default());
    let differs = found.iter().find(|c| c.kind == "port-differs").unwrap();
    assert_eq!(
        differs.what,
        "mysql: its file says tcp 10.20.0.1 3306 (mysql), and it listens on tcp 10.20.0.1 3307 (mariadbd)"
    );
    assert_eq!(differs.evidence.len(), 2);
}

#[test]
fn each_disagreement_has_its_kind() {
    let facts = Facts { ephemeral: Some((32768, 60999)), is_public: true };
    let of = |node: &str, all: &[&str], listening: &[&str]| {
        let observed = see(&files(all), Some(listening));
        kinds(&me(node, &observed), &observed, facts)
    };
    assert_eq!(of("roles = [\"worker\"]", &[], &["python3 tcp * 8000"]), ["no-role"]);
    assert_eq!(of("roles = [\"worker\"]", &[], &["mariadbd tcp 10.20.0.1 3306"]), ["role-not-assigned"]);
    assert_eq!(of("roles = [\"worker\"]", &[], &["docker-proxy tcp * 8000"]), ["published"]);
    assert_eq!(of("roles = [\"worker\"]", &[], &["named udp * 40000", "x tcp 127.0.0.1 9"]), [""; 0]);
    assert_eq!(of("roles = [\"dd\"]", &[], &[]), ["nothing-listens"]);
    let (file, socket) = ("redis/redis tcp 10.20.0.1 11211", "redis-server tcp 10.20.0.1 11211");
    assert_eq!(of("roles = [\"dd\"]", &[file], &[socket]), [""; 0]);
    assert_eq!(of("roles = [\"dd\"]", &[file], &[]), ["nothing-listens", "not-listening"]);
    assert_eq!(of("roles = [\"dd\"]", &[], &["redis-server tcp 0.0.0.0 11211"]), ["public-bind"]);
    assert_eq!(of("roles = [\"dd\"]", &[], &["redis-server tcp 192.0.2.1 11211"]), ["public-bind"]);
}

#[test]
fn media_that_swallows_signalling_or_meets_clients_ports_is_told() {
    let facts = Facts { ephemeral: Some((32768, 60999)), is_public: true };
    let all = files(&["rtpengine/rtp udp 192.0.2.1 5000-40000", "asterisk/t38 udp 0.0.0.0 4000-4999"]);
    let observed = see(&all, None);
    let me = me("roles = [\"pbx\"]\npublic = [\"192.0.2.1\"]", &observed);
    let found = conflicts(&Catalogue::built_in(), Some(&me), &observed, facts);
    let swallows = found.iter().find(|c| c.kind == "media-swallows").unwrap();
    assert!(swallows.what.contains("5050, 5060, 5061"), "{}", swallows.what);
    assert!(found.iter().any(|c| c.kind == "media-ephemeral" && c.what.contains("32768-60999")));
}

#[test]
fn two_programs_on_one_port_are_told_but_not_epmd() {
    let all = files(&[
        "nginx/http tcp * 80",
        "httpd/http tcp 192.0.2.1 80",
        "rabbitmq/epmd tcp 0.0.0.0 4369",
        "ejabberd/epmd tcp 0.0.0.0 4369",
    ]);
    let observed = see(&all, None);
    let me = me("roles = [\"web\", \"queue\", \"jabber\"]\npublic = [\"192.0.2.1\"]", &observed);
    let found = conflicts(&Catalogue::built_in(), Some(&me), &observed, Facts::default());
    let shared: Vec<&str> =
        found.iter().filter(|c| c.kind == "shared-port").map(|c| c.what.as_str()).collect();
    assert_eq!(shared, ["two services on one port: tcp * 80 (nginx) and tcp 192.0.2.1 80 (httpd)"]);
}
