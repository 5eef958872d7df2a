//! `replace`: what packets notice while the whole policy is loaded again and again.
//! Not here: how long a load takes on a quiet host ([`crate::apply`]).

use crate::child;
use crate::cli::{Cli, Place, ReplaceOptions, Traffic, Way};
use crate::cluster::{Cluster, Node, STRANGER4, STRANGER6, me};
use crate::peers::Peer;
use crate::policy::position;
use crate::report::{Table, ms};
use crate::side::{Side, Who};
use crate::stats::median;
use crate::swap::Swapper;
use crate::{Outcome, machine, world};
use rolewall_kernel::conntrack::{self, Tuple};
use rolewall_lab::{FloodReport, FloodSpec, Flows, Host, Lab, Listen, Packet, StormSpec};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

const COLUMNS: [&str; 10] = [
    "replaced by",
    "traffic",
    "IP",
    "loads",
    "ms each",
    "packets",
    "wrong: lost, or admitted if forbidden",
    "in so many gaps; the longest",
    "lost by the bench's own socket; by full CPU queues",
    "control: packets; wrong",
];

/// How long traffic runs without any load, to see what the machine loses by itself.
const CONTROL: Duration = Duration::from_secs(3);

/// Longer than any run: a flood is stopped when the loads are done.
const AT_MOST: Duration = Duration::from_secs(900);

/// SYNs are repeated after a second, so that a handshake that took this long has lost one.
const HANDSHAKE_MAX: Duration = Duration::from_millis(900);

pub(crate) fn run(cli: &Cli, options: &ReplaceOptions) -> Outcome<()> {
    machine::print(cli)?;
    println!(
        "{} nodes; {} packets a second, or {} TCP connections",
        options.nodes, options.rate_pps, options.connections_per_s
    );
    println!();
    let cluster = Cluster::of(options.nodes);
    let mut table = Table::new(&COLUMNS);
    for traffic in &options.traffic {
        for ipv6 in [false, true] {
            for way in &options.ways {
                let run = Run { cli, options, cluster: &cluster, traffic: *traffic, ipv6, way: *way };
                eprintln!("{} {} {}", run.way_word(), run.traffic_word(), run.family());
                table.row(run.row()?);
            }
        }
    }
    table.print();
    Ok(())
}

/// One cell of the comparison.
struct Run<'a> {
    cli: &'a Cli,
    options: &'a ReplaceOptions,
    cluster: &'a Cluster,
    traffic: Traffic,
    ipv6: bool,
    way: Way,
}

/// What came of traffic.
struct Seen {
    packets: u64,
    wrong: u64,
    gaps: usize,
    longest: Duration,
    /// By the receiving socket, which the node did not lose.
    overflowed: u64,
    /// By a CPU's queue of packets to be received, of the whole machine.
    unqueued: u64,
    loads_s: Vec<f64>,
}

