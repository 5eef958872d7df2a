//! The program of a rule, as `nft --debug=netlink` of nft 1.0.6 prints it.
//! Not here: the words that nft lists rules in ([`crate::text`]).

use crate::expr::{
    CmpOp, CtDirection, CtKey, DynsetOp, FibFlags, FibResult, LimitKind, LookupTo, MetaKey, NatFlags,
    NatKind, ObjectKind, PayloadBase, Reject,
};
use crate::{Expr, Reg, Rule, SetRef, Value, Verdict};
use std::fmt::{self, Display, Formatter};

impl Display for Rule {
    /// One instruction a line, each indented by two blanks as nft does.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.exprs.iter().try_for_each(|expr| writeln!(f, "  {expr}"))
    }
}

impl Display for Expr {
    /// One instruction: `[ meta load l4proto => reg 1 ]`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("[ ")?;
        instruction(self, f)?;
        f.write_str(" ]")
    }
}

/// What stands between the brackets: one arm for each instruction.
fn instruction(expr: &Expr, f: &mut Formatter<'_>) -> fmt::Result {
    match expr {
        Expr::Meta { key, dreg } => write!(f, "meta load {} => {dreg}", meta_key(*key)),
        Expr::MetaSet { key, sreg } => write!(f, "meta set {} with {sreg}", meta_key(*key)),
        Expr::Payload { base, offset, len, dreg } => {
            write!(f, "payload load {len}b @ {} header + {offset} => {dreg}", payload_base(*base))
        }
        Expr::Ct { key, dir, dreg } => {
            write!(f, "ct load {} => {dreg}{}", ct_key(*key), ct_direction(*dir))
        }
        Expr::Fib { result, flags, dreg } => {
            write!(f, "fib {} {} => {dreg}", fib_flags(*flags), fib_result(*result, *flags))
        }
        Expr::Cmp { sreg, op, value } => write!(f, "cmp {} {sreg}{}", cmp_op(*op), Words(value)),
        Expr::Range { sreg, op, from, to } => {
            write!(f, "range {} {sreg}{}{}", cmp_op(*op), Words(from), Words(to))
        }
        Expr::Bitwise { sreg, dreg, mask, xor, len: _ } => {
            write!(f, "bitwise {dreg} = ( {sreg} &{} ) ^{}", Words(mask), Words(xor))
        }
        Expr::Lookup { sreg, set, dreg, invert } => lookup(*sreg, set, *dreg, *invert, f),
        Expr::Immediate { dreg, value } => write!(f, "immediate {dreg}{}", Words(value)),
        Expr::Verdict(verdict) => write!(f, "immediate reg 0 {}", Code(verdict)),
        Expr::Counter { packets, bytes } => write!(f, "counter pkts {packets} bytes {bytes}"),
        Expr::Limit { .. } => limit(expr, f),
        Expr::Log { .. } => log(expr, f),
        Expr::Reject(Reject::IcmpUnreach(code)) => write!(f, "reject type 0 code {code}"),
        Expr::Reject(Reject::TcpReset) => f.write_str("reject type 1 code 0"),
        Expr::Reject(Reject::Icmpx(code)) => write!(f, "reject type 2 code {code}"),
        Expr::Dynset { .. } => dynset(expr, f),
        Expr::Byteorder { sreg, dreg, to_network, len, size } => {
            let name = if *to_network { "hton" } else { "ntoh" };
            write!(f, "byteorder {dreg} = {name}({sreg}, {size}, {len})")
        }
        Expr::Notrack => f.write_str("notrack"),
        Expr::Nat { .. } | Expr::Masquerade { .. } | Expr::Redirect { .. } | Expr::Tproxy { .. } => {
            translation(expr, f)
        }
        Expr::CtSet { key, dir, sreg } => {
            write!(f, "ct set {} with {sreg}{}", ct_key(*key), ct_direction(*dir))
        }
        Expr::PayloadSet { base, offset, len, sreg, checksum: (kind, place, flags) } => write!(
            f,
            "payload write {sreg} => {len}b @ {} header + {offset} csum_type {kind} csum_off {place} csum_flags {flags:#x}",
            payload_base(*base)
        ),
        Expr::Object { kind, name } => write!(f, "objref type {} name {name}", object_kind(*kind)),
        Expr::XtMatch(asked) => write!(f, "match name {} rev {}", asked.name, asked.revision),
        Expr::XtTarget(done) => write!(f, "target name {} rev {}", done.name, done.revision),
        Expr::Foreign { name, data } => write!(f, "{name} of {} bytes", data.len()),
    }
}

