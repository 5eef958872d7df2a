//! Programs read from `nft --debug=netlink`: nft as the compiler whose output the crate is tested with.
//! Not here: named sets, which tests build themselves. Of anonymous sets the types are guessed by length.

use rolewall_ruleset::expr::*;
use rolewall_ruleset::set::MapData;
use rolewall_ruleset::*;

/// The rules of one chain, in order, and their programs as they were printed.
pub fn rules(said: &str, chain: &str) -> Vec<(Rule, String)> {
    let mut rules: Vec<(Rule, String)> = Vec::new();
    let mut sets: Vec<Set> = Vec::new();
    let mut inside = false;
    for line in said.lines() {
        if let Some(flags) = line.strip_prefix("__set%d t ").or_else(|| line.strip_prefix("__map%d t ")) {
            inside = false;
            if let Some((flags, _)) = flags.split_once(" size ") {
                sets.push(anonymous(u32::from_str_radix(flags, 16).expect("flags")));
            }
        } else if line.starts_with("\telement") && !sets.is_empty() && !inside {
            elements(sets.last_mut().expect("declared before"), line);
        } else if line.ends_with(&format!(" {chain}")) && line.split(' ').count() == 3 {
            inside = true;
            rules.push(Default::default());
        } else if line.starts_with("  [ ") && inside {
            let (rule, text) = rules.last_mut().expect("a rule began");
            text.push_str(&format!("{}\n", line.trim_end()));
            let expr =
                expr(line.trim().trim_start_matches("[ ").trim_end_matches(" ]"), &mut sets, &rule.exprs);
            if let (Some(Expr::Immediate { value, .. }), Expr::MetaSet { key, .. }) =
                (rule.exprs.last_mut(), &expr)
            {
                let len = if matches!(key, MetaKey::NfTrace | MetaKey::PktType) { 1 } else { 4 };
                *value = Value::from_bytes(&value.bytes()[..len]);
            }
            rule.exprs.push(expr);
        } else if let Some(data) = line.strip_prefix("  userdata = { ") {
            if inside && let Some((rule, _)) = rules.last_mut() {
                rule.comment = comment(data);
            }
        } else {
            inside = false;
        }
    }
    rules.retain(|(rule, _)| !rule.exprs.is_empty());
    rules
}

/// A comment is stored as type 0, length, text, zero; printable bytes as they are, others as `\\x00`.
fn comment(data: &str) -> Option<String> {
    let text = data.strip_prefix("\\x00")?.strip_suffix("\\x00 }")?;
    Some(if text.starts_with("\\x") { &text[4..] } else { &text[1..] }.to_owned())
}

fn anonymous(flags: u32) -> Set {
    let mut set = Set::new("", &[]);
    set.flags = SetFlags { constant: true, interval: flags & 4 != 0, timeout: false, dynamic: false };
    set.data = (flags & 8 != 0).then(|| vec![DataType::Mark]);
    set
}

/// `element KEY [- END] : [DATA] FLAGS [end]`, several on a line.
fn elements(set: &mut Set, line: &str) {
    let mut ends: Vec<Vec<u8>> = Vec::new();
    for element in line.split("element ").skip(1) {
        let (key, rest) = element.split_once(" : ").expect("a colon");
        let rest = rest.split(" [end]").next().unwrap_or("").trim();
        let (data, flags) = rest.rsplit_once(' ').unwrap_or(("", rest));
        let (first, last) = key.split_once(" - ").map_or((key, None), |(a, b)| (a, Some(b)));
        if flags == "1" {
            ends.push(words(first));
            continue;
        }
        let mut element = Element::key(&words(first));
        element.end = last.map(|last| Value::from_bytes(&words(last)));
        if set.data.is_some() {
            element = element.to(map_data(data));
        }
        set.elements.push(element);
    }
    if matches!(set.elements.first(), Some(Element { data: Some(MapData::Verdict(_)), .. })) {
        set.data = Some(vec![DataType::Verdict]);
    }
    if set.flags.interval {
        close(set, &ends);
    }
}

fn map_data(data: &str) -> MapData {
    match data.starts_with(|c: char| c.is_ascii_digit()) {
        true => MapData::Value(Value::from_bytes(&words(data))),
        false => MapData::Verdict(verdict(data)),
    }
}

/// Intervals come as beginnings and as first keys after them.
fn close(set: &mut Set, ends: &[Vec<u8>]) {
    let starts: Vec<Vec<u8>> = set.elements.iter().map(|e| e.key.bytes().to_vec()).collect();
    for element in set.elements.iter_mut().filter(|e| e.end.is_none()) {
        let after = starts.iter().chain(ends).filter(|end| end[..] > *element.key.bytes()).min();
        let last = match after {
            Some(after) => before(after),
            None => vec![0xff; element.key.bytes().len()],
        };
        element.end = Some(Value::from_bytes(&last));
    }
}

