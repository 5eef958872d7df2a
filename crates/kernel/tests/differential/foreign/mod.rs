//! Random rules as people write them for iptables: loaded by the real iptables-nft-restore.
//! Not here: what the judge makes of them; it sees what Linux then holds.

mod condition;
mod target;

use crate::edges::Edges;
use crate::palette::Palette;
use crate::random::Random;
use std::fmt::Write;
use std::process::{Command, Stdio};

/// A line of a table: its pieces can be left out one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// `*filter`.
    pub(crate) table: &'static str,
    /// `:INPUT DROP`, or `-A INPUT`, which no rule can do without.
    pub(crate) head: String,
    /// Conditions, and a target last.
    pub(crate) pieces: Vec<String>,
}

/// All lines of a family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) v4: Vec<Line>,
    pub(crate) v6: Vec<Line>,
}

/// Writes the rules of one family.
pub(super) struct Scribe<'a> {
    random: &'a mut Random,
    palette: &'a Palette,
    edges: &'a mut Edges,
    is_v4: bool,
    table: &'static str,
    chain: String,
    beyond: Vec<String>,
    /// The rule asks for this protocol.
    protocol: Option<u8>,
    /// Options that the rule has, of which it may have one each.
    had: Vec<&'static str>,
}

/// A table and its built-in chains.
type BuiltIn = (&'static str, &'static [&'static str]);

const TABLES: [BuiltIn; 4] = [
    ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
    ("mangle", &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]),
    ("raw", &["PREROUTING", "OUTPUT"]),
    ("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
];

impl Script {
    /// Some rules, and the values that they ask for.
    pub(crate) fn random(random: &mut Random, palette: &Palette, edges: &mut Edges) -> Script {
        let mut script = Script::default();
        let which = random.below(5);
        for is_v4 in [true, false] {
            if which == 0 && !is_v4 || which == 1 && is_v4 {
                continue;
            }
            let (chain, beyond, had) = (String::new(), Vec::new(), Vec::new());
            let (table, protocol) = ("", None);
            let mut scribe = Scribe { random, palette, edges, is_v4, table, chain, beyond, protocol, had };
            let lines = scribe.lines();
            *(if is_v4 { &mut script.v4 } else { &mut script.v6 }) = lines;
        }
        script
    }

    /// Has the real programs load it, in the namespace of this thread. What they said where they would not.
    pub(crate) fn load(&self) -> Result<(), String> {
        restore("iptables-nft-restore", &self.v4)?;
        restore("ip6tables-nft-restore", &self.v6)
    }

    /// As the programs read it.
    pub(crate) fn text(&self) -> String {
        format!("# IPv4\n{}# IPv6\n{}", text(&self.v4), text(&self.v6))
    }
}

fn restore(program: &str, lines: &[Line]) -> Result<(), String> {
    if lines.is_empty() { Ok(()) } else { load(program, &[], &text(lines)) }
}

/// A program that reads rules from its standard input.
pub(crate) fn load(program: &str, arguments: &[&str], text: &str) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{program}: {e}"));
    let written = std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes());
    let output = child.wait_with_output().unwrap();
    match (written, output.status.success()) {
        (Ok(()), true) => Ok(()),
        _ => Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

fn text(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut table = "";
    for line in lines {
        if line.table != table {
            let end = if table.is_empty() { "" } else { "COMMIT\n" };
            let _ = writeln!(text, "{end}*{}", line.table);
            table = line.table;
        }
        let _ = writeln!(text, "{} {}", line.head, line.pieces.join(" "));
    }
    if table.is_empty() { text } else { text + "COMMIT\n" }
}

impl Scribe<'_> {
    fn lines(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        for (table, chains) in TABLES {
            if table == "filter" || self.random.percent(35) {
                self.table = table;
                lines.extend(self.of_table(chains));
            }
        }
        lines
    }

    fn of_table(&mut self, built_in: &[&str]) -> Vec<Line> {
        let own: Vec<String> = (0..self.random.within(1, 4)).map(|place| format!("u{place}")).collect();
        let mut lines: Vec<Line> = built_in.iter().map(|chain| self.policy(chain)).collect();
        let head = |chain: &String| format!(":{chain} - [0:0]");
        lines.extend(own.iter().map(|chain| Line {
            table: self.table,
            head: head(chain),
            pieces: Vec::new(),
        }));
        for chain in built_in {
            self.beyond.clone_from(&own);
            lines.extend(self.rules(chain, 5));
        }
        for (place, chain) in own.iter().enumerate() {
            self.beyond = own[place + 1..].to_vec();
            lines.extend(self.rules(chain, 4));
        }
        lines
    }

    fn policy(&mut self, chain: &str) -> Line {
        let drops = match self.table {
            "filter" => self.random.percent(30),
            "nat" => false,
            _ => self.random.percent(5),
        };
        let policy = if drops { "DROP" } else { "ACCEPT" };
        Line { table: self.table, head: format!(":{chain} {policy} [0:0]"), pieces: Vec::new() }
    }

    fn rules(&mut self, chain: &str, most: usize) -> Vec<Line> {
        chain.clone_into(&mut self.chain);
        (0..self.random.within(0, most)).map(|_| self.rule()).collect()
    }

    fn rule(&mut self) -> Line {
        self.protocol = None;
        self.had.clear();
        let mut pieces = Vec::new();
        for _ in 0..*self.random.pick(&[0, 1, 1, 2, 2, 3]) {
            pieces.extend(self.condition());
        }
        pieces.extend(self.target());
        Line { table: self.table, head: format!("-A {}", self.chain), pieces }
    }

    /// `! `, in some.
    fn not(&mut self) -> &'static str {
        if self.random.percent(25) { "! " } else { "" }
    }
}
