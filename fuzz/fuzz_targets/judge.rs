//! A flow, a host and a table: it is judged alike with a path and without, and where Linux would load the table, by
//! itself and among all flows at once, and a flow that stands for a set of flows fares as they do.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewall_fuzz::nft::{FLOW_BYTES, fits, flow};
use rolewall_kernel::batch;
use rolewall_ruleset::expr::MetaKey;
use rolewall_ruleset::judge::{Judge, Judged};
use rolewall_ruleset::space::{Question, Shape, Source, study};
use rolewall_ruleset::{Expr, Ruleset, Table};

/// A name that ranges or bytes of a rule leave possible need be no text, and then no flow can tell it.
fn asks_names(table: &Table) -> bool {
    let rules = table.chains.iter().flat_map(|chain| &chain.rules);
    let is_name = |expr: &Expr| matches!(expr, Expr::Meta { key: MetaKey::IifName | MetaKey::OifName, .. });
    rules.flat_map(|rule| &rule.exprs).any(is_name)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((about, bytes)) = bytes.split_first_chunk::<FLOW_BYTES>() else { return };
    let Ok(table) = batch::decode(bytes) else { return };
    let (is_loadable, asks_names) = (fits(&table), asks_names(&table));
    let ruleset = Ruleset { tables: vec![table] };
    let (flow, environment) = flow(about);
    let judge = Judge::new(&ruleset).with(environment.clone());
    let judged = judge.flow(&flow);
    assert_eq!(judged.verdict, judge.verdict(&flow));
    judged.path.iter().for_each(|step| drop(step.text()));

    let (sources, directions) = ([Source::Ruleset(&ruleset)], [flow.direction]);
    let question =
        Question { sources: &sources, regions: &[], environment: &environment, directions: &directions };
    // Too many cases are refused, not gone through.
    let _ = study(question, |mut study| {
        if study.shape != Shape::of(&flow) || !is_loadable {
            return;
        }
        let found = study.judged(0, &flow);
        let is_doubtful = found == Judged::May || judged.verdict == Judged::May;
        assert!(found == judged.verdict || is_doubtful, "{found:?} {:?} {flow:?}", judged.verdict);
        let surely = study.surely(0);
        if let Some(witness) = study.witness(surely).filter(|_| !asks_names) {
            assert!(study.contains(surely, &witness), "{witness:?}");
            let fares = judge.verdict(&witness);
            assert!(matches!(fares, Judged::Accept | Judged::May), "{fares:?} {witness:?}");
        }
    });
});
