//! What becomes of flows: one claim for each kind of instruction, with its edges.
//! Not here: what rules are called (`text_rules.rs`).

mod common;

use common::build::*;
use rolewall_ruleset::expr::*;
use rolewall_ruleset::flow::{CtState, Direction, L4};
use rolewall_ruleset::judge::*;
use rolewall_ruleset::set::{ElementExtra, MapData};
use rolewall_ruleset::*;

fn flow(proto: &str, src: &str, dst: &str) -> Flow {
    Flow::parse(Direction::In, proto, src, dst).expect("a flow")
}

fn tcp(port: u16) -> Flow {
    flow("tcp", "198.51.100.7", &format!("192.0.2.1:{port}"))
}

/// A table with one input chain that drops what it does not accept.
fn input(sets: Vec<Set>, rules: Vec<Rule>) -> Table {
    table(sets, vec![base("input", Hook::Input, 0, ChainPolicy::Drop, rules)])
}

fn verdict(table: &Table, flow: &Flow) -> Judged {
    Judge::of_table(table).verdict(flow)
}

fn accepts(exprs: &[Expr], flow: &Flow) -> Judged {
    verdict(&input(vec![], vec![rule(&[exprs, &[ACCEPT]])]), flow)
}

#[test]
fn a_judge_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Judge::of_table(&input(vec![], vec![])));
}

#[test]
fn without_a_chain_everything_passes() {
    let empty = table(vec![], vec![base("o", Hook::Output, 0, ChainPolicy::Drop, vec![])]);
    let judge = Judge::of_table(&empty);
    let judgement = judge.flow(&tcp(1));
    assert_eq!((judgement.verdict, judgement.path.len()), (Judged::Accept, 0));
    assert!(judgement.decided_by.is_none());
}

#[test]
fn ports_match_to_the_last_bit() {
    assert_eq!(accepts(&dport(6, 443), &tcp(443)), Judged::Accept);
    assert_eq!(accepts(&dport(6, 443), &tcp(442)), Judged::Drop);
    assert_eq!(accepts(&dport(17, 443), &tcp(443)), Judged::Drop);
    let range = |port| accepts(&[&dport_of(6)[..], &[ge(10), le(20)]].concat(), &tcp(port));
    assert_eq!([9, 10, 20, 21].map(range), [Judged::Drop, Judged::Accept, Judged::Accept, Judged::Drop]);
    let (from, to) = (Value::from_bytes(&[0, 10]), Value::from_bytes(&[0, 20]));
    let outside = Expr::Range { sreg: R, op: CmpOp::Neq, from, to };
    let outside = |port| accepts(&[&dport_of(6)[..], std::slice::from_ref(&outside)].concat(), &tcp(port));
    assert_eq!([9, 10, 20, 21].map(outside), [Judged::Accept, Judged::Drop, Judged::Drop, Judged::Accept]);
}

#[test]
fn inner_bytes_are_those_behind_the_headers_that_linux_knows() {
    let is_seven = [load(PayloadBase::Inner, 0, 1), is(&[7])];
    let with = |proto: &str, payload: &[u8]| {
        let ends =
            if proto == "tcp" { ["198.51.100.7:1", "192.0.2.1:1"] } else { ["198.51.100.7", "192.0.2.1"] };
        accepts(&is_seven, &Flow { payload: payload.to_vec(), ..flow(proto, ends[0], ends[1]) })
    };
    assert_eq!(with("tcp", &[7]), Judged::Accept);
    assert_eq!(with("icmp", &[7]), Judged::Drop);
    assert_eq!(with("4", &[7]), Judged::Accept);
    assert_eq!(with("18", &[7]), Judged::Drop);
    // GRE: four bytes, and four more with a key; another version, or a route, is not told.
    assert_eq!(with("47", &[0, 0, 0, 0, 7]), Judged::Accept);
    assert_eq!(with("47", &[0x20, 0, 0, 0, 0, 0, 0, 0, 7]), Judged::Accept);
    assert_eq!(with("47", &[0, 1, 0, 0, 7]), Judged::Drop);
    assert_eq!(with("47", &[0x40, 0, 0, 0, 7]), Judged::Drop);
}

fn ge(port: u16) -> Expr {
    cmp(CmpOp::Gte, &port.to_be_bytes())
}

