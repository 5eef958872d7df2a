//! What can go wrong with nf_tables, in words that say what was being done and what to do next.
//! Not here: the exchange itself ([`crate::netlink`]).

use crate::netlink::{NetlinkError, Refusal};
use rustix::io::Errno;
use std::io;

/// A failure of reading or changing nf_tables.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// The capability is missing.
    #[error(
        "{doing}: not permitted; it needs CAP_NET_ADMIN in the user namespace that owns this network \
         namespace, so run as root or grant that capability"
    )]
    NotPermitted {
        /// What was being done.
        doing: String,
    },
    /// The kernel has no nf_tables.
    #[error("{doing}: this kernel has no nf_tables ({source}); load the module nf_tables or build it in")]
    Absent {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody changed the ruleset after it was read.
    #[error(
        "{doing}: the ruleset is no longer at generation {expected}, somebody changed it meanwhile; \
         nothing was changed, read it again and decide anew"
    )]
    GenerationChanged {
        /// What was being done.
        doing: String,
        /// The generation that the transaction was made for.
        expected: u32,
    },
    /// The kernel said no to one operation; nothing of the transaction took effect.
    #[error("{operation}: the kernel refused: {reason}{}; nothing was changed", in_its_words(.message))]
    Refused {
        /// The operation, in the words of [`rolewall_ruleset::Op`]'s `Display`.
        operation: String,
        /// Linux's number of the error.
        errno: i32,
        /// What that number means here.
        reason: String,
        /// What the kernel said itself.
        message: Option<String>,
    },
    /// Answers were lost.
    #[error("{doing}: answers of the kernel were lost (ENOBUFS); read back what is in force before going on")]
    Overrun {
        /// What was being done.
        doing: String,
    },
    /// The kernel did not answer.
    #[error("{doing}: the kernel did not answer; read back what is in force before going on")]
    NoAnswer {
        /// What was being done.
        doing: String,
    },
    /// More than a send buffer can hold.
    #[error(
        "{doing}: {len} bytes are more than one message may have here; run as root of the machine itself, \
         or in a container raise net.core.wmem_max of that machine to {len}"
    )]
    TooLarge {
        /// What was being done.
        doing: String,
        /// In bytes.
        len: usize,
    },
    /// One operation does not fit netlink's 16-bit lengths.
    #[error(
        "{operation}: some part of it is longer than 65,535 bytes, which netlink cannot say; make it smaller"
    )]
    TooLong {
        /// The operation.
        operation: String,
    },
    /// It changed faster than it could be read.
    #[error(
        "{doing}: the ruleset changed during each of {attempts} readings; try again when fewer changes occur"
    )]
    Unstable {
        /// What was being done.
        doing: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// Bytes that are no message of nf_tables, or not one that is known here.
    #[error("{doing}: {what} could not be understood")]
    Malformed {
        /// What was being done.
        doing: String,
        /// What was found.
        what: String,
    },
    /// Anything else from the system.
    #[error("{doing}: {source}")]
    System {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
}

fn in_its_words(message: &Option<String>) -> String {
    message.as_ref().map(|m| format!(" (\"{m}\")")).unwrap_or_default()
}

impl NftError {
    pub(super) fn malformed(doing: impl Into<String>, what: impl Into<String>) -> NftError {
        NftError::Malformed { doing: doing.into(), what: what.into() }
    }

    /// An exchange that failed as a whole.
    pub(super) fn exchange(doing: impl Into<String>, error: NetlinkError) -> NftError {
        let doing = doing.into();
        let errno = error.errno();
        match error {
            NetlinkError::Overrun => NftError::Overrun { doing },
            NetlinkError::NoAnswer(_) => NftError::NoAnswer { doing },
            NetlinkError::Malformed => NftError::malformed(doing, "an answer of the kernel"),
            NetlinkError::Refused(no) => NftError::request_refused(doing, no),
            NetlinkError::Send { len, .. } if errno == Some(Errno::MSGSIZE.raw_os_error()) => {
                NftError::TooLarge { doing, len }
            }
            NetlinkError::Open(source) if errno == Some(Errno::PROTONOSUPPORT.raw_os_error()) => {
                NftError::Absent { doing, source }
            }
            NetlinkError::Open(source)
            | NetlinkError::Receive(source)
            | NetlinkError::Send { source, .. } => NftError::System { doing, source },
        }
    }

    fn request_refused(doing: String, no: Refusal) -> NftError {
        match Errno::from_raw_os_error(no.errno) {
            Errno::PERM => NftError::NotPermitted { doing },
            _ => NftError::refused(doing, no),
        }
    }

    /// One operation (or request) that was refused.
    pub(super) fn refused(operation: String, no: Refusal) -> NftError {
        let Refusal { errno, message, offset: _ } = no;
        NftError::Refused { operation, errno, reason: reason(errno), message }
    }
}

/// What an error number means for an operation of nf_tables.
fn reason(errno: i32) -> String {
    let meaning = match Errno::from_raw_os_error(errno) {
        Errno::NOENT => {
            "something it names is not there: a table, chain, set, rule, or an element that never was or has expired"
        }
        Errno::EXIST => "it is there already, or overlaps what is there, or is there in another form",
        Errno::BUSY => "it is in use: a rule, a map or a hook still refers to it",
        Errno::PERM => "it belongs to another process (a table with the owner flag)",
        Errno::INVAL => "this kernel does not take it in this form",
        Errno::OPNOTSUPP => "this kernel does not support it, or not in this place",
        Errno::NFILE | Errno::NOSPC => "the set is full",
        Errno::NOMEM => "the kernel has not the memory for it",
        Errno::LOOP => "the jumps form a loop",
        Errno::MLINK => "the jumps are nested too deep",
        Errno::NOTEMPTY => "it overlaps an element that is there",
        Errno::RANGE => "a number or a name is beyond what the kernel takes",
        _ => return io::Error::from_raw_os_error(errno).to_string(),
    };
    format!("{meaning} (error {errno})")
}
