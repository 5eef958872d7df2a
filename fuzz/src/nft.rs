//! Tables out of the bytes of a batch, and back; flows and what is around them out of bytes.
//! Not here: what must hold of them.

use rolewall_kernel::{NftError, batch};
use rolewall_ruleset::flow::{CtState, Direction, L4};
use rolewall_ruleset::judge::{Environment, Hooks, Network, Rates, Timed};
use rolewall_ruleset::transaction::IfThere;
use rolewall_ruleset::{Element, Expr, Flow, Op, Set, SetRef, Table, Transaction, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

/// The batch that makes a table.
pub fn encode(table: &Table) -> Result<Vec<u8>, NftError> {
    let id = &table.id;
    let mut ops = vec![Op::AddTable(table)];
    ops.extend(table.chains.iter().map(|chain| Op::AddChain(id, chain)));
    ops.extend(table.sets.iter().map(|set| Op::AddSet(id, set)));
    ops.extend(table.sets.iter().map(|set| Op::AddElements(id, set, &set.elements, IfThere::Keep)));
    for chain in &table.chains {
        ops.extend(chain.rules.iter().map(|rule| Op::AddRule(id, &chain.name, rule)));
    }
    batch::encode(&Transaction { generation: None, ops })
}

/// Whether all lengths fit each other and no key is in a set twice, as Linux makes sure before it loads anything.
pub fn fits(table: &Table) -> bool {
    let exprs = || table.chains.iter().flat_map(|chain| &chain.rules).flat_map(|rule| &rule.exprs);
    table.sets.iter().all(set_fits) && exprs().all(expr_fits)
}

fn set_fits(set: &Set) -> bool {
    let is_key = |key: &Value| key.bytes().is_empty() || key.bytes().len() == set.key_len();
    let fit = set.elements.iter().all(|element| is_key(&element.key) && element.end.iter().all(is_key));
    let are_apart = set.elements.is_sorted_by(|a, b| *a.end.as_ref().unwrap_or(&a.key) < b.key);
    // Of concatenated ranges nobody can say so by their order.
    let is_one = !set.flags.interval || set.key.len() < 2 || set.data.is_none() || set.elements.len() < 2;
    let is_map = |element: &Element| element.data.is_some() == set.data.is_some();
    fit && is_one && set.elements.iter().all(is_map) && (are_apart || set.data.is_none())
}

fn expr_fits(expr: &Expr) -> bool {
    let is_value = |value: &Value| (1..=16).contains(&value.bytes().len());
    match expr {
        Expr::Lookup { set: SetRef::Anonymous(set), .. } => set_fits(set),
        Expr::Payload { len, .. } | Expr::PayloadSet { len, .. } => (1..=16).contains(len),
        Expr::Bitwise { len, mask, xor, .. } => {
            [mask, xor].iter().all(|value| value.bytes().len() == *len as usize)
        }
        Expr::Byteorder { len, size, .. } => (1..=16).contains(len) && [2, 4, 8].contains(size),
        Expr::Cmp { value, .. } | Expr::Immediate { value, .. } => is_value(value),
        Expr::Range { from, to, .. } => is_value(from) && from.bytes().len() == to.bytes().len(),
        _ => true,
    }
}

/// How many bytes a flow and its environment take.
pub const FLOW_BYTES: usize = 48;

/// A flow and where it is met, both as any bytes say.
pub fn flow(b: &[u8; FLOW_BYTES]) -> (Flow, Environment) {
    let port = |at: usize| u16::from_be_bytes([b[at], b[at + 1]]);
    let (sport, dport) = (port(1), port(3));
    let is_v4 = b[0] & 1 == 0;
    let l4 = match b[5] % 6 {
        0 => L4::Tcp { sport, dport, flags: b[6] },
        1 => L4::Udp { sport, dport },
        2 => L4::Sctp { sport, dport },
        3 if is_v4 => L4::Icmp { kind: b[1], code: b[2] },
        3 => L4::Icmpv6 { kind: b[1], code: b[2] },
        _ => L4::Other(b[6]),
    };
    let direction = [Direction::In, Direction::Out, Direction::Forward][usize::from(b[7] % 3)];
    let interface = |byte: u8| ["lo", "eth0", "eth1"].get(usize::from(byte % 4)).map(|&name| name.to_owned());
    let ct = [CtState::New, CtState::Established, CtState::Related, CtState::Invalid, CtState::Untracked];
    let flow = Flow {
        direction,
        src: address(&b[16..32], is_v4),
        dst: address(&b[32..48], is_v4),
        l4: l4_of_its_own(l4),
        iif: if direction == Direction::Out { None } else { interface(b[8]) },
        oif: if direction == Direction::In { None } else { interface(b[9]) },
        ct: ct[usize::from(b[10] % 5)],
        hop_limit: b[11],
        payload: Vec::new(),
    };
    let environment = environment(&flow, b[12], b[13]);
    (flow, environment)
}

/// A protocol that has a name is not another one.
fn l4_of_its_own(l4: L4) -> L4 {
    match l4 {
        L4::Other(1 | 6 | 17 | 58 | 132) => L4::Other(47),
        l4 => l4,
    }
}

fn address(bytes: &[u8], is_v4: bool) -> IpAddr {
    let bytes: [u8; 16] = bytes.try_into().expect("16 bytes");
    let [.., a, b, c, d] = bytes;
    if is_v4 { IpAddr::from([a, b, c, d]) } else { Ipv6Addr::from(bytes).into() }
}

fn environment(flow: &Flow, kind: u8, more: u8) -> Environment {
    let own = if flow.direction == Direction::Out { flow.src } else { flow.dst };
    let network = Network { address: own, prefix_len: 24, interface: "eth0".to_owned() };
    Environment {
        local: (kind & 1 != 0).then(|| BTreeSet::from([own])),
        interfaces: BTreeMap::from([("eth0".to_owned(), 2), ("eth1".to_owned(), 3)]),
        sources_routed: [None, Some(true), Some(false)][usize::from(more % 3)],
        timed: if kind & 2 == 0 { Timed::Alive } else { Timed::Expired },
        rates: if kind & 4 == 0 { Rates::Within } else { Rates::Beyond },
        hooks: if kind & 8 == 0 { Hooks::Filtering } else { Hooks::Whole },
        networks: if kind & 16 == 0 { Vec::new() } else { vec![network] },
        bridged: Some(false),
        ipsets: BTreeMap::new(),
    }
}
