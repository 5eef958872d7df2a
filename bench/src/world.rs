//! The node and everybody else on one wire.
//! Not here: what either sends.

use crate::Outcome;
use crate::cluster::{FRIEND4, FRIEND6, Node, STRANGER4, STRANGER6, me};
use rolewall_lab::{HostSpec, Lab};

/// The host that has everybody else's addresses.
pub(crate) const OTHERS: &str = "others";

/// The node that is benched, and one host with the addresses of these nodes, of a stranger and of a friend.
pub(crate) fn wire(nodes: &[Node]) -> Outcome<Lab> {
    let mine = [
        format!("{}/16", me::IPV4),
        format!("{}/64", me::IPV6),
        format!("{}/24", me::PUBLIC4),
        format!("{}/64", me::PUBLIC6),
    ];
    let private = nodes.iter().flat_map(|n| [format!("{}/16", n.ipv4), format!("{}/64", n.ipv6)]);
    let outside = [
        format!("{STRANGER4}/24"),
        format!("{STRANGER6}/48"),
        format!("{FRIEND4}/24"),
        format!("{FRIEND6}/64"),
    ];
    let theirs: Vec<String> = private.chain(outside).collect();
    let builder = Lab::builder().network("wire").host(plugged(me::NAME, &mine)?);
    let lab = builder.host(plugged(OTHERS, &theirs)?).up()?;
    // Everybody is a neighbour, whatever their networks.
    for host in lab.hosts() {
        host.ip("route add 0.0.0.0/0 dev eth0\nroute add ::/0 dev eth0\n")?;
    }
    Ok(lab)
}

fn plugged(name: &str, addresses: &[String]) -> Outcome<HostSpec> {
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    Ok(HostSpec::new(name).plug("wire", "eth0", &addresses)?)
}
