//! A packet socket at the far end of a wire, and what its thread spends on sending.
//!
//! A veth hands a packet over within the sender's own system call, and Linux receives it at the end of that
//! call, in the same thread: so the thread's CPU clock counts the node's whole receive path, and the sending,
//! which is the same for all. (A kernel with CONFIG_IRQ_TIME_ACCOUNTING would count it elsewhere; then all
//! rulesets cost the same, which nobody would believe.) PACKET_QDISC_BYPASS is not set, because no library
//! sets it without unsafe code; a veth has no queueing discipline to bypass.
//! Not here: what is sent.

use super::frames::Frame;
use crate::Outcome;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, MMsgHdr, Protocol, RecvFlags, SendAncillaryBuffer, SendFlags, SocketAddrAny, SocketFlags,
    SocketType, recvfrom, sendmmsg, socket_with, sockopt,
};
use rustix::time::{ClockId, clock_gettime};
use std::io::IoSlice;
use std::net::UdpSocket;
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// ETH_P_ALL of linux/if_ether.h, in network byte order as packet(7) wants it.
const ETH_P_ALL: u16 = 3u16.to_be();

/// Frames of one system call.
const AT_ONCE: usize = 64;

/// Sends frames into one interface.
#[derive(Debug)]
pub(super) struct Injector {
    socket: OwnedFd,
    interface: SocketAddrAny,
}

impl Injector {
    /// For a thread at the far end, which has one interface and a route over it.
    pub(super) fn open() -> Outcome<Injector> {
        let interface = address_of_the_interface()?;
        // Of no protocol: a socket of one would be given a copy of each packet that is sent.
        let socket = packet_socket(None)?;
        Ok(Injector { socket, interface })
    }

    /// Sends all, and gives the CPU time of this thread in seconds.
    pub(super) fn send(&self, frames: &[Frame]) -> Outcome<f64> {
        let slices: Vec<[IoSlice<'_>; 1]> = frames.iter().map(|frame| [IoSlice::new(frame)]).collect();
        let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> =
            frames.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let messages = slices.iter().zip(&mut controls);
        let mut messages: Vec<MMsgHdr<'_>> = messages
            .map(|(slice, control)| MMsgHdr::new_with_addr(&self.interface, slice, control))
            .collect();
        let started = thread_cpu_s();
        for batch in messages.chunks_mut(AT_ONCE) {
            let mut sent = 0;
            while sent < batch.len() {
                sent += sendmmsg(&self.socket, &mut batch[sent..], SendFlags::empty())?;
            }
        }
        Ok(thread_cpu_s() - started)
    }
}

/// The address of an interface is that of a frame that went over it, since nobody makes one without unsafe
/// code. A datagram to nobody makes the interface send one.
fn address_of_the_interface() -> Outcome<SocketAddrAny> {
    let listening = packet_socket(NonZeroU32::new(u32::from(ETH_P_ALL)).map(Protocol::from_raw))?;
    sockopt::set_socket_timeout(&listening, sockopt::Timeout::Recv, Some(Duration::from_secs(2)))?;
    UdpSocket::bind("0.0.0.0:0")?.send_to(b"?", (std::net::Ipv4Addr::new(198, 18, 255, 254), 9))?;
    let mut frame = [0u8; 60];
    let heard = recvfrom(&listening, &mut frame, RecvFlags::empty());
    let (_, _, address) =
        heard.map_err(|e: Errno| format!("no frame was heard on the far end of a wire: {e}"))?;
    address.ok_or_else(|| "a frame came without its interface".into())
}

fn packet_socket(protocol: Option<Protocol>) -> Outcome<OwnedFd> {
    Ok(socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?)
}

fn thread_cpu_s() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}
