//! A rule's words: each statement's phrase, under the headers established before it.
//! Not here: how a program becomes statements ([`super::statement`]), and values ([`super::value`]).

use super::comparison;
use super::context::{Context, Layer, Named};
use super::elements::{self, Column};
use super::names::{self, name_of};
use super::operand::{Operand, Source, meta_name};
use super::plain::{self, Figures};
use super::statement::{Dynset, Right, Statement, statements};
use super::value::{Order, duration, number, spell};
use crate::expr::{DynsetOp, MetaKey, NatFlags, NatKind, Reject};
use crate::{Expr, Family, Rule, SetRef, Table};
use std::net::IpAddr;

/// Whether words must be such that nft takes them back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// They must: none for what nft has no words for.
    Loadable,
    /// They are for a reader: what nft has no words for is told in words near to others' or as the program.
    Told,
}

/// The rule as nft lists it. None if a part of it has no words.
pub(super) fn words(table: &Table, rule: &Rule, how: Words) -> Option<String> {
    let mut context = Context::new(table.id.family);
    for statement in statements(table, &rule.exprs)? {
        match (say(&mut context, &statement), &statement, how) {
            (Some(()), ..) => {}
            (None, Statement::Plain(expr), Words::Told) => {
                context.say(told(table.id.family, expr));
            }
            (None, ..) => return None,
        }
        if !matches!(statement, Statement::Match { .. } | Statement::Vmap { .. }) {
            context.settle();
        }
    }
    if let Some(comment) = &rule.comment {
        context.say(format!("comment {}", plain::quoted(comment)?));
    }
    Some(context.finish())
}

fn say(context: &mut Context, statement: &Statement<'_>) -> Option<()> {
    let phrase = match statement {
        Statement::Match { left, op, right } => return comparison::say(context, left, *op, right),
        Statement::Vmap { left, set } => vmap(context, left, set)?,
        Statement::MetaSet { key, from } => meta_set(context, *key, from)?,
        Statement::Dynset(dynset) => change_of_set(context, dynset)?,
        Statement::Nat { expr, addresses, ports } => translation(context, expr, addresses, ports)?,
        Statement::Plain(Expr::Reject(reject)) => refusal(context, *reject)?,
        Statement::Plain(expr) => plain::phrase(expr, Figures::Shown)?,
    };
    context.say(phrase);
    Some(())
}

