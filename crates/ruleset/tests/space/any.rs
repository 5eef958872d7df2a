//! Random rulesets and flows, by seed: from few values, so that rules and flows meet.
//! Not here: what becomes of the flows.

use crate::common::build::*;
use rolewall_ruleset::expr::*;
use rolewall_ruleset::flow::{CtState, Direction, L4};
use rolewall_ruleset::judge::{Environment, Rates, Timed};
use rolewall_ruleset::set::{ElementExtra, MapData};
use rolewall_ruleset::table::ChainKind;
use rolewall_ruleset::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Numbers that follow from a seed (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % bound as u64).unwrap()
    }

    pub fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn is_one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn some<T>(&mut self, least: usize, most: usize, mut make: impl FnMut(&mut Dice) -> T) -> Vec<T> {
        (0..least + self.below(most - least + 1)).map(|_| make(self)).collect()
    }
}

const PORTS: [u16; 10] = [0, 22, 53, 80, 443, 5060, 5061, 10_000, 40_000, 65_535];
const INTERFACES: [&str; 4] = ["lo", "eth0", "eth1", "wan.100"];
const FAMILIES: [Family; 3] = [Family::Inet, Family::Ip, Family::Ip6];
const PROTOCOLS: [u8; 7] = [1, 6, 17, 47, 58, 132, 255];

fn port(dice: &mut Dice) -> u16 {
    let port = dice.one(&PORTS);
    dice.one(&[port, port, port.wrapping_add(1), port.wrapping_sub(1)])
}

fn v4(dice: &mut Dice) -> Ipv4Addr {
    let nets =
        [[10, 20, 0], [10, 20, 1], [192, 0, 2], [203, 0, 113], [224, 0, 0], [127, 0, 0], [255, 255, 255]];
    let [a, b, c] = dice.one(&nets);
    Ipv4Addr::new(a, b, c, dice.one(&[0, 1, 2, 7, 127, 128, 254, 255]))
}

fn v6(dice: &mut Dice) -> Ipv6Addr {
    let nets: [[u16; 4]; 5] =
        [[0x2001, 0xdb8, 0, 0], [0x2001, 0xdb8, 0, 1], [0xfe80, 0, 0, 0], [0xff02, 0, 0, 0], [0; 4]];
    let [a, b, c, d] = dice.one(&nets);
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, dice.one(&[0, 1, 2, 0x7f, 0x80, 0xffff]))
}

fn address(dice: &mut Dice, is_v4: bool) -> Vec<u8> {
    if is_v4 { v4(dice).octets().to_vec() } else { v6(dice).octets().to_vec() }
}

/// What a set's or a comparison's key is made of: its type, its load, and a value of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Address { is_v4: bool, source: bool },
    Port { source: bool },
    Proto,
    Interface { input: bool },
    Mark,
    State,
    Flags,
    IcmpType,
    HopLimit { is_v4: bool },
    AddressType { source: bool },
    PacketType,
    Index { input: bool },
}

impl Part {
    fn any(dice: &mut Dice) -> Part {
        let (is_v4, source, input) = (!dice.is_one_in(3), !dice.is_one_in(3), !dice.is_one_in(3));
        let address = Part::Address { is_v4, source };
        let port = Part::Port { source: dice.is_one_in(4) };
        let rare = dice.one(&[
            Part::Proto,
            Part::Interface { input },
            Part::Mark,
            Part::State,
            Part::Flags,
            Part::IcmpType,
            Part::HopLimit { is_v4 },
            Part::AddressType { source },
            Part::PacketType,
            Part::Index { input },
        ]);
        dice.one(&[address, address, port, port, Part::State, rare, rare])
    }

