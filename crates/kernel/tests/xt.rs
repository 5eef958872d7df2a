//! Matches and targets of iptables as the real `iptables-nft` loads them, read back as typed values.
#![allow(clippy::unwrap_used)]

mod support;

use rolewall_kernel::Nft;
use rolewall_ruleset::xt::{Action, Condition};
use rolewall_ruleset::{Expr, Family, Rule};
use std::process::Command;
use support::in_namespace;

/// What is loaded, and the words of the extensions that are read back. The words name every field.
const IP: &[(&str, &str)] = &[
    ("-A INPUT -p tcp -m multiport --dports 22,80:90", "match multiport dports 22,80-90"),
    ("-A INPUT -p udp -m multiport ! --sports 1,2", "match multiport ! sports 1,2"),
    ("-A INPUT -p sctp -m multiport --ports 5:6", "match multiport ports 5-6"),
    ("-A INPUT -p sctp -m sctp --dport 9:10", "match sctp dport 9-10"),
    ("-A INPUT -p sctp -m sctp ! --sport 9 --chunk-types any INIT", "match sctp ! sport 9 chunk-types"),
    ("-A INPUT -p tcp --tcp-option 5", "match tcp option 5"),
    ("-A INPUT -p icmp --icmp-type echo-request", "match icmp type 8"),
    ("-A INPUT -p icmp ! --icmp-type 3/4", "match icmp ! type 3 code 4"),
    ("-A INPUT -p icmp --icmp-type any", "match icmp any type"),
    ("-A INPUT -m state --state NEW,RELATED", "match conntrack state new,related"),
    ("-A INPUT -m conntrack ! --ctstate INVALID,UNTRACKED", "match conntrack ! state invalid,untracked"),
    ("-A INPUT -m conntrack --ctstate DNAT,SNAT", "match conntrack state snat,dnat"),
    (
        "-A INPUT -m conntrack --ctproto 6 --ctorigsrc 192.0.2.0/24 ! --ctorigdst 198.51.100.1 --ctorigdstport 80:81",
        "match conntrack proto 6 orig-src 192.0.2.0/255.255.255.0 ! orig-dst 198.51.100.1/255.255.255.255 orig-dport 80-81",
    ),
    (
        "-A INPUT -m conntrack --ctproto 17 --ctreplsrc 192.0.2.1 --ctrepldst 192.0.2.2 --ctorigsrcport 1 --ctreplsrcport 2 ! --ctrepldstport 3",
        "match conntrack proto 17 reply-src 192.0.2.1/255.255.255.255 reply-dst 192.0.2.2/255.255.255.255 orig-sport 1 reply-sport 2 ! reply-dport 3",
    ),
    ("-A INPUT -m conntrack --ctstatus ASSURED,SEEN_REPLY", "match conntrack status 0x6"),
    ("-A INPUT -m conntrack --ctexpire 10:20", "match conntrack expires 10-20"),
    ("-A INPUT -m conntrack --ctdir ORIGINAL", "match conntrack direction original"),
    ("-A INPUT -m conntrack --ctdir REPLY", "match conntrack ! direction original"),
    ("-A INPUT -m addrtype --dst-type LOCAL", "match addrtype dst-type local"),
    (
        "-A INPUT -m addrtype ! --src-type LOCAL,UNICAST --limit-iface-in",
        "match addrtype ! src-type unicast,local limit-iface-in",
    ),
    (
        "-A INPUT -m iprange --src-range 192.0.2.1-192.0.2.9 ! --dst-range 198.51.100.1-198.51.100.2",
        "match iprange src-range 192.0.2.1-192.0.2.9 ! dst-range 198.51.100.1-198.51.100.2",
    ),
    ("-A INPUT -m connmark ! --mark 0x1/0x3", "match connmark ! 0x1/0x3"),
    ("-A INPUT -m comment --comment why", "match comment \"why\""),
    (
        "-A INPUT -m hashlimit --hashlimit-name h --hashlimit-mode srcip --hashlimit-upto 10/second",
        "match hashlimit within 1 in 100000 us burst 5",
    ),
    (
        "-A INPUT -m hashlimit --hashlimit-name h2 --hashlimit-above 2/minute --hashlimit-burst 7",
        "match hashlimit ! within 1 in 30000000 us burst 7",
    ),
    ("-A INPUT -m recent --set --name r", "match recent set list r"),
    ("-A INPUT -m recent ! --rcheck --seconds 60 --name r", "match recent ! check list r"),
    ("-A INPUT -m length ! --length 100:200", "match length ! 100-200"),
    ("-A INPUT -m tos --tos 0x10/0x3f", "match tos 0x10/0x3f"),
    ("-A INPUT -m dscp --dscp 46", "match dscp 0xb8/0xfc"),
    ("-A INPUT -m ttl --ttl-lt 5", "match ttl < 5"),
    ("-A OUTPUT -m owner --uid-owner 0-9 ! --gid-owner 7", "match owner uid 0-9 ! gid 7"),
    ("-A OUTPUT -m owner --socket-exists", "match owner socket exists"),
    ("-A INPUT -m mac ! --mac-source 02:00:00:00:00:01", "match mac ! source 02:00:00:00:00:01"),
    ("-A INPUT -m pkttype --pkt-type multicast", "match pkttype multicast"),
    ("-A FORWARD -m physdev --physdev-in eth+ ! --physdev-is-bridged", "match physdev in eth+ ! is-bridged"),
    ("-A FORWARD -m physdev ! --physdev-out eth1", "match physdev ! out eth1"),
    ("-A PREROUTING -t raw -m rpfilter --invert", "match rpfilter ! routed-back"),
    ("-A INPUT -j REJECT", "target REJECT with icmp-port-unreachable"),
    ("-A INPUT -p tcp -j REJECT --reject-with tcp-reset", "target REJECT with tcp-reset"),
    ("-A INPUT -j LOG --log-prefix x", "target LOG"),
    ("-A PREROUTING -t mangle -j MARK --set-xmark 0x1/0xff", "target MARK set (mark & 0xffffff00) ^ 0x1"),
    ("-A PREROUTING -t mangle -j CONNMARK --save-mark", "target CONNMARK save 0xffffffff of 0xffffffff"),
    (
        "-A PREROUTING -t mangle -j CONNMARK --restore-mark --nfmask 0xf --ctmask 0xf0",
        "target CONNMARK restore 0xf of 0xf0",
    ),
    ("-A PREROUTING -t mangle -j CONNMARK --set-mark 5", "target CONNMARK set 0x5/0xffffffff"),
    ("-A PREROUTING -t mangle -j TOS --set-tos 0x10/0x3f", "target TOS set (tos & 0xc0) ^ 0x10"),
    ("-A PREROUTING -t mangle -j DSCP --set-dscp 46", "target DSCP set (tos & 0x3) ^ 0xb8"),
    ("-A PREROUTING -t mangle -j TTL --ttl-inc 3", "target TTL raise 3"),
    ("-A PREROUTING -t raw -j CT --notrack", "target CT"),
    ("-A PREROUTING -t raw -j CT --zone 3", "target CT zone"),
    ("-A FORWARD -p tcp --syn -j TCPMSS --clamp-mss-to-pmtu", "target TCPMSS"),
    ("-A POSTROUTING -t mangle -j CLASSIFY --set-class 1:2", "target CLASSIFY"),
    ("-A POSTROUTING -t mangle -p udp -j CHECKSUM --checksum-fill", "target CHECKSUM"),
    ("-A PREROUTING -t nat -p tcp -j DNAT --to-destination 10.0.0.1:8080", "target DNAT to 10.0.0.1:8080"),
    (
        "-A PREROUTING -t nat -p tcp -j DNAT --to-destination 10.0.0.1-10.0.0.9:80-90 --random",
        "target DNAT to 10.0.0.1-10.0.0.9:80-90 random",
    ),
    ("-A PREROUTING -t nat -j DNAT --to-destination 10.0.0.1", "target DNAT to 10.0.0.1"),
    ("-A POSTROUTING -t nat -j SNAT --to-source 192.0.2.1", "target SNAT to 192.0.2.1"),
    (
        "-A POSTROUTING -t nat -p tcp -j MASQUERADE --to-ports 1024-2047",
        "target MASQUERADE to ports :1024-2047",
    ),
    ("-A POSTROUTING -t nat -j MASQUERADE", "target MASQUERADE"),
    ("-A PREROUTING -t nat -p tcp -j REDIRECT --to-ports 8080", "target REDIRECT to ports :8080"),
    (
        "-A PREROUTING -t nat -d 192.0.2.0/24 -j NETMAP --to 10.0.0.0/24",
        "target NETMAP to 10.0.0.0-10.0.0.255",
    ),
    ("-A INPUT -m string --algo bm --string x", "match string of 160 bytes, revision 1"),
    ("-A INPUT -j NFQUEUE --queue-num 3", "target NFQUEUE"),
];

