//! What the matches and targets of iptables say to a flow.
//! Not here: nf_tables' own instructions ([`super::instruction`]).
//!
//! A match that a flow and its host answer is answered exactly; of the others ([`Condition::Unknown`], a TCP
//! option, an owner, `recent` but for `--set`, ...) both answers are possible.

use super::Rates;
use super::instruction::{Effect, Evaluated, anything, goes};
use super::load::{Asked, CtView};
use super::machine::Machine;
use super::nat::{To, netmap, redirect, translate};
use super::packet::End;
use super::registers::Truth;
use super::way::{Device, Way};
use crate::flow::{CtState, Direction, L4};
use crate::xt::{
    Action, AddrType, Address, AddressMask, AddressRange, Bits, Choice, Compare, Condition, Conntrack,
    CtStates, HopChange, HopLimit, Icmp, IpRange, IpSetKey, MarkChange, MarkMode, Match, Multiport, Owner,
    PhysDev, SetLookup, Side, Span, Target, Tcp, Translation, TranslationKind,
};
use std::net::IpAddr;

impl<'r, 'f> Machine<'_, 'r, 'f> {
    /// A match: on, or to the next rule.
    pub(super) fn xt_match(&self, way: &mut Way<'r, 'f>, asked: &'r Match) -> Evaluated<'r> {
        let truth = match &asked.condition {
            Condition::Rate(rate) => {
                way.by_rate = true;
                let within = match self.judge.environment.rates {
                    Rates::Within => Truth::Yes,
                    Rates::Beyond => Truth::No,
                    Rates::Unknown => Truth::Unknown,
                };
                within.inverted(rate.invert)
            }
            condition => answer(self.asked(way), condition),
        };
        goes(truth, || reason(asked))
    }

    /// A target.
    pub(super) fn xt_target(&self, way: &mut Way<'r, 'f>, done: &'r Target) -> Evaluated<'r> {
        let state = &mut way.state;
        match &done.action {
            Action::Reject { .. } => return Ok(Effect::Refuse),
            Action::Unknown => {
                return Err(anything(format!("what the target {} does is not known", done.name)));
            }
            Action::Translate(to) => {
                return Ok(Effect::Translated(self.xt_translate(way, to)));
            }
            Action::Notrack => self.notrack(way),
            Action::Aside | Action::Template { .. } => {}
            Action::Mark { mask, xor } => state.mark = state.mark.map(|mark| mark & !mask ^ xor),
            Action::ConnMark(change) => self.conn_mark(way, change),
            Action::Tos { mask, xor } => {
                if let Some(tos) = state.packet.tos() {
                    state.packet.set_tos(tos & !mask ^ xor);
                }
            }
            Action::HopLimit(change) => {
                let was = state.packet.hop_limit();
                state.packet.set_hop_limit(match change {
                    HopChange::Set(to) => Some(*to),
                    HopChange::Raise(by) => was.map(|was| was.saturating_add(*by)),
                    HopChange::Lower(by) => was.map(|was| was.saturating_sub(*by)),
                });
            }
            Action::ChangeSets { indices } => state.changed_sets.extend(indices),
        }
        Ok(Effect::Go)
    }

    fn conn_mark(&self, way: &mut Way<'r, 'f>, change: &MarkChange) {
        if matches!(self.asked(way).ct_view(), CtView::None(_)) {
            return;
        }
        let shifted = |value: u32| match change.shift {
            bits @ 0.. => value.checked_shl(bits.unsigned_abs().into()).unwrap_or(0),
            bits => value.checked_shr(bits.unsigned_abs().into()).unwrap_or(0),
        };
        let MarkChange { ct_mark, ct_mask, packet_mask, .. } = *change;
        let (packet, connection) = (way.state.mark, way.state.ct_mark);
        match change.mode {
            MarkMode::Set => way.state.ct_mark = connection.map(|held| shifted(held & !ct_mask ^ ct_mark)),
            MarkMode::Save => {
                let both = connection.zip(packet);
                way.state.ct_mark = both.map(|(held, mark)| held & !ct_mask ^ shifted(mark & packet_mask));
            }
            MarkMode::Restore => {
                let both = connection.zip(packet);
                way.state.mark = both.map(|(held, mark)| mark & !packet_mask ^ shifted(held & ct_mask));
            }
        }
    }

    fn xt_translate(&self, way: &mut Way<'r, 'f>, to: &Translation) -> End {
        let is_v4 = way.state.packet.is_v4();
        let port = match to.ports {
            _ if to.scattered => To::Any,
            None => To::Same,
            Some((first, last)) => To::between(Some(first), Some(last)),
        };
        let ends = to.addresses.map(|(first, last)| (address(&first, is_v4), address(&last, is_v4)));
        let range = ends.map_or(To::Same, |(first, last)| To::between(Some(first), Some(last)));
        let (end, address, port) = match to.kind {
            TranslationKind::Source => (End::Source, range, port),
            TranslationKind::Destination => (End::Destination, range, port),
            TranslationKind::Masquerade => (End::Source, To::Any, port),
            TranslationKind::Redirect => {
                redirect(&mut way.state, way.hook, port, &self.judge.environment);
                return End::Destination;
            }
            TranslationKind::Netmap => {
                let before_routing = super::route::is_about_destination(way.hook);
                let end = if before_routing { End::Destination } else { End::Source };
                let was = way.state.packet.address(end);
                (end, ends.map_or(To::Any, |(first, last)| netmap(first, last, was)), To::Same)
            }
        };
        translate(&mut way.state, end, address, port);
        end
    }
}

/// Why it is not known.
fn reason(asked: &Match) -> String {
    match &asked.condition {
        Condition::Set(SetLookup { name: Some(name), .. }) => {
            format!("what the ipset {name} holds is not known")
        }
        _ => format!("what the match {} says is not known", asked.name),
    }
}

/// Whether a condition holds.
fn answer(asked: Asked<'_>, condition: &Condition) -> Truth {
    let packet = &asked.state.packet;
    match condition {
        Condition::Tcp(of) => tcp(asked, of),
        Condition::Udp(of) => {
            let is_udp = matches!(packet.l4(), L4::Udp { .. } | L4::Other(UDPLITE));
            Truth::of(is_udp).and(ports(asked, &of.sports, &of.dports))
        }
        Condition::Sctp(of) => {
            let chunks = if of.chunks { Truth::Unknown } else { Truth::Yes };
            let is_sctp = Truth::of(matches!(packet.l4(), L4::Sctp { .. }));
            is_sctp.and(ports(asked, &of.sports, &of.dports)).and(chunks)
        }
        Condition::Icmp(of) => match packet.l4() {
            L4::Icmp { kind, code } => icmp(of, kind, code),
            _ => Truth::No,
        },
        Condition::Icmp6(of) => match packet.l4() {
            L4::Icmpv6 { kind, code } => icmp(of, kind, code),
            _ => Truth::No,
        },
        Condition::Multiport(of) => multiport(asked, of),
        Condition::Conntrack(of) => conntrack(asked, of),
        Condition::AddrType(of) => addrtype(asked, of),
        Condition::IpRange(of) => iprange(asked, of),
        Condition::Mark(of) => bits(of, asked.state.mark, |value, mask| value & mask),
        Condition::ConnMark(of) => match asked.ct_view() {
            CtView::None(_) => Truth::No,
            CtView::Connection(_) => bits(of, asked.state.ct_mark, |value, mask| value & mask),
        },
        Condition::Comment(_) => Truth::Yes,
        // Putting an address on the list always is a yes.
        Condition::Recent(of) if of.sets => Truth::Yes.inverted(of.invert),
        Condition::Length(of) => Truth::of(of.holds(u16::try_from(packet.len()).unwrap_or(u16::MAX))),
        Condition::Tos(of) => bits(of, packet.tos(), |value, mask| value & mask),
        Condition::HopLimit(of) => Truth::option(packet.hop_limit().map(|hops| compared(of, hops))),
        Condition::Owner(of) => owner(asked, of),
        Condition::PktType(of) => {
            let is = |kind: u8| Truth::of(u32::from(kind) == of.of).inverted(of.invert);
            asked.packet_type().map_or(Truth::Unknown, is)
        }
        Condition::PhysDev(of) => physdev(asked, of),
        Condition::RpFilter { invert } => {
            let is_loopback = asked.state.iif == Device::Named("lo".to_owned());
            let routed = if is_loopback { Some(true) } else { asked.environment.sources_routed };
            Truth::option(routed).inverted(*invert)
        }
        Condition::Set(of) => set(asked, of),
        Condition::Mac(_) | Condition::Recent(_) | Condition::Rate(_) | Condition::Unknown => Truth::Unknown,
    }
}

/// IANA's number of UDP-Lite, whose ports a flow does not tell.
const UDPLITE: u8 = 136;
const DCCP: u8 = 33;

fn tcp(asked: Asked<'_>, of: &Tcp) -> Truth {
    let L4::Tcp { flags, .. } = asked.state.packet.l4() else { return Truth::No };
    let flags = bits(&of.flags, Some(flags), |value, mask| value & mask);
    let option = if of.option.is_some() { Truth::Unknown } else { Truth::Yes };
    ports(asked, &of.sports, &of.dports).and(flags).and(option)
}

fn ports(asked: Asked<'_>, sports: &Span<u16>, dports: &Span<u16>) -> Truth {
    port(asked, End::Source, sports).and(port(asked, End::Destination, dports))
}

fn port(asked: Asked<'_>, end: End, wanted: &Span<u16>) -> Truth {
    let is_any = (wanted.first, wanted.last, wanted.invert) == (0, u16::MAX, false);
    let held = asked.state.packet.port(end).map(|port| wanted.holds(port));
    if is_any { Truth::Yes } else { Truth::option(held) }
}

fn icmp(of: &Icmp, kind: u8, code: u8) -> Truth {
    let (first, last) = of.codes;
    let is_it = of.kind.is_none_or(|wanted| kind == wanted && (first..=last).contains(&code));
    Truth::of(is_it).inverted(of.invert)
}

fn multiport(asked: Asked<'_>, of: &Multiport) -> Truth {
    let packet = &asked.state.packet;
    if !packet.has_ports() && !matches!(packet.l4(), L4::Other(UDPLITE | DCCP)) {
        return Truth::No;
    }
    let within = |end: End| {
        let is_in = |port: u16| of.ranges.iter().any(|(first, last)| (*first..=*last).contains(&port));
        Truth::option(packet.port(end).map(is_in))
    };
    let found = match of.side {
        Side::Source => within(End::Source),
        Side::Destination => within(End::Destination),
        Side::Either => within(End::Source).or(within(End::Destination)),
    };
    found.inverted(of.invert)
}

/// A packet without a connection is asked for its state alone, and passes only if it is asked for it.
fn conntrack(asked: Asked<'_>, of: &Conntrack) -> Truth {
    let view = asked.ct_view();
    let states = of.states.map_or(Truth::Yes, |s| has_state(asked, view, &s.of).inverted(s.invert));
    if let CtView::None(_) = view {
        return states.and(Truth::of(of.states.is_some()));
    }
    let new = asked.state.ct == CtState::New;
    let l4 = u16::from(asked.state.packet.l4().number());
    let protocol = of.protocol.map_or(Truth::Yes, |p| Truth::of(p.of == l4).inverted(p.invert));
    let original = of.original.map_or(Truth::Yes, |o| Truth::option(new.then_some(true)).inverted(o.invert));
    let status = of.status.map_or(Truth::Yes, |s| status(asked, s.of).inverted(s.invert));
    let expires = if of.expires_s.is_some() { Truth::Unknown } else { Truth::Yes };
    [states, protocol, original, status, expires, ends(asked, of)].into_iter().fold(Truth::Yes, Truth::and)
}

fn has_state(asked: Asked<'_>, view: CtView, of: &CtStates) -> Truth {
    let (CtView::None(state) | CtView::Connection(state)) = view;
    let is_it = match state {
        CtState::New => of.new,
        CtState::Established => of.established,
        CtState::Related => of.related,
        CtState::Invalid => of.invalid,
        CtState::Untracked => of.untracked,
    };
    let translated = |wanted: bool, truth: Truth| if wanted { truth } else { Truth::No };
    let connection = match view {
        CtView::None(_) => Truth::No,
        CtView::Connection(_) => {
            translated(of.snat, asked.state.snat).or(translated(of.dnat, asked.state.dnat))
        }
    };
    Truth::of(is_it).or(connection)
}

/// One of these bits: those of the low byte are known of a first packet.
fn status(asked: Asked<'_>, wanted: u16) -> Truth {
    let [low, high] = wanted.to_le_bytes();
    let in_low = Truth::option(asked.status().map(|status| status & low != 0));
    if high == 0 { in_low } else { in_low.or(Truth::Unknown) }
}

/// Ends of a connection that this packet opens; of another they are not known.
fn ends(asked: Asked<'_>, of: &Conntrack) -> Truth {
    let new = asked.state.ct == CtState::New;
    let (flow, first) = (asked.flow, super::packet::Packet::of(asked.flow));
    let masked = |of: Option<Choice<AddressMask>>, held: Option<IpAddr>| {
        let held = held.filter(|_| new);
        of.map_or(Truth::Yes, |of| Truth::option(held.map(|a| is_under(&of.of, a))).inverted(of.invert))
    };
    let port = |of: Option<Span<u16>>, held: Option<u16>| {
        let held = held.filter(|_| new);
        of.map_or(Truth::Yes, |of| Truth::option(held.map(|port| of.holds(port))))
    };
    let now = &asked.state.packet;
    [
        masked(of.orig_src, Some(flow.src)),
        masked(of.orig_dst, Some(flow.dst)),
        masked(of.reply_src, now.address(End::Destination)),
        masked(of.reply_dst, now.address(End::Source)),
        port(of.orig_sport, first.port(End::Source)),
        port(of.orig_dport, first.port(End::Destination)),
        port(of.reply_sport, now.port(End::Destination)),
        port(of.reply_dport, now.port(End::Source)),
    ]
    .into_iter()
    .fold(Truth::Yes, Truth::and)
}

fn octets(address: IpAddr) -> Address {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn address(bytes: &Address, is_v4: bool) -> IpAddr {
    if is_v4 { IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]]) } else { IpAddr::from(*bytes) }
}

