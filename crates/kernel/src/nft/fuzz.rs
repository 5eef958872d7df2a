//! Any bytes as answers of nf_tables ([`crate::fuzz`]).
//! Not here: batches, which anybody may decode ([`super::batch`]).

use super::{decode, exact, wire::NFGENMSG_LEN};
use crate::netlink::Message;
use rolewall_ruleset::{DataType, Element, Family, Set, SetRef};

/// How many things a message tells, read as each sort of answer.
pub(crate) fn message(m: &Message<'_>) -> usize {
    let bytes = m.after(NFGENMSG_LEN);
    let set = decode::set(bytes);
    let elements = decode::element_list(bytes).map(|(_, _, _, list)| {
        let raw = decode::raw_elements(list).collect();
        set.as_ref().map_or(0, |decoded| decode::collect(&decoded.set, raw).len())
    });
    let told = [
        decode::table(bytes).is_some(),
        decode::chain(Family::Inet, bytes).is_some(),
        decode::rule_place(bytes).is_some(),
        decode::rule(bytes, &mut |name, _| SetRef::Named(name)).is_some(),
        decode::count(bytes).is_some(),
        set.is_some(),
    ];
    told.into_iter().filter(|is_told| *is_told).count() + elements.unwrap_or(0)
}

fn hash_set(elements: Vec<Element>) -> Set {
    Set { elements, ..Set::new("s", &[DataType::Ipv4Addr]) }
}

pub(crate) fn elements(list: &[u8]) -> Vec<Element> {
    decode::collect(&hash_set(Vec::new()), decode::raw_elements(list).collect())
}

pub(crate) fn holds_exactly(wanted: &[Element], list: &[u8]) -> Option<bool> {
    exact::is_exactly(&hash_set(wanted.to_vec()), list)
}
