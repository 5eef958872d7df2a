//! SCTP endpoints, from `/proc/net/sctp/eps`. Asking over `sock_diag` would load the protocol into Linux
//! where it is not in use; the file is there only where it is.
//! Not here: associations.

use rolewall_kernel::sockets::{Protocol, Socket, State};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Those that listen.
pub(super) fn listening() -> Vec<Socket> {
    std::fs::read_to_string("/proc/net/sctp/eps").map(|text| parse(&text)).unwrap_or_default()
}

/// `net/sctp/proc.c`: `ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS`; SST is the socket's state, of which
/// 10 listens (`net/tcp_states.h`).
fn parse(text: &str) -> Vec<Socket> {
    text.lines().skip(1).flat_map(endpoint).collect()
}

/// One socket for each of its addresses.
fn endpoint(line: &str) -> Vec<Socket> {
    const LISTEN: &str = "10";
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, _, _, state, _, port, uid, inode, addresses @ ..] = words.as_slice() else { return Vec::new() };
    let (Ok(port), Ok(uid), Ok(inode)) = (port.parse(), uid.parse(), inode.parse()) else {
        return Vec::new();
    };
    let at = |address: IpAddr| Socket {
        protocol: Protocol::Sctp,
        state: State::Listening,
        local: SocketAddr::new(address, port),
        remote: SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
        inode,
        uid,
        // Linux says it nowhere for SCTP; a socket on `::` takes IPv4 unless it was told not to.
        v6only: address.is_ipv6().then_some(false),
        interface: None,
        cookie: None,
    };
    let listens = *state == LISTEN;
    addresses.iter().filter(|_| listens).filter_map(|word| word.parse().ok()).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_endpoint_has_a_socket_for_each_address() {
        let text = " ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\n\
                    ffff8800 ffff8801 2   10  29   36412 0     12345 192.0.2.1 198.51.100.1 \n\
                    ffff8802 ffff8803 0   7   30   5000  0     12346 0.0.0.0 \n\
                    ffff8804 ffff8805 2   10  31   3868  0     12347 0000:0000:0000:0000:0000:0000:0000:0000 \n\
                    broken\n";
        let found: Vec<String> = parse(text).iter().map(|s| s.local.to_string()).collect();
        assert_eq!(found, ["192.0.2.1:36412", "198.51.100.1:36412", "[::]:3868"]);
    }
}
