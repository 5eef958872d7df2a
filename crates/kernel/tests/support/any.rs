//! Random tables in canonical form, over all that can be expressed.
//! Not here: whether the kernel would take them.

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use rolewall_ruleset::expr::*;
use rolewall_ruleset::set::{ElementExtra, MapData, fields_len};
use rolewall_ruleset::table::{ChainKind, Hook};
use rolewall_ruleset::*;

fn name() -> impl Strategy<Value = String> {
    "[a-z_][a-z0-9_.-]{0,20}"
}

fn comment() -> impl Strategy<Value = Option<String>> {
    option::of("[ -~äöü€]{0,40}")
}

fn reg() -> impl Strategy<Value = Reg> {
    (0..16u8).prop_map(Reg)
}

fn value() -> impl Strategy<Value = Value> {
    vec(any::<u8>(), 1..=16).prop_map(Value::from)
}

fn meta_key() -> impl Strategy<Value = MetaKey> {
    use MetaKey::*;
    let named = vec![
        Len, Protocol, Priority, Mark, Iif, Oif, IifName, OifName, IifType, OifType, SkUid, SkGid, NfTrace,
        NfProto, L4Proto, PktType, Cpu, IifGroup, OifGroup, Cgroup,
    ];
    prop_oneof![9 => select(named), 1 => (24u32..).prop_map(MetaKey::Other)]
}

fn ct_key() -> impl Strategy<Value = CtKey> {
    use CtKey::*;
    let named = vec![
        State, Direction, Status, Mark, Expiration, Helper, L3Protocol, Src, Dst, Protocol, ProtoSrc,
        ProtoDst, Labels, Zone, Id, SrcIp, DstIp, SrcIp6, DstIp6,
    ];
    prop_oneof![9 => select(named), 1 => (24u32..).prop_map(CtKey::Other)]
}

fn cmp_op() -> impl Strategy<Value = CmpOp> {
    select(vec![CmpOp::Eq, CmpOp::Neq, CmpOp::Lt, CmpOp::Lte, CmpOp::Gt, CmpOp::Gte])
}

fn fib_flags() -> impl Strategy<Value = FibFlags> {
    any::<[bool; 6]>().prop_map(|[saddr, daddr, mark, iif, oif, present]| FibFlags {
        saddr,
        daddr,
        mark,
        iif,
        oif,
        present,
    })
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        select(vec![Verdict::Accept, Verdict::Drop, Verdict::Continue, Verdict::Return]),
        name().prop_map(Verdict::Jump),
        name().prop_map(Verdict::Goto),
        (2i32..).prop_map(Verdict::Other),
    ]
}

/// Expressions that may also stand in a set, an element or a dynset.
fn statement() -> impl Strategy<Value = Expr> {
    let limit_kind = select(vec![LimitKind::Packets, LimitKind::Bytes]);
    prop_oneof![
        any::<(u64, u64)>().prop_map(|(packets, bytes)| Expr::Counter { packets, bytes }),
        (any::<u64>(), any::<u64>(), any::<u32>(), limit_kind, any::<bool>())
            .prop_map(|(rate, per_s, burst, kind, invert)| Expr::Limit { rate, per_s, burst, kind, invert }),
        ("(quota|connlimit|last|xt)", vec(any::<u8>(), 0..40))
            .prop_map(|(name, data)| Expr::Foreign { name, data: data.into() }),
    ]
}

/// Linux takes no more.
fn length() -> impl Strategy<Value = u32> {
    0..=255u32
}

fn load() -> impl Strategy<Value = Expr> {
    let base =
        select(vec![PayloadBase::Link, PayloadBase::Network, PayloadBase::Transport, PayloadBase::Inner]);
    let dir = option::of(select(vec![CtDirection::Original, CtDirection::Reply]));
    let result = select(vec![FibResult::Oif, FibResult::OifName, FibResult::AddrType]);
    prop_oneof![
        (meta_key(), reg()).prop_map(|(key, dreg)| Expr::Meta { key, dreg }),
        (meta_key(), reg()).prop_map(|(key, sreg)| Expr::MetaSet { key, sreg }),
        (base, 0..=65_535u32, length(), reg()).prop_map(|(base, offset, len, dreg)| Expr::Payload {
            base,
            offset,
            len,
            dreg
        }),
        (ct_key(), dir, reg()).prop_map(|(key, dir, dreg)| Expr::Ct { key, dir, dreg }),
        (result, fib_flags(), reg()).prop_map(|(result, flags, dreg)| Expr::Fib { result, flags, dreg }),
        (reg(), value()).prop_map(|(dreg, value)| Expr::Immediate { dreg, value }),
    ]
}

