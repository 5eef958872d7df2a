//! The few values that one random ruleset is about: so that its rules meet each other, and packets meet its rules.
//! Not here: rules or packets of them.

use crate::random::Random;
use crate::world;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Translations to addresses of no network of the host's, which leave by its default route. Off until the judge
/// has one.
const BEYOND_NETWORKS: bool = false;

/// Values to draw from.
#[derive(Debug, Clone)]
pub(crate) struct Palette {
    pub(crate) v4: Vec<Ipv4Addr>,
    pub(crate) v6: Vec<Ipv6Addr>,
    pub(crate) ports: Vec<u16>,
    pub(crate) protocols: Vec<u8>,
    pub(crate) marks: Vec<u32>,
    pub(crate) words: Vec<[u8; 4]>,
}

impl Palette {
    pub(crate) fn random(random: &mut Random) -> Palette {
        let mut v4: Vec<Ipv4Addr> = (0..world::LINKS.len()).map(world::own4).collect();
        let mut v6: Vec<Ipv6Addr> = (0..world::LINKS.len()).map(world::own6).collect();
        v4.extend((0..6).map(|_| near4(random)));
        v6.extend((0..6).map(|_| near6(random)));
        let mut ports: Vec<u16> = (0..5).map(|_| random.number() as u16).collect();
        ports.extend([0, 22, 5060, 0xffff]);
        let mut protocols = vec![6, 6, 17, 17, 1, 58, 132, 47, 4];
        protocols.push(random.within(140, 250) as u8);
        let mut marks: Vec<u32> = (0..3).map(|_| random.number() as u32).collect();
        marks.extend([0, 1, 0x100, u32::MAX]);
        let mut words: Vec<[u8; 4]> = (0..3).map(|_| (random.number() as u32).to_be_bytes()).collect();
        words.extend([*b"REGI", *b"INVI", [0; 4]]);
        Palette { v4, v6, ports, protocols, marks, words }
    }

    /// An address that a packet may be sent to: the host's own, or another host's.
    pub(crate) fn host4(random: &mut Random) -> Ipv4Addr {
        let [a, b, c, _] = world::own4(random.below(3)).octets();
        match random.below(if BEYOND_NETWORKS { 3 } else { 2 }) {
            0 => world::own4(random.below(3)),
            1 => Ipv4Addr::new(a, b, c, random.within(2, 9) as u8),
            _ => Ipv4Addr::new(10, 1, 2, random.within(1, 4) as u8),
        }
    }

    pub(crate) fn host6(random: &mut Random) -> Ipv6Addr {
        let mut segments = world::own6(random.below(3)).segments();
        match random.below(if BEYOND_NETWORKS { 3 } else { 2 }) {
            0 => {}
            1 => segments[7] = random.within(2, 9) as u16,
            _ => (segments[3], segments[7]) = (9, random.within(1, 4) as u16),
        }
        segments.into()
    }
}

/// An address of one of the links' networks, of a documentation network, or of anywhere.
fn near4(random: &mut Random) -> Ipv4Addr {
    let last = random.byte();
    let [a, b, c, _] = world::own4(random.below(3)).octets();
    match random.below(3) {
        0 => Ipv4Addr::new(a, b, c, last),
        1 => Ipv4Addr::new(10, random.byte() & 3, random.byte(), last),
        _ => Ipv4Addr::from(random.number() as u32),
    }
}

fn near6(random: &mut Random) -> Ipv6Addr {
    let mut segments = world::own6(random.below(3)).segments();
    let low = random.number() as u16;
    match random.below(3) {
        0 => segments[7] = low,
        1 => (segments[3], segments[7]) = (random.below(8) as u16, low),
        _ => {
            let far = (random.number() as u128) << 64 | random.number() as u128;
            return Ipv6Addr::from(far & !(0b111 << 125) | 1 << 125);
        }
    }
    segments.into()
}
