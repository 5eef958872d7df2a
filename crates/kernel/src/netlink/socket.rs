//! A netlink socket: send, and receive until the kernel has said everything.
//! Not here: which messages; and no thread, no event loop.

use super::wire::{F_DUMP, F_DUMP_INTR, F_REQUEST, NLMSG_DONE};
use super::{Header, Message, Messages, NetlinkError, Writer};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use std::io;
use std::time::Duration;

/// Seconds to wait for an answer. The kernel answers while it handles the request, so this is a guard
/// against a bug, not a time that is ever waited for.
const ANSWER_S: u64 = 30;

/// Receive buffer in bytes: room for the errors of a batch of thousands of refused operations.
const RECEIVE_BUFFER_BYTES: usize = 1 << 20;

/// One datagram at most: the kernel fills dumps up to 32 KiB, and an error repeats no request
/// (`NETLINK_CAP_ACK`).
const DATAGRAM_BYTES: usize = 64 << 10;

/// What the kernel counts in a send buffer beside the message itself, rounded up generously.
const SEND_MARGIN_BYTES: usize = 4 << 10;

/// A netlink socket of the network namespace of the thread that opened it.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    seq: u32,
    buffer: Vec<u8>,
    send_buffer_bytes: usize,
    /// An answer may be there still: the exchange that asked for it was not read to its end.
    is_behind: bool,
}

/// How a dump ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dump {
    Consistent,
    /// What was dumped changed meanwhile: what was received may mix old and new.
    Interrupted,
}

