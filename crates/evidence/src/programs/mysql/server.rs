//! One server of MySQL's family: its groups, and the sockets that their settings make it open.

use super::super::template;
use super::Instance;
use super::flavour::{Family, Flavour};
use super::galera;
use super::options::{Options, Setting};
use super::values::{Values, port};
use crate::address::{self, host_port};
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Address, Listener, Transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

const PORT: u16 = 3306;
const X_PORT: u16 = 33060;
const ADMIN_PORT: u16 = 33062;
/// Addresses of one list. Real ones have fewer than ten.
const ADDRESSES_MAX: usize = 1_000;

/// A server that would run.
pub(super) struct Server<'o> {
    pub(super) values: Values<'o>,
    pub(super) flavour: &'o Flavour,
    /// Where a default is said.
    main: Option<Arc<Text>>,
}

/// Addresses, each with the places that say so or the words of a default.
type Bound = Vec<(Address, Said)>;

#[derive(Clone)]
enum Said {
    At(Place),
    Default(String),
}

impl<'o> Server<'o> {
    /// The one that reads the groups of its name.
    pub(super) fn base(options: &'o Options, flavour: &'o Flavour) -> Server<'o> {
        let mine = options.settings.iter().filter(|s| is_read(&s.group, flavour.family, ""));
        Server::with(mine.collect(), options, flavour)
    }

    /// One of several.
    pub(super) fn instance(options: &'o Options, flavour: &'o Flavour, instance: &Instance) -> Server<'o> {
        let all = options.settings.iter();
        let settings: Vec<&Setting> = match instance {
            // Groups with the suffix are read beside those without, in file order.
            Instance::Suffix(suffix) => {
                let is_mine = |s: &&Setting| {
                    is_read(&s.group, flavour.family, "") || is_read(&s.group, flavour.family, suffix)
                };
                all.filter(is_mine).collect()
            }
            // mysqld_multi hands its group over on the command line, which counts last.
            Instance::Number(number) => {
                let own = |s: &&Setting| {
                    s.group.strip_prefix("mysqld").or_else(|| s.group.strip_prefix("mariadbd"))
                        == Some(number.as_str())
                };
                let common = all.clone().filter(|s| is_read(&s.group, flavour.family, ""));
                common.chain(all.filter(own)).collect()
            }
        };
        Server::with(settings, options, flavour)
    }

    fn with(settings: Vec<&'o Setting>, options: &Options, flavour: &'o Flavour) -> Server<'o> {
        Server { values: Values(settings), flavour, main: options.mains.first().cloned() }
    }

    pub(super) fn open(&self, reading: &mut Reading<'_>) {
        for socket in ["socket", "mysqlx_socket"] {
            let is_path = |s: &&Setting| s.value().starts_with('/') && !template::is_in(s.value());
            if let Some(setting) = self.values.text(socket).filter(is_path) {
                reading.unix(setting.value(), &setting.place);
            }
        }
        galera::open(reading, self);
        if self.is_networking() {
            self.classic(reading);
            self.admin(reading);
            self.x_protocol(reading);
        }
        self.group_replication(reading);
    }

    fn is_mysql(&self) -> bool {
        self.flavour.family != Family::Maria
    }

    fn is_networking(&self) -> bool {
        let is_on = |key| self.values.switch(key).is_some_and(|(on, _)| on);
        // MySQL 8 without passwords answers only on this host.
        let is_open = self.flavour.family == Family::Mysql8 && is_on("skip_grant_tables");
        !is_on("skip_networking") && !is_open
    }

    /// The protocol of MySQL's clients, and a second port for when connections have run out.
    fn classic(&self, reading: &mut Reading<'_>) {
        let bound = self.bound(reading, self.values.last("bind_address"), "bind-address");
        let setting = self.values.last("port");
        if let Ok(port) = port(reading, setting) {
            self.listen(reading, &bound, port, PORT, setting, "mysql");
        }
        let extra = self.values.text("extra_port");
        if let Ok(Some(port)) = port(reading, extra) {
            self.listen(reading, &bound, Some(port), port, extra, "mysql");
        }
    }

    /// MySQL's port for administrators exists once it has an address.
    fn admin(&self, reading: &mut Reading<'_>) {
        let Some(address) = self.values.text("admin_address").filter(|_| self.is_mysql()) else { return };
        let bound = self.bound(reading, Some(address), "admin-address");
        let setting = self.values.last("admin_port");
        if let Ok(port) = port(reading, setting) {
            self.listen(reading, &bound, port, ADMIN_PORT, setting, "mysql-admin");
        }
    }

    /// On by default in MySQL 8; a plugin to be loaded before, which who sets its variables has done.
    fn x_protocol(&self, reading: &mut Reading<'_>) {
        let is_set = self.values.0.iter().any(|setting| setting.key.starts_with("mysqlx_"));
        let by_default = match self.flavour.family {
            Family::Maria => false,
            Family::Mysql8 => true,
            Family::Mysql5 => is_set,
        };
        if !self.values.switch("mysqlx").map_or(by_default, |(on, _)| on) || !self.is_mysql() {
            return;
        }
        let bound = self.bound(reading, self.values.last("mysqlx_bind_address"), "mysqlx-bind-address");
        let setting = self.values.last("mysqlx_port");
        if let Ok(port) = port(reading, setting) {
            self.listen(reading, &bound, port, X_PORT, setting, "mysqlx");
        }
    }

    /// Whatever address is said, the group's communication engine binds every one (MySQL bug 110591).
    fn group_replication(&self, reading: &mut Reading<'_>) {
        let Some(setting) = self.values.text("group_replication_local_address").filter(|_| self.is_mysql())
        else {
            return;
        };
        let stack = self.values.text("group_replication_communication_stack");
        if stack.is_some_and(|s| s.value().eq_ignore_ascii_case("mysql")) {
            return;
        }
        match host_port(setting.value()).port.and_then(address::port) {
            Some(port) => {
                let listener = Listener::tcp(Address::Every, port, "group-replication");
                reading.listen(listener.said(&setting.place));
            }
            None => {
                let what = format!("the port of group replication in {:?}", setting.value());
                reading.unresolved(what, &setting.place);
            }
        }
        self.seeds(reading);
    }

    fn seeds(&self, reading: &mut Reading<'_>) {
        let Some(setting) = self.values.text("group_replication_group_seeds") else { return };
        for seed in setting.value().split(',').take(ADDRESSES_MAX) {
            let apart = host_port(seed.trim());
            match apart.port.and_then(address::port).filter(|_| address::is_host(apart.host)) {
                Some(port) => {
                    reading.peer("group-replication", apart.host, Transport::Tcp, port, &setting.place);
                }
                None if seed.trim().is_empty() => {}
                None => reading.unresolved(format!("the seed {seed:?}"), &setting.place),
            }
        }
    }

    fn bound(&self, reading: &mut Reading<'_>, setting: Option<&Setting>, name: &str) -> Bound {
        let Some(setting) = setting else {
            let why = format!("no {name}: every address ({})", self.flavour.why);
            return self.every().into_iter().map(|address| (address, Said::Default(why.clone()))).collect();
        };
        if setting.value.is_none() {
            let why = format!("{name} without an address: the server does not start with it");
            reading.trouble(&setting.place, why);
            return Bound::new();
        }
        let mut bound = Bound::new();
        for word in setting.value().split(',').map(str::trim).take(ADDRESSES_MAX) {
            let addresses = self.addresses(reading, word, &setting.place);
            bound.extend(addresses.into_iter().map(|address| (address, Said::At(setting.place.clone()))));
        }
        bound
    }

    /// MySQL opens one socket for both families, MariaDB one for each.
    fn every(&self) -> Vec<Address> {
        match self.flavour.family {
            Family::Maria => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            Family::Mysql8 | Family::Mysql5 => vec![Address::Every],
        }
    }

    fn addresses(&self, reading: &mut Reading<'_>, word: &str, at: &Place) -> Vec<Address> {
        // `address/namespace`: another network namespace of this host.
        let word = word.split_once('/').filter(|_| self.is_mysql()).map_or(word, |(address, _)| address);
        match word {
            "" => {
                reading.trouble(at, "an empty address: the server does not start with it");
                Vec::new()
            }
            "*" => self.every(),
            // As inet_aton(3) reads it.
            "0" => vec![Ipv4Addr::UNSPECIFIED.into()],
            "::" if self.is_mysql() => vec![Address::Every],
            _ => self.resolved(reading.addresses(word, at)),
        }
    }

    /// MariaDB binds every address of a name, MySQL its first of IPv4, or else its first.
    fn resolved(&self, addresses: Vec<IpAddr>) -> Vec<Address> {
        let first = addresses.iter().find(|address| address.is_ipv4()).or_else(|| addresses.first());
        match first {
            Some(first) if self.is_mysql() => vec![Address::One(*first)],
            _ => addresses.into_iter().map(Address::One).collect(),
        }
    }

    fn listen(
        &self,
        reading: &mut Reading<'_>,
        bound: &Bound,
        port: Option<u16>,
        default: u16,
        setting: Option<&Setting>,
        purpose: &'static str,
    ) {
        let Some(main) = &self.main else { return };
        for (address, said) in bound {
            // TLS begins inside the protocol, so that it is not said.
            let mut listener = Listener::tcp(*address, port.unwrap_or(default), purpose);
            if let Said::At(place) = said {
                listener = listener.said(place);
            }
            listener = match setting.filter(|_| port.is_some()) {
                Some(setting) => listener.said(&setting.place),
                None => listener.by_default(&main.whole(), format!("no port for {purpose}: {default}")),
            };
            if let Said::Default(why) = said {
                listener = listener.by_default(&main.whole(), why.clone());
            }
            reading.listen(listener);
        }
    }
}

/// Whether a server of that family reads the group; with the suffix of an instance, or none.
fn is_read(group: &str, family: Family, suffix: &str) -> bool {
    let Some(name) = group.strip_suffix(suffix) else { return false };
    let is_marias = family == Family::Maria;
    let versions = |names: &[&str]| {
        let rest = names.iter().find_map(|known| name.strip_prefix(known)?.strip_prefix('-'));
        rest.is_some_and(|version| is_version(version, family))
    };
    matches!(name, "mysqld" | "server")
        || versions(&["mysqld"])
        || (is_marias && matches!(name, "mariadb" | "mariadbd" | "client-server" | "galera"))
        || (is_marias && versions(&["mariadbd", "mariadb"]))
}

/// `8.0`, `10.11`: only the first number is known of the server that reads them.
fn is_version(text: &str, family: Family) -> bool {
    let first = text.split('.').next().and_then(|number| number.parse::<u32>().ok());
    text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && first.is_some_and(|first| match family {
            Family::Maria => first >= 10,
            Family::Mysql8 => (8..10).contains(&first),
            Family::Mysql5 => first == 5,
        })
}