impl Display for Reg {
    /// `reg 1`: registers 1 to 4 of 16 bytes, and 8 onwards of 4 bytes, are the same memory.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            slot if slot % 4 == 0 => write!(f, "reg {}", slot / 4 + 1),
            slot => write!(f, "reg {}", slot + 8),
        }
    }
}

/// A value as words of the machine, little-endian, each after a blank.
struct Words<'a>(&'a Value);

impl Display for Words<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.bytes().chunks(4).try_for_each(|chunk| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            write!(f, " 0x{:08x}", u32::from_le_bytes(word))
        })
    }
}

/// A verdict, with an arrow before the chain.
struct Code<'a>(&'a Verdict);

impl Display for Code<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Verdict::Accept => f.write_str("accept"),
            Verdict::Drop => f.write_str("drop"),
            Verdict::Continue => f.write_str("continue"),
            Verdict::Return => f.write_str("return"),
            Verdict::Jump(chain) => write!(f, "jump -> {chain}"),
            Verdict::Goto(chain) => write!(f, "goto -> {chain}"),
            Verdict::Other(code) => write!(f, "verdict {code}"),
        }
    }
}

fn lookup(sreg: Reg, set: &SetRef, to: Option<LookupTo>, invert: bool, f: &mut Formatter<'_>) -> fmt::Result {
    let name = match set {
        SetRef::Named(name) => name,
        SetRef::Anonymous(set) if set.data.is_some() => "__map%d",
        SetRef::Anonymous(_) => "__set%d",
    };
    write!(f, "lookup {sreg} set {name}")?;
    match to {
        Some(LookupTo::Verdict) => f.write_str(" dreg 0")?,
        Some(LookupTo::Reg(reg)) => write!(f, " d{reg}")?,
        None => {}
    }
    f.write_str(if invert { " 0x1" } else { "" })
}

fn limit(expr: &Expr, f: &mut Formatter<'_>) -> fmt::Result {
    let Expr::Limit { rate, per_s, burst, kind, invert } = expr else { return Ok(()) };
    let kind = match kind {
        LimitKind::Packets => "packets",
        LimitKind::Bytes => "bytes",
    };
    let unit = unit_of_seconds(*per_s).unwrap_or("error");
    write!(f, "limit rate {rate}/{unit} burst {burst} type {kind} flags {:#x}", u8::from(*invert))
}

/// The word for a number of seconds, where nft has one.
pub(crate) fn unit_of_seconds(seconds: u64) -> Option<&'static str> {
    Some(match seconds {
        1 => "second",
        60 => "minute",
        3600 => "hour",
        86_400 => "day",
        604_800 => "week",
        _ => return None,
    })
}

/// Flags of the kernel log and their words in the program (`NF_LOG_*` of `nf_log.h`).
const LOG_FLAGS: [(u32, &str); 6] =
    [(1, "tcpseq"), (2, "tcpopt"), (4, "ipopt"), (8, "uid"), (16, "nflog"), (32, "macdecode")];

fn log(expr: &Expr, f: &mut Formatter<'_>) -> fmt::Result {
    let Expr::Log { prefix, group, snaplen, queue_threshold, level, flags } = expr else { return Ok(()) };
    f.write_str("log")?;
    if let Some(prefix) = prefix {
        write!(f, " prefix {prefix}")?;
    }
    if let Some(group) = group {
        let (snaplen, threshold) = (snaplen.unwrap_or(0), queue_threshold.unwrap_or(0));
        return write!(f, " group {group} snaplen {snaplen} qthreshold {threshold}");
    }
    if let Some(level) = level {
        write!(f, " level {level}")?;
    }
    let set = LOG_FLAGS.iter().filter(|(bit, _)| flags.unwrap_or(0) & bit != 0);
    set.into_iter().try_for_each(|(_, word)| write!(f, " {word}"))
}