/// The names of a key's fields, joined as nft joins them; and how their values are spelled.
pub(super) fn key(context: &mut Context, operands: &[Operand<'_>]) -> Option<(String, Vec<Named>)> {
    let fields: Option<Vec<Named>> = operands.iter().map(|operand| context.name(operand)).collect();
    let fields = fields?;
    for field in &fields {
        (field.part_of.is_none() && field.bits.is_none()).then_some(())?;
        if let Some(layer) = field.layer {
            context.names(layer);
        }
    }
    let words = fields.iter().map(|field| match &field.mask {
        None => Some(field.name.clone()),
        Some((mask, _)) if !mask.is_empty() => Some(format!("{} & {mask}", field.name)),
        Some(_) => None,
    });
    let words: Option<Vec<_>> = words.collect();
    Some((words?.join(" . "), fields))
}

/// A set as it stands in a rule: by name, or with its elements.
pub(super) fn set(set: &SetRef, fields: &[Named]) -> Option<String> {
    let set = match set {
        SetRef::Named(name) => return Some(format!("@{name}")),
        SetRef::Anonymous(set) => set,
    };
    let columns: Vec<Column> = fields.iter().map(|field| field.column).collect();
    let mut text = "{ ".to_owned();
    elements::write(set, &columns, None, &mut text)?;
    text.push_str(" }");
    Some(text)
}

fn vmap(context: &mut Context, left: &[Operand<'_>], map: &SetRef) -> Option<String> {
    let (words, mut fields) = key(context, left)?;
    if let [one] = &mut fields[..] {
        one.in_decimal();
    }
    Some(format!("{words} vmap {}", set(map, &fields)?))
}

fn meta_set(context: &mut Context, to: MetaKey, from: &Operand<'_>) -> Option<String> {
    let (name, kind) = meta_name(to)?;
    let settable = matches!(to, MetaKey::Mark | MetaKey::NfTrace | MetaKey::PktType);
    (settable && !from.swapped).then_some(())?;
    let value = match &from.source {
        Source::Constant(value) if from.masks.is_none() => spell(kind, value.bytes(), kind.order())?,
        Source::Mapped(left, map) if from.masks.is_none() => {
            let (words, fields) = key(context, left)?;
            format!("{words} map {}", set(map, &fields)?)
        }
        Source::Meta(MetaKey::Mark) | Source::Ct(..) if to == MetaKey::Mark => {
            let named = context.name(&Operand { masks: None, ..from.clone() })?;
            (named.column.kind == kind).then_some(())?;
            format!("{}{}", named.name, arithmetic(from)?)
        }
        _ => return None,
    };
    Some(format!("{name} set {value}"))
}

/// What masks do to a mark: `& 0xff`, `| 0x1`, `^ 0x1`, or two of them.
fn arithmetic(from: &Operand<'_>) -> Option<String> {
    let Some((mask, xor)) = from.masks else { return Some(String::new()) };
    let (mask, xor) = (number(mask.bytes(), Order::Host)?, number(xor.bytes(), Order::Host)?);
    let all = u128::from(u32::MAX);
    Some(match (mask, xor) {
        (mask, 0) => format!(" & 0x{mask:08x}"),
        (mask, xor) if mask == all => format!(" ^ 0x{xor:08x}"),
        (mask, xor) if mask == all & !xor => format!(" | 0x{xor:08x}"),
        (mask, xor) if mask & xor == 0 => format!(" & 0x{:08x} | 0x{xor:08x}", mask | xor),
        _ => return None,
    })
}

fn change_of_set(context: &mut Context, dynset: &Dynset<'_>) -> Option<String> {
    let Dynset { set, op, key: operands, data, timeout_ms, exprs } = dynset;
    let op = match op {
        DynsetOp::Add => "add",
        DynsetOp::Update => "update",
        DynsetOp::Delete => "delete",
    };
    let (mut words, _) = key(context, operands)?;
    if let Some(ms) = timeout_ms {
        words = format!("{words} timeout {}", duration(*ms));
    }
    for expr in *exprs {
        words = format!("{words} {}", plain::phrase(expr, Figures::Hidden)?);
    }
    if let Some(data) = data {
        words = format!("{words} : {}", constant(data)?);
    }
    Some(format!("{op} @{set} {{ {words} }}"))
}

/// Data of an element that a rule adds: a mark is all that is told apart from other numbers here.
fn constant(data: &Operand<'_>) -> Option<String> {
    match data.source {
        Source::Constant(value) if value.bytes().len() == 4 && data.masks.is_none() => {
            spell(super::value::Kind::Mark, value.bytes(), Order::Host)
        }
        _ => None,
    }
}

/// An instruction that nft has no words for, for a reader.
fn told(family: Family, expr: &Expr) -> String {
    match expr {
        Expr::XtMatch(asked) => asked.words(family),
        Expr::XtTarget(done) => done.words(family),
        other => other.to_string(),
    }
}

type Ends<'a, 'b> = &'b Option<(Operand<'a>, Operand<'a>)>;

/// `dnat ip to 192.0.2.1:80`, of constants.
fn translation(
    context: &Context,
    expr: &Expr,
    addresses: Ends<'_, '_>,
    ports: Ends<'_, '_>,
) -> Option<String> {
    let family = |family: &Family| if context.one_family() { String::new() } else { format!(" {family}") };
    let (verb, flags) = match expr {
        Expr::Nat { kind: NatKind::Source, family: of, flags, .. } => {
            (format!("snat{} to", family(of)), flags)
        }
        Expr::Nat { kind: NatKind::Destination, family: of, flags, .. } => {
            (format!("dnat{} to", family(of)), flags)
        }
        Expr::Masquerade { flags, .. } => (masked("masquerade", ports), flags),
        Expr::Redirect { flags, .. } => (masked("redirect", ports), flags),
        _ => return None,
    };
    let address = both(addresses, |bytes| match bytes.len() {
        4 => Some(IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?).to_string()),
        16 => Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string()),
        _ => None,
    })?;
    let port = both(ports, |bytes| Some(u16::from_be_bytes(<[u8; 2]>::try_from(bytes).ok()?).to_string()))?;
    let end = match (address, port) {
        (None, None) => String::new(),
        (Some(address), None) => format!(" {address}"),
        (None, Some(port)) => format!(" :{port}"),
        (Some(address), Some(port)) if address.contains(':') => format!(" [{address}]:{port}"),
        (Some(address), Some(port)) => format!(" {address}:{port}"),
    };
    let NatFlags { random, fully_random, persistent, netmap } = *flags;
    (!netmap).then_some(())?;
    let flags = [(random, "random"), (fully_random, "fully-random"), (persistent, "persistent")];
    let flags: Vec<_> = flags.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
    let flags = if flags.is_empty() { String::new() } else { format!(" {}", flags.join(",")) };
    Some(format!("{verb}{end}{flags}"))
}

