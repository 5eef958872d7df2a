//! What a rule does beside comparing: counts, logs, limits, marks, remembers; and how it ends.
//! Not here: comparisons ([`super::phrase`]).

use super::Author;
use super::subject::Subject;
use rolewall_ruleset::expr::{DynsetOp, LimitKind, Reject};
use rolewall_ruleset::judge::Rates;
use rolewall_ruleset::table::Hook;
use rolewall_ruleset::{Expr, SetRef, Verdict};

/// An hour, in milliseconds.
const HOUR_MS: u64 = 3_600_000;

impl Author<'_> {
    pub(super) fn statements(&mut self) -> Vec<Expr> {
        match self.random.below(14) {
            0 | 1 => vec![Expr::Counter { packets: 0, bytes: 0 }],
            2 => vec![self.log()],
            3 => vec![self.limit()],
            4 | 5 => self.set_mark(),
            6 | 7 if self.features.remembers => self.remembers(),
            _ => Vec::new(),
        }
    }

    fn log(&mut self) -> Expr {
        let (prefix, group) = (Some("differential".to_owned()), Some(7));
        Expr::Log { prefix, group, snaplen: None, queue_threshold: None, level: None, flags: None }
    }

    /// One that all packets keep, or that none does: a byte a second, and no burst.
    fn limit(&mut self) -> Expr {
        let invert = self.random.percent(40);
        let (rate, burst, kind) = match self.rates {
            Rates::Beyond => (1, 0, LimitKind::Bytes),
            _ if self.random.percent(50) => (1_000_000, 1_000_000, LimitKind::Packets),
            _ => (1_000_000_000, 1_000_000_000, LimitKind::Bytes),
        };
        Expr::Limit { rate, per_s: 1, burst, kind, invert }
    }

    /// Adds what it looks at to a set, and may look there at once.
    fn remembers(&mut self) -> Vec<Expr> {
        let subject = self.remembered();
        let set = self.filled_by_packets(subject.kind);
        let reg = self.register(usize::from(subject.kind.len()));
        let mut exprs = subject.first.clone();
        exprs.push(subject.load.to(reg));
        let look = Expr::Lookup {
            sreg: reg,
            set: SetRef::Named(set.clone()),
            dreg: None,
            invert: self.random.percent(50),
        };
        if self.random.percent(30) {
            exprs.push(look.clone());
        }
        let ops = [DynsetOp::Add, DynsetOp::Update, DynsetOp::Update, DynsetOp::Delete];
        let op = *self.random.pick(if self.features.forgets { &ops } else { &ops[..3] });
        let timeout_ms = if op == DynsetOp::Delete { None } else { Some(HOUR_MS) };
        exprs.push(Expr::Dynset {
            set,
            op,
            key: reg,
            data: None,
            timeout_ms,
            invert: false,
            exprs: Vec::new(),
        });
        if self.random.percent(30) {
            exprs.push(look);
        }
        exprs
    }

    fn remembered(&mut self) -> Subject {
        match self.random.below(4) {
            _ if self.features.remembers_untold => self.subject(),
            0 | 1 => self.address(),
            2 => self.mark(),
            _ => self.protocol(),
        }
    }

    pub(super) fn ending(&mut self) -> Vec<Expr> {
        let goes_on = !self.beyond.is_empty();
        match self.random.below(20) {
            0..=4 => vec![Expr::Verdict(Verdict::Accept)],
            5..=9 => vec![Expr::Verdict(Verdict::Drop)],
            10 => vec![Expr::Verdict(Verdict::Return)],
            11 | 12 => self.refusal(),
            13..=15 if goes_on => vec![Expr::Verdict(Verdict::Jump(self.random.pick(&self.beyond).clone()))],
            16 if goes_on => vec![Expr::Verdict(Verdict::Goto(self.random.pick(&self.beyond).clone()))],
            17 => vec![Expr::Verdict(Verdict::Continue)],
            _ => Vec::new(),
        }
    }

    /// Linux takes a refusal in all hooks but the last.
    fn refusal(&mut self) -> Vec<Expr> {
        if self.hooks.contains(&Hook::Postrouting) {
            return vec![Expr::Verdict(Verdict::Drop)];
        }
        let inet = self.family == rolewall_ruleset::Family::Inet;
        vec![Expr::Reject(match self.random.below(3) {
            0 => Reject::IcmpUnreach(3),
            1 if inet => Reject::Icmpx(*self.random.pick(&[0, 1, 2, 3])),
            _ => Reject::TcpReset,
        })]
    }
}
