//! A real sshd in a host, and real ssh sessions to it from other hosts.
//! Not here: anything of the machine's own sshd; keys and configurations are made for the lab.
//!
//! sshd runs in a mount namespace of its own, in which `/etc/passwd` and `/etc/shadow` know root and
//! sshd's own user only: a root account that is locked on the machine can log in there, and its shell reads
//! no files of the machine's root. `/run/sshd` is on the host's own tmpfs.

use crate::command::{CommandError, Finished, HostCommand};
use crate::host::{FileError, Host};
use crate::init::LAB_DIRECTORY;
use crate::ip::tool_path;
use crate::running::Running;
use crate::ticks::Conversation;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long sshd may take until it listens.
const START_WITHIN: Duration = Duration::from_secs(5);

/// How long a client waits for a connection where nothing else is said.
const CONNECT_TIMEOUT_S: u32 = 5;

/// The accounts inside sshd's mount namespace. `*` is no password, and unlike `!` no lock either.
const PASSWD: &str = "root:x:0:0:root:/run/rolewall-lab/home:/bin/sh
sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
";
const SHADOW: &str = "root:*:19000:0:99999:7:::\nsshd:!:19000::::::\nnobody:!:19000::::::\n";

/// Puts the accounts in place, then becomes sshd, which must be called by its whole path.
const START: &str = "set -e
mount --bind /run/rolewall-lab/passwd /etc/passwd
mount --bind /run/rolewall-lab/shadow /etc/shadow
exec \"$1\" -D -e -f \"$2\"";

/// A running sshd; it ends when dropped. Sessions that are open go on, as they do without any sshd, until
/// the client or the host ends.
#[derive(Debug)]
pub struct Sshd {
    running: Running,
    port: u16,
    user_key: String,
}

/// A way to log in to an [`Sshd`] from another host.
#[derive(Debug, Clone)]
pub struct Login<'h> {
    from: &'h Host,
    to: SocketAddr,
    source: Option<IpAddr>,
    key_file: String,
    connect_timeout_s: u32,
    /// Whether the far end has one, in words of ssh.
    terminal: &'static str,
}

/// Why there is no ssh.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// A program is missing.
    #[error("`{program}` is not here; install the package {package}")]
    Missing {
        /// The program.
        program: &'static str,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// A key or a configuration could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A program did not do as told.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A session's conversation could not be started.
    #[error("host {host}: talking through ssh: {source}")]
    Converse {
        /// The client's host.
        host: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Host {
    /// Starts sshd on `port` of every address, and waits until it listens. root logs in by a key made for
    /// this one; there is one sshd in a host at a time.
    pub fn sshd(&self, port: u16) -> Result<Sshd, SshError> {
        let sshd = find("sshd", "openssh-server")?;
        find("ssh-keygen", "openssh-client")?;
        let host_key = format!("{LAB_DIRECTORY}/host_key");
        let user_key = format!("{LAB_DIRECTORY}/user_key");
        for key in [&host_key, &user_key] {
            let yes = "y\n";
            self.command("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", key])
                .stdin(yes)
                .run()?
                .ok()?;
        }
        let configuration = format!("{LAB_DIRECTORY}/sshd_config");
        self.write_private(&configuration, &configured(port))?;
        self.write_private(&format!("{LAB_DIRECTORY}/passwd"), PASSWD)?;
        self.write_private(&format!("{LAB_DIRECTORY}/shadow"), SHADOW)?;
        self.write_private(&format!("{LAB_DIRECTORY}/home/.hushlogin"), "")?;
        let user_key = self.read_private(&user_key)?;
        let start = self.command("unshare").args(["--mount", "sh", "-c", START, "sh"]);
        let mut running = start.arg(sshd).arg(configuration).spawn()?;
        running.wait_for("Server listening on :: port", START_WITHIN)?;
        Ok(Sshd { running, port, user_key })
    }
}

impl Sshd {
    /// A way to log in from `from` to the address `to` of sshd's host.
    pub fn login<'h>(&self, from: &'h Host, to: IpAddr) -> Result<Login<'h>, SshError> {
        find("ssh", "openssh-client")?;
        static LOGINS: AtomicU32 = AtomicU32::new(0);
        let key_file = format!("{LAB_DIRECTORY}/login-{}", LOGINS.fetch_add(1, Ordering::Relaxed));
        from.write_private(&key_file, &self.user_key)?;
        let to = SocketAddr::new(to, self.port);
        Ok(Login { from, to, source: None, key_file, connect_timeout_s: CONNECT_TIMEOUT_S, terminal: "-T" })
    }

    /// What sshd has logged so far.
    pub fn log(&self) -> String {
        self.running.stderr()
    }
}

