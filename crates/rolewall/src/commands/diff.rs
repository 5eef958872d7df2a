//! `rolewall diff`: what would open and close against what the kernel holds, and which live flows would be
//! cut.
//! Not here: changing anything.

use super::plan::next_revision;
use crate::candidate::in_force;
use crate::everybody::Everybody;
use crate::failure::{Failure, Kind};
use crate::firewall::Firewall;
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use crate::precheck::{CutDocument, Live, cut_by};
use rolewall_policy::difference::{Difference, Line, Way, difference};
use rolewall_policy::lower;
use serde::Serialize;

/// Without a table of ours the comparison is with a host on which others alone refuse anything.
const NOTHING_IN_FORCE: &str =
    "nothing of ours is in force: what is named below is held against what others' rules let pass\n";
/// Nobody reads more than thousands of lines.
const CUT_SHORT: &str = "more opens and closes than is told here\n";

#[derive(Debug, Serialize)]
struct Document {
    opens: Vec<String>,
    closes: Vec<String>,
    /// Where no rule was before: what still passes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stays: Vec<String>,
    cut: Vec<String>,
    /// The same, each with its ends and its process.
    cut_flows: Vec<CutDocument>,
    /// There is more than is told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut_short: bool,
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
    let held = Everybody::read(&mut firewall)?;
    let then = held.with_ours(candidate.clone());
    let found = difference(&held.ruleset, &then, &inputs.inventory, &held.environment)
        .map_err(|e| Failure::new(Kind::Host, e).help("rolewall explain judges one flow at a time"))?;
    let cut = cut_by(&candidate, &Live::read(&mut firewall.nft)?);
    let sessions =
        cut.sessions.iter().map(|(session, by)| format!("cuts your own session {session}, by {by}"));
    let document = Document {
        opens: lines(&found, Way::Opens),
        closes: lines(&found, Way::Closes),
        stays: lines(&found, Way::Stays),
        cut: sessions.chain(cut.flows.iter().map(|flow| format!("cuts {flow}"))).collect(),
        cut_flows: cut.documents(),
        cut_short: found.is_cut_short,
        is_off: !held.has_ours(),
    };
    print!("{}", if json { super::json(&document)? } else { document.text() });
    Ok(u8::from(!found.lines.is_empty()))
}

fn lines(found: &Difference, way: Way) -> Vec<String> {
    found.lines.iter().filter(|line| line.way == way).map(Line::to_string).collect()
}

impl Document {
    fn text(&self) -> String {
        let all = [&self.opens, &self.closes, &self.stays, &self.cut];
        let lines: Vec<&str> = all.into_iter().flatten().map(String::as_str).collect();
        let first = if self.is_off { NOTHING_IN_FORCE } else { "" };
        let rest = if lines.is_empty() { "no difference".to_owned() } else { lines.join("\n") };
        let last = if self.cut_short { CUT_SHORT } else { "" };
        format!("{first}{rest}\n{last}")
    }
}
