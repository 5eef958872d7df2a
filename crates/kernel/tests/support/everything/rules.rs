//! A rule with each expression.
//! Not here: programs as nft writes them; some of these make little sense.

use super::*;
use rolewall_ruleset::expr::*;
use rolewall_ruleset::set::MapData;

pub(crate) const L4PROTO: Expr = Expr::Meta { key: MetaKey::L4Proto, dreg: Reg(0) };

pub(crate) fn eq(bytes: &[u8]) -> Expr {
    Expr::Cmp { sreg: Reg(0), op: CmpOp::Eq, value: value(bytes) }
}

pub(crate) fn payload(base: PayloadBase, offset: u32, len: u32, slot: u8) -> Expr {
    Expr::Payload { base, offset, len, dreg: Reg(slot) }
}

pub(crate) fn lookup(set: SetRef, dreg: Option<LookupTo>, invert: bool) -> Expr {
    Expr::Lookup { sreg: Reg(0), set, dreg, invert }
}

pub(crate) fn named(name: &str) -> SetRef {
    SetRef::Named(name.into())
}

pub(crate) fn anonymous(set: Set) -> SetRef {
    SetRef::Anonymous(Box::new(Set { name: String::new(), ..set }))
}

pub(crate) fn ip_saddr() -> Vec<Expr> {
    vec![
        Expr::Meta { key: MetaKey::NfProto, dreg: Reg(0) },
        eq(&[2]),
        payload(PayloadBase::Network, 12, 4, 0),
    ]
}

pub(crate) fn dport() -> Vec<Expr> {
    vec![L4PROTO, eq(&[6]), payload(PayloadBase::Transport, 2, 2, 0)]
}

pub(crate) fn then(mut exprs: Vec<Expr>, more: Vec<Expr>) -> Vec<Expr> {
    exprs.extend(more);
    exprs
}

