//! What the tests of this crate share: a namespace of their own, and a whole table as one transaction.
//! Not here: any claim.
#![allow(dead_code, clippy::unwrap_used)]

pub(crate) mod everything;

use rolewall_kernel::{NetNs, Nft};
use rolewall_ruleset::table::{ChainKind, Hook};
use rolewall_ruleset::transaction::IfThere;
use rolewall_ruleset::{
    BaseChain, Chain, ChainPolicy, DataType, Expr, Family, Op, Rule, Set, SetRef, Table, Transaction,
};
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs the test in a fresh network namespace; says loudly if it cannot, and fails then under CI.
pub(crate) fn in_namespace(test: impl FnOnce() + Send) {
    match NetNs::create() {
        Ok(ns) => ns.run(test).unwrap(),
        Err(e) => {
            assert!(std::env::var_os("CI").is_none(), "SKIPPED under CI: {e}");
            // Past the capture of the test harness.
            let mut stderr = std::io::stderr();
            writeln!(stderr, "SKIPPED: needs CAP_NET_ADMIN ({e})").unwrap();
        }
    }
}

/// The operations that create a table with everything in it.
pub(crate) fn creation(table: &Table) -> Transaction<'_> {
    let id = &table.id;
    let mut ops = vec![Op::AddTable(table)];
    ops.extend(table.chains.iter().map(|c| Op::AddChain(id, c)));
    ops.extend(table.sets.iter().map(|s| Op::AddSet(id, s)));
    ops.extend(table.sets.iter().map(|s| Op::AddElements(id, s, &s.elements, IfThere::Keep)));
    for chain in &table.chains {
        ops.extend(chain.rules.iter().map(|r| Op::AddRule(id, &chain.name, r)));
    }
    Transaction { generation: None, ops }
}

/// The table without what the kernel adds or counts: handles, counters, what is left of a lifetime.
pub(crate) fn normal(mut table: Table) -> Table {
    for rule in table.chains.iter_mut().flat_map(|c| &mut c.rules) {
        normal_rule(rule);
    }
    table.sets.iter_mut().for_each(normal_set);
    table
}

fn normal_rule(rule: &mut Rule) {
    rule.handle = None;
    rule.exprs.iter_mut().for_each(normal_expr);
}

fn normal_expr(expr: &mut Expr) {
    match expr {
        Expr::Counter { packets, bytes } => (*packets, *bytes) = (0, 0),
        Expr::Lookup { set: SetRef::Anonymous(set), .. } => normal_set(set),
        _ => {}
    }
}

fn normal_set(set: &mut Set) {
    for element in &mut set.elements {
        if let Some(extra) = &mut element.extra {
            extra.expires_ms = None;
            extra.exprs.iter_mut().for_each(normal_expr);
            if **extra == Default::default() {
                element.extra = None;
            }
        }
    }
}

/// Loads the table and gives what the kernel then holds.
pub(crate) fn through_the_kernel(nft: &mut Nft, table: &Table) -> Table {
    nft.commit(&creation(table)).unwrap_or_else(|e| panic!("{e}\n{table:#?}"));
    nft.read_table(&table.id).unwrap().unwrap()
}

/// `nft` with these arguments and this input.
pub(crate) fn nft_command(args: &[&str], input: &str) -> Output {
    let mut command = Command::new("nft");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("nft is installed");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Loads text with `nft -f`.
pub(crate) fn nft_load(text: &str) {
    let output = nft_command(&["-f", "-"], text);
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
}

/// The listing of the whole ruleset.
pub(crate) fn nft_list() -> String {
    let output = nft_command(&["list", "ruleset"], "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A listing without what is left of lifetimes.
pub(crate) fn without_expiry(listing: &str) -> String {
    let mut pieces = listing.split(" expires ");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |all, piece| all + piece.trim_start_matches(|c: char| c.is_ascii_alphanumeric()))
}

/// Operations without a generation.
pub(crate) fn of(ops: Vec<Op<'_>>) -> Transaction<'_> {
    Transaction { generation: None, ops }
}

/// A table with an input chain and a set of addresses `s`.
pub(crate) fn small_table() -> Table {
    let mut table = Table::new(Family::Inet, "t");
    let base = BaseChain {
        kind: ChainKind::Filter,
        hook: Hook::Input,
        priority: 0,
        policy: ChainPolicy::Drop,
        devices: Vec::new(),
    };
    table.chains.push(Chain { name: "input".into(), base: Some(base), rules: Vec::new() });
    table.sets.push(Set::new("s", &[DataType::Ipv4Addr]));
    table
}
