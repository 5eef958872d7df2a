//! Rules that no flow fulfils, chains that nothing leads to, sets that hold nothing.
//! Not here: networks and ports.

use super::{Finding, Kind};
use crate::lower::table_id;
use rolewall_ruleset::judge::Environment;
use rolewall_ruleset::space::{Met, TooLarge, met};
use rolewall_ruleset::{Chain, Expr, Ruleset, SetRef, Table, text};
use std::collections::BTreeSet;

/// Of others' tables: the rules of ours follow from the plan, where a role without nodes yet has its empty set.
pub(super) fn findings(ruleset: &Ruleset, environment: &Environment) -> Result<Vec<Finding>, TooLarge> {
    let met = met(ruleset, environment)?;
    let mut findings = Vec::new();
    for (table, chains) in ruleset.tables.iter().zip(&met).filter(|(table, _)| is_looked_at(table)) {
        for (chain, rules) in table.chains.iter().zip(chains) {
            findings.extend(of_chain(table, chain, rules));
        }
        findings.extend(empty_sets(table));
    }
    Ok(findings)
}

fn is_looked_at(table: &Table) -> bool {
    !table.flags.dormant && table.id != table_id()
}

fn of_chain(table: &Table, chain: &Chain, met: &[Met]) -> Vec<Finding> {
    let place = format!("{} {}", table.id, chain.name);
    // A base chain at a hook that is not judged (a device's, a bridge's) is met by packets all the same.
    let is_regular = chain.base.is_none();
    if !met.iter().any(|rule| rule.is_reached) {
        let is_dead = is_regular && !chain.rules.is_empty() && !is_led_to(table, &chain.name);
        return is_dead.then(|| dead_chain(place)).into_iter().collect();
    }
    let rules = chain.rules.iter().zip(met).enumerate();
    let idle = rules.filter(|(_, (_, met))| !met.is_matched);
    idle.map(|(at, (rule, met))| {
        let place = format!("{place} rule {}: {}", at + 1, text::told_rule(table, rule));
        if met.is_reached { shadowed(place) } else { dead_rule(place) }
    })
    .collect()
}

fn dead_chain(place: String) -> Finding {
    Finding {
        kind: Kind::DeadChain,
        place,
        what: "no rule leads to this chain".to_owned(),
        help: "delete it, or add the jump that was meant".to_owned(),
    }
}

fn dead_rule(place: String) -> Finding {
    Finding {
        kind: Kind::DeadRule,
        place,
        what: "no packet comes to this rule: the rules before it end them all".to_owned(),
        help: "delete it, or move it to where packets still come".to_owned(),
    }
}

fn shadowed(place: String) -> Finding {
    Finding {
        kind: Kind::Shadowed,
        place,
        what: "no packet that comes here fulfils this rule: rules before it take all that it asks for"
            .to_owned(),
        help: "delete it, or move it before the rule that takes its packets".to_owned(),
    }
}

/// Whether a rule or an element names the chain, though no flow goes that way now.
fn is_led_to(table: &Table, name: &str) -> bool {
    let names_it = |set: &rolewall_ruleset::Set| {
        set.elements.iter().any(|element| match &element.data {
            Some(rolewall_ruleset::set::MapData::Verdict(verdict)) => leads_to(verdict, name),
            _ => false,
        })
    };
    let by_rule = table.chains.iter().flat_map(|chain| &chain.rules).flat_map(|rule| &rule.exprs).any(
        |expr| match expr {
            Expr::Verdict(verdict) => leads_to(verdict, name),
            Expr::Lookup { set: SetRef::Anonymous(set), .. } => names_it(set),
            _ => false,
        },
    );
    by_rule || table.sets.iter().any(names_it)
}

fn leads_to(verdict: &rolewall_ruleset::Verdict, name: &str) -> bool {
    matches!(verdict, rolewall_ruleset::Verdict::Jump(to) | rolewall_ruleset::Verdict::Goto(to) if to == name)
}

/// Sets that packets fill are empty until one comes.
fn empty_sets(table: &Table) -> Vec<Finding> {
    let rules = table.chains.iter().flat_map(|chain| &chain.rules);
    let asked: BTreeSet<&str> = rules
        .flat_map(|rule| &rule.exprs)
        .filter_map(|expr| match expr {
            Expr::Lookup { set: SetRef::Named(name), .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let is_empty = |set: &&rolewall_ruleset::Set| {
        set.elements.is_empty()
            && !set.flags.dynamic
            && !set.flags.timeout
            && asked.contains(set.name.as_str())
    };
    let finding = |set: &rolewall_ruleset::Set| Finding {
        kind: Kind::EmptySet,
        place: format!("{} {}", table.id, set.name),
        what: "rules look into this set, and it holds nothing".to_owned(),
        help: "fill it, or delete it with the rules that look into it".to_owned(),
    };
    table.sets.iter().filter(is_empty).map(finding).collect()
}
