//! Leaving a netfilter socket to Linux, instead of waiting while it is closed.
//! Not here: any reason to hurry but the operator's prompt.
//!
//! Whoever closes a netfilter socket after something was deleted waits until Linux has freed it: a grace
//! period of RCU, 15 ms here, half the wall time of `nft -f`. Nothing of the change depends on it: it is in
//! force, and read back. So the descriptor is sent into a pair of unix sockets that nobody holds: Linux finds
//! that they keep each other alive, and closes them from its own worker. Where it does so at once (older
//! kernels), the wait is what it was.

use rustix::fd::{AsFd, OwnedFd};
use rustix::io::IoSlice;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg,
    socketpair,
};
use std::mem::MaybeUninit;

/// Gives the socket away. Should Linux not take it, closing waits, and nothing else is lost.
pub(super) fn leave(socket: OwnedFd) {
    let pair = socketpair(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
    let Ok((near, far)) = pair else { return };
    let given = [far.as_fd(), socket.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if ancillary.push(SendAncillaryMessage::ScmRights(&given)) {
        let _ = sendmsg(&near, &[IoSlice::new(b"0")], &mut ancillary, SendFlags::empty());
    }
    // The socket before the pair: Linux begins to look once nobody holds the pair, and whoever lets go of the
    // socket last is who waits.
    drop(socket);
    drop((near, far));
}
