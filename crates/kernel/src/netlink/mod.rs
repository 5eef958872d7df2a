//! Netlink itself: messages as bytes, attributes, sockets, and what the kernel says no with.
//! Not here: what any subsystem (nf_tables, sock_diag, ...) means by its messages.

mod attribute;
mod error;
mod leave;
mod message;
mod reply;
mod socket;

pub(crate) use attribute::{Attributes, Fields, text};
pub use error::DumpError;
pub(crate) use error::{NetlinkError, Subject};
pub(crate) use message::{Header, Writer};
pub(crate) use reply::{Message, Messages, Refusal};
pub(crate) use socket::{Dump, Socket};

/// `linux/netlink.h`: flags and types of `nlmsghdr` that are used here.
pub(crate) mod wire {
    pub(crate) const HEADER_LEN: usize = 16;
    pub(crate) const ATTRIBUTE_HEADER_LEN: usize = 4;

    pub(crate) const F_REQUEST: u16 = 0x1;
    pub(crate) const F_ACK: u16 = 0x4;
    /// Set on a dump's messages when what is dumped changed meanwhile.
    pub(crate) const F_DUMP_INTR: u16 = 0x10;
    pub(crate) const F_DUMP: u16 = 0x300;
    pub(crate) const F_EXCL: u16 = 0x200;
    pub(crate) const F_CREATE: u16 = 0x400;
    pub(crate) const F_APPEND: u16 = 0x800;
    /// On an error: the request that failed is not repeated in it.
    pub(crate) const F_CAPPED: u16 = 0x100;
    /// On an error: attributes with a reason follow.
    pub(crate) const F_ACK_TLVS: u16 = 0x200;

    pub(crate) const NLMSG_ERROR: u16 = 0x2;
    pub(crate) const NLMSG_DONE: u16 = 0x3;

    pub(crate) const NESTED: u16 = 0x8000;
    pub(crate) const KIND_MASK: u16 = 0x3fff;

    pub(crate) const ERROR_MESSAGE: usize = 1;
    pub(crate) const ERROR_OFFSET: usize = 2;
}
