//! The two ends of a flood: the thread that sends numbers, and the one that notes which arrive.
//! Not here: what follows from them ([`super::FloodReport`]).

use super::{FloodSpec, Flows};
use crate::descriptors::open_port;
use crate::packet::{Packet, RawSender};
use rustix::io::Errno;
use rustix::net::sockopt;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::net::{SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Payload of a datagram in bytes: 20 ms of G.711 (RFC 3551: 160) with an RTP header of 12.
const PAYLOAD_BYTES: usize = 172;

/// What the receiver may have waiting, so that a moment without CPU is not taken for loss on the way.
/// ASSUMPTION: a datagram counts as 768 bytes of it (the truesize of a small packet), so 50,000 a second
/// may wait for more than a second.
const RECEIVE_BUFFER_BYTES: usize = 64 << 20;

/// How long datagrams may still arrive after the last was sent.
const LINGER: Duration = Duration::from_millis(100);

/// How long the sender sleeps between bursts; at 50,000 a second a burst is then about 50.
const BURST_EVERY: Duration = Duration::from_millis(1);

/// The source ports of [`Flows::Fresh`], one after the other; they repeat after 64,000 datagrams.
const FRESH_PORTS: RangeInclusive<u16> = 1024..=65023;

/// What the two threads of a flood tell each other.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) stop: AtomicBool,
    pub(super) sent_all: AtomicBool,
}

/// What one end tells when it is done.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) count: u64,
    pub(super) refused: u64,
    pub(super) took: Duration,
}

/// The sending end.
pub(super) enum Outgoing {
    Connected(UdpSocket),
    Raw(RawSender),
}

impl Outgoing {
    /// For a thread inside the sender's namespace.
    pub(super) fn open(spec: &FloodSpec) -> io::Result<Outgoing> {
        match spec.flows {
            Flows::Fresh => Ok(Outgoing::Raw(RawSender::open(None)?)),
            Flows::One => {
                let socket = UdpSocket::bind(SocketAddr::new(spec.from, 0))?;
                socket.connect(spec.to).map(|()| Outgoing::Connected(socket))
            }
        }
    }

    /// Sends in short bursts. One `send` each: of the 3 us that a datagram takes to the other host, a
    /// system call of its own is little, and `sendmmsg` would make the bursts of one flow longer.
    pub(super) fn run(mut self, spec: &FloodSpec, progress: &Progress) -> Sent {
        let total = (spec.duration.as_secs_f64() * f64::from(spec.rate_pps)).round() as u64;
        let (started, mut sent) = (Instant::now(), Sent::default());
        while sent.count < total && !progress.stop.load(Ordering::Relaxed) {
            let due = (started.elapsed().as_secs_f64() * f64::from(spec.rate_pps)) as u64 + 1;
            for number in sent.count..due.min(total) {
                sent.refused += u64::from(self.send(spec, number).is_err());
            }
            sent.count = sent.count.max(due.min(total));
            std::thread::sleep(BURST_EVERY);
        }
        sent.took = started.elapsed();
        progress.sent_all.store(true, Ordering::Relaxed);
        sent
    }

    fn send(&mut self, spec: &FloodSpec, number: u64) -> io::Result<()> {
        let mut payload = [0; PAYLOAD_BYTES];
        payload[..8].copy_from_slice(&number.to_be_bytes());
        match self {
            Outgoing::Connected(socket) => send_despite_errors(socket, &payload),
            Outgoing::Raw(sender) => {
                let ports = u64::from(FRESH_PORTS.end() - FRESH_PORTS.start()) + 1;
                let port = FRESH_PORTS.start() + (number % ports) as u16;
                let packet = Packet::udp(SocketAddr::new(spec.from, port), spec.to, &payload);
                sender.send(&packet.map_err(io::Error::other)?)
            }
        }
    }
}

