//! Extensions in words, near to those of `iptables`: `xt match multiport dports 22,80`.
//! Not here: text that a program could load: nft has no words for them.

use super::condition::{Condition, Conntrack, CtStates, Icmp, Multiport, Owner, PhysDev, SetLookup, Side};
use super::{Action, Address, AddressMask, AddressRange, Bits, Choice, Match, Span, Target, Translation};
use super::{Compare, HopChange, MarkMode, TranslationKind};
use crate::Family;
use std::fmt::{Display, LowerHex};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

impl Match {
    /// The match in words; the family is the table's.
    pub fn words(&self, family: Family) -> String {
        let words = match condition(&self.condition, family) {
            Some(words) => words,
            None => vec![format!("of {} bytes, revision {}", self.info.len(), self.revision)],
        };
        joined(format!("xt match {}", self.name), words)
    }
}

impl Target {
    /// The target in words; the family is the table's.
    pub fn words(&self, family: Family) -> String {
        joined(format!("xt target {}", self.name), action(&self.action, family))
    }
}

fn joined(first: String, rest: Vec<String>) -> String {
    [first].into_iter().chain(rest.into_iter().filter(|w| !w.is_empty())).collect::<Vec<_>>().join(" ")
}

/// None where it is not known what is asked.
fn condition(condition: &Condition, family: Family) -> Option<Vec<String>> {
    Some(match condition {
        Condition::Tcp(tcp) => vec![
            port("sport", &tcp.sports),
            port("dport", &tcp.dports),
            if tcp.flags.mask == 0 { String::new() } else { bits("flags", &tcp.flags) },
            option(tcp.option.as_ref(), "option", ToString::to_string),
        ],
        Condition::Udp(udp) => vec![port("sport", &udp.sports), port("dport", &udp.dports)],
        Condition::Sctp(sctp) => vec![
            port("sport", &sctp.sports),
            port("dport", &sctp.dports),
            if sctp.chunks { "chunk-types".to_owned() } else { String::new() },
        ],
        Condition::Icmp(icmp) | Condition::Icmp6(icmp) => vec![icmp_words(icmp)],
        Condition::Multiport(ports) => vec![multiport(ports)],
        Condition::Conntrack(asked) => conntrack(asked, family),
        Condition::AddrType(asked) => vec![
            option(asked.source.as_ref(), "src-type", |types| address_types(*types)),
            option(asked.destination.as_ref(), "dst-type", |types| address_types(*types)),
            if asked.of_iif { "limit-iface-in".to_owned() } else { String::new() },
            if asked.of_oif { "limit-iface-out".to_owned() } else { String::new() },
        ],
        Condition::IpRange(asked) => vec![
            option(asked.source.as_ref(), "src-range", |r| address_range(r, family)),
            option(asked.destination.as_ref(), "dst-range", |r| address_range(r, family)),
        ],
        Condition::Mark(asked) | Condition::ConnMark(asked) => vec![bits("", asked)],
        Condition::Comment(text) => vec![format!("\"{text}\"")],
        Condition::Rate(rate) => vec![
            not(rate.invert, "within"),
            if rate.interval_us == 0 { String::new() } else { format!("1 in {} us", rate.interval_us) },
            format!("burst {}", rate.burst),
        ],
        Condition::Recent(asked) => {
            vec![not(asked.invert, if asked.sets { "set" } else { "check" }), format!("list {}", asked.list)]
        }
        Condition::Length(asked) => vec![span("", asked)],
        Condition::Tos(asked) => vec![bits("", asked)],
        Condition::HopLimit(asked) => vec![compare(asked.compare), asked.value.to_string()],
        Condition::Owner(asked) => owner(asked),
        Condition::Mac(asked) => vec![not(asked.invert, "source"), hex(&asked.of)],
        Condition::PktType(asked) => vec![not(asked.invert, &packet_type(asked.of))],
        Condition::PhysDev(asked) => physdev(asked),
        Condition::Set(asked) => vec![set(asked)],
        Condition::RpFilter { invert } => vec![not(*invert, "routed-back")],
        Condition::Unknown => return None,
    })
}

