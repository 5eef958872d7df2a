//! Large inputs: read in time and memory that grow with their size alone.
//! Not here: figures for the README (those come from a release build; `cargo test --release -- --nocapture`).

use rolewall_policy::{Catalogue, Source, inventory};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const HEAD: &str = "[cluster]\nname = \"large\"\nprivate = [\"10.0.0.0/8\", \"fd20::/48\"]\n";

fn cluster(nodes: usize) -> Source {
    let roles = ["\"web\"", "\"sip\"", "\"pbx\"", "\"sql\", \"dd\"", "\"worker\""];
    let mut text = HEAD.to_owned();
    for n in 0..nodes {
        let (high, low) = (n / 250, n % 250 + 1);
        let role = roles[n % roles.len()];
        write!(
            text,
            "\n[[node]]\nname    = \"node{n}\"\nid      = \"{n}\"\nprivate = [\"10.{}.{}.{low}\", \"fd20::{n:x}:1\"]\n\
             public  = [\"100.{}.{}.{low}\", \"2001:db8::{n:x}:1\"]\nroles   = [{role}]\n",
            high / 250,
            high % 250,
            high / 250,
            high % 250,
        )
        .expect("a string takes it");
    }
    Source::new("cluster.toml", text)
}

#[test]
fn ten_thousand_nodes_are_read_at_once() {
    let (source, catalogue) = (cluster(10_000), Catalogue::built_in());
    let begun = Instant::now();
    let inventory = inventory::parse(std::slice::from_ref(&source), &catalogue).unwrap();
    let took = begun.elapsed();
    println!("{} bytes, {} nodes: {took:?}", source.text.len(), inventory.nodes.len());
    assert_eq!(inventory.nodes.len(), 10_000);
    // A debug build on a busy machine; what a release build needs is some fifty times less.
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn what_is_wrong_ten_thousand_times_is_told_up_to_a_bound() {
    let source = cluster(10_000);
    let source = Source::new("cluster.toml", source.text.replace("roles ", "rolse "));
    let problems = inventory::parse(&[source], &Catalogue::built_in()).unwrap_err();
    assert_eq!(problems.0.len(), 501);
    let last = problems.0[500].to_string();
    assert!(last.starts_with("error: cluster.toml: 9500 more problems were found"), "{last}");
}

#[test]
fn a_part_without_an_end_is_refused_before_it_is_parsed() {
    let endless = Source::new("cluster.toml", format!("{HEAD}[[node]]\nname = \"{}", "[".repeat(5 << 20)));
    let begun = Instant::now();
    let problems = inventory::parse(&[endless], &Catalogue::built_in()).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(problems.0[0].what.contains("bytes without a line that says [[node]]"), "{problems}");
}