fn le(port: u16) -> Expr {
    cmp(CmpOp::Lte, &port.to_be_bytes())
}

#[test]
fn prefixes_are_masks() {
    let within = [&saddr4()[..], &[mask(&[255, 254, 0, 0]), is(&[10, 2, 0, 0])]].concat();
    let from = |src| accepts(&within, &flow("tcp", src, "192.0.2.1:1"));
    assert_eq!(from("10.2.0.0"), Judged::Accept);
    assert_eq!(from("10.3.255.255"), Judged::Accept);
    assert_eq!(from("10.4.0.0"), Judged::Drop);
    assert_eq!(accepts(&within, &flow("tcp", "2001:db8::1", "[2001:db8::2]:1")), Judged::Drop);
}

#[test]
fn families_see_their_own_packets() {
    let mut ip6_only = input(vec![], vec![]);
    ip6_only.id.family = Family::Ip6;
    assert_eq!(verdict(&ip6_only, &tcp(1)), Judged::Accept);
    assert_eq!(verdict(&ip6_only, &flow("udp", "::2", "[::1]:1")), Judged::Drop);
    ip6_only.flags.dormant = true;
    assert_eq!(verdict(&ip6_only, &flow("udp", "::2", "[::1]:1")), Judged::Accept);
}

#[test]
fn a_short_packet_ends_the_rule() {
    let register = [&dport(17, 5060)[..], &[load(PayloadBase::Transport, 8, 4), is(b"REGI")]].concat();
    let mut sip = flow("udp", "198.51.100.7", "192.0.2.1:5060");
    assert_eq!(accepts(&register, &sip), Judged::Drop);
    sip.payload = b"REG".to_vec();
    assert_eq!(accepts(&register, &sip), Judged::Drop);
    sip.payload = b"REGISTER".to_vec();
    assert_eq!(accepts(&register, &sip), Judged::Accept);
}

#[test]
fn states_are_bits() {
    let known = |ct| accepts(&ct_state(2 | 4), &tcp(1).with_ct(ct));
    assert_eq!(known(CtState::Established), Judged::Accept);
    assert_eq!(known(CtState::Related), Judged::Accept);
    assert_eq!(known(CtState::New), Judged::Drop);
    assert_eq!(known(CtState::Invalid), Judged::Drop);
    assert_eq!(accepts(&ct_state(64), &tcp(1).with_ct(CtState::Untracked)), Judged::Accept);
    let mark = [Expr::Ct { key: CtKey::Mark, dir: None, dreg: R }];
    assert_eq!(accepts(&mark, &tcp(1).with_ct(CtState::Untracked)), Judged::Drop);
}

#[test]
fn interfaces_match_by_whole_name_or_beginning() {
    let named = |value: &[u8], iif: Option<&str>| {
        let flow = Flow { iif: iif.map(str::to_owned), ..tcp(1) };
        accepts(&[meta(MetaKey::IifName), is(value)], &flow)
    };
    assert_eq!(named(&ifname("eth0"), Some("eth0")), Judged::Accept);
    assert_eq!(named(&ifname("eth0"), Some("eth01")), Judged::Drop);
    assert_eq!(named(b"eth", Some("eth01")), Judged::Accept);
    assert_eq!(named(&ifname("eth0"), None), Judged::Drop);
    let not = [meta(MetaKey::IifName), cmp(CmpOp::Neq, &ifname("eth0"))];
    assert_eq!(accepts(&not, &tcp(1)), Judged::Accept);
}

#[test]
fn numbers_of_interfaces_are_known_of_loopback_or_by_the_host() {
    let loopback = [meta(MetaKey::Iif), is(&1u32.to_ne_bytes())];
    let second = [meta(MetaKey::Iif), is(&2u32.to_ne_bytes())];
    let eth0 = Flow { iif: Some("eth0".to_owned()), ..tcp(1) };
    let lo = Flow { iif: Some("lo".to_owned()), ..tcp(1) };
    assert_eq!(accepts(&loopback, &lo), Judged::Accept);
    assert_eq!(accepts(&loopback, &eth0), Judged::Drop);
    assert_eq!(accepts(&second, &eth0), Judged::May);
    let table = input(vec![], vec![rule(&[&second, &[ACCEPT]])]);
    let interfaces = [("eth0".to_owned(), 2)].into();
    let judge = Judge::of_table(&table).with(Environment { interfaces, ..Default::default() });
    assert_eq!(judge.verdict(&eth0), Judged::Accept);
}

