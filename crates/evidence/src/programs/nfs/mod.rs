//! NFS: what the kernel's server serves, and which servers this host mounts from.
//! Source: exports(5), nfs.conf(5), rpc.nfsd(8), rpc.mountd(8), fstab(5), nfs(5).
//! Not here: the port mapper, which is a service of its own.

mod fstab;

use super::Program;
use crate::address;
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Listener, Transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) const PROGRAM: Program = Program {
    name: "nfsd",
    aliases: &["nfs", "nfs-server", "nfs-kernel-server"],
    processes: &["nfsd", "rpc.mountd"],
    read,
};

const NFS: u16 = 2049;
const KNOWN: [&str; 6] = ["nfsd.port", "nfsd.host", "nfsd.tcp", "nfsd.udp", "nfsd.vers3", "mountd.port"];

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    for main in mains {
        if reading.mode(main).is_none() {
            reading.trouble(&Place::file(main), "there is no such file");
        }
    }
    let is_asked = |path: &str| mains.is_empty() || mains.contains(&path);
    if is_asked("/etc/fstab") {
        fstab::read(reading);
    }
    let mut exports: Vec<String> = mains.iter().map(|main| (*main).to_owned()).collect();
    exports.retain(|path| path != "/etc/fstab");
    if mains.is_empty() {
        exports.push("/etc/exports".to_owned());
        exports.extend(reading.expand("/etc/exports.d/*.exports", &Place::file("/etc/exports.d")));
    }
    // Without an export, no unit starts the server.
    let exported = exports.iter().find_map(|path| reading.open(path).and_then(|text| export(&text)));
    if let Some(export) = exported {
        serve(reading, &export);
    }
}

/// The first line that exports something.
fn export(text: &Text) -> Option<Place> {
    let mut lines = text.lines().filter(|(_, line)| line.trim_start().starts_with(['/', '"']));
    lines.next().map(|(number, _)| text.place(number))
}

/// The settings of `nfs.conf` that decide about sockets: the last of each counts.
#[derive(Default)]
struct Settings(Vec<(String, String, Place)>);

impl Settings {
    fn read(reading: &mut Reading<'_>) -> Settings {
        let mut settings = Settings::default();
        let mut paths = vec!["/etc/nfs.conf".to_owned()];
        paths.extend(reading.expand("/etc/nfs.conf.d/*.conf", &Place::file("/etc/nfs.conf.d")));
        for path in paths {
            if let Some(text) = reading.open(&path) {
                settings.file(&text);
            }
        }
        settings
    }

    fn file(&mut self, text: &Text) {
        let mut section = String::new();
        for (number, line) in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or("").trim();
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
                // `[nfsd "argument"]` is the same section.
                section = name.split_whitespace().next().unwrap_or("").to_ascii_lowercase();
            } else if let Some((key, value)) = line.split_once('=') {
                let name = format!("{section}.{}", key.trim().to_ascii_lowercase());
                if !KNOWN.contains(&name.as_str()) {
                    continue;
                }
                self.0.retain(|(known, _, _)| *known != name);
                self.0.push((name, value.trim().trim_matches('"').to_owned(), text.place(number)));
            }
        }
    }

    fn value(&self, name: &str) -> Option<(&str, &Place)> {
        self.0.iter().find(|(known, _, _)| known == name).map(|(_, value, place)| (value.as_str(), place))
    }

    fn is_on(&self, name: &str, default: bool) -> bool {
        let no = |value: &str| {
            matches!(value.to_ascii_lowercase().as_str(), "n" | "no" | "0" | "f" | "false" | "off")
        };
        self.value(name).map_or(default, |(value, _)| !no(value))
    }
}

fn serve(reading: &mut Reading<'_>, export: &Place) {
    let settings = Settings::read(reading);
    let (port, said) = match settings.value("nfsd.port") {
        None => (NFS, None),
        Some((value, place)) => match address::port(value) {
            Some(port) => (port, Some(place)),
            None => return reading.unresolved(format!("the port {value:?}"), place),
        },
    };
    // The kernel's sockets are one of each family.
    let mut addresses: Vec<IpAddr> = vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    let host = settings.value("nfsd.host");
    if let Some((hosts, place)) = host {
        let names = hosts.split([',', ' ']).filter(|name| !name.is_empty()).take(256);
        addresses = names.flat_map(|name| reading.addresses(name, place)).collect();
    }
    let transports = [(Transport::Tcp, "nfsd.tcp", true), (Transport::Udp, "nfsd.udp", false)];
    for (transport, _, _) in transports.into_iter().filter(|(_, key, default)| settings.is_on(key, *default))
    {
        for address in &addresses {
            let mut listener = Listener::at(transport, *address, (port, port), "nfs").said(export);
            for place in [host.map(|(_, place)| place), said].into_iter().flatten() {
                listener = listener.said(place);
            }
            if said.is_none() {
                listener = listener.by_default(export, format!("no port in nfs.conf: {NFS}"));
            }
            reading.listen(listener);
        }
    }
    mountd(reading, &settings, export);
}

/// Clients of version 3 ask it for the export: at a port that is pinned, else at one that changes.
fn mountd(reading: &mut Reading<'_>, settings: &Settings, export: &Place) {
    if !settings.is_on("nfsd.vers3", true) {
        return;
    }
    let Some((value, place)) = settings.value("mountd.port") else {
        return reading.random_port("the port of mountd, which the port mapper gives out", export);
    };
    let Some(port) = address::port(value) else {
        return reading.unresolved(format!("the port {value:?}"), place);
    };
    for transport in [Transport::Tcp, Transport::Udp] {
        for address in [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()] {
            let listener = Listener::at(transport, address, (port, port), "mountd");
            reading.listen(listener.said(place).said(export));
        }
    }
}
