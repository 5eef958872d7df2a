//! Redis, Valkey and KeyDB, and their sentinels: the sockets that their files make them open.
//! Source: `redis.conf` and `sentinel.conf` of Redis 7 and Valkey 8; redis.io "Redis configuration",
//! "Scaling with Redis Cluster", "High availability with Redis Sentinel"; measured on Redis 7.0.
//! Not here: options of the command line.

mod config;
mod server;

use super::Program;
use crate::reading::Reading;
use crate::text::Place;
use config::Config;
use server::{Server, Side};

pub(super) const PROGRAM: Program = Program {
    name: "redis",
    aliases: &["redis-server", "valkey", "valkey-server", "keydb", "keydb-server"],
    processes: &["redis-server", "valkey-server", "keydb-server"],
    read: read_servers,
};

pub(super) const SENTINEL: Program = Program {
    name: "redis-sentinel",
    aliases: &["sentinel", "valkey-sentinel", "keydb-sentinel"],
    processes: &["redis-sentinel", "valkey-sentinel", "keydb-sentinel"],
    read: read_sentinels,
};

/// Debian's, its instances (`redis-NAME.conf`), the installer's (`6379.conf`), RHEL's, the vendors' of
/// bundles, upstream's.
const SERVERS: [&str; 14] = [
    "/etc/redis/redis*.conf",
    "/etc/redis/[0-9]*.conf",
    "/etc/redis.conf",
    "/etc/redis-*.conf",
    "/etc/valkey/valkey*.conf",
    "/etc/valkey/default.conf",
    "/etc/keydb/keydb.conf",
    "/etc/redis-stack.conf",
    "/opt/redis-stack/etc/redis-stack.conf",
    "/opt/bitnami/redis/etc/redis.conf",
    "/usr/local/etc/redis.conf",
    "/usr/local/etc/redis/redis.conf",
    "/usr/local/etc/valkey.conf",
    "/usr/local/etc/valkey/valkey.conf",
];
const SENTINELS: [&str; 8] = [
    "/etc/redis/*sentinel*.conf",
    "/etc/redis-sentinel.conf",
    "/etc/sentinel.conf",
    "/etc/valkey/*sentinel*.conf",
    "/etc/keydb/sentinel.conf",
    "/opt/bitnami/redis-sentinel/etc/sentinel.conf",
    "/usr/local/etc/redis-sentinel.conf",
    "/usr/local/etc/redis/sentinel.conf",
];

fn read_servers(reading: &mut Reading<'_>, mains: &[&str]) {
    let is_server = |path: &str| !path.rsplit('/').next().unwrap_or(path).contains("sentinel");
    read(reading, mains, &SERVERS, Side::Server, is_server);
}

fn read_sentinels(reading: &mut Reading<'_>, mains: &[&str]) {
    read(reading, mains, &SENTINELS, Side::Sentinel, |_| true);
}

/// Each file is a server of its own.
fn read(
    reading: &mut Reading<'_>,
    mains: &[&str],
    usual: &[&str],
    side: Side,
    is_mine: impl Fn(&str) -> bool,
) {
    if mains.is_empty() {
        let matched = usual.iter().flat_map(|pattern| reading.expand(pattern, &Place::file(pattern)));
        let paths: Vec<String> = matched.filter(|path| is_mine(path)).collect();
        return paths.iter().for_each(|path| one(reading, path, side, None));
    }
    for main in mains {
        if reading.mode(main).is_none() {
            reading.trouble(&Place::file(main), "there is no such file");
        }
        let directory = crate::text::parent(main).to_owned();
        one(reading, main, side, Some(directory));
    }
}

fn one(reading: &mut Reading<'_>, path: &str, side: Side, moved: Option<String>) {
    let Some(text) = reading.open(path) else { return };
    let config = Config::of(reading, &text, moved);
    // A file that watches a master is a sentinel's, whatever its name.
    if side == Side::Server && config.is_sentinels() {
        return reading.trouble(&text.whole(), "not a server's file: it has directives of a sentinel");
    }
    Server::of(side, &config, &text).open(reading);
}
