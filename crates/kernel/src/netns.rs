//! Network namespaces held by a file descriptor: make one, open one, run something in one.
//! Not here: names under `/run/netns`, and the interfaces inside.
//!
//! A namespace that is made here has no name. It vanishes when the last descriptor, socket or process
//! in it is gone, so a killed test leaves nothing behind.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};
use std::io;
use std::path::{Path, PathBuf};

/// The namespace of the calling thread, as `/proc` shows it.
const OWN: &str = "/proc/thread-self/ns/net";

/// A network namespace, kept alive by a descriptor.
#[derive(Debug)]
pub struct NetNs {
    fd: OwnedFd,
}

/// Why a namespace could not be made or entered.
#[derive(Debug, thiserror::Error)]
pub enum NetNsError {
    /// `unshare` was refused.
    #[error("making a network namespace: {0}; it needs CAP_SYS_ADMIN")]
    Create(#[source] io::Error),
    /// Its file could not be opened.
    #[error("opening the network namespace {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `setns` was refused.
    #[error(
        "entering a network namespace: {0}; it needs CAP_SYS_ADMIN, and a file of /proc/PID/ns/net or /run/netns"
    )]
    Enter(#[source] io::Error),
    /// No thread could be made for it.
    #[error("starting a thread for a network namespace: {0}")]
    Thread(#[source] io::Error),
}

impl NetNs {
    /// A new, empty namespace: only `lo`, and that is down. Needs CAP_SYS_ADMIN.
    #[allow(unsafe_code)]
    pub fn create() -> Result<NetNs, NetNsError> {
        on_fresh_thread(|| {
            // SAFETY: only a shared descriptor table (CLONE_FILES) makes this call unsafe; the network
            // namespace alone is changed, of a thread that ends right after.
            unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }
                .map_err(|e| NetNsError::Create(e.into()))?;
            NetNs::current()
        })?
    }

    /// The namespace behind a file: `/proc/PID/ns/net`, or a name under `/run/netns`.
    pub fn open(path: impl AsRef<Path>) -> Result<NetNs, NetNsError> {
        let path = path.as_ref();
        let fd = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let fd = fd.map_err(|e| NetNsError::Open { path: path.to_owned(), source: e.into() })?;
        Ok(NetNs { fd })
    }

    /// The namespace of the calling thread.
    pub fn current() -> Result<NetNs, NetNsError> {
        NetNs::open(OWN)
    }

    /// Runs `work` on a fresh thread inside the namespace and gives its value. Sockets that it opens and
    /// processes that it starts belong to the namespace and stay in it. A panic goes through.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NetNsError> {
        on_fresh_thread(|| {
            rustix::thread::move_into_link_name_space(self.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|e| NetNsError::Enter(e.into()))?;
            Ok(work())
        })?
    }
}

impl AsFd for NetNs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A thread that does one thing and ends, so that no other work ever runs in the namespace that it joined.
fn on_fresh_thread<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, NetNsError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("netns".to_owned()).spawn_scoped(scope, work);
        let joined = thread.map_err(NetNsError::Thread)?.join();
        Ok(joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}
