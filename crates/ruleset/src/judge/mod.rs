//! What becomes of one flow: the very programs of a ruleset, run over the flow's own bytes.
//! Not here: sets of flows, and nft's spelling of rules ([`crate::text`]).
//!
//! The verdict is exact for what a flow and its host tell. Where a rule asks for more, both ways are gone:
//! if they end alike, that is the verdict; else it is [`Judged::May`], and the rule is told.
//!
//! # What is known, and what is not
//! - The packet is the flow's: one header without options or extensions, no fragment, TOS zero, and what the
//!   flow does not tell (checksums, identification, TCP's sequence and window) not known.
//! - An interface that a flow does not name is one that no rule names. A packet comes without a mark.
//! - In state `new` it is the connection's first packet: no mark of the connection, nothing answered, the
//!   original ends as the packet came. In other states a connection's ends, marks and status are not known,
//!   and the packet is taken as it is written: a translation that conntrack remembers is not done to it.
//! - Before conntrack (priorities below -200 at prerouting and output) a packet is as if it were invalid, but
//!   what loops back.
//! - `limit`, `hashlimit`: as [`Environment::rates`] says. Named limits and quotas: both ways.
//! - Base chains of one priority run the last made first, in the order in which tables and chains are listed.
//!   ASSUMPTION: none was put to sleep and woken, which makes it the last (seen on Linux 6.18, which tells the
//!   order only where it is built to).
//!
//! # A doubt
//! A doubt is a rule's instruction with more than one effect, of: the rule does not match, it goes on, a
//! verdict. Nothing is in doubt where neither way could change what becomes of the packet. Each way is gone to
//! its end, with what it made of the packet; ways that meet in one state are one. The path that is told is that
//! on which nothing in doubt matched. All of it may be: instructions and targets that are not modelled (accept
//! and drop too); both answers: a comparison with what is not known, and matches of iptables that ask what
//! nobody tells ([`crate::xt::Condition::Unknown`], an ipset that is not in [`Environment::ipsets`] or of a type
//! that is not modelled, `recent` but for `--set`, owners of what is sent,
//! Ethernet addresses, TCP options, chunks of SCTP, what is left of a connection's life).

mod index;
mod instruction;
mod load;
mod machine;
mod nat;
mod packet;
mod registers;
mod route;
mod sets;
mod way;
mod xt;

use crate::xt::IpSet;
use crate::{ChainPolicy, Element, Flow, Hook, Rule, Ruleset, Set, Table, TableId, text};
use index::RulesetIndex;
use machine::{Machine, Record};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

/// What becomes of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Judged {
    /// It passes.
    Accept,
    /// It is dropped in silence.
    Drop,
    /// It is refused with an answer.
    Reject,
    /// It depends on something that a ruleset and a flow do not tell.
    May,
}

/// All that may become of a flow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Possible {
    /// It may pass.
    pub accept: bool,
    /// It may be dropped in silence.
    pub drop: bool,
    /// It may be refused with an answer.
    pub reject: bool,
}

impl Possible {
    fn add(&mut self, judged: Judged) {
        self.accept |= matches!(judged, Judged::Accept | Judged::May);
        self.drop |= matches!(judged, Judged::Drop | Judged::May);
        self.reject |= matches!(judged, Judged::Reject);
    }

    /// Whether it may pass and may be stopped: nothing more can be found out.
    fn is_open(self) -> bool {
        self.accept && (self.drop || self.reject)
    }

    fn verdict(self) -> Judged {
        match (self.accept, self.drop, self.reject) {
            (true, false, false) => Judged::Accept,
            (false, true, false) => Judged::Drop,
            (false, false, true) => Judged::Reject,
            _ => Judged::May,
        }
    }
}

/// In which world timed elements are judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Timed {
    /// Before their deadline.
    #[default]
    Alive,
    /// After it.
    Expired,
    /// After so many milliseconds: elements with less left are gone.
    After {
        /// Milliseconds from when the ruleset was read.
        ms: u64,
    },
}

/// Whether a flow is within the rates that rules limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Rates {
    /// Within every rate.
    #[default]
    Within,
    /// Beyond every rate.
    Beyond,
    /// Now within, now beyond.
    Unknown,
}

/// Which hooks a flow is judged at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Hooks {
    /// Input, output or forward, by the flow's direction.
    #[default]
    Filtering,
    /// Prerouting and postrouting too, where the packet meets them.
    Whole,
}