const IP6: &[(&str, &str)] = &[
    ("-A INPUT -p icmpv6 --icmpv6-type router-advertisement", "match icmp6 type 134"),
    ("-A INPUT -p icmpv6 ! --icmpv6-type 1/3", "match icmp6 ! type 1 code 3"),
    ("-A INPUT -m hl --hl-eq 255", "match hl = 255"),
    (
        "-A INPUT -m iprange --src-range 2001:db8::1-2001:db8::9",
        "match iprange src-range 2001:db8::1-2001:db8::9",
    ),
    ("-A INPUT -j REJECT --reject-with icmp6-adm-prohibited", "target REJECT with icmp6-adm-prohibited"),
    ("-A PREROUTING -t mangle -j HL --hl-set 64", "target HL set 64"),
    (
        "-A PREROUTING -t nat -p tcp -j DNAT --to-destination [2001:db8::1]:80",
        "target DNAT to [2001:db8::1]:80",
    ),
    ("-A POSTROUTING -t nat -j SNAT --to-source 2001:db8::2", "target SNAT to 2001:db8::2"),
    ("-A POSTROUTING -t nat -j MASQUERADE", "target MASQUERADE"),
    ("-A PREROUTING -t nat -p udp -j REDIRECT --to-ports 53", "target REDIRECT to ports :53"),
];

