//! Values of `rolewall-ruleset` that are one number in nf_tables: families, keys, operators, registers.
//! Not here: attributes, and anything of more than one number.

use rolewall_ruleset::expr::{
    CmpOp, CtKey, DynsetOp, FibFlags, FibResult, MetaKey, NatFlags, ObjectKind, PayloadBase,
};
use rolewall_ruleset::table::{ChainKind, Hook};
use rolewall_ruleset::{Family, Reg, TableFlags};

use super::wire::{
    expr::{fib, nat},
    table,
};

/// Pairs of a value and its number; both ways are the same table.
type Codes<T, const N: usize> = [(T, u32); N];

fn code_of<T: PartialEq + Copy, const N: usize>(codes: &Codes<T, N>, value: T) -> Option<u32> {
    codes.iter().find(|(v, _)| *v == value).map(|(_, n)| *n)
}

fn value_of<T: Copy, const N: usize>(codes: &Codes<T, N>, code: u32) -> Option<T> {
    codes.iter().find(|(_, n)| *n == code).map(|(v, _)| *v)
}

/// A flag's bits, if it is set.
pub(crate) fn flag(is_set: bool, bits: u32) -> u32 {
    if is_set { bits } else { 0 }
}

/// `NFPROTO_*`.
const FAMILIES: Codes<Family, 6> = [
    (Family::Inet, 1),
    (Family::Ip, 2),
    (Family::Arp, 3),
    (Family::Netdev, 5),
    (Family::Bridge, 7),
    (Family::Ip6, 10),
];

pub(crate) fn family_code(family: Family) -> u8 {
    code_of(&FAMILIES, family).unwrap_or_default() as u8
}

pub(crate) fn family(code: u8) -> Option<Family> {
    value_of(&FAMILIES, u32::from(code))
}

/// `enum nf_inet_hooks`, which inet, ip, ip6 and bridge share.
const INET_HOOKS: Codes<Hook, 6> = [
    (Hook::Prerouting, 0),
    (Hook::Input, 1),
    (Hook::Forward, 2),
    (Hook::Output, 3),
    (Hook::Postrouting, 4),
    (Hook::Ingress, 5),
];
/// `NF_ARP_*`.
const ARP_HOOKS: Codes<Hook, 3> = [(Hook::Input, 0), (Hook::Output, 1), (Hook::Forward, 2)];
/// `enum nf_dev_hooks`.
const NETDEV_HOOKS: Codes<Hook, 2> = [(Hook::Ingress, 0), (Hook::Egress, 1)];

/// The hook's number in its family; one that no family has where this one has not this hook, so that
/// Linux refuses it.
pub(crate) fn hook_code(family: Family, hook: Hook) -> u32 {
    let code = match family {
        Family::Arp => code_of(&ARP_HOOKS, hook),
        Family::Netdev => code_of(&NETDEV_HOOKS, hook),
        Family::Inet | Family::Ip | Family::Ip6 | Family::Bridge => code_of(&INET_HOOKS, hook),
    };
    code.unwrap_or(u32::from(u8::MAX))
}

pub(crate) fn hook(family: Family, code: u32) -> Option<Hook> {
    match family {
        Family::Arp => value_of(&ARP_HOOKS, code),
        Family::Netdev => value_of(&NETDEV_HOOKS, code),
        Family::Inet | Family::Ip | Family::Ip6 | Family::Bridge => value_of(&INET_HOOKS, code),
    }
}

pub(crate) fn chain_kind_name(kind: ChainKind) -> &'static str {
    match kind {
        ChainKind::Filter => "filter",
        ChainKind::Nat => "nat",
        ChainKind::Route => "route",
    }
}

pub(crate) fn chain_kind(name: &str) -> Option<ChainKind> {
    [ChainKind::Filter, ChainKind::Nat, ChainKind::Route].into_iter().find(|k| chain_kind_name(*k) == name)
}

pub(crate) fn table_flags_code(flags: TableFlags) -> u32 {
    let TableFlags { dormant, owner, persist } = flags;
    flag(dormant, table::F_DORMANT) | flag(owner, table::F_OWNER) | flag(persist, table::F_PERSIST)
}

pub(crate) fn table_flags(code: u32) -> TableFlags {
    TableFlags {
        dormant: code & table::F_DORMANT != 0,
        owner: code & table::F_OWNER != 0,
        persist: code & table::F_PERSIST != 0,
    }
}

