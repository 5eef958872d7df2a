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
    /// Name and id of a process that holds it; none where that may not be seen.
    pub process: Option<(String, u32)>,
}

/// One endpoint for each protocol, address, port and process name, however many sockets share it.
pub fn endpoints(sockets: &[Listening]) -> Vec<Endpoint> {
    let mut found: BTreeMap<(Transport, u16, Address, &str), Vec<Evidence>> = BTreeMap::new();
    for socket in sockets {
        let name = socket.process.as_ref().map_or("", |(name, _)| name);
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
    let Listening { transport, address, port, process } = socket;
    let holder = match process {
        Some((name, id)) => format!("process {name} ({id})"),
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
            process: Some(("kamailio".into(), id)),
        };
        let endpoints = endpoints(&[worker(10), worker(11)]);
        assert_eq!(endpoints.len(), 1);
        assert_eq!(endpoints[0].evidence.len(), 2);
    }
}
