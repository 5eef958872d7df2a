//! Tables, sets, maps and chains built by hand: nft loads their text and lists the same.
//! Not here: rules in all their forms (`text_rules.rs`).

mod common;

use common::Namespace;
use common::build::*;
use rolewall_ruleset::DataType::*;
use rolewall_ruleset::expr::{CmpOp, LimitKind, PayloadBase};
use rolewall_ruleset::set::{ElementExtra, MapData};
use rolewall_ruleset::table::ChainKind;
use rolewall_ruleset::*;

/// nft loads the text and lists it unchanged, but for what is left of lifetimes.
fn loads_and_lists(ruleset: &Ruleset) {
    let Some(space) = Namespace::new() else { return };
    let ours = text::ruleset(ruleset);
    space.load(&ours);
    let nfts = without_expiry(&space.list());
    assert!(ours == nfts, "{}\nall of ours:\n{ours}", common::differences(&ours, &nfts));
}

fn without_expiry(text: &str) -> String {
    let mut words = text.split(' ').peekable();
    let mut kept: Vec<String> = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "expires" => {
                let left = words.next().unwrap_or("");
                let tail = &left[left.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(left.len())..];
                kept.last_mut().expect("a word before").push_str(tail);
            }
            word => kept.push(word.to_owned()),
        }
    }
    kept.join(" ")
}

fn one(sets: Vec<Set>) -> Ruleset {
    Ruleset { tables: vec![table(sets, vec![])] }
}

fn keys(name: &str, key: DataType, keys: &[&[u8]]) -> Set {
    set(name, &[key], keys.iter().map(|k| Element::key(k)).collect())
}

fn intervals(mut set: Set) -> Set {
    set.flags.interval = true;
    set
}

fn numbers(name: &str, key: DataType, numbers: &[u32]) -> Set {
    let len = usize::from(key.len());
    let bytes = |n: &u32| match key.host_order() {
        true => n.to_le_bytes()[..len].to_vec(),
        false => n.to_be_bytes()[4 - len..].to_vec(),
    };
    set(name, &[key], numbers.iter().map(|n| Element::key(&bytes(n))).collect())
}

fn ip6(address: &str) -> Vec<u8> {
    address.parse::<std::net::Ipv6Addr>().expect("an address").octets().to_vec()
}

#[test]
fn sets_of_every_type_are_sorted_and_wrapped_as_nft_does() {
    let names: Vec<Vec<u8>> = ["lo", "eth0", "eth1", "br-lan", "a", "vlan.100"].map(ifname).to_vec();
    let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    let six: Vec<Vec<u8>> =
        ["::1", "fe80::1", "::ffff:1.2.3.4", "::1.2.3.4", "1::", "1:0:0:2::1"].map(ip6).to_vec();
    let six: Vec<&[u8]> = six.iter().map(Vec::as_slice).collect();
    loads_and_lists(&one(vec![
        keys("s_four", Ipv4Addr, &[&[10, 0, 0, 9], &[9, 0, 0, 1], &[1, 2, 3, 4]]),
        keys("s_six", Ipv6Addr, &six),
        keys("s_mac", EtherAddr, &[&[0, 0x11, 0x22, 3, 4, 5], &[0, 1, 2, 3, 4, 5]]),
        keys("s_names", IfName, &names),
        numbers("s_ports", InetService, &[443, 256, 1, 80, 2, 65535, 0, 22]),
        numbers("s_protocols", InetProto, &[6, 17, 1, 58, 132, 0, 200, 50, 51, 47, 2, 89, 112]),
        numbers("s_marks", Mark, &[1, 2, 0xff00, 0x1234_5678, 5, 256, 7]),
        numbers("s_states", CtState, &[8, 2, 4, 1, 64]),
        numbers("s_icmp", IcmpType, &[8, 0, 3, 200, 13, 5]),
        numbers("s_icmp6", Icmpv6Type, &[128, 133, 130, 143, 200, 1]),
        numbers("s_ether", EtherType, &[0x800, 0x86dd, 0x806, 0x1234, 0x8100, 0x88a8, 5]),
        numbers("s_packets", PktType, &[0, 1, 2, 3]),
        numbers("s_routes", FibAddrType, &[1, 2, 3, 5, 4, 6, 7, 8]),
        numbers("s_families", NfProto, &[10, 2, 3, 4, 5, 6, 7]),
        numbers("s_devices", IfIndex, &[1]),
        numbers("s_flags", TcpFlag, &[0x12, 0x10, 1, 0, 4]),
        set("empty", &[Ipv4Addr], vec![]),
    ]));
}

