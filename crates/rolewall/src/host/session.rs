//! The operator's own ssh session: the connection that must not be cut.
//! Not here: judging it.

use super::process;
use crate::live::LiveFlow;
use crate::live::flow::TCP;
use rolewall_kernel::sockets::{self, Socket};
use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;

/// A TCP connection to this host, by its two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
}

impl Session {
    /// Whether the flow is this connection.
    pub(crate) fn is_of(&self, flow: &LiveFlow) -> bool {
        flow.proto == TCP && self.client == flow.src && self.server == flow.dst
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.client, self.server)
    }
}

/// The session that this command runs in: by the sockets of the processes that started it, and by
/// SSH_CONNECTION where sudo or screen has put itself between.
///
/// The variable only adds a connection to protect. It is not trusted with anything else.
pub(crate) fn own(established: &[Socket]) -> Vec<Session> {
    let mut sessions = Vec::new();
    for session in by_ancestors(established).into_iter().chain(by_environment()) {
        if !sessions.contains(&session) {
            sessions.push(session);
        }
    }
    sessions
}

fn by_ancestors(established: &[Socket]) -> Vec<Session> {
    let servers = process::ancestors().into_iter().filter(|&id| {
        process::name_of(id).is_some_and(|name| name.starts_with("sshd") || name.starts_with("dropbear"))
    });
    let inodes: HashSet<u64> = servers.flat_map(process::sockets_of).collect();
    let held = established.iter().filter(|s| inodes.contains(&s.inode.into()));
    held.map(|s| Session { client: plain(s.remote), server: plain(s.local) }).collect()
}

/// `CLIENT PORT SERVER PORT`
fn by_environment() -> Option<Session> {
    let text = std::env::var("SSH_CONNECTION").ok()?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let [client, client_port, server, server_port] = words.as_slice() else { return None };
    let end = |address: &str, port: &str| Some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?));
    Some(Session { client: plain(end(client, client_port)?), server: plain(end(server, server_port)?) })
}

/// IPv4 as it is on the wire, also where a socket of both families calls it `::ffff:192.0.2.1`.
pub(crate) fn plain(end: SocketAddr) -> SocketAddr {
    SocketAddr::new(end.ip().to_canonical(), end.port())
}

/// The established connections of this host.
pub(crate) fn established() -> Result<Vec<Socket>, rolewall_kernel::DumpError> {
    sockets::established()
}
