//! Ipsets, read only: which there are, and their entries.
//! Not here: changing them, and what they mean for a packet (crate `ruleset`).

use crate::links::ip;
use crate::netlink::{Attributes, Dump, DumpError, Fields, Message, Socket, Subject, Writer};
use rolewall_ruleset::xt::{IpSet, IpSetEntry};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// `linux/netfilter/ipset/ip_set.h`.
mod wire {
    /// `NFNL_SUBSYS_IPSET`, with the command in the low byte.
    pub(super) const LIST: u16 = 6 << 8 | 7;
    pub(super) const NFGENMSG: [u8; 4] = [2, 0, 0, 0];
    /// The least version of the protocol that tells a set's number.
    pub(super) const PROTOCOL_VERSION: u8 = 7;

    pub(super) const PROTOCOL: u16 = 1;
    pub(super) const SETNAME: u16 = 2;
    pub(super) const TYPENAME: u16 = 3;
    pub(super) const FAMILY: u16 = 5;
    pub(super) const FLAGS: u16 = 6;
    pub(super) const DATA: u16 = 7;
    pub(super) const ADT: u16 = 8;
    pub(super) const INDEX: u16 = 11;

    pub(super) const F_LIST_HEADER: u32 = 1 << 2;

    /// Of an entry, and of a set's header.
    pub(super) const IP: u16 = 1;
    pub(super) const IP_TO: u16 = 2;
    pub(super) const CIDR: u16 = 3;
    pub(super) const PORT: u16 = 4;
    pub(super) const PORT_TO: u16 = 5;
    pub(super) const ENTRY_PROTO: u16 = 7;
    pub(super) const CADT_FLAGS: u16 = 8;
    pub(super) const NETMASK: u16 = 20;
    pub(super) const BITMASK: u16 = 28;

    pub(super) const F_NOMATCH: u32 = 1 << 2;
}

const SUBJECT: Subject = Subject { doing: "listing the ipsets", missing: "ip_set" };

/// How often a list is read again because it changed meanwhile.
const ATTEMPTS: u32 = 5;

/// The ipsets of these numbers, with their entries. Those that are not there are left out.
pub fn sets(wanted: &BTreeSet<u16>) -> Result<BTreeMap<u16, IpSet>, DumpError> {
    let failed = |e| DumpError::new(SUBJECT, e);
    let mut socket = Socket::open(Some(rustix::net::netlink::NETFILTER)).map_err(failed)?;
    let mut found = BTreeMap::new();
    for (index, name) in named(&mut socket)? {
        if wanted.contains(&index) {
            found.extend(one(&mut socket, &name)?.map(|set| (index, set)));
        }
    }
    Ok(found)
}

/// Number and name of every set.
fn named(socket: &mut Socket) -> Result<Vec<(u16, String)>, DumpError> {
    list(socket, None, |m, all: &mut Vec<(u16, String)>| {
        let f = Fields::<12>::known(m.after(wire::NFGENMSG.len()));
        all.extend(f.be16(wire::INDEX).zip(f.text(wire::SETNAME)));
    })
}

/// A set; its entries come in several messages, of which only the first tells its type.
fn one(socket: &mut Socket, name: &str) -> Result<Option<IpSet>, DumpError> {
    list(socket, Some(name), |m, set: &mut Option<IpSet>| add_message(set, name, m))
}

pub(crate) fn add_message(set: &mut Option<IpSet>, name: &str, m: &Message<'_>) {
    let f = Fields::<12>::known(m.after(wire::NFGENMSG.len()));
    if let Some(kind) = f.text(wire::TYPENAME) {
        let header = Fields::<29>::known(f.bytes(wire::DATA).unwrap_or(&[]));
        *set = Some(IpSet {
            name: name.to_owned(),
            kind,
            is_v4: f.u8(wire::FAMILY).and_then(|family| match family {
                2 => Some(true),
                10 => Some(false),
                _ => None,
            }),
            more: header.has(wire::NETMASK) || header.has(wire::BITMASK),
            entries: Vec::new(),
        });
    }
    if let Some(set) = set {
        add_entries(set, f.bytes(wire::ADT).unwrap_or(&[]));
    }
}

fn list<T: Default>(
    socket: &mut Socket,
    name: Option<&str>,
    each: impl Fn(&Message<'_>, &mut T),
) -> Result<T, DumpError> {
    for _ in 0..ATTEMPTS {
        let mut found = T::default();
        let fill = |w: &mut Writer| {
            w.fixed(&wire::NFGENMSG);
            w.u8(wire::PROTOCOL, wire::PROTOCOL_VERSION);
            match name {
                Some(name) => w.string(wire::SETNAME, name),
                None => w.be32(wire::FLAGS, wire::F_LIST_HEADER),
            }
        };
        let dumped = socket.dump(wire::LIST, fill, |m| each(m, &mut found));
        match dumped.map_err(|e| DumpError::new(SUBJECT, e))? {
            Dump::Consistent => return Ok(found),
            Dump::Interrupted => {}
        }
    }
    Err(DumpError::Unstable { doing: SUBJECT.doing, attempts: ATTEMPTS })
}

/// An entry that is not understood makes the set one that is not.
fn add_entries(set: &mut IpSet, list: &[u8]) {
    for (kind, bytes) in Attributes::new(list) {
        match entry(bytes).filter(|_| kind == wire::DATA) {
            Some(entry) => set.entries.push(entry),
            None => set.more = true,
        }
    }
}

fn entry(bytes: &[u8]) -> Option<IpSetEntry> {
    let f = Fields::<29>::known(bytes);
    // Ranges are listed as their addresses or networks.
    (!f.has(wire::IP_TO)).then_some(())?;
    let network = match f.bytes(wire::IP) {
        None => None,
        Some(nested) => {
            let address: IpAddr = Attributes::new(nested).find_map(|(_, bytes)| ip(bytes))?;
            let whole = if address.is_ipv4() { 32 } else { 128 };
            Some((address.into(), f.u8(wire::CIDR).unwrap_or(whole).min(whole)))
        }
    };
    let port = f.be16(wire::PORT);
    Some(IpSetEntry {
        network,
        ports: port.map(|first| (first, f.be16(wire::PORT_TO).unwrap_or(first))),
        protocol: f.u8(wire::ENTRY_PROTO),
        nomatch: f.be32(wire::CADT_FLAGS).unwrap_or(0) & wire::F_NOMATCH != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let kind = "hash:ip".to_owned();
            let mut set =
                IpSet { name: String::new(), kind, is_v4: None, more: false, entries: Vec::new() };
            add_entries(&mut set, &bytes);
        }
    }
}
