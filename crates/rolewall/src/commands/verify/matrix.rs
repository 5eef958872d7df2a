//! `verify --matrix`: who reaches which service of the cluster, as text, JSON and CSV.
//! Not here: computing it (`policy::verify::matrix`).

use super::too_large;
use crate::candidate::in_force;
use crate::cli::MatrixFormat;
use crate::failure::Failure;
use crate::inputs::Inputs;
use rolewall_policy::verify::fleet::{Fleet, This};
use rolewall_policy::verify::matrix::{Cell, Column, Matrix, Reach, Row, matrix};
use rolewall_policy::{Network, Plan, PortRange};
use rolewall_ruleset::Ruleset;
use rolewall_ruleset::judge::Environment;
use serde::Serialize;

/// Prints it.
pub(super) fn print(inputs: &Inputs, plan: &Plan, format: MatrixFormat, json: bool) -> Result<u8, Failure> {
    let (ruleset, environment) = (Ruleset::default(), Environment::default());
    let this = This { plan, ruleset: &ruleset, environment: &environment };
    let found = matrix(&Fleet { basis: inputs.basis(), this, in_force: &in_force }).map_err(too_large)?;
    let text = match format {
        MatrixFormat::Json => super::super::json(&document(&found))?,
        MatrixFormat::Text if json => super::super::json(&document(&found))?,
        MatrixFormat::Text => text(&found),
        MatrixFormat::Csv => csv(&found),
    };
    print!("{text}");
    Ok(0)
}

#[derive(Debug, Serialize)]
struct MatrixDocument {
    sources: Vec<SourceDocument>,
    services: Vec<ServiceDocument>,
    /// By source and service.
    cells: Vec<Vec<CellDocument>>,
    flows_checked_as: &'static str,
}

#[derive(Debug, Serialize)]
struct SourceDocument {
    name: String,
    network: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct ServiceDocument {
    role: String,
    service: String,
}

#[derive(Debug, Serialize)]
struct CellDocument {
    passes: &'static str,
    asked: Vec<String>,
    open: Vec<String>,
    may: Vec<String>,
}

fn document(matrix: &Matrix) -> MatrixDocument {
    let source = |row: &Row| SourceDocument { name: row.name.clone(), network: row.network.map(network) };
    let service =
        |column: &Column| ServiceDocument { role: column.role.to_string(), service: column.service.clone() };
    let ports = |ranges: &[PortRange]| ranges.iter().map(ToString::to_string).collect();
    let cell = |cell: &Cell| CellDocument {
        passes: word(cell.reach()),
        asked: ports(&cell.asked),
        open: ports(&cell.open),
        may: ports(&cell.may),
    };
    MatrixDocument {
        sources: matrix.rows.iter().map(source).collect(),
        services: matrix.columns.iter().map(service).collect(),
        cells: matrix.cells.iter().map(|row| row.iter().map(cell).collect()).collect(),
        flows_checked_as: "proof",
    }
}

fn network(network: Network) -> &'static str {
    match network {
        Network::Private => "private",
        Network::Public => "public",
    }
}

fn word(reach: Reach) -> &'static str {
    match reach {
        Reach::Nobody => "nobody",
        Reach::All => "all",
        Reach::Some => "some",
        Reach::None => "none",
        Reach::May => "may",
    }
}

fn label(row: &Row) -> String {
    row.network.map_or_else(|| row.name.clone(), |by| format!("{} ({})", row.name, network(by)))
}

/// A line for each service, since sources are fewer; one letter a cell.
fn text(matrix: &Matrix) -> String {
    let letter = |reach| match reach {
        Reach::Nobody => " ",
        Reach::All => "A",
        Reach::Some => "s",
        Reach::None => ".",
        Reach::May => "?",
    };
    let names: Vec<String> = matrix.columns.iter().map(|c| format!("{} {}", c.role, c.service)).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0);
    let mut text = String::new();
    for (at, row) in matrix.rows.iter().enumerate() {
        text += &format!("{:width$}  {}{}\n", "", "| ".repeat(at), label(row));
    }
    for (column, name) in names.iter().enumerate() {
        let cells = matrix.cells.iter().map(|row| letter(row[column].reach()));
        let line = format!("{name:width$}  {}", cells.collect::<Vec<_>>().join(" "));
        text += line.trim_end();
        text.push('\n');
    }
    text + "A all pass, s some, . none, ? may; blank: nobody asks or is asked (proof over all new flows)\n"
}

fn csv(matrix: &Matrix) -> String {
    let mut text = "source,network,role,service,passes,asked,open,may\n".to_owned();
    let ports = |ranges: &[PortRange]| ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    for (row, cells) in matrix.rows.iter().zip(&matrix.cells) {
        for (Column { role, service }, cell) in matrix.columns.iter().zip(cells) {
            let (name, by) = (&row.name, row.network.map_or("", network));
            let (passes, asked) = (word(cell.reach()), ports(&cell.asked));
            let (open, may) = (ports(&cell.open), ports(&cell.may));
            text += &format!("{name},{by},{role},{service},{passes},{asked},{open},{may}\n");
        }
    }
    text
}
