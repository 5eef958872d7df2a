//! Other people's firewalls explained: what `explain` says of a flow, and what becomes of a real packet.
//! Not here: our own rules (`commands_plan`, `worlds`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, HostSpec, Lab, Listen, Outcome, Probe, Server};
use serde_json::Value;
use support::program::Program;
use support::{can_run, ip, nft_load};

const STRANGER: &str = "192.0.2.99";
const STRANGER6: &str = "2001:db8::99";
const NODE: &str = "192.0.2.1";
const NODE6: &str = "2001:db8::1";
const CONTAINER: &str = "172.17.0.2";
/// Ports at which everybody serves.
const PORTS: [u16; 10] = [22, 25, 53, 80, 81, 443, 3306, 8080, 8081, 8082];

/// A stranger, a node that forwards, and a container behind it; each answers at every port.
struct Stage {
    lab: Lab,
    _servers: Vec<Server>,
}

fn stage() -> Stage {
    let node = HostSpec::new("node")
        .plug("public", "eth0", &["192.0.2.1/24", "2001:db8::1/64"])
        .and_then(|node| node.plug("containers", "docker0", &["172.17.0.1/16"]));
    let stranger = HostSpec::new("stranger").plug("public", "eth0", &["192.0.2.99/24", "2001:db8::99/64"]);
    let container = HostSpec::new("container").plug("containers", "eth0", &["172.17.0.2/16"]);
    let lab = Lab::builder()
        .network("public")
        .network("containers")
        .host(node.unwrap())
        .host(stranger.unwrap())
        .host(container.unwrap().gateway(ip("172.17.0.1")))
        .up()
        .unwrap();
    lab.host("node").unwrap().set_sysctl("net.ipv4.ip_forward", "1").unwrap();
    let serve = |host: &Host| host.serve(Listen::new().tcp(PORTS).udp(PORTS)).unwrap();
    let servers = ["node", "container"].map(|name| serve(lab.host(name).unwrap()));
    Stage { lab, _servers: servers.into() }
}

impl Stage {
    fn node(&self) -> &Host {
        self.lab.host("node").unwrap()
    }

    /// Gives rules to `iptables-nft`, one a line.
    fn iptables(&self, rules: &str) {
        for rule in rules.lines().map(str::trim).filter(|rule| !rule.is_empty()) {
            let words = rule.split_whitespace();
            self.node().command("iptables-nft").args(words).run().unwrap().ok().unwrap();
        }
    }

    /// What is said of a stranger's first packet to a port of the node.
    fn explained(&self, proto: &str, from: &str, to: &str, port: u16) -> Value {
        let to = if to.contains(':') { format!("[{to}]:{port}") } else { format!("{to}:{port}") };
        self.node().json(&["explain", "in", proto, from, &to, "--iif", "eth0"])
    }

    /// A real packet has the fate that is explained, at each port.
    #[track_caller]
    fn agrees(&self, proto: &str, (from, to): (&str, &str), ports: &[u16]) {
        for port in ports {
            let probe = if proto == "tcp" { Probe::tcp(ip(to), *port) } else { Probe::udp(ip(to), *port) };
            let happened = self.lab.host("stranger").unwrap().probe(&probe.from(ip(from))).unwrap();
            let said = self.explained(proto, from, to, *port);
            let expected = match happened {
                Outcome::Open => "accept",
                Outcome::Silent => "drop",
                _ => "reject",
            };
            assert_eq!(said["verdict"], expected, "{proto} {to}:{port} was {happened:?}\n{said:#}");
        }
    }
}