    /// Parts that stand together in a concatenation.
    fn several(dice: &mut Dice) -> Vec<Part> {
        let is_v4 = !dice.is_one_in(3);
        let source = Part::Address { is_v4, source: true };
        let port = Part::Port { source: false };
        dice.one(&[
            vec![Part::Proto, port],
            vec![source, port],
            vec![source, Part::Address { is_v4, source: false }],
            vec![Part::Proto, source, port],
            vec![Part::Interface { input: true }, source],
        ])
    }

    fn kind(self) -> DataType {
        match self {
            Part::Address { is_v4: true, .. } => DataType::Ipv4Addr,
            Part::Address { .. } => DataType::Ipv6Addr,
            Part::Port { .. } => DataType::InetService,
            Part::Proto => DataType::InetProto,
            Part::Interface { .. } => DataType::IfName,
            Part::Mark => DataType::Mark,
            Part::State => DataType::CtState,
            Part::Flags => DataType::TcpFlag,
            Part::IcmpType => DataType::IcmpType,
            Part::HopLimit { .. } => DataType::InetProto,
            Part::AddressType { .. } => DataType::FibAddrType,
            Part::PacketType => DataType::PktType,
            Part::Index { .. } => DataType::IfIndex,
        }
    }

    /// What must be loaded and hold before the load means this.
    fn guard(self, dice: &mut Dice) -> Vec<Expr> {
        match self {
            Part::Address { is_v4, .. } | Part::HopLimit { is_v4 } => nfproto(if is_v4 { 2 } else { 10 }),
            // Now and then without: then other protocols' bytes are read as ports.
            Part::Port { .. } if dice.is_one_in(6) => Vec::new(),
            Part::Port { .. } => l4proto(dice.one(&[6, 6, 17, 132])),
            Part::Flags => l4proto(6),
            Part::IcmpType => l4proto(dice.one(&[1, 58])),
            _ => Vec::new(),
        }
    }

    fn load(self, dreg: Reg) -> Expr {
        let payload = |base, offset, len| Expr::Payload { base, offset, len, dreg };
        let (network, transport) = (PayloadBase::Network, PayloadBase::Transport);
        match self {
            Part::Address { is_v4: true, source } => payload(network, if source { 12 } else { 16 }, 4),
            Part::Address { source, .. } => payload(network, if source { 8 } else { 24 }, 16),
            Part::Port { source } => payload(transport, if source { 0 } else { 2 }, 2),
            Part::Proto => Expr::Meta { key: MetaKey::L4Proto, dreg },
            Part::Interface { input: true } => Expr::Meta { key: MetaKey::IifName, dreg },
            Part::Interface { .. } => Expr::Meta { key: MetaKey::OifName, dreg },
            Part::Index { input: true } => Expr::Meta { key: MetaKey::Iif, dreg },
            Part::Index { .. } => Expr::Meta { key: MetaKey::Oif, dreg },
            Part::Mark => Expr::Meta { key: MetaKey::Mark, dreg },
            Part::State => Expr::Ct { key: CtKey::State, dir: None, dreg },
            Part::Flags => payload(transport, 13, 1),
            Part::IcmpType => payload(transport, 0, 1),
            Part::HopLimit { is_v4: true } => payload(network, 8, 1),
            Part::HopLimit { .. } => payload(network, 7, 1),
            Part::AddressType { source } => {
                let flags = FibFlags { saddr: source, daddr: !source, ..FibFlags::default() };
                Expr::Fib { result: FibResult::AddrType, flags, dreg }
            }
            Part::PacketType => Expr::Meta { key: MetaKey::PktType, dreg },
        }
    }

