//! php-fpm: what its pools listen on.
//! Source: "FastCGI Process Manager: Configuration" in the PHP manual; php-fpm(8).

use super::{Program, beside, template};
use crate::address;
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text, join};
use crate::{Address, Listener};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

pub(super) const PROGRAM: Program = Program {
    name: "php-fpm",
    aliases: &[
        "php",
        "fpm",
        "php5-fpm",
        "php-fpm5.6",
        "php-fpm7.0",
        "php-fpm7.1",
        "php-fpm7.2",
        "php-fpm7.3",
        "php-fpm7.4",
        "php-fpm8.0",
        "php-fpm8.1",
        "php-fpm8.2",
        "php-fpm8.3",
        "php-fpm8.4",
        "php-fpm8.5",
        "php7.4-fpm",
        "php8.0-fpm",
        "php8.1-fpm",
        "php8.2-fpm",
        "php8.3-fpm",
        "php8.4-fpm",
        "php8.5-fpm",
    ],
    processes: &[
        "php-fpm",
        "php5-fpm",
        "php-fpm5.6",
        "php-fpm7.0",
        "php-fpm7.1",
        "php-fpm7.2",
        "php-fpm7.3",
        "php-fpm7.4",
        "php-fpm8.0",
        "php-fpm8.1",
        "php-fpm8.2",
        "php-fpm8.3",
        "php-fpm8.4",
        "php-fpm8.5",
        // Alpine's.
        "php-fpm7",
        "php-fpm81",
        "php-fpm82",
        "php-fpm83",
        "php-fpm84",
        "php-fpm85",
    ],
    read,
};

/// Debian's, one for each version; SUSE's and old Debian's; Alpine's; RHEL's and its collections; upstream's;
/// Remi's; the vendor's own.
const USUAL: [&str; 11] = [
    "/etc/php/*/fpm/php-fpm.conf",
    "/etc/php[0-9]*/fpm/php-fpm.conf",
    "/etc/php[0-9]*/php-fpm.conf",
    "/etc/opt/rh/*/php-fpm.conf",
    "/etc/php-fpm.conf",
    "/usr/local/etc/php-fpm.conf",
    "/etc/opt/remi/*/php-fpm.conf",
    "/opt/remi/*/root/etc/php-fpm.conf",
    "/usr/local/httpsa/etc/php-fpm.conf",
    "/usr/local/httpsa/conf/php-fpm.conf",
    "/usr/local/httpsa/php/etc/php-fpm.conf",
];

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    if mains.is_empty() {
        for pattern in USUAL {
            for path in reading.expand(pattern, &Place::file(pattern)) {
                if let Some(text) = reading.open(&path) {
                    Instance::read(reading, &text, None);
                }
            }
        }
    }
    for main in mains {
        match reading.open(main) {
            Some(text) => Instance::read(reading, &text, Some(text.directory().to_owned())),
            None => reading.trouble(&Place::file(main), "php-fpm's main file was not read"),
        }
    }
}

#[derive(Debug, Default)]
struct Pool {
    begun: Option<Place>,
    name: String,
    listen: Option<(String, Place)>,
    /// A second socket, on which the pool tells of itself.
    status: Option<(String, Place)>,
    allowed: Option<Place>,
}

/// One running php-fpm.
#[derive(Debug)]
struct Instance {
    /// Relative paths are seen from the folder that PHP was built for.
    prefix: String,
    /// Where a main file that was named lies.
    moved: Option<String>,
    pools: Vec<Pool>,
    /// Where each pool is, by its name in lower case: php-fpm does not tell them apart otherwise.
    known: BTreeMap<String, usize>,
    /// The pool that lines are of; none for `[global]`.
    pool: Option<usize>,
}

impl Instance {
    fn read(reading: &mut Reading<'_>, main: &Arc<Text>, moved: Option<String>) {
        let prefix = prefix(main.path()).to_owned();
        let (pools, known) = (Vec::new(), BTreeMap::new());
        let mut instance = Instance { prefix, moved, pools, known, pool: None };
        instance.file(reading, main);
        if instance.pools.is_empty() {
            reading.trouble(&main.whole(), "no pool in these files; php-fpm does not start without one");
        }
        for pool in &instance.pools {
            pool.open(reading, &instance.prefix);
        }
    }

