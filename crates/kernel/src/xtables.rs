//! The older firewall, `iptables-legacy`: whether its tables do anything. nf_tables does not see them.
//! Not here: what they do.

use rustix::fd::{AsRawFd, OwnedFd};
use rustix::net::{AddressFamily, RawProtocol, SocketFlags, SocketType, socket_with};
use std::io;

/// Which of the two firewalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Family {
    Ip,
    Ip6,
}

/// `linux/netfilter/x_tables.h`, `linux/netfilter_ipv4/ip_tables.h`, `linux/netfilter_ipv6/ip6_tables.h`.
mod wire {
    pub(super) const GET_INFO: i32 = 64;
    pub(super) const GET_ENTRIES: i32 = 65;
    pub(super) const SOL_IP: i32 = 0;
    pub(super) const SOL_IPV6: i32 = 41;

    /// `struct ipt_getinfo`: name, valid hooks, first entries, policies' entries, how many, bytes.
    pub(super) const INFO_BYTES: usize = 84;
    pub(super) const NAME_BYTES: usize = 32;
    pub(super) const VALID_HOOKS: usize = 32;
    pub(super) const POLICIES: usize = 56;
    pub(super) const ENTRIES: usize = 76;
    pub(super) const SIZE: usize = 80;
    pub(super) const HOOKS: usize = 5;

    /// Before the entries of `struct ipt_get_entries`.
    pub(super) const ENTRIES_HEADER: usize = 40;
    /// Where an entry tells where its target is: `struct ipt_entry`, `struct ip6t_entry`.
    pub(super) const TARGET_OFFSET_IP: usize = 88;
    pub(super) const TARGET_OFFSET_IP6: usize = 140;
    /// The verdict of `struct xt_standard_target`, and accept there.
    pub(super) const VERDICT: usize = 32;
    pub(super) const ACCEPT: i32 = -2;
}

/// Whether a table lets everything through: it has no rules, and its policies accept. Needs CAP_NET_ADMIN; asked
/// for a table that is not there, Linux may make it.
pub fn lets_all_through(family: Family, table: &str) -> io::Result<bool> {
    let (domain, level) = match family {
        Family::Ip => (AddressFamily::INET, wire::SOL_IP),
        Family::Ip6 => (AddressFamily::INET6, wire::SOL_IPV6),
    };
    let raw = RawProtocol::new(255).map(rustix::net::Protocol::from_raw);
    let socket = socket_with(domain, SocketType::RAW, SocketFlags::CLOEXEC, raw)?;
    let mut info = vec![0; wire::INFO_BYTES];
    write_name(&mut info, table)?;
    option(&socket, level, wire::GET_INFO, &mut info)?;
    let number = |at: usize| u32_at(&info, at).unwrap_or(u32::MAX);
    let hooks = number(wire::VALID_HOOKS);
    // An entry for each policy, and one that ends the table.
    if number(wire::ENTRIES) != hooks.count_ones() + 1 {
        return Ok(false);
    }
    let size = number(wire::SIZE) as usize;
    let mut entries = vec![0; wire::ENTRIES_HEADER + size];
    write_name(&mut entries, table)?;
    entries[wire::NAME_BYTES..wire::NAME_BYTES + 4].copy_from_slice(&number(wire::SIZE).to_ne_bytes());
    option(&socket, level, wire::GET_ENTRIES, &mut entries)?;
    let entries = &entries[wire::ENTRIES_HEADER..];
    let valid = (0..wire::HOOKS).filter(|hook| hooks >> hook & 1 == 1);
    let verdict = |hook: usize| verdict(family, entries, number(wire::POLICIES + 4 * hook) as usize);
    Ok(valid.into_iter().all(|hook| verdict(hook) == Some(wire::ACCEPT)))
}

/// The verdict of the entry at a place.
fn verdict(family: Family, entries: &[u8], entry: usize) -> Option<i32> {
    let offset = match family {
        Family::Ip => wire::TARGET_OFFSET_IP,
        Family::Ip6 => wire::TARGET_OFFSET_IP6,
    };
    let at = entry.checked_add(offset)?;
    let target = u16::from_ne_bytes(entries.get(at..)?.first_chunk().copied()?);
    u32_at(entries, entry + usize::from(target) + wire::VERDICT).map(u32::cast_signed)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// The name with its NUL.
fn write_name(buffer: &mut [u8], name: &str) -> io::Result<()> {
    if name.len() >= wire::NAME_BYTES {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    buffer[..name.len()].copy_from_slice(name.as_bytes());
    Ok(())
}

/// An option that is asked with a structure and answered into it; rustix has none of these.
#[allow(unsafe_code)]
fn option(socket: &OwnedFd, level: i32, name: i32, buffer: &mut [u8]) -> io::Result<()> {
    let mut len = libc::socklen_t::try_from(buffer.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed; the pointer is to `len` bytes that are
    // borrowed mutably, which the kernel reads and writes and no more of them.
    let rc = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, name, buffer.as_mut_ptr().cast(), &raw mut len)
    };
    if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