/// Slots 0, 4, 8, 12 have the numbers of the four old 16-byte registers, as in the kernel's own dumps;
/// the others count from `NFT_REG32_00`. A slot that does not exist gets a number that does not exist.
pub(crate) fn register_code(reg: Reg) -> u32 {
    match u32::from(reg.0) {
        slot @ (0 | 4 | 8 | 12) => 1 + slot / 4,
        slot @ 0..16 => 8 + slot,
        slot => 0x100 + slot,
    }
}

pub(crate) fn register(code: u32) -> Option<Reg> {
    match code {
        1..=4 => Some(Reg(((code - 1) * 4) as u8)),
        8..=23 => Some(Reg((code - 8) as u8)),
        _ => None,
    }
}

/// `enum nft_meta_keys`.
const META_KEYS: Codes<MetaKey, 20> = [
    (MetaKey::Len, 0),
    (MetaKey::Protocol, 1),
    (MetaKey::Priority, 2),
    (MetaKey::Mark, 3),
    (MetaKey::Iif, 4),
    (MetaKey::Oif, 5),
    (MetaKey::IifName, 6),
    (MetaKey::OifName, 7),
    (MetaKey::IifType, 8),
    (MetaKey::OifType, 9),
    (MetaKey::SkUid, 10),
    (MetaKey::SkGid, 11),
    (MetaKey::NfTrace, 12),
    (MetaKey::NfProto, 15),
    (MetaKey::L4Proto, 16),
    (MetaKey::PktType, 19),
    (MetaKey::Cpu, 20),
    (MetaKey::IifGroup, 21),
    (MetaKey::OifGroup, 22),
    (MetaKey::Cgroup, 23),
];

pub(crate) fn meta_key_code(key: MetaKey) -> u32 {
    match key {
        MetaKey::Other(code) => code,
        named => code_of(&META_KEYS, named).unwrap_or(u32::MAX),
    }
}

pub(crate) fn meta_key(code: u32) -> MetaKey {
    value_of(&META_KEYS, code).unwrap_or(MetaKey::Other(code))
}

/// `enum nft_ct_keys`.
const CT_KEYS: Codes<CtKey, 19> = [
    (CtKey::State, 0),
    (CtKey::Direction, 1),
    (CtKey::Status, 2),
    (CtKey::Mark, 3),
    (CtKey::Expiration, 5),
    (CtKey::Helper, 6),
    (CtKey::L3Protocol, 7),
    (CtKey::Src, 8),
    (CtKey::Dst, 9),
    (CtKey::Protocol, 10),
    (CtKey::ProtoSrc, 11),
    (CtKey::ProtoDst, 12),
    (CtKey::Labels, 13),
    (CtKey::Zone, 17),
    (CtKey::SrcIp, 19),
    (CtKey::DstIp, 20),
    (CtKey::SrcIp6, 21),
    (CtKey::DstIp6, 22),
    (CtKey::Id, 23),
];

pub(crate) fn ct_key_code(key: CtKey) -> u32 {
    match key {
        CtKey::Other(code) => code,
        named => code_of(&CT_KEYS, named).unwrap_or(u32::MAX),
    }
}

pub(crate) fn ct_key(code: u32) -> CtKey {
    value_of(&CT_KEYS, code).unwrap_or(CtKey::Other(code))
}

/// `enum nft_cmp_ops`; the first two are also `enum nft_range_ops`.
const CMP_OPS: Codes<CmpOp, 6> =
    [(CmpOp::Eq, 0), (CmpOp::Neq, 1), (CmpOp::Lt, 2), (CmpOp::Lte, 3), (CmpOp::Gt, 4), (CmpOp::Gte, 5)];

pub(crate) fn cmp_op_code(op: CmpOp) -> u32 {
    code_of(&CMP_OPS, op).unwrap_or(u32::MAX)
}

pub(crate) fn cmp_op(code: u32) -> Option<CmpOp> {
    value_of(&CMP_OPS, code)
}

/// `enum nft_payload_bases`.
const PAYLOAD_BASES: Codes<PayloadBase, 4> =
    [(PayloadBase::Link, 0), (PayloadBase::Network, 1), (PayloadBase::Transport, 2), (PayloadBase::Inner, 3)];

pub(crate) fn payload_base_code(base: PayloadBase) -> u32 {
    code_of(&PAYLOAD_BASES, base).unwrap_or(u32::MAX)
}

pub(crate) fn payload_base(code: u32) -> Option<PayloadBase> {
    value_of(&PAYLOAD_BASES, code)
}

/// `enum nft_dynset_ops`.
const DYNSET_OPS: Codes<DynsetOp, 3> = [(DynsetOp::Add, 0), (DynsetOp::Update, 1), (DynsetOp::Delete, 2)];