    fn file(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>) {
        let mut blocks = template::Blocks::default();
        for (number, line) in text.lines() {
            let line = line.trim();
            let is_comment = template::comment(line).is_some_and(|length| length == line.len());
            if line.is_empty() || line.starts_with(';') || is_comment {
                continue;
            }
            if let Some((name, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                self.begin(name.trim(), text, number);
            } else if template::begins(line) {
                let place = text.place(number);
                reading.unresolved(format!("what a template makes of {:?}", place.said()), &place);
                blocks.take(line);
            } else if let Some((key, value)) = line.split_once('=') {
                let value = blocks.value(value_of(value));
                self.entry(reading, &key.trim().to_ascii_lowercase(), value, text, number);
            } else if line.starts_with('[') {
                reading.trouble(&text.place(number), "a section without \"]\"");
            }
        }
    }

    fn begin(&mut self, name: &str, text: &Arc<Text>, number: u32) {
        let key = name.to_ascii_lowercase();
        let next = self.pools.len();
        self.pool = (key != "global").then(|| *self.known.entry(key).or_insert(next));
        if self.pool == Some(next) {
            let (name, begun) = (name.to_owned(), Some(text.place(number)));
            self.pools.push(Pool { name, begun, ..Pool::default() });
        }
    }

    fn entry(&mut self, reading: &mut Reading<'_>, key: &str, value: &str, text: &Arc<Text>, number: u32) {
        if key == "include" {
            return self.include(reading, value, text, number);
        }
        // The last one counts, from whichever file.
        if let Some(pool) = self.pool.and_then(|at| self.pools.get_mut(at)) {
            match key {
                "listen" => pool.listen = Some((value.to_owned(), text.place(number))),
                "pm.status_listen" if !value.is_empty() => {
                    pool.status = Some((value.to_owned(), text.place(number)));
                }
                "listen.allowed_clients" if !value.is_empty() => pool.allowed = Some(text.place(number)),
                _ => {}
            }
        }
    }

    fn include(&mut self, reading: &mut Reading<'_>, value: &str, text: &Arc<Text>, number: u32) {
        let place = text.place(number);
        if value.contains("${") || value.contains("{{") {
            return reading.unresolved(format!("the files of \"include={value}\""), &place);
        }
        let path = beside::moved(reading, self.moved.as_deref(), join(&self.prefix, value));
        // What is not there is a warning of php-fpm's, no more.
        for included in reading.include_all(text, number, &path, Absent::IsFine) {
            self.file(reading, &included);
        }
    }
}

/// The folder that a PHP at this place was built for.
fn prefix(main: &str) -> &str {
    let folders = ["/usr/local/httpsa", "/usr/local"];
    let found =
        folders.into_iter().find(|folder| main.strip_prefix(folder).is_some_and(|r| r.starts_with('/')));
    let own_root = main.find("/root/").filter(|_| main.starts_with("/opt/remi/"));
    found.or_else(|| main.get(..own_root? + "/root/usr".len())).unwrap_or("/usr")
}

/// A value without quotes and without the comment behind it.
fn value_of(text: &str) -> &str {
    let text = text.trim();
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => text.get(1..).and_then(|rest| rest.split(quote).next()).unwrap_or(""),
        _ => text.split(';').next().unwrap_or("").trim_end(),
    }
}

impl Pool {
    fn open(&self, reading: &mut Reading<'_>, prefix: &str) {
        if let (None, Some(begun)) = (&self.listen, &self.begun) {
            reading.trouble(begun, format_args!("pool {:?} has no listen", self.name));
        }
        for (value, place) in [&self.listen, &self.status].into_iter().flatten() {
            self.socket(reading, &value.replace("$pool", &self.name), prefix, place);
        }
    }

    /// `address:port`, a port, or a socket in the file system.
    fn socket(&self, reading: &mut Reading<'_>, value: &str, prefix: &str, place: &Place) {
        if value.contains(['$', '{', '<']) || value.contains("@@") {
            return reading.unresolved(format!("the socket {value:?}"), place);
        }
        if address::port(value).is_some() {
            return self.listen(reading, Address::Every, value, place);
        }
        let Some((host, port)) = value.rsplit_once(':').filter(|_| !value.starts_with('/')) else {
            return match value.bytes().all(|b| b.is_ascii_digit()) {
                true => reading.trouble(place, format_args!("no port from 1 to 65535 in {value:?}")),
                false => reading.unix(join(prefix, value), place),
            };
        };
        let address = match host.trim_matches(['[', ']']) {
            // Without IPV6_V6ONLY.
            "::" => Some(Address::Every),
            // The resolver is asked for no name at all, and its first answer is a loopback.
            "*" => Some(Ipv6Addr::LOCALHOST.into()),
            "" => {
                return reading
                    .trouble(place, format_args!("no address in {value:?}; php-fpm does not start"));
            }
            name => first(&reading.addresses(name, place)).map(Address::One),
        };
        if let Some(address) = address {
            self.listen(reading, address, port, place);
        }
    }

    fn listen(&self, reading: &mut Reading<'_>, address: Address, port: &str, place: &Place) {
        let Some(port) = address::port(port) else {
            return reading.unresolved(format!("the port {port:?}"), place);
        };
        let mut listener = Listener::tcp(address, port, "fastcgi").said(place);
        if let Some(allowed) = &self.allowed {
            listener = listener.said(allowed);
        }
        reading.listen(listener);
    }
}

/// Of several addresses the resolver's first is taken: IPv6 stands before IPv4.
fn first(all: &[IpAddr]) -> Option<IpAddr> {
    all.iter().find(|ip| ip.is_ipv6()).or_else(|| all.first()).copied()
}
