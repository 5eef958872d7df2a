//! Socket activation: systemd opens the sockets and hands them to the server, whose own file then says nothing.
//! Source: systemd.socket(5); Debian's `ssh.socket`, RHEL's `sshd.socket`; Ubuntu's generator, which makes
//! the sockets from `sshd_config`.

use crate::address::{self, HostPort, host_port};
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

const UNITS: [&str; 2] = ["ssh.socket", "sshd.socket"];
const WANTED: &str = "/etc/systemd/system/sockets.target.wants";
/// The first that has the unit counts.
const FOLDERS: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system"];
/// What it writes below /run is there only while the host runs.
const GENERATOR: &str = "/usr/lib/systemd/system-generators/sshd-socket-generator";

/// Whether systemd opens the sockets; then they are told.
pub(super) fn is_by_socket(reading: &mut Reading<'_>) -> bool {
    let wanted = reading.list(WANTED);
    let Some(unit) = UNITS.into_iter().find(|unit| wanted.iter().any(|name| name == unit)) else {
        return false;
    };
    if reading.mode(GENERATOR).is_some() {
        return false;
    }
    let texts = texts(reading, unit);
    let mut socket = Socket::default();
    texts.iter().for_each(|text| socket.file(text));
    if texts.is_empty() {
        let place = Place::file(&format!("{WANTED}/{unit}"));
        reading.unresolved("the sockets that systemd opens for ssh: the unit was not found", &place);
    }
    socket.open(reading);
    true
}

/// The unit, then its drop-ins in the order of their names, of which a folder before hides those behind.
fn texts(reading: &mut Reading<'_>, unit: &str) -> Vec<Arc<Text>> {
    let mut texts: Vec<Arc<Text>> = Vec::new();
    let paths: Vec<String> = FOLDERS.iter().map(|folder| format!("{folder}/{unit}")).collect();
    texts.extend(paths.iter().find_map(|path| reading.open(path)));
    let mut drop_ins: Vec<(String, String)> = Vec::new();
    for folder in FOLDERS {
        let folder = format!("{folder}/{unit}.d");
        for name in reading.list(&folder) {
            let is_new = !drop_ins.iter().any(|(known, _)| *known == name);
            if name.ends_with(".conf") && is_new {
                drop_ins.push((name.clone(), format!("{folder}/{name}")));
            }
        }
    }
    drop_ins.sort();
    texts.extend(drop_ins.iter().filter_map(|(_, path)| reading.open(path)));
    texts
}

#[derive(Default)]
struct Socket {
    streams: Vec<(String, Place)>,
    is_v6_only: bool,
}

impl Socket {
    fn file(&mut self, text: &Text) {
        let mut in_socket = false;
        for (number, line) in text.lines() {
            let line = line.trim();
            if line.starts_with('[') {
                in_socket = line == "[Socket]";
                continue;
            }
            let Some((key, value)) =
                line.split_once('=').filter(|_| in_socket && !line.starts_with(['#', ';']))
            else {
                continue;
            };
            match (key.trim(), value.trim()) {
                // Nothing takes back what stands before.
                ("ListenStream", "") => self.streams.clear(),
                ("ListenStream", stream) if self.streams.len() < super::LISTED_MAX => {
                    self.streams.push((stream.to_owned(), text.place(number)));
                }
                ("BindIPv6Only", value) => self.is_v6_only = value == "ipv6-only",
                _ => {}
            }
        }
    }

    fn open(&self, reading: &mut Reading<'_>) {
        for (stream, place) in &self.streams {
            if stream.starts_with(['/', '@']) {
                reading.unix(stream, place);
                continue;
            }
            if let Some(port) = address::port(stream) {
                let address = if self.is_v6_only { Ipv6Addr::UNSPECIFIED.into() } else { Address::Every };
                reading.listen(Listener::tcp(address, port, "ssh").said(place));
                continue;
            }
            let HostPort { host, port } = host_port(stream);
            match (host.parse::<IpAddr>(), port.and_then(address::port)) {
                (Ok(address), Some(port)) => {
                    let is_every = address == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && !self.is_v6_only;
                    let address = if is_every { Address::Every } else { Address::One(address) };
                    reading.listen(Listener::tcp(address, port, "ssh").said(place));
                }
                _ => reading.unresolved(format!("the socket {stream:?}"), place),
            }
        }
    }
}
