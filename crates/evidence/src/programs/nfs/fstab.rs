//! `/etc/fstab`: the servers that this host mounts from.
//! Not here: whether they are mounted.

use crate::Transport;
use crate::address::{self, HostPort, host_port};
use crate::reading::Reading;
use crate::text::Place;

/// Mounts of one host. Real ones have fewer than fifty.
const MOUNTS_MAX: usize = 2_000;

pub(super) fn read(reading: &mut Reading<'_>) {
    let Some(text) = reading.open("/etc/fstab") else { return };
    let lines = text.lines().filter(|(_, line)| !line.trim_start().starts_with('#'));
    let mounts = lines.filter_map(|(number, line)| {
        let mut words = line.split_whitespace();
        let (device, _, kind) = (words.next()?, words.next()?, words.next()?);
        let is_remote = matches!(kind, "nfs" | "nfs4" | "fuse.s3fs");
        is_remote.then(|| (number, device, kind, words.next().unwrap_or("")))
    });
    for (number, device, kind, options) in mounts.take(MOUNTS_MAX) {
        // Options may hold credentials: only the device is shown.
        let place = text.place(number);
        match kind {
            "fuse.s3fs" => s3(reading, options, &place.saying("fuse.s3fs …")),
            _ => nfs(reading, device, options, &place.saying(format!("{device} {kind}"))),
        }
    }
}

fn option<'o>(options: &'o str, name: &str) -> Option<&'o str> {
    options.split(',').find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
}

/// `server:/path`, `[v6]:/path`, and `server1,server2:/path`.
fn nfs(reading: &mut Reading<'_>, device: &str, options: &str, place: &Place) {
    let Some((servers, _)) = device.split_once(":/") else {
        return reading.trouble(place, "not understood: expected server:/path");
    };
    // 0 asks the server's port mapper.
    let port = match option(options, "port") {
        None => Some(2049),
        Some(port) => address::port(port),
    };
    let Some(port) = port else { return reading.unresolved("the port of the NFS server", place) };
    for server in servers.split(',').filter(|server| !server.is_empty()) {
        if server.contains(['$', '{', '<', '@']) {
            reading.unresolved(format!("the NFS server {server:?}"), place);
            continue;
        }
        let transport = match option(options, "proto") {
            Some("udp" | "udp6") => Transport::Udp,
            _ => Transport::Tcp,
        };
        reading.peer("nfs", server.trim_matches(['[', ']']), transport, port, place);
    }
}

/// A bucket as a file system: `url=https://host`, Amazon's where none is written.
fn s3(reading: &mut Reading<'_>, options: &str, place: &Place) {
    let url = option(options, "url").unwrap_or("https://s3.amazonaws.com");
    let (rest, default) = match url.strip_prefix("http://") {
        Some(rest) => (rest, 80),
        None => (url.strip_prefix("https://").unwrap_or(url), 443),
    };
    let authority = rest.split('/').next().unwrap_or("");
    let HostPort { host, port } = host_port(authority.rsplit('@').next().unwrap_or(""));
    match port.map_or(Some(default), address::port) {
        Some(port) if !host.is_empty() && !host.contains(['$', '{', '<']) => {
            reading.peer("s3", host, Transport::Tcp, port, place);
        }
        _ => reading.unresolved("the object store", place),
    }
}
