//! The programs whose configuration is read, each in a module of its own, as the program itself reads it.
//! Not here: what is shared between them ([`crate::reading`], [`crate::formats`]).

mod activemq;
mod asterisk;
mod beside;
mod docker;
mod ejabberd;
mod elasticsearch;
mod erlang_node;
mod exclusive;
mod freeswitch;
mod haproxy;
mod httpd;
mod kamailio;
mod lighttpd;
mod memcached;
mod mysql;
mod nfs;
mod nginx;
mod openfire;
mod opensips;
mod pgbouncer;
mod php_fpm;
mod postgresql;
mod prosody;
mod rabbitmq;
mod redis;
mod rtpengine;
mod rtpproxy;
mod ssh;
mod vendor_web;
mod voipnow;

use crate::formats::template;
use crate::found::Found;
use crate::hosts::Hosts;
use crate::reading::Reading;
use crate::{Files, HostFacts, Place};

/// A program whose files can be read.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Its name in evidence.
    pub name: &'static str,
    /// Other names that mean it: forks, packages.
    pub aliases: &'static [&'static str],
    /// Names of its processes, as Linux shortens them to 15 bytes.
    pub processes: &'static [&'static str],
    /// Reads it from the main files that were named, from the usual places if none was.
    read: fn(&mut Reading<'_>, &[&str]),
}

/// All of them.
pub const PROGRAMS: &[Program] = &[
    activemq::PROGRAM,
    asterisk::PROGRAM,
    docker::PROGRAM,
    ejabberd::PROGRAM,
    elasticsearch::PROGRAM,
    freeswitch::PROGRAM,
    haproxy::PROGRAM,
    httpd::PROGRAM,
    kamailio::PROGRAM,
    lighttpd::PROGRAM,
    memcached::PROGRAM,
    mysql::PROGRAM,
    nfs::PROGRAM,
    nginx::PROGRAM,
    openfire::PROGRAM,
    opensips::PROGRAM,
    pgbouncer::PROGRAM,
    php_fpm::PROGRAM,
    postgresql::PROGRAM,
    prosody::PROGRAM,
    rabbitmq::PROGRAM,
    redis::PROGRAM,
    redis::SENTINEL,
    rtpengine::PROGRAM,
    rtpproxy::PROGRAM,
    ssh::PROGRAM,
    voipnow::PROGRAM,
];

/// A main file that is not at a usual place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// The program, by name or alias.
    pub program: String,
    /// The file's path on the host.
    pub path: String,
}

/// The program of that name or alias.
pub fn find(name: &str) -> Option<&'static Program> {
    PROGRAMS.iter().find(|program| program.name == name || program.aliases.contains(&name))
}

/// Reads every program that has files on this host.
pub fn read(files: &dyn Files, facts: &HostFacts, named: &[NamedFile]) -> Found {
    read_those(files, facts, named, |_| true)
}

/// Reads the programs that are wanted, those that have files on this host.
pub fn read_those(
    files: &dyn Files,
    facts: &HostFacts,
    named: &[NamedFile],
    is_wanted: impl Fn(&Program) -> bool,
) -> Found {
    let hosts = hosts(files);
    let mut found = Found::default();
    for program in PROGRAMS.iter().filter(|program| is_wanted(program)) {
        let is_mine = |file: &&NamedFile| find(&file.program).is_some_and(|p| p.name == program.name);
        let mains: Vec<&str> = named.iter().filter(is_mine).map(|file| file.path.as_str()).collect();
        let mut reading = Reading::new(files, facts, &hosts, program.name);
        (program.read)(&mut reading, &mains);
        for main in mains.iter().filter(|main| files.mode(main).is_none()) {
            reading.trouble_once(&Place::file(main), "there is no such file; it was named as a main file");
        }
        found.extend(reading.into_found());
    }
    found
}

fn hosts(files: &dyn Files) -> Hosts {
    let facts = HostFacts::default();
    let none = Hosts::default();
    // Trouble with it is not worth a word of its own: names that it would resolve are unresolved then.
    let text = Reading::new(files, &facts, &none, "hosts").open("/etc/hosts");
    text.map(|text| Hosts::parse(&text)).unwrap_or_default()
}