#[test]
fn a_hash_set_holds_its_keys() {
    let addresses = |n: u8| (0..n).map(|i| Element::key(&[10, 0, 0, i])).collect::<Vec<_>>();
    for n in [3, 200] {
        let sets = vec![set("s", &[DataType::Ipv4Addr], addresses(n))];
        let table = input(sets, vec![rule(&[&saddr4(), &[in_set(named("s")), ACCEPT]])]);
        assert_eq!(verdict(&table, &flow("tcp", "10.0.0.2", "192.0.2.1:1")), Judged::Accept);
        assert_eq!(verdict(&table, &flow("tcp", "10.0.1.2", "192.0.2.1:1")), Judged::Drop);
    }
}

#[test]
fn an_interval_set_holds_both_ends() {
    let mut ranges: Vec<_> = (0..50u8).map(|i| Element::range(&[10, i, 0, 16], &[10, i, 0, 31])).collect();
    ranges.push(Element::key(&[11, 0, 0, 1]));
    for few in [true, false] {
        let elements = if few { ranges[48..].to_vec() } else { ranges.clone() };
        let mut found = set("s", &[DataType::Ipv4Addr], elements);
        found.flags.interval = true;
        let table = input(vec![found], vec![rule(&[&saddr4(), &[in_set(named("s")), ACCEPT]])]);
        let from = |src| verdict(&table, &flow("tcp", src, "192.0.2.1:1"));
        assert_eq!(["10.49.0.16", "10.49.0.31", "11.0.0.1"].map(from), [Judged::Accept; 3]);
        assert_eq!(["10.49.0.15", "10.49.0.32", "11.0.0.2", "9.0.0.0"].map(from), [Judged::Drop; 4]);
    }
}

fn proto_port(protocol: u8, port: u16) -> [u8; 8] {
    let [high, low] = port.to_be_bytes();
    [protocol, 0, 0, 0, high, low, 0, 0]
}

/// `meta l4proto . th dport`.
fn proto_dport() -> Vec<Expr> {
    let port = Expr::Payload { base: PayloadBase::Transport, offset: 2, len: 2, dreg: Reg(1) };
    vec![meta(MetaKey::L4Proto), port]
}

#[test]
fn concatenated_ranges_hold_field_by_field() {
    let range = |a, b| Element::range(&proto_port(6, a), &proto_port(6, b));
    let mut elements: Vec<_> = (0..20).map(|i| range(1000 + i * 10, 1005 + i * 10)).collect();
    elements.push(Element::key(&proto_port(17, 53)));
    let fields = [DataType::InetProto, DataType::InetService];
    for few in [true, false] {
        let elements = if few { elements[18..].to_vec() } else { elements.clone() };
        let table =
            input(vec![], vec![rule(&[&proto_dport(), &[in_set(anonymous(&fields, elements)), ACCEPT]])]);
        let to = |port| verdict(&table, &tcp(port));
        assert_eq!([1190, 1195].map(to), [Judged::Accept; 2]);
        assert_eq!([1189, 1196, 53].map(to), [Judged::Drop; 3]);
        assert_eq!(verdict(&table, &flow("udp", "10.0.0.1", "10.0.0.2:53")), Judged::Accept);
    }
}

#[test]
fn a_verdict_map_leads_to_chains() {
    let fields = [DataType::InetProto, DataType::InetService];
    let elements = vec![
        to(Element::key(&proto_port(6, 22)), Verdict::Goto("ssh".to_owned())),
        to(Element::key(&proto_port(6, 80)), Verdict::Jump("web".to_owned())),
        to(Element::key(&proto_port(6, 81)), Verdict::Continue),
    ];
    let svc = Set { data: Some(vec![DataType::Verdict]), ..set("svc", &fields, elements) };
    let rules = vec![rule(&[&proto_dport(), &[vmap(named("svc")), DROP]]), rule(&[&[ACCEPT]])];
    let mut table = input(vec![svc], rules);
    table.chains.push(regular("ssh", vec![]));
    table.chains.push(regular("web", vec![]));
    // A goto comes back to nowhere: the policy. A jump comes back to the next rule.
    let judge = Judge::of_table(&table);
    let outcomes = |port| judge.flow(&tcp(port)).path.iter().map(|s| s.outcome.clone()).collect::<Vec<_>>();
    assert_eq!(outcomes(22), [Outcome::Goto("ssh".to_owned()), Outcome::Drop]);
    assert_eq!(outcomes(80), [Outcome::Jump("web".to_owned()), Outcome::Accept]);
    assert_eq!(outcomes(81), [Outcome::Drop]);
    assert_eq!(outcomes(82), [Outcome::Accept]);
    let decided = judge.flow(&tcp(22)).decided_by.expect("a policy");
    assert_eq!((decided.text().as_str(), decided.chain, decided.handle()), ("policy drop", "input", None));
}

