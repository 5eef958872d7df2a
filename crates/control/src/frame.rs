//! The frame of our table: the base chains that lead packets to a generation, and the set `armed`.
//! Not here: what a generation contains, and when the lead changes ([`crate::change`]).
//!
//! ```text
//! chain input { type filter hook input priority filter; policy accept;
//!     meta nfproto @armed goto r8-in      while the test of revision 8 runs
//!     goto r7-in                          what was confirmed before it
//! }
//! ```
//!
//! A hook that the confirmed revision has and the candidate has not is led past by `meta nfproto @armed accept`.
//!
//! While the operator has closed the host, `goto panic-in` comes before both, so that what is beneath stays
//! exactly as it is, and a test beneath ends at its deadline all the same.
//!
//! The elements of `armed` carry a timeout. When it has run out Linux itself leads packets back to what
//! was in force before: no process, file, clock or cron of ours takes part.
//!
//! The base chains' policy is accept, and each generation ends in a refusal of its own: a hook is live
//! before its drop policy is (measured), and what was in force before the first revision is nothing.

use crate::Revision;
use rolewall_ruleset::expr::MetaKey;
use rolewall_ruleset::set::ElementExtra;
use rolewall_ruleset::table::{ChainKind, Hook};
use rolewall_ruleset::{
    BaseChain, Chain, ChainPolicy, DataType, Element, Expr, Reg, Rule, Set, SetRef, Table, Verdict, text,
};
use std::collections::{BTreeMap, BTreeSet};

/// The set whose living elements keep a candidate in force.
pub const ARMED: &str = "armed";

/// What the names of the chains and sets begin with, before a dash, that close the host.
pub const PANIC: &str = "panic";

/// NFPROTO_IPV4 and NFPROTO_IPV6: one element each, so that neither family can be left behind.
const FAMILIES: [u8; 2] = [2, 10];

/// Entry chains, by the hook from which packets are led to them.
pub type Leads = BTreeMap<Hook, String>;

/// Our table as the kernel holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The entry chain that is confirmed, by hook.
    pub confirmed: Leads,
    /// The entry chain under test, by hook, whether or not the test has ended.
    pub candidate: Leads,
    /// The entry chain by which the operator has closed the host, by hook; before the other two.
    pub panic: Leads,
    /// What is left of the test in milliseconds; none once it has ended.
    pub remaining_ms: Option<u64>,
    /// Hooks on which a base chain of ours hangs, as it should.
    pub hooks: BTreeSet<Hook>,
    /// Base chains that are none of the frame's, or hang otherwise than it makes them.
    pub misplaced: Vec<String>,
    /// Somebody put our table to sleep: its base chains hang on no hook.
    pub dormant: bool,
    /// Chains and sets of every generation that is there, reached or not.
    pub generations: BTreeMap<Revision, Parts>,
    /// Chains and sets that close the host, reached or not.
    pub panic_parts: Parts,
}

/// Names of a generation's parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// Chains.
    pub chains: Vec<String>,
    /// Sets.
    pub sets: Vec<String>,
}

impl Held {
    /// Reads our table, which need not hold the elements of any set but [`ARMED`].
    pub fn read(table: &Table) -> Held {
        let (remaining_ms, dormant) = (remaining_ms(table), table.flags.dormant);
        let mut held = Held { remaining_ms, dormant, ..Held::default() };
        for chain in &table.chains {
            match &chain.base {
                Some(base) => held.read_base(base, chain),
                None => held.read_part(&chain.name, |parts| &mut parts.chains),
            }
        }
        for set in &table.sets {
            held.read_part(&set.name, |parts| &mut parts.sets);
        }
        held
    }

    fn read_base(&mut self, base: &BaseChain, chain: &Chain) {
        let hook = base.hook;
        let is_ours = chain.name == text::hook(hook);
        if is_ours && *base == hung_on(hook) {
            self.hooks.insert(hook);
        } else {
            self.misplaced.push(chain.name.clone());
        }
        if is_ours {
            self.read_leads(hook, chain);
        }
    }

    /// Only a goto leads; by what the candidate leaves a hook alone leads nowhere.
    fn read_leads(&mut self, hook: Hook, chain: &Chain) {
        for rule in &chain.rules {
            let Some(Expr::Verdict(Verdict::Goto(entry))) = rule.exprs.last() else { continue };
            let lead = match rule.exprs.len() {
                1 if is_of_panic(entry) => &mut self.panic,
                1 => &mut self.confirmed,
                _ => &mut self.candidate,
            };
            lead.insert(hook, entry.clone());
        }
    }

