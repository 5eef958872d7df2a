//! Expressions out of attributes.
//! Not here: their meaning.
//!
//! An expression is decoded only if everything about it is understood: one attribute, flag or value too
//! many and it becomes [`Expr::Foreign`] with its bytes, so that nothing is dropped unseen.

use super::{Resolve, nat, xt};
use crate::netlink::{Attributes, Fields};
use crate::nft::codes::{
    cmp_op, ct_key, dynset_op, fib_flags, fib_result, meta_key, object_kind, payload_base, register,
};
use crate::nft::wire::{LIST_ELEM, data, expr};
use rolewall_ruleset::expr::{CmpOp, CtDirection, LimitKind, LookupTo, Reject};
use rolewall_ruleset::{Expr, Reg, SetRef, Value, Verdict};

/// How deep expressions may hold expressions; Linux allows one level.
const DEPTH_MAX: u8 = 4;

/// The expressions of a list attribute.
pub(crate) fn list(bytes: &[u8], resolve: &mut Resolve<'_>) -> Vec<Expr> {
    list_at(bytes, resolve, 0)
}

/// The statements of a set or an element: a single one, or a list.
pub(crate) fn statements(one: Option<&[u8]>, many: Option<&[u8]>) -> Vec<Expr> {
    statements_at(one, many, 0)
}

fn statements_at(one: Option<&[u8]>, many: Option<&[u8]>, depth: u8) -> Vec<Expr> {
    let resolve: &mut Resolve<'_> = &mut |name, _| SetRef::Named(name);
    match (one, many) {
        (_, Some(many)) => list_at(many, resolve, depth),
        (Some(one), None) => expression(one, resolve, depth).into_iter().collect(),
        (None, None) => Vec::new(),
    }
}

fn list_at(bytes: &[u8], resolve: &mut Resolve<'_>, depth: u8) -> Vec<Expr> {
    let elements = Attributes::new(bytes).filter(|(kind, _)| *kind == LIST_ELEM);
    elements.filter_map(|(_, one)| expression(one, resolve, depth)).collect()
}

/// None only if there is not even a name.
fn expression(bytes: &[u8], resolve: &mut Resolve<'_>, depth: u8) -> Option<Expr> {
    let fields = Fields::<3>::known(bytes);
    let name = fields.text(expr::NAME)?;
    let data = fields.bytes(expr::DATA).unwrap_or(&[]);
    let known = if depth < DEPTH_MAX { interpret(&name, data, resolve, depth) } else { None };
    Some(known.unwrap_or_else(|| Expr::Foreign { name, data: data.into() }))
}

fn interpret(name: &str, bytes: &[u8], resolve: &mut Resolve<'_>, depth: u8) -> Option<Expr> {
    match name {
        "meta" => meta(&Fields::only(bytes)?),
        "payload" => payload(&Fields::only(bytes)?),
        "ct" => ct(&Fields::only(bytes)?),
        "fib" => fib(&Fields::only(bytes)?),
        "cmp" => cmp(&Fields::only(bytes)?),
        "range" => range(&Fields::only(bytes)?),
        "bitwise" => bitwise(&Fields::only(bytes)?),
        "lookup" => lookup(&Fields::only(bytes)?, resolve),
        "immediate" => immediate(&Fields::only(bytes)?),
        "counter" => counter(&Fields::only(bytes)?),
        "limit" => limit(&Fields::only(bytes)?),
        "log" => log(&Fields::only(bytes)?),
        "reject" => reject(&Fields::only(bytes)?),
        "dynset" => dynset(&Fields::only(bytes)?, depth),
        "byteorder" => byteorder(&Fields::only(bytes)?),
        "nat" => nat::nat(&Fields::only(bytes)?),
        "masq" => nat::masquerade(&Fields::only(bytes)?),
        "redir" => nat::redirect(&Fields::only(bytes)?),
        "tproxy" => nat::tproxy(&Fields::only(bytes)?),
        "objref" => object(&Fields::only(bytes)?),
        "match" => xt_match(&Fields::only(bytes)?),
        "target" => xt_target(&Fields::only(bytes)?),
        "notrack" => bytes.is_empty().then_some(Expr::Notrack),
        _ => None,
    }
}