/// As Docker 24 writes them (networks of one bridge, three published ports), with one that nobody lets through.
const DOCKER: &str = "
    -P FORWARD DROP
    -N DOCKER
    -N DOCKER-USER
    -N DOCKER-ISOLATION-STAGE-1
    -N DOCKER-ISOLATION-STAGE-2
    -A FORWARD -j DOCKER-USER
    -A FORWARD -j DOCKER-ISOLATION-STAGE-1
    -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A FORWARD -o docker0 -j DOCKER
    -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
    -A FORWARD -i docker0 -o docker0 -j ACCEPT
    -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
    -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p udp -m udp --dport 53 -j ACCEPT
    -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
    -A DOCKER-ISOLATION-STAGE-1 -j RETURN
    -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
    -A DOCKER-ISOLATION-STAGE-2 -j RETURN
    -A DOCKER-USER -p tcp -m conntrack --ctorigdstport 8082 --ctdir ORIGINAL -j DROP
    -A DOCKER-USER -j RETURN
    -t nat -N DOCKER
    -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
    -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
    -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
    -t nat -A DOCKER -i docker0 -j RETURN
    -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
    -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8081 -j DNAT --to-destination 172.17.0.2:81
    -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8082 -j DNAT --to-destination 172.17.0.2:80
    -t nat -A DOCKER ! -i docker0 -p udp -m udp --dport 53 -j DNAT --to-destination 172.17.0.2:53
";

#[test]
fn a_published_port_goes_through_forward_and_who_decides_there_is_told() {
    if !can_run() {
        return;
    }
    let stage = stage();
    stage.iptables(DOCKER);
    stage.agrees("tcp", (STRANGER, NODE), &[22, 80, 8080, 8081, 8082]);
    stage.agrees("udp", (STRANGER, NODE), &[53, 80]);
    stage.agrees("tcp", (STRANGER6, NODE6), &[22, 8080]);
    let said = stage.explained("tcp", STRANGER, NODE, 8080);
    assert_eq!(said["decided_by"]["table"], "ip filter");
    assert_eq!(said["decided_by"]["chain"], "DOCKER");
    assert!(said["notes"][0].as_str().unwrap().contains("to 172.17.0.2:80, and it goes through forward"));
    let said = stage.explained("tcp", STRANGER, NODE, 8081);
    assert_eq!(said["decided_by"]["chain"], "FORWARD");
    assert_eq!(said["decided_by"]["rule"], "policy drop");
    // From the container itself, it goes out, and its source is translated.
    let out =
        ["explain", "forward", "tcp", CONTAINER, "198.51.100.7:443", "--iif", "docker0", "--oif", "eth0"];
    let said = stage.node().json(&out);
    assert_eq!(said["verdict"], "accept");
    let last = said["path"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["hook"], &last["outcome"]), (&"postrouting".into(), &"source of port 40000".into()));
}

/// As ufw writes them, with `limit` for ssh.
const UFW: &str = "
    -P INPUT DROP
    -N ufw-before-input
    -N ufw-not-local
    -N ufw-user-input
    -N ufw-user-limit
    -N ufw-user-limit-accept
    -N ufw-after-input
    -A INPUT -j ufw-before-input
    -A INPUT -j ufw-after-input
    -A ufw-before-input -i lo -j ACCEPT
    -A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A ufw-before-input -m conntrack --ctstate INVALID -j DROP
    -A ufw-before-input -p icmp -m icmp --icmp-type 8 -j ACCEPT
    -A ufw-before-input -j ufw-not-local
    -A ufw-before-input -j ufw-user-input
    -A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
    -A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
    -A ufw-not-local -m addrtype --dst-type BROADCAST -j RETURN
    -A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j DROP
    -A ufw-not-local -j DROP
    -A ufw-user-input -p tcp -m multiport --dports 80,443 -m comment --comment web -j ACCEPT
    -A ufw-user-input -p udp --dport 53 -j ACCEPT
    -A ufw-user-input -p tcp --dport 22 -m conntrack --ctstate NEW -m recent --set --name DEFAULT
    -A ufw-user-input -p tcp --dport 22 -m conntrack --ctstate NEW -m recent --update --seconds 30 --hitcount 6 -j ufw-user-limit
    -A ufw-user-input -p tcp --dport 22 -j ufw-user-limit-accept
    -A ufw-user-limit -j REJECT --reject-with icmp-port-unreachable
    -A ufw-user-limit-accept -j ACCEPT
    -A ufw-after-input -p tcp --dport 25 -j REJECT --reject-with tcp-reset
