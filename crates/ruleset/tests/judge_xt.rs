//! What iptables' matches and targets say to flows, one claim for each kind, with its edges.
//! Not here: how they are read from Linux (crate `kernel`), which holds them to the real `iptables-nft`.

mod common;

use common::build::*;
use rolewall_ruleset::flow::{CtState, Direction};
use rolewall_ruleset::judge::*;
use rolewall_ruleset::table::ChainKind;
use rolewall_ruleset::xt::*;
use rolewall_ruleset::*;

fn flow(proto: &str, dst: &str) -> Flow {
    Flow::parse(Direction::In, proto, "198.51.100.7", dst).expect("a flow")
}

fn asks(condition: Condition) -> Expr {
    Expr::XtMatch(Box::new(Match { name: "some".to_owned(), revision: 0, info: [].into(), condition }))
}

fn does(action: Action) -> Expr {
    Expr::XtTarget(Box::new(Target { name: "SOME".to_owned(), revision: 0, info: [].into(), action }))
}

fn v4(a: u8, b: u8, c: u8, d: u8) -> Address {
    [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// What becomes of a flow where the condition accepts and the rest is dropped.
fn verdict(condition: Condition, flow: &Flow) -> Judged {
    verdict_in(condition, flow, Environment::default())
}

fn verdict_in(condition: Condition, flow: &Flow, environment: Environment) -> Judged {
    let rules = vec![rule(&[&[asks(condition), ACCEPT]])];
    let table = table(vec![], vec![base("input", Hook::Input, 0, ChainPolicy::Drop, rules)]);
    Judge::of_table(&table).with(environment).verdict(flow)
}

fn any_port() -> Span<u16> {
    Span { first: 0, last: u16::MAX, invert: false }
}

fn multiport(side: Side, invert: bool) -> Condition {
    Condition::Multiport(Multiport { side, ranges: vec![(22, 22), (80, 90)], invert })
}

#[test]
fn ports_hold_at_both_ends_of_each_range() {
    for (port, expected) in
        [(21, false), (22, true), (23, false), (79, false), (80, true), (90, true), (91, false)]
    {
        let (here, there) =
            if expected { (Judged::Accept, Judged::Drop) } else { (Judged::Drop, Judged::Accept) };
        let flow = flow("tcp", &format!("192.0.2.1:{port}"));
        assert_eq!(verdict(multiport(Side::Destination, false), &flow), here, "{port}");
        assert_eq!(verdict(multiport(Side::Destination, true), &flow), there, "{port}");
        assert_eq!(verdict(multiport(Side::Either, false), &flow), here, "{port}");
        assert_eq!(verdict(multiport(Side::Source, false), &flow), Judged::Drop, "{port}");
    }
    assert_eq!(verdict(multiport(Side::Either, true), &flow("icmp", "192.0.2.1")), Judged::Drop);
    assert_eq!(verdict(multiport(Side::Either, true), &flow("136", "192.0.2.1")), Judged::May);
}

#[test]
fn tcp_asks_ports_flags_and_an_option_that_nobody_tells() {
    let flags = |value: u8, option: Option<Choice<u8>>| {
        let flags = Bits { value, mask: 0x17, invert: false };
        Condition::Tcp(Tcp { sports: any_port(), dports: any_port(), flags, option })
    };
    let syn = flow("tcp", "192.0.2.1:22");
    assert_eq!(verdict(flags(0x02, None), &syn), Judged::Accept);
    assert_eq!(verdict(flags(0x02, None), &syn.clone().with_ct(CtState::Established)), Judged::Drop);
    assert_eq!(verdict(flags(0x02, None), &flow("udp", "192.0.2.1:22")), Judged::Drop);
    let option = Some(Choice { of: 5, invert: false });
    assert_eq!(verdict(flags(0x02, option), &syn), Judged::May);
    assert_eq!(verdict(flags(0x10, option), &syn), Judged::Drop);
}

#[test]
fn a_packet_without_a_connection_passes_conntrack_only_if_its_state_is_asked_for() {
    let of = |states: Option<CtStates>, invert: bool| {
        let states = states.map(|of| Choice { of, invert });
        let protocol = Some(Choice { of: 6, invert: false });
        Condition::Conntrack(Box::new(Conntrack { states, protocol, ..Conntrack::default() }))
    };
    let new = CtStates { new: true, ..CtStates::default() };
    let invalid = CtStates { invalid: true, ..CtStates::default() };
    let first = flow("tcp", "192.0.2.1:22");
    let broken = first.clone().with_ct(CtState::Invalid);
    assert_eq!(verdict(of(Some(new), false), &first), Judged::Accept);
    assert_eq!(verdict(of(Some(new), true), &first), Judged::Drop);
    assert_eq!(verdict(of(Some(new), false), &broken), Judged::Drop);
    assert_eq!(verdict(of(Some(invalid), false), &broken), Judged::Accept);
    // The protocol is not asked of what has no connection.
    assert_eq!(verdict(of(None, false), &broken), Judged::Drop);
    assert_eq!(verdict(of(None, false), &first), Judged::Accept);
    let expiring =
        Conntrack { expires_s: Some(Span { first: 1, last: 2, invert: false }), ..Conntrack::default() };
    assert_eq!(verdict(Condition::Conntrack(Box::new(expiring)), &first), Judged::May);
}

#[test]
fn the_ends_of_a_connection_are_those_of_its_first_packet() {
    let of = |last: u8, mask: u8| {
        let of = AddressMask { address: v4(192, 0, 2, last), mask: v4(255, 255, 255, mask) };
        let orig_dst = Some(Choice { of, invert: false });
        Condition::Conntrack(Box::new(Conntrack { orig_dst, ..Conntrack::default() }))
    };
    let first = flow("tcp", "192.0.2.1:22");
    assert_eq!(verdict(of(1, 255), &first), Judged::Accept);
    assert_eq!(verdict(of(2, 255), &first), Judged::Drop);
    assert_eq!(verdict(of(0, 0), &first), Judged::Accept);
    assert_eq!(verdict(of(1, 255), &first.with_ct(CtState::Established)), Judged::May);
}

#[test]
fn ranges_types_lengths_and_hops_are_answered_exactly() {
    let first = flow("tcp", "192.0.2.1:22");
    let range = |last: u8| {
        let of = AddressRange { first: v4(198, 51, 100, 1), last: v4(198, 51, 100, last) };
        Condition::IpRange(Box::new(IpRange {
            source: Some(Choice { of, invert: false }),
            destination: None,
        }))
    };
    assert_eq!(verdict(range(7), &first), Judged::Accept);
    assert_eq!(verdict(range(6), &first), Judged::Drop);
    let local = Condition::AddrType(AddrType {
        destination: Some(Choice { of: 1 << 2, invert: false }),
        ..AddrType::default()
    });
    let mine = Environment { local: Some([first.dst].into()), ..Environment::default() };
    assert_eq!(verdict_in(local.clone(), &first, mine), Judged::Accept);
    assert_eq!(verdict(local, &first), Judged::May);
    let length = |last: u16| Condition::Length(Span { first: 0, last, invert: false });
    assert_eq!((verdict(length(40), &first), verdict(length(39), &first)), (Judged::Accept, Judged::Drop));
    let hops = |value: u8| Condition::HopLimit(HopLimit { compare: Compare::Less, value });
    assert_eq!((verdict(hops(65), &first), verdict(hops(64), &first)), (Judged::Accept, Judged::Drop));
    let bridged = PhysDev { is_bridged: Some(Choice { of: (), invert: true }), ..PhysDev::default() };
    let bridged = Condition::PhysDev(Box::new(bridged));
    assert_eq!(verdict(bridged.clone(), &first), Judged::May);
    let none = Environment { bridged: Some(false), ..Environment::default() };
    assert_eq!(verdict_in(bridged, &first, none), Judged::Accept);
}

#[test]
fn what_nobody_tells_is_a_may_and_names_the_match() {
    let rules = vec![rule(&[&[asks(Condition::Unknown), ACCEPT]])];
    let table = table(vec![], vec![base("input", Hook::Input, 0, ChainPolicy::Drop, rules)]);
    let judgement = Judge::of_table(&table).flow(&flow("tcp", "192.0.2.1:22"));
    assert_eq!(judgement.verdict, Judged::May);
    let by = judgement.decided_by.expect("the rule in doubt");
    assert_eq!(by.outcome, Outcome::May("what the match some says is not known".to_owned()));
    let recent = |sets| Condition::Recent(Recent { list: "r".to_owned(), sets, invert: false });
    let first = flow("tcp", "192.0.2.1:22");
    assert_eq!(
        (verdict(recent(true), &first), verdict(recent(false), &first)),
        (Judged::Accept, Judged::May)
    );
    let above = Condition::Rate(Rate { interval_us: 100, burst: 5, invert: true });
    assert_eq!(verdict(above.clone(), &first), Judged::Drop);
    let beyond = Environment { rates: Rates::Beyond, ..Environment::default() };
    assert_eq!(verdict_in(above, &first, beyond), Judged::Accept);
}

/// A host that translates port 80 to another host's 8080, and a forward chain that lets only that through.
fn publishing(to: (Address, Address)) -> Table {
    let translation = Translation {
        kind: TranslationKind::Destination,
        addresses: Some(to),
        ports: Some((8080, 8080)),
        scattered: false,
    };
    let to_port = vec![rule(&[&dport(6, 80), &[does(Action::Translate(translation))]])];
    let mut nat = base("pre", Hook::Prerouting, -100, ChainPolicy::Accept, to_port);
    nat.base.as_mut().expect("base").kind = ChainKind::Nat;
    let through = vec![rule(&[&dport(6, 8080), &[ACCEPT]])];
    let forward = base("forward", Hook::Forward, 0, ChainPolicy::Drop, through);
    let input = base("input", Hook::Input, 0, ChainPolicy::Drop, vec![rule(&[&dport(6, 22), &[ACCEPT]])]);
    table(vec![], vec![nat, forward, input])
}

#[test]
fn a_translated_packet_goes_where_its_new_destination_is() {
    let one = publishing((v4(10, 0, 0, 2), v4(10, 0, 0, 2)));
    let mine = |address: &str| Environment {
        hooks: Hooks::Whole,
        local: Some([address.parse().expect("an address")].into()),
        ..Environment::default()
    };
    let asked = flow("tcp", "192.0.2.1:80");
    let there = Judge::of_table(&one).with(mine("192.0.2.1")).flow(&asked);
    assert_eq!(there.verdict, Judged::Accept);
    assert_eq!(there.decided_by.map(|step| step.hook), Some(Hook::Forward));
    let here = Judge::of_table(&one).with(mine("10.0.0.2")).flow(&asked);
    assert_eq!((here.verdict, here.decided_by.map(|step| step.hook)), (Judged::Drop, Some(Hook::Input)));
    let unknown = Environment { hooks: Hooks::Whole, ..Environment::default() };
    assert_eq!(Judge::of_table(&one).with(unknown).verdict(&asked), Judged::May);
    // Of an established connection, no chain of nat is asked.
    let later = asked.clone().with_ct(CtState::Established);
    assert_eq!(Judge::of_table(&one).with(mine("192.0.2.1")).verdict(&later), Judged::Drop);
    let untouched = flow("tcp", "192.0.2.1:22");
    assert_eq!(Judge::of_table(&one).with(mine("192.0.2.1")).verdict(&untouched), Judged::Accept);
}

#[test]
fn a_destination_out_of_a_range_is_judged_both_ways() {
    let several = publishing((v4(10, 0, 0, 2), v4(10, 0, 0, 9)));
    let host = Environment {
        hooks: Hooks::Whole,
        local: Some(["192.0.2.1".parse().expect("an address")].into()),
        ..Environment::default()
    };
    assert_eq!(Judge::of_table(&several).with(host).verdict(&flow("tcp", "192.0.2.1:80")), Judged::May);
}

#[test]
fn marks_of_packet_and_connection_are_followed() {
    let set = does(Action::Mark { mask: 0xff, xor: 0x12 });
    let save =
        MarkChange { mode: MarkMode::Save, ct_mark: 0, ct_mask: u32::MAX, packet_mask: u32::MAX, shift: 0 };
    let asked = |value: u32| asks(Condition::ConnMark(Bits { value, mask: 0xf0, invert: false }));
    let with = |value: u32| {
        let rules = vec![
            rule(&[std::slice::from_ref(&set)]),
            rule(&[&[does(Action::ConnMark(save))]]),
            rule(&[&[asked(value), ACCEPT]]),
        ];
        let table = table(vec![], vec![base("input", Hook::Input, 0, ChainPolicy::Drop, rules)]);
        Judge::of_table(&table).verdict(&flow("tcp", "192.0.2.1:22"))
    };
    assert_eq!((with(0x10), with(0x20)), (Judged::Accept, Judged::Drop));
}

#[test]
fn what_is_not_tracked_has_no_connection_afterwards() {
    let states = Some(Choice { of: CtStates { untracked: true, ..CtStates::default() }, invert: false });
    let untracked = Condition::Conntrack(Box::new(Conntrack { states, ..Conntrack::default() }));
    let raw = |priority: i32| {
        base("raw", Hook::Prerouting, priority, ChainPolicy::Accept, vec![rule(&[&[does(Action::Notrack)]])])
    };
    let input = base("input", Hook::Input, 0, ChainPolicy::Drop, vec![rule(&[&[asks(untracked), ACCEPT]])]);
    let with = |priority: i32| {
        let table = table(vec![], vec![raw(priority), input.clone()]);
        let whole = Environment { hooks: Hooks::Whole, ..Environment::default() };
        Judge::of_table(&table).with(whole).verdict(&flow("tcp", "192.0.2.1:22"))
    };
    // After conntrack has seen it, it keeps its connection.
    assert_eq!((with(-300), with(-150)), (Judged::Accept, Judged::Drop));
}

#[test]
fn a_target_that_is_not_known_may_do_anything_and_a_refusal_is_final() {
    let with = |action: Action| {
        let table = table(
            vec![],
            vec![base("input", Hook::Input, 0, ChainPolicy::Accept, vec![rule(&[&[does(action)]])])],
        );
        Judge::of_table(&table).verdict(&flow("tcp", "192.0.2.1:22"))
    };
    assert_eq!(with(Action::Unknown), Judged::May);
    assert_eq!(with(Action::Reject { with: 3 }), Judged::Reject);
    assert_eq!(with(Action::Aside), Judged::Accept);
}