/// Of IPv4 the first four bytes count.
fn is_under(of: &AddressMask, held: IpAddr) -> bool {
    let len = if held.is_ipv4() { 4 } else { 16 };
    let held = octets(held);
    (0..len).all(|place| held[place] & of.mask[place] == of.address[place] & of.mask[place])
}

fn is_within(of: &AddressRange, held: IpAddr) -> bool {
    let is_v4 = held.is_ipv4();
    address(&of.first, is_v4) <= held && held <= address(&of.last, is_v4)
}

fn iprange(asked: Asked<'_>, of: &IpRange) -> Truth {
    let within = |of: Option<Choice<AddressRange>>, end: End| {
        let held = asked.address(end);
        of.map_or(Truth::Yes, |of| Truth::option(held.map(|a| is_within(&of.of, a))).inverted(of.invert))
    };
    within(of.source, End::Source).and(within(of.destination, End::Destination))
}

fn addrtype(asked: Asked<'_>, of: &AddrType) -> Truth {
    let device = match (of.of_iif, of.of_oif) {
        (true, _) => Some(&asked.state.iif),
        (_, true) => Some(&asked.state.oif),
        _ => None,
    };
    let is_of = |of: Option<Choice<u16>>, end: End| match of {
        None => Truth::Yes,
        Some(types) => has_type(asked, end, types.of, device).inverted(types.invert),
    };
    is_of(of.source, End::Source).and(is_of(of.destination, End::Destination))
}

