//! Processes, from /proc: which of them holds a socket, and who started us.
//! Not here: the sockets themselves (crate `kernel`).

use std::collections::HashMap;
use std::fs;

/// A process that holds a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) id: u32,
    /// The kernel's short name of it, at most 15 bytes.
    pub(crate) name: String,
}

/// Processes by the inode of each socket that they hold. Those that may not be looked into are left out.
pub(crate) fn by_socket() -> HashMap<u64, Process> {
    let mut found = HashMap::new();
    let ids = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok());
    for id in ids {
        let inodes = sockets_of(id);
        if inodes.is_empty() {
            continue;
        }
        let name = name_of(id).unwrap_or_default();
        for inode in inodes {
            found.entry(inode).or_insert_with(|| Process { id, name: name.clone() });
        }
    }
    found
}

/// The inodes of the sockets that a process holds.
pub(crate) fn sockets_of(id: u32) -> Vec<u64> {
    let links = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten();
    links
        .filter_map(|entry| {
            let target = fs::read_link(entry.ok()?.path()).ok()?;
            target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        })
        .collect()
}

pub(crate) fn name_of(id: u32) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/{id}/comm")).ok()?.trim_end().to_owned())
}

/// The systemd unit that a process is in, from its control group; none without systemd.
pub(crate) fn unit_of(id: u32) -> Option<String> {
    unit_in(&fs::read_to_string(format!("/proc/{id}/cgroup")).ok()?)
}

/// The innermost unit of the path `/system.slice/kamailio.service`, of cgroups of version 2 (`0::`) or of
/// systemd's own hierarchy of version 1.
fn unit_in(cgroup: &str) -> Option<String> {
    let is_systemd = |line: &&str| line.starts_with("0::") || line.contains(":name=systemd:");
    let path = cgroup.lines().find(is_systemd)?.rsplit_once(':')?.1;
    let is_unit = |part: &&str| part.ends_with(".service") || part.ends_with(".scope");
    path.rsplit('/').find(is_unit).map(str::to_owned)
}

/// This process's parent, its parent, and so on.
pub(crate) fn ancestors() -> Vec<u32> {
    /// More generations than any real shell has.
    const DEPTH_MAX: usize = 64;
    std::iter::successors(parent_of(std::process::id()), |&id| parent_of(id)).take(DEPTH_MAX).collect()
}

fn parent_of(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in parentheses may contain anything, parentheses too.
    let after = stat.rsplit_once(')')?.1;
    let parent: u32 = after.split_whitespace().nth(1)?.parse().ok()?;
    (parent > 0).then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_the_innermost_of_its_control_group() {
        let unit = |text| unit_in(text);
        assert_eq!(unit("0::/system.slice/kamailio.service\n").as_deref(), Some("kamailio.service"));
        assert_eq!(unit("0::/user.slice/user-0.slice/session-1.scope\n").as_deref(), Some("session-1.scope"));
        assert_eq!(
            unit("4:memory:/a\n1:name=systemd:/system.slice/ssh.service/x\n").as_deref(),
            Some("ssh.service")
        );
        assert_eq!(unit("0::/\n"), None);
    }
}
