//! The words of one comparison: `tcp dport != 10-20`, `ct state established,related`.
//! Not here: other statements ([`super::rule`]).

use super::context::{Context, Named};
use super::elements::Column;
use super::header::Field;
use super::operand::{Operand, Source};
use super::rule::{key, one_value, set};
use super::statement::Right;
use super::value::{Kind, Order, flags, number, spell};
use crate::expr::{CmpOp, PayloadBase};

/// Say a comparison. None if it has no words.
pub(super) fn say(context: &mut Context, left: &[Operand<'_>], op: CmpOp, right: &Right<'_>) -> Option<()> {
    if let Right::Set(found) = right {
        let (words, mut fields) = key(context, left)?;
        let masked = matches!(&fields[..], [one] if one.mask.is_some());
        fields.iter_mut().filter(|_| masked).for_each(Named::in_decimal);
        let between = relation(op, masked)?;
        context.say(format!("{words}{between}{}", set(found, &fields)?));
        return Some(());
    }
    let [operand] = left else { return None };
    if let Some((base, fields)) = adjacent_fields(context, operand, op, right) {
        return say_each(context, base, &fields, one_value(right)?);
    }
    let named = context.name(operand)?;
    if let Some(layer) = named.layer {
        context.names(layer);
    }
    let words = words(&named, op, right)?;
    let place = context.say(words);
    if let (Some(value), CmpOp::Eq, None, None) = (one_value(right), op, &operand.masks, named.part_of) {
        context.establish(operand, &named, number(value, named.column.order)?, place);
    }
    Some(())
}

/// Several fields compared in one go, because they lie side by side.
fn adjacent_fields(
    context: &Context,
    operand: &Operand<'_>,
    op: CmpOp,
    right: &Right<'_>,
) -> Option<(PayloadBase, Vec<Field>)> {
    let Source::Payload { base, offset, len } = operand.source else { return None };
    let (header, _) = context.header(base)?;
    let fields = header.run(offset, len)?;
    let equal = op == CmpOp::Eq && operand.masks.is_none() && !operand.swapped;
    (fields.len() > 1 && equal && one_value(right)?.len() == operand.len).then_some((base, fields))
}

fn say_each(context: &mut Context, base: PayloadBase, fields: &[Field], value: &[u8]) -> Option<()> {
    let mut rest = value;
    for field in fields {
        let len = usize::try_from(field.len).ok()?;
        let (own, after) = rest.split_at_checked(len)?;
        let source = Source::Payload { base, offset: field.offset, len: field.len };
        let operand = Operand::new(source, len);
        let named = context.name(&operand)?;
        context.names(named.layer?);
        let place = context.say(compare(&named, CmpOp::Eq, own)?);
        context.establish(&operand, &named, number(own, Order::Network)?, place);
        rest = after;
    }
    Some(())
}

fn words(named: &Named, op: CmpOp, right: &Right<'_>) -> Option<String> {
    match right {
        Right::Value(value) => compare(named, op, value.bytes()),
        Right::Range(from, to) => range(named, op, from.bytes(), to.bytes()),
        Right::Set(_) => None,
    }
}

/// A comparison with one value.
fn compare(named: &Named, op: CmpOp, value: &[u8]) -> Option<String> {
    let Named { name, column, .. } = named;
    let wildcard = column.kind == Kind::IfName && value.len() < column.len;
    let equality = matches!(op, CmpOp::Eq | CmpOp::Neq);
    (value.len() == column.len || (wildcard && equality)).then_some(())?;
    (equality || is_ordered(*column)).then_some(())?;
    if let Some(field) = named.part_of {
        return beginning(name, field, op, value);
    }
    if let Some(bits) = named.bits {
        return of_bits(named, bits, op, value);
    }
    match &named.mask {
        Some((_, mask)) if column.kind.is_bits() => {
            masked_flags(named, op, *mask, number(value, column.order)?)
        }
        Some((mask, bits)) => masked(named, op, (mask, *bits), value),
        None if column.kind.is_bits() => exact_flags(named, op, value),
        None => Some(format!("{name}{}{}", relation(op, false)?, spell(column.kind, value, column.order)?)),
    }
}

/// Whether less and more mean of the bytes what they mean of the number.
fn is_ordered(column: Column) -> bool {
    let numeric = !column.kind.is_bits()
        && !matches!(
            column.kind,
            Kind::IfName | Kind::Text | Kind::IfIndex | Kind::RouteIndex | Kind::FibType
        );
    numeric && (column.order == Order::Network || column.len == 1)
}

/// An address by its first bytes: a prefix.
fn beginning(name: &str, field: Field, op: CmpOp, value: &[u8]) -> Option<String> {
    matches!(op, CmpOp::Eq | CmpOp::Neq).then_some(())?;
    let mut whole = value.to_vec();
    whole.resize(usize::try_from(field.len).ok()?, 0);
    let address = spell(field.kind, &whole, Order::Network)?;
    Some(format!("{name}{}{address}/{}", relation(op, false)?, value.len() * 8))
}

/// A field that is some bits of the bytes: its number is what these bits hold.
fn of_bits(named: &Named, mask: u32, op: CmpOp, value: &[u8]) -> Option<String> {
    let value = u32::try_from(number(value, Order::Network)?).ok()?;
    (value & !mask == 0).then_some(())?;
    let held = value >> mask.trailing_zeros();
    let spelled = spell(named.column.kind, &held.to_be_bytes(), Order::Network)?;
    Some(format!("{}{}{spelled}", named.name, relation(op, false)?))
}

/// A masked number: a prefix of an address if the mask is one.
fn masked(named: &Named, op: CmpOp, (mask, bits): (&str, u128), value: &[u8]) -> Option<String> {
    let Named { name, column, .. } = named;
    let spelled = spell(column.kind, value, column.order)?;
    let width = u32::try_from(column.len).ok()? * 8;
    let prefix = bits.checked_shl(128 - width)?.leading_ones();
    let is_prefix = prefix == bits.count_ones() && number(value, column.order)? & !bits == 0;
    let equality = matches!(op, CmpOp::Eq | CmpOp::Neq);
    match column.kind {
        Kind::Ipv4 | Kind::Ipv6 if is_prefix && equality => {
            Some(format!("{name}{}{spelled}/{prefix}", relation(op, false)?))
        }
        Kind::Ipv4 | Kind::Ipv6 if !equality => None,
        _ => Some(format!("{name} & {mask}{}{spelled}", relation(op, true)?)),
    }
}

/// Flags compared as a whole.
fn exact_flags(named: &Named, op: CmpOp, value: &[u8]) -> Option<String> {
    let Named { name, column, .. } = named;
    let bits = u32::try_from(number(value, column.order)?).ok()?;
    let spelled = match column.kind {
        Kind::TcpFlags if bits.count_ones() > 1 => format!("{bits:#x}"),
        kind => flags(kind, bits, " | ")?,
    };
    let implicit_is_bit_test = op == CmpOp::Eq;
    Some(format!("{name}{}{spelled}", relation(op, implicit_is_bit_test)?))
}

/// Some flags compared: `syn`, `! syn`, `syn / syn,ack`.
fn masked_flags(named: &Named, op: CmpOp, mask: u128, value: u128) -> Option<String> {
    let Named { name, column, .. } = named;
    let (mask, value) = (u32::try_from(mask).ok()?, u32::try_from(value).ok()?);
    let list = |bits| flags(column.kind, bits, ",");
    let whole = column.kind == Kind::TcpFlags && mask == 0xff;
    (value & !mask == 0 && mask != 0).then_some(())?;
    match op {
        CmpOp::Neq if value == 0 && whole => Some(format!("{name} != 0x0")),
        CmpOp::Neq if value == 0 => Some(format!("{name} {}", list(mask)?)),
        _ if whole => Some(format!("{name}{}{value:#x}", relation(op, true)?)),
        CmpOp::Eq if value == 0 => Some(format!("{name} ! {}", list(mask)?)),
        _ if mask.count_ones() == 1 => {
            let bit = list(mask)?;
            Some(format!("{name} & {bit}{}{bit}", relation(op, true)?))
        }
        _ => Some(format!("{name}{}{} / {}", relation(op, false)?, list(value)?, list(mask)?)),
    }
}

/// A comparison with both ends of a range.
fn range(named: &Named, op: CmpOp, from: &[u8], to: &[u8]) -> Option<String> {
    let Named { name, column, .. } = named;
    let plain = named.part_of.is_none() && named.bits.is_none() && is_ordered(*column);
    (plain && from.len() == column.len && to.len() == column.len && from <= to).then_some(())?;
    let kind = column.kind.in_ranges();
    let ends = (spell(kind, from, column.order)?, spell(kind, to, column.order)?);
    let mask = named.mask.as_ref().map_or(String::new(), |(mask, _)| format!(" & {mask}"));
    Some(format!("{name}{mask}{}{}-{}", relation(op, false)?, ends.0, ends.1))
}

/// What stands between both sides. Equality is unsaid unless leaving it out would mean something else.
fn relation(op: CmpOp, explicit: bool) -> Option<&'static str> {
    Some(match op {
        CmpOp::Eq if explicit => " == ",
        CmpOp::Eq => " ",
        CmpOp::Neq => " != ",
        CmpOp::Lt => " < ",
        CmpOp::Lte => " <= ",
        CmpOp::Gt => " > ",
        CmpOp::Gte => " >= ",
    })
}
