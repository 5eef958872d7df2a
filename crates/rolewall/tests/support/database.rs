//! A real MariaDB in a host of a lab: its data, its socket and its processes go with the host.
//! Not here: what is asked of it.

use super::eventually;
use rolewall_lab::{Host, Running};
use rustix::process::Signal;
use std::path::Path;
use std::time::Duration;

/// What no output, no error and no file of ours may hold.
pub(crate) const PASSWORD: &str = "S3cret-of-the-database";
/// A user who may read over the network.
pub(crate) const USER: &str = "rolewall";

const SERVER: &str = "/usr/sbin/mariadbd";
const DIRECTORY: &str = "/run/database";
pub(crate) const SOCKET: &str = "/run/database/socket";

/// The server, killed when dropped.
pub(crate) struct Database<'l> {
    host: &'l Host,
    running: Running,
}

/// Whether the server is installed; says so loudly if not, and fails where CI runs.
pub(crate) fn is_installed() -> bool {
    if Path::new(SERVER).exists() {
        return true;
    }
    eprintln!("SKIPPED: needs {SERVER} (apt-get install mariadb-server)");
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI must not skip what needs a database");
    false
}

impl<'l> Database<'l> {
    /// New data with a database `voipnow`, and the server on port 3306 of all addresses.
    pub(crate) fn new(host: &'l Host) -> Database<'l> {
        run(host, "install", &["-d", "-o", "mysql", "-m", "755", DIRECTORY]);
        let data = format!("--datadir={DIRECTORY}/data");
        let install = ["--no-defaults", "--user=mysql", &data, "--skip-test-db"];
        let normal = "--auth-root-authentication-method=normal";
        run(host, "mariadb-install-db", &[&install[..], &SMALL, &[normal]].concat());
        let database = Database::start(host, &[]);
        database.sql(&format!(
            "CREATE DATABASE voipnow; CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}';
             GRANT SELECT ON voipnow.* TO {USER}@'%';"
        ));
        database
    }

    /// The server on data that is there.
    pub(crate) fn start(host: &'l Host, more: &[&str]) -> Database<'l> {
        let (data, socket) = (format!("--datadir={DIRECTORY}/data"), format!("--socket={SOCKET}"));
        let pid = format!("--pid-file={DIRECTORY}/pid");
        let own = ["--no-defaults", "--user=mysql", &data, &socket, &pid, "--bind-address=*", "--port=3306"];
        let small = ["--skip-name-resolve", "--performance-schema=OFF", "--innodb-buffer-pool-size=8M"];
        let command = host.command(SERVER).args(own).args(SMALL).args(small).args(more);
        let database = Database { host, running: command.timeout(Duration::from_secs(600)).spawn().unwrap() };
        let answers = || database.client("SELECT 1").run().unwrap().code() == Some(0);
        eventually(Duration::from_secs(90), "the database answers", answers);
        database
    }

    /// Statements as its own root.
    pub(crate) fn sql(&self, statements: &str) {
        self.client(statements).run().unwrap().ok().unwrap();
    }

    fn client(&self, statements: &str) -> rolewall_lab::HostCommand<'l> {
        let socket = format!("--socket={SOCKET}");
        self.host.command("mariadb").args(["--no-defaults", "--user=root", &socket]).stdin(statements)
    }

    /// Stopped, but there: it takes connections and answers nothing.
    pub(crate) fn freeze(&mut self) {
        self.running.signal(Signal::STOP).unwrap();
    }

    /// Ended, and its port closed.
    pub(crate) fn stop(mut self) {
        self.running.signal(Signal::CONT).unwrap();
        self.running.signal(Signal::KILL).unwrap();
        eventually(Duration::from_secs(10), "the database is gone", || !self.running.is_alive());
    }
}

/// Its files are in memory, the temporary ones its own: servers that share those stumble over each other's.
const SMALL: [&str; 3] =
    ["--innodb-log-file-size=4M", "--innodb-data-file-path=ibdata1:2M:autoextend", "--tmpdir=/run/database"];

/// A command that must succeed.
fn run(host: &Host, program: &str, arguments: &[&str]) {
    host.command(program).args(arguments).timeout(Duration::from_secs(120)).run().unwrap().ok().unwrap();
}
