//! What a host's own files and sockets say it serves: facts, each with where it was seen.
//! Not here: opening files, and deciding what any of it permits.

pub mod address;
pub mod endpoint;
pub mod files;
pub mod formats;
pub mod found;
mod glob;
mod hosts;
pub mod programs;
pub mod reading;
pub mod sockets;
pub mod text;

pub use endpoint::{Address, Endpoint, Evidence, Kind, Reach};
pub use files::{Files, HostFacts, Interfaces, Unreadable};
pub use found::{Found, Listener, Peer, Trouble, UnixSocket, Unresolved};
pub use programs::NamedFile;
pub use reading::{Absent, Reading};
pub use sockets::{Holder, Listening, Transport};
pub use text::{Place, Text};
