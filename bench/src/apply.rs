//! `apply`: whole processes that load the whole policy into a host, in turn.
//! Not here: whether they judge packets the same ([`crate::flows`]), and what packets notice.

use crate::child::Cost;
use crate::cli::{ApplyOptions, Cli, Place};
use crate::cluster::Cluster;
use crate::peers::Peer;
use crate::report::{Table, ms, ratio, spread_ms};
use crate::side::{Side, Who};
use crate::stats::{median, pairwise};
use crate::{Outcome, flows, machine};
use rolewall_lab::{HostSpec, Lab};

const COLUMNS: [&str; 13] = [
    "nodes",
    "files on",
    "side",
    "elements",
    "first load ms (min..max)",
    "load ms (min..max)",
    "nothing to load ms",
    "CPU ms",
    "peak MiB",
    "first wall: rolewall / it (of pairs)",
    "wall: rolewall / it (of pairs)",
    "nothing to load: rolewall / it (of pairs)",
    "CPU; peak: rolewall / it",
];

pub(crate) fn run(cli: &Cli, options: &ApplyOptions) -> Outcome<()> {
    machine::print(cli)?;
    if !options.no_flows {
        flows::compare(cli, &options.peers)?;
    }
    let mut table = Table::new(&COLUMNS);
    for (nodes, place) in options.nodes.iter().flat_map(|n| options.places.iter().map(move |p| (*n, *p))) {
        eprintln!("{nodes} nodes, files on {}", place.word());
        let cluster = Cluster::of(nodes);
        let who = sides(options, nodes);
        let measured = measure(cli, options, &who, &cluster, place)?;
        let ours = &measured[0];
        for it in &measured {
            table.row(row(nodes, place, it, ours));
        }
    }
    table.print();
    Ok(())
}

/// Rolewall and the peers that can be measured here; says which cannot.
fn sides(options: &ApplyOptions, nodes: usize) -> Vec<Who> {
    let possible = |peer: &Peer| {
        let missing = peer.programs().iter().find(|program| machine::find(program).is_none());
        if let Some(program) = missing {
            eprintln!("{}: skipped, `{program}` is not installed", peer.name());
        } else if nodes > peer.nodes_max() {
            eprintln!("{}: skipped, it takes minutes beyond {} nodes", peer.name(), peer.nodes_max());
        }
        missing.is_none() && nodes <= peer.nodes_max()
    };
    let peers = options.peers.iter().copied().filter(possible).map(Who::Peer);
    std::iter::once(Who::Rolewall).chain(peers).collect()
}

/// What one side cost.
struct Measured {
    who: Who,
    size: String,
    first: Vec<Cost>,
    again: Vec<Cost>,
    /// The policy was there already, and that was found.
    nothing: Vec<Cost>,
}

fn measure(
    cli: &Cli,
    options: &ApplyOptions,
    who: &[Who],
    cluster: &Cluster,
    place: Place,
) -> Outcome<Vec<Measured>> {
    let mut measured: Vec<Measured> = who
        .iter()
        .map(|who| Measured {
            who: *who,
            size: String::new(),
            first: Vec::new(),
            again: Vec::new(),
            nothing: Vec::new(),
        })
        .collect();
    for round in 0..options.cold.max(1) {
        let is_last = round + 1 == options.cold.max(1);
        let lab = lab(who)?;
        let sides = who
            .iter()
            .map(|who| Side::set_up(cli, *who, lab.host(who.name())?, cluster, place))
            .collect::<Outcome<Vec<_>>>()?;
        for (side, it) in sides.iter().zip(&mut measured) {
            it.first.push(side.load()?);
        }
        if is_last {
            load_again(options.runs, &sides, &mut measured)?;
        }
    }
    Ok(measured)
}

/// A B A B …, after one of each that does not count.
fn load_again(runs: usize, sides: &[Side<'_>], measured: &mut [Measured]) -> Outcome<()> {
    sides.iter().try_for_each(|side| side.load().map(drop))?;
    for _ in 0..runs {
        for (side, it) in sides.iter().zip(&mut *measured) {
            it.again.push(side.load()?);
            it.nothing.extend(side.look()?);
        }
    }
    for (side, it) in sides.iter().zip(measured) {
        it.size = side.size()?;
    }
    Ok(())
}

/// A host for each side; no packet is sent, so none has a network.
fn lab(who: &[Who]) -> Outcome<Lab> {
    let hosts = who.iter().map(|who| HostSpec::new(who.name()));
    Ok(hosts.fold(Lab::builder(), |builder, host| builder.host(host)).up()?)
}

fn row(nodes: usize, place: Place, it: &Measured, ours: &Measured) -> Vec<String> {
    let of = |costs: &[Cost], what: fn(&Cost) -> f64| costs.iter().map(what).collect::<Vec<f64>>();
    let (wall, cpu, peak) = (|c: &Cost| c.wall_s, |c: &Cost| c.cpu_s, |c: &Cost| c.peak_mib);
    let (walls, cpus, peaks) = (of(&it.again, wall), of(&it.again, cpu), of(&it.again, peak));
    let (our_walls, our_cpus, our_peaks) =
        (of(&ours.again, wall), of(&ours.again, cpu), of(&ours.again, peak));
    let (firsts, our_firsts) = (of(&it.first, wall), of(&ours.first, wall));
    let beside = |ours: &[f64], its: &[f64]| {
        format!("{} ({})", ratio(median(ours) / median(its)), ratio(pairwise(ours, its)))
    };
    let our_looks = of(&ours.nothing, wall);
    let [of_firsts, of_walls, of_looks, of_rest] = if it.who == Who::Rolewall {
        ["-"; 4].map(str::to_owned)
    } else {
        let of_cpu = ratio(median(&our_cpus) / median(&cpus));
        let of_peak = ratio(median(&our_peaks) / median(&peaks));
        let [of_firsts, of_walls, of_looks] =
            [(&our_firsts, &firsts), (&our_walls, &walls), (&our_looks, &walls)].map(|(a, b)| beside(a, b));
        [of_firsts, of_walls, of_looks, format!("{of_cpu}; {of_peak}")]
    };
    vec![
        nodes.to_string(),
        place.word().to_owned(),
        it.who.name().to_owned(),
        it.size.clone(),
        spread_ms(&firsts),
        spread_ms(&walls),
        if it.nothing.is_empty() { "-".to_owned() } else { ms(median(&of(&it.nothing, wall))) },
        ms(median(&cpus)),
        format!("{:.1}", median(&peaks)),
        of_firsts,
        of_walls,
        of_looks,
        of_rest,
    ]
}