impl<'h> Login<'h> {
    /// Connects from this address of the client's host.
    #[must_use]
    pub fn source(mut self, source: IpAddr) -> Login<'h> {
        self.source = Some(source);
        self
    }

    /// How long the connection may take; 5 s where nothing is said.
    #[must_use]
    pub fn connect_timeout_s(mut self, seconds: u32) -> Login<'h> {
        self.connect_timeout_s = seconds;
        self
    }

    /// With a terminal at the far end, which hangs up when the connection ends.
    #[must_use]
    pub fn terminal(mut self) -> Login<'h> {
        self.terminal = "-tt";
        self
    }

    /// `ssh` with a command line for the far end's shell, to be run, or started and kept.
    pub fn command(&self, line: &str) -> HostCommand<'h> {
        let options = [
            "BatchMode=yes".to_owned(),
            "ControlMaster=no".to_owned(),
            "ControlPath=none".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "StrictHostKeyChecking=no".to_owned(),
            "UserKnownHostsFile=/dev/null".to_owned(),
            "LogLevel=ERROR".to_owned(),
            format!("ConnectTimeout={}", self.connect_timeout_s),
        ];
        let mut ssh = self.from.command("ssh").args(["-F", "none", self.terminal, "-i", &self.key_file]);
        ssh = options.iter().fold(ssh, |ssh, option| ssh.args(["-o", option]));
        if let Some(source) = self.source {
            ssh = ssh.args(["-b", &source.to_string()]);
        }
        ssh.args(["-p", &self.to.port().to_string(), &format!("root@{}", self.to.ip()), line])
    }

    /// Runs a command line at the far end to its end. ssh itself fails with the exit code 255.
    pub fn run(&self, line: &str) -> Result<Finished, SshError> {
        Ok(self.command(line).run()?)
    }

    /// Opens a session that ticks every `every`, through ssh and a `cat` at the far end, until the value
    /// is dropped. Ticks come back once the session is there: [`Conversation::answers_within`].
    pub fn converse(&self, every: Duration) -> Result<Conversation, SshError> {
        let (process, stdin, stdout) = self.command("exec cat").spawn_piped()?;
        Conversation::start(stdout.into(), stdin.into(), every, Some(process))
            .map_err(|source| SshError::Converse { host: self.from.name().to_owned(), source })
    }
}

/// sshd's whole configuration. Nothing is included, and no file of the machine is named but sshd itself.
fn configured(port: u16) -> String {
    format!(
        "Port {port}
AddressFamily any
HostKey {LAB_DIRECTORY}/host_key
AuthorizedKeysFile {LAB_DIRECTORY}/user_key.pub
PidFile none
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitUserRC no
PrintMotd no
MaxStartups 1000
"
    )
}

/// The whole path of a program.
fn find(program: &'static str, package: &'static str) -> Result<PathBuf, SshError> {
    let path = tool_path();
    let mut candidates = path.split(':').map(|directory| Path::new(directory).join(program));
    candidates.find(|file| file.is_file()).ok_or(SshError::Missing { program, package })
}
