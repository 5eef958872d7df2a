//! `join`: one node joins a loaded host: whole processes in turn, and the transaction alone.
//! Not here: what the node may do then; `apply` has checked that both sides judge the same.

use crate::child::{self, Cost};
use crate::cli::{Cli, JoinOptions, Place};
use crate::cluster::{self, Cluster};
use crate::peers::{Peer, RULESET_TABLE};
use crate::policy::position;
use crate::report::{Table, ms, ratio, spread_ms};
use crate::side::{Side, Who};
use crate::stats::{median, pairwise, range};
use crate::{Outcome, machine};
use rolewall_kernel::Nft;
use rolewall_kernel::nft::batch;
use rolewall_lab::{HostSpec, Lab};
use rolewall_policy::lower::table_id;
use rolewall_ruleset::transaction::IfThere;
use rolewall_ruleset::{Element, Op, Set, TableId, Transaction};
use rustix::time::{ClockId, clock_gettime};
use std::time::Instant;

/// The role of the nodes that join: a client of three services, so the sets of it are in use.
const ROLE: &str = "sip";

/// The numbers of nodes that join, beyond those of any cluster.
const FIRST: usize = 20_000;

const PROCESS_COLUMNS: [&str; 8] = [
    "nodes",
    "files on",
    "side",
    "join ms (min..max)",
    "CPU ms",
    "peak MiB",
    "wall: rolewall / it (of pairs)",
    "CPU; peak: rolewall / it",
];
const TRANSACTION_COLUMNS: [&str; 4] =
    ["nodes", "elements of the set", "transaction us (min..max)", "CPU us"];

pub(crate) fn run(cli: &Cli, options: &JoinOptions) -> Outcome<()> {
    machine::print(cli)?;
    let mut processes = Table::new(&PROCESS_COLUMNS);
    let mut transactions = Table::new(&TRANSACTION_COLUMNS);
    for nodes in &options.nodes {
        for (i, place) in options.places.iter().enumerate() {
            eprintln!("{nodes} nodes, files on {}", place.word());
            let lab = Lab::builder().host(HostSpec::new("rolewall")).host(HostSpec::new("nft")).up()?;
            let cluster = Cluster::of(*nodes);
            let ours = Side::set_up(cli, Who::Rolewall, lab.host("rolewall")?, &cluster, *place)?;
            let nft = Side::set_up(cli, Who::Peer(Peer::NftRolemap), lab.host("nft")?, &cluster, *place)?;
            ours.load()?;
            nft.load()?;
            let costs = join_in_turn(cli, options.runs, &ours, &nft)?;
            rows(*nodes, *place, &costs).into_iter().for_each(|row| processes.row(row));
            if i == 0 {
                let alone = ours.host.in_namespace(|| Alone::measure(options.transactions))??;
                transactions.row(alone.row(*nodes));
            }
        }
    }
    processes.print();
    transactions.print();
    Ok(())
}

