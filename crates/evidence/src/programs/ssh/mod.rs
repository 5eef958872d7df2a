//! OpenSSH's server: `sshd_config`, the options that packages keep in files, and socket activation.
//! Source: sshd_config(5), sshd(8), and the units of Debian, Ubuntu and RHEL.

mod activation;

use super::Program;
use crate::address::{self, HostPort, host_port};
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text, join};
use crate::{Address, Listener};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

pub(super) const PROGRAM: Program = Program {
    name: "sshd",
    aliases: &["ssh", "openssh", "openssh-server"],
    // Newer versions serve each connection by a program of its own.
    processes: &["sshd", "sshd-session", "sshd-auth"],
    read,
};

const USUAL: [&str; 3] = ["/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config", "/usr/local/etc/sshd_config"];
/// Where relative includes are seen from, wherever the main file is.
const HOME: &str = "/etc/ssh";
/// Ports and addresses of one server. Its own bound is 256 ports.
const LISTED_MAX: usize = 256;
/// What begins in a file that was not rendered (Jinja, Go, ERB).
const TEMPLATE: [&str; 3] = ["{{", "{%", "<%"];

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    for main in mains {
        match reading.open(main) {
            Some(text) => Server::default().configured(reading, &text),
            None if reading.mode(main).is_none() => {
                reading.trouble(&Place::file(main), "there is no such file");
            }
            None => {}
        }
    }
    if !mains.is_empty() {
        return;
    }
    let mut server = Server::default();
    server.options(reading);
    let named = server.main.clone().and_then(|path| reading.open(&path));
    let Some(text) = named.or_else(|| reading.open_first(&USUAL)) else { return };
    if reading.mode("/etc/ssh/sshd_not_to_be_run").is_some() {
        let place = Place::file("/etc/ssh/sshd_not_to_be_run");
        return reading.trouble(&place, "the server is not started while this file is there");
    }
    if !activation::is_by_socket(reading) {
        server.configured(reading, &text);
    }
}

/// What the options and the files make of it.
#[derive(Default)]
struct Server {
    main: Option<String>,
    /// Of the command line: then those of the files do not count.
    option_ports: Vec<(u16, Place)>,
    ports: Vec<(u16, Place)>,
    addresses: Vec<Listed>,
    family: Option<(Family, Place)>,
    /// A port or address that cannot be told: the defaults are not for this server.
    is_unreadable: bool,
    /// Which wildcards are opened cannot be told.
    is_family_unknown: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Any,
    V4,
    V6,
}

struct Listed {
    host: String,
    port: Option<u16>,
    place: Place,
}

impl Server {
    /// `SSHD_OPTS="-p 2222"` and the like.
    fn options(&mut self, reading: &mut Reading<'_>) {
        for (path, key) in [
            ("/etc/default/ssh", "SSHD_OPTS"),
            ("/etc/sysconfig/sshd", "OPTIONS"),
            ("/etc/conf.d/sshd", "SSHD_OPTS"),
        ] {
            let Some(text) = reading.open(path) else { continue };
            for (number, line) in text.lines() {
                let value =
                    line.trim().strip_prefix(key).and_then(|rest| rest.trim_start().strip_prefix('='));
                if let Some(value) = value {
                    self.words(reading, value.trim_matches(['"', '\'']), &text.place(number));
                }
            }
        }
    }

