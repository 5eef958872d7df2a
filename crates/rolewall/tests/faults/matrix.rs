//! Every fault at every call of every step, and the table of what came of it.
//! Not here: what must hold after each ([`super::judge`]).

use super::calls::Kind;
use super::judge::{Next, Outcome, case};
use super::stage::{Stage, Stands};
use super::steps::{Known, STEPS, Step};
use super::support::can_run;
use super::support::program::{Program, described};
use super::tracer::{Fault, trace};
use super::{disk, power};
use nix::errno::Errno;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    Kill,
    Fail(Kind, Errno),
    Short,
    /// Power fails after a write.
    Power,
    FullDisk,
    ReadOnly,
    NoDirectory,
    Garbled,
}

/// The system calls of the program.
const CALLS: [Row; 10] = [
    Row::Kill,
    Row::Fail(Kind::Netlink, Errno::ENOBUFS),
    Row::Fail(Kind::Netlink, Errno::EINTR),
    Row::Fail(Kind::Netlink, Errno::EAGAIN),
    Row::Fail(Kind::Netlink, Errno::EPERM),
    Row::Fail(Kind::File, Errno::ENOSPC),
    Row::Fail(Kind::File, Errno::EIO),
    Row::Fail(Kind::File, Errno::EPERM),
    Row::Fail(Kind::File, Errno::EINTR),
    Row::Short,
];

/// What its files are on.
const DISKS: [Row; 5] = [Row::Power, Row::FullDisk, Row::ReadOnly, Row::NoDirectory, Row::Garbled];

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Row::Kill => f.write_str("SIGKILL"),
            Row::Fail(Kind::Netlink, errno) => write!(f, "netlink {errno:?}"),
            Row::Fail(_, errno) => write!(f, "file {errno:?}"),
            Row::Short => f.write_str("short write"),
            Row::Power => f.write_str("power fails"),
            Row::FullDisk => f.write_str("full disk"),
            Row::ReadOnly => f.write_str("read-only disk"),
            Row::NoDirectory => f.write_str("no directory"),
            Row::Garbled => f.write_str("garbled file"),
        }
    }
}

impl Row {
    /// How many cases an undisturbed run of a step has for it.
    fn cases(self, known: &Known) -> usize {
        match self {
            Row::Kill => known.calls.len(),
            Row::Fail(kind, errno) => known.count(kind, errno),
            Row::Short => known.writes(),
            Row::Power => power::moments(known),
            Row::FullDisk => disk::FULL_DISKS,
            Row::ReadOnly | Row::NoDirectory => 1,
            Row::Garbled => known.files.len() * disk::MUTATIONS.len(),
        }
    }

    /// Whether the cases are the calls of a run, which may come to more than another.
    fn is_of_calls(self) -> bool {
        CALLS.contains(&self)
    }

    /// The n-th case: where it left the node, if the program came so far, or what does not hold.
    fn case(self, stage: &Stage, known: &Known, at: usize) -> Result<Option<Outcome>, String> {
        match self {
            Row::Kill => {
                // The machine may go down with the program.
                let next = if at.is_multiple_of(2) { Next::Boot } else { Next::Again };
                case(stage, known, Fault::Kill(at), next)
            }
            Row::Fail(kind, errno) => case(stage, known, Fault::Fail(kind, at, errno), Next::Again),
            Row::Short => case(stage, known, Fault::Short(at), Next::Again),
            Row::Power => power::fails_after(stage, known, at),
            Row::FullDisk => disk::full(stage, known, at).map(Some),
            Row::ReadOnly => disk::read_only(stage, known).map(Some),
            Row::NoDirectory => disk::no_directory(stage, known).map(Some),
            Row::Garbled => disk::garbled(stage, known, at).map(Some),
        }
    }
}

/// What came of the cases of a row at a step.
#[derive(Debug, Default)]
struct Cell {
    outcomes: BTreeMap<Outcome, usize>,
    wrong: usize,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [
            (Outcome::Before, 'B'),
            (Outcome::Between, 'M'),
            (Outcome::After, 'A'),
            (Outcome::AfterWithError, 'E'),
            (Outcome::Fallback, 'F'),
        ];
        let counted =
            letters.iter().filter_map(|(outcome, letter)| Some((self.outcomes.get(outcome)?, letter)));
        let mut parts: Vec<String> = counted.map(|(count, letter)| format!("{count}{letter}")).collect();
        if self.wrong > 0 {
            parts.push(format!("{} WRONG", self.wrong));
        }
        f.write_str(&parts.join(" "))
    }
}

/// Threads wait for each other more often in one run than in another: the last calls of a run are those that it
/// never came to, so many in a row.
const MISSES: usize = 3;

/// Of the cases of a row at a step, every so-many-th, but at least one.
fn cell(stage: &Stage, known: &Known, row: Row, every: usize, offset: usize) -> Cell {
    let cases = row.cases(known);
    let first = offset % cases.min(every).max(1);
    let mut cell = Cell::default();
    let mut missed = 0;
    for at in (first..).step_by(every) {
        if at >= cases && (missed >= MISSES || !row.is_of_calls()) {
            break;
        }
        if at >= 2 * cases.max(MISSES) {
            // The last calls were never reached. Of a part of the cases nothing follows from that.
            if every == 1 {
                eprintln!("\nWRONG: {row}: {cases} calls were seen at first, and the {at}th is not the last");
                cell.wrong += 1;
            }
            break;
        }
        match row.case(stage, known, at) {
            Ok(Some(outcome)) => {
                *cell.outcomes.entry(outcome).or_default() += 1;
                missed = 0;
            }
            Ok(None) => missed += 1,
            Err(wrong) => {
                eprintln!("\nWRONG: {wrong}");
                cell.wrong += 1;
            }
        }
    }
    cell
}

