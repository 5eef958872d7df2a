//! Say it to Linux and hear it back: nf_tables, sock_diag, conntrack, ipsets and links over netlink.
//! Not here: roles, plans, files; and no decision about what should be in force.
//!
//! [`nft::Nft`] takes and gives the values of `rolewall-ruleset`. What is sent comes back from the
//! kernel's own dump as the same value, in the canonical form that [`nft`] describes.
//!
//! This is the one crate with `unsafe` in it: one `setsockopt`, one `getsockopt`, one
//! `unshare`, one `mallopt` and one `signal`, each with its reason.

pub mod conntrack;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod ipset;
pub mod links;
mod netlink;
pub mod netns;
pub mod nft;
pub mod process;
pub mod sockets;
pub mod xtables;

pub use netlink::DumpError;
pub use netns::{NetNs, NetNsError};
pub use nft::{Nft, NftError, batch};

use std::time::Duration;

/// Time since this machine booted, suspension included: what a deadline that must survive a change of
/// the wall clock is counted in (`CLOCK_BOOTTIME`).
pub fn boottime() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanoseconds)
}

#[cfg(test)]
mod tests {
    #[test]
    fn boottime_does_not_run_backwards() {
        let before = super::boottime();
        assert!(before.as_nanos() > 0);
        assert!(super::boottime() >= before);
    }
}
