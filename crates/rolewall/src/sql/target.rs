//! Which database, as whom: from rolewall.toml, and from the vendor's files what that leaves out.
//! Not here: connecting to it.

use super::address;
use super::credentials::{Secret, password_file};
use super::vendor;
use crate::failure::Failure;
use crate::host::Host;
use rolewall_policy::Source;
use rolewall_policy::settings::Sql;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The vendor's files, in the order in which they are looked at.
const SQLDBASE: &str = "/etc/voipnow/sqldbase.conf";
const CREDENTIALS: [&str; 2] = ["/etc/voipnow/main.conf", "/etc/voipnow/management.conf"];
const DOT_SQLDB: &str = "/etc/voipnow/.sqldb";
const DATABASE: &str = "voipnow";
const PORT: u16 = 3306;

/// Where the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Server {
    Tcp { host: String, addresses: Vec<SocketAddr>, port: u16 },
    Socket(PathBuf),
}

/// All that a connection needs.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) server: Server,
    pub(super) user: String,
    pub(super) password: Secret,
    pub(super) database: String,
    /// Where user and password stand, for errors.
    pub(super) credentials_from: String,
}

/// `10.20.0.21:3306/voipnow`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DatabasePlace(pub(super) String);

impl fmt::Display for DatabasePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Target {
    pub(super) fn of(host: &Host, sql: &Sql) -> Result<Target, Failure> {
        let server = server(host, sql)?;
        let login = login(host, sql)?;
        let database = sql.database.clone().or(login.database).unwrap_or_else(|| DATABASE.into());
        let Login { user, password, database: _, from } = login;
        Ok(Target { server, user, password, database, credentials_from: from })
    }

    pub(super) fn place(&self) -> DatabasePlace {
        let database = &self.database;
        DatabasePlace(match &self.server {
            Server::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}/{database}"),
            Server::Tcp { host, port, .. } => format!("{host}:{port}/{database}"),
            Server::Socket(path) => format!("{}:{database}", path.display()),
        })
    }
}

fn server(host: &Host, sql: &Sql) -> Result<Server, Failure> {
    if let Some(path) = &sql.socket {
        return Ok(Server::Socket(path.clone()));
    }
    let (name, port) = match &sql.host {
        Some(name) => (name.clone(), sql.port.unwrap_or(PORT)),
        None => {
            let (name, port) = vendors_server(host)?;
            (name, sql.port.unwrap_or(port))
        }
    };
    let addresses = address::of(host, &name)?;
    let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect();
    Ok(Server::Tcp { host: name, addresses, port })
}

fn vendors_server(host: &Host) -> Result<(String, u16), Failure> {
    let help = "set inventory.sql.host in rolewall.toml";
    let source = host.source(SQLDBASE)?.ok_or_else(|| {
        Failure::input(format_args!("where the inventory's database is is not said: there is no {SQLDBASE}"))
            .help(help)
    })?;
    vendor::server(&source).map_err(|e| Failure::input(format_args!("{SQLDBASE}: {e}")).help(help))
}

struct Login {
    user: String,
    password: Secret,
    database: Option<String>,
    from: String,
}

fn login(host: &Host, sql: &Sql) -> Result<Login, Failure> {
    let Some(user) = &sql.user else { return vendors_login(host) };
    let (password, from) = match &sql.password_file {
        Some(path) => (password_file(host, path)?, format!("rolewall.toml and {}", path.display())),
        // The server knows by the socket who we are.
        None => (Secret::default(), "rolewall.toml, without a password".to_owned()),
    };
    Ok(Login { user: user.clone(), password, database: None, from })
}

fn vendors_login(host: &Host) -> Result<Login, Failure> {
    let help = "set inventory.sql.user and inventory.sql.password_file in rolewall.toml";
    let failed = |path: &str, e: vendor::VendorError| Failure::input(format_args!("{path}: {e}")).help(help);
    for path in CREDENTIALS {
        let Some(source) = secret_source(host, path)? else { continue };
        if let Some(found) = vendor::credentials(&source).map_err(|e| failed(path, e))? {
            return Ok(from_vendor(found, path));
        }
    }
    if let Some(source) = secret_source(host, DOT_SQLDB)? {
        let found = vendor::dot_sqldb(&source).map_err(|e| failed(DOT_SQLDB, e))?;
        return Ok(from_vendor(found, DOT_SQLDB));
    }
    let [first, second] = CREDENTIALS;
    Err(Failure::input(format_args!(
        "the user of the inventory's database is not said: neither {first} nor {second} has DB_CREDENTIALS, and there is no {DOT_SQLDB}"
    ))
    .help(help))
}

fn from_vendor(found: vendor::Credentials, path: &str) -> Login {
    let vendor::Credentials { user, password, database } = found;
    Login { user, password, database, from: path.to_owned() }
}

/// A file that holds passwords: what is wrong with it is told without the line, which may be that one.
fn secret_source(host: &Host, path: &str) -> Result<Option<Source>, Failure> {
    host.source(path).map_err(|_| {
        Failure::input(format_args!("{path} cannot be read as a text file in UTF-8")).help(
            "look at its owner, mode and encoding, or set inventory.sql.user and inventory.sql.password_file",
        )
    })
}