#[test]
fn ranges_become_prefixes_where_nft_writes_them_so() {
    let four = |a: [u8; 4], b: [u8; 4]| Element::range(&a, &b);
    let mark = |a: u32, b: u32| Element::range(&a.to_be_bytes(), &b.to_be_bytes());
    let port = |a: u16, b: u16| Element::range(&a.to_be_bytes(), &b.to_be_bytes());
    let mut wild = b"br".to_vec();
    wild.resize(16, 0xff);
    loads_and_lists(&one(vec![
        intervals(set(
            "s_four",
            &[Ipv4Addr],
            vec![
                four([192, 168, 0, 0], [192, 168, 255, 255]),
                four([10, 0, 1, 0], [10, 0, 1, 255]),
                four([10, 0, 0, 0], [10, 0, 0, 255]),
                four([11, 0, 0, 1], [11, 0, 0, 9]),
                Element::key(&[1, 1, 1, 1]),
                four([1, 1, 1, 2], [1, 1, 1, 2]),
                four([255, 255, 255, 128], [255, 255, 255, 255]),
                four([0, 0, 0, 0], [0, 255, 255, 255]),
            ],
        )),
        intervals(set("s_all", &[Ipv4Addr], vec![four([0; 4], [255; 4])])),
        intervals(set(
            "s_six",
            &[Ipv6Addr],
            vec![
                Element::range(&ip6("fe80::"), &ip6("febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff")),
                Element::range(&ip6("2001:db8::1"), &ip6("2001:db8::5")),
                Element::key(&ip6("::1")),
            ],
        )),
        intervals(set(
            "s_ports",
            &[InetService],
            vec![port(64, 127), port(5, 5), port(1000, 65535), port(0, 1)],
        )),
        intervals(set("s_marks", &[Mark], vec![mark(16, 31), mark(1, 1), mark(5, 6), mark(256, 767)])),
        intervals(set(
            "s_names",
            &[IfName],
            vec![Element::range(&ifname("br"), &wild), Element::key(&ifname("lo"))],
        )),
        intervals(set("s_protocols", &[InetProto], vec![Element::range(&[0], &[127]), Element::key(&[130])])),
    ]));
}

#[test]
fn concatenations_are_ordered_from_their_last_byte() {
    let service = |protocol: u8, port: u16| Element::key(&service_key(protocol, port));
    let ranges = vec![
        Element::range(
            &[&[10, 0, 0, 0][..], &[0, 80, 0, 0]].concat(),
            &[&[10, 255, 255, 255][..], &[0, 80, 0, 0]].concat(),
        ),
        Element::range(
            &[&[9, 0, 0, 1][..], &[0, 80, 0, 0]].concat(),
            &[&[9, 0, 0, 5][..], &[0, 90, 0, 0]].concat(),
        ),
        Element::key(&[8, 0, 0, 1, 1, 0, 0, 0]),
    ];
    let name_address = |name: &str, last: u8| Element::key(&[ifname(name), vec![10, 0, 0, last]].concat());
    let services = vec![
        service(6, 80),
        service(6, 22),
        service(17, 53),
        service(6, 443),
        service(17, 256),
        service(6, 53),
    ];
    let verdicts =
        ["accept", "drop"].iter().zip(&services).map(|(_, e)| to(e.clone(), Verdict::Goto("x".to_owned())));
    let verdicts =
        Set { data: Some(vec![Verdict]), ..set("svc", &[InetProto, InetService], verdicts.collect()) };
    let mut ruleset = one(vec![
        set("services", &[InetProto, InetService], services),
        intervals(set("near", &[Ipv4Addr, InetService], ranges)),
        set(
            "s_devices",
            &[IfName, Ipv4Addr],
            vec![name_address("lo", 1), name_address("eth0", 2), name_address("eth0", 1)],
        ),
        verdicts,
    ]);
    ruleset.tables[0].chains.push(regular("x", vec![]));
    loads_and_lists(&ruleset);
}

use rolewall_ruleset::Verdict;

fn service_key(protocol: u8, port: u16) -> [u8; 8] {
    let [high, low] = port.to_be_bytes();
    [protocol, 0, 0, 0, high, low, 0, 0]
}

