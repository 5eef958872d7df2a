//! Sets and maps as messages, named and anonymous.
//! Not here: their elements ([`super::element`]).

use super::expr::{anonymous_name, anonymous_set, write_statements};
use super::{BatchWriter, element};
use crate::netlink::{Writer, wire as nl};
use crate::nft::codes::flag;
use crate::nft::userdata;
use crate::nft::wire::{LIST_ELEM, message, set};
use rolewall_ruleset::{DataType, Expr, Set, TableId};

impl BatchWriter {
    /// Declares a set. Gives the number by which later messages of the batch can name it.
    pub(super) fn add_set(&mut self, id: &TableId, s: &Set, size: Option<u32>) -> u32 {
        let set_id = self.next_set_id();
        let name = if s.is_anonymous() { anonymous_name(s) } else { &s.name };
        self.operation(id.family, message::NEWSET, nl::F_CREATE, |w| {
            w.string(set::TABLE, &id.name);
            w.string(set::NAME, name);
            w.be32(set::FLAGS, flags_code(s));
            write_types(w, s);
            w.be32(set::ID, set_id);
            write_description(w, s, size);
            if let Some(timeout) = s.timeout_ms {
                w.be64(set::TIMEOUT, timeout);
            }
            w.bytes(set::USERDATA, &userdata::of_set(s));
            write_statements(w, set::EXPR, set::EXPRESSIONS, &s.exprs);
        });
        set_id
    }

    /// Declares and fills the anonymous sets of a rule. Gives their numbers, in order.
    pub(super) fn anonymous_sets(&mut self, id: &TableId, exprs: &[Expr]) -> Vec<u32> {
        exprs.iter().filter_map(anonymous_set).map(|s| self.anonymous_set(id, s)).collect()
    }

    fn anonymous_set(&mut self, id: &TableId, s: &Set) -> u32 {
        let size = u32::try_from(element::sent_count(s, &s.elements)).ok();
        let set_id = self.add_set(id, s, size);
        self.elements(id, s, &s.elements, message::NEWSETELEM, nl::F_CREATE, Some(set_id));
        set_id
    }
}

/// The flags that somebody chose, and those that follow from the rest.
fn flags_code(s: &Set) -> u32 {
    let anonymous = s.is_anonymous();
    flag(s.flags.constant || anonymous, set::F_CONSTANT)
        | flag(anonymous, set::F_ANONYMOUS)
        | flag(s.flags.interval, set::F_INTERVAL)
        | flag(s.flags.timeout, set::F_TIMEOUT)
        | flag(s.flags.dynamic, set::F_EVAL)
        | flag(s.data.is_some(), set::F_MAP)
        | flag(s.flags.interval && s.key.len() > 1, set::F_CONCAT)
        | flag(s.exprs.len() > 1, set::F_EXPR)
}

fn write_types(w: &mut Writer, s: &Set) {
    w.be32(set::KEY_TYPE, folded(&s.key));
    w.be32(set::KEY_LEN, len_code(s.key_len()));
    if let Some(data) = &s.data {
        let data_type = if s.is_verdict_map() { set::DATA_VERDICT } else { folded(data) };
        w.be32(set::DATA_TYPE, data_type);
        w.be32(set::DATA_LEN, len_code(s.data_len()));
    }
}

/// A length that no set can have where it does not fit: Linux takes 64 bytes at most.
fn len_code(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// nft's number of a type; of a concatenation, six bits for each field.
fn folded(types: &[DataType]) -> u32 {
    match types {
        [one] => one.id(),
        many => many.iter().fold(0, |sum, t| sum << 6 | (t.id() & 0x3f)),
    }
}

/// Size, and the fields of a concatenation of ranges.
fn write_description(w: &mut Writer, s: &Set, size: Option<u32>) {
    let fields = s.flags.interval && s.key.len() > 1;
    if size.is_none() && !fields {
        return;
    }
    w.nest(set::DESC, |w| {
        if let Some(size) = size {
            w.be32(set::DESC_SIZE, size);
        }
        if fields {
            w.nest(set::DESC_CONCAT, |w| {
                for field in &s.key {
                    w.nest(LIST_ELEM, |w| w.be32(set::FIELD_LEN, u32::from(field.len())));
                }
            });
        }
    });
}
