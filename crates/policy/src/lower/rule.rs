//! Rules from their parts: each part is the program that nft makes of the same words.
//! Not here: which rules there are.

use ipnet::IpNet;
use rolewall_ruleset::expr::{
    CmpOp, CtKey, DynsetOp, FibFlags, FibResult, LimitKind, LookupTo, MetaKey, PayloadBase, Reject,
};
use rolewall_ruleset::{DataType, Element, Expr, Reg, Rule, Set, SetRef, Value, Verdict};
use std::net::IpAddr;

/// Address family of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ip {
    V4,
    V6,
}

/// Both families, in the order in which rules and sets are written.
pub(super) const FAMILIES: [Ip; 2] = [Ip::V4, Ip::V6];

/// Which address of the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Destination,
}

impl Ip {
    pub(super) fn of(net: &IpNet) -> Ip {
        match net {
            IpNet::V4(_) => Ip::V4,
            IpNet::V6(_) => Ip::V6,
        }
    }

    /// The last character of a set's name.
    pub(super) fn suffix(self) -> char {
        match self {
            Ip::V4 => '4',
            Ip::V6 => '6',
        }
    }

    pub(super) fn data_type(self) -> DataType {
        match self {
            Ip::V4 => DataType::Ipv4Addr,
            Ip::V6 => DataType::Ipv6Addr,
        }
    }

    /// NFPROTO of include/uapi/linux/netfilter.h.
    pub(super) fn nfproto(self) -> u8 {
        match self {
            Ip::V4 => 2,
            Ip::V6 => 10,
        }
    }

    fn offset(self, side: Side) -> u32 {
        match (self, side) {
            (Ip::V4, Side::Source) => 12,
            (Ip::V4, Side::Destination) => 16,
            (Ip::V6, Side::Source) => 8,
            (Ip::V6, Side::Destination) => 24,
        }
    }

    fn len(self) -> u32 {
        u32::from(self.data_type().len())
    }
}

/// The bytes of an address, as the packet has them.
pub(super) fn octets(address: IpAddr) -> Value {
    match address {
        IpAddr::V4(a) => Value::from_bytes(&a.octets()),
        IpAddr::V6(a) => Value::from_bytes(&a.octets()),
    }
}

/// nft's `reg 1`: every match here uses it.
const REG: Reg = Reg(0);
/// The slot after it, for the second field of a concatenation of short fields.
const REG_NEXT: Reg = Reg(1);

/// A rule in the making; reads like nft's own text.
#[derive(Debug, Default)]
pub(super) struct Parts(Vec<Expr>);

pub(super) fn when() -> Parts {
    Parts::default()
}

impl Parts {
    fn and(mut self, expr: Expr) -> Parts {
        self.0.push(expr);
        self
    }

    fn meta(self, key: MetaKey) -> Parts {
        self.and(Expr::Meta { key, dreg: REG })
    }

    fn payload(self, base: PayloadBase, offset: u32, len: u32) -> Parts {
        self.and(Expr::Payload { base, offset, len, dreg: REG })
    }

    fn cmp(self, op: CmpOp, bytes: &[u8]) -> Parts {
        self.and(Expr::Cmp { sreg: REG, op, value: Value::from_bytes(bytes) })
    }

    fn is(self, bytes: &[u8]) -> Parts {
        self.cmp(CmpOp::Eq, bytes)
    }

    fn mask(self, mask: &[u8]) -> Parts {
        let len = u32::try_from(mask.len()).unwrap_or(u32::MAX);
        let (mask, xor) = (Value::from_bytes(mask), Value::filled(0, mask.len()));
        self.and(Expr::Bitwise { sreg: REG, dreg: REG, len, mask, xor })
    }

    fn within(self, set: SetRef) -> Parts {
        self.and(Expr::Lookup { sreg: REG, set, dreg: None, invert: false })
    }

    fn among(self, kind: DataType, keys: impl IntoIterator<Item = Vec<u8>>) -> Parts {
        self.within(anonymous(kind, keys.into_iter().map(|k| Element::key(&k)).collect()))
    }

    pub(super) fn nfproto(self, ip: Ip) -> Parts {
        self.meta(MetaKey::NfProto).is(&[ip.nfproto()])
    }

    pub(super) fn l4proto(self, number: u8) -> Parts {
        self.meta(MetaKey::L4Proto).is(&[number])
    }

    /// `meta l4proto { icmp, ipv6-icmp }`
    pub(super) fn icmp_of_either_family(self) -> Parts {
        self.meta(MetaKey::L4Proto).among(DataType::InetProto, [vec![1], vec![58]])
    }

    pub(super) fn loopback_in(self) -> Parts {
        self.meta(MetaKey::Iif).is(&LOOPBACK_INDEX.to_ne_bytes())
    }

    pub(super) fn loopback_out(self) -> Parts {
        self.meta(MetaKey::Oif).is(&LOOPBACK_INDEX.to_ne_bytes())
    }