#[test]
fn properties_of_sets_stand_in_nfts_order() {
    let timed = |timeout_ms: u64, comment: Option<&str>| {
        Some(Box::new(ElementExtra {
            timeout_ms: Some(timeout_ms),
            comment: comment.map(str::to_owned),
            ..ElementExtra::default()
        }))
    };
    let mut bans = keys("bans", Ipv4Addr, &[&[10, 0, 0, 1], &[10, 0, 0, 2], &[10, 0, 0, 3]]);
    bans.elements[0].extra = timed(600_000, Some("why not"));
    bans.elements[1].extra = timed(93_784_000, None);
    (bans.flags.timeout, bans.timeout_ms, bans.size) = (true, Some(3_600_000), Some(1000));
    bans.comment = Some("who misbehaved".to_owned());
    let mut armed = numbers("armed", NfProto, &[2, 10]);
    armed.flags.timeout = true;
    armed.elements.iter_mut().for_each(|e| e.extra = timed(60_000, None));
    let mut meters = set("meters", &[Ipv6Addr], vec![]);
    (meters.flags.dynamic, meters.flags.timeout) = (true, true);
    (meters.timeout_ms, meters.size) = (Some(60_000), Some(65_535));
    meters.exprs = vec![
        Expr::Limit { rate: 10 << 20, per_s: 1, burst: 5 << 10, kind: LimitKind::Bytes, invert: true },
        counter(),
    ];
    let mut fixed = intervals(keys("fixed", Ipv4Addr, &[&[1, 1, 1, 1]]));
    fixed.flags.constant = true;
    let to_number =
        |element: Element, n: u32| element.to(MapData::Value(Value::from_bytes(&n.to_le_bytes())));
    let marks = [[1, 1, 1, 1], [3, 3, 3, 3], [2, 2, 2, 2]].map(|k| to_number(Element::key(&k), 5));
    let marks = Set { data: Some(vec![Mark]), ..set("s_marks", &[Ipv4Addr], marks.to_vec()) };
    let address =
        Element::key(&[1, 1, 1, 1]).to(MapData::Value(Value::from_bytes(&[2, 2, 2, 2, 0, 80, 0, 0])));
    let pairs = Set { data: Some(vec![Ipv4Addr, InetService]), ..set("pairs", &[Ipv4Addr], vec![address]) };
    let verdict = |port: u16, verdict| to(Element::key(&port.to_be_bytes()), verdict);
    let mut verdicts = Set {
        data: Some(vec![Verdict]),
        ..set(
            "verdicts",
            &[InetService],
            vec![
                verdict(9, Verdict::Return),
                verdict(1, Verdict::Accept),
                verdict(5, Verdict::Drop),
                verdict(10, Verdict::Continue),
            ],
        )
    };
    verdicts.elements[0].extra =
        Some(Box::new(ElementExtra { comment: Some("back".to_owned()), ..ElementExtra::default() }));
    loads_and_lists(&one(vec![bans, armed, meters, fixed, marks, pairs, verdicts]));
}

#[test]
fn chains_and_tables_are_declared_as_nft_lists_them() {
    let hooked = |hook, priority, kind| {
        let name = format!("c{}_{}", hook as u8, priority + 1000);
        let mut chain = base(&name, hook, priority, ChainPolicy::Accept, vec![]);
        chain.base.as_mut().expect("base").kind = kind;
        chain
    };
    let filter = |hook, priority| hooked(hook, priority, ChainKind::Filter);
    let priorities =
        [-300, -150, -145, -140, -139, -11, -10, -5, 0, 5, 10, 11, 15, 50, 60, 90, 100, 110, 111];
    let mut chains: Vec<Chain> = Vec::new();
    for hook in [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting] {
        chains.extend(priorities.map(|priority| filter(hook, priority)));
    }
    chains.push(hooked(Hook::Prerouting, -101, ChainKind::Nat));
    chains.push(hooked(Hook::Output, -149, ChainKind::Route));
    chains.push(base("last", Hook::Input, 1, ChainPolicy::Drop, vec![rule(&[&[counter(), DROP]])]));
    let mut sleeping = table(vec![keys("s", Ipv4Addr, &[&[1, 1, 1, 1]])], vec![regular("x", vec![])]);
    sleeping.flags.dormant = true;
    sleeping.id.name = "sleeping".to_owned();
    let mut device = Table::new(Family::Netdev, "card");
    device.chains.push(base("arriving", Hook::Ingress, 0, ChainPolicy::Accept, vec![]));
    device.chains[0].base.as_mut().expect("base").devices = vec!["lo".to_owned()];
    let tables = vec![table(vec![], chains), sleeping, Table::new(Family::Ip6, "empty"), device];
    loads_and_lists(&Ruleset { tables });
}

