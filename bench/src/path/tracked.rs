//! What the node's connection tracking holds, and emptying it between rounds.
//! Not here: rulesets.

use super::frames::Kind;
use super::wires::{Ruleset, Wire};
use crate::Outcome;
use rolewall_kernel::conntrack;
use rolewall_lab::Host;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

/// Forgets all connections of a host: the request to delete one, without saying which
/// (linux/netfilter/nfnetlink_conntrack.h).
pub(super) fn flush(host: &Host) -> Outcome<()> {
    const DELETE: u16 = 1 << 8 | 2;
    const REQUEST_AND_ACKNOWLEDGE: u16 = 1 | 4;
    let mut request = [0u8; 20];
    request[0..4].copy_from_slice(&20u32.to_ne_bytes());
    request[4..6].copy_from_slice(&DELETE.to_ne_bytes());
    request[6..8].copy_from_slice(&REQUEST_AND_ACKNOWLEDGE.to_ne_bytes());
    let errno = host.in_namespace(|| -> Outcome<i32> {
        let protocol = Some(netlink::NETFILTER);
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        send(&socket, &request, SendFlags::empty())?;
        let mut answer = [0u8; 128];
        let (_, bytes) = recv(&socket, &mut answer, RecvFlags::empty())?;
        let errno = answer.get(16..20).filter(|_| bytes >= 20).and_then(|b| b.try_into().ok());
        errno.map(i32::from_ne_bytes).ok_or_else(|| "a short answer to flushing connections".into())
    })??;
    if errno == 0 { Ok(()) } else { Err(format!("flushing connections: error {errno}").into()) }
}

/// Refuses to call flows established that are not.
pub(super) fn all_established(wire: &Wire<'_>, flows: usize) -> Outcome<()> {
    if wire.ruleset == Ruleset::None {
        return Ok(());
    }
    let tracked = wire.node.in_namespace(conntrack::flows)??;
    let established = tracked.iter().filter(|flow| flow.status.seen_reply()).count();
    if established == flows {
        return Ok(());
    }
    Err(format!("{}: {established} of {flows} flows are established", wire.ruleset.word()).into())
}

/// After a round of new flows: each that was allowed has an entry, and none that was dropped.
pub(super) fn is_as_expected(wire: &Wire<'_>, kind: Kind) -> Outcome<bool> {
    let tracked = wire.node.in_namespace(conntrack::flows)??;
    let of_kind = tracked.iter().filter(|flow| flow.original.dst_port == kind.port()).count();
    let expected_some = match wire.ruleset {
        Ruleset::None => false,
        Ruleset::Conntrack => true,
        Ruleset::Rolewall | Ruleset::Again | Ruleset::NftRolemap => kind.is_allowed(),
    };
    Ok((of_kind > 0) == expected_some)
}