fn dynset(expr: &Expr, f: &mut Formatter<'_>) -> fmt::Result {
    let Expr::Dynset { set, op, key, data, timeout_ms, invert, exprs } = expr else { return Ok(()) };
    let op = match op {
        DynsetOp::Add => "add",
        DynsetOp::Update => "update",
        DynsetOp::Delete => "delete",
    };
    let number = |reg: &Reg| reg.to_string().trim_start_matches("reg ").to_owned();
    write!(f, "dynset {op} reg_key {} set {set}", number(key))?;
    if let Some(data) = data {
        write!(f, " sreg_data {}", number(data))?;
    }
    if let Some(timeout) = timeout_ms {
        write!(f, " timeout {timeout}ms")?;
    }
    exprs.iter().try_for_each(|expr| write!(f, " expr {expr}"))?;
    f.write_str(if *invert { " 0x1" } else { "" })
}

/// `nat dnat ip addr_min reg 1 proto_min reg 2`.
fn translation(expr: &Expr, f: &mut Formatter<'_>) -> fmt::Result {
    let (ports, flags) = match expr {
        Expr::Nat { kind, family, addresses, ports, flags } => {
            let kind = if *kind == NatKind::Source { "snat" } else { "dnat" };
            write!(f, "nat {kind} {family}")?;
            registers("addr", *addresses, f)?;
            (ports, flags)
        }
        Expr::Masquerade { ports, flags } => {
            f.write_str("masq")?;
            (ports, flags)
        }
        Expr::Redirect { ports, flags } => {
            f.write_str("redir")?;
            (ports, flags)
        }
        Expr::Tproxy { family, address, port } => {
            f.write_str("tproxy")?;
            family.iter().try_for_each(|family| write!(f, " {family}"))?;
            address.iter().try_for_each(|reg| write!(f, " addr {reg}"))?;
            return port.iter().try_for_each(|reg| write!(f, " port {reg}"));
        }
        _ => return Ok(()),
    };
    registers("proto", *ports, f)?;
    let NatFlags { random, fully_random, persistent, netmap } = *flags;
    let words =
        [(random, "random"), (fully_random, "fully-random"), (persistent, "persistent"), (netmap, "netmap")];
    words.iter().filter(|(set, _)| *set).try_for_each(|(_, word)| write!(f, " {word}"))
}

fn registers(of: &str, both: Option<(Reg, Reg)>, f: &mut Formatter<'_>) -> fmt::Result {
    let Some((first, last)) = both else { return Ok(()) };
    write!(f, " {of}_min {first}")?;
    if first == last { Ok(()) } else { write!(f, " {of}_max {last}") }
}

/// `NFT_OBJECT_*`.
fn object_kind(kind: ObjectKind) -> u32 {
    match kind {
        ObjectKind::Counter => 1,
        ObjectKind::Quota => 2,
        ObjectKind::CtHelper => 3,
        ObjectKind::Limit => 4,
        ObjectKind::ConnLimit => 5,
        ObjectKind::Tunnel => 6,
        ObjectKind::CtTimeout => 7,
        ObjectKind::Secmark => 8,
        ObjectKind::CtExpectation => 9,
        ObjectKind::Synproxy => 10,
        ObjectKind::Other(number) => number,
    }
}

fn cmp_op(op: CmpOp) -> &'static str {
    match op {
        CmpOp::Eq => "eq",
        CmpOp::Neq => "neq",
        CmpOp::Lt => "lt",
        CmpOp::Lte => "lte",
        CmpOp::Gt => "gt",
        CmpOp::Gte => "gte",
    }
}