/// IPv4 asks for one type out of several; IPv6 for several kinds at once, and for routes only if it must.
fn has_type(asked: Asked<'_>, end: End, types: u16, device: Option<&Device>) -> Truth {
    const UNSPEC: u16 = 1 << 0;
    const UNICAST: u16 = 1 << 1;
    const LOCAL: u16 = 1 << 2;
    const ANYCAST: u16 = 1 << 4;
    const MULTICAST: u16 = 1 << 5;
    const UNREACHABLE: u16 = 1 << 7;
    let asks = |bits: u16| types & bits != 0;
    match asked.address(end) {
        Some(IpAddr::V4(_)) => {
            let found = asked.address_type(end).filter(|kind| *kind != 2 || device.is_none());
            Truth::option(found.map(|kind| types >> kind & 1 == 1))
        }
        Some(IpAddr::V6(address)) => {
            let kinds = (!asks(MULTICAST) || address.is_multicast())
                && (!asks(UNICAST) || !address.is_multicast() && !address.is_unspecified())
                && (!asks(UNSPEC) || address.is_unspecified());
            let local = asked.address_type(end).map(|kind| kind == 2);
            match (kinds, asks(LOCAL), asks(ANYCAST | UNREACHABLE)) {
                (false, ..) => Truth::No,
                (true, false, false) => Truth::Yes,
                (true, true, false) if device.is_none() => Truth::option(local),
                _ => Truth::Unknown,
            }
        }
        None => {
            let found = asked.address_type(end).filter(|_| device.is_none());
            Truth::option(found.filter(|kind| *kind == 2 && types == LOCAL).map(|_| true))
        }
    }
}

