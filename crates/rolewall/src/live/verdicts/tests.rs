//! Verdicts that stand for many are held against each flow judged alone.
//! Not here: the judge itself.

use super::*;
use proptest::prelude::*;
use rolewall_policy::plan::{self, Me};
use rolewall_policy::{Catalogue, Observed, Source, inventory, lower, settings};
use rolewall_ruleset::expr::{CmpOp, PayloadBase};
use rolewall_ruleset::flow::Direction;
use rolewall_ruleset::table::{ChainKind, Hook};
use rolewall_ruleset::{BaseChain, Chain, ChainPolicy, Expr, Family, Reg, Rule, Table, Value, Verdict};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

fn payload(offset: u32, len: u32) -> Expr {
    Expr::Payload { base: PayloadBase::Transport, offset, len, dreg: Reg(0) }
}

fn cmp(op: CmpOp, bytes: &[u8]) -> Expr {
    Expr::Cmp { sreg: Reg(0), op, value: Value::from_bytes(bytes) }
}

/// Whoever comes in and matches one of these passes; nobody else.
fn admitting(rules: &[Vec<Expr>]) -> Ruleset {
    let mut table = Table::new(Family::Inet, "t");
    let (kind, hook, policy) = (ChainKind::Filter, Hook::Input, ChainPolicy::Drop);
    let base = BaseChain { kind, hook, priority: 0, policy, devices: Vec::new() };
    let accept = |exprs: &Vec<Expr>| {
        let exprs = exprs.iter().cloned().chain([Expr::Verdict(Verdict::Accept)]).collect();
        Rule { exprs, ..Rule::default() }
    };
    let rules = rules.iter().map(accept).collect();
    table.chains.push(Chain { name: "input".into(), base: Some(base), rules });
    Ruleset { tables: vec![table] }
}

fn from(port: u16, dport: u16) -> LiveFlow {
    let end = |address: [u8; 4], port| (address, port).into();
    LiveFlow::tcp(Direction::In, end([192, 0, 2, 9], port), end([192, 0, 2, 1], dport))
}

/// Source ports all over, and those that the rules below speak of with their neighbours.
fn ports() -> BTreeSet<u16> {
    let around = [67, 68, 69, 1023, 1024, u16::MAX];
    (1..u16::MAX).step_by(101).chain(around).collect()
}

