//! Where two rulesets may change their mind: the ports and remote addresses that their rules look at.
//! Not here: judging what is in between.

use rolewall_ruleset::expr::{CmpOp, MetaKey, PayloadBase};
use rolewall_ruleset::{DataType, Element, Expr, Rule, Ruleset, Set, SetRef};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Remote ends and ports, one of each cell.
pub(super) struct Cells {
    pub(super) remotes: Vec<Remote>,
    /// Protocol, and first and last port.
    pub(super) ports: Vec<(u8, (u16, u16))>,
    /// How many interfaces remotes are told apart by: those that rules name, and any other.
    pub(super) interfaces: usize,
}

/// Addresses that the very same sets and prefixes contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remote {
    /// One of them, to be judged.
    pub(super) address: IpAddr,
    /// All of them that a set names one by one; empty for a stretch of addresses.
    pub(super) members: Vec<IpAddr>,
    /// The stretch, first and last, where no single address is named.
    pub(super) stretch: Option<(IpAddr, IpAddr)>,
    /// The interface, where rules look at one.
    pub(super) interface: Option<String>,
}

#[derive(Default)]
struct Looks<'a> {
    cuts: BTreeMap<u8, BTreeSet<u32>>,
    /// For each set of addresses of its own: members.
    sets: Vec<&'a Set>,
    /// Prefixes and ranges, first and last, as numbers; IPv4 and IPv6 apart.
    stretches: [BTreeSet<(u128, u128)>; 2],
    interfaces: BTreeSet<String>,
}

/// Protocols with ports, by IANA's number.
const PROTOS: [u8; 3] = [6, 17, 132];

impl Cells {
    pub(super) fn of(rulesets: &[&Ruleset]) -> Cells {
        let mut looks = Looks::default();
        for table in rulesets.iter().flat_map(|r| &r.tables) {
            table.sets.iter().for_each(|set| looks.set(set));
            table.chains.iter().flat_map(|c| &c.rules).for_each(|rule| looks.rule(rule));
        }
        Cells { remotes: looks.remotes(), ports: looks.ports(), interfaces: looks.interfaces.len() + 1 }
    }
}

impl<'a> Looks<'a> {
    fn set(&mut self, set: &'a Set) {
        match set.key.as_slice() {
            [DataType::InetProto, DataType::InetService] => {
                for element in &set.elements {
                    let key = element.key.bytes();
                    let port = u32::from(u16::from_be_bytes([key[4], key[5]]));
                    self.cut(key[0], port, port);
                }
            }
            [DataType::Ipv4Addr | DataType::Ipv6Addr] if set.flags.interval => {
                set.elements.iter().for_each(|e| self.stretch(e));
            }
            [DataType::Ipv4Addr | DataType::Ipv6Addr] if !set.flags.dynamic => self.sets.push(set),
            _ => {}
        }
    }

    fn cut(&mut self, proto: u8, first: u32, last: u32) {
        self.cuts.entry(proto).or_default().extend([first, last + 1]);
    }

    fn stretch(&mut self, element: &Element) {
        let (Some(first), last) =
            (number(element.key.bytes()), element.end.as_ref().and_then(|e| number(e.bytes())))
        else {
            return;
        };
        self.stretches[usize::from(element.key.bytes().len() == 16)].insert((first, last.unwrap_or(first)));
    }

    /// Follows a rule's loads, to know what each comparison is about.
    fn rule(&mut self, rule: &'a Rule) {
        let mut loaded: Option<&Expr> = None;
        let mut proto = None;
        let mut mask: Option<&[u8]> = None;
        let mut from = None;
        for expr in &rule.exprs {
            match expr {
                Expr::Meta { .. } | Expr::Payload { .. } | Expr::Ct { .. } | Expr::Fib { .. } => {
                    (loaded, mask) = (Some(expr), None);
                }
                Expr::Bitwise { mask: m, .. } => mask = Some(m.bytes()),
                Expr::Cmp { op, value, .. } => match loaded {
                    Some(Expr::Meta { key: MetaKey::L4Proto, .. }) => proto = value.bytes().first().copied(),
                    Some(Expr::Meta { key: MetaKey::IifName, .. }) => self.interface(value.bytes()),
                    Some(Expr::Payload { base: PayloadBase::Transport, offset: 2, len: 2, .. }) => {
                        let port = value.bytes().try_into().map(u16::from_be_bytes).unwrap_or(0);
                        match (op, from) {
                            (CmpOp::Gte, _) => from = Some(port),
                            (CmpOp::Lte, Some(first)) => {
                                self.cut(proto.unwrap_or(17), u32::from(first), port.into())
                            }
                            _ => self.cut(proto.unwrap_or(17), port.into(), port.into()),
                        }
                    }
                    Some(Expr::Payload { base: PayloadBase::Network, offset, .. }) => {
                        self.prefix(*offset, value.bytes(), mask);
                    }
                    _ => {}
                },
                Expr::Lookup { set: SetRef::Anonymous(set), .. } => match set.key.as_slice() {
                    [DataType::InetService] => set.elements.iter().for_each(|e| {
                        let port =
                            |bytes: &[u8]| bytes.try_into().map(u16::from_be_bytes).map_or(0, u32::from);
                        let first = port(e.key.bytes());
                        self.cut(
                            proto.unwrap_or(17),
                            first,
                            e.end.as_ref().map_or(first, |l| port(l.bytes())),
                        );
                    }),
                    [DataType::IfName] => set.elements.iter().for_each(|e| self.interface(e.key.bytes())),
                    _ => {}
                },
                _ => {}
            }
        }
    }

