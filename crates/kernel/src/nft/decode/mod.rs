//! Messages of nf_tables as values. Takes any bytes: what makes no sense is none, never a panic.
//! Not here: asking for them ([`super::read`]), and batches ([`super::batch`]).

mod element;
mod expr;
mod set;
mod table;

pub(crate) use element::{collect, element_list, raw_elements, RawElement};
pub(crate) use set::{count, set, DecodedSet};
pub(crate) use table::{chain, rule, rule_place, table, DecodedRule};

use rolewall_ruleset::SetRef;

/// Finds what a lookup refers to by name and, in a batch, by number.
pub(crate) type Resolve<'a> = dyn FnMut(String, Option<u32>) -> SetRef + 'a;
