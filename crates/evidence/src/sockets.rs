//! Listening sockets as evidence: what is true now.
//! Not here: asking Linux for them.

use crate::{Address, Endpoint, Evidence, Kind};
use std::collections::BTreeMap;
use std::fmt;

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Transport {
    Tcp,
    Udp,
    Sctp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
            Transport::Sctp => "sctp",
        })
    }
}

/// A socket that listens (TCP, SCTP) or is bound and not connected (UDP).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// Its protocol.
    pub transport: Transport,
    /// Where it answers; [`Address::Every`] for `::` without IPV6_V6ONLY.
    pub address: Address,
    /// Its port.
    pub port: u16,
    /// A process that holds it; none where that may not be seen.
    pub holder: Option<Holder>,
}

/// A process that holds a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Linux's short name of it.
    pub name: String,
    /// Its id.
    pub id: u32,
    /// The systemd unit that it is in.
    pub unit: Option<String>,
}

/// Programs that hold a port for a container: packets to it are forwarded before any socket sees them.
const PUBLISHERS: [&str; 5] = ["docker-proxy", "rootlessport", "conmon", "netavark", "slirp4netns"];

/// Whether a process only holds a port that a container publishes.
pub fn is_publisher(process: &str) -> bool {
    PUBLISHERS.contains(&process)
}

/// One endpoint for each protocol, address, port and process name, however many sockets share it.
pub fn endpoints(sockets: &[Listening]) -> Vec<Endpoint> {
    let mut found: BTreeMap<(Transport, u16, Address, &str), Vec<Evidence>> = BTreeMap::new();
    for socket in sockets {
        let name = socket.holder.as_ref().map_or("", |holder| holder.name.as_str());
        let key = (socket.transport, socket.port, socket.address, name);
        found.entry(key).or_default().push(seen(socket));
    }
    found.into_iter().map(|(key, evidence)| endpoint(key, evidence)).collect()
}

fn endpoint(key: (Transport, u16, Address, &str), mut evidence: Vec<Evidence>) -> Endpoint {
    let (transport, port, address, name) = key;
    evidence.dedup();
    Endpoint {
        service: name.to_owned(),
        purpose: None,
        transport,
        address,
        ports: (port, port),
        tls: None,
        evidence,
    }
}

fn seen(socket: &Listening) -> Evidence {
    let Listening { transport, address, port, holder } = socket;
    let holder = match holder {
        Some(Holder { name, id, unit: Some(unit) }) => format!("process {name} ({id}) of {unit}"),
        Some(Holder { name, id, unit: None }) => format!("process {name} ({id})"),
        None => "a process that may not be seen".to_owned(),
    };
    Evidence { kind: Kind::Socket, source: format!("socket {transport} {address} {port}"), text: holder }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_that_share_a_port_are_one_endpoint() {
        let worker = |id| Listening {
            transport: Transport::Udp,
            address: Address::Every,
            port: 5060,
            holder: Some(Holder { name: "kamailio".into(), id, unit: None }),
        };
        let endpoints = endpoints(&[worker(10), worker(11)]);
        assert_eq!(endpoints.len(), 1);
        assert_eq!(endpoints[0].evidence.len(), 2);
    }
}
