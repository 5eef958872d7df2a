//! This host as the commands see it: where its files are, and whether its kernel may be asked.
//! Not here: what the files say.

pub(crate) mod files;
pub(crate) mod names;
pub(crate) mod process;
pub(crate) mod session;
pub(crate) mod sockets;

use crate::cli::Global;
use crate::failure::{Failure, file_failure};
use rolewall_policy::problem::INPUT_BYTES_MAX;
use rolewall_policy::{Problem, Problems, Source};
use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// Settings, inventory and drop-ins.
pub(crate) const SETTINGS: &str = "/etc/rolewall/rolewall.toml";
pub(crate) const CLUSTER: &str = "/etc/rolewall/cluster.toml";
pub(crate) const CLUSTER_D: &str = "/etc/rolewall/cluster.d";
pub(crate) const ROLES_D: &str = "/etc/rolewall/roles.d";
/// The vendor's files.
pub(crate) const LOCAL_CONF: &str = "/etc/voipnow/local.conf";
pub(crate) const NODE_ID: &str = "/etc/voipnownode/nodeid";
/// Our state.
pub(crate) const STATE: &str = "/var/lib/rolewall";

/// Whose files and which kernel.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    below: PathBuf,
    /// False with `--root`: nothing of the live host is read.
    pub(crate) is_live: bool,
    /// True where the files are this machine's own, so that its timers are too.
    pub(crate) is_whole: bool,
}

impl Host {
    pub(crate) fn new(global: &Global) -> Host {
        match (&global.root, &global.files) {
            (Some(root), _) => Host { below: root.clone(), is_live: false, is_whole: false },
            (None, Some(files)) => Host { below: files.clone(), is_live: true, is_whole: false },
            (None, None) => Host { below: "/".into(), is_live: true, is_whole: true },
        }
    }

    /// Refuses what needs the live host.
    pub(crate) fn live(&self, command: &str) -> Result<(), Failure> {
        if self.is_live {
            return Ok(());
        }
        Err(Failure::input(format_args!(
            "{command} changes or reads the live kernel, and --root reads nothing of the live host"
        ))
        .help("leave --root away, or use --files DIR for a network namespace whose files lie in DIR"))
    }

    /// Where a file of this host is.
    pub(crate) fn path(&self, absolute: &str) -> PathBuf {
        self.below.join(absolute.trim_start_matches('/'))
    }

    /// A file that may be absent; reported by its name on the host.
    pub(crate) fn source(&self, absolute: &str) -> Result<Option<Source>, Failure> {
        read_source(&self.path(absolute), Path::new(absolute))
    }

    /// The main file of the inventory; none where it says nothing.
    pub(crate) fn cluster(&self) -> Result<Option<Source>, Failure> {
        Ok(self.source(CLUSTER)?.filter(|source| !says_nothing(&source.text)))
    }

    /// The files of a directory with this extension, in order of their names; none if it is absent.
    pub(crate) fn sources_in(&self, directory: &str, extension: &str) -> Result<Vec<Source>, Failure> {
        let path = self.path(directory);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(file_failure("list", &path, &e)),
        };
        // What cannot be listed to its end is not empty: whoever is in the rest must not be taken for gone.
        let entries: Result<Vec<_>, Error> = entries.map(|entry| Ok(entry?.file_name())).collect();
        let entries = entries.map_err(|e| file_failure("list", &path, &e))?;
        let mut names: Vec<String> = entries
            .into_iter()
            .filter_map(|name| name.into_string().ok())
            .filter(|n| !n.starts_with('.') && n.ends_with(extension))
            .collect();
        names.sort();
        let read = |name: &String| self.source(&format!("{directory}/{name}"));
        names.iter().filter_map(|n| read(n).transpose()).collect()
    }
}

/// Comments alone: as a package installs it, and as good as no file. One of no line at all is a mistake.
pub(crate) fn says_nothing(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    lines.peek().is_some() && lines.all(|line| line.starts_with('#'))
}

fn read_source(path: &Path, shown: &Path) -> Result<Option<Source>, Failure> {
    // A link to nowhere is a mistake; no file at all is none.
    let is_absent = |e: &Error| e.kind() == ErrorKind::NotFound && fs::symlink_metadata(path).is_err();
    match fs::metadata(path) {
        Err(e) if is_absent(&e) => return Ok(None),
        Err(e) => return Err(alone(Problem::cannot_read(shown, e))),
        Ok(meta) if meta.is_dir() => return Err(alone(Problem::is_directory(shown))),
        // Reading a pipe would wait for its writer, and a device may have no end.
        Ok(meta) if !meta.is_file() => {
            let what = "it is a pipe, a socket or a device; expected a file";
            return Err(alone(Problem::cannot_read(shown, Error::other(what))));
        }
        Ok(meta) if meta.len() > INPUT_BYTES_MAX => return Err(alone(Problem::too_large(shown, meta.len()))),
        Ok(_) => {}
    }
    let bytes = fs::read(path).map_err(|e| alone(Problem::cannot_read(shown, e)))?;
    Source::from_bytes(shown, bytes).map(Some).map_err(alone)
}

fn alone(problem: Problem) -> Failure {
    Problems(vec![problem]).into()
}