";

#[test]
fn ufws_rules_are_explained_as_they_work_and_its_limit_is_a_may() {
    if !can_run() {
        return;
    }
    let stage = stage();
    stage.iptables(UFW);
    stage.agrees("tcp", (STRANGER, NODE), &[25, 80, 81, 443, 3306]);
    stage.agrees("udp", (STRANGER, NODE), &[53, 80]);
    let said = stage.explained("tcp", STRANGER, NODE, 80);
    assert!(said["decided_by"]["rule"].as_str().unwrap().contains("xt match multiport dports 80,443"));
    let said = stage.explained("tcp", STRANGER, NODE, 22);
    assert_eq!(said["verdict"], "may");
    assert!(said["decided_by"]["rule"].as_str().unwrap().contains("xt match recent check list DEFAULT"));
}

/// As firewalld 1.3 writes them, with a forwarded port, a rich rule and a zone by source.
const FIREWALLD: &str = r#"table inet firewalld {
	chain mangle_PREROUTING {
		type filter hook prerouting priority mangle + 10; policy accept;
		meta nfproto ipv6 icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
		meta nfproto ipv6 fib saddr . mark . iif oif missing drop
	}
	chain nat_PREROUTING {
		type nat hook prerouting priority dstnat + 10; policy accept;
		iifname "eth0" goto nat_PRE_public
	}
	chain nat_PRE_public {
		meta nfproto ipv4 tcp dport 8080 dnat ip to 172.17.0.2:80
		meta nfproto ipv4 tcp dport 8081 redirect to :80
	}
	chain nat_POSTROUTING {
		type nat hook postrouting priority srcnat + 10; policy accept;
		oifname "eth0" meta nfproto ipv4 masquerade
	}
	chain filter_INPUT {
		type filter hook input priority filter + 10; policy accept;
		ct state { established, related } accept
		ct status dnat accept
		iifname "lo" accept
		ct state invalid drop
		ip saddr 192.0.2.0/24 tcp dport 25 drop
		iifname "eth0" goto filter_IN_public
		reject with icmpx admin-prohibited
	}
	chain filter_FORWARD {
		type filter hook forward priority filter + 10; policy accept;
		ct state { established, related } accept
		ct status dnat accept
		iifname "lo" accept
		reject with icmpx admin-prohibited
	}
	chain filter_IN_public {
		tcp dport 22 accept
		ip6 daddr fe80::/64 udp dport 546 accept
		udp dport 53 counter accept
		meta l4proto { icmp, ipv6-icmp } accept
		reject with icmpx admin-prohibited
	}
}
"#;

#[test]
fn firewallds_rules_are_explained_as_they_work() {
    if !can_run() {
        return;
    }
    let stage = stage();
    nft_load(stage.node(), FIREWALLD);
    stage.agrees("tcp", (STRANGER, NODE), &[22, 25, 80, 443, 8080, 8081]);
    stage.agrees("udp", (STRANGER, NODE), &[53, 80]);
    stage.agrees("tcp", (STRANGER6, NODE6), &[22, 80, 8080]);
    let said = stage.explained("tcp", STRANGER, NODE, 8080);
    assert_eq!(said["decided_by"]["chain"], "filter_FORWARD");
    let said = stage.explained("tcp", STRANGER, NODE, 8081);
    assert_eq!(said["decided_by"]["rule"], "ct status dnat accept");
    assert!(said["notes"][0].as_str().unwrap().contains("to 192.0.2.1:80, and it goes to this host"));
}

