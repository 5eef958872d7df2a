//! `[inventory.sql]`: which database holds the inventory, and how it is asked.
//! Not here: asking it, and the vendor's files that fill in what is left out.

use crate::read::{Reader, Span, Table, Value, nearest, quote};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// How the way to the database is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    Off,
    /// Where the server offers it; its certificate is checked only against a `ca` that is given.
    Preferred,
    /// Always, and its certificate is checked.
    Required,
}

/// Where the inventory's database is and what it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sql {
    /// An address, or a name of `/etc/hosts`. None, and no socket: the vendor's `sqldbase.conf`.
    pub host: Option<String>,
    /// None: the vendor's where the host is, else 3306.
    pub port: Option<u16>,
    /// A socket of this host, instead of host and port.
    pub socket: Option<PathBuf>,
    /// None: the vendor's, else `voipnow`.
    pub database: Option<String>,
    /// None: user and password of the vendor's files.
    pub user: Option<String>,
    /// A file that holds nothing but the password.
    pub password_file: Option<PathBuf>,
    /// Default: preferred.
    pub tls: Tls,
    /// Certificates (PEM) that the server's is checked against. None: the system's.
    pub ca: Option<PathBuf>,
    /// For the whole conversation. Default: 5 s.
    pub timeout: Duration,
    /// None: [`Sql::NODES`].
    pub nodes: Option<String>,
    /// None: [`Sql::ROLES`].
    pub roles: Option<String>,
}

impl Sql {
    /// Asks for the nodes: one row for each, or several that differ in their addresses.
    ///
    /// ASSUMPTION: the vendor documents what a node has (a generated id, a unique host name, a private IP,
    /// optional public IPs) and that its tables are called `node_...` with the column `nodeid`, but neither the
    /// name of this table nor its other columns. A database that has none such refuses the query, and the error
    /// says what to configure; nothing is guessed from what it answers.
    pub const NODES: &str =
        "SELECT nodeid, hostname AS name, private_ip AS private, public_ip AS public FROM node";
    /// Asks for the roles: documented, the vendor's own scripts read this table.
    pub const ROLES: &str = "SELECT nodeid, role FROM node_role";

    /// What is asked for the nodes.
    pub fn nodes_query(&self) -> &str {
        self.nodes.as_deref().unwrap_or(Sql::NODES)
    }

    /// What is asked for the roles.
    pub fn roles_query(&self) -> &str {
        self.roles.as_deref().unwrap_or(Sql::ROLES)
    }
}

impl Default for Sql {
    fn default() -> Sql {
        Sql {
            host: None,
            port: None,
            socket: None,
            database: None,
            user: None,
            password_file: None,
            tls: Tls::Preferred,
            ca: None,
            timeout: Duration::from_secs(5),
            nodes: None,
            roles: None,
        }
    }
}

const TABLE: &str = "[inventory.sql]";
const KEYS: [&str; 11] = [
    "host",
    "port",
    "socket",
    "database",
    "user",
    "password_file",
    "tls",
    "ca",
    "timeout_s",
    "nodes",
    "roles",
];
const TLS: [(&str, Tls); 3] = [("off", Tls::Off), ("preferred", Tls::Preferred), ("required", Tls::Required)];
/// Longer than a minute nobody waits for `apply`, and the lock is held meanwhile.
const TIMEOUT_S: RangeInclusive<u32> = 1..=60;
/// MySQL's own bound on names of databases is 64, on those of users 80 (MariaDB), on host names 255.
const WORD_BYTES_MAX: usize = 255;
/// A page of SQL.
const QUERY_BYTES_MAX: usize = 4096;