fn payload_base(base: PayloadBase) -> &'static str {
    match base {
        PayloadBase::Link => "link",
        PayloadBase::Network => "network",
        PayloadBase::Transport => "transport",
        PayloadBase::Inner => "inner",
    }
}

fn meta_key(key: MetaKey) -> &'static str {
    match key {
        MetaKey::Len => "len",
        MetaKey::Protocol => "protocol",
        MetaKey::Priority => "priority",
        MetaKey::Mark => "mark",
        MetaKey::Iif => "iif",
        MetaKey::Oif => "oif",
        MetaKey::IifName => "iifname",
        MetaKey::OifName => "oifname",
        MetaKey::IifType => "iiftype",
        MetaKey::OifType => "oiftype",
        MetaKey::SkUid => "skuid",
        MetaKey::SkGid => "skgid",
        MetaKey::NfTrace => "nftrace",
        MetaKey::NfProto => "nfproto",
        MetaKey::L4Proto => "l4proto",
        MetaKey::PktType => "pkttype",
        MetaKey::Cpu => "cpu",
        MetaKey::IifGroup => "iifgroup",
        MetaKey::OifGroup => "oifgroup",
        MetaKey::Cgroup => "cgroup",
        MetaKey::Other(number) => other_meta_key(number),
    }
}

/// Keys without a variant, by their number in `enum nft_meta_keys`.
fn other_meta_key(number: u32) -> &'static str {
    match number {
        13 => "rtclassid",
        14 => "secmark",
        17 => "bri_iifname",
        18 => "bri_oifname",
        24 => "prandom",
        25 => "secpath",
        26 => "iifkind",
        27 => "oifkind",
        28 => "bri_iifpvid",
        29 => "bri_iifvproto",
        30 => "time",
        31 => "day",
        32 => "hour",
        33 => "sdif",
        34 => "sdifname",
        _ => "unknown",
    }
}

fn ct_key(key: CtKey) -> &'static str {
    match key {
        CtKey::State => "state",
        CtKey::Direction => "direction",
        CtKey::Status => "status",
        CtKey::Mark => "mark",
        CtKey::Expiration => "expiration",
        CtKey::Helper => "helper",
        CtKey::L3Protocol => "l3protocol",
        CtKey::Src => "src",
        CtKey::Dst => "dst",
        CtKey::Protocol => "protocol",
        CtKey::ProtoSrc => "proto_src",
        CtKey::ProtoDst => "proto_dst",
        CtKey::Labels => "label",
        CtKey::Zone => "zone",
        CtKey::SrcIp => "src_ip",
        CtKey::DstIp => "dst_ip",
        CtKey::SrcIp6 => "src_ip6",
        CtKey::DstIp6 => "dst_ip6",
        CtKey::Other(4) => "secmark",
        CtKey::Other(14) => "packets",
        CtKey::Other(15) => "bytes",
        CtKey::Other(16) => "avgpkt",
        CtKey::Other(18) => "event",
        CtKey::Id | CtKey::Other(_) => "unknown",
    }
}

fn ct_direction(direction: Option<CtDirection>) -> &'static str {
    match direction {
        None => "",
        Some(CtDirection::Original) => " , dir original",
        Some(CtDirection::Reply) => " , dir reply",
    }
}

/// What `fib` asks with, joined as nft joins: `saddr . iif`.
pub(crate) fn fib_flags(flags: FibFlags) -> String {
    let FibFlags { saddr, daddr, mark, iif, oif, present: _ } = flags;
    let all = [(saddr, "saddr"), (daddr, "daddr"), (mark, "mark"), (iif, "iif"), (oif, "oif")];
    let set: Vec<_> = all.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
    set.join(" . ")
}

fn fib_result(result: FibResult, flags: FibFlags) -> &'static str {
    match (result, flags.present) {
        (FibResult::Oif, false) => "oif",
        (FibResult::Oif, true) => "oif present",
        (FibResult::OifName, false) => "oifname",
        (FibResult::OifName, true) => "oifname present",
        (FibResult::AddrType, false) => "type",
        (FibResult::AddrType, true) => "type present",
    }
}
