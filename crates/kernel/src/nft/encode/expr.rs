//! Expressions as attributes.
//! Not here: the anonymous sets that they look into, which are messages of their own ([`super::set`]).

use super::nat;
use crate::netlink::{Writer, wire::NESTED};
use crate::nft::codes::{
    cmp_op_code, ct_key_code, dynset_op_code, fib_flags_code, fib_result_code, flag, meta_key_code,
    object_kind_code, payload_base_code, register_code,
};
use crate::nft::wire::{LIST_ELEM, data, expr};
use rolewall_ruleset::expr::{CtDirection, LimitKind, LookupTo, Reject};
use rolewall_ruleset::{Expr, Reg, Set, SetRef, Value, Verdict};

/// The expressions of a rule. `set_ids` are the numbers of its anonymous sets, in order of occurrence.
pub(crate) fn write_list(w: &mut Writer, exprs: &[Expr], set_ids: &[u32]) {
    let mut set_ids = set_ids.iter().copied();
    for one in exprs {
        let set_id = anonymous_set(one).and_then(|_| set_ids.next());
        w.nest(LIST_ELEM, |w| write_with_set(w, one, set_id));
    }
}

/// The statements of a set, of an element or of a dynset: one by itself, several as a list.
pub(crate) fn write_statements(w: &mut Writer, one_kind: u16, list_kind: u16, exprs: &[Expr]) {
    match exprs {
        [] => {}
        [one] => w.nest(one_kind, |w| write_with_set(w, one, None)),
        many => w.nest(list_kind, |w| write_list(w, many, &[])),
    }
}

/// The set of its own that an expression looks into.
pub(crate) fn anonymous_set(expr: &Expr) -> Option<&Set> {
    match expr {
        Expr::Lookup { set: SetRef::Anonymous(set), .. } => Some(set),
        _ => None,
    }
}

/// The name under which an anonymous set is declared; Linux puts a number for `%d`.
pub(crate) fn anonymous_name(set: &Set) -> &'static str {
    if set.data.is_some() { "__map%d" } else { "__set%d" }
}

pub(crate) fn write_verdict(w: &mut Writer, verdict: &Verdict) {
    let (code, chain) = match verdict {
        Verdict::Accept => (data::ACCEPT, None),
        Verdict::Drop => (data::DROP, None),
        Verdict::Continue => (data::CONTINUE, None),
        Verdict::Return => (data::RETURN, None),
        Verdict::Jump(chain) => (data::JUMP, Some(chain)),
        Verdict::Goto(chain) => (data::GOTO, Some(chain)),
        Verdict::Other(code) => (*code, None),
    };
    w.nest(data::VERDICT, |w| {
        w.be32(data::VERDICT_CODE, code.cast_unsigned());
        if let Some(chain) = chain {
            w.string(data::VERDICT_CHAIN, chain);
        }
    });
}

pub(crate) fn write_value(w: &mut Writer, kind: u16, value: &Value) {
    w.nest(kind, |w| w.bytes(data::VALUE, value.bytes()));
}

pub(super) fn reg(w: &mut Writer, kind: u16, reg: Reg) {
    w.be32(kind, register_code(reg));
}

/// Name, and data of what `fill` writes.
pub(super) fn named(w: &mut Writer, name: &str, fill: impl FnOnce(&mut Writer)) {
    w.string(expr::NAME, name);
    w.nest(expr::DATA, fill);
}

