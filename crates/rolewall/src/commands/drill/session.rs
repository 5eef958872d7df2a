//! A session of the operator: a real TCP connection to the node's ssh port that ticks, in both families.
//! Not here: ssh itself; the firewall sees ports and addresses only, and a drill needs no sshd installed.

use super::cast::{Cast, PUBLIC, SIP};
use super::ended::Ended;
use rolewall_kernel::sockets;
use rolewall_lab::{Conversation, Host, Ticks};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Between two ticks.
pub(super) const TICK: Duration = Duration::from_millis(20);
const SSH: u16 = 22;

/// A connection for each family.
#[derive(Debug)]
pub(super) struct Session {
    /// In the order of the addresses that were given.
    pub(super) streams: Vec<Conversation>,
    /// The first one as ssh tells it in SSH_CONNECTION: `CLIENT PORT SERVER PORT`.
    pub(super) connection: String,
}

impl Session {
    /// Connects from that host to sip1.
    pub(super) fn open(cast: &Cast, from: &str) -> Result<Session, Ended> {
        let (client, server) = (cast.host(from)?, cast.host(SIP)?);
        let to: [Option<IpAddr>; 2] =
            [server.ipv4(PUBLIC).map(Into::into), server.ipv6(PUBLIC).map(Into::into)];
        let lacking = || Ended::NotAsPlanned(format!("{SIP} has no address of a family"));
        let ends = |to: Option<IpAddr>| Ok::<_, Ended>(SocketAddr::new(to.ok_or_else(lacking)?, SSH));
        Session::connect(client, server, &[ends(to[0])?, ends(to[1])?])
    }

    /// Connects from one host to these ends of another.
    pub(super) fn connect(client: &Host, server: &Host, to: &[SocketAddr]) -> Result<Session, Ended> {
        let Some(first) = to.first() else { return Err(Ended::NotAsPlanned("no way to log in".into())) };
        let known = connections(server, first.port())?;
        let streams = to.iter().map(|to| client.stream(*to, TICK)).collect::<Result<_, _>>()?;
        let (client, server) = newest(server, *first, &known)?;
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

    /// Whether all still answer.
    pub(super) fn answers(&self) -> bool {
        /// Fifty ticks.
        const WITHIN: Duration = Duration::from_secs(1);
        self.streams.iter().all(|stream| stream.answers_within(WITHIN))
    }

    /// Ticks that were sent since `from`, of all: how many, how many came back, and the slowest of these.
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

/// The connection of that family that was not known: the handshake ends at the client a moment before the server.
fn newest(
    server: &Host,
    to: SocketAddr,
    known: &BTreeSet<(SocketAddr, SocketAddr)>,
) -> Result<(SocketAddr, SocketAddr), Ended> {
    let until = Instant::now() + Duration::from_secs(1);
    loop {
        let new = connections(server, to.port())?.into_iter();
        let new = new.filter(|one| one.0.is_ipv4() == to.is_ipv4()).find(|one| !known.contains(one));
        match new {
            Some(new) => return Ok(new),
            None if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            None => return Err(Ended::NotAsPlanned("Linux does not show a connection just made".to_owned())),
        }
    }
}

/// Connections to the server's port of ssh, client first, as Linux shows them inside.
fn connections(server: &Host, port: u16) -> Result<BTreeSet<(SocketAddr, SocketAddr)>, Ended> {
    let established = server.in_namespace(sockets::established)??;
    let plain = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
    let ssh = established.iter().filter(|socket| socket.local.port() == port);
    Ok(ssh.map(|socket| (plain(socket.remote), plain(socket.local))).collect())
}