    fn read_part(&mut self, name: &str, of: impl Fn(&mut Parts) -> &mut Vec<String>) {
        if is_of_panic(name) {
            of(&mut self.panic_parts).push(name.to_owned());
        } else if let Some(revision) = Revision::of_name(name) {
            of(self.generations.entry(revision).or_default()).push(name.to_owned());
        }
    }

    /// The confirmed revision that packets are led to.
    pub fn confirmed_revision(&self) -> Option<Revision> {
        self.confirmed.values().next().and_then(|entry| Revision::of_name(entry))
    }

    /// The revision under test.
    pub fn candidate_revision(&self) -> Option<Revision> {
        self.candidate.values().next().and_then(|entry| Revision::of_name(entry))
    }
}

fn remaining_ms(table: &Table) -> Option<u64> {
    let alive = table.set(ARMED)?.elements.iter();
    alive.filter_map(|e| e.extra.as_ref()?.expires_ms).max().filter(|&ms| ms > 0)
}

/// The set `armed`, empty.
pub fn armed() -> Set {
    let mut set = Set::new(ARMED, &[DataType::NfProto]);
    set.flags.timeout = true;
    set
}

/// The elements that keep a candidate in force for so long.
pub fn alive_for(window_ms: u64) -> Vec<Element> {
    FAMILIES
        .into_iter()
        .map(|family| {
            let extra = ElementExtra { timeout_ms: Some(window_ms), ..ElementExtra::default() };
            Element { extra: Some(Box::new(extra)), ..Element::key(&[family]) }
        })
        .collect()
}

/// A base chain with its leads, the candidate's first.
pub fn base_chain(hook: Hook, candidate: Option<&str>, confirmed: Option<&str>) -> Chain {
    let mut rules = Vec::new();
    if let Some(entry) = candidate {
        rules.push(Rule { exprs: [while_armed(), lead_to(entry)].concat(), ..Rule::default() });
    }
    if let Some(entry) = confirmed {
        rules.push(Rule { exprs: lead_to(entry), ..Rule::default() });
    }
    Chain { name: text::hook(hook).to_owned(), base: Some(hung_on(hook)), rules }
}

/// The base chain of one hook among all leads. A hook that only the confirmed revision has is passed while
/// the test runs, so that what is tested is what will be confirmed.
pub fn led_chain(hook: Hook, candidate: &Leads, confirmed: &Leads) -> Chain {
    let (new, old) = (candidate.get(&hook), confirmed.get(&hook));
    let mut chain = base_chain(hook, new.map(String::as_str), old.map(String::as_str));
    if !candidate.is_empty() && new.is_none() && old.is_some() {
        let pass = [while_armed(), vec![Expr::Verdict(Verdict::Accept)]].concat();
        chain.rules.insert(0, Rule { exprs: pass, ..Rule::default() });
    }
    chain
}

/// Whether a chain or set of this name closes the host.
pub fn is_of_panic(name: &str) -> bool {
    name.strip_prefix(PANIC).is_some_and(|rest| rest.starts_with('-'))
}

/// The base chain of one hook while the host is closed: every packet goes there, whatever else leads.
pub fn under_panic(mut chain: Chain, entry: Option<&String>) -> Chain {
    if let Some(entry) = entry {
        chain.rules.insert(0, Rule { exprs: lead_to(entry), ..Rule::default() });
    }
    chain
}

/// Where and how each base chain of ours hangs.
fn hung_on(hook: Hook) -> BaseChain {
    let (kind, policy) = (ChainKind::Filter, ChainPolicy::Accept);
    BaseChain { kind, hook, priority: 0, policy, devices: Vec::new() }
}

/// `meta nfproto @armed`
fn while_armed() -> Vec<Expr> {
    let sreg = Reg(0);
    let set = SetRef::Named(ARMED.to_owned());
    vec![
        Expr::Meta { key: MetaKey::NfProto, dreg: sreg },
        Expr::Lookup { sreg, set, dreg: None, invert: false },
    ]
}

fn lead_to(entry: &str) -> Vec<Expr> {
    vec![Expr::Verdict(Verdict::Goto(entry.to_owned()))]
}
