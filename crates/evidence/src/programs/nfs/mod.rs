//! NFS: what the kernel's server serves, and which servers this host mounts from.
//! Source: exports(5), rpc.nfsd(8), rpc.mountd(8), rpc.statd(8), fstab(5), nfs(5).
//! Not here: the port mapper, which is a service of its own.

mod fstab;
mod settings;

use super::Program;
use crate::address;
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Listener, Transport};
use settings::Settings;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) const PROGRAM: Program = Program {
    name: "nfsd",
    aliases: &["nfs", "nfs-server", "nfs-kernel-server"],
    processes: &["nfsd", "rpc.mountd"],
    read,
};

const NFS: u16 = 2049;
const EVERY: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
/// Each with its switch, and whether it is on where nothing says.
const TRANSPORTS: [(Transport, &str, bool); 2] =
    [(Transport::Tcp, "nfsd.tcp", true), (Transport::Udp, "nfsd.udp", false)];
/// What runs beside the server for version 3, with the keys of its ports of TCP and of UDP.
const RPC: [(&str, [&str; 2]); 3] = [
    ("mountd", ["mountd.port", "mountd.port"]),
    ("statd", ["statd.port", "statd.port"]),
    ("lockd", ["lockd.port", "lockd.udp-port"]),
];

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
    let exported = exports.iter().find_map(|path| {
        let text = reading.open(path)?;
        export(reading, &text)
    });
    if let Some(export) = exported {
        serve(reading, &export);
    }
}

/// The first line that exports something. A line that is to be filled in may, and is none.
fn export(reading: &mut Reading<'_>, text: &Text) -> Option<Place> {
    for (number, line) in text.lines() {
        let line = line.trim_start();
        if line.starts_with(['/', '"']) {
            return Some(text.place(number));
        }
        if line.starts_with(['{', '<', '$', '@', '%']) {
            reading.unresolved("what is exported", &text.place(number));
        }
    }
    None
}

fn serve(reading: &mut Reading<'_>, export: &Place) {
    let settings = Settings::read(reading);
    nfsd(reading, &settings, export);
    if settings.is_on("nfsd.vers3", true) {
        RPC.iter().for_each(|program| beside(reading, &settings, export, program));
    }
}

/// The kernel's sockets: one of each family, or those of the addresses that are named.
fn nfsd(reading: &mut Reading<'_>, settings: &Settings, export: &Place) {
    let (port, said) = match settings.value("nfsd.port") {
        None => (NFS, None),
        Some((value, place)) => match address::port(value) {
            Some(port) => (port, Some(place)),
            None => return reading.unresolved(format!("the port {value:?}"), place),
        },
    };
    for address in addresses(reading, settings) {
        for (transport, key, is_default) in TRANSPORTS {
            let switch = settings.value(key).map(|(_, place)| place);
            let older = settings.older.as_ref().filter(|_| switch.is_none() && !is_default);
            if !settings.is_on(key, is_default || older.is_some()) {
                continue;
            }
            let host = settings.value("nfsd.host").map(|(_, place)| place);
            let mut listener = Listener::at(transport, address, (port, port), "nfs").said(export);
            listener = [host, said, switch].into_iter().flatten().fold(listener, Listener::said);
            if let Some(older) = older {
                listener = listener.by_default(older, "without nfs.conf it is of a version that serves UDP");
            }
            if said.is_none() {
                listener = listener.by_default(export, format!("no port in nfs.conf: {NFS}"));
            }
            reading.listen(listener);
        }
    }
}

fn addresses(reading: &mut Reading<'_>, settings: &Settings) -> Vec<IpAddr> {
    let Some((hosts, place)) = settings.value("nfsd.host") else { return EVERY.to_vec() };
    let names = hosts.split([',', ' ']).filter(|name| !name.is_empty()).take(256);
    names.flat_map(|name| reading.addresses(name, place)).collect()
}

/// A program that clients of version 3 need as well: at a port that is pinned, else at one that changes.
fn beside(
    reading: &mut Reading<'_>,
    settings: &Settings,
    export: &Place,
    program: &(&'static str, [&str; 2]),
) {
    let (purpose, keys) = program;
    for ((transport, switch, _), key) in TRANSPORTS.into_iter().zip(keys) {
        // mountd minds the switches of nfsd in nfs.conf; the others have none.
        let is_switched = *purpose == "mountd" && settings.older.is_none();
        if is_switched && !settings.is_on(switch, true) {
            continue;
        }
        let Some((value, place)) = settings.value(key).filter(|(value, _)| *value != "0") else {
            let what = format!("the port of {purpose}, which the port mapper gives out");
            reading.random_port(what, export);
            continue;
        };
        match address::port(value) {
            Some(port) => EVERY.into_iter().for_each(|address| {
                let listener = Listener::at(transport, address, (port, port), purpose);
                reading.listen(listener.said(place).said(export));
            }),
            None => reading.unresolved(format!("the port {value:?}"), place),
        }
    }
}