#[test]
fn a_map_loads_what_a_rule_compares() {
    let element = Element::key(&[10, 0, 0, 1]).to(MapData::Value(Value::from_bytes(&7u32.to_ne_bytes())));
    let map = Set { data: Some(vec![DataType::Mark]), ..set("m", &[DataType::Ipv4Addr], vec![element]) };
    let look_up = Expr::Lookup { sreg: R, set: named("m"), dreg: Some(LookupTo::Reg(R)), invert: false };
    let set_mark = Expr::MetaSet { key: MetaKey::Mark, sreg: R };
    let marked = [meta(MetaKey::Mark), is(&7u32.to_ne_bytes()), ACCEPT];
    let rules = vec![rule(&[&saddr4(), &[look_up, set_mark]]), rule(&[&marked])];
    let table = input(vec![map], rules);
    assert_eq!(verdict(&table, &flow("tcp", "10.0.0.1", "192.0.2.1:1")), Judged::Accept);
    assert_eq!(verdict(&table, &flow("tcp", "10.0.0.2", "192.0.2.1:1")), Judged::Drop);
}

#[test]
fn return_goes_back_and_from_a_base_chain_to_its_policy() {
    let back = Expr::Verdict(Verdict::Return);
    let mut table = input(vec![], vec![rule(&[&[jump("a")]]), rule(&[&[ACCEPT]])]);
    table.chains.push(regular("a", vec![rule(&[std::slice::from_ref(&back)]), rule(&[&[DROP]])]));
    assert_eq!(verdict(&table, &tcp(1)), Judged::Accept);
    let table = input(vec![], vec![rule(&[&[back]]), rule(&[&[ACCEPT]])]);
    assert_eq!(verdict(&table, &tcp(1)), Judged::Drop);
}

#[test]
fn jumps_end_at_sixteen_as_in_linux() {
    let chain = |i: usize| regular(&format!("c{i}"), vec![rule(&[&[jump(&format!("c{}", i + 1))]])]);
    let deep = |n: usize| {
        let mut table = input(vec![], vec![rule(&[&[jump("c0")]])]);
        table.chains.extend((0..n).map(chain));
        table.chains.push(regular(&format!("c{n}"), vec![rule(&[&[ACCEPT]])]));
        verdict(&table, &tcp(1))
    };
    assert_eq!((deep(15), deep(16)), (Judged::Accept, Judged::Drop));
    let mut endless = input(vec![], vec![rule(&[&[goto("c0")]])]);
    endless.chains.push(regular("c0", vec![rule(&[&[goto("c0")]])]));
    assert_eq!(verdict(&endless, &tcp(1)), Judged::May);
}

#[test]
fn a_drop_anywhere_is_final_and_an_accept_goes_on() {
    let chains = |first: Expr, second: Expr| {
        let one = base("one", Hook::Input, -10, ChainPolicy::Accept, vec![rule(&[&[first]])]);
        let two = base("two", Hook::Input, 10, ChainPolicy::Accept, vec![rule(&[&[second]])]);
        table(vec![], vec![two, one])
    };
    assert_eq!(verdict(&chains(ACCEPT, DROP), &tcp(1)), Judged::Drop);
    let early = chains(DROP, ACCEPT);
    let judge = Judge::of_table(&early);
    assert_eq!(judge.flow(&tcp(1)).path.iter().map(|s| s.chain).collect::<Vec<_>>(), ["one"]);
    let refusal = Expr::Reject(Reject::Icmpx(1));
    assert_eq!(verdict(&chains(ACCEPT, refusal), &tcp(1)), Judged::Reject);
}

