//! What the matches and targets of iptables say to all flows of a shape at once.
//! Not here: nf_tables' own instructions ([`super::compile`]).

use super::compile::{Compiled, Compiler, End, Step};
use super::field::{Field, Kind, name};
use super::formula::{Asked, Beside, Clause, Condition, View};
use super::load::states;
use super::ranges::Ranges;
use super::state::Instead;
use crate::Family;
use crate::expr::NatKind;
use crate::flow::{CtState, Direction};
use crate::xt::{
    self, Action, AddrType, AddressMask, AddressRange, Bits, Choice, Compare, Conntrack, CtStates, HopChange,
    HopLimit, Icmp, IpRange, Multiport, Owner, PhysDev, Side, Span, Tcp,
};

/// IANA's numbers of protocols whose ports a flow does not tell.
const UDPLITE: u128 = 136;
const DCCP: u128 = 33;

impl Compiler<'_, '_> {
    /// A match: its condition.
    pub(super) fn xt_match(&mut self, condition: &xt::Condition) -> Condition {
        match condition {
            xt::Condition::Tcp(of) => self.tcp(of),
            xt::Condition::Udp(of) => self.with_ports(Kind::Udp, &[UDPLITE], &of.sports, &of.dports),
            xt::Condition::Sctp(of) => {
                let chunks = if of.chunks { Condition::doubt() } else { Condition::always() };
                self.with_ports(Kind::Sctp, &[], &of.sports, &of.dports).and(&chunks)
            }
            xt::Condition::Icmp(of) => self.icmp(Family::Ip, of),
            xt::Condition::Icmp6(of) => self.icmp(Family::Ip6, of),
            xt::Condition::Multiport(of) => self.multiport(of),
            xt::Condition::Conntrack(of) => self.conntrack(of),
            xt::Condition::AddrType(of) => self.addrtype(of),
            xt::Condition::IpRange(of) => self.iprange(of),
            xt::Condition::Mark(of) => Condition(vec![Clause::beside(Beside::Mark(bits(of)))]),
            xt::Condition::ConnMark(of) => {
                self.of_connection(Condition(vec![Clause::beside(Beside::CtMark(bits(of)))]))
            }
            xt::Condition::Comment(_) => Condition::always(),
            xt::Condition::Rate(of) => self.limit(of.invert),
            xt::Condition::Recent(of) if of.sets => Condition::of(!of.invert),
            xt::Condition::Tos(of) => Condition::of((of.value == 0) != of.invert),
            xt::Condition::HopLimit(of) => self.values_of(Field::HopLimit, &hops(of)),
            xt::Condition::Owner(of) => self.owner(of),
            xt::Condition::PktType(of) => self.packet_type(of),
            xt::Condition::PhysDev(of) => self.physdev(of),
            xt::Condition::RpFilter { invert } => self.rpfilter(*invert),
            xt::Condition::Length(_)
            | xt::Condition::Set(_)
            | xt::Condition::Mac(_)
            | xt::Condition::Recent(_)
            | xt::Condition::Unknown => Condition::doubt(),
        }
    }

    /// A target: what it does.
    pub(super) fn xt_target(&mut self, action: &Action) -> Compiled {
        let step = match action {
            Action::Reject { .. } => Step::End(End::Reject),
            Action::Unknown => Step::Anything,
            Action::Translate(to) => self.xt_translation(to, None),
            Action::Notrack => self.untrack(),
            Action::Mark { mask, xor } => Step::Mark(Some((!mask, *xor))),
            // Whether there is a connection, and what its mark was, only one flow tells.
            Action::ConnMark(change) if change.mode == xt::MarkMode::Restore => Step::Mark(None),
            Action::ConnMark(_) => Step::CtMark(None),
            Action::HopLimit(HopChange::Set(to)) => Step::Change(Field::HopLimit, Instead::One((*to).into())),
            Action::HopLimit(_) => Step::Change(Field::HopLimit, Instead::Any),
            Action::Aside | Action::Template { .. } | Action::Tos { .. } | Action::ChangeSets { .. } => {
                return Compiled::Nothing;
            }
        };
        Compiled::Steps(vec![step])
    }