/// Chains of nat at one hook: in two tables, of priorities that nat does not run at; and a filter between.
const NATS: &str = "table ip late {
	chain pre {
		type nat hook prerouting priority -90; policy accept;
		tcp dport 8080 dnat to 172.17.0.2:81
		tcp dport 8081 dnat to 172.17.0.2:80
	}
}
table ip early {
	chain pre {
		type nat hook prerouting priority -199; policy accept;
		tcp dport 8080 dnat to 172.17.0.2:80
		tcp dport 8081 accept
		tcp dport 8082 dnat to 172.17.0.2:80
	}
}
table ip between {
	chain pre {
		type filter hook prerouting priority -150; policy accept;
		tcp dport 8082 drop
		ct state invalid tcp dport 443 drop
	}
	chain forward {
		type filter hook forward priority 0; policy drop;
		ct state established accept
		tcp dport 80 ct original proto-dst 8080-8081 accept
	}
}
table ip raw {
	chain pre {
		type filter hook prerouting priority -300; policy accept;
		ct state invalid tcp dport 53 drop
		tcp dport 3306 notrack
	}
	chain input {
		type filter hook input priority 0; policy accept;
		ct state untracked tcp dport 3306 drop
	}
}
";

/// The first that translates ends nat, an accept ends its own chain alone, and nat runs where nat runs; before
/// conntrack a packet is as if it were invalid.
#[test]
fn chains_of_nat_run_one_after_the_other_where_nat_runs() {
    if !can_run() {
        return;
    }
    let stage = stage();
    nft_load(stage.node(), NATS);
    stage.agrees("tcp", (STRANGER, NODE), &[53, 80, 443, 3306, 8080, 8081, 8082]);
}

/// As fail2ban writes them with `banaction = nftables`, and a table of CrowdSec's.
const BANS: &str = "table inet f2b-table {
	set addr-set-sshd {
		type ipv4_addr
		elements = { 192.0.2.99, 203.0.113.5 }
	}
	chain f2b-chain {
		type filter hook input priority filter - 1; policy accept;
		tcp dport 22 ip saddr @addr-set-sshd reject with icmp port-unreachable
	}
}
table ip6 crowdsec6 {
	set crowdsec6-blacklists {
		type ipv6_addr
		flags timeout
		elements = { 2001:db8::99 timeout 4h }
	}
	chain crowdsec6-chain {
		type filter hook input priority filter; policy accept;
		ip6 saddr @crowdsec6-blacklists drop
	}
}
";

#[test]
fn a_ban_is_told_with_the_element_that_holds_the_address() {
    if !can_run() {
        return;
    }
    let stage = stage();
    nft_load(stage.node(), BANS);
    stage.agrees("tcp", (STRANGER, NODE), &[22, 80]);
    stage.agrees("tcp", (STRANGER6, NODE6), &[22, 80]);
    let said = stage.explained("tcp", STRANGER, NODE, 22);
    let last = said["path"].as_array().unwrap().last().unwrap();
    assert_eq!(last["element"], "addr-set-sshd: 192.0.2.99");
    let said = stage.explained("tcp", STRANGER6, NODE6, 80);
    assert_eq!(said["decided_by"]["table"], "ip6 crowdsec6");
}

/// Sets of every type that is modelled, and what fail2ban and others do with them.
const IPSETS: &str = "
    create banned hash:ip
    add banned 192.0.2.99
    create others hash:ip
    add others 203.0.113.9
    create nets hash:net
    add nets 192.0.2.0/24
    add nets 192.0.2.96/28 nomatch
    create pairs hash:ip,port
    add pairs 192.0.2.99,tcp:80
    create ports bitmap:port range 0-1023
    add ports 443
    create netports hash:net,port
    add netports 192.0.2.0/25,tcp:3306
    create six hash:ip family inet6
    create lists list:set
    add lists banned
