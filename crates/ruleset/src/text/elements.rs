//! Elements as they stand in a set's braces: keys, ranges, prefixes, data, lifetimes; in nft's order.
//! Not here: a set's declaration ([`super::declaration`]) and single values ([`super::value`]).

use super::plain;
use super::value::{self, Kind, Order, duration};
use crate::{DataType, Element, Set, Verdict, set::MapData};
use std::cmp::{Ordering, Reverse};

/// One field of a key: how it is spelled, how it lies in the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) kind: Kind,
    pub(super) order: Order,
    pub(super) len: usize,
}

impl Column {
    /// The columns of fields that have a declared type. Ranges are of numbers in network order.
    pub(super) fn of(fields: &[DataType], ranges: bool) -> Option<Vec<Column>> {
        let column = |field: &DataType| {
            let kind = Kind::of(*field)?;
            let order = if ranges { Order::Network } else { kind.order() };
            Some(Column { kind, order, len: usize::from(field.len()) })
        };
        fields.iter().map(column).collect()
    }
}

/// Writes the elements of a set, spelled, in the order in which nft lists them; on one line, or so many on
/// each. None if one has no spelling.
pub(super) fn write(set: &Set, columns: &[Column], a_line: Option<usize>, text: &mut String) -> Option<()> {
    for (index, element) in sorted(set, columns).into_iter().enumerate() {
        match index {
            0 => {}
            _ if a_line.is_some_and(|n| index % n == 0) => text.push_str(",\n\t\t\t     "),
            _ => text.push_str(", "),
        }
        write_one(set, columns, element, text)?;
    }
    Some(())
}

/// A plain address or port, which most elements are, needs none of what others do.
fn write_one(set: &Set, columns: &[Column], element: &Element, text: &mut String) -> Option<()> {
    let Element { key, end, data, extra } = element;
    if let ([one], None, None, None) = (columns, end, data, extra) {
        let bytes = Some(key.bytes()).filter(|bytes| bytes.len() == one.len)?;
        return value::write(one.kind, bytes, one.order, text);
    }
    text.push_str(&spell(set, columns, element)?);
    Some(())
}

/// By number; of concatenations nft takes the last byte as the highest, and leaves ranges as they come.
fn sorted<'a>(set: &'a Set, columns: &[Column]) -> Vec<&'a Element> {
    let mut elements: Vec<_> = set.elements.iter().collect();
    match columns {
        [_] if set.flags.interval => elements.sort_by(|a, b| a.key.cmp(&b.key)),
        [one] if one.kind == Kind::TcpFlags && set.data.is_none() => elements.sort_by_key(|e| first_flags(e)),
        [one] if one.order == Order::Network => elements.sort_by(|a, b| a.key.cmp(&b.key)),
        _ if set.flags.interval => {}
        _ => elements.sort_by(|a, b| backwards(a, b)),
    }
    elements
}

fn backwards(a: &Element, b: &Element) -> Ordering {
    a.key.bytes().iter().rev().cmp(b.key.bytes().iter().rev())
}

/// nft orders lists of flags by their first flag, then the second and so on, the longer list first.
fn first_flags(element: &Element) -> (bool, Reverse<u8>) {
    let bits = element.key.bytes().first().copied().unwrap_or(0);
    (bits != 0, Reverse(bits.reverse_bits()))
}

/// One element with all that it has.
pub(super) fn spell(set: &Set, columns: &[Column], element: &Element) -> Option<String> {
    let mut text = span(columns, element, set.flags.interval)?;
    if let Some(extra) = &element.extra {
        for expr in &extra.exprs {
            text = format!("{text} {}", plain::phrase(expr, plain::Figures::Shown)?);
        }
        if let Some(ms) = extra.timeout_ms {
            text = format!("{text} timeout {}", duration(ms));
        }
        if let Some(ms) = extra.expires_ms {
            text = format!("{text} expires {}", duration(ms));
        }
        if let Some(comment) = &extra.comment {
            text = format!("{text} comment {}", plain::quoted(comment)?);
        }
    }
    match &element.data {
        None => Some(text),
        Some(data) => Some(format!("{text} : {}", spell_data(set.data.as_deref()?, data)?)),
    }
}

