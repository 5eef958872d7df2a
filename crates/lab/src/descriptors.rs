//! Descriptors of this process: how many it may have open, and what holds one longer than it.
//! Not here: the sockets.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::time::{Duration, Instant};

/// Descriptors that are left for everything else in the process.
const SPARE: u64 = 128;

/// How many of `wanted` sockets may be open at once, at least one. The soft limit is raised for it as far
/// as the hard limit goes: 1024 is a usual soft limit, and a batch of probes holds thousands. The raised
/// limit stays, and processes started later inherit it.
pub(crate) fn room_for(wanted: usize) -> usize {
    let used = std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64);
    let needed = wanted as u64 + used + SPARE;
    let limit = getrlimit(Resource::Nofile);
    let mut soft = limit.current.unwrap_or(u64::MAX);
    if soft < needed {
        let raised = limit.maximum.map_or(needed, |hard| hard.min(needed));
        let raise = Rlimit { current: Some(raised), maximum: limit.maximum };
        soft = setrlimit(Resource::Nofile, raise).map_or(soft, |()| raised);
    }
    let room = soft.saturating_sub(used + SPARE).max(1);
    usize::try_from(room).unwrap_or(usize::MAX).min(wanted.max(1))
}

/// How long a port that was closed may still be held by a process that is being started.
const HELD_AT_MOST: Duration = Duration::from_millis(500);

/// Opens a port that may have been closed a moment ago. A process that another thread is starting has
/// copies of all descriptors from its fork to its exec, so the port may be in use for that long.
pub(crate) fn open_port<T>(open: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let deadline = Instant::now() + HELD_AT_MOST;
    loop {
        match open() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            opened => return opened,
        }
    }
}
