//! `rolewall diff`: what would open and close against what the kernel holds, and which live flows would be
//! cut.
//! Not here: changing anything.

use super::plan::next_revision;
use crate::candidate::in_force;
use crate::failure::Failure;
use crate::firewall::Firewall;
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use crate::precheck::{Live, cut_by};
use rolewall_policy::difference::{Way, difference};
use rolewall_policy::lower;
use rolewall_ruleset::Ruleset;
use serde::Serialize;

/// Without a table of ours the comparison is with a host that refuses nothing; other tables are not judged.
const NOTHING_IN_FORCE: &str =
    "nothing of ours is in force: what is named below closes, as far as it passes now\n";

#[derive(Debug, Serialize)]
struct Document {
    opens: Vec<String>,
    closes: Vec<String>,
    cut: Vec<String>,
    /// No table of ours is in the kernel.
    #[serde(skip)]
    is_off: bool,
}

/// Prints the differences; 1 if there are any.
pub(crate) fn diff(host: &Host, json: bool) -> Result<u8, Failure> {
    host.live("diff")?;
    let inputs = Inputs::read(host, Look::AsNeeded)?;
    let candidate = in_force(lower::lower(&inputs.plan()?, &next_revision(host)?.prefix()));
    let mut firewall = Firewall::open()?;
    let held = firewall.nft.read_table(&firewall.id.clone())?;
    let is_off = held.is_none();
    let now = Ruleset { tables: held.into_iter().collect() };
    let openings = difference(&now, &candidate, &inputs.inventory);
    let of = |way: Way| openings.iter().filter(|o| o.way == way).map(ToString::to_string).collect();
    let cut = cut_by(&candidate, &Live::read(&mut firewall)?);
    let sessions =
        cut.sessions.iter().map(|(session, by)| format!("cuts your own session {session}, by {by}"));
    let document = Document {
        opens: of(Way::Opens),
        closes: of(Way::Closes),
        cut: sessions.chain(cut.flows.iter().map(|flow| format!("cuts {flow}"))).collect(),
        is_off,
    };
    print!("{}", if json { super::json(&document)? } else { document.text() });
    Ok(u8::from(!openings.is_empty()))
}

impl Document {
    fn text(&self) -> String {
        let lines: Vec<&str> =
            [&self.opens, &self.closes, &self.cut].into_iter().flatten().map(String::as_str).collect();
        let first = if self.is_off { NOTHING_IN_FORCE } else { "" };
        let rest = if lines.is_empty() { "no difference".to_owned() } else { lines.join("\n") };
        format!("{first}{rest}\n")
    }
}