#[test]
fn timed_elements_are_there_until_their_deadline() {
    let mut armed = set("armed", &[DataType::NfProto], vec![Element::key(&[2]), Element::key(&[10])]);
    armed.flags.timeout = true;
    let extra = ElementExtra { timeout_ms: Some(60_000), expires_ms: Some(5_000), ..Default::default() };
    armed.elements[0].extra = Some(Box::new(extra));
    let table = input(vec![armed], vec![rule(&[&[meta(MetaKey::NfProto), in_set(named("armed")), ACCEPT]])]);
    let at = |timed| {
        let judge = Judge::of_table(&table).with(Environment { timed, ..Default::default() });
        (judge.verdict(&tcp(1)), judge.verdict(&flow("tcp", "::1", "[::2]:1")))
    };
    assert_eq!(at(Timed::Alive), (Judged::Accept, Judged::Accept));
    assert_eq!(at(Timed::Expired), (Judged::Drop, Judged::Accept));
    assert_eq!(at(Timed::After { ms: 4_999 }).0, Judged::Accept);
    assert_eq!(at(Timed::After { ms: 5_000 }).0, Judged::Drop);
}

#[test]
fn rates_are_kept_unless_said_otherwise_and_the_step_tells() {
    let table = input(vec![], vec![rule(&[&[limit(5, true), DROP]]), rule(&[&[limit(5, false), ACCEPT]])]);
    let at = |rates| {
        let judgement =
            Judge::of_table(&table).with(Environment { rates, ..Default::default() }).flow(&tcp(1));
        (judgement.verdict, judgement.decided_by.map(|step| step.by_rate))
    };
    assert_eq!(at(Rates::Within), (Judged::Accept, Some(true)));
    assert_eq!(at(Rates::Beyond), (Judged::Drop, Some(true)));
    assert_eq!(at(Rates::Unknown).0, Judged::May);
}

#[test]
fn what_a_rule_adds_the_next_rule_finds() {
    let mut met = set("met", &[DataType::Ipv4Addr], vec![]);
    met.flags.dynamic = true;
    let add = |exprs| Expr::Dynset {
        set: "met".to_owned(),
        op: DynsetOp::Update,
        key: R,
        data: None,
        timeout_ms: None,
        invert: false,
        exprs,
    };
    let found = rule(&[&saddr4(), &[in_set(named("met")), ACCEPT]]);
    let rules = vec![rule(&[&saddr4(), &[add(vec![])]]), found.clone()];
    assert_eq!(verdict(&input(vec![met.clone()], rules), &tcp(1)), Judged::Accept);
    assert_eq!(verdict(&input(vec![met.clone()], vec![found]), &tcp(1)), Judged::Drop);
    let over = vec![rule(&[&saddr4(), &[add(vec![limit(5, true)]), ACCEPT]])];
    assert_eq!(verdict(&input(vec![met], over), &tcp(1)), Judged::Drop);
}

#[test]
fn what_cannot_be_known_is_may_unless_both_ways_end_alike() {
    let foreign = |name: &str| Expr::Foreign { name: name.to_owned(), data: [].into() };
    let first = |exprs: &[Expr], then: Expr| input(vec![], vec![rule(&[exprs]), rule(&[&[then]])]);
    let table = first(&[foreign("match"), DROP], ACCEPT);
    let judge = Judge::of_table(&table);
    let judgement = judge.flow(&tcp(1));
    assert_eq!((judgement.verdict, judgement.possible.reject), (Judged::May, false));
    let by = judgement.decided_by.expect("the rule in doubt");
    assert_eq!(by.rule.map(|(index, _)| index), Some(0));
    assert!(by.text().starts_with("[ match of 0 bytes ]"), "{}", by.text());
    assert_eq!(verdict(&first(&[foreign("match"), ACCEPT], ACCEPT), &tcp(1)), Judged::Accept);
    assert_eq!(verdict(&first(&[foreign("match"), counter()], ACCEPT), &tcp(1)), Judged::Accept);
    assert_eq!(verdict(&first(&[foreign("anything")], ACCEPT), &tcp(1)), Judged::May);
    let uid = [meta(MetaKey::SkUid), is(&[0; 4]), DROP];
    assert_eq!(verdict(&first(&uid, ACCEPT), &tcp(1)), Judged::May);
}