    fn value(self, dice: &mut Dice) -> Vec<u8> {
        match self {
            Part::Address { is_v4, .. } => address(dice, is_v4),
            Part::Port { .. } => port(dice).to_be_bytes().to_vec(),
            Part::Proto => vec![dice.one(&PROTOCOLS)],
            Part::Interface { .. } => ifname(dice.one(&INTERFACES)),
            Part::Mark => dice.one(&[0u32, 1, 2, 3, 0x100, u32::MAX]).to_ne_bytes().to_vec(),
            Part::State => dice.one(&[1u32, 2, 4, 8, 64]).to_ne_bytes().to_vec(),
            Part::Flags => vec![dice.one(&[0, 2, 0x10, 0x12, 4, 0xff])],
            Part::IcmpType => vec![dice.one(&[0, 3, 8, 128, 135, 255])],
            Part::HopLimit { .. } => vec![dice.one(&[0, 1, 64, 255])],
            Part::AddressType { .. } => dice.one(&[1u32, 2, 3, 5]).to_ne_bytes().to_vec(),
            Part::PacketType => vec![dice.one(&[0, 1, 2])],
            Part::Index { .. } => dice.one(&[0u32, 1, 2, 3]).to_ne_bytes().to_vec(),
        }
    }

    /// Whether its bytes are in the order of its values.
    fn is_ordered(self) -> bool {
        matches!(
            self,
            Part::Address { .. }
                | Part::Port { .. }
                | Part::Proto
                | Part::IcmpType
                | Part::HopLimit { .. }
                | Part::Flags
        )
    }
}

/// A random ruleset.
pub fn ruleset(dice: &mut Dice) -> Ruleset {
    let tables = dice.some(1, 2, |dice| {
        let family = dice.one(&FAMILIES);
        table_of(dice, family)
    });
    let mut numbered = tables;
    for (number, table) in numbered.iter_mut().enumerate() {
        table.id.name = format!("t{number}");
    }
    Ruleset { tables: numbered }
}

fn table_of(dice: &mut Dice, family: Family) -> Table {
    let mut table = Table::new(family, "t");
    let mut keys = Vec::new();
    for number in 0..dice.below(4) {
        let parts = if dice.is_one_in(2) { Part::several(dice) } else { vec![Part::any(dice)] };
        table.sets.push(named_set(dice, &format!("s{number}"), &parts));
        keys.push(parts);
    }
    let regular = dice.below(4);
    // A chain leads to later ones only: Linux takes no loops.
    for number in 0..regular {
        let targets: Vec<String> = (number + 1..regular).map(|n| format!("c{n}")).collect();
        let rules = dice.some(0, 4, |dice| rule_of(dice, &table.sets, &keys, &targets));
        table.chains.push(Chain { rules, ..Chain::regular(format!("c{number}")) });
    }
    let targets: Vec<String> = (0..regular).map(|n| format!("c{n}")).collect();
    for (number, hook) in [Hook::Input, Hook::Output, Hook::Forward, Hook::Input].into_iter().enumerate() {
        if dice.is_one_in(3) {
            continue;
        }
        let policy = dice.one(&[ChainPolicy::Accept, ChainPolicy::Drop]);
        let rules = dice.some(1, 6, |dice| rule_of(dice, &table.sets, &keys, &targets));
        let priority = dice.one(&[-10, 0, 0, 10]);
        table.chains.push(base(&format!("b{number}"), hook, priority, policy, rules));
    }
    table
}

fn named_set(dice: &mut Dice, name: &str, parts: &[Part]) -> Set {
    let kinds: Vec<DataType> = parts.iter().map(|part| part.kind()).collect();
    let mut set = Set::new(name, &kinds);
    set.flags.interval = dice.is_one_in(2) && parts.iter().any(|part| part.is_ordered());
    set.flags.timeout = dice.is_one_in(3);
    set.flags.dynamic = !set.flags.interval && dice.is_one_in(4);
    let wanted = dice.below(12);
    for _ in 0..wanted {
        let element = element(dice, parts, set.flags.interval);
        let overlaps = |other: &Element| overlap(parts, &element, other);
        if !set.elements.iter().any(overlaps) {
            set.elements.push(element);
        }
    }
    if set.flags.timeout {
        for element in &mut set.elements {
            let expires_ms = Some(dice.one(&[500, 5_000]));
            let extra = ElementExtra { expires_ms, timeout_ms: Some(10_000), ..ElementExtra::default() };
            element.extra = dice.is_one_in(2).then(|| Box::new(extra));
        }
    }
    set
}

