//! What every Erlang node has besides its service: the port mapper, and distribution's address.
//! Not here: whose node it is.
//! Source: epmd(1), erl(1), kernel(6).

use crate::reading::Reading;
use crate::text::Place;
use crate::{Address, Listener};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The port mapper's.
pub(super) const EPMD: u16 = 4369;

/// The addresses that epmd was told, and the loopbacks, which it adds; without any, both families.
pub(super) fn epmd_addresses(reading: &mut Reading<'_>, bound: Option<&(String, Place)>) -> Vec<Address> {
    let Some((words, place)) = bound else {
        return vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    };
    let words = words.split([',', ' ']).filter(|word| !word.is_empty());
    let mut known: Vec<Address> =
        words.flat_map(|word| reading.addresses(word, place)).map(Into::into).collect();
    for loopback in [Address::One(Ipv4Addr::LOCALHOST.into()), Ipv6Addr::LOCALHOST.into()] {
        if !known.contains(&loopback) {
            known.push(loopback);
        }
    }
    known
}

/// `{127,0,0,1}` of a command line as an address is written.
pub(super) fn dotted(word: &str) -> String {
    match word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) {
        Some(numbers) => numbers.replace(',', "."),
        None => word.to_owned(),
    }
}

/// With these lines as evidence, each once.
pub(super) fn said_by<'p>(mut listener: Listener, places: impl Iterator<Item = &'p Place>) -> Listener {
    let mut known: Vec<&Place> = Vec::new();
    for place in places {
        if !known.contains(&place) {
            listener = listener.said(place);
            known.push(place);
        }
    }
    listener
}
