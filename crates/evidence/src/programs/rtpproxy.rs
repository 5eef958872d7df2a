//! rtpproxy: the command line that packages keep in a file of defaults.
//! Source: rtpproxy(8); Debian's `/etc/default/rtpproxy` with its init script and service; the RPM's
//! `/etc/sysconfig/rtpproxy`.

use super::Program;
use crate::address;
use crate::formats::shell::{self, Assignment};
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Listener, Transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) const PROGRAM: Program =
    Program { name: "rtpproxy", aliases: &[], processes: &["rtpproxy"], read };

const USUAL: [&str; 2] = ["/etc/default/rtpproxy", "/etc/sysconfig/rtpproxy"];
/// Variables that hold a command line.
const LINES: [&str; 7] =
    ["EXTRA_OPTS", "RTPPROXY_ARGS", "OPTIONS", "DAEMON_OPTS", "DAEMON_ARGS", "RTPPROXY_OPTS", "ARGS"];
/// Options without a value; every other one takes one.
const FLAGS: &str = "?2fFvRPaiDCbV";
const CONTROL_PORT: u16 = 22222;
const MEDIA: (u16, u16) = (35000, 65000);

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    let usual = if mains.is_empty() { &USUAL[..] } else { mains };
    match reading.open_first(usual) {
        Some(text) => Server::of(reading, &text).open(reading, &text),
        None => {
            for path in mains.iter().filter(|path| reading.mode(path).is_none()).collect::<Vec<_>>() {
                reading.trouble(&Place::file(path), "there is no such file");
            }
        }
    }
}

/// An option's value and where it stands.
type Given = (String, Place);

/// What the options make of it. The control sockets add up; of the others the last counts.
#[derive(Default)]
struct Server {
    control: Vec<Given>,
    /// IPv4; the second of a bridge with it.
    v4: Option<Given>,
    v6: Option<Given>,
    first: Option<Given>,
    last: Option<Given>,
    /// A variable of a command line, if only an empty one: without any the file is not rtpproxy's.
    is_said: bool,
}

impl Server {
    fn of(reading: &mut Reading<'_>, text: &Text) -> Server {
        let mut server = Server::default();
        for Assignment { key, value, words, line } in shell::assignments(text) {
            if key == "CONTROL_SOCK" && !value.is_empty() {
                server.take(reading, 's', value, text.place(line));
            }
            if LINES.contains(&key.as_str()) {
                server.is_said = true;
                server.options(reading, text, &words);
            }
        }
        server
    }

    /// `-l value`, `-lvalue`, flags together (`-fF`).
    fn options(&mut self, reading: &mut Reading<'_>, text: &Text, words: &[(String, u32)]) {
        let mut words = words.iter().peekable();
        while let Some((word, line)) = words.next() {
            let Some(rest) = word.strip_prefix('-').filter(|_| !word.starts_with("--")) else { continue };
            let flags = rest.find(|c: char| !FLAGS.contains(c)).unwrap_or(rest.len());
            let Some(option) = rest.get(flags..).and_then(|rest| rest.chars().next()) else { continue };
            let own = rest.get(flags + option.len_utf8()..).unwrap_or("");
            let (value, line) = match words.next_if(|_| own.is_empty()) {
                Some((value, line)) => (value.as_str(), line),
                None => (own, line),
            };
            self.take(reading, option, value.to_owned(), text.place(*line));
        }
    }

    fn take(&mut self, reading: &mut Reading<'_>, option: char, value: String, place: Place) {
        self.is_said = true;
        if value.contains('$') {
            return reading.unresolved(format!("a variable in the value of -{option}"), &place);
        }
        match option {
            's' => self.control.push((value, place)),
            'l' => self.v4 = Some((value, place)),
            '6' => self.v6 = Some((value, place)),
            'm' => self.first = Some((value, place)),
            'M' => self.last = Some((value, place)),
            _ => {}
        }
    }
}

impl Server {
    fn open(self, reading: &mut Reading<'_>, text: &Text) {
        if !self.is_said {
            return reading
                .trouble(&text.whole(), "no options: expected CONTROL_SOCK, EXTRA_OPTS or RTPPROXY_ARGS");
        }
        for (value, place) in &self.control {
            control(reading, text, value, place);
        }
        self.media(reading, text);
    }

