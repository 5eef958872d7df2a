//! Markdown tables, as they stand in BENCHMARKS.md.
//! Not here: the figures.

use crate::stats::{median, range};

/// A table in the making.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[&str]) -> Table {
        Table { rows: vec![columns.iter().map(|c| (*c).to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Prints it, with columns aligned for those who read it as text.
    pub(crate) fn print(&self) {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for (i, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            println!("| {} |", cells.join(" | "));
            if i == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                println!("| {} |", rules.join(" | "));
            }
        }
        println!();
    }
}

/// `12.3 (11.9..14.0)` of seconds, in milliseconds.
pub(crate) fn spread_ms(seconds: &[f64]) -> String {
    let (low, high) = range(seconds);
    format!("{} ({}..{})", ms(median(seconds)), ms(low), ms(high))
}

/// Seconds as milliseconds with three digits or so.
pub(crate) fn ms(seconds: f64) -> String {
    let ms = seconds * 1e3;
    let digits = if ms < 1.0 {
        3
    } else if ms < 10.0 {
        2
    } else {
        usize::from(ms < 1000.0)
    };
    format!("{ms:.digits$}")
}

/// A ratio; of a small one, that it is not nothing.
pub(crate) fn ratio(value: f64) -> String {
    let digits = if value < 0.1 { 4 } else { 2 };
    if value.is_finite() { format!("{value:.digits$}") } else { "-".to_owned() }
}
