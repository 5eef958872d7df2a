//! What a rule may look at: how it is loaded, what must hold before, and values that it may have.
//! Not here: how it is compared ([`super::phrase`]).

use super::Author;
use crate::world::{self, LINKS};
use rolewall_ruleset::expr::{CmpOp, CtKey, FibFlags, FibResult, MetaKey, PayloadBase};
use rolewall_ruleset::table::Hook;
use rolewall_ruleset::{DataType, Expr, Family, Reg, Value};

/// One thing of a packet.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    /// What must hold for it to be there.
    pub(super) first: Vec<Expr>,
    /// Loads it to the register that is told.
    pub(super) load: Load,
    pub(super) kind: DataType,
    /// Values to compare it with, in the bytes of the register.
    pub(super) values: Vec<Vec<u8>>,
    /// The register holds a number of the host's byte order.
    pub(super) is_host_number: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Load {
    Payload(PayloadBase, u32, u32),
    Meta(MetaKey),
    Ct(CtKey),
    Fib(FibResult, FibFlags),
}

impl Load {
    pub(super) fn to(self, dreg: Reg) -> Expr {
        match self {
            Load::Payload(base, offset, len) => Expr::Payload { base, offset, len, dreg },
            Load::Meta(key) => Expr::Meta { key, dreg },
            Load::Ct(key) => Expr::Ct { key, dir: None, dreg },
            Load::Fib(result, flags) => Expr::Fib { result, flags, dreg },
        }
    }
}

const R: Reg = Reg(0);

pub(super) fn is(key: MetaKey, bytes: &[u8]) -> Vec<Expr> {
    vec![Expr::Meta { key, dreg: R }, Expr::Cmp { sreg: R, op: CmpOp::Eq, value: Value::from_bytes(bytes) }]
}

fn host(numbers: impl IntoIterator<Item = u32>) -> Vec<Vec<u8>> {
    numbers.into_iter().map(|n| n.to_ne_bytes().to_vec()).collect()
}

/// An interface's name as a register holds it.
pub(super) fn name(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(16, 0);
    bytes
}

