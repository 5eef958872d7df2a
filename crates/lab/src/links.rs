//! Links and addresses that are coming up: when packets go through.
//! Not here: making them.
//!
//! A link that is up has its carrier at once, but Linux takes note of the carrier in the background
//! (net/core/link_watch.c), late if the machine is busy with links elsewhere; only then does a bridge
//! forward, and IPv6 use the link. `ip link show` says `state UP` when that is done. An IPv6 address is
//! then still deaf to neighbour solicitations until its group is joined, in the background too
//! (net/ipv6/addrconf.c `addrconf_dad_work`); `/proc/net/igmp6` lists the groups.

use crate::ip::{self, IpError};
use rolewall_kernel::{NetNs, NetNsError};
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

/// How long links may take: the background work waits for a lock that other namespaces' ends hold too.
const UP_WITHIN: Duration = Duration::from_secs(20);

/// How often they are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Links of one namespace.
pub(crate) struct Links<'n> {
    place: String,
    namespace: &'n NetNs,
    names: Vec<&'n str>,
}

/// Why links did not come up.
#[derive(Debug, thiserror::Error)]
pub enum LinksError {
    /// They could not be looked at.
    #[error(transparent)]
    Ip(#[from] IpError),
    /// The host's namespace could not be entered.
    #[error("{place}: {source}")]
    NetNs {
        /// Whose it is.
        place: String,
        /// Why.
        source: NetNsError,
    },
    /// They took too long.
    #[error("{place}: after {within:?} not up: {}", .names.join(", "))]
    Late {
        /// Whose they are.
        place: String,
        /// The links, or the IPv6 addresses.
        names: Vec<String>,
        /// How long they were given.
        within: Duration,
    },
}

impl<'n> Links<'n> {
    pub(crate) fn new(
        place: String,
        namespace: &'n NetNs,
        names: impl Iterator<Item = &'n str>,
    ) -> Links<'n> {
        Links { place, namespace, names: names.collect() }
    }

    fn look(&self) -> Result<ip::Batch, IpError> {
        let script = self.names.iter().map(|name| format!("link show dev {name}\n")).collect();
        ip::start(self.place.clone(), self.namespace, script)
    }

    /// Keeps those that `shown`, a line for each in order, does not say to be up.
    fn keep_down(&mut self, shown: &str) {
        let mut up = shown.lines().map(|line| line.contains(" state UP "));
        self.names.retain(|_| !up.next().unwrap_or(false));
    }
}

/// Waits until all links are up.
pub(crate) fn await_up(mut waiting: Vec<Links<'_>>) -> Result<(), LinksError> {
    let deadline = Instant::now() + UP_WITHIN;
    loop {
        waiting.retain(|links| !links.names.is_empty());
        let Some(late) = waiting.first() else { return Ok(()) };
        if Instant::now() >= deadline {
            let names = late.names.iter().map(|name| (*name).to_owned()).collect();
            return Err(LinksError::Late { place: late.place.clone(), names, within: UP_WITHIN });
        }
        let looks = waiting.iter().map(Links::look).collect::<Result<_, _>>()?;
        let shown = ip::finish_all(looks)?;
        waiting.iter_mut().zip(shown).for_each(|(links, shown)| links.keep_down(&shown));
        if waiting.iter().any(|links| !links.names.is_empty()) {
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// Waits until IPv6 `addresses` answer their neighbours.
pub(crate) fn await_joined(place: &str, namespace: &NetNs, addresses: &[Ipv6Addr]) -> Result<(), LinksError> {
    let deadline = Instant::now() + UP_WITHIN;
    let wait = || loop {
        // Without IPv6 there is no such file, and `ip` has refused the addresses.
        let joined = std::fs::read_to_string("/proc/thread-self/net/igmp6").unwrap_or_default();
        let deaf: Vec<_> = addresses.iter().filter(|ip| !joined.contains(&solicited_node(**ip))).collect();
        if deaf.is_empty() || Instant::now() >= deadline {
            return deaf.iter().map(ToString::to_string).collect::<Vec<_>>();
        }
        std::thread::sleep(LOOK_EVERY / 10);
    };
    let names =
        namespace.run(wait).map_err(|source| LinksError::NetNs { place: place.to_owned(), source })?;
    match names.as_slice() {
        [] => Ok(()),
        _ => Err(LinksError::Late { place: place.to_owned(), names, within: UP_WITHIN }),
    }
}

/// The solicited-node group of an address (RFC 4291 section 2.7.1), as `/proc/net/igmp6` spells it.
fn solicited_node(ip: Ipv6Addr) -> String {
    let [.., a, b, c] = ip.octets();
    format!("ff0200000000000000000001ff{a:02x}{b:02x}{c:02x}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_solicited_node_group_ends_as_its_address() {
        let group = super::solicited_node("fd20::12:3456".parse().unwrap());
        assert_eq!(group, "ff0200000000000000000001ff123456");
    }
}