pub(super) fn reg<const N: usize>(f: &Fields<'_, N>, kind: u16) -> Option<Reg> {
    register(f.be32(kind)?)
}

/// How many bytes an expression works on. Linux keeps that in one byte, and loads no expression with more.
fn length<const N: usize>(f: &Fields<'_, N>, kind: u16) -> Option<u32> {
    f.be32(kind).filter(|length| u8::try_from(*length).is_ok())
}

/// Where in a packet an expression works: Linux keeps that in one byte, or since 6.18 in two.
fn offset<const N: usize>(f: &Fields<'_, N>, kind: u16) -> Option<u32> {
    f.be32(kind).filter(|offset| u16::try_from(*offset).is_ok())
}

/// A data attribute that holds a value.
pub(crate) fn value(bytes: &[u8]) -> Option<Value> {
    Fields::<3>::only(bytes)?.bytes(data::VALUE).map(Value::from_bytes)
}

/// A data attribute that holds a verdict.
pub(crate) fn verdict(bytes: &[u8]) -> Option<Verdict> {
    let f = Fields::<3>::only(Fields::<3>::only(bytes)?.bytes(data::VERDICT)?)?;
    let chain = || f.text(data::VERDICT_CHAIN);
    Some(match f.be32(data::VERDICT_CODE)?.cast_signed() {
        data::ACCEPT => Verdict::Accept,
        data::DROP => Verdict::Drop,
        data::CONTINUE => Verdict::Continue,
        data::RETURN => Verdict::Return,
        data::JUMP => Verdict::Jump(chain()?),
        data::GOTO => Verdict::Goto(chain()?),
        other => Verdict::Other(other),
    })
}

fn meta(f: &Fields<'_, 4>) -> Option<Expr> {
    let key = meta_key(f.be32(expr::meta::KEY)?);
    match (f.has(expr::meta::DREG), f.has(expr::meta::SREG)) {
        (true, false) => Some(Expr::Meta { key, dreg: reg(f, expr::meta::DREG)? }),
        (false, true) => Some(Expr::MetaSet { key, sreg: reg(f, expr::meta::SREG)? }),
        _ => None,
    }
}

fn payload(f: &Fields<'_, 9>) -> Option<Expr> {
    if f.has(expr::payload::SREG) {
        return payload_set(f);
    }
    Some(Expr::Payload {
        base: payload_base(f.be32(expr::payload::BASE)?)?,
        offset: offset(f, expr::payload::OFFSET)?,
        len: length(f, expr::payload::LEN)?,
        dreg: reg(f, expr::payload::DREG)?,
    })
}

fn payload_set(f: &Fields<'_, 9>) -> Option<Expr> {
    use expr::payload::{BASE, CSUM_FLAGS, CSUM_OFFSET, CSUM_TYPE, DREG, LEN, OFFSET, SREG};
    (!f.has(DREG)).then_some(())?;
    let number = |kind: u16| f.be32(kind).unwrap_or(0);
    Some(Expr::PayloadSet {
        base: payload_base(f.be32(BASE)?)?,
        offset: offset(f, OFFSET)?,
        len: length(f, LEN)?,
        sreg: reg(f, SREG)?,
        checksum: (number(CSUM_TYPE), number(CSUM_OFFSET), number(CSUM_FLAGS)),
    })
}

fn ct(f: &Fields<'_, 5>) -> Option<Expr> {
    let dir = match f.bytes(expr::ct::DIRECTION) {
        None => None,
        Some([0]) => Some(CtDirection::Original),
        Some([1]) => Some(CtDirection::Reply),
        Some(_) => return None,
    };
    let key = ct_key(f.be32(expr::ct::KEY)?);
    match (f.has(expr::ct::DREG), f.has(expr::ct::SREG)) {
        (true, false) => Some(Expr::Ct { key, dir, dreg: reg(f, expr::ct::DREG)? }),
        (false, true) => Some(Expr::CtSet { key, dir, sreg: reg(f, expr::ct::SREG)? }),
        _ => None,
    }
}

fn fib(f: &Fields<'_, 4>) -> Option<Expr> {
    Some(Expr::Fib {
        result: fib_result(f.be32(expr::fib::RESULT)?)?,
        flags: fib_flags(f.be32(expr::fib::FLAGS)?)?,
        dreg: reg(f, expr::fib::DREG)?,
    })
}