impl Run<'_> {
    fn row(&self) -> Outcome<Vec<String>> {
        // A lab for each, so that no connection that is tracked for one slows down another.
        let client: Vec<Node> = self.cluster.with_role(position("sip")).take(1).cloned().collect();
        let lab = world::wire(&client)?;
        let who = if self.way == Way::Nft { Who::Peer(Peer::NftRolemap) } else { Who::Rolewall };
        let side = Side::set_up(self.cli, who, lab.host(me::NAME)?, self.cluster, Place::Tmpfs)?;
        side.load()?;
        side.load()?;
        let control = self.seen(&lab, |stop_after| {
            std::thread::sleep(stop_after.min(CONTROL));
            Ok(Vec::new())
        })?;
        let seen = self.seen(&lab, |_| self.load_often(&side))?;
        Ok(self.cells(&seen, &control))
    }

    /// Sends traffic while `meanwhile` runs.
    fn seen(&self, lab: &Lab, meanwhile: impl FnOnce(Duration) -> Outcome<Vec<f64>> + Send) -> Outcome<Seen> {
        let dropped = softnet_dropped();
        let mut seen = match self.traffic {
            Traffic::Tcp => self.storm(lab, meanwhile)?,
            Traffic::Established | Traffic::New | Traffic::Role | Traffic::Forbidden => {
                self.flood(lab, meanwhile)?
            }
        };
        seen.unqueued = softnet_dropped().saturating_sub(dropped);
        Ok(seen)
    }

    fn flood(&self, lab: &Lab, meanwhile: impl FnOnce(Duration) -> Outcome<Vec<f64>>) -> Outcome<Seen> {
        let (node, others) = (lab.host(me::NAME)?, lab.host(world::OTHERS)?);
        let flows = if self.traffic == Traffic::Established { Flows::One } else { Flows::Fresh };
        let (from, to) = self.ends();
        let spec = FloodSpec { to, from, rate_pps: self.options.rate_pps, duration: AT_MOST, flows };
        let flood = others.flood(node, &spec)?;
        std::thread::sleep(Duration::from_millis(100));
        if self.traffic == Traffic::Established {
            answer(node, to)?;
        }
        let loads_s = meanwhile(AT_MOST);
        let report = flood.stop();
        Ok(self.of_flood(&report, loads_s?))
    }

    fn of_flood(&self, report: &FloodReport, loads_s: Vec<f64>) -> Seen {
        let second = f64::from(self.options.rate_pps);
        let longest = report.missing.iter().map(|run| run.end() - run.start() + 1).max().unwrap_or(0);
        let (wrong, gaps, longest) = match self.traffic {
            // What is missing is right; what arrives came one by one, mostly.
            Traffic::Forbidden => (report.received, report.missing.len().saturating_sub(1), 0),
            _ => (report.lost().saturating_sub(report.overflowed), report.missing.len(), longest),
        };
        Seen {
            packets: report.sent,
            wrong,
            gaps,
            longest: Duration::from_secs_f64(longest as f64 / second),
            overflowed: report.overflowed,
            unqueued: 0,
            loads_s,
        }
    }

    /// A storm cannot be stopped early, so the loads are as many as fit.
    fn storm(
        &self,
        lab: &Lab,
        meanwhile: impl FnOnce(Duration) -> Outcome<Vec<f64>> + Send,
    ) -> Outcome<Seen> {
        let (node, others) = (lab.host(me::NAME)?, lab.host(world::OTHERS)?);
        let (from, to) = self.ends();
        let _served = node.serve(Listen::new().tcp([to.port()]))?;
        let rate_per_s = self.options.connections_per_s;
        let spec = StormSpec {
            to,
            from: Some(from),
            rate_per_s,
            duration: Duration::from_millis(200),
            timeout: HANDSHAKE_MAX,
        };
        let (mut failed, mut tried, mut slowest) = (0, 0, Duration::ZERO);
        let loads_s = std::thread::scope(|scope| -> Outcome<Vec<f64>> {
            let loads = scope.spawn(|| meanwhile(CONTROL));
            while !loads.is_finished() {
                let report = others.tcp_storm(&spec)?;
                failed += report.failed.len();
                tried += report.attempted;
                slowest = slowest.max(report.slowest);
            }
            loads.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        Ok(Seen {
            packets: tried as u64,
            wrong: failed as u64,
            gaps: failed,
            longest: slowest,
            overflowed: 0,
            unqueued: 0,
            loads_s,
        })
    }

    /// Loads again and again, and gives how long each took.
    fn load_often(&self, side: &Side<'_>) -> Outcome<Vec<f64>> {
        if self.way == Way::Swap {
            return side.host.in_namespace(|| {
                let mut swapper = Swapper::open(self.cluster)?;
                (0..self.options.swaps)
                    .map(|_| {
                        let started = Instant::now();
                        swapper.swap().map(|()| started.elapsed().as_secs_f64())
                    })
                    .collect()
            })?;
        }
        (0..self.options.loads).map(|_| Ok(child::measure(side.host, &side.load)?.wall_s)).collect()
    }

    /// From where, and to which address and port of the node.
    fn ends(&self) -> (IpAddr, SocketAddr) {
        let public: IpAddr = if self.ipv6 { me::PUBLIC6.into() } else { me::PUBLIC4.into() };
        let private: IpAddr = if self.ipv6 { me::IPV6.into() } else { me::IPV4.into() };
        let stranger: IpAddr = if self.ipv6 { STRANGER6.into() } else { STRANGER4.into() };
        let client = self.cluster.with_role(position("sip")).next().map(Node::addresses);
        match self.traffic {
            Traffic::Established | Traffic::New => (stranger, SocketAddr::new(public, 5060)),
            Traffic::Role => {
                (client.map_or(stranger, |c| c[usize::from(self.ipv6)]), SocketAddr::new(private, 5050))
            }
            Traffic::Forbidden => (stranger, SocketAddr::new(public, 7777)),
            Traffic::Tcp => (stranger, SocketAddr::new(public, 443)),
        }
    }

    fn cells(&self, seen: &Seen, control: &Seen) -> Vec<String> {
        let gaps = match (self.traffic, seen.gaps) {
            (Traffic::Forbidden, gaps) => gaps.to_string(),
            (Traffic::Tcp, gaps) => format!("{gaps}; handshake {} ms", ms(seen.longest.as_secs_f64())),
            (_, 0) => "0".to_owned(),
            (_, gaps) => format!("{gaps}; {} ms", ms(seen.longest.as_secs_f64())),
        };
        vec![
            self.way_word().to_owned(),
            self.traffic_word().to_owned(),
            self.family().to_owned(),
            seen.loads_s.len().to_string(),
            ms(median(&seen.loads_s)),
            seen.packets.to_string(),
            seen.wrong.to_string(),
            gaps,
            format!("{}; {}", seen.overflowed, seen.unqueued),
            format!("{}; {}", control.packets, control.wrong),
        ]
    }

    fn family(&self) -> &'static str {
        if self.ipv6 { "6" } else { "4" }
    }

    fn way_word(&self) -> &'static str {
        match self.way {
            Way::Rolewall => "rolewall apply",
            Way::Swap => "swap in process",
            Way::Nft => "nft -f",
        }
    }

    fn traffic_word(&self) -> &'static str {
        match self.traffic {
            Traffic::Established => "established UDP",
            Traffic::New => "new UDP, public",
            Traffic::Role => "new UDP, by role",
            Traffic::Forbidden => "forbidden UDP",
            Traffic::Tcp => "new TCP",
        }
    }
}