fn bits<T: PartialEq + Copy>(of: &Bits<T>, held: Option<T>, and: impl Fn(T, T) -> T) -> Truth {
    Truth::option(held.map(|held| and(held, of.mask) == of.value)).inverted(of.invert)
}

fn compared(of: &HopLimit, held: u8) -> bool {
    match of.compare {
        Compare::Equal => held == of.value,
        Compare::NotEqual => held != of.value,
        Compare::Less => held < of.value,
        Compare::Greater => held > of.value,
    }
}

/// A look into an ipset. One of the other family holds nothing.
fn set(asked: Asked<'_>, of: &SetLookup) -> Truth {
    let packet = &asked.state.packet;
    let known = asked.environment.ipsets.get(&of.index).filter(|_| !of.more);
    let Some(set) = known.filter(|_| !asked.state.changed_sets.contains(&of.index)) else {
        return Truth::Unknown;
    };
    if set.is_v4.is_some_and(|is_v4| is_v4 != packet.is_v4()) {
        return Truth::No.inverted(of.invert);
    }
    let Some((address, port)) = set.places() else { return Truth::Unknown };
    let end = |place: Option<usize>| match of.sides.get(place?)? {
        Side::Source => Some(End::Source),
        _ => Some(End::Destination),
    };
    let port = match packet.l4() {
        L4::Icmp { kind, code } | L4::Icmpv6 { kind, code } => Some(u16::from_be_bytes([kind, code])),
        // Of a protocol without ports it is zero.
        L4::Other(number) if number != UDPLITE => Some(0),
        _ => end(port).and_then(|end| packet.port(end)),
    };
    let address = end(address).and_then(|end| packet.address(end));
    // `bitmap:port` looks at TCP and UDP alone.
    if set.kind == "bitmap:port" && !matches!(packet.l4(), L4::Tcp { .. } | L4::Udp { .. }) {
        return Truth::No.inverted(of.invert);
    }
    let key = IpSetKey { address, port, protocol: packet.l4().number() };
    Truth::option(set.holds(&key)).inverted(of.invert)
}

/// A packet that is forwarded has no socket; that one which is sent here has, a flow does not tell.
fn owner(asked: Asked<'_>, of: &Owner) -> Truth {
    let inverted = |invert: Option<bool>| invert.unwrap_or(true);
    let all_inverted = inverted(of.uid.map(|s| s.invert))
        && inverted(of.gid.map(|s| s.invert))
        && inverted(of.socket.map(|s| s.invert));
    match asked.flow.direction {
        Direction::Out => Truth::Unknown,
        _ => Truth::of(all_inverted),
    }
}

/// Of a packet that crosses no bridge, all that is asked must be inverted.
fn physdev(asked: Asked<'_>, of: &PhysDev) -> Truth {
    if asked.environment.bridged != Some(false) {
        return Truth::Unknown;
    }
    let PhysDev { input, output, is_in, is_out, is_bridged } = of;
    let names = [input, output].into_iter().flatten().map(|choice| choice.invert);
    let flags = [is_in, is_out, is_bridged].into_iter().flatten().map(|choice| choice.invert);
    Truth::of(names.chain(flags).all(|invert| invert))
}
