//! A set of every kind.
//! Not here: the anonymous ones, which are in their rules.

use super::*;
use rolewall_ruleset::expr::LimitKind;
use rolewall_ruleset::set::MapData;

/// A set of every kind.
pub(crate) fn sets() -> Vec<Set> {
    use DataType::*;
    let accept = || MapData::Verdict(rolewall_ruleset::Verdict::Accept);
    let jump = || MapData::Verdict(rolewall_ruleset::Verdict::Jump("other".into()));
    let star = || Element::key(&[]);
    let timed = SetFlags { timeout: true, ..SetFlags::default() };
    let dynamic = SetFlags { timeout: true, dynamic: true, ..SetFlags::default() };
    let ports = |a: u8, b: u8| Element::range(&[0, a], &[0, b]);
    let lasting = |ms| ElementExtra { timeout_ms: Some(ms), ..ElementExtra::default() };
    vec![
        set("hash", &[Ipv4Addr], vec![Element::key(&ip4(1)), commented(Element::key(&ip4(2)), "the second")]),
        Set {
            size: Some(64),
            comment: Some("of a size".into()),
            ..set("sized", &[Ipv6Addr], vec![Element::key(&ip6(1))])
        },
        intervals(
            "prefixes",
            &[Ipv4Addr],
            vec![
                Element::range(&[1, 0, 0, 0], &[1, 255, 255, 255]),
                Element::range(&[2, 0, 0, 0], &[2, 0, 0, 7]),
                Element::key(&[2, 0, 0, 8]),
                commented(Element::range(&[224, 0, 0, 0], &[255, 255, 255, 255]), "to the end"),
            ],
        ),
        intervals("everything", &[Ipv6Addr], vec![Element::range(&[0; 16], &[255; 16])]),
        intervals(
            "ports",
            &[InetService],
            vec![ports(0, 9), Element::key(&[0, 22]), Element::key(&[255, 255])],
        ),
        intervals("empty", &[Ipv6Addr], vec![]),
        intervals(
            "names",
            &[IfName],
            vec![Element::range(&name16("eth"), &[b"eth".to_vec(), vec![255; 13]].concat())],
        ),
        intervals("marks", &[Mark], vec![Element::range(&[0, 0, 0, 5], &[0, 0, 1, 0])]),
        intervals(
            "pairs",
            &[Ipv4Addr, InetService],
            vec![
                Element::range(&[10, 0, 0, 0, 0, 80, 0, 0], &[10, 255, 255, 255, 0, 90, 0, 0]),
                commented(Element::key(&[11, 0, 0, 1, 0, 80, 0, 0]), "one"),
            ],
        ),
        intervals(
            "triples",
            &[Ipv6Addr, InetProto, InetService],
            vec![Element::range(
                &[ip6(0).to_vec(), vec![6, 0, 0, 0, 0, 0, 0, 0]].concat(),
                &[ip6(255).to_vec(), vec![6, 0, 0, 0, 255, 255, 0, 0]].concat(),
            )],
        ),
        set("plain_pairs", &[InetProto, InetService], vec![Element::key(&[6, 0, 0, 0, 0, 22, 0, 0])]),
        map(
            set(
                "services",
                &[InetProto, InetService],
                vec![
                    Element::key(&[6, 0, 0, 0, 0, 22, 0, 0]).to(accept()),
                    Element::key(&[17, 0, 0, 0, 0, 53, 0, 0]).to(jump()),
                ],
            ),
            &[Verdict],
        ),
        map(
            intervals(
                "port_verdicts",
                &[InetService],
                vec![
                    star().to(MapData::Verdict(rolewall_ruleset::Verdict::Drop)),
                    ports(1, 9).to(jump()),
                    commented(
                        Element::key(&[0, 10]).to(MapData::Verdict(rolewall_ruleset::Verdict::Return)),
                        "c",
                    ),
                    ports(11, 19).to(MapData::Verdict(rolewall_ruleset::Verdict::Goto("other".into()))),
                ],
            ),
            &[Verdict],
        ),
        map(
            intervals(
                "pair_verdicts",
                &[Ipv4Addr, InetService],
                vec![Element::range(&[10, 0, 0, 0, 0, 80, 0, 0], &[10, 0, 0, 9, 0, 80, 0, 0]).to(accept())],
            ),
            &[Verdict],
        ),
        map(
            set("to_mark", &[Ipv4Addr], vec![Element::key(&ip4(1)).to(MapData::Value(value(&[5, 0, 0, 0])))]),
            &[Mark],
        ),
        map(
            set(
                "to_pair",
                &[Ipv4Addr],
                vec![Element::key(&ip4(1)).to(MapData::Value(value(&[1, 2, 3, 4, 0, 80, 0, 0])))],
            ),
            &[Ipv4Addr, InetService],
        ),
        Set { flags: timed, ..set("timed", &[NfProto], vec![with(Element::key(&[2]), lasting(600_000))]) },
        Set {
            flags: timed,
            timeout_ms: Some(300_000),
            ..set(
                "defaulted",
                &[Ipv4Addr],
                vec![
                    Element::key(&ip4(1)),
                    with(
                        Element::key(&ip4(2)),
                        ElementExtra { comment: Some("longer".into()), ..lasting(900_000) },
                    ),
                    with(Element::key(&ip4(3)), lasting(0)),
                ],
            )
        },
        Set {
            flags: SetFlags { timeout: true, interval: true, ..SetFlags::default() },
            ..set(
                "timed_ranges",
                &[Ipv4Addr],
                vec![with(Element::range(&ip4(1), &ip4(9)), lasting(600_000)), Element::key(&ip4(20))],
            )
        },
        Set {
            flags: dynamic,
            timeout_ms: Some(60_000),
            size: Some(1000),
            ..set("seen", &[Ipv4Addr], vec![])
        },
        Set {
            flags: SetFlags { dynamic: true, ..SetFlags::default() },
            size: Some(10),
            ..set("limited", &[Ipv6Addr], vec![])
        },
        Set {
            flags: SetFlags { dynamic: true, ..SetFlags::default() },
            size: Some(65_535),
            exprs: vec![
                Expr::Limit { rate: 5, per_s: 1, burst: 5, kind: LimitKind::Packets, invert: false },
                Expr::Counter { packets: 0, bytes: 0 },
            ],
            ..set("with_statements", &[Ipv4Addr], vec![])
        },
        Set { exprs: vec![Expr::Counter { packets: 0, bytes: 0 }], ..set("counted", &[InetService], vec![]) },
        map(
            Set {
                flags: dynamic,
                timeout_ms: Some(60_000),
                size: Some(65_535),
                ..set("learned", &[Ipv4Addr], vec![])
            },
            &[InetService],
        ),
        Set {
            flags: SetFlags { constant: true, ..SetFlags::default() },
            size: Some(2),
            ..set("fixed", &[CtState], vec![Element::key(&[2, 0, 0, 0]), Element::key(&[4, 0, 0, 0])])
        },
        set("macs", &[EtherAddr], vec![Element::key(&[0, 1, 2, 3, 4, 5])]),
        set("ether_types", &[EtherType], vec![Element::key(&[8, 0])]),
        set("icmp_types", &[IcmpType], vec![Element::key(&[8])]),
        set("icmp6_types", &[Icmpv6Type], vec![Element::key(&[128])]),
        set("tcp_flags", &[TcpFlag], vec![Element::key(&[2])]),
        set("pkts", &[PktType], vec![Element::key(&[1])]),
        set("kinds", &[FibAddrType], vec![Element::key(&[2, 0, 0, 0])]),
        set("interfaces", &[IfIndex], vec![Element::key(&[1, 0, 0, 0])]),
        set("users", &[DataType::Other { id: 24, len: 4 }], vec![Element::key(&[0, 0, 0, 0])]),
    ]
}
