//! The table of a chapter: who asks whom, what the plan says, and what was seen on the wire.
//! Not here: the asking.

use super::ask::{Answer, Question, ask_all};
use super::cast::Cast;
use super::ended::Ended;
use super::expect::{Fate, Plans};
use super::story::{Story, ms};
use rolewall_lab::Outcome;
use std::time::{Duration, Instant};

/// How much of the table is shown; all of it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    Every,
    /// Questions whose answer is another than in the table before.
    Changed,
}

/// What was expected and seen, question by question.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Row>,
    pub(super) took: Duration,
}

#[derive(Debug)]
struct Row {
    question: Question,
    fates: [Fate; 2],
    answer: Answer,
}

impl Row {
    fn is_as_planned(&self) -> bool {
        self.fates.iter().zip(self.answer).all(|(fate, seen)| fate.passes == (seen == Outcome::Open))
    }

    fn passes(&self) -> [bool; 2] {
        self.answer.map(|seen| seen == Outcome::Open)
    }

    fn text(&self) -> String {
        let Question { from, to, network, ask } = self.question;
        let to = format!("{to} {ask} ({network})");
        let [v4, v6] = self.answer;
        let seen = if v4 == v6 { v4.to_string() } else { format!("{v4} / {v6}") };
        format!("{from:<10}{to:<27}{:<45}{seen}", expected(&self.fates))
    }
}

/// One word where both families have one fate, else IPv4 / IPv6.
fn expected([v4, v6]: &[Fate; 2]) -> String {
    let word = |fate: &Fate| if fate.passes { "open" } else { "closed" };
    let words =
        if v4.passes == v6.passes { word(v4).to_owned() } else { format!("{} / {}", word(v4), word(v6)) };
    let why = if v4.why == v6.why { v4.why.clone() } else { format!("{} / {}", v4.why, v6.why) };
    format!("{words:<15}{why}")
}

impl Table {
    /// Asks every question, and holds the answers against the plans.
    pub(super) fn ask(cast: &Cast, plans: &Plans, questions: &[Question]) -> Result<Table, Ended> {
        let started = Instant::now();
        let answers = ask_all(cast, questions)?;
        let took = started.elapsed();
        let mut rows = Vec::new();
        for (question, answer) in questions.iter().zip(answers) {
            rows.push(Row { question: *question, fates: plans.fates(cast, question)?, answer });
        }
        Ok(Table { rows, took })
    }

    /// Prints it, and checks every row.
    pub(super) fn tell(&self, story: &mut Story, show: Show, before: Option<&Table>) {
        let shown: Vec<&Row> =
            self.rows.iter().filter(|row| show == Show::Every || self.is_news(row, before)).collect();
        if !shown.is_empty() {
            story.say(&format!("  {:<10}{:<27}{:<45}seen (IPv4 / IPv6)", "from", "to", "expected by plan"));
            shown.iter().for_each(|row| story.say(&format!("  {}", row.text())));
        }
        let probes = self.rows.len() * 2;
        story.count(probes, self.rows.len());
        let wrong: Vec<&Row> = self.rows.iter().filter(|row| !row.is_as_planned()).collect();
        wrong.iter().for_each(|row| story.broken(&row.text()));
        if wrong.is_empty() {
            let open: usize = self.rows.iter().flat_map(Row::passes).filter(|passes| *passes).count();
            let closed = probes - open;
            let took = ms(self.took);
            story.say(&format!(
                "  ok     all {probes} probes as planned: {open} open, {closed} closed ({took:.0} ms)"
            ));
        }
    }

    /// Another fate than before, or not as planned.
    fn is_news(&self, row: &Row, before: Option<&Table>) -> bool {
        let then = before.and_then(|table| table.rows.iter().find(|then| then.question == row.question));
        !row.is_as_planned() || then.is_none_or(|then| then.passes() != row.passes())
    }

    /// Questions that this table answers otherwise than `other`.
    pub(super) fn differs_from(&self, other: &Table) -> usize {
        self.rows.iter().filter(|row| self.is_news(row, Some(other))).count()
    }
}