/// What a flow does not tell about the host, and which world is judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The host's own addresses; none: not known.
    pub local: Option<BTreeSet<IpAddr>>,
    /// Numbers of interfaces by name; `lo` is 1 without being here.
    pub interfaces: BTreeMap<String, u32>,
    /// Whether sources are routed back by the interface they come from (`fib saddr . iif oif`).
    pub sources_routed: Option<bool>,
    /// Timed elements: before or after their deadline.
    pub timed: Timed,
    /// Rates: within or beyond.
    pub rates: Rates,
    /// Which hooks.
    pub hooks: Hooks,
    /// The networks that the host is in, in the order in which it lists its addresses: where a translated
    /// packet leaves. Empty: not known.
    pub networks: Vec<Network>,
    /// Whether packets that cross a bridge of this host meet these hooks (`br_netfilter`); none: not known.
    pub bridged: Option<bool>,
    /// The ipsets that iptables' `set` looks into, by Linux's numbers of them. Of one that is not here nothing
    /// is known.
    pub ipsets: BTreeMap<u16, IpSet>,
}

/// An address of this host and the network around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The host's own address.
    pub address: IpAddr,
    /// Length of the prefix in bits.
    pub prefix_len: u8,
    /// The interface that has it.
    pub interface: String,
}

impl Network {
    /// Whether an address is in the network.
    pub fn holds(&self, address: IpAddr) -> bool {
        let shifted = |bits: u128, of: u8| bits.checked_shr(u32::from(of.saturating_sub(self.prefix_len)));
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                shifted(own.to_bits().into(), 32) == shifted(other.to_bits().into(), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                shifted(own.to_bits(), 128) == shifted(other.to_bits(), 128)
            }
            _ => false,
        }
    }
}

impl Environment {
    /// The narrowest network that an address is in.
    fn network_of(&self, address: IpAddr) -> Option<&Network> {
        self.networks.iter().filter(|n| n.holds(address)).max_by_key(|n| n.prefix_len)
    }

    /// The first address of an interface. Of IPv6 it depends on scopes, so only if there is one alone.
    fn first_address(&self, interface: &str, is_v4: bool) -> Option<IpAddr> {
        let own = self.networks.iter().filter(|n| n.interface == interface && n.address.is_ipv4() == is_v4);
        let own: Vec<_> = own.map(|n| n.address).collect();
        if is_v4 { own.first().copied() } else { own.first().copied().filter(|_| own.len() == 1) }
    }

    /// Whether it is the last address of a network of this host, with more than two addresses (RFC 3021).
    fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        let is_last = |n: &Network| u32::MAX.checked_shr(n.prefix_len.into()).unwrap_or(0);
        let near = self.networks.iter().filter(|n| n.prefix_len < 31 && n.holds(address.into()));
        near.into_iter().any(|n| address.to_bits() & is_last(n) == is_last(n))
    }
}

/// What a rule did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted; the next base chain goes on.
    Accept,
    /// Translated, and accepted by this chain: what the source or the destination is now, as far as it is
    /// known.
    Translate {
        /// The source, and not the destination.
        is_source: bool,
        /// The address.
        address: Option<IpAddr>,
        /// The port; none too where there is none.
        port: Option<u16>,
    },
    /// Dropped. Final.
    Drop,
    /// Refused with an answer. Final.
    Reject,
    /// Went on in that chain, to come back.
    Jump(String),
    /// Went on in that chain, for good.
    Goto(String),
    /// Went back to the chain that jumped here.
    Return,
    /// Matched, and had no verdict.
    Continue,
    /// Cannot be known: the reason. The path goes on as if the rule had not matched.
    May(String),
}

/// One rule that took effect on a flow, or a chain's policy.
#[derive(Debug, Clone)]
pub struct Step<'r> {
    /// The table.
    pub table: &'r Table,
    /// The hook.
    pub hook: Hook,
    /// The chain.
    pub chain: &'r str,
    /// The rule and its index in the chain; none is the chain's policy.
    pub rule: Option<(usize, &'r Rule)>,
    /// What it did.
    pub outcome: Outcome,
    /// It did so only because the flow was taken to be within (or beyond) a rate.
    pub by_rate: bool,
    /// The set that it looked into last and the element that it found there.
    pub element: Option<(&'r Set, &'r Element)>,
}