fn masked(verb: &str, ports: Ends<'_, '_>) -> String {
    if ports.is_some() { format!("{verb} to") } else { verb.to_owned() }
}

/// First and last as one word; the outer none where one of them is no constant.
fn both(of: Ends<'_, '_>, spell: impl Fn(&[u8]) -> Option<String>) -> Option<Option<String>> {
    let Some((first, last)) = of else { return Some(None) };
    let constant = |operand: &Operand<'_>| match operand.source {
        Source::Constant(value) if operand.masks.is_none() => spell(value.bytes()),
        _ => None,
    };
    let (first, last) = (constant(first)?, constant(last)?);
    Some(Some(if first == last { first } else { format!("{first}-{last}") }))
}

fn refusal(context: &mut Context, reject: Reject) -> Option<String> {
    let (table, code) = match (reject, context.network_family()) {
        (Reject::TcpReset, _) => {
            (context.transport == Some(6)).then_some(())?;
            if context.one_family() {
                context.unsay(Layer::Transport);
            }
            return Some("reject with tcp reset".to_owned());
        }
        (Reject::Icmpx(1), None) => return Some("reject".to_owned()),
        (Reject::Icmpx(_), _) if context.one_family() => return None,
        (Reject::Icmpx(code), _) => return Some(refusal_with("icmpx", names::ICMPX_CODE, code)),
        (Reject::IcmpUnreach(3), Some(Family::Ip)) | (Reject::IcmpUnreach(4), Some(Family::Ip6))
            if context.one_family() =>
        {
            return Some("reject".to_owned());
        }
        (Reject::IcmpUnreach(code), Some(Family::Ip)) => (("icmp", names::ICMP_CODE), code),
        (Reject::IcmpUnreach(code), Some(_)) => (("icmpv6", names::ICMPV6_CODE), code),
        (Reject::IcmpUnreach(_), None) => return None,
    };
    context.unsay(Layer::Network);
    Some(refusal_with(table.0, table.1, code))
}

fn refusal_with(protocol: &str, codes: &'static [(u32, &'static str)], code: u8) -> String {
    match name_of(codes, code.into()) {
        Some(name) => format!("reject with {protocol} {name}"),
        None => format!("reject with {protocol} {code}"),
    }
}

/// Whether a right side is one value, and then its bytes.
pub(super) fn one_value<'a>(right: &Right<'a>) -> Option<&'a [u8]> {
    match right {
        Right::Value(value) => Some(value.bytes()),
        _ => None,
    }
}