impl Author<'_> {
    pub(super) fn subject(&mut self) -> Subject {
        loop {
            let number = self.random.below(30);
            if let Some(subject) = self.numbered(number) {
                return subject;
            }
        }
    }

    fn numbered(&mut self, number: usize) -> Option<Subject> {
        match number {
            0..=5 => Some(self.address()),
            6..=9 => Some(self.port()),
            10 => Some(self.protocol()),
            11 => Some(self.hop_limit()).filter(|_| self.may_see_hop_limit()),
            12 => Some(self.length()),
            13 | 14 => self.interface_name(),
            15 => self.interface_number(),
            16 | 17 => Some(self.icmp()),
            18 => Some(self.tcp_flags()),
            19 => Some(self.mark()),
            20 | 21 => Some(self.ct_state()),
            22 => self.packet_type(),
            23 => self.route_back(),
            24 => self.address_type(),
            25 | 26 => Some(self.raw_payload()),
            27 => Some(self.family_of_packet()),
            28 => Some(self.header_bytes()),
            _ => self.features.unknowable.then(|| self.unknowable()),
        }
    }

    fn plain(load: Load, kind: DataType, values: Vec<Vec<u8>>) -> Subject {
        Subject { first: Vec::new(), load, kind, values, is_host_number: false }
    }

    fn at(base: PayloadBase, offset: u32, len: u32, kind: DataType, values: Vec<Vec<u8>>) -> Subject {
        Author::plain(Load::Payload(base, offset, len), kind, values)
    }

    /// Only packets of this family, where the table sees both.
    pub(super) fn of_family(&self, is_v4: bool) -> Vec<Expr> {
        match self.family {
            Family::Inet => is(MetaKey::NfProto, &[if is_v4 { 2 } else { 10 }]),
            _ => Vec::new(),
        }
    }

    /// The family of which a rule of this table may speak.
    pub(super) fn speaks_v4(&mut self) -> bool {
        match self.family {
            Family::Ip => true,
            Family::Ip6 => false,
            _ => self.random.percent(50),
        }
    }

    pub(super) fn address(&mut self) -> Subject {
        let v4 = self.speaks_v4();
        let source = self.random.percent(50);
        let mut subject = if v4 {
            let values = self.palette.v4.iter().map(|a| a.octets().to_vec()).collect();
            Author::at(PayloadBase::Network, if source { 12 } else { 16 }, 4, DataType::Ipv4Addr, values)
        } else {
            let values = self.palette.v6.iter().map(|a| a.octets().to_vec()).collect();
            Author::at(PayloadBase::Network, if source { 8 } else { 24 }, 16, DataType::Ipv6Addr, values)
        };
        subject.first = self.of_family(v4);
        subject
    }

    fn port(&mut self) -> Subject {
        let values = self.palette.ports.iter().map(|p| p.to_be_bytes().to_vec()).collect();
        let offset = if self.random.percent(70) { 2 } else { 0 };
        let mut subject = Author::at(PayloadBase::Transport, offset, 2, DataType::InetService, values);
        // `th dport` asks for no protocol.
        if self.random.percent(85) {
            subject.first = is(MetaKey::L4Proto, &[*self.random.pick(&[6, 6, 17, 17, 132])]);
        }
        subject
    }

    pub(super) fn protocol(&mut self) -> Subject {
        let values = self.palette.protocols.iter().map(|p| vec![*p]).collect();
        if self.random.percent(70) {
            return Author::plain(Load::Meta(MetaKey::L4Proto), DataType::InetProto, values);
        }
        let v4 = self.speaks_v4();
        let offset = if v4 { 9 } else { 6 };
        let mut subject = Author::at(PayloadBase::Network, offset, 1, DataType::InetProto, values);
        subject.first = self.of_family(v4);
        subject
    }

    fn may_see_hop_limit(&self) -> bool {
        let lowered = [Hook::Forward, Hook::Postrouting];
        self.features.hop_limit_of_forwarded || !self.hooks.iter().any(|hook| lowered.contains(hook))
    }

    fn hop_limit(&mut self) -> Subject {
        let v4 = self.speaks_v4();
        let values = [1u8, 2, 63, 64, 65, 255].iter().map(|h| vec![*h]).collect();
        let kind = DataType::Other { id: 4, len: 1 };
        let mut subject = Author::at(PayloadBase::Network, if v4 { 8 } else { 7 }, 1, kind, values);
        subject.first = self.of_family(v4);
        subject
    }

    fn length(&mut self) -> Subject {
        let lengths: Vec<u32> = (0..4).map(|_| self.random.within(40, 120) as u32).collect();
        if self.random.percent(60) {
            let load = Load::Meta(MetaKey::Len);
            return Subject { is_host_number: true, ..Author::plain(load, DataType::Integer, host(lengths)) };
        }
        let values = lengths.iter().map(|l| (*l as u16).to_be_bytes().to_vec()).collect();
        let kind = DataType::Other { id: 4, len: 2 };
        if self.random.percent(50) {
            let udp = Author::at(PayloadBase::Transport, 4, 2, kind, values);
            return Subject { first: is(MetaKey::L4Proto, &[17]), ..udp };
        }
        let v4 = self.speaks_v4();
        let first = self.of_family(v4);
        Subject { first, ..Author::at(PayloadBase::Network, if v4 { 2 } else { 4 }, 2, kind, values) }
    }

    /// `true`: the hooks of this rule all have that interface.
    fn hooks_have(&self, incoming: bool) -> bool {
        let lacking =
            if incoming { [Hook::Output, Hook::Postrouting] } else { [Hook::Prerouting, Hook::Input] };
        self.features.interface_of_other_hook || !self.hooks.iter().any(|hook| lacking.contains(hook))
    }

    fn interface_name(&mut self) -> Option<Subject> {
        let incoming = self.random.percent(60);
        let key = if incoming { MetaKey::IifName } else { MetaKey::OifName };
        let values = LINKS.iter().chain(&["lo", "eth", "wan"]).map(|n| name(n)).collect();
        self.hooks_have(incoming).then(|| Author::plain(Load::Meta(key), DataType::IfName, values))
    }

    fn interface_number(&mut self) -> Option<Subject> {
        let incoming = self.random.percent(60);
        let key = if incoming { MetaKey::Iif } else { MetaKey::Oif };
        let subject = Author::plain(Load::Meta(key), DataType::IfIndex, host(0..6));
        self.hooks_have(incoming).then_some(Subject { is_host_number: true, ..subject })
    }

    fn icmp(&mut self) -> Subject {
        let v4 = self.speaks_v4();
        let (protocol, kinds, kind) = match v4 {
            true => (1, [0u8, 3, 8, 11], DataType::IcmpType),
            false => (58, [1, 128, 129, 135], DataType::Icmpv6Type),
        };
        let (offset, values): (u32, &[u8]) =
            if self.random.percent(75) { (0, &kinds) } else { (1, &[0, 1, 2, 3]) };
        let values = values.iter().map(|v| vec![*v]).collect();
        let subject = Author::at(PayloadBase::Transport, offset, 1, kind, values);
        Subject { first: is(MetaKey::L4Proto, &[protocol]), ..subject }
    }

    fn tcp_flags(&mut self) -> Subject {
        let values = [0x02u8, 0x10, 0x12, 0x11, 0x04, 0].iter().map(|f| vec![*f]).collect();
        let subject = Author::at(PayloadBase::Transport, 13, 1, DataType::TcpFlag, values);
        Subject { first: is(MetaKey::L4Proto, &[6]), ..subject }
    }

    pub(super) fn mark(&mut self) -> Subject {
        let subject =
            Author::plain(Load::Meta(MetaKey::Mark), DataType::Mark, host(self.palette.marks.clone()));
        Subject { is_host_number: true, ..subject }
    }

    fn ct_state(&mut self) -> Subject {
        Author::plain(Load::Ct(CtKey::State), DataType::CtState, host([1, 2, 4, 8, 64, 6, 14]))
    }

    /// Only where packets come in: of what leaves, nobody has said it yet.
    fn packet_type(&mut self) -> Option<Subject> {
        let comes_in = self.hooks.iter().all(|hook| *hook == Hook::Input);
        let values = [0u8, 1, 2].iter().map(|t| vec![*t]).collect();
        comes_in.then(|| Author::plain(Load::Meta(MetaKey::PktType), DataType::PktType, values))
    }

    fn route_back(&mut self) -> Option<Subject> {
        let comes_in = self.hooks.iter().all(|h| matches!(h, Hook::Prerouting | Hook::Input | Hook::Forward));
        let present = self.random.percent(60);
        let flags = FibFlags { saddr: true, iif: true, present, ..FibFlags::default() };
        let load = Load::Fib(FibResult::Oif, flags);
        let kind = if present { DataType::Other { id: 42, len: 1 } } else { DataType::IfIndex };
        let values = if present { vec![vec![0], vec![1]] } else { host([0, 1, 2, 3]) };
        comes_in.then(|| Subject { is_host_number: !present, ..Author::plain(load, kind, values) })
    }

    fn address_type(&mut self) -> Option<Subject> {
        let comes_in = self.hooks.iter().all(|h| matches!(h, Hook::Prerouting | Hook::Input | Hook::Forward));
        let saddr = self.random.percent(40);
        let flags = FibFlags { saddr, daddr: !saddr, ..FibFlags::default() };
        let subject = Author::plain(Load::Fib(FibResult::AddrType, flags), DataType::FibAddrType, host(1..6));
        comes_in.then_some(subject)
    }

    fn raw_payload(&mut self) -> Subject {
        let values = self.palette.words.iter().map(|w| w.to_vec()).collect();
        let kind = DataType::Other { id: 4, len: 4 };
        match self.random.below(3) {
            // The first bytes behind UDP's header, as `@th,64,32`.
            0 => Subject {
                first: is(MetaKey::L4Proto, &[17]),
                ..Author::at(PayloadBase::Transport, 8, 4, kind, values)
            },
            1 => Author::at(PayloadBase::Transport, self.random.below(4) as u32 * 4, 4, kind, values),
            _ => {
                let protocol = *self.random.pick(&[6, 17]);
                let asked = !self.features.inner_of_any || self.random.percent(50);
                let first = if asked { is(MetaKey::L4Proto, &[protocol]) } else { Vec::new() };
                Subject { first, ..Author::at(PayloadBase::Inner, 0, 4, kind, values) }
            }
        }
    }

    fn family_of_packet(&mut self) -> Subject {
        match self.random.percent(60) {
            true => Author::plain(Load::Meta(MetaKey::NfProto), DataType::NfProto, vec![vec![2], vec![10]]),
            false => Author::plain(
                Load::Meta(MetaKey::Protocol),
                DataType::EtherType,
                vec![vec![8, 0], vec![0x86, 0xdd]],
            ),
        }
    }

    /// Parts of the network header: version and length, type of service, fragments, the ends of addresses.
    fn header_bytes(&mut self) -> Subject {
        let (offset, len) =
            *self.random.pick(&[(0u32, 1u32), (1, 1), (6, 2), (12, 1), (12, 3), (14, 2), (16, 2)]);
        let own = world::own4(0).octets();
        let mut values: Vec<Vec<u8>> = vec![vec![0x45; len as usize], vec![0; len as usize]];
        values.push(own[..len as usize].to_vec());
        let kind = DataType::Other { id: 4, len: len as u8 };
        Author::at(PayloadBase::Network, offset, len, kind, values)
    }

    /// What no flow tells.
    fn unknowable(&mut self) -> Subject {
        let kind = DataType::EtherAddr;
        match self.random.below(4) {
            0 => Author::at(
                PayloadBase::Link,
                6,
                6,
                kind,
                vec![vec![2, 0, 0, 0, 2, 0], vec![2, 0, 0, 0, 2, 1]],
            ),
            1 => Author::plain(Load::Ct(CtKey::Status), DataType::Mark, host([0, 2, 8, 10])),
            2 => Author::at(
                PayloadBase::Transport,
                4,
                4,
                DataType::Other { id: 4, len: 4 },
                vec![vec![0, 0, 0, 1]],
            ),
            _ => Author::plain(Load::Ct(CtKey::Mark), DataType::Mark, host([0, 1])),
        }
    }
}
