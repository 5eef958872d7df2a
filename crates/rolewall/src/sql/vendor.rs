//! The vendor's files that say where its database is and who may read it: `KEY VALUE` lines, `#` comments.
//! Not here: reading them from disk. What they hold is secret, so no error repeats it.

use super::credentials::Secret;
use rolewall_policy::Source;

/// User, password and, where it is said, the database.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: Secret,
    pub(super) database: Option<String>,
}

/// What is wrong with a file, by its line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum VendorError {
    #[error("it has no DB_MASTER line")]
    NoMaster,
    #[error("line {0}: expected DB_MASTER type:host:port")]
    Master(usize),
    #[error("line {0}: expected DB_CREDENTIALS x:user:password:database")]
    Credentials(usize),
    #[error("expected sql:user:password")]
    DotSqldb,
}

/// `DB_MASTER type:host:port` of `sqldbase.conf`. The last such line counts, as in the vendor's own scripts.
pub(super) fn server(source: &Source) -> Result<(String, u16), VendorError> {
    let (line, value) = last(source, "DB_MASTER").ok_or(VendorError::NoMaster)?;
    let read = || {
        let (_type, rest) = value.split_once(':')?;
        // An IPv6 address has colons of its own.
        let (host, port) = rest.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().ok().filter(|port| *port > 0)?;
        (!host.is_empty()).then(|| (host.to_owned(), port))
    };
    read().ok_or(VendorError::Master(line))
}

/// `DB_CREDENTIALS x:user:password:database` of `main.conf` or `management.conf`, if the file has it.
pub(super) fn credentials(source: &Source) -> Result<Option<Credentials>, VendorError> {
    let Some((line, value)) = last(source, "DB_CREDENTIALS") else { return Ok(None) };
    let read = || {
        let (user, rest) = value.split_once(':')?.1.split_once(':')?;
        // A password may hold colons; a database's name does not.
        let (password, database) = rest.rsplit_once(':')?;
        let database = Some(database.to_owned()).filter(|name| !name.is_empty());
        let password = Secret::new(password);
        (!user.is_empty()).then(|| Credentials { user: user.to_owned(), password, database })
    };
    read().map(Some).ok_or(VendorError::Credentials(line))
}

/// `sql:user:password`, the one line of `.sqldb`.
pub(super) fn dot_sqldb(source: &Source) -> Result<Credentials, VendorError> {
    let line = source.text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let read = |line: &str| {
        let (user, password) = line.strip_prefix("sql:")?.split_once(':')?;
        let password = Secret::new(password);
        (!user.is_empty()).then(|| Credentials { user: user.to_owned(), password, database: None })
    };
    line.and_then(read).ok_or(VendorError::DotSqldb)
}

/// The last line of a key, counted from 1, with its first value.
fn last<'s>(source: &'s Source, key: &str) -> Option<(usize, &'s str)> {
    let lines = source.text.lines().enumerate().filter_map(|(index, line)| {
        let mut words = line.split_whitespace();
        (words.next()? == key).then(|| (index + 1, words.next().unwrap_or_default()))
    });
    lines.last()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new("x", text)
    }

    #[test]
    fn the_vendor_s_lines_are_read_as_its_scripts_read_them() {
        let text = "# DB_MASTER mysql:10.0.0.9:1\n  DB_MASTER\t mysql:10.20.0.21:3307  \n";
        assert_eq!(server(&source(text)), Ok(("10.20.0.21".into(), 3307)));
        assert_eq!(server(&source("DB_MASTER mysql:[fd20::21]:3306")), Ok(("fd20::21".into(), 3306)));
        assert_eq!(server(&source("DB_MASTER a:b:1\nDB_MASTER mysql:db:3306\n")), Ok(("db".into(), 3306)));
        let found = credentials(&source("OTHER x\nDB_CREDENTIALS x:voip:a:b:voipnow\n")).unwrap().unwrap();
        assert_eq!((found.user.as_str(), found.password.expose()), ("voip", "a:b"));
        assert_eq!(found.database.as_deref(), Some("voipnow"));
        let found = dot_sqldb(&source("sql:root:p:w\n")).unwrap();
        assert_eq!((found.user.as_str(), found.password.expose(), found.database), ("root", "p:w", None));
    }

    #[test]
    fn what_is_wrong_is_told_without_what_is_secret() {
        assert_eq!(server(&source("")), Err(VendorError::NoMaster));
        assert_eq!(server(&source("\nDB_MASTER mysql:db\n")), Err(VendorError::Master(2)));
        assert_eq!(server(&source("DB_MASTER mysql:db:0")), Err(VendorError::Master(1)));
        assert_eq!(credentials(&source("A b")), Ok(None));
        let wrong = credentials(&source("DB_CREDENTIALS s3cret")).unwrap_err();
        assert!(!wrong.to_string().contains("s3cret"));
        assert_eq!(dot_sqldb(&source("s3cret")), Err(VendorError::DotSqldb));
        let found = credentials(&source("DB_CREDENTIALS x:u:s3cret:d")).unwrap();
        assert!(!format!("{found:?}").contains("s3cret"));
    }
}