fn compute() -> impl Strategy<Value = Expr> {
    let range_op = select(vec![CmpOp::Eq, CmpOp::Neq]);
    prop_oneof![
        (reg(), cmp_op(), value()).prop_map(|(sreg, op, value)| Expr::Cmp { sreg, op, value }),
        (reg(), range_op, value(), value()).prop_map(|(sreg, op, from, to)| Expr::Range {
            sreg,
            op,
            from,
            to
        }),
        (reg(), reg(), length(), value(), value()).prop_map(|(sreg, dreg, len, mask, xor)| Expr::Bitwise {
            sreg,
            dreg,
            len,
            mask,
            xor
        }),
        (reg(), reg(), any::<bool>(), length(), any::<u32>()).prop_map(
            |(sreg, dreg, to_network, len, size)| Expr::Byteorder { sreg, dreg, to_network, len, size }
        ),
    ]
}

fn log() -> impl Strategy<Value = Expr> {
    let level = option::of(any::<u32>().prop_filter("4 is the default", |l| *l != 4));
    (
        option::of("[ -~]{0,127}"),
        option::of(any::<u16>()),
        option::of(any::<u32>()),
        option::of(1u16..),
        level,
        option::of(1u32..),
    )
        .prop_map(|(prefix, group, snaplen, queue_threshold, level, flags)| Expr::Log {
            prefix,
            group,
            snaplen,
            queue_threshold,
            level,
            flags,
        })
}

fn dynset() -> impl Strategy<Value = Expr> {
    let op = select(vec![DynsetOp::Add, DynsetOp::Update, DynsetOp::Delete]);
    (name(), op, reg(), option::of(reg()), option::of(1u64..), any::<bool>(), vec(statement(), 0..4))
        .prop_map(|(set, op, key, data, timeout_ms, invert, exprs)| Expr::Dynset {
            set,
            op,
            key,
            data,
            timeout_ms,
            invert,
            exprs,
        })
}

fn act() -> impl Strategy<Value = Expr> {
    prop_oneof![
        verdict().prop_map(Expr::Verdict),
        log(),
        dynset(),
        prop_oneof![
            any::<u8>().prop_map(Reject::IcmpUnreach),
            Just(Reject::TcpReset),
            any::<u8>().prop_map(Reject::Icmpx)
        ]
        .prop_map(Expr::Reject),
        Just(Expr::Notrack),
    ]
}

fn lookup() -> impl Strategy<Value = Expr> {
    let to = option::of(prop_oneof![Just(LookupTo::Verdict), reg().prop_map(LookupTo::Reg)]);
    let set = prop_oneof![
        name().prop_map(SetRef::Named),
        set().prop_map(|mut s| {
            (s.name, s.size, s.flags.constant) = (String::new(), None, false);
            SetRef::Anonymous(Box::new(s))
        }),
    ];
    (reg(), set, to, any::<bool>()).prop_map(|(sreg, set, dreg, invert)| Expr::Lookup {
        sreg,
        set,
        dreg,
        invert,
    })
}

fn expr() -> impl Strategy<Value = Expr> {
    prop_oneof![load(), compute(), act(), statement(), lookup()]
}

fn rule() -> impl Strategy<Value = Rule> {
    (vec(expr(), 0..6), comment()).prop_map(|(exprs, comment)| Rule { handle: None, exprs, comment })
}

fn named_type() -> impl Strategy<Value = DataType> {
    select(DataType::NAMED[1..].to_vec())
}

/// Linux concatenates what fits sixteen registers, each field from a register on.
fn concatenation() -> impl Strategy<Value = Vec<DataType>> {
    let bytes = |types: &Vec<DataType>| types.iter().map(|t| t.len().next_multiple_of(4)).sum::<u8>();
    vec(named_type(), 2..=5).prop_filter("longer than the registers", move |types| bytes(types) <= 64)
}

fn types() -> impl Strategy<Value = Vec<DataType>> {
    let other = (42u32..64, 1u8..=16).prop_map(|(id, len)| vec![DataType::Other { id, len }]);
    prop_oneof![5 => named_type().prop_map(|t| vec![t]), 3 => concatenation(), 1 => other]
}

fn flags() -> impl Strategy<Value = SetFlags> {
    any::<[bool; 4]>().prop_map(|[constant, interval, timeout, dynamic]| SetFlags {
        constant,
        interval,
        timeout,
        dynamic,
    })
}

