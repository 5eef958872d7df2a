//! A session of the operator: a real TCP connection to the node's ssh port that ticks, in both families.
//! Not here: ssh itself; the firewall sees ports and addresses only, and a drill needs no sshd installed.

use super::cast::{Cast, PUBLIC, SIP};
use super::ended::Ended;
use rolewall_kernel::sockets;
use rolewall_lab::{Conversation, Ticks};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Between two ticks.
pub(super) const TICK: Duration = Duration::from_millis(20);
const SSH: u16 = 22;

/// Two connections, one a family.
#[derive(Debug)]
pub(super) struct Session {
    /// IPv4, IPv6.
    pub(super) streams: [Conversation; 2],
    /// The IPv4 one as ssh tells it in SSH_CONNECTION: `CLIENT PORT SERVER PORT`.
    pub(super) connection: String,
}

impl Session {
    /// Connects from that host to sip1.
    pub(super) fn open(cast: &Cast, from: &str) -> Result<Session, Ended> {
        let known = connections(cast)?;
        let (client, server) = (cast.host(from)?, cast.host(SIP)?);
        let open = |to: Option<IpAddr>| {
            let to = to.ok_or_else(|| Ended::NotAsPlanned(format!("{SIP} has no address of a family")))?;
            Ok::<_, Ended>(client.stream(SocketAddr::new(to, SSH), TICK)?)
        };
        let streams =
            [open(server.ipv4(PUBLIC).map(Into::into))?, open(server.ipv6(PUBLIC).map(Into::into))?];
        let (client, server) = newest(cast, &known)?;
        let connection = format!("{} {} {} {}", client.ip(), client.port(), server.ip(), server.port());
        Ok(Session { streams, connection })
    }

    /// As the program names it: `CLIENT:PORT -> SERVER:PORT`.
    pub(super) fn in_words(&self) -> String {
        match self.connection.split(' ').collect::<Vec<_>>().as_slice() {
            [client, client_port, server, server_port] => {
                format!("{client}:{client_port} -> {server}:{server_port}")
            }
            _ => self.connection.clone(),
        }
    }

    /// Whether both still answer.
    pub(super) fn answers(&self) -> bool {
        /// Fifty ticks.
        const WITHIN: Duration = Duration::from_secs(1);
        self.streams.iter().all(|stream| stream.answers_within(WITHIN))
    }

    /// Ticks that were sent since `from`, of both: how many, how many came back, and the slowest of these.
    pub(super) fn since(&self, from: Instant) -> Since {
        let mut since = Since::default();
        for stream in &self.streams {
            let (ticks, started) = told(stream);
            for tick in ticks.ticks.iter().filter(|tick| started + tick.sent >= from) {
                since.sent += 1;
                since.answered += usize::from(tick.answered.is_some());
                since.slowest = since.slowest.max(tick.answered.map_or(Duration::ZERO, |a| a - tick.sent));
            }
        }
        since
    }
}

/// What became of ticks.
#[derive(Debug, Default)]
pub(super) struct Since {
    pub(super) sent: usize,
    pub(super) answered: usize,
    pub(super) slowest: Duration,
}

/// What a stream was so far, and when it began.
pub(super) fn told(stream: &Conversation) -> (Ticks, Instant) {
    let ticks = stream.ticks();
    let started = Instant::now() - ticks.elapsed;
    (ticks, started)
}

/// The IPv4 connection that was not known: the handshake ends at the client a moment before the server.
fn newest(
    cast: &Cast,
    known: &BTreeSet<(SocketAddr, SocketAddr)>,
) -> Result<(SocketAddr, SocketAddr), Ended> {
    let until = Instant::now() + Duration::from_secs(1);
    loop {
        let new = connections(cast)?.into_iter().find(|one| one.0.is_ipv4() && !known.contains(one));
        match new {
            Some(new) => return Ok(new),
            None if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            None => return Err(Ended::NotAsPlanned("Linux does not show a connection just made".to_owned())),
        }
    }
}

/// Connections to sip1's ssh port, client first, as Linux shows them inside.
fn connections(cast: &Cast) -> Result<BTreeSet<(SocketAddr, SocketAddr)>, Ended> {
    let established = cast.host(SIP)?.in_namespace(sockets::established)??;
    let plain = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
    let ssh = established.iter().filter(|socket| socket.local.port() == SSH);
    Ok(ssh.map(|socket| (plain(socket.remote), plain(socket.local))).collect())
}