fn action(action: &Action, family: Family) -> Vec<String> {
    match action {
        Action::Reject { with } => vec![format!("with {}", refusal(*with, family))],
        Action::Aside | Action::Unknown | Action::Notrack => Vec::new(),
        Action::Mark { mask, xor } => vec![format!("set (mark & 0x{:x}) ^ 0x{xor:x}", !mask)],
        Action::ConnMark(change) => vec![match change.mode {
            MarkMode::Set => format!("set 0x{:x}/0x{:x}", change.ct_mark, change.ct_mask),
            MarkMode::Save => format!("save 0x{:x} of 0x{:x}", change.ct_mask, change.packet_mask),
            MarkMode::Restore => format!("restore 0x{:x} of 0x{:x}", change.packet_mask, change.ct_mask),
        }],
        Action::Template { zone } => vec![if *zone { "zone".to_owned() } else { String::new() }],
        Action::Tos { mask, xor } => vec![format!("set (tos & 0x{:x}) ^ 0x{xor:x}", !mask)],
        Action::HopLimit(change) => vec![match change {
            HopChange::Set(to) => format!("set {to}"),
            HopChange::Raise(by) => format!("raise {by}"),
            HopChange::Lower(by) => format!("lower {by}"),
        }],
        Action::Translate(to) => translation(to, family),
        Action::ChangeSets { indices } => vec![listed(indices, |index| format!("number {index}"))],
    }
}

fn translation(to: &Translation, family: Family) -> Vec<String> {
    let mut end = String::new();
    if let Some((first, last)) = &to.addresses {
        end = between(address(first, family), address(last, family));
    }
    if let Some((first, last)) = to.ports {
        let is_v6 = end.contains(':');
        end = if is_v6 { format!("[{end}]:") } else { format!("{end}:") };
        end.push_str(&between(first, last));
    }
    let kind = match to.kind {
        _ if end.is_empty() => String::new(),
        TranslationKind::Source | TranslationKind::Destination | TranslationKind::Netmap => "to".to_owned(),
        TranslationKind::Masquerade | TranslationKind::Redirect => "to ports".to_owned(),
    };
    vec![kind, end, if to.scattered { "random".to_owned() } else { String::new() }]
}

fn conntrack(asked: &Conntrack, family: Family) -> Vec<String> {
    let masked = |of: &Option<Choice<AddressMask>>, word: &str| {
        option(of.as_ref(), word, |m| format!("{}/{}", address(&m.address, family), address(&m.mask, family)))
    };
    let ports = |of: &Option<Span<u16>>, word: &str| of.as_ref().map(|s| span(word, s)).unwrap_or_default();
    vec![
        option(asked.states.as_ref(), "state", states),
        option(asked.protocol.as_ref(), "proto", ToString::to_string),
        masked(&asked.orig_src, "orig-src"),
        masked(&asked.orig_dst, "orig-dst"),
        masked(&asked.reply_src, "reply-src"),
        masked(&asked.reply_dst, "reply-dst"),
        ports(&asked.orig_sport, "orig-sport"),
        ports(&asked.orig_dport, "orig-dport"),
        ports(&asked.reply_sport, "reply-sport"),
        ports(&asked.reply_dport, "reply-dport"),
        option(asked.status.as_ref(), "status", |bits| format!("0x{bits:x}")),
        asked.expires_s.as_ref().map(|s| span("expires", s)).unwrap_or_default(),
        option(asked.original.as_ref(), "direction", |()| "original".to_owned()),
    ]
}

fn states(of: &CtStates) -> String {
    let CtStates { invalid, established, related, new, untracked, snat, dnat } = *of;
    let all = [
        (invalid, "invalid"),
        (new, "new"),
        (related, "related"),
        (established, "established"),
        (untracked, "untracked"),
        (snat, "snat"),
        (dnat, "dnat"),
    ];
    all.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect::<Vec<_>>().join(",")
}

fn owner(asked: &Owner) -> Vec<String> {
    vec![
        asked.uid.as_ref().map(|s| span("uid", s)).unwrap_or_default(),
        asked.gid.as_ref().map(|s| span("gid", s)).unwrap_or_default(),
        option(asked.socket.as_ref(), "socket", |()| "exists".to_owned()),
    ]
}

fn physdev(asked: &PhysDev) -> Vec<String> {
    let flag = |of: &Option<Choice<()>>, word: &str| {
        of.as_ref().map(|choice| not(choice.invert, word)).unwrap_or_default()
    };
    vec![
        option(asked.input.as_ref(), "in", Clone::clone),
        option(asked.output.as_ref(), "out", Clone::clone),
        flag(&asked.is_in, "is-in"),
        flag(&asked.is_out, "is-out"),
        flag(&asked.is_bridged, "is-bridged"),
    ]
}