fn before(key: &[u8]) -> Vec<u8> {
    let mut key = key.to_vec();
    for byte in key.iter_mut().rev() {
        let (less, borrow) = byte.overflowing_sub(1);
        *byte = less;
        if !borrow {
            break;
        }
    }
    key
}

/// Hexadecimal words of the machine, as bytes.
fn words(text: &str) -> Vec<u8> {
    let word = |w: &str| u32::from_str_radix(w.trim_start_matches("0x"), 16).expect("a word").to_le_bytes();
    text.split_whitespace().flat_map(word).collect()
}

fn verdict(text: &str) -> Verdict {
    match text.split_once(" -> ") {
        Some(("jump", chain)) => Verdict::Jump(chain.to_owned()),
        Some(("goto", chain)) => Verdict::Goto(chain.to_owned()),
        _ => match text {
            "accept" => Verdict::Accept,
            "drop" => Verdict::Drop,
            "return" => Verdict::Return,
            "continue" => Verdict::Continue,
            other => panic!("verdict {other}"),
        },
    }
}

/// `1` is slot 0, `2` slot 4, `9` slot 1.
fn reg(text: &str) -> Reg {
    let number: u8 = text.trim_end_matches(',').parse().expect("a register");
    Reg(if number < 8 { (number - 1) * 4 } else { number - 8 })
}

/// How many bytes the last instruction that wrote a register wrote.
fn width(exprs: &[Expr], wanted: Reg) -> usize {
    let of = |expr: &Expr| match expr {
        Expr::Payload { len, dreg, .. } if *dreg == wanted => Some(*len as usize),
        Expr::Meta { key, dreg } if *dreg == wanted => Some(match key {
            MetaKey::NfProto | MetaKey::L4Proto | MetaKey::PktType => 1,
            MetaKey::Protocol | MetaKey::IifType | MetaKey::OifType => 2,
            MetaKey::IifName | MetaKey::OifName => 16,
            _ => 4,
        }),
        Expr::Ct { key, dreg, .. } if *dreg == wanted => Some(match key {
            CtKey::Direction | CtKey::L3Protocol | CtKey::Protocol => 1,
            CtKey::Zone => 2,
            CtKey::Helper | CtKey::Labels | CtKey::SrcIp6 | CtKey::DstIp6 => 16,
            _ => 4,
        }),
        Expr::Fib { result, flags, dreg } if *dreg == wanted => Some(match result {
            FibResult::OifName if !flags.present => 16,
            _ => 4,
        }),
        _ => None,
    };
    exprs.iter().rev().find_map(of).unwrap_or(4)
}

fn value(text: &str, len: usize) -> Value {
    let mut bytes = words(text);
    bytes.truncate(len);
    Value::from_bytes(&bytes)
}

fn cmp_op(text: &str) -> CmpOp {
    match text {
        "eq" => CmpOp::Eq,
        "neq" => CmpOp::Neq,
        "lt" => CmpOp::Lt,
        "lte" => CmpOp::Lte,
        "gt" => CmpOp::Gt,
        "gte" => CmpOp::Gte,
        other => panic!("comparison {other}"),
    }
}

