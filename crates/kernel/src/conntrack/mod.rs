//! Connections that Linux tracks (`nf_conntrack_netlink`).
//! Not here: their counters, and expectations.

mod delete;

pub use delete::{Deleted, delete_over};

use crate::Nft;
use crate::links::ip;
use crate::netlink::{Dump, DumpError, Fields, Message, NetlinkError, Socket, Subject, Writer};
use std::net::IpAddr;

/// One direction of a tracked connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    /// From.
    pub src: IpAddr,
    /// To.
    pub dst: IpAddr,
    /// The transport protocol's number.
    pub protocol: u8,
    /// From that port; 0 where the protocol has none.
    pub src_port: u16,
    /// To that port; 0 where the protocol has none.
    pub dst_port: u16,
    /// ICMP's type, code and identifier, where it is that.
    pub icmp: Option<(u8, u8, u16)>,
}

/// A tracked connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackedFlow {
    /// As its first packet went.
    pub original: Tuple,
    /// As answers are expected.
    pub reply: Tuple,
    /// How far it has come.
    pub status: Status,
    /// The state of TCP by Linux's number (`enum tcp_conntrack`; 3 is established).
    pub tcp_state: Option<u8>,
    /// Seconds until it is forgotten if nothing more comes.
    pub timeout_s: Option<u32>,
    /// Its mark.
    pub mark: u32,
    /// Linux's number of it: another one for each entry, also of the same addresses and ports.
    pub id: u32,
    /// The zone that its first packet was tracked in; 0 is the usual one.
    pub zone: u16,
    /// The connection that announced it, as that one's first packet went; none for most.
    pub master: Option<Tuple>,
}

/// Bits of `enum ip_conntrack_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u32);

impl Status {
    /// Packets went both ways.
    pub fn seen_reply(self) -> bool {
        self.0 & 0x2 != 0
    }

    /// Not the first to go when the table is full.
    pub fn assured(self) -> bool {
        self.0 & 0x4 != 0
    }

    /// Its first packet left the host or reached it.
    pub fn confirmed(self) -> bool {
        self.0 & 0x8 != 0
    }

    /// Source or destination is translated.
    pub fn translated(self) -> bool {
        self.0 & 0x30 != 0
    }
}

/// `linux/netfilter/nfnetlink_conntrack.h`.
mod wire {
    pub(super) const CT_NEW: u16 = 1 << 8;
    pub(super) const CT_GET: u16 = CT_NEW + 1;
    pub(super) const CT_DELETE: u16 = CT_NEW + 2;
    pub(super) const CT_GET_STATS: u16 = CT_NEW + 5;
    pub(super) const STATS_ENTRIES: u16 = 1;
    pub(super) const NFGENMSG_LEN: usize = 4;
    pub(super) const TUPLE_ORIG: u16 = 1;
    pub(super) const TUPLE_REPLY: u16 = 2;
    pub(super) const STATUS: u16 = 3;
    pub(super) const PROTOINFO: u16 = 4;
    pub(super) const TIMEOUT: u16 = 7;
    pub(super) const MARK: u16 = 8;
    pub(super) const ID: u16 = 12;
    pub(super) const TUPLE_MASTER: u16 = 14;
    pub(super) const ZONE: u16 = 18;
    pub(super) const TUPLE_IP: u16 = 1;
    pub(super) const TUPLE_PROTO: u16 = 2;
    pub(super) const TUPLE_ZONE: u16 = 3;
    pub(super) const PROTO_NUMBER: u16 = 1;
    pub(super) const SRC_PORT: u16 = 2;
    pub(super) const DST_PORT: u16 = 3;
    /// Identifier, then type, then code.
    pub(super) const ICMP_ID: u16 = 4;
    pub(super) const ICMPV6_ID: u16 = 7;
    pub(super) const PROTOINFO_TCP: u16 = 1;
    pub(super) const TCP_STATE: u16 = 1;
}

const SUBJECT: Subject =
    Subject { doing: "listing the tracked connections", missing: "nf_conntrack_netlink" };

/// How often the list is read again because it changed meanwhile.
const ATTEMPTS: u32 = 5;

/// All connections that are tracked in this thread's network namespace. A busy table changes while it is
/// read: each entry is true, but one that came or went meanwhile may be missing.
pub fn flows() -> Result<Vec<TrackedFlow>, DumpError> {
    let failed = |e| DumpError::new(SUBJECT, e);
    let mut socket = Socket::open(Some(rustix::net::netlink::NETFILTER)).map_err(failed)?;
    those_on(&mut socket, Some).map_err(failed)
}

