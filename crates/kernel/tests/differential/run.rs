//! One ruleset and its packets through the kernel and the judge.
//! Not here: where they come from, and what is done about a disagreement ([`crate::shrink`]).

use crate::compare::{self, Agreement, Bench, Compared};
use crate::foreign::Script;
use crate::packet::{self, Packet};
use crate::public::Listing;
use crate::support::creation;
use crate::trace::{Listener, Traced};
use crate::witness;
use crate::world::{self, LINKS, World};
use rolewall_kernel::Nft;
use rolewall_ruleset::flow::{Direction, L4};
use rolewall_ruleset::judge::Rates;
use rolewall_ruleset::table::ChainKind;
use rolewall_ruleset::{BaseChain, Expr, Flow, Op, Ruleset, Table, TableId, Transaction, text};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

/// Packets between two looks at what the kernel tells.
const AT_ONCE: usize = 64;
/// The number of packets that are not under test.
const NO_PACKET: u16 = u16::MAX;

/// Rules, and who loads them.
#[derive(Debug, Clone)]
pub(crate) enum Rules {
    /// This crate.
    Tables(Vec<Table>),
    /// The real iptables-nft.
    Script(Script),
    /// The program that somebody wrote it for.
    Listing(Listing),
}

impl Rules {
    /// Whether there are chains of nat.
    pub(crate) fn translate(&self) -> bool {
        match self {
            Rules::Tables(tables) => translates(tables),
            Rules::Script(script) => script.v4.iter().chain(&script.v6).any(|line| line.table == "nat"),
            Rules::Listing(listing) => listing.translates(),
        }
    }

    /// Whether there are chains that see a packet before conntrack (-200) does.
    pub(crate) fn look_before_conntrack(&self) -> bool {
        match self {
            Rules::Tables(tables) => base_chains(tables).any(|base| base.priority < -200),
            Rules::Script(script) => script.v4.iter().chain(&script.v6).any(|line| line.table == "raw"),
            Rules::Listing(_) => true,
        }
    }
}

/// A ruleset and packets.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) rules: Rules,
    pub(crate) packets: Vec<Packet>,
    pub(crate) rates: Rates,
}

/// A disagreement, in words.
#[derive(Debug, Clone)]
pub(crate) struct Disagreement {
    pub(crate) packet: usize,
    pub(crate) kind: Agreement,
    pub(crate) text: String,
}

/// What came of the packets, in order, and the first disagreement.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) agreements: Vec<Agreement>,
    pub(crate) first: Option<Disagreement>,
}

/// A packet to each address of the host, through it and from it, by each link.
fn one_of_each() -> Vec<Packet> {
    let mut packets = Vec::new();
    for link in 0..LINKS.len() {
        let beyond4 = IpAddr::from([192, 0, 2, 77]);
        let beyond6 = IpAddr::from([0x2001, 0xdb8, 0, link as u16, 0, 0, 0, 77]);
        for local in 0..LINKS.len() {
            packets.extend([(beyond4, world::own4(local).into()), (beyond6, world::own6(local).into())]);
        }
        packets.extend([(beyond4, IpAddr::from([10, 0, 0, 1])), (beyond6, IpAddr::from(FAR6))]);
    }
    let by = |(place, (src, dst)): (usize, (IpAddr, IpAddr))| {
        let l4 = L4::Udp { sport: 7, dport: 7 };
        let mut flow = Flow::first(world::direction(dst), src, dst, l4);
        flow.iif = Some(LINKS[place / (packets.len() / LINKS.len())].to_owned());
        Packet::of(flow)
    };
    packets.iter().copied().enumerate().map(by).collect()
}

/// An address of no network of the host's.
const FAR6: [u16; 8] = [0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 1];
/// Looks at links that come up.
const TRIES_MAX: usize = 1000;

/// The host under test, ready.
pub(crate) struct Run {
    world: World,
    listener: Listener,
    nft: Nft,
}

