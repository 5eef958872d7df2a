//! All flows at once, held against each flow by itself: what the two readings of a ruleset say is the same.
//! Not here: whether Linux says so too.
//!
//! `ROLEWALL_SPACE_RULESETS=20000 ROLEWALL_SPACE_FLOWS=500 cargo test --release -p rolewall-ruleset --test space`
//! judges ten million flows; a failure prints the seed, and `ROLEWALL_SPACE_SEED` runs it again.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod any;
#[path = "../common/mod.rs"]
mod common;

use any::Dice;
use rolewall_ruleset::flow::{Direction, L4};
use rolewall_ruleset::judge::{Environment, Hooks, Judge, Judged};
use rolewall_ruleset::space::{Fates, Question, Shape, Source, Study, study};
use rolewall_ruleset::*;

const DIRECTIONS: [Direction; 3] = [Direction::In, Direction::Out, Direction::Forward];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn studies(ruleset: &Ruleset, environment: &Environment) -> Vec<Study> {
    let mut studies = Vec::new();
    let sources = &[Source::Ruleset(ruleset)];
    let question = Question { sources, regions: &[], environment, directions: &DIRECTIONS };
    study(question, |study| studies.push(study)).unwrap();
    studies
}

#[test]
fn all_flows_at_once_fare_as_each_by_itself() {
    let first = number("ROLEWALL_SPACE_SEED", 1);
    let (mut same, mut doubts, mut coarser, mut finer) = (0u64, 0u64, 0u64, 0u64);
    for seed in first..first + number("ROLEWALL_SPACE_RULESETS", 400) {
        let mut dice = Dice(seed);
        let (ruleset, environment) = (any::ruleset(&mut dice), any::environment(&mut dice));
        let studies = studies(&ruleset, &environment);
        let judge = Judge::new(&ruleset).with(environment);
        for _ in 0..number("ROLEWALL_SPACE_FLOWS", 300) {
            let flow = any::flow(&mut dice);
            let judged = judge.verdict(&flow);
            let of_shape = studies.iter().find(|study| study.shape == Shape::of(&flow)).unwrap();
            let found = of_shape.judged(0, &flow);
            doubts += u64::from(judged == Judged::May);
            same += 1;
            if found == Judged::May && is_coarser(&ruleset, &flow) {
                coarser += u64::from(judged != Judged::May);
                continue;
            }
            // One flow's registers forget that an interface is not loopback once its number is masked.
            if judged == Judged::May && found != Judged::May {
                finer += 1;
                continue;
            }
            assert_eq!(
                found,
                judged,
                "seed {seed}: {flow:?}\n{}\n{:#?}",
                text::ruleset(&ruleset),
                judge.flow(&flow).path.iter().map(|step| (step.chain, step.text())).collect::<Vec<_>>()
            );
        }
    }
    eprintln!(
        "{same} flows judged alike, {doubts} of them in doubt; {coarser} in doubt only all at once, {finer} only by themselves"
    );
    assert!(doubts * 2 < same && coarser * 20 < same && finer * 1000 < same);
}

/// Where one flow tells more than all at once: how long its packet is, which an unknown protocol's header could
/// be read beyond; and which element a rule has just added.
fn is_coarser(ruleset: &Ruleset, flow: &Flow) -> bool {
    let rules = ruleset.tables.iter().flat_map(|table| &table.chains).flat_map(|chain| &chain.rules);
    let adds = rules.flat_map(|rule| &rule.exprs).any(|expr| matches!(expr, Expr::Dynset { .. }));
    adds || matches!(flow.l4, L4::Other(_))
}

#[test]
fn through_every_hook_and_translation_no_flow_fares_otherwise() {
    let first = number("ROLEWALL_SPACE_SEED", 1);
    let (mut flows, mut same) = (0u64, 0u64);
    for seed in first..first + number("ROLEWALL_SPACE_RULESETS", 300) {
        let mut dice = Dice(seed);
        let (ruleset, environment) = (any::whole_ruleset(&mut dice), any::environment(&mut dice));
        let environment = Environment { hooks: Hooks::Whole, bridged: Some(false), ..environment };
        let studies = studies(&ruleset, &environment);
        let judge = Judge::new(&ruleset).with(environment);
        for _ in 0..number("ROLEWALL_SPACE_FLOWS", 200) {
            let flow = any::flow(&mut dice);
            let judged = judge.verdict(&flow);
            let of_shape = studies.iter().find(|study| study.shape == Shape::of(&flow)).unwrap();
            let found = of_shape.judged(0, &flow);
            flows += 1;
            same += u64::from(found == judged);
            let path = || {
                judge
                    .flow(&flow)
                    .path
                    .iter()
                    .map(|s| format!("{:?} {} {:?}", s.hook, s.text(), s.outcome))
                    .collect::<Vec<_>>()
            };
            assert!(
                found == judged || found == Judged::May || judged == Judged::May,
                "seed {seed}: {found:?} {judged:?} {flow:?}\n{}\n{:#?}",
                text::ruleset(&ruleset),
                path()
            );
        }
    }
    eprintln!("{flows} flows, {same} of them judged alike, the others in doubt one way or the other");
    assert!(same * 10 > flows * 9);
}