pub(crate) fn dynset_op_code(op: DynsetOp) -> u32 {
    code_of(&DYNSET_OPS, op).unwrap_or(u32::MAX)
}

pub(crate) fn dynset_op(code: u32) -> Option<DynsetOp> {
    value_of(&DYNSET_OPS, code)
}

/// `enum nft_fib_result`.
const FIB_RESULTS: Codes<FibResult, 3> =
    [(FibResult::Oif, 1), (FibResult::OifName, 2), (FibResult::AddrType, 3)];

pub(crate) fn fib_result_code(result: FibResult) -> u32 {
    code_of(&FIB_RESULTS, result).unwrap_or(u32::MAX)
}

pub(crate) fn fib_result(code: u32) -> Option<FibResult> {
    value_of(&FIB_RESULTS, code)
}

pub(crate) fn fib_flags_code(flags: FibFlags) -> u32 {
    let FibFlags { saddr, daddr, mark, iif, oif, present } = flags;
    flag(saddr, fib::F_SADDR)
        | flag(daddr, fib::F_DADDR)
        | flag(mark, fib::F_MARK)
        | flag(iif, fib::F_IIF)
        | flag(oif, fib::F_OIF)
        | flag(present, fib::F_PRESENT)
}

/// None where a flag is set that has no name here.
pub(crate) fn fib_flags(code: u32) -> Option<FibFlags> {
    let flags = FibFlags {
        saddr: code & fib::F_SADDR != 0,
        daddr: code & fib::F_DADDR != 0,
        mark: code & fib::F_MARK != 0,
        iif: code & fib::F_IIF != 0,
        oif: code & fib::F_OIF != 0,
        present: code & fib::F_PRESENT != 0,
    };
    (fib_flags_code(flags) == code).then_some(flags)
}

/// `NF_NAT_RANGE_*`, without those that follow from the registers.
pub(crate) fn nat_flags_code(flags: NatFlags) -> u32 {
    let NatFlags { random, fully_random, persistent, netmap } = flags;
    flag(random, nat::F_RANDOM)
        | flag(fully_random, nat::F_FULLY_RANDOM)
        | flag(persistent, nat::F_PERSISTENT)
        | flag(netmap, nat::F_NETMAP)
}

/// None where a flag is set that has no name here.
pub(crate) fn nat_flags(code: u32) -> Option<NatFlags> {
    let flags = NatFlags {
        random: code & nat::F_RANDOM != 0,
        fully_random: code & nat::F_FULLY_RANDOM != 0,
        persistent: code & nat::F_PERSISTENT != 0,
        netmap: code & nat::F_NETMAP != 0,
    };
    (nat_flags_code(flags) == code & !(nat::F_MAP_IPS | nat::F_PROTO_SPECIFIED)).then_some(flags)
}

/// `NFT_OBJECT_*`.
const OBJECT_KINDS: Codes<ObjectKind, 10> = [
    (ObjectKind::Counter, 1),
    (ObjectKind::Quota, 2),
    (ObjectKind::CtHelper, 3),
    (ObjectKind::Limit, 4),
    (ObjectKind::ConnLimit, 5),
    (ObjectKind::Tunnel, 6),
    (ObjectKind::CtTimeout, 7),
    (ObjectKind::Secmark, 8),
    (ObjectKind::CtExpectation, 9),
    (ObjectKind::Synproxy, 10),
];

pub(crate) fn object_kind_code(kind: ObjectKind) -> u32 {
    match kind {
        ObjectKind::Other(code) => code,
        named => code_of(&OBJECT_KINDS, named).unwrap_or(u32::MAX),
    }
}

pub(crate) fn object_kind(code: u32) -> ObjectKind {
    value_of(&OBJECT_KINDS, code).unwrap_or(ObjectKind::Other(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_register_slot_has_one_number_and_comes_back() {
        for slot in 0..16 {
            assert_eq!(register(register_code(Reg(slot))), Some(Reg(slot)));
        }
        assert_eq!(register(register_code(Reg(16))), None);
        assert_eq!(register_code(Reg(1)), 9);
        assert_eq!(register_code(Reg(4)), 2);
    }

    #[test]
    fn a_hook_that_a_family_lacks_is_no_hook() {
        assert_eq!(hook(Family::Arp, hook_code(Family::Arp, Hook::Prerouting)), None);
        assert_eq!(hook(Family::Netdev, 1), Some(Hook::Egress));
    }
}
