//! `verify` held to plans of random clusters, and to rulesets that are not what a plan says.
//! Not here: sets of flows against single flows (crate `ruleset`).
//!
//! The judge of single flows, which shares nothing with `verify`, says who is right: a witness must be judged
//! otherwise under the mutant than under the ruleset it is made from; and where `verify` finds a mutant to be as
//! good as the plan, many flows around the mutated place must be judged alike under both.
//!
//! `ROLEWALL_SEED` begins elsewhere, `ROLEWALL_WORLDS` goes through more.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on has failed"
)]

mod fleet;
mod flows;
mod mutate;
mod random;
mod shipped;

use flows::Around;
use mutate::Mutant;
use random::{Random, World};
use rolewall_policy::verify::{Fault, Violation, verify};
use rolewall_policy::{Plan, lower};
use rolewall_ruleset::flow::Direction;
use rolewall_ruleset::judge::{Environment, Judge, Judged};
use rolewall_ruleset::table::{ChainKind, Hook};
use rolewall_ruleset::{BaseChain, Chain, ChainPolicy, Expr, Flow, Generation, Rule, Ruleset, Verdict};
use std::collections::BTreeMap;

/// Whether a flow passes, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passes {
    Yes,
    No,
    May,
}

fn passes(judge: &Judge<'_>, flow: &Flow) -> Passes {
    match judge.verdict(flow) {
        Judged::Accept => Passes::Yes,
        Judged::Drop | Judged::Reject => Passes::No,
        Judged::May => Passes::May,
    }
}

/// A plan's generation with packets led to it.
fn lowered(plan: &Plan) -> Ruleset {
    in_force(lower::lower(plan, "v"))
}

