//! System calls by name, kind and what they are about, as a tracer sees them at their beginning.
//! Not here: what is done to them ([`super::tracer`]).

use nix::errno::Errno;
use nix::libc::{self, c_long, user_regs_struct};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A conversation with the kernel over netlink.
    Netlink,
    /// Files and directories.
    File,
    /// Memory, threads, signals.
    Other,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The descriptor that it is about, where it is about one.
    pub(crate) descriptor: Option<u64>,
    /// Paths that it names, or that its descriptor has.
    pub(crate) paths: Vec<String>,
    /// It makes its file where there is none.
    pub(crate) creates: bool,
    /// What Linux answered, or was made to.
    pub(crate) result: i64,
}

impl Call {
    pub(crate) fn is_write(&self) -> bool {
        self.kind == Kind::File && self.name == "write"
    }

    pub(crate) fn is_about(&self, name: &str, path_end: &str) -> bool {
        self.name == name && self.paths.iter().any(|path| path.ends_with(path_end))
    }

    /// Whether Linux may answer such a call so.
    pub(crate) fn may_be(&self, errno: Errno) -> bool {
        let is_one = |names: &[&str]| names.contains(&self.name);
        match (self.kind, errno) {
            (Kind::Netlink, Errno::EAGAIN | Errno::EINTR) => {
                is_one(&["sendto", "recvfrom", "sendmsg", "recvmsg"])
            }
            (Kind::File, Errno::ENOSPC) => {
                self.creates || is_one(&["write", "fsync", "fdatasync", "rename", "mkdir", "ftruncate"])
            }
            (Kind::File, Errno::EPERM) => !is_one(&["read", "write", "lseek", "fsync", "fdatasync", "fstat"]),
            (Kind::File, Errno::EINTR) => !is_one(&["lseek", "fstat", "statx", "newfstatat"]),
            _ => true,
        }
    }
}

/// Name, and what its arguments name: `f` a descriptor, `p` a path, `-` neither, in order.
const FILES: [(c_long, &str, &str); 28] = [
    (libc::SYS_open, "open", "p"),
    (libc::SYS_openat, "openat", "-p"),
    (libc::SYS_openat2, "openat2", "fp"),
    (libc::SYS_read, "read", "f"),
    (libc::SYS_pread64, "pread64", "f"),
    (libc::SYS_readv, "readv", "f"),
    (libc::SYS_write, "write", "f"),
    (libc::SYS_writev, "writev", "f"),
    (libc::SYS_lseek, "lseek", "f"),
    (libc::SYS_fsync, "fsync", "f"),
    (libc::SYS_fdatasync, "fdatasync", "f"),
    (libc::SYS_ftruncate, "ftruncate", "f"),
    (libc::SYS_flock, "flock", "f"),
    (libc::SYS_fchmod, "fchmod", "f"),
    (libc::SYS_fchown, "fchown", "f"),
    (libc::SYS_getdents64, "getdents64", "f"),
    (libc::SYS_fstat, "fstat", "f"),
    (libc::SYS_statx, "statx", "-p"),
    (libc::SYS_newfstatat, "newfstatat", "-p"),
    (libc::SYS_rename, "rename", "pp"),
    (libc::SYS_renameat, "renameat", "-p-p"),
    (libc::SYS_renameat2, "renameat2", "-p-p"),
    (libc::SYS_mkdir, "mkdir", "p"),
    (libc::SYS_unlink, "unlink", "p"),
    (libc::SYS_unlinkat, "unlinkat", "-p"),
    (libc::SYS_readlink, "readlink", "p"),
    (libc::SYS_readlinkat, "readlinkat", "-p"),
    (libc::SYS_copy_file_range, "copy_file_range", "f"),
];

const SOCKETS: [(c_long, &str); 8] = [
    (libc::SYS_sendto, "sendto"),
    (libc::SYS_recvfrom, "recvfrom"),
    (libc::SYS_sendmsg, "sendmsg"),
    (libc::SYS_recvmsg, "recvmsg"),
    (libc::SYS_bind, "bind"),
    (libc::SYS_setsockopt, "setsockopt"),
    (libc::SYS_getsockopt, "getsockopt"),
    (libc::SYS_getsockname, "getsockname"),
];

/// What is known of a program's descriptors.
#[derive(Debug, Default)]
pub(crate) struct Names {
    netlink: BTreeSet<u64>,
}

impl Names {
    /// The call that a thread is about to make.
    pub(crate) fn call(&self, leader: Pid, registers: &user_regs_struct) -> Call {
        let number = registers.orig_rax.cast_signed();
        let arguments = [registers.rdi, registers.rsi, registers.rdx, registers.r10];
        let other = Call {
            name: "other",
            kind: Kind::Other,
            descriptor: None,
            paths: Vec::new(),
            creates: number == libc::SYS_openat && arguments[2] & libc::O_CREAT as u64 != 0,
            result: 0,
        };
        if number == libc::SYS_socket && arguments[0] == libc::AF_NETLINK as u64 {
            return Call { name: "socket", kind: Kind::Netlink, ..other };
        }
        let is_it = |known: c_long| known == number;
        if let Some((_, name)) = SOCKETS.iter().find(|(known, _)| is_it(*known)) {
            let kind = if self.netlink.contains(&arguments[0]) { Kind::Netlink } else { Kind::Other };
            return Call { name, kind, descriptor: Some(arguments[0]), ..other };
        }
        match FILES.iter().find(|(known, ..)| is_it(*known)) {
            Some((_, name, form)) => file_call(leader, name, form, arguments, other),
            None if number == libc::SYS_close => {
                Call { name: "close", descriptor: Some(arguments[0]), ..other }
            }
            None => other,
        }
    }

    /// What a call that has ended says of descriptors.
    pub(crate) fn learn(&mut self, call: &Call) {
        match (call.name, u64::try_from(call.result)) {
            ("socket", Ok(descriptor)) => drop(self.netlink.insert(descriptor)),
            ("close", _) => drop(call.descriptor.map(|descriptor| self.netlink.remove(&descriptor))),
            _ => {}
        }
    }
}

fn file_call(leader: Pid, name: &'static str, form: &str, arguments: [u64; 4], other: Call) -> Call {
    let mut call = Call { name, kind: Kind::File, ..other };
    for (argument, form) in arguments.into_iter().zip(form.chars()) {
        match form {
            'f' => {
                call.descriptor = Some(argument);
                let link = fs::read_link(format!("/proc/{leader}/fd/{argument}"));
                call.paths.extend(link.ok().and_then(|path| Some(path.to_str()?.to_owned())));
            }
            'p' => call.paths.extend(text_at(leader, argument)),
            _ => {}
        }
    }
    // What it says is no file of the host's; nor is what other programs tell it, whose pipes do not fail.
    let is_pipe = call.paths.iter().any(|path| path.starts_with("pipe:"));
    if is_pipe || (matches!(call.descriptor, Some(1 | 2)) && call.name == "write") {
        call.kind = Kind::Other;
    }
    call
}

/// A path in the program's memory.
fn text_at(leader: Pid, address: u64) -> Option<String> {
    let memory = File::open(format!("/proc/{leader}/mem")).ok()?;
    let mut bytes = [0; 512];
    let length = memory.read_at(&mut bytes, address).ok()?;
    let end = bytes[..length].iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
}
