//! What one instruction does: to the registers, and to the way of the packet.
//! Not here: rules and chains ([`super::machine`]).

use super::Rates;
use super::load::{self, CtView, Loaded};
use super::machine::Machine;
use super::nat::{To, netmap, redirect, translate};
use super::packet::End;
use super::registers::{Truth, equals, ones};
use super::way::Way;
use crate::expr::{CmpOp, CtKey, LookupTo, MetaKey, NatFlags, NatKind, ObjectKind};
use crate::flow::CtState;
use crate::set::MapData;
use crate::{Element, Expr, Family, Reg, Set, Value, Verdict};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What becomes of the packet's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect<'r> {
    /// On to the next instruction.
    Go,
    /// The rule does not match: on to the next rule.
    Break,
    Take(&'r Verdict),
    Refuse,
    /// An end of the packet is translated, and this chain accepts it.
    Translated(End),
}

/// More than one effect is possible: at least two, a break first if it is one of them.
#[derive(Debug)]
pub(super) struct Doubt<'r> {
    pub(super) effects: Vec<Effect<'r>>,
    pub(super) reason: Cow<'static, str>,
}

pub(super) type Evaluated<'r> = Result<Effect<'r>, Doubt<'r>>;

static ACCEPT: Verdict = Verdict::Accept;
static DROP: Verdict = Verdict::Drop;

