//! What nft loads is read, sent again into another table, and read as the same.
//! Not here: tables that are made from values (`round_trip`).
#![allow(clippy::unwrap_used)]

mod support;

use rolewall_kernel::Nft;
use rolewall_ruleset::{Expr, Family, Table, TableId};
use support::{creation, in_namespace, nft_list, normal};

const SETS: &str = r#"
 set a { type ipv4_addr; flags interval; comment "hello"; elements = { 10.0.0.0/8 comment "c", 11.0.0.0/8, 12.0.0.1-12.0.0.5, 13.0.0.0, 255.0.0.0/8 } }
 set h { type ipv4_addr; flags timeout; timeout 1h; size 100; elements = { 1.2.3.4 timeout 100s comment "x", 1.2.3.5 } }
 set c { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 80-90, 10.0.0.1 . 100 } }
 set k { type ipv6_addr . inet_service . inet_proto; elements = { fd00::1 . 80 . tcp } }
 set m6 { type ipv6_addr; flags interval; elements = { ::/8, fd00::/8 } }
 map m { type inet_proto . inet_service : verdict; elements = { tcp . 22 : accept, udp . 53 : jump x } }
 map m2 { type ipv4_addr : mark; flags interval; elements = { 10.0.0.0/8 : 0x5 } }
 map m3 { type ipv4_addr . inet_service : ipv4_addr . inet_service; elements = { 1.1.1.1 . 80 : 2.2.2.2 . 90 } }
 map v { type inet_service : verdict; flags interval; elements = { 80-90 : drop, * : accept } }
 set d { type ipv4_addr; flags dynamic,timeout; timeout 10s; size 1000; }
 set two { type ipv4_addr; flags dynamic; counter limit rate 5/second; }
 set conns { type ipv4_addr; flags dynamic; size 1000; }
 set mk { type mark; flags interval; elements = { 5-9, 0x10000-0x20000} }
 set ifs { type ifname; elements = { "eth0", "lo"} }
 set ifi { type ifname; flags interval; elements = { "eth*", "lo"} }
 set ety { type ether_addr; elements = { 00:11:22:33:44:55 } }
 set uid { type uid; elements = { 0, 1000 } }
 set uidc { type uid . ipv4_addr; elements = { 0 . 1.2.3.4 } }
 set st { type ct_state; elements = { new, established } }
 set const { type inet_service; flags constant; elements = { 1, 2, 3 } }
 set cnt { type ipv4_addr; counter; elements = { 1.2.3.4 } }
 chain x { }
"#;

const RULES: &[&str] = &[
    "accept",
    "drop",
    "continue",
    "return",
    "jump x",
    "goto x",
    "counter",
    "ip saddr 10.0.0.1 accept",
    "ip saddr != 10.0.0.0/8 drop",
    "ip saddr 10.0.0.1-10.0.0.9 accept",
    "ip saddr != 1.2.3.4-1.2.3.9",
    "ip6 saddr fd00::/8 accept",
    "ip6 daddr fd00::1 tcp dport 443 accept",
    "tcp dport 22 accept comment \"the operator's way in\"",
    "tcp dport { 22, 80-90 } counter accept comment \"why\"",
    "tcp dport { 22, 80, 443 } accept",
    "udp dport != { 53, 5060 } drop",
    "tcp dport 1024-65535 accept",
    "tcp dport { 1024-65535 } accept",
    "iifname \"eth0\" accept",
    "iifname \"eth*\" accept",
    "iifname { \"eth0\", \"lo*\" } accept",
    "iif lo accept",
    "oifname != \"lo\" drop",
    "ip saddr vmap { 1.2.3.4 : jump x, 5.6.7.8 : drop }",
    "ip saddr vmap { 10.0.0.0/8 : jump x, 11.0.0.0/8 : drop }",
    "ip saddr . tcp dport { 1.2.3.4 . 80-90 } accept",
    "ip saddr . tcp dport { 1.2.3.4 . 80, 1.2.3.5 . 81 } accept",
    "meta l4proto . th dport vmap @m",
    "tcp dport vmap @v",
    "meta mark set ip saddr map @m2",
    "meta mark set ip saddr map { 1.2.3.4 : 1, 1.2.3.5 : 2 }",
    "ip saddr @a drop",
    "ip saddr != @h accept",
    "ip saddr . tcp dport @c accept",
    "ip6 saddr @m6 accept",
    "iifname @ifs accept",
    "iifname @ifi accept",
    "ether saddr @ety accept",
    "ip6 saddr . tcp dport . meta l4proto @k accept",
    "meta mark { 1, 5 } accept",
    "meta mark 0x10-0x20 accept",
    "meta mark @mk drop",
    "meta mark set 5",
    "meta mark set meta mark and 0xff or 0x100",
    "meta skuid 0 accept",
    "meta skuid @uid",
    "meta pkttype broadcast drop",
    "meta nfproto ipv6 accept",
    "meta length > 1000 drop",
    "meta cpu 1",
    "meta priority set 1:2",
    "meta nftrace set 1",
    "meta protocol ip accept",
    "add @d { ip saddr limit rate 5/second }",
    "add @d { ip saddr timeout 30s }",
    "update @d { ip saddr timeout 60s counter } accept",
    "delete @d { ip saddr }",
    "update @two { ip saddr } drop",
    "add @conns { ip saddr ct count over 20 } drop",
    "log prefix \"abc\" group 3 snaplen 20 queue-threshold 7",
    "log",
    "log prefix \"x: \" level info flags all",
    "log group 0",
    "reject",
    "reject with tcp reset",
    "reject with icmp type host-prohibited",
    "reject with icmpv6 type addr-unreachable",
    "reject with icmpx type admin-prohibited",
    "fib saddr . iif oif missing drop",
    "fib daddr type local accept",
    "fib saddr . mark oifname \"lo\" accept",
    "ct state established,related accept",
    "ct state invalid drop",
    "ct state { new, established } accept",
    "ct state vmap { established : accept, related : accept, invalid : drop }",
    "ct direction original",
    "ct original ip saddr 1.2.3.4",
    "ct reply proto-dst 80",
    "ct status dnat accept",
    "ct mark 1 accept",
    "ct mark set 1",
    "ct zone 1",
    "ct expiration 10s",
    "ct bytes > 1000",
    "limit rate 10/second burst 5 packets accept",
    "limit rate over 7/minute drop",
    "limit rate 10 mbytes/second burst 9000 bytes accept",
    "limit rate 400/week",
    "tcp flags & (syn|ack) == syn",
    "tcp flags syn / fin,syn,rst,ack accept",
    "icmp type echo-request accept",
    "icmpv6 type { nd-neighbor-solicit, nd-router-advert } accept",
    "ip protocol icmp accept",
    "ip dscp cs1",
    "ip frag-off & 0x1fff != 0 drop",
    "ip ttl set 5",
    "ip option rr exists drop",
    "udp length > 8",
    "@th,64,64 0x5245474953544552 counter",
    "@nh,0,8 0x45",
    "socket transparent 1 accept",
    "quota 100 mbytes accept",
    "numgen random mod 2 0 accept",
    "jhash ip saddr mod 2 0 accept",
    "ip saddr . ip daddr vmap { 1.1.1.1 . 2.2.2.2 : accept }",
    "ct state new tcp dport 22 ip saddr { 10.0.0.0/8, 192.168.0.0/16 } limit rate 10/minute counter accept",
];

