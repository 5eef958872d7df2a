//! Which server the option files are for: MariaDB and MySQL open different sockets by default.
//! Source: MySQL's manual, "Server Option, System Variable, and Status Variable Reference" (8.0 and 5.7);
//! MariaDB's "Server System Variables": a server does not start with a variable that it does not know.

use super::options::{Options, Setting};
use crate::reading::Reading;
use crate::text::Place;

/// A family of servers whose sockets are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// MariaDB: a socket a family of addresses, no X protocol.
    Maria,
    /// MySQL 8 and later, and Percona's: one dual-stack socket, X protocol.
    Mysql8,
    /// MySQL to 5.7: one dual-stack socket.
    Mysql5,
}

/// The family, and what tells it.
#[derive(Debug, Clone)]
pub(super) struct Flavour {
    pub(super) family: Family,
    /// In words, for evidence.
    pub(super) why: String,
}

/// Variables that no MariaDB knows.
const MYSQL: &[&str] = &[
    "authentication_policy",
    "admin_address",
    "admin_port",
    "binlog_transaction_dependency_tracking",
    "default_authentication_plugin",
    "disabled_storage_engines",
    "early_plugin_load",
    "enforce_gtid_consistency",
    "gtid_mode",
    "internal_tmp_disk_storage_engine",
    "keyring_file_data",
    "log_error_services",
    "log_error_verbosity",
    "log_replica_updates",
    "log_timestamps",
    "master_info_repository",
    "mysql_native_password",
    "offline_mode",
    "relay_log_info_repository",
    "session_track_gtids",
    "slave_parallel_type",
    "slave_preserve_commit_order",
    "slave_rows_search_algorithms",
    "super_read_only",
    "transaction_write_set_extraction",
];
/// The beginnings of such.
const MYSQL_BEGIN: &[&str] =
    &["group_replication_", "mysqlx", "pxc_", "replica_", "sha256_password_", "validate_password"];
/// Variables that MySQL 8 does not know any more.
const MYSQL_5: &[&str] = &[
    "binlog_max_flush_queue_time",
    "des_key_file",
    "ignore_builtin_innodb",
    "ignore_db_dir",
    "innodb_buffer_pool_populate",
    "innodb_checksums",
    "innodb_disable_sort_file_cache",
    "innodb_file_format",
    "innodb_file_format_check",
    "innodb_file_format_max",
    "innodb_large_prefix",
    "innodb_locks_unsafe_for_binlog",
    "innodb_stats_sample_pages",
    "innodb_support_xa",
    "innodb_undo_logs",
    "internal_tmp_disk_storage_engine",
    "log_warnings",
    "max_tmp_tables",
    "multi_range_count",
    "old_passwords",
    "query_cache_limit",
    "query_cache_min_res_unit",
    "query_cache_size",
    "query_cache_type",
    "query_cache_wlock_invalidate",
    "secure_auth",
    "show_compatibility_56",
    "sync_frm",
    "thread_concurrency",
    "tx_isolation",
    "tx_read_only",
];

/// An SQL mode that MySQL 8 does not know any more.
const MODE_OF_5: &str = "NO_AUTO_CREATE_USER";

/// Programs that only one of them installs; `mysqld` is a link to MariaDB's where that is installed.
const PROGRAMS: &[(&str, Family)] = &[
    ("/usr/sbin/mariadbd", Family::Maria),
    ("/usr/libexec/mariadbd", Family::Maria),
    ("/etc/mysql/mariadb.cnf", Family::Maria),
    ("/usr/sbin/mysqld", Family::Mysql8),
    ("/usr/libexec/mysqld", Family::Mysql8),
];

impl Flavour {
    pub(super) fn of(reading: &Reading<'_>, options: &Options) -> Flavour {
        let own =
            own_group(options).or_else(|| own_variable(reading, options)).or_else(|| own_directory(options));
        own.or_else(|| installed(reading)).unwrap_or_else(|| Flavour {
            family: Family::Maria,
            why: "nothing is said that only MySQL knows, so as MariaDB".to_owned(),
        })
    }
}