impl Run {
    /// For a thread in a fresh namespace. It stays on one processor, so that packets pass in the order in
    /// which they are sent.
    pub(crate) fn ready(place: usize) -> Run {
        stay_on_one_processor(place);
        let world = World::build();
        let mut nft = Nft::open().unwrap();
        nft.commit(&creation(&witness::table())).unwrap();
        let table = nft.read_table(&witness::id()).unwrap().unwrap();
        let mut run = Run { world, listener: Listener::open(&table), nft };
        run.until_links_are_up();
        run
    }

    /// Linux takes a moment until it routes by links that have just come up.
    fn until_links_are_up(&mut self) {
        let packets = one_of_each();
        for _ in 0..TRIES_MAX {
            let traced = self.send(&packets, 0, packets.len());
            let mut arrived = packets.iter().zip(&traced);
            if arrived.all(|(packet, traced)| compare::is_through(packet.flow.direction, traced)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("the host under test does not route");
    }

    /// What the kernel holds of these rules.
    pub(crate) fn read_back(&mut self, rules: &Rules) -> Result<Vec<Table>, String> {
        let read = self.load(rules).map(|()| under_test(&self.nft.read_ruleset().unwrap()).tables);
        self.unload();
        read
    }

    /// Sends every packet and holds what became of it against the judge.
    pub(crate) fn run(&mut self, case: &Case) -> Result<Outcome, String> {
        self.prepare(&case.packets);
        let done = self.load(&case.rules).map(|()| self.send_all(case));
        self.unload();
        done
    }

    fn send_all(&mut self, case: &Case) -> Outcome {
        let mut outcome = Outcome::default();
        let mut ruleset = self.nft.read_ruleset().unwrap();
        let interfaces = self.world.indices().clone();
        let translates = translates(&ruleset.tables);
        let is_stateful = is_stateful(&ruleset.tables);
        let at_once = if is_stateful || translates { 1 } else { AT_ONCE };
        for start in (0..case.packets.len()).step_by(at_once) {
            if translates && case.packets[start].before.is_empty() {
                self.listener.forget_flows();
            }
            if start > 0 && is_stateful {
                ruleset = self.nft.read_ruleset().unwrap();
            }
            let bench = Bench::new(&ruleset, &interfaces, case.rates);
            let end = (start + at_once).min(case.packets.len());
            let traced = self.send(&case.packets, start, end);
            for (place, (packet, traced)) in
                case.packets.iter().zip(&traced).enumerate().take(end).skip(start)
            {
                let flow = packet::numbered(&packet.flow, place as u16);
                let compared = bench.compare(&flow, traced);
                outcome.note(place, &compared, packet, (&ruleset, &case.rules));
            }
        }
        outcome
    }

    fn send(&mut self, packets: &[Packet], start: usize, end: usize) -> Vec<Traced> {
        let mut traced = vec![Traced::default(); packets.len()];
        for (id, packet) in packets.iter().enumerate().take(end).skip(start) {
            self.world.send(packet, id as u16);
        }
        self.wait(packets, &mut traced);
        traced
    }

    /// Has conntrack know the flows that packets belong to.
    fn prepare(&mut self, packets: &[Packet]) {
        self.listener.forget_flows();
        for flow in packets.iter().flat_map(|packet| &packet.before) {
            self.world.send(&Packet::of(flow.clone()), NO_PACKET);
        }
        self.wait(&[], &mut []);
    }

    fn wait(&mut self, packets: &[Packet], traced: &mut [Traced]) {
        let src = Ipv4Addr::new(192, 0, 2, 2).into();
        let mut flow = Flow::first(Direction::In, src, world::own4(0).into(), L4::Other(witness::SENTINEL));
        flow.iif = Some(LINKS[0].to_owned());
        flow.payload = vec![0; 4];
        assert!(self.world.send(&Packet::of(flow), NO_PACKET), "the sentinel could not be sent");
        self.listener.until_sentinel(packets, traced);
    }

    fn load(&mut self, rules: &Rules) -> Result<(), String> {
        match rules {
            Rules::Tables(tables) => {
                let ops = tables.iter().flat_map(|table| creation(table).ops).collect();
                let done = self.nft.commit(&Transaction { generation: None, ops });
                done.map(drop).map_err(|e| e.to_string())
            }
            Rules::Script(script) => script.load(),
            Rules::Listing(listing) => listing.load(),
        }
    }

    fn unload(&mut self) {
        let ids = self.nft.table_ids().unwrap();
        let ids: Vec<TableId> = ids.into_iter().map(|(id, _)| id).filter(|id| *id != witness::id()).collect();
        let ops = ids.iter().map(Op::DeleteTable).collect();
        self.nft.commit(&Transaction { generation: None, ops }).unwrap();
    }
}

impl Outcome {
    fn note(&mut self, place: usize, compared: &Compared<'_>, packet: &Packet, rules: (&Ruleset, &Rules)) {
        self.agreements.push(compared.agreement);
        if compared.agreement.is_disagreement() && self.first.is_none() {
            let text = words(compared, packet, rules);
            self.first = Some(Disagreement { packet: place, kind: compared.agreement, text });
        }
    }
}

fn stay_on_one_processor(place: usize) {
    let mut all = rustix::thread::sched_getaffinity(None).unwrap();
    let allowed: Vec<usize> = (0..rustix::thread::CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).collect();
    all.clear();
    all.set(allowed[place % allowed.len()]);
    rustix::thread::sched_setaffinity(None, &all).unwrap();
}

/// Without the witness.
fn under_test(ruleset: &Ruleset) -> Ruleset {
    let mut ruleset = ruleset.clone();
    ruleset.tables.retain(|table| table.id != witness::id());
    ruleset
}

/// Whether a packet may change what the next one meets.
fn is_stateful(tables: &[Table]) -> bool {
    let rules = tables.iter().flat_map(|table| &table.chains).flat_map(|chain| &chain.rules);
    rules.flat_map(|rule| &rule.exprs).any(|expr| matches!(expr, Expr::Dynset { .. }))
}

/// Whether chains of nat are asked: once for each flow, so that each packet is to be a new one.
fn translates(tables: &[Table]) -> bool {
    base_chains(tables).any(|base| base.kind == ChainKind::Nat)
}

fn base_chains(tables: &[Table]) -> impl Iterator<Item = &BaseChain> {
    tables.iter().flat_map(|table| &table.chains).filter_map(|chain| chain.base.as_ref())
}

/// The whole small case, as somebody who must mend it wants to see it.
fn words(compared: &Compared<'_>, packet: &Packet, (ruleset, rules): (&Ruleset, &Rules)) -> String {
    let mut text = text::ruleset(&under_test(ruleset));
    let Compared { agreement, flow, fate, seen, judgement } = compared;
    match rules {
        Rules::Tables(_) => {}
        Rules::Script(script) => text += &script.text(),
        Rules::Listing(listing) => text += &format!("# {}\n", listing.path.display()),
    }
    if text.contains("cannot be spelled") {
        under_test(ruleset).tables.iter().for_each(|table| text += &format!("{table:?}\n"));
    }
    let mut line = |words: String| writeln!(text, "{words}").unwrap_or_default();
    line(format!("packet:  {flow:?}"));
    packet.before.iter().for_each(|flow| line(format!("  after: {flow:?}")));
    line(format!("differs: {agreement:?}"));
    line(format!("kernel:  {fate:?}"));
    seen.iter().for_each(|step| {
        line(format!(
            "  {} {} {} handle {:?} {:?}",
            step.family, step.table, step.chain, step.handle, step.did
        ))
    });
    line(format!("judge:   {:?} of {:?}", judgement.verdict, judgement.possible));
    let steps = judgement.path.iter().filter(|step| step.table.id != witness::id());
    steps.for_each(|step| {
        line(format!(
            "  {} {} handle {:?} {:?}: {}",
            step.table.id,
            step.chain,
            step.handle(),
            step.outcome,
            step.text()
        ));
    });
    text
}
