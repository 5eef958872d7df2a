//! `path`: CPU that a packet costs the node, from the wire to the socket, by ruleset.
//! Not here: how packets get onto the wire ([`inject`]) and what they are ([`frames`]).
//!
//! Every ruleset has namespaces of its own, all at once, and rounds go over all of them, so that a drift of the
//! machine hits each alike. One of them is loaded twice: what the two differ by is what this run cannot resolve.

mod frames;
mod inject;
mod results;
mod tracked;
mod wires;

use crate::cli::{Cli, PathOptions};
use crate::cluster::{Cluster, Family};
use crate::{Outcome, machine};
use frames::Kind;
use results::Costs;
use wires::{Ruleset, Wire, Wires};

pub(crate) fn run(cli: &Cli, options: &PathOptions) -> Outcome<()> {
    machine::print(cli)?;
    println!(
        "{} rounds of {} packets each; CPU {}; nanoseconds of CPU a packet, sending included: median (min..max)",
        options.rounds,
        options.packets,
        options.cpu()
    );
    println!();
    for nodes in &options.nodes {
        let cluster = Cluster::of(*nodes);
        let lab = Wires::lab()?;
        let wires = Wires::load(cli, &lab, &cluster)?;
        for family in Family::ALL {
            let mut costs = Costs::default();
            for kind in Kind::ALL {
                eprintln!("{nodes} nodes, {}, {}", family.word(), kind.word());
                let packets = Packets { family, kind, cluster: &cluster };
                on_cpu(options.cpu(), || measure(options, packets, &wires, &mut costs))?;
            }
            println!("{nodes} nodes, {}:\n", family.word());
            costs.print();
        }
    }
    Ok(())
}

/// Runs on a thread of its own that stays on one CPU, so that the main thread may go where it likes.
fn on_cpu(cpu: usize, work: impl FnOnce() -> Outcome<()> + Send) -> Outcome<()> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let mut set = rustix::thread::CpuSet::new();
            set.set(cpu);
            rustix::thread::sched_setaffinity(None, &set)?;
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// What is sent in all rounds of a measurement.
#[derive(Clone, Copy)]
struct Packets<'c> {
    family: Family,
    kind: Kind,
    cluster: &'c Cluster,
}

/// All rounds of one kind of packet.
fn measure(options: &PathOptions, packets: Packets<'_>, wires: &Wires<'_>, costs: &mut Costs) -> Outcome<()> {
    let Packets { family, kind, cluster } = packets;
    let frames = kind.frames(family, cluster, options.packets, 0)?;
    for wire in &wires.all {
        tracked::flush(wire.node)?;
        if kind == Kind::Established {
            wire.establish(family, &frames)?;
        }
        // A round that does not count: caches, slabs and branch predictors.
        wire.injector.send(&frames)?;
    }
    let before: Vec<u64> = wires.all.iter().map(|wire| wire.delivered(family)).collect::<Outcome<_>>()?;
    for round in 0..options.rounds {
        let frames = kind.frames(family, cluster, options.packets, 1 + round)?;
        for turn in 0..wires.all.len() {
            let wire = &wires.all[(round + turn) % wires.all.len()];
            if kind.is_new() {
                tracked::flush(wire.node)?;
            }
            let cpu_s = wire.injector.send(&frames)?;
            costs.add(kind, wire.ruleset, cpu_s / frames.len() as f64);
        }
    }
    let sent = (options.rounds * options.packets) as u64;
    for (wire, before) in wires.all.iter().zip(before) {
        check(packets, wire, sent, wire.delivered(family)? - before)?;
    }
    Ok(())
}

/// Refuses figures of packets that went another way than they are counted for.
fn check(packets: Packets<'_>, wire: &Wire<'_>, sent: u64, delivered: u64) -> Outcome<()> {
    let Packets { family, kind, .. } = packets;
    let expected = if wire.ruleset.filters() && !kind.is_allowed() { 0 } else { sent };
    // The socket takes one or two before its buffer is full, and they are counted elsewhere.
    let is_as_expected = delivered <= expected && expected - delivered <= 2 + sent / 1000;
    let is_tracked = !kind.is_new() || tracked::is_as_expected(wire, kind)?;
    if is_as_expected && is_tracked {
        return Ok(());
    }
    Err(format!(
        "{}, {}, {}: of {sent} packets {delivered} came to the socket, and {expected} should; tracked as expected: {is_tracked}",
        wire.ruleset.word(),
        family.word(),
        kind.word()
    )
    .into())
}

impl Ruleset {
    /// Whether it refuses anything.
    fn filters(self) -> bool {
        matches!(self, Ruleset::Rolewall | Ruleset::Again | Ruleset::NftRolemap)
    }
}