#[test]
fn a_firewall_of_the_projects_own_shape_is_listed_unchanged() {
    let mut rules = vec![
        rule(&[&[meta(expr::MetaKey::Iif), is(&1u32.to_le_bytes()), ACCEPT]]),
        rule(&[&ct_state(6), &[ACCEPT]]),
        rule(&[
            &dport_of(17),
            &[cmp(CmpOp::Gte, &4000u16.to_be_bytes()), cmp(CmpOp::Lte, &5999u16.to_be_bytes()), ACCEPT],
        ]),
        rule(&[&saddr4(), &[in_set(named("nodes"))], &dport(6, 3306), &[ACCEPT]]),
        rule(&[&[meta(expr::MetaKey::NfProto), in_set(named("armed")), goto("candidate")]]),
        rule(&[&dport(17, 5060), &[load(PayloadBase::Transport, 8, 4), is(b"REGI"), DROP]]),
        rule(&[&[counter(), limit(10, false), DROP]]),
    ];
    rules[1].comment = Some("established and related".to_owned());
    let sets =
        vec![keys("nodes", Ipv4Addr, &[&[10, 0, 0, 2], &[10, 0, 0, 1]]), numbers("armed", NfProto, &[2, 10])];
    let input = base("input", Hook::Input, 0, ChainPolicy::Drop, rules);
    loads_and_lists(&Ruleset { tables: vec![table(sets, vec![regular("candidate", vec![]), input])] });
}

#[test]
fn what_cannot_be_declared_is_marked_and_told() {
    let mut table = table(vec![set("raw", &[Integer], vec![]), set("good", &[Mark], vec![])], vec![]);
    let foreign = Expr::Foreign { name: "nat".to_owned(), data: [1, 2].into() };
    table.chains.push(regular("x", vec![rule(&[&[ACCEPT]]), rule(&[&dport(6, 1), &[foreign]])]));
    let text = text::table(&table);
    assert!(text.contains("\t# cannot be spelled: set raw\n"), "{text}");
    assert!(
        text.contains("header + 2 => reg 1 ] [ cmp eq reg 1 0x00000100 ] [ nat of 2 bytes ]\n"),
        "{text}"
    );
    let told: Vec<_> = text::unspeakable(&table).into_iter().map(|u| (u.place, u.rule)).collect();
    assert_eq!(told, [("raw".to_owned(), None), ("x".to_owned(), Some(1))]);
    if let Some(space) = Namespace::new() {
        space.load(&text);
    }
}

#[test]
fn a_comment_with_a_quote_is_not_spelled() {
    let mut bad = rule(&[&[ACCEPT]]);
    bad.comment = Some("say \"no\"".to_owned());
    assert!(text::rule(&table(vec![], vec![]), &bad).starts_with("# cannot be spelled"));
}

#[test]
fn helpers_spell_single_things() {
    assert_eq!(text::key(&[InetProto, InetService], &Value::from_bytes(&service_key(6, 80))), "tcp . 80");
    assert_eq!(text::verdict(&Verdict::Goto("x".to_owned())), "goto x");
    let range = Element::range(&[10, 0, 0, 0], &[10, 255, 255, 255]);
    assert_eq!(text::element(&intervals(set("s", &[Ipv4Addr], vec![])), &range), "10.0.0.0/8");
}

#[test]
fn a_name_that_anybody_may_have_written_does_not_steer_the_terminal_nor_end_its_line() {
    let mut table = Table::new(Family::Inet, "t\u{1b}[2J");
    let mut chain = Chain::regular("c\n}");
    let exprs = vec![Expr::Verdict(Verdict::Jump("d\u{202e}".into()))];
    chain.rules.push(Rule { exprs, comment: Some("\u{1b}]0;x\u{7}".into()), ..Rule::default() });
    let exprs = vec![Expr::Foreign { name: "x\u{8}".into(), data: Box::default() }];
    chain.rules.push(Rule { exprs, ..Rule::default() });
    table.chains.push(chain);
    table.sets.push(Set::new("s\r", &[DataType::Ipv4Addr]));
    let told = text::table(&table);
    assert!(told.chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control() && c != '\u{202e}'), "{told:?}");
    assert_eq!(told.lines().filter(|line| line.starts_with("\tchain ")).count(), 1);
    assert!(told.contains("jump d\u{fffd} comment \"\u{fffd}]0;x\u{fffd}\""), "{told}");
}

#[test]
fn the_last_priority_of_all_has_no_name() {
    let mut table = Table::new(Family::Ip, "t");
    let (kind, policy) = (ChainKind::Filter, ChainPolicy::Accept);
    for priority in [i32::MIN, i32::MAX] {
        let base = BaseChain { kind, hook: Hook::Prerouting, priority, policy, devices: Vec::new() };
        table.chains.push(Chain { base: Some(base), ..Chain::regular("c") });
        assert!(text::table(&table).contains(&format!("priority {priority};")));
    }
}

#[test]
fn a_load_of_no_bytes_has_no_words_and_ends() {
    let mut table = Table::new(Family::Ip, "t");
    table.sets.push(Set::new("s", &[InetService, InetService]));
    let exprs = vec![load(PayloadBase::Transport, 0, 0), in_set(named("s"))];
    let rule = Rule { exprs, ..Rule::default() };
    assert!(text::rule(&table, &rule).starts_with("# cannot be spelled"));
}
