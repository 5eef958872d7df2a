//! The first process of a host: it holds the host's processes, its mounts and its files together.
//! Not here: commands that run in the host ([`crate::HostCommand`]).
//!
//! It is process 1 of a PID namespace and only reads a pipe of ours. When the pipe closes, because the
//! host was dropped or this process was killed in whatever way, it ends, and Linux then kills every
//! process of that PID namespace; with the last of them the mount namespace and its tmpfs go.

use crate::ip::tool_path;
use rolewall_kernel::{NetNs, NetNsError};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// A directory of the host's own `/run` that is the lab's: keys, configurations, logs.
pub(crate) const LAB_DIRECTORY: &str = "/run/rolewall-lab";

/// The host's files, as processes of the host see them.
pub(crate) const FILES: &str = "/run/rolewall-lab/files";

/// What process 1 does. Mounts do not propagate out; `/run` is empty but for sshd's directory, so neither
/// systemd's nor D-Bus' sockets of the machine are seen; `/proc` and `/sys` show the host's own namespaces.
/// The size is a bound, not a reservation. Nobody waits for processes whose parent has ended, so they go by
/// themselves: else `/proc` would grow with every command. (A shell's `trap '' CHLD` is not handed on.)
const SCRIPT: &str = "set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755,size=512m tmpfs /run
mkdir -p /run/sshd /run/lock /run/rolewall-lab/files
mount -t proc proc /proc
mount -t sysfs sysfs /sys
echo ready
exec env --ignore-signal=CHLD cat";

/// How long a host's processes may take to end once they are killed.
const END_WITHIN: Duration = Duration::from_secs(2);

/// The processes and mounts of one host.
#[derive(Debug)]
pub(crate) struct Init {
    process: Child,
    pipe: Option<ChildStdin>,
    pid_namespace: OwnedFd,
    mount_namespace: OwnedFd,
}

/// Why a host's processes or mounts could not be set up or entered.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The host's namespace could not be entered.
    #[error(transparent)]
    NetNs(#[from] NetNsError),
    /// No namespace for its processes and mounts.
    #[error("making a PID and a mount namespace: {0}; it needs CAP_SYS_ADMIN")]
    Unshare(#[source] io::Error),
    /// No process 1.
    #[error("starting `sh`, the first process of a host: {0}")]
    Start(#[source] io::Error),
    /// Process 1 could not set up its mounts.
    #[error("setting up the mounts of a host with `mount`: {stderr}")]
    Mounts {
        /// What `sh` and `mount` printed.
        stderr: String,
    },
    /// They could not be entered.
    #[error("entering the {what} namespace of a host: {source}")]
    Enter {
        /// Which kind.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl Init {
    /// Starts process 1 of a host in its network namespace, and waits until its mounts are there.
    pub(crate) fn start(network: &NetNs) -> Result<Init, InitError> {
        let mut process = network.run(spawn)??;
        let pipe = process.stdin.take();
        let opened = await_ready(&mut process).and_then(|()| open_namespaces(process.id()));
        match opened {
            Ok((pid_namespace, mount_namespace)) => {
                Ok(Init { process, pipe, pid_namespace, mount_namespace })
            }
            Err(error) => {
                drop(pipe);
                let _ = process.kill().and_then(|()| process.wait());
                Err(error)
            }
        }
    }

    /// Moves the calling thread, which must be a fresh one, to the host's mounts, and what it starts to the
    /// host's processes.
    pub(crate) fn enter(&self) -> Result<(), InitError> {
        // A thread shares its root and working directory with all others, and may not enter a mount
        // namespace while it does.
        unshare(UnshareFlags::FS)?;
        let enter = |what, fd: &OwnedFd, kind| {
            move_into_link_name_space(fd.as_fd(), Some(kind))
                .map_err(|e| InitError::Enter { what, source: e.into() })
        };
        enter("PID", &self.pid_namespace, LinkNameSpaceType::ProcessID)?;
        enter("mount", &self.mount_namespace, LinkNameSpaceType::Mount)
    }

    /// Kills every process of the host. The mounts go with the last of them that is waited for.
    pub(crate) fn kill(&self) {
        // An error says that it is dead already.
        let _ = kill_process(Pid::from_child(&self.process), Signal::KILL);
    }

    /// Where this process sees `path` of the host.
    pub(crate) fn outside(&self, path: &Path) -> PathBuf {
        let below = path.strip_prefix("/").unwrap_or(path);
        PathBuf::from(format!("/proc/{}/root", self.process.id())).join(below)
    }
}

impl Drop for Init {
    /// Ends every process of the host; bounded, because a process in an uninterruptible wait cannot be ended.
    fn drop(&mut self) {
        drop(self.pipe.take());
        // Does at once what the closed pipe does as soon as process 1 is scheduled.
        self.kill();
        let deadline = Instant::now() + END_WITHIN;
        while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// Starts process 1, for a fresh thread in the host's network namespace.
fn spawn() -> Result<Child, InitError> {
    unshare(UnshareFlags::FS | UnshareFlags::NEWNS | UnshareFlags::NEWPID)?;
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT]).env_clear().env("PATH", tool_path()).env("LC_ALL", "C").current_dir("/");
    // A process group of its own: a ^C at our terminal is for us.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(InitError::Start)
}

fn await_ready(process: &mut Child) -> Result<(), InitError> {
    let mut ready = [0; 6];
    let read = process.stdout.take().map(|mut stdout| stdout.read_exact(&mut ready));
    if matches!(read, Some(Ok(()))) && &ready == b"ready\n" {
        return Ok(());
    }
    let mut stderr = String::new();
    let _ = process.stderr.take().map(|mut pipe| pipe.read_to_string(&mut stderr));
    Err(InitError::Mounts { stderr: stderr.trim().replace('\n', "; ") })
}

fn open_namespaces(pid: u32) -> Result<(OwnedFd, OwnedFd), InitError> {
    let open = |what, file| {
        rustix::fs::open(format!("/proc/{pid}/ns/{file}"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|e| InitError::Enter { what, source: e.into() })
    };
    Ok((open("PID", "pid")?, open("mount", "mnt")?))
}

/// Unshares what concerns the calling thread alone.
#[expect(deprecated, reason = "what makes it unsafe is CLONE_FILES, which is not asked for here")]
fn unshare(what: UnshareFlags) -> Result<(), InitError> {
    rustix::thread::unshare(what).map_err(|e| InitError::Unshare(e.into()))
}