/// Sends one datagram back, so that the flow to `to` is an established one, and sees that it is. Flows of
/// earlier floods may still be tracked; they have been answered.
fn answer(node: &Host, to: SocketAddr) -> Outcome<()> {
    let tracked = || node.in_namespace(conntrack::flows);
    let is_to = |tuple: &Tuple| SocketAddr::new(tuple.dst, tuple.dst_port) == to;
    let asking = tracked()??.into_iter().find(|flow| is_to(&flow.original) && !flow.status.seen_reply());
    let original = asking.ok_or_else(|| format!("no unanswered flow to {to} is tracked"))?.original;
    let back = SocketAddr::new(original.src, original.src_port);
    node.send_packets(&[Packet::udp(to, back, b"yes")?])?;
    match tracked()??.into_iter().find(|flow| flow.original == original) {
        Some(flow) if flow.status.seen_reply() => Ok(()),
        _ => Err(format!("the flow from {back} to {to} is not established after an answer").into()),
    }
}

/// Packets that CPUs of this machine had no room for: the second column, in hexadecimal, of each line.
fn softnet_dropped() -> u64 {
    let text = std::fs::read_to_string("/proc/net/softnet_stat").unwrap_or_default();
    let dropped = text.lines().filter_map(|line| line.split_whitespace().nth(1));
    dropped.filter_map(|word| u64::from_str_radix(word, 16).ok()).sum()
}