    fn values_of(&self, field: Field, values: &Ranges) -> Condition {
        self.reader().values(field, values)
    }

    fn tcp(&mut self, of: &Tcp) -> Condition {
        if self.shape.kind != Kind::Tcp {
            return Condition::never();
        }
        let flags = Ranges::masked(8, of.flags.mask.into(), of.flags.value.into()).unwrap_or_default();
        let flags = self.values_of(Field::TcpFlags, &inverted(&flags, of.flags.invert));
        let option = if of.option.is_some() { Condition::doubt() } else { Condition::always() };
        self.with_ports(Kind::Tcp, &[], &of.sports, &of.dports).and(&flags).and(&option)
    }

    /// Ports of a protocol; of others, that have ports too, they are not known.
    fn with_ports(
        &mut self,
        kind: Kind,
        others: &[u128],
        sports: &Span<u16>,
        dports: &Span<u16>,
    ) -> Condition {
        let is_any = |span: &Span<u16>| (span.first, span.last, span.invert) == (0, u16::MAX, false);
        if self.shape.kind == kind {
            let ports = |field, span| self.values_of(field, &span_of(span));
            return ports(Field::Sport, sports).and(&ports(Field::Dport, dports));
        }
        let ports = if is_any(sports) && is_any(dports) { Condition::always() } else { Condition::doubt() };
        self.of_others(others).and(&ports)
    }

    /// Protocols of no shape of their own.
    fn of_others(&self, numbers: &[u128]) -> Condition {
        if self.shape.kind != Kind::Other || numbers.is_empty() {
            return Condition::never();
        }
        self.values_of(Field::Proto, &Ranges::of(numbers.iter().map(|n| (*n, *n)).collect()))
    }

    fn icmp(&mut self, family: Family, of: &Icmp) -> Condition {
        if self.shape.kind != Kind::Icmp || self.shape.family != family {
            return Condition::never();
        }
        let Some(kind) = of.kind else { return Condition::of(!of.invert) };
        let kinds = Ranges::one(kind.into());
        let codes = Ranges::span(of.codes.0.into(), of.codes.1.into());
        if !of.invert {
            return self.values_of(Field::IcmpType, &kinds).and(&self.values_of(Field::IcmpCode, &codes));
        }
        let other_kind = self.values_of(Field::IcmpType, &kinds.complement(u128::MAX));
        let other_code = self.values_of(Field::IcmpCode, &codes.complement(u128::MAX));
        other_kind.or(other_code)
    }

    fn multiport(&mut self, of: &Multiport) -> Condition {
        if !matches!(self.shape.kind, Kind::Tcp | Kind::Udp | Kind::Sctp) {
            return self.of_others(&[UDPLITE, DCCP]).and(&Condition::doubt());
        }
        let within =
            Ranges::of(of.ranges.iter().map(|(first, last)| ((*first).into(), (*last).into())).collect());
        let ports = inverted(&within, of.invert);
        let (source, destination) =
            (self.values_of(Field::Sport, &ports), self.values_of(Field::Dport, &ports));
        match of.side {
            Side::Source => source,
            Side::Destination => destination,
            Side::Either if of.invert => source.and(&destination),
            Side::Either => source.or(destination),
        }
    }

    /// Something that is known of a connection that the packet opens, and of no other.
    fn of_connection(&self, of_new: Condition) -> Condition {
        let new = self.values_of(Field::Ct, &states(&[CtState::New]));
        let others = self.values_of(Field::Ct, &states(&[CtState::Established, CtState::Related]));
        new.and(&of_new).or(others.and(&Condition::doubt()))
    }

