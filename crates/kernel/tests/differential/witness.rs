//! A table of our own beside those under test: it has Linux trace every packet, and shows its state and how far it came.
//! Not here: what Linux then tells ([`crate::trace`]).

use rolewall_ruleset::expr::{CmpOp, CtKey, MetaKey, PayloadBase};
use rolewall_ruleset::flow::CtState;
use rolewall_ruleset::table::{ChainKind, Hook};
use rolewall_ruleset::{
    BaseChain, Chain, ChainPolicy, Expr, Family, Reg, Rule, Table, TableId, Value, Verdict,
};

/// Its name; no table under test has it.
pub(crate) const NAME: &str = "witness";
/// The chains in which the trace of a packet begins.
pub(crate) const BEGIN: [&str; 2] = ["begin-in", "begin-out"];
/// The chains whose rules show the state of a packet.
pub(crate) const STATE: [&str; 2] = ["state-in", "state-out"];
/// A protocol for experiments (RFC 3692): packets of it end here, so that nothing comes behind them.
pub(crate) const SENTINEL: u8 = 253;

/// Bits of `ct state` (`nf_conntrack_common.h`), in the order of the rules.
const STATES: [(CtState, u32); 5] = [
    (CtState::Invalid, 1),
    (CtState::Established, 2),
    (CtState::Related, 4),
    (CtState::New, 8),
    (CtState::Untracked, 64),
];

/// The state that the rule of this place shows.
pub(crate) fn state(place: usize) -> CtState {
    STATES[place].0
}

pub(crate) fn id() -> TableId {
    TableId { family: Family::Inet, name: NAME.to_owned() }
}

/// Just behind conntrack's own priority (-200).
const BEHIND_CONNTRACK: i32 = -199;

/// The table.
pub(crate) fn table() -> Table {
    let mut table = Table::new(Family::Inet, NAME);
    let last = i32::MAX - 1;
    table.chains = vec![
        chain(BEGIN[0], Hook::Prerouting, i32::MIN, vec![traced(), sentinel()]),
        chain(BEGIN[1], Hook::Output, i32::MIN, vec![traced()]),
        chain(STATE[0], Hook::Prerouting, BEHIND_CONNTRACK, state_rules()),
        chain(STATE[1], Hook::Output, BEHIND_CONNTRACK, state_rules()),
    ];
    let hooks = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting];
    table.chains.extend(hooks.map(|hook| chain(end_of(hook), hook, last, Vec::new())));
    table
}

/// The chain behind all others of a hook.
pub(crate) fn end_of(hook: Hook) -> &'static str {
    match hook {
        Hook::Prerouting => "end-prerouting",
        Hook::Input => "end-input",
        Hook::Forward => "end-forward",
        Hook::Output => "end-output",
        _ => "end-postrouting",
    }
}

fn chain(name: &str, hook: Hook, priority: i32, rules: Vec<Vec<Expr>>) -> Chain {
    let (kind, policy) = (ChainKind::Filter, ChainPolicy::Accept);
    let base = BaseChain { kind, hook, priority, policy, devices: Vec::new() };
    let rules = rules.into_iter().map(|exprs| Rule { exprs, ..Rule::default() }).collect();
    Chain { name: name.to_owned(), base: Some(base), rules }
}

const R: Reg = Reg(0);

fn cmp(op: CmpOp, bytes: &[u8]) -> Expr {
    Expr::Cmp { sreg: R, op, value: Value::from_bytes(bytes) }
}

/// What the kernel itself sends is traced too, and told apart by its headers.
fn traced() -> Vec<Expr> {
    vec![
        Expr::Immediate { dreg: R, value: Value::from_bytes(&[1]) },
        Expr::MetaSet { key: MetaKey::NfTrace, sreg: R },
    ]
}

fn sentinel() -> Vec<Expr> {
    let protocol = Expr::Payload { base: PayloadBase::Network, offset: 9, len: 1, dreg: R };
    let is_v4 = [Expr::Meta { key: MetaKey::NfProto, dreg: R }, cmp(CmpOp::Eq, &[2])];
    [&is_v4[..], &[protocol, cmp(CmpOp::Eq, &[SENTINEL]), Expr::Verdict(Verdict::Drop)]].concat()
}

fn state_rules() -> Vec<Vec<Expr>> {
    let rule = |(_, bit): (CtState, u32)| {
        let (mask, xor) = (Value::from_bytes(&bit.to_ne_bytes()), Value::filled(0, 4));
        vec![
            Expr::Ct { key: CtKey::State, dir: None, dreg: R },
            Expr::Bitwise { sreg: R, dreg: R, len: 4, mask, xor },
            cmp(CmpOp::Neq, &[0; 4]),
        ]
    };
    STATES.into_iter().map(rule).collect()
}
