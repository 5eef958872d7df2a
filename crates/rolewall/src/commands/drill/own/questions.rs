//! Who asks whom for what, what the plan says of it, and what is seen on the wire.
//! Not here: the ruleset, and the code that judges it.

use super::super::ask::{ANSWER_WITHIN, Ask};
use super::super::ended::Ended;
use super::super::expect::{Fate, inbound, outbound};
use super::super::story::{Story, ms};
use super::cast::{Cast, NODE};
use super::peers::{Peer, network};
use rolewall_lab::{Outcome, Probe};
use rolewall_policy::plan::Permit;
use rolewall_policy::{Plan, Proto};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Ports that are asked for in each direction, at the most.
const PORTS_MAX: usize = 48;
/// What no role serves: those of them that the plan does not know are asked for, too.
const ODD: [u16; 3] = [4444, 8081, 65_001];

/// One question of one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    name: String,
    /// The host of the drill that sends it.
    host: String,
    from: IpAddr,
    to: IpAddr,
    ask: Ask,
    is_sent: bool,
    fate: Fate,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = if self.is_sent { "to" } else { "from" };
        let expected = if self.fate.passes { "open" } else { "closed" };
        let (name, ask, why) = (&self.name, self.ask, &self.fate.why);
        let address = if self.is_sent { self.to } else { self.from };
        write!(
            f,
            "{way:<5}{name:<16}{address:<26}{ask:<12}{expected:<8}{why}",
            ask = ask.to_string(),
            address = address.to_string()
        )
    }
}

/// The ports of permits: the ends of each range, each once, and some of no permit.
pub(super) fn ports(permits: &[Permit]) -> Vec<Ask> {
    let ends = permits.iter().flat_map(|permit| &permit.ports).flat_map(|range| {
        [range.first, range.last].map(|port| match range.proto {
            Proto::Tcp => Some(Ask::Tcp(port)),
            Proto::Udp => Some(Ask::Udp(port)),
            Proto::Sctp => None,
        })
    });
    let mut seen = BTreeSet::new();
    let once = ends.flatten().filter(|ask| seen.insert(ask.to_string()));
    let mut all: Vec<Ask> = once.take(PORTS_MAX).collect();
    all.extend(ODD.map(Ask::Tcp).into_iter().filter(|ask| !all.contains(ask)).collect::<Vec<_>>());
    all
}

/// Every question of everybody, in both directions and families.
pub(super) fn all(plan: &Plan, peers: &[Peer], own: &BTreeMap<&str, Vec<IpAddr>>) -> Vec<Asked> {
    let mut asked = Vec::new();
    let coming: Vec<Ask> = ports(&plan.inbound).into_iter().chain([Ask::Ping]).collect();
    let going = ports(&plan.outbound);
    for peer in peers {
        for address in &peer.addresses {
            let mine =
                own.get(peer.wire).and_then(|all| all.iter().find(|a| a.is_ipv4() == address.is_ipv4()));
            let Some(mine) = mine else { continue };
            let over = network(plan, peer.wire, *address);
            let ask = |ask: Ask, is_sent: bool, fate: Fate| {
                let (from, to) = if is_sent { (*mine, *address) } else { (*address, *mine) };
                let host = if is_sent { NODE.to_owned() } else { peer.host() };
                Asked { name: peer.name.clone(), host, from, to, ask, is_sent, fate }
            };
            asked.extend(coming.iter().map(|one| ask(*one, false, inbound(plan, *one, over, *address))));
            asked.extend(going.iter().map(|one| ask(*one, true, outbound(plan, *one, *address))));
        }
    }
    asked
}

/// What was seen.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<(Asked, Outcome)>,
    took: Duration,
}

impl Table {
    /// Asks every question at once, each host on a thread of its own.
    pub(super) fn ask(cast: &Cast) -> Result<Table, Ended> {
        let started = Instant::now();
        let mut by_host: BTreeMap<&str, Vec<&Asked>> = BTreeMap::new();
        for asked in &cast.questions {
            by_host.entry(&asked.host).or_default().push(asked);
        }
        let rows = std::thread::scope(|scope| {
            let threads: Vec<_> = by_host
                .into_iter()
                .map(|(host, asked)| scope.spawn(move || of_host(cast, host, asked)))
                .collect();
            let joined = threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            joined.collect::<Result<Vec<_>, Ended>>()
        })?;
        Ok(Table { rows: rows.into_iter().flatten().collect(), took: started.elapsed() })
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn open(&self) -> usize {
        self.rows.iter().filter(|(_, seen)| *seen == Outcome::Open).count()
    }

    pub(super) fn closed(&self) -> impl Iterator<Item = &Asked> {
        self.rows.iter().filter(|(_, seen)| *seen != Outcome::Open).map(|(asked, _)| asked)
    }

    /// What is open and closed for each peer.
    pub(super) fn sum_up(&self, story: &Story) {
        let mut sums: BTreeMap<(&str, bool), [usize; 2]> = BTreeMap::new();
        for (asked, seen) in &self.rows {
            let is_open = usize::from(*seen == Outcome::Open);
            sums.entry((&asked.name, asked.is_sent)).or_default()[is_open] += 1;
        }
        for ((name, is_sent), [closed, open]) in sums {
            let way = if is_sent { "to" } else { "from" };
            story.say(&format!("  {way:<5}{name:<16}{open:>4} open {closed:>4} closed"));
        }
    }

    /// Checks every row.
    pub(super) fn check(&self, story: &mut Story) {
        let is_wrong = |(asked, seen): &&(Asked, Outcome)| asked.fate.passes != (*seen == Outcome::Open);
        let wrong: Vec<_> = self.rows.iter().filter(is_wrong).collect();
        wrong.iter().for_each(|(asked, seen)| story.broken(&format!("{asked}: seen {seen}")));
        story.count(self.len(), self.len());
        if wrong.is_empty() {
            story.say(&format!("  ok     all {} probes as planned ({:.0} ms)", self.len(), ms(self.took)));
        }
    }

    /// Questions that are answered otherwise than there.
    pub(super) fn differs_from(&self, other: &Table) -> usize {
        self.rows.iter().filter(|row| !other.rows.contains(row)).count()
    }
}

fn of_host(cast: &Cast, host: &str, asked: Vec<&Asked>) -> Result<Vec<(Asked, Outcome)>, Ended> {
    let probe = |asked: &&Asked| match asked.ask {
        Ask::Tcp(port) => Probe::tcp(asked.to, port).from(asked.from),
        Ask::Udp(port) => Probe::udp(asked.to, port).from(asked.from),
        Ask::Ping => Probe::ping(asked.to).from(asked.from),
    };
    let probes: Vec<Probe> = asked.iter().map(probe).collect();
    let seen = cast.host(host)?.probe_all_within(&probes, ANSWER_WITHIN)?;
    Ok(asked.into_iter().cloned().zip(seen).collect())
}