fn element(dice: &mut Dice, parts: &[Part], interval: bool) -> Element {
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for part in parts {
        let (mut a, mut b) = (part.value(dice), part.value(dice));
        if !interval || !part.is_ordered() || dice.is_one_in(3) {
            b.clone_from(&a);
        } else if a > b {
            std::mem::swap(&mut a, &mut b);
        }
        if parts.len() == 1 {
            (first, last) = (a, b);
        } else {
            Value::push_padded(&mut first, &a);
            Value::push_padded(&mut last, &b);
        }
    }
    if interval && first != last { Element::range(&first, &last) } else { Element::key(&first) }
}

/// Whether two elements hold a key in common.
fn overlap(parts: &[Part], a: &Element, b: &Element) -> bool {
    let last = |e: &Element| e.end.clone().unwrap_or_else(|| e.key.clone());
    let (a_last, b_last) = (last(a), last(b));
    let mut at = 0;
    parts.iter().all(|part| {
        let len = usize::from(part.kind().len());
        let len = if parts.len() == 1 { len } else { len.next_multiple_of(4) };
        let field = at..at + len;
        at += len;
        let part = |value: &Value| value.bytes()[field.clone()].to_vec();
        part(&a.key) <= part(&b_last) && part(&b.key) <= part(&a_last)
    })
}

fn rule_of(dice: &mut Dice, sets: &[Set], keys: &[Vec<Part>], targets: &[String]) -> Rule {
    let mut exprs: Vec<Expr> = dice.some(0, 3, |dice| phrase(dice, sets, keys)).concat();
    exprs.extend(ending(dice, targets));
    Rule { exprs, ..Rule::default() }
}

fn phrase(dice: &mut Dice, sets: &[Set], keys: &[Vec<Part>]) -> Vec<Expr> {
    match dice.below(16) {
        0..=5 => comparison(dice),
        6 | 7 => anonymous_lookup(dice),
        8..=10 if !sets.is_empty() => named_lookup(dice, sets, keys),
        11 => set_mark(dice),
        12 => vec![limit(10, dice.is_one_in(2))],
        13 if !sets.is_empty() => add(dice, sets, keys),
        14 => map_to_mark(dice),
        _ => vec![counter()],
    }
}

fn comparison(dice: &mut Dice) -> Vec<Expr> {
    let part = Part::any(dice);
    let mut exprs = part.guard(dice);
    exprs.push(part.load(R));
    let value = part.value(dice);
    match dice.below(4) {
        0 if part.is_ordered() => {
            let op = dice.one(&[CmpOp::Lt, CmpOp::Lte, CmpOp::Gt, CmpOp::Gte]);
            exprs.push(cmp(op, &value));
        }
        1 if part.is_ordered() => {
            let (a, b) = (value, part.value(dice));
            let (from, to) = if a <= b { (a, b) } else { (b, a) };
            let op = dice.one(&[CmpOp::Eq, CmpOp::Neq]);
            exprs.push(Expr::Range { sreg: R, op, from: from.into(), to: to.into() });
        }
        2 => exprs.extend(under_mask(dice, value)),
        _ => exprs.push(cmp(dice.one(&[CmpOp::Eq, CmpOp::Neq]), &value)),
    }
    exprs
}

/// Prefixes, and masks with a hole.
fn under_mask(dice: &mut Dice, value: Vec<u8>) -> Vec<Expr> {
    let bits = dice.below(value.len() * 8 + 1);
    let mut and: Vec<u8> = (0..value.len()).map(|at| prefix_byte(bits.saturating_sub(at * 8))).collect();
    if dice.is_one_in(3) {
        and[0] ^= 1 << dice.below(8);
    }
    let kept: Vec<u8> = value.iter().zip(&and).map(|(v, m)| v & m).collect();
    vec![mask(&and), cmp(dice.one(&[CmpOp::Eq, CmpOp::Eq, CmpOp::Neq]), &kept)]
}