impl<'r, 'f> Machine<'_, 'r, 'f> {
    /// Do one instruction.
    pub(super) fn evaluate(&self, way: &mut Way<'r, 'f>, expr: &'r Expr) -> Evaluated<'r> {
        match expr {
            Expr::Meta { .. } | Expr::Ct { .. } | Expr::Fib { .. } => Ok(self.load(way, expr)),
            Expr::Payload { .. } => Ok(payload(way, expr)),
            Expr::Cmp { sreg, op, value } => {
                let held = way.registers.read(*sreg, value.bytes().len());
                let other = way.registers.is_surely_not(*sreg, value.bytes());
                let holds = match op {
                    CmpOp::Eq if other => Truth::No,
                    CmpOp::Neq if other => Truth::Yes,
                    _ => compare(held, *op, value.bytes()),
                };
                goes(holds, || "a comparison reads what is not known of the packet")
            }
            Expr::Range { sreg, op, from, to } => {
                let held = way.registers.known(*sreg, from.bytes().len());
                let within = Truth::option(held.map(|v| from.bytes() <= v && v <= to.bytes()));
                let within = within.inverted(*op == CmpOp::Neq);
                goes(within, || "a range is compared with what is not known of the packet")
            }
            Expr::Bitwise { sreg, dreg, len: _, mask, xor } => {
                bitwise(way, *sreg, *dreg, mask, xor);
                Ok(Effect::Go)
            }
            Expr::Byteorder { sreg, dreg, to_network: _, len, size } => {
                byteorder(way, *sreg, *dreg, *len as usize, *size as usize);
                Ok(Effect::Go)
            }
            Expr::Lookup { .. } => self.look_up(way, expr),
            Expr::Immediate { dreg, value } => {
                way.registers.set(*dreg, value.bytes());
                Ok(Effect::Go)
            }
            Expr::Verdict(verdict) => Ok(Effect::Take(verdict)),
            Expr::Limit { invert, .. } => self.limit(way, *invert),
            Expr::Reject(_) => Ok(Effect::Refuse),
            Expr::Dynset { .. } => self.change_set(way, expr),
            Expr::Counter { .. } | Expr::Log { .. } => Ok(Effect::Go),
            Expr::Notrack | Expr::MetaSet { .. } | Expr::CtSet { .. } | Expr::PayloadSet { .. } => {
                self.change(way, expr);
                Ok(Effect::Go)
            }
            Expr::Nat { .. } | Expr::Masquerade { .. } | Expr::Redirect { .. } => {
                Ok(self.translate(way, expr))
            }
            Expr::Tproxy { .. } => Err(Doubt {
                effects: vec![Effect::Break, Effect::Go],
                reason: "whether a socket takes the packet is not known".into(),
            }),
            Expr::Object { kind, name } => self.object(way, *kind, name),
            Expr::XtMatch(asked) => self.xt_match(way, asked),
            Expr::XtTarget(done) => self.xt_target(way, done),
            Expr::Foreign { name, .. } => foreign(way, name),
        }
    }

    fn load(&self, way: &mut Way<'r, 'f>, expr: &Expr) -> Effect<'r> {
        let asked = load::Asked {
            flow: self.flow,
            environment: &self.judge.environment,
            state: &way.state,
            hook: way.hook,
            priority: self.priority(way),
        };
        match expr {
            Expr::Meta { key, dreg } => load::meta(asked, *key, (&mut way.registers, *dreg)),
            Expr::Ct { key, dir, dreg } => {
                return went(load::ct(asked, *key, *dir, (&mut way.registers, *dreg)) == Loaded::Yes);
            }
            Expr::Fib { result, flags, dreg } => {
                load::fib(asked, (*result, *flags), (&mut way.registers, *dreg));
            }
            _ => {}
        }
        Effect::Go
    }

    /// What is asked of the packet of a way.
    pub(super) fn asked<'w>(&'w self, way: &'w Way<'r, 'f>) -> load::Asked<'w> {
        let (flow, environment) = (self.flow, &self.judge.environment);
        load::Asked { flow, environment, state: &way.state, hook: way.hook, priority: self.priority(way) }
    }

    /// Instructions that change the packet or its connection, and always go on.
    fn change(&self, way: &mut Way<'r, 'f>, expr: &Expr) {
        let number = |way: &Way<'r, 'f>, reg: Reg| {
            way.registers.known(reg, 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes)
        };
        match expr {
            Expr::Notrack => self.notrack(way),
            Expr::MetaSet { key: MetaKey::Mark, sreg } => way.state.mark = number(way, *sreg),
            Expr::MetaSet { key: MetaKey::PktType, .. } => way.state.type_changed = true,
            Expr::CtSet { key: CtKey::Mark, sreg, .. } => {
                if matches!(self.asked(way).ct_view(), CtView::Connection(_)) {
                    way.state.ct_mark = number(way, *sreg);
                }
            }
            Expr::PayloadSet { base, offset, len, sreg, .. } => {
                let (bytes, known) = way.registers.read(*sreg, *len as usize);
                way.state.packet.write(*base, *offset as usize, bytes, known);
            }
            _ => {}
        }
    }

    /// A packet that has a connection keeps it.
    pub(super) fn notrack(&self, way: &mut Way<'r, 'f>) {
        if matches!(self.asked(way).ct_view(), CtView::None(_)) {
            (way.state.ct, way.state.notrack) = (CtState::Untracked, true);
        }
    }

    /// `nat` of another family than the packet's goes on; else the packet is accepted by this chain.
    fn translate(&self, way: &mut Way<'r, 'f>, expr: &Expr) -> Effect<'r> {
        let is_v4 = way.state.packet.is_v4();
        let end = match expr {
            Expr::Nat { family: Family::Ip, .. } if !is_v4 => return Effect::Go,
            Expr::Nat { family: Family::Ip6, .. } if is_v4 => return Effect::Go,
            Expr::Nat { kind, addresses, ports, flags, .. } => {
                let end = if *kind == NatKind::Source { End::Source } else { End::Destination };
                let port = port_of(way, *ports, *flags);
                let address = address_of(way, end, *addresses, *flags);
                translate(&mut way.state, end, address, port);
                end
            }
            Expr::Redirect { ports, flags } => {
                let port = port_of(way, *ports, *flags);
                redirect(&mut way.state, way.hook, port, &self.judge.environment);
                End::Destination
            }
            Expr::Masquerade { ports, flags } => {
                let port = port_of(way, *ports, *flags);
                translate(&mut way.state, End::Source, To::Any, port);
                End::Source
            }
            _ => return Effect::Go,
        };
        Effect::Translated(end)
    }

    fn object(&self, way: &mut Way<'r, 'f>, kind: ObjectKind, name: &str) -> Evaluated<'r> {
        match kind {
            ObjectKind::Counter
            | ObjectKind::CtHelper
            | ObjectKind::CtTimeout
            | ObjectKind::CtExpectation
            | ObjectKind::Secmark
            | ObjectKind::Tunnel => Ok(Effect::Go),
            ObjectKind::Limit | ObjectKind::Quota | ObjectKind::ConnLimit => {
                way.by_rate = true;
                goes(Truth::Unknown, || format!("what the object {name} counts is not known"))
            }
            ObjectKind::Synproxy | ObjectKind::Other(_) => {
                Err(anything(format!("what the object {name} does is not known")))
            }
        }
    }

    fn limit(&self, way: &mut Way<'r, 'f>, invert: bool) -> Evaluated<'r> {
        way.by_rate = true;
        match self.judge.environment.rates {
            Rates::Within => Ok(went(!invert)),
            Rates::Beyond => Ok(went(invert)),
            Rates::Unknown => goes(Truth::Unknown, || "whether a rate is kept is not known"),
        }
    }
}