    /// On every address; with none on all IPv4 ones.
    fn media(&self, reading: &mut Reading<'_>, text: &Text) {
        let addresses = self.addresses(reading);
        let first = edge(reading, self.first.as_ref(), MEDIA.0);
        let last = edge(reading, self.last.as_ref(), MEDIA.1);
        let (Some(first), Some(last)) = (first, last) else { return };
        let ends: Vec<&Place> =
            [&self.first, &self.last].into_iter().flatten().map(|(_, place)| place).collect();
        if first > last {
            let why = format_args!("{first} to {last} is no range of ports: no media");
            return ends.into_iter().for_each(|place| reading.trouble(place, why));
        }
        for (ip, said) in addresses {
            let listener = Listener::at(Transport::Udp, ip, (first, last), "rtp");
            let mut lines: Vec<&Place> = said.into_iter().chain(ends.iter().copied()).collect();
            lines.dedup();
            let listener = lines.into_iter().fold(listener, Listener::said);
            let words = format!("not said otherwise: every IPv4 address, ports {}-{}", MEDIA.0, MEDIA.1);
            let is_whole = said.is_some() && ends.len() == 2;
            reading.listen(if is_whole { listener } else { listener.by_default(&text.whole(), words) });
        }
    }

    /// With where each is said.
    fn addresses(&self, reading: &mut Reading<'_>) -> Vec<(IpAddr, Option<&Place>)> {
        let (v4, v6) = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        if self.v4.is_none() && self.v6.is_none() {
            return vec![(v4, None)];
        }
        let mut all = Vec::new();
        for (given, every) in [(&self.v4, v4), (&self.v6, v6)] {
            let Some((value, place)) = given else { continue };
            all.extend(bound(reading, value, every, place).into_iter().map(|ip| (ip, Some(place))));
        }
        all
    }
}

/// The addresses of one family. A bridge has two sides, `inside/outside`, of which one may be of the other
/// family: then it is left empty here.
fn bound(reading: &mut Reading<'_>, value: &str, every: IpAddr, place: &Place) -> Vec<IpAddr> {
    let mut all = Vec::new();
    for word in value.split('/').filter(|word| !word.is_empty()) {
        let known = if word == "*" { vec![every] } else { reading.addresses(word, place) };
        let mine = known.iter().copied().filter(|ip| ip.is_ipv4() == every.is_ipv4());
        let before = all.len();
        all.extend(mine);
        if all.len() == before && !known.is_empty() {
            reading.trouble(
                place,
                format_args!("{word}: an address of the other family: rtpproxy does not start"),
            );
        }
    }
    all
}

fn edge(reading: &mut Reading<'_>, given: Option<&Given>, default: u16) -> Option<u16> {
    let Some((value, place)) = given else { return Some(default) };
    let port = address::port(value);
    if port.is_none() {
        reading.unresolved(format!("the port {value:?}"), place);
    }
    port
}

/// `udp:host[:port]`, `udp6:`, `tcp:`, `tcp6:`; `unix:`, `cunix:` and a plain path are in the file system;
/// `systemd:` and `stdio:` are handed over.
fn control(reading: &mut Reading<'_>, text: &Text, value: &str, place: &Place) {
    let (scheme, rest) = value.split_once(':').unwrap_or(("unix", value));
    let (transport, is_v6) = match scheme {
        "udp" => (Transport::Udp, false),
        "udp6" => (Transport::Udp, true),
        "tcp" => (Transport::Tcp, false),
        "tcp6" => (Transport::Tcp, true),
        "unix" | "cunix" => return reading.unix(rest, place),
        "systemd" | "stdio" | "stdioc" => return,
        other => return reading.unresolved(format!("the control socket {other:?}"), place),
    };
    let (host, port) = split(rest, is_v6);
    let number = match port.map(address::port) {
        None => CONTROL_PORT,
        Some(Some(port)) => port,
        Some(None) => return reading.unresolved(format!("the port in {value:?}"), place),
    };
    let every: IpAddr = if is_v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let all = if matches!(host, "" | "*") { vec![every] } else { reading.addresses(host, place) };
    // A name is looked up in the family of its socket.
    for ip in all.into_iter().filter(|ip| ip.is_ipv6() == is_v6) {
        let listener = Listener::at(transport, ip, (number, number), "control").said(place);
        let words = format!("no port in the control socket: {CONTROL_PORT}");
        reading.listen(if port.is_some() { listener } else { listener.by_default(&text.whole(), words) });
    }
}

/// The port stands behind the last colon, of an IPv6 address behind its brackets.
fn split(rest: &str, is_v6: bool) -> (&str, Option<&str>) {
    if let Some((host, port)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, port.strip_prefix(':'));
    }
    let is_bare = is_v6 && rest.parse::<Ipv6Addr>().is_ok();
    match rest.rsplit_once(':').filter(|_| !is_bare) {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    }
}
