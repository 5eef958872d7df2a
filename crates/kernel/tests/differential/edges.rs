//! The values that a ruleset tests, with their neighbours: what random packets are made of.
//! Not here: the packets ([`crate::traffic`]).

use crate::random::Random;
use rolewall_ruleset::expr::{MetaKey, PayloadBase};
use rolewall_ruleset::xt::{Condition, Tcp, Udp};
use rolewall_ruleset::{Element, Expr, Set, SetRef, Table};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Values by what of a packet they are compared with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edges {
    pub(crate) src4: Vec<Ipv4Addr>,
    pub(crate) dst4: Vec<Ipv4Addr>,
    pub(crate) src6: Vec<Ipv6Addr>,
    pub(crate) dst6: Vec<Ipv6Addr>,
    pub(crate) ports: Vec<u16>,
    pub(crate) protocols: Vec<u8>,
    pub(crate) hops: Vec<u8>,
    pub(crate) icmp: Vec<u8>,
    pub(crate) flags: Vec<u8>,
    pub(crate) lengths: Vec<u16>,
    /// Offset behind the network header, and bytes.
    pub(crate) payload: Vec<(u32, Vec<u8>)>,
}

/// What a register was loaded with: a place in the packet, of so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Network(u32, u32),
    Transport(u32, u32),
    Inner(u32, u32),
    Protocol,
    Length,
    Other,
}

impl Edges {
    /// Everything that a ruleset compares a packet with.
    pub(crate) fn of(tables: &[Table], random: &mut Random) -> Edges {
        let mut edges = Edges::default();
        for table in tables {
            for rule in table.chains.iter().flat_map(|chain| &chain.rules) {
                edges.add_program(table, &rule.exprs, random);
            }
        }
        edges
    }

    fn add_program(&mut self, table: &Table, program: &[Expr], random: &mut Random) {
        let mut loaded: BTreeMap<u8, Place> = BTreeMap::new();
        let mut masks: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
        for expr in program {
            match expr {
                Expr::Payload { base, offset, len, dreg } => {
                    loaded.insert(dreg.0, place(*base, *offset, *len));
                    masks.remove(&dreg.0);
                }
                Expr::Meta { key, dreg } => {
                    loaded.insert(dreg.0, meta_place(*key));
                    masks.remove(&dreg.0);
                }
                Expr::Bitwise { sreg, dreg, mask, .. } => {
                    if let Some(place) = loaded.get(&sreg.0).copied() {
                        loaded.insert(dreg.0, place);
                        masks.insert(dreg.0, mask.bytes().to_vec());
                    }
                }
                Expr::Cmp { sreg, value, .. } => {
                    let Some(place) = loaded.get(&sreg.0) else { continue };
                    self.add(*place, value.bytes(), random);
                    if let Some(mask) = masks.get(&sreg.0) {
                        let noise = random.bytes(mask.len());
                        self.add(*place, &under(value.bytes(), mask, &noise), random);
                        self.add(*place, &under(value.bytes(), mask, &vec![0xff; mask.len()]), random);
                    }
                }
                Expr::Range { sreg, from, to, .. } => {
                    let Some(place) = loaded.get(&sreg.0) else { continue };
                    self.add(*place, from.bytes(), random);
                    self.add(*place, to.bytes(), random);
                }
                Expr::XtMatch(asked) => self.add_condition(&asked.condition, random),
                Expr::Lookup { sreg, set, .. } => {
                    let set = match set {
                        SetRef::Anonymous(set) => Some(&**set),
                        SetRef::Named(name) => table.set(name),
                    };
                    set.into_iter().for_each(|set| self.add_set(set, sreg.0, &loaded, random));
                }
                _ => {}
            }
        }
    }

    fn add_condition(&mut self, condition: &Condition, random: &mut Random) {
        let mut ports = Vec::new();
        match condition {
            Condition::Tcp(Tcp { sports, dports, flags, .. }) => {
                ports = vec![sports.first, sports.last, dports.first, dports.last];
                self.add(Place::Transport(13, 1), &[flags.value], random);
            }
            Condition::Udp(Udp { sports, dports }) => {
                ports = vec![sports.first, sports.last, dports.first, dports.last];
            }
            Condition::Multiport(of) => ports = of.ranges.iter().flat_map(|ends| [ends.0, ends.1]).collect(),
            Condition::Icmp(of) | Condition::Icmp6(of) => {
                of.kind.iter().for_each(|kind| self.add(Place::Transport(0, 1), &[*kind], random));
            }
            Condition::HopLimit(of) => self.add(Place::Network(8, 1), &[of.value], random),
            Condition::Length(of) => self.lengths.extend([of.first, of.last]),
            _ => {}
        }
        ports.into_iter().for_each(|port| self.add(Place::Transport(0, 2), &port.to_be_bytes(), random));
    }