/// MariaDB's own groups tell it surely.
fn own_group(options: &Options) -> Option<Flavour> {
    let (group, place) = options.groups.iter().find(|(group, _)| is_marias(group))?;
    Some(Flavour { family: Family::Maria, why: format!("MariaDB, by [{group}] at {place}") })
}

fn is_marias(group: &str) -> bool {
    matches!(group, "mariadb" | "mariadbd" | "client-server" | "galera" | "mariadb_safe" | "mariadbd_safe")
        || ["mariadb-", "mariadbd-", "mariadb.", "mariadbd."].iter().any(|begin| group.starts_with(begin))
}

fn own_variable(reading: &Reading<'_>, options: &Options) -> Option<Flavour> {
    let all = || options.settings.iter().filter(|setting| super::is_servers(&setting.group));
    let is_own = |key: &str| {
        let key = unprefixed(key);
        MYSQL.contains(&key) || MYSQL_BEGIN.iter().any(|begin| key.starts_with(begin))
    };
    let tells = all().find(|setting| is_own(&setting.key))?;
    let is_old = |setting: &&Setting| {
        MYSQL_5.contains(&unprefixed(&setting.key))
            || (setting.key == "sql_mode" && setting.value().to_ascii_uppercase().contains(MODE_OF_5))
    };
    let (key, place) = (&tells.key, &tells.place);
    let (family, why) = match (all().find(is_old), plugin_of_5(reading)) {
        (Some(old), _) => {
            (Family::Mysql5, format!("MySQL before 8, by {key} at {place} and {} at {}", old.key, old.place))
        }
        (None, Some(path)) => (Family::Mysql5, format!("MySQL before 8, by {key} at {place} and {path}")),
        (None, None) => (Family::Mysql8, format!("MySQL 8, by {key} at {place}")),
    };
    Some(Flavour { family, why })
}

/// `skip_mysqlx` is about `mysqlx`.
fn unprefixed(key: &str) -> &str {
    ["skip_", "disable_", "enable_"].iter().find_map(|prefix| key.strip_prefix(prefix)).unwrap_or(key)
}

/// Directories of packages: Debian's for each, RHEL's file name.
fn own_directory(options: &Options) -> Option<Flavour> {
    let places = || options.groups.iter().map(|(_, place)| place);
    let family_of = |place: &Place| {
        let path = place.to_string();
        let marias = path.contains("/mariadb.conf.d/") || path.contains("/mariadb-server.cnf:");
        let mysqls = path.contains("/mysql.conf.d/") || path.contains("/mysql-server.cnf:");
        marias.then_some(Family::Maria).or_else(|| mysqls.then_some(Family::Mysql8))
    };
    let (place, family) = places().find_map(|place| family_of(place).map(|family| (place, family)))?;
    let name = if family == Family::Maria { "MariaDB" } else { "MySQL 8" };
    Some(Flavour { family, why: format!("{name}, by the package's file {place}") })
}

fn installed(reading: &Reading<'_>) -> Option<Flavour> {
    let (path, family) = PROGRAMS.iter().find(|(path, _)| reading.mode(path).is_some())?;
    let (family, name, path) = match (family, plugin_of_5(reading)) {
        (Family::Maria, _) => (Family::Maria, "MariaDB", *path),
        (_, Some(plugin)) => (Family::Mysql5, "MySQL before 8", plugin),
        (_, None) => (Family::Mysql8, "MySQL 8", *path),
    };
    Some(Flavour { family, why: format!("{name}, by {path}") })
}

/// X protocol was a plugin of its own before it became part of the server.
fn plugin_of_5(reading: &Reading<'_>) -> Option<&'static str> {
    let plugins = ["/usr/lib64/mysql/plugin/mysqlx.so", "/usr/lib/mysql/plugin/mysqlx.so"];
    plugins.into_iter().find(|path| reading.mode(path).is_some())
}

/// Whether a server is installed.
pub(super) fn is_installed(reading: &Reading<'_>) -> bool {
    let servers = PROGRAMS.iter().filter(|(path, _)| !path.starts_with("/etc/"));
    servers.into_iter().any(|(path, _)| reading.mode(path).is_some())
}