    fn interface(&mut self, bytes: &[u8]) {
        let name = bytes.split(|&b| b == 0).next().unwrap_or_default();
        self.interfaces.insert(String::from_utf8_lossy(name).into_owned());
    }

    /// A comparison of an address: of whole leading bytes, or of all bytes under a mask.
    fn prefix(&mut self, offset: u32, value: &[u8], mask: Option<&[u8]>) {
        let len = match offset {
            12 | 16 => 4,
            8 | 24 => 16,
            _ => return,
        };
        let (mut first, mut last) = (vec![0; len], vec![0xff; len]);
        for (i, byte) in value.iter().enumerate().take(len) {
            let kept = mask.map_or(0xff, |m| m.get(i).copied().unwrap_or(0xff));
            first[i] = byte & kept;
            last[i] = byte | !kept;
        }
        if let (Some(first), Some(last)) = (number(&first), number(&last)) {
            self.stretches[usize::from(len == 16)].insert((first, last));
        }
    }

    fn ports(&self) -> Vec<(u8, (u16, u16))> {
        let mut ports = Vec::new();
        for proto in PROTOS {
            let mut cuts: BTreeSet<u32> = [1, 65536].into();
            cuts.extend(self.cuts.get(&proto).into_iter().flatten().filter(|&&c| c > 0));
            let cuts: Vec<u32> = cuts.into_iter().collect();
            let ends = |w: &[u32]| Some((u16::try_from(w[0]).ok()?, u16::try_from(w[1] - 1).ok()?));
            ports.extend(cuts.windows(2).filter_map(ends).map(|range| (proto, range)));
        }
        ports
    }

    /// Named addresses grouped by the sets that hold them and the stretch that they lie in; then one address
    /// of each stretch that is named by nobody.
    fn remotes(&self) -> Vec<Remote> {
        let mut remotes = Vec::new();
        let interfaces: Vec<Option<String>> =
            std::iter::once(None).chain(self.interfaces.iter().cloned().map(Some)).collect();
        for wide in [false, true] {
            let atoms = self.atoms(wide);
            let named = self.named(wide, &atoms);
            for interface in &interfaces {
                for members in named.values() {
                    let Some(&address) = members.first() else { continue };
                    let (members, interface) = (members.clone(), interface.clone());
                    remotes.push(Remote { address, members, stretch: None, interface });
                }
                for (first, last) in &atoms {
                    let taken: BTreeSet<IpAddr> = named.values().flatten().copied().collect();
                    let Some(address) = unnamed(*first, *last, wide, &taken) else { continue };
                    let stretch = Some((address_of(*first, wide), address_of(*last, wide)));
                    let interface = interface.clone();
                    remotes.push(Remote { address, members: Vec::new(), stretch, interface });
                }
            }
        }
        remotes
    }

    fn atoms(&self, wide: bool) -> Vec<(u128, u128)> {
        let end = if wide { u128::MAX } else { u128::from(u32::MAX) };
        let mut starts: BTreeSet<u128> = [0].into();
        for (first, last) in &self.stretches[usize::from(wide)] {
            starts.insert(*first);
            starts.extend(last.checked_add(1).filter(|&next| next <= end));
        }
        let starts: Vec<u128> = starts.into_iter().collect();
        let next = |i: usize| starts.get(i + 1).map_or(end, |n| n - 1);
        starts.iter().enumerate().map(|(i, first)| (*first, next(i))).collect()
    }

    fn named(&self, wide: bool, atoms: &[(u128, u128)]) -> BTreeMap<(Vec<usize>, usize), Vec<IpAddr>> {
        let mut holders: BTreeMap<u128, Vec<usize>> = BTreeMap::new();
        let len = if wide { 16 } else { 4 };
        for (index, set) in self.sets.iter().enumerate() {
            for element in set.elements.iter().filter(|e| e.key.bytes().len() == len) {
                if let Some(address) = number(element.key.bytes()) {
                    holders.entry(address).or_default().push(index);
                }
            }
        }
        let mut groups: BTreeMap<(Vec<usize>, usize), Vec<IpAddr>> = BTreeMap::new();
        for (address, sets) in holders {
            let atom = atoms.partition_point(|(first, _)| *first <= address);
            groups.entry((sets, atom)).or_default().push(address_of(address, wide));
        }
        groups
    }
}

/// The first address of a stretch that no set names; looked for a little way only.
fn unnamed(first: u128, last: u128, wide: bool, taken: &BTreeSet<IpAddr>) -> Option<IpAddr> {
    let middle = first + (last - first) / 2;
    let near =
        |start: u128| (0..=taken.len() as u128).map(move |step| start + step).take_while(move |a| *a <= last);
    near(middle).chain(near(first)).map(|a| address_of(a, wide)).find(|a| !taken.contains(a))
}

fn number(bytes: &[u8]) -> Option<u128> {
    match bytes.len() {
        4 => Some(u128::from(u32::from_be_bytes(bytes.try_into().ok()?))),
        16 => Some(u128::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

fn address_of(number: u128, wide: bool) -> IpAddr {
    if wide {
        return IpAddr::V6(Ipv6Addr::from(number));
    }
    IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)))
}