fn set(asked: &SetLookup) -> String {
    let name = asked.name.clone().unwrap_or_else(|| format!("number {}", asked.index));
    let sides = listed(&asked.sides, |side| match side {
        Side::Source => "src".to_owned(),
        _ => "dst".to_owned(),
    });
    let more = if asked.more { " and more" } else { "" };
    format!("{} {sides}{more}", not(asked.invert, &name))
}

fn multiport(asked: &Multiport) -> String {
    let side = match asked.side {
        Side::Source => "sports",
        Side::Destination => "dports",
        Side::Either => "ports",
    };
    let ports = listed(&asked.ranges, |(first, last)| between(first, last));
    format!("{} {ports}", not(asked.invert, side))
}

fn icmp_words(asked: &Icmp) -> String {
    let Some(kind) = asked.kind else { return not(asked.invert, "any type") };
    let code = match asked.codes {
        (0, u8::MAX) => String::new(),
        (first, last) => format!(" code {}", between(first, last)),
    };
    not(asked.invert, &format!("type {kind}{code}"))
}

fn port(word: &str, ports: &Span<u16>) -> String {
    let all = (ports.first, ports.last, ports.invert) == (0, u16::MAX, false);
    if all { String::new() } else { span(word, ports) }
}

fn span<T: Display + PartialEq + Copy>(word: &str, of: &Span<T>) -> String {
    not(of.invert, format!("{word} {}", between(of.first, of.last)).trim_start())
}

fn bits<T: LowerHex>(word: &str, of: &Bits<T>) -> String {
    not(of.invert, format!("{word} 0x{:x}/0x{:x}", of.value, of.mask).trim_start())
}

fn option<T>(of: Option<&Choice<T>>, word: &str, say: impl Fn(&T) -> String) -> String {
    of.map(|choice| not(choice.invert, &format!("{word} {}", say(&choice.of)))).unwrap_or_default()
}

fn not(invert: bool, words: &str) -> String {
    if invert { format!("! {words}") } else { words.to_owned() }
}

fn between<T: Display + PartialEq>(first: T, last: T) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

fn listed<T>(of: &[T], say: impl Fn(&T) -> String) -> String {
    of.iter().map(say).collect::<Vec<_>>().join(",")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn compare(how: Compare) -> String {
    match how {
        Compare::Equal => "=",
        Compare::NotEqual => "!=",
        Compare::Less => "<",
        Compare::Greater => ">",
    }
    .to_owned()
}

fn packet_type(number: u32) -> String {
    match number {
        0 => "unicast".to_owned(),
        1 => "broadcast".to_owned(),
        2 => "multicast".to_owned(),
        other => other.to_string(),
    }
}

/// Types of routes by their bits (`RTN_*` of `rtnetlink.h`).
fn address_types(types: u16) -> String {
    const NAMES: [&str; 12] = [
        "unspec",
        "unicast",
        "local",
        "broadcast",
        "anycast",
        "multicast",
        "blackhole",
        "unreachable",
        "prohibit",
        "throw",
        "nat",
        "xresolve",
    ];
    let set = NAMES.iter().enumerate().filter(|(bit, _)| types >> bit & 1 == 1);
    set.map(|(_, name)| *name).collect::<Vec<_>>().join(",")
}

fn address_range(range: &AddressRange, family: Family) -> String {
    between(address(&range.first, family), address(&range.last, family))
}

fn address(bytes: &Address, family: Family) -> IpAddr {
    match family {
        Family::Ip6 => Ipv6Addr::from(*bytes).into(),
        _ => Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into(),
    }
}

/// The words of `--reject-with`.
fn refusal(with: u32, family: Family) -> String {
    const IP: [&str; 9] = [
        "icmp-net-unreachable",
        "icmp-host-unreachable",
        "icmp-proto-unreachable",
        "icmp-port-unreachable",
        "echo-reply",
        "icmp-net-prohibited",
        "icmp-host-prohibited",
        "tcp-reset",
        "icmp-admin-prohibited",
    ];
    const IP6: [&str; 9] = [
        "icmp6-no-route",
        "icmp6-adm-prohibited",
        "icmp6-not-neighbour",
        "icmp6-addr-unreachable",
        "icmp6-port-unreachable",
        "echo-reply",
        "tcp-reset",
        "icmp6-policy-fail",
        "icmp6-reject-route",
    ];
    let names = if family == Family::Ip6 { IP6 } else { IP };
    let name = usize::try_from(with).ok().and_then(|place| names.get(place).copied());
    name.map_or_else(|| with.to_string(), str::to_owned)
}
