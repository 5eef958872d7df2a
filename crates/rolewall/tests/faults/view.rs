//! What a listing of nft says is in force, found from the text alone: nothing of the program takes part.
//! Not here: what should be.

use std::collections::BTreeSet;

/// Objects of our table, as nft lists them, that packets can reach; numbers of revisions as words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct View {
    /// What is confirmed: empty where nothing is.
    pub(crate) confirmed: BTreeSet<String>,
    /// What is under test, and still in force.
    pub(crate) test: BTreeSet<String>,
    /// Tables of others.
    pub(crate) others: BTreeSet<String>,
    /// Objects that no packet reaches.
    pub(crate) unreached: BTreeSet<String>,
}

impl View {
    pub(crate) fn of(listing: &str) -> View {
        let (ours, others) = tables(listing);
        let objects: Vec<&str> = ours.iter().flat_map(|table| objects(table)).collect();
        let is_armed = objects.iter().any(|o| o.starts_with("set armed {") && o.contains("elements = {"));
        let bases = objects.iter().filter(|object| object.contains("\n\t\ttype filter hook "));
        let leads: Vec<&str> = bases.flat_map(|o| o.lines()).filter(|line| is_lead(line)).collect();
        let led_by = |tested: bool| {
            let line = leads.iter().find(|line| line.contains("@armed goto") == tested)?;
            line.rsplit_once("goto ")?.1.split('-').next().map(|prefix| format!("{prefix}-"))
        };
        let confirmed = led_by(false);
        let candidate = led_by(true);
        let mut view = View {
            confirmed: BTreeSet::new(),
            test: BTreeSet::new(),
            others: others.into_iter().map(str::to_owned).collect(),
            unreached: BTreeSet::new(),
        };
        for object in objects {
            let name = object.split(' ').nth(1).unwrap_or_default();
            let is_of =
                |prefix: &Option<String>| prefix.as_ref().is_some_and(|p| name.starts_with(p.as_str()));
            let numbered = name.starts_with('r') && name[1..].starts_with(|c: char| c.is_ascii_digit());
            if is_of(&confirmed) {
                view.confirmed.insert(worded(object, confirmed.as_deref()));
            } else if is_of(&candidate) && is_armed {
                view.test.insert(worded(object, candidate.as_deref()));
            } else if numbered {
                view.unreached.insert(object.to_owned());
            } else {
                view.add_frame(object, is_armed, confirmed.as_deref(), candidate.as_deref());
            }
        }
        view
    }

    /// The base chains and the set that arms a test.
    fn add_frame(&mut self, object: &str, is_armed: bool, confirmed: Option<&str>, candidate: Option<&str>) {
        let is_test = |line: &&str| line.contains("@armed");
        let lines = |tested: bool| -> String {
            let chosen = object.lines().filter(|line| tested || !is_test(line));
            chosen.collect::<Vec<_>>().join("\n")
        };
        if object.starts_with("set ") {
            return;
        }
        let stays = lines(false);
        if stays.contains("goto") {
            self.confirmed.insert(worded(&stays, confirmed));
        }
        if is_armed && object.lines().any(|line| is_test(&line)) {
            let both = worded(&lines(true), candidate);
            self.test.insert(confirmed.map_or(both.clone(), |prefix| both.replace(prefix, "confirmed-")));
        }
    }

    /// The same once its test has ended, one way or the other, and all has been tidied up.
    pub(crate) fn without_test(&self) -> View {
        View { test: BTreeSet::new(), unreached: BTreeSet::new(), ..self.clone() }
    }

    /// The same without tables of others, which a reboot forgets.
    pub(crate) fn ours(&self) -> View {
        View { others: BTreeSet::new(), ..self.clone() }
    }

    /// The same without what no packet reaches.
    pub(crate) fn reached(&self) -> View {
        View { unreached: BTreeSet::new(), ..self.clone() }
    }

    /// The first lines of the objects that another view has besides, or has not.
    pub(crate) fn differences(&self, other: &View) -> String {
        let all = |view: &View| -> BTreeSet<String> {
            let sets = [
                ("", &view.confirmed),
                ("test ", &view.test),
                ("", &view.others),
                ("unreached ", &view.unreached),
            ];
            sets.into_iter().flat_map(|(word, set)| set.iter().map(move |o| format!("{word}{o}"))).collect()
        };
        let (ours, theirs) = (all(self), all(other));
        let line =
            |sign: &str, object: &String| format!("{sign}{}", object.lines().next().unwrap_or_default());
        let more = theirs.difference(&ours).map(|object| line("+", object));
        more.chain(ours.difference(&theirs).map(|object| line("-", object))).collect::<Vec<_>>().join("\n")
    }

    /// `off`, `test` or `confirmed`.
    pub(crate) fn word(&self) -> &'static str {
        match (self.test.is_empty(), self.confirmed.is_empty()) {
            (false, _) => "test",
            (true, false) => "confirmed",
            (true, true) => "off",
        }
    }
}

/// Nothing but the way stands before a goto that leads: a rule of somebody else's would have a condition.
fn is_lead(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("goto r") || line.starts_with("meta nfproto @armed goto r")
}

fn worded(object: &str, prefix: Option<&str>) -> String {
    let object = in_order(object);
    prefix.map_or(object.clone(), |prefix| object.replace(prefix, "revision-"))
}

/// The elements of a set in one order: Linux has them in another each time.
fn in_order(object: &str) -> String {
    let parts = object.split_once("elements = {").and_then(|(before, rest)| {
        let (elements, after) = rest.split_once('}')?;
        Some((before, elements, after))
    });
    let Some((before, elements, after)) = parts else { return object.to_owned() };
    let mut elements: Vec<&str> = elements.split(',').map(str::trim).collect();
    elements.sort_unstable();
    format!("{before}elements = {{ {} }}{after}", elements.join(", "))
}

/// Ours, and those of others.
fn tables(listing: &str) -> (Vec<&str>, Vec<&str>) {
    let starts: Vec<usize> = listing
        .match_indices("table ")
        .map(|(at, _)| at)
        .filter(|at| *at == 0 || listing[..*at].ends_with('\n'))
        .collect();
    let ends = starts.iter().skip(1).copied().chain([listing.len()]);
    let each = starts.iter().zip(ends).map(|(start, end)| listing[*start..end].trim_end());
    each.partition(|table| table.starts_with("table inet rolewall {"))
}

fn objects(table: &str) -> Vec<&str> {
    let inside = table.split_once("{\n").map_or("", |(_, rest)| rest);
    let inside = inside.strip_suffix("\n}").unwrap_or(inside);
    inside.split("\n\n").map(str::trim).filter(|object| !object.is_empty()).collect()
}
