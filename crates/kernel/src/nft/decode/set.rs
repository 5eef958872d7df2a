//! Sets and maps out of attributes.
//! Not here: their elements ([`super::element`]).

use super::expr::statements;
use crate::netlink::{Attributes, Fields};
use crate::nft::userdata;
use crate::nft::wire::{LIST_ELEM, set as wire};
use rolewall_ruleset::set::fields_len;
use rolewall_ruleset::{DataType, Set, SetFlags};

type SetFields<'a> = Fields<'a, 21>;

/// A set without elements, and what only its messages need.
#[derive(Debug, Clone)]
pub(crate) struct DecodedSet {
    pub(crate) table: String,
    /// The name in the kernel or the batch, of an anonymous set too.
    pub(crate) name: String,
    /// Its number in a batch.
    pub(crate) id: Option<u32>,
    pub(crate) set: Set,
}

/// A set out of the attributes of its message.
pub(crate) fn set(bytes: &[u8]) -> Option<DecodedSet> {
    let f = SetFields::known(bytes);
    let name = f.text(wire::NAME)?;
    let flags = f.be32(wire::FLAGS).unwrap_or(0);
    let anonymous = flags & wire::F_ANONYMOUS != 0;
    let desc = Fields::<3>::known(f.bytes(wire::DESC).unwrap_or(&[]));
    let set = Set {
        name: if anonymous { String::new() } else { name.clone() },
        key: key_types(&f, &desc)?,
        data: if flags & wire::F_MAP != 0 { Some(data_types(&f, flags)?) } else { None },
        flags: set_flags(flags),
        timeout_ms: f.be64(wire::TIMEOUT).filter(|t| *t != 0),
        size: desc.be32(wire::DESC_SIZE).filter(|size| *size != 0 && !anonymous),
        exprs: statements(f.bytes(wire::EXPR), f.bytes(wire::EXPRESSIONS)),
        comment: userdata::set_comment(f.bytes(wire::USERDATA)),
        elements: Vec::new(),
    };
    Some(DecodedSet { table: f.text(wire::TABLE)?, name, id: f.be32(wire::ID), set })
}

/// How many elements the kernel says that a set has. None from kernels that do not say.
pub(crate) fn count(bytes: &[u8]) -> Option<u32> {
    SetFields::known(bytes).be32(wire::COUNT)
}

/// `constant` of an anonymous set follows from its being one, so it is not among the chosen flags.
fn set_flags(flags: u32) -> SetFlags {
    SetFlags {
        constant: flags & wire::F_CONSTANT != 0 && flags & wire::F_ANONYMOUS == 0,
        interval: flags & wire::F_INTERVAL != 0,
        timeout: flags & wire::F_TIMEOUT != 0,
        dynamic: flags & wire::F_EVAL != 0,
    }
}

fn key_types(f: &SetFields<'_>, desc: &Fields<'_, 3>) -> Option<Vec<DataType>> {
    let len = f.be32(wire::KEY_LEN)?;
    let fields = desc.bytes(wire::DESC_CONCAT).map(field_lens).unwrap_or_default();
    types(f.be32(wire::KEY_TYPE).unwrap_or(0), len, &fields)
}

fn data_types(f: &SetFields<'_>, flags: u32) -> Option<Vec<DataType>> {
    if flags & wire::F_OBJECT != 0 {
        // A map of objects: the type of object is kept, its contents are not modelled.
        return Some(vec![DataType::Other { id: f.be32(wire::OBJ_TYPE)?, len: 0 }]);
    }
    match f.be32(wire::DATA_TYPE)? {
        wire::DATA_VERDICT => Some(vec![DataType::Verdict]),
        id => types(id, f.be32(wire::DATA_LEN)?, &[]),
    }
}

fn field_lens(bytes: &[u8]) -> Vec<u8> {
    let elements = Attributes::new(bytes).filter(|(kind, _)| *kind == LIST_ELEM);
    let lens = elements.filter_map(|(_, e)| Fields::<2>::known(e).be32(wire::FIELD_LEN));
    lens.filter_map(|len| u8::try_from(len).ok()).collect()
}

/// The fields of a type number: one, or several of six bits each, as nft folds a concatenation.
fn types(id: u32, len: u32, field_lens: &[u8]) -> Option<Vec<DataType>> {
    // Linux makes no set of keys without bytes, nor of more than sixteen registers (`NFT_DATA_VALUE_MAXLEN`).
    let len = u8::try_from(len).ok().filter(|len| (1..=64).contains(len))?;
    let ids = unfolded(id);
    if ids.len() < 2 {
        return Some(vec![DataType::from_id(id, len)]);
    }
    let fields = if field_lens.len() == ids.len() {
        ids.iter().zip(field_lens).map(|(id, len)| DataType::from_id(*id, *len)).collect()
    } else {
        guessed(&ids, len)
    };
    let fits = fields_len(&fields) == usize::from(len);
    Some(if fits { fields } else { vec![DataType::Other { id, len }] })
}

/// The six-bit numbers of a concatenation, first field first; none above 30 bits.
fn unfolded(id: u32) -> Vec<u32> {
    let groups = (0..5).rev().map(|n| id >> (6 * n) & 0x3f);
    if id >> 30 != 0 { Vec::new() } else { groups.skip_while(|g| *g == 0).collect() }
}

/// Fields whose length nobody gives: that of the named type, and what is left for one without a name.
fn guessed(ids: &[u32], len: u8) -> Vec<DataType> {
    let named = |id: u32| DataType::NAMED.into_iter().find(|t| t.id() == id);
    let padded = |t: DataType| t.len().next_multiple_of(4);
    let known: u8 = ids.iter().filter_map(|id| named(*id)).fold(0, |sum, t| sum.saturating_add(padded(t)));
    let mut rest = len.saturating_sub(known);
    let mut unnamed = ids.iter().filter(|id| named(**id).is_none()).count();
    let mut field = |id: u32| {
        unnamed -= 1;
        let len = if unnamed == 0 { rest } else { rest.min(4) };
        rest -= len;
        DataType::Other { id, len }
    };
    ids.iter().map(|id| named(*id).unwrap_or_else(|| field(*id))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concatenations_unfold_in_order() {
        let expect = vec![DataType::Ipv4Addr, DataType::InetService];
        assert_eq!(types(0x1cd, 8, &[]), Some(expect.clone()));
        assert_eq!(types(0x1cd, 8, &[4, 2]), Some(expect));
    }

    #[test]
    fn a_type_without_a_name_keeps_number_and_length() {
        assert_eq!(types(24, 4, &[]), Some(vec![DataType::Other { id: 24, len: 4 }]));
        let with_uid = vec![DataType::Ipv6Addr, DataType::Other { id: 24, len: 4 }];
        assert_eq!(types(8 << 6 | 24, 20, &[]), Some(with_uid));
        assert_eq!(types(u32::MAX, 9, &[]), Some(vec![DataType::Other { id: u32::MAX, len: 9 }]));
    }

    #[test]
    fn keys_of_no_bytes_or_of_more_than_the_registers_hold_are_none() {
        assert_eq!((types(7, 0, &[]), types(7, 65, &[]), types(0x1cd, 0, &[4, 2])), (None, None, None));
        assert!(types(24, 64, &[]).is_some());
    }
}