#[test]
fn doubts_do_not_explode() {
    let foreign = Expr::Foreign { name: "match".to_owned(), data: [].into() };
    let rules = vec![rule(&[&[foreign, jump("a")]]); 60];
    let mut table = input(vec![], rules);
    table.chains.push(regular("a", vec![]));
    assert!(matches!(verdict(&table, &tcp(1)), Judged::Drop | Judged::May));
}

#[test]
fn addresses_are_local_as_the_host_says() {
    let daddr = |value: u32| {
        let flags = FibFlags { daddr: true, ..Default::default() };
        let load = Expr::Fib { result: FibResult::AddrType, flags, dreg: R };
        input(vec![], vec![rule(&[&[load, is(&value.to_ne_bytes()), ACCEPT]])])
    };
    let (local, multicast) = (daddr(2), daddr(5));
    assert_eq!(verdict(&local, &tcp(1)), Judged::May);
    let mine =
        Environment { local: Some(["192.0.2.1".parse().expect("address")].into()), ..Default::default() };
    assert_eq!(Judge::of_table(&local).with(mine).verdict(&tcp(1)), Judged::Accept);
    assert_eq!(verdict(&local, &flow("tcp", "::2", "[2001:db8::1]:1")), Judged::Accept);
    assert_eq!(verdict(&multicast, &flow("udp", "::2", "[ff02::1]:1")), Judged::Accept);
    assert_eq!(verdict(&multicast, &flow("udp", "10.0.0.1", "224.0.0.1:1")), Judged::Accept);
}

#[test]
fn icmp_is_read_by_type_and_hop_limit() {
    let genuine = [
        &l4proto(58)[..],
        &[load(PayloadBase::Transport, 0, 1), is(&[135]), load(PayloadBase::Network, 7, 1), is(&[255])],
    ]
    .concat();
    let solicit = flow("icmpv6", "fe80::1", "ff02::1:ff00:1").with_icmp_type(135);
    assert_eq!(accepts(&genuine, &solicit), Judged::Accept);
    assert_eq!(accepts(&genuine, &Flow { hop_limit: 254, ..solicit.clone() }), Judged::Drop);
    assert_eq!(accepts(&genuine, &Flow { l4: L4::Icmpv6 { kind: 136, code: 0 }, ..solicit }), Judged::Drop);
}

#[test]
fn host_order_ranges_are_swapped_first() {
    let swap = Expr::Byteorder { sreg: R, dreg: R, to_network: true, len: 4, size: 4 };
    let above = [meta(MetaKey::Len), swap, cmp(CmpOp::Gt, &60u32.to_be_bytes())];
    let mut long = tcp(1);
    assert_eq!(accepts(&above, &long), Judged::Drop);
    long.payload = vec![0; 300];
    assert_eq!(accepts(&above, &long), Judged::Accept);
}

#[test]
fn flags_are_those_of_the_segment() {
    let syn_only =
        [&l4proto(6)[..], &[load(PayloadBase::Transport, 13, 1), mask(&[0x12]), is(&[2])]].concat();
    assert_eq!(accepts(&syn_only, &tcp(1)), Judged::Accept);
    assert_eq!(accepts(&syn_only, &tcp(1).with_ct(CtState::Established)), Judged::Drop);
}

#[test]
fn translation_is_seen_where_the_whole_path_is_judged() {
    let dnat = Expr::Foreign { name: "nat".to_owned(), data: [].into() };
    let mut nat =
        base("pre", Hook::Prerouting, -100, ChainPolicy::Accept, vec![rule(&[&dport(6, 80), &[dnat]])]);
    nat.base.as_mut().expect("base").kind = table::ChainKind::Nat;
    let filter = base("input", Hook::Input, 0, ChainPolicy::Drop, vec![rule(&[&dport(6, 8080), &[ACCEPT]])]);
    let table = table(vec![], vec![nat, filter]);
    let whole = || Judge::of_table(&table).with(Environment { hooks: Hooks::Whole, ..Default::default() });
    assert_eq!(verdict(&table, &tcp(80)), Judged::Drop);
    assert_eq!(whole().verdict(&tcp(80)), Judged::May);
    assert_eq!(whole().verdict(&tcp(80).with_ct(CtState::Established)), Judged::Drop);
    assert_eq!(whole().verdict(&tcp(8080)), Judged::Accept);
}