fn expr(line: &str, sets: &mut Vec<Set>, before: &[Expr]) -> Expr {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["meta", "load", key, "=>", "reg", dreg] => Expr::Meta { key: meta_key(key), dreg: reg(dreg) },
        ["meta", "set", key, "with", "reg", sreg] => Expr::MetaSet { key: meta_key(key), sreg: reg(sreg) },
        ["payload", "load", len, "@", base, "header", "+", offset, "=>", "reg", dreg] => Expr::Payload {
            base: match base {
                "link" => PayloadBase::Link,
                "network" => PayloadBase::Network,
                "transport" => PayloadBase::Transport,
                _ => PayloadBase::Inner,
            },
            offset: offset.parse().expect("offset"),
            len: len.trim_end_matches('b').parse().expect("length"),
            dreg: reg(dreg),
        },
        ["ct", "load", key, "=>", "reg", dreg, ref rest @ ..] => Expr::Ct {
            key: ct_key(key),
            dir: match rest.last() {
                Some(&"original") => Some(CtDirection::Original),
                Some(&"reply") => Some(CtDirection::Reply),
                _ => None,
            },
            dreg: reg(dreg),
        },
        ["fib", ref asked @ .., "=>", "reg", dreg] => fib(asked, reg(dreg)),
        ["cmp", op, "reg", sreg, ..] => cmp(op, sreg, after(line, 4), before),
        ["range", op, "reg", sreg, ref both @ ..] => {
            let (from, to) = both.split_at(both.len() / 2);
            let (len, sreg) = (width(before, reg(sreg)), reg(sreg));
            let [from, to] = [from, to].map(|half| value(&half.join(" "), len));
            Expr::Range { sreg, op: cmp_op(op), from, to }
        }
        ["bitwise", "reg", dreg, "=", "(", "reg", sreg, "&", ..] => {
            let (mask, xor) = line.split_once(" & ").and_then(|(_, m)| m.split_once(" ) ^ ")).expect("masks");
            let len = width(before, reg(sreg));
            let (mask, xor) = (value(mask, len), value(xor, len));
            Expr::Bitwise { sreg: reg(sreg), dreg: reg(dreg), len: len as u32, mask, xor }
        }
        ["byteorder", "reg", dreg, "=", call, _, size, len] => Expr::Byteorder {
            sreg: reg(dreg),
            dreg: reg(dreg),
            to_network: call.starts_with("hton"),
            len: len.trim_end_matches(')').parse().expect("length"),
            size: size.trim_end_matches(',').parse().expect("size"),
        },
        ["lookup", "reg", sreg, "set", name, ref rest @ ..] => lookup(reg(sreg), name, rest, sets, before),
        ["immediate", "reg", "0", ..] => Expr::Verdict(verdict(after(line, 3))),
        ["immediate", "reg", dreg, ..] => {
            Expr::Immediate { dreg: reg(dreg), value: value(after(line, 3), 4) }
        }
        ["counter", "pkts", packets, "bytes", bytes] => {
            Expr::Counter { packets: packets.parse().expect("packets"), bytes: bytes.parse().expect("bytes") }
        }
        ["limit", "rate", rate, "burst", burst, "type", kind, "flags", flags] => {
            limit(rate, burst, kind, flags)
        }
        ["log", ..] => log(line),
        ["reject", "type", kind, "code", code] => {
            let code = code.parse().expect("code");
            Expr::Reject(match kind {
                "0" => Reject::IcmpUnreach(code),
                "1" => Reject::TcpReset,
                _ => Reject::Icmpx(code),
            })
        }
        ["dynset", op, "reg_key", key, "set", set, ref rest @ ..] => dynset(op, reg(key), set, rest, line),
        ["notrack"] => Expr::Notrack,
        [name, ..] => Expr::Foreign { name: name.to_owned(), data: [].into() },
        [] => panic!("an empty instruction"),
    }
}

/// What follows the first words of a line.
fn after(line: &str, words: usize) -> &str {
    line.splitn(words + 1, ' ').nth(words).unwrap_or("")
}

fn cmp(op: &str, sreg: &str, right: &str, before: &[Expr]) -> Expr {
    let sreg = reg(sreg);
    let mut len = width(before, sreg);
    let name = matches!(before.last(), Some(Expr::Meta { key: MetaKey::IifName | MetaKey::OifName, .. }));
    let words = words(right);
    if name && (words.len() < 16 || !words.contains(&0)) {
        len = words.iter().position(|b| *b == 0).unwrap_or(words.len());
    }
    Expr::Cmp { sreg, op: cmp_op(op), value: value(right, len) }
}

fn fib(asked: &[&str], dreg: Reg) -> Expr {
    let has = |word| asked.contains(&word);
    let source =
        &asked[..asked.iter().rposition(|w| matches!(*w, "oif" | "oifname" | "type")).expect("a result")];
    let flags = FibFlags {
        saddr: has("saddr"),
        daddr: has("daddr"),
        mark: has("mark"),
        iif: has("iif"),
        oif: source.contains(&"oif"),
        present: has("present"),
    };
    let result = match asked[source.len()] {
        "oif" => FibResult::Oif,
        "oifname" => FibResult::OifName,
        _ => FibResult::AddrType,
    };
    Expr::Fib { result, flags, dreg }
}

fn lookup(sreg: Reg, name: &str, rest: &[&str], sets: &mut Vec<Set>, before: &[Expr]) -> Expr {
    let dreg = match rest {
        ["dreg", "0", ..] => Some(LookupTo::Verdict),
        ["dreg", dreg, ..] => Some(LookupTo::Reg(reg(dreg))),
        _ => None,
    };
    let set = match name {
        "__set%d" | "__map%d" => {
            let mut set = sets.remove(0);
            let words = set.elements[0].key.bytes().len() / 4;
            let len = width(before, sreg);
            if len.div_ceil(4) == words {
                set.key = vec![DataType::Other { id: 0, len: len as u8 }];
                for value in
                    set.elements.iter_mut().flat_map(|e| [Some(&mut e.key), e.end.as_mut()]).flatten()
                {
                    *value = Value::from_bytes(&value.bytes()[..len]);
                }
            } else {
                set.key = vec![DataType::Integer; words];
            }
            SetRef::Anonymous(Box::new(set))
        }
        name => SetRef::Named(name.to_owned()),
    };
    Expr::Lookup { sreg, set, dreg, invert: rest.last() == Some(&"0x1") }
}