/// One arm for each expression; the longer ones are functions below.
fn write_with_set(w: &mut Writer, one: &Expr, set_id: Option<u32>) {
    match one {
        Expr::Meta { key, dreg } => named(w, "meta", |w| {
            w.be32(expr::meta::KEY, meta_key_code(*key));
            reg(w, expr::meta::DREG, *dreg);
        }),
        Expr::MetaSet { key, sreg } => named(w, "meta", |w| {
            w.be32(expr::meta::KEY, meta_key_code(*key));
            reg(w, expr::meta::SREG, *sreg);
        }),
        Expr::Payload { base, offset, len, dreg } => named(w, "payload", |w| {
            reg(w, expr::payload::DREG, *dreg);
            w.be32(expr::payload::BASE, payload_base_code(*base));
            w.be32(expr::payload::OFFSET, *offset);
            w.be32(expr::payload::LEN, *len);
        }),
        Expr::Ct { key, dir, dreg } => named(w, "ct", |w| {
            w.be32(expr::ct::KEY, ct_key_code(*key));
            reg(w, expr::ct::DREG, *dreg);
            direction(w, *dir);
        }),
        Expr::Fib { result, flags, dreg } => named(w, "fib", |w| {
            w.be32(expr::fib::FLAGS, fib_flags_code(*flags));
            w.be32(expr::fib::RESULT, fib_result_code(*result));
            reg(w, expr::fib::DREG, *dreg);
        }),
        Expr::Cmp { sreg, op, value } => named(w, "cmp", |w| {
            reg(w, expr::cmp::SREG, *sreg);
            w.be32(expr::cmp::OP, cmp_op_code(*op));
            write_value(w, expr::cmp::DATA, value);
        }),
        Expr::Range { sreg, op, from, to } => named(w, "range", |w| {
            reg(w, expr::range::SREG, *sreg);
            w.be32(expr::range::OP, cmp_op_code(*op));
            write_value(w, expr::range::FROM, from);
            write_value(w, expr::range::TO, to);
        }),
        Expr::Bitwise { sreg, dreg, len, mask, xor } => named(w, "bitwise", |w| {
            reg(w, expr::bitwise::SREG, *sreg);
            reg(w, expr::bitwise::DREG, *dreg);
            w.be32(expr::bitwise::OP, expr::bitwise::MASK_XOR);
            w.be32(expr::bitwise::LEN, *len);
            write_value(w, expr::bitwise::MASK, mask);
            write_value(w, expr::bitwise::XOR, xor);
        }),
        Expr::Lookup { .. } => write_lookup(w, one, set_id),
        Expr::Immediate { dreg, value } => named(w, "immediate", |w| {
            reg(w, expr::immediate::DREG, *dreg);
            write_value(w, expr::immediate::DATA, value);
        }),
        Expr::Verdict(verdict) => named(w, "immediate", |w| {
            w.be32(expr::immediate::DREG, 0);
            w.nest(expr::immediate::DATA, |w| write_verdict(w, verdict));
        }),
        Expr::Counter { packets, bytes } => named(w, "counter", |w| {
            if (*packets, *bytes) != (0, 0) {
                w.be64(expr::counter::BYTES, *bytes);
                w.be64(expr::counter::PACKETS, *packets);
            }
        }),
        Expr::Limit { .. } => write_limit(w, one),
        Expr::Log { .. } => write_log(w, one),
        Expr::Reject(reject) => write_reject(w, *reject),
        Expr::Dynset { .. } => write_dynset(w, one),
        Expr::Byteorder { sreg, dreg, to_network, len, size } => named(w, "byteorder", |w| {
            let op = if *to_network { expr::byteorder::HTON } else { expr::byteorder::NTOH };
            reg(w, expr::byteorder::SREG, *sreg);
            reg(w, expr::byteorder::DREG, *dreg);
            w.be32(expr::byteorder::OP, op);
            w.be32(expr::byteorder::LEN, *len);
            w.be32(expr::byteorder::SIZE, *size);
        }),
        Expr::Nat { .. } | Expr::Masquerade { .. } | Expr::Redirect { .. } | Expr::Tproxy { .. } => {
            nat::write(w, one);
        }
        Expr::CtSet { key, dir, sreg } => named(w, "ct", |w| {
            w.be32(expr::ct::KEY, ct_key_code(*key));
            reg(w, expr::ct::SREG, *sreg);
            direction(w, *dir);
        }),
        Expr::PayloadSet { .. } => write_payload_set(w, one),
        Expr::Object { kind, name } => named(w, "objref", |w| {
            w.be32(expr::objref::IMM_TYPE, object_kind_code(*kind));
            w.string(expr::objref::IMM_NAME, name);
        }),
        Expr::XtMatch(asked) => named(w, "match", |w| {
            write_extension(w, &asked.name, asked.revision, &asked.info);
        }),
        Expr::XtTarget(done) => named(w, "target", |w| {
            write_extension(w, &done.name, done.revision, &done.info);
        }),
        Expr::Notrack => w.string(expr::NAME, "notrack"),
        Expr::Foreign { name, data } => write_foreign(w, name, data),
    }
}

fn direction(w: &mut Writer, dir: Option<CtDirection>) {
    match dir {
        Some(CtDirection::Original) => w.u8(expr::ct::DIRECTION, 0),
        Some(CtDirection::Reply) => w.u8(expr::ct::DIRECTION, 1),
        None => {}
    }
}

fn write_payload_set(w: &mut Writer, one: &Expr) {
    let Expr::PayloadSet { base, offset, len, sreg, checksum: (kind, place, flags) } = one else { return };
    named(w, "payload", |w| {
        reg(w, expr::payload::SREG, *sreg);
        w.be32(expr::payload::BASE, payload_base_code(*base));
        w.be32(expr::payload::OFFSET, *offset);
        w.be32(expr::payload::LEN, *len);
        w.be32(expr::payload::CSUM_TYPE, *kind);
        w.be32(expr::payload::CSUM_OFFSET, *place);
        w.be32(expr::payload::CSUM_FLAGS, *flags);
    });
}