impl Step<'_> {
    /// The rule as nft spells it, or near to that; `policy drop` for a policy.
    pub fn text(&self) -> String {
        let policy = || self.table.chain(self.chain)?.base.as_ref().map(|base| base.policy);
        match (self.rule, policy()) {
            (Some((_, rule)), _) => text::told_rule(self.table, rule),
            (None, Some(ChainPolicy::Drop)) => "policy drop".to_owned(),
            (None, _) => "policy accept".to_owned(),
        }
    }

    /// Linux's handle of the rule.
    pub fn handle(&self) -> Option<u64> {
        self.rule.and_then(|(_, rule)| rule.handle)
    }
}

/// What becomes of a flow, and by which rules.
#[derive(Debug, Clone)]
pub struct Judgement<'r> {
    /// What becomes of it.
    pub verdict: Judged,
    /// All that may become of it, if the verdict is [`Judged::May`].
    pub possible: Possible,
    /// Every rule that took effect, in the order of the packet's path.
    pub path: Vec<Step<'r>>,
    /// The step that decided: the drop; the last rule that accepted where packets are filtered (or the last
    /// chain's policy, where no rule did); or the first rule that cannot be known. None where the flow meets
    /// no chain, which is an accept.
    pub decided_by: Option<Step<'r>>,
}

/// A named set that was looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The table.
    pub table: TableId,
    /// The set's name.
    pub set: String,
    /// The keys that were looked for; none: some that are known in part only, so that any element counts.
    pub keys: Option<BTreeSet<Vec<u8>>>,
}

/// The rule that let a packet through where packets are filtered, else the last chain that did.
fn last_accept<'s, 'r>(path: &'s [Step<'r>]) -> Option<&'s Step<'r>> {
    let filters = |step: &&Step<'_>| {
        matches!(step.hook, Hook::Input | Hook::Forward | Hook::Output) && step.outcome == Outcome::Accept
    };
    let by_rule = path.iter().rev().filter(filters).find(|step| step.rule.is_some());
    by_rule.or_else(|| path.iter().rev().find(filters)).or_else(|| path.last())
}

/// A ruleset, ready to judge flows. Building it costs time by chains, rules and sets, not by elements: a
/// set's elements are put in order when a flow is first looked up in it.
#[derive(Debug)]
pub struct Judge<'r> {
    index: RulesetIndex<'r>,
    environment: Environment,
}

impl<'r> Judge<'r> {
    /// Ready a ruleset. Nothing of it is copied.
    pub fn new(ruleset: &'r Ruleset) -> Judge<'r> {
        Judge { index: RulesetIndex::new(&ruleset.tables), environment: Environment::default() }
    }

    /// Ready one table by itself.
    pub fn of_table(table: &'r Table) -> Judge<'r> {
        Judge { index: RulesetIndex::new(std::slice::from_ref(table)), environment: Environment::default() }
    }

    /// The same in this environment.
    #[must_use]
    pub fn with(self, environment: Environment) -> Judge<'r> {
        Judge { environment, ..self }
    }

    /// The same, and write down which elements are looked for: see [`Judge::asked`].
    #[must_use]
    pub fn asking(mut self) -> Judge<'r> {
        self.index.ask();
        self
    }

    /// The named sets that flows were looked up in since [`Judge::asking`], and the keys. A set whose elements
    /// were not read yet can be filled with these, and the flows judged again.
    pub fn asked(&self) -> Vec<Asked> {
        let id = |place: usize| self.index.tables[place].table.id.clone();
        let asked = self.index.asked().into_iter();
        asked.map(|((table, set), keys)| Asked { table: id(table), set, keys }).collect()
    }

    /// What becomes of a flow, with its path.
    pub fn flow(&self, flow: &Flow) -> Judgement<'r> {
        let found = Machine::new(self, flow, Record::Path).run();
        let verdict = found.possible.verdict();
        let decided_by = match verdict {
            Judged::May => found.doubt,
            Judged::Accept => last_accept(&found.path).cloned(),
            _ => found.path.last().cloned(),
        };
        Judgement { verdict, possible: found.possible, path: found.path, decided_by }
    }

    /// What becomes of a flow, without its path: faster.
    pub fn verdict(&self, flow: &Flow) -> Judged {
        Machine::new(self, flow, Record::Nothing).run().possible.verdict()
    }
}
