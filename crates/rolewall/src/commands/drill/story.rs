//! What the drill tells while it plays, and what it sums up at the end.
//! Not here: what is played.

use crate::commands::json;
use crate::failure::Failure;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// What standard output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    /// The story itself.
    Words,
    /// One JSON document; the story goes to standard error.
    Document,
}

/// The document of `drill --json`.
#[derive(Debug, Default, Serialize)]
struct Summary {
    holds: bool,
    took_ms: u64,
    /// Claims that were checked, each probe of a table among them.
    checks: usize,
    /// Real questions sent: TCP handshakes, datagrams, pings.
    probes: usize,
    /// What did not hold, in words.
    broken: Vec<String>,
    /// What was measured; the unit is the last word of each name.
    figures: BTreeMap<&'static str, f64>,
    chapters: Vec<Chapter>,
}

#[derive(Debug, Serialize)]
struct Chapter {
    title: String,
    at_ms: u64,
}

/// A story that is being told.
#[derive(Debug)]
pub(super) struct Story {
    started: Instant,
    report: Report,
    colour: bool,
    summary: Summary,
}

impl Story {
    pub(super) fn new(report: Report) -> Story {
        let is_terminal = match report {
            Report::Words => std::io::stdout().is_terminal(),
            Report::Document => std::io::stderr().is_terminal(),
        };
        let colour = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Story { started: Instant::now(), report, colour, summary: Summary::default() }
    }

    /// Begins a chapter.
    pub(super) fn chapter(&mut self, title: &str) {
        let at = self.started.elapsed();
        self.summary.chapters.push(Chapter { title: title.to_owned(), at_ms: whole_ms(at) });
        let number = self.summary.chapters.len();
        self.say("");
        let heading = self.bold(&format!("{number}. {title}"));
        self.say(&format!("{heading}   [{:.1} s]", at.as_secs_f64()));
    }

    /// A line of text. A reader that has gone away is no reason to stop half-way.
    pub(super) fn say(&self, line: &str) {
        let _ = match self.report {
            Report::Words => writeln!(std::io::stdout(), "{line}"),
            Report::Document => writeln!(std::io::stderr(), "{line}"),
        };
    }

    /// Lines of something else, indented.
    pub(super) fn quote(&self, text: &str) {
        text.trim_end().lines().for_each(|line| self.say(&format!("    {line}")));
    }

    /// A claim that must hold; the story goes on where it does not.
    pub(super) fn check(&mut self, holds: bool, claim: &str) {
        self.summary.checks += 1;
        if holds {
            self.say(&format!("  ok     {claim}"));
        } else {
            self.broken(claim);
        }
    }

    /// A claim that does not hold.
    pub(super) fn broken(&mut self, claim: &str) {
        self.summary.broken.push(claim.to_owned());
        let mark = self.bold("WRONG");
        self.say(&format!("  {mark}  {claim}"));
    }

    /// Probes that were as planned, or are told of one by one.
    pub(super) fn count(&mut self, probes: usize, checked: usize) {
        self.summary.probes += probes;
        self.summary.checks += checked;
    }

    /// Something that was measured; the name ends with its unit.
    pub(super) fn figure(&mut self, name: &'static str, value: f64) {
        self.summary.figures.insert(name, (value * 1000.0).round() / 1000.0);
    }

    /// The last line, and the exit code.
    pub(super) fn end(mut self) -> Result<u8, Failure> {
        let took = self.started.elapsed();
        self.summary.took_ms = whole_ms(took);
        self.summary.holds = self.summary.broken.is_empty();
        let line = self.last_line(took);
        self.say(&format!("\n{}", self.bold(&line)));
        self.summary.broken.iter().for_each(|what| self.say(&format!("  did not hold: {what}")));
        if self.report == Report::Document {
            let document = json(&self.summary)?;
            let _ = std::io::stdout().write_all(document.as_bytes());
        }
        Ok(u8::from(!self.summary.holds))
    }

    fn last_line(&self, took: Duration) -> String {
        let Summary { checks, probes, broken, .. } = &self.summary;
        let figures =
            format!("{checks} checks, {probes} probes with real packets, {:.1} s", took.as_secs_f64());
        match broken.len() {
            0 => format!("drill: all as planned: {figures}; nothing is left behind"),
            wrong => format!("drill: {wrong} NOT as planned: {figures}"),
        }
    }

    fn bold(&self, text: &str) -> String {
        if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds, with their fraction.
pub(super) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// `2 things`, `1 thing`.
pub(super) fn count_of(count: usize, noun: impl Display) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