    /// A packet without a connection is asked for its state alone, and passes only if it is asked for it.
    fn conntrack(&mut self, of: &Conntrack) -> Condition {
        let state = of.states.map_or_else(Condition::always, |choice| self.states(&choice));
        let without = self.values_of(Field::Ct, &states(&[CtState::Invalid, CtState::Untracked]));
        let without = if of.states.is_some() { without.and(&state) } else { Condition::never() };
        let l4 = of.protocol.map_or_else(Condition::always, |protocol| {
            let values = Ranges::one(protocol.of.into());
            match self.shape.kind.number(self.shape.family) {
                Some(number) => Condition::of((u16::from(number) == protocol.of) != protocol.invert),
                None => self.values_of(Field::Proto, &inverted(&values, protocol.invert)),
            }
        });
        let has_more = of.original.is_some() || of.status.is_some() || of.expires_s.is_some() || has_ends(of);
        let more = if has_more { self.of_connection(self.opened(of)) } else { Condition::always() };
        let tracked = states(&[CtState::New, CtState::Established, CtState::Related]);
        let with = self.values_of(Field::Ct, &tracked).and(&state).and(&l4).and(&more);
        without.or(with)
    }

    /// One of the states, or a connection that is translated.
    fn states(&self, choice: &Choice<CtStates>) -> Condition {
        let of = choice.of;
        let all = [
            (of.new, CtState::New),
            (of.established, CtState::Established),
            (of.related, CtState::Related),
            (of.invalid, CtState::Invalid),
            (of.untracked, CtState::Untracked),
        ];
        let named: Vec<CtState> = all.iter().filter(|(is_in, _)| *is_in).map(|(_, state)| *state).collect();
        let own = self.values_of(Field::Ct, &inverted(&states(&named), choice.invert));
        let ends = [(of.snat, NatKind::Source), (of.dnat, NatKind::Destination)];
        let translated: Vec<Clause> = ends
            .iter()
            .filter(|(asks, _)| *asks)
            .map(|(_, end)| Clause::beside(Beside::Translated(*end)))
            .collect();
        match (translated.is_empty(), choice.invert) {
            (true, _) => own,
            (false, false) => own.or(self.of_connection(Condition(translated))),
            // Neither: what a flow does not tell stays in doubt.
            (false, true) => own.and(&Condition::doubt()),
        }
    }

    /// Of a connection that the packet opens.
    fn opened(&self, of: &Conntrack) -> Condition {
        let original = of.original.map_or_else(Condition::always, |choice| Condition::of(!choice.invert));
        let status = of.status.map_or_else(Condition::always, |choice| {
            // Any of the bits is set: not just zeros under the mask.
            let (mask, value) = (choice.of.into(), 0);
            let asked =
                if choice.invert { Asked::Bits { mask, value } } else { Asked::OtherBits { mask, value } };
            Condition(vec![Clause::beside(Beside::CtStatus(asked))])
        });
        let expires = if of.expires_s.is_some() { Condition::doubt() } else { Condition::always() };
        original.and(&status).and(&expires).and(&self.ends(of))
    }

    fn ends(&self, of: &Conntrack) -> Condition {
        let addresses = [
            (of.orig_src, Field::Src, View::First),
            (of.orig_dst, Field::Dst, View::First),
            (of.reply_src, Field::Dst, View::Now),
            (of.reply_dst, Field::Src, View::Now),
        ];
        let ports = [
            (of.orig_sport, Field::Sport, View::First),
            (of.orig_dport, Field::Dport, View::First),
            (of.reply_sport, Field::Dport, View::Now),
            (of.reply_dport, Field::Sport, View::Now),
        ];
        let mut all = Condition::always();
        for (choice, field, view) in addresses {
            if let Some(choice) = choice {
                all = all.and(&self.under_mask(&choice, field, view));
            }
        }
        let has_ports = matches!(self.shape.kind, Kind::Tcp | Kind::Udp | Kind::Sctp);
        for (span, field, view) in ports {
            match span {
                Some(span) if has_ports => all = all.and(&self.reader().seen(field, view, &span_of(&span))),
                Some(_) => all = all.and(&Condition::doubt()),
                None => {}
            }
        }
        all
    }

