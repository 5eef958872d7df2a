//! What can go wrong between us and the database, and whether that means that it is away.
//! Not here: what is wrong with the rows that it gave (crate `policy`).

use super::target::Target;
use crate::failure::{Failure, Kind, in_words};
use rolewall_policy::settings::sql::Sql;
use std::io;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SqlError {
    #[error("cannot connect: {}", in_words(.0))]
    Connect(io::Error),
    #[error("it did not answer within {0} s")]
    Late(u64),
    #[error("the connection broke off: {}", in_words(.0))]
    Lost(io::Error),
    #[error("it ended the connection while {0}")]
    Ended(&'static str),
    #[error("what answers there is no MySQL or MariaDB that we understand, while {0}")]
    Malformed(&'static str),
    #[error("it refused {doing}: {code} ({state}) {message}")]
    Refused { doing: &'static str, code: u16, state: String, message: String },
    #[error("tls = \"required\", and the server offers no TLS")]
    NoTls,
    #[error("TLS with the server failed: {0}")]
    Tls(rustls::Error),
    #[error("\"{0}\" is no name or address that a certificate can be checked for")]
    ServerName(String),
    #[error("cannot read certificates from {path}: {why}")]
    Certificates { path: String, why: String },
    #[error("the server wants the login by \"{0}\"")]
    Plugin(String),
    #[error("the server wants the password itself, and the way to it is neither a checked TLS nor a socket")]
    PasswordInTheOpen,
    #[error("the answer to inventory.sql.{query} is longer than {what}")]
    TooMuch { query: &'static str, what: String },
    #[error("the answer to inventory.sql.{query} has no column \"{column}\"; its columns are {found}")]
    NoColumn { query: &'static str, column: &'static str, found: String },
    #[error("column \"{column}\" of the answer to inventory.sql.{query} is not text")]
    NotText { query: &'static str, column: &'static str },
}

/// ER_CON_COUNT_ERROR, ER_SERVER_SHUTDOWN, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED,
/// ER_QUERY_INTERRUPTED, ER_STATEMENT_TIMEOUT (MariaDB): it is there and cannot serve us now.
const BUSY: [u16; 6] = [1040, 1053, 1203, 1226, 1317, 1969];
/// ER_ACCESS_DENIED_ERROR, ER_DBACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR,
/// ER_ACCESS_DENIED_NO_PASSWORD_ERROR.
const DENIED: [u16; 5] = [1045, 1044, 1142, 1143, 1698];
/// ER_BAD_FIELD_ERROR, ER_NO_SUCH_TABLE, ER_PARSE_ERROR.
const OTHER_SCHEMA: [u16; 3] = [1054, 1146, 1064];

impl SqlError {
    /// Whether the database is away, so that its last good answer stands in for it. One that is there and says no,
    /// or is not who it should be, is not away.
    pub(super) fn is_away(&self) -> bool {
        match self {
            SqlError::Connect(_) | SqlError::Late(_) | SqlError::Lost(_) | SqlError::Ended(_) => true,
            SqlError::Refused { code, .. } => BUSY.contains(code),
            _ => false,
        }
    }

    /// As the operator reads it.
    pub(super) fn failure(&self, target: &Target) -> Failure {
        let what = format_args!("the inventory's database at {}: {self}", target.place()).to_string();
        Failure::new(Kind::Peer, what).help(format_args!("nothing was changed; {}", self.help(target)))
    }

    fn help(&self, target: &Target) -> String {
        match self {
            SqlError::Refused { code, .. } if DENIED.contains(code) => format!(
                "user and password come from {}; the user needs SELECT on the tables that are asked",
                target.credentials_from
            ),
            SqlError::Refused { code, .. } if OTHER_SCHEMA.contains(code) => format!(
                "this database has other tables than we ask for: set inventory.sql.nodes (columns nodeid, name, private, public) and inventory.sql.roles (columns nodeid, role) in rolewall.toml to queries that it answers; asked by default are\n      nodes = \"{}\"\n      roles = \"{}\"",
                Sql::NODES,
                Sql::ROLES
            ),
            SqlError::NoTls => "let the server have a certificate (ssl_cert, ssl_key), or set inventory.sql.tls".into(),
            SqlError::Tls(_) => {
                "the certificate must carry the host as a subject alternative name and be signed by what is in inventory.sql.ca".into()
            }
            SqlError::ServerName(_) => "give inventory.sql.host as a plain host name or an address".into(),
            SqlError::Certificates { .. } => "name a file with certificates in PEM as inventory.sql.ca".into(),
            SqlError::Plugin(_) => {
                "give the user one of mysql_native_password and caching_sha2_password".into()
            }
            SqlError::PasswordInTheOpen => {
                "set inventory.sql.tls = \"required\" with a ca, or give the user mysql_native_password".into()
            }
            SqlError::TooMuch { .. } => "narrow the query in rolewall.toml".into(),
            SqlError::NoColumn { .. } => "name the columns in the query: SELECT ... AS name".into(),
            SqlError::NotText { .. } => {
                "convert it in the query: INET6_NTOA(...) for addresses in binary, CONVERT(... USING utf8mb4) for text".into()
            }
            SqlError::Malformed(_) => "look whether host and port are those of the database".into(),
            _ => "look whether the database runs, and is reached from here".into(),
        }
    }
}