fn prefix_byte(bits: usize) -> u8 {
    if bits >= 8 { 0xff } else { !(0xff >> bits) }
}

fn anonymous_lookup(dice: &mut Dice) -> Vec<Expr> {
    let part = Part::any(dice);
    let mut elements: Vec<Element> = Vec::new();
    let interval = part.is_ordered() && dice.is_one_in(2);
    for _ in 0..4 {
        let element = element(dice, &[part], interval);
        if !elements.iter().any(|other| overlap(&[part], &element, other)) {
            elements.push(element);
        }
    }
    let mut exprs = part.guard(dice);
    exprs.push(part.load(R));
    let is_map = dice.is_one_in(3);
    if is_map {
        elements = elements
            .into_iter()
            .map(|e| to(e, dice.one(&[Verdict::Accept, Verdict::Drop, Verdict::Return])))
            .collect();
        exprs.push(vmap(anonymous(&[part.kind()], elements)));
    } else {
        let set = anonymous(&[part.kind()], elements);
        exprs.push(Expr::Lookup { sreg: R, set, dreg: None, invert: dice.is_one_in(3) });
    }
    exprs
}

fn key_of(dice: &mut Dice, parts: &[Part]) -> Vec<Expr> {
    let mut exprs: Vec<Expr> = parts.iter().flat_map(|part| part.guard(dice)).collect();
    let mut slot = 0;
    for part in parts {
        exprs.push(part.load(Reg(slot)));
        slot += part.kind().len().div_ceil(4);
    }
    exprs
}

fn named_lookup(dice: &mut Dice, sets: &[Set], keys: &[Vec<Part>]) -> Vec<Expr> {
    let at = dice.below(sets.len());
    let mut exprs = key_of(dice, &keys[at]);
    exprs.push(Expr::Lookup { sreg: R, set: named(&sets[at].name), dreg: None, invert: dice.is_one_in(3) });
    exprs
}

fn add(dice: &mut Dice, sets: &[Set], keys: &[Vec<Part>]) -> Vec<Expr> {
    let at = dice.below(sets.len());
    if !sets[at].flags.dynamic {
        return Vec::new();
    }
    let mut exprs = key_of(dice, &keys[at]);
    let (set, op) = (sets[at].name.clone(), dice.one(&[DynsetOp::Add, DynsetOp::Update, DynsetOp::Delete]));
    exprs.push(Expr::Dynset {
        set,
        op,
        key: R,
        data: None,
        timeout_ms: None,
        invert: false,
        exprs: Vec::new(),
    });
    exprs
}

fn set_mark(dice: &mut Dice) -> Vec<Expr> {
    let set = Expr::MetaSet { key: MetaKey::Mark, sreg: R };
    let value = Part::Mark.value(dice);
    if dice.is_one_in(2) {
        return vec![Expr::Immediate { dreg: R, value: value.into() }, set];
    }
    let (and, xor) = (Part::Mark.value(dice), value);
    let change = Expr::Bitwise { sreg: R, dreg: R, len: 4, mask: and.into(), xor: xor.into() };
    vec![meta(MetaKey::Mark), change, set]
}

fn map_to_mark(dice: &mut Dice) -> Vec<Expr> {
    let part = Part::Port { source: false };
    let mut elements: Vec<Element> = Vec::new();
    for _ in 0..3 {
        let element = element(dice, &[part], true);
        if !elements.iter().any(|other| overlap(&[part], &element, other)) {
            elements.push(element.to(MapData::Value(Part::Mark.value(dice).into())));
        }
    }
    let mut set = Set::new("", &[part.kind()]);
    (set.data, set.flags.interval, set.elements) = (Some(vec![DataType::Mark]), true, elements);
    let set = SetRef::Anonymous(Box::new(set));
    let mut exprs = part.guard(dice);
    exprs.push(part.load(R));
    exprs.push(Expr::Lookup { sreg: R, set, dreg: Some(LookupTo::Reg(R)), invert: false });
    exprs.push(Expr::MetaSet { key: MetaKey::Mark, sreg: R });
    exprs
}

