//! Random tables over what this crate's types can say: meant, so that Linux loads them, but by no means sensible.
//! Not here: what iptables makes ([`crate::foreign`]).

mod phrase;
mod sets;
mod statement;
mod subject;
mod translation;

use crate::palette::Palette;
use crate::random::Random;
use rolewall_ruleset::expr::LookupTo;
use rolewall_ruleset::judge::Rates;
use rolewall_ruleset::table::{ChainKind, Hook};
use rolewall_ruleset::{BaseChain, Chain, ChainPolicy, Expr, Family, Rule, Set, Table, Verdict};

/// What a random ruleset may use. One that is switched off awaits its place in the judge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Features {
    /// Chains of nat.
    pub(crate) translates: bool,
    /// Filter chains of just the priority at which chains of nat run.
    pub(crate) beside_nat: bool,
    /// What no flow tells: link addresses, the interface's type. The judge may answer *may* then, and only then.
    pub(crate) unknowable: bool,
    /// Chains of a priority at which conntrack has not yet seen the packet.
    pub(crate) before_conntrack: bool,
    /// `*` in sets and maps.
    pub(crate) catch_all: bool,
    /// Names of the interface that a hook does not have, `oifname` in prerouting say.
    pub(crate) interface_of_other_hook: bool,
    /// The bytes of TTL and hop limit in tables that see forwarded packets before and after they are lowered.
    pub(crate) hop_limit_of_forwarded: bool,
    /// Sets that packets fill: each packet then meets another ruleset, which is read again.
    pub(crate) remembers: bool,
    /// Sets that packets fill with what no flow tells, ICMP's checksum say.
    pub(crate) remembers_untold: bool,
    /// `delete @set { ... }`.
    pub(crate) forgets: bool,
    /// `@ih` of packets that are neither TCP nor UDP.
    pub(crate) inner_of_any: bool,
}

/// Writes the tables of one ruleset.
pub(crate) struct Author<'a> {
    random: &'a mut Random,
    palette: &'a Palette,
    features: Features,
    rates: Rates,
    family: Family,
    hooks: Vec<Hook>,
    /// The kind of the chain, if it is a base chain.
    kind: ChainKind,
    sets: Vec<Set>,
    /// Regular chains that a rule may go to.
    beyond: Vec<String>,
    /// Regular chains that a map may go to: the last ones, which look into no map that goes on.
    leaves: Vec<String>,
}

/// Priorities: raw, conntrack's neighbours, mangle, filter and beside it, security.
const PRIORITIES: [i32; 8] = [-150, -99, -1, 0, 0, 1, 50, 101];
/// Where nat runs.
const PRIORITIES_OF_NAT: [i32; 2] = [-100, 100];
const PRIORITIES_BEFORE_CONNTRACK: [i32; 2] = [-300, -250];

/// Some tables.
pub(crate) fn tables(random: &mut Random, palette: &Palette, features: Features, rates: Rates) -> Vec<Table> {
    let number = *random.pick(&[1, 1, 2, 2, 3]);
    (0..number)
        .map(|place| {
            let family = *random.pick(&[Family::Inet, Family::Inet, Family::Ip, Family::Ip6]);
            let author = Author {
                random,
                palette,
                features,
                rates,
                family,
                hooks: Vec::new(),
                kind: ChainKind::Filter,
                sets: Vec::new(),
                beyond: Vec::new(),
                leaves: Vec::new(),
            };
            author.table(&format!("t{place}"))
        })
        .collect()
}

impl Author<'_> {
    fn table(mut self, name: &str) -> Table {
        let mut table = Table::new(self.family, name);
        let base: Vec<(BaseChain, String)> =
            (0..self.random.within(1, 4)).map(|place| self.base(place)).collect();
        // A regular chain may be met at every hook of its table.
        let all_hooks: Vec<Hook> = base.iter().map(|(base, _)| base.hook).collect();
        let regular: Vec<String> = (0..self.random.within(2, 5)).map(|place| format!("c{place}")).collect();
        self.leaves = regular[regular.len() - 2..].to_vec();
        for (place, name) in regular.iter().enumerate().rev() {
            self.hooks.clone_from(&all_hooks);
            self.beyond = regular[place + 1..].to_vec();
            let rules = self.rules(4);
            table.chains.push(Chain { rules, ..Chain::regular(name.clone()) });
        }
        self.beyond = regular;
        for (base, name) in base {
            (self.hooks, self.kind) = (vec![base.hook], base.kind);
            let rules = self.rules(7);
            table.chains.push(Chain { name, base: Some(base), rules });
        }
        table.sets = self.sets;
        table
    }

    fn base(&mut self, place: usize) -> (BaseChain, String) {
        let hooks =
            [Hook::Input, Hook::Input, Hook::Forward, Hook::Output, Hook::Prerouting, Hook::Postrouting];
        let hook = *self.random.pick(&hooks);
        let sees_raw = self.features.before_conntrack && matches!(hook, Hook::Prerouting | Hook::Output);
        let priority = match self.random.percent(15) && sees_raw {
            true => *self.random.pick(&PRIORITIES_BEFORE_CONNTRACK),
            _ if self.random.percent(15) && self.may_be_beside_nat() => *self.random.pick(&PRIORITIES_OF_NAT),
            false => *self.random.pick(&PRIORITIES),
        };
        let policy = if self.random.percent(25) { ChainPolicy::Drop } else { ChainPolicy::Accept };
        let mut base = BaseChain { kind: ChainKind::Filter, hook, priority, policy, devices: Vec::new() };
        if self.features.translates && hook != Hook::Forward && self.random.percent(50) {
            base.kind = ChainKind::Nat;
            base.priority = *self.random.pick(&[-101, -100, -90, 99, 100, 110]);
        }
        (base, format!("b{place}"))
    }

    fn may_be_beside_nat(&self) -> bool {
        self.features.beside_nat || !self.features.translates
    }

    fn rules(&mut self, most: usize) -> Vec<Rule> {
        (0..self.random.within(1, most)).map(|_| self.rule()).collect()
    }

    fn rule(&mut self) -> Rule {
        let mut exprs = Vec::new();
        for _ in 0..*self.random.pick(&[0, 1, 1, 1, 2, 2, 3]) {
            exprs.extend(self.phrase());
        }
        exprs.extend(self.statements());
        // A map of verdicts in a rule that refuses would leave open which of them dropped a packet.
        let ends = exprs.iter().any(|e| matches!(e, Expr::Lookup { dreg: Some(LookupTo::Verdict), .. }));
        let translates = self.kind == ChainKind::Nat && self.random.percent(40);
        let ending = if translates { self.translation() } else { self.ending() };
        exprs.extend(if ends { vec![Expr::Verdict(Verdict::Drop)] } else { ending });
        Rule { exprs, ..Rule::default() }
    }
}