/// Gives a rule to iptables, and reads it back. None where this machine has not the extension.
fn loaded(nft: &mut Nft, tool: &str, words: &str) -> Option<Rule> {
    support::nft_command(&["flush", "ruleset"], "");
    let output = Command::new(tool).args(words.split(' ')).output().expect("iptables is installed");
    if !output.status.success() {
        eprintln!("{tool} {words}: {}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    let ruleset = nft.read_ruleset().unwrap();
    let mut chains = ruleset.tables.into_iter().flat_map(|table| table.chains);
    chains.find_map(|chain| chain.rules.into_iter().next())
}

/// The words of the extensions of a rule.
fn words(rule: &Rule, family: Family) -> String {
    let all = rule.exprs.iter().filter_map(|expr| match expr {
        Expr::XtMatch(asked) => Some(asked.words(family)),
        Expr::XtTarget(done) => Some(done.words(family)),
        _ => None,
    });
    all.map(|words| words.trim_start_matches("xt ").to_owned()).collect::<Vec<_>>().join(" ")
}

fn wrong(tool: &str, family: Family, rules: &[(&str, &str)]) -> Vec<String> {
    let mut nft = Nft::open().unwrap();
    let mut wrong = Vec::new();
    for (given, expected) in rules {
        match loaded(&mut nft, tool, given).map(|rule| words(&rule, family)) {
            Some(found) if found == *expected => {}
            found => wrong.push(format!("{given}\n  expected {expected}\n  found    {found:?}")),
        }
    }
    wrong
}

#[test]
fn what_iptables_nft_loads_is_read_as_what_was_meant() {
    in_namespace(|| {
        let mut wrong_rules = wrong("iptables-nft", Family::Ip, IP);
        wrong_rules.extend(wrong("ip6tables-nft", Family::Ip6, IP6));
        assert!(wrong_rules.is_empty(), "{}", wrong_rules.join("\n"));
    });
}

#[test]
fn an_extension_that_is_not_modelled_keeps_its_bytes() {
    in_namespace(|| {
        let mut nft = Nft::open().unwrap();
        let rule =
            loaded(&mut nft, "iptables-nft", "-A INPUT -m string --algo bm --string needle -j NFQUEUE");
        let rule = rule.unwrap();
        let [Expr::XtMatch(asked), Expr::Counter { .. }, Expr::XtTarget(done)] = &rule.exprs[..] else {
            panic!("{rule:?}")
        };
        assert_eq!(asked.condition, Condition::Unknown);
        assert!(asked.info.windows(6).any(|window| window == b"needle"), "{asked:?}");
        assert_eq!(done.action, Action::Unknown);
    });
}
