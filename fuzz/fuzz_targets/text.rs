//! Tables as text, with names and comments that anybody may have put there: the text ends each line where it should
//! and does not steer a terminal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewall_kernel::batch;
use rolewall_ruleset::text;

fn is_plain(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control())
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(table) = batch::decode(bytes) else { return };
    let whole = text::table(&table);
    assert!(is_plain(&whole), "{whole:?}");
    for chain in &table.chains {
        for rule in &chain.rules {
            let told = text::told_rule(&table, rule);
            assert!(is_plain(&told) && !told.contains('\n'), "{told:?}");
        }
    }
    for unspeakable in text::unspeakable(&table) {
        assert!(is_plain(&unspeakable.program), "{unspeakable:?}");
    }
});
