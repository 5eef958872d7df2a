//! Translations of addresses: what a packet looks like after them.
//! Not here: where it is sent then ([`super::route`]).
//!
//! A constant is written into the packet; of a range, a map that gives no constant, or a random choice,
//! what it becomes is not known. A port that may be kept is kept: Linux changes it where two connections would
//! look alike.

use super::Environment;
use super::packet::End;
use super::registers::Truth;
use super::way::{Device, State};
use crate::Hook;
use std::net::IpAddr;

/// What an address or a port becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To<T> {
    Same,
    One(T),
    /// Something else, or the same: it is not known.
    Any,
}

impl<T: PartialEq> To<T> {
    /// One of a range.
    pub(super) fn between(first: Option<T>, last: Option<T>) -> To<T> {
        match (first, last) {
            (Some(first), Some(last)) if first == last => To::One(first),
            _ => To::Any,
        }
    }
}

/// Translate one end, and remember that it was.
pub(super) fn translate(state: &mut State<'_>, end: End, address: To<IpAddr>, port: To<u16>) {
    let before = state.packet.clone();
    match address {
        To::Same => {}
        To::One(address) => state.packet.set_address(end, Some(address)),
        To::Any => state.packet.set_address(end, None),
    }
    match port {
        To::Same => {}
        To::One(port) => state.packet.set_port(end, Some(port)),
        To::Any => state.packet.set_port(end, None),
    }
    let is_open = address == To::Any || port == To::Any && before.has_ports();
    let changed = match is_open {
        true => Truth::Unknown,
        false => Truth::of(state.packet != before),
    };
    match end {
        End::Source => (state.snat, state.bound.1) = (state.snat.or(changed), true),
        End::Destination => (state.dnat, state.bound.0) = (state.dnat.or(changed), true),
    }
}

/// Translate to this host: to loopback of what goes out, to the first address of the interface of what comes
/// in.
pub(super) fn redirect(state: &mut State<'_>, hook: Hook, port: To<u16>, environment: &Environment) {
    let is_v4 = state.packet.is_v4();
    let loopback =
        if is_v4 { IpAddr::from([127, 0, 0, 1]) } else { IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1u16]) };
    let address = match (hook, &state.iif) {
        (Hook::Output, _) => Some(loopback),
        (_, Device::Named(name)) => environment.first_address(name, is_v4),
        _ => None,
    };
    translate(state, End::Destination, address.map_or(To::Any, To::One), port);
    state.to_host = Some(true);
}

/// The network part of a range, the host part of what was there. None where they are of two families.
pub(super) fn netmap(first: IpAddr, last: IpAddr, was: Option<IpAddr>) -> To<IpAddr> {
    match (first, last, was) {
        (IpAddr::V4(first), IpAddr::V4(last), Some(IpAddr::V4(was))) => {
            let host = first.to_bits() ^ last.to_bits();
            To::One(IpAddr::V4((first.to_bits() & !host | was.to_bits() & host).into()))
        }
        (IpAddr::V6(first), IpAddr::V6(last), Some(IpAddr::V6(was))) => {
            let host = first.to_bits() ^ last.to_bits();
            To::One(IpAddr::V6((first.to_bits() & !host | was.to_bits() & host).into()))
        }
        _ => To::Any,
    }
}