fn ending(dice: &mut Dice, targets: &[String]) -> Vec<Expr> {
    match dice.below(10) {
        0..=2 => vec![ACCEPT],
        3 | 4 => vec![DROP],
        5 => vec![Expr::Reject(Reject::Icmpx(3))],
        6 if !targets.is_empty() => vec![jump(&dice.one(targets))],
        7 if !targets.is_empty() => vec![goto(&dice.one(targets))],
        8 => vec![Expr::Verdict(Verdict::Return)],
        _ => Vec::new(),
    }
}

/// A random flow, of the values that rulesets are made of.
pub fn flow(dice: &mut Dice) -> Flow {
    let direction = dice.one(&[Direction::In, Direction::In, Direction::Out, Direction::Forward]);
    let is_v4 = !dice.is_one_in(3);
    let mut end = || if is_v4 { IpAddr::from(v4(dice)) } else { IpAddr::from(v6(dice)) };
    let (src, mut dst) = (end(), end());
    // No packet comes from where it goes to.
    while src == dst {
        dst = end();
    }
    let (sport, dport) = (port(dice), port(dice));
    let flags = Part::Flags.value(dice)[0];
    let (kind, code) = (Part::IcmpType.value(dice)[0], dice.one(&[0, 1, 4]));
    let icmp = if is_v4 { L4::Icmp { kind, code } } else { L4::Icmpv6 { kind, code } };
    let other = L4::Other(dice.one(&[47, 255, 0]));
    let l4 = dice.one(&[
        L4::Tcp { sport, dport, flags },
        L4::Tcp { sport, dport, flags },
        L4::Udp { sport, dport },
        L4::Sctp { sport, dport },
        icmp,
        other,
    ]);
    let mut flow = Flow::first(direction, src, dst, l4);
    let mut interface = || {
        dice.one(&[None, Some("lo"), Some("eth0"), Some("eth1"), Some("wan.100"), Some("wlan0")])
            .map(str::to_owned)
    };
    (flow.iif, flow.oif) = match direction {
        Direction::In => (interface(), None),
        Direction::Out => (None, interface()),
        Direction::Forward => (interface(), interface()),
    };
    flow.ct = dice.one(&[
        CtState::New,
        CtState::New,
        CtState::Established,
        CtState::Related,
        CtState::Invalid,
        CtState::Untracked,
    ]);
    flow.hop_limit = dice.one(&[64, 64, 1, 255]);
    flow
}

/// A random world.
pub fn environment(dice: &mut Dice) -> Environment {
    let local = (0..5).map(|n| if n < 3 { v4(dice).into() } else { v6(dice).into() }).collect();
    Environment {
        local: dice.is_one_in(2).then_some(local),
        interfaces: if dice.is_one_in(2) {
            [("eth0".to_owned(), 2), ("eth1".to_owned(), 3)].into()
        } else {
            [].into()
        },
        timed: dice.one(&[Timed::Alive, Timed::Expired, Timed::After { ms: 1_000 }]),
        rates: dice.one(&[Rates::Within, Rates::Beyond, Rates::Unknown]),
        ..Environment::default()
    }
}

