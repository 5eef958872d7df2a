//! Interfaces and their addresses.
//! Not here: changing them, and routes.

use crate::netlink::{Dump, DumpError, Fields, Message, Socket, Subject, Writer};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its number.
    pub index: u32,
    /// Its name, at most 15 bytes.
    pub name: String,
    /// Administratively up.
    pub up: bool,
    /// The loopback interface.
    pub loopback: bool,
    /// What made it (`veth`, `bridge`, `wireguard`); none for hardware.
    pub kind: Option<String>,
}

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The interface's number.
    pub index: u32,
    /// The address on this side.
    pub address: IpAddr,
    /// Length of its prefix in bits.
    pub prefix_len: u8,
    /// 0 global, 200 site, 253 link, 254 host (`enum rt_scope_t`).
    pub scope: u8,
}

/// `linux/rtnetlink.h`, `linux/if_link.h`, `linux/if_addr.h`, `linux/if.h`.
mod wire {
    pub(super) const NEWLINK: u16 = 16;
    pub(super) const GETLINK: u16 = 18;
    pub(super) const NEWADDR: u16 = 20;
    pub(super) const GETADDR: u16 = 22;
    pub(super) const IFINFOMSG_LEN: usize = 16;
    pub(super) const IFADDRMSG_LEN: usize = 8;
    pub(super) const IFLA_IFNAME: u16 = 3;
    pub(super) const IFLA_LINKINFO: u16 = 18;
    pub(super) const IFLA_INFO_KIND: u16 = 1;
    pub(super) const IFA_ADDRESS: u16 = 1;
    pub(super) const IFA_LOCAL: u16 = 2;
    pub(super) const IFF_UP: u32 = 1;
    pub(super) const IFF_LOOPBACK: u32 = 8;
}

/// All interfaces of this thread's network namespace.
pub fn interfaces() -> Result<Vec<Interface>, DumpError> {
    let header = [0; wire::IFINFOMSG_LEN];
    dump("listing the interfaces", wire::GETLINK, &header, interface)
}

/// All addresses of all interfaces of this thread's network namespace.
pub fn addresses() -> Result<Vec<Address>, DumpError> {
    let header = [0; wire::IFADDRMSG_LEN];
    dump("listing the addresses", wire::GETADDR, &header, address)
}

/// How often a list is read again because it changed meanwhile.
const ATTEMPTS: u32 = 10;

fn dump<T>(
    doing: &'static str,
    kind: u16,
    header: &[u8],
    decode: impl Fn(&Message<'_>) -> Option<T>,
) -> Result<Vec<T>, DumpError> {
    let failed = |e| DumpError::new(Subject { doing, missing: "rtnetlink" }, e);
    let mut socket = Socket::open(None).map_err(failed)?;
    for _ in 0..ATTEMPTS {
        let mut all = Vec::new();
        let fill = |w: &mut Writer| w.fixed(header);
        if socket.dump(kind, fill, |m| all.extend(decode(m))).map_err(failed)? == Dump::Consistent {
            return Ok(all);
        }
    }
    Err(DumpError::Unstable { doing, attempts: ATTEMPTS })
}

fn of_kind<'a, 'm>(m: &'a Message<'m>, kind: u16) -> Option<&'a Message<'m>> {
    (m.kind == kind).then_some(m)
}

pub(crate) fn interface(m: &Message<'_>) -> Option<Interface> {
    let header = of_kind(m, wire::NEWLINK)?.payload.first_chunk::<{ wire::IFINFOMSG_LEN }>()?;
    let [_, _, _, _, i0, i1, i2, i3, f0, f1, f2, f3, ..] = *header;
    let flags = u32::from_ne_bytes([f0, f1, f2, f3]);
    let f = Fields::<20>::known(m.after(wire::IFINFOMSG_LEN));
    let info = Fields::<2>::known(f.bytes(wire::IFLA_LINKINFO).unwrap_or(&[]));
    Some(Interface {
        index: u32::from_ne_bytes([i0, i1, i2, i3]),
        name: f.text(wire::IFLA_IFNAME)?,
        up: flags & wire::IFF_UP != 0,
        loopback: flags & wire::IFF_LOOPBACK != 0,
        kind: info.text(wire::IFLA_INFO_KIND),
    })
}

pub(crate) fn address(m: &Message<'_>) -> Option<Address> {
    let [_, prefix_len, _, scope, i0, i1, i2, i3] =
        *of_kind(m, wire::NEWADDR)?.payload.first_chunk::<{ wire::IFADDRMSG_LEN }>()?;
    let f = Fields::<3>::known(m.after(wire::IFADDRMSG_LEN));
    // Of a point-to-point link IFA_ADDRESS is the other side; IPv6 gives IFA_LOCAL only there.
    let bytes = f.bytes(wire::IFA_LOCAL).or_else(|| f.bytes(wire::IFA_ADDRESS))?;
    Some(Address { index: u32::from_ne_bytes([i0, i1, i2, i3]), address: ip(bytes)?, prefix_len, scope })
}

/// An address of either family by its length.
pub(crate) fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|b| Ipv4Addr::from(b).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|b| Ipv6Addr::from(b).into())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = interface(&Message { kind: wire::NEWLINK, flags: 0, seq: 0, payload: &payload });
            let _ = address(&Message { kind: wire::NEWADDR, flags: 0, seq: 0, payload: &payload });
        }
    }
}
