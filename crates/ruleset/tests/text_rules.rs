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
    let mut wrong = Vec::new();
    for (ours, nfts) in ours.lines().zip(nfts.lines()) {
        if ours != nfts {
            wrong.push(format!("ours: {ours}\nnft:  {nfts}"));
        }
    }
    assert!(wrong.is_empty() && ours.lines().count() == nfts.lines().count(), "{}", wrong.join("\n"));
}

#[test]
fn rules_of_inet_are_spelled_as_nft_lists_them() {
    spells_as_listed(Family::Inet, &list(include_str!("rules/spoken.txt")));
}