/// What `keep` makes of each, over a conversation that is open already: closing a second socket would wait for
/// what is being deleted meanwhile. A host may track very many, so what is not kept takes no memory.
pub fn those_over<T>(nft: &mut Nft, keep: impl FnMut(TrackedFlow) -> Option<T>) -> Result<Vec<T>, DumpError> {
    those_on(nft.socket(), keep).map_err(|e| DumpError::new(SUBJECT, e))
}

/// Whether any connection is tracked; true where Linux does not say.
pub fn any_over(nft: &mut Nft) -> bool {
    count(nft.socket()) != Some(0)
}

fn those_on<T>(
    socket: &mut Socket,
    keep: impl FnMut(TrackedFlow) -> Option<T>,
) -> Result<Vec<T>, NetlinkError> {
    if count(socket) == Some(0) { Ok(Vec::new()) } else { list(socket, keep) }
}

fn list<T>(
    socket: &mut Socket,
    mut keep: impl FnMut(TrackedFlow) -> Option<T>,
) -> Result<Vec<T>, NetlinkError> {
    let mut all = Vec::new();
    for _ in 0..ATTEMPTS {
        all.clear();
        let fill = |w: &mut Writer| w.fixed(&[0; wire::NFGENMSG_LEN]);
        if socket.dump(wire::CT_GET, fill, |m| all.extend(flow(m).and_then(&mut keep)))? == Dump::Consistent {
            break;
        }
    }
    Ok(all)
}

/// How many there are. The list takes Linux some milliseconds however short it is, because all namespaces
/// share one table; the count takes none. None where Linux does not say.
fn count(socket: &mut Socket) -> Option<u32> {
    let mut entries = None;
    let fill = |w: &mut Writer| w.fixed(&[0; wire::NFGENMSG_LEN]);
    let asked = socket.ask(wire::CT_GET_STATS, fill, |m| {
        if m.kind == wire::CT_GET_STATS {
            entries = Fields::<2>::known(m.after(wire::NFGENMSG_LEN)).be32(wire::STATS_ENTRIES);
        }
    });
    asked.ok().and(entries)
}

pub(crate) fn flow(m: &Message<'_>) -> Option<TrackedFlow> {
    if m.kind != wire::CT_NEW {
        return None;
    }
    let f = Fields::<19>::known(m.after(wire::NFGENMSG_LEN));
    let original = f.bytes(wire::TUPLE_ORIG)?;
    Some(TrackedFlow {
        original: tuple(original)?,
        reply: tuple(f.bytes(wire::TUPLE_REPLY)?)?,
        status: Status(f.be32(wire::STATUS).unwrap_or(0)),
        tcp_state: f.bytes(wire::PROTOINFO).and_then(tcp_state),
        timeout_s: f.be32(wire::TIMEOUT),
        mark: f.be32(wire::MARK).unwrap_or(0),
        id: f.be32(wire::ID)?,
        zone: f.be16(wire::ZONE).or_else(|| own_zone(original)).unwrap_or(0),
        master: f.bytes(wire::TUPLE_MASTER).and_then(tuple),
    })
}

/// A zone of one direction alone stands in its tuple.
fn own_zone(tuple: &[u8]) -> Option<u16> {
    Fields::<4>::known(tuple).be16(wire::TUPLE_ZONE)
}

fn tcp_state(protoinfo: &[u8]) -> Option<u8> {
    let tcp = Fields::<2>::known(protoinfo).bytes(wire::PROTOINFO_TCP)?;
    Fields::<2>::known(tcp).u8(wire::TCP_STATE)
}

/// Addresses are attributes 1 and 2 (IPv4) or 3 and 4 (IPv6).
fn tuple(bytes: &[u8]) -> Option<Tuple> {
    let f = Fields::<3>::known(bytes);
    let addresses = Fields::<5>::known(f.bytes(wire::TUPLE_IP)?);
    let p = Fields::<10>::known(f.bytes(wire::TUPLE_PROTO)?);
    let either = |v4: u16, v6: u16| addresses.bytes(v4).or_else(|| addresses.bytes(v6)).and_then(ip);
    let icmp = |id: u16| Some((p.u8(id + 1)?, p.u8(id + 2)?, p.be16(id)?));
    Some(Tuple {
        src: either(1, 3)?,
        dst: either(2, 4)?,
        protocol: p.u8(wire::PROTO_NUMBER)?,
        src_port: p.be16(wire::SRC_PORT).unwrap_or(0),
        dst_port: p.be16(wire::DST_PORT).unwrap_or(0),
        icmp: icmp(wire::ICMP_ID).or_else(|| icmp(wire::ICMPV6_ID)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = flow(&Message { kind: wire::CT_NEW, flags: 0, seq: 0, payload: &payload });
            let _ = tuple(&payload);
        }
    }
}