    /// `iifname { ... }`, or `iifname != { ... }`.
    pub(super) fn iifname(self, names: &[String], inverted: bool) -> Parts {
        let load = self.meta(MetaKey::IifName);
        match names {
            [one] => load.cmp(if inverted { CmpOp::Neq } else { CmpOp::Eq }, &interface_name(one)),
            several => {
                let keys = several.iter().map(|n| Element::key(&interface_name(n))).collect();
                let set = anonymous(DataType::IfName, keys);
                load.and(Expr::Lookup { sreg: REG, set, dreg: None, invert: inverted })
            }
        }
    }

    /// `ct state a,b`: any of the bits.
    pub(super) fn ct_state(self, bits: u32) -> Parts {
        self.and(Expr::Ct { key: CtKey::State, dir: None, dreg: REG })
            .mask(&bits.to_ne_bytes())
            .cmp(CmpOp::Neq, &[0; 4])
    }

    fn address(self, ip: Ip, side: Side) -> Parts {
        self.nfproto(ip).payload(PayloadBase::Network, ip.offset(side), ip.len())
    }

    /// `ip saddr @set`
    pub(super) fn address_in_set(self, ip: Ip, side: Side, set: &str) -> Parts {
        self.address(ip, side).within(SetRef::Named(set.to_owned()))
    }

    /// `ip saddr 192.0.2.0/24`: whole bytes are compared as they are, as nft does; others are masked.
    pub(super) fn address_in_net(self, net: IpNet, side: Side) -> Parts {
        let ip = Ip::of(&net);
        let bytes = octets(net.network());
        let whole = usize::from(net.prefix_len() / 8);
        if net.prefix_len().is_multiple_of(8) && whole > 0 {
            let len = u32::from(net.prefix_len() / 8);
            let load = self.nfproto(ip).payload(PayloadBase::Network, ip.offset(side), len);
            return load.is(&bytes.bytes()[..whole]);
        }
        self.address(ip, side).mask(octets(net.netmask()).bytes()).is(bytes.bytes())
    }

    /// `udp sport A udp dport B`: adjacent fields are loaded as one, as nft does.
    pub(super) fn udp_ports(self, sport: u16, dport: u16) -> Parts {
        let both = [sport.to_be_bytes(), dport.to_be_bytes()].concat();
        self.l4proto(17).payload(PayloadBase::Transport, 0, 4).is(&both)
    }

    fn dport(self, proto: u8) -> Parts {
        self.l4proto(proto).payload(PayloadBase::Transport, 2, 2)
    }

    /// `udp dport A-B`, or `udp dport { A-B, C-D }`.
    pub(super) fn dport_in(self, proto: u8, ranges: &[(u16, u16)]) -> Parts {
        let load = self.dport(proto);
        match ranges {
            [(first, last)] => {
                load.cmp(CmpOp::Gte, &first.to_be_bytes()).cmp(CmpOp::Lte, &last.to_be_bytes())
            }
            several => {
                let range = |&(a, b): &(u16, u16)| Element::range(&a.to_be_bytes(), &b.to_be_bytes());
                let mut set = Set::new("", &[DataType::InetService]);
                set.flags.interval = true;
                set.elements = several.iter().map(range).collect();
                load.within(SetRef::Anonymous(Box::new(sealed(set))))
            }
        }
    }

    /// `tcp dport 22`, or `tcp dport { 22, 2222 }`
    pub(super) fn dport_among(self, proto: u8, ports: &[u16]) -> Parts {
        let load = self.dport(proto);
        match ports {
            [one] => load.is(&one.to_be_bytes()),
            several => load.among(DataType::InetService, several.iter().map(|p| p.to_be_bytes().to_vec())),
        }
    }

    /// `icmp type { ... }` or `icmpv6 type { ... }`
    pub(super) fn icmp_type(self, ip: Ip, kinds: &[u8]) -> Parts {
        let (proto, kind) = match ip {
            Ip::V4 => (1, DataType::IcmpType),
            Ip::V6 => (58, DataType::Icmpv6Type),
        };
        let load = self.nfproto(ip).l4proto(proto).payload(PayloadBase::Transport, 0, 1);
        match kinds {
            [one] => load.is(&[*one]),
            several => load.among(kind, several.iter().map(|k| vec![*k])),
        }
    }

    /// `icmpv6 type { ... }`, after a match that is IPv6 already.
    pub(super) fn icmpv6_type_here(self, kinds: &[u8]) -> Parts {
        let load = self.l4proto(58).payload(PayloadBase::Transport, 0, 1);
        load.among(DataType::Icmpv6Type, kinds.iter().map(|k| vec![*k]))
    }

    /// `ip6 hoplimit N`, after a match that is IPv6 already.
    pub(super) fn hop_limit(self, hops: u8) -> Parts {
        self.payload(PayloadBase::Network, 7, 1).is(&[hops])
    }