fn table_of(rule: &str) -> String {
    format!(
        "table inet t {{\n{SETS}\n chain i {{\n  type filter hook input priority filter; policy drop;\n  {rule}\n }}\n}}\n"
    )
}

/// What nft loaded, and the same under another name.
fn read_and_copy(nft: &mut Nft) -> (Table, Table) {
    let id = TableId { family: Family::Inet, name: "t".into() };
    let read = nft.read_table(&id).unwrap().unwrap();
    let mut copy = normal(read.clone());
    copy.id.name = "copy".into();
    // Statements of elements come from their set; what is counted is not sent back.
    (read, copy)
}

#[test]
fn every_rule_that_nft_loads_is_read_and_sent_again_as_the_same() {
    in_namespace(|| {
        let mut nft = Nft::open().unwrap();
        let (mut failed, mut foreign, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for rule in RULES {
            support::nft_command(&["flush", "ruleset"], "");
            let loaded = support::nft_command(&["-f", "-"], &table_of(rule));
            if !loaded.status.success() {
                refused.push(format!("{rule}: {}", String::from_utf8_lossy(&loaded.stderr)));
                continue;
            }
            let (read, copy) = read_and_copy(&mut nft);
            let exprs = &read.chain("i").unwrap().rules[0].exprs;
            foreign.extend(exprs.iter().filter_map(|e| match e {
                Expr::Foreign { name, .. } => Some(format!("{name} in {rule}")),
                _ => None,
            }));
            if let Err(e) = nft.commit(&creation(&copy)) {
                failed.push(format!("{rule}: {e}"));
                continue;
            }
            let mut again = normal(nft.read_table(&copy.id).unwrap().unwrap());
            if again != copy {
                failed.push(format!("{rule}: {copy:#?}\nbecame\n{again:#?}"));
            }
            again.id = read.id.clone();
            let listing = nft_list();
            let (first, second) = halves(&listing);
            if first != second {
                failed.push(format!("{rule}: nft lists\n{first}\nbut the copy\n{second}"));
            }
        }
        eprintln!("nft itself or this kernel refuses: {refused:#?}");
        eprintln!("held whole, not interpreted: {foreign:#?}");
        assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    });
}

/// The two tables of a listing, without their names and what is left of lifetimes.
fn halves(listing: &str) -> (String, String) {
    let listing = support::without_expiry(listing);
    let (first, second) = listing.split_at(listing.find("table inet copy").unwrap());
    let body = |s: &str| s.split_once('\n').unwrap().1.trim().to_owned();
    (body(first), body(second))
}

/// What `nft --debug=netlink` says that it sends for the one rule of chain `i`.
fn program_in_nfts_words(rule: &str) -> Option<Vec<String>> {
    let output = support::nft_command(&["--debug=netlink", "-f", "-"], &table_of(rule));
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, program) = text.split_once("inet t i\n")?;
    let lines = program.lines().map(str::trim).take_while(|line| line.starts_with('['));
    output.status.success().then(|| lines.map(str::to_owned).collect())
}

#[test]
fn programs_print_as_nft_prints_them() {
    in_namespace(|| {
        let mut nft = Nft::open().unwrap();
        let mut different = Vec::new();
        for rule in RULES {
            support::nft_command(&["flush", "ruleset"], "");
            let Some(theirs) = program_in_nfts_words(rule) else { continue };
            let (read, _) = read_and_copy(&mut nft);
            let exprs = &read.chain("i").unwrap().rules[0].exprs;
            let ours: Vec<String> = exprs.iter().map(|e| e.to_string().trim().to_owned()).collect();
            let held_whole = ours.iter().any(|line| line.ends_with("bytes ]") || line.ends_with("bytes ] ]"));
            if ours != theirs && !held_whole {
                different.push(format!("{rule}\n  nft:  {theirs:#?}\n  ours: {ours:#?}"));
            }
        }
        assert!(different.is_empty(), "{}", different.join("\n"));
    });
}
