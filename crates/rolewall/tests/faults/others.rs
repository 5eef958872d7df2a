//! Others at the same time: a second operator, another program that changes our table, a wall clock that jumps.
//! Not here: other programs' own tables (`commands_others`).

use super::stage::{Stage, Stands};
use super::steps::{NODE, STEPS};
use super::support::program::{PATIENCE, Program, ROLEWALL, described};
use super::support::{can_run, eventually, nft};
use super::tracer::{Fault, trace};
use super::view::View;
use rolewall_kernel::{Nft, NftError};
use rolewall_ruleset::{Family, Op, Table, Transaction};
use serde_json::json;
use std::time::Duration;

/// Pairs of commands that two operators give at the same moment, on a node whose test of the sip role runs.
const PAIRS: [[&[&str]; 2]; 7] = [
    [&["apply"], &["apply"]],
    [&["apply"], &["confirm"]],
    [&["confirm"], &["revert"]],
    [&["confirm"], &["confirm"]],
    [&["revert"], &["apply", "--final"]],
    [&["disable"], &["confirm"]],
    [&["janitor"], &["confirm"]],
];

/// How often each pair is raced, with the second so much later each time.
const RACES: u32 = 12;
const LATER: Duration = Duration::from_micros(700);

#[test]
fn of_two_operators_at_once_one_waits_or_is_told_and_the_node_stands_one_way_whole() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    let [apply, confirm, disable] = ["apply", "confirm", "disable"]
        .map(|name| STEPS.into_iter().find(|step| step.name == name).unwrap().learn(&stage));
    let places: Vec<_> = [apply, confirm, disable].into_iter().flat_map(|known| known.places).collect();
    let under_test = STEPS.into_iter().find(|step| step.name == "confirm").unwrap();
    for (pair, race) in PAIRS.iter().flat_map(|pair| (0..RACES).map(move |race| (pair, race))) {
        under_test.begin(&stage);
        let first = node.rolewall(pair[0]).spawn().unwrap();
        std::thread::sleep(LATER * race);
        let second = node.rolewall(pair[1]).spawn().unwrap();
        let ended = [first, second].map(|running| running.wait(PATIENCE).unwrap());
        let said = || format!("{}\n{}", described(&ended[0]), described(&ended[1]));
        for one in &ended {
            let is_told = one.stderr().contains("another rolewall is at work");
            let holds = match one.code() {
                Some(0) => true,
                Some(2) => one.stderr().contains("no test is running"),
                Some(3) => is_told,
                _ => false,
            };
            assert!(holds, "{}", said());
        }
        assert!(ended.iter().any(|one| one.code() == Some(0)), "{}", said());
        let view = View::of(&stage.held());
        let place = places.iter().find(|place| place.view == view);
        let stands = stage.stands().unwrap();
        assert_eq!(place.map(|place| place.stands), Some(stands), "{}\n{view:#?}", said());
        let status = node.json(&["status"]);
        assert_eq!((&status["state"], &status["drift"]), (&json!(view.word()), &json!([])), "{}", said());
    }
}

/// What somebody does to our table, and a word of what status must say of it; none where nothing of ours is left.
const MEDDLING: [(&[&str], &str); 7] = [
    (&["flush", "ruleset"], "the kernel holds none"),
    (&["delete", "table", "inet", "rolewall"], "the kernel holds none"),
    (&["flush", "chain", "inet", "rolewall", "input"], "what comes in is not filtered"),
    (&["flush", "chain", "inet", "rolewall", "r1-refuse-in"], "r1-refuse-in"),
    (&["insert", "rule", "inet", "rolewall", "r1-in", "tcp", "dport", "3306", "accept"], "r1-in"),
    (&["delete", "element", "inet", "rolewall", "r1-sql4", "{ 10.20.1.17 }"], "10.20.1.17"),
    (&["add", "table", "inet", "rolewall", "{ flags dormant; }"], "nothing is filtered"),
];

#[test]
fn what_another_program_does_to_our_table_is_said_left_alone_by_looking_and_healed_when_asked() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    let confirmed = stage.held();
    for (done, word) in MEDDLING {
        stage.reset();
        nft(node, done);
        let meddled = stage.held();
        node.expect(1, &["status"]).mentions(&["drift", word]);
        for looking in ["plan", "diff", "janitor"] {
            node.run(&[looking]);
            assert_eq!(stage.held(), meddled, "{done:?}, then {looking}");
        }
        node.expect(0, &["enable"]);
        assert_eq!(View::of(&stage.held()), View::of(&confirmed), "{done:?}");
        assert_eq!(stage.stands(), Ok(Stands::Web), "{done:?}");
        node.expect(0, &["status"]);
    }
}

#[test]
fn what_another_program_does_to_our_table_during_a_test_is_never_confirmed_and_ends_with_the_test() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    let confirmed = View::of(&stage.held());
    let under_test = STEPS.into_iter().find(|step| step.name == "confirm").unwrap();
    let meddling: [(&[&str], i32); 6] = [
        (&["flush", "ruleset"], 2),
        (&["flush", "chain", "inet", "rolewall", "input"], 4),
        (&["flush", "chain", "inet", "rolewall", "r2-refuse-in"], 4),
        (&["insert", "rule", "inet", "rolewall", "r2-in", "tcp", "dport", "3306", "accept"], 4),
        (&["delete", "element", "inet", "rolewall", "r2-sql4", "{ 10.20.1.17 }"], 4),
        (&["flush", "set", "inet", "rolewall", "armed"], 2),
    ];
    for (done, code) in meddling {
        under_test.begin(&stage);
        nft(node, done);
        let said = node.run(&["confirm"]);
        assert_eq!(said.code(), Some(code), "{done:?}: {}", described(&said));
        assert!(!said.stderr().contains("in force again") || code == 2, "{done:?}: {}", described(&said));
        node.run(&["revert"]);
        node.expect(0, &["enable"]);
        assert_eq!(View::of(&stage.held()), confirmed, "{done:?}");
        assert_eq!(stage.stands(), Ok(Stands::Web), "{done:?}");
        node.expect(0, &["status"]);
    }
}