fn spell_data(fields: &[DataType], data: &MapData) -> Option<String> {
    match data {
        MapData::Verdict(Verdict::Other(_)) => None,
        MapData::Verdict(verdict) => Some(plain::verdict(verdict)),
        MapData::Value(value) => span(&Column::of(fields, false)?, &Element::key(value.bytes()), false),
    }
}

/// A key or a range of keys, field by field.
pub(super) fn span(columns: &[Column], element: &Element, ranges: bool) -> Option<String> {
    let first = fields(columns, element.key.bytes())?;
    let last = match &element.end {
        Some(end) => fields(columns, end.bytes())?,
        None => first.clone(),
    };
    let ends = columns.iter().zip(first.into_iter().zip(last));
    let spelled: Option<Vec<_>> = ends
        .map(|(column, (first, last))| match first == last {
            true => value::spell(column.kind, first, column.order),
            false if ranges => range(*column, first, last),
            false => None,
        })
        .collect();
    spelled.map(|fields| fields.join(" . "))
}

/// The fields of a key. None if it is not as long as they are.
fn fields<'a>(columns: &[Column], bytes: &'a [u8]) -> Option<Vec<&'a [u8]>> {
    if let [one] = columns {
        return (bytes.len() == one.len).then(|| vec![bytes]);
    }
    let mut rest = bytes;
    let mut fields = Vec::with_capacity(columns.len());
    for column in columns {
        let (field, after) = rest.split_at_checked(column.len.next_multiple_of(4))?;
        fields.push(&field[..column.len]);
        rest = after;
    }
    rest.is_empty().then_some(fields)
}

/// A range: as a prefix where it is one and its kind has them, of names by their beginning.
fn range(column: Column, first: &[u8], last: &[u8]) -> Option<String> {
    if column.kind == Kind::IfName {
        return names_beginning(first, last);
    }
    if !range_has_words(column) {
        return None;
    }
    let spelled = |bytes: &[u8]| value::spell(column.kind.in_ranges(), bytes, column.order);
    match prefix_len(first, last) {
        Some(len) if column.kind.has_prefixes() => Some(format!("{}/{len}", spelled(first)?)),
        _ => Some(format!("{}-{}", spelled(first)?, spelled(last)?)),
    }
}

/// Numbers in host order have no ranges, nor have names and flags.
fn range_has_words(column: Column) -> bool {
    let ordered = column.order == Order::Network || column.len == 1;
    let named = matches!(
        column.kind,
        Kind::IfIndex | Kind::RouteIndex | Kind::FibType | Kind::Text | Kind::Dscp | Kind::Ecn
    );
    ordered && !named && !column.kind.is_bits()
}

/// Bits that both ends share, if the rest is all zeros in one and all ones in the other.
fn prefix_len(first: &[u8], last: &[u8]) -> Option<u32> {
    let (low, high) = (value::number(first, Order::Network)?, value::number(last, Order::Network)?);
    let hosts = low ^ high;
    let whole = hosts & hosts.wrapping_add(1) == 0 && low & hosts == 0;
    let bits = u32::try_from(first.len()).ok()? * 8;
    whole.then(|| bits - (128 - hosts.leading_zeros()))
}

fn names_beginning(first: &[u8], last: &[u8]) -> Option<String> {
    let len = first.iter().position(|b| *b == 0)?;
    let (name, zeros) = first.split_at(len);
    let (same, ones) = last.split_at_checked(len)?;
    let all = name == same && zeros.iter().all(|b| *b == 0) && ones.iter().all(|b| *b == 0xff);
    if all { value::spell(Kind::IfName, name, Order::Host) } else { None }
}