    fn words(&mut self, reading: &mut Reading<'_>, line: &str, place: &Place) {
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            let Some((option, glued)) = word.split_at_checked(2) else { continue };
            match option {
                "-4" => self.family = Some((Family::V4, place.clone())),
                "-6" => self.family = Some((Family::V6, place.clone())),
                "-p" | "-o" | "-f" => {
                    let value = if glued.is_empty() { words.next().unwrap_or("") } else { glued };
                    match option {
                        "-f" => self.main = Some(value.to_owned()),
                        "-o" => self.keyword(reading, &value.replacen('=', " ", 1), place),
                        _ => match port(value) {
                            Some(port) => self.option_ports.push((port, place.clone())),
                            None => self.unreadable(reading, value, place),
                        },
                    }
                }
                _ => {}
            }
        }
    }

    fn configured(mut self, reading: &mut Reading<'_>, main: &Arc<Text>) {
        self.file(reading, main, main, false);
        self.open(reading, main);
    }

    /// A file's lines. A `Match` holds to the end of its file, and nothing in it may open a socket.
    fn file(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, main: &Arc<Text>, in_match: bool) {
        let mut in_match = in_match;
        for (number, line) in text.lines() {
            if TEMPLATE.iter().any(|mark| line.trim_start().starts_with(mark)) {
                template(reading, line, &text.place(number));
                continue;
            }
            let words = words(line);
            let Some(keyword) = words.first().map(|word| word.to_ascii_lowercase()) else { continue };
            match keyword.as_str() {
                // What holds for all is no condition.
                "match" => in_match = !words.get(1).is_some_and(|word| word.eq_ignore_ascii_case("all")),
                "include" => {
                    for pattern in words.iter().skip(1) {
                        for included in include(reading, text, number, main, pattern) {
                            self.file(reading, &included, main, in_match);
                        }
                    }
                }
                "port" | "listenaddress" | "addressfamily" if in_match => {
                    let what =
                        format_args!("{keyword} is not allowed in a Match block: sshd would not start");
                    reading.trouble(&text.place(number), what);
                }
                "port" | "listenaddress" | "addressfamily" => {
                    self.keyword(reading, line, &text.place(number))
                }
                _ => {}
            }
        }
    }

    fn keyword(&mut self, reading: &mut Reading<'_>, line: &str, place: &Place) {
        let words = words(line);
        let (Some(keyword), Some(value)) = (words.first(), words.get(1)) else {
            return reading.trouble(place, "not understood: expected a value");
        };
        if TEMPLATE.iter().any(|mark| line.contains(mark)) {
            let is_family = keyword.eq_ignore_ascii_case("addressfamily");
            self.is_family_unknown |= is_family && self.family.is_none();
            self.is_unreadable |= !is_family;
            return reading.unresolved(format!("the {keyword} that a template fills in"), place);
        }
        match keyword.to_ascii_lowercase().as_str() {
            "port" => match port(value) {
                Some(port) if self.ports.len() < LISTED_MAX => self.ports.push((port, place.clone())),
                Some(_) => {}
                None => self.unreadable(reading, value, place),
            },
            "listenaddress" => self.address(reading, value, place),
            // The first value counts.
            "addressfamily" if self.family.is_none() => match value.to_ascii_lowercase().as_str() {
                "any" => self.family = Some((Family::Any, place.clone())),
                "inet" => self.family = Some((Family::V4, place.clone())),
                "inet6" => self.family = Some((Family::V6, place.clone())),
                _ => reading.trouble(place, "not understood: expected any, inet or inet6"),
            },
            _ => {}
        }
    }

    fn address(&mut self, reading: &mut Reading<'_>, value: &str, place: &Place) {
        let HostPort { host, port: written } = host_port(value);
        let port = written.and_then(port);
        if (written.is_some() && port.is_none()) || host.is_empty() {
            return self.unreadable(reading, value, place);
        }
        if self.addresses.len() < LISTED_MAX {
            self.addresses.push(Listed { host: host.to_owned(), port, place: place.clone() });
        }
    }

    fn unreadable(&mut self, reading: &mut Reading<'_>, value: &str, place: &Place) {
        self.is_unreadable = true;
        reading.unresolved(format!("the port or address {value:?}"), place);
    }

    fn open(&self, reading: &mut Reading<'_>, main: &Text) {
        let is_unknown = self.is_family_unknown || self.is_unreadable && self.ports().is_empty();
        if self.addresses.is_empty() && !is_unknown {
            let both = [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()];
            both.into_iter().for_each(|address| self.at(reading, main, address, None));
        }
        for listed in &self.addresses {
            let addresses = reading.addresses(&listed.host, &listed.place);
            if !addresses.is_empty() && !addresses.iter().any(|address| self.is_of_family(*address)) {
                let what = "not of the family that AddressFamily says: sshd would not start";
                reading.trouble(&listed.place, what);
            }
            for address in addresses {
                self.at(reading, main, address, Some(listed));
            }
        }
    }

    fn is_of_family(&self, address: IpAddr) -> bool {
        match self.family {
            Some((Family::V4, _)) => address.is_ipv4(),
            Some((Family::V6, _)) => address.is_ipv6(),
            Some((Family::Any, _)) | None => true,
        }
    }

    fn ports(&self) -> &[(u16, Place)] {
        if self.option_ports.is_empty() { &self.ports } else { &self.option_ports }
    }

    /// One address, at its own port, else at each that is set. sshd binds IPv6 for itself.
    fn at(&self, reading: &mut Reading<'_>, main: &Text, address: IpAddr, listed: Option<&Listed>) {
        if !self.is_of_family(address) {
            return;
        }
        let family = self.family.as_ref().filter(|(family, _)| *family != Family::Any);
        let listener = |port: u16, at: Option<&Place>| {
            let places = [listed.map(|listed| &listed.place), at, family.map(|(_, place)| place)];
            let mut told: Vec<&Place> = Vec::new();
            for place in places.into_iter().flatten() {
                told.extend((!told.contains(&place)).then_some(place));
            }
            let listener = Listener::tcp(Address::One(address), port, "ssh");
            let listener = told.into_iter().fold(listener, |listener, place| listener.said(place));
            match listed {
                Some(_) => listener,
                None => listener.by_default(&main.whole(), "no ListenAddress: every address"),
            }
        };
        if let Some(own) = listed.and_then(|listed| listed.port) {
            return reading.listen(listener(own, None));
        }
        for (port, place) in self.ports() {
            reading.listen(listener(*port, Some(place)));
        }
        if self.ports().is_empty() && !self.is_unreadable {
            reading.listen(listener(22, None).by_default(&main.whole(), "no Port: 22"));
        }
    }
}