";
const WITH_IPSETS: &str = "
    -A INPUT -p tcp -m multiport --dports 22 -m set --match-set banned src -j REJECT
    -A INPUT -p tcp --dport 25 -m set ! --match-set others src -j DROP
    -A INPUT -p tcp --dport 53 -m set --match-set nets src -j DROP
    -A INPUT -m set --match-set pairs src,dst -j DROP
    -A INPUT -m set --match-set ports dst -j DROP
    -A INPUT -m set --match-set netports src,dst -j DROP
    -A INPUT -p tcp --dport 8082 -m set --match-set lists src -j DROP
";

#[test]
fn ipsets_are_looked_into_and_one_that_is_not_modelled_is_a_may() {
    if !can_run() {
        return;
    }
    let stage = stage();
    let lines: Vec<&str> = IPSETS.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let text = lines.join("\n") + "\n";
    stage.node().command("ipset").arg("restore").stdin(text).run().unwrap().ok().unwrap();
    stage.iptables(WITH_IPSETS);
    stage.agrees("tcp", (STRANGER, NODE), &[22, 25, 53, 80, 81, 443, 3306, 8080]);
    stage.agrees("udp", (STRANGER, NODE), &[53, 80, 443, 3306]);
    let said = stage.explained("tcp", STRANGER, NODE, 22);
    assert!(said["decided_by"]["rule"].as_str().unwrap().contains("xt match set banned src"));
    let said = stage.explained("tcp", STRANGER, NODE, 8082);
    assert_eq!(said["verdict"], "may");
    let last = said["path"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|step| step["outcome"].as_str().unwrap().strip_prefix("may: ").map(str::to_owned));
    assert_eq!(last.as_deref(), Some("what the ipset lists holds is not known"));
}

#[test]
fn where_nobody_filters_everything_is_accepted_and_that_is_no_error() {
    if !can_run() {
        return;
    }
    let stage = stage();
    let said = stage.explained("tcp", STRANGER, NODE, 22);
    assert_eq!((&said["verdict"], &said["decided_by"]), (&"accept".into(), &Value::Null));
}

#[test]
fn what_is_not_judged_makes_an_accept_a_may() {
    if !can_run() {
        return;
    }
    let stage = stage();
    nft_load(
        stage.node(),
        "table netdev early { chain in { type filter hook ingress device eth0 priority 0; ip saddr 192.0.2.99 drop; }; }",
    );
    let said = stage.explained("tcp", STRANGER, NODE, 22);
    assert_eq!(said["verdict"], "may");
    assert!(said["notes"][0].as_str().unwrap().starts_with("table netdev early sees packets"));
    let by_docker = ["explain", "in", "tcp", CONTAINER, "172.17.0.1:22", "--iif", "docker0"];
    assert_eq!(stage.node().json(&by_docker)["verdict"], "accept");
}

#[test]
fn rules_of_iptables_legacy_make_an_accept_a_may() {
    if !can_run() {
        return;
    }
    let stage = stage();
    let legacy =
        |tool: &str, words: &[&str]| stage.node().command(tool).args(words).run().unwrap().ok().unwrap();
    // Tables that only let through are there, and change nothing.
    legacy("iptables-legacy", &["-L"]);
    legacy("ip6tables-legacy", &["-L"]);
    stage.agrees("tcp", (STRANGER, NODE), &[22]);
    legacy("ip6tables-legacy", &["-P", "INPUT", "DROP"]);
    assert_eq!(stage.explained("tcp", STRANGER6, NODE6, 22)["verdict"], "may");
    legacy("ip6tables-legacy", &["-P", "INPUT", "ACCEPT"]);
    legacy("iptables-legacy", &["-A", "INPUT", "-p", "tcp", "--dport", "22", "-j", "DROP"]);
    let said = stage.explained("tcp", STRANGER, NODE, 22);
    assert_eq!(said["verdict"], "may");
    assert!(said["notes"][0].as_str().unwrap().starts_with("iptables-legacy has tables (filter)"));
    assert_eq!(stage.explained("tcp", STRANGER6, NODE6, 22)["verdict"], "accept");
}
