//! The host's configuration files for their readers: opened below the host's root, whatever links say.
//! Not here: what they hold (crate `evidence`).

use super::Host;
use crate::failure::Failure;
use rolewall_evidence::files::FILE_BYTES_MAX;
use rolewall_evidence::{Files, HostFacts, Interfaces, Unreadable};
use rolewall_kernel::links;
use rolewall_kernel::sockets::SocketsError as DumpError;
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

/// How often a file is tried again that could not be looked up because others were moved meanwhile.
const RACES_MAX: usize = 100;

/// The files below one directory, as if it were `/`.
#[derive(Debug)]
pub(crate) struct HostFiles {
    root: OwnedFd,
}

impl HostFiles {
    pub(crate) fn of(host: &Host) -> Result<HostFiles, Failure> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, host.path("/"), flags, Mode::empty()).map_err(|error| {
            let path = host.path("/");
            Failure::input(format_args!("{}: {error}", path.display()))
                .help("name a directory that holds a host's files")
        })?;
        Ok(HostFiles { root })
    }

    /// A link that leads out of the root leads back into it, as it would on the host itself (`openat2`,
    /// Linux 5.6).
    fn open(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Unreadable> {
        let below = path.trim_start_matches('/');
        let below = if below.is_empty() { "." } else { below };
        let flags = flags | OFlags::CLOEXEC;
        let open = || openat2(&self.root, below, flags, Mode::empty(), ResolveFlags::IN_ROOT);
        // While anything of the host is renamed or mounted, Linux may be unable to tell that `..` stays below.
        let mut opened = open();
        for _ in 0..RACES_MAX {
            if !matches!(opened, Err(Errno::AGAIN)) {
                break;
            }
            opened = open();
        }
        opened.map_err(|error| match error {
            Errno::NOENT | Errno::NOTDIR => Unreadable::Absent,
            other => Unreadable::Because(other.to_string()),
        })
    }
}

impl Files for HostFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        // Opening a pipe must not wait for its writer.
        let file = self.open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let because = |error: std::io::Error| Unreadable::Because(error.to_string());
        let stat = fstat(&file).map_err(|error| because(error.into()))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(Unreadable::Because("it is a directory".into())),
            _ => return Err(Unreadable::Because("it is a pipe, a socket or a device".into())),
        }
        let mut bytes = Vec::new();
        File::from(file).take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(because)?;
        Ok(bytes)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, Unreadable> {
        let directory = self.open(directory, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let because = |error: Errno| Unreadable::Because(error.to_string());
        let mut names = Vec::new();
        for entry in Dir::read_from(&directory).map_err(because)? {
            // A name that is not UTF-8 is no configuration file that a package or a person would write.
            if let Ok(name) = entry.map_err(because)?.file_name().to_str() {
                names.extend((name != "." && name != "..").then(|| name.to_owned()));
            }
        }
        Ok(names)
    }

    fn mode(&self, path: &str) -> Option<u32> {
        let file = self.open(path, OFlags::PATH).ok()?;
        Some(fstat(&file).ok()?.st_mode & 0o7777)
    }
}

impl Host {
    /// What services' files refer to: the host's name, and its interfaces where they may be asked for.
    pub(crate) fn facts(&self, hostname: Option<String>) -> HostFacts {
        let ask = || addresses_by_name().unwrap_or_default();
        let interfaces = if self.is_live { Interfaces::asked(ask) } else { Interfaces::default() };
        HostFacts { hostname, interfaces }
    }
}

fn addresses_by_name() -> Result<Vec<(String, std::net::IpAddr)>, DumpError> {
    let interfaces = links::interfaces()?;
    let named = |address: links::Address| {
        let interface = interfaces.iter().find(|i| i.index == address.index)?;
        Some((interface.name.clone(), address.address))
    };
    Ok(links::addresses()?.into_iter().filter_map(named).collect())
}
