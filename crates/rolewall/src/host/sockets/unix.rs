//! Sockets in the file system that listen, from `/proc/net/unix`. No network reaches them.
//! Not here: sockets without a path, which only processes of this host know.

use crate::host::process::Process;
use std::collections::HashMap;

/// A listening socket's path, and a process that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnixListening {
    pub(crate) path: String,
    pub(crate) process: Option<Process>,
}

pub(super) fn listening(processes: &HashMap<u64, Process>) -> Vec<UnixListening> {
    let text = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let with_process =
        |(inode, path): (u64, String)| UnixListening { path, process: processes.get(&inode).cloned() };
    parse(&text).into_iter().map(with_process).collect()
}

/// `net/unix/af_unix.c`: `Num RefCount Protocol Flags Type St Inode Path`, all but the inode in hexadecimal.
/// The flag `__SO_ACCEPTCON` is a stream socket's that listens.
fn parse(text: &str) -> Vec<(u64, String)> {
    const ACCEPTS: u32 = 1 << 16;
    let socket = |line: &str| {
        let mut words = line.split_whitespace();
        let flags = u32::from_str_radix(words.nth(3)?, 16).ok()?;
        let inode = words.nth(2)?.parse().ok()?;
        let path = line.get(line.find(" /")? + 1..)?.to_owned();
        (flags & ACCEPTS != 0).then_some((inode, path))
    };
    text.lines().skip(1).filter_map(socket).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_with_a_path_are_told() {
        let text = "Num       RefCount Protocol Flags    Type St Inode Path\n\
                    0000000000000000: 00000002 00000000 00010000 0001 01 301 /run/php/php fpm.sock\n\
                    0000000000000000: 00000003 00000000 00000000 0001 03 302 /run/dbus\n\
                    0000000000000000: 00000002 00000000 00010000 0001 01 303 @/abstract\n\
                    0000000000000000: 00000002 00000000 00010000 0005 01 304\n";
        assert_eq!(parse(text), [(301, "/run/php/php fpm.sock".to_owned())]);
    }
}