fn limit(rate: &str, burst: &str, kind: &str, flags: &str) -> Expr {
    let (rate, unit) = rate.split_once('/').expect("a rate");
    Expr::Limit {
        rate: rate.parse().expect("a rate"),
        per_s: match unit {
            "second" => 1,
            "minute" => 60,
            "hour" => 3600,
            "day" => 86_400,
            _ => 604_800,
        },
        burst: burst.parse().expect("burst"),
        kind: if kind == "packets" { LimitKind::Packets } else { LimitKind::Bytes },
        invert: flags != "0x0",
    }
}

fn log(line: &str) -> Expr {
    let number = |word: &str| {
        let (_, rest) = line.split_once(&format!(" {word} "))?;
        rest.split(' ').next()?.parse::<u32>().ok()
    };
    let prefix = line.split_once("prefix ").map(|(_, rest)| {
        let end =
            [" group ", " level ", " tcpseq", " ipopt", " uid"].iter().filter_map(|w| rest.find(w)).min();
        rest[..end.unwrap_or(rest.len())].to_owned()
    });
    let bits = [("tcpseq", 1), ("tcpopt", 2), ("ipopt", 4), ("uid", 8), ("macdecode", 32)];
    let flags: u32 = bits.iter().filter(|(word, _)| line.contains(word)).map(|(_, bit)| bit).sum();
    Expr::Log {
        prefix,
        group: number("group").map(|n| n as u16),
        snaplen: number("snaplen").filter(|n| *n > 0),
        queue_threshold: number("qthreshold").map(|n| n as u16).filter(|n| *n > 0),
        level: number("level"),
        flags: (flags > 0).then_some(flags),
    }
}

fn dynset(op: &str, key: Reg, set: &str, rest: &[&str], line: &str) -> Expr {
    let named = |word: &str| rest.iter().position(|w| *w == word).map(|at| rest[at + 1]);
    let exprs = line.split("expr [ ").skip(1).map(|e| e.split(" ]").next().unwrap_or(e));
    Expr::Dynset {
        set: set.to_owned(),
        op: match op {
            "add" => DynsetOp::Add,
            "update" => DynsetOp::Update,
            _ => DynsetOp::Delete,
        },
        key,
        data: named("sreg_data").map(reg),
        timeout_ms: named("timeout").map(|ms| ms.trim_end_matches("ms").parse().expect("ms")),
        invert: false,
        exprs: exprs.map(|e| expr(e, &mut Vec::new(), &[])).collect(),
    }
}

fn meta_key(name: &str) -> MetaKey {
    match name {
        "len" => MetaKey::Len,
        "protocol" => MetaKey::Protocol,
        "priority" => MetaKey::Priority,
        "mark" => MetaKey::Mark,
        "iif" => MetaKey::Iif,
        "oif" => MetaKey::Oif,
        "iifname" => MetaKey::IifName,
        "oifname" => MetaKey::OifName,
        "iiftype" => MetaKey::IifType,
        "oiftype" => MetaKey::OifType,
        "skuid" => MetaKey::SkUid,
        "skgid" => MetaKey::SkGid,
        "nftrace" => MetaKey::NfTrace,
        "nfproto" => MetaKey::NfProto,
        "l4proto" => MetaKey::L4Proto,
        "pkttype" => MetaKey::PktType,
        "cpu" => MetaKey::Cpu,
        "iifgroup" => MetaKey::IifGroup,
        "oifgroup" => MetaKey::OifGroup,
        "cgroup" => MetaKey::Cgroup,
        _ => MetaKey::Other(u32::MAX),
    }
}

fn ct_key(name: &str) -> CtKey {
    match name {
        "state" => CtKey::State,
        "direction" => CtKey::Direction,
        "status" => CtKey::Status,
        "mark" => CtKey::Mark,
        "expiration" => CtKey::Expiration,
        "helper" => CtKey::Helper,
        "l3protocol" => CtKey::L3Protocol,
        "protocol" => CtKey::Protocol,
        "label" => CtKey::Labels,
        "zone" => CtKey::Zone,
        "src_ip" => CtKey::SrcIp,
        "dst_ip" => CtKey::DstIp,
        "src_ip6" => CtKey::SrcIp6,
        "dst_ip6" => CtKey::DstIp6,
        _ => CtKey::Other(u32::MAX),
    }
}
