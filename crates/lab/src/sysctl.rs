//! The network settings of a namespace, written through `/proc/sys/net` from inside.
//! Not here: any setting of the machine itself; a thread that writes here is in the namespace.

use std::io;
use std::path::PathBuf;

/// A key as sysctl(8) spells it, and its value.
pub(crate) type Setting = (&'static str, &'static str);

/// What every host gets before it has interfaces.
///
/// Errors by ICMP are not rate-limited, so that each of many refused probes hears its refusal; ping
/// sockets are open to every group; addresses are usable at once; TCP asks again at least each second
/// (Linux 6.11 and newer), so that a session that was cut is seen to come back within one, and does not give
/// up in the minutes that a test may cut it for. Where a kernel lacks a key, it is left.
pub(crate) const HOST: &[Setting] = &[
    ("net.ipv4.ping_group_range", "0 2147483647"),
    ("net.ipv4.icmp_ratelimit", "0"),
    ("net.ipv4.icmp_ratemask", "0"),
    ("net.ipv4.tcp_rto_max_ms", "1000"),
    ("net.ipv4.tcp_retries2", "255"),
    ("net.ipv6.icmp.ratelimit", "0"),
    ("net.ipv6.icmp.ratemask", "\n"),
    ("net.ipv6.conf.all.accept_dad", "0"),
    ("net.ipv6.conf.default.accept_dad", "0"),
    ("net.ipv6.conf.default.accept_ra", "0"),
    ("net.ipv6.conf.default.router_solicitations", "0"),
];

/// What the namespace of a network gets: it only bridges, so it has no addresses and says nothing itself.
pub(crate) const NETWORK: &[Setting] =
    &[("net.ipv6.conf.all.disable_ipv6", "1"), ("net.ipv6.conf.default.disable_ipv6", "1")];

/// Bytes that may wait for one neighbour's link address: a burst of thousands of probes to a host that
/// was not yet spoken to (the kernel's own 212992 holds fewer than 200 of them).
const NEIGHBOUR_QUEUE_BYTES: &str = "16777216";

/// Writes settings, for a thread inside the namespace. Keys that this kernel does not have are left out.
pub(crate) fn write_all(settings: &[Setting]) -> io::Result<()> {
    settings.iter().try_for_each(|(key, value)| write_if_there(key, value))
}

/// Lets many packets wait for a neighbour on `interface`, for a thread inside the namespace.
pub(crate) fn widen_neighbour_queue(interface: &str) -> io::Result<()> {
    for family in ["ipv4", "ipv6"] {
        let file = format!("/proc/sys/net/{family}/neigh/{interface}/unres_qlen_bytes");
        unless_missing(std::fs::write(file, NEIGHBOUR_QUEUE_BYTES))?;
    }
    Ok(())
}

/// Writes one setting, for a thread inside the namespace.
pub(crate) fn write(key: &str, value: &str) -> io::Result<()> {
    std::fs::write(path(key), value)
}

fn write_if_there(key: &str, value: &str) -> io::Result<()> {
    let said = |e: io::Error| io::Error::new(e.kind(), format!("{key} = {value}: {e}"));
    unless_missing(write(key, value)).map_err(said)
}

fn unless_missing(written: io::Result<()>) -> io::Result<()> {
    written.or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
}

/// `/` where the key has `.`, and the other way round, as sysctl(8) does for names such as `eth0.5`.
fn path(key: &str) -> PathBuf {
    let file: String = key
        .chars()
        .map(|c| {
            if c == '.' {
                '/'
            } else if c == '/' {
                '.'
            } else {
                c
            }
        })
        .collect();
    PathBuf::from("/proc/sys").join(file)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_key_is_spelled_as_sysctl_spells_it() {
        assert_eq!(
            super::path("net.ipv4.conf.eth0/5.forwarding").to_str(),
            Some("/proc/sys/net/ipv4/conf/eth0.5/forwarding")
        );
    }
}
