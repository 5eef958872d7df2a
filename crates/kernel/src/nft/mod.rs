//! nf_tables: transactions in, tables out.
//! Not here: what the rules mean, and which operations a change needs (crate `rolewall-ruleset`).
//!
//! # Canonical form
//! What is sent comes back as the same value if it is in the form in which Linux holds it:
//! - elements of a set ascend by key; an interval of one value, and a closing key that equals the key,
//!   have no `end`; the element `*` has an empty key;
//! - an anonymous set has an empty name, no `size`, and `flags.constant` not set (it always is);
//! - a log without a group has no `level` where it is 4 (warning), and no zero `flags` or
//!   `queue_threshold`; a dynset has no `timeout_ms` of zero, nor statements where its set has its own;
//! - an element has no timeout where it is the set's; times are multiples of a kernel tick (4 ms at 250
//!   Hz), others are cut to it;
//! - a set that a dynset refers to has a `size` (Linux makes it 65,535 where none was given), and each
//!   element of a set with statements has them too, with their state;
//! - named keys (`MetaKey`, `CtKey`, `DataType`) are not written as `Other`.
//!
//! Rules with extensions of iptables are read whole and sent as they came, but without the protocol that
//! `iptables-nft` declares beside them, so that Linux refuses those that ask for one: they are for reading.
//!
//! Not modelled, so not kept: comments of tables and chains, objects (named counters, quotas), flow
//! tables, `typeof` of a set, a set's `auto-merge`, `policy` and `gc-interval`, a chain's counters and offload flag.

pub mod batch;
mod codes;
mod commit;
mod decode;
mod encode;
mod error;
mod exact;
mod find;
#[cfg(feature = "fuzz")]
pub(crate) mod fuzz;
mod read;
mod userdata;
mod wire;

pub use error::NftError;

use crate::netlink::Socket;

/// A conversation with nf_tables of one network namespace: that of the thread that opened it.
///
/// A table with the owner flag belongs to the `Nft` that created it, and goes with it.
#[derive(Debug)]
pub struct Nft {
    socket: Socket,
}

impl Nft {
    /// Opens a socket. Needs no right yet; each request then needs CAP_NET_ADMIN.
    pub fn open() -> Result<Nft, NftError> {
        let socket = Socket::open(Some(rustix::net::netlink::NETFILTER));
        let socket = socket.map_err(|e| NftError::exchange("opening nf_tables", e))?;
        Ok(Nft { socket })
    }

    /// The socket, for another part of netfilter.
    pub(crate) fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }

    /// Ends the conversation without waiting for Linux to free what was deleted in it. Dropping waits, and is
    /// right where a table with the owner flag must be gone at once.
    pub fn leave(self) {
        self.socket.leave();
    }
}