fn cmp(f: &Fields<'_, 4>) -> Option<Expr> {
    Some(Expr::Cmp {
        sreg: reg(f, expr::cmp::SREG)?,
        op: cmp_op(f.be32(expr::cmp::OP)?)?,
        value: value(f.bytes(expr::cmp::DATA)?)?,
    })
}

fn range(f: &Fields<'_, 5>) -> Option<Expr> {
    let op = cmp_op(f.be32(expr::range::OP)?).filter(|op| matches!(op, CmpOp::Eq | CmpOp::Neq))?;
    Some(Expr::Range {
        sreg: reg(f, expr::range::SREG)?,
        op,
        from: value(f.bytes(expr::range::FROM)?)?,
        to: value(f.bytes(expr::range::TO)?)?,
    })
}

fn bitwise(f: &Fields<'_, 7>) -> Option<Expr> {
    let op = f.be32(expr::bitwise::OP).unwrap_or(expr::bitwise::MASK_XOR);
    (op == expr::bitwise::MASK_XOR).then_some(())?;
    Some(Expr::Bitwise {
        sreg: reg(f, expr::bitwise::SREG)?,
        dreg: reg(f, expr::bitwise::DREG)?,
        len: length(f, expr::bitwise::LEN)?,
        mask: value(f.bytes(expr::bitwise::MASK)?)?,
        xor: value(f.bytes(expr::bitwise::XOR)?)?,
    })
}

fn lookup(f: &Fields<'_, 6>, resolve: &mut Resolve<'_>) -> Option<Expr> {
    let dreg = match f.be32(expr::lookup::DREG) {
        None => None,
        Some(0) => Some(LookupTo::Verdict),
        Some(code) => Some(LookupTo::Reg(register(code)?)),
    };
    let flags = f.be32(expr::lookup::FLAGS).unwrap_or(0);
    (flags & !expr::lookup::F_INVERT == 0).then_some(())?;
    let sreg = reg(f, expr::lookup::SREG)?;
    let set = resolve(f.text(expr::lookup::SET)?, f.be32(expr::lookup::SET_ID));
    Some(Expr::Lookup { sreg, set, dreg, invert: flags != 0 })
}

fn immediate(f: &Fields<'_, 3>) -> Option<Expr> {
    let bytes = f.bytes(expr::immediate::DATA)?;
    match f.be32(expr::immediate::DREG)? {
        0 => Some(Expr::Verdict(verdict(bytes)?)),
        code => Some(Expr::Immediate { dreg: register(code)?, value: value(bytes)? }),
    }
}

fn counter(f: &Fields<'_, 4>) -> Option<Expr> {
    let packets = f.be64(expr::counter::PACKETS).unwrap_or(0);
    Some(Expr::Counter { packets, bytes: f.be64(expr::counter::BYTES).unwrap_or(0) })
}

fn limit(f: &Fields<'_, 7>) -> Option<Expr> {
    let kind = match f.be32(expr::limit::TYPE).unwrap_or(0) {
        0 => LimitKind::Packets,
        1 => LimitKind::Bytes,
        _ => return None,
    };
    let flags = f.be32(expr::limit::FLAGS).unwrap_or(0);
    (flags & !expr::limit::F_INVERT == 0).then_some(())?;
    Some(Expr::Limit {
        rate: f.be64(expr::limit::RATE)?,
        per_s: f.be64(expr::limit::UNIT)?,
        burst: f.be32(expr::limit::BURST).unwrap_or(0),
        kind,
        invert: flags != 0,
    })
}

/// What Linux fills in by itself is none again: level warning, threshold 0, no flags.
fn log(f: &Fields<'_, 7>) -> Option<Expr> {
    let level = f.be32(expr::log::LEVEL).filter(|l| *l != expr::log::LEVEL_DEFAULT);
    Some(Expr::Log {
        prefix: f.text(expr::log::PREFIX),
        group: f.be16(expr::log::GROUP),
        snaplen: f.be32(expr::log::SNAPLEN),
        queue_threshold: f.be16(expr::log::QTHRESHOLD).filter(|t| *t != 0),
        level,
        flags: f.be32(expr::log::FLAGS).filter(|flags| *flags != 0),
    })
}

