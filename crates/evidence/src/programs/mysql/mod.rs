//! MySQL, MariaDB and Percona Server: the sockets that their option files make a server open.
//! Source: MySQL's manual, "Server System Variables", "X Plugin Options and System Variables", "mysqld_multi";
//! MariaDB's "Server System Variables"; `mariadbd --help --verbose`.
//! Not here: client programs, and variables that only a running server keeps (`mysqld-auto.cnf`).

mod flavour;
mod galera;
mod options;
mod server;
mod values;

use super::Program;
use crate::reading::Reading;
use crate::text::Place;
use flavour::Flavour;
use options::Options;
use server::Server;

pub(super) const PROGRAM: Program = Program {
    name: "mysql",
    aliases: &["mariadb", "percona", "mysqld", "mariadbd"],
    processes: &["mysqld", "mariadbd"],
    read,
};

/// In the order in which a server reads them; then that of the service's user.
const USUAL: [&str; 4] =
    ["/etc/my.cnf", "/etc/mysql/my.cnf", "/usr/etc/my.cnf", "/usr/local/mysql/etc/my.cnf"];
/// Servers of one set of files. Real hosts have fewer than ten.
const INSTANCES_MAX: usize = 100;

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    if mains.is_empty() {
        return usual(reading);
    }
    for main in mains {
        match Options::named(reading, main) {
            Some(options) => servers(reading, &options),
            None if reading.mode(main).is_none() => {
                reading.trouble(&Place::file(main), "there is no such file");
            }
            None => {}
        }
    }
}

/// Clients have option files too, at the same places: there is a server if a group is a server's, or if its
/// program is installed.
fn usual(reading: &mut Reading<'_>) {
    let mut paths: Vec<String> = USUAL.iter().map(|path| (*path).to_owned()).collect();
    paths.extend(home(reading));
    let options = Options::usual(reading, &paths);
    let has_server = options.groups.iter().any(|(group, _)| is_servers(group));
    if !options.mains.is_empty() && (has_server || flavour::is_installed(reading)) {
        servers(reading, &options);
    }
}

/// `[mysqld]`, and those of a version, an instance or a number. `[mysqldump]` is a client's.
fn is_servers(group: &str) -> bool {
    let names = ["mariadbd", "mariadb", "mysqld", "server"];
    let Some(rest) = names.into_iter().find_map(|name| group.strip_prefix(name)) else { return false };
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    rest.is_empty()
        || rest.starts_with(['@', '.'])
        || is_number(rest)
        || rest.strip_prefix('-').is_some_and(is_number)
}

/// `~/.my.cnf` of the user that the service runs as.
fn home(reading: &mut Reading<'_>) -> Option<String> {
    let users = reading.open("/etc/passwd")?;
    let fields = users.lines().find_map(|(_, line)| line.strip_prefix("mysql:"))?;
    let home = fields.split(':').nth(4)?;
    home.starts_with('/').then(|| format!("{}/.my.cnf", home.trim_end_matches('/')))
}

fn servers(reading: &mut Reading<'_>, options: &Options) {
    let flavour = Flavour::of(reading, options);
    let instances = instances(options);
    if is_base_run(options, &instances) {
        Server::base(options, &flavour).open(reading);
    }
    for instance in instances.iter().take(INSTANCES_MAX) {
        Server::instance(options, &flavour, instance).open(reading);
    }
}

/// One server of several: `[mysqld2]` of mysqld_multi, `[mysqld@name]` or `[mariadbd.name]` of a service
/// template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Instance {
    Number(String),
    Suffix(String),
}

fn instances(options: &Options) -> Vec<Instance> {
    let mut found: Vec<Instance> = Vec::new();
    for instance in options.groups.iter().filter_map(|(group, _)| instance(group)) {
        if found.len() <= INSTANCES_MAX && !found.contains(&instance) {
            found.push(instance);
        }
    }
    found
}

fn instance(group: &str) -> Option<Instance> {
    let is_number = |rest: &&str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
    let rest = group.strip_prefix("mysqld").or_else(|| group.strip_prefix("mariadbd"));
    if let Some(number) = rest.filter(is_number) {
        return Some(Instance::Number(number.to_owned()));
    }
    let at = group.find(['@', '.']).filter(|_| is_servers(group))?;
    // `[mysqld-8.0]` has its dot in the number of a version.
    let (name, suffix) = (group.get(..at)?, group.get(at..)?);
    let is_name = matches!(name, "mysqld" | "mariadb" | "mariadbd" | "server");
    (is_name && suffix.len() > 1).then(|| Instance::Suffix(suffix.to_owned()))
}

/// Where every server has a group of its own, the common group alone starts none, unless it says where that
/// server would keep its data or answer.
fn is_base_run(options: &Options, instances: &[Instance]) -> bool {
    let own = ["port", "socket", "datadir", "bind_address"];
    let is_own = |setting: &&options::Setting| {
        matches!(setting.group.as_str(), "mysqld" | "server" | "mariadb" | "mariadbd")
            && own.contains(&setting.key.as_str())
    };
    instances.is_empty() || options.settings.iter().find(is_own).is_some()
}