/// A rule with every expression.
pub(crate) fn rules() -> Vec<Vec<Expr>> {
    let verdict = |v: Verdict| vec![Expr::Verdict(v)];
    let accept = || Expr::Verdict(Verdict::Accept);
    let limit = |kind, invert| Expr::Limit { rate: 10, per_s: 60, burst: 7, kind, invert };
    let log = Expr::Log {
        prefix: None,
        group: None,
        snaplen: None,
        queue_threshold: None,
        level: None,
        flags: None,
    };
    let dynset = |set: &str, op, data, timeout_ms, exprs| Expr::Dynset {
        set: set.into(),
        op,
        key: Reg(0),
        data,
        timeout_ms,
        invert: false,
        exprs,
    };
    let fib = |result, flags| vec![Expr::Fib { result, flags, dreg: Reg(0) }];
    let flags = FibFlags { saddr: true, iif: true, ..FibFlags::default() };
    let mut rules = vec![
        verdict(Verdict::Accept),
        verdict(Verdict::Drop),
        verdict(Verdict::Continue),
        verdict(Verdict::Return),
        verdict(Verdict::Jump("other".into())),
        verdict(Verdict::Goto("other".into())),
        vec![Expr::Counter { packets: 0, bytes: 0 }],
        vec![limit(LimitKind::Packets, false), limit(LimitKind::Bytes, true)],
        vec![log.clone()],
        vec![Expr::Reject(Reject::Icmpx(1))],
        then(
            vec![Expr::Meta { key: MetaKey::NfProto, dreg: Reg(0) }, eq(&[2])],
            vec![Expr::Reject(Reject::IcmpUnreach(10))],
        ),
        then(vec![L4PROTO, eq(&[6])], vec![Expr::Reject(Reject::TcpReset)]),
        fib(FibResult::Oif, FibFlags { present: true, ..flags }),
        fib(FibResult::OifName, FibFlags { mark: true, ..flags }),
        fib(FibResult::AddrType, FibFlags { daddr: true, ..FibFlags::default() }),
        vec![
            Expr::Ct { key: CtKey::State, dir: None, dreg: Reg(0) },
            Expr::Bitwise {
                sreg: Reg(0),
                dreg: Reg(0),
                len: 4,
                mask: value(&[6, 0, 0, 0]),
                xor: value(&[0; 4]),
            },
            Expr::Cmp { sreg: Reg(0), op: CmpOp::Neq, value: value(&[0; 4]) },
            accept(),
        ],
        vec![Expr::Ct { key: CtKey::ProtoDst, dir: Some(CtDirection::Reply), dreg: Reg(0) }, eq(&[0, 80])],
        vec![Expr::Ct { key: CtKey::SrcIp, dir: Some(CtDirection::Original), dreg: Reg(4) }],
        vec![Expr::Ct { key: CtKey::Other(14), dir: Some(CtDirection::Original), dreg: Reg(4) }],
        vec![
            Expr::Meta { key: MetaKey::Mark, dreg: Reg(0) },
            Expr::Byteorder { sreg: Reg(0), dreg: Reg(0), to_network: true, len: 4, size: 4 },
            Expr::Cmp { sreg: Reg(0), op: CmpOp::Gte, value: value(&[0, 0, 0, 5]) },
            Expr::Cmp { sreg: Reg(0), op: CmpOp::Lte, value: value(&[0, 0, 0, 9]) },
        ],
        vec![
            Expr::Immediate { dreg: Reg(0), value: value(&[5, 0, 0, 0]) },
            Expr::MetaSet { key: MetaKey::Mark, sreg: Reg(0) },
        ],
        then(
            ip_saddr(),
            vec![Expr::Range { sreg: Reg(0), op: CmpOp::Neq, from: value(&ip4(1)), to: value(&ip4(9)) }],
        ),
        then(
            dport(),
            vec![Expr::Range { sreg: Reg(0), op: CmpOp::Eq, from: value(&[0, 1]), to: value(&[0, 9]) }],
        ),
        then(ip_saddr(), vec![lookup(named("hash"), None, false)]),
        then(ip_saddr(), vec![lookup(named("prefixes"), None, true), Expr::Verdict(Verdict::Drop)]),
        then(dport(), vec![lookup(named("port_verdicts"), Some(LookupTo::Verdict), false)]),
        then(
            ip_saddr(),
            vec![
                lookup(named("to_mark"), Some(LookupTo::Reg(Reg(0))), false),
                Expr::MetaSet { key: MetaKey::Mark, sreg: Reg(0) },
            ],
        ),
        then(
            dport(),
            vec![
                lookup(
                    anonymous(set(
                        "",
                        &[DataType::InetService],
                        vec![Element::key(&[0, 22]), Element::key(&[0, 80])],
                    )),
                    None,
                    false,
                ),
                accept(),
            ],
        ),
        then(
            dport(),
            vec![
                lookup(
                    anonymous(intervals(
                        "",
                        &[DataType::InetService],
                        vec![Element::key(&[0, 22]), Element::range(&[0, 80], &[0, 90])],
                    )),
                    None,
                    true,
                ),
                accept(),
            ],
        ),
        then(
            ip_saddr(),
            vec![
                payload(PayloadBase::Transport, 2, 2, 1),
                lookup(
                    anonymous(intervals(
                        "",
                        &[DataType::Ipv4Addr, DataType::InetService],
                        vec![Element::range(&[10, 0, 0, 0, 0, 80, 0, 0], &[10, 0, 0, 9, 0, 90, 0, 0])],
                    )),
                    None,
                    false,
                ),
                accept(),
            ],
        ),
        then(
            ip_saddr(),
            vec![lookup(
                anonymous(map(
                    set(
                        "",
                        &[DataType::Ipv4Addr],
                        vec![
                            Element::key(&ip4(1)).to(MapData::Verdict(Verdict::Jump("other".into()))),
                            Element::key(&ip4(2)).to(MapData::Verdict(Verdict::Drop)),
                        ],
                    ),
                    &[DataType::Verdict],
                )),
                Some(LookupTo::Verdict),
                false,
            )],
        ),
        then(
            ip_saddr(),
            vec![
                lookup(
                    anonymous(map(
                        set(
                            "",
                            &[DataType::Ipv4Addr],
                            vec![Element::key(&ip4(1)).to(MapData::Value(value(&[7, 0, 0, 0])))],
                        ),
                        &[DataType::Mark],
                    )),
                    Some(LookupTo::Reg(Reg(0))),
                    false,
                ),
                Expr::MetaSet { key: MetaKey::Mark, sreg: Reg(0) },
            ],
        ),
        then(ip_saddr(), vec![dynset("seen", DynsetOp::Add, None, None, vec![])]),
        then(
            ip_saddr(),
            vec![
                dynset("seen", DynsetOp::Update, None, Some(30_000), vec![limit(LimitKind::Packets, true)]),
                Expr::Verdict(Verdict::Drop),
            ],
        ),
        then(
            ip_saddr(),
            vec![
                dynset(
                    "seen",
                    DynsetOp::Update,
                    None,
                    None,
                    vec![limit(LimitKind::Packets, false), Expr::Counter { packets: 0, bytes: 0 }],
                ),
                accept(),
            ],
        ),
        then(ip_saddr(), vec![dynset("seen", DynsetOp::Delete, None, None, vec![])]),
        then(ip_saddr(), vec![dynset("with_statements", DynsetOp::Update, None, None, vec![])]),
        then(
            ip_saddr(),
            vec![
                payload(PayloadBase::Transport, 2, 2, 4),
                dynset("learned", DynsetOp::Update, Some(Reg(4)), Some(8_000), vec![]),
            ],
        ),
        vec![payload(PayloadBase::Transport, 8, 8, 0), eq(b"REGISTER")],
        vec![payload(PayloadBase::Link, 0, 6, 0), eq(&[1; 6])],
        vec![payload(PayloadBase::Inner, 0, 4, 0), eq(b"HTTP")],
        vec![Expr::Foreign { name: "quota".into(), data: quota() }],
        vec![],
    ];
    let log_with = |group, snaplen, queue_threshold, level, flags| {
        vec![Expr::Log { prefix: Some("rolewall: ".into()), group, snaplen, queue_threshold, level, flags }]
    };
    rules.push(log_with(Some(3), Some(64), Some(7), None, None));
    rules.push(log_with(Some(0), None, None, None, None));
    rules.push(log_with(None, None, None, Some(6), Some(0x2f)));
    rules.extend(every_slot());
    rules.extend(every_meta());
    rules
}

/// `quota over 1000 bytes`, as the kernel dumps it: bytes, flags, consumed.
pub(crate) fn quota() -> Box<[u8]> {
    let mut data = vec![12, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 232, 12, 0, 4, 0];
    data.extend([0; 8]);
    data.extend([8, 0, 2, 0, 0, 0, 0, 1]);
    data.into()
}

pub(crate) fn every_slot() -> impl Iterator<Item = Vec<Expr>> {
    (0..16).map(|slot| {
        vec![
            payload(PayloadBase::Network, 12, 4, slot),
            Expr::Cmp { sreg: Reg(slot), op: CmpOp::Lt, value: value(&ip4(slot)) },
        ]
    })
}

pub(crate) fn every_meta() -> impl Iterator<Item = Vec<Expr>> {
    use MetaKey::*;
    let keys = [
        Len,
        Protocol,
        Priority,
        Mark,
        Iif,
        Oif,
        IifName,
        OifName,
        IifType,
        OifType,
        SkUid,
        SkGid,
        NfProto,
        L4Proto,
        PktType,
        Cpu,
        IifGroup,
        OifGroup,
        Cgroup,
        Other(24),
    ];
    keys.into_iter().map(|key| vec![Expr::Meta { key, dreg: Reg(0) }])
}
