//! Programs built by hand, a phrase each.
//! Not here: what they are expected to say or do.

use rolewall_ruleset::expr::*;
use rolewall_ruleset::set::MapData;
use rolewall_ruleset::table::ChainKind;
use rolewall_ruleset::*;

pub const R: Reg = Reg(0);

pub fn meta(key: MetaKey) -> Expr {
    Expr::Meta { key, dreg: R }
}

pub fn load(base: PayloadBase, offset: u32, len: u32) -> Expr {
    Expr::Payload { base, offset, len, dreg: R }
}

pub fn cmp(op: CmpOp, value: &[u8]) -> Expr {
    Expr::Cmp { sreg: R, op, value: Value::from_bytes(value) }
}

pub fn is(value: &[u8]) -> Expr {
    cmp(CmpOp::Eq, value)
}

pub fn mask(mask: &[u8]) -> Expr {
    let xor = Value::from_bytes(&vec![0; mask.len()]);
    Expr::Bitwise { sreg: R, dreg: R, len: mask.len() as u32, mask: Value::from_bytes(mask), xor }
}

pub fn in_set(set: SetRef) -> Expr {
    Expr::Lookup { sreg: R, set, dreg: None, invert: false }
}

pub fn vmap(set: SetRef) -> Expr {
    Expr::Lookup { sreg: R, set, dreg: Some(LookupTo::Verdict), invert: false }
}

pub fn named(name: &str) -> SetRef {
    SetRef::Named(name.to_owned())
}

pub fn anonymous(key: &[DataType], elements: Vec<Element>) -> SetRef {
    let mut set = Set::new("", key);
    set.flags.constant = true;
    set.flags.interval = elements.iter().any(|e| e.end.is_some());
    if let Some(MapData::Verdict(_)) = elements.first().and_then(|e| e.data.as_ref()) {
        set.data = Some(vec![DataType::Verdict]);
    }
    set.elements = elements;
    SetRef::Anonymous(Box::new(set))
}

pub fn nfproto(number: u8) -> Vec<Expr> {
    vec![meta(MetaKey::NfProto), is(&[number])]
}

pub fn l4proto(number: u8) -> Vec<Expr> {
    vec![meta(MetaKey::L4Proto), is(&[number])]
}

/// `tcp dport`, `udp dport`: the load, under its protocol.
pub fn dport_of(protocol: u8) -> Vec<Expr> {
    [l4proto(protocol), vec![load(PayloadBase::Transport, 2, 2)]].concat()
}

pub fn dport(protocol: u8, port: u16) -> Vec<Expr> {
    [dport_of(protocol), vec![is(&port.to_be_bytes())]].concat()
}

pub fn saddr4() -> Vec<Expr> {
    [nfproto(2), vec![load(PayloadBase::Network, 12, 4)]].concat()
}

pub fn saddr6() -> Vec<Expr> {
    [nfproto(10), vec![load(PayloadBase::Network, 8, 16)]].concat()
}

/// Some bits of conntrack's state.
pub fn ct_state(bits: u32) -> Vec<Expr> {
    let load = Expr::Ct { key: CtKey::State, dir: None, dreg: R };
    vec![load, mask(&bits.to_ne_bytes()), cmp(CmpOp::Neq, &[0; 4])]
}

pub fn ifname(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(16, 0);
    bytes
}

pub fn limit(rate: u64, invert: bool) -> Expr {
    Expr::Limit { rate, per_s: 1, burst: 5, kind: LimitKind::Packets, invert }
}

pub fn counter() -> Expr {
    Expr::Counter { packets: 0, bytes: 0 }
}

pub fn jump(chain: &str) -> Expr {
    Expr::Verdict(Verdict::Jump(chain.to_owned()))
}

pub fn goto(chain: &str) -> Expr {
    Expr::Verdict(Verdict::Goto(chain.to_owned()))
}

pub const ACCEPT: Expr = Expr::Verdict(Verdict::Accept);
pub const DROP: Expr = Expr::Verdict(Verdict::Drop);

/// A rule of phrases one after the other.
pub fn rule(parts: &[&[Expr]]) -> Rule {
    Rule { handle: None, exprs: parts.concat(), comment: None }
}

pub fn base(name: &str, hook: Hook, priority: i32, policy: ChainPolicy, rules: Vec<Rule>) -> Chain {
    let base = BaseChain { kind: ChainKind::Filter, hook, priority, policy, devices: Vec::new() };
    Chain { name: name.to_owned(), base: Some(base), rules }
}

pub fn regular(name: &str, rules: Vec<Rule>) -> Chain {
    Chain { rules, ..Chain::regular(name) }
}

pub fn table(sets: Vec<Set>, chains: Vec<Chain>) -> Table {
    Table { sets, chains, ..Table::new(Family::Inet, "t") }
}

pub fn set(name: &str, key: &[DataType], elements: Vec<Element>) -> Set {
    Set { elements, ..Set::new(name, key) }
}

pub fn to(element: Element, verdict: Verdict) -> Element {
    element.to(MapData::Verdict(verdict))
}