    fn add_set(&mut self, set: &Set, first: u8, loaded: &BTreeMap<u8, Place>, random: &mut Random) {
        // Of a public list of thousands, some are enough.
        for element in some_of(&set.elements, random) {
            for key in [Some(&element.key), element.end.as_ref()].into_iter().flatten() {
                let mut at = 0;
                for field in &set.key {
                    let len = usize::from(field.len());
                    let place = loaded.get(&(first + (at / 4) as u8));
                    if let (Some(place), Some(bytes)) = (place, key.bytes().get(at..at + len)) {
                        self.add(*place, bytes, random);
                    }
                    at += len.next_multiple_of(4);
                }
            }
        }
    }

    /// A value of a place, and what lies beside it.
    fn add(&mut self, place: Place, bytes: &[u8], random: &mut Random) {
        for bytes in [bytes.to_vec(), stepped(bytes, true), stepped(bytes, false)] {
            self.add_one(place, &bytes, random);
        }
    }

    fn add_one(&mut self, place: Place, bytes: &[u8], random: &mut Random) {
        let short = || u16::from_be_bytes([bytes[0], *bytes.get(1).unwrap_or(&0)]);
        match place {
            Place::Network(12, len @ 1..=4) => self.src4.push(filled(bytes, len, random).into()),
            Place::Network(16, len @ 1..=4) => self.dst4.push(filled(bytes, len, random).into()),
            Place::Network(8, len @ 2..=16) => self.src6.push(filled::<16>(bytes, len, random).into()),
            Place::Network(24, len @ 1..=16) => self.dst6.push(filled::<16>(bytes, len, random).into()),
            Place::Network(6 | 9, 1) | Place::Protocol => self.protocols.push(bytes[0]),
            Place::Network(7 | 8, 1) => self.hops.push(bytes[0]),
            Place::Network(2, 2) => self.lengths.push(short()),
            Place::Length if bytes.len() == 4 => {
                let number = [bytes[0], bytes[1], bytes[2], bytes[3]];
                self.lengths.extend([u32::from_ne_bytes(number) as u16, u32::from_be_bytes(number) as u16]);
            }
            Place::Transport(0 | 2, 2) => self.ports.push(short()),
            Place::Transport(0, 1) | Place::Transport(1, 1) => self.icmp.push(bytes[0]),
            Place::Transport(13, 1) => self.flags.push(bytes[0]),
            Place::Transport(4, 2) => self.lengths.push(short().saturating_add(20)),
            Place::Transport(0, 4) if bytes.len() == 4 => {
                self.ports.extend([short(), u16::from_be_bytes([bytes[2], bytes[3]])])
            }
            Place::Transport(offset, _) => self.payload.push((offset, bytes.to_vec())),
            Place::Inner(offset, _) => {
                // Behind UDP's header, and behind TCP's.
                self.payload.extend([8, 20].map(|header| (header + offset, bytes.to_vec())));
            }
            Place::Network(..) | Place::Length | Place::Other => {}
        }
    }
}

fn place(base: PayloadBase, offset: u32, len: u32) -> Place {
    match base {
        PayloadBase::Link => Place::Other,
        PayloadBase::Network => Place::Network(offset, len),
        PayloadBase::Transport => Place::Transport(offset, len),
        PayloadBase::Inner => Place::Inner(offset, len),
    }
}

fn meta_place(key: MetaKey) -> Place {
    match key {
        MetaKey::L4Proto => Place::Protocol,
        MetaKey::Len => Place::Length,
        _ => Place::Other,
    }
}

fn some_of<'e>(elements: &'e [Element], random: &mut Random) -> Vec<&'e Element> {
    const SOME: usize = 24;
    if elements.len() <= SOME {
        return elements.iter().collect();
    }
    (0..SOME).map(|_| random.pick(elements)).collect()
}

/// Bytes that become `value` under the mask.
fn under(value: &[u8], mask: &[u8], rest: &[u8]) -> Vec<u8> {
    let bytes = value.iter().zip(mask).zip(rest);
    bytes.map(|((value, mask), rest)| value & mask | rest & !mask).collect()
}

/// The number beside, up or down; the last has none above.
fn stepped(bytes: &[u8], up: bool) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for byte in bytes.iter_mut().rev() {
        (*byte, _) = if up { byte.overflowing_add(1) } else { byte.overflowing_sub(1) };
        let carries = if up { *byte == 0 } else { *byte == 0xff };
        if !carries {
            break;
        }
    }
    bytes
}

/// A whole address of its first bytes: the rest is all zeros, all ones, or anything.
fn filled<const N: usize>(bytes: &[u8], len: u32, random: &mut Random) -> [u8; N] {
    let mut all = match random.below(3) {
        0 => [0; N],
        1 => [0xff; N],
        _ => random.bytes(N).try_into().unwrap_or([0; N]),
    };
    let len = (len as usize).min(bytes.len()).min(N);
    all[..len].copy_from_slice(&bytes[..len]);
    all
}
