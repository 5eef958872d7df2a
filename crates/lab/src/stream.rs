//! A long TCP conversation between hosts, with a server of [`crate::Host::serve`] at its far end.
//! Not here: what is recorded of it ([`crate::Ticks`]).

use crate::host::Host;
use crate::ticks::Conversation;
use rolewall_kernel::NetNsError;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How long the handshake may take: the first SYN, and one repetition after 1 s (RFC 6298).
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);

/// Why a conversation could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The host's namespace could not be entered.
    #[error("host {host}: {source}")]
    NetNs {
        /// The host.
        host: String,
        /// Why.
        source: NetNsError,
    },
    /// The connection was not made.
    #[error("host {host}: tcp connection to {to}: {source}")]
    Connect {
        /// The host.
        host: String,
        /// Where to.
        to: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl Host {
    /// Connects to `to`, and sends a tick every `every` until the value is dropped.
    pub fn stream(&self, to: SocketAddr, every: Duration) -> Result<Conversation, StreamError> {
        self.stream_bound(to, None, every)
    }

    /// The same, from an address of the host's that is said.
    pub fn stream_from(
        &self,
        from: IpAddr,
        to: SocketAddr,
        every: Duration,
    ) -> Result<Conversation, StreamError> {
        self.stream_bound(to, Some(from), every)
    }

    fn stream_bound(
        &self,
        to: SocketAddr,
        from: Option<IpAddr>,
        every: Duration,
    ) -> Result<Conversation, StreamError> {
        let host = || self.name().to_owned();
        let connected = self.in_namespace(|| open(to, from));
        let connected = connected.map_err(|source| StreamError::NetNs { host: host(), source })?;
        let started = connected.and_then(|socket| {
            let writer = socket.try_clone()?;
            Conversation::start(socket, writer, every, None)
        });
        started.map_err(|source| StreamError::Connect { host: host(), to, source })
    }
}

/// A connected socket, for a thread inside the namespace.
fn open(to: SocketAddr, from: Option<IpAddr>) -> io::Result<OwnedFd> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    if let Some(from) = from {
        bind(&socket, &SocketAddr::new(from, 0))?;
    }
    sockopt::set_tcp_nodelay(&socket, true)?;
    match connect(&socket, &to) {
        Ok(()) => return Ok(socket),
        Err(Errno::INPROGRESS) => {}
        Err(errno) => return Err(errno.into()),
    }
    let timeout = Timespec::try_from(CONNECT_TIMEOUT).map_err(io::Error::other)?;
    if poll(&mut [PollFd::new(&socket, PollFlags::OUT)], Some(&timeout))? == 0 {
        return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {CONNECT_TIMEOUT:?}")));
    }
    sockopt::socket_error(&socket)??;
    Ok(socket)
}
