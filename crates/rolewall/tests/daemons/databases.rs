//! MariaDB, PostgreSQL, Redis, its sentinel, and memcached.

use crate::host::Daemon;

const MARIADB: &str = "install -d -o mysql /run/mysqld && exec mariadbd --user=mysql";
const POSTGRESQL: &str = "install -d -o postgres /run/postgresql && exec su postgres -c \
    'exec /usr/lib/postgresql/15/bin/postgres -c config_file=/etc/postgresql/15/main/postgresql.conf'";
const REDIS: &str =
    "install -d -o redis /run/redis && exec redis-server /etc/redis/redis.conf --daemonize no";
const SENTINEL: &str =
    "install -d -o redis /run/sentinel && exec redis-sentinel /etc/redis/sentinel.conf --daemonize no";
const MEMCACHED: &str = "exec /usr/share/memcached/scripts/systemd-memcached-wrapper /etc/memcached.conf";

#[test]
fn mariadb_as_packaged() {
    Daemon { services: &["mysql"], files: &[], start: MARIADB }.opens_what_is_read();
}

#[test]
fn mariadb_on_every_address_and_a_further_port() {
    let own =
        "[client]\nport = 3399\n[mysqld]\nbind-address = *\nport = 3307\n[mariadb]\nextra_port = 3308\n";
    let files = &[("/etc/mysql/mariadb.conf.d/99-own.cnf", own)];
    Daemon { services: &["mysql"], files, start: MARIADB }.opens_what_is_read();
}

#[test]
fn mariadb_on_two_addresses() {
    let own = "[server]\nbind-address = 10.20.0.11,::1\n";
    let files = &[("/etc/mysql/mariadb.conf.d/99-own.cnf", own)];
    Daemon { services: &["mysql"], files, start: MARIADB }.opens_what_is_read();
}

#[test]
fn postgresql_as_packaged() {
    Daemon { services: &["postgresql"], files: &[], start: POSTGRESQL }.opens_what_is_read();
}

#[test]
fn postgresql_on_every_address() {
    let own = "listen_addresses = '*'\nport = 5433   # moved\n";
    let files = &[("/etc/postgresql/15/main/conf.d/own.conf", own)];
    Daemon { services: &["postgresql"], files, start: POSTGRESQL }.opens_what_is_read();
}

#[test]
fn redis_as_packaged() {
    Daemon { services: &["redis"], files: &[], start: REDIS }.opens_what_is_read();
}

#[test]
fn redis_of_a_cluster_on_several_addresses() {
    let own = "include /etc/redis/more/*.conf\nport 6380\ncluster-enabled yes\nunixsocket /run/redis/x.sock\n\
               bind 192.0.2.11\n";
    let more = "bind 10.20.0.11 -2001:db8::11 -192.0.2.200\nprotected-mode no\n";
    let files = &[("/etc/redis/redis.conf", own), ("/etc/redis/more/a.conf", more)];
    Daemon { services: &["redis"], files, start: REDIS }.opens_what_is_read();
}

#[test]
fn sentinel_as_packaged() {
    Daemon { services: &["redis-sentinel"], files: &[], start: SENTINEL }.opens_what_is_read();
}

#[test]
fn memcached_as_packaged() {
    Daemon { services: &["memcached"], files: &[], start: MEMCACHED }.opens_what_is_read();
}

#[test]
fn memcached_on_every_address_with_udp() {
    let files = &[("/etc/memcached.conf", "-u memcache\n-p 11311\n-U 11311\n")];
    Daemon { services: &["memcached"], files, start: MEMCACHED }.opens_what_is_read();
}