/// Reads the table.
pub(super) fn read(table: &Table<'_>, at: &Span, reader: &mut Reader<'_, '_>) -> Sql {
    let mut sql = Sql::default();
    for (key, value) in table {
        match &**key.get_ref() {
            "host" => sql.host = word(value, "host = \"10.20.0.21\"", reader),
            "port" => {
                let port = reader.number(value, 1, u32::from(u16::MAX), "port = 3306");
                sql.port = port.and_then(|port| u16::try_from(port).ok());
            }
            "socket" => sql.socket = path(value, "socket = \"/run/mysqld/mysqld.sock\"", reader),
            "database" => sql.database = word(value, "database = \"voipnow\"", reader),
            "user" => sql.user = word(value, "user = \"rolewall\"", reader),
            "password_file" => {
                sql.password_file = path(value, "password_file = \"/etc/rolewall/sql.password\"", reader)
            }
            "tls" => sql.tls = reader.choice(value, &TLS).unwrap_or(sql.tls),
            "ca" => sql.ca = path(value, "ca = \"/etc/rolewall/sql-ca.pem\"", reader),
            "timeout_s" => {
                let seconds = reader.number(value, *TIMEOUT_S.start(), *TIMEOUT_S.end(), "timeout_s = 5");
                sql.timeout = seconds.map_or(sql.timeout, |s| Duration::from_secs(s.into()));
            }
            "nodes" => sql.nodes = query(value, Sql::NODES, reader),
            "roles" => sql.roles = query(value, Sql::ROLES, reader),
            other => unknown(other, reader.span(key), reader),
        }
    }
    together(table, at, &sql, reader);
    sql
}

/// The line may hold a password, so it is not shown.
fn unknown(key: &str, at: Span, reader: &mut Reader<'_, '_>) {
    let is_secret = key.to_lowercase().contains("pass") && key != "password_file";
    let what = || match is_secret {
        true => format!("{TABLE} takes no password: this file may be read by others"),
        false => format!("unknown key {} in {TABLE}", quote(key)),
    };
    reader.wrong_unseen(at, what, || match nearest(key, KEYS) {
        _ if is_secret => {
            "put it alone into a file of root's with mode 0600, and name that with password_file".into()
        }
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("its keys are {}", KEYS.join(", ")),
    });
}

fn word(value: &Value<'_>, example: &str, reader: &mut Reader<'_, '_>) -> Option<String> {
    let word = reader.string(value, "a string", example)?;
    let is_word = !word.is_empty() && word.len() <= WORD_BYTES_MAX;
    if !is_word || word.chars().any(|c| c.is_whitespace() || c.is_control()) {
        let what = || format!("expected one word, found {}", quote(word));
        reader.wrong(reader.span(value), what, || format!("write it as {example}"));
        return None;
    }
    Some(word.to_owned())
}

fn path(value: &Value<'_>, example: &str, reader: &mut Reader<'_, '_>) -> Option<PathBuf> {
    let path = reader.string(value, "a path", example)?;
    if !path.starts_with('/') || path.contains('\0') {
        let what = || format!("expected a path from the root, found {}", quote(path));
        reader.wrong(reader.span(value), what, || format!("write it as {example}"));
        return None;
    }
    Some(PathBuf::from(path))
}

/// One statement that reads. The session is read-only besides; this is for who writes the wrong thing here.
fn query(value: &Value<'_>, example: &str, reader: &mut Reader<'_, '_>) -> Option<String> {
    let query = reader.string(value, "a query", &format!("\"{example}\""))?;
    let first = query.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    if !matches!(first.as_str(), "select" | "with") || query.len() > QUERY_BYTES_MAX {
        let what =
            || format!("expected one SELECT of at most {QUERY_BYTES_MAX} bytes, found {}", quote(query));
        reader.wrong(reader.span(value), what, || format!("write it as \"{example}\""));
        return None;
    }
    Some(query.to_owned())
}

/// What the keys must be beside each other.
fn together(table: &Table<'_>, at: &Span, sql: &Sql, reader: &mut Reader<'_, '_>) {
    let has = |key: &str| table.contains_key(key);
    let mut wrong = |key: &str, what: &str, help: &str| {
        let span = table.get(key).map_or(at.clone(), |value| reader.span(value));
        reader.wrong(span, || what.into(), || help.into());
    };
    for key in ["host", "port"].into_iter().filter(|key| has("socket") && has(key)) {
        wrong(key, "a socket is given too, and the database is at one place", "leave out one of the two");
    }
    if has("socket") && sql.tls == Tls::Required {
        let what = "a socket of this host is not encrypted, and nobody else can listen to it";
        wrong("tls", what, "leave tls out, or give host and port");
    }
    if has("ca") && sql.tls == Tls::Off {
        wrong("ca", "with tls = \"off\" no certificate is checked", "write tls = \"required\"");
    }
    if has("user") && !has("password_file") && !has("socket") {
        let help =
            "put the password alone into a file of root's with mode 0600, and name it with password_file";
        wrong("user", "a user over the network needs a password", help);
    }
    if has("password_file") && !has("user") {
        wrong("password_file", "whose password it is is not said", "add user = \"rolewall\"");
    }
}
