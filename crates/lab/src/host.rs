//! One host of a lab: its namespace, its files, and where everything that happens in it starts.
//! Not here: how hosts are wired ([`crate::Lab`]).

use crate::command::HostCommand;
use crate::init::{FILES, Init, InitError};
use crate::ip::{self, IpError};
use crate::lab::LabError;
use crate::spec::{HostSpec, Plug};
use crate::sysctl;
use rolewall_kernel::{NetNs, NetNsError};
use std::ffi::OsStr;
use std::fs::Permissions;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A host: a network namespace, and once something runs in it or is written to it, processes and files.
#[derive(Debug)]
pub struct Host {
    spec: HostSpec,
    namespace: NetNs,
    init: Mutex<Option<Arc<Init>>>,
}

/// Why a file of a host could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The host's files could not be set up.
    #[error("host {host}: {source}")]
    Init {
        /// The host.
        host: String,
        /// Why.
        source: InitError,
    },
    /// The system's no.
    #[error("host {host}: {doing} {}: {source}", path.display())]
    Io {
        /// The host.
        host: String,
        /// What was being done.
        doing: &'static str,
        /// The file as the host names it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Host {
    pub(crate) fn create(spec: HostSpec) -> Result<Host, LabError> {
        let namespace = NetNs::create()?;
        let host = Host { spec, namespace, init: Mutex::new(None) };
        let written = host.in_namespace(|| sysctl::write_all(sysctl::HOST))?;
        written.map_err(|source| LabError::Sysctl { place: host.place(), source })?;
        Ok(host)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Its network namespace.
    pub fn namespace(&self) -> &NetNs {
        &self.namespace
    }

    /// The addresses that it was given, in the order of its plugs; those of `lo` are not among them.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.spec.plugs.iter().flat_map(|plug| plug.addresses.iter().map(|address| address.ip()))
    }

    /// The first IPv4 address on `network`.
    pub fn ipv4(&self, network: &str) -> Option<Ipv4Addr> {
        self.on(network).find_map(|ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None })
    }

    /// The first IPv6 address on `network`.
    pub fn ipv6(&self, network: &str) -> Option<Ipv6Addr> {
        self.on(network).find_map(|ip| if let IpAddr::V6(ip) = ip { Some(ip) } else { None })
    }

    /// Runs `work` on a fresh thread in the host's network namespace, with the machine's own files.
    pub fn in_namespace<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NetNsError> {
        self.namespace.run(work)
    }

    /// Runs commands of `ip`, one a line, in the host: take a link down, add an address or a route. An IPv6
    /// address wants `nodad`, and answers its neighbours some milliseconds later.
    pub fn ip(&self, commands: &str) -> Result<(), IpError> {
        ip::finish_all(vec![ip::start(self.place(), &self.namespace, commands.to_owned())?]).map(drop)
    }

    /// Sets a key below `net.`, spelled as for sysctl(8), in the host's namespace alone.
    pub fn set_sysctl(&self, key: &str, value: &str) -> Result<(), LabError> {
        let refuse = |e: io::Error| LabError::Sysctl {
            place: self.place(),
            source: io::Error::new(e.kind(), format!("{key} = {value}: {e}")),
        };
        if !key.starts_with("net.") {
            return Err(refuse(io::Error::other("only keys below net. belong to a namespace")));
        }
        self.in_namespace(|| sysctl::write(key, value))?.map_err(refuse)
    }

    /// A command to run in the host: its network and processes, its own `/run`, `/proc` and `/sys`. All other
    /// files are the machine's; a program that would write to them needs to be pointed to [`Host::files`].
    pub fn command(&self, program: impl AsRef<OsStr>) -> HostCommand<'_> {
        HostCommand::new(self, program.as_ref())
    }

    /// The directory that is the root of the host's files, as commands in the host see it: what to
    /// give to a program's option of the kind `--files DIR`.
    pub fn files(&self) -> &'static Path {
        Path::new(FILES)
    }

    /// The same directory as this process sees it. It goes with the host.
    pub fn files_outside(&self) -> Result<PathBuf, FileError> {
        self.outside(Path::new(FILES))
    }

    /// Writes a file of the host, `/etc/rolewall/cluster.toml` say, and the directories above it.
    pub fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Result<(), FileError> {
        let (path, file) = self.below_files(path.as_ref())?;
        self.write_at(path, &file, content.as_ref(), 0o644)
    }

    /// Reads a file of the host.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, FileError> {
        let (path, file) = self.below_files(path.as_ref())?;
        std::fs::read(file).map_err(|source| self.file_error("reading", path, source))
    }

    /// Whether the host has such a file.
    pub fn has(&self, path: impl AsRef<Path>) -> Result<bool, FileError> {
        self.below_files(path.as_ref()).map(|(_, file)| file.exists())
    }

    /// Ends all processes of the host and removes its files, as if its power were cut; its network stays.
    /// The next command or file starts it again, empty.
    pub fn power_off(&self) {
        if let Some(init) = self.slot().take() {
            init.kill();
        }
    }

    /// Writes a file of the lab's own for the host, which only root reads: a key, a configuration.
    pub(crate) fn write_private(&self, path: &str, content: &str) -> Result<(), FileError> {
        let file = self.outside(Path::new(path))?;
        self.write_at(Path::new(path), &file, content.as_bytes(), 0o600)
    }

    /// Reads a file of the lab's own for the host.
    pub(crate) fn read_private(&self, path: &str) -> Result<String, FileError> {
        let file = self.outside(Path::new(path))?;
        std::fs::read_to_string(file).map_err(|source| self.file_error("reading", Path::new(path), source))
    }

    pub(crate) fn init(&self) -> Result<Arc<Init>, InitError> {
        let mut slot = self.slot();
        if let Some(init) = slot.as_ref() {
            return Ok(Arc::clone(init));
        }
        let init = Arc::new(Init::start(&self.namespace)?);
        *slot = Some(Arc::clone(&init));
        Ok(init)
    }

    pub(crate) fn spec(&self) -> &HostSpec {
        &self.spec
    }

    pub(crate) fn place(&self) -> String {
        format!("host {}", self.spec.name)
    }

    pub(crate) fn all_ipv6(&self) -> Vec<Ipv6Addr> {
        let ipv6 = |ip| if let IpAddr::V6(ip) = ip { Some(ip) } else { None };
        self.addresses().filter_map(ipv6).collect()
    }

    pub(crate) fn interfaces(&self) -> impl Iterator<Item = &str> {
        self.spec.plugs.iter().map(|plug| plug.interface.as_str())
    }

    /// Where this process sees `path` of the host.
    pub(crate) fn outside(&self, path: &Path) -> Result<PathBuf, FileError> {
        let init = self.init().map_err(|source| FileError::Init { host: self.spec.name.clone(), source })?;
        Ok(init.outside(path))
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Arc<Init>>> {
        // A panic while it was held left either nothing or a whole value.
        self.init.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on(&self, network: &str) -> impl Iterator<Item = IpAddr> {
        let plugs = self.spec.plugs.iter().filter(move |Plug { network: of, .. }| of == network);
        plugs.flat_map(|plug| plug.addresses.iter().map(|address| address.ip()))
    }

    fn below_files<'p>(&self, path: &'p Path) -> Result<(&'p Path, PathBuf), FileError> {
        Ok((path, self.files_outside()?.join(path.strip_prefix("/").unwrap_or(path))))
    }

    fn write_at(&self, path: &Path, file: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
        let above = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = above.and_then(|()| std::fs::write(file, content));
        let written = written.and_then(|()| std::fs::set_permissions(file, Permissions::from_mode(mode)));
        written.map_err(|source| self.file_error("writing", path, source))
    }

    fn file_error(&self, doing: &'static str, path: &Path, source: io::Error) -> FileError {
        FileError::Io { host: self.spec.name.clone(), doing, path: path.to_owned(), source }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.power_off();
    }
}
