//! Elements out of attributes, and intervals put together again.
//! Not here: how they are asked for ([`crate::nft::read`]).

use super::expr::{statements, value, verdict};
use crate::netlink::{Attributes, Fields};
use crate::nft::encode::ElementForm;
use crate::nft::userdata;
use crate::nft::wire::{LIST_ELEM, element as wire};
use rolewall_ruleset::set::{ElementExtra, MapData};
use rolewall_ruleset::{Element, Set, Value};

/// An element as one attribute holds it: an interval is two of these.
#[derive(Debug, Clone)]
pub(crate) struct RawElement {
    pub(crate) element: Element,
    pub(crate) is_interval_end: bool,
}

/// Whose elements a message lists: table, set, and the set's number in a batch; and the list.
pub(crate) fn element_list(bytes: &[u8]) -> Option<(String, String, Option<u32>, &[u8])> {
    let f = Fields::<5>::known(bytes);
    let list = f.bytes(wire::LIST_ELEMENTS).unwrap_or(&[]);
    Some((f.text(wire::LIST_TABLE)?, f.text(wire::LIST_SET)?, f.be32(wire::LIST_SET_ID), list))
}

/// The elements of a list, in its order.
pub(crate) fn raw_elements(list: &[u8]) -> impl Iterator<Item = RawElement> {
    let elements = Attributes::new(list).filter(|(kind, _)| *kind == LIST_ELEM);
    elements.filter_map(|(_, bytes)| raw_element(bytes))
}

fn raw_element(bytes: &[u8]) -> Option<RawElement> {
    let f = Fields::<12>::known(bytes);
    let flags = f.be32(wire::FLAGS).unwrap_or(0);
    let key = match f.bytes(wire::KEY) {
        Some(key) => value(key)?,
        None if flags & wire::F_CATCHALL != 0 => Value::from_bytes(&[]),
        None => return None,
    };
    let end = f.bytes(wire::KEY_END).and_then(value).filter(|end| *end != key);
    let data = f.bytes(wire::DATA).and_then(map_data);
    let element = Element { key, end, data, extra: extra(&f) };
    Some(RawElement { element, is_interval_end: flags & wire::F_INTERVAL_END != 0 })
}

fn map_data(bytes: &[u8]) -> Option<MapData> {
    value(bytes).map(MapData::Value).or_else(|| verdict(bytes).map(MapData::Verdict))
}

fn extra(f: &Fields<'_, 12>) -> Option<Box<ElementExtra>> {
    let extra = ElementExtra {
        timeout_ms: f.be64(wire::TIMEOUT),
        expires_ms: f.be64(wire::EXPIRATION),
        comment: userdata::comment(f.bytes(wire::USERDATA)),
        exprs: statements(f.bytes(wire::EXPR), f.bytes(wire::EXPRESSIONS)),
    };
    (extra != ElementExtra::default()).then(|| Box::new(extra))
}

/// The elements of a set out of what its messages held: intervals joined, ascending by key.
pub(crate) fn collect(set: &Set, mut raw: Vec<RawElement>) -> Vec<Element> {
    if ElementForm::of(set) == ElementForm::Interval {
        // At one value, the end of the interval below comes before the begin of the one above.
        raw.sort_by(|a, b| {
            let by_key = a.element.key.cmp(&b.element.key);
            by_key.then(b.is_interval_end.cmp(&a.is_interval_end))
        });
        return joined(raw);
    }
    let mut elements: Vec<Element> = raw.into_iter().map(|r| r.element).collect();
    elements.sort_by(|a, b| (&a.key, &a.end).cmp(&(&b.key, &b.end)));
    elements
}

/// A begin reaches to before what follows it, be that its end or the next begin; the last one without
/// an end, to the last value. Ends without a begin (nft leads with one; an expired begin leaves one) say
/// nothing.
fn joined(raw: Vec<RawElement>) -> Vec<Element> {
    let mut elements = Vec::with_capacity(raw.len().div_ceil(2));
    let mut rest = raw.into_iter().peekable();
    while let Some(RawElement { mut element, is_interval_end }) = rest.next() {
        if is_interval_end {
            continue;
        }
        if !element.key.bytes().is_empty() {
            let next = rest.peek().map(|r| &r.element.key);
            let last = match next {
                Some(behind) => predecessor(behind),
                None => Value::filled(0xff, element.key.bytes().len()),
            };
            element.end = (last != element.key).then_some(last);
        }
        elements.push(element);
    }
    elements
}

/// The value before, counted as one big-endian number; before zero, zero.
fn predecessor(value: &Value) -> Value {
    let mut before = value.clone();
    if before.bytes().iter().all(|b| *b == 0) {
        return before;
    }
    for byte in before.bytes_mut().iter_mut().rev() {
        *byte = byte.wrapping_sub(1);
        if *byte != 0xff {
            break;
        }
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;
    use rolewall_ruleset::DataType;

    fn raw(key: &[u8], is_interval_end: bool) -> RawElement {
        RawElement { element: Element::key(key), is_interval_end }
    }

    fn ports() -> Set {
        let mut set = Set::new("s", &[DataType::InetService]);
        set.flags.interval = true;
        set
    }

    #[test]
    fn intervals_join_across_any_order_and_a_leading_end() {
        let got = collect(
            &ports(),
            vec![
                raw(&[0, 9], true),
                raw(&[0, 5], false),
                raw(&[0, 0], true),
                raw(&[0, 9], false),
                raw(&[0, 10], true),
            ],
        );
        assert_eq!(got, [Element::range(&[0, 5], &[0, 8]), Element::key(&[0, 9])]);
    }

    #[test]
    fn an_interval_without_an_end_reaches_the_next_or_the_last_value() {
        let got = collect(&ports(), vec![raw(&[0, 5], false), raw(&[1, 0], false)]);
        assert_eq!(got, [Element::range(&[0, 5], &[0, 255]), Element::range(&[1, 0], &[255, 255])]);
        let last = collect(&ports(), vec![raw(&[255, 255], false)]);
        assert_eq!(last, [Element::key(&[255, 255])]);
    }
}