impl Socket {
    /// No protocol is `NETLINK_ROUTE`, whose number is zero.
    pub(crate) fn open(protocol: Option<Protocol>) -> Result<Socket, NetlinkError> {
        let open = |e: Errno| NetlinkError::Open(e.into());
        let flags = SocketFlags::CLOEXEC;
        let fd = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol);
        let fd = fd.map_err(open)?;
        // Older kernels may refuse these; then errors are only less precise.
        let _ = set_netlink_option(&fd, libc::NETLINK_CAP_ACK);
        let _ = set_netlink_option(&fd, libc::NETLINK_EXT_ACK);
        // Without CAP_NET_ADMIN the default size stays.
        let _ = sockopt::set_socket_recv_buffer_size_force(&fd, RECEIVE_BUFFER_BYTES);
        let wait = Some(Duration::from_secs(ANSWER_S));
        sockopt::set_socket_timeout(&fd, sockopt::Timeout::Recv, wait).map_err(open)?;
        Ok(Socket { fd, seq: 0, buffer: vec![0; DATAGRAM_BYTES], send_buffer_bytes: 0, is_behind: false })
    }

    /// Lets Linux close it when it likes: see [`super::leave`].
    pub(crate) fn leave(self) {
        super::leave::leave(self.fd);
    }

    /// Sends bytes as one datagram, whatever their size.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), NetlinkError> {
        self.grow_send_buffer(bytes.len());
        self.is_behind = true;
        let sent = rustix::io::retry_on_intr(|| rustix::net::send(&self.fd, bytes, SendFlags::empty()));
        match sent {
            Ok(n) if n == bytes.len() => Ok(()),
            Ok(_) => Err(NetlinkError::Send { len: bytes.len(), source: io::ErrorKind::WriteZero.into() }),
            Err(e) => Err(NetlinkError::Send { len: bytes.len(), source: e.into() }),
        }
    }

    /// One `sendmsg` takes at most the send buffer: it grows to what is sent.
    fn grow_send_buffer(&mut self, len: usize) {
        let want = len + SEND_MARGIN_BYTES;
        if want <= self.send_buffer_bytes {
            return;
        }
        let forced = sockopt::set_socket_send_buffer_size_force(&self.fd, want);
        // Without CAP_NET_ADMIN up to net.core.wmem_max; sending then says EMSGSIZE if it is not enough.
        if forced.or_else(|_| sockopt::set_socket_send_buffer_size(&self.fd, want)).is_ok() {
            self.send_buffer_bytes = want;
        }
    }

    /// Asks for one thing and gives each message of the answer to `each`.
    pub(crate) fn ask(
        &mut self,
        kind: u16,
        fill: impl FnOnce(&mut Writer),
        each: impl FnMut(&Message<'_>),
    ) -> Result<(), NetlinkError> {
        self.exchange(kind, super::wire::F_ACK, fill, each).map(|_| ())
    }

    /// Asks for a list.
    pub(crate) fn dump(
        &mut self,
        kind: u16,
        fill: impl FnOnce(&mut Writer),
        each: impl FnMut(&Message<'_>),
    ) -> Result<Dump, NetlinkError> {
        self.exchange(kind, F_DUMP, fill, each)
    }

    fn exchange(
        &mut self,
        kind: u16,
        flags: u16,
        fill: impl FnOnce(&mut Writer),
        mut each: impl FnMut(&Message<'_>),
    ) -> Result<Dump, NetlinkError> {
        self.discard_pending()?;
        self.seq = self.seq.wrapping_add(1);
        let seq = self.seq;
        let mut request = Writer::default();
        request.message(Header { kind, flags: F_REQUEST | flags, seq }, fill);
        self.send(request.as_bytes())?;
        let mut dump = Dump::Consistent;
        loop {
            if let Some(end) = self.receive_answer(seq, &mut dump, &mut each)? {
                self.is_behind = false;
                return end.map(|()| dump).map_err(NetlinkError::Refused);
            }
        }
    }

    /// One datagram. Some when it held the end of the answer.
    fn receive_answer(
        &mut self,
        seq: u32,
        dump: &mut Dump,
        each: &mut impl FnMut(&Message<'_>),
    ) -> Result<Option<Result<(), super::Refusal>>, NetlinkError> {
        let Some(datagram) = self.receive(RecvFlags::empty())? else {
            return Err(NetlinkError::NoAnswer(ANSWER_S));
        };
        let mut messages = Messages::new(datagram);
        for message in messages.by_ref().filter(|m| m.seq == seq) {
            if message.flags & F_DUMP_INTR != 0 && message.kind != super::wire::NLMSG_ERROR {
                *dump = Dump::Interrupted;
            }
            match message.outcome() {
                Some(end) => return Ok(Some(end)),
                None if message.kind > NLMSG_DONE => each(&message),
                None => {}
            }
        }
        if messages.is_exhausted() { Ok(None) } else { Err(NetlinkError::Malformed) }
    }

    /// Everything that is in the receive buffer now: after a batch, all of its answers.
    ///
    /// The system tells that some were lost before it gives those that were not: they are read first.
    pub(crate) fn pending(&mut self, mut each: impl FnMut(&Message<'_>)) -> Result<(), NetlinkError> {
        let mut is_overrun = false;
        loop {
            let datagram = match self.receive(RecvFlags::DONTWAIT) {
                Ok(Some(datagram)) => datagram,
                Ok(None) => {
                    self.is_behind = false;
                    return if is_overrun { Err(NetlinkError::Overrun) } else { Ok(()) };
                }
                Err(NetlinkError::Overrun) if !is_overrun => {
                    is_overrun = true;
                    continue;
                }
                Err(e) => return Err(e),
            };
            let mut messages = Messages::new(datagram);
            messages.by_ref().for_each(|m| each(&m));
            if !messages.is_exhausted() {
                return Err(NetlinkError::Malformed);
            }
        }
    }

    /// Drops what an earlier, failed exchange left behind.
    pub(crate) fn discard_pending(&mut self) -> Result<(), NetlinkError> {
        while self.is_behind {
            match self.receive(RecvFlags::DONTWAIT) {
                Ok(None) => self.is_behind = false,
                Ok(Some(_)) | Err(NetlinkError::Overrun | NetlinkError::Malformed) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// One datagram, or none where there is none (in time).
    fn receive(&mut self, flags: RecvFlags) -> Result<Option<&[u8]>, NetlinkError> {
        let flags = flags | RecvFlags::TRUNC;
        let received =
            rustix::io::retry_on_intr(|| rustix::net::recv(&self.fd, self.buffer.as_mut_slice(), flags));
        match received {
            Ok((_, len)) if len > self.buffer.len() => Err(NetlinkError::Malformed),
            Ok((_, len)) => Ok(Some(&self.buffer[..len])),
            Err(Errno::AGAIN) => Ok(None),
            Err(Errno::NOBUFS) => Err(NetlinkError::Overrun),
            Err(e) => Err(NetlinkError::Receive(e.into())),
        }
    }
}

/// Switches an option of `SOL_NETLINK` on; rustix has none of them.
#[allow(unsafe_code)]
fn set_netlink_option(fd: &OwnedFd, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is open for as long as `fd` is borrowed; the pointer is to a live `c_int`
    // and `len` is its size; the kernel only reads it.
    let rc =
        unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_NETLINK, option, (&raw const on).cast(), len) };
    if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
