//! One probe on the wire: its socket, what is sent, and what an event on the socket means.
//! Not here: waiting for that event.

use super::icmp::{Errors, Quoted};
use super::{Kind, Outcome, Probe, Unreachable};
use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect, getsockname, ipproto, recv,
    send, socket_with, sockopt,
};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Bytes of an ICMP header with identifier and sequence number.
const ICMP_HEADER_BYTES: usize = 8;

/// A probe that was sent and whose outcome is open.
pub(super) struct Question {
    pub(super) socket: OwnedFd,
    kind: Kind,
    to: SocketAddr,
    token: [u8; 8],
}

/// What is known right after sending.
pub(super) enum Asked {
    /// An answer is to be waited for.
    Open(Question),
    /// The system's own answer.
    Known(Outcome),
}

/// Why it could not be sent: what was being done, and what the system said.
pub(super) type SendFailure = (&'static str, io::Error);

/// Sends a probe; `token` tells its echo from every other's.
pub(super) fn ask(probe: &Probe, token: u64, errors: &mut Errors) -> Result<Asked, SendFailure> {
    let socket = open(probe).map_err(|e| ("opening a socket", e))?;
    bind_source(probe, &socket).map_err(|e| ("binding its source", e))?;
    let question = Question { socket, kind: probe.kind, to: probe.destination(), token: token.to_be_bytes() };
    match connect(&question.socket, &question.to) {
        Ok(()) if matches!(question.kind, Kind::Tcp(_)) => return Ok(Asked::Known(Outcome::Open)),
        Ok(()) => {}
        Err(Errno::INPROGRESS) => return Ok(Asked::Open(question)),
        Err(errno) => return question.known(errno, errors, "connecting"),
    }
    match send(&question.socket, &question.payload(), SendFlags::NOSIGNAL) {
        Ok(_) => Ok(Asked::Open(question)),
        // What nft says to a datagram that its output hook drops; for TCP it says nothing.
        Err(Errno::PERM) => Ok(Asked::Known(Outcome::Silent)),
        Err(errno) => question.known(errno, errors, "sending"),
    }
}

impl Question {
    /// What an event on the socket means; nothing if the answer is still to come.
    pub(super) fn outcome(&self, errors: &mut Errors) -> Result<Option<Outcome>, SendFailure> {
        if let Kind::Tcp(_) = self.kind {
            return match sockopt::socket_error(&self.socket) {
                Ok(Ok(())) => Ok(Some(Outcome::Open)),
                Ok(Err(errno)) | Err(errno) => self.refusal(errno, errors).map(Some),
            };
        }
        let mut buffer = [0; 256];
        match recv(&self.socket, &mut buffer, RecvFlags::DONTWAIT) {
            Ok((count, _)) => Ok(self.is_echo(&buffer[..count.min(256)]).then_some(Outcome::Open)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(errno) => self.refusal(errno, errors).map(Some),
        }
    }

    /// A handshake that is done makes its socket writable; an echo makes its socket readable.
    pub(super) fn event(&self) -> EventFlags {
        if let Kind::Tcp(_) = self.kind { EventFlags::OUT } else { EventFlags::IN }
    }

    fn known(&self, errno: Errno, errors: &mut Errors, doing: &'static str) -> Result<Asked, SendFailure> {
        self.refusal(errno, errors).map(Asked::Known).map_err(|(_, source)| (doing, source))
    }

    /// The outcome that an error of the socket stands for (net/ipv4/icmp.c `icmp_err_convert`,
    /// net/ipv6/icmp.c `icmpv6_err_convert`), or the error itself if it stands for none.
    fn refusal(&self, errno: Errno, errors: &mut Errors) -> Result<Outcome, SendFailure> {
        match errno {
            Errno::CONNREFUSED | Errno::CONNRESET => Ok(Outcome::Refused),
            // One errno stands for several codes. With no message of ICMP, it is this kernel's own route.
            Errno::ACCESS | Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::NOPROTOOPT | Errno::HOSTDOWN => {
                let no_route = Outcome::Unreachable(Unreachable::NoRoute);
                Ok(self.code(errors).map_or(no_route, |code| self.meaning(code)))
            }
            Errno::TIMEDOUT => Ok(Outcome::Silent),
            errno => Err(("waiting for its answer", errno.into())),
        }
    }

    /// What no answer means: a socket is not told of every unreachable.
    pub(super) fn silence(&self, errors: &mut Errors) -> Outcome {
        self.code(errors).map_or(Outcome::Silent, |code| self.meaning(code))
    }

    /// The outcome that a code of unreachable stands for (RFC 792, RFC 1812; RFC 4443).
    fn meaning(&self, code: u8) -> Outcome {
        match (self.to.is_ipv4(), code) {
            (true, 3) | (false, 4) => Outcome::Refused,
            (true, 9 | 10 | 13) | (false, 1 | 5 | 6) => Outcome::Unreachable(Unreachable::Prohibited),
            _ => Outcome::Unreachable(Unreachable::Icmp(code)),
        }
    }

    /// The code of the unreachable that came back for this probe.
    fn code(&self, errors: &mut Errors) -> Option<u8> {
        let source_port = SocketAddr::try_from(getsockname(&self.socket).ok()?).ok()?.port();
        let protocol = match self.kind {
            Kind::Tcp(_) => ipproto::TCP,
            Kind::Udp(_) => ipproto::UDP,
            Kind::Ping if self.to.is_ipv4() => ipproto::ICMP,
            Kind::Ping => ipproto::ICMPV6,
        };
        let protocol = u8::try_from(protocol.as_raw().get()).ok()?;
        errors.code_for(&Quoted { protocol, source_port, destination: self.to.ip(), port: self.to.port() })
    }

    fn payload(&self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(ICMP_HEADER_BYTES + self.token.len());
        if let Kind::Ping = self.kind {
            // Type 8 (RFC 792) or 128 (RFC 4443); Linux fills in identifier and checksum. Sequence 1.
            let request = if self.to.is_ipv4() { 8 } else { 128 };
            payload.extend([request, 0, 0, 0, 0, 0, 0, 1]);
        }
        payload.extend(self.token);
        payload
    }

    fn is_echo(&self, received: &[u8]) -> bool {
        match self.kind {
            Kind::Ping => received.get(ICMP_HEADER_BYTES..) == Some(&self.token),
            _ => received == self.token,
        }
    }
}

impl Drop for Question {
    /// Closes with a reset, so that thousands of handshakes leave no socket in TIME_WAIT.
    fn drop(&mut self) {
        if let Kind::Tcp(_) = self.kind {
            let _ = sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
        }
    }
}

fn open(probe: &Probe) -> io::Result<OwnedFd> {
    let family = if probe.to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let (kind, protocol) = match probe.kind {
        Kind::Tcp(_) => (SocketType::STREAM, None),
        Kind::Udp(_) => (SocketType::DGRAM, None),
        Kind::Ping if probe.to.is_ipv4() => (SocketType::DGRAM, Some(ipproto::ICMP)),
        Kind::Ping => (SocketType::DGRAM, Some(ipproto::ICMPV6)),
    };
    Ok(socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, protocol)?)
}

fn bind_source(probe: &Probe, socket: &OwnedFd) -> io::Result<()> {
    if probe.from.is_none() && probe.source_port.is_none() {
        return Ok(());
    }
    let any = if probe.to.is_ipv4() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    } else {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    };
    sockopt::set_socket_reuseaddr(socket, true)?;
    Ok(bind(socket, &SocketAddr::new(probe.from.unwrap_or(any), probe.source_port.unwrap_or(0)))?)
}
