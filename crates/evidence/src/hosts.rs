//! Names that a host resolves by itself: hosts(5).
//! Not here: name servers, whose answer is not this host's to promise.

use crate::text::Text;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The names of `/etc/hosts`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hosts(Vec<(String, IpAddr)>);

impl Hosts {
    /// `address name [name…]` a line; `#` begins a comment. Lines of another form are passed over, as glibc
    /// does.
    pub(crate) fn parse(text: &Text) -> Hosts {
        let mut names = Vec::new();
        for (_, line) in text.lines() {
            let mut words = line.split('#').next().unwrap_or("").split_whitespace();
            if let Some(address) = words.next().and_then(|word| word.parse().ok()) {
                names.extend(words.map(|name| (name.to_ascii_lowercase(), address)));
            }
        }
        Hosts(names)
    }

    /// The addresses of a name. `localhost` is both loopbacks where the file does not say (RFC 6761).
    pub(crate) fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let name = name.to_ascii_lowercase();
        let mut found: Vec<IpAddr> = self.0.iter().filter(|(n, _)| *n == name).map(|(_, a)| *a).collect();
        if found.is_empty() && name == "localhost" {
            found = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        }
        found.dedup();
        found
    }
}
