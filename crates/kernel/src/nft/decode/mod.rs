//! Messages of nf_tables as values. Takes any bytes: what makes no sense is none, never a panic.
//! Not here: asking for them ([`super::read`]), and batches ([`super::batch`]).

mod element;
mod expr;
mod nat;
mod set;
mod table;
mod xt;

pub(crate) use element::{RawElement, collect, element_list, raw_elements};
pub(crate) use set::{DecodedSet, count, set};
pub(crate) use table::{DecodedRule, chain, rule, rule_place, table};

use rolewall_ruleset::SetRef;

/// Finds what a lookup refers to by name and, in a batch, by number.
pub(crate) type Resolve<'a> = dyn FnMut(String, Option<u32>) -> SetRef + 'a;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::Messages;
    use proptest::prelude::*;
    use rolewall_ruleset::Family;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = table(&bytes);
            let _ = chain(Family::Netdev, &bytes);
            let _ = rule(&bytes, &mut |name, _| SetRef::Named(name));
            let _ = element_list(&bytes);
            let raw: Vec<RawElement> = raw_elements(&bytes).collect();
            if let Some(decoded) = set(&bytes) {
                collect(&decoded.set, raw);
            }
            Messages::new(&bytes).for_each(|m| drop(m.outcome()));
        }
    }
}