/// Every so-many-th case of every row at every step, each step on a stage of its own; rows by steps.
fn matrix(rows: &[Row], every: usize) -> Vec<(&'static str, Vec<(Row, Cell)>)> {
    let next = AtomicUsize::new(0);
    let column = |position: usize, step: Step| {
        let stage = Stage::new();
        let known = step.learn(&stage);
        // Not the same ones at each step.
        let cell = |(n, row): (usize, &Row)| {
            let cell = cell(&stage, &known, *row, every, 7 * n + 5 * position);
            eprintln!("{}, {row}: {cell}", step.name);
            (*row, cell)
        };
        rows.iter().enumerate().map(cell).collect::<Vec<_>>()
    };
    let work = || {
        let mut done: Vec<(usize, Vec<(Row, Cell)>)> = Vec::new();
        loop {
            let position = next.fetch_add(1, Ordering::Relaxed);
            let Some(step) = STEPS.get(position) else { return done };
            done.push((position, column(position, *step)));
        }
    };
    let mut columns = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    columns.sort_by_key(|(position, _)| *position);
    columns.into_iter().map(|(position, cells)| (STEPS[position].name, cells)).collect()
}

/// Cases take more waiting than work.
const WORKERS: usize = 4;

/// The table, as a document has it: steps by faults.
fn table(rows: &[Row], columns: &[(&'static str, Vec<(Row, Cell)>)]) -> String {
    let headings: String = rows.iter().map(|row| format!(" {row} |")).collect();
    let rule = "---|".repeat(rows.len());
    let line = |(step, cells): &(&str, Vec<(Row, Cell)>)| {
        let cells: String = cells.iter().map(|(_, cell)| format!(" {cell} |")).collect();
        format!("| `{step}` |{cells}\n")
    };
    format!("| step |{headings}\n|---|{rule}\n{}", columns.iter().map(line).collect::<String>())
}

fn count(columns: &[(&'static str, Vec<(Row, Cell)>)]) -> usize {
    columns.iter().flat_map(|(_, cells)| cells).flat_map(|(_, cell)| cell.outcomes.values()).sum()
}

#[test]
fn a_part_of_the_matrix_of_calls() {
    hold(&CALLS, 60);
}

#[test]
fn a_part_of_the_matrix_of_disks() {
    hold(&DISKS, 24);
}

/// Nodes whose files are in a directory that cannot be listed are not gone.
#[test]
fn an_inventory_that_cannot_be_listed_is_not_taken_for_a_smaller_one() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let step = STEPS.into_iter().find(|step| step.name == "apply --final, elements").unwrap();
    let known = step.learn(&stage);
    // By what it is about, not by its place among all calls: threads make theirs in any order.
    let (name, directory) = ("getdents64", "/cluster.d");
    let moments = known.calls.iter().filter(|call| call.is_about(name, directory)).count();
    assert_ne!(moments, 0);
    for at in 0..moments {
        let fault = Fault::FailAbout(name, directory, at, Errno::EIO);
        let outcome = case(&stage, &known, fault, Next::Again);
        assert_eq!(outcome, Ok(Some(Outcome::Before)));
    }
}

/// The notes of a host that was opened still say so, though a revision was confirmed there since.
#[test]
fn a_host_that_was_opened_boots_what_was_confirmed_since_though_the_notes_could_not_be_written() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let node = stage.node();
    stage.reset();
    node.expect(0, &["disable"]);
    stage.become_role("sip");
    // The first is that of the test.
    let second = Fault::FailAbout("rename", "/notes.json", 1, Errno::EIO);
    let traced = trace(node, &["apply", "--final"], second);
    assert!(traced.hit.is_some() && traced.finished.code() == Some(3), "{}", described(&traced.finished));
    assert_eq!(stage.stands(), Ok(Stands::Sip));
    node.expect(0, &["janitor"]);
    stage.forget();
    node.expect(0, &["boot"]);
    assert_eq!(stage.stands(), Ok(Stands::Sip));
    node.expect(0, &["status"]);
}

/// The kernel has done it, and nobody was told: neither the journal nor the command may say otherwise.
#[test]
fn a_node_joins_and_leaves_though_the_answer_to_any_one_question_is_lost() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    for step in STEPS.into_iter().filter(|step| step.name.starts_with("node ")) {
        let known = step.learn(&stage);
        let netlink = known.calls.iter().filter(|call| call.kind == Kind::Netlink);
        for (at, _) in netlink.enumerate().filter(|(_, call)| call.name == "recvfrom") {
            let fault = Fault::Fail(Kind::Netlink, at, Errno::EPERM);
            let outcome = case(&stage, &known, fault, Next::Again);
            assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
        }
    }
}

#[test]
#[ignore = "takes half an hour; a part of it runs always"]
fn the_whole_matrix_of_calls() {
    hold(&CALLS, 1);
}

#[test]
#[ignore = "takes some minutes; a part of it runs always"]
fn the_whole_matrix_of_disks() {
    hold(&DISKS, 1);
}

/// Makes the cases, prints the table, and fails with all that does not hold.
fn hold(rows: &[Row], every: usize) {
    if !can_run() {
        return;
    }
    let columns = matrix(rows, every);
    println!("\n{}\n{} cases", table(rows, &columns), count(&columns));
    let wrong: usize = columns.iter().flat_map(|(_, cells)| cells).map(|(_, cell)| cell.wrong).sum();
    assert_eq!(wrong, 0, "cases that do not hold");
}
