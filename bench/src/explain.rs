//! `explain`: what becomes of one flow on a loaded host, as a whole process, beside `nft list ruleset` there.
//! Not here: whether it is right; the tests of the binary hold it to real packets.

use crate::Outcome;
use crate::child::{self, Cost};
use crate::cli::{Cli, ExplainOptions, Place};
use crate::cluster::{Cluster, STRANGER4, me};
use crate::machine;
use crate::policy::position;
use crate::report::{Table, ms, ratio, spread_ms};
use crate::side::{Side, Who};
use crate::stats::{median, pairwise};
use rolewall_lab::{HostSpec, Lab};

const COLUMNS: [&str; 7] = [
    "nodes",
    "of what",
    "wall ms (min..max)",
    "CPU ms",
    "peak MiB",
    "wall: it / nft list (of pairs)",
    "peak: it / nft list",
];

/// A role whose nodes may ask the node for SQL, whose addresses a set of the node holds.
const CLIENT: &str = "sip";
const SQL_PORT: u16 = 3306;

pub(crate) fn run(cli: &Cli, options: &ExplainOptions) -> Outcome<()> {
    machine::print(cli)?;
    let mut table = Table::new(&COLUMNS);
    for nodes in &options.nodes {
        eprintln!("{nodes} nodes");
        let lab = Lab::builder().host(HostSpec::new("rolewall")).up()?;
        let cluster = Cluster::of(*nodes);
        let side = Side::set_up(cli, Who::Rolewall, lab.host("rolewall")?, &cluster, Place::Tmpfs)?;
        side.load()?;
        let client = cluster.with_role(position(CLIENT)).last().ok_or("no node has the client's role")?;
        let of = |source: String, verdict: &str| explain(cli, &side, &source, verdict);
        let commands = [
            ("a node's flow: accept", of(client.ipv4.to_string(), "accept")?),
            ("a stranger's flow: drop", of(STRANGER4.to_string(), "drop")?),
            ("nft list ruleset", ["nft", "list", "ruleset"].map(str::to_owned).to_vec()),
        ];
        let costs = in_turn(options.runs, &side, &commands)?;
        rows(*nodes, &commands, &costs).into_iter().for_each(|row| table.row(row));
    }
    table.print();
    Ok(())
}

/// The command for a flow; it ends as an error unless the verdict is this.
fn explain(cli: &Cli, side: &Side<'_>, source: &str, verdict: &str) -> Outcome<Vec<String>> {
    let (rolewall, files) = (cli.rolewall()?.display().to_string(), side.directory.display().to_string());
    let to = format!("{}:{SQL_PORT}", me::IPV4);
    let words = [&rolewall, "--files", &files, "explain", "in", "tcp", source, &to, "--expect", verdict];
    Ok(words.map(str::to_owned).to_vec())
}

/// A B C A B C …; the first of each does not count.
fn in_turn(runs: usize, side: &Side<'_>, commands: &[(&str, Vec<String>); 3]) -> Outcome<[Vec<Cost>; 3]> {
    let mut costs = [Vec::new(), Vec::new(), Vec::new()];
    for run in 0..=runs {
        for (of_command, (_, command)) in costs.iter_mut().zip(commands) {
            let cost = child::measure(side.host, command)?;
            if run > 0 {
                of_command.push(cost);
            }
        }
    }
    Ok(costs)
}

fn rows(nodes: usize, commands: &[(&str, Vec<String>); 3], costs: &[Vec<Cost>; 3]) -> Vec<Vec<String>> {
    let walls = |costs: &[Cost]| costs.iter().map(|c| c.wall_s).collect::<Vec<_>>();
    let cpu = |costs: &[Cost]| median(&costs.iter().map(|c| c.cpu_s).collect::<Vec<_>>());
    let peak = |costs: &[Cost]| median(&costs.iter().map(|c| c.peak_mib).collect::<Vec<_>>());
    let list = &costs[2];
    let row = |((what, _), own): (&(&str, Vec<String>), &Vec<Cost>)| {
        let of_walls = ratio(median(&walls(own)) / median(&walls(list)));
        vec![
            nodes.to_string(),
            (*what).to_owned(),
            spread_ms(&walls(own)),
            ms(cpu(own)),
            format!("{:.1}", peak(own)),
            format!("{of_walls} ({})", ratio(pairwise(&walls(own), &walls(list)))),
            ratio(peak(own) / peak(list)),
        ]
    };
    commands.iter().zip(costs).map(row).collect()
}
