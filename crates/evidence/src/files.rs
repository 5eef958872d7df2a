//! The files of a host as a reader of configuration may see them. Whoever calls us opens them.
//! Not here: any file.

use std::fmt;
use std::net::IpAddr;
use std::sync::OnceLock;

/// The largest file that is read, in bytes. Real ones are below 1 MiB.
pub const FILE_BYTES_MAX: u64 = 8 << 20;

/// The files of one host, by their absolute paths on it.
pub trait Files {
    /// All bytes of a file of at most [`FILE_BYTES_MAX`]. Links are followed within the host.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable>;

    /// The names in a directory, in any order.
    ///
    /// # Errors
    /// Why it cannot be listed; what is no directory is absent as one.
    fn list(&self, directory: &str) -> Result<Vec<String>, Unreadable>;

    /// The permission bits of a file (`0o644`); none if there is none.
    fn mode(&self, path: &str) -> Option<u32>;
}

/// Why a file was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// There is none.
    Absent,
    /// There is one, and this is why it cannot be read.
    Because(String),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Absent => f.write_str("there is no such file"),
            Unreadable::Because(reason) => f.write_str(reason),
        }
    }
}

/// What a host knows of itself that its services' files refer to.
#[derive(Debug, Clone, Default)]
pub struct HostFacts {
    /// Its name.
    pub hostname: Option<String>,
    /// Its interfaces.
    pub interfaces: Interfaces,
}

/// An address and the name of its interface.
type Named = (String, IpAddr);

/// The addresses of a host's interfaces, by the interface's name. They are asked for once something refers to
/// them, which is rare: Linux keeps who asks waiting while it takes other interfaces away.
#[derive(Debug, Clone, Default)]
pub struct Interfaces {
    ask: Option<fn() -> Vec<Named>>,
    known: OnceLock<Vec<Named>>,
}

impl Interfaces {
    /// Those of a live host.
    pub fn asked(ask: fn() -> Vec<Named>) -> Interfaces {
        Interfaces { ask: Some(ask), known: OnceLock::new() }
    }

    /// Those that are known.
    pub fn known(known: Vec<Named>) -> Interfaces {
        Interfaces { ask: None, known: known.into() }
    }

    /// All of them; none where the live host may not be asked.
    pub fn all(&self) -> Option<&[Named]> {
        let all = match self.ask {
            Some(ask) => Some(self.known.get_or_init(ask)),
            None => self.known.get(),
        };
        all.map(Vec::as_slice)
    }
}