fn reject(f: &Fields<'_, 3>) -> Option<Expr> {
    let code = f.u8(expr::reject::ICMP_CODE);
    Some(Expr::Reject(match f.be32(expr::reject::TYPE)? {
        expr::reject::ICMP_UNREACH => Reject::IcmpUnreach(code?),
        expr::reject::TCP_RST => Reject::TcpReset,
        expr::reject::ICMPX_UNREACH => Reject::Icmpx(code?),
        _ => return None,
    }))
}

fn dynset(f: &Fields<'_, 11>, depth: u8) -> Option<Expr> {
    let flags = f.be32(expr::dynset::FLAGS).unwrap_or(0);
    (flags & !(expr::dynset::F_INVERT | expr::dynset::F_EXPRESSIONS) == 0).then_some(())?;
    let data = match f.has(expr::dynset::SREG_DATA) {
        true => Some(reg(f, expr::dynset::SREG_DATA)?),
        false => None,
    };
    let (one, many) = (f.bytes(expr::dynset::EXPR), f.bytes(expr::dynset::EXPRESSIONS));
    Some(Expr::Dynset {
        set: f.text(expr::dynset::SET_NAME)?,
        op: dynset_op(f.be32(expr::dynset::OP)?)?,
        key: reg(f, expr::dynset::SREG_KEY)?,
        data,
        timeout_ms: f.be64(expr::dynset::TIMEOUT).filter(|t| *t != 0),
        invert: flags & expr::dynset::F_INVERT != 0,
        exprs: statements_at(one, many, depth + 1),
    })
}

fn byteorder(f: &Fields<'_, 6>) -> Option<Expr> {
    let to_network = match f.be32(expr::byteorder::OP)? {
        expr::byteorder::NTOH => false,
        expr::byteorder::HTON => true,
        _ => return None,
    };
    Some(Expr::Byteorder {
        sreg: reg(f, expr::byteorder::SREG)?,
        dreg: reg(f, expr::byteorder::DREG)?,
        to_network,
        len: length(f, expr::byteorder::LEN)?,
        size: f.be32(expr::byteorder::SIZE)?,
    })
}

/// By name; one that is found in a map is not modelled.
fn object(f: &Fields<'_, 3>) -> Option<Expr> {
    let kind = object_kind(f.be32(expr::objref::IMM_TYPE)?);
    Some(Expr::Object { kind, name: f.text(expr::objref::IMM_NAME)? })
}

fn xt_match(f: &Fields<'_, 4>) -> Option<Expr> {
    let (name, revision) = (f.text(expr::xt::NAME)?, f.be32(expr::xt::REV)?);
    Some(Expr::XtMatch(Box::new(xt::condition(name, revision, f.bytes(expr::xt::INFO)?))))
}

fn xt_target(f: &Fields<'_, 4>) -> Option<Expr> {
    let (name, revision) = (f.text(expr::xt::NAME)?, f.be32(expr::xt::REV)?);
    Some(Expr::XtTarget(Box::new(xt::action(name, revision, f.bytes(expr::xt::INFO)?))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::Writer;

    fn load(offset: u32, len: u32) -> Expr {
        let mut w = Writer::default();
        w.string(expr::NAME, "payload");
        w.nest(expr::DATA, |w| {
            w.be32(expr::payload::BASE, 1);
            w.be32(expr::payload::DREG, 8);
            w.be32(expr::payload::OFFSET, offset);
            w.be32(expr::payload::LEN, len);
        });
        expression(w.as_bytes(), &mut |name, _| SetRef::Named(name), 0).expect("it has a name")
    }

    #[test]
    fn a_load_of_more_bytes_than_linux_would_load_is_not_understood() {
        assert!(matches!(load(12, 4), Expr::Payload { offset: 12, len: 4, .. }));
        assert!(matches!(load(65_535, 255), Expr::Payload { .. }));
        assert!(matches!(load(12, 256), Expr::Foreign { .. }));
        assert!(matches!(load(65_536, 4), Expr::Foreign { .. }));
        assert!(matches!(load(12, u32::MAX), Expr::Foreign { .. }));
    }
}