fn in_force(generation: Generation) -> Ruleset {
    let Generation { mut parts, entries } = generation;
    for (hook, entry) in entries {
        let name = match hook {
            Hook::Input => "input",
            Hook::Output => "output",
            _ => "forward",
        };
        let lead = Rule { exprs: vec![Expr::Verdict(Verdict::Goto(entry))], ..Rule::default() };
        let (kind, policy) = (ChainKind::Filter, ChainPolicy::Accept);
        let base = BaseChain { kind, hook, priority: 0, policy, devices: Vec::new() };
        parts.chains.push(Chain { base: Some(base), rules: vec![lead], ..Chain::regular(name) });
    }
    Ruleset { tables: vec![parts] }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Calls for each random cluster that its own parsers take, and for the shipped ones.
fn each_world(worlds: u64, mut each: impl FnMut(&World, &mut Random)) {
    let first = number("ROLEWALL_SEED", 1);
    let mut taken = 0;
    for seed in first..first + number("ROLEWALL_WORLDS", worlds) {
        let mut random = Random(seed);
        if let Some(world) = World::of(&mut random, seed) {
            taken += 1;
            each(&world, &mut random);
        }
    }
    assert!(2 * taken > worlds.min(number("ROLEWALL_WORLDS", worlds)), "only {taken} clusters were taken");
    for world in shipped::worlds() {
        each(&world, &mut Random(first));
    }
}

#[test]
fn every_plan_is_lowered_to_exactly_its_flows() {
    let environment = Environment::default();
    each_world(150, |world, _| {
        let ruleset = lowered(&world.plan);
        let violations = verify(&world.plan, &ruleset, &environment).unwrap();
        let Some(violation) = violations.first() else { return };
        let judged = Judge::new(&ruleset).flow(&violation.witness);
        let path: Vec<String> =
            judged.path.iter().map(|step| format!("{}: {}", step.chain, step.text())).collect();
        panic!("{violation:#?}\n{:?}\n{}\n{}", judged.verdict, path.join("\n"), world.text);
    });
}

#[test]
fn every_mutation_of_a_ruleset_is_found_or_changes_nothing() {
    let environment = Environment::default();
    let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    each_world(40, |world, random| {
        let original = lowered(&world.plan);
        let judge = Judge::new(&original);
        for _ in 0..20 {
            let Some(mutant) = Mutant::of(&original, random) else { continue };
            let mutated = Judge::new(&mutant.ruleset);
            let violations = verify(&world.plan, &mutant.ruleset, &environment).unwrap();
            let differs = |violation: &&Violation| {
                passes(&judge, &violation.witness) != passes(&mutated, &violation.witness)
            };
            let wrong = violations.iter().find(|violation| !differs(violation));
            // Ranges over a part of an address, and masks with many holes, are beyond what is gone through exactly, and
            // told as such. Only a rule that reads one family's header as the other's has them, or a broken mask.
            let is_may = |v: &&Violation| matches!(v.fault, Fault::MayOpen | Fault::MayClose);
            assert!(wrong.is_none_or(|v| is_may(&v)), "{}\n{wrong:#?}\n{}", mutant.says, world.text);
            let count = counts.entry(mutant.kind).or_default();
            if violations.iter().any(|violation| differs(&violation)) {
                count[0] += 1;
                continue;
            }
            if !violations.is_empty() {
                println!("may: {}: {:?}", mutant.says, violations.first());
                count[2] += 1;
                continue;
            }
            let around = Around::of(&world.plan, &original, &mutant);
            let mut is_may = None;
            for _ in 0..600 {
                let flow = around.flow(random);
                let (before, after) = (passes(&judge, &flow), passes(&mutated, &flow));
                // The judge too does not know what it reads there, where sets of flows may.
                is_may = is_may.or((after == Passes::May).then(|| flow.clone()));
                let as_before = before == after || after == Passes::May;
                let verdicts = [judge.verdict(&flow), mutated.verdict(&flow)];
                assert!(as_before, "not found: {}\n{flow:?}: {verdicts:?}\n{}", mutant.says, world.text);
            }
            count[1 + usize::from(is_may.is_some())] += 1;
            is_may.inspect(|flow| println!("may: {}: {flow:?}", mutant.says));
        }
    });
    for (kind, [found, neutral, may]) in &counts {
        println!("{kind}: {found} found, {neutral} change nothing, {may} may");
    }
    let sum = |which: usize| counts.values().map(|count| count[which]).sum::<usize>();
    let kinds = counts.values().filter(|count| count[0] > 0).count();
    assert!(sum(0) > 200 && kinds >= 15, "{} mutants of {kinds} kinds were found", sum(0));
    // Those that leave out or change which header is read: of another family, or of a protocol without ports.
    let changes_header = ["comparison", "mask", "an element added"];
    let misread = |kind: &&str| changes_header.iter().any(|word| kind.contains(word));
    assert!(counts.iter().all(|(kind, count)| count[2] == 0 || misread(kind)), "{counts:?}");
    assert!(sum(2) * 10 < sum(0), "{} are told as may alone", sum(2));
}

/// Told apart by addresses alone, a node outside the private prefixes was sent to its role's services as a stranger.
#[test]
fn a_node_outside_the_private_prefixes_reaches_what_nodes_reach() {
    let cluster = "[cluster]\nname = \"c\"\nprivate = [\"10.20.0.0/16\"]\nadmin = [\"198.51.100.0/28\"]\n\
        [[node]]\nname = \"n1\"\nprivate = [\"10.20.0.2\"]\nroles = [\"ic\"]\n\
        [[node]]\nname = \"n2\"\nprivate = [\"10.20.0.3\", \"fd20::3\"]\nroles = [\"web\"]\n";
    let world = World::parsed(cluster, "[node]\nname = \"n1\"\n", String::new()).unwrap();
    let ruleset = lowered(&world.plan);
    assert_eq!(verify(&world.plan, &ruleset, &Environment::default()).unwrap(), []);
    let judge = Judge::new(&ruleset);
    for (src, wanted) in [("fd20::3", Passes::Yes), ("fd20::4", Passes::No)] {
        let flow = Flow::parse(Direction::In, "tcp", src, "[fd20::2]:443").unwrap();
        assert_eq!(passes(&judge, &flow), wanted, "{src}");
    }
}