    /// `fib daddr type { local, broadcast, ... }` by RTN_* of include/uapi/linux/rtnetlink.h.
    pub(super) fn destination_type(self, kinds: &[u32]) -> Parts {
        let flags = FibFlags { daddr: true, ..FibFlags::default() };
        self.and(Expr::Fib { result: FibResult::AddrType, flags, dreg: REG })
            .among(DataType::FibAddrType, kinds.iter().map(|k| k.to_ne_bytes().to_vec()))
    }

    /// `limit rate N/second burst M packets`
    pub(super) fn at_most(self, per_second: u32, burst: u32) -> Parts {
        self.and(limit(per_second, burst))
    }

    /// `update @meter { ip saddr limit rate N/second burst M packets }`, IPv6 by /64.
    pub(super) fn metered(self, ip: Ip, meter: &str, per_second: u32, burst: u32) -> Parts {
        let load = self.address(ip, Side::Source);
        let load = match ip {
            Ip::V4 => load,
            Ip::V6 => load.mask(&[[0xff; 8], [0; 8]].concat()),
        };
        load.and(Expr::Dynset {
            set: meter.to_owned(),
            op: DynsetOp::Update,
            key: REG,
            data: None,
            timeout_ms: None,
            invert: false,
            exprs: vec![limit(per_second, burst)],
        })
    }

    pub(super) fn log(self, prefix: &str, group: u16) -> Parts {
        self.and(Expr::Log {
            prefix: Some(prefix.to_owned()),
            group: Some(group),
            snaplen: Some(LOG_BYTES),
            queue_threshold: None,
            level: None,
            flags: None,
        })
    }

    pub(super) fn counter(self) -> Parts {
        self.and(Expr::Counter { packets: 0, bytes: 0 })
    }

    fn end(self, last: Expr) -> Rule {
        Rule { handle: None, exprs: self.and(last).0, comment: None }
    }

    /// The rule as it stands, without a verdict.
    pub(super) fn go_on(self) -> Rule {
        Rule { handle: None, exprs: self.0, comment: None }
    }

    pub(super) fn accept(self) -> Rule {
        self.end(Expr::Verdict(Verdict::Accept))
    }

    pub(super) fn drop(self) -> Rule {
        self.end(Expr::Verdict(Verdict::Drop))
    }

    pub(super) fn goto(self, chain: &str) -> Rule {
        self.end(Expr::Verdict(Verdict::Goto(chain.to_owned())))
    }

    /// `reject with icmpx admin-prohibited`
    pub(super) fn reject(self) -> Rule {
        self.end(Expr::Reject(Reject::Icmpx(3)))
    }

    /// `meta l4proto . th dport vmap @map`
    pub(super) fn port_vmap(self, map: &str) -> Rule {
        self.meta(MetaKey::L4Proto)
            .and(Expr::Payload { base: PayloadBase::Transport, offset: 2, len: 2, dreg: REG_NEXT })
            .end(Expr::Lookup {
                sreg: REG,
                set: SetRef::Named(map.to_owned()),
                dreg: Some(LookupTo::Verdict),
                invert: false,
            })
    }
}

/// Bytes of a dropped packet that are copied to the log: both headers and the first of the payload.
const LOG_BYTES: u32 = 128;

/// Linux gives the loopback interface of every network namespace this index (LOOPBACK_IFINDEX): the one
/// index that is as good as a name, and shorter to compare.
const LOOPBACK_INDEX: u32 = 1;

/// Bits of `ct state`: include/uapi/linux/netfilter/nf_conntrack_common.h.
pub(super) mod ct {
    pub(in crate::lower) const INVALID: u32 = 1;
    pub(in crate::lower) const ESTABLISHED: u32 = 2;
    pub(in crate::lower) const RELATED: u32 = 4;
}

/// A rule with its why, cut to what nft takes for a comment.
pub(super) fn because(mut rule: Rule, why: &str) -> Rule {
    const COMMENT_BYTES_MAX: usize = 127;
    let mut end = why.len().min(COMMENT_BYTES_MAX);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    rule.comment = Some(why[..end].to_owned());
    rule
}

fn limit(per_second: u32, burst: u32) -> Expr {
    Expr::Limit { rate: per_second.into(), per_s: 1, burst, kind: LimitKind::Packets, invert: false }
}

fn interface_name(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    let len = name.len().min(15);
    bytes[..len].copy_from_slice(&name.as_bytes()[..len]);
    bytes
}

fn anonymous(kind: DataType, mut elements: Vec<Element>) -> SetRef {
    elements.sort_by(|a, b| a.key.cmp(&b.key));
    elements.dedup();
    let mut set = Set::new("", &[kind]);
    set.elements = elements;
    SetRef::Anonymous(Box::new(sealed(set)))
}

/// An anonymous set may not change, and says its size, as nft's do.
fn sealed(mut set: Set) -> Set {
    set.flags.constant = true;
    set
}