/// A B A B …; each node leaves again before the next joins, which does not count.
fn join_in_turn(cli: &Cli, runs: usize, ours: &Side<'_>, nft: &Side<'_>) -> Outcome<[Vec<Cost>; 2]> {
    let rolewall = cli.rolewall()?.display().to_string();
    let files = ours.directory.display().to_string();
    let mut costs = [Vec::new(), Vec::new()];
    for run in 0..=runs {
        let (ipv4, ipv6) = (cluster::ipv4(FIRST + run), cluster::ipv6(FIRST + run));
        let (name, bits) = (format!("joined{run}"), 1 << position(ROLE));
        let node = |what: &str, rest: &[&str]| {
            let words = [&[rolewall.as_str(), "--files", &files, "node", what, &name], rest].concat();
            words.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let private = (ipv4.to_string(), ipv6.to_string());
        let add = node("add", &["--private", &private.0, "--private", &private.1, "--role", ROLE]);
        let by_hand = |verb: &str| {
            let line = format!(
                "{verb} element inet {RULESET_TABLE} roles4 {{ {ipv4} : {bits:#x} }}; \
                 {verb} element inet {RULESET_TABLE} roles6 {{ {ipv6} : {bits:#x} }}"
            );
            vec!["nft".to_owned(), line]
        };
        let cost = [child::measure(ours.host, &add)?, child::measure(nft.host, &by_hand("add"))?];
        child::measure(ours.host, &node("remove", &[]))?;
        child::measure(nft.host, &by_hand("delete"))?;
        // The first of each does not count.
        if run > 0 {
            costs.iter_mut().zip(cost).for_each(|(of_side, cost)| of_side.push(cost));
        }
    }
    Ok(costs)
}

fn rows(nodes: usize, place: Place, [ours, nft]: &[Vec<Cost>; 2]) -> [Vec<String>; 2] {
    let walls = |costs: &[Cost]| costs.iter().map(|c| c.wall_s).collect::<Vec<_>>();
    let cpu = |costs: &[Cost]| median(&costs.iter().map(|c| c.cpu_s).collect::<Vec<_>>());
    let peak = |costs: &[Cost]| median(&costs.iter().map(|c| c.peak_mib).collect::<Vec<_>>());
    let of_walls = ratio(median(&walls(ours)) / median(&walls(nft)));
    let of_pairs = ratio(pairwise(&walls(ours), &walls(nft)));
    let row = |side: &str, costs: &[Cost], ratios: [String; 2]| {
        let [of_walls, of_rest] = ratios;
        vec![
            nodes.to_string(),
            place.word().to_owned(),
            side.to_owned(),
            spread_ms(&walls(costs)),
            ms(cpu(costs)),
            format!("{:.1}", peak(costs)),
            of_walls,
            of_rest,
        ]
    };
    let none = || ["-".to_owned(), "-".to_owned()];
    let rest = format!("{}; {}", ratio(cpu(ours) / cpu(nft)), ratio(peak(ours) / peak(nft)));
    [
        row("rolewall node add", ours, none()),
        row("nft add element", nft, [format!("{of_walls} ({of_pairs})"), rest]),
    ]
}

/// One element added to one set, in this process: what Linux itself takes for it.
struct Alone {
    /// Of the set, before.
    elements: usize,
    wall_s: Vec<f64>,
    cpu_s: Vec<f64>,
}

impl Alone {
    /// For a thread in the host's namespace. Each element is deleted again, which does not count.
    fn measure(transactions: usize) -> Outcome<Alone> {
        let mut nft = Nft::open()?;
        let id = table_id();
        let set = set_of_role(&mut nft, &id)?;
        let elements = nft.read_elements(&id, &set)?.len();
        let mut alone = Alone { elements, wall_s: Vec::new(), cpu_s: Vec::new() };
        for i in 0..transactions {
            let element = [Element::key(&cluster::ipv4(FIRST + i).octets())];
            let bytes = |op| batch::encode(&Transaction { generation: None, ops: vec![op] });
            let add = bytes(Op::AddElements(&id, &set, &element, IfThere::Refuse))?;
            let delete = bytes(Op::DeleteElements(&id, &set, &element))?;
            let (started, cpu) = (Instant::now(), thread_cpu_s());
            nft.commit_bytes(&add)?;
            alone.wall_s.push(started.elapsed().as_secs_f64());
            alone.cpu_s.push(thread_cpu_s() - cpu);
            if nft.find_elements(&id, &set, &element)?.is_empty() {
                return Err("an element that was added is not in its set".into());
            }
            nft.commit_bytes(&delete)?;
        }
        Ok(alone)
    }

    fn row(&self, nodes: usize) -> Vec<String> {
        let (low, high) = range(&self.wall_s);
        let us = |seconds: f64| format!("{:.0}", seconds * 1e6);
        vec![
            nodes.to_string(),
            self.elements.to_string(),
            format!("{} ({}..{})", us(median(&self.wall_s)), us(low), us(high)),
            us(median(&self.cpu_s)),
        ]
    }
}

/// The set of IPv4 addresses of the joining role, whatever revision is in force.
fn set_of_role(nft: &mut Nft, id: &TableId) -> Outcome<Set> {
    let outline = nft.read_outline(id)?.ok_or_else(|| format!("there is no table {id}"))?;
    let suffix = format!("-{ROLE}4");
    let set = outline.sets.into_iter().find(|set| set.name.ends_with(&suffix));
    set.ok_or_else(|| format!("the table {id} holds no set …{suffix}").into())
}

fn thread_cpu_s() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}
