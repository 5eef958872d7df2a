//! Rules: nft compiles them, the crate spells the programs, and it must be what nft lists.
//! Not here: sets and chains (`text_tables.rs`).

mod common;

use common::{Namespace, compiled};
use rolewall_ruleset::{Chain, DataType, Family, Set, SetFlags, Table, text};

/// The named sets that the rules look into.
fn sets() -> Vec<Set> {
    use DataType::*;
    let dynamic = SetFlags { dynamic: true, timeout: true, ..SetFlags::default() };
    let set = |name: &str, key: &[DataType]| Set::new(name, key);
    let changing = |name: &str, key: &[DataType]| Set {
        flags: dynamic,
        timeout_ms: Some(60_000),
        size: Some(100),
        ..Set::new(name, key)
    };
    vec![
        set("b", &[Ipv4Addr]),
        set("b6", &[Ipv6Addr]),
        set("ps", &[InetService]),
        set("armed", &[NfProto]),
        Set { data: Some(vec![Mark]), ..set("mk", &[Ipv4Addr]) },
        Set { data: Some(vec![Verdict]), ..set("vm", &[Ipv4Addr, InetService]) },
        changing("dyn", &[Ipv4Addr]),
        changing("dync", &[Ipv4Addr, InetService]),
        changing("dyn6", &[Ipv6Addr]),
        Set { data: Some(vec![Mark]), ..changing("dynm", &[Ipv4Addr]) },
    ]
}

fn table(family: Family) -> Table {
    let families = |set: &Set| family != Family::Ip6 || !set.key.contains(&DataType::Ipv4Addr);
    Table { sets: sets().into_iter().filter(families).collect(), ..Table::new(family, "t") }
}

/// The table's text with rules put into its chain.
fn with_rules(table: &Table, rules: &[&str]) -> String {
    let mut text = text::table(table);
    text.truncate(text.len() - "}\n".len());
    let lines: String = rules.iter().map(|rule| format!("\t\t{rule}\n")).collect();
    format!("{text}\n\tchain x {{\n\t}}\n\n\tchain i {{\n{lines}\t}}\n}}\n")
}

fn list(file: &'static str) -> Vec<&'static str> {
    file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// Compile, spell, and compare with what nft lists.
fn spells_as_listed(family: Family, rules: &[&str]) {
    let Some(space) = Namespace::new() else { return };
    let mut table = table(family);
    let said = space.load(&with_rules(&table, rules));
    let compiled = compiled::rules(&said, "i");
    assert_eq!(compiled.len(), rules.len(), "programs read:\n{said}");
    for (rule, program) in &compiled {
        assert_eq!(rule.to_string(), *program);
    }
    table.chains.push(Chain::regular("x"));
    let rules = compiled.into_iter().map(|(rule, _)| rule).collect();
    table.chains.push(Chain { rules, ..Chain::regular("i") });
    let (ours, nfts) = (text::table(&table), space.list());
    assert!(ours == nfts, "{}", common::differences(&ours, &nfts));
}

/// What the crate makes of rules that nft compiles.
fn spelled(space: &Namespace, family: Family, rules: &[&str]) -> Vec<String> {
    let table = table(family);
    let compiled = compiled::rules(&space.load(&with_rules(&table, rules)), "i");
    assert_eq!(compiled.len(), rules.len());
    compiled.iter().map(|(rule, _)| text::rule(&table, rule)).collect()
}

#[test]
fn rules_of_inet_are_spelled_as_nft_lists_them() {
    spells_as_listed(Family::Inet, &list(include_str!("rules/spoken.txt")));
}

#[test]
fn what_has_no_words_is_marked() {
    let Some(space) = Namespace::new() else { return };
    for rule in list(include_str!("rules/mute.txt")) {
        let ours = spelled(&space, Family::Inet, &[rule]);
        assert!(ours[0].starts_with("# cannot be spelled: [ "), "{rule} became {}", ours[0]);
    }
}

/// nft's own listing of these would load as something else.
#[test]
fn where_nft_misspells_the_meaning_is_kept() {
    let Some(space) = Namespace::new() else { return };
    let rules = [
        "ct state == established | related",
        "tcp dport 22 @th,0,8 5",
        "udp dport 22 @th,48,32 5",
        "meta l4proto 200 @th,0,16 5",
        "ip saddr 1.1.1.1 reject with icmpx port-unreachable",
    ];
    let ours = spelled(&space, Family::Inet, &rules);
    let expected = [
        "ct state == established | related",
        "tcp dport 22 @th,0,8 0x5",
        "udp dport 22 @th,48,32 0x5",
        "meta l4proto 200 th sport 5",
        "ip saddr 1.1.1.1 reject with icmpx port-unreachable",
    ];
    assert_eq!(ours, expected);
    let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
    let before = space.load(&with_rules(&table(Family::Inet), &rules));
    assert_eq!(space.load(&with_rules(&table(Family::Inet), &ours)), before);
}

/// Fields that nft names and the crate does not are spelled as raw payload, which means the same.
#[test]
fn unnamed_fields_are_spelled_raw() {
    let Some(space) = Namespace::new() else { return };
    let rules = list(include_str!("rules/raw.txt"));
    let ours = spelled(&space, Family::Inet, &rules);
    let before = space.load(&with_rules(&table(Family::Inet), &rules));
    let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
    assert_eq!(space.load(&with_rules(&table(Family::Inet), &ours)), before, "{ours:#?}");
}

#[test]
fn rules_of_one_family_are_spelled_as_nft_lists_them() {
    let ip = [
        "ip saddr 1.1.1.1",
        "icmp type echo-request",
        "reject",
        "reject with icmp host-unreachable",
        "reject with tcp reset",
        "tcp dport 22",
        "tcp dport 22 reject",
        "ip saddr . tcp dport { 1.1.1.1 . 22 }",
        "ip saddr 1.1.1.1 reject",
        "ip protocol tcp",
        "ip saddr @b tcp dport 22 accept",
        "meta l4proto tcp accept",
        "update @dyn { ip saddr } drop",
    ];
    spells_as_listed(Family::Ip, &ip);
    let ip6 = [
        "ip6 saddr ::1",
        "icmpv6 type nd-neighbor-solicit ip6 hoplimit 255",
        "reject",
        "reject with icmpv6 no-route",
        "tcp dport 5",
        "ip6 saddr @b6 udp dport 53 accept",
    ];
    spells_as_listed(Family::Ip6, &ip6);
}