fn write_extension(w: &mut Writer, name: &str, revision: u32, info: &[u8]) {
    w.string(expr::xt::NAME, name);
    w.be32(expr::xt::REV, revision);
    w.bytes(expr::xt::INFO, info);
}

fn write_lookup(w: &mut Writer, one: &Expr, set_id: Option<u32>) {
    let Expr::Lookup { sreg, set, dreg, invert } = one else { return };
    named(w, "lookup", |w| {
        reg(w, expr::lookup::SREG, *sreg);
        match dreg {
            Some(LookupTo::Verdict) => w.be32(expr::lookup::DREG, 0),
            Some(LookupTo::Reg(dreg)) => reg(w, expr::lookup::DREG, *dreg),
            None => {}
        }
        match set {
            SetRef::Named(name) => w.string(expr::lookup::SET, name),
            SetRef::Anonymous(set) => w.string(expr::lookup::SET, anonymous_name(set)),
        }
        if let Some(id) = set_id {
            w.be32(expr::lookup::SET_ID, id);
        }
        if *invert {
            w.be32(expr::lookup::FLAGS, expr::lookup::F_INVERT);
        }
    });
}

fn write_limit(w: &mut Writer, one: &Expr) {
    let Expr::Limit { rate, per_s, burst, kind, invert } = one else { return };
    named(w, "limit", |w| {
        w.be64(expr::limit::RATE, *rate);
        w.be64(expr::limit::UNIT, *per_s);
        w.be32(expr::limit::BURST, *burst);
        w.be32(expr::limit::TYPE, u32::from(*kind == LimitKind::Bytes));
        w.be32(expr::limit::FLAGS, flag(*invert, expr::limit::F_INVERT));
    });
}

fn write_log(w: &mut Writer, one: &Expr) {
    let Expr::Log { prefix, group, snaplen, queue_threshold, level, flags } = one else { return };
    named(w, "log", |w| {
        if let Some(prefix) = prefix {
            w.string(expr::log::PREFIX, prefix);
        }
        if let Some(group) = group {
            w.be16(expr::log::GROUP, *group);
        }
        if let Some(snaplen) = snaplen {
            w.be32(expr::log::SNAPLEN, *snaplen);
        }
        if let Some(threshold) = queue_threshold {
            w.be16(expr::log::QTHRESHOLD, *threshold);
        }
        if let Some(level) = level {
            w.be32(expr::log::LEVEL, *level);
        }
        if let Some(flags) = flags {
            w.be32(expr::log::FLAGS, *flags);
        }
    });
}

fn write_reject(w: &mut Writer, reject: Reject) {
    let (kind, code) = match reject {
        Reject::IcmpUnreach(code) => (expr::reject::ICMP_UNREACH, code),
        Reject::TcpReset => (expr::reject::TCP_RST, 0),
        Reject::Icmpx(code) => (expr::reject::ICMPX_UNREACH, code),
    };
    named(w, "reject", |w| {
        w.be32(expr::reject::TYPE, kind);
        w.u8(expr::reject::ICMP_CODE, code);
    });
}

fn write_dynset(w: &mut Writer, one: &Expr) {
    let Expr::Dynset { set, op, key, data, timeout_ms, invert, exprs } = one else { return };
    let several = if exprs.len() > 1 { expr::dynset::F_EXPRESSIONS } else { 0 };
    let flags = several | flag(*invert, expr::dynset::F_INVERT);
    named(w, "dynset", |w| {
        reg(w, expr::dynset::SREG_KEY, *key);
        if let Some(data) = data {
            reg(w, expr::dynset::SREG_DATA, *data);
        }
        w.be32(expr::dynset::OP, dynset_op_code(*op));
        if let Some(timeout) = timeout_ms {
            w.be64(expr::dynset::TIMEOUT, *timeout);
        }
        w.string(expr::dynset::SET_NAME, set);
        write_statements(w, expr::dynset::EXPR, expr::dynset::EXPRESSIONS, exprs);
        if flags != 0 {
            w.be32(expr::dynset::FLAGS, flags);
        }
    });
}

/// As it came: its attributes are one nest of bytes that nobody here understands.
fn write_foreign(w: &mut Writer, name: &str, data: &[u8]) {
    if data.is_empty() {
        w.string(expr::NAME, name);
    } else {
        w.string(expr::NAME, name);
        w.bytes(expr::DATA | NESTED, data);
    }
}