/// Sends even if an ICMP error for an earlier datagram is pending, which is all that `send` then reports.
fn send_despite_errors(socket: &UdpSocket, payload: &[u8]) -> io::Result<()> {
    let Err(error) = socket.send(payload) else { return Ok(()) };
    if Errno::from_io_error(&error) == Some(Errno::PERM) {
        return Err(error);
    }
    socket.send(payload).map(drop)
}

/// What one end tells when it is done.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) seen: Vec<bool>,
    pub(super) repeated: u64,
    pub(super) overflowed: u64,
}

/// The receiving end.
pub(super) struct Incoming {
    socket: UdpSocket,
    overflows: Overflows,
}

impl Incoming {
    /// For a thread inside the receiver's namespace.
    pub(super) fn open(to: SocketAddr) -> io::Result<Incoming> {
        let socket = open_port(|| UdpSocket::bind(to))?;
        sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER_BYTES)?;
        socket.set_read_timeout(Some(LINGER))?;
        Ok(Incoming { socket, overflows: Overflows::open()? })
    }

    pub(super) fn run(mut self, spec: &FloodSpec, progress: &Progress) -> Received {
        let before = self.overflows.count();
        let total = (spec.duration.as_secs_f64() * f64::from(spec.rate_pps)).round() as usize;
        let mut received = Received { seen: vec![false; total], ..Received::default() };
        let mut buffer = [0; PAYLOAD_BYTES];
        loop {
            // Read before the wait, so that what was sent before this was said has its full linger.
            let sent_all = progress.sent_all.load(Ordering::Relaxed);
            match self.socket.recv(&mut buffer) {
                Ok(count) => received.note(&buffer[..count]),
                Err(_) if sent_all => break,
                Err(_) => {}
            }
        }
        received.overflowed = self.overflows.count().saturating_sub(before);
        received
    }
}

impl Received {
    fn note(&mut self, payload: &[u8]) {
        let number = payload.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        let slot = number.and_then(|number| self.seen.get_mut(usize::try_from(number).ok()?));
        if let Some(seen) = slot {
            self.repeated += u64::from(*seen);
            *seen = true;
        }
    }
}

/// Datagrams for which sockets of a namespace had no room. A file of `/proc/net` stays with the
/// namespace in which it was opened, whoever reads it.
struct Overflows {
    ipv4: File,
    ipv6: Option<File>,
}

impl Overflows {
    fn open() -> io::Result<Overflows> {
        let ipv4 = File::open("/proc/thread-self/net/snmp")?;
        Ok(Overflows { ipv4, ipv6: File::open("/proc/thread-self/net/snmp6").ok() })
    }

    fn count(&mut self) -> u64 {
        let ipv4 = column(&reread(&mut self.ipv4), "Udp:", "RcvbufErrors");
        let ipv6 = self.ipv6.as_mut().map(reread).and_then(|text| row(&text, "Udp6RcvbufErrors"));
        ipv4.unwrap_or(0) + ipv6.unwrap_or(0)
    }
}

fn reread(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.rewind().and_then(|()| file.read_to_string(&mut text));
    text
}

/// The value under `name` in the two lines that begin with `title`.
fn column(text: &str, title: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(title));
    let place = lines.next()?.split_whitespace().position(|word| word == name)?;
    lines.next()?.split_whitespace().nth(place)?.parse().ok()
}

/// The value in the line that begins with `name`.
fn row(text: &str, name: &str) -> Option<u64> {
    let words =
        |line: &str| line.split_once(char::is_whitespace).map(|(n, v)| (n.to_owned(), v.trim().to_owned()));
    text.lines().filter_map(words).find(|(n, _)| n == name)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflows_are_read_as_linux_prints_them() {
        let snmp = "Udp: InDatagrams NoPorts RcvbufErrors\nUdp: 10 2 7\n";
        assert_eq!(column(snmp, "Udp:", "RcvbufErrors"), Some(7));
        assert_eq!(row("Udp6InErrors \t1\nUdp6RcvbufErrors  \t9\n", "Udp6RcvbufErrors"), Some(9));
    }
}