/// A random ruleset on every hook, with translations and what iptables puts into rules.
pub fn whole_ruleset(dice: &mut Dice) -> Ruleset {
    let mut ruleset = ruleset(dice);
    for (number, table) in ruleset.tables.iter_mut().enumerate() {
        let bases: Vec<Chain> =
            (0..2 + dice.below(3)).map(|n| early_or_late(dice, &format!("h{number}{n}"))).collect();
        table.chains.extend(bases);
        let rules = table.chains.iter_mut().flat_map(|chain| &mut chain.rules);
        for rule in rules {
            if dice.is_one_in(4) {
                let asked = xt_match(dice);
                rule.exprs.insert(0, Expr::XtMatch(Box::new(asked)));
            }
        }
    }
    ruleset
}

/// A chain before routing or after it, of nat or not.
fn early_or_late(dice: &mut Dice, name: &str) -> Chain {
    let hook = dice.one(&[Hook::Prerouting, Hook::Prerouting, Hook::Postrouting, Hook::Output, Hook::Input]);
    let is_nat = dice.is_one_in(2);
    let priority = if is_nat { dice.one(&[-100, 100, 0]) } else { dice.one(&[-300, -150, 0, 200]) };
    let rules = dice.some(1, 3, |dice| {
        let mut exprs: Vec<Expr> = dice.some(0, 2, comparison).concat();
        exprs.extend(if is_nat { translation(dice, hook) } else { change(dice) });
        Rule { exprs, ..Rule::default() }
    });
    let mut chain = base(name, hook, priority, ChainPolicy::Accept, rules);
    if let (Some(base), true) = (&mut chain.base, is_nat) {
        base.kind = ChainKind::Nat;
    }
    chain
}

/// Linux takes translations of the destination before routing, of the source after it.
fn translation(dice: &mut Dice, hook: Hook) -> Vec<Expr> {
    let is_early = matches!(hook, Hook::Prerouting | Hook::Output);
    let flags = NatFlags::default();
    match dice.below(6) {
        0 if is_early => vec![Expr::Redirect { ports: None, flags }],
        1 if hook == Hook::Postrouting => vec![Expr::Masquerade { ports: None, flags }],
        2 => vec![ACCEPT],
        _ => {
            let kind = if is_early { NatKind::Destination } else { NatKind::Source };
            let is_v4 = !dice.is_one_in(3);
            let first = address(dice, is_v4);
            let last = if dice.is_one_in(4) { address(dice, is_v4) } else { first.clone() };
            let mut exprs = vec![
                Expr::Immediate { dreg: Reg(0), value: first.into() },
                Expr::Immediate { dreg: Reg(4), value: last.into() },
            ];
            let ports = dice.is_one_in(2).then_some((Reg(8), Reg(8)));
            if ports.is_some() {
                let port = port(dice).to_be_bytes().to_vec();
                exprs.push(Expr::Immediate { dreg: Reg(8), value: port.into() });
            }
            let family = if is_v4 { Family::Ip } else { Family::Ip6 };
            exprs.push(Expr::Nat { kind, family, addresses: Some((Reg(0), Reg(4))), ports, flags });
            exprs
        }
    }
}

fn change(dice: &mut Dice) -> Vec<Expr> {
    match dice.below(8) {
        0 | 1 => vec![Expr::Notrack],
        2 => set_mark(dice),
        3 => vec![Expr::XtTarget(Box::new(xt_target(dice)))],
        4 => {
            let load = Expr::Ct { key: CtKey::Status, dir: None, dreg: R };
            vec![load, mask(&0x20u32.to_ne_bytes()), cmp(CmpOp::Neq, &[0; 4]), DROP]
        }
        5 => {
            let dir = Some(dice.one(&[CtDirection::Original, CtDirection::Reply]));
            let load = Expr::Ct { key: CtKey::DstIp, dir, dreg: R };
            [nfproto(2), vec![load, is(&v4(dice).octets()), DROP]].concat()
        }
        6 => vec![ACCEPT],
        _ => vec![DROP],
    }
}