/// A number, or the service's name.
fn port(value: &str) -> Option<u16> {
    if value.eq_ignore_ascii_case("ssh") { Some(22) } else { address::port(value) }
}

/// A line of a template that was not rendered; its ends decide nothing more.
fn template(reading: &mut Reading<'_>, line: &str, place: &Place) {
    let inside = line.trim().trim_start_matches(['{', '%', '<', '-', ' ']);
    if !inside.starts_with("end") && !inside.starts_with("/*") {
        reading.unresolved("a template decides which lines hold", place);
    }
}

/// The words of a line: blanks or one `=` behind the keyword, quotes around words, `#` to the end. Versions
/// before 8.7 know no single quotes, and do not start where one is.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for c in line.trim().chars().take(4096) {
        let is_quoted = quote.is_some();
        match c {
            '"' | '\'' if quote.is_none_or(|open| open == c) => {
                quote = if is_quoted { None } else { Some(c) };
                word.get_or_insert_default();
            }
            '#' if !is_quoted && word.is_none() => break,
            c if !is_quoted && (c.is_whitespace() || c == '=' && words.is_empty()) => {
                words.extend(word.take())
            }
            '=' if !is_quoted && words.len() == 1 && word.is_none() => {}
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// A file that is nowhere, of a configuration that was put elsewhere as a whole, is sought beside its main file.
fn include(
    reading: &mut Reading<'_>,
    from: &Arc<Text>,
    line: u32,
    main: &Text,
    pattern: &str,
) -> Vec<Arc<Text>> {
    let absolute = join(HOME, pattern);
    let found = reading.include_all(from, line, &absolute, Absent::IsFine);
    let inside = absolute.strip_prefix(HOME).and_then(|rest| rest.strip_prefix('/'));
    match inside.filter(|_| found.is_empty() && main.directory() != HOME) {
        Some(inside) => {
            let beside = join(main.directory(), inside);
            reading.include_all(from, line, &beside, Absent::IsFine)
        }
        None => found,
    }
}