/// As if the first few had been judged already.
fn many(verdicts: Verdicts<'_>) -> Verdicts<'_> {
    Verdicts { judged: FEW, ..verdicts }
}

/// Asks of each, and counts how many were judged.
fn judged(ruleset: &Ruleset) -> usize {
    let standpoint = Standpoint::default();
    let mut verdicts = many(Verdicts::new(ruleset, &standpoint));
    for flow in ports().into_iter().flat_map(|port| [from(port, 67), from(port, 443)]) {
        let alone = verdicts.judge.verdict(&standpoint.as_new(&flow));
        assert_eq!(verdicts.as_new(&flow), alone, "{flow}");
    }
    verdicts.known.len()
}

#[test]
fn flows_that_no_rule_tells_apart_are_judged_once() {
    let dhcp = vec![payload(0, 4), cmp(CmpOp::Eq, &[0, 68, 0, 67])];
    let web = vec![payload(2, 2), cmp(CmpOp::Eq, &443u16.to_be_bytes())];
    assert_eq!(judged(&admitting(&[dhcp.clone(), web.clone()])), 4);
    let highest = vec![payload(0, 2), cmp(CmpOp::Eq, &u16::MAX.to_be_bytes())];
    assert_eq!(judged(&admitting(&[dhcp, web, highest])), 6);
}

#[test]
fn a_rule_that_looks_at_source_ports_otherwise_is_asked_about_each() {
    let above = vec![payload(0, 2), cmp(CmpOp::Gte, &1024u16.to_be_bytes())];
    assert_eq!(judged(&admitting(&[above])), 2 * ports().len());
    let half = vec![payload(1, 1), cmp(CmpOp::Eq, &[7])];
    assert_eq!(judged(&admitting(&[half])), 2 * ports().len());
}

/// The ruleset of a node of this inventory, with a bit of everything.
fn of_a_plan(roles: &str) -> Ruleset {
    let cluster = format!(
        "[cluster]\nname = \"v\"\nprivate = [\"10.20.0.0/16\", \"fd20::/48\"]\n\
         admin = [\"198.51.100.0/28\", \"2001:db8:a::/61\", \"10.20.8.8\"]\ntrunks = [\"203.0.113.0/25\"]\n\
         [[node]]\nname = \"node\"\nprivate = [\"10.20.0.1\", \"fd20::1\"]\nroles = [{roles}]\n\
         [[node]]\nname = \"other\"\nprivate = [\"10.20.1.11\", \"fd20::1:11\"]\nroles = [\"sip\", \"web\"]\n\
         [[node]]\nname = \"third\"\nprivate = [\"10.20.1.12\"]\nroles = [\"pbx\"]\n"
    );
    let settings_text = "[deny]\nnetworks = [\"192.0.2.64/26\", \"2001:db8:bad::/48\", \"100.64.0.0/10\"]\n\
         [trusted]\nnetworks = [\"198.18.0.8/29\", \"192.0.2.80/30\"]\n[limits]\nsip = { new_per_second = 5, burst = 9 }\n\
         [mode]\nin = \"enforce\"\nout = \"enforce\"\nforward = \"enforce\"\n";
    let catalogue = Catalogue::built_in();
    let inventory = inventory::parse(&[Source::new("cluster.toml", cluster)], &catalogue).unwrap();
    let source = Source::new("rolewall.toml", settings_text);
    let settings = settings::parse(Some(&source), None, &catalogue).unwrap();
    let me = Me::from_node(&inventory.nodes[0], &Observed::default());
    let inputs = plan::Inputs { catalogue: &catalogue, inventory: &inventory, settings: &settings, me: &me };
    crate::candidate::in_force(lower::lower(&plan::derive(inputs), "r1"))
}

/// At and around every address that the plan names, and some that it does not.
fn addresses() -> impl Strategy<Value = IpAddr> {
    let named4 = [
        "10.20.0.0",
        "10.20.1.11",
        "10.20.1.12",
        "10.20.8.8",
        "10.21.0.0",
        "198.51.100.0",
        "198.51.100.16",
        "203.0.113.0",
        "203.0.113.128",
        "192.0.2.64",
        "192.0.2.80",
        "192.0.2.84",
        "192.0.2.128",
        "100.64.0.0",
        "100.128.0.0",
        "198.18.0.8",
        "198.18.0.16",
        "224.0.0.0",
        "127.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
    ];
    let named6 = [
        "fd20::",
        "fd20:0:1::",
        "fd20::1:11",
        "2001:db8:a::",
        "2001:db8:a:8::",
        "2001:db8:bad::",
        "2001:db8:bae::",
        "fe80::1",
        "ff00::",
        "ff02::1",
        "::1",
        "::",
    ];
    let v4 = (prop::sample::select(named4.to_vec()), -2i32..=2).prop_map(|(text, by)| {
        let address: std::net::Ipv4Addr = text.parse().unwrap();
        IpAddr::V4(u32::from(address).wrapping_add_signed(by).into())
    });
    let v6 = (prop::sample::select(named6.to_vec()), -2i128..=2).prop_map(|(text, by)| {
        let address: std::net::Ipv6Addr = text.parse().unwrap();
        IpAddr::V6(u128::from(address).wrapping_add_signed(by).into())
    });
    prop_oneof![v4, v6, any::<u32>().prop_map(|a| IpAddr::V4(a.into()))]
}

fn flows() -> impl Strategy<Value = LiveFlow> {
    let ports = [22, 53, 67, 68, 80, 443, 546, 547, 3306, 5050, 5060, 5222, 12_000, 40_000, 65_535];
    let port = || prop_oneof![prop::sample::select(ports.to_vec()), any::<u16>()];
    let directions = vec![Direction::In, Direction::Out, Direction::Forward];
    let protos = vec![(6, None), (17, None), (132, None), (47, None), (1, Some((8, 0))), (1, Some((3, 1)))];
    let parts = (prop::sample::select(directions), prop::sample::select(protos), addresses(), addresses());
    let of_one_family = parts.prop_filter("one family", |(_, _, a, b)| a.is_ipv4() == b.is_ipv4());
    (of_one_family, port(), port()).prop_map(|((direction, (proto, icmp), src, dst), sport, dport)| {
        let has_ports = matches!(proto, 6 | 17 | 132);
        let (sport, dport) = if has_ports { (sport, dport) } else { (0, 0) };
        let (proto, icmp) = match (proto, src) {
            (1, IpAddr::V6(_)) => (58, icmp.map(|(kind, code)| (if kind == 8 { 128 } else { 1 }, code))),
            other => (other.0, icmp),
        };
        let (src, dst) = (SocketAddr::new(src, sport), SocketAddr::new(dst, dport));
        LiveFlow { direction, proto, src, dst, icmp }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]
    #[test]
    fn a_verdict_that_stands_for_many_is_each_one_s_own(
        flows in prop::collection::vec(flows(), 400),
        roles in prop::sample::select(vec!["\"sip\", \"jabber\"", "\"sql\", \"ic\"", "\"web\", \"pbx\""]),
    ) {
        let (ruleset, standpoint) = (of_a_plan(roles), Standpoint::default());
        let mut verdicts = many(Verdicts::new(&ruleset, &standpoint));
        for flow in &flows {
            for ct in [CtState::New, CtState::Established] {
                let alone = verdicts.judge.verdict(&standpoint.as_new(flow).with_ct(ct));
                prop_assert_eq!(verdicts.verdict(ct, flow), alone, "{} {:?}", flow, ct);
            }
        }
    }
}

#[test]
fn sixty_thousand_customers_of_one_port_are_judged_as_three() {
    let (ruleset, standpoint) = (of_a_plan("\"sip\""), Standpoint::default());
    let mut verdicts = Verdicts::new(&ruleset, &standpoint);
    let customer = |n: u16| {
        let [high, low] = n.to_be_bytes();
        let (src, dst) = (([203, 0, high, low], 1024 + n).into(), ([192, 0, 2, 1], 5060).into());
        LiveFlow { direction: Direction::In, proto: 17, src, dst, icmp: None }
    };
    for n in 0..60_000 {
        verdicts.as_new(&customer(n));
    }
    // Carriers are among them, which lie between two ranges of customers.
    assert_eq!(verdicts.known.len(), 3);
}