    fn under_mask(&self, choice: &Choice<AddressMask>, field: Field, view: View) -> Condition {
        let (address, mask) = (self.xt_number(&choice.of.address), self.xt_number(&choice.of.mask));
        let bits = u32::from(self.shape.bytes(field)) * 8;
        match Ranges::masked(bits, mask, address & mask) {
            Some(values) => self.reader().seen(field, view, &inverted(&values, choice.invert)),
            None => Condition::doubt(),
        }
    }

    fn iprange(&mut self, of: &IpRange) -> Condition {
        let within = |choice: Option<Choice<AddressRange>>, field| {
            choice.map_or_else(Condition::always, |choice| {
                let (first, last) = (self.xt_number(&choice.of.first), self.xt_number(&choice.of.last));
                self.values_of(field, &inverted(&Ranges::span(first, last), choice.invert))
            })
        };
        within(of.source, Field::Src).and(&within(of.destination, Field::Dst))
    }

    fn addrtype(&mut self, of: &AddrType) -> Condition {
        let by_device = of.of_iif || of.of_oif;
        let source = self.has_type(of.source, Field::Src, by_device);
        source.and(&self.has_type(of.destination, Field::Dst, by_device))
    }

    /// IPv4 asks for one type out of several; IPv6 for several kinds at once, and for routes only if it must.
    fn has_type(&mut self, choice: Option<Choice<u16>>, field: Field, by_device: bool) -> Condition {
        let Some(Choice { of: types, invert }) = choice else { return Condition::always() };
        let pieces = self.loads().address_types(field);
        let answered: Vec<(Ranges, Option<bool>)> = match self.shape.family {
            Family::Ip => pieces
                .into_iter()
                .map(|(values, kind)| {
                    let kind = kind.filter(|kind| *kind != LOCAL_TYPE || !by_device);
                    (values, kind.map(|kind| types >> kind & 1 == 1))
                })
                .collect(),
            _ => v6_types(types, by_device, pieces),
        };
        let holding = |wanted: Option<bool>| {
            let those = answered.iter().filter(|(_, answer)| answer.map(|yes| yes != invert) == wanted);
            Ranges::of(those.flat_map(|(values, _)| values.ranges().iter().copied()).collect())
        };
        let surely = self.reader().seen(field, View::Untouched, &holding(Some(true)));
        let perhaps = self.reader().seen(field, View::Untouched, &holding(None)).and(&Condition::doubt());
        surely.or(perhaps)
    }

    fn packet_type(&mut self, of: &Choice<u32>) -> Condition {
        let pieces = self.loads().packet_types();
        let holding = |wanted: Option<bool>| {
            let answer = |kind: u128| (kind == u128::from(of.of)) != of.invert;
            let those = pieces.iter().filter(|(_, kind)| kind.map(answer) == wanted);
            Ranges::of(those.flat_map(|(values, _)| values.ranges().iter().copied()).collect())
        };
        let surely = self.reader().seen(Field::Dst, View::First, &holding(Some(true)));
        let perhaps = self.reader().seen(Field::Dst, View::First, &holding(None)).and(&Condition::doubt());
        surely.or(perhaps)
    }

    /// A packet that is forwarded has no socket; that one which is sent here has, a flow does not tell.
    fn owner(&self, of: &Owner) -> Condition {
        let inverted = |invert: Option<bool>| invert.unwrap_or(true);
        let all_inverted = inverted(of.uid.map(|s| s.invert))
            && inverted(of.gid.map(|s| s.invert))
            && inverted(of.socket.map(|s| s.invert));
        if self.shape.direction == Direction::Out { Condition::doubt() } else { Condition::of(all_inverted) }
    }

