//! The lab that these tests share: two networks, three hosts.

use rolewall_lab::{Finished, Host, HostSpec, Lab};
use std::net::IpAddr;

/// Whether tests with namespaces can run; says so loudly if not, and fails where CI runs.
pub(crate) fn can_run() -> bool {
    if rustix::process::geteuid().is_root() {
        return true;
    }
    eprintln!("SKIPPED: needs root");
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI must not skip what needs root");
    false
}

/// `sip` and `db` on the private network, `sip` and `out` on the public one.
pub(crate) fn three_hosts() -> Lab {
    let spec = HostSpec::new;
    let sip = spec("sip").plug("private", "eth0", &["10.20.0.11/16", "fd20::11/64"]).unwrap();
    let sip = sip.plug("public", "eth1", &["192.0.2.11/24", "2001:db8::11/64"]).unwrap();
    let db = spec("db").plug("private", "eth0", &["10.20.0.21/16", "fd20::21/64"]).unwrap();
    let out = spec("out").plug("public", "eth0", &["192.0.2.99/24", "2001:db8::99/64"]).unwrap();
    Lab::builder().network("private").network("public").host(sip).host(db).host(out).up().unwrap()
}

/// The addresses of a host on a network, both families.
pub(crate) fn both(host: &Host, network: &str) -> [IpAddr; 2] {
    [host.ipv4(network).unwrap().into(), host.ipv6(network).unwrap().into()]
}

/// Loads a ruleset in a host with nft, which is the tests' tool, not the lab's.
pub(crate) fn nft(host: &Host, ruleset: &str) -> Finished {
    host.command("nft").args(["-f", "-"]).stdin(ruleset).run().unwrap()
}