prop_compose! {
    fn set()(
        name in name(), key in types(), data in option::of(prop_oneof![Just(vec![DataType::Verdict]), types()]),
        flags in flags(), timeout_ms in option::of(1u64..), size in option::of(1u32..),
        exprs in vec(statement(), 0..3), comment in comment(),
    )(
        elements in elements(key.clone(), data.clone(), flags.interval),
        name in Just(name), key in Just(key), data in Just(data), flags in Just(flags),
        timeout_ms in Just(timeout_ms), size in Just(size), exprs in Just(exprs), comment in Just(comment),
    ) -> Set {
        Set { name, key, data, flags, timeout_ms, size, exprs, comment, elements }
    }
}

fn extra() -> impl Strategy<Value = Option<Box<ElementExtra>>> {
    let extra = (option::of(any::<u64>()), option::of(any::<u64>()), comment(), vec(statement(), 0..3))
        .prop_map(|(timeout_ms, expires_ms, comment, exprs)| ElementExtra {
            timeout_ms,
            expires_ms,
            comment,
            exprs,
        });
    option::of(extra.prop_filter("none is none", |e| *e != ElementExtra::default()).prop_map(Box::new))
}

fn map_data(data: &Option<Vec<DataType>>) -> BoxedStrategy<Option<MapData>> {
    match data {
        None => Just(None).boxed(),
        Some(types) if *types == [DataType::Verdict] => {
            verdict().prop_map(|v| Some(MapData::Verdict(v))).boxed()
        }
        Some(types) => {
            vec(any::<u8>(), fields_len(types)).prop_map(|b| Some(MapData::Value(Value::from(b)))).boxed()
        }
    }
}

/// Ascending keys; in an interval set, pairs of them as ranges where they are far enough apart.
fn elements(key: Vec<DataType>, data: Option<Vec<DataType>>, interval: bool) -> BoxedStrategy<Vec<Element>> {
    let len = fields_len(&key);
    let byte = prop_oneof![Just(0u8), Just(0xff), any::<u8>()];
    let keys = btree_set(vec(byte, len), 0..12).prop_map(|keys| keys.into_iter().collect::<Vec<_>>());
    let rest = vec((map_data(&data), extra(), any::<bool>()), 12);
    let all = map_data(&data);
    (keys, rest, option::weighted(0.2, all))
        .prop_map(move |(keys, rest, catchall)| {
            let star = catchall.map(|data| Element { data, ..Element::key(&[]) });
            let concatenated = key.len() > 1;
            let mut elements: Vec<Element> = star.into_iter().collect();
            let mut keys = keys.into_iter();
            for (data, extra, ranged) in rest {
                let Some(first) = keys.next() else { break };
                let last = if interval && (ranged || concatenated) { keys.next() } else { None };
                let key = Value::from(first);
                elements.push(Element { key, end: last.map(Value::from), data, extra });
            }
            elements
        })
        .boxed()
}

fn chain(family: Family) -> impl Strategy<Value = Chain> {
    let hooks = match family {
        Family::Netdev => vec![Hook::Ingress, Hook::Egress],
        Family::Arp => vec![Hook::Input, Hook::Output, Hook::Forward],
        _ => {
            vec![Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting, Hook::Ingress]
        }
    };
    let base = (
        select(vec![ChainKind::Filter, ChainKind::Nat, ChainKind::Route]),
        select(hooks),
        any::<i32>(),
        select(vec![ChainPolicy::Accept, ChainPolicy::Drop]),
        vec("[a-z0-9.]{1,15}", 0..3),
    )
        .prop_map(|(kind, hook, priority, policy, devices)| BaseChain {
            kind,
            hook,
            priority,
            policy,
            devices,
        });
    (name(), option::of(base), vec(rule(), 0..5)).prop_map(|(name, base, rules)| Chain { name, base, rules })
}

/// Any table.
pub(crate) fn table() -> impl Strategy<Value = Table> {
    let families = vec![Family::Inet, Family::Ip, Family::Ip6, Family::Arp, Family::Bridge, Family::Netdev];
    select(families).prop_flat_map(|family| {
        (name(), any::<[bool; 3]>(), vec(set(), 0..4), vec(chain(family), 0..4)).prop_map(
            move |(name, [dormant, owner, persist], mut sets, mut chains)| {
                sets.iter_mut().enumerate().for_each(|(n, s)| s.name = format!("{}{n}", s.name));
                chains.iter_mut().enumerate().for_each(|(n, c)| c.name = format!("{}{n}", c.name));
                Table {
                    id: TableId { family, name },
                    flags: TableFlags { dormant, owner, persist },
                    sets,
                    chains,
                }
            },
        )
    })
}