#[test]
fn a_witness_is_in_the_space_that_it_stands_for() {
    for seed in 1..60 {
        let mut dice = Dice(seed);
        let (ruleset, environment) = (any::ruleset(&mut dice), any::environment(&mut dice));
        let judge = Judge::new(&ruleset).with(environment.clone());
        for mut study in studies(&ruleset, &environment) {
            let surely = study.surely(0);
            let Fates { accept, drop, reject } = study.fates[0];
            let elsewhere = study.or(accept, reject);
            let dropped = study.without(drop, elsewhere);
            for (space, wanted) in [(surely, Judged::Accept), (dropped, Judged::Drop)] {
                let Some(flow) = study.witness(space) else {
                    assert!(space.is_empty());
                    continue;
                };
                assert_eq!(Shape::of(&flow), study.shape);
                assert!(study.contains(space, &flow), "seed {seed}: {flow:?}");
                assert_eq!(
                    judge.verdict(&flow),
                    wanted,
                    "seed {seed}: {flow:?}\n{}",
                    text::ruleset(&ruleset)
                );
            }
        }
    }
}

#[test]
fn boxes_are_the_space_whose_they_are() {
    const FLOWS: usize = 60;
    for seed in 1..60 {
        let mut dice = Dice(seed);
        let (ruleset, environment) = (any::ruleset(&mut dice), any::environment(&mut dice));
        for mut study in studies(&ruleset, &environment) {
            let space = study.fates[0].accept;
            let (boxes, is_whole) = study.boxes(space, 10_000);
            assert!(is_whole);
            let is_of_shape = |flow: &Flow| Shape::of(flow) == study.shape;
            let flows: Vec<Flow> =
                (0..FLOWS * 30).map(|_| any::flow(&mut dice)).filter(is_of_shape).take(FLOWS).collect();
            for flow in flows {
                let in_a_box = boxes.iter().any(|one| one.contains(&flow));
                assert_eq!(in_a_box, study.contains(space, &flow), "seed {seed}: {flow:?}");
            }
        }
    }
}

#[test]
fn nothing_lies_in_a_range_that_runs_backwards() {
    use common::build::{ACCEPT, l4proto, load};
    use rolewall_ruleset::expr::{CmpOp, PayloadBase};
    let (from, to) = (Value::from_bytes(&[0, 80]), Value::from_bytes(&[0, 0]));
    let range = Expr::Range { sreg: Reg(0), op: CmpOp::Eq, from, to };
    let exprs = [l4proto(6), vec![load(PayloadBase::Transport, 2, 2), range, ACCEPT]].concat();
    let ruleset = closed(vec![Rule { exprs, ..Rule::default() }]);
    let flow = Flow::parse(Direction::In, "tcp", "10.0.0.1", "10.0.0.2:443").unwrap();
    let studies = studies(&ruleset, &Environment::default());
    let of_shape = studies.iter().find(|study| study.shape == Shape::of(&flow)).unwrap();
    assert_eq!(of_shape.judged(0, &flow), Judged::Drop);
    assert_eq!(Judge::new(&ruleset).verdict(&flow), Judged::Drop);
}

/// What comes in meets these rules, and is dropped otherwise.
fn closed(rules: Vec<Rule>) -> Ruleset {
    let (kind, policy) = (rolewall_ruleset::table::ChainKind::Filter, ChainPolicy::Drop);
    let base = BaseChain { kind, hook: Hook::Input, priority: 0, policy, devices: Vec::new() };
    let mut table = Table::new(Family::Inet, "t");
    table.chains.push(Chain { base: Some(base), rules, ..Chain::regular("input") });
    Ruleset { tables: vec![table] }
}

/// Before, what follows each unknown byte was asked for twice: 65,536 times what is behind sixteen.
#[test]
fn a_key_that_is_not_known_is_looked_up_in_ranges_in_no_time() {
    use common::build::{ACCEPT, anonymous, load};
    use rolewall_ruleset::expr::PayloadBase;
    let range = |n: u8| Element::range(&[&[n], &[1; 15][..]].concat(), &[&[n], &[9; 15][..]].concat());
    let wide = Element::range(&[0x20; 16], &[0xfd; 16]);
    let set = anonymous(&[DataType::Ipv6Addr], (1..200).map(range).chain([wide]).collect());
    let lookup = common::build::in_set(set);
    let exprs = vec![load(PayloadBase::Transport, 200, 16), lookup, ACCEPT];
    let ruleset = closed(vec![Rule { exprs, ..Rule::default() }]);
    let flow = Flow::parse(Direction::In, "tcp", "10.0.0.1", "10.0.0.2:1").unwrap();
    let studies = studies(&ruleset, &Environment::default());
    let of_shape = studies.iter().find(|study| study.shape == Shape::of(&flow)).unwrap();
    assert_eq!(of_shape.judged(0, &flow), Judged::May);
}
