//! What can go wrong between us and the kernel, before any subsystem's meaning.
//! Not here: a refused nf_tables operation ([`crate::NftError`]).

use super::reply::Refusal;
use rustix::io::Errno;
use std::io;

/// A failure of one exchange.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NetlinkError {
    #[error("opening a netlink socket: {0}")]
    Open(#[source] io::Error),
    #[error("sending {len} bytes: {source}")]
    Send { len: usize, source: io::Error },
    #[error("receiving: {0}")]
    Receive(#[source] io::Error),
    #[error("answers were lost: the receive buffer ran over")]
    Overrun,
    #[error("no answer within {0} s")]
    NoAnswer(u64),
    #[error("an answer that breaks netlink's own framing")]
    Malformed,
    #[error("{}", .0.words())]
    Refused(Refusal),
}

impl NetlinkError {
    pub(crate) fn errno(&self) -> Option<i32> {
        match self {
            NetlinkError::Refused(no) => Some(no.errno),
            NetlinkError::Open(e) | NetlinkError::Send { source: e, .. } | NetlinkError::Receive(e) => {
                e.raw_os_error()
            }
            NetlinkError::Overrun | NetlinkError::NoAnswer(_) | NetlinkError::Malformed => None,
        }
    }
}

impl Refusal {
    /// The kernel's message if it gave one, and what the error number says.
    pub(crate) fn words(&self) -> String {
        let number = io::Error::from_raw_os_error(self.errno);
        match &self.message {
            Some(message) => format!("{message} ({number})"),
            None => number.to_string(),
        }
    }
}

/// Why a list of sockets, flows, links or addresses could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The capability is missing.
    #[error("{doing}: not permitted; it needs CAP_NET_ADMIN, so run as root or grant that capability")]
    NotPermitted {
        /// What was being done.
        doing: &'static str,
    },
    /// The kernel has no such subsystem.
    #[error("{doing}: this kernel has no {missing}; load that module or build it in")]
    Absent {
        /// What was being done.
        doing: &'static str,
        /// The kernel module that answers it.
        missing: &'static str,
    },
    /// It changed faster than it could be read.
    #[error("{doing}: it changed during each of {attempts} readings; try again when fewer changes occur")]
    Unstable {
        /// What was being done.
        doing: &'static str,
        /// How often it was tried.
        attempts: u32,
    },
    /// Anything else.
    #[error("{doing}: {source}")]
    Netlink {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// What a dump asks, for the words of its errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) doing: &'static str,
    pub(crate) missing: &'static str,
}

impl DumpError {
    pub(crate) fn new(Subject { doing, missing }: Subject, error: NetlinkError) -> DumpError {
        let errno = error.errno().map(Errno::from_raw_os_error);
        match errno {
            Some(Errno::PERM | Errno::ACCESS) => DumpError::NotPermitted { doing },
            Some(Errno::PROTONOSUPPORT | Errno::NOENT | Errno::OPNOTSUPP | Errno::INVAL) => {
                DumpError::Absent { doing, missing }
            }
            _ => DumpError::Netlink { doing, source: io::Error::other(error.to_string()) },
        }
    }
}