const YEAR_S: i64 = 365 * 24 * 60 * 60;

#[test]
fn a_wall_clock_that_is_a_year_off_changes_nothing_that_any_command_does() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    for step in STEPS {
        let known = step.learn(&stage);
        for by_s in [YEAR_S, -YEAR_S] {
            step.begin(&stage);
            let traced = trace(stage.node(), step.arguments, Fault::Clock(by_s));
            assert_eq!(traced.finished.code(), Some(0), "{}", described(&traced.finished));
            let view = View::of(&stage.held());
            assert_eq!(view, known.after().view, "{}: {by_s}", step.name);
            let status = trace(stage.node(), &["status", "--json"], Fault::Clock(-by_s)).finished;
            let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
            assert_eq!(status["state"], view.word(), "{}: {by_s}", step.name);
            let left_s = status["deadline_s"].as_u64();
            assert!(left_s.is_none_or(|left| (500..=600).contains(&left)), "{status}");
        }
    }
}

#[test]
fn a_test_ends_at_its_deadline_though_every_clock_that_the_program_reads_jumps() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    stage.become_role("sip");
    let applied = trace(stage.node(), &["apply", "--window", "10s"], Fault::Clock(YEAR_S));
    assert_eq!(applied.finished.code(), Some(0), "{}", described(&applied.finished));
    assert_eq!(stage.stands(), Ok(Stands::Sip));
    let janitor = trace(stage.node(), &["janitor"], Fault::Clock(2 * YEAR_S));
    assert_eq!(janitor.finished.code(), Some(0), "{}", described(&janitor.finished));
    assert_eq!(stage.stands(), Ok(Stands::Sip), "a janitor whose clock is ahead ends nothing");
    eventually(Duration::from_secs(30), "the deadline", || stage.stands() == Ok(Stands::Web));
    let confirm = trace(stage.node(), &["confirm"], Fault::Clock(-YEAR_S));
    assert_eq!(confirm.finished.code(), Some(2), "{}", described(&confirm.finished));
    assert_eq!(stage.stands(), Ok(Stands::Web), "a clock that is behind does not confirm what has ended");
}

#[test]
fn a_node_that_joins_twice_at_once_joins_once() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    let joined = STEPS.into_iter().find(|step| step.name == "node add").unwrap().learn(&stage);
    for race in 0..RACES {
        stage.reset();
        let first = node.rolewall(&NODE).spawn().unwrap();
        std::thread::sleep(LATER * race);
        let second = node.rolewall(&NODE).spawn().unwrap();
        let ended = [first, second].map(|running| running.wait(PATIENCE).unwrap());
        assert!(ended.iter().any(|one| one.code() == Some(0)), "{}", described(&ended[1]));
        assert_eq!(View::of(&stage.held()), joined.after().view, "{}", described(&ended[1]));
        node.expect(0, &["status"]);
    }
}

#[test]
fn a_table_of_our_name_that_belongs_to_another_process_is_refused_left_alone_and_no_way_out_once_it_is_gone()
{
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    stage.forget();
    let owned = || {
        let mut nft = Nft::open()?;
        let mut table = Table::new(Family::Inet, "rolewall");
        table.flags.owner = true;
        nft.commit(&Transaction { generation: None, ops: vec![Op::AddTable(&table)] })?;
        Ok::<_, NftError>(nft)
    };
    let owner = node.in_namespace(owned).unwrap().unwrap();
    let held = stage.held();
    for arguments in [&["apply"][..], &["apply", "--final"], &["enable"], &["boot"], &["disable"]] {
        let refused = node.run(arguments);
        assert!(matches!(refused.code(), Some(3 | 4)), "{}", described(&refused));
        assert_eq!(stage.held(), held, "{}", described(&refused));
    }
    // Linux takes the table away with its owner.
    drop(owner);
    eventually(Duration::from_secs(10), "the owner's table goes", || stage.held().is_empty());
    node.expect(0, &["boot"]);
    assert_eq!(stage.stands(), Ok(Stands::Web));
    node.expect(0, &["status"]);
}

/// Where what a command says goes: to a full device, or to nobody.
const DEAF: [&str; 5] = [
    "\"$@\" >/dev/full",
    "\"$@\" 2>/dev/full",
    "\"$@\" >/dev/full 2>&1",
    "\"$@\" >&- 2>&-",
    "\"$@\" 2>&1 | true",
];

#[test]
fn a_command_that_cannot_say_what_it_does_does_it_all_the_same() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let files = stage.node().files().to_str().unwrap();
    for step in STEPS {
        let known = step.learn(&stage);
        for deaf in DEAF {
            step.begin(&stage);
            let command = stage.node().command("sh").args(["-c", deaf, "sh", ROLEWALL, "--files", files]);
            let finished = command.args(step.arguments).timeout(PATIENCE).run().unwrap();
            let view = View::of(&stage.held());
            assert_eq!(view, known.after().view, "{deaf}: {}", described(&finished));
            assert!(matches!(finished.code(), Some(0 | 3)), "{deaf}: {}", described(&finished));
        }
    }
}