    /// Of a packet that crosses no bridge, all that is asked must be inverted.
    fn physdev(&self, of: &PhysDev) -> Condition {
        if self.environment.bridged != Some(false) {
            return Condition::doubt();
        }
        let PhysDev { input, output, is_in, is_out, is_bridged } = of;
        let names = [input, output].into_iter().flatten().map(|choice| choice.invert);
        let flags = [is_in, is_out, is_bridged].into_iter().flatten().map(|choice| choice.invert);
        Condition::of(names.chain(flags).all(|invert| invert))
    }

    fn rpfilter(&self, invert: bool) -> Condition {
        let lo = Ranges::one(name("lo"));
        let looping = self.values_of(Field::Iif, &lo).and(&Condition::of(!invert));
        let others = match self.environment.sources_routed {
            Some(routed) => Condition::of(routed != invert),
            None => Condition::doubt(),
        };
        looping.or(self.values_of(Field::Iif, &lo.complement(u128::MAX)).and(&others))
    }
}

/// `RTN_LOCAL` of `rtnetlink.h`, and bits by such numbers.
const LOCAL_TYPE: u128 = 2;
const UNSPEC: u16 = 1 << 0;
const UNICAST: u16 = 1 << 1;
const LOCAL: u16 = 1 << 2;
const ANYCAST: u16 = 1 << 4;
const MULTICAST: u16 = 1 << 5;
const UNREACHABLE: u16 = 1 << 7;

fn v6_types(types: u16, by_device: bool, pieces: Vec<(Ranges, Option<u128>)>) -> Vec<(Ranges, Option<bool>)> {
    let asks = |bits: u16| types & bits != 0;
    let multicast = Ranges::span(0xff << 120, u128::MAX);
    let unspecified = Ranges::one(0);
    let mut of_kind = Ranges::span(0, u128::MAX);
    if asks(MULTICAST) {
        of_kind = of_kind.and(&multicast);
    }
    if asks(UNICAST) {
        of_kind = of_kind.and(&multicast.or(&unspecified).complement(u128::MAX));
    }
    if asks(UNSPEC) {
        of_kind = of_kind.and(&unspecified);
    }
    let mut answered = vec![(of_kind.complement(u128::MAX), Some(false))];
    for (values, kind) in pieces {
        let answer = match (asks(LOCAL), asks(ANYCAST | UNREACHABLE)) {
            (false, false) => Some(true),
            (true, false) if !by_device => kind.map(|kind| kind == LOCAL_TYPE),
            _ => None,
        };
        answered.push((values.and(&of_kind), answer));
    }
    answered
}

fn has_ends(of: &Conntrack) -> bool {
    let addresses = [of.orig_src, of.orig_dst, of.reply_src, of.reply_dst];
    let ports = [of.orig_sport, of.orig_dport, of.reply_sport, of.reply_dport];
    addresses.iter().any(Option::is_some) || ports.iter().any(Option::is_some)
}

fn bits(of: &Bits<u32>) -> Asked {
    let (mask, value) = (of.mask.into(), of.value.into());
    if of.invert { Asked::OtherBits { mask, value } } else { Asked::Bits { mask, value } }
}

fn span_of(span: &Span<u16>) -> Ranges {
    inverted(&Ranges::span(span.first.into(), span.last.into()), span.invert)
}

fn inverted(values: &Ranges, invert: bool) -> Ranges {
    if invert { values.complement(u128::MAX) } else { values.clone() }
}

fn hops(of: &HopLimit) -> Ranges {
    let value = u128::from(of.value);
    match of.compare {
        Compare::Equal => Ranges::one(value),
        Compare::NotEqual => Ranges::one(value).complement(u128::MAX),
        Compare::Less => value.checked_sub(1).map_or(Ranges::NONE, |last| Ranges::span(0, last)),
        Compare::Greater => Ranges::span(value + 1, u128::MAX),
    }
}