fn payload<'r>(way: &mut Way<'r, '_>, expr: &Expr) -> Effect<'r> {
    let Expr::Payload { base, offset, len, dreg } = expr else { return Effect::Go };
    let mut bytes = [0; 64];
    let into = &mut bytes[..(*len as usize).min(64)];
    let Some(known) = way.state.packet.read(*base, *offset as usize, into) else { return Effect::Break };
    way.registers.write(*dreg, into, known);
    Effect::Go
}

fn port_of(way: &Way<'_, '_>, ports: Option<(Reg, Reg)>, flags: NatFlags) -> To<u16> {
    let port = |reg: Reg| {
        way.registers.known(reg, 2).and_then(|bytes| bytes.try_into().ok()).map(u16::from_be_bytes)
    };
    match ports {
        _ if flags.random || flags.fully_random => To::Any,
        None => To::Same,
        Some((first, last)) => To::between(port(first), port(last)),
    }
}

fn address_of(way: &Way<'_, '_>, end: End, range: Option<(Reg, Reg)>, flags: NatFlags) -> To<IpAddr> {
    let packet = &way.state.packet;
    let address = |reg: Reg| -> Option<IpAddr> {
        if packet.is_v4() {
            <[u8; 4]>::try_from(way.registers.known(reg, 4)?).ok().map(IpAddr::from)
        } else {
            <[u8; 16]>::try_from(way.registers.known(reg, 16)?).ok().map(IpAddr::from)
        }
    };
    match range.map(|(first, last)| (address(first), address(last))) {
        None => To::Same,
        Some((Some(first), Some(last))) if flags.netmap => netmap(first, last, packet.address(end)),
        Some((first, last)) => To::between(first, last),
    }
}

pub(super) fn went(on: bool) -> Effect<'static> {
    if on { Effect::Go } else { Effect::Break }
}

/// On if it holds; both ways, for that reason, where it is not known.
pub(super) fn goes<'r, R: Into<Cow<'static, str>>>(
    truth: Truth,
    reason: impl FnOnce() -> R,
) -> Evaluated<'r> {
    match truth {
        Truth::Yes => Ok(Effect::Go),
        Truth::No => Ok(Effect::Break),
        Truth::Unknown => Err(Doubt { effects: vec![Effect::Break, Effect::Go], reason: reason().into() }),
    }
}

/// Whatever a rule can do.
pub(super) fn anything<'r>(reason: impl Into<Cow<'static, str>>) -> Doubt<'r> {
    let effects = vec![Effect::Break, Effect::Go, Effect::Take(&ACCEPT), Effect::Take(&DROP)];
    Doubt { effects, reason: reason.into() }
}

fn compare(held: (&[u8], u64), op: CmpOp, value: &[u8]) -> Truth {
    let whole = held.1 == ones(value.len()) && held.0.len() == value.len();
    let ordered = |holds: fn(&[u8], &[u8]) -> bool| match whole {
        true => Truth::of(holds(held.0, value)),
        false => Truth::Unknown,
    };
    match op {
        CmpOp::Eq => equals(held, value),
        CmpOp::Neq => equals(held, value).not(),
        CmpOp::Lt => ordered(|a, b| a < b),
        CmpOp::Lte => ordered(|a, b| a <= b),
        CmpOp::Gt => ordered(|a, b| a > b),
        CmpOp::Gte => ordered(|a, b| a >= b),
    }
}

/// A byte that the mask clears is known even if it was not.
fn bitwise(way: &mut Way<'_, '_>, sreg: Reg, dreg: Reg, mask: &Value, xor: &Value) {
    let len = mask.bytes().len().min(64);
    let (held, known) = way.registers.read(sreg, len);
    let mut result = [0; 64];
    let mut result_known = known;
    for (place, byte) in held.iter().enumerate() {
        let and = mask.bytes()[place];
        result[place] = byte & and ^ xor.bytes().get(place).copied().unwrap_or(0);
        result_known |= u64::from(and == 0) << place;
    }
    way.registers.write(dreg, &result[..len], result_known);
}

