//! Forgetting one tracked connection: exactly the entry that was read, or none.
//! Not here: which ones, and any way to forget several at once.

use super::{SUBJECT, TrackedFlow, Tuple, wire};
use crate::Nft;
use crate::netlink::{DumpError, NetlinkError, Subject, Writer};
use rustix::io::Errno;
use std::net::IpAddr;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It was there, and is no more.
    Now,
    /// It was gone before, or another entry has its addresses and ports now, which stays.
    GoneBefore,
}

/// `linux/socket.h`.
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// Deletes the entry of these addresses, ports and zone, if it still has this id.
pub fn delete_over(nft: &mut Nft, flow: &TrackedFlow) -> Result<Deleted, DumpError> {
    match nft.socket().ask(wire::CT_DELETE, |w| request(w, flow), |_| ()) {
        Ok(()) => Ok(Deleted::Now),
        Err(e) if is_no_entry(&e) => Ok(Deleted::GoneBefore),
        Err(e) => Err(DumpError::new(Subject { doing: "deleting a tracked connection", ..SUBJECT }, e)),
    }
}

fn is_no_entry(error: &NetlinkError) -> bool {
    error.errno().map(Errno::from_raw_os_error) == Some(Errno::NOENT)
}

/// A request without a tuple would delete every entry; this one always has its own.
fn request(w: &mut Writer, flow: &TrackedFlow) {
    let family = if flow.original.src.is_ipv4() { AF_INET } else { AF_INET6 };
    w.fixed(&[family, 0, 0, 0]);
    w.nest(wire::TUPLE_ORIG, |w| tuple(w, &flow.original));
    w.be32(wire::ID, flow.id);
    if flow.zone != 0 {
        w.be16(wire::ZONE, flow.zone);
    }
}

fn tuple(w: &mut Writer, tuple: &Tuple) {
    w.nest(wire::TUPLE_IP, |w| {
        address(w, 1, 3, tuple.src);
        address(w, 2, 4, tuple.dst);
    });
    w.nest(wire::TUPLE_PROTO, |w| {
        w.u8(wire::PROTO_NUMBER, tuple.protocol);
        match tuple.icmp {
            Some((kind, code, id)) => {
                let first = if tuple.src.is_ipv4() { wire::ICMP_ID } else { wire::ICMPV6_ID };
                w.be16(first, id);
                w.u8(first + 1, kind);
                w.u8(first + 2, code);
            }
            None => {
                w.be16(wire::SRC_PORT, tuple.src_port);
                w.be16(wire::DST_PORT, tuple.dst_port);
            }
        }
    });
}

fn address(w: &mut Writer, v4: u16, v6: u16, address: IpAddr) {
    match address {
        IpAddr::V4(a) => w.bytes(v4, &a.octets()),
        IpAddr::V6(a) => w.bytes(v6, &a.octets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::Fields;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_asked_for_reads_back_as_the_same_tuple(v4: bool, icmp: bool, protocol: u8, a: u16, b: u16, id: u32, zone: u16) {
            let end = |n: u16| match v4 {
                true => IpAddr::from([192, 0, (n >> 8) as u8, n as u8]),
                false => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n]),
            };
            let (src_port, dst_port) = if icmp { (0, 0) } else { (a, b) };
            let icmp = icmp.then_some((a as u8, b as u8, a));
            let original = Tuple { src: end(a), dst: end(b), protocol, src_port, dst_port, icmp };
            let flow = TrackedFlow { original, reply: original, status: super::super::Status(0), tcp_state: None, timeout_s: None, mark: 0, id, zone, master: None };
            let mut w = Writer::default();
            request(&mut w, &flow);
            let f = Fields::<19>::known(&w.as_bytes()[4..]);
            prop_assert_eq!(super::super::tuple(f.bytes(wire::TUPLE_ORIG).unwrap()), Some(original));
            prop_assert_eq!((f.be32(wire::ID), f.be16(wire::ZONE).unwrap_or(0)), (Some(id), zone));
        }
    }
}
