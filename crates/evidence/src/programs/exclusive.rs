//! Sockets of one family at the same port that exclude each other. PostgreSQL and PgBouncer bind what is first,
//! warn of the rest, and go on.

use crate::reading::Reading;
use crate::text::Place;
use std::net::IpAddr;

/// Adds an address unless it is there, or one of every address is before it, or it is every address and one
/// is before it.
pub(super) fn add(reading: &mut Reading<'_>, bound: &mut Vec<IpAddr>, address: IpAddr, at: &Place) {
    if bound.contains(&address) {
        return;
    }
    let is_same_family = |known: &&IpAddr| known.is_ipv4() == address.is_ipv4();
    let excludes = |known: &&IpAddr| known.is_unspecified() || address.is_unspecified();
    match bound.iter().filter(is_same_family).find(excludes) {
        Some(known) => {
            reading.trouble(at, format_args!("{address} is not bound, since {known} is before it"))
        }
        None => bound.push(address),
    }
}