fn xt_target(dice: &mut Dice) -> xt::Target {
    let action = match dice.below(5) {
        0 => xt::Action::Notrack,
        1 => xt::Action::Mark { mask: u32::MAX, xor: dice.one(&[1, 2, 3]) },
        2 => xt::Action::Reject { with: 0 },
        3 => xt::Action::Aside,
        _ => xt::Action::HopLimit(xt::HopChange::Set(dice.one(&[1, 64]))),
    };
    xt::Target { name: "T".into(), revision: 0, info: Box::default(), action }
}

fn xt_address(dice: &mut Dice) -> xt::Address {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&v4(dice).octets());
    bytes
}

fn xt_match(dice: &mut Dice) -> xt::Match {
    use xt::{Bits, Choice, Condition, Side, Span};
    let invert = dice.is_one_in(4);
    let mut span = || {
        let (a, b) = (port(dice), port(dice));
        Span { first: a.min(b), last: a.max(b), invert: dice.is_one_in(4) }
    };
    let (sports, dports) = (Span { first: 0, last: u16::MAX, invert: false }, span());
    let flags = Bits { value: dice.one(&[0, 2, 0x12]), mask: dice.one(&[0, 0x17, 0x02]), invert: false };
    let condition = match dice.below(13) {
        0 => Condition::Tcp(xt::Tcp { sports, dports, flags, option: None }),
        1 => Condition::Udp(xt::Udp { sports, dports }),
        2 => Condition::Icmp(xt::Icmp { kind: Some(8), codes: (0, dice.one(&[0, 255])), invert }),
        3 => {
            let side = dice.one(&[Side::Source, Side::Destination, Side::Either]);
            Condition::Multiport(xt::Multiport { side, ranges: vec![(22, 80), (5060, 5060)], invert })
        }
        4 | 5 => Condition::Conntrack(Box::new(conntrack(dice))),
        6 => Condition::AddrType(xt::AddrType {
            destination: Some(Choice { of: dice.one(&[1 << 2, 1 << 5, 1 << 3 | 1 << 2, 1 << 1]), invert }),
            ..xt::AddrType::default()
        }),
        7 => {
            let (a, b) = (xt_address(dice), xt_address(dice));
            let of = xt::AddressRange { first: a.min(b), last: a.max(b) };
            Condition::IpRange(Box::new(xt::IpRange {
                source: Some(Choice { of, invert }),
                destination: None,
            }))
        }
        8 => Condition::Mark(Bits { value: dice.one(&[0, 1, 2]), mask: dice.one(&[u32::MAX, 1, 3]), invert }),
        9 => Condition::Comment("here".into()),
        10 => Condition::PktType(Choice { of: dice.one(&[0, 1, 2]), invert }),
        11 => Condition::HopLimit(xt::HopLimit { compare: xt::Compare::Less, value: dice.one(&[2, 65]) }),
        _ => Condition::Rate(xt::Rate { interval_us: 1, burst: 5, invert }),
    };
    xt::Match { name: "m".into(), revision: 0, info: Box::default(), condition }
}

fn conntrack(dice: &mut Dice) -> xt::Conntrack {
    use xt::{AddressMask, Choice, Conntrack, CtStates, Span};
    let mut flip = || dice.is_one_in(2);
    let of = CtStates {
        new: flip(),
        established: flip(),
        related: flip(),
        invalid: flip(),
        ..CtStates::default()
    };
    let of = CtStates { dnat: dice.is_one_in(4), ..of };
    let mask = [0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let under = AddressMask { address: xt_address(dice), mask };
    let port = port(dice);
    let mut maybe = |n| dice.is_one_in(n);
    Conntrack {
        states: maybe(2).then_some(Choice { of, invert: !of.dnat && of.invalid }),
        protocol: maybe(5).then_some(Choice { of: 6, invert: false }),
        orig_dst: maybe(5).then_some(Choice { of: under, invert: false }),
        orig_dport: maybe(5).then_some(Span { first: port, last: port, invert: false }),
        reply_src: maybe(8).then_some(Choice { of: under, invert: false }),
        ..Conntrack::default()
    }
}
