//! The database's host as addresses: written so, or by `/etc/hosts`.
//! Not here: name servers. A firewall that waits for DNS may wait for what it has yet to admit, and a static
//! program has no resolver of the system's to ask.

use crate::failure::Failure;
use crate::host::Host;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const HOSTS: &str = "/etc/hosts";

/// All addresses of a host, in the order of the file.
pub(super) fn of(host: &Host, name: &str) -> Result<Vec<IpAddr>, Failure> {
    if let Ok(address) = name.parse() {
        return Ok(vec![address]);
    }
    let text = host.source(HOSTS)?.map(|source| source.text).unwrap_or_default();
    let found = in_hosts(&text, name);
    if found.is_empty() {
        return Err(Failure::input(format_args!(
            "the inventory's database is at \"{name}\", which is no address and is not in {HOSTS}"
        ))
        .help(format_args!("name servers are not asked: write its address as inventory.sql.host, or a line for {name} into {HOSTS}")));
    }
    Ok(found)
}

/// hosts(5): `address name [name…]`, `#` begins a comment. `localhost` needs no line (RFC 6761).
fn in_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse) else { continue };
        if words.any(|word| word.eq_ignore_ascii_case(name)) && !found.contains(&address) {
            found.push(address);
        }
    }
    if found.is_empty() && name.eq_ignore_ascii_case("localhost") {
        found = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_up_in_the_hosts_file_alone() {
        let text = "10.20.0.21 db db.example.net # other\nfd20::21\tDB\n10.20.0.22 other\n";
        let both: [IpAddr; 2] = ["10.20.0.21".parse().unwrap(), "fd20::21".parse().unwrap()];
        assert_eq!(in_hosts(text, "db"), both);
        assert!(in_hosts(text, "nowhere").is_empty());
        assert_eq!(in_hosts("", "LOCALHOST").len(), 2);
    }
}