/// Linux converts whole numbers only; what is shorter than one stays as it is.
fn byteorder(way: &mut Way<'_, '_>, sreg: Reg, dreg: Reg, len: usize, size: usize) {
    let len = len.min(64);
    let (held, known) = way.registers.read(sreg, len);
    if size == 0 || held.len() < size {
        return;
    }
    let mut result = [0; 64];
    let mut result_known = 0;
    for (place, byte) in result.iter_mut().enumerate().take(held.len()) {
        let number = place / size * size;
        let from = if cfg!(target_endian = "big") { place } else { number + size - 1 - (place - number) };
        *byte = held.get(from).copied().unwrap_or(0);
        result_known |= (known >> from & 1) << place;
    }
    way.registers.write(dreg, &result[..len], result_known);
}

pub(super) fn take_data<'r>(way: &mut Way<'r, '_>, element: &'r Element, to: LookupTo) -> Effect<'r> {
    match (&element.data, to) {
        (Some(MapData::Verdict(verdict)), _) => Effect::Take(verdict),
        (Some(MapData::Value(value)), LookupTo::Reg(reg)) => {
            way.registers.set(reg, value.bytes());
            Effect::Go
        }
        _ => Effect::Break,
    }
}

/// A look-up of a key that is known in part only, among the elements that it may be in.
pub(super) fn uncertain<'r>(
    way: &mut Way<'r, '_>,
    set: &Set,
    found: &[(&'r Element, Truth)],
    to: Option<LookupTo>,
    invert: bool,
) -> Evaluated<'r> {
    const REASON: &str = "the key of a look-up is not known";
    let surely = found.iter().any(|(_, truth)| *truth == Truth::Yes);
    match to {
        None if found.is_empty() => Ok(went(invert)),
        None if surely => Ok(went(!invert)),
        None => goes(Truth::Unknown, || REASON),
        Some(_) if found.is_empty() => Ok(Effect::Break),
        Some(LookupTo::Reg(reg)) => {
            way.registers.forget(reg, set.data_len());
            goes(if surely { Truth::Yes } else { Truth::Unknown }, || REASON)
        }
        Some(LookupTo::Verdict) => {
            let verdicts: BTreeSet<&Verdict> =
                found.iter().filter_map(|(element, _)| verdict_of(element)).collect();
            let taken = verdicts.into_iter().map(Effect::Take);
            let effects: Vec<_> = (!surely).then_some(Effect::Break).into_iter().chain(taken).collect();
            match effects[..] {
                [one] => Ok(one),
                _ => Err(Doubt { effects, reason: REASON.into() }),
            }
        }
    }
}

fn verdict_of(element: &Element) -> Option<&Verdict> {
    match &element.data {
        Some(MapData::Verdict(verdict)) => Some(verdict),
        _ => None,
    }
}

/// Instructions that are not modelled, by Linux's name: those that only load or only match are told apart
/// from those that may do anything.
fn foreign<'r>(way: &mut Way<'r, '_>, name: &str) -> Evaluated<'r> {
    let reason = || format!("what the instruction {name} does is not known");
    match name {
        // Of a layout that is not known: to what, is not known.
        "nat" | "masq" | "redir" => {
            let before_routing = super::route::is_about_destination(way.hook);
            let end = if before_routing { End::Destination } else { End::Source };
            translate(&mut way.state, end, To::Any, To::Any);
            Ok(Effect::Translated(end))
        }
        // Several of these only set what is not judged, or are beside the packet's way.
        "last" | "dup" | "flow_offload" | "ct" | "meta" => Ok(Effect::Go),
        // Of these only the result is not known.
        "numgen" | "hash" | "bitwise" | "byteorder" => {
            way.registers.forget_all();
            Ok(Effect::Go)
        }
        // These may also find nothing to load.
        "socket" | "rt" | "osf" | "xfrm" | "exthdr" | "tunnel" | "inner" | "fib" => {
            way.registers.forget_all();
            goes(Truth::Unknown, reason)
        }
        "match" | "quota" | "connlimit" | "cmp" | "range" | "limit" => goes(Truth::Unknown, reason),
        _ => Err(anything(reason())),
    }
}
